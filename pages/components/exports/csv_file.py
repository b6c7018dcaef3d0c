"""Tables as CSV files that spreadsheets and programs read alike. Pure.

No text that a visitor or customer wrote can run in a spreadsheet, whichever separator it splits the file by: comma,
semicolon, tab or vertical bar. The first line holds the column names, so that a program reads the file without
options; what the rows are about stands in the last columns of every row.
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
"""Characters of a cell at most, as UTF-16 counts them: Excel puts the others into the row below, as a cell of its own."""

_LEADS: Final = r"=+\-@\uFF1D\uFF0B\uFF0D\uFF20\uFE66\uFE62\uFE63\uFE6B"
"""Signs that begin what Excel, Calc or Sheets may run; the full-width and the small ones count."""
_SKIPPED: Final = r"(?:[^\w!#-~]|[\u115f\u1160\u3164\uffa0])*"
"""What a reader may not count before such a sign: blanks, quotes, marks, whatever is no letter, digit or sign of ASCII."""
# Behind a separator `|` and `%` stay: addresses have `,%20`.
_FORMULA: Final = re.compile(rf"^(?={_SKIPPED}[{_LEADS}|%])|(?<=[,;|])(?={_SKIPPED}[{_LEADS}])")
"""Where a cell begins that may run, also for a reader who splits it at a separator that this file does not use."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_MARK: Final = re.compile(r"[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")

_CHUNK_ROWS: Final = 1000


@dataclass(frozen=True, slots=True)
class About:
    """What the rows of a file are about: written into the last columns of each.

    Attributes:
        website: Its name; untrusted text.
        timezone: IANA name, for every time in the file.
        start: First instant of the period, aware.
        end: First instant after it.
        previous: Start and end of the period before, where the rows have something of it; None otherwise.
        only: What the rows are narrowed by, in words; untrusted text.
        note: What a reader has to know beside, such as a limit; None when nothing.
    """

    website: str
    timezone: str
    start: datetime
    end: datetime
    previous: tuple[datetime, datetime] | None = None
    only: tuple[str, ...] = ()
    note: str | None = None

    def columns(self) -> dict[str, str]:
        """Column name to what each row has there; the last one is never quoted, which `csv.Sniffer` needs."""
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
    r"""Text on one line that no spreadsheet runs, also where it is split by a separator that this file does not use.

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
    r"""A table as CSV, a part of the file at a time: UTF-8 with the mark that spreadsheets look for.

    Numbers are exact; what does not exist, and what has no end, is an empty cell; yes and no are words. A column of
    instants becomes two: the local time, which spreadsheets take for a time, in a column named with its timezone, and
    the exact instant, ISO 8601 with its offset.

    Args:
        pages: The table, or its parts in their order: all with the columns of the first; indexes are left out. The
            first column holds no negative number, which would begin a line.
        about: What the rows are about.

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
        # A count beside an empty cell is one as a float: it is written as the whole number that it is.
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
