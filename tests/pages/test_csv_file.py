"""CSV files: exact, self-explaining, read by programs and spreadsheets alike, and nothing in them runs."""

import csv
import io
import unicodedata
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.components.exports import csv_file
from pages.components.exports.cells import CELL_LIMIT, About

DAYS = datetime(2026, 11, 15, 23, tzinfo=UTC), datetime(2026, 11, 22, 23, tzinfo=UTC)
ABOUT = About("Shop", "Europe/Berlin", *DAYS)
SEPARATORS = ",;\t|"
LINE_ENDS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


def file(*pages: pd.DataFrame, about: About = ABOUT) -> str:
    """The whole file as text."""
    return b"".join(csv_file.csv_lines(pages, about)).decode("utf-8-sig")


def rows(*pages: pd.DataFrame, about: About = ABOUT) -> list[dict[str, str]]:
    """The file, read back."""
    return list(csv.DictReader(io.StringIO(file(*pages, about=about), "")))


def cells_for_every_reader(text: str) -> list[str]:
    """Every cell that any reader finds: split by one of the separators, at each kind of line end, with and without quotes."""
    found: list[str] = []
    for separator in SEPARATORS:
        found += [cell for row in csv.reader(io.StringIO(text, ""), delimiter=separator) for cell in row]
        found += [cell for row in csv.reader(text.splitlines(), delimiter=separator) for cell in row]
        found += [cell for line in text.splitlines() for cell in line.split(separator)]
    return found


def runs(cell: str) -> bool:
    """Whether the first character that is to be seen is one that a spreadsheet runs, full-width and small ones too."""
    skipped = {"Cc", "Cf", "Me", "Mn", "Zl", "Zp", "Zs"}
    seen = [
        each for each in cell if unicodedata.category(each) not in skipped and each not in '"\u115f\u3164'
    ]
    return bool(seen) and unicodedata.normalize("NFKC", seen[0]) in {"=", "+", "-", "@"}


UNSEEN = "\u200f\u200b\u200d\ufeff\u00ad\u00a0\u3000\u0301\u064e\u20dd\ufe0f\u180e\u115f\u3164\U000e0020"
SIGNS = "=+-@\uff1d\uff0b\ufe63\ufe6b"
hostile = st.text(
    alphabet=st.sampled_from([*SEPARATORS, *LINE_ENDS, *SIGNS, *UNSEEN, *"\"' aé1\x00"]),
    max_size=12,
)


@given(st.lists(st.tuples(hostile, hostile), min_size=1, max_size=4), hostile, hostile)
def test_no_text_runs_whichever_separator_a_reader_splits_by(
    pairs: list[tuple[str, str]], website: str, only: str
) -> None:
    """Cells, column names and what the file is about; quotes, blanks, marks, full-width signs and line ends do not help."""
    frame = pd.DataFrame({"page": [one for one, _ in pairs], "=name": [other for _, other in pairs]})
    text = file(frame, about=About(website, "UTC", *DAYS, only=(only,), note=only))
    assert not [cell for cell in cells_for_every_reader(text) if runs(cell)]
    assert len(text.splitlines()) == 1 + len(pairs)


@given(
    st.lists(st.tuples(hostile, st.integers(), st.floats(allow_nan=False, allow_infinity=False)), min_size=1)
)
def test_numbers_stay_numbers_and_exact(lines: list[tuple[str, int, float]]) -> None:
    """Negative ones too; the same for a program that reads the file without options."""
    frame = pd.DataFrame(lines, columns=["page", "change", "ratio"])
    for (_, change, ratio), row in zip(lines, rows(frame), strict=True):
        assert (int(row["change"]), float(row["ratio"])) == (change, ratio)


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "|cmd", "%0A=1", '"=1"', "\uff1d1", "\ufe66 1"]
    + [f"{unseen}=1" for unseen in (" ", "  ", "\x00", *UNSEEN)],
)
def test_what_a_spreadsheet_would_run_is_text(text: str) -> None:
    """Leading blanks, control characters, marks of direction, quotes and full-width signs included."""
    assert rows(pd.DataFrame({"city": [text]}))[0]["city"].startswith("'")


@pytest.mark.parametrize(
    "text",
    ["Paris", "/pricing", "a=b", "St. John's", 'say "hi", twice', "a;b|c", "", "x, y", "/?q=red,%20blue"],
)
def test_other_text_comes_back_letter_for_letter(text: str) -> None:
    """Quotes and separators included."""
    assert rows(pd.DataFrame({"city": [text], "n": [1]}))[0]["city"] == text


@given(st.text(alphabet=st.sampled_from([*LINE_ENDS, "\x00", "\x1f", *"ab"])))
def test_a_cell_is_one_line_for_every_reader(text: str) -> None:
    """What ends a line, and every other control character, becomes a blank."""
    cell = rows(pd.DataFrame({"page": [f"a{text}b"], "n": [1]}))[0]["page"]
    assert cell.split() == f"a{text}b".replace("\x00", " ").replace("\x1f", " ").split()
    assert set(cell) <= set("ab ")


def test_a_program_reads_the_file_without_options() -> None:
    """Column names first; the last columns of every row say what it is about, so that files can be put together."""
    about = About(
        "Shop", "Europe/Berlin", *DAYS, previous=(DAYS[0] - timedelta(7), DAYS[0]), only=("City: Oslo",)
    )
    read = pd.read_csv(
        io.BytesIO(b"".join(csv_file.csv_lines([pd.DataFrame({"city": ["a", "b"], "n": [1, 2]})], about)))
    )
    assert read.to_dict("list") == {
        "city": ["a", "b"],
        "n": [1, 2],
        "website": ["Shop"] * 2,
        "period_start (Europe/Berlin)": ["2026-11-16 00:00:00"] * 2,
        "period_end (Europe/Berlin)": ["2026-11-23 00:00:00"] * 2,
        "previous_period_start (Europe/Berlin)": ["2026-11-09 00:00:00"] * 2,
        "previous_period_end (Europe/Berlin)": ["2026-11-16 00:00:00"] * 2,
        "only": ["City: Oslo"] * 2,
    }


def test_a_cell_has_no_more_characters_than_excel_takes() -> None:
    """Excel would put the others into the next row, where they could begin with a formula; Excel counts as UTF-16."""
    longest, longer = "a" * CELL_LIMIT, "a" * CELL_LIMIT + "=1+1"
    cells = [
        row["comment"] for row in rows(pd.DataFrame({"comment": [longest, longer, "\U0001f642" * 20_000]}))
    ]
    assert cells[0] == longest
    assert cells[1] == longest[:-1] + "…"
    assert (len(cells[2].encode("utf-16-le")) // 2, cells[2][-2:]) == (CELL_LIMIT, "\U0001f642…")


@pytest.mark.parametrize("count", [1, 5, 50])
def test_python_finds_out_the_separator(count: int) -> None:
    """Whatever is written beside the rows."""
    about = About("Shop", "UTC", *DAYS, only=("City: Oslo",), note="Counted from 28 Oct, 03:15.")
    frame = pd.DataFrame({"browser": ["Chrome"] * count, "visitors": range(count)})
    assert csv.Sniffer().sniff(file(frame, about=about)).delimiter == ","


def test_an_instant_is_a_local_time_named_with_its_zone_and_the_exact_one() -> None:
    """Spreadsheets read the first as a time; only the second distinguishes the repeated hour of an autumn night."""
    at = pd.Series(pd.to_datetime(["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", ""]))
    assert [list(row.values())[:2] for row in rows(pd.DataFrame({"started_at": at, "n": 1}))] == [
        ["2026-10-25 02:30:00", "2026-10-25T02:30:00+02:00"],
        ["2026-10-25 02:30:00", "2026-10-25T02:30:00+01:00"],
        ["", ""],
    ]
    assert file(pd.DataFrame({"started_at": at})).startswith("started_at (Europe/Berlin),started_at,website,")


def test_what_does_not_exist_is_an_empty_cell_and_yes_and_no_are_words() -> None:
    """None, NaN and NaT are not 0, and no end is no number."""
    frame = pd.DataFrame(
        {"a": [None], "b": [float("nan")], "c": [pd.NaT], "d": [float("inf")], "e": ["x"], "f": [True]}
    )
    assert list(rows(frame)[0].values())[:6] == ["", "", "", "", "x", "yes"]


def test_parts_make_one_table_in_their_order() -> None:
    """However many rows a part has, there is one line of names."""
    parts = [pd.DataFrame({"n": range(first, first + 1500)}) for first in (0, 1500)]
    assert [int(row["n"]) for row in rows(*parts)] == list(range(3000))


def test_an_empty_table_still_has_its_columns() -> None:
    """One line."""
    assert file(pd.DataFrame({"a": [], "b": []})).split(",")[:3] == ["a", "b", "website"]
