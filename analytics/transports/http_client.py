"""HTTP client for one server that bounds the time of a whole answer.

A read timeout of httpx2 bounds only the wait for the next bytes: an answer that sends one byte a second never reaches it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import httpx2

from analytics.settings.loopback import is_loopback

LONGEST_ANSWER_SECONDS: Final = 30.0


class BoundedBody(httpx2.SyncByteStream):
    """Body of an answer. Raises `httpx2.ReadTimeout` at the first part after `longest_seconds`."""

    def __init__(self, parts: httpx2.SyncByteStream, longest_seconds: float) -> None:
        self._parts = parts
        self._ends_at = time.monotonic() + longest_seconds

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            if time.monotonic() >= self._ends_at:
                raise httpx2.ReadTimeout("the answer takes too long to arrive")
            yield part

    def close(self) -> None:
        """Closes the connection, or returns it to the pool when the body was read to its end."""
        self._parts.close()


def bounded_client(
    host: str,
    timeout: httpx2.Timeout,
    transport: httpx2.BaseTransport | None = None,
    longest_answer_seconds: float = LONGEST_ANSWER_SECONDS,
) -> httpx2.Client:
    """Makes a client of one server with bounded bodies. It follows no redirect.

    A server on this machine is contacted directly: a proxy from the environment is for other machines.

    Args:
        host: Base URL.
        timeout: Timeouts for connecting and for the next bytes.
        transport: Replaces the network in tests.
        longest_answer_seconds: Time for the body of an answer to arrive, from the end of its headers.

    Raises:
        httpx2.InvalidURL: The base URL cannot be read.
    """
    if transport is None and is_loopback(httpx2.URL(host).host):
        transport = httpx2.HTTPTransport()
    client = httpx2.Client(base_url=host, timeout=timeout, transport=transport)

    def bound_body(response: httpx2.Response) -> None:
        if isinstance(response.stream, httpx2.SyncByteStream):
            response.stream = BoundedBody(response.stream, longest_answer_seconds)

    client.event_hooks["response"].append(bound_body)  # runs before the body is read
    return client
