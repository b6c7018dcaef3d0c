"""Counts of each rating and each sentiment per bucket. Pure.

Counted from the same slots as the satisfaction index, so that charts and cards agree.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import pandas as pd

from analytics.kpis.timeseries import is_complete, slot_positions
from analytics.scope.buckets import bucket_starts
from analytics.scope.views import ResolvedView

COUNTS: Final = (
    "rating_1_count",
    "rating_2_count",
    "rating_3_count",
    "rating_4_count",
    "rating_5_count",
    "negative_count",
    "neutral_count",
    "positive_count",
)
COLUMNS: Final = ("bucket_start", "bucket_end", "is_complete", *COUNTS)


def distributions(scores: pd.DataFrame, resolved: ResolvedView) -> pd.DataFrame:
    """One row per bucket of the period shown, oldest first, zero-filled; no rows for an empty period.

    Columns: see `cached.satisfaction_distributions`.

    Args:
        scores: As in `schemas.RATING_AND_SENTIMENT`.
        resolved: The period and the bucket.
    """
    period = resolved.period
    edges = (*bucket_starts(period, resolved.bucket), period.end)
    starts = pd.Series(edges[:-1], dtype="datetime64[us, UTC]")
    ends = pd.Series(edges[1:], dtype="datetime64[us, UTC]")
    slots = scores[scores["period"] == "current"]
    positions = slot_positions(starts, slots["slot_start"])
    counts = slots[list(COUNTS)].groupby(positions).sum().reindex(range(len(starts)), fill_value=0)
    frame = counts.reset_index(drop=True).assign(
        bucket_start=starts.dt.tz_convert(period.timezone.key),
        bucket_end=ends.dt.tz_convert(period.timezone.key),
        is_complete=pd.Series(
            [is_complete(start, end, resolved, period) for start, end in pairwise(edges)], dtype="bool"
        ),
    )
    return frame[list(COLUMNS)]
