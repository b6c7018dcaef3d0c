"""What All websites asks for: one call per plan, shared, checked; every number is that of the website's own Overview."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pandas as pd
import pytest

from analytics import cached
from analytics.cached import View
from analytics.errors import AccessDenied, SourceError, SourceUnavailable
from analytics.kpis.all_websites.rows import SHOWN, WebsiteRow
from analytics.kpis.goals.definitions import Goal
from analytics.scope.comparison import BEFORE, OFF, WEEKDAYS, Comparison
from analytics.scope.periods import Range
from analytics.store.store import Store
from analytics.transports.tinybird import Tinybird
from analytics.transports.tinybird_messages import Parameter as PipeParameter
from analytics.transports.tinybird_messages import PipeAnswer
from tests.cached.conftest import Reads
from tests.conftest import LocalStack
from tests.product_database import Product

SendEvents = Callable[[str, Sequence[Mapping[str, Any]]], dict[str, Any]]
DAY = timedelta(days=1)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Mapping[str, PipeParameter]]]:
    """Every call of a pipe, with its parameters."""
    calls: list[tuple[str, Mapping[str, PipeParameter]]] = []
    query = Tinybird.query_pipe

    def noted(self: Tinybird, name: str, params: Mapping[str, PipeParameter]) -> PipeAnswer:
        calls.append((name, params))
        return query(self, name, params)

    monkeypatch.setattr(Tinybird, "query_pipe", noted)
    return calls


@pytest.fixture
def websites(product: Product, view: View) -> list[tuple[Product, str]]:
    """Two websites of the paid organization, and one of a free one that the viewer is a member of as well."""
    second = product.add_website(f"second-{product.key}", name="Second")
    free = Product(product.connection)
    free.connection.execute(
        "INSERT INTO member (id, organization_id, user_id, created_at) VALUES (%s, %s, %s, now())",
        (f"m-{free.key}", free.organization_id, view.viewer.user_id),
    )
    cached.clear()
    return [(product, product.website_id), (product, second), (free, free.website_id)]


def rows_of(view: View) -> dict[str, WebsiteRow]:
    """The rows by website id."""
    reading = cached.all_websites(cached.open_view(view))
    assert not reading.failures
    return {row.website.id: row for row in reading.value.rows}


def fill(website: tuple[Product, str], now: datetime, send_events: SendEvents, seed: int) -> None:
    """35 days of conversations, ratings, sentiment and visitors."""
    (product, website_id), random = website, Random(seed)  # noqa: S311 - test data
    events: list[dict[str, Any]] = []
    visits: list[dict[str, Any]] = []
    for number in range(160):
        start = now - timedelta(seconds=random.randrange(35 * 86_400))
        seconds = random.randrange(20, 4_000)
        story = [("conversation_started", 0), ("first_response", seconds)]
        if number % 3:
            story.append(("conversation_resolved", seconds * 3))
        if number % 6 == 1:
            story.append(("ai_resolved", seconds * 3))
        events += [
            {
                "timestamp": (start + timedelta(seconds=after)).isoformat(),
                "website_id": website_id,
                "visitor_id": "v",
                "event_type": event,
                "conversation_id": f"{website_id}-{number}",
                "duration_seconds": after,
            }
            for event, after in story
            if start + timedelta(seconds=after) <= now
        ]
        visits.append(
            {
                "timestamp": start.isoformat(),
                "website_id": website_id,
                "visitor_id": f"v{random.randrange(90)}",
                "event_type": "seen",
            }
        )
        if number % 2:
            product.add_feedback(start, 1 + number % 5, website_id=website_id)
        mood = ("positive", "neutral", "negative", None)[number % 4]
        product.add_conversation(start, mood, website_id=website_id, sentiment_confidence=0.5)
    assert send_events("conversation_metrics", events)["quarantined_rows"] == 0
    assert send_events("visitor_events", visits)["quarantined_rows"] == 0


@pytest.mark.parametrize(
    ("days", "comparison"),
    [
        pytest.param("7d", BEFORE, id="all are compared"),
        pytest.param("today", BEFORE, id="hours"),
        pytest.param("14d", WEEKDAYS, id="the free plan is not compared"),
        pytest.param("30d", BEFORE, id="the free plan is cut, visitors are not compared"),
        pytest.param("90d", BEFORE, id="visitors are cut, weeks"),
        pytest.param("7d", OFF, id="nothing is compared"),
    ],
)
def test_every_number_is_that_of_the_websites_own_overview(
    websites: list[tuple[Product, str]],
    view: View,
    send_events: SendEvents,
    days: str,
    comparison: Comparison,
) -> None:
    """Value, n, interval, change, verdict and trend of each KPI, and the newest event, by the plan of the website."""
    for seed, website in enumerate(websites):
        fill(website, view.now, send_events, seed)
    view = replace(view, range=Range.parse(days), comparison=comparison)
    rows = rows_of(view)
    assert set(rows) == {website_id for _, website_id in websites}
    longest = max(len(row.trends["median_response"]) for row in rows.values())
    for website_id, row in rows.items():
        # A bar of a trend is as long on every plan; those before the plan's reach have no value.
        own = cached.open_view(replace(view, website_id=website_id, bucket="week" if days == "90d" else None))
        alone = cached.kpis(own).value
        alone_series = cached.kpi_timeseries(own).value
        current = alone_series[alone_series["period"] == "current"]
        for kpi in SHOWN:
            expected = replace(alone.kpis[kpi.key], still_waiting=None)
            assert row.kpis[kpi.key] == expected, kpi.key
            trend = [None if pd.isna(value) else value for value in current[kpi.column]]
            trend = [None] * (longest - len(trend)) + trend
            assert list(row.trends[kpi.key]) == trend, kpi.key
        assert row.newest_event == cached.newest_event(own, view.now).value
        assert row.website == own.resolved.website
    assert {row.website.tier for row in rows.values()} == {"free", "paid"}


def test_each_plan_is_asked_once_for_all_its_websites(
    websites: list[tuple[Product, str]],
    calls: list[tuple[str, Mapping[str, PipeParameter]]],
    reads: Reads,
    view: View,
) -> None:
    """Two calls and two queries for three websites, and none more for a second look, another tab or another bucket."""
    for asked in (view, replace(view, website_id=websites[1][1]), replace(view, bucket="hour")):
        cached.all_websites(cached.open_view(asked))
    assert [name for name, _ in calls] == ["website_kpis"] * 2
    asked_ids = [params["website_ids"] for _, params in calls]
    paid = tuple(sorted(website_id for _, website_id in websites[:2]))
    assert sorted(asked_ids, key=str) == sorted([(websites[2][1],), paid], key=str)
    assert reads["website_scores"] == 2


def test_viewers_of_the_same_websites_share_the_answer(
    product: Product,
    calls: list[tuple[str, Mapping[str, PipeParameter]]],
    view: View,
) -> None:
    """Two members of one organization; a third who sees one website more asks again."""
    product.add_website(f"second-{product.key}")
    other = Product(product.connection)
    for name, sees_more in (("ann", False), ("bob", False), ("eve", True)):
        email = f"{name}.{other.key}@example.com"
        user = product.add_user(email)
        if sees_more:
            other.add_subscription("pro", "active")
            other.connection.execute(
                "INSERT INTO member (id, organization_id, user_id, created_at) VALUES (%s, %s, %s, now())",
                (f"m-{other.key}", other.organization_id, user),
            )
        viewer = cached.viewer_for(replace(view.viewer.identity, email=email), view.now)
        cached.all_websites(cached.open_view(replace(view, viewer=viewer)))
    assert [len(str(params["website_ids"]).split(",")) for _, params in calls] == [2, 3]


def test_a_website_of_another_organization_is_never_asked_for(
    product: Product,
    calls: list[tuple[str, Mapping[str, PipeParameter]]],
    view: View,
) -> None:
    """It is in no parameter and in no row; nor is one that was taken away since the view was opened."""
    foreign = Product(product.connection)
    second = product.add_website(f"second-{product.key}")
    cached.clear()
    opened = cached.open_view(view)
    assert {row.website.id for row in cached.all_websites(opened).value.rows} == {product.website_id, second}
    product.update("website", second, deleted_at=view.now)
    cached.clear()
    assert {row.website.id for row in cached.all_websites(opened).value.rows} == {product.website_id}
    assert not any(foreign.website_id in str(params) for _, params in calls)
    assert second not in str(calls[-1])
    product.connection.execute("DELETE FROM member WHERE user_id = %s", (view.viewer.user_id,))
    cached.clear()
    with pytest.raises(AccessDenied):
        cached.all_websites(opened)


def test_without_postgres_the_index_alone_is_missing(
    product: Product,
    monkeypatch: pytest.MonkeyPatch,
    view: View,
) -> None:
    """Its error is in `failures`; with a last good value everything stands, marked stale."""
    opened = cached.open_view(view)
    down = SourceUnavailable("Down.", source="postgres", resource="website_scores")

    def fail(*_: object) -> None:
        raise down

    monkeypatch.setattr("analytics.sources.website_scores", fail)
    reading = cached.all_websites(opened)
    assert [type(each) for each in reading.failures] == [SourceUnavailable]
    assert set(reading.value.rows[0].kpis) == {kpi.key for kpi in SHOWN} - {"satisfaction_index"}
    assert product.website_id == reading.value.rows[0].website.id


def test_without_tinybird_there_is_an_error_or_the_last_good_board(
    monkeypatch: pytest.MonkeyPatch,
    view: View,
) -> None:
    """Never a board of zeros."""
    opened = cached.open_view(view)
    down = SourceUnavailable("Down.", source="tinybird", resource="website_kpis")

    def fail(*_: object) -> None:
        raise down

    with monkeypatch.context() as broken:
        broken.setattr("analytics.sources.website_kpis", fail)
        with pytest.raises(SourceError):
            cached.all_websites(opened)
    cached.clear()
    good = cached.all_websites(opened)
    later = cached.open_view(replace(view, now=view.now + timedelta(minutes=6)))
    monkeypatch.setattr("analytics.sources.website_kpis", fail)
    stale = cached.all_websites(later)
    assert (stale.is_stale, stale.stale_reason) == (True, down)
    assert stale.as_of < later.asked.now
    assert stale.value.rows == good.value.rows


def test_one_plan_that_fails_leaves_the_others(
    websites: list[tuple[Product, str]],
    monkeypatch: pytest.MonkeyPatch,
    view: View,
) -> None:
    """Its websites keep their rows without numbers."""
    read = cached.all_websites.__globals__["sources"].website_kpis
    free = websites[2][1]

    def fails_for_free(tinybird: Tinybird, ids: tuple[str, ...], *rest: object) -> object:
        if free in ids:
            raise SourceUnavailable("Down.", source="tinybird", resource="website_kpis")
        return read(tinybird, ids, *rest)

    monkeypatch.setattr("analytics.sources.website_kpis", fails_for_free)
    reading = cached.all_websites(cached.open_view(view))
    assert {row.website.id: row.is_read for row in reading.value.rows} == {
        websites[0][1]: True,
        websites[1][1]: True,
        free: False,
    }
    assert len(reading.failures) == 1


def test_goals_are_those_of_each_website(
    view: View,
    product: Product,
    with_store: LocalStack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on its own page; a website without a goal has none. A store that is away leaves the numbers, and says so."""
    other = product.add_website(f"other-{product.key}")
    at = cached.open_view(view).resolved.period.start
    for seconds in (60, 60, 900):
        product.add_conversation(at, first_response_at=at + timedelta(seconds=seconds))
    with Store(with_store.store_url) as store:
        store.add_goal(
            product.website_id, "response", 1, Goal(90.0, 300), "ann@example.com", is_from_start=True
        )
    opened = cached.open_view(view)
    goals = {row.website.id: row.goals for row in cached.all_websites(opened).value.rows}
    assert (goals[product.website_id]["response"].met, goals[product.website_id]["response"].missed) == (2, 1)
    assert goals[product.website_id] == cached.goal_results(opened).value.current
    assert goals[other] == {}

    def away(*_arguments: object) -> None:
        raise SourceUnavailable("The dashboard's store cannot be reached.", source="store", resource="goals")

    monkeypatch.setattr(Store, "goals", away)
    cached.clear()
    reading = cached.all_websites(opened)
    assert [each.source for each in reading.failures] == ["store"]
    assert all(row.is_read and not row.goals for row in reading.value.rows)
