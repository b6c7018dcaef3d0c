"""KPIs over time: joins pipe rows and satisfaction scores into the frame that charts draw. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from analytics.errors import SourceError
from analytics.kpis.declarations import KPIS, PeriodFigures
from analytics.kpis.intervals import ArrivalCount
from analytics.kpis.metrics import estimate_of
from analytics.kpis.satisfaction.index import NO_INDEX, SatisfactionIndex, Scores, satisfaction_index
from analytics.kpis.totals import ConversationTotals
from analytics.readings import Reading
from analytics.schemas.overview import CONVERSATION_COUNTS
from analytics.scope import clock, comparison
from analytics.scope.periods import Period
from analytics.scope.views import ResolvedView

Which = Literal["current", "previous"]

COUNTS: Final = tuple(column.name for column in CONVERSATION_COUNTS)
BUCKETS: Final = ("period", "bucket_index", "bucket_start", "bucket_end", "aligned_start", "is_complete")
"""The columns of a bucket, as `with_edges` makes them."""

COLUMNS: Final = (
    *BUCKETS,
    *COUNTS,
    *(kpi.column for kpi in KPIS.values()),
    "p90_response_seconds",
    "p90_resolution_seconds",
    "satisfaction_missing",
)
CONVERSATION_COLUMNS: Final = tuple(
    column
    for column in COLUMNS
    if column not in {kpi.column for kpi in KPIS.values() if kpi.sources != ("conversations",)}
    and column != "satisfaction_missing"
)
"""The columns that depend on conversations alone."""


def joined(
    resolved: ResolvedView,
    rows: Reading[pd.DataFrame] | SourceError,
    scores: Reading[pd.DataFrame] | SourceError,
    series: Callable[[pd.DataFrame, pd.DataFrame | None, ResolvedView], pd.DataFrame] | None = None,
) -> Reading[pd.DataFrame]:
    """Build the series of a view from its two reads; see `cached.kpi_timeseries` for the columns.

    Without scores the satisfaction column is NaN and `failures` has the reason. Without a comparison there are no rows of the
    previous period.

    Args:
        resolved: The view.
        rows: As in `schemas.KPI_TIMESERIES`.
        scores: As in `schemas.RATING_AND_SENTIMENT`.
        series: `kpi_timeseries`, or what knows its results.

    Raises:
        SourceError: The pipe could not be read.
    """
    if isinstance(rows, SourceError):
        raise rows
    known = None if isinstance(scores, SourceError) else scores.value
    frame = (series or kpi_timeseries)(rows.value, known, resolved)
    if isinstance(scores, SourceError):
        return Reading(frame, rows.as_of, rows.is_stale, rows.stale_reason, failures=(scores,))
    return Reading(
        frame,
        min(rows.as_of, scores.as_of),
        rows.is_stale or scores.is_stale,
        rows.stale_reason or scores.stale_reason,
    )


def kpi_timeseries(rows: pd.DataFrame, scores: pd.DataFrame | None, resolved: ResolvedView) -> pd.DataFrame:
    """One row per (period, bucket), sorted by both, with the columns `COLUMNS`; see `cached.kpi_timeseries`.

    Args:
        rows: As in `schemas.KPI_TIMESERIES`.
        scores: As in `schemas.RATING_AND_SENTIMENT`; None when they could not be read: the satisfaction column is then NaN
            (unlike a bucket without ratings, which counts as neutral).
        resolved: The periods and the bucket.
    """
    sides: tuple[Which, ...] = ("current", "previous") if resolved.comparability.is_shown else ("current",)
    parts = [_side(rows, scores, resolved, which) for which in sides]
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def scores_of(slots: pd.DataFrame, kind: Literal["rating", "sentiment"]) -> Scores:
    """The slots' scores of one kind, added up; n = 0 without slots."""
    return Scores(
        n=int(slots[f"{kind}_count"].sum()),
        total=float(slots[f"{kind}_total"].sum()),
        total_of_squares=float(slots[f"{kind}_total_of_squares"].sum()),
    )


def slot_positions(starts: pd.Series, slots: pd.Series) -> np.ndarray:
    """The position of the bucket that each quarter of an hour is in.

    Args:
        starts: First instants of the buckets, ascending.
        slots: First instants of the quarters; one that begins before a clipped first bucket belongs to it, because the query
            returns no earlier data.
    """
    return (starts.searchsorted(slots, side="right") - 1).clip(min=0)


def _side(
    rows: pd.DataFrame, scores: pd.DataFrame | None, resolved: ResolvedView, which: Which
) -> pd.DataFrame:
    period = resolved.period if which == "current" else resolved.previous
    part = rows[rows["period"] == which].sort_values("bucket_index", ignore_index=True)
    starts = part["bucket_start"]
    indexes = _indexes(part, scores, which)
    figures = [
        PeriodFigures(_totals(row), index, _visitors(row["unique_visitors"]))
        for row, index in zip(part.to_dict("records"), indexes, strict=True)
    ]
    are_visitors_shown = which == "current" or resolved.visitors_comparability.is_shown
    part = with_edges(part, resolved.period, period, resolved).assign(
        satisfaction_missing=pd.Series([", ".join(index.missing) for index in indexes], dtype="str"),
        **{
            kpi.column: pd.Series([estimate_of(kpi.measure(each)).value for each in figures], dtype="float64")
            for kpi in KPIS.values()
        },
    )
    part["unique_visitors"] = part["unique_visitors"].where(
        (starts >= resolved.earliest_visitors) & are_visitors_shown
    )
    return part[list(COLUMNS)]


def with_edges(part: pd.DataFrame, shown: Period, period: Period, resolved: ResolvedView) -> pd.DataFrame:
    """The buckets of a period with their edges, their places beside the period shown, and whether they are complete."""
    starts, zone = part["bucket_start"], period.timezone.key
    instants = [start.to_pydatetime() for start in starts]
    edges = pairwise([*instants, period.end])
    places = starts
    if period is not shown:
        aligned = comparison.aligned_starts(instants, shown, period, resolved.bucket)
        places = pd.Series(aligned, dtype="datetime64[us, UTC]")
    return part.assign(
        bucket_start=starts.dt.tz_convert(zone),
        bucket_end=starts.shift(-1).fillna(pd.Timestamp(period.end)).dt.tz_convert(zone),
        aligned_start=places.dt.tz_convert(zone),
        is_complete=pd.Series(
            [is_complete(start, end, resolved, period) for start, end in edges], dtype="bool"
        ),
    )


def is_complete(start: datetime, end: datetime, resolved: ResolvedView, period: Period) -> bool:
    """False for a bucket that the period cuts or that is not over yet."""
    zone = period.timezone
    return (
        clock.floor_to_bucket(start, resolved.bucket, zone, period.week_start) == start
        and (end < period.end or clock.floor_to_bucket(end, resolved.bucket, zone, period.week_start) == end)
        and end <= resolved.now
    )


def _totals(row: Mapping[Hashable, Any]) -> ConversationTotals:
    """The totals of one bucket, as far as the pipe has them by bucket."""
    values: dict[str, Any] = {name: int(row[name]) for name in COUNTS}
    for name in {each.name for each in fields(ConversationTotals)} & row.keys() - values.keys():
        values[name] = None if pd.isna(row[name]) else float(row[name])
    return ConversationTotals(**values)


def _visitors(count: float) -> ArrivalCount | None:
    """The visitors of one bucket; None if the pipe has no value. The length is not used: buckets are not compared."""
    return None if pd.isna(count) else ArrivalCount(int(count), 1.0)


def _indexes(part: pd.DataFrame, scores: pd.DataFrame | None, which: Which) -> list[SatisfactionIndex]:
    if scores is None:
        return [NO_INDEX] * len(part)
    slots = scores[scores["period"] == which]
    positions = slot_positions(part["bucket_start"], slots["slot_start"])
    indexes = []
    for position, row in part.iterrows():
        bucket = slots[positions == position]
        median = row["median_response_seconds"]
        indexes.append(
            satisfaction_index(
                rating=scores_of(bucket, "rating"),
                sentiment=scores_of(bucket, "sentiment"),
                median_response_seconds=None if pd.isna(median) else float(median),
                median_response_interval=None,
                responded=int(row["responded"]),
                resolved=int(row["resolved"]),
                started=int(row["started"]),
            )
        )
    return indexes
