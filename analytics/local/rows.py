"""From the text of an events request to rows that fit a data source, and to those that do not, with the reason.

Owns checking types; runs no SQL. A row never takes another one down: whatever is wrong with it is
written beside it for the quarantine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from analytics.local.bodies import Format as Format
from analytics.local.bodies import InvalidBody as InvalidBody
from analytics.local.bodies import Malformed, events_of
from analytics.local.columns import EACH
from analytics.local.convert import UNFIT, Value, as_text, converter
from analytics.local.datafile import Datasource

_EXCERPT_CHARACTERS = 500
_MOST_SHAPES = 64

_Conversions = tuple[tuple[int, Callable[[Value], Value]], ...]
"""What is left to do for rows of one shape: positions, and what converts or refuses the value there."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row for the quarantine: what is wrong per column, and the row's values as text by column."""

    columns: tuple[str, ...]
    reasons: tuple[str, ...]
    values: tuple[str | None, ...]


@dataclass(slots=True)
class Batch:
    """What one request holds: rows in column order, ready for ClickHouse, and refusals."""

    rows: list[list[Value]] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

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
                column.is_nullable or column.default is not None,
                (column.name, f"column '{column.name}' has no value and no default"),
            )
            for column in datasource.columns
        )
        self._keys = tuple(key for key, *_rest in self._plan)
        self._is_flat = all(self._keys)
        self._shapes: dict[tuple[type, ...], _Conversions] = {}

    def read(self, body: bytes, format_: Format) -> Batch:
        """The rows of a body: one JSON object a line, or one JSON object or array of objects.

        Raises:
            InvalidBody: `format_` is json and the body is not.
            TooManyRows: more than one request may hold.
        """
        batch = Batch()
        for events in events_of(body, format_):
            self._add(events, batch)
        return batch

    def refuse(self, row: list[Value], reason: str) -> Refusal:
        """A row that ClickHouse itself turned down."""
        return Refusal(("",), (reason,), tuple(as_text(value) for value in row))

    def _add(self, events: list[Value], batch: Batch) -> None:
        """Adds what fits on a short way: events look alike, so what to do is found once for each shape of them."""
        if not self._is_flat:
            for event in events:
                self._judge(event, batch)
            return
        keys, shapes, rows = self._keys, self._shapes, batch.rows
        for event in events:
            if type(event) is not dict:
                batch.refuse(self._malformed(event))
                continue
            row = list(map(event.get, keys))
            shape = tuple(map(type, row))
            conversions = shapes.get(shape)
            try:
                for position, convert in self._conversions(shape) if conversions is None else conversions:
                    row[position] = convert(row[position])
            except UNFIT:
                self._judge(event, batch)
            else:
                rows.append(row)

    def _conversions(self, shape: tuple[type, ...]) -> _Conversions:
        """What rows whose values have these types need; a value that never fits gets what refuses it."""
        conversions: list[tuple[int, Callable[[Value], Value]]] = []
        for position, (type_, (_key, column, convert, may_be_absent, _absence)) in enumerate(
            zip(shape, self._plan, strict=True)
        ):
            if type_ is type(None):
                if not may_be_absent:
                    conversions.append((position, _refuse_absent))
            elif type_ is not str or column.bare_type != "String":
                conversions.append((position, convert))
        if len(self._shapes) < _MOST_SHAPES:
            self._shapes[shape] = tuple(conversions)
        return tuple(conversions)

    def _judge(self, event: Value, batch: Batch) -> None:
        """Adds one event, or what is wrong with each of its values."""
        if type(event) is not dict:
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
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))[1:-1].encode()


def _refuse_absent(_value: Value) -> NoReturn:
    raise ValueError


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
