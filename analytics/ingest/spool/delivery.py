"""Delivery of one process: its queues, its senders, and what happens when the process ends.

Owns when threads start and stop: a process's first event starts them. Knows no event by name.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from analytics.errors import AnalyticsError, ConfigError
from analytics.ingest.spool.changed_values import ChangeCounts
from analytics.ingest.spool.directory import DATASOURCES, SizeLimit, status
from analytics.ingest.spool.heartbeats import Heartbeats
from analytics.ingest.spool.process import at_end
from analytics.ingest.spool.queue import Queue
from analytics.ingest.spool.segment import HEADER_BYTES
from analytics.ingest.spool.sender import Sender
from analytics.ingest.spool.settings import DEFAULT, SpoolSettings
from analytics.transports.throttled_log import ThrottledLog
from analytics.transports.tinybird import Tinybird

EXIT_SECONDS: Final = 2.0
"""How long a process that ends waits for its last events; they are on the disk in any case."""

NO_THREAD: Final = (
    "Events wait on the disk: this process cannot run a thread that sends them. Another emitter on the directory does, "
    "or `inbox-analytics spool send`."
)

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Counters:
    """Counts since the process started or forked, and the contents of the spool.

    Attributes:
        repeated: Heartbeats that were not, because the same visitor's was less than a minute before.
        dropped: Events that the disk or the spool's bound did not take.
        sent: Events that Tinybird has confirmed, those adopted from other processes included.
        spooled: Events that wait in the directory, of all processes.
        oldest: The timestamp of the longest waiting one; None when none waits.
        lost: Accepted events whose file was cut or deleted from outside before they were sent.
        unreadable: Files in the directory that this process may not read, so that it cannot send what is in them.
        left_out: Events of test visitors, which are never sent.
        changed: Descriptive values that were cut or emptied, by field and what was done, such as "page_url: too long, cut".
    """

    accepted: int
    repeated: int
    dropped: int
    sent: int
    retried: int
    refused: int
    spooled: int
    oldest: datetime | None
    lost: int
    unreadable: int
    left_out: int = 0
    changed: Mapping[str, int] = field(default_factory=dict)


class Delivery:
    """Writes events to the spool and sends what waits in it. Safe to share between threads, of no use to another process.

    `connect` makes a client at the first request where `tinybird` is None. `is_sending` False only writes: what is written
    waits for another process.

    Attributes:
        changed: Counts of descriptive values that were cut or emptied.
        heartbeats: Which heartbeats were sent a moment ago. Use it while holding `lock`.
        repeated: Events that its user did not write, because they said nothing new.
        left_out: Events of test visitors, which its user did not write.
    """

    def __init__(
        self,
        connect: Callable[[], Tinybird],
        directory: Path,
        max_bytes: int,
        *,
        is_durable: bool,
        is_sending: bool = True,
        tinybird: Tinybird | None = None,
        settings: SpoolSettings = DEFAULT,
    ) -> None:
        self.directory = directory
        self.changed = ChangeCounts(directory)
        self.heartbeats = Heartbeats(directory)
        self.dropped = self.repeated = self.left_out = 0
        self.lock = threading.Lock()
        self._connect = connect
        self._tinybird = tinybird
        self._connecting = threading.Lock()
        self._size_limit = SizeLimit(directory, max_bytes, settings)
        self._queues = {
            name: Queue(directory, name, max_bytes=max_bytes, is_durable=is_durable, settings=settings)
            for name in DATASOURCES
        }
        self._senders = {
            name: Sender(queue, directory, self._size_limit, self._client, settings, self._let_go)
            for name, queue in self._queues.items()
        }
        self._counting = threading.Lock()
        self._starting = threading.Lock()
        self._drops, self._unsent = ThrottledLog(_LOG), ThrottledLog(_LOG)
        self._forget_end: Callable[[], object] | None = None
        if not is_sending:
            for sender in self._senders.values():
                sender.stop(0.0)

    def start(self) -> None:
        """Starts sending until the process ends; the first event does it too."""
        with self._starting:
            if self._forget_end is None:
                self._forget_end = at_end(lambda: self.close(EXIT_SECONDS))
        for sender in self._senders.values():
            sender.wake()

    def write(self, datasource: str, lines: bytes, events: int) -> bool:
        """Writes events, all or none; whether they are on the disk. A disk error is logged, never raised."""
        queue, sender = self._queues[datasource], self._senders[datasource]
        try:
            if self._size_limit.has_room(len(lines) + HEADER_BYTES):
                self._size_limit.note(queue.append(lines, events))
                if self._forget_end is None:
                    self.start()
                if not sender.wake():
                    queue.release()
                    if not sender.is_stopped:
                        self._unsent.write(NO_THREAD)
                return True
            reason = "it is full: what waits there must be sent, or what is kept aside sent again or removed, first"
        except OSError as error:
            reason = error.strerror or str(error)
        with self._counting:
            self.dropped += events
        self._drops.write(
            f"An event was dropped, the spool directory {self.directory} did not take it: {reason}"
        )
        return False

    def leave_out(self, events: int) -> None:
        """Counts events of test visitors, which are not written."""
        with self._counting:
            self.left_out += events

    def counters(self) -> Counters:
        """Counts what was done and what waits; reads the directory for the latter.

        Raises:
            ConfigError: The directory cannot be read.
        """
        waiting, queues, senders = status(self.directory), self._queues.values(), self._senders.values()
        return Counters(
            accepted=sum(each.accepted for each in queues),
            repeated=self.repeated,
            dropped=self.dropped,
            sent=sum(each.sent for each in senders),
            retried=sum(each.retried for each in senders),
            refused=sum(each.refused for each in senders),
            spooled=waiting.spooled,
            oldest=waiting.oldest,
            lost=sum(each.lost for each in queues),
            unreadable=waiting.unreadable,
            left_out=self.left_out,
            changed=self.changed.total,
        )

    @property
    def failures(self) -> dict[str, AnalyticsError]:
        """Reasons why data sources are not delivered now, by name."""
        return {name: sender.failure for name, sender in self._senders.items() if sender.failure}

    @property
    def failure(self) -> AnalyticsError | None:
        """Reason why events are not delivered now; None when none is known."""
        return next(iter(self.failures.values()), None)

    def flush(self, timeout_seconds: float, *, waits_for_retries: bool = True) -> bool:
        """Sends at once; True when all that this process accepted before is confirmed or kept aside in time.

        `waits_for_retries` False gives up as soon as a queue is known to fail.
        """
        deadline = time.monotonic() + timeout_seconds
        marks = {name: queue.accepted for name, queue in self._queues.items()}
        if self._forget_end is None:
            self.start()
        for sender in self._senders.values():
            sender.send_now()
        return all(
            self._reaches(name, mark, deadline, waits_for_retries=waits_for_retries)
            for name, mark in marks.items()
        )

    def _reaches(self, name: str, mark: int, deadline: float, *, waits_for_retries: bool) -> bool:
        queue, sender = self._queues[name], self._senders[name]
        while queue.confirmed < mark:
            left = deadline - time.monotonic()
            is_hopeless = sender.is_stopped or (sender.failure is not None and not waits_for_retries)
            if left <= 0 or is_hopeless:
                return False
            with queue.progress:
                if queue.confirmed < mark:
                    queue.progress.wait(min(left, 0.05))
        return True

    def close(self, timeout_seconds: float) -> bool:
        """Flushes, stops sending and releases the directory; whether everything accepted is delivered.

        What is not waits on the disk for another process, and so does what is written later. Starts no thread in a process
        that has accepted nothing.
        """
        deadline = time.monotonic() + timeout_seconds
        self.changed.save()
        has_begun = self._forget_end is not None
        is_flushed = not has_begun or self.flush(timeout_seconds, waits_for_retries=False)
        stopped = {
            name: sender.stop(max(0.1, deadline - time.monotonic())) for name, sender in self._senders.items()
        }
        for name in (name for name, has_stopped in stopped.items() if has_stopped):
            self._queues[name].release()
        self._let_go()
        if self._forget_end is not None:
            self._forget_end()
        return is_flushed

    def _let_go(self) -> None:
        """Closes the connections once no sender needs them any more."""
        with self._connecting:
            if self._tinybird is not None and not any(each.is_running for each in self._senders.values()):
                self._tinybird.close()

    def _client(self) -> Tinybird:
        with self._connecting:
            if self._tinybird is None:
                self._tinybird = self._connect()
            return self._tinybird


def usable(directory: Path) -> Path:
    """Makes a spool's directory if it is missing; returns its absolute path.

    Raises:
        ConfigError: This process may not use it.
    """
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
