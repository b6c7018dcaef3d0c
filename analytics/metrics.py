"""KPI values, their change against the period before, and the verdict on that change. Pure.

A comparison is honest or absent: when the period before cannot be read in full, or one side has nothing, there is
no change but a reason. A change whose 95 % intervals overlap is within noise. Growth from zero is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from analytics.errors import SourceError
from analytics.intervals import Interval, poisson, wilson
from analytics.satisfaction import SatisfactionIndex
from analytics.tiers import Comparable
from analytics.totals import ConversationTotals, Funnel

KpiKey = Literal["median_response", "median_resolution", "ai_handled", "satisfaction", "unique_visitors"]
Unit = Literal["relative", "pp", "points"]
Verdict = Literal["better", "worse", "within_noise", "not_comparable", "off"]
Direction = Literal["lower", "higher"]

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
class Delta:
    """The change against the period before.

    Attributes:
        change: In `unit`; None when there is none to show (verdict `not_comparable` or `off`).
        unit: `relative` (−0.12 is 12 % less), `pp` (percentage points, −3.5) or `points` (of the index).
        verdict: `better` and `worse` are real changes; `within_noise` is a change that may be chance;
            `not_comparable` comes with its reason; `off` when the viewer compares nothing.
        reason: Why the verdict is not a plain better or worse; None when it is.
        longest_comparable_days: The longest "last N days" that could be compared, when the limit is what forbids
            this one; None otherwise.
    """

    change: float | None
    unit: Unit
    verdict: Verdict
    reason: str | None = None
    longest_comparable_days: int | None = None


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
        previous_value: The same of the period before; None when not read or not measurable.
        previous_n: Its n; None when not read.
        p90: 90th percentile in seconds, for the two medians; None otherwise.
        mean: Mean in seconds, for the two medians; None otherwise.
        low: Lower end of the value's 95 % interval, in the value's unit; None when too little was observed.
        high: Upper end.
        note: What a reader has to know beside the number; None when nothing.
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


@dataclass(frozen=True, slots=True)
class KpiBoard:
    """Everything the KPI cards show. One failed source takes down its own cards and no other.

    Attributes:
        kpis: In card order; without those whose source failed.
        errors: Why a KPI is not in `kpis`.
        funnel: None when conversations could not be read.
        satisfaction: The index opened; None when one of its sources could not be read.
        previous_satisfaction: The same of the period before; None when not read.
    """

    kpis: Mapping[KpiKey, Kpi]
    errors: Mapping[KpiKey, SourceError]
    funnel: Funnel | None
    satisfaction: SatisfactionIndex | None
    previous_satisfaction: SatisfactionIndex | None


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether a KPI is compared at all.

    Attributes:
        is_compared: False when the viewer switched comparison off.
        comparable: What the limits allow.
    """

    is_compared: bool
    comparable: Comparable


@dataclass(frozen=True, slots=True)
class _Side:
    value: float | None
    n: int
    interval: Interval | None


def relative_change(current: float, previous: float) -> float | None:
    """`(current − previous) / previous`; None from zero, because no growth rate starts there.

    >>> relative_change(90.0, 120.0), relative_change(5.0, 0.0)
    (-0.25, None)
    """
    return (current - previous) / previous if previous else None


def median_response(current: ConversationTotals, previous: ConversationTotals | None, gate: Gate) -> Kpi:
    """The median response time: exact median over the period's first responses, in seconds.

    Args:
        current: The period shown.
        previous: The period before; None when it was not read.
        gate: Whether they may be compared.

    Source: `inbox_analytics`.
    """
    before = None if previous is None else _response_side(previous)
    return _kpi(
        "median_response",
        _response_side(current),
        before,
        gate,
        n_unit="responses",
        nothing="No responses",
        p90=current.p90_response_seconds,
        mean=current.mean_response_seconds,
    )


def median_resolution(current: ConversationTotals, previous: ConversationTotals | None, gate: Gate) -> Kpi:
    """The median resolution time: exact median over one duration per resolved conversation, in seconds.

    Args:
        current: The period shown.
        previous: The period before; None when it was not read.
        gate: Whether they may be compared.

    Source: `inbox_analytics`.
    """
    before = None if previous is None else _resolution_side(previous)
    return _kpi(
        "median_resolution",
        _resolution_side(current),
        before,
        gate,
        n_unit="resolved conversations",
        nothing="No resolved conversations",
        p90=current.p90_resolution_seconds,
        mean=current.mean_resolution_seconds,
    )


def ai_handled(current: ConversationTotals, previous: ConversationTotals | None, gate: Gate) -> Kpi:
    """The share of resolved conversations that the AI agent resolved: `ai_resolved / resolved`, 0..1.

    The change is in percentage points; the verdict compares Wilson intervals.

    Args:
        current: The period shown.
        previous: The period before; None when it was not read.
        gate: Whether they may be compared.

    Source: `inbox_analytics`.
    """
    before = None if previous is None else _ai_side(previous)
    return _kpi(
        "ai_handled",
        _ai_side(current),
        before,
        gate,
        n_unit="resolved conversations",
        nothing="No resolved conversations",
    )


def satisfaction(current: SatisfactionIndex, previous: SatisfactionIndex | None, gate: Gate) -> Kpi:
    """The satisfaction index, 0 to 100.

    Two indexes are only compared when the same components are missing from both: otherwise the change would show
    where the neutral 50 stood in, not what people felt. n counts ratings and rated conversations.

    Args:
        current: The period shown.
        previous: The period before; None when it was not read.
        gate: Whether they may be compared.

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
    return _kpi(
        "satisfaction",
        _satisfaction_side(current),
        before,
        gate,
        n_unit="ratings and sentiments",
        nothing="Nothing rated, answered or started",
        note=note,
        not_comparable=differing,
    )


def unique_visitors(current: int | None, previous: int | None, gate: Gate, *, note: str | None = None) -> Kpi:
    """Distinct visitors seen in the period. The verdict compares Poisson intervals of the two counts.

    Args:
        current: The period shown; None when visitor data does not reach it.
        previous: The period before; None when it was not read.
        gate: Whether they may be compared.
        note: What cut the period, when something did; the missing reason when `current` is None.

    Source: `unique_visitors`.
    """
    return _kpi(
        "unique_visitors",
        _visitor_side(current),
        None if previous is None else _visitor_side(previous),
        gate,
        n_unit="visitors",
        nothing="No visitor data",
        note=note,
    )


def _response_side(totals: ConversationTotals) -> _Side:
    return _Side(totals.median_response_seconds, totals.responded, totals.response_interval)


def _resolution_side(totals: ConversationTotals) -> _Side:
    return _Side(totals.median_resolution_seconds, totals.resolved, totals.resolution_interval)


def _ai_side(totals: ConversationTotals) -> _Side:
    return _Side(totals.ai_handled_rate, totals.resolved, wilson(totals.ai_resolved, totals.resolved))


def _satisfaction_side(index: SatisfactionIndex) -> _Side:
    n = sum(part.n for part in index.components if part.name in {"rating", "sentiment"})
    return _Side(index.score, n, index.interval)


def _visitor_side(count: int | None) -> _Side:
    return _Side(None, 0, None) if count is None else _Side(float(count), count, poisson(count))


def _kpi(
    key: KpiKey,
    current: _Side,
    previous: _Side | None,
    gate: Gate,
    *,
    n_unit: str,
    nothing: str,
    p90: float | None = None,
    mean: float | None = None,
    note: str | None = None,
    not_comparable: str | None = None,
) -> Kpi:
    delta = _delta(key, current, previous, gate, nothing=nothing, not_comparable=not_comparable)
    is_missing = current.value is None
    return Kpi(
        key=key,
        value=current.value,
        n=current.n,
        n_unit=n_unit,
        delta=delta,
        direction=DIRECTIONS[key],
        missing_reason=(note or f"{nothing} in this period.") if is_missing else None,
        previous_value=None if previous is None else previous.value,
        previous_n=None if previous is None else previous.n,
        p90=p90,
        mean=mean,
        low=None if current.interval is None else current.interval.low,
        high=None if current.interval is None else current.interval.high,
        note=None if is_missing else note,
    )


def _delta(
    key: KpiKey,
    current: _Side,
    previous: _Side | None,
    gate: Gate,
    *,
    nothing: str,
    not_comparable: str | None,
) -> Delta:
    unit = UNITS[key]
    if not gate.is_compared:
        return Delta(None, unit, "off")
    if not gate.comparable.is_ok:
        return Delta(None, unit, "not_comparable", gate.comparable.reason, gate.comparable.longest_days)
    if current.value is None or previous is None or previous.value is None:
        side = "in this period" if current.value is None else "in the period before"
        return Delta(None, unit, "not_comparable", f"{nothing[0].lower()}{nothing[1:]} {side}")
    if not_comparable is not None:
        return Delta(None, unit, "not_comparable", not_comparable)
    change = _change(unit, current.value, previous.value)
    if change is None:
        return Delta(None, unit, "not_comparable", "the period before is at zero")
    if current.interval is None or previous.interval is None:
        return Delta(change, unit, "within_noise", "too few observations to tell")
    if current.interval.overlaps(previous.interval):
        return Delta(change, unit, "within_noise", "the 95 % intervals of the two periods overlap")
    is_lower = change < 0
    return Delta(change, unit, "better" if is_lower == (DIRECTIONS[key] == "lower") else "worse")


def _change(unit: Unit, current: float, previous: float) -> float | None:
    if unit == "relative":
        return relative_change(current, previous)
    return (current - previous) * 100 if unit == "pp" else current - previous
