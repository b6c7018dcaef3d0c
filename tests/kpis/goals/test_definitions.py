"""Goals: which are refused, and that the goal of the time judges."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from analytics.kpis.goals.definitions import (
    ALWAYS,
    LONGEST_SECONDS,
    Goal,
    GoalHistory,
    GoalSpan,
    GoalVersion,
    spans,
)
from analytics.scope.periods import Period
from analytics.scope.selection import Measure

DAY = timedelta(days=1)
START = datetime(2026, 11, 3, tzinfo=UTC)
PERIOD = Period(START, START + 7 * DAY, ZoneInfo("UTC"))
FIVE, TEN = Goal(90.0, 300), Goal(80.0, 600)


def version(
    number: int, goal: Goal | None, valid_from: datetime, measure: Measure = "response"
) -> GoalVersion:
    """A version that Ann saved."""
    return GoalVersion(measure, number, goal, valid_from, valid_from, "ann@example.com")


def history(*versions: GoalVersion) -> GoalHistory:
    """The goals of the website `w`."""
    return GoalHistory("w", versions)


@pytest.mark.parametrize(
    ("share_pct", "limit_seconds", "said"),
    [
        (0.0, 300, "share"),
        (100.1, 300, "share"),
        (90.55, 300, "steps"),
        (float("nan"), 300, "share"),
        (90.0, 0, "time"),
        (90.0, LONGEST_SECONDS + 1, "90 days"),
    ],
)
def test_a_goal_out_of_range_is_refused(share_pct: float, limit_seconds: int, said: str) -> None:
    """With the range in words."""
    with pytest.raises(ValueError, match=said):
        Goal(share_pct, limit_seconds)


def test_the_ends_of_the_range_are_goals() -> None:
    """Any share in steps of 0.1, any whole second."""
    assert Goal(0.1, 1).share_pct == 0.1
    assert Goal(100.0, LONGEST_SECONDS).limit_seconds == LONGEST_SECONDS
    assert Goal(99.9, 300).share_pct == 99.9


def test_the_goal_of_the_time_judges() -> None:
    """None before the first, the first up to the change, none after its removal; the instant of a change has the new goal."""
    found = history(
        version(1, TEN, START + DAY), version(2, FIVE, START + 2 * DAY), version(3, None, START + 5 * DAY)
    )
    at = [found.at("response", START + days * DAY) for days in (0, 1, 1.9, 2, 4.9, 5)]
    assert at == [None, TEN, TEN, FIVE, FIVE, None]
    assert found.at("resolution", START + DAY) is None
    assert found.current("response") is None
    assert found.newest("response") == version(3, None, START + 5 * DAY)
    assert (found.newest("resolution"), found.current("resolution")) == (None, None)


def test_a_period_has_a_span_for_each_goal_in_it() -> None:
    """Cut at the edges of the period; what is before the first goal, or after a removal, is in none."""
    found = history(
        version(1, TEN, ALWAYS),
        version(2, FIVE, START + 2 * DAY),
        version(3, None, START + 5 * DAY),
        version(1, Goal(80.0, 14_400), START + 6 * DAY, "resolution"),
    )
    assert spans(found, PERIOD) == (
        GoalSpan("w", "response", 1, START, START + 2 * DAY, TEN),
        GoalSpan("w", "response", 2, START + 2 * DAY, START + 5 * DAY, FIVE),
        GoalSpan("w", "resolution", 1, START + 6 * DAY, START + 7 * DAY, Goal(80.0, 14_400)),
    )
    later = Period(START + 3 * DAY, START + 4 * DAY, ZoneInfo("UTC"))
    assert [(each.version, each.starts, each.ends) for each in spans(found, later)] == [
        (2, START + 3 * DAY, START + 4 * DAY)
    ]


def test_a_period_without_time_or_goal_has_no_span() -> None:
    """Also where the goal begins when the period ends."""
    goals = history(version(1, FIVE, START + 7 * DAY))
    assert spans(goals, PERIOD) == ()
    assert spans(history(version(1, FIVE, ALWAYS)), replace(PERIOD, end=START)) == ()
    assert spans(history(), PERIOD) == ()
