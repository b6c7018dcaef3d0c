"""What Waiting asks for: shared reads, the plan's reach, checked access, the last good values, budgeted pages."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from analytics import cached, sources
from analytics.cached import OpenedView, View, Viewer
from analytics.cached import reading as cached_reading
from analytics.cached import view as cached_view
from analytics.errors import AccessDenied, SourceUnavailable
from analytics.kpis.backlog import Backlog
from analytics.scope.comparison import BEFORE, OFF
from analytics.scope.identity import Identity
from analytics.scope.periods import Range
from tests.cached.conftest import Reads
from tests.product_database import Product

DAY = timedelta(days=1)
MOMENT_SECONDS = 31


def test_both_lists_come_longest_wait_first(product: Product, view: View) -> None:
    """One waits for an answer for two hours, one for a resolution; one of three for both."""
    first = product.add_conversation(view.now - timedelta(hours=2))
    both = product.add_conversation(
        view.now - timedelta(hours=1), escalated_at=view.now - timedelta(minutes=50)
    )
    answered = product.add_conversation(
        view.now - DAY, first_response_at=view.now - DAY, escalated_at=view.now - DAY
    )
    found = cached.waiting_now(cached.open_view(view), view.now)
    for_answer, for_resolution = found.value.for_answer, found.value.for_resolution
    assert for_answer.rows["conversation_id"].tolist() == [first, both]
    assert for_resolution.rows["conversation_id"].tolist() == [answered, both]
    assert (for_answer.total, for_resolution.total) == (2, 2)
    since = (found.as_of - (view.now - timedelta(hours=2))).total_seconds()
    assert for_answer.longest_seconds == pytest.approx(since, abs=2)
    assert [query.params["waits_for"] for query in found.queries] == ["answer", "resolution"]


def test_viewers_share_the_lists_and_ranges_do_not_matter(reads: Reads, view: View) -> None:
    """Two questions for all who look, whatever dates, timezone and comparison they chose."""
    for asked in (view, replace(view, range=Range(days=30), timezone="UTC", comparison=OFF)):
        cached.waiting_now(cached.open_view(asked), view.now)
    assert reads["waiting_conversations"] == 2


@pytest.mark.parametrize(("plan", "reach_days"), [("pro", 90), (None, 21)])
def test_a_tier_limits_what_is_listed(
    product: Product,
    view: View,
    plan: str | None,
    reach_days: int,
) -> None:
    """Started a day before the plan's reach: in neither list, in no file; a day after it: in all."""
    if plan is None:
        product.connection.execute(
            "DELETE FROM subscription WHERE organization_id = %s", (product.organization_id,)
        )
        cached.clear()
    at = view.now - reach_days * DAY
    product.add_conversation(at - DAY, escalated_at=view.now - DAY)
    inside = product.add_conversation(at + DAY, escalated_at=view.now - DAY)
    opened = cached.open_view(view)
    found = cached.waiting_now(opened, view.now).value
    for each in (found.for_answer, found.for_resolution):
        assert (each.rows["conversation_id"].tolist(), each.total) == ([inside], 1)
    for waits_for in cached.SINCE:
        whole = cached.every_waiting(opened, waits_for, view.now).value
        assert [row for page in whole.pages for row in page["conversation_id"]] == [inside]


def test_a_file_has_the_rows_that_a_list_cuts(
    product: Product,
    view: View,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three wait, two are listed; the file has all three."""
    monkeypatch.setattr("analytics.cached.waiting.LISTED_WAITING", 2)
    ids = [product.add_conversation(view.now - timedelta(hours=hours)) for hours in (3, 2, 1)]
    opened = cached.open_view(view)
    listed = cached.waiting_now(opened, view.now).value.for_answer
    assert (listed.rows["conversation_id"].tolist(), listed.total) == (ids[:2], 3)
    whole = cached.every_waiting(opened, "answer", view.now).value
    assert whole.total == 3
    rows = [row for page in whole.pages for row in page.to_dict("records")]
    assert [row["conversation_id"] for row in rows] == ids
    assert [round(row["wait_seconds"] / 3600, 1) for row in rows] == [3.0, 2.0, 1.0]


def test_the_period_of_the_view_is_counted(product: Product, view: View) -> None:
    """Those who wait and started in it: the medians of the same days leave them out."""
    product.add_conversation(view.now - 2 * DAY)
    product.add_conversation(view.now - 10 * DAY)
    product.add_conversation(view.now - 2 * DAY, first_response_at=view.now - DAY)
    opened = cached.open_view(view)
    assert cached.still_waiting(opened).value == 1
    assert cached.kpis(opened).value.kpis["median_response"].still_waiting == 1
    assert cached.kpis(opened).value.kpis["median_resolution"].still_waiting is None


def test_cards_count_once_for_all(reads: Reads, view: View) -> None:
    """The cards of Overview and the chart of Conversations share the count."""
    opened = cached.open_view(view)
    cached.kpis(opened)
    cached.still_waiting(opened)
    assert reads["still_waiting"] == 1


def test_the_backlog_and_the_period_before(product: Product, view: View) -> None:
    """Two weeks: one open all the time, one resolved in each, one that started in the last one."""
    start = cached.open_view(view).resolved.period.start
    product.add_conversation(start - 100 * DAY)
    product.add_conversation(start - 3 * DAY, status="resolved", resolved_at=start - 2 * DAY)
    product.add_conversation(start - 3 * DAY, status="resolved", resolved_at=start + timedelta(hours=1))
    product.add_conversation(start + DAY)
    found = cached.backlog(cached.open_view(view)).value
    assert found.current == Backlog(open_at_start=2, started=1, resolved=1)
    assert found.previous == Backlog(open_at_start=1, started=2, resolved=1)
    assert found.series["open_at_end"].tolist() == [1, 2, 2, 2, 2, 2, 2]
    assert found.series["net"].tolist() == [-1, 1, 0, 0, 0, 0, 0]


def test_without_a_comparison_the_period_before_is_not_read(reads: Reads, view: View) -> None:
    """Nothing of it is shown or exported."""
    found = cached.backlog(cached.open_view(replace(view, comparison=OFF)))
    assert found.value.previous is None
    assert reads["backlog"] == 1


@pytest.mark.parametrize("change", ["range", "timezone", "bucket", "comparison"])
def test_another_question_is_another_read_of_the_backlog(
    reads: Reads,
    view: View,
    change: str,
) -> None:
    """Change one thing that it depends on and Postgres is asked again; the same again is not."""
    view = replace(view, comparison=OFF)
    other = {
        "range": replace(view, range=Range(days=10)),
        "timezone": replace(view, timezone="America/New_York"),
        "bucket": replace(view, bucket="hour"),
        "comparison": replace(view, comparison=BEFORE),
    }[change]
    for _ in range(2):
        cached.backlog(cached.open_view(view))
        cached.backlog(cached.open_view(other))
    assert reads["backlog"] == 2  # With a comparison: the same question, and one for the period before.


ASK: list[Callable[[OpenedView, datetime], object]] = [
    cached.waiting_now,
    lambda opened, now: cached.every_waiting(opened, "answer", now),
    lambda opened, _: cached.still_waiting(opened),
    lambda opened, _: cached.backlog(opened),
    cached.visitor_pages,
]


@pytest.mark.parametrize("ask", ASK)
def test_another_organizations_answers_cannot_be_read(
    view: View,
    ask: Callable[[OpenedView, datetime], object],
) -> None:
    """Access is checked before anything is read, by each function."""
    asked = replace(view, viewer=Viewer("stranger", "X", False, Identity("x@example.com", None)))
    stranger = OpenedView(asked, cached.open_view(view).resolved, cached_view._KEY)
    ask(cached.open_view(view), view.now)
    with pytest.raises(AccessDenied):
        ask(stranger, view.now)


def test_the_last_good_answers_stand_in_marked_stale(
    reads: Reads,
    product: Product,
    view: View,
) -> None:
    """Postgres goes down: the same answers, said to be old; the cards lose nothing. A question never answered fails."""
    product.add_conversation(view.now - timedelta(hours=2))
    opened = cached.open_view(view)
    before = cached.waiting_now(opened, view.now), cached.backlog(opened), cached.kpis(opened)
    reads.is_down = True
    cached_reading.reads.expire()
    opened = cached.open_view(view)
    after = cached.waiting_now(opened, view.now), cached.backlog(opened), cached.kpis(opened)
    assert [each.is_stale for each in after] == [True, True, True]
    assert after[0].value.for_answer.total == before[0].value.for_answer.total == 1
    assert after[0].value.for_answer.longest_seconds == before[0].value.for_answer.longest_seconds
    assert after[1].value.current == before[1].value.current
    assert after[2].value.kpis["median_response"].still_waiting == 1
    with pytest.raises(SourceUnavailable):
        cached.backlog(cached.open_view(replace(view, range=Range(days=10))))


def test_medians_stand_without_the_count(reads: Reads, view: View) -> None:
    """Postgres was never read: the medians are Tinybird's, and say nothing about who waits."""
    opened = cached.open_view(view)
    reads.is_down = True
    found = cached.kpis(opened)
    assert found.value.kpis["median_response"].still_waiting is None
    assert found.failures


def _asked_visitors(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """The arguments of each question about active visitors from now on."""
    asked: list[tuple[object, ...]] = []
    read = sources.active_visitors
    monkeypatch.setattr(
        sources,
        "active_visitors",
        lambda *args: asked.append(args) or read(*args),  # type: ignore[func-returns-value]
    )
    return asked


@pytest.mark.parametrize(("daily_queries", "read_count"), [("unlimited", 2), ("1000", 1)])
def test_pages_are_read_as_often_as_the_queries_allow(
    view: View,
    monkeypatch: pytest.MonkeyPatch,
    daily_queries: str,
    read_count: int,
) -> None:
    """Twice within a minute: with a limit one query serves both, and for an hour."""
    monkeypatch.setenv("TINYBIRD_DAILY_QUERIES", daily_queries)
    cached.clear()
    opened, asked = cached.open_view(view), _asked_visitors(monkeypatch)
    for _ in range(2):
        cached.visitor_pages(opened, view.now)
        for kept in cached_reading.reads._kept.values():
            kept.fresh_until -= MOMENT_SECONDS
    assert len(asked) == read_count


def test_pages_that_last_for_an_hour_are_not_those_of_live(
    view: View,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Live asks again a minute later, also for the same half hour."""
    monkeypatch.setenv("TINYBIRD_DAILY_QUERIES", "1000")
    cached.clear()
    opened, asked = cached.open_view(view), _asked_visitors(monkeypatch)
    cached.visitor_pages(opened, view.now)
    cached.active_visitors(opened, 30, view.now)
    assert len(asked) == 2
