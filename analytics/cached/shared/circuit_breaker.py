"""Circuit breaker of one source: a source that fails or is silent is left alone, but for one probe after each pause.

State in memory, times on a monotonic clock that callers give. Not thread-safe: `SharedReads` holds its lock.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

from analytics.errors import SourceError, SourceUnavailable
from analytics.transports.retrying import asked_seconds, asks_to_wait

_LOG = logging.getLogger(__name__)

PAUSES_SECONDS: Final = (1.0, 2.0, 4.0)
"""Pauses after the first, second ... failure in a row; the last one repeats. A source that is back is noticed within it."""

FEWEST_FAILURES: Final = 2
"""Different questions that must fail, with no answer to another between them, until the source counts as failing."""


def pause_seconds(failures: int) -> float:
    """Seconds until the next try, unless `Retry-After` asks for more: growing with the failures in a row."""
    return PAUSES_SECONDS[min(failures, len(PAUSES_SECONDS)) - 1]


@dataclass(slots=True)
class CircuitBreaker:
    """Whether a source may be asked.

    Attributes:
        error: Why it is left alone; None while it works.
        is_silent: True when the reason is a missing answer, which may still come.
        answered_at: When the source last answered anything.
    """

    error: SourceError | None = None
    is_silent: bool = False
    answered_at: float = -math.inf
    _tries: int = 0
    _paused_at: float = -math.inf
    _until: float = -math.inf
    _earliest: float = -math.inf
    _silent_until: float = -math.inf
    _failing: set[Hashable] = field(default_factory=set)

    def blocks(self, now: float) -> bool:
        """Whether a question has to wait: the source is left alone, and this is not the moment of a probe."""
        return self.error is not None and now < self._until

    def asked(self, now: float) -> None:
        """Notes that a question is sent; while the source is left alone it is the probe, and the next pause begins."""
        if self.error is not None:
            self._tries += 1
            self._paused_at, self._until = now, now + pause_seconds(self._tries)

    def answered(self, now: float) -> bool:
        """Notes any answer of the source: it works.

        Returns:
            Whether this ends an outage that a probe has met before, so that what failed meanwhile may work again.
        """
        has_recovered = self._tries > 1
        if self.error is not None:
            _LOG.warning("%s answers again", self.error.source)
            self._silent_until = now
        self.error, self.is_silent, self._tries, self.answered_at = None, False, 0, now
        self._earliest = -math.inf
        self._failing.clear()
        return has_recovered

    def was_silent_since(self, asked_at: float) -> bool:
        """Whether a silence has ended since a question was sent: what has no answer by now may never get one."""
        return asked_at < self._silent_until

    def failed(self, question: Hashable, error: SourceUnavailable, asked_at: float, now: float) -> None:
        """Notes a failure. What is wrong with one question alone leaves the source open to others.

        Args:
            question: Which question failed.
            error: How.
            asked_at: When it was sent.
            now: When it failed.
        """
        if self.answered_at > asked_at:
            return
        if self.error is None:
            self._failing.add(question)
        if self.error is not None or asks_to_wait(error) or len(self._failing) >= FEWEST_FAILURES:
            self._open(error, now, is_silent=False)

    def silent(self, error: SourceError, asked_at: float, now: float) -> None:
        """Notes a question without an answer for too long, unless the source has answered another one since."""
        if self.error is None and self.answered_at <= asked_at:
            self._open(error, now, is_silent=True)

    def allow(self, seconds: float) -> None:
        """Ends the pause `seconds` after its beginning, or when `Retry-After` lets it."""
        if self.error is not None:
            self._until = min(self._until, max(self._paused_at + seconds, self._earliest))

    def _open(self, error: SourceError, now: float, *, is_silent: bool) -> None:
        """Begins a pause, or goes on with the one that began with the last probe, however many more reads fail meanwhile."""
        self._earliest = max(self._earliest, now + asked_seconds(error))
        if self.error is None:
            _LOG.warning(
                "%s is left alone but for a probe every few seconds: %s", error.source, error.message
            )
            self._tries, self._paused_at, self._until = 1, now, now + pause_seconds(1)
        self.error, self.is_silent = error, is_silent
        self._until = max(self._until, self._earliest)
