"""Backlog: how many conversations were open at the end of each bucket, and what changed that. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

import pandas as pd

from analytics.kpis.timeseries import is_complete
from analytics.scope.buckets import bucket_starts
from analytics.scope.views import ResolvedView

COLUMNS: Final = ("bucket_start", "bucket_end", "is_complete", "started", "resolved", "net", "open_at_end")


@dataclass(frozen=True, slots=True)
class Backlog:
    """The backlog of one period.

    Attributes:
        open_at_start: Conversations that were open when the period began.
        started: Conversations that started in the period.
        resolved: Conversations that were resolved in the period, whenever they started.

    >>> Backlog(open_at_start=5, started=7, resolved=9).net, Backlog(5, 7, 9).open_at_end
    (-2, 3)
    """

    open_at_start: int
    started: int
    resolved: int

    @property
    def net(self) -> int:
        """How many more conversations are open at the end than at the start; negative for fewer."""
        return self.started - self.resolved

    @property
    def open_at_end(self) -> int:
        """Conversations that were open when the period ended."""
        return self.open_at_start + self.net


@dataclass(frozen=True, slots=True)
class BacklogOverTime:
    """The backlog of a view.

    Attributes:
        series: One row per bucket of the period shown; see `cached.backlog`.
        current: The period shown.
        previous: The compared period; None without a comparison.
    """

    series: pd.DataFrame
    current: Backlog
    previous: Backlog | None


def total(changes: pd.DataFrame) -> Backlog:
    """The backlog of the whole period, from rows as in `schemas.BACKLOG`; zeros without rows."""
    is_before = changes["bucket_number"] == 0
    inside = changes[~is_before]
    return Backlog(
        int(changes.loc[is_before, "started"].sum()),
        int(inside["started"].sum()),
        int(inside["resolved"].sum()),
    )


def over_time(changes: pd.DataFrame, resolved: ResolvedView) -> pd.DataFrame:
    """One row per bucket of the period shown, oldest first, zero-filled; no rows for an empty period.

    Columns: see `cached.backlog`.

    Args:
        changes: As in `schemas.BACKLOG`.
        resolved: The period and the bucket.
    """
    period, buckets = resolved.period, edges(resolved)
    starts, ends = (pd.Series(part, dtype="datetime64[us, UTC]") for part in (buckets[:-1], buckets[1:]))
    numbers = range(1, len(starts) + 1)
    counts = changes.set_index("bucket_number")[["started", "resolved"]].reindex(numbers, fill_value=0)
    frame = counts.reset_index(drop=True).assign(
        bucket_start=starts.dt.tz_convert(period.timezone.key),
        bucket_end=ends.dt.tz_convert(period.timezone.key),
        is_complete=pd.Series(
            [is_complete(start, end, resolved, period) for start, end in pairwise(buckets)], dtype="bool"
        ),
    )
    frame["net"] = frame["started"] - frame["resolved"]
    frame["open_at_end"] = total(changes).open_at_start + frame["net"].cumsum()
    return frame[list(COLUMNS)]


def edges(resolved: ResolvedView) -> tuple[datetime, ...]:
    """Starts of the buckets of the period shown, and its end; the end alone for an empty period."""
    return (*bucket_starts(resolved.period, resolved.bucket), resolved.period.end)
