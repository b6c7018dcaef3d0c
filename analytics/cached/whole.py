"""Complete lists for files. Long ones are read page by page: nothing is cached, and one page is in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import pandas as pd

ROW_LIMIT: Final = 100_000
"""Most rows of a list and of a file."""

PAGE_ROWS: Final = 10_000
"""Rows of one read."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A list of at most `ROW_LIMIT` rows, which is read while it is iterated.

    Attributes:
        pages: The rows in parts, at least one; iterating may raise a `SourceError`.
        total: Number of rows, also past the limit; None when not known before they are read.
        is_cut: True when there are more than the limit.
    """

    pages: Iterator[pd.DataFrame]
    total: int | None
    is_cut: bool


def at_once(rows: pd.DataFrame) -> Whole:
    """Makes a list from rows that were read at once; it counts as cut when it reaches the limit."""
    is_cut = len(rows) >= ROW_LIMIT
    return Whole(iter([rows.head(ROW_LIMIT)]), None if is_cut else len(rows), is_cut)


def whole(ask: Callable[[int], pd.DataFrame], *keys: str, has_total: bool = True) -> Whole:
    """Makes a list that is read page by page. Reads the first page now.

    A new row shifts the following ones: rows that the previous page had are left out.

    Args:
        ask: Reads `PAGE_ROWS` rows after an offset, in an order that does not change.
        keys: The columns that together identify a row.
        has_total: Whether the rows have a column `total` with the number of rows.

    Raises:
        SourceError: The first page could not be read.
    """
    first = ask(0)
    if not has_total:
        is_cut = len(first) == PAGE_ROWS and len(ask(ROW_LIMIT)) > 0
        return Whole(_pages(first, ask, keys), len(first) if len(first) < PAGE_ROWS else None, is_cut)
    total = int(first["total"].iloc[0]) if len(first) else 0
    return Whole(_pages(first, ask, keys), total, total > ROW_LIMIT)


def _pages(
    first: pd.DataFrame, ask: Callable[[int], pd.DataFrame], keys: Sequence[str]
) -> Iterator[pd.DataFrame]:
    page, before, read, given = first, pd.MultiIndex.from_frame(first.loc[[], list(keys)]), 0, 0
    while True:
        marks = pd.MultiIndex.from_frame(page[list(keys)])
        fresh = page[~marks.isin(before)].head(ROW_LIMIT - given)
        yield fresh.reset_index(drop=True)
        given, read = given + len(fresh), read + len(page)
        if len(page) < PAGE_ROWS or given >= ROW_LIMIT:
            return
        page, before = ask(read), marks


def mapped(rows: Whole, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Whole:
    """The list with each page changed; changes the first page now, so that an error is raised here."""
    first = change(next(rows.pages))
    return Whole(chain([first], map(change, rows.pages)), rows.total, rows.is_cut)
