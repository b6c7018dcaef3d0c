"""KPI values with their change against the previous period. Pure.

`analytics.kpis.declarations` defines the KPIs, `analytics.kpis.verdicts` judges the changes. A KPI that is not compared
contains no data of the previous period.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from analytics.errors import SourceError
from analytics.kpis.declarations import KpiKey, Metric
from analytics.kpis.intervals import ArrivalCount
from analytics.kpis.median_mix import Split, split
from analytics.kpis.satisfaction.index import SatisfactionIndex
from analytics.kpis.totals import Funnel
from analytics.kpis.verdicts import NOTHING_MEASURED, Delta, Estimate, verdict_on
from analytics.readings import SentQuery
from analytics.scope.tiers import Comparability


@dataclass(frozen=True, slots=True)
class Kpi:
    """One metric of one period.

    Attributes:
        metric: The metric.
        current: The value measured in the period; without a value when there was nothing to measure.
        previous: The same for the previous period; None when not compared.
        delta: The change against the previous period.
        missing_reason: Why there is no value; None when there is one.
        note: A note to show with the value; None without one.
        since: First local day that was counted, if later than the start of the period; else None.
        split: For the two medians, the change split into own part and mix part; None without a change.
        still_waiting: For the median response, how many conversations started in the period are open and never answered now:
            they are missing from it. None where they are not counted.
        still_waiting_stale_since: When these were read, in the view's timezone, if that is a last good value; None for a fresh one.
    """

    metric: Metric
    current: Estimate
    previous: Estimate | None
    delta: Delta
    missing_reason: str | None = None
    note: str | None = None
    since: date | None = None
    split: Split | None = None
    still_waiting: int | None = None
    still_waiting_stale_since: datetime | None = None

    @property
    def value(self) -> float | None:
        """Seconds, 0..1, 0..100 or a count, by the metric's kind; None when there was nothing to measure."""
        return self.current.value

    @property
    def previous_value(self) -> float | None:
        """The same for the previous period; None when not compared or nothing to measure."""
        return None if self.previous is None else self.previous.value


@dataclass(frozen=True, slots=True)
class KpiBoard:
    """All KPIs of a period. A failed source affects only the KPIs that use it.

    Attributes:
        kpis: In card order; without those whose source failed.
        errors: The error of each KPI that is not in `kpis`.
        funnel: None when conversations could not be read.
        satisfaction: The index with its components; None when one of its sources could not be read.
        previous_satisfaction: The same for the previous period; None when not read.
        queries: The queries sent for each KPI; empty if none was needed.
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
    """Compute the KPI of a metric: value, change and verdict.

    Args:
        metric: The metric.
        current: The period shown; None when data does not reach it.
        previous: The previous period; None when it was not read.
        comparability: Whether the periods may be compared.
        limit_note: Why the period was cut, if it was; the missing reason when there is no value.
        since: First local day that was counted, if later than the start of the period.
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
    """The estimate of a side: a count is exact and its own n; None has no value."""
    if isinstance(side, ArrivalCount):
        return Estimate(float(side.value), side.value, None)
    return NOTHING_MEASURED if side is None else side


def _neutral_note(names: tuple[str, ...]) -> str | None:
    """A sentence with the components that are missing from an index; None without any."""
    if not names:
        return None
    said = " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))).capitalize()
    return f"{said} {'are missing and count' if len(names) > 1 else 'is missing and counts'} as neutral 50."
