"""CSV files: exact, self-explaining, and nothing in them runs."""

import csv
import io
from datetime import UTC, datetime

import pandas as pd
import pytest

from analytics import exports

ABOUT = ("Shop", "16–22 Nov 2026")


def rows(frame: pd.DataFrame, timezone: str = "UTC") -> list[list[str]]:
    """The file, read back."""
    return list(
        csv.reader(
            io.StringIO(exports.csv_bytes(frame, about=ABOUT, timezone=timezone).decode("utf-8-sig"), "")
        )
    )


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\x00=1", "\uff1d1", "|cmd", "%0A=1", "\n@x"],
)
def test_what_a_spreadsheet_would_run_is_text(text: str) -> None:
    """Leading blanks, control characters and full-width signs included."""
    (cell,) = rows(pd.DataFrame({"city": [text]}))[2]
    assert cell.startswith("'")
    assert "\x00" not in cell


@pytest.mark.parametrize(
    "text", ["Paris", "/pricing", "a=b", "St. John's", 'say "hi", twice', "two\nlines", ""]
)
def test_other_text_comes_back_letter_for_letter(text: str) -> None:
    """Quotes, commas and line breaks included."""
    assert rows(pd.DataFrame({"city": [text], "n": [1]}))[2][0] == text


def test_numbers_are_exact_and_negative_ones_stay_numbers() -> None:
    """A number is never led by an apostrophe, and 0.1 + 0.2 keeps all its digits."""
    assert rows(pd.DataFrame({"a": [-3], "b": [0.1 + 0.2], "c": [True]}))[2] == [
        "-3",
        "0.30000000000000004",
        "true",
    ]


def test_what_does_not_exist_is_an_empty_cell() -> None:
    """None, NaN and NaT are not 0."""
    frame = pd.DataFrame({"a": [None], "b": [float("nan")], "c": [pd.NaT], "d": ["x"]})
    assert rows(frame)[2] == ["", "", "", "x"]


def test_instants_carry_the_offset_of_the_timezone() -> None:
    """The same zone that the first line names."""
    frame = pd.DataFrame({"at": pd.to_datetime([datetime(2026, 11, 1, 12, tzinfo=UTC)])})
    first, _, row = rows(frame, "Asia/Kolkata")
    assert first == ["Shop · 16–22 Nov 2026 · Asia/Kolkata"]
    assert row == ["2026-11-01T17:30:00+05:30"]


def test_a_hostile_name_does_not_run_in_the_first_line() -> None:
    """The website's name is a customer's text."""
    file = exports.csv_bytes(pd.DataFrame({"a": []}), about=("=cmd()",), timezone="UTC").decode("utf-8-sig")
    assert file == "'=cmd() · UTC\r\na\r\n"


def test_an_empty_frame_still_says_what_it_is_about() -> None:
    """Two lines: about, and the columns."""
    assert len(rows(pd.DataFrame({"a": [], "b": []}))) == 2
