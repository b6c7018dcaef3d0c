"""Keeps the last probes of each source: answer time or error. In memory, thread-safe."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from analytics.errors import Source, SourceError

KEPT_PROBES: Final = 120
"""Probes that are kept per source: one hour at one per 30 s. Their median decides whether a source is slow."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One small request to a source to see whether it answers.

    Attributes:
        source: Which source.
        at: When it answered or failed, UTC.
        seconds: Answer time; None when the source failed.
        error: The failure; None when it answered.
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
        """Adds a probe, unless it is the newest one again, and returns all kept probes of its source, oldest first.

        A failure takes the place of the failure before it: an outage drops no answer times, however many look at it.
        """
        with self._lock:
            kept = self._probes.setdefault(probe.source, deque(maxlen=KEPT_PROBES))
            if kept and (kept[-1].at == probe.at or (kept[-1].error is not None and probe.error is not None)):
                kept.pop()
            kept.append(probe)
            return tuple(kept)

    def kept(self, source: Source) -> tuple[Probe, ...]:
        """The kept probes of a source, oldest first."""
        with self._lock:
            return tuple(self._probes.get(source, ()))

    def failure(self, source: Source, since: datetime) -> SourceError | None:
        """The error of the source's last probe; None when that succeeded or is not newer than `since`."""
        with self._lock:
            last = self._probes.get(source, deque())
            return last[-1].error if last and last[-1].at > since else None
