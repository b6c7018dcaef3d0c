"""Reading CSV and Parquet files: each row becomes the event that JSON would have sent, and nothing is guessed."""

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics.local.tinybird.project.columns import SchemaColumn, parse_schema
from analytics.local.tinybird.project.datafile import load_datasource
from analytics.local.tinybird.storage.bodies import MOST_ROWS, InvalidBody, TooManyRows
from analytics.local.tinybird.storage.rows import RowReader
from analytics.local.tinybird.storage.tabular import events_of_csv, events_of_parquet
from tests.local.tinybird_server import FIXTURE_PROJECT

SCHEMA = parse_schema(
    "id Int64, name String, note Nullable(String), ratio Float64, ok Bool, at DateTime,"
    " kind String `json:$.meta.kind`, tags Array(String) `json:$.tags[:]`, sizes Array(Int8) `json:$.parts[:].size`"
)
READER = RowReader(load_datasource(FIXTURE_PROJECT / "datasources" / "readings.datasource"))


def _csv(body: str | bytes, delimiter: str = ",", schema: tuple[SchemaColumn, ...] = SCHEMA) -> list[Any]:
    content = body.encode() if isinstance(body, str) else body
    return [event for events in events_of_csv(content, schema, delimiter) for event in events]


@pytest.mark.parametrize(
    ("body", "event"),
    [
        ("name,id\na,5\n", {"name": "a", "id": 5}),
        ("id,unknown\n5,x\n", {"id": 5}),
        ('name,id\n"a,""b""\nc",5\n', {"name": 'a,"b"\nc', "id": 5}),
        ("\ufeffname,id\r\na,5\r\n", {"name": "a", "id": 5}),
        ("id,name\n007,007\n", {"id": 7, "name": "007"}),
        ("id,name\n9007199254740993,é\n", {"id": 9007199254740993, "name": "é"}),
        ("id,note\n5,\n", {"id": 5}),
        ("id,note\n5,\\N\n", {"id": 5}),
        ('id,note\n5,""\n', {"id": 5, "note": ""}),
        ("id,name\r5,a\r" + "\r" * 2_000, {"id": 5, "name": "a"}),
        ("\n\r\nid,name\n5,a\n\n", {"id": 5, "name": "a"}),
        ("id,name\n5,a", {"id": 5, "name": "a"}),
        ('"id","na\nme"\n5,a', {"id": 5}),
        (f"id,name\n5,{'x' * 3_000_000}\n", {"id": 5, "name": "x" * 3_000_000}),
        ("id,ratio\nfive,1e3\n", {"id": "five", "ratio": 1000.0}),
        ("ok,at\nTRUE,1700000000\n", {"ok": True, "at": 1700000000}),
        ("ok,at\n0,2026-01-01 00:00:00\n", {"ok": False, "at": "2026-01-01 00:00:00"}),
        ('kind,tags\nx,"[""a"",""b""]"\n', {"meta": {"kind": "x"}, "tags": ["a", "b"]}),
        ('sizes,id\n"[1,2]",5\n', {"parts": [{"size": 1}, {"size": 2}], "id": 5}),
        ("id,tags\n5,[broken\n", {"id": 5, "tags": "[broken"}),
        (
            '5,"a\n,",,1.5,true,1,x,"[]","[]"',
            {
                "id": 5,
                "name": "a\n,",
                "ratio": 1.5,
                "ok": True,
                "at": 1,
                "meta": {"kind": "x"},
                "tags": [],
                "parts": [],
            },
        ),
    ],
    ids=[
        *("names-in-any-order", "unknown-column", "quotes", "byte-order-mark", "zeros-before", "beyond-2**53"),
        *("empty", "null", "quoted-empty", "carriage-returns", "blank-lines", "no-line-end", "line-end-in-a-name"),
        *("long-line", "no-number", "booleans", "time", "nested-and-array", "array-of-objects"),
        *("broken-array", "without-names"),
    ],
)  # fmt: skip  # one case a line
def test_a_line_of_csv_is_the_event_that_json_would_be(body: str, event: dict[str, object]) -> None:
    """Values by the type of their column; text that is none of it stays text; no value is no key."""
    assert _csv(body) == [event]


def test_another_delimiter() -> None:
    """The sender may choose the delimiter."""
    assert _csv("name;id\na,b;5\n", ";") == [{"name": "a,b", "id": 5}]


def test_a_line_with_too_few_or_too_many_fields_costs_itself_only() -> None:
    """An unquoted comma never shifts values into other columns."""
    batch = READER.read(b"at,name\n1,a\n2,b,c\n3\n4,d\n", "csv")
    assert [row[1] for row in batch.rows] == ["a", "d"]
    assert sorted(reason for refusal in batch.refused for reason in refusal.reasons) == [
        "the line has 1 fields instead of 2: 3",
        "the line has 3 fields instead of 2: 2,b,c",
    ]


def test_rows_of_csv_are_judged_as_events_are() -> None:
    """A value that does not fit its column, or is missing, goes to the quarantine with the reason."""
    batch = READER.read(b"at,name,small\n1,a,5\n1,a,500\nx,b,1\n,c,1\n", "csv")
    assert [row[1] for row in batch.rows] == ["a"]
    assert [refusal.columns for refusal in batch.refused] == [("small",), ("at",), ("at",)]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"id,name\n1,\xff\n", "UTF8"),
        (b"id,id\n1,2\n", "names the column id twice"),
        (b"a,b\n1,2\n", "its 2 fields are not the 9 columns"),
        (b"ID,NAME,NOTE,RATIO,OK,AT,KIND,TAGS,SIZES\n5,a,,1.5,true,1,x,[],[]\n", "no column and is no row"),
        (b"name of it,nr,a,b,c,d,e,f,g\na,5,,1.5,true,1,x,[],[]\n", "no column and is no row"),
        (b"ID", "its 1 fields are not the 9 columns"),
        (b"\xef\xbb\xbf", "not CSV"),
        (b"id" + b"," * 5_000 + b"\n", "more than 1000 fields"),
        (b"\n\n", "not CSV"),
    ],
    ids=[
        *("not-utf8", "twice", "other-columns", "upper-case", "other-names", "other-name", "byte-order-mark"),
        *("many-columns", "blank"),
    ],
)
def test_a_file_that_is_no_csv_of_the_data_source_is_refused_whole(body: bytes, words: str) -> None:
    """The reason says what to correct."""
    with pytest.raises(InvalidBody, match=words):
        _csv(body)


def test_names_alone_are_no_rows() -> None:
    """With or without a line end."""
    assert _csv("id,name\n") == _csv("id,name") == []


def test_a_first_line_with_one_bad_value_is_still_a_row() -> None:
    """It costs itself only, as every other row: the rest of it shows that it holds no names."""
    bad = "x,a,,1.5,true,1,x,[],[]\n"
    assert [event["id"] for event in _csv(bad + bad.replace("x", "5", 1))] == ["x", 5]


def test_more_rows_or_fields_than_a_request_may_hold_are_refused() -> None:
    """The limits of JSON bodies hold for CSV."""
    assert len(_csv("id\n" + "1\n" * MOST_ROWS)) == MOST_ROWS
    with pytest.raises(TooManyRows):
        _csv("id\n" + "1\n" * (MOST_ROWS + 1))
    with pytest.raises(TooManyRows):
        _csv(b"id" + (b"," * 900 + b"\n") * 10_000)


def _parquet(table: pa.Table) -> list[Any]:
    file = io.BytesIO()
    pq.write_table(table, file)
    return [event for events in events_of_parquet(file.getvalue()) for event in events]


def test_a_row_of_parquet_is_the_event_that_json_would_be() -> None:
    """Times and decimals as text, lists and structures as they are, NaN and null as no value."""
    row = {
        "at": datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
        "day": date(2026, 1, 2),
        "price": Decimal("1.20"),
        "big": 2**53 + 1,
        "ratio": float("nan"),
        "note": None,
        "raw": b"text",
        "tags": ["a", "b"],
        "meta": {"kind": "x"},
    }
    assert _parquet(pa.Table.from_pylist([row])) == [
        {
            **row,
            "at": "2026-01-02T03:04:05.678000+00:00",
            "day": "2026-01-02",
            "price": "1.20",
            "ratio": None,
            "raw": "text",
        }
    ]


def test_parquet_is_judged_bounded_and_refused_as_the_others_are() -> None:
    """Bad rows are quarantined; too many, or none at all, are refused whole."""
    file = io.BytesIO()
    pq.write_table(pa.table({"at": [1, 2], "name": ["a", "b"], "small": [5, 500]}), file)
    batch = READER.read(file.getvalue(), "parquet")
    assert ([row[1] for row in batch.rows], [refusal.columns for refusal in batch.refused]) == (
        ["a"],
        [("small",)],
    )
    with pytest.raises(TooManyRows):
        _parquet(pa.table({"n": range(MOST_ROWS + 1)}))
    for broken in (b"PAR1", file.getvalue()[:-20], b"at,name\n1,a\n"):
        with pytest.raises(InvalidBody, match="not Parquet"):
            list(events_of_parquet(broken))


def test_a_parquet_file_with_a_time_that_python_has_not_is_refused() -> None:
    """Or with two columns of one name, of which one would win."""
    with pytest.raises(InvalidBody, match="time"):
        _parquet(pa.table({"at": pa.array([2**52], pa.timestamp("ms"))}))
    with pytest.raises(InvalidBody, match="time"):
        _parquet(pa.table({"at": pa.array([2**31 - 1], pa.date32())}))
    twice = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["name", "name"])
    with pytest.raises(InvalidBody, match="names the column name twice"):
        _parquet(twice)
