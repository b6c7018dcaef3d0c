"""The spool's directory: what it holds, and how large it may become.

Shared by the processes of a machine. Under it are one folder per data source, with the segments, and `refused`. Owns
the bound on all of it together. Knows no connection.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from analytics.errors import ConfigError
from analytics.ingest.events import ConversationEvent, VisitorEvent
from analytics.ingest.spool import changed_values as changed
from analytics.ingest.spool.dead_letters import FOLDER, refusals
from analytics.ingest.spool.segment import SUFFIX, waiting_in
from analytics.ingest.spool.settings import DEFAULT, SpoolSettings

DATASOURCES: Final = (VisitorEvent.DATASOURCE, ConversationEvent.DATASOURCE)
MAX_SPOOL_BYTES: Final = 1 << 30
"""A gigabyte is some three million events, those kept aside included; more is dropped, and said so."""

STALE_SECONDS: Final = 5.0
"""While the sender waits for an answer, the caller looks how full the directory is, this often."""


@dataclass(frozen=True, slots=True)
class SpoolStatus:
    """Contents of a spool.

    Attributes:
        spooled: Events that wait to be sent or confirmed.
        refused: Events kept aside: Tinybird does not take them, or they are damaged.
        oldest: The timestamp of the longest waiting event, UTC; None when none waits, or it cannot be read.
        bytes: How much of the disk all of it takes.
        unreadable: Files and folders that this process may not read; what they hold is counted nowhere else.
        changed: Descriptive values of accepted events that were cut or emptied in the last seven days, by field and what was
            done.
    """

    spooled: int
    refused: int
    oldest: datetime | None
    bytes: int
    unreadable: int = 0
    changed: Mapping[str, int] = field(default_factory=dict)


def status(directory: Path) -> SpoolStatus:
    """Counts what a spool holds, from the disk: some tenths of a second for millions of events.

    A directory that is not there yet holds nothing.

    Raises:
        ConfigError: It cannot be read.
    """
    counted, unreadable = list[tuple[int, datetime | None]](), set[Path]()
    try:
        for path in segments(directory):
            try:
                counted.append(waiting_in(path))
            except OSError:
                unreadable.add(path)
    except OSError as error:
        raise ConfigError(
            f"The spool directory cannot be read ({error.strerror}).",
            "Check INBOX_ANALYTICS_SPOOL_DIR and who may read it.",
        ) from None
    refused = sum(refusal.events for _, refusal in refusals(directory, unreadable))
    size = _size_bytes(directory, unreadable)
    changes: Mapping[str, int] = {}
    try:
        changes = changed.recent(directory)
    except OSError:
        unreadable.add(directory / changed.FILE)
    oldest = min((at for events, at in counted if events and at is not None), default=None)
    return SpoolStatus(sum(events for events, _ in counted), refused, oldest, size, len(unreadable), changes)


def segments(directory: Path, datasource: str = "*") -> list[Path]:
    """Lists the segments of a spool, oldest first per data source.

    Raises:
        OSError: The directory cannot be read.
    """
    names = DATASOURCES if datasource == "*" else (datasource,)
    found = [path for name in names for path in _files(directory / name) if path.name.endswith(SUFFIX)]
    return [Path(path) for path in sorted(found, key=lambda path: path.path)]


def _size_bytes(directory: Path, unreadable: set[Path]) -> int:
    """Measures all events of a spool: waiting, confirmed and not yet deleted, refused."""
    size, folders = 0, [directory / name for name in (*DATASOURCES, FOLDER)]
    while folders:
        folder = folders.pop()
        try:
            for entry in _files(folder):
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry))
                else:
                    with suppress(FileNotFoundError):  # confirmed meanwhile
                        size += entry.stat().st_size
        except OSError:  # a file of another user can be measured, a folder without the right to it cannot
            unreadable.add(folder)
    return size


def _files(directory: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            yield from entries
    except FileNotFoundError:
        return


class SizeLimit:
    """Limit on the size of a spool, over all processes that share it. Safe to share between threads.

    What this process adds is known at once, what others add after the next look; so the bound may be passed by as much
    as they write in between.
    """

    def __init__(self, directory: Path, max_bytes: int, settings: SpoolSettings = DEFAULT) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._refresh_seconds = settings.refresh_seconds
        self._lock = threading.Lock()
        self._known_bytes = 0
        self._looked_at = float("-inf")

    def has_room(self, added_bytes: int) -> bool:
        """Whether so many more bytes may be written, as far as is known; an unreadable directory is no error here."""
        age = time.monotonic() - self._looked_at
        is_full = self._known_bytes + added_bytes > self._max_bytes
        if age > STALE_SECONDS or (is_full and age > self._refresh_seconds):
            self.look()
            return self._known_bytes + added_bytes <= self._max_bytes
        return not is_full

    def note(self, added_bytes: int) -> None:
        """Counts what this process has written."""
        self._known_bytes += added_bytes

    def look(self) -> None:
        """Measures what can be read of the directory, at most once a second."""
        with self._lock:
            if time.monotonic() - self._looked_at > self._refresh_seconds:
                self._looked_at = time.monotonic()
                self._known_bytes = _size_bytes(self._directory, set())
