"""A frame as a CSV file that people may open in a spreadsheet. Pure.

Nothing a visitor wrote can run there: a text cell that a spreadsheet would take for a formula is led by an
apostrophe. The first line says what the rows are about, so that a file in a mail explains itself.
"""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime
from typing import Final

import pandas as pd

_FORMULA: Final = re.compile(r"^[\s\x00]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20|%]|^[\t\r\n]")
"""How a cell begins that Excel, Calc or Sheets may run; full-width signs count, leading blanks do not help."""


def neutral(text: str) -> str:
    r"""Text that no spreadsheet runs.

    >>> neutral("=HYPERLINK(1)"), neutral(" +1"), neutral("/pricing"), neutral("\t=1")
    ("'=HYPERLINK(1)", "' +1", '/pricing', "'\t=1")
    """
    clean = text.replace("\x00", "")
    return f"'{clean}" if _FORMULA.match(clean) else clean


def csv_bytes(frame: pd.DataFrame, *, about: tuple[str, ...], timezone: str) -> bytes:
    r"""The frame as CSV: a line about it, the column names, the rows; UTF-8 with the mark that spreadsheets look for.

    Numbers are exact, instants ISO 8601 with their offset in `timezone`, what does not exist is an empty cell.

    Args:
        frame: As shown; its index is left out.
        about: What the rows are about: website, range and whatever else narrows them. Untrusted text.
        timezone: IANA name, for instants; ends the first line.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"city": ["Paris", "=1+1"], "visitors": [2, 1]})
    >>> csv_bytes(frame, about=("Shop", "16–22 Nov 2026"), timezone="UTC").decode("utf-8-sig")
    "Shop · 16–22 Nov 2026 · UTC\r\ncity,visitors\r\nParis,2\r\n'=1+1,1\r\n"
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([neutral(" · ".join((*about, timezone)))])
    writer.writerow([neutral(str(name)) for name in frame.columns])
    for row in frame.itertuples(index=False, name=None):
        writer.writerow([_cell(value, timezone) for value in row])
    return text.getvalue().encode("utf-8-sig")


def _cell(value: object, timezone: str) -> str | int | float:
    if isinstance(value, str):
        return neutral(value)
    if value is None or value is pd.NaT or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, datetime):
        instant = pd.Timestamp(value)
        return (instant.tz_convert(timezone) if instant.tzinfo else instant).isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return value
    return neutral(str(value))
