"""What the pipes count per period: conversations and visitors. Pure values, before they become KPIs."""

from __future__ import annotations

from dataclasses import dataclass

from analytics.kpis.intervals import Interval
from analytics.kpis.median_mix import Mixed


@dataclass(frozen=True, slots=True)
class Funnel:
    """How far the conversations started in the period came by its end.

    Attributes:
        started: Distinct conversations started in the period.
        responded: Of these, those with a first response.
        resolved: Of these, those resolved by AI or people.
        ai_resolved: Of these, those whose last resolution was the AI agent's.
        resolved_unanswered: Of the started, those resolved without a first response: in no step after the first.
    """

    started: int
    responded: int
    resolved: int
    ai_resolved: int
    resolved_unanswered: int


@dataclass(frozen=True, slots=True)
class ConversationTotals:
    """One row of the `inbox_analytics` pipe: the conversations of one period. All zero and None without a row.

    Counts are distinct conversations. Durations are seconds; None when there was none, for the intervals below 6
    values, and for p90 below 10. `ai_handled_ratio` is 0..1; None when nothing was resolved. `ai_resolved` counts those
    whose last resolution in the period was the AI agent's.

    The `started_` counts follow the conversations started in the period: each counts those that also came as far as
    the count before it; `started_resolved_unanswered` are those resolved without a first response.

    The `_other_mix_` medians are those of this period's durations at the other period's mix of handlers (AI or not);
    None when the other period has a handler that this one lacks. `responded_ai_resolved` is the AI's part of
    `responded`.
    """

    started: int = 0
    responded: int = 0
    resolved: int = 0
    ai_resolved: int = 0
    escalated: int = 0
    feedback: int = 0
    median_response_seconds: float | None = None
    p90_response_seconds: float | None = None
    median_resolution_seconds: float | None = None
    p90_resolution_seconds: float | None = None
    median_response_low_seconds: float | None = None
    median_response_high_seconds: float | None = None
    median_resolution_low_seconds: float | None = None
    median_resolution_high_seconds: float | None = None
    ai_handled_ratio: float | None = None
    mean_response_seconds: float | None = None
    mean_resolution_seconds: float | None = None
    started_responded: int = 0
    started_resolved: int = 0
    started_ai_resolved: int = 0
    started_resolved_unanswered: int = 0
    responded_ai_resolved: int = 0
    median_response_other_mix_seconds: float | None = None
    median_resolution_other_mix_seconds: float | None = None
    median_response_other_mix_low_seconds: float | None = None
    median_response_other_mix_high_seconds: float | None = None
    median_resolution_other_mix_low_seconds: float | None = None
    median_resolution_other_mix_high_seconds: float | None = None

    @property
    def funnel(self) -> Funnel:
        """How far the conversations started in the period came; no step passes the one before."""
        return Funnel(
            started=self.started,
            responded=self.started_responded,
            resolved=self.started_resolved,
            ai_resolved=self.started_ai_resolved,
            resolved_unanswered=self.started_resolved_unanswered,
        )

    @property
    def started_open(self) -> int:
        """Of the conversations started in the period, those not resolved by its end."""
        return self.started - self.started_resolved - self.started_resolved_unanswered

    @property
    def response_mix(self) -> Mixed:
        """The responses, and the part of those whose conversation the AI resolved; others, open ones too, are people's."""
        return Mixed(
            self.median_response_seconds,
            self.responded,
            self.responded_ai_resolved,
            self.median_response_other_mix_seconds,
            self.response_interval,
            _interval(
                self.median_response_other_mix_low_seconds, self.median_response_other_mix_high_seconds
            ),
        )

    @property
    def resolution_mix(self) -> Mixed:
        """The resolutions, and the AI's part."""
        return Mixed(
            self.median_resolution_seconds,
            self.resolved,
            self.ai_resolved,
            self.median_resolution_other_mix_seconds,
            self.resolution_interval,
            _interval(
                self.median_resolution_other_mix_low_seconds, self.median_resolution_other_mix_high_seconds
            ),
        )

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
