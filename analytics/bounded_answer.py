"""An end to HTTP answers that never become whole. Knows no address.

A timeout of httpx2 ends a wait for the next bytes; a path that lets a byte through every second never reaches it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import httpx2

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


def bound_body(response: httpx2.Response) -> None:
    """Gives the body of an answer an end. For the `event_hooks` of an `httpx2.Client`, which run before the body is read."""
    if isinstance(response.stream, httpx2.SyncByteStream):
        response.stream = BoundedBody(response.stream)
