"""Client of Tinybird's HTTP API: queries pipes, sends events, manages. Knows no pipe by name.

Tokens are sent in the `Authorization` header only. Parameters that are None are left out: an empty string would make a
pipe's `defined(x)` true. Every failure is translated into one of `analytics.errors` here and only here.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Final, Literal, Self, TypeVar
from urllib.parse import urlencode

import httpx2

from analytics.errors import AnalyticsError, ConfigError, SchemaMismatch, SourceError, SourceUnavailable
from analytics.settings import Settings
from analytics.telemetry import timed
from analytics.transports.http_client import AnswerTooLarge, HttpAnswer, bounded_answer, bounded_client
from analytics.transports.redaction import scrubbed
from analytics.transports.retrying import Retries, asks_to_wait, is_unavailable
from analytics.transports.throttled_log import ThrottledLog
from analytics.transports.tinybird_messages import (
    Ingested,
    Parameter,
    PipeAnswer,
    ahead_seconds,
    error_text,
    events_body,
    ingested,
    json_object,
    mismatch,
    pipe_answer,
    query_text,
    refusal,
    retry_after_seconds,
)

T = TypeVar("T")

MAX_ATTEMPTS: Final = 3
"""A read is retried at most twice."""

HASTY_ATTEMPTS: Final = 2
"""Attempts where the caller has pauses of its own: a connection that breaks is no failure yet."""

READ_SECONDS: Final = 10.0
"""A read as a whole, from the first attempt to the last byte, retries and what `Retry-After` asks included. Tinybird stops
a query of a pipe after as long."""

SENDING_SECONDS: Final = 30.0
"""On top of the wait for an answer, for whatever is no read: a batch of 10 MB over a slow line."""

CONNECT_SECONDS: Final = 3.0
FIRST_BACKOFF_SECONDS: Final = 0.25

MOST_ANSWER_BYTES: Final = 40_000_000
"""As sent and inflated. The largest a deployed pipe gives is Live's: 1,000 visitors, whose page addresses may have 8,192
characters of four bytes, are 34 MB; 50,000 rows of `conversation_events` are 12 MB."""

MAX_ADDRESS_CHARACTERS: Final = 4000
"""Longer parameters are sent as the body of a POST, because proxies limit addresses to about twice this length."""

_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
TokenKind = Literal["read", "append", "admin"]
TOKEN_VARIABLES: Final[Mapping[TokenKind, str]] = {
    "read": "TINYBIRD_READ_TOKEN",
    "append": "TINYBIRD_APPEND_TOKEN",
    "admin": "TINYBIRD_ADMIN_TOKEN",
}
_CHECK_HOST: Final = "Check TINYBIRD_HOST and that the server runs, then try again."


class Tinybird:
    """Client of one workspace. Safe to share between threads; close it when done.

    Args:
        host: Base URL.
        read_token: Reads pipes.
        append_token: Sends events; None where no events are sent.
        admin_token: Deletes rows and runs SQL; None where neither is done.
        transport: Replaces the network in tests.
        on_query: Called with the time and the pipe for each query that was answered; counts the daily budget.
        is_hasty: True retries once, and never after 429 or `Retry-After`: the caller has pauses of its own.
        read_seconds: Bounds a read as a whole, retries included.
        sending_seconds: Bounds whatever is no read, on top of the wait for its answer.
        most_answer_bytes: Bounds the body of an answer, as sent and inflated.
        sleep: Waits between attempts.
        monotonic: Clock of the deadline.

    Attributes:
        ahead_seconds: Clock skew by the newest answer's `Date` (whole seconds), positive when the server is ahead; None
            before the first answer, and when it had no `Date`.
    """

    def __init__(
        self,
        host: str,
        read_token: str,
        append_token: str | None = None,
        admin_token: str | None = None,
        *,
        transport: httpx2.BaseTransport | None = None,
        on_query: Callable[[datetime, str], None] | None = None,
        is_hasty: bool = False,
        read_seconds: float = READ_SECONDS,
        sending_seconds: float = SENDING_SECONDS,
        most_answer_bytes: int = MOST_ANSWER_BYTES,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tokens: dict[TokenKind, str | None] = {
            "read": read_token,
            "append": append_token,
            "admin": admin_token,
        }
        try:
            self._client = bounded_client(host, transport)
        except httpx2.InvalidURL:
            raise _unusable_host() from None
        self._refusals = ThrottledLog(_LOG, logging.WARNING)
        self._on_query = on_query
        self._is_hasty = is_hasty
        self._read_seconds = read_seconds
        self._sending_seconds = sending_seconds
        self._most_answer_bytes = most_answer_bytes
        self._sleep = sleep
        self._monotonic = monotonic
        self.ahead_seconds: float | None = None

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        transport: httpx2.BaseTransport | None = None,
        on_query: Callable[[datetime, str], None] | None = None,
        is_hasty: bool = False,
    ) -> Tinybird:
        """Makes the client from the settings."""
        append, admin = settings.tinybird_append_token, settings.tinybird_admin_token
        return cls(
            settings.tinybird_host,
            settings.tinybird_read_token.get_secret_value(),
            None if append is None else append.get_secret_value(),
            None if admin is None else admin.get_secret_value(),
            transport=transport,
            on_query=on_query,
            is_hasty=is_hasty,
        )

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def query_pipe(self, name: str, params: Mapping[str, Parameter]) -> PipeAnswer:
        """Reads the rows of a pipe's endpoint. Retries when Tinybird is unavailable.

        Args:
            name: The pipe.
            params: Its parameters; None means "not given" and is left out.

        Raises:
            SourceUnavailable: Network, deadline, 429 or 5xx, after the retries.
            SourceRejected: Wrong token, no such pipe, bad parameter.
            SchemaMismatch: The answer is not the JSON of a pipe, or too large.
        """
        return self._queried(name, f"/v0/pipes/{_checked_name(name)}.json", "read", query_text(params))

    def query_sql(self, name: str, statement: str) -> PipeAnswer:
        """Reads the rows of a statement, for tables that no pipe can read. Retries as `query_pipe`.

        Args:
            name: Name of the query in this project, for errors and the budget.
            statement: SQL without FORMAT; never built from values.

        Raises:
            ConfigError: There is no admin token.
            SourceError: As for `query_pipe`.
        """
        return self._queried(name, "/v0/sql", "admin", {"q": f"{statement} FORMAT JSON"})

    @property
    def has_admin_token(self) -> bool:
        """Whether `query_sql` and deletes are possible."""
        return bool(self._tokens["admin"])

    @timed("tinybird")
    def _queried(self, name: str, path: str, token: TokenKind, params: Mapping[str, str]) -> PipeAnswer:
        def attempt(seconds: float) -> PipeAnswer:
            answer, now = self._asked(path, token, name, params, seconds), datetime.now(UTC)
            if self._on_query is not None:
                self._on_query(now, name)
            return pipe_answer(json_object(answer.content, name), name, now, params)

        return self._retried(attempt)

    def _asked(
        self, path: str, token: TokenKind, name: str, params: Mapping[str, str], seconds: float
    ) -> HttpAnswer:
        body = urlencode(params)
        if len(body) <= MAX_ADDRESS_CHARACTERS:
            return self._request("GET", path, token, name, seconds=seconds, params=params)
        content = body.encode()
        return self._request("POST", path, token, name, seconds=seconds, content=content, headers=_FORM)

    def post_batch(
        self,
        datasource: str,
        body: bytes,
        *,
        wait: bool,
        gzip_level: int | None = None,
        timeout_seconds: float = READ_SECONDS,
    ) -> Ingested:
        """Sends one body of newline-delimited JSON in one request. Never retries: a row could count twice.

        Args:
            datasource: Data source of the events.
            body: At most `tinybird_messages.MAX_REQUEST_BYTES`.
            wait: True returns only when the rows can be queried.
            gzip_level: Compression of the body, 1 (fast) to 9 (small); None sends it uncompressed.
            timeout_seconds: Timeout for the next bytes; the whole request takes at most `sending_seconds` longer.

        Raises:
            ConfigError: There is no append token.
            SourceError: As for `query_pipe`.
        """
        content, headers = events_body(body, gzip_level)
        answer = self._request(
            "POST",
            "/v0/events",
            "append",
            datasource,
            seconds=timeout_seconds + self._sending_seconds,
            wait_seconds=timeout_seconds,
            params={"name": _checked_name(datasource), "wait": "true" if wait else "false"},
            content=content,
            headers=headers,
        )
        return ingested(answer.content, datasource)

    def manage(
        self,
        method: Literal["GET", "POST"],
        path: str,
        token: TokenKind,
        resource: str,
        *,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> dict[str, object]:
        """Calls the management API and returns its JSON object. Retries GET, never POST.

        Args:
            method: GET reads, POST may change something.
            path: Path of the API; never built from unchecked text.
            token: Which token to send.
            resource: Name for errors.
            params: The query string.
            form: Fields of a POST; None for an empty body.

        Raises:
            ConfigError, SourceError: As for `query_sql`.
        """
        body = None if form is None else urlencode(form).encode()

        def attempt(seconds: float) -> dict[str, object]:
            answer = self._request(
                method,
                path,
                token,
                resource,
                seconds=seconds,
                params=params,
                content=body,
                headers=_FORM,
            )
            return json_object(answer.content, resource)

        return self._retried(attempt) if method == "GET" else attempt(READ_SECONDS + self._sending_seconds)

    def readable(self, text: str) -> str:
        """Makes one short printable line of a text from Tinybird, without this client's tokens and other secrets."""
        return scrubbed(text, [secret for secret in self._tokens.values() if secret])

    def _retried(self, attempt: Callable[[float], T]) -> T:
        """Calls with the seconds that are left of the read."""
        ends_at = self._monotonic() + self._read_seconds
        retries = Retries(
            FIRST_BACKOFF_SECONDS,
            most_calls=HASTY_ATTEMPTS if self._is_hasty else MAX_ATTEMPTS,
            total_seconds=self._read_seconds,
            is_transient=self._may_pass,
            sleep=self._sleep,
            monotonic=self._monotonic,
        )
        return retries.run(lambda: attempt(ends_at - self._monotonic()))

    def _may_pass(self, error: AnalyticsError) -> bool:
        return is_unavailable(error) and not (self._is_hasty and asks_to_wait(error))

    def _request(
        self,
        method: Literal["GET", "POST"],
        path: str,
        token: TokenKind,
        resource: str,
        *,
        seconds: float,
        wait_seconds: float = READ_SECONDS,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpAnswer:
        secret = self._tokens[token]
        if not secret:
            raise ConfigError(
                f"{TOKEN_VARIABLES[token]} is missing.", "Set it to a token with that right (`tb token ls`)."
            )
        unavailable = partial(SourceUnavailable, source="tinybird", resource=resource)
        asked_at = datetime.now(UTC)
        try:
            answer = bounded_answer(
                self._client,
                method,
                path,
                seconds=seconds,
                timeout=httpx2.Timeout(wait_seconds, connect=CONNECT_SECONDS),
                most_bytes=self._most_answer_bytes,
                params=params,
                content=content,
                headers={**(headers or {}), "Authorization": f"Bearer {secret}"},
            )
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
            raise _unusable_host() from None
        except httpx2.TimeoutException:
            raise unavailable(
                "Tinybird does not answer.", "Try again in a moment, or choose a shorter range."
            ) from None
        except httpx2.ConnectError:
            raise unavailable("Tinybird cannot be reached.", _CHECK_HOST) from None
        except httpx2.DecodingError:
            raise mismatch(resource, "it cannot be decoded") from None
        except AnswerTooLarge:
            raise SchemaMismatch(
                f"Tinybird's answer is larger than {self._most_answer_bytes // 1_000_000} MB.",
                "Choose a shorter range.",
                source="tinybird",
                resource=resource,
            ) from None
        except (httpx2.HTTPError, httpx2.StreamError, httpx2.CookieConflict) as error:
            raise unavailable(
                f"The connection to Tinybird broke ({type(error).__name__}).", _CHECK_HOST
            ) from None
        self.ahead_seconds = ahead_seconds(answer.headers.get("Date"), asked_at, datetime.now(UTC))
        if answer.status_code not in {200, 201, 202}:
            raise self._refused(answer, token, resource)
        return answer

    def _refused(self, answer: HttpAnswer, token: TokenKind, resource: str) -> SourceError:
        status, said = answer.status_code, self.readable(error_text(answer.content))
        # The message for viewers names no pipe and no column; the log names both for operators.
        words = f"Tinybird refused {resource} with status {status}: {said or 'no reason given'}"
        self._refusals.write(words, (resource, status))
        asked = retry_after_seconds(answer.headers.get("Retry-After"), datetime.now(UTC))
        return refusal(resource, status, said, TOKEN_VARIABLES[token], asked)


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("The name of a pipe or data source has letters, digits and _ only.")
    return name


def _unusable_host() -> ConfigError:
    return ConfigError(
        "TINYBIRD_HOST is not a usable address.",
        "Set it to the API address of the workspace's region; it starts with https://.",
    )
