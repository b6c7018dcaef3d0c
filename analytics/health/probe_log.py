"""The last probes of each source: whether it answered, and in what time."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from analytics.errors import Source, SourceError

KEPT_PROBES: Final = 120
"""How many probes of a source are kept: an hour, at one every half minute; the median over them is what says slow."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One question put to a source to see whether it answers.

    Attributes:
        source: Which source.
        at: When it answered or failed, UTC.
        seconds: How long the answer took; None when there was none.
        error: Why there was none; None when it answered.
    """

    source: Source
    at: datetime
    seconds: float | None
    error: SourceError | None = None


class ProbeLog:
    """The last probes of each source. Safe to share between threads."""

    def __init__(self) -> None:
        self._probes: dict[Source, deque[Probe]] = {}
        self._lock = threading.Lock()

    def note(self, probe: Probe) -> tuple[Probe, ...]:
        """Keeps a probe, unless it is the last one again, and returns all kept of its source, oldest first."""
        with self._lock:
            kept = self._probes.setdefault(probe.source, deque(maxlen=KEPT_PROBES))
            if not kept or kept[-1].at != probe.at:
                kept.append(probe)
            return tuple(kept)

    def failure(self, source: Source, since: datetime) -> SourceError | None:
        """Why the source did not answer its last check; None when it did, or was checked before `since`."""
        with self._lock:
            last = self._probes.get(source, deque())
            return last[-1].error if last and last[-1].at > since else None
