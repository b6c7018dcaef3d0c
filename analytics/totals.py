"""What the pipes count per period: conversations and visitors. Pure values, before they become KPIs."""

from __future__ import annotations

from dataclasses import dataclass

from analytics.intervals import Interval


@dataclass(frozen=True, slots=True)
class ConversationTotals:
    """One row of the `inbox_analytics` pipe: the conversations of one period.

    Counts are distinct conversations. Durations are seconds; None when there was none, and for the intervals below
    6 values. `ai_handled_rate` is 0..1; None when nothing was resolved.
    """

    started: int
    responded: int
    resolved: int
    ai_resolved: int
    escalated: int
    feedback: int
    median_response_seconds: float | None
    p90_response_seconds: float | None
    median_resolution_seconds: float | None
    p90_resolution_seconds: float | None
    median_response_low_seconds: float | None
    median_response_high_seconds: float | None
    median_resolution_low_seconds: float | None
    median_resolution_high_seconds: float | None
    ai_handled_rate: float | None
    mean_response_seconds: float | None
    mean_resolution_seconds: float | None

    @property
    def response_interval(self) -> Interval | None:
        """95 % interval of the median response, seconds; None below 6 responses."""
        return _interval(self.median_response_low_seconds, self.median_response_high_seconds)

    @property
    def resolution_interval(self) -> Interval | None:
        """95 % interval of the median resolution, seconds; None below 6 resolutions."""
        return _interval(self.median_resolution_low_seconds, self.median_resolution_high_seconds)


@dataclass(frozen=True, slots=True)
class ConversationPeriods:
    """The two rows of the `inbox_analytics` pipe."""

    current: ConversationTotals
    previous: ConversationTotals


@dataclass(frozen=True, slots=True)
class VisitorPeriods:
    """The two rows of the `unique_visitors` pipe."""

    current: int
    previous: int


def _interval(low: float | None, high: float | None) -> Interval | None:
    return None if low is None or high is None else Interval(low, high)
