"""A table for a file: its rows, its period and its notes, and how it is made from a view."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pandas as pd

from analytics.cached import Whole
from analytics.cached.whole import ROW_LIMIT
from analytics.kpis.declarations import KPIS
from analytics.kpis.timeseries import COUNTS
from analytics.scope.clock import day_starts
from analytics.scope.periods import Period
from analytics.scope.views import ResolvedView
from pages.components import formatting

Instants = tuple[datetime, datetime]

PERIODS: Final = {"current": "This period", "previous": "Period before"}


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its period and notes.

    Attributes:
        pages: The rows, in parts; all have the same columns.
        period: Start (inclusive) and end (exclusive).
        previous: The same for the previous period, if the rows contain it.
        total: Number of rows; None if not known before they are read.
        notes: Notes for the reader.
        is_cut: True if there are more rows than a file holds.
        of: What the rows are about, if not the view's website.
        not_comparable: Why the rows cannot be compared with the previous period; None if they can, or never are.
    """

    pages: Iterable[pd.DataFrame]
    period: Instants
    previous: Instants | None = None
    total: int | None = None
    notes: tuple[str, ...] = ()
    is_cut: bool = False
    of: str | None = None
    not_comparable: str | None = None


def of_now(resolved: ResolvedView, frame: pd.DataFrame, *notes: str) -> Table:
    """A table without the previous period."""
    return Table((frame,), edges_of(resolved.period), total=len(frame), notes=notes)


def of_conversations(resolved: ResolvedView, frame: pd.DataFrame, *notes: str | None) -> Table:
    """A table of both periods, if they are compared."""
    said = tuple(note for note in notes if note)
    return Table(
        (frame,),
        edges_of(resolved.period),
        before_of(resolved.before),
        len(frame),
        said,
        not_comparable=resolved.comparable.reason,
    )


def of_visitors(resolved: ResolvedView, frame: pd.DataFrame, *notes: str) -> Table:
    """A table of visitors of both periods, if they are compared, with a note on how far back their data reaches."""
    said = tuple(note for note in (*notes, visitors_note(resolved)) if note)
    return Table(
        (frame,),
        edges_of(resolved.visitor_period),
        before_of(resolved.visitors_before),
        len(frame),
        said,
        not_comparable=resolved.visitors_comparable.reason,
    )


def of_list(
    resolved: ResolvedView,
    whole: Whole,
    words: Callable[[pd.DataFrame], pd.DataFrame],
    *,
    period: Instants | None = None,
    previous: Instants | None = None,
    note: str | None = None,
) -> Table:
    """A table of a long list, read in parts; a note says if it is cut.

    Args:
        resolved: The view.
        whole: The rows.
        words: Makes the columns of the file from those of the list.
        period: What the rows cover; None for the period of the view.
        previous: The period before, if the rows have it.
        note: A note for the reader.
    """
    notes = [note] if note else []
    if whole.is_cut:
        of = f"of {formatting.count(whole.total)} " if whole.total else ""
        notes.append(
            f"Only the first {formatting.count(ROW_LIMIT)} {of}rows: narrow the page down for the others."
        )
    total = None if whole.total is None else min(whole.total, ROW_LIMIT)
    return Table(
        (words(rows) for rows in whole.pages),
        period or edges_of(resolved.period),
        previous,
        total,
        tuple(notes),
        whole.is_cut,
    )


def edges_of(period: Period) -> Instants:
    """Start and end of a period."""
    return period.start, period.end


def before_of(period: Period | None) -> Instants | None:
    """Start and end of the period before; None without one."""
    return None if period is None else edges_of(period)


def visitors_note(resolved: ResolvedView) -> str | None:
    """Why visitor data does not cover the period; None if it does."""
    return f"Visitors: {resolved.visitors_note}" if resolved.visitors_note else None


def last_days(resolved: ResolvedView, days: int) -> Instants:
    """The last local days up to now."""
    return day_starts(resolved.now, days, resolved.period.timezone)[0], resolved.now


def in_buckets(series: pd.DataFrame) -> pd.DataFrame:
    """A series for a file: each bucket with its period, without the columns that only a chart needs."""
    units = {name: f"{name}_count" for name in COUNTS} | {
        kpi.column: f"{kpi.column}_points" for kpi in KPIS.values() if kpi.kind == "score"
    }
    words = series.drop(columns=["bucket_index", "aligned_start"], errors="ignore").rename(columns=units)
    return words.assign(period=words["period"].map(PERIODS))
