"""Transport to Tinybird: query a pipe, send events, delete rows. Knows HTTP, and no pipe by name.

Tokens travel in the `Authorization` header and nowhere else. Parameters that are None are left out: an empty string
would make a pipe's `defined(x)` true. Every failure becomes one of `analytics.errors`, here and only here.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Literal, NoReturn, TypedDict, TypeVar
from urllib.parse import urlencode

import httpx
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_before_delay,
)

from analytics.errors import ConfigError, SchemaMismatch, SourceError, SourceRejected, SourceUnavailable
from analytics.settings import Settings

T = TypeVar("T")

Json = str | int | float | bool | None
Row = Mapping[str, Json]
Parameter = str | int | float | bool | Sequence[str] | None

MAX_ATTEMPTS: Final = 3
"""A read is tried at most twice more."""

MAX_TOTAL_WAIT_SECONDS: Final = 10.0
"""No retry starts later than this after the first attempt began, whatever `Retry-After` says."""

FIRST_BACKOFF_SECONDS: Final = 0.25
TIMEOUT: Final = httpx.Timeout(10.0, connect=3.0)
MAX_REQUEST_BYTES: Final = 10_000_000
"""The Events API takes 10 MB a request; larger batches are sent in several."""

MAX_JOB_SECONDS: Final = 120.0
JOB_POLL_SECONDS: Final = 1.0
MAX_ERROR_CHARACTERS: Final = 300

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_WEBSITE_ID = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
_TOKEN_VARIABLES: Final = {
    "read": "TINYBIRD_READ_TOKEN",
    "append": "TINYBIRD_APPEND_TOKEN",
    "admin": "TINYBIRD_ADMIN_TOKEN",
}
_CHECK_HOST: Final = "Check TINYBIRD_HOST and that the server runs; the page tries again by itself."
TokenKind = Literal["read", "append", "admin"]


class Column(TypedDict):
    """A column as the answer's `meta` describes it."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class PipeAnswer:
    """What a pipe answered.

    Attributes:
        rows: The `data` array; NaN and infinity, which JSON does not know, arrive as None.
        meta: Columns in the pipe's order.
        elapsed_seconds: What the engine says it took; None when it does not say.
        read_at: When the answer arrived, UTC.
    """

    rows: list[Row]
    meta: list[Column]
    elapsed_seconds: float | None
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Ingested:
    """What the Events API made of the rows.

    Attributes:
        successful_rows: Rows now in the data source.
        quarantined_rows: Rows that did not fit it.
    """

    successful_rows: int
    quarantined_rows: int


class Tinybird:
    """A client of one workspace. Safe to share between threads; close it when done.

    Args:
        host: Base URL.
        read_token: Reads pipes.
        append_token: Sends events; None where nothing is sent.
        admin_token: Deletes rows; None where nothing is deleted.
        transport: Replaces the network in tests.
        on_query: Called once per query sent, with the time: what a daily budget counts.
        sleep: Waits between attempts.
        monotonic: Measures how long a job takes.
    """

    def __init__(
        self,
        host: str,
        read_token: str,
        append_token: str | None = None,
        admin_token: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        on_query: Callable[[datetime], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tokens: dict[TokenKind, str | None] = {
            "read": read_token,
            "append": append_token,
            "admin": admin_token,
        }
        try:
            self._client = httpx.Client(base_url=host, timeout=TIMEOUT, transport=transport)
        except httpx.InvalidURL:
            raise _unusable_host() from None
        self._on_query = on_query
        self._sleep = sleep
        self._monotonic = monotonic

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        transport: httpx.BaseTransport | None = None,
        on_query: Callable[[datetime], None] | None = None,
    ) -> Tinybird:
        """The client that the settings describe."""
        append, admin = settings.tinybird_append_token, settings.tinybird_admin_token
        return cls(
            settings.tinybird_host,
            settings.tinybird_read_token.get_secret_value(),
            None if append is None else append.get_secret_value(),
            None if admin is None else admin.get_secret_value(),
            transport=transport,
            on_query=on_query,
        )

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def query_pipe(self, name: str, params: Mapping[str, Parameter]) -> PipeAnswer:
        """The rows of a pipe's endpoint. Retried at most twice when the source is unavailable.

        Args:
            name: The pipe.
            params: Its parameters; None means "not given" and is left out.

        Raises:
            SourceUnavailable: Network, timeout, 429 or 5xx, after the retries.
            SourceRejected: Wrong token, no such pipe, bad parameter.
            SchemaMismatch: Not the JSON that a pipe answers.
        """
        path = f"/v0/pipes/{_checked_name(name)}.json"
        given = {key: _as_text(value) for key, value in params.items() if value is not None}

        def attempt() -> PipeAnswer:
            if self._on_query is not None:
                self._on_query(datetime.now(UTC))
            response = self._request("GET", path, "read", name, params=given)
            return _pipe_answer(_json_object(response, name), name)

        return self._retried(attempt)

    def send_events(self, datasource: str, rows: Sequence[Row], *, wait: bool = False) -> Ingested:
        """Sends events, in as many requests as the size limit asks for. Never retried: a row would count twice.

        Args:
            datasource: Where they belong.
            rows: One mapping per event; an empty sequence sends nothing.
            wait: True returns only when the rows can be queried.

        Raises:
            ValueError: A single event is larger than a request may be.
            ConfigError: There is no append token.
            SourceError: As for `query_pipe`; requests before the failing one have arrived.
        """
        successful = quarantined = 0
        for body in _ndjson_batches(rows):
            response = self._request(
                "POST",
                "/v0/events",
                "append",
                datasource,
                params={"name": _checked_name(datasource), "wait": "true" if wait else "false"},
                content=body,
                headers={"Content-Type": "application/x-ndjson"},
            )
            answer = _json_object(response, datasource)
            successful += _count(answer, "successful_rows", datasource)
            quarantined += _count(answer, "quarantined_rows", datasource)
        return Ingested(successful, quarantined)

    def delete_rows(self, datasource: str, website_id: str) -> int | None:
        """Deletes a website's rows and waits for the job. Returns how many went; None when the job does not say.

        Raises:
            ValueError: The id is not an id, and would have become part of a condition.
            ConfigError: There is no admin token.
            SourceUnavailable: As for `query_pipe`, or the job takes longer than `MAX_JOB_SECONDS`.
            SourceRejected: The job ended with an error.
        """
        if not _WEBSITE_ID.fullmatch(website_id):
            raise ValueError("A website id has letters, digits, - and _ only.")
        response = self._request(
            "POST",
            f"/v0/datasources/{_checked_name(datasource)}/delete",
            "admin",
            datasource,
            content=urlencode({"delete_condition": f"website_id = '{website_id}'"}).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        job = _json_object(response, datasource)
        job_id = job.get("job_id") or job.get("id")
        if not isinstance(job_id, str):
            raise _mismatch(datasource, "its answer to a delete names no job")
        deadline = self._monotonic() + MAX_JOB_SECONDS
        while True:
            job = self._job(job_id, datasource)
            status = job.get("status")
            if status == "done":
                rows = job.get("rows_affected")
                return rows if isinstance(rows, int) else None
            if status == "error":
                raise SourceRejected(
                    f"Tinybird could not delete rows from {datasource}: {self._readable(str(job.get('error', '')))}",
                    source="tinybird",
                    resource=datasource,
                )
            if self._monotonic() >= deadline:
                raise SourceUnavailable(
                    f"Tinybird has not finished deleting from {datasource} after {MAX_JOB_SECONDS:.0f} seconds.",
                    "It may still finish; look at the jobs of the workspace before trying again.",
                    source="tinybird",
                    resource=datasource,
                )
            self._sleep(JOB_POLL_SECONDS)

    def _job(self, job_id: str, datasource: str) -> dict[str, object]:
        path = _job_path(job_id, datasource)
        return self._retried(
            lambda: _json_object(self._request("GET", path, "admin", datasource), datasource)
        )

    def _retried(self, attempt: Callable[[], T]) -> T:
        retrying = Retrying(
            retry=retry_if_exception_type(SourceUnavailable),
            stop=stop_after_attempt(MAX_ATTEMPTS) | stop_before_delay(MAX_TOTAL_WAIT_SECONDS),
            wait=_wait_seconds,
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(attempt)

    def _request(
        self,
        method: Literal["GET", "POST"],
        path: str,
        token: TokenKind,
        resource: str,
        *,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        secret = self._tokens[token]
        if not secret:
            raise ConfigError(
                f"{_TOKEN_VARIABLES[token]} is missing.", "Set it to a token with that right (`tb token ls`)."
            )
        try:
            response = self._client.request(
                method,
                path,
                params=params,
                content=content,
                headers={**(headers or {}), "Authorization": f"Bearer {secret}"},
            )
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise _unusable_host() from None
        except httpx.TimeoutException:
            raise SourceUnavailable(
                f"Tinybird did not answer {resource} in time.",
                "Try again, or choose a shorter range.",
                source="tinybird",
                resource=resource,
            ) from None
        except httpx.ConnectError:
            raise SourceUnavailable(
                "Tinybird cannot be reached.", _CHECK_HOST, source="tinybird", resource=resource
            ) from None
        except httpx.DecodingError:
            raise _mismatch(resource, "its answer cannot be decoded") from None
        except (httpx.HTTPError, httpx.StreamError, httpx.CookieConflict) as error:
            raise SourceUnavailable(
                f"The connection to Tinybird broke ({type(error).__name__}).",
                _CHECK_HOST,
                source="tinybird",
                resource=resource,
            ) from None
        if response.status_code not in {200, 201, 202}:
            self._refuse(response, token, resource)
        return response

    def _refuse(self, response: httpx.Response, token: TokenKind, resource: str) -> NoReturn:
        status, said = response.status_code, self._readable(_error_text(response))
        if status == 429 or status >= 500:
            busy = "is over its rate limit" if status == 429 else f"failed with status {status}"
            unavailable = SourceUnavailable(
                _sentence(f"Tinybird {busy}", said),
                "The page tries again by itself.",
                source="tinybird",
                resource=resource,
                status=status,
            )
            unavailable.retry_after_seconds = _retry_after(response)
            raise unavailable
        if status in {401, 403}:
            message = f"Tinybird refused the token for {resource} (status {status})"
            remedy = f"Set {_TOKEN_VARIABLES[token]} to a token of this workspace that may do this (`tb token ls`)."
        elif status == 404:
            message = f"Tinybird does not know {resource} (status 404)"
            remedy = "Deploy the tinybird/ project (`tb --cloud deploy`)."
        elif status == 408:
            message = f"Tinybird took too long over {resource} and stopped (status 408)"
            remedy = "Choose a shorter range."
        elif status == 413:
            message = f"Tinybird refused a request to {resource} as too large (status 413)"
            remedy = "Send fewer events at once."
        elif 300 <= status < 400:
            message = f"Tinybird's address redirects elsewhere (status {status})"
            remedy = "Set TINYBIRD_HOST to the API address of the workspace's region."
        else:
            message = f"Tinybird refused a request to {resource} (status {status})"
            remedy = "The deployed pipe may be older than this dashboard: deploy the tinybird/ project."
        raise SourceRejected(
            _sentence(message, said), remedy, source="tinybird", resource=resource, status=status
        )

    def _readable(self, text: str) -> str:
        for secret in self._tokens.values():
            if secret:
                text = text.replace(secret, "***")
        text = " ".join(text.split())
        return text if len(text) <= MAX_ERROR_CHARACTERS else text[: MAX_ERROR_CHARACTERS - 1] + "…"


def _wait_seconds(state: RetryCallState) -> float:
    error = None if state.outcome is None else state.outcome.exception()
    asked = error.retry_after_seconds if isinstance(error, SourceUnavailable) else None
    return FIRST_BACKOFF_SECONDS * 2.0 ** (state.attempt_number - 1) if asked is None else asked


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    try:
        return max(0.0, float(value)) if math.isfinite(float(value)) else None
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("A pipe or data source has letters, digits and _ in its name only.")
    return name


def _job_path(job_id: str, datasource: str) -> str:
    if not _WEBSITE_ID.fullmatch(job_id):
        raise _mismatch(datasource, "its answer to a delete names an unusable job")
    return f"/v0/jobs/{job_id}"


def _as_text(value: str | int | float | bool | Sequence[str]) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int | float):
        return str(value)
    return ",".join(value)


def _ndjson_batches(rows: Sequence[Row]) -> Iterator[bytes]:
    batch: list[bytes] = []
    size = 0
    for row in rows:
        line = json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"
        if len(line) > MAX_REQUEST_BYTES:
            raise ValueError(f"An event of {len(line)} bytes is larger than a request may be.")
        if size + len(line) > MAX_REQUEST_BYTES:
            yield b"".join(batch)
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        yield b"".join(batch)


def _json_object(response: httpx.Response, resource: str) -> dict[str, object]:
    try:
        answer: object = json.loads(response.content, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        raise _mismatch(resource, "its answer is not JSON") from None
    if not isinstance(answer, dict):
        raise _mismatch(resource, "its answer is not a JSON object")
    return answer


def _pipe_answer(answer: dict[str, object], name: str) -> PipeAnswer:
    rows, meta, statistics = answer.get("data"), answer.get("meta"), answer.get("statistics")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _mismatch(name, "its answer has no rows under `data`")
    if not isinstance(meta, list) or not all(
        isinstance(column, dict)
        and isinstance(column.get("name"), str)
        and isinstance(column.get("type"), str)
        for column in meta
    ):
        raise _mismatch(name, "its answer has no columns under `meta`")
    elapsed = statistics.get("elapsed") if isinstance(statistics, dict) else None
    return PipeAnswer(
        rows=rows,
        meta=[Column(name=column["name"], type=column["type"]) for column in meta],
        elapsed_seconds=float(elapsed) if isinstance(elapsed, int | float) else None,
        read_at=datetime.now(UTC),
    )


def _count(answer: Mapping[str, object], key: str, datasource: str) -> int:
    value = answer.get(key)
    if not isinstance(value, int):
        raise _mismatch(datasource, f"its answer has no {key}")
    return value


def _error_text(response: httpx.Response) -> str:
    try:
        answer = json.loads(response.content)
    except (ValueError, RecursionError):
        return ""
    error = answer.get("error") if isinstance(answer, dict) else None
    return error if isinstance(error, str) else ""


def _sentence(message: str, said: str) -> str:
    return f"{message}: {said.rstrip('.')}." if said else f"{message}."


def _unusable_host() -> ConfigError:
    return ConfigError(
        "TINYBIRD_HOST is not a usable address.",
        "Set it to the API address of the workspace's region, starting with https://.",
    )


def _mismatch(resource: str, found: str) -> SourceError:
    return SchemaMismatch(
        f"Tinybird's answer to {resource} is not what was promised: {found}.",
        "Check that TINYBIRD_HOST is Tinybird's API address and that the tinybird/ project is deployed.",
        source="tinybird",
        resource=resource,
    )
