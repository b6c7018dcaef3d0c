"""Reading events: which values fit which column, and what happens to those that do not."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.local.tinybird.project.datafile import load_datasource
from analytics.local.tinybird.storage.rows import RowReader, encode_rows
from tests.local.tinybird_server import FIXTURE_PROJECT

READER = RowReader(load_datasource(FIXTURE_PROJECT / "datasources" / "readings.datasource"))
NAMES = [
    "at",
    "name",
    "exact",
    "kind",
    "note",
    "small",
    "big",
    "ratio",
    "flag",
    "day",
    "key",
    "price",
    "tags",
    "sizes",
]
GOOD = {"at": "2026-01-02 03:04:05", "name": "n"}


def _fits(**values: object) -> dict[str, Any]:
    batch = READER.read(json.dumps(GOOD | values).encode(), "ndjson")
    assert batch.refused == []
    return dict(zip(NAMES, batch.rows[0], strict=True))


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("2026-01-02 03:04:05", "2026-01-02 03:04:05"),
        ("2026-01-02T03:04:05", "2026-01-02 03:04:05"),
        ("2026-01-02T03:04:05Z", "2026-01-02 03:04:05"),
        ("2026-01-02T03:04:05.999Z", "2026-01-02 03:04:05"),
        ("2026-01-02T03:04:05.123456789Z", "2026-01-02 03:04:05"),
        ("2026-01-02T03:04:05+02:00", "2026-01-02 01:04:05"),
        ("2026-01-02T03:04:05-0330", "2026-01-02 06:34:05"),
        ("2026-01-01T00:30:00+14:00", "2025-12-31 10:30:00"),
        ("2026-01-02T03:04Z", "2026-01-02 03:04:00"),
        ("2026-01-02 03:04", "2026-01-02 03:04:00"),
        ("2026-01-02T03:04+02", "2026-01-02 01:04:00"),
        ("2026-01-02T03:04:05+0200", "2026-01-02 01:04:05"),
        ("2026-01-02t03:04:05z", "2026-01-02 03:04:05"),
        ("2026-01-02T03:04:05,5Z", "2026-01-02 03:04:05"),
        ("20260102T030405Z", "2026-01-02 03:04:05"),
        ("20260102T0304-01", "2026-01-02 04:04:00"),
        ("2106-02-07T06:28:15Z", "2106-02-07 06:28:15"),
        (2**32 - 1, "2106-02-07 06:28:15"),
        (1767323045, "2026-01-02 03:04:05"),
        (0, "1970-01-01 00:00:00"),
    ],
)
def test_timestamps_become_utc_seconds(sent: object, stored: str) -> None:
    """ISO 8601 with Z, offset or fraction, the SQL form and Unix seconds all mean one instant in UTC."""
    assert _fits(at=sent)["at"] == stored


@pytest.mark.parametrize(
    ("column", "sent", "stored"),
    [
        ("name", 5, "5"),
        ("name", {"a": [1]}, '{"a": [1]}'),
        ("name", "\0 \n \\ ' é 😀", "\0 \n \\ ' é 😀"),
        ("exact", "2026-01-02T03:04:05.123+01:00", "2026-01-02 02:04:05.123000"),
        ("exact", "2026-01-02T03:04:05.123456789Z", "2026-01-02 03:04:05.123456"),
        ("exact", "1900-01-01T00:00:00Z", "1900-01-01 00:00:00"),
        ("exact", -2_208_988_800, "1900-01-01 00:00:00"),
        ("note", None, None),
        ("small", -128, -128),
        ("big", 2**64 - 1, 2**64 - 1),
        ("ratio", 3, 3),
        ("flag", 1, True),
        ("day", "2026-02-28", "2026-02-28"),
        ("price", "1.25", "1.25"),
        ("tags", ["a", 1], ["a", "1"]),
    ],
)
def test_values_that_fit_are_kept(column: str, sent: object, stored: object) -> None:
    """A value of the column's type, or one that Tinybird takes for it, reaches ClickHouse."""
    assert _fits(**{column: sent})[column] == stored


def test_json_paths_reach_into_objects_and_arrays() -> None:
    """A path names keys; `[:]` stands for every element."""
    row = _fits(meta={"kind": "k"}, parts=[{"size": 1}, {"size": 2}])
    assert (row["kind"], row["sizes"]) == ("k", [1, 2])


@pytest.mark.parametrize(
    ("column", "sent"),
    [
        ("at", "yesterday"),
        ("at", "2026-02-30 00:00:00"),
        ("at", "2026-01-02"),
        ("at", "1969-12-31 23:59:59"),
        ("at", "2106-02-07 06:28:16"),
        ("at", 2**32),
        ("at", "0001-01-01T00:00:00+14:00"),
        ("at", "9999-12-31T23:59:59-12:00"),
        ("at", "2026-01-02T03"),
        ("at", "2026-01-02T03:04+24:00"),
        ("at", "2026-W01-1T00:00"),
        ("exact", "1899-12-31 23:59:59"),
        ("exact", "2300-01-01 00:00:00"),
        ("exact", 10_413_792_000),
        ("at", -1),
        ("at", 1.5),
        ("at", True),
        ("at", None),
        ("small", 128),
        ("small", "5"),
        ("small", 1.5),
        ("small", True),
        ("big", -1),
        ("ratio", "0.5"),
        ("ratio", 1e39),
        ("ratio", 10**400),
        ("flag", "true"),
        ("flag", 2),
        ("day", "2026-1-1"),
        ("day", "2026-02-29"),
        ("key", "123"),
        ("price", "cheap"),
        ("tags", "a"),
        ("sizes", [{"size": 1}]),
        ("name", None),
    ],
)
def test_values_that_do_not_fit_send_their_row_to_quarantine(column: str, sent: object) -> None:
    """The refusal names the column; the other row of the batch is not touched."""
    bad = {"parts": sent and [{"size": 99999}]} if column == "sizes" else {column: sent}
    body = "\n".join(json.dumps(row) for row in (GOOD | bad, GOOD))
    batch = READER.read(body.encode(), "ndjson")
    assert len(batch.rows) == 1
    [refusal] = batch.refused
    assert refusal.columns == (column,)
    assert f"'{column}'" in refusal.reasons[0]


def test_a_refusal_keeps_what_was_sent() -> None:
    """The quarantine shows every value as text, the wrong one included."""
    [refusal] = READER.read(b'{"at": "never", "name": 5, "tags": ["a"], "small": 1000}', "ndjson").refused
    assert refusal.columns == ("at", "small")
    values = dict(zip(NAMES, refusal.values, strict=True))
    assert (values["at"], values["name"], values["tags"], values["small"], values["note"]) == (
        *("never", "5", '["a"]', "1000"),
        None,
    )


def test_half_a_surrogate_pair_cannot_be_encoded() -> None:
    """Such a text passes the type check; encoding the batch finds it before ClickHouse does."""
    batch = READER.read(rb'{"at": 1, "name": "\ud800"}', "ndjson")
    with pytest.raises(UnicodeEncodeError):
        encode_rows(batch.rows)


def test_events_that_look_alike_are_read_and_refused_one_by_one(tmp_path: Path) -> None:
    """Without nested paths rows take a shorter way; what fits, what is absent and why a row is refused stay the same."""
    path = tmp_path / "visits.datasource"
    path.write_text(
        "SCHEMA >\n    `at` DateTime, `name` String, `ratio` Float32, `note` Nullable(String), `city` String DEFAULT ''\n"
        'ENGINE "MergeTree"\nENGINE_SORTING_KEY "at"\n'
    )
    at = "2026-01-02T03:04:05"
    sent: list[object] = [
        {"at": at, "name": "a", "ratio": 0.5, "note": "n", "city": "c"},
        {"at": f"{at}+01:00", "name": "b", "ratio": 2, "city": None, "unknown": 1},
        {"at": 0, "name": ["c"], "ratio": -1.0, "note": 7},
        {"at": "2026-02-30T00:00:00", "name": "d", "ratio": "0.5"},
        {"at": at, "ratio": 0.5},
        {"at": at, "name": "e", "ratio": 1e39},
        {"at": "2026-01-02T24:00:01", "name": "f", "ratio": 0.5},
        {"at": "1969-12-31 23:59:59", "name": "g", "ratio": 0.5},
        "none",
    ]
    batch = RowReader(load_datasource(path)).read("\n".join(map(json.dumps, sent)).encode(), "ndjson")
    assert batch.rows == [
        ["2026-01-02 03:04:05", "a", 0.5, "n", "c"],
        ["2026-01-02 02:04:05", "b", 2, None, None],
        ["1970-01-01 00:00:00", '["c"]', -1.0, "7", None],
    ]
    assert [refusal.columns for refusal in batch.refused] == [
        ("at", "ratio"),
        ("name",),
        ("ratio",),
        ("at",),
        ("at",),
        ("",),
    ]
    assert batch.refused[1].reasons == ("column 'name' has no value and no default",)


def _flat_reader(directory: Path) -> RowReader:
    """Reads columns of many types that lie side by side, an optional one before one that is needed."""
    path = directory / "flat.datasource"
    path.write_text(
        "SCHEMA >\n    `at` DateTime, `note` Nullable(String), `name` String, `ratio` Float32,"
        " `exact` Nullable(Float64), `count` UInt64 DEFAULT 7, `flag` UInt8, `tags` Array(String) DEFAULT []\n"
        'ENGINE "MergeTree"\nENGINE_SORTING_KEY "at"\n'
    )
    return RowReader(load_datasource(path))


_TEXTS = st.text(max_size=5) | st.sampled_from(["2026-01-02T03:04:05Z", "2026-01-02 03:04:05", "\ud800", "é"])
_NUMBERS = st.integers() | st.floats() | st.sampled_from([2**63, 2**64 - 1, 2**64, 10**30, 1e39, -0.0, 0, 1])
_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
_USUAL = st.fixed_dictionaries(
    {
        "at": _TEXTS | st.integers(0, 2**31),
        "name": _TEXTS,
        "ratio": _NUMBERS,
        "flag": st.sampled_from([0, 1]),
    },
    optional={"note": st.none() | _TEXTS, "exact": st.none() | _NUMBERS, "count": _NUMBERS, "more": _VALUES},
)
_ODD = st.dictionaries(
    st.sampled_from(["at", "note", "name", "ratio", "exact", "count", "flag", "tags"]), _VALUES, max_size=8
)


@given(events=st.lists(_USUAL | _ODD | _VALUES, min_size=1, max_size=4))
def test_the_short_way_reads_what_the_long_way_reads(
    tmp_path_factory: pytest.TempPathFactory, events: list[object]
) -> None:
    """A broken line makes its neighbours be read one by one, which changes neither rows nor refusals."""
    reader = _flat_reader(tmp_path_factory.getbasetemp())
    lines = [json.dumps(event).encode() for event in events]
    short = [reader.read(line, "ndjson") for line in lines]
    together = reader.read(b'{"at": 0}\n' + b"\n".join(lines), "ndjson")
    long = reader.read(b"}\n" + b"\n".join(lines), "ndjson")
    rows = [row for batch in short for row in batch.rows]
    refused = [refusal for batch in short for refusal in batch.refused]
    assert rows == together.rows == long.rows
    assert refused == together.refused[1:] == long.refused[1:]


@pytest.mark.parametrize(
    "body", [b"[]", b"\n \n[]", b"[[]]"], ids=["nothing", "nothing-below", "not-an-event"]
)
def test_an_array_without_events_holds_no_rows(tmp_path: Path, body: bytes) -> None:
    """Nothing to store is no mistake."""
    assert _flat_reader(tmp_path).read(body, "json").rows == []


def test_numbers_past_every_float_and_values_nested_to_the_limit_cost_their_own_row_only(
    tmp_path: Path,
) -> None:
    """Whatever a conversion raises is a reason to refuse this one row."""
    path = tmp_path / "floats.datasource"
    path.write_text(
        'SCHEMA >\n    `ratio` Float64, `note` String\nENGINE "MergeTree"\nENGINE_SORTING_KEY "ratio"\n'
    )
    reader = RowReader(load_datasource(path))
    good = b'{"ratio": 1, "note": "n"}'
    batch = reader.read(good + b'\n{"ratio": 1' + b"0" * 400 + b', "note": "n"}', "ndjson")
    assert (len(batch.rows), len(batch.refused)) == (1, 1)
    for depth in range(200, 1000, 10):
        deep = b'{"ratio": 1, "note": ' + b"[" * depth + b"]" * depth + b"}"
        batch = reader.read(good + b"\n" + deep, "ndjson")
        assert len(batch.rows) + len(batch.refused) == 2
