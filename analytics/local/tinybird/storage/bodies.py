"""Reads the JSON values of an append request, within the limits of one request.

A few bytes of JSON can stand for a hundred times as much memory, so what a body holds is counted before it is read.
"""

from __future__ import annotations

import io
import json
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NoReturn

from analytics.local.tinybird.storage.query_error import QueryError

Format = Literal["ndjson", "json", "csv", "parquet"]
ReadArray = Callable[[bytes], list[object]]
"""Reads a JSON array of objects, all at once; raises ValueError or RecursionError when it cannot, for any reason."""

MOST_ROWS = 200_000
"""Rows of one request. Ten megabytes of visitor events are some forty thousand."""

_MOST_OBJECTS = 1_000_000
_MOST_VALUES = 8_000_000
_CHUNK_BYTES = 300_000
_EXCERPT_CHARACTERS = 500


class InvalidBody(ValueError):
    """A body that holds no rows at all."""


class TooManyRows(QueryError):
    """More than one request may hold; nothing of it is stored."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The body holds more than {what}: send fewer rows per request", status=413)


@dataclass(frozen=True, slots=True)
class Malformed:
    """Marks a line that is no JSON."""

    reason: str


def events_of(body: bytes, format_: Format, read_array: ReadArray) -> Iterator[list[object]]:
    """The events of a body, some hundred at a time; a line that cannot be read is a `Malformed`.

    `read_array` is tried with many lines before they are read one by one, as JSON values as Python has them.

    Raises:
        InvalidBody: `format_` is json and the body is not.
        TooManyRows: more rows than `MOST_ROWS`, or more values than such rows have.
    """
    # Counting takes time: a body with fewer bytes than the limit cannot exceed it.
    has_too_many_values = (
        len(body) > _MOST_VALUES and sum(map(body.count, (b",", b"[", b"\n"))) > _MOST_VALUES
    )
    if has_too_many_values or body.count(b"{") > _MOST_OBJECTS:
        raise TooManyRows(f"{_MOST_OBJECTS:,} objects or {_MOST_VALUES:,} values")
    body = body.removeprefix(BOM_UTF8)
    rows = 0
    for events in _whole(body) if format_ == "json" else _lines(body.strip(), read_array):
        rows += len(events)
        if rows > MOST_ROWS:
            raise _too_many_rows()
        yield events


def _too_many_rows() -> TooManyRows:
    return TooManyRows(f"{MOST_ROWS:,} rows")


def _whole(body: bytes) -> Iterator[list[object]]:
    try:
        whole = _DECODER.decode(body.decode())
    except (ValueError, RecursionError):
        raise InvalidBody("the body is not JSON") from None
    yield whole if isinstance(whole, list) else [whole]


def _lines(body: bytes, read_array: ReadArray) -> Iterator[list[object]]:
    first, newline, _rest = body[: body.find(b"\n") + 1 or None].partition(b"\n")
    if newline and not first.rstrip().endswith(b"}"):  # a line that does not stand for itself
        try:
            yield from _whole(body)
        except InvalidBody:
            pass
        else:
            return
    if body.count(b"\n") >= MOST_ROWS and _count_lines(body) > MOST_ROWS:
        raise _too_many_rows()
    for chunk in _chunks(body):
        try:
            if not chunk.isascii():
                chunk.decode()
            events = read_array(b"[" + chunk.replace(b"\n", b"\n,") + b"]")
        except (ValueError, RecursionError):
            events = []
        if len(events) == chunk.count(b"\n") + 1:
            yield events
        else:
            yield [event for line in chunk.split(b"\n") if line.strip() for event in _line(line)]


def _chunks(body: bytes) -> Iterator[bytes]:
    """The lines of a body, some hundred together."""
    start = 0
    while start < len(body):
        end = body.find(b"\n", start + _CHUNK_BYTES)
        end = len(body) if end < 0 else end
        yield body[start:end]
        start = end + 1


def _count_lines(body: bytes) -> int:
    return sum(not line.isspace() for line in io.BytesIO(body))


def _line(line: bytes) -> list[object]:
    try:
        event = _DECODER.decode(line.decode())
    except (ValueError, RecursionError):
        excerpt = line[:_EXCERPT_CHARACTERS].decode("utf-8", "replace")
        return [Malformed(f"the line is no JSON: {excerpt}")]
    return event if isinstance(event, list) and event else [event]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
