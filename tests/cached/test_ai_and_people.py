"""What AI and people asks for: shared reads, both periods at the same age, and what stands when a source is down."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from analytics import cached
from analytics.cached import View
from analytics.scope.comparison import OFF
from analytics.scope.periods import Range
from tests.cached.conftest import Reads
from tests.pages.conftest import SendEvents
from tests.product_database import Product

DAY = timedelta(days=1)
Add = Callable[..., str]


@pytest.fixture
def add(product: Product, send_events: SendEvents) -> Add:
    """Adds a conversation to both sources: its start, and its resolution by the AI an hour later."""

    def added(at: datetime, **columns: Any) -> str:  # noqa: ANN401 - values of any column
        name = product.add_conversation(at, **columns)
        rows = [
            {
                "timestamp": (at + timedelta(seconds=seconds)).isoformat(),
                "website_id": product.website_id,
                "visitor_id": product.visitor_id,
                "event_type": kind,
                "conversation_id": name,
                "duration_seconds": float(seconds),
            }
            for kind, seconds in (("conversation_started", 0), ("ai_resolved", 3600))
        ]
        assert send_events("conversation_metrics", rows)["successful_rows"] == 2
        return name

    return added


def test_what_is_open_again_is_not_durable(add: Add, view: View) -> None:
    """Two were resolved 10 days ago; one of them is open, and changed a day after its resolution."""
    at = view.now - 10 * DAY
    add(at, status="resolved", resolved_at=at)
    add(at, status="open", updated_at=at + DAY)
    reading = cached.resolution_outcomes(cached.open_view(replace(view, range=Range(days=14))))
    ai = reading.value.current.ai
    assert (ai.conversations, ai.known, ai.durable, ai.came_back) == (2, 2, 1, 1)
    assert not reading.value.is_cut
    assert [query.name for query in reading.queries] == ["resolution_outcomes", "open_conversations"]


def test_a_period_that_runs_knows_nothing_of_its_last_7_days(add: Add, view: View) -> None:
    """Resolved two days ago in the last 7 days: not known yet."""
    add(view.now - 2 * DAY)
    ai = cached.resolution_outcomes(cached.open_view(view)).value.current.ai
    assert (ai.conversations, ai.known, ai.not_known_yet) == (1, 0, 1)


def test_the_panels_share_their_reads(reads: Reads, view: View) -> None:
    """One of open conversations and one of ratings, however often and by whichever panel it is asked."""
    opened = cached.open_view(view)
    for _ in range(2):
        cached.resolution_outcomes(opened)
        cached.side_by_side(opened)
        cached.likeness_of_sides(opened)
    for name in ("open_conversations", "ratings_by_side", "traits_by_side"):
        assert reads[name] == 1, name


@pytest.mark.parametrize("change", [{"range": Range(days=10)}, {"comparison": OFF}])
def test_another_period_is_another_read(reads: Reads, view: View, change: dict[str, Any]) -> None:
    """The range, and whether a period before is read at all."""
    for asked in (view, replace(view, **change)):
        cached.side_by_side(cached.open_view(asked))
    assert reads["open_conversations"] == reads["ratings_by_side"] == 2


def test_without_a_comparison_no_period_before_is_read(add: Add, view: View) -> None:
    """What started ten days ago is in no answer."""
    add(view.now - 10 * DAY)
    compared = cached.resolution_outcomes(cached.open_view(view)).value.previous
    assert compared is not None
    assert compared.ai.conversations == 1
    alone = cached.resolution_outcomes(cached.open_view(replace(view, comparison=OFF)))
    assert alone.value.previous is None
    sent = alone.queries[0].params
    assert sent["prev_date_from"] == sent["prev_date_to"]


def test_without_postgres_events_are_counted_and_it_is_said_what_is_missing(
    add: Add,
    reads: Reads,
    view: View,
) -> None:
    """No row for ratings, one failure for each of the two reads."""
    add(view.now - 2 * DAY)
    opened = cached.open_view(view)
    reads.is_down = True
    outcomes = cached.resolution_outcomes(opened)
    assert outcomes.value.current.ai.conversations == 1
    assert [each.resource for each in outcomes.failures] == ["open_conversations"]
    sides = cached.side_by_side(opened)
    assert [row.metric.title for row in sides.value] == ["Median response", "Median resolution", "Durable"]
    assert [each.resource for each in sides.failures] == ["open_conversations", "ratings_by_side"]


def test_more_open_conversations_than_can_be_named_are_said(
    add: Add,
    view: View,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two are open, one is named: that which changed last."""
    monkeypatch.setattr("analytics.cached.ai_and_people.outcomes._MOST", (1, 100_000))
    at = view.now - 10 * DAY
    for days in (1, 2):
        add(at, status="open", updated_at=at + days * DAY)
    cohorts = cached.resolution_outcomes(cached.open_view(replace(view, range=Range(days=14)))).value
    assert cohorts.is_cut
    assert (cohorts.current.ai.known, cohorts.current.ai.durable) == (2, 1)
