"""The events of one data source on their way through the spool: this process's segments, and those it has adopted.

Callers append, one sender takes and confirms. Knows no connection.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analytics.ingest.segment import NEW_SUFFIX, Damage, Segment, sound_lines
from analytics.ingest.spool import segments

SEGMENT_BYTES: Final = 8_000_000
BATCH_BYTES: Final = 2_000_000
"""A fifth of what a request may carry: more is not faster, and this much is sent twice when an answer gets lost."""

BATCH_EVENTS: Final = 20_000
SCAN_SECONDS: Final = 1.0
ABANDONED_SECONDS: Final = 60.0
"""A file that has been about to become a segment for longer will never be one."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Events to be sent together.

    Attributes:
        segment: Where they are.
        body: The events, each with its newline; empty when all of them are damaged.
        events: How many that is.
        damaged: Lines between them that are no events.
        length_bytes: How much of the segment this is.
        is_own: Whether this process has accepted them.
    """

    segment: Segment
    body: bytes
    events: int
    damaged: list[Damage]
    length_bytes: int
    is_own: bool


class Lane:
    """One data source's way. `append` is safe from any thread; `take`, `confirm` and `adopt` belong to one sender.

    Attributes:
        datasource: Where the events belong.
        lock: Held while a segment is appended to or exchanged.
        accepted: Events that this process has appended.
        confirmed: How many of those are confirmed or kept aside.
        progress: Told when `confirmed` grows.
    """

    def __init__(self, spool: Path, datasource: str, *, is_durable: bool) -> None:
        self.datasource = datasource
        self._spool = spool
        self._is_durable = is_durable
        self.reset()

    def reset(self) -> None:
        """Starts afresh, owning nothing: at first, and in a forked child."""
        self.lock = threading.Lock()
        self.progress = threading.Condition()
        self.accepted = self.confirmed = 0
        self._current: Segment | None = None
        self._sealed: list[Segment] = []
        self._adopted: list[Segment] = []
        self._scanned_at = float("-inf")

    def append(self, lines: bytes, events: int) -> None:
        """Writes events: all of them, or none when this raises.

        Raises:
            OSError: The disk does not take them.
        """
        with self.lock:
            segment = self._current
            if segment is None:
                segment = Segment.create(self._spool / self.datasource, is_durable=self._is_durable)
                self._current = segment
            segment.append(lines, is_durable=self._is_durable)
            self.accepted += events
            if segment.size_bytes >= SEGMENT_BYTES:
                self._seal()

    def take(self) -> Batch | None:
        """The next events to send; None when none waits.

        Raises:
            OSError: The disk does not give them.
        """
        while (segment := self._next()) is not None:
            data = segment.read(BATCH_BYTES)
            while (count := data.count(b"\n")) > BATCH_EVENTS:
                data = data[: data.rfind(b"\n", 0, len(data) * BATCH_EVENTS // count) + 1]
            if not data:
                self._cut(segment)
                continue
            body, damaged = sound_lines(data) if segment.is_adopted else (data, [])
            events = body.count(b"\n")
            return Batch(segment, body, events, damaged, len(data), segment not in self._adopted)
        return None

    def confirm(self, batch: Batch) -> None:
        """Notes that a batch is delivered or kept aside; deletes the segment when that was all of it.

        Raises:
            OSError: It could not be noted: after a crash these events are sent again.
        """
        try:
            batch.segment.acknowledge(batch.length_bytes)
        finally:
            if batch.is_own:
                self._progressed(batch.events + len(batch.damaged))
            self._remove_confirmed()

    def adopt(self) -> None:
        """Takes over the segments whose owners are gone; looks at most once a second.

        Raises:
            OSError: The directory cannot be read.
        """
        if time.monotonic() - self._scanned_at < SCAN_SECONDS:
            return
        self._scanned_at = time.monotonic()
        with self.lock:
            own = {segment.path for segment in (*self._adopted, *self._sealed, self._current) if segment}
        for path in segments(self._spool, self.datasource):
            if path not in own and (segment := Segment.adopt(path)) is not None:
                self._adopted.append(segment)
        for new in (self._spool / self.datasource).glob(f"*{NEW_SUFFIX}"):
            try:
                if time.time() - new.stat().st_mtime > ABANDONED_SECONDS:
                    new.unlink()
            except FileNotFoundError:
                continue
        self._remove_confirmed()

    def leave(self) -> None:
        """Lets go of all segments; what is confirmed goes, the rest waits for whoever comes next."""
        with self.lock:
            self._seal()
            self._remove_confirmed()
            for segment in (*self._adopted, *self._sealed):
                segment.close()
            self._adopted.clear()
            self._sealed.clear()

    def forget(self) -> None:
        """In a forked child: the segments are the parent's, so their locks stay as they are."""
        for segment in (*self._adopted, *self._sealed, self._current):
            if segment is not None:
                segment.close()
        self.reset()

    def _next(self) -> Segment | None:
        for segment in (*self._adopted, *self._sealed, self._current):
            if segment is not None and not segment.is_confirmed:
                return segment
        return None

    def _seal(self) -> None:
        if self._current is not None:
            self._sealed.append(self._current)
            self._current = None

    def _cut(self, segment: Segment) -> None:
        """Somebody has cut the file: what is gone is gone, and new events go elsewhere."""
        with self.lock:
            if segment is self._current:
                self._seal()
        segment.shrink()
        self._progressed(0)
        self._remove_confirmed()

    def _progressed(self, events: int) -> None:
        with self.lock:
            own = [*self._sealed, self._current]
            is_done = all(each is None or each.is_confirmed for each in own)
            confirmed = self.accepted if is_done else self.confirmed + events
        with self.progress:
            self.confirmed = confirmed
            self.progress.notify_all()

    def _remove_confirmed(self) -> None:
        for kept in (self._adopted, self._sealed):
            for segment in [each for each in list(kept) if each.is_confirmed]:
                kept.remove(segment)
                segment.remove()
