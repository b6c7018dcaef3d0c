"""active_visitors against rows that can be counted by hand."""

import pytest

from analytics.geo.country_codes import folded
from tests.tinybird.website import LYON, PARIS, LocalWebsite, ago, stamp

COLUMNS = [
    "visitor_id",
    "city",
    "country_code",
    "latitude",
    "longitude",
    "device_type",
    "browser",
    "page_url",
    "last_seen",
]


def test_place_and_page_come_from_the_newest_event(website: LocalWebsite) -> None:
    """A visitor seen in two cities is one row, at the newer one; nothing is mixed from both events."""
    newest = website.visit(
        "v1", ago(seconds=60), **LYON, device_type="mobile", browser="Firefox", page_url="/pricing"
    )
    website.visit("v1", ago(seconds=120), **PARIS, device_type="tablet", browser="Safari", page_url="/zebra")

    (row,) = website.ask("active_visitors")

    assert list(row) == COLUMNS
    assert row == {
        "visitor_id": "v1",
        **LYON,
        "latitude": pytest.approx(45.76, abs=1e-5),
        "longitude": pytest.approx(4.84, abs=1e-5),
        "device_type": "mobile",
        "browser": "Firefox",
        "page_url": "/pricing",
        "last_seen": stamp(newest),
    }


def test_events_of_one_second_stay_whole(website: LocalWebsite) -> None:
    """Of two events in the same second one is taken, with all its columns, whichever came in first."""
    at = ago(seconds=30)
    website.visit("v1", at, **PARIS, page_url="/a")
    website.visit("v1", at, **LYON, page_url="/b")
    website.visit("v2", at, **LYON, page_url="/b")
    website.visit("v2", at, **PARIS, page_url="/a")

    rows = website.ask("active_visitors")

    assert [(row["city"], row["page_url"], round(row["latitude"], 2)) for row in rows] == [
        ("Lyon", "/b", 45.76)
    ] * 2


def test_newest_event_may_be_a_page_view(website: LocalWebsite) -> None:
    """A seen visitor who has moved on is shown on the page viewed last."""
    website.visit("v1", ago(seconds=90), **PARIS, page_url="/zebra")
    website.visit("v1", ago(seconds=10), "page_view", **PARIS, page_url="/docs")

    assert [row["page_url"] for row in website.ask("active_visitors")] == ["/docs"]


@pytest.mark.parametrize("code", ["DE", "de", "dE", "NA", "XX", "eu", "T1", "A2", "USA", "ß", ""])
def test_countries_are_folded_as_in_the_app(website: LocalWebsite, code: str) -> None:
    """By the rule of `country_codes.folded`, however the event was written."""
    website.visit("v1", ago(seconds=10), country_code=code)

    assert [row["country_code"] for row in website.ask("active_visitors")] == [folded(code)]


def test_page_views_alone_make_no_visitor(website: LocalWebsite) -> None:
    """Who was not seen in the window is not listed, as in unique_visitors."""
    website.visit("v1", ago(seconds=10), "page_view", page_url="/docs")

    assert website.ask("active_visitors") == []


def test_window_ends_now_and_is_ten_minutes_by_default(website: LocalWebsite) -> None:
    """Older events are out, newer windows narrow, and an event from the future waits."""
    website.visit("recent", ago(minutes=4))
    website.visit("older", ago(minutes=9))
    website.visit("too-old", ago(minutes=11))
    website.visit("future", ago(minutes=-2))

    assert [row["visitor_id"] for row in website.ask("active_visitors")] == ["recent", "older"]
    assert [row["visitor_id"] for row in website.ask("active_visitors", minutes=5)] == ["recent"]
    assert len(website.ask("active_visitors", minutes=1440)) == 3


def test_newest_first_up_to_the_limit(website: LocalWebsite) -> None:
    """Rows are ordered by last_seen, newest first, then by visitor_id; the limit keeps the newest."""
    at = ago(seconds=60)
    website.visit("b", at)
    website.visit("a", at)
    website.visit("c", ago(seconds=20))

    assert [row["visitor_id"] for row in website.ask("active_visitors")] == ["c", "a", "b"]
    assert [row["visitor_id"] for row in website.ask("active_visitors", limit=2)] == ["c", "a"]


def test_visitor_without_a_place_is_listed(website: LocalWebsite) -> None:
    """An event with only the required columns is a visitor at no place."""
    at = website.visit("v1", ago(seconds=5))

    assert website.ask("active_visitors") == [
        {
            "visitor_id": "v1",
            "city": "",
            "country_code": "",
            "latitude": 0,
            "longitude": 0,
            "device_type": "",
            "browser": "",
            "page_url": "",
            "last_seen": stamp(at),
        }
    ]


def test_text_from_visitors_comes_back_unchanged(website: LocalWebsite) -> None:
    """Quotes, markup and other scripts are data."""
    page = "/?q='; DROP TABLE visitor_events; --<script>\\\n\"東京"
    website.visit("v1", ago(seconds=5), page_url=page, city="São Tomé'")

    (row,) = website.ask("active_visitors")

    assert (row["page_url"], row["city"]) == (page, "São Tomé'")


def test_without_visitors_there_are_no_rows(website: LocalWebsite) -> None:
    """An empty window is an empty answer."""
    assert website.ask("active_visitors") == []


FRANCE: dict[str, str | int] = {"south": "41", "west": "-5", "north": "51", "east": "9.5"}


def test_bounds_keep_those_counted_between_them(website: LocalWebsite) -> None:
    """South and west edges belong to it, north and east do not; visitors without a place are in no cell."""
    website.visit("paris", ago(seconds=10), **PARIS)
    website.visit("lyon", ago(seconds=20), **LYON)
    website.visit("nowhere", ago(seconds=30))

    def seen(**bounds: str | int) -> list[str]:
        return [row["visitor_id"] for row in website.ask("active_visitors", **{**FRANCE, **bounds})]

    assert seen() == ["paris", "lyon"]
    assert seen(south="47") == ["paris"]
    assert seen(north="47") == ["lyon"]
    assert seen(south="-90", north="91", west="-180", east="181") == ["paris", "lyon"]


def test_bounds_follow_the_place_that_the_globe_counts(website: LocalWebsite) -> None:
    """Who moved is found at the new place only; who lost the place stays at the last one, as on the globe."""
    website.visit("moved", ago(seconds=60), **PARIS)
    website.visit("moved", ago(seconds=30), **LYON)
    website.visit("lost", ago(seconds=60), **PARIS)
    website.visit("lost", ago(seconds=20), latitude=0, longitude=0, country_code="", city="")
    website.visit("broken", ago(seconds=60), **PARIS)
    website.visit("broken", ago(seconds=10), latitude=99, longitude=2, country_code="FR", city="X")

    north = website.ask("active_visitors", **{**FRANCE, "south": "47"})

    assert [row["visitor_id"] for row in north] == ["broken", "lost"]


def test_bounds_reach_past_the_newest(website: LocalWebsite) -> None:
    """A limit cuts what lies between the bounds, not what lies anywhere."""
    website.visit("paris", ago(seconds=50), **PARIS)
    website.visit("lyon", ago(seconds=10), **LYON)

    assert [
        row["visitor_id"] for row in website.ask("active_visitors", **{**FRANCE, "south": "47"}, limit=1)
    ] == ["paris"]


@pytest.mark.parametrize("missing", ["south", "west", "north", "east"])
def test_bounds_come_together(website: LocalWebsite, missing: str) -> None:
    """Three bounds are a mistake and never half the world."""
    bounds = {name: value for name, value in FRANCE.items() if name != missing}
    assert "must be given together" in website.refusal("active_visitors", **bounds)


@pytest.mark.parametrize("value", ["x", "", "1 OR 1=1", "1; DROP TABLE visitor_events"])
def test_a_bound_is_a_number(website: LocalWebsite, value: str) -> None:
    """Nothing else reaches the query."""
    assert "south" in website.refusal("active_visitors", **{**FRANCE, "south": value})
