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
        pytest.param("name", "a\ud800", id="half a character"),
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


@pytest.mark.parametrize("missing", NAMES)
def test_a_column_that_is_declared_is_in_every_row(missing: str) -> None:
    """Also one that may be null: what was not sent is no "not observable"."""
    row = {name: value for name, value in ROW.items() if name != missing}
    with pytest.raises(SchemaMismatch, match=f"{missing} is declared, but missing in a row"):
        SCHEMA.frame(NAMES, [ROW, row])


@pytest.mark.parametrize(
    "periods",
    [[], ["current"], ["current", "current"], ["current", "previous", "previous"], ["now", "then"]],
    ids=str,
)
def test_two_periods_are_promised_once_each(periods: list[str]) -> None:
    """A missing or doubled row would silently compare with itself."""
    first, _ = rows_of(schemas.UNIQUE_VISITORS)
    with pytest.raises(SchemaMismatch, match="period"):
        frame_of(schemas.UNIQUE_VISITORS, [{**first, "period": period} for period in periods])


@pytest.mark.parametrize("schema", [schemas.INBOX_ANALYTICS, schemas.LATEST_COMMENTS], ids=["pipe", "query"])
def test_what_to_do_about_a_value_is_not_what_to_do_about_a_column(schema: Schema) -> None:
    """Deploying the pipe again changes no value, and a missing column is in no row."""
    with pytest.raises(SchemaMismatch) as missing:
        schema.frame([], [])
    (first, *rest), number = rows_of(schema), schema.columns[-1].name
    with pytest.raises(SchemaMismatch) as impossible:
        frame_of(schema, [{**first, number: -1}, *rest])
    remedies = missing.value.remedy, impossible.value.remedy
    if schema.source == "tinybird":
        assert ["deploy the" in remedy for remedy in remedies] == [True, False]
        assert "inbox-analytics parity" in remedies[1]
    assert len(set(remedies)) == 2


ALL = {name: schema for name, schema in vars(schemas).items() if isinstance(schema, Schema)}
NUMBERS = [
    pytest.param(schema, column, id=f"{schema.resource}.{column.name}")
    for schema in ALL.values()
    for column in schema.columns
    if column.dtype in {"int", "float"}
]
WITHOUT_GRAIN = {schemas.WEBSITES_FOR_VIEWER, schemas.LATEST_COMMENTS}
"""Equal rows are possible: equal subscriptions of one website count once, and two equal comments are two."""

MAY_BE_EMPTY = {
    "active_visitors": "no visitor right now",
    "backlog": "no conversation at all",
    "goal_counts": "no conversation under a goal",
    "member_roles": "no member of the organization",
    "conversation_events": "no event in the window, and past the last page",
    "conversation_list": "no conversation in the period, and past the last page",
    "conversations_by_id": "all of them deleted",
    "kpi_timeseries": "a period of no length; the requested buckets are checked by the source",
    "latest_comments": "no comment in the period",
    "left_out_conversations": "none deleted",
    "open_conversations": "none open",
    "quarantined_rows": "none quarantined",
    "rated_conversations": "none rated",
    "rated_share": "none resolved in both periods",
    "rating_and_sentiment": "none rated in both periods",
    "ratings_by_side": "none rated",
    "still_waiting": "never; the one row of a count is checked by the source",
    "traits_by_side": "none resolved",
    "user_by_email": "no such user",
    "visitor_activity": "never; the requested minutes are checked by the source",
    "visitor_locations": "never; the row of visitors without a place is checked by the source",
    "visitor_timeseries": "a period of no length; the requested buckets are checked by the source",
    "waiting_conversations": "none waits",
    "website_freshness": "no website sends",
    "website_scores": "none rated on any of them",
    "websites_for_viewer": "no website",
}
"""Schemas that promise no row, and when an answer without rows is right."""

HAVE_NO_LEAST = {
    ("active_visitors", "latitude"),
    ("active_visitors", "longitude"),
    ("conversation_events", "duration_seconds"),
}
"""Numbers that are shown or compared as they were sent."""

SAMPLES = {
    "string": "a",
    "int": 1,
    "float": 1.0,
    "bool": True,
    "datetime": "2026-11-10 12:00:00",
    "counts": [1],
    "measures": [None, 1.0],
}
SECRET = "secret-7f3a"


def rows_of(schema: Schema) -> list[dict[str, object]]:
    """The fewest rows that a schema accepts, at least one; texts hold a secret that no error may repeat."""
    row: dict[str, object] = {
        column.name: SECRET if column.dtype == "string" else SAMPLES[column.dtype]
        for column in schema.columns
    }
    for column in schema.columns:
        if column.values is not None:
            row[column.name] = min(column.values)
    if schema.always is None:
        return [row]
    return [{**row, schema.always.column: value} for value in sorted(schema.always.values)]


def frame_of(schema: Schema, rows: list[dict[str, object]]) -> pd.DataFrame:
    """The frame of an answer that declares every column."""
    return schema.frame([column.name for column in schema.columns], rows)


def refused(schema: Schema, rows: list[dict[str, object]], rule: str) -> None:
    """Asserts that the answer is refused by that rule, in words that repeat nothing of the rows."""
    with pytest.raises(SchemaMismatch, match=rule) as caught:
        frame_of(schema, rows)
    assert (caught.value.source, caught.value.resource) == (schema.source, schema.resource)
    assert SECRET not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"


@pytest.mark.parametrize("schema", ALL.values(), ids=ALL)
def test_every_schema_takes_its_fewest_rows(schema: Schema) -> None:
    """So what the other tests change is what is refused."""
    rows = rows_of(schema)
    assert len(frame_of(schema, rows)) == len(rows)


@pytest.mark.parametrize(("schema", "column"), NUMBERS)
def test_no_number_of_any_schema_is_negative_or_infinite(schema: Schema, column: Column) -> None:
    """Negative, NaN, infinite, as text as well; what may be negative is listed here."""
    for value in (float("nan"), float("inf"), float("-inf"), "nan", "inf", 10**400):
        first, *rest = rows_of(schema)
        refused(schema, [{**first, column.name: value}, *rest], rf"\b{column.name} is not of type")
    first, *rest = rows_of(schema)
    rows = [{**first, column.name: -1}, *rest]
    if (schema.resource, column.name) in HAVE_NO_LEAST:
        assert frame_of(schema, rows)[column.name].iloc[0] == -1
    elif column.least is not None and column.least < 0:
        refused(schema, [{**first, column.name: column.least - 1}, *rest], f"{column.name} is below")
    else:
        refused(schema, rows, rf"\b{column.name} is (below|not of type int)")


BOUNDED = [each for each in NUMBERS if each.values[1].most is not None]  # type: ignore[union-attr]


@pytest.mark.parametrize(("schema", "column"), BOUNDED)
def test_no_number_is_out_of_its_scale(schema: Schema, column: Column) -> None:
    """Ratios, ratings, marks and coordinates; the ends themselves are inside."""
    assert column.most is not None
    first, *rest = rows_of(schema)
    frame_of(schema, [{**first, column.name: int(column.most)}, *rest])
    over = int(column.most) + 1 if column.dtype == "int" else column.most + 0.001
    refused(schema, [{**first, column.name: over}, *rest], f"{column.name} is above")


def test_the_scales_are_those_of_the_contract() -> None:
    """Each bounded number, so that none is lost unseen."""
    assert {(each.id, each.values[1].least, each.values[1].most) for each in BOUNDED} == {  # type: ignore[union-attr]
        ("conversation_list.is_ai_resolved", 0, 1),
        ("conversation_list.is_escalated", 0, 1),
        ("conversation_list.is_resolved", 0, 1),
        ("conversations_by_id.rating", 1, 5),
        ("inbox_analytics.ai_handled_ratio", 0, 1),
        ("kpi_timeseries.ai_handled_ratio", 0, 1),
        ("website_kpis.ai_handled_ratio", 0, 1),
        ("latest_comments.rating", 1, 5),
        ("rated_conversations.rating", 1, 5),
        ("visitor_locations.latitude", -90, 90),
        ("visitor_locations.longitude", -180, 180),
        ("website_kpis.ai_handled_ratio", 0, 1),
    }


@pytest.mark.parametrize("schema", ALL.values(), ids=ALL)
def test_no_row_is_there_twice(schema: Schema) -> None:
    """The grain is unique, whatever the other columns say."""
    rows = rows_of(schema)
    if schema in WITHOUT_GRAIN:
        assert len(frame_of(schema, rows * 2)) == 2 * len(rows)
    else:
        refused(schema, rows * 2, "it has two rows with the same")


@pytest.mark.parametrize("schema", ALL.values(), ids=ALL)
def test_no_promised_row_is_missing(schema: Schema) -> None:
    """None of them, nor all; where an answer without rows is right, it says when."""
    rows = rows_of(schema)
    assert (schema.always is None) == (schema.resource in MAY_BE_EMPTY)
    if schema.always is None:
        assert frame_of(schema, []).empty
        return
    refused(schema, [], "it has no row for one of the promised values")
    for index in range(len(rows)):
        refused(schema, rows[:index] + rows[index + 1 :], "it has no row for one of the promised values")


@pytest.mark.parametrize("schema", ALL.values(), ids=ALL)
def test_no_part_is_larger_than_its_whole(schema: Schema) -> None:
    """Where one of the two is not known, nothing is."""
    for name, whole, times in schema.parts:
        first, *rest = rows_of(schema)
        others = {part.whole: 2 for part in schema.parts if part.name == name}
        is_mark = any(column.name == name and column.most == 1 for column in schema.columns)
        broken = first | others | ({whole: 0} if is_mark else {name: times + 1, whole: 1})
        refused(schema, [broken, *rest], f"{name} is larger than .*{whole}")
        if any(column.name == whole and column.is_nullable for column in schema.columns):
            frame_of(schema, [broken | {whole: None}, *rest])


def test_the_fewest_rows_are_not_asked_of_the_rest() -> None:
    """A request that skips rows skips those as well; all other rules hold."""
    schema = schemas.VISITOR_BREAKDOWN
    (row,) = rows_of(schema)
    names = [column.name for column in schema.columns]
    assert schema.frame(names, [], is_rest=True).empty
    with pytest.raises(SchemaMismatch, match="two rows"):
        schema.frame(names, [row, row], is_rest=True)


@pytest.mark.parametrize("value", ["1", 1, [-1.0], ["a"], [float("nan")], [float("inf")], None])
def test_numbers_of_a_list_are_measures_or_not_observable(value: object) -> None:
    """A list of None and of numbers that are not negative, each as it is; nothing else."""
    schema = schemas.WEBSITE_KPIS
    name = "bucket_median_response_seconds"
    rows = rows_of(schema)
    assert frame_of(schema, rows)[name].tolist() == [(None, 1.0)] * 2
    refused(schema, [{**row, name: value} for row in rows], f"{name} is")
