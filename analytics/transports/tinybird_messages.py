"""Formats of Tinybird's API: encodes parameters and events, decodes answers and headers. Pure.

Knows no connection, no token and no pipe by name.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, TypedDict

from analytics.errors import SchemaMismatch, SourceError, SourceRejected, SourceUnavailable
from analytics.numbers import in_words, whole_number

Json = str | int | float | bool | None
Row = Mapping[str, Json]
Parameter = str | int | float | bool | Sequence[str] | None

MAX_REQUEST_BYTES: Final = 10_000_000
"""The Events API accepts 10 MB per request; larger batches are split."""

SHORTEST_RETRY_AFTER_SECONDS: Final = 1.0
LONGEST_RETRY_AFTER_SECONDS: Final = 300.0
"""Bounds of `Retry-After`, for every server and every caller: 0 would retry without a pause."""

LARGEST_SKEW_SECONDS: Final = 10 * 365 * 86_400.0
"""A `Date` header that differs by more is not a clock's time."""

_ABSENT: Final = re.compile(r"not found|not exist|n't exist", re.IGNORECASE)
_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)
_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class MetaColumn(TypedDict):
    """A column in the `meta` of an answer."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class PipeAnswer:
    """Answer of a pipe.

    Attributes:
        rows: The `data` array; NaN and infinity, which JSON does not have, are None.
        meta: Columns in the pipe's order.
        read_at: When the answer arrived, UTC.
        params: The parameters as they were sent.
    """

    rows: list[Row]
    meta: list[MetaColumn]
    read_at: datetime
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ingested:
    """Answer of the Events API.

    Attributes:
        successful_rows: Rows that are now in the data source.
        quarantined_rows: Rows that did not fit it.
    """

    successful_rows: int
    quarantined_rows: int


def query_text(params: Mapping[str, Parameter]) -> dict[str, str]:
    """Encodes pipe parameters for a query string. None means "not given" and is left out.

    >>> query_text({"website_id": "w1", "minutes": 5, "prev_date_from": None, "event_types": ["seen", "page_view"]})
    {'website_id': 'w1', 'minutes': '5', 'event_types': 'seen,page_view'}
    """
    return {key: _text(value) for key, value in params.items() if value is not None}


def _text(value: str | int | float | bool | Sequence[str]) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int | float):
        return str(value)
    return ",".join(value)


def ndjson_line(row: Row) -> bytes:
    """Encodes a row as one line of newline-delimited JSON, with its newline.

    Raises:
        ValueError: It holds NaN or infinity.
    """
    return _ENCODE(row).encode() + b"\n"


def ndjson_batches(rows: Sequence[Row]) -> Iterator[bytes]:
    """Encodes rows as newline-delimited JSON, in bodies of at most `MAX_REQUEST_BYTES`; no body for no rows.

    Raises:
        ValueError: A single row is larger than a request may be, or holds NaN or infinity.
    """
    batch: list[bytes] = []
    size = 0
    for row in rows:
        line = ndjson_line(row)
        if len(line) > MAX_REQUEST_BYTES:
            raise ValueError(f"An event of {len(line)} bytes is larger than a request may be.")
        if size + len(line) > MAX_REQUEST_BYTES:
            yield b"".join(batch)
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        yield b"".join(batch)


def events_body(body: bytes, gzip_level: int | None) -> tuple[bytes, dict[str, str]]:
    """Compresses the body of an Events API request and returns it with its headers.

    Args:
        body: The events, newline-delimited JSON.
        gzip_level: 1 (fast) to 9 (small); None does not compress.
    """
    headers = {"Content-Type": "application/x-ndjson"}
    if gzip_level is None:
        return body, headers
    return gzip.compress(body, gzip_level, mtime=0), {**headers, "Content-Encoding": "gzip"}


def ingested(content: bytes, datasource: str) -> Ingested:
    """Decodes an answer of the Events API.

    Raises:
        SchemaMismatch: A count is missing or unusable.
    """
    answer = json_object(content, datasource)
    return Ingested(
        row_count(answer, "successful_rows", datasource), row_count(answer, "quarantined_rows", datasource)
    )


def json_object(content: bytes, resource: str) -> dict[str, object]:
    """Decodes the JSON object of an answer; NaN and infinity, which some engines write, become None.

    Raises:
        SchemaMismatch: It is not JSON, or not an object.
    """
    try:
        answer: object = json.loads(content, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        raise mismatch(resource, "it is not JSON") from None
    if not isinstance(answer, dict):
        raise mismatch(resource, "it is not a JSON object")
    return answer


def pipe_answer(
    answer: Mapping[str, object], name: str, read_at: datetime, params: Mapping[str, str]
) -> PipeAnswer:
    """Decodes the answer of a pipe and adds the parameters that were sent.

    Raises:
        SchemaMismatch: `data` or `meta` is missing or has another form, or `rows` is another number than there are.
    """
    rows, meta = answer.get("data"), answer.get("meta")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise mismatch(name, "it has no rows under `data`")
    if answer.get("rows", len(rows)) != len(rows):
        raise mismatch(name, "it has another number of rows than it says")
    if not isinstance(meta, list) or not all(
        isinstance(column, dict)
        and isinstance(column.get("name"), str)
        and isinstance(column.get("type"), str)
        for column in meta
    ):
        raise mismatch(name, "it has no columns under `meta`")
    return PipeAnswer(
        rows=rows,
        meta=[MetaColumn(name=column["name"], type=column["type"]) for column in meta],
        read_at=read_at,
        params=params,
    )


def row_count(answer: Mapping[str, object], key: str, datasource: str) -> int:
    """Reads a count from an answer of the Events API.

    Raises:
        SchemaMismatch: It is missing or not a count.
    """
    value = whole_number(answer.get(key))
    if value is None:
        raise mismatch(datasource, f"it has no usable {key}")
    return value


def error_text(content: bytes) -> str:
    """The `error` text of a refusal; empty without a readable one."""
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    error = answer.get("error") if isinstance(answer, dict) else None
    return error if isinstance(error, str) else ""


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Seconds that a `Retry-After` header asks to wait, within the bounds above; None without a valid header.

    Args:
        header: Seconds, or a date; None when there is none.
        now: Aware.

    >>> at = datetime(2026, 11, 10, tzinfo=UTC)
    >>> retry_after_seconds("2", at), retry_after_seconds("Tue, 10 Nov 2026 00:00:05 GMT", at)
    (2.0, 5.0)
    >>> retry_after_seconds("999999", at), retry_after_seconds("0", at), retry_after_seconds("-1", at)
    (300.0, 1.0, None)
    """
    text = (header or "").strip()
    if _SECONDS.fullmatch(text):
        asked = float(text)
    elif (at := _date(text)) is not None:
        asked = (at - now).total_seconds()
    else:
        return None
    return min(max(asked, SHORTEST_RETRY_AFTER_SECONDS), LONGEST_RETRY_AFTER_SECONDS)


def ahead_seconds(date_header: str | None, asked_at: datetime, answered_at: datetime) -> float | None:
    """Clock skew of a server in seconds, positive when the server is ahead; None without a usable `Date`.

    The header is cut to whole seconds, so the result is accurate to half a second and half of the round trip.

    >>> at = datetime(2026, 11, 10, tzinfo=UTC)
    >>> ahead_seconds("Tue, 10 Nov 2026 00:01:00 GMT", at, at)
    60.5
    """
    said = _date(date_header or "")
    if said is None:
        return None
    seconds = (said - (asked_at + (answered_at - asked_at) / 2)).total_seconds() + 0.5
    return seconds if abs(seconds) <= LARGEST_SKEW_SECONDS else None


def _date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def mismatch(resource: str, found: str) -> SchemaMismatch:
    """Makes the error for an answer that does not match what the API documents.

    Args:
        resource: The pipe, data source or query.
        found: What is wrong with the answer; follows a colon.
    """
    return SchemaMismatch(
        f"Tinybird's answer is not as expected: {found}.",
        "Check that TINYBIRD_HOST is Tinybird's API address and that the tinybird/ project is deployed.",
        source="tinybird",
        resource=resource,
    )


def has_no_quarantine(error: SourceError, datasource: str) -> bool:
    """Whether a statement was refused because a data source has no quarantine: Tinybird makes it with its first row.

    >>> said = "Resource 'visitor_events_quarantine' not found"
    >>> has_no_quarantine(SourceRejected("", source="tinybird", resource="", status=404, said=said), "visitor_events")
    True
    """
    is_named = f"{datasource}_quarantine" in error.said
    return is_named and error.status in {400, 404} and _ABSENT.search(error.said) is not None


def refusal(
    resource: str, status: int, said: str, token_variable: str, asked_to_wait_seconds: float | None
) -> SourceError:
    """Makes the error for an HTTP status that is not a success, with its meaning for a viewer and a remedy.

    Args:
        resource: The pipe, data source or query; never in the text.
        status: The HTTP status.
        said: Tinybird's own error text, scrubbed; never in the message.
        token_variable: The setting whose token was sent.
        asked_to_wait_seconds: From `Retry-After`; None without that header.
    """
    if status == 429 or status >= 500:
        busy = "is over its rate limit" if status == 429 else f"failed with status {status}"
        unavailable = SourceUnavailable(
            f"Tinybird {busy}.",
            f"Try again in {in_words(asked_to_wait_seconds) if asked_to_wait_seconds else 'a moment'}.",
            source="tinybird",
            resource=resource,
            status=status,
            said=said,
        )
        unavailable.retry_after_seconds = asked_to_wait_seconds
        return unavailable
    if status in {401, 403}:
        message = f"Tinybird refused the token (status {status})."
        remedy = f"Set {token_variable} to a token of this workspace that may do this (`tb token ls`)."
    elif status == 404:
        message = "Tinybird does not know what was asked for (status 404)."
        remedy = "Deploy the tinybird/ project (`tb --cloud deploy`)."
    elif status == 408:
        message = "Tinybird took too long and stopped (status 408)."
        remedy = "Choose a shorter range."
    elif status == 413:
        message = "Tinybird refused a request as too large (status 413)."
        remedy = "Send fewer events at once."
    elif 300 <= status < 400:
        message = f"Tinybird's address redirects elsewhere (status {status})."
        remedy = "Set TINYBIRD_HOST to the API address of the workspace's region."
    else:
        message = f"Tinybird refused a request (status {status})."
        remedy = "The deployed pipe may be older than this dashboard: deploy the tinybird/ project."
    return SourceRejected(message, remedy, source="tinybird", resource=resource, status=status, said=said)
