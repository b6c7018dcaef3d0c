"""Totals: intervals are there whole or not at all; the funnel is that of the started."""

from dataclasses import replace

from analytics.kpis.intervals import Interval
from analytics.kpis.totals import ConversationTotals, Funnel

TOTALS = ConversationTotals(
    started=10,
    responded=8,
    resolved=6,
    ai_resolved=3,
    escalated=1,
    feedback=2,
    median_response_seconds=60.0,
    p90_response_seconds=90.0,
    median_resolution_seconds=600.0,
    p90_resolution_seconds=900.0,
    median_response_low_seconds=50.0,
    median_response_high_seconds=70.0,
    median_resolution_low_seconds=500.0,
    median_resolution_high_seconds=700.0,
    ai_handled_ratio=0.5,
    mean_response_seconds=200.0,
    mean_resolution_seconds=2000.0,
)


def test_both_ends_make_an_interval() -> None:
    """In seconds, one for each median."""
    assert TOTALS.response_interval == Interval(50.0, 70.0)
    assert TOTALS.resolution_interval == Interval(500.0, 700.0)


def test_the_funnel_follows_the_started() -> None:
    """Its steps are the counts of the conversations started in the period, not all of the period's events."""
    totals = replace(
        TOTALS,
        started_responded=7,
        started_resolved=5,
        started_ai_resolved=2,
        started_resolved_unanswered=1,
    )
    assert totals.funnel == Funnel(10, 7, 5, 2, 1)


def test_below_six_values_there_is_none() -> None:
    """The pipe gives NULL for the ends: too few to say."""
    few = replace(TOTALS, median_response_low_seconds=None, median_response_high_seconds=None)
    assert few.response_interval is None
    assert few.resolution_interval is not None
