"""Shared by every route: the role of a token, rate limits, the text of errors."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from analytics.local.tinybird.project.tokens import Role, Tokens
from analytics.local.tinybird.query.parameters import PipeError
from analytics.local.tinybird.query.sql_guard import RefusedSql
from analytics.local.tinybird.storage.appender import Busy
from analytics.local.tinybird.storage.bodies import InvalidBody
from analytics.local.tinybird.storage.jobs import JobRunning
from analytics.local.tinybird.storage.query_error import QueryError

_OF_THE_ROUTER = {"Not Found", "Method Not Allowed"}
_JWT = re.compile(r"eyJ[\w-]*\.[\w-]+\.[\w-]*", re.ASCII)


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
    if role is None and _JWT.fullmatch(token):
        raise HTTPException(403, "JWTs are not supported by the local server: use a token of `tb token ls`")
    if role is None:
        raise HTTPException(403, "Invalid token: it is not one of this workspace's")
    return role


def host_of(request: Request) -> str:
    """The address that the client reached this server under, without a slash at its end."""
    return str(request.base_url).rstrip("/")


def datafile(path: Path) -> Response:
    """The text of a datafile, byte by byte."""
    return Response(path.read_bytes(), headers={"content-type": "text/plain"})


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
    """An error as JSON."""
    return JSONResponse({"error": message}, status, headers=headers)


async def answer_error(request: Request, error: Exception) -> Response:
    """The answer to an exception that a route raised; an unknown exception is a 500 without details."""
    match error:
        case HTTPException():
            if error.detail in _OF_THE_ROUTER:
                return _no_route(request)
            return refusal(error.status_code, error.detail, error.headers)
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


def _no_route(request: Request) -> Response:
    """501 below /v0 and /v1: the official command lines take 404 for "the data source or token does not exist"."""
    if not request.url.path.startswith(("/v0/", "/v1/")):
        return refusal(404, "There is nothing at this address")
    address = f"{request.method} {request.url.path[:200]}"
    message = f"{address} is not supported by the local server; its resources and tokens come from the datafiles alone"
    return refusal(501, message)


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
