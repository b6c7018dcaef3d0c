"""The self-check: for one filter, the card = the table = the CSV = the endpoint = the events counted by hand.

Random conversations and visits, some of them awkward (reopened, resolved by the AI alone, resolved twice in a second),
are counted here in plain Python, by the rules of the data contract, and compared with everything that shows them.
"""

from __future__ import annotations

import csv
import io
import json
import random
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest import mock
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import psycopg
import pytest
from streamlit.testing.v1 import AppTest

from analytics.kpis.visitor_breakdown import DIMENSIONS
from analytics.scope import clock
from pages.components import formatting
from pages.components.exports import download, export
from pages.components.exports.table import Table
from pages.components.page import begin
from pages.components.panels import funnel, source_health
from pages.components.selection.conversation_filters import band_label
from tests.conftest import LocalStack
from tests.pages.conftest import RunPage, SendEvents, Site, text_of
from tests.timezones import installed, tzif

CONVERSATIONS, VISITORS = 160, 120


@dataclass(slots=True)
class Facts:
    """What happened on a website, as it was sent."""

    site: Site
    conversations: list[dict[str, Any]] = field(default_factory=list)
    visits: list[dict[str, Any]] = field(default_factory=list)
    ratings: list[tuple[datetime, int]] = field(default_factory=list)
    sentiments: list[tuple[datetime, str, float | None]] = field(default_factory=list)


@pytest.fixture
def make_facts(
    make_site: Callable[..., Site], send_events: SendEvents, stack_environment: LocalStack
) -> Callable[[str | None, int], Facts]:
    """A website of a plan with random events."""

    def make(plan: str | None, seed: int) -> Facts:
        facts = Facts(make_site(plan=plan))
        dice = random.Random(seed)  # noqa: S311 - test data
        now = datetime.now(UTC).replace(microsecond=0)
        for number in range(CONVERSATIONS):
            _converse(
                facts, dice, f"{facts.site.id}-{number}", now - timedelta(days=dice.uniform(0.1, 40)), now
            )
        for _ in range(VISITORS * 3):
            at = now - timedelta(days=dice.uniform(0.01, 29))
            facts.visits.append(
                {
                    "timestamp": at.strftime("%Y-%m-%d %H:%M:%S"),
                    "website_id": facts.site.id,
                    "visitor_id": f"v{dice.randrange(VISITORS)}",
                    "session_id": f"s{dice.randrange(VISITORS * 2)}",
                    "event_type": dice.choice(["seen", "seen", "page_view"]),
                    "country_code": dice.choice(["FR", "GB", ""]),
                    "city": dice.choice(["Paris", "London", ""]),
                    "latitude": 48.0,
                    "longitude": 2.0,
                    "device_type": dice.choice(["desktop", "mobile"]),
                    "browser": dice.choice(["Firefox", "Chrome"]),
                    "page_url": dice.choice(["https://a.example/", "https://a.example/pricing"]),
                }
            )
        assert send_events("conversation_metrics", facts.conversations)["quarantined_rows"] == 0
        assert send_events("visitor_events", facts.visits)["quarantined_rows"] == 0
        with psycopg.connect(stack_environment.owner_url, autocommit=True) as connection:
            _judge(facts, dice, connection, now)
        return facts

    return make


def _converse(facts: Facts, dice: random.Random, conversation: str, started: datetime, now: datetime) -> None:
    def happen(event_type: str, after: float) -> None:
        at = started + timedelta(seconds=int(after))
        if at <= now:
            facts.conversations.append(
                {
                    "timestamp": at.strftime("%Y-%m-%d %H:%M:%S"),
                    "website_id": facts.site.id,
                    "visitor_id": "v",
                    "event_type": event_type,
                    "conversation_id": conversation,
                    "duration_seconds": int(after) if event_type in TIMED else 0,
                }
            )

    happen("conversation_started", 0)
    response = dice.choice([30, 250, 600, 2000, 9000, 50_000, 90_000]) + dice.randrange(60)
    if dice.random() < 0.9:
        happen("first_response", response)
    for _ in range(dice.choice([0, 1, 1, 1, 2])):
        resolution = response + dice.randrange(60, 200_000)
        kind = dice.choice(["human", "both", "ai"])
        if kind != "ai":
            happen("conversation_resolved", resolution)
        if kind != "human":
            happen("ai_resolved", resolution)
    if dice.random() < 0.1:
        happen("escalated", response + 5)


def _judge(
    facts: Facts, dice: random.Random, connection: psycopg.Connection[tuple[object, ...]], now: datetime
) -> None:
    """Ratings, and what the AI agent read in some of the conversations."""
    site = facts.site
    connection.execute(
        "INSERT INTO visitor (id, organization_id, website_id, city, country_code, created_at)"
        " VALUES (%s, %s, %s, 'Paris', 'FR', now())",
        (f"v-{site.id}", site.organization_id, site.id),
    )
    for number in range(CONVERSATIONS // 2):
        at = now - timedelta(days=dice.uniform(0.1, 40))
        sentiment = dice.choice(["positive", "neutral", "negative"])
        confidence = dice.choice([None, 0.5, 1.0])
        facts.sentiments.append((at, sentiment, confidence))
        connection.execute(
            "INSERT INTO conversation (id, organization_id, website_id, visitor_id, sentiment, sentiment_confidence,"
            " started_at, created_at, updated_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                f"{site.id}-{number}",
                site.organization_id,
                site.id,
                f"v-{site.id}",
                sentiment,
                confidence,
                at,
                at,
                at,
            ),
        )
        rated, rating = now - timedelta(days=dice.uniform(0.1, 40)), dice.randint(1, 5)
        facts.ratings.append((rated, rating))
        connection.execute(
            "INSERT INTO feedback (id, organization_id, website_id, conversation_id, rating, comment, created_at,"
            " updated_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            (
                f"f-{site.id}-{number}",
                site.organization_id,
                site.id,
                f"{site.id}-{number}",
                rating,
                dice.choice([None, "=1+1", "Fine"]),
                rated,
                rated,
            ),
        )


TIMED = {"first_response", "conversation_resolved", "ai_resolved"}


@dataclass(frozen=True, slots=True)
class Counted:
    """The KPIs of one period, counted by hand."""

    started: int
    responded: int
    resolved: int
    ai_resolved: int
    funnel: dict[str, int]
    median_response: float
    median_resolution: float
    visitors: int
    sessions: int
    page_views: int
    first: dict[str, float]
    ai: set[str]
    index: float


BANDS = ((300, 100), (900, 85), (3600, 70), (14_400, 50), (86_400, 30), (float("inf"), 10))


def satisfaction(facts: Facts, start: datetime, end: datetime, response: float, resolved: float) -> float:
    """0.40 rating + 0.25 sentiment + 0.20 response + 0.15 resolution."""
    ratings = [(rating - 1) * 25 for at, rating in facts.ratings if start <= at < end]
    signs = {"positive": 50, "neutral": 0, "negative": -50}
    moods = [
        50 + signs[sentiment] * (1 if confidence is None else confidence)
        for at, sentiment, confidence in facts.sentiments
        if start <= at < end
    ]
    band = next(score for longest, score in BANDS if response <= longest)
    return (
        0.40 * statistics.fmean(ratings)
        + 0.25 * statistics.fmean(moods)
        + 0.20 * band
        + 0.15 * min(resolved, 1) * 100
    )


def count(facts: Facts, start: datetime, end: datetime) -> Counted:
    """Every rule of the contract, without SQL."""
    low, high = (each.strftime("%Y-%m-%d %H:%M:%S") for each in (start, end))
    events = [event for event in facts.conversations if low <= event["timestamp"] < high]

    def ids(*kinds: str) -> set[str]:
        return {event["conversation_id"] for event in events if event["event_type"] in kinds}

    first: dict[str, tuple[str, float]] = {}
    last: dict[str, tuple[str, bool, float]] = {}
    for event in events:
        key, at, seconds = event["conversation_id"], event["timestamp"], event["duration_seconds"]
        if event["event_type"] == "first_response":
            first[key] = min(first.get(key, (at, seconds)), (at, seconds))
        elif event["event_type"] in {"conversation_resolved", "ai_resolved"}:
            mark = (at, event["event_type"] == "conversation_resolved", seconds)
            last[key] = max(last.get(key, mark), mark)
    visits = [visit for visit in facts.visits if low <= visit["timestamp"] < high]
    seen = {visit["visitor_id"] for visit in visits if visit["event_type"] == "seen"}
    ai = credited_to_ai(events)
    cohort = ids("conversation_started")
    started = len(cohort)
    steps = {"started": cohort, "responded": cohort & first.keys()}
    steps["resolved"] = steps["responded"] & last.keys()
    steps["ai_resolved"] = steps["resolved"] & ai
    steps["resolved_unanswered"] = (cohort & last.keys()) - first.keys()
    median = statistics.median(seconds for _, seconds in first.values())
    return Counted(
        started=started,
        responded=len(first),
        resolved=len(last),
        ai_resolved=len(ai),
        funnel={name: len(reached) for name, reached in steps.items()},
        median_response=median,
        median_resolution=statistics.median(seconds for *_, seconds in last.values()),
        visitors=len(seen),
        sessions=len(
            {(visit["visitor_id"], visit["session_id"]) for visit in visits if visit["visitor_id"] in seen}
        ),
        page_views=sum(visit["event_type"] == "page_view" for visit in visits),
        first={key: seconds for key, (_, seconds) in first.items()},
        ai=ai,
        index=satisfaction(facts, start, end, median, len(last) / started),
    )


def count_events(facts: Facts, start: datetime, end: datetime) -> dict[str, int]:
    """Conversations with each kind of event in a span, by the names of the funnel."""
    low, high = (each.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") for each in (start, end))
    kinds = {
        "started": {"conversation_started"},
        "responded": {"first_response"},
        "resolved": {"conversation_resolved", "ai_resolved"},
    }
    events = [event for event in facts.conversations if low <= event["timestamp"] < high]
    counts = {
        name: len({event["conversation_id"] for event in events if event["event_type"] in types})
        for name, types in kinds.items()
    }
    return {**counts, "ai_resolved": len(credited_to_ai(events))}


def credited_to_ai(events: Sequence[dict[str, Any]]) -> set[str]:
    """The conversations whose newest resolution by people is at most 60 s newer than the AI's."""
    newest: dict[tuple[str, str], datetime] = {}
    for event in events:
        key = event["conversation_id"], event["event_type"]
        at = datetime.fromisoformat(event["timestamp"])
        newest[key] = max(newest.get(key, at), at)
    return {
        conversation
        for (conversation, kind), at in newest.items()
        if kind == "ai_resolved"
        and newest.get((conversation, "conversation_resolved"), at) <= at + timedelta(seconds=60)
    }


Files = dict[str, list[dict[str, str]]]


@contextmanager
def exported() -> Iterator[Files]:
    """Every CSV that a page offers while it runs, asked for and answered as by a click, read back: name to rows."""
    files: Files = {}

    def keep(
        page: begin.Page,
        name: str,
        read: Callable[..., Table],
        *arguments: object,
        only: Mapping[str, str] = MappingProxyType({}),
        **_picture: object,
    ) -> None:
        asked = download.request(page.view.asked, read, arguments, dict(only))
        text = b"".join(download.answer(asked).lines).decode("utf-8-sig")
        files[name] = list(csv.DictReader(io.StringIO(text, "")))

    with mock.patch.object(export, "offer", keep):
        yield files


def closed_days(timezone: str, first_ago: int, last_ago: int) -> tuple[str, datetime, datetime]:
    """A finished custom range: its URL value, and its edges in UTC."""
    zone = ZoneInfo(timezone)
    today = datetime.now(zone).date()
    first, last = today - timedelta(days=first_ago), today - timedelta(days=last_ago)

    def midnight(day: date) -> datetime:
        instant = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=15)
        while instant.astimezone(zone).date() < day:
            instant += timedelta(minutes=15)
        return instant

    return f"{first}..{last}", midnight(first), midnight(last + timedelta(days=1))


VIEWS = [
    pytest.param(None, "Asia/Kolkata", 20, 10, id="free, Kolkata"),
    pytest.param("pro", "America/Santiago", 13, 1, id="paid, Santiago"),
    pytest.param("pro", "Pacific/Chatham", 12, 3, id="paid, Chatham"),
    pytest.param("pro", "Test/Shifted", 9, 1, id="paid, the clocks changed within"),
]
COMPARED = [
    pytest.param(None, "Pacific/Chatham", 9, 2, id="free, Chatham"),
    pytest.param("pro", "Test/Shifted", 9, 4, id="paid, the clocks changed within"),
    pytest.param("pro", "Test/Before", 6, 2, id="paid, the clocks changed in the period before"),
]


@pytest.fixture(autouse=True)
def changing_zones(tmp_path: Path) -> Iterator[None]:
    """Timezones whose clocks were put back by two and a half hours six days ago, and ahead at a midnight nine days ago."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    back, ahead = (int((today - timedelta(days=days)).timestamp()) for days in (6, 9))
    with (
        installed(tmp_path, "Test/Shifted", tzif(20_700, [(back + 45_000, 11_700)])),
        installed(tmp_path, "Test/Before", tzif(-7_200, [(ahead + 7_200, -3_600)])),
    ):
        yield


def shown(page: AppTest) -> dict[str, str]:
    """The cards of a page: label to value."""
    return {metric.label: metric.value for metric in page.metric}


def total(rows: Sequence[dict[str, str]], column: str, **where: str) -> float:
    """The sum of a column over the rows that are so."""
    return sum(float(row[column]) for row in rows if all(row[key] == value for key, value in where.items()))


@pytest.mark.parametrize(("plan", "timezone", "first_ago", "last_ago"), VIEWS)
def test_overview_says_what_was_counted(
    run_page: RunPage,
    make_facts: Callable[[str | None, int], Facts],
    query_pipe: Callable[..., list[dict[str, Any]]],
    plan: str | None,
    timezone: str,
    first_ago: int,
    last_ago: int,
) -> None:
    """Cards, funnel, series, their files, and the endpoint."""
    facts = make_facts(plan, first_ago)
    days, start, end = closed_days(timezone, first_ago, last_ago)
    by_hand = count(facts, start, end)
    with exported() as files:
        page = run_page("app.py", website=facts.site.slug, tz=timezone, range=days)
    assert not page.exception
    cards = shown(page)
    assert cards["Median response"] == formatting.duration(by_hand.median_response)
    assert cards["Median resolution"] == formatting.duration(by_hand.median_resolution)
    assert cards["Handled by AI"] == formatting.rate(by_hand.ai_resolved / by_hand.resolved)
    assert cards["Unique visitors"] == formatting.count(by_hand.visitors)

    kpis = {row["kpi"]: row for row in files["kpis"]}
    assert float(kpis["Median response"]["value"]) == by_hand.median_response
    assert float(kpis["Median resolution"]["value"]) == by_hand.median_resolution
    assert int(kpis["Median response"]["n"]) == by_hand.responded
    assert float(kpis["Satisfaction"]["value"]) == pytest.approx(by_hand.index)
    assert int(kpis["Unique visitors"]["value"]) == by_hand.visitors
    assert cards["Satisfaction"] == formatting.score(by_hand.index)

    steps = {row["step"]: int(row["conversations"]) for row in files["funnel"]}
    steps = {name: steps[words] for name, words in funnel.NAMES.items() if words in steps}
    assert {"resolved_unanswered": 0} | steps == by_hand.funnel
    counts = {name: getattr(by_hand, name) for name in ("started", "responded", "resolved", "ai_resolved")}
    series = [row for row in files["median-response-over-time"] if row["period"] == "This period"]
    edges = [datetime.fromisoformat(row["bucket_start"]) for row in series]
    for row, (low, high) in zip(series, pairwise([*edges, end]), strict=True):
        of_bucket = count_events(facts, low, high)
        assert {name: int(row[f"{name}_count"]) for name in of_bucket} == of_bucket

    asked = {
        "website_id": facts.site.id,
        "date_from": start.strftime("%Y-%m-%d %H:%M:%S"),
        "date_to": end.strftime("%Y-%m-%d %H:%M:%S"),
    }
    endpoint = query_pipe("inbox_analytics", **asked)[0]
    assert {name: endpoint[name] for name in counts} == counts
    columns = {name: name if name == "started" else f"started_{name}" for name in steps}
    assert {name: endpoint[column] for name, column in columns.items()} == steps
    assert endpoint["median_response_seconds"] == by_hand.median_response
    assert query_pipe("unique_visitors", **asked)[0]["unique_visitors"] == by_hand.visitors


@pytest.mark.parametrize(("plan", "timezone", "first_ago", "last_ago"), COMPARED)
def test_the_period_before_is_counted_like_the_one_shown(
    run_page: RunPage,
    make_facts: Callable[[str | None, int], Facts],
    query_pipe: Callable[..., list[dict[str, Any]]],
    plan: str | None,
    timezone: str,
    first_ago: int,
    last_ago: int,
) -> None:
    """The same number of days, day by day, in cards, files and endpoint."""
    facts = make_facts(plan, first_ago)
    days = first_ago - last_ago + 1
    shown_days, _start, _end = closed_days(timezone, first_ago, last_ago)
    _, start, end = closed_days(timezone, first_ago + days, last_ago + days)
    by_hand = count(facts, start, end)
    with exported() as files:
        page = run_page("app.py", website=facts.site.slug, tz=timezone, range=shown_days)
    assert not page.exception

    kpis = {row["kpi"]: row for row in files["kpis"]}
    past = [row for row in files["median-response-over-time"] if row["period"] == "Period before"]
    assert float(kpis["Median response"]["previous_value"]) == by_hand.median_response
    assert int(kpis["Median response"]["previous_n"]) == by_hand.responded
    assert float(kpis["Satisfaction"]["previous_value"]) == pytest.approx(by_hand.index)
    assert int(float(kpis["Unique visitors"]["previous_value"])) == by_hand.visitors
    edges = [datetime.fromisoformat(row["bucket_start"]) for row in past]
    assert (edges[0], len(edges)) == (start, days)
    for row, (low, high) in zip(past, pairwise([*edges, end]), strict=True):
        of_bucket = count_events(facts, low, high)
        assert {name: int(row[f"{name}_count"]) for name in of_bucket} == of_bucket
    asked = {"website_id": facts.site.id, "date_from": f"{start:%F %T}", "date_to": f"{end:%F %T}"}
    assert query_pipe("inbox_analytics", **asked)[0]["responded"] == by_hand.responded


def test_without_a_comparison_the_period_before_is_nowhere(
    run_page: RunPage, make_facts: Callable[[str | None, int], Facts]
) -> None:
    """Neither in the cards nor in a file."""
    facts = make_facts("pro", 9)
    days, _start, _end = closed_days("Pacific/Chatham", 9, 4)
    with exported() as files:
        page = run_page("app.py", website=facts.site.slug, tz="Pacific/Chatham", range=days, compare="off")
    assert not page.exception
    assert not [row for row in files["median-response-over-time"] if row["period"] == "Period before"]
    assert not [row for row in files["kpis"] for name in row if "previous" in name and row[name]]
    assert " vs " not in text_of(page)


@pytest.mark.parametrize(("plan", "timezone", "first_ago", "last_ago"), VIEWS)
def test_conversations_add_up_and_can_be_followed_to_their_rows(
    run_page: RunPage,
    make_facts: Callable[[str | None, int], Facts],
    plan: str | None,
    timezone: str,
    first_ago: int,
    last_ago: int,
) -> None:
    """Bands, the week and who resolved hold every conversation once; a filter lists those that its number counts."""
    facts = make_facts(plan, first_ago)
    days, start, end = closed_days(timezone, first_ago, last_ago)
    by_hand = count(facts, start, end)

    def files_of(**query: str) -> Files:
        with exported() as files:
            page = run_page(
                "pages/conversations.py", website=facts.site.slug, tz=timezone, range=days, **query
            )
        assert not page.exception
        return files

    files = files_of()
    assert total(files["response-bands"], "conversations") == by_hand.responded
    assert total(files["resolution-bands"], "conversations") == by_hand.resolved
    assert total(files["hour-of-week"], "conversations") == by_hand.started
    assert total(files["handled-by"], "conversations") == by_hand.resolved
    assert total(files["handled-by"], "conversations", handled_by="AI agent") == by_hand.ai_resolved

    longest_before = 0.0
    for number, (longest, _score) in enumerate(BANDS[:3]):
        inside = {key for key, seconds in by_hand.first.items() if longest_before < seconds <= longest}
        assert total(files["response-bands"], "conversations", band=band_label(number)) == len(inside)
        if inside:
            listed = files_of(response=f"band:{number}")["conversations"]
            assert {row["conversation_id"] for row in listed} == inside
            assert {key: float(row["response_seconds"]) for key, row in _by_id(listed).items()} == {
                key: by_hand.first[key] for key in inside
            }
        longest_before = longest

    listed = files_of(handled="ai")["conversations"]
    assert {row["conversation_id"] for row in listed} <= by_hand.ai
    assert len(listed) == len(by_hand.ai)


def _by_id(rows: Sequence[dict[str, str]]) -> dict[str, dict[str, str]]:
    return {row["conversation_id"]: row for row in rows}


@pytest.mark.parametrize(("plan", "timezone", "first_ago", "last_ago"), VIEWS[::3])
def test_satisfaction_opens_into_parts_that_make_the_index(
    run_page: RunPage,
    make_facts: Callable[[str | None, int], Facts],
    plan: str | None,
    timezone: str,
    first_ago: int,
    last_ago: int,
) -> None:
    """Card = sum of the parts = by hand; the answers over time are as many as the parts rest on."""
    facts = make_facts(plan, first_ago)
    days, start, end = closed_days(timezone, first_ago, last_ago)
    by_hand = count(facts, start, end)
    with exported() as files:
        page = run_page("pages/satisfaction.py", website=facts.site.slug, tz=timezone, range=days)
    assert not page.exception
    assert shown(page)["Satisfaction"] == formatting.score(by_hand.index)
    parts = files["satisfaction-components"]
    assert total(parts, "contribution_points") == pytest.approx(by_hand.index)
    rated = [rating for at, rating in facts.ratings if start <= at < end]
    assert int(parts[0]["n"]) == len(rated)
    for stars in range(1, 6):
        assert total(files["ratings"], f"rating_{stars}_count") == rated.count(stars)
    moods = [sentiment for at, sentiment, _ in facts.sentiments if start <= at < end]
    for mood in ("negative", "neutral", "positive"):
        assert total(files["sentiment"], f"{mood}_count") == moods.count(mood)


@pytest.mark.parametrize(("plan", "timezone", "first_ago", "last_ago"), VIEWS[::3])
def test_visitors_of_a_row_are_those_of_the_page_that_it_opens(
    run_page: RunPage,
    make_facts: Callable[[str | None, int], Facts],
    plan: str | None,
    timezone: str,
    first_ago: int,
    last_ago: int,
) -> None:
    """The cards by hand; and what a row says is what the cards say once it is chosen."""
    facts = make_facts(plan, first_ago)
    days, start, end = closed_days(timezone, first_ago, last_ago)
    by_hand = count(facts, start, end)

    def open_page(**query: str) -> tuple[dict[str, str], Files]:
        with exported() as files:
            page = run_page("pages/visitors.py", website=facts.site.slug, tz=timezone, range=days, **query)
        assert not page.exception
        return shown(page), files

    cards, files = open_page()
    assert cards == {
        "Unique visitors": formatting.count(by_hand.visitors),
        "Sessions": formatting.count(by_hand.sessions),
        "Page views": formatting.count(by_hand.page_views),
    }
    for name in ("country_code", "device_type", "browser"):
        row = files[f"visitors-by-{DIMENSIONS[name].one}"][0]
        chosen, _ = open_page(**{name: row[name] or "-"})
        assert chosen["Unique visitors"] == formatting.count(float(row["visitors"]))
        assert chosen["Page views"] == formatting.count(float(row["page_views"]))


@pytest.mark.parametrize(("plan", "minutes"), [(None, 5), ("pro", 10), (None, 30)])
def test_live_counts_each_visitor_once_wherever_it_is_shown(
    run_page: RunPage,
    make_site: Callable[..., Site],
    send_events: SendEvents,
    query_pipe: Callable[..., list[dict[str, Any]]],
    plan: str | None,
    minutes: int,
) -> None:
    """Heading, list, file, every level of the globe, endpoints, and the list behind a dot."""
    site, dice, now = make_site(plan=plan), random.Random(minutes), datetime.now(UTC)  # noqa: S311 - test data
    newest: dict[str, datetime] = {}
    places: dict[str, tuple[datetime, float, str]] = {}
    visits = []
    for _ in range(150):
        # Not within half a minute of a window's edge, which moves on while the page is read.
        at = now - timedelta(minutes=dice.randrange(28), seconds=dice.randrange(30, 55))
        visitor, city = f"v{dice.randrange(70)}", dice.choice(["Paris", "Lyon", "London", ""])
        latitude, longitude = {"Paris": (48.9, 2.4), "Lyon": (45.8, 4.8), "London": (51.5, -0.1), "": (0, 0)}[
            city
        ]
        newest[visitor] = max(newest.get(visitor, at), at)
        if city and at >= now - timedelta(minutes=minutes):
            places[visitor] = max(places.get(visitor, (at, latitude, city)), (at, latitude, city))
        visits.append(
            {
                "timestamp": at.strftime("%Y-%m-%d %H:%M:%S"),
                "website_id": site.id,
                "visitor_id": visitor,
                "event_type": "seen",
                "country_code": "FR" if city else "",
                "city": city,
                "latitude": latitude,
                "longitude": longitude,
            }
        )
    assert send_events("visitor_events", visits)["quarantined_rows"] == 0
    present = {name for name, at in newest.items() if at >= now - timedelta(minutes=minutes)}
    placed = [city for _at, _latitude, city in places.values()]
    assert len(present) > 5

    with exported() as files:
        page = run_page("pages/live.py", website=site.slug, window=str(minutes))
    assert not page.exception
    assert f"{len(present)} :gray[visitors in the last {minutes} minutes]" in text_of(page)
    assert len(page.dataframe[0].value) == len(present)
    assert len(files["live-visitors"]) == len(present)
    columns = ["last_seen (UTC)", "last_seen", "city", "country_code", "country", "page_url", "device_type"]
    assert list(files["live-visitors"][0])[: len(columns)] == columns
    levels = globe_levels(page)
    assert [sum(level.values()) for level in levels] == [len(placed)] * len(levels)
    if missing := len(present) - len(placed):
        assert re.search(rf"^{missing} visitors? ha.* not on the globe", text_of(page), re.MULTILINE)

    listed = query_pipe("active_visitors", website_id=site.id, minutes=minutes)
    assert {row["visitor_id"] for row in listed} == present
    located = query_pipe("visitor_locations", website_id=site.id, minutes=minutes)
    assert {row["city"]: row["visitors"] for row in located if row["city"]} == Counter(placed)

    cell, visitors = max(levels[-1].items(), key=lambda item: item[1])
    with exported() as files:
        page = run_page("pages/live.py", website=site.slug, window=str(minutes), place=cell)
    assert len(page.dataframe[0].value) == len(files["live-visitors"]) == visitors


def globe_levels(page: AppTest) -> list[dict[str, int]]:
    """Visitors per cell of what the globe draws, one per zoom level."""
    layers = json.loads(page.get("deck_gl_json_chart")[0].proto.json)["layers"]
    drawn = [layer for layer in layers if str(layer["id"]).startswith("visitors-")]
    contents = [json.loads(unquote(layer["data"].split(",", 1)[1])) for layer in drawn]
    return [
        {
            feature["properties"]["cell"]: int(feature["properties"]["label"].split()[0].replace(",", ""))
            for feature in content["features"]
        }
        for content in contents
    ]


@pytest.mark.parametrize("timezone", ["UTC", "America/Santiago"])
def test_data_health_counts_the_events_that_were_sent(
    run_page: RunPage,
    make_facts: Callable[[str | None, int], Facts],
    query_pipe: Callable[..., list[dict[str, Any]]],
    timezone: str,
) -> None:
    """Rows per type: table, file and endpoint are the events of the last 30 local days, counted here."""
    facts = make_facts("pro", 3)
    today = datetime.now(ZoneInfo(timezone)).date()
    by_hand = Counter(
        event["event_type"]
        for event in (*facts.conversations, *facts.visits)
        if today - timedelta(days=29) <= _local_day(event["timestamp"], timezone) <= today
    )
    with exported() as files:
        page = run_page("pages/data_health.py", website=facts.site.slug, tz=timezone)
    assert not page.exception
    rows = {row["event_type"]: row for row in files["events-by-type"]}
    by_hand = Counter({source_health.event_name(event_type): n for event_type, n in by_hand.items()})
    endpoint: Counter[str] = Counter()
    days = clock.unix_seconds(clock.day_starts(datetime.now(UTC), 30, ZoneInfo(timezone)))
    for row in query_pipe("event_volume", website_id=facts.site.id, day_starts=days):
        endpoint[source_health.event_name(row["event_type"])] += row["events"]
    for event_type, row in rows.items():
        assert int(row["events"]) == by_hand[event_type] == endpoint[event_type], event_type
    assert set(by_hand) <= set(rows)
    table = next(each.value for each in page.dataframe if "Per day" in each.value.columns)
    assert sum(table["Rows"]) == sum(by_hand.values())
    assert sum(map(sum, table["Per day"])) == sum(by_hand.values())


def _local_day(timestamp: str, timezone: str) -> date:
    return datetime.fromisoformat(timestamp).replace(tzinfo=UTC).astimezone(ZoneInfo(timezone)).date()
