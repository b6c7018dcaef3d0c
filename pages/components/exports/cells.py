"""Typed cells of a table: what CSV files and workbooks have in common. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

import pandas as pd

from pages.components.formatting import Ratio

Cell: TypeAlias = str | int | float | bool | datetime | None
"""A value of a file: untrusted text, a finite number, yes or no, a local time without timezone, or None for no value."""

CELL_LIMIT: Final = 32_767
"""Longest cell of Excel in UTF-16 code units."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]+")
_MARK: Final = re.compile(r"[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


@dataclass(frozen=True, slots=True)
class About:
    """Website, period and filters of a table.

    Attributes:
        website: Name of the website; untrusted text.
        timezone: IANA name, for every time in the file.
        start: Start of the period, inclusive, aware.
        end: End of the period, exclusive.
        previous: Start and end of the previous period if the rows contain it; else None.
        only: The filters as text; untrusted.
        note: A note for the reader, such as a row limit; None without one.
    """

    website: str
    timezone: str
    start: datetime
    end: datetime
    previous: tuple[datetime, datetime] | None = None
    only: tuple[str, ...] = ()
    note: str | None = None

    def columns(self) -> dict[str, Cell]:
        """Value in every row by column name; the last one is a time."""
        edges = {"period_start": self.start, "period_end": self.end}
        if self.previous is not None:
            edges |= {"previous_period_start": self.previous[0], "previous_period_end": self.previous[1]}
        columns: dict[str, Cell] = {"website": self.website}
        columns |= {"only": " · ".join(self.only)} if self.only else {}
        columns |= {"note": self.note} if self.note else {}
        return columns | {
            heading(name, self.timezone): local_time(edge, self.timezone) for name, edge in edges.items()
        }


def heading(name: str, timezone: str) -> str:
    """Name of a column of local times.

    >>> heading("started_at", "Europe/Berlin")
    'started_at (Europe/Berlin)'
    """
    return f"{name} ({timezone})"


def local_time(instant: datetime, timezone: str) -> datetime:
    """The local time of an aware instant, to the second, without timezone.

    >>> from datetime import UTC
    >>> local_time(datetime(2026, 10, 25, 0, 30, 5, 900_000, tzinfo=UTC), "Europe/Berlin")
    datetime.datetime(2026, 10, 25, 2, 30, 5)
    """
    return _clock(pd.Timestamp(instant).tz_convert(timezone))


def headings(page: pd.DataFrame, timezone: str) -> list[str]:
    """Names of the columns of `rows`."""
    return [
        head
        for name, splits in zip(map(str, page.columns), _is_instant(page), strict=True)
        for head in ((heading(name, timezone), name) if splits else (name,))
    ]


def rows(page: pd.DataFrame, timezone: str) -> Iterator[list[Cell]]:
    """The cells of each row, without the index; as many as `headings`.

    A column of instants becomes two: the local time, and the exact instant as text, ISO 8601 with its offset. A list becomes
    text with blanks between its parts; NaN, infinite values, NaT and NA become None. A float without a fraction becomes an
    integer, except a `Ratio`: pandas stores counts as floats in a column with missing values.
    """
    is_instant = _is_instant(page)
    for row in page.itertuples(index=False, name=None):
        cells: list[Cell] = []
        for value, splits in zip(row, is_instant, strict=True):
            if splits:
                local = value.tz_convert(timezone) if isinstance(value, pd.Timestamp) else None
                cells += (None, None) if local is None else (_clock(local), local.isoformat())
            else:
                cells.append(_cell(value))
        yield cells


def one_line(text: str) -> str:
    r"""Text without line breaks, control characters, marks of direction and characters that are not valid in a file.

    >>> one_line("a\tb\r\nc\x00d\u200fe\ud800")
    'a b c de?'
    """
    line = _MARK.sub("", _CONTROL.sub(" ", text))
    return line.encode("utf-8", errors="replace").decode()


def cut(line: str) -> str:
    """Text of at most `CELL_LIMIT` code units; cut text ends with `…`."""
    if len(line) * 2 <= CELL_LIMIT:
        return line
    units = line.encode("utf-16-le", errors="replace")
    if len(units) <= 2 * CELL_LIMIT:
        return line
    return units[: 2 * (CELL_LIMIT - 1)].decode("utf-16-le", errors="ignore") + "…"


def _is_instant(page: pd.DataFrame) -> list[bool]:
    return [isinstance(dtype, pd.DatetimeTZDtype) for dtype in page.dtypes]


def _cell(value: object) -> Cell:
    if isinstance(value, str | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() and not isinstance(value, Ratio) else value
    if isinstance(value, list):
        return " ".join(str(each) for each in value)
    return None if value is None or value is pd.NaT or value is pd.NA else str(value)


def _clock(local: pd.Timestamp) -> datetime:
    return datetime(local.year, local.month, local.day, local.hour, local.minute, local.second)  # noqa: DTZ001 - local
