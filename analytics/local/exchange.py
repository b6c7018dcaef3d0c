"""What every route of the server shares: who asks, what they send, how errors read. No route lives here."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from analytics.local.appender import Busy
from analytics.local.jobs import JobRunning
from analytics.local.parameters import PipeError
from analytics.local.query_error import QueryError
from analytics.local.rows import InvalidBody
from analytics.local.sqlguard import RefusedSql
from analytics.local.tokens import Role, Tokens

MAX_BODY_BYTES = 10 * 1024 * 1024
MAX_INFLATED_BYTES = 64 * 1024 * 1024
_NOT_ARGUMENTS = {
    "token",
    "q",
    "pipeline",
    "playground",
    "from",
    "cli_version",
    "explain",
    "release_replacements",
}


def role_of(request: Request, tokens: Tokens) -> Role:
    """The role of the request's token, from the header or `?token=`.

    Raises:
        HTTPException: 403 without a token or with an unknown one; the answer never repeats it.
    """
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    token = value.strip() if scheme.lower() == "bearer" else request.query_params.get("token", "")
    if not token:
        raise HTTPException(403, "No token: send it as 'Authorization: Bearer <token>' or as ?token=")
    role = tokens.role(token)
    if role is None:
        raise HTTPException(403, "Invalid token: it is not one of this workspace's")
    return role


async def body_of(request: Request) -> bytes:
    """The request's body, inflated if it says gzip.

    Raises:
        HTTPException: 413 past the limits, 400 for a broken gzip stream or another encoding.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
        raise HTTPException(413, _too_large(MAX_BODY_BYTES))
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise HTTPException(413, _too_large(MAX_BODY_BYTES))
        parts.append(part)
    body = b"".join(parts)
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise HTTPException(400, f"Content-Encoding {encoding[:40]!r} is not supported: use gzip or none")
    return _inflate(body)


def _inflate(body: bytes) -> bytes:
    parts, size = [], 0
    while body:
        stream = zlib.decompressobj(wbits=31)
        try:
            part = stream.decompress(body, MAX_INFLATED_BYTES - size + 1)
        except zlib.error:
            raise HTTPException(400, "the body is not the gzip that Content-Encoding says") from None
        size += len(part)
        if size > MAX_INFLATED_BYTES:
            raise HTTPException(413, _too_large(MAX_INFLATED_BYTES))
        if not stream.eof:
            raise HTTPException(400, "the gzip stream ends too early")
        parts.append(part)
        body = stream.unused_data
    return b"".join(parts)


def _too_large(limit: int) -> str:
    return f"The body is larger than {limit // 1024 // 1024} MB: send fewer rows per request"


async def fields_of(request: Request) -> dict[str, str]:
    """Query string and, on POST, the fields of a form or JSON body, as text; the body wins.

    A body of another kind is the field `q`, as Tinybird's own command line sends SQL.

    Raises:
        HTTPException: 400 for a body that is not what its Content-Type says, 413 past the limit.
    """
    fields = dict(request.query_params)
    if request.method != "POST":
        return fields
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with request.form(max_part_size=MAX_BODY_BYTES) as form:
            return fields | {name: value for name, value in form.items() if isinstance(value, str)}
    body = await body_of(request)
    if kind == "application/json":
        return fields | _json_fields(body)
    text = _decoded(body)
    if kind == "application/x-www-form-urlencoded":
        form_fields = dict(parse_qsl(text, keep_blank_values=True))
        is_sql = any(
            character.isspace() for character in next(iter(form_fields), "")
        )  # curl --data "SELECT 1"
        return fields | ({"q": text} if is_sql else form_fields)
    return fields | ({"q": text} if text.strip() else {})


def _json_fields(body: bytes) -> dict[str, str]:
    if not body.strip():
        return {}
    try:
        sent = json.loads(_decoded(body))
    except (ValueError, RecursionError):
        raise HTTPException(400, "the body is not JSON") from None
    if not isinstance(sent, dict):
        raise HTTPException(400, "the JSON body must be an object of parameters")
    return {name: _as_text(value) for name, value in sent.items() if value is not None}


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(_as_text(item) for item in value)
    return value if isinstance(value, str) else json.dumps(value)


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise HTTPException(400, "the body is not UTF-8 text") from None


def arguments_of(fields: Mapping[str, str]) -> dict[str, str]:
    """The pipe parameters among the fields of a request."""
    return {
        name: value
        for name, value in fields.items()
        if name not in _NOT_ARGUMENTS and not name.startswith(("__", "output_format_"))
    }


def host_of(request: Request) -> str:
    """The address that the client reached this server under, without a slash at its end."""
    return str(request.base_url).rstrip("/")


def is_true(value: str | None) -> bool:
    """Whether a flag of the API is set: `true` or `1`."""
    return (value or "").lower() in {"true", "1"}


class RateLimit:
    """Counts requests per name in windows of one second."""

    def __init__(self, per_second: int) -> None:
        self.per_second = per_second
        self._windows: dict[str, tuple[int, int]] = {}

    def headers(self, name: str) -> dict[str, str]:
        """Counts one request and gives the headers for its answer.

        Raises:
            HTTPException: 429 with `Retry-After` past the limit.
        """
        now = time.monotonic()
        window, count = self._windows.get(name, (0, 0))
        if window != int(now):
            window, count = int(now), 0
        count += 1
        self._windows[name] = (window, count)
        headers = {
            "X-RateLimit-Limit": str(self.per_second),
            "X-RateLimit-Remaining": str(max(0, self.per_second - count)),
            "X-RateLimit-Reset": "1",
        }
        if count > self.per_second:
            message = f"Too many requests: {self.per_second} a second per data source"
            raise HTTPException(429, message, headers={**headers, "Retry-After": "1"})
        return headers


def refusal(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The JSON that every error is."""
    return JSONResponse({"error": message}, status, headers=headers)


async def answer_error(request: Request, error: Exception) -> Response:
    """The answer to an exception that a route raised; what is not known here is a 500 without details."""
    match error:
        case HTTPException():
            detail = error.detail
            if error.status_code == 404 and detail == "Not Found":
                detail = "There is nothing at this address"
            return refusal(error.status_code, detail, error.headers)
        case PipeError(body=dict() as body):
            return JSONResponse(body, error.status)
        case PipeError():
            return refusal(error.status, str(error))
        case RefusedSql() | InvalidBody():
            return refusal(400, str(error))
        case QueryError(status=408):
            return refusal(408, f"The query ran out of time: {error}")
        case QueryError():
            return refusal(error.status, str(error))
        case PermissionError():
            return refusal(403, f"The token has no READ scope for '{error}'")
        case JobRunning():
            return refusal(429, "Another delete job is running: one runs at a time", {"Retry-After": "1"})
        case Busy():
            return refusal(429, "Too many rows are waiting to be written", {"Retry-After": "1"})
        case ClientDisconnect():
            return Response(status_code=499)
        case _:
            return refusal(500, "Something went wrong here: see the server's log")


KNOWN_ERRORS: tuple[type[Exception], ...] = (
    HTTPException,
    PipeError,
    RefusedSql,
    InvalidBody,
    QueryError,
    PermissionError,
    JobRunning,
    Busy,
    ClientDisconnect,
)
