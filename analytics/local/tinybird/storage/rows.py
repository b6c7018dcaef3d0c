"""Turns the body of an append request into rows of a data source, and refusals with their reasons.

Owns checking types; runs no SQL. A row never takes another one down: whatever is wrong with it is
written beside it for the quarantine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec.structs import astuple as values_of

from analytics.local.tinybird.project.columns import EACH
from analytics.local.tinybird.project.datafile import Datasource
from analytics.local.tinybird.storage.bodies import Format, Malformed, events_of
from analytics.local.tinybird.storage.convert import UNFIT, Value, as_text, converter
from analytics.local.tinybird.storage.row_decoder import RowDecoder, row_decoder
from analytics.local.tinybird.storage.tabular import events_of_csv, events_of_parquet

_EXCERPT_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row for the quarantine: the error per column, and the row's values as text by column."""

    columns: tuple[str, ...]
    reasons: tuple[str, ...]
    values: tuple[str | None, ...]


@dataclass(slots=True)
class Batch:
    """The rows of one request: in column order, ready for ClickHouse, and refusals.

    Attributes:
        malformed_rows: How many of the refusals are lines that could not be read at all.
    """

    rows: list[list[Value]] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    malformed_rows: int = 0

    def refuse(self, refusal: Refusal) -> None:
        """Adds a refusal; one that repeats the last costs no memory."""
        repeats = self.refused and self.refused[-1] == refusal
        self.refused.append(self.refused[-1] if repeats else refusal)


class RowReader:
    """Reads the rows of one data source; reusable and safe to use from several threads."""

    def __init__(self, datasource: Datasource) -> None:
        self._columns = datasource.columns
        self._plan = tuple(
            (
                column.json_path[0] if len(column.json_path) == 1 else "",
                column,
                converter(column.bare_type),
                column.may_be_absent,
                (column.name, f"column '{column.name}' has no value and no default"),
            )
            for column in datasource.columns
        )
        self._decoder = row_decoder(datasource.columns)
        self._read_array = _read_objects if self._decoder is None else self._decoder.read

    def read(self, body: bytes, format_: Format, delimiter: str = ",") -> Batch:
        """The rows of a body: one JSON object a line, one JSON object or array of objects, CSV or Parquet.

        Raises:
            InvalidBody: the body is not what `format_` says.
            TooManyRows: more than one request may hold.
        """
        batch = Batch()
        for events in self._events(body, format_, delimiter):
            if self._decoder is not None and events and isinstance(events[0], msgspec.Struct):
                self._add(self._decoder, events, batch)
            else:
                for event in events:
                    self._check(event, batch)
        return batch

    def _events(self, body: bytes, format_: Format, delimiter: str) -> Iterator[list[object]]:
        if format_ == "csv":
            return events_of_csv(body, self._columns, delimiter)
        if format_ == "parquet":
            return events_of_parquet(body)
        return events_of(body, format_, self._read_array)

    def refuse(self, row: list[Value], reason: str) -> Refusal:
        """The refusal of a row that ClickHouse itself refused."""
        return Refusal(("",), (reason,), tuple(as_text(value) for value in row))

    def _add(self, decoder: RowDecoder, events: list[Any], batch: Batch) -> None:
        """Adds events that the decoder read."""
        rows, conversions = batch.rows, decoder.conversions
        for event in events:
            row = list(values_of(event))
            try:
                for position, convert in conversions:
                    row[position] = convert(row[position])
            except UNFIT:
                self._check(dict(zip(decoder.keys, values_of(event), strict=True)), batch)
            else:
                rows.append(row)

    def _check(self, event: Value, batch: Batch) -> None:
        """Adds one event, or a refusal with the error of each value."""
        if type(event) is not dict:
            batch.malformed_rows += 1
            batch.refuse(self._malformed(event))
            return
        row: list[Value] = []
        problems: list[tuple[str, str]] = []
        for key, column, convert, may_be_absent, absence in self._plan:
            value = event.get(key) if key else _follow(event, column.json_path)
            if value is None:
                if not may_be_absent:
                    problems.append(absence)
                row.append(None)
                continue
            try:
                row.append(convert(value))
            except UNFIT:
                excerpt = str(as_text(value))[:_EXCERPT_CHARACTERS]
                problems.append(
                    (column.name, f"value '{excerpt}' on column '{column.name}' is not {column.type}")
                )
                row.append(None)
        if problems:
            names, reasons = zip(*problems, strict=True)
            batch.refuse(Refusal(names, reasons, tuple(self._texts(event))))
        else:
            batch.rows.append(row)

    def _texts(self, event: dict[str, Value]) -> Iterator[str | None]:
        for column in self._columns:
            yield as_text(_follow(event, column.json_path))

    def _malformed(self, event: Value) -> Refusal:
        what = event.reason if isinstance(event, Malformed) else "the event is no JSON object"
        return Refusal(("",), (what,), (None,) * len(self._columns))


def encode_rows(rows: list[list[Value]]) -> bytes:
    """Rows in ClickHouse's JSONCompactEachRow.

    Raises:
        UnicodeEncodeError: a text holds half a surrogate pair.
    """
    return msgspec.json.encode(rows)[1:-1]


def _read_objects(array: bytes) -> list[object]:
    return [*_OBJECTS.decode(array)]


_OBJECTS = msgspec.json.Decoder(list[dict[str, Any]])


def _follow(event: Value, path: tuple[str, ...]) -> Value:
    for index, step in enumerate(path):
        if step == EACH:
            if not isinstance(event, list):
                return event
            rest = path[index + 1 :]
            return [_follow(item, rest) for item in event] if rest else event
        event = event.get(step) if isinstance(event, dict) else None
        if event is None:
            return None
    return event
