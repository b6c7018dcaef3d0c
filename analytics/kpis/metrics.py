"""KPI values with their change against the period before. Pure.

What a KPI is stands in `analytics.kpis.declarations`, which changes are real in `analytics.kpis.verdicts`. Where a KPI is
not compared, it carries nothing of the period before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from analytics.errors import SourceError
from analytics.kpis.declarations import KpiKey, Metric
from analytics.kpis.intervals import ArrivalCount
from analytics.kpis.median_mix import Split, split
from analytics.kpis.satisfaction import SatisfactionIndex
from analytics.kpis.totals import Funnel
from analytics.kpis.verdicts import NOTHING_MEASURED, Delta, Estimate, verdict_on
from analytics.readings import SentQuery
from analytics.scope.tiers import Comparability


@dataclass(frozen=True, slots=True)
class Kpi:
    """One metric of one period.

    Attributes:
        metric: What it is.
        current: What was measured in the period; without a value when there was nothing to measure.
        previous: The same of the period before; None when not compared.
        delta: The change against the period before.
        missing_reason: Why there is no value; None when there is one.
        note: What a reader has to know beside the value; None when nothing.
        since: First local day that was counted, when not all of the period was; None otherwise.
        split: For the two medians, the change in what the AI and people did and what their mix did; None when there is
            no change.
    """

    metric: Metric
    current: Estimate
    previous: Estimate | None
    delta: Delta
    missing_reason: str | None = None
    note: str | None = None
    since: date | None = None
    split: Split | None = None

    @property
    def value(self) -> float | None:
        """Seconds, 0..1, 0..100 or a count, as the metric's kind says; None when there was nothing to measure."""
        return self.current.value

    @property
    def previous_value(self) -> float | None:
        """The same of the period before; None when not compared or not measurable."""
        return None if self.previous is None else self.previous.value


@dataclass(frozen=True, slots=True)
class KpiBoard:
    """All KPIs of a period. One failed source takes down its own KPIs and no other.

    Attributes:
        kpis: In card order; without those whose source failed.
        errors: Why a KPI is not in `kpis`.
        funnel: None when conversations could not be read.
        satisfaction: The index opened; None when one of its sources could not be read.
        previous_satisfaction: The same of the period before; None when not read.
        queries: What was asked for each KPI, as sent; empty for one without data to ask for.
    """

    kpis: Mapping[KpiKey, Kpi]
    errors: Mapping[KpiKey, SourceError]
    funnel: Funnel | None
    satisfaction: SatisfactionIndex | None
    previous_satisfaction: SatisfactionIndex | None
    queries: Mapping[KpiKey, tuple[SentQuery, ...]]


def compared_kpi(
    metric: Metric,
    current: Estimate | ArrivalCount | None,
    previous: Estimate | ArrivalCount | None,
    comparability: Comparability,
    *,
    limit_note: str | None = None,
    since: date | None = None,
) -> Kpi:
    """The value of a metric, its change and the verdict on it.

    Args:
        metric: Which one.
        current: The period shown; None when its data does not reach it.
        previous: The period before; None when it was not read.
        comparability: Whether they may be compared.
        limit_note: What cut the period, when something did; the missing reason without a value.
        since: First local day that was counted, when not all of the period was.
    """
    before = previous if comparability.is_shown else None
    now, earlier = estimate_of(current), estimate_of(before)
    delta = verdict_on(
        current,
        before,
        comparability,
        unit=metric.unit,
        direction=metric.direction,
        of=metric.n_of,
        nothing=f"{metric.nothing[0].lower()}{metric.nothing[1:]}",
    )
    return Kpi(
        metric,
        now,
        None if before is None else earlier,
        delta,
        missing_reason=(limit_note or f"{metric.nothing} in this period.") if now.value is None else None,
        note=None if now.value is None else limit_note or _neutral_note(now.neutral),
        since=since,
        split=split(now.mix, earlier.mix) if delta.change is not None and now.mix and earlier.mix else None,
    )


def estimate_of(side: Estimate | ArrivalCount | None) -> Estimate:
    """What was measured; a count is exact and rests on itself, and None is no value."""
    if isinstance(side, ArrivalCount):
        return Estimate(float(side.value), side.value, None)
    return NOTHING_MEASURED if side is None else side


def _neutral_note(names: tuple[str, ...]) -> str | None:
    """Which components are missing from an index, in a sentence."""
    if not names:
        return None
    said = " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))).capitalize()
    return f"{said} {'are missing and count' if len(names) > 1 else 'is missing and counts'} as neutral 50."
