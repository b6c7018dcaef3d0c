"""A psycopg connection on which no wait for the server is without end. Knows no query.

libpq waits for an answer for as long as TCP lets it: for ever where a proxy goes on acknowledging, for a quarter of an
hour where a gateway has forgotten the connection. Here the thread that waits gives up by itself, closes the connection
and raises `ServerSilentError`; nothing is left behind that still waits.
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
"""The end of a wait outside of every `answered_within`, such as when a forgotten connection is cleaned up."""

KEEPALIVE: Final = {
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""Parameters of libpq, none of which reaches the server: a gateway keeps the path, and the system itself ends a connection
of which the peer is gone. Without effect on a Unix socket, and where the system has no such option."""

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


class ServerSilentError(psycopg.OperationalError):
    """The server sent no whole answer in time; the connection is closed.

    Attributes:
        has_answered: Whether this connection ever had an answer: if so its path is gone, if not the server hangs.
    """

    has_answered = False


@contextmanager
def answered_within(seconds: float) -> Iterator[None]:
    """Ends whatever this thread waits for on a `BoundedConnection` inside the block, so many seconds after it began."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


class BoundedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that raises `ServerSilentError` where another one would wait on.

    Attributes:
        ping_seconds: The bound of a statement in autocommit mode, which is only ever the pool's test before use.
    """

    ping_seconds = LONGEST_WAIT_SECONDS
    _has_answered = False

    def wait(self, gen: PQGen[T], *args: Any, **kwargs: Any) -> T:  # noqa: ANN401  # more of them in newer versions
        """What psycopg calls for every exchange with the server."""
        now = time.monotonic()
        deadline = _deadline.get()
        ends_at = now + LONGEST_WAIT_SECONDS if deadline is None else deadline
        if self.autocommit:
            ends_at = min(ends_at, now + self.ping_seconds)
        answer = super().wait(self._until(ends_at, gen), *args, **kwargs)
        self._has_answered = True
        return answer

    def _until(self, ends_at: float, gen: PQGen[T]) -> PQGen[T]:
        """Passes on what an exchange waits for; psycopg comes back at least every 0.1 s, also with nothing."""
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                wanted = gen.send(ready)
                if time.monotonic() >= ends_at:
                    gen.close()
                    self.close()
                    silence = ServerSilentError("the server does not answer")
                    silence.has_answered = self._has_answered
                    raise silence
        except StopIteration as end:
            result: T = end.value
            return result
