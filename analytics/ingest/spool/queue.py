"""Queue of the events of one data source: this process's segments, and those it has adopted.

Callers append, one sender takes and confirms. Knows no connection.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analytics.ingest.spool.dead_letters import FOLDER
from analytics.ingest.spool.directory import MAX_SPOOL_BYTES, segments
from analytics.ingest.spool.files import NEW_SUFFIX
from analytics.ingest.spool.segment import HEADER_BYTES, DamagedLine, Segment, sound_lines
from analytics.ingest.spool.settings import DEFAULT, SpoolSettings

SEGMENTS: Final = 8
"""A small spool has at least as many files, so that what is confirmed can be deleted while events go on coming."""

KEPT_BYTES: Final = 64_000
"""A file of which all is confirmed is written on up to here, and then deleted: making one takes longer than a call."""

KEPT_SHARE: Final = 64
"""... and up to this part of the spool's bound, whichever is less: confirmed events must not fill it."""

BATCH_BYTES: Final = 2_000_000
"""A fifth of what a request may carry: more is not faster, and this much is sent twice when an answer gets lost."""

LONGEST_LINE_BYTES: Final = 100_000
"""No event is longer: its longest text, fully escaped, takes half of this."""

ABANDONED_SECONDS: Final = 60.0
"""A file that has been about to become a segment for longer will never be one."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BatchPart:
    """The part of a batch from one segment.

    Attributes:
        own_events: How many lines that is; 0 when another process has accepted them.
    """

    segment: Segment
    length_bytes: int
    own_events: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Events to be sent together.

    Attributes:
        body: The events, each with its newline; empty when all of them are damaged.
        damaged: Lines between them that are no events.
    """

    body: bytes
    damaged: list[DamagedLine]
    parts: list[BatchPart]


class Queue:
    """Events of one data source. `append` is safe from any thread; `take`, `confirm` and `adopt` belong to one sender.

    Attributes:
        lock: Held while a segment is appended to or exchanged.
        progress: Notified when `confirmed` grows.
        lost: Events of this process that were on the disk and are gone: their file was cut or deleted from outside.
        unusable: Segments that this process may not open or read.
    """

    def __init__(
        self,
        spool: Path,
        datasource: str,
        *,
        max_bytes: int = MAX_SPOOL_BYTES,
        is_durable: bool = False,
        settings: SpoolSettings = DEFAULT,
    ) -> None:
        self.datasource = datasource
        self._spool = spool
        self._max_bytes = max_bytes
        self._kept_bytes = min(KEPT_BYTES, max_bytes // KEPT_SHARE)
        self._is_durable = is_durable
        self._settings = settings
        self._segment_bytes = min(settings.segment_bytes, max_bytes // SEGMENTS)
        self.lock = threading.Lock()
        self.progress = threading.Condition()
        self.accepted = self.lost = 0
        self.unusable: set[Path] = set()
        self._confirmed = 0
        self._current: Segment | None = None
        self._sealed: list[Segment] = []
        self._adopted: list[Segment] = []
        self._left: dict[Path, int] = {}
        self._last: tuple[Path, int] | None = None
        self._scanned_at = float("-inf")
        self._left_behind = False

    @property
    def confirmed(self) -> int:
        """Number of accepted events that are confirmed or kept aside, by this process or one that adopted them."""
        if self._left:
            with self.lock:
                gone = [path for path in self._left if not path.exists()]
                self._confirmed += sum(self._left.pop(path) for path in gone)
        return self._confirmed

    def append(self, lines: bytes, events: int) -> int:
        """Writes events, all of them, or none when this raises; returns the bytes that it took.

        Raises:
            OSError: The disk does not take them.
        """
        is_cut, took_bytes = False, len(lines)
        with self.lock:
            segment = self._current or self._resumed()
            if segment is not None and not segment.is_intact:
                self._seal()
                segment, is_cut = None, True
            if segment is None:
                segment = Segment.create(self._spool / self.datasource, is_durable=self._is_durable)
                self._current = segment
                took_bytes += HEADER_BYTES
            segment.append(lines, events, is_durable=self._is_durable)
            self.accepted += events
            if segment.size_bytes >= self._segment_bytes:
                self._seal()
        if is_cut:
            _LOG.error(
                "A file of %s was cut or deleted from outside: events go to another one", self.datasource
            )
        return took_bytes

    def take(self) -> Batch | None:
        """Takes the next events to send, of as many segments as fit; None when none can be read."""
        bodies: list[bytes] = []
        damaged: list[DamagedLine] = []
        parts: list[BatchPart] = []
        room_bytes, room_events = BATCH_BYTES, self._settings.batch_events
        for segment in self._waiting():
            if parts and (room_bytes < LONGEST_LINE_BYTES or room_events <= 0):
                break
            try:
                data = _first_lines(segment.read(room_bytes), room_events)
                if not data:
                    self._cut(segment)
                    continue
            except OSError as error:
                self._leave_alone(segment.path, error)
                continue
            self.unusable.discard(segment.path)
            body, bad = sound_lines(data) if segment.is_adopted else (data, [])
            events = data.count(b"\n") + (not data.endswith(b"\n"))
            parts.append(BatchPart(segment, len(data), 0 if segment in self._adopted else events))
            bodies.append(body)
            damaged.extend(bad)
            room_bytes, room_events = room_bytes - len(data), room_events - events
        return Batch(b"".join(bodies), damaged, parts) if parts else None

    def confirm(self, batch: Batch) -> None:
        """Notes that a batch is delivered or kept aside; deletes the segments of which that was all.

        Raises:
            OSError: It could not be noted: after a crash these events are sent again.
        """
        failures = []
        for part in batch.parts:
            try:
                part.segment.acknowledge(part.length_bytes, part.own_events)
            except OSError as error:
                failures.append(error)
        with self.lock:
            current = self._current
            if current is not None and current.is_confirmed and current.size_bytes >= self._kept_bytes:
                self._seal()
        self._remove_confirmed()
        self._progressed(sum(part.own_events for part in batch.parts))
        if failures:
            raise failures[0]

    def adopt(self) -> None:
        """Adopts the segments of processes that ended; looks at most once a second.

        Raises:
            OSError: The directory cannot be read.
        """
        is_more = self._left_behind and not self._adopted
        if time.monotonic() - self._scanned_at < self._settings.scan_seconds and not is_more:
            return
        self._scanned_at, self._left_behind = time.monotonic(), False
        with self.lock:
            held = [segment for segment in (*self._adopted, *self._sealed, self._current) if segment]
        own = {segment.path for segment in held}
        found = segments(self._spool, self.datasource)
        self.unusable.intersection_update(found)
        for path in found:
            if len(self._adopted) >= self._settings.max_adopted:
                self._left_behind = True
                break
            if path in own:
                continue
            try:
                segment = Segment.adopt(path)
            except OSError as error:
                self._leave_alone(path, error)
                continue
            self.unusable.discard(path)
            if segment is not None:
                self._adopted.append(segment)
        for folder in (self._spool, self._spool / FOLDER):
            _remove_abandoned(folder / self.datasource)
        self._remove_confirmed()

    def release(self) -> None:
        """Releases all segments: what is confirmed is deleted, the rest waits for another sender."""
        with self.lock:
            current = self._current
            self._seal()
            self._remove_confirmed()
            left, self._adopted, self._sealed = (*self._adopted, *self._sealed), [], []
            for segment in left:
                if segment.is_removed:
                    self._lose(segment)
                elif segment.appended > segment.confirmed:
                    self._left[segment.path] = segment.appended - segment.confirmed
                segment.close()
            is_open = current is not None and current.path in self._left
            self._last = (current.path, current.size_bytes) if current is not None and is_open else None

    def _resumed(self) -> Segment | None:
        """Reopens the segment that was written to before `release`; None when there is none, or it has another owner."""
        if self._last is None:
            return None
        (path, size_bytes), self._last = self._last, None
        try:
            segment = Segment.adopt(path)
        except OSError:
            return None
        if segment is None:
            return None
        if segment.size_bytes != size_bytes:  # cut from outside: its last line may be half a line
            segment.close()
            return None
        segment.appended = self._left.pop(path, 0)
        self._current = segment
        return segment

    def _waiting(self) -> list[Segment]:
        held = (*self._adopted, *self._sealed, self._current)
        return [segment for segment in held if segment is not None and not segment.is_confirmed]

    def _seal(self) -> None:
        if self._current is not None:
            self._sealed.append(self._current)
            self._current = None

    def _cut(self, segment: Segment) -> None:
        """Handles a file that was cut from outside: counts what is lost, and writes new events elsewhere."""
        with self.lock:
            if segment is self._current:
                self._seal()
        segment.shrink()
        self._lose(segment)
        self._progressed(0)
        self._remove_confirmed()

    def _lose(self, segment: Segment) -> None:
        lost = segment.appended - segment.confirmed
        self.lost += lost
        if lost or not segment.appended:
            _LOG.error(
                "%s accepted events of %s are lost: their file was cut or deleted from outside",
                *(lost or "Some", self.datasource),
            )

    def _leave_alone(self, path: Path, error: OSError) -> None:
        if path not in self.unusable:
            self.unusable.add(path)
            _LOG.error("%s cannot be read and is left where it is: %s", path, error.strerror)

    def _progressed(self, events: int) -> None:
        with self.lock:
            own = [*self._sealed, self._current]
            is_done = all(each is None or each.is_confirmed for each in own)
            everything = self.accepted - sum(self._left.values())
            self._confirmed = everything if is_done else self._confirmed + events
        with self.progress:
            self.progress.notify_all()

    def _remove_confirmed(self) -> None:
        for kept in (self._adopted, self._sealed):
            for segment in [each for each in list(kept) if each.is_confirmed]:
                kept.remove(segment)
                segment.remove()


def _remove_abandoned(folder: Path) -> None:
    for new in folder.glob(f"*{NEW_SUFFIX}"):
        try:
            if time.time() - new.stat().st_mtime > ABANDONED_SECONDS:
                new.unlink()
        except OSError:  # gone meanwhile, or another user's
            continue


def _first_lines(data: bytes, most: int) -> bytes:
    """Cuts after at least one line and at most `most`, without reading each line."""
    while (count := data.count(b"\n")) > most:
        end = data.rfind(b"\n", 0, len(data) * most // count) + 1
        data = data[: end or data.index(b"\n") + 1]
    return data
