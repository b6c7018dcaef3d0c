"""Schemas: an answer without what was promised is an error that names the column."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from analytics import schemas
from analytics.errors import SchemaMismatch
from analytics.schemas import Column, Schema

SCHEMA = Schema(
    "tinybird",
    "made_up",
    (
        Column("name", "string", "a name"),
        Column("n", "int", "a count"),
        Column("seconds", "float", "a duration", is_nullable=True),
        Column("at", "datetime", "an instant", is_nullable=True),
        Column("is_on", "bool", "a switch"),
    ),
)
NAMES = ("name", "n", "seconds", "at", "is_on")
ROW = {"name": "a", "n": 3, "seconds": 1.5, "at": "2026-11-10 12:00:00", "is_on": True}
TYPES = ["str", "int64", "float64", "datetime64[us, UTC]", "bool"]


def test_a_good_answer_becomes_a_typed_frame() -> None:
    """Each column has its type; text without an offset is UTC."""
    frame = SCHEMA.frame(NAMES, [ROW, {**ROW, "seconds": None, "at": None}])
    assert list(map(str, frame.dtypes)) == TYPES
    assert frame["at"][0] == pd.Timestamp("2026-11-10 12:00", tz="UTC")
    assert frame["seconds"].isna().tolist() == [False, True]
    assert frame["at"].isna().tolist() == [False, True]


def test_no_rows_keep_columns_and_types() -> None:
    """An empty answer is a frame that can be drawn as empty."""
    frame = SCHEMA.frame(NAMES, [])
    assert len(frame) == 0
    assert list(map(str, frame.dtypes)) == TYPES


def test_unknown_columns_are_ignored() -> None:
    """A newer pipe serves an older dashboard."""
    assert list(SCHEMA.frame((*NAMES, "new"), [{**ROW, "new": 1}])) == list(NAMES)


@pytest.mark.parametrize("missing", NAMES)
@pytest.mark.parametrize("rows", [[], [ROW]], ids=["no row", "one row"])
def test_a_missing_column_is_named(missing: str, rows: list[dict[str, object]]) -> None:
    """Also when the answer has no row to notice it by."""
    with pytest.raises(SchemaMismatch, match=missing) as caught:
        SCHEMA.frame([name for name in NAMES if name != missing], rows)
    assert (caught.value.source, caught.value.resource) == ("tinybird", "made_up")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("column", "value"),
    [
        pytest.param("name", 5, id="number for text"),
        pytest.param("name", None, id="null text"),
        pytest.param("n", None, id="null count"),
        pytest.param("n", "many", id="text for a count"),
        pytest.param("n", 1.5, id="fraction for a count"),
        pytest.param("n", 2**70, id="count out of range"),
        pytest.param("n", True, id="boolean for a count"),
        pytest.param("seconds", "long", id="text for a duration"),
        pytest.param("at", "yesterday", id="text for an instant"),
        pytest.param("at", [1], id="list for an instant"),
        pytest.param("is_on", 1, id="number for a switch"),
    ],
)
def test_a_value_of_another_type_is_named(column: str, value: object) -> None:
    """The column is in the message; the row never arrives."""
    with pytest.raises(SchemaMismatch, match=rf"\b{column}\b"):
        SCHEMA.frame(NAMES, [ROW, {**ROW, column: value}])


def test_a_large_count_may_arrive_as_text() -> None:
    """ClickHouse quotes 64-bit numbers when a setting says so."""
    assert SCHEMA.frame(NAMES, [{**ROW, "n": "9007199254740993"}])["n"][0] == 9007199254740993


def test_an_aware_instant_is_turned_to_utc() -> None:
    """Postgres gives aware datetimes."""
    at = datetime.fromisoformat("2026-11-10T12:00:00+05:30")
    assert SCHEMA.frame(NAMES, [{**ROW, "at": at}])["at"][0] == at.astimezone(UTC)


@pytest.mark.parametrize(
    "periods",
    [[], ["current"], ["current", "current"], ["current", "previous", "previous"], ["now", "then"]],
    ids=str,
)
def test_two_periods_are_promised_once_each(periods: list[str]) -> None:
    """A missing or doubled row would silently compare with itself."""
    rows = [{"period": period, "unique_visitors": 1} for period in periods]
    with pytest.raises(SchemaMismatch, match="two periods"):
        schemas.UNIQUE_VISITORS.periods(("period", "unique_visitors"), rows)
