"""Workbooks: the cells of the CSV with their types, and nothing in them is a formula, a link or markup."""

import csv
import gc
import io
import re
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as Xml

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.cell import Cell
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from analytics.errors import SourceUnavailable
from pages.components.exports import cells, csv_file, workbook
from pages.components.exports.cells import CELL_LIMIT, About
from pages.components.exports.workbook import ABOUT, Sheet

DAYS = datetime(2026, 11, 15, 23, tzinfo=UTC), datetime(2026, 11, 22, 23, tzinfo=UTC)
ZONE = About("Shop", "Europe/Berlin", *DAYS)
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def made(
    *sheets: Sheet, facts: Mapping[str, cells.Cell] | None = None, is_about_first: bool = False
) -> bytes:
    """The file."""
    file = io.BytesIO()
    workbook.write(file, sheets, facts or {}, is_about_first=is_about_first)
    return file.getvalue()


def opened(content: bytes) -> Workbook:
    """The file, read by another program."""
    return openpyxl.load_workbook(io.BytesIO(content))


def sheet_of(*pages: pd.DataFrame, about: About = ZONE) -> Worksheet:
    """The sheet of a table, alone in its file."""
    sheet: Worksheet = opened(made(Sheet("Table", pages, about)))["Table"]
    return sheet


def row(frame: pd.DataFrame, number: int = 2) -> list[Cell]:
    """The cells of a line; the second is the first below the names."""
    return list(sheet_of(frame)[number])


def as_in_csv(cell: Cell) -> str:
    """A cell as the CSV writes it."""
    value = cell.value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return "" if value is None else csv_file.neutral(value) if isinstance(value, str) else str(value)


def test_cells_are_those_of_the_csv() -> None:
    """Each kind of value, in the same order below the same names."""
    frame = pd.DataFrame(
        {
            "city": ["Paris", "=1+1", ""],
            "visitors": [2, 1, 0],
            "median_seconds": [61.5, None, 30.0],
            "share_ratio": [0.25, 1.0, None],
            "seen_at": pd.to_datetime(["2026-11-16T00:30:00.9Z", "2026-11-17T12:00:00.0Z", ""]),
            "is_new": [True, False, True],
            "tags": [["a", "b"], [], ["c"]],
        }
    )
    text = b"".join(csv_file.csv_lines([frame], ZONE)).decode("utf-8-sig")
    names, *lines = csv.reader(io.StringIO(text, ""))
    shared = names.index("website")
    sheet = sheet_of(frame)
    assert [[as_in_csv(cell) for cell in line] for line in sheet] == [
        each[:shared] for each in (names, *lines)
    ]
    kinds = [cell.data_type for cell in sheet[2]]
    assert kinds == ["s", "n", "n", "n", "d", "s", "b", "s"]


HOSTILE = st.text(
    alphabet=st.sampled_from(
        [*"=+-@|%<>&\"'_xr/;\t\n\r\x00\x1f\x85\ufffe\uffff\ud800\u200f\u2028 aé", "\U0001f642"]
    ),
    max_size=12,
)
ATTACKS = (
    "=HYPERLINK(1)",
    "{=1+1}",
    "http://evil.example/",
    "mailto:a@evil.example",
    "internal:About!A1",
    "<r><t>raw</t></r>",
    '<r></r></is></c><c r="B2"><f>1+1</f></c><c r="C2" t="inlineStr"><is><r></r>',
    "]]>",
    "_x003D_1",
)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.one_of(st.sampled_from(ATTACKS), HOSTILE), min_size=1, max_size=6), HOSTILE)
def test_untrusted_text_is_a_text_cell_and_nothing_else(texts: list[str], name: str) -> None:
    """In cells, names of columns and of sheets, filters and facts; the file stays valid XML."""
    about = About(name, "UTC", *DAYS, only=tuple(texts), note=texts[0])
    columns = ["page", f"={cells.one_line(name)}"]
    frame = pd.DataFrame([(text, text) for text in texts], columns=columns, dtype=object)
    content = made(Sheet(texts[0], [frame], about), facts={"Website": name, "Filters": texts[0]})
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        for part in parts.namelist():
            tree = Xml.fromstring(parts.read(part))  # noqa: S314 - made here
            assert not {f"{MAIN}f", f"{MAIN}hyperlink"} & {each.tag for each in tree.iter()}
    book = opened(content)
    assert len(book.sheetnames) == 2
    lines = book.worksheets[0].iter_rows(min_row=2, max_row=1 + len(texts))
    for line, text in zip(lines, texts, strict=True):
        expected = cells.one_line(text)
        for cell in line:
            assert (cell.value or "").rstrip() in {expected.rstrip(), escaped(expected).rstrip()}
            assert cell.data_type == ("s" if expected.strip() or cell.value else "n")
            assert cell.value is None or cell.quotePrefix


def escaped(text: str) -> str:
    """Text as a program reads it that does not know Excel's mark for characters, such as `_x003D_`."""
    return re.sub(r"(_x[0-9a-fA-F]{4}_)", r"_x005F\1", text)


def test_a_cell_past_the_limit_is_cut_and_the_file_says_so() -> None:
    """Excel counts in UTF-16; the longest text it takes is whole."""
    longest, longer = "a" * CELL_LIMIT, "b" * (CELL_LIMIT + 1)
    frame = pd.DataFrame({"comment": [longest, longer, "\U0001f642" * 20_000]})
    book = opened(made(Sheet("Comments", [frame], ZONE)))
    texts = [str(cell.value) for cell in book["Comments"]["A"][1:]]
    assert texts[0] == longest
    assert texts[1] == longer[: CELL_LIMIT - 1] + "…"
    assert len(texts[2].encode("utf-16-le")) // 2 == CELL_LIMIT
    notes = [cell.value for line in book[ABOUT] for cell in line]
    assert (
        "2 cells were cut at 32,767 characters, the most that an Excel cell holds, and end with “…”." in notes
    )


def test_markup_of_the_library_as_long_as_a_cell_is_not_lost() -> None:
    """It is one character longer, and so it is cut like other texts."""
    text = f"<r>{'a' * (CELL_LIMIT - 7)}</r>"
    assert str(row(pd.DataFrame({"comment": [text]}))[0].value) == text[:-1] + "…"


@pytest.mark.parametrize(("counts", "written"), [((4, 2), [4, 2]), ((4, 3), [4, 2]), ((7, 1), [6, 0])])
def test_rows_past_the_end_of_a_workbook_are_left_out_and_the_file_says_so(
    counts: tuple[int, int], written: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six rows in two tables, whose rows come in parts: each table has its names, and the note of a cut one says it."""
    monkeypatch.setattr(workbook, "MOST_ROWS", 6)
    file, frames = io.BytesIO(), [pd.DataFrame({"n": range(count)}) for count in counts]
    sheets = [
        Sheet(f"Table {number}", (frame.iloc[:1], frame.iloc[1:]), ZONE)
        for number, frame in enumerate(frames)
    ]
    assert workbook.write(file, sheets, {}, is_about_first=False) == written
    book = opened(file.getvalue())
    for number, rows in enumerate(written):
        assert [cell.value for cell in book[f"Table {number}"]["A"]] == ["n", *range(rows)]
    notes = " ".join(str(cell.value) for line in book[ABOUT] for cell in line)
    for count, rows in zip(counts, written, strict=True):
        said = f"Only the first {rows} rows: the tables of a workbook have 6 rows at most. The CSV has more."
        assert (said in notes) is (count > rows)


@given(
    st.lists(st.one_of(st.sampled_from(["About", "HISTORY", "x" * 31, "X" * 32, "'a'"]), HOSTILE), max_size=8)
)
def test_names_of_sheets_are_valid_and_unique(titles: list[str]) -> None:
    """By the rules of Excel, which does not tell cases apart."""
    names = workbook.sheet_names(titles)
    assert len({name.lower() for name in (*names, ABOUT, "History")}) == len(titles) + 2
    for name in names:
        assert 1 <= len(name.encode("utf-16-le")) // 2 <= 31
        assert not set(name) & set("[]:*?/\\")
        assert (name.strip(), name.strip("'")) == (name, name)


def test_an_instant_is_a_date_in_the_zone_of_its_column() -> None:
    """The repeated hour of an autumn night is told apart beside it; nothing is a time of another zone."""
    at = pd.Series(pd.to_datetime(["2026-10-25T00:30:00.000Z", "2026-10-25T01:30:59.999Z"]))
    sheet = sheet_of(pd.DataFrame({"started_at": at}))
    assert [cell.value for cell in sheet[1]] == ["started_at (Europe/Berlin)", "started_at"]
    assert [[cell.value for cell in line] for line in sheet.iter_rows(min_row=2)] == [
        [datetime.fromisoformat("2026-10-25 02:30:00"), "2026-10-25T02:30:00+02:00"],
        [datetime.fromisoformat("2026-10-25 02:30:59"), "2026-10-25T02:30:59.999000+01:00"],
    ]
    assert {line[0].number_format for line in sheet.iter_rows(min_row=2)} == {"yyyy-mm-dd hh:mm:ss"}


def test_what_excel_has_no_date_or_number_for_is_text() -> None:
    """It would show `####`, or round the last digits."""
    frame = pd.DataFrame(
        {"at": pd.to_datetime(["1890-01-01T00:00:00Z"]), "id": [10**15], "below": [10**15 - 1]}
    )
    cells_of_row = row(frame)
    assert cells_of_row[0].value == "1890-01-01 00:53:28"
    assert [(cell.value, cell.data_type) for cell in cells_of_row[2:]] == [
        (str(10**15), "s"),
        (10**15 - 1, "n"),
    ]


def test_missing_values_are_empty_and_shares_are_shown_in_percent() -> None:
    """None, NaN, NaT and infinite values are not 0; the value of a share is that of the CSV."""
    frame = pd.DataFrame(
        {
            "a": [None],
            "b": [float("nan")],
            "c": [float("inf")],
            "share_ratio": [0.634],
            "p50_seconds": [61.25],
        }
    )
    assert [cell.value for cell in row(frame)] == [None, None, None, 0.634, 61.25]
    assert [cell.number_format for cell in row(frame)[3:]] == ["0.0%", "General"]


def test_a_sheet_keeps_its_names_in_sight_and_is_wide_enough() -> None:
    """Also a time, which a narrow column shows as `####`; a long text does not make a column of a screen's width."""
    at = pd.to_datetime(["2026-11-16T00:30:00Z"])
    sheet = sheet_of(pd.DataFrame({"at": at, "n": [1_234_567], "comment": ["a" * 500]}))
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:D2")
    widths = [sheet.column_dimensions[letter].width for letter in "ABCD"]
    assert widths[0] >= len("at (Europe/Berlin)")
    assert widths[0] >= len("2026-11-16 00:30:00")
    assert widths[2] >= len("1,234,567")
    assert widths[3] <= 61


def test_an_empty_table_still_has_its_columns() -> None:
    """One line."""
    assert [[cell.value for cell in line] for line in sheet_of(pd.DataFrame({"a": [], "b": []}))] == [
        ["a", "b"]
    ]


def test_the_sheet_about_says_what_each_table_is_about() -> None:
    """Facts first; then a line per table with its own rows, dates, filters and notes."""
    other = About("Shop", "Europe/Berlin", *DAYS, (DAYS[0] - timedelta(7), DAYS[0]), ("City: Oslo",), "Half.")
    tables = (
        Sheet("One", [pd.DataFrame({"n": [1, 2]})], ZONE),
        Sheet("Two", [pd.DataFrame({"n": [1]})], other),
    )
    book = opened(
        made(
            *tables,
            facts={"Website": "Shop", "Made": datetime.fromisoformat("2026-11-28 09:00:00")},
            is_about_first=True,
        )
    )
    assert book.sheetnames == [ABOUT, "One", "Two"]
    lines = [[cell.value for cell in line] for line in book[ABOUT]]
    assert lines[0][:2] == ["Website", "Shop"]
    assert lines[1][:2] == ["Made", datetime.fromisoformat("2026-11-28 09:00:00")]
    heads, one, two = lines[3:]
    start, end = datetime.fromisoformat("2026-11-16"), datetime.fromisoformat("2026-11-23")
    assert dict(zip(heads, one, strict=True)) == {
        "sheet": "One",
        "rows": 2,
        "period_start (Europe/Berlin)": start,
        "period_end (Europe/Berlin)": end,
        "previous_period_start (Europe/Berlin)": None,
        "previous_period_end (Europe/Berlin)": None,
        "only": None,
        "note": None,
    }
    assert dict(zip(heads, two, strict=True)) == {
        "sheet": "Two",
        "rows": 1,
        "period_start (Europe/Berlin)": start,
        "period_end (Europe/Berlin)": end,
        "previous_period_start (Europe/Berlin)": start - timedelta(7),
        "previous_period_end (Europe/Berlin)": start,
        "only": "City: Oslo",
        "note": "Half.",
    }


def test_a_long_table_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    """Ten times the rows; they would take 5 MB more."""

    def pages(count: int) -> Iterator[pd.DataFrame]:
        for first in range(0, count, 1000):
            yield pd.DataFrame({"id": [f"conversation {first + n}" for n in range(1000)], "n": range(1000)})

    def peak(count: int) -> int:
        with (tmp_path / "book.xlsx").open("wb") as file:
            tracemalloc.start()
            try:
                workbook.write(file, [Sheet("Table", pages(count), ZONE)], {}, is_about_first=False)
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    peak(1000)
    assert peak(20_000) < peak(2000) + 500_000


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory for temporary files alone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_nothing_stays_on_the_disk(temporary: Path) -> None:
    """After success, and when the rows end with an error."""

    def broken() -> Iterator[pd.DataFrame]:
        yield pd.DataFrame({"n": range(1000)})
        raise SourceUnavailable("Down.", source="tinybird", resource="x")

    assert made(Sheet("Table", [pd.DataFrame({"n": [1]})], ZONE))
    with pytest.raises(SourceUnavailable):
        made(Sheet("Table", broken(), ZONE))
    assert list(temporary.iterdir()) == []


# The library's archive complains once more when it is collected.
@pytest.mark.filterwarnings(
    "ignore:(?s)Exception ignored in.*ZipFile:pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("where", ["rows", "file"])
def test_a_full_disk_is_an_error_of_the_system(where: str, full: Callable[[str], io.FileIO]) -> None:
    """Whether the rows do not fit or the file."""
    sheet = Sheet("Table", [pd.DataFrame({"n": range(5000)})], ZONE)
    with pytest.raises(OSError, match="No space left"):
        workbook.write(full(where), [sheet], {}, is_about_first=False)
    gc.collect()


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], io.FileIO]]:
    """A file on a full disk; with `rows`, the temporary files are on it too."""
    with Path("/dev/full").open("wb", buffering=0) as device:

        def on(where: str) -> io.FileIO:
            if where == "rows":
                mkstemp = tempfile.mkstemp

                def links(*args: object, **kwargs: object) -> tuple[int, str]:
                    handle, name = mkstemp(*args, **kwargs)  # type: ignore[call-overload]
                    Path(name).unlink()
                    Path(name).symlink_to("/dev/full")
                    return handle, name

                monkeypatch.setattr(tempfile, "mkstemp", links)
            return device

        yield on
