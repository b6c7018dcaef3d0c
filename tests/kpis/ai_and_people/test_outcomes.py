"""Outcomes of the conversations started in a period: each in one part, and never durable before it is known."""

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from analytics.kpis.ai_and_people.outcomes import (
    DURABLE_SHARE,
    Cohort,
    Cohorts,
    Outcome,
    cohorts,
    durable,
    known_until,
    open_changes,
    share_kpis,
    watch_seconds,
)
from analytics.kpis.intervals import Interval, wilson
from analytics.schemas import OPEN_CONVERSATIONS, RESOLUTION_OUTCOMES
from analytics.scope.access import Viewer, Website
from analytics.scope.comparison import BEFORE, OFF, Comparison
from analytics.scope.identity import Identity
from analytics.scope.periods import Range
from analytics.scope.tiers import Comparability, Comparable
from analytics.scope.views import ResolvedView, View, resolve

NOW = datetime(2026, 11, 28, 14, 32, tzinfo=UTC)
OPEN = Comparability(True, Comparable(True, None, 45))
NAMES = [column.name for column in RESOLUTION_OUTCOMES.columns]
COHORT = Cohort(
    ai=Outcome(conversations=50, escalated=1, known=40, durable=30, came_back_early=2),
    people=Outcome(conversations=30, escalated=12, known=20, durable=19),
    none=Outcome(conversations=20, escalated=7),
)
BEFORE_IT = Cohort(
    Outcome(conversations=10), Outcome(conversations=60, escalated=20), Outcome(conversations=30)
)


def resolved(selected: Range, comparison: Comparison = BEFORE) -> ResolvedView:
    """A view of a paid website in UTC."""
    viewer = Viewer("user", "", True, Identity("", None))
    website = Website("w", "Acme", "w", "acme.example", "o", "Acme", "paid")
    return resolve(View(viewer, "w", selected, "UTC", NOW, comparison), website)


def rows(**of_current_ai: object) -> pd.DataFrame:
    """Six rows as the pipe gives them; all zero but those of the AI in the period shown."""
    made = []
    for period in ("current", "previous"):
        for side in ("ai", "none", "people"):
            row: dict[str, object] = {
                **dict.fromkeys(NAMES, 0),
                **{name: None for name in NAMES if name.startswith("median")},
                "period": period,
                "first_resolved_by": side,
                "starts_at": "2026-11-01 00:00:00",
                "ends_at": "2026-11-08 00:00:00",
            }
            made.append(row | (of_current_ai if (period, side) == ("current", "ai") else {}))
    return RESOLUTION_OUTCOMES.frame(NAMES, made)


def test_rows_become_parts() -> None:
    """Every count, both medians, and an interval only where both ends are there."""
    found = cohorts(
        rows(
            conversations=9,
            escalated=1,
            known=7,
            durable=5,
            came_back_early=2,
            responded=8,
            median_response_seconds=4.0,
            median_response_low_seconds=2.0,
            median_response_high_seconds=6.0,
            median_resolution_seconds=300.0,
        ),
        resolved(Range(days=7)),
    )
    assert found.current.ai == Outcome(9, 1, 7, 5, 2, 8, 4.0, Interval(2.0, 6.0), 300.0, None)
    assert found.current.people == found.current.none == Outcome()
    assert found.previous == Cohort(Outcome(), Outcome(), Outcome())
    assert (found.current.started, found.current.escalated) == (9, 1)
    assert not found.is_cut


def test_without_a_comparison_there_is_no_cohort_before() -> None:
    """Nothing of it may be shown or exported."""
    assert cohorts(rows(), resolved(Range(days=7), OFF)).previous is None


def test_the_parts_are_all_that_started() -> None:
    """50, 30 and 20 of 100; handed over are 1, 12 and 7."""
    assert (COHORT.started, COHORT.escalated) == (100, 20)
    assert (COHORT.of("ai"), COHORT.of("people")) == (COHORT.ai, COHORT.people)
    assert (COHORT.ai.came_back, COHORT.ai.not_known_yet) == (10, 10)


def test_shares_are_of_all_that_started() -> None:
    """With their n, interval and change in percentage points; more by the AI is better, more not resolved is worse."""
    ai, handed_over, not_resolved = share_kpis(Cohorts(COHORT, BEFORE_IT), OPEN)
    assert [kpi.value for kpi in (ai, handed_over, not_resolved)] == [0.5, 0.2, 0.2]
    assert {kpi.current.n for kpi in (ai, handed_over, not_resolved)} == {100}
    assert ai.current.interval == wilson(50, 100)
    assert ai.delta.change == pytest.approx(40.0)
    assert handed_over.delta.change == 0
    assert not_resolved.delta.change == pytest.approx(-10.0)
    assert [kpi.delta.verdict for kpi in (ai, handed_over, not_resolved)] == [
        "better",
        "unchanged",
        "within_noise",
    ]


def test_shares_without_a_period_before_have_no_change() -> None:
    """The value stands alone."""
    (ai, *_) = share_kpis(Cohorts(COHORT, None), Comparability(False, Comparable(True, None, 45)))
    assert (ai.value, ai.previous, ai.delta.verdict) == (0.5, None, "off")


def test_nothing_started_has_no_share() -> None:
    """Never 0 %."""
    nothing = Cohort(Outcome(), Outcome(), Outcome())
    (ai, *_) = share_kpis(Cohorts(nothing, COHORT), OPEN)
    assert (ai.value, ai.missing_reason) == (None, "No conversations started in this period.")


def test_durable_is_a_share_of_what_is_known() -> None:
    """30 of 40, whatever becomes of the ten others; two of these came back already, and do not count yet."""
    found = durable(COHORT.ai)
    assert (found.value, found.n, found.interval) == (0.75, 40, wilson(30, 40))
    assert "7 days" in DURABLE_SHARE.definition


@pytest.mark.parametrize(
    ("selected", "seconds"),
    [
        pytest.param(Range(days=7), 0, id="a running period"),
        pytest.param(Range(days=1), 0, id="today"),
        pytest.param(
            Range(first=date(2026, 11, 1), last=date(2026, 11, 26)),
            (24 + 14) * 3600 + 30 * 60,
            id="a closed period, to the last five-minute mark",
        ),
    ],
)
def test_conversations_are_watched_to_the_last_mark(selected: Range, seconds: int) -> None:
    """Nothing later is known; 7 days before that is the last resolution that can be judged."""
    view = resolved(selected)
    assert watch_seconds(view) == seconds
    assert known_until(view) == NOW - timedelta(days=7, minutes=2)


def changed(*ids: str) -> pd.DataFrame:
    """Open conversations that all changed at the same time."""
    at = "2026-11-10 12:00:00.900"
    return OPEN_CONVERSATIONS.frame(("id", "updated_at"), [{"id": each, "updated_at": at} for each in ids])


def test_open_conversations_are_named_with_their_last_change() -> None:
    """In whole Unix seconds; an id with a comma, which Tinybird cannot have, is left out."""
    second = int(datetime(2026, 11, 10, 12, tzinfo=UTC).timestamp())
    assert open_changes(changed("a", "b,c", "d"), 9, 99) == (("a", second), ("d", second))
    assert open_changes(changed(), 9, 99) == ()


def test_no_more_open_conversations_are_named_than_one_request_holds() -> None:
    """By number and by characters, commas included: 'aaa,bbb' has seven."""
    assert [name for name, _ in open_changes(changed("aaa", "bbb", "ccc"), 2, 99)] == ["aaa", "bbb"]
    assert [name for name, _ in open_changes(changed("aaa", "bbb", "ccc"), 9, 7)] == ["aaa", "bbb"]
    assert [name for name, _ in open_changes(changed("aaa", "bbb", "ccc"), 9, 6)] == ["aaa"]
