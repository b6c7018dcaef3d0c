"""active_visitors against rows that can be counted by hand."""

import pytest

from tests.tinybird.website import LYON, PARIS, Website, ago, stamp

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


def test_place_and_page_come_from_the_newest_event(website: Website) -> None:
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


def test_events_of_one_second_stay_whole(website: Website) -> None:
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


def test_newest_event_may_be_a_page_view(website: Website) -> None:
    """A seen visitor who has moved on is shown on the page viewed last."""
    website.visit("v1", ago(seconds=90), **PARIS, page_url="/zebra")
    website.visit("v1", ago(seconds=10), "page_view", **PARIS, page_url="/docs")

    assert [row["page_url"] for row in website.ask("active_visitors")] == ["/docs"]


def test_page_views_alone_make_no_visitor(website: Website) -> None:
    """Who was not seen in the window is not listed, as in unique_visitors."""
    website.visit("v1", ago(seconds=10), "page_view", page_url="/docs")

    assert website.ask("active_visitors") == []


def test_window_ends_now_and_is_ten_minutes_by_default(website: Website) -> None:
    """Older events are out, newer windows narrow, and an event from the future waits."""
    website.visit("recent", ago(minutes=4))
    website.visit("older", ago(minutes=9))
    website.visit("too-old", ago(minutes=11))
    website.visit("future", ago(minutes=-2))

    assert [row["visitor_id"] for row in website.ask("active_visitors")] == ["recent", "older"]
    assert [row["visitor_id"] for row in website.ask("active_visitors", minutes=5)] == ["recent"]
    assert len(website.ask("active_visitors", minutes=1440)) == 3


def test_newest_first_up_to_the_limit(website: Website) -> None:
    """Rows are ordered by last_seen, newest first, then by visitor_id; the limit keeps the newest."""
    at = ago(seconds=60)
    website.visit("b", at)
    website.visit("a", at)
    website.visit("c", ago(seconds=20))

    assert [row["visitor_id"] for row in website.ask("active_visitors")] == ["c", "a", "b"]
    assert [row["visitor_id"] for row in website.ask("active_visitors", limit=2)] == ["c", "a"]


def test_visitor_without_a_place_is_listed(website: Website) -> None:
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


def test_text_from_visitors_comes_back_unchanged(website: Website) -> None:
    """Quotes, markup and other scripts are data."""
    page = "/?q='; DROP TABLE visitor_events; --<script>\\\n\"東京"
    website.visit("v1", ago(seconds=5), page_url=page, city="São Tomé'")

    (row,) = website.ask("active_visitors")

    assert (row["page_url"], row["city"]) == (page, "São Tomé'")


def test_nobody_there_gives_no_rows(website: Website) -> None:
    """An empty window is an empty answer."""
    assert website.ask("active_visitors") == []
