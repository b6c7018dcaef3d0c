"""Writes tables as CSV for spreadsheets and programs. Pure.

No text from a visitor or customer can run as a formula, whichever separator the spreadsheet uses: comma, semicolon, tab or
vertical bar. The first line holds the column names, so that a program reads the file without options. Website, period
and filters are in the last columns of every row.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Final

import pandas as pd

from pages.components.exports import cells
from pages.components.exports.cells import About, Cell

_LEADS: Final = r"=+\-@\uFF1D\uFF0B\uFF0D\uFF20\uFE66\uFE62\uFE63\uFE6B"
"""Characters that start a formula in Excel, Calc or Sheets, including full-width and small forms."""
_SKIPPED: Final = r"(?:[^\w!#-~]|[\u115f\u1160\u3164\uffa0])*"
"""Characters that a spreadsheet may skip before such a sign: all but letters, digits and most ASCII punctuation."""
# After a separator, `|` and `%` are left alone: addresses contain `,%20`.
_FORMULA: Final = re.compile(rf"^(?={_SKIPPED}[{_LEADS}|%])|(?<=[,;|])(?={_SKIPPED}[{_LEADS}])")
"""Positions where a formula may start, also if a spreadsheet splits the cell at a separator that this file does not use."""

_CHUNK_ROWS: Final = 1000


def neutral(text: str) -> str:
    r"""Text on one line that no spreadsheet runs as a formula, whichever separator it splits the file by.

    Text longer than `cells.CELL_LIMIT` is cut, and ends with `…`.

    >>> neutral("=HYPERLINK(1)"), neutral(" +1"), neutral("/pricing"), neutral("a;=1+1;b"), neutral("a\t=1\n-2")
    ("'=HYPERLINK(1)", "' +1", '/pricing', "a;'=1+1;b", 'a =1 -2')
    """
    return cells.cut(_FORMULA.sub("'", cells.one_line(text)))


def csv_lines(pages: Iterable[pd.DataFrame], about: About) -> Iterator[bytes]:
    r"""A table as CSV in parts: UTF-8 with the byte order mark that spreadsheets look for.

    Cells are those of `cells.rows`: numbers are exact, missing values are empty, booleans are yes and no, and a column of
    instants becomes two, of which spreadsheets read the first, the local time, as a time.

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
    about_cells = [_written(cell) for cell in columns.values()]
    for page in pages:
        if is_first:
            is_first = False
            heads = (*cells.headings(page, about.timezone), *columns)
            yield "\ufeff".encode() + _encoded([[neutral(head) for head in heads]])
        rows = cells.rows(page, about.timezone)
        while chunk := list(islice(rows, _CHUNK_ROWS)):
            yield _encoded([[*map(_written, row), *about_cells] for row in chunk])


def _written(cell: Cell) -> str | int | float:
    if isinstance(cell, str):
        return neutral(cell)
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S}"
    return "" if cell is None else cell


def _encoded(rows: list[list[str | int | float]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", errors="replace")
