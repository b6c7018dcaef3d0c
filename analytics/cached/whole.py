"""Whole lists for files. A long one is read a page at a time: none of it is cached, and no more than a page is held."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import pandas as pd

ROW_LIMIT: Final = 100_000
"""No list, and no file made of one, has more rows."""

PAGE_ROWS: Final = 10_000
"""Rows of one read."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A list of at most `ROW_LIMIT` rows, on its way.

    Attributes:
        pages: Its rows in parts, at least one part; reading on may raise a `SourceError`.
        total: How many rows there are, also past the limit; None when not known before they are read.
        is_cut: True when there are more than the limit.
    """

    pages: Iterator[pd.DataFrame]
    total: int | None
    is_cut: bool


def at_once(rows: pd.DataFrame) -> Whole:
    """A list that was read at once; one that reaches the limit may be cut."""
    is_cut = len(rows) >= ROW_LIMIT
    return Whole(iter([rows.head(ROW_LIMIT)]), None if is_cut else len(rows), is_cut)


def whole(ask: Callable[[int], pd.DataFrame], *keys: str, has_total: bool = True) -> Whole:
    """A list from a source that answers in pages. The first one is read now.

    A row that came in meanwhile moves the others on: one that the page before had already is not given again.

    Args:
        ask: Rows to skip to the `PAGE_ROWS` rows after them, in an order that does not change.
        keys: The columns that together tell two rows apart.
        has_total: Whether the rows say how many there are, in a column `total`.

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
    """The same list with each page changed; the first one now, so that what fails fails here."""
    first = change(next(rows.pages))
    return Whole(chain([first], map(change, rows.pages)), rows.total, rows.is_cut)
