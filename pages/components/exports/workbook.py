"""Writes tables as an Excel workbook (`.xlsx`): one sheet per table, and a sheet that says what they are about.

Rows are written to a temporary file as they come, so that a long table takes no memory. Text is always a text cell: no
text from a visitor or customer can become a formula, a link or markup of the file. Knows no website and no source.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Final

import pandas as pd
from xlsxwriter import Workbook
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from pages.components import formatting
from pages.components.exports import cells
from pages.components.exports.cells import CELL_LIMIT, About, Cell

MOST_ROWS: Final = 200_000
"""Most rows of all tables together: two minutes of processor time, and some 100 MB of disk while it is made."""

NAME_LIMIT: Final = 31
"""Longest name of a sheet in UTF-16 code units."""

ABOUT: Final = "About"
"""Name of the sheet that says what the tables are about."""

_RESERVED: Final = ("history",)
"""Names that Excel keeps for itself, in lower case."""

_EXACT: Final = 10**15
"""Integers from here on have more digits than a number of Excel keeps; they are written as text."""

_EARLIEST_YEAR: Final = 1900
"""Excel has no dates before it; they are written as text."""

_WIDTHS: Final = 8, 60
"""Narrowest and widest column, in characters."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table.

    Attributes:
        title: Its name; `sheet_names` makes it valid and unique.
        pages: The rows in parts, at least one, all with the same columns; iterating may raise.
        about: Website, period and filters.
    """

    title: str
    pages: Iterable[pd.DataFrame]
    about: About


def write(
    file: BinaryIO, tables: Sequence[Sheet], facts: Mapping[str, Cell], *, is_about_first: bool
) -> list[int]:
    """Write a workbook to a file open for writing; returns the number of rows of each table.

    Each table has its column names in a frozen first line with a filter. Cells are those of `cells.rows`: numbers are
    numbers, durations seconds, shares numbers from 0 to 1 that are shown in percent, and times are dates in the timezone
    that their column names. Text longer than `CELL_LIMIT` is cut and ends with `…`; after `MOST_ROWS` of all
    tables, rows are left out. The note of the table says both.

    Args:
        file: A binary file.
        tables: At least one.
        facts: Lines at the top of the sheet `ABOUT`: name and value.
        is_about_first: Whether that sheet is the first, else the last.

    Raises:
        OSError: There is no room for the file.
        AnalyticsError: The rows of a table cannot be read.
    """
    # Its own directory: the library removes its files only after success.
    with tempfile.TemporaryDirectory(prefix="inbox-analytics-") as directory:
        options = {
            "constant_memory": True,
            "tmpdir": directory,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        book = Workbook(file, options)
        try:
            styles = _Styles(book)
            about = book.add_worksheet(ABOUT) if is_about_first else None
            names = sheet_names(table.title for table in tables)
            written = list[_Written]()
            for name, table in zip(names, tables, strict=True):
                left = MOST_ROWS - sum(each.rows for each in written)
                written.append(_write_table(book.add_worksheet(name), table, styles, left))
            _write_about(about or book.add_worksheet(ABOUT), tables, names, written, facts, styles)
            book.close()
        except FileCreateError as error:
            raise OSError(str(error)) from error
        finally:
            for sheet in book.worksheets():
                with suppress(OSError):  # A full disk has been reported by then.
                    sheet.row_data_fh.close()
    return [each.rows for each in written]


def sheet_names(titles: Iterable[str]) -> list[str]:
    """Valid names of sheets: unique whatever their case, at most `NAME_LIMIT` long, without signs that Excel refuses.

    >>> sheet_names(["Funnel", "funnel", "About", "a/b [c]", "", "'quoted'", "x" * 40])
    ['Funnel', 'funnel (2)', 'About (2)', 'a b c', 'Table', 'quoted', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx']
    """
    names, used = [], {ABOUT.lower(), *_RESERVED}
    for title in titles:
        words = "".join(" " if each in r"[]:*?/\'" else each for each in cells.one_line(title))
        base = " ".join(words.split()) or "Table"
        number, name = 1, _shortened(base, "")
        while name.lower() in used:
            number += 1
            name = _shortened(base, f" ({number})")
        used.add(name.lower())
        names.append(name)
    return names


def _shortened(base: str, ending: str) -> str:
    units = base.encode("utf-16-le")[: 2 * (NAME_LIMIT - len(ending))]
    return units.decode("utf-16-le", errors="ignore").rstrip() + ending


class _Styles:
    """The formats of cells in one workbook."""

    def __init__(self, book: Workbook) -> None:
        self.head = book.add_format({"bold": True, "bottom": 1, "valign": "top", "quote_prefix": True})
        self.label = book.add_format({"bold": True, "valign": "top"})
        # With this mark a text that begins with `=` stays a text when a person edits the cell.
        self.text = book.add_format({"quote_prefix": True, "valign": "top"})
        self.time = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss", "align": "left", "valign": "top"})
        self.integer = book.add_format({"num_format": "#,##0", "valign": "top"})
        self.ratio = book.add_format({"num_format": "0.0%", "valign": "top"})
        self.number = book.add_format({"num_format": "General", "valign": "top"})


@dataclass(slots=True)
class _Written:
    """What has been written to a sheet.

    Attributes:
        rows: Number of rows, without the line of column names.
        cut_cells: Number of texts that were cut.
        is_full: True if rows were left out because the workbook holds no more.
        widths: Longest cell of each column, in characters.
    """

    rows: int = 0
    cut_cells: int = 0
    is_full: bool = False
    widths: dict[int, int] = field(default_factory=dict)

    def note(self) -> str | None:
        """What is missing, as sentences; None if all was written."""
        words = []
        if self.is_full:
            words.append(
                f"Only the first {formatting.count(self.rows)} rows: the tables of a workbook have {formatting.count(MOST_ROWS)} rows at most. The CSV has more."
            )
        if self.cut_cells:
            most = f"{formatting.count(CELL_LIMIT)} characters, the most that an Excel cell holds"
            words.append(f"{formatting.count(self.cut_cells)} cells were cut at {most}, and end with “…”.")
        return " ".join(words) or None


def _write_table(sheet: Worksheet, table: Sheet, styles: _Styles, most_rows: int) -> _Written:
    written, names = _Written(), list[str]()
    for page in table.pages:
        if not names:
            names = cells.headings(page, table.about.timezone)
            for column, name in enumerate(names):
                _write_text(sheet, 0, column, name, styles.head, written)
        for row in cells.rows(page, table.about.timezone):
            if written.rows >= most_rows:
                written.is_full = True
                break
            written.rows += 1
            for column, (name, cell) in enumerate(zip(names, row, strict=True)):
                is_ratio = name.endswith("_ratio") or isinstance(cell, formatting.Ratio)
                _write_cell(sheet, written.rows, column, cell, styles, written, is_ratio=is_ratio)
        if written.is_full:
            break
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, written.rows, max(len(names) - 1, 0))
    sheet.repeat_rows(0)
    _lay_out(sheet, written)
    return written


def _write_cell(
    sheet: Worksheet,
    row: int,
    column: int,
    cell: Cell,
    styles: _Styles,
    written: _Written,
    *,
    is_ratio: bool = False,
) -> None:
    if isinstance(cell, datetime) and cell.year < _EARLIEST_YEAR:
        cell = f"{cell:%Y-%m-%d %H:%M:%S}"
    elif isinstance(cell, int) and abs(cell) >= _EXACT:
        cell = str(cell)
    if isinstance(cell, str):
        _write_text(sheet, row, column, cell, styles.text, written)
    elif isinstance(cell, bool):
        sheet.write_boolean(row, column, cell)
    elif isinstance(cell, datetime):
        sheet.write_datetime(row, column, cell, styles.time)
        _widen(written, column, 19)
    elif cell is not None:
        style = styles.ratio if is_ratio else styles.integer if isinstance(cell, int) else styles.number
        sheet.write_number(row, column, cell, style)
        _widen(
            written, column, 11 if is_ratio else len(f"{cell:,}" if isinstance(cell, int) else f"{cell:.6g}")
        )


def _write_text(sheet: Worksheet, row: int, column: int, text: str, style: Format, written: _Written) -> None:
    line = cells.one_line(text)
    if line.startswith("<r>") and line.endswith("</r>"):
        line += " "  # The library takes such a text for markup, and would copy it into the file as it is.
    short = cells.cut(line)
    written.cut_cells += short != line
    if short:
        sheet.write_string(row, column, short, style)
        _widen(written, column, len(short))


def _widen(written: _Written, column: int, characters: int) -> None:
    if characters > written.widths.get(column, 0):
        written.widths[column] = characters


def _lay_out(sheet: Worksheet, written: _Written) -> None:
    """Set the widths of the columns, and how the sheet is printed: A4, all columns on one page's width."""
    narrowest, widest = _WIDTHS
    for column, width in written.widths.items():
        sheet.set_column(column, column, min(max(width + 3, narrowest), widest))
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_footer("&L&A&R&P / &N")


def _write_about(
    sheet: Worksheet,
    tables: Sequence[Sheet],
    names: Sequence[str],
    tables_written: Sequence[_Written],
    facts: Mapping[str, Cell],
    styles: _Styles,
) -> None:
    """Write the facts, and below them a line per table: sheet, rows, period, previous period, filters, note."""
    written, row = _Written(), 0
    for name, value in facts.items():
        _write_text(sheet, row, 0, name, styles.label, written)
        # A text runs over the empty cells beside it; a number or a time needs the room.
        _write_cell(sheet, row, 1, value, styles, _Written() if isinstance(value, str) else written)
        row += 1
    row += 1
    lines = list(_lines(tables, names, tables_written))
    heads = list(dict.fromkeys(head for line in lines for head in line))
    for column, head in enumerate(heads):
        _write_text(sheet, row, column, head, styles.head, written)
    for line in lines:
        row += 1
        for column, head in enumerate(heads):
            _write_cell(sheet, row, column, line.get(head), styles, written)
    _lay_out(sheet, written)


def _lines(
    tables: Sequence[Sheet], names: Sequence[str], tables_written: Sequence[_Written]
) -> Iterator[dict[str, Cell]]:
    for table, name, written in zip(tables, names, tables_written, strict=True):
        columns = table.about.columns()
        columns.pop("website")
        only, note = columns.pop("only", None), columns.pop("note", None)
        notes = " ".join(str(each) for each in (note, written.note()) if each)
        yield {"sheet": name, "rows": written.rows, **columns, "only": only, "note": notes or None}
