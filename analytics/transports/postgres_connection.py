"""A psycopg connection with a deadline for every wait. Knows no query.

libpq waits for an answer as long as TCP allows: without end behind a proxy that keeps acknowledging, about 15 minutes
behind a gateway that has dropped the connection. Here the waiting thread itself stops at the deadline, closes the
connection and raises `ServerSilentError`; no thread is left waiting.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen

T = TypeVar("T")

LONGEST_WAIT_SECONDS: Final = 10.0
"""Limit of a wait outside `answered_within`, such as in the clean-up of a garbage-collected connection."""

KEEPALIVE: Final = {
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""Parameters of libpq that are not sent to the server. They keep the connection open in gateways and let the operating system
close one whose peer is gone. Without effect on a Unix socket and on systems without these options."""

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


class ServerSilentError(psycopg.OperationalError):
    """The server sent no complete answer in time; the connection is closed."""


@contextmanager
def answered_within(seconds: float) -> Iterator[None]:
    """Sets the deadline for waits of this thread on a `BoundedConnection` inside the block."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


class BoundedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that raises `ServerSilentError` at the deadline.

    Attributes:
        ping_seconds: Limit of a statement in autocommit mode, which only the pool's test before use runs in.
    """

    ping_seconds = LONGEST_WAIT_SECONDS

    def wait(self, gen: PQGen[T], *args: Any, **kwargs: Any) -> T:  # noqa: ANN401  # more of them in newer versions
        """Waits for the server; psycopg calls this for every message exchange."""
        now = time.monotonic()
        deadline = _deadline.get()
        ends_at = now + LONGEST_WAIT_SECONDS if deadline is None else deadline
        if self.autocommit:
            ends_at = min(ends_at, now + self.ping_seconds)
        return super().wait(self._until(ends_at, gen), *args, **kwargs)

    def _until(self, ends_at: float, gen: PQGen[T]) -> PQGen[T]:
        """Forwards the waits of psycopg until the deadline; psycopg returns at least every 0.1 s."""
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                wanted = gen.send(ready)
                if time.monotonic() >= ends_at:
                    gen.close()
                    self.close()
                    raise ServerSilentError("the server does not answer")
        except StopIteration as end:
            result: T = end.value
            return result
