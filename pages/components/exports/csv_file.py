"""Writes tables as CSV for spreadsheets and programs. Pure.

No text from a visitor or customer can run as a formula, whichever separator the spreadsheet uses: comma, semicolon, tab or
vertical bar. The first line holds the column names, so that a program reads the file without options. Website, period
and filters are in the last columns of every row.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

import pandas as pd

CELL_LIMIT: Final = 32_767
"""Longest cell in UTF-16 code units: Excel moves longer text into a cell of the next row."""

_LEADS: Final = r"=+\-@\uFF1D\uFF0B\uFF0D\uFF20\uFE66\uFE62\uFE63\uFE6B"
"""Characters that start a formula in Excel, Calc or Sheets, including full-width and small forms."""
_SKIPPED: Final = r"(?:[^\w!#-~]|[\u115f\u1160\u3164\uffa0])*"
"""Characters that a spreadsheet may skip before such a sign: all but letters, digits and most ASCII punctuation."""
# After a separator, `|` and `%` are left alone: addresses contain `,%20`.
_FORMULA: Final = re.compile(rf"^(?={_SKIPPED}[{_LEADS}|%])|(?<=[,;|])(?={_SKIPPED}[{_LEADS}])")
"""Positions where a formula may start, also if a spreadsheet splits the cell at a separator that this file does not use."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_MARK: Final = re.compile(r"[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")

_CHUNK_ROWS: Final = 1000


@dataclass(frozen=True, slots=True)
class About:
    """Website, period and filters of a file, written into the last columns of every row.

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

    def columns(self) -> dict[str, str]:
        """Value in every row by column name; the last one never needs quotes, which `csv.Sniffer` relies on."""
        edges = {"period_start": self.start, "period_end": self.end}
        if self.previous is not None:
            edges |= {"previous_period_start": self.previous[0], "previous_period_end": self.previous[1]}
        columns = {"website": self.website}
        columns |= {"only": " · ".join(self.only)} if self.only else {}
        columns |= {"note": self.note} if self.note else {}
        return columns | {
            f"{name} ({self.timezone})": _clock(edge, self.timezone) for name, edge in edges.items()
        }


def neutral(text: str) -> str:
    r"""Text on one line that no spreadsheet runs as a formula, whichever separator it splits the file by.

    Text longer than `CELL_LIMIT` is cut, and ends with `…`.

    >>> neutral("=HYPERLINK(1)"), neutral(" +1"), neutral("/pricing"), neutral("a;=1+1;b"), neutral("a\t=1\n-2")
    ("'=HYPERLINK(1)", "' +1", '/pricing', "a;'=1+1;b", 'a =1 -2')
    """
    line = _FORMULA.sub("'", _MARK.sub("", _CONTROL.sub(" ", text)))
    if len(line) * 2 <= CELL_LIMIT:
        return line
    units = line.encode("utf-16-le", errors="replace")
    if len(units) <= 2 * CELL_LIMIT:
        return line
    return units[: 2 * (CELL_LIMIT - 1)].decode("utf-16-le", errors="ignore") + "…"


def csv_lines(pages: Iterable[pd.DataFrame], about: About) -> Iterator[bytes]:
    r"""A table as CSV in parts: UTF-8 with the byte order mark that spreadsheets look for.

    Numbers are exact; missing and infinite values are empty cells; booleans are yes and no. A column of instants becomes
    two: the local time, which spreadsheets read as a time, in a column named with its timezone; and the exact
    instant, ISO 8601 with its offset.

    Args:
        pages: The table in parts, in order, all with the columns of the first; indexes are left out. The first column holds
            no negative number: a line must not start with a minus sign.
        about: Website, period and filters.

    >>> from datetime import UTC
    >>> frame = pd.DataFrame({"city": ["Paris", "=1+1"], "visitors": [2, 1]})
    >>> day = datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 17, tzinfo=UTC)
    >>> print(b"".join(csv_lines([frame], About("Shop", "UTC", *day))).decode("utf-8-sig").replace("\r", ""), end="")
    city,visitors,website,period_start (UTC),period_end (UTC)
    Paris,2,Shop,2026-11-16 00:00:00,2026-11-17 00:00:00
    '=1+1,1,Shop,2026-11-16 00:00:00,2026-11-17 00:00:00
    """
    columns, is_first = about.columns(), True
    about_cells = [neutral(cell) for cell in columns.values()]
    for page in pages:
        names = [str(name) for name in page.columns]
        is_instant = [isinstance(dtype, pd.DatetimeTZDtype) for dtype in page.dtypes]
        if is_first:
            is_first = False
            heads = [
                head
                for name, splits in zip(names, is_instant, strict=True)
                for head in ((f"{name} ({about.timezone})", name) if splits else (name,))
            ]
            yield "\ufeff".encode() + _encoded([[neutral(head) for head in (*heads, *columns)]])
        rows = page.itertuples(index=False, name=None)
        while chunk := list(islice(rows, _CHUNK_ROWS)):
            yield _encoded([[*_cells(row, is_instant, about.timezone), *about_cells] for row in chunk])


def _cells(row: Sequence[object], is_instant: Sequence[bool], timezone: str) -> Iterator[str | int | float]:
    for value, splits in zip(row, is_instant, strict=True):
        if splits:
            instant = value if isinstance(value, pd.Timestamp) else None
            yield _clock(instant, timezone) if instant else ""
            yield instant.tz_convert(timezone).isoformat() if instant else ""
        else:
            yield _cell(value)


def _cell(value: object) -> str | int | float:
    if isinstance(value, str):
        return neutral(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        # A count in a column with empty cells is a float; it is written as an integer.
        return int(value) if value.is_integer() else value if math.isfinite(value) else ""
    if isinstance(value, list):
        return neutral(" ".join(str(each) for each in value))
    return "" if value is None or value is pd.NaT or value is pd.NA else neutral(str(value))


def _clock(instant: datetime, timezone: str) -> str:
    return f"{pd.Timestamp(instant).tz_convert(timezone):%Y-%m-%d %H:%M:%S}"


def _encoded(rows: list[list[str | int | float]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", errors="replace")
