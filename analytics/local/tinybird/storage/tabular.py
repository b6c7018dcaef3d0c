"""Reads a CSV or Parquet file into events, as if its rows had been sent as JSON. Refuses no single value.

Text in CSV becomes a JSON value by the type of its column; what does not look like one stays text, for `rows` to judge.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

from analytics.local.tinybird.project.columns import EACH, INTEGER_BITS, SchemaColumn, bare
from analytics.local.tinybird.storage.bodies import MOST_ROWS, InvalidBody, Malformed, TooManyRows
from analytics.local.tinybird.storage.convert import UNFIT, converter

_MOST_COLUMNS = 1_000
_MOST_FIELDS = 8_000_000
_MOST_BYTES = 256 * 1024 * 1024
_ROWS_AT_ONCE = 1_000
_EXCERPT_CHARACTERS = 500
_NULLS = ("", "\\N")
_INTEGER = re.compile(r"[+-]?\d{1,80}", re.ASCII)
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


def events_of_csv(body: bytes, columns: Sequence[SchemaColumn], delimiter: str) -> Iterator[list[object]]:
    r"""The events of a CSV file, some hundred at a time; a line with too few or too many fields is a `Malformed`.

    The first line names the columns, in any order; unknown names are ignored. Without any name of a column in it, it
    is a row, and every line has the columns in the order of the schema. A field that is empty and not quoted, or `\N`,
    is no value.

    Raises:
        InvalidBody: not UTF-8, a column named twice, or a first line that neither names a column nor can be a row: other
            fields than there are columns, or no number, date or list where one belongs.
        TooManyRows: more than one request may hold.
    """
    from pyarrow import ArrowInvalid, csv, string  # 40 MB: only who appends a file pays

    body = (
        body.removeprefix(BOM_UTF8).strip(b"\r\n") + b"\n"
    )  # a single line without an end is no row to pyarrow
    if body.count(delimiter.encode()) + body.count(b"\n") > _MOST_FIELDS:
        raise TooManyRows(f"{_MOST_FIELDS:,} fields")
    broken: list[object] = []

    def put_aside(row: csv.InvalidRow) -> str:
        what = f"the line has {row.actual_columns} fields instead of {row.expected_columns}: {row.text}"
        broken.append(Malformed(what[:_EXCERPT_CHARACTERS]))
        return "skip"

    try:
        table = csv.read_csv(
            io.BytesIO(body),
            read_options=csv.ReadOptions(  # one block, or a line of more than a megabyte would be refused
                use_threads=False, autogenerate_column_names=True, block_size=len(body)
            ),
            parse_options=csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=put_aside
            ),
            convert_options=csv.ConvertOptions(
                column_types={f"f{position}": string() for position in range(_MOST_COLUMNS)},
                null_values=_NULLS,
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except ArrowInvalid as error:
        raise InvalidBody(f"the body is not CSV: {str(error)[:_EXCERPT_CHARACTERS]}") from None
    if table.num_columns > _MOST_COLUMNS:
        raise InvalidBody(f"the first line of the CSV has more than {_MOST_COLUMNS} fields")
    if table.num_rows + len(broken) > MOST_ROWS + 1:
        raise TooManyRows(f"{MOST_ROWS:,} rows")
    named = _header([column[0].as_py() for column in table.columns], columns)
    plan = [
        (name, column.json_path, bare(column.type))
        for name, column in zip(table.column_names, named or columns, strict=True)
        if column is not None
    ]
    rows = table.slice(1 if named else 0)
    for batch in rows.to_batches(_ROWS_AT_ONCE):
        yield [_event(row, plan) for row in batch.to_pylist()]
    yield broken


def _header(first: list[str | None], columns: Sequence[SchemaColumn]) -> list[SchemaColumn | None] | None:
    """The column that each name of a first line stands for, None for an unknown one; None when it is a row."""
    known = {column.name: column for column in columns}
    names = [(name or "").strip() for name in first]
    if known.keys() & set(names):
        _refuse_twice([name for name in names if name in known], "the first line of the CSV")
        return [known.get(name) for name in names]
    if len(names) != len(columns):
        raise InvalidBody(
            f"the first line of the CSV names no column, and its {len(names)} fields are not the {len(columns)} "
            f"columns of the data source: {', '.join(known)}"
        )
    typed = [
        (text, type_)
        for text, column in zip(names, columns, strict=True)
        if text and (type_ := bare(column.type)) != "String"
    ]
    if typed and not any(_fits(text, type_) for text, type_ in typed):
        raise InvalidBody(
            "the first line of the CSV names no column and is no row either. The columns of the data source are "
            f"{', '.join(known)}"
        )
    return None


def _refuse_twice(names: Sequence[str], what: str) -> None:
    """Raises `InvalidBody` for a column that is named twice, of which one would win."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidBody(f"{what} names the column {twice[:_EXCERPT_CHARACTERS]} twice")


def _fits(text: str, type_: str) -> bool:
    try:
        converter(type_)(_value(text, type_))
    except UNFIT:
        return False
    return True


def _event(row: dict[str, str | None], plan: list[tuple[str, tuple[str, ...], str]]) -> dict[str, object]:
    event: dict[str, object] = {}
    for name, path, type_ in plan:
        text = row[name]
        if text is not None:
            _place(event, path, _value(text, type_))
    return event


def _place(event: dict[str, object], path: tuple[str, ...], value: object) -> None:
    """Stores a value at its column's JSON path."""
    step, rest = path[0], path[1:]
    if not rest or rest == (EACH,):
        event[step] = value
    elif rest[0] == EACH:
        items = value if isinstance(value, list) else [value]
        held = event.setdefault(step, [{} for _ in items])
        if isinstance(held, list):
            for inner, item in zip(held, items, strict=False):
                _place(inner, rest[1:], item)
    else:
        inner = event.setdefault(step, {})
        if isinstance(inner, dict):
            _place(inner, rest, value)


def _value(text: str, type_: str) -> object:
    """A field as the JSON value that an event would have; the text itself when it looks like none of the type's.

    >>> _value("5", "Int8"), _value("5", "String"), _value("five", "Int8")
    (5, '5', 'five')
    """
    value: object = text
    if type_ in INTEGER_BITS or (type_.startswith("DateTime") and text.isdigit()):
        if type_ == "UInt8" and text.lower() in {"true", "false"}:
            value = text.lower() == "true"
        elif _INTEGER.fullmatch(text):
            value = int(text)
    elif type_.startswith("Float"):
        value = float(text) if _FLOAT.fullmatch(text) else text
    elif type_.startswith("Bool"):
        value = _BOOLEANS.get(text.lower(), text)
    elif type_.startswith("Array("):
        value = _array(text)
    return value


def _array(text: str) -> object:
    r"""An array written as JSON or as ClickHouse exports it to CSV; the text itself when it is none.

    >>> _array('["a", 1]'), _array("['it\\'s', 1]"), _array("a,b")
    (['a', 1], ["it's", 1], 'a,b')
    """
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(text)
    with contextlib.suppress(ValueError, SyntaxError, RecursionError, MemoryError):
        value = ast.literal_eval(text)
        return value if isinstance(value, list) else text
    return text


def events_of_parquet(body: bytes) -> Iterator[list[object]]:
    """The events of a Parquet file: one per row, with a key for each column.

    Raises:
        InvalidBody: not a Parquet file, one with two columns of one name, or with a time that Python does not have.
        TooManyRows: more than one request may hold.
    """
    from pyarrow import ArrowException, parquet  # as above

    try:
        file = parquet.ParquetFile(io.BytesIO(body))
        if file.metadata.num_rows > MOST_ROWS:
            raise TooManyRows(f"{MOST_ROWS:,} rows")
        _refuse_twice(file.schema_arrow.names, "the Parquet file")
        size = 0
        for batch in file.iter_batches(_ROWS_AT_ONCE):
            size += batch.nbytes
            if size > _MOST_BYTES:
                raise TooManyRows(f"{_MOST_BYTES // 1024 // 1024} MB")
            yield [_json(row) for row in batch.to_pylist()]
    except InvalidBody:
        raise
    except (ArrowException, OSError) as error:
        raise InvalidBody(f"the body is not Parquet: {str(error)[:_EXCERPT_CHARACTERS]}") from None
    except (ValueError, OverflowError) as error:
        raise InvalidBody(f"a time in the Parquet file cannot be read: {error}") from None


def _json(value: object) -> object:
    """A Parquet value as a JSON value: times and decimals as text, bytes decoded to text."""
    match value:
        case dict():
            return {str(key): _json(inner) for key, inner in value.items()}
        case list():
            return [_json(inner) for inner in value]
        case tuple():  # one entry of a map
            return [_json(inner) for inner in value]
        case datetime() | date():
            return value.isoformat()
        case Decimal():
            return str(value)
        case bytes():
            return value.decode("utf-8", "surrogateescape")
        case float() if value != value:  # NaN stands for no value
            return None
        case _:
            return value
