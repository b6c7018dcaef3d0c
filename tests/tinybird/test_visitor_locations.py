"""visitor_locations against rows that can be counted by hand."""

import pytest

from tests.tinybird.website import LYON, PARIS, LocalWebsite, Row, ago, stamp


def _places(rows: list[Row]) -> list[tuple[str, int]]:
    """Places with visitors; the row of those without a place is there once, also with 0."""
    assert [row["longitude"] for row in rows if row["latitude"] is None] == [None]
    return [(row["city"], row["visitors"]) for row in rows if row["visitors"]]


def test_visitors_are_counted_per_place_most_first(website: LocalWebsite) -> None:
    """One row per place with its visitors, each counted once however often seen."""
    for visitor in ("v1", "v2", "v2"):
        website.visit(visitor, ago(seconds=30), **PARIS)
    website.visit("v3", ago(seconds=30), **LYON)

    rows = website.ask("visitor_locations")

    assert [list(row) for row in rows] == [["latitude", "longitude", "city", "country_code", "visitors"]] * 3
    assert [(*row.values(),) for row in rows] == [
        (48.85, 2.35, "Paris", "FR", 2),
        (45.76, 4.84, "Lyon", "FR", 1),
        (None, None, "", "", 0),
    ]


def test_visitor_seen_in_two_cities_counts_at_the_newest(website: LocalWebsite) -> None:
    """Coordinates and city come from one event: no third place, no second dot."""
    website.visit("v1", ago(seconds=30), **LYON)
    website.visit("v1", ago(seconds=60), **PARIS)

    assert _places(website.ask("visitor_locations")) == [("Lyon", 1)]


def test_visitor_without_a_place_counts_and_never_reaches_the_globe(website: LocalWebsite) -> None:
    """(0, 0) with an empty country is no place: not a dot in the Gulf of Guinea, and no reason to lose one."""
    website.visit("nowhere", ago(seconds=30))
    website.visit("somewhere", ago(seconds=60), **PARIS)
    website.visit("somewhere", ago(seconds=30), latitude=0, longitude=0, country_code="", city="")

    assert [(*row.values(),) for row in website.ask("visitor_locations")] == [
        (None, None, "", "", 1),
        (48.85, 2.35, "Paris", "FR", 1),
    ]


@pytest.mark.parametrize(("latitude", "longitude"), [(90.5, 0), (-91, 0), (12, 180.5), (12, -200)])
def test_coordinates_outside_the_world_are_no_place(
    website: LocalWebsite, latitude: float, longitude: float
) -> None:
    """A broken client's coordinates draw nothing; the visitor counts, at the last good place where there is one."""
    website.visit(
        "lost", ago(seconds=30), latitude=latitude, longitude=longitude, country_code="FR", city="X"
    )
    website.visit("moved", ago(seconds=60), **PARIS)
    website.visit(
        "moved", ago(seconds=30), latitude=latitude, longitude=longitude, country_code="FR", city="X"
    )

    assert [(row["latitude"], row["city"], row["visitors"]) for row in website.ask("visitor_locations")] == [
        (None, "", 1),
        (48.85, "Paris", 1),
    ]


def test_poles_and_the_date_line_are_places(website: LocalWebsite) -> None:
    """The edge of the world belongs to it."""
    website.visit("north", ago(seconds=30), latitude=90, longitude=0, city="North")
    website.visit("east", ago(seconds=30), latitude=-17, longitude=180, city="East")

    assert sorted(_places(website.ask("visitor_locations"))) == [("East", 1), ("North", 1)]


def test_zero_coordinates_are_no_place_whatever_the_country(website: LocalWebsite) -> None:
    """A country without coordinates is on no globe; either coordinate alone may be 0."""
    website.visit("v1", ago(seconds=30), latitude=0, longitude=0, country_code="GH", city="Accra")
    website.visit("v2", ago(seconds=30), latitude=51.48, longitude=0, city="Greenwich")
    website.visit("v3", ago(seconds=30), latitude=0, longitude=-78.46, city="Mitad del Mundo")

    places = sorted(_places(website.ask("visitor_locations")))

    assert places == [("", 1), ("Greenwich", 1), ("Mitad del Mundo", 1)]


def test_countries_of_a_place_are_one(website: LocalWebsite) -> None:
    """`de` and `DE` are the same dot, `XX` is no country."""
    berlin = {"city": "Berlin", "latitude": 52.5, "longitude": 13.25}
    website.visits(
        *(
            {
                "visitor_id": code,
                "timestamp": stamp(ago(seconds=30)),
                "event_type": "seen",
                "country_code": code,
                **berlin,
            }
            for code in ("de", "DE", "XX", "T1")
        )
    )

    rows = [row for row in website.ask("visitor_locations") if row["latitude"] is not None]
    assert [(row["country_code"], row["visitors"]) for row in rows] == [("", 2), ("DE", 2)]


def test_window_is_five_minutes_by_default(website: LocalWebsite) -> None:
    """Who was last seen before the window is off the globe."""
    website.visit("recent", ago(minutes=4), **PARIS)
    website.visit("older", ago(minutes=6), **LYON)
    website.visit("reader", ago(minutes=1), "page_view", **LYON)
    website.visit("future", ago(minutes=-2), **LYON)

    assert _places(website.ask("visitor_locations")) == [("Paris", 1)]
    assert sorted(_places(website.ask("visitor_locations", minutes=10))) == [("Lyon", 1), ("Paris", 1)]


def test_without_visitors_there_is_one_row(website: LocalWebsite) -> None:
    """An empty window has no visitor without a place: an answer is never without rows."""
    assert [(*row.values(),) for row in website.ask("visitor_locations")] == [(None, None, "", "", 0)]
