"""How long reads wait for their answers, alone and together, and which of them are not settled."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Patience:
    """How long readers wait.

    Attributes:
        first_seconds: For an answer that nothing else can stand in for: first content takes at most 3 s.
        stale_seconds: With a last good answer, once for all questions to a source that is late. A source that works answers
            within it, so that no stale mark flickers.
        extra_seconds: For what a panel can be drawn without, such as the goal on a card, once all else is there: no panel is
            held up by a source that is not its own.
    """

    first_seconds: float = 2.5
    stale_seconds: float = 1.0
    extra_seconds: float = 0.3


class Unsettled(Protocol):
    """A read that gave no fresh answer.

    Attributes:
        is_late: True when its answer may still come.
    """

    is_late: bool

    def has_changed(self) -> bool:
        """Whether it would give something else now. Asks again where that is due; never waits."""


@dataclass(slots=True)
class Waits:
    """The reads of a block.

    Attributes:
        until: When they have waited long enough, on the monotonic clock.
        unsettled: Those that gave no fresh answer: something newer may come soon.
    """

    until: float
    unsettled: list[Unsettled] = field(default_factory=list)


_waits: ContextVar[Waits | None] = ContextVar("_waits", default=None)


@contextmanager
def waiting_together(seconds: float) -> Iterator[Waits]:
    """Bounds the waits of all reads of the block together, and collects the unsettled ones."""
    waits = Waits(time.monotonic() + seconds)
    token = _waits.set(waits)
    try:
        yield waits
    finally:
        _waits.reset(token)


@contextmanager
def waiting_briefly(seconds: float) -> Iterator[None]:
    """Bounds the waits of reads that the block around can be drawn without; what is unsettled is noted there.

    Outside of a block, such as for a file, they wait as all others.
    """
    waits = _waits.get()
    if waits is None:
        yield
        return
    until, waits.until = waits.until, min(waits.until, time.monotonic() + seconds)
    try:
        yield
    finally:
        waits.until = until


def end() -> float:
    """When the reads of this block have waited long enough; never outside of one."""
    waits = _waits.get()
    return math.inf if waits is None else waits.until


def note(unsettled: Unsettled) -> None:
    """Notes a read that gave no fresh answer."""
    waits = _waits.get()
    if waits is not None:
        waits.unsettled.append(unsettled)
