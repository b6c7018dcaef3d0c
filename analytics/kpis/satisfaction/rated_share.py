"""The share of resolved conversations that visitors rated: of all, of the AI agent's and of people's. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import pandas as pd

from analytics.kpis.declarations import Metric
from analytics.kpis.intervals import wilson
from analytics.kpis.metrics import Kpi, compared_kpi
from analytics.kpis.timeseries import BUCKETS, Which, slot_positions, with_edges
from analytics.kpis.verdicts import Estimate
from analytics.scope.buckets import bucket_starts
from analytics.scope.views import ResolvedView

ResolvedBy = Literal["all", "ai", "people"]

_COUNTS: Final = ("ai_resolved", "ai_rated", "people_resolved", "people_rated")
_TITLES: Final[dict[ResolvedBy, tuple[str, str, str]]] = {
    "all": (
        "Rated by visitors",
        "All",
        "The share of resolved conversations that the visitor rated.",
    ),
    "ai": (
        "Rated, resolved by AI",
        "AI agent",
        "The share of conversations resolved by the AI agent that the visitor rated.",
    ),
    "people": (
        "Rated, resolved by people",
        "People",
        "The share of conversations resolved by people that the visitor rated.",
    ),
}
METRICS: Final[dict[ResolvedBy, Metric]] = {
    by: Metric(
        key=f"rated_{by}",
        title=title,
        label=label,
        definition=f"{definition} Counted where they were resolved; a rating counts if it was given before the period ended, so "
        "that both periods had as much time. The few who rate may not be like the others.",
        kind="ratio",
        direction="higher",
        column=f"{by}_rated_ratio",
        n_of="resolved conversations",
        n_column=f"{by}_resolved",
        nothing="No resolved conversations",
    )
    for by, (title, label, definition) in _TITLES.items()
}
"""In the order of their cards."""

COLUMNS: Final = (
    *BUCKETS,
    *(f"{by}_{what}" for by in METRICS for what in ("resolved", "rated", "rated_ratio")),
)


@dataclass(frozen=True, slots=True)
class RatedShare:
    """How many resolved conversations were rated.

    Attributes:
        kpis: The shares of the period, compared with the one before.
        series: The same over time; see `cached.rated_share`.
    """

    kpis: Mapping[ResolvedBy, Kpi]
    series: pd.DataFrame


def rated_share(slots: pd.DataFrame, resolved: ResolvedView) -> RatedShare:
    """Compute the shares.

    Args:
        slots: As in `schemas.RATED_SHARE`.
        resolved: The periods and the bucket.
    """
    is_compared = resolved.comparability.is_shown
    kpis = {
        by: compared_kpi(
            metric,
            _estimate(slots, by, "current"),
            _estimate(slots, by, "previous") if is_compared else None,
            resolved.comparability,
        )
        for by, metric in METRICS.items()
    }
    sides: tuple[Which, ...] = ("current", "previous") if is_compared else ("current",)
    parts = [_side(slots, resolved, which) for which in sides]
    series = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    return RatedShare(kpis, series)


def _estimate(slots: pd.DataFrame, by: ResolvedBy, which: Which) -> Estimate:
    counts = _with_all(slots[slots["period"] == which])
    resolved, rated = int(counts[f"{by}_resolved"].sum()), int(counts[f"{by}_rated"].sum())
    return Estimate(rated / resolved if resolved else None, resolved, wilson(rated, resolved))


def _side(slots: pd.DataFrame, resolved: ResolvedView, which: Which) -> pd.DataFrame:
    period = resolved.period if which == "current" else resolved.previous
    starts = pd.Series(bucket_starts(period, resolved.bucket), dtype="datetime64[us, UTC]")
    part = slots[slots["period"] == which]
    counts = part[list(_COUNTS)].groupby(slot_positions(starts, part["slot_start"])).sum()
    counts = _with_all(counts.reindex(range(len(starts)), fill_value=0))
    counts = counts.assign(period=which, bucket_index=counts.index, bucket_start=starts)
    for by in METRICS:
        counts[f"{by}_rated_ratio"] = counts[f"{by}_rated"] / counts[f"{by}_resolved"].where(
            counts[f"{by}_resolved"] > 0
        )
    return with_edges(counts, resolved.period, period, resolved)[list(COLUMNS)]


def _with_all(counts: pd.DataFrame) -> pd.DataFrame:
    """The counts with those of the AI agent and of people added up."""
    return counts.assign(
        **{f"all_{what}": counts[f"ai_{what}"] + counts[f"people_{what}"] for what in ("resolved", "rated")}
    )
