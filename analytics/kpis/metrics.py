"""KPI values with their change against the period before. Pure.

Which changes are real is decided by `analytics.kpis.verdicts`. Where a KPI is not compared, it carries nothing of the
period before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Literal

from analytics.errors import SourceError
from analytics.kpis.intervals import Count, Interval, wilson
from analytics.kpis.median_mix import Mixed, Split, split
from analytics.kpis.satisfaction import SatisfactionIndex
from analytics.kpis.totals import ConversationTotals, Funnel
from analytics.kpis.verdicts import Delta, Direction, Measured, Unit, verdict_on
from analytics.readings import Question
from analytics.scope.tiers import Comparability

KpiKey = Literal["median_response", "median_resolution", "ai_handled", "satisfaction", "unique_visitors"]

KPI_ORDER: Final[tuple[KpiKey, ...]] = (
    "median_response",
    "median_resolution",
    "ai_handled",
    "satisfaction",
    "unique_visitors",
)
DIRECTIONS: Final[dict[KpiKey, Direction]] = {
    "median_response": "lower",
    "median_resolution": "lower",
    "ai_handled": "higher",
    "satisfaction": "higher",
    "unique_visitors": "higher",
}
"""Which way is better."""

UNITS: Final[dict[KpiKey, Unit]] = {
    "median_response": "relative",
    "median_resolution": "relative",
    "ai_handled": "pp",
    "satisfaction": "points",
    "unique_visitors": "relative",
}
"""How each KPI is compared."""


@dataclass(frozen=True, slots=True)
class Kpi:
    """One KPI of one period.

    Attributes:
        key: Which one.
        value: Seconds for the two medians, 0..1 for `ai_handled`, 0..100 for `satisfaction`, a count for
            `unique_visitors`; None when there was nothing to measure.
        n: How many observations the value rests on.
        n_unit: What was counted, plural.
        delta: The change against the period before.
        direction: Which way is better.
        missing_reason: Why there is no value; None when there is one.
        previous_value: The same of the period before; None when not compared or not measurable.
        previous_n: Its n; None when not compared.
        p90: 90th percentile in seconds, for the two medians; None otherwise.
        mean: Mean in seconds, for the two medians; None otherwise.
        low: Lower end of the value's 95 % interval, in the value's unit; None when too little was observed.
        high: Upper end.
        note: What a reader has to know beside the number; None when nothing.
        since: First local day that was counted, when not all of the period was; None otherwise.
        split: For the two medians, the change in what the AI and people did and what their mix did; None when there is
            no change.
        still_open: For the resolution, how many of the conversations started in the period were open at its end; None
            for all others.
        n_parts: What n adds up from, each with what was counted, where that is more than one thing.
    """

    key: KpiKey
    value: float | None
    n: int
    n_unit: str
    delta: Delta
    direction: Direction
    missing_reason: str | None = None
    previous_value: float | None = None
    previous_n: int | None = None
    p90: float | None = None
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    note: str | None = None
    since: date | None = None
    split: Split | None = None
    still_open: int | None = None
    n_parts: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class KpiBoard:
    """Everything the KPI cards show. One failed source takes down its own cards and no other.

    Attributes:
        kpis: In card order; without those whose source failed.
        errors: Why a KPI is not in `kpis`.
        funnel: None when conversations could not be read.
        satisfaction: The index opened; None when one of its sources could not be read.
        previous_satisfaction: The same of the period before; None when not read.
        questions: What was asked for each of `kpis`, as sent; empty for one without data to ask for.
    """

    kpis: Mapping[KpiKey, Kpi]
    errors: Mapping[KpiKey, SourceError]
    funnel: Funnel | None
    satisfaction: SatisfactionIndex | None
    previous_satisfaction: SatisfactionIndex | None
    questions: Mapping[KpiKey, tuple[Question, ...]]


def median_response(
    current: ConversationTotals, previous: ConversationTotals | None, comparability: Comparability
) -> Kpi:
    """The median response time: exact median over the period's first responses, in seconds.

    Args:
        current: The period shown.
        previous: The period before; None when it was not read.
        comparability: Whether they may be compared.

    Source: `inbox_analytics`.
    """
    before = None if previous is None else _response_side(previous)
    kpi = _kpi(
        "median_response",
        _response_side(current),
        before,
        comparability,
        n_unit="responses",
        nothing="No responses",
        p90=current.p90_response_seconds,
        mean=current.mean_response_seconds,
    )
    return replace(kpi, split=_split(kpi, current.response_mix, previous.response_mix) if previous else None)


def median_resolution(
    current: ConversationTotals, previous: ConversationTotals | None, comparability: Comparability
) -> Kpi:
    """The median resolution time: exact median over one duration per resolved conversation, in seconds.

    Args:
        current: The period shown.
        previous: The period before; None when it was not read.
        comparability: Whether they may be compared.

    Source: `inbox_analytics`.
    """
    before = None if previous is None else _resolution_side(previous)
    kpi = _kpi(
        "median_resolution",
        _resolution_side(current),
        before,
        comparability,
        n_unit="resolved conversations",
        nothing="No resolved conversations",
        p90=current.p90_resolution_seconds,
        mean=current.mean_resolution_seconds,
    )
    parts = _split(kpi, current.resolution_mix, previous.resolution_mix) if previous else None
    return replace(kpi, split=parts, still_open=current.started_open)


def ai_handled(
    current: ConversationTotals, previous: ConversationTotals | None, comparability: Comparability
) -> Kpi:
    """The share of resolved conversations that the AI agent resolved: `ai_resolved / resolved`, 0..1.

    The change is in percentage points; its interval is Newcombe's, from both sides' Wilson intervals.

    Args:
        current: The period shown.
        previous: The period before; None when it was not read.
        comparability: Whether they may be compared.

    Source: `inbox_analytics`.
    """
    before = None if previous is None else _ai_side(previous)
    return _kpi(
        "ai_handled",
        _ai_side(current),
        before,
        comparability,
        n_unit="resolved conversations",
        nothing="No resolved conversations",
    )


def satisfaction(
    current: SatisfactionIndex, previous: SatisfactionIndex | None, comparability: Comparability
) -> Kpi:
    """The satisfaction index, 0 to 100.

    Two indexes are only compared when the same components are missing from both: otherwise the change would show
    where the neutral 50 stood in, not what people felt. n counts ratings and rated conversations; a conversation with
    both counts twice, and the responses and started conversations of the other two components are not in it.

    Args:
        current: The period shown.
        previous: The period before; None when it was not read.
        comparability: Whether they may be compared.

    Source: `inbox_analytics`, and Postgres `feedback` and `conversation`.
    """
    before = None if previous is None else _satisfaction_side(previous)
    note = None
    if current.score is not None and current.missing:
        names = (
            " and ".join((", ".join(current.missing[:-1]), current.missing[-1]))
            if len(current.missing) > 1
            else current.missing[0]
        )
        verb = "are missing and count" if len(current.missing) > 1 else "is missing and counts"
        note = f"{names.capitalize()} {verb} as neutral 50."
    differing = None
    if previous is not None and current.missing != previous.missing:
        names = ", ".join(sorted(set(current.missing) ^ set(previous.missing)))
        differing = f"only one of the two periods has {names}"
    kpi = _kpi(
        "satisfaction",
        _satisfaction_side(current),
        before,
        comparability,
        n_unit="ratings and sentiments",
        nothing="Nothing rated, answered or started",
        note=note,
        not_comparable=differing,
    )
    counted = (component for component in current.components if component.name in {"rating", "sentiment"})
    return replace(kpi, n_parts=tuple((component.n, f"{component.name}s") for component in counted))


def unique_visitors(
    current: Count | None,
    previous: Count | None,
    comparability: Comparability,
    *,
    note: str | None = None,
    since: date | None = None,
) -> Kpi:
    """Distinct visitors seen in the period. The change is per hour, and the days' changes say how sure it is.

    Args:
        current: The period shown; None when visitor data does not reach it.
        previous: The period before; None when it was not read.
        comparability: Whether they may be compared.
        note: What cut the period, when something did; the missing reason when `current` is None.
        since: First local day that was counted, when not all of the period was.

    Source: `unique_visitors`, and `kpi_timeseries` for the days.
    """
    kpi = _kpi(
        "unique_visitors",
        current,
        previous,
        comparability,
        n_unit="visitors",
        nothing="No visitor data",
        note=note,
    )
    return replace(kpi, since=since)


def _split(kpi: Kpi, current: Mixed, previous: Mixed) -> Split | None:
    return None if kpi.delta.change is None else split(current, previous)


def _response_side(totals: ConversationTotals) -> Measured:
    return Measured(totals.median_response_seconds, totals.responded, totals.response_interval)


def _resolution_side(totals: ConversationTotals) -> Measured:
    return Measured(totals.median_resolution_seconds, totals.resolved, totals.resolution_interval)


def _ai_side(totals: ConversationTotals) -> Measured:
    return Measured(totals.ai_handled_rate, totals.resolved, wilson(totals.ai_resolved, totals.resolved))


def _satisfaction_side(index: SatisfactionIndex) -> Measured:
    n = sum(part.n for part in index.components if part.name in {"rating", "sentiment"})
    return Measured(index.score, n, index.interval)


def _kpi(
    key: KpiKey,
    current: Measured | Count | None,
    previous: Measured | Count | None,
    comparability: Comparability,
    *,
    n_unit: str,
    nothing: str,
    p90: float | None = None,
    mean: float | None = None,
    note: str | None = None,
    not_comparable: str | None = None,
) -> Kpi:
    delta = verdict_on(
        current,
        previous,
        comparability,
        unit=UNITS[key],
        direction=DIRECTIONS[key],
        of=n_unit,
        nothing=f"{nothing[0].lower()}{nothing[1:]}",
        not_comparable=not_comparable,
    )
    value, n = _reading(current)
    before, n_before = _reading(previous if comparability.is_shown else None)
    interval = _interval(current)
    return Kpi(
        key=key,
        value=value,
        n=n or 0,
        n_unit=n_unit,
        delta=delta,
        direction=DIRECTIONS[key],
        missing_reason=(note or f"{nothing} in this period.") if value is None else None,
        previous_value=before,
        previous_n=n_before,
        p90=p90,
        mean=mean,
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        note=None if value is None else note,
    )


def _reading(side: Measured | Count | None) -> tuple[float | None, int | None]:
    """Value and n of a side; a count rests on itself."""
    if isinstance(side, Count):
        return float(side.value), side.value
    return (None, None) if side is None else (side.value, side.n)


def _interval(side: Measured | Count | None) -> Interval | None:
    """The interval of what was measured; a count is exact."""
    return side.interval if isinstance(side, Measured) else None
