"""HTTP clients for one server, whose answers come to an end: also those that never become whole.

A timeout of httpx2 ends a wait for the next bytes; a path that lets a byte through every second never reaches it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import httpx2

from analytics.settings.loopback import is_loopback

LONGEST_ANSWER_SECONDS: Final = 30.0
"""How long the body of an answer may take to arrive, from the end of its headers."""


class BoundedBody(httpx2.SyncByteStream):
    """The body of an answer, which raises `httpx2.ReadTimeout` with the first part that comes too late."""

    def __init__(self, parts: httpx2.SyncByteStream) -> None:
        self._parts = parts
        self._ends_at = time.monotonic() + LONGEST_ANSWER_SECONDS

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            if time.monotonic() >= self._ends_at:
                raise httpx2.ReadTimeout("the answer takes too long to arrive")
            yield part

    def close(self) -> None:
        """Closes the connection, or gives it back when the body was read to its end."""
        self._parts.close()


def bounded_client(
    host: str, timeout: httpx2.Timeout, transport: httpx2.BaseTransport | None = None
) -> httpx2.Client:
    """A client of one server that ends the body of each answer. It follows no redirect.

    A server on this machine is asked directly: a proxy that the environment names is for other machines.

    Args:
        host: Base URL.
        timeout: How long to wait to connect, and for the next bytes.
        transport: Replaces the network in tests.

    Raises:
        httpx2.InvalidURL: The base URL cannot be read.
    """
    if transport is None and is_loopback(httpx2.URL(host).host):
        transport = httpx2.HTTPTransport()
    client = httpx2.Client(base_url=host, timeout=timeout, transport=transport)
    client.event_hooks["response"].append(_bound_body)  # runs before the body is read
    return client


def _bound_body(response: httpx2.Response) -> None:
    if isinstance(response.stream, httpx2.SyncByteStream):
        response.stream = BoundedBody(response.stream)
