"""Time saved, computed by hand."""

import pytest

from analytics.kpis.ai_and_people.outcomes import Cohort, Outcome
from analytics.kpis.ai_and_people.time_saved import LONGEST_MINUTES, Minutes, time_saved


def cohort(ai: Outcome) -> Cohort:
    """A cohort in which people resolved a hundred conversations, which save nothing."""
    people = Outcome(conversations=100, escalated=40, known=90, durable=80)
    return Cohort(ai, people, Outcome(conversations=7))


def test_the_lower_end_has_what_lasted_and_the_upper_end_what_has_not_come_back() -> None:
    """Of 20 by the AI, 12 are judged: 10 lasted, 2 came back, 1 more came back early; 3 had been handed over."""
    saved = time_saved(
        cohort(Outcome(conversations=20, escalated=3, known=12, durable=10, came_back_early=1)),
        Minutes(2.5, 12),
    )
    assert (saved.fewest, saved.most) == (7, 17)
    assert (saved.low_seconds, saved.high_seconds) == (7 * 150, 17 * 720)


def test_more_handed_over_than_lasted_save_nothing_for_sure() -> None:
    """Never less than nothing."""
    saved = time_saved(cohort(Outcome(conversations=5, escalated=4, known=3, durable=3)), Minutes(3, 3))
    assert (saved.fewest, saved.low_seconds, saved.most) == (0, 0, 5)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 5), (-1, 5), (5, 4.9), (1, LONGEST_MINUTES + 0.1), (float("nan"), 5)]
)
def test_a_range_of_minutes_has_an_order_and_an_end(low: float, high: float) -> None:
    """What is typed is refused in words."""
    with pytest.raises(ValueError, match="Enter at least"):
        Minutes(low, high)
