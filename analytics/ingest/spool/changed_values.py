"""How many descriptive values were cut or emptied, by day: kept in the spool directory, for `doctor` and `spool status`.

Shared by the processes of a machine. A process writes at most once a second and when it closes, so a killed one loses the
counts of a second. A disk that does not take them costs no event and raises nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, cast

from analytics.ingest.spool.process import PerProcess

FILE: Final = "changed.json"
KEPT_DAYS: Final = 7
WRITE_SECONDS: Final = 1.0

_one_user: Final = PerProcess(threading.Lock(), threading.Lock)
"""The system's lock on a file keeps only other processes out, and ends when its process closes any descriptor of the file."""


class ChangeCounts:
    """Counts what one process changes, and adds it to the file of its spool. Safe to share between threads."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE
        self._lock = threading.Lock()
        self._total: Counter[str] = Counter()
        self._unsaved: Counter[str] = Counter()
        self._saved_at = float("-inf")

    def note(self, changes: Mapping[str, str]) -> None:
        """Counts the changes to the values of one event."""
        if not changes:
            return
        with self._lock:
            named = [f"{field}: {change}" for field, change in changes.items()]
            self._total.update(named)
            self._unsaved.update(named)
            is_due = time.monotonic() - self._saved_at >= WRITE_SECONDS
        if is_due:
            self.save()

    @property
    def total(self) -> dict[str, int]:
        """Values changed since the process started, by field and what was done."""
        with self._lock:
            return dict(self._total)

    def save(self) -> None:
        """Adds to the file what is not in it yet; leaves that for the next time where the disk does not take it."""
        with self._lock:
            self._saved_at = time.monotonic()
            if self._unsaved:
                with suppress(OSError):
                    _add(self._path, self._unsaved)
                    self._unsaved = Counter()


def recent(directory: Path) -> dict[str, int]:
    """Values changed in the last seven days by all processes of a spool, by field and what was done; most first.

    Raises:
        OSError: The file is there and cannot be read.
    """
    try:
        with _one_user.value, (directory / FILE).open("rb") as file:
            fcntl.lockf(file, fcntl.LOCK_SH)
            days = _days(file.read())
    except FileNotFoundError:
        return {}
    counts: Counter[str] = Counter()
    for day in days.values():
        counts.update(day)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _add(path: Path, counts: Mapping[str, int]) -> None:
    with _locked(path) as fd:
        days = _days(os.pread(fd, os.fstat(fd).st_size, 0))
        today = days.setdefault(f"{datetime.now(UTC):%Y-%m-%d}", {})
        for name, count in counts.items():
            today[name] = today.get(name, 0) + count
        text = json.dumps(days).encode()
        os.pwrite(fd, text, 0)
        os.ftruncate(fd, len(text))


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    with _one_user.value:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Not `flock`: a child that is forked now would keep that lock as long as it lives, and all others would wait.
            fcntl.lockf(fd, fcntl.LOCK_EX)
            yield fd
        finally:
            os.close(fd)


def _days(text: bytes) -> dict[str, dict[str, int]]:
    """Counts by day, those of the last seven; nothing from a file that was damaged."""
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    oldest = f"{datetime.now(UTC) - timedelta(days=KEPT_DAYS - 1):%Y-%m-%d}"
    return {day: counts for day, counts in _entries(read) if day >= oldest}


def _entries(read: object) -> Iterable[tuple[str, dict[str, int]]]:
    for day, counts in _items(read):
        yield day, {name: count for name, count in _items(counts) if type(count) is int}


def _items(read: object) -> Iterable[tuple[str, object]]:
    return cast("dict[str, object]", read).items() if isinstance(read, dict) else ()
