"""Totals of conversations and visitors per period, as the pipes return them, before they become KPIs. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from analytics.kpis.intervals import Interval
from analytics.kpis.median_mix import Mixed


@dataclass(frozen=True, slots=True)
class Funnel:
    """Steps that the conversations started in the period reached by its end.

    Attributes:
        started: Distinct conversations started in the period.
        responded: Of `started`, those with a first response.
        resolved: Of `responded`, those resolved by AI or people.
        ai_resolved: Of `resolved`, those whose last resolution was by the AI agent.
        resolved_unanswered: Of `started`, those resolved without a first response: in no later step.
    """

    started: int
    responded: int
    resolved: int
    ai_resolved: int
    resolved_unanswered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationTotals:
    """One row of the `inbox_analytics` pipe: the conversations of one period. All zero and None without a row.

    Counts are distinct conversations. Durations are seconds; None without values, for interval ends below 6 values, and for
    p90 below 10. `ai_handled_ratio` is 0..1; None when nothing was resolved. `ai_resolved` counts conversations whose
    last resolution in the period was by the AI agent.

    The `started_` counts are about the conversations started in the period: each is a part of the one before it, but for
    `started_resolved_unanswered`, those resolved without a first response.

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
        """The funnel of the conversations started in the period."""
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
        """Response times by handler: the AI's are those of conversations that it resolved; all others count as people's."""
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
        """Resolution times by handler."""
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
