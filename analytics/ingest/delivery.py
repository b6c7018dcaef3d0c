"""From an accepted event to Tinybird, for one process: lanes, senders, forks, and the end of the process.

Owns when threads start and stop. Knows no event by name.
"""

from __future__ import annotations

import atexit
import functools
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from analytics.errors import AnalyticsError, ConfigError
from analytics.ingest.changed import ChangeCounts
from analytics.ingest.complaint import Complaint
from analytics.ingest.lane import Lane
from analytics.ingest.segment import HEADER_BYTES
from analytics.ingest.sender import Sender
from analytics.ingest.spool import DATASOURCES, Bound
from analytics.tinybird import Tinybird

EXIT_SECONDS: Final = 2.0
"""How long a process that ends waits for its last events; they are on the disk in any case."""

_LOG = logging.getLogger(__name__)


class Delivery:
    """Writes events to the spool and sends what waits in it. Safe to share between threads.

    Args:
        connect: Makes a client; called again when a forked child sends, which must not use its parent's connections.
        directory: The spool.
        max_bytes: What the directory may take, refused events included.
        is_durable: True waits for the disk with every write.

    Attributes:
        directory: The spool.
        changed: Counts of descriptive values that were cut or emptied.
        dropped: Events that could not be written.
        repeated: Events that its user did not write, because they said nothing new.
        left_out: Events of test visitors, which its user did not write.
        lock: Free for whoever uses this; no fork happens while it is held.

    Raises:
        ConfigError: The directory cannot be used, or the client cannot be made.
    """

    def __init__(
        self, connect: Callable[[], Tinybird], directory: Path, max_bytes: int, *, is_durable: bool
    ) -> None:
        self.directory = _usable(directory)
        self.changed = ChangeCounts(self.directory)
        self._connect = connect
        self._tinybird: Tinybird | None = connect()
        self._connecting = threading.Lock()
        self._bound = Bound(self.directory, max_bytes)
        self._lanes = {
            name: Lane(self.directory, name, max_bytes=max_bytes, is_durable=is_durable)
            for name in DATASOURCES
        }
        self._senders = {
            name: Sender(lane, self.directory, self._bound, self._client)
            for name, lane in self._lanes.items()
        }
        self.lock = threading.Lock()
        self._start_counting()
        with _forking:
            _watch_this_process()
            _deliveries.add(self)
        for sender in self._senders.values():
            sender.wake()

    def write(self, datasource: str, lines: bytes, events: int) -> bool:
        """Puts events on the disk, all or none; whether they are there. Raises nothing that a disk can cause."""
        try:
            if self._bound.has_room(len(lines) + HEADER_BYTES):
                self._bound.note(self._lanes[datasource].append(lines, events))
                self._senders[datasource].wake()
                return True
            reason = "it is full: what waits there must be sent, or what is kept aside sent again or removed, first"
        except OSError as error:
            reason = error.strerror or str(error)
        with self._counting:
            self.dropped += events
        self._drops.say(
            f"An event was dropped, the spool directory {self.directory} did not take it: {reason}"
        )
        return False

    def leave_out(self, events: int) -> None:
        """Counts events of test visitors, which are not written."""
        with self._counting:
            self.left_out += events

    @property
    def accepted(self) -> int:
        """Events written since the process started."""
        return sum(lane.accepted for lane in self._lanes.values())

    @property
    def sent(self) -> int:
        """Events that Tinybird has confirmed to this process, adopted ones included."""
        return sum(sender.sent for sender in self._senders.values())

    @property
    def retried(self) -> int:
        """Requests that had to be repeated."""
        return sum(sender.retried for sender in self._senders.values())

    @property
    def refused(self) -> int:
        """Events that this process has kept aside."""
        return sum(sender.refused for sender in self._senders.values())

    @property
    def lost(self) -> int:
        """Events of this process whose file was cut or deleted from outside before they were sent."""
        return sum(lane.lost for lane in self._lanes.values())

    @property
    def failures(self) -> dict[str, AnalyticsError]:
        """Why data sources are not delivered at the moment; those of which nothing is known to be wrong are missing."""
        return {name: sender.failure for name, sender in self._senders.items() if sender.failure}

    @property
    def failure(self) -> AnalyticsError | None:
        """Why something is not delivered at the moment; None when nothing is known to be wrong."""
        return next(iter(self.failures.values()), None)

    def flush(self, timeout_seconds: float, *, is_patient: bool = True) -> bool:
        """Whether everything accepted by this process before the call is confirmed, or kept aside, in time.

        Args:
            timeout_seconds: How long to wait.
            is_patient: False gives up as soon as a lane is known to fail.
        """
        deadline = time.monotonic() + timeout_seconds
        marks = {name: lane.accepted for name, lane in self._lanes.items()}
        for name, mark in marks.items():
            if self._lanes[name].confirmed < mark:
                self._senders[name].hurry()
        return all(self._reaches(name, mark, deadline, is_patient=is_patient) for name, mark in marks.items())

    def _reaches(self, name: str, mark: int, deadline: float, *, is_patient: bool) -> bool:
        lane, sender = self._lanes[name], self._senders[name]
        while lane.confirmed < mark:
            left = deadline - time.monotonic()
            is_hopeless = sender.is_stopped or (sender.failure is not None and not is_patient)
            if left <= 0 or is_hopeless:
                return False
            with lane.progress:
                if lane.confirmed < mark:
                    lane.progress.wait(min(left, 0.05))
        return True

    def close(self, timeout_seconds: float) -> bool:
        """Flushes, then stops sending and lets go of the directory; whether everything accepted is delivered.

        What is not waits on the disk, and so does what is written later, in a forked child too.
        """
        deadline = time.monotonic() + timeout_seconds
        self.changed.save()
        is_flushed = self.flush(timeout_seconds, is_patient=False)
        stopped = {
            name: sender.stop(max(0.1, deadline - time.monotonic())) for name, sender in self._senders.items()
        }
        for name in (name for name, has_stopped in stopped.items() if has_stopped):
            self._lanes[name].leave()
        if all(stopped.values()) and self._tinybird is not None:
            self._tinybird.close()
        return is_flushed

    def locks(self) -> Iterable[threading.Lock]:
        """What must not be held by another thread while this process is forked."""
        return [self.lock, *(lane.lock for lane in self._lanes.values())]

    def start_afresh(self) -> None:
        """In a forked child: nothing of the parent's is touched, its threads are not here."""
        self.lock = threading.Lock()
        for lane in self._lanes.values():
            lane.forget()
        for sender in self._senders.values():
            is_stopped = sender.is_stopped
            sender.reset()
            if is_stopped:
                sender.stop(0.0)
        self._bound.reset()
        self._tinybird, self._connecting = None, threading.Lock()
        self._start_counting()

    def _client(self) -> Tinybird:
        with self._connecting:
            if self._tinybird is None:
                self._tinybird = self._connect()
            return self._tinybird

    def _start_counting(self) -> None:
        self._counting = threading.Lock()
        self._drops = Complaint(_LOG)
        self.dropped = self.repeated = self.left_out = 0


_deliveries: weakref.WeakSet[Delivery] = weakref.WeakSet()
_held: list[threading.Lock] = []
_forking = threading.Lock()
"""Two threads may fork at once: the second one waits before it takes any of the locks that the first one holds. New in each child."""


@functools.cache
def _watch_this_process() -> None:
    os.register_at_fork(before=_hold, after_in_parent=_let_go, after_in_child=_start_afresh)
    atexit.register(_flush_all)


def _hold() -> None:
    _forking.acquire()
    for lock in [lock for delivery in list(_deliveries) for lock in delivery.locks()]:
        lock.acquire()
        _held.append(lock)


def _let_go() -> None:
    while _held:
        _held.pop().release()
    _forking.release()


def _start_afresh() -> None:
    # A server written in C may fork without a word before: then nothing is held here, and other threads may hold what is.
    global _forking
    while _held:
        _held.pop().release()
    _forking = threading.Lock()
    for delivery in list(_deliveries):
        delivery.start_afresh()


def _flush_all() -> None:
    deadline = time.monotonic() + EXIT_SECONDS
    for delivery in list(_deliveries):
        delivery.close(max(0.0, deadline - time.monotonic()))


def _usable(directory: Path) -> Path:
    try:
        directory = directory.expanduser().absolute()
        for name in DATASOURCES:
            (directory / name).mkdir(parents=True, exist_ok=True, mode=0o700)
            if not os.access(directory / name, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError("no right to write")
    except (OSError, RuntimeError) as error:
        raise ConfigError(
            f"The spool directory cannot be used ({getattr(error, 'strerror', None) or error}).",
            "Set INBOX_ANALYTICS_SPOOL_DIR to a directory on a local disk that this process may write.",
        ) from None
    return directory
