"""HTTP client for one server: a request has one deadline, from sending to the last byte, and its answer a size limit.

A timeout of httpx2 bounds one wait for bytes: headers or a body of which one byte comes every second never reach it. So
each wait of a connection here ends at the deadline of the request that the thread makes.
"""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Final, cast

import httpcore2
import httpx2

from analytics.settings.loopback import is_loopback
from analytics.transports.gzip_body import BadGzip, InflatedTooLarge, inflated

_WRITE_BYTES: Final = 64 * 1024
"""Sent with one look at the deadline: about what the system's buffer takes at once."""

_ends_at: ContextVar[float] = ContextVar("_ends_at", default=math.inf)
"""End of this thread's request, on the monotonic clock."""


class AnswerTooLarge(Exception):
    """An answer is larger than it may be, as it was sent or inflated. Its connection is closed."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete answer.

    Attributes:
        status_code: The HTTP status.
        headers: The headers.
        content: The body, inflated.
    """

    status_code: int
    headers: httpx2.Headers
    content: bytes


def bounded_client(host: str, transport: httpx2.BaseTransport | None = None) -> httpx2.Client:
    """Makes a client of one server for `bounded_answer`. It follows no redirect.

    A server on this machine is contacted directly: a proxy from the environment is for other machines.

    Args:
        host: Base URL.
        transport: Replaces the network in tests.

    Raises:
        httpx2.InvalidURL: The base URL cannot be read.
    """
    if transport is None and is_loopback(httpx2.URL(host).host):
        transport = httpx2.HTTPTransport(verify=_tls())
    # gzip alone: it is what `inflated` bounds.
    client = httpx2.Client(
        base_url=host, transport=transport, headers={"Accept-Encoding": "gzip"}, verify=_tls()
    )
    # httpx2 has no argument for the network of its connections, neither for its own nor for those through proxies.
    for each in (client._transport, *client._mounts.values()):
        if isinstance(each, httpx2.HTTPTransport):
            each._pool._network_backend = _Network(each._pool._network_backend)
    return client


@cache
def _tls() -> ssl.SSLContext:
    """Reads the trusted certificates once: 30 ms."""
    return httpx2.create_ssl_context()


def bounded_answer(
    client: httpx2.Client,
    method: str,
    path: str,
    *,
    seconds: float,
    timeout: httpx2.Timeout,
    most_bytes: int,
    params: Mapping[str, str] | None = None,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpAnswer:
    """Sends a request and reads the whole answer. When it fails, the connection is closed, and the next is a new one.

    Looking up the name of the server is not bounded here: the system's resolver has its own limits.

    Args:
        client: Made by `bounded_client`.
        method: The HTTP method.
        path: Path on the server.
        seconds: Time for all of it.
        timeout: Bounds for one wait.
        most_bytes: Largest body, as sent and inflated.
        params: The query string.
        content: Body of the request.
        headers: Headers of the request.

    Raises:
        httpx2.TimeoutException: The time is over.
        AnswerTooLarge: The body is larger than `most_bytes`.
        httpx2.DecodingError: The body is no complete gzip, or has another encoding.
        httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, httpx2.CookieConflict: As `httpx2.Client.stream`.
    """
    request = client.build_request(
        method, path, params=params, content=content, headers=headers, timeout=timeout
    )
    with _deadline(seconds):
        response = client.send(request, stream=True)
        try:
            if int(response.headers.get("Content-Length", 0)) > most_bytes:
                raise AnswerTooLarge
            parts, size = [], 0
            for part in cast("httpx2.SyncByteStream", response.stream):
                size += len(part)
                if size > most_bytes:
                    raise AnswerTooLarge
                parts.append(part)
        finally:
            response.close()
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    body = _decoded(b"".join(parts), encoding, most_bytes)
    return HttpAnswer(response.status_code, response.headers, body)


def _decoded(body: bytes, encoding: str, most_bytes: int) -> bytes:
    if encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise httpx2.DecodingError("an encoding that was not asked for")
    try:
        return inflated(body, most_bytes)
    except InflatedTooLarge:
        raise AnswerTooLarge from None
    except BadGzip as error:
        raise httpx2.DecodingError(str(error)) from None


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    token = _ends_at.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends_at.reset(token)


def _left(timeout: float | None, late: type[httpcore2.TimeoutException]) -> float:
    left = _ends_at.get() - time.monotonic()
    if left <= 0:
        raise late("the time of the whole request is over")
    return left if timeout is None else min(left, timeout)


class _Stream(httpcore2.NetworkStream):
    """A connection none of whose waits outlasts the deadline."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)
        for start in range(0, len(rest), _WRITE_BYTES):
            part = bytes(rest[start : start + _WRITE_BYTES])
            self._stream.write(part, _left(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        left = _left(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


class _Network(httpcore2.NetworkBackend):
    """Makes connections that keep the deadline."""

    def __init__(self, network: httpcore2.NetworkBackend) -> None:
        self._network = network

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        left = _left(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._network.connect_tcp(host, port, left, local_address, socket_options))
