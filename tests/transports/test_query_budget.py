"""The query budget: live polling slows down as the day goes, and a new day starts afresh."""

from datetime import UTC, datetime, timedelta

import pytest

from analytics.transports.query_budget import QueryBudget

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("spent", "seconds"),
    [(0, 15.0), (199, 15.0), (200, 30.0), (300, 60.0), (400, 300.0), (499, 300.0), (500, None), (5000, None)],
)
def test_polling_slows_down_and_pauses_with_half_left(spent: int, seconds: float | None) -> None:
    """A fifth of the budget at full speed, then slower, and half of it stays with the pages."""
    budget = QueryBudget(1000)
    for _ in range(spent):
        budget.spend(NOON, "active_visitors")
    assert budget.spent(NOON) == spent
    assert budget.live_refresh_seconds(NOON) == seconds


def test_a_new_utc_day_starts_afresh() -> None:
    """Tinybird counts per UTC day."""
    budget = QueryBudget(1)
    budget.spend(NOON, "active_visitors")
    assert budget.live_refresh_seconds(NOON + timedelta(hours=11, minutes=59)) is None
    assert budget.live_refresh_seconds(NOON + timedelta(hours=12)) == 15.0


def test_a_late_straggler_does_not_bring_yesterday_back() -> None:
    """A thread that took its time before midnight counts into the new day, and resets nothing."""
    budget = QueryBudget(100)
    tomorrow = NOON + timedelta(days=1)
    budget.spend(tomorrow, "active_visitors")
    budget.spend(NOON, "active_visitors")
    assert budget.spent(tomorrow) == 2


def test_an_unlimited_budget_never_slows_down() -> None:
    """The local stack answers as often as it is asked."""
    budget = QueryBudget(None)
    for _ in range(10_000):
        budget.spend(NOON, "active_visitors")
    assert budget.live_refresh_seconds(NOON) == 15.0
    assert budget.live_fresh_for(NOON) == timedelta(seconds=4)


@pytest.mark.parametrize("spent", [0, 200, 300, 400, 600], ids=["15 s", "30 s", "60 s", "300 s", "paused"])
def test_every_run_of_the_timer_reads(spent: int) -> None:
    """What the run before read is not fresh any more; what another viewer read meanwhile is shared."""
    budget = QueryBudget(1000)
    for _ in range(spent):
        budget.spend(NOON, "active_visitors")
    seconds = budget.live_refresh_seconds(NOON) or 300.0
    assert timedelta(seconds=seconds - 1.5) < budget.live_fresh_for(NOON) < timedelta(seconds=seconds)


def test_queries_are_counted_by_pipe() -> None:
    """The parts add up to the whole, and a new day empties them too."""
    budget = QueryBudget(1000)
    for pipe in ("kpi_timeseries", "inbox_analytics", "kpi_timeseries"):
        budget.spend(NOON, pipe)
    assert budget.spent_by_pipe(NOON) == {"kpi_timeseries": 2, "inbox_analytics": 1}
    assert budget.spent(NOON) == 3
    assert budget.spent_by_pipe(NOON + timedelta(days=1)) == {}
