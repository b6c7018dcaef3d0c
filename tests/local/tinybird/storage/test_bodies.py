"""Reads the body of an events request: the JSON forms that hold rows, and the limits."""

import pytest

from analytics.local.tinybird.project.datafile import load_datasource
from analytics.local.tinybird.storage.bodies import MOST_ROWS, Format, InvalidBody, TooManyRows
from analytics.local.tinybird.storage.rows import RowReader
from tests.local.tinybird_server import FIXTURE_PROJECT

READER = RowReader(load_datasource(FIXTURE_PROJECT / "datasources" / "readings.datasource"))


@pytest.mark.parametrize(
    ("body", "rows", "refused"),
    [
        (b'{"at": 1, "name": "a"}', 1, 0),
        (b'{"at": 1, "name": "a"}\n\n \r\n{"at": 1, "name": "b"}\r\n', 2, 0),
        (b'\xef\xbb\xbf{"at": 1, "name": "a"}\n{"at": 1, "name": "b"}\n', 2, 0),
        (b'\xef\xbb\xbf', 0, 0),
        (b'{\n  "at": 1,\n  "name": "a"\n}\n', 1, 0),
        (b'[\n{"at": 1, "name": "a"},\n{"at": 1, "name": "b"}\n]', 2, 0),
        (b'[{"at": 1, "name": "a"}, {"at": 1, "name": "b"}]', 2, 0),
        (b'{"at": 1, "name": "a"}\nbroken\n{"at": 1, "name": "b"}', 2, 1),
        (b'{"at": 1, "name": "a"}\n{"at": 1, "name": "\xff"}', 1, 1),
        (b'{"at": 1, "name": "a"}\n{"at": NaN, "name": "b"}', 1, 1),
        (b'{"at": 1, "name": "a"}\n' + b"[" * 50_000, 1, 1),
        (b'{"at": 1, "name": "a"}\n' + b"9" * 50_000, 1, 1),
        (b'{"at": 1, "name": "a"} {"at": 1, "name": "b"}', 0, 1),
        (b"null\n1\n[]\n\"text\"", 0, 4),
        (b'{"at": 1, "name": "a\nb"}', 0, 2),
    ],
    ids=[
        *("one", "ndjson", "byte-order-mark", "byte-order-mark-alone", "spread", "array-lines", "array-line", "broken-line", "not-utf8", "nan", "deep", "long-number"),
        *("two-on-a-line", "no-objects", "raw-newline"),
    ],
)  # fmt: skip  # one case a line
def test_bodies_are_read_line_by_line_and_nothing_takes_the_batch_down(
    body: bytes, rows: int, refused: int
) -> None:
    """One object, NDJSON and arrays are read; a broken line costs itself only."""
    batch = READER.read(body, "ndjson")
    assert (len(batch.rows), len(batch.refused)) == (rows, refused)


def test_format_json_takes_an_object_or_an_array_and_nothing_else() -> None:
    """`format=json` is one JSON value."""
    assert len(READER.read(b'\n {"at": 1,\n "name": "a"}', "json").rows) == 1
    assert len(READER.read(b'[{"at": 1, "name": "a"}, 5]', "json").refused) == 1
    with pytest.raises(InvalidBody):
        READER.read(b'{"at": 1}\n{"at": 1}', "json")


@pytest.mark.parametrize(
    ("body", "format_"),
    [
        (b"{}\n" * (MOST_ROWS + 1), "ndjson"),
        (b"[{}" + b",{}" * MOST_ROWS + b"]", "json"),
        (b"[\n{}" + b",{}" * MOST_ROWS + b"]", "ndjson"),
        (b"{}\n[{}" + b",{}" * MOST_ROWS + b"]", "ndjson"),
        (b'{"a": [' + b"{}," * 1_000_000 + b"{}]}", "ndjson"),
        (b'{"a": [' + b"[]," * 4_000_001 + b"[]]}", "json"),
    ],
    ids=["lines", "array", "array-lines", "array-line", "objects", "values"],
)
def test_more_rows_or_values_than_a_request_may_hold_are_refused_whole(body: bytes, format_: Format) -> None:
    """A few bytes cannot stand for gigabytes: they are counted before they are read."""
    with pytest.raises(TooManyRows) as caught:
        READER.read(body, format_)
    assert caught.value.status == 413


def test_blank_lines_are_no_rows_and_equal_refusals_are_kept_once() -> None:
    """A request full of the same mistake costs little more than one of them."""
    batch = READER.read(b"{}\n\n" * MOST_ROWS, "ndjson")
    assert len(batch.refused) == MOST_ROWS
    assert len(set(map(id, batch.refused))) == 1
