"""Recognises `seen` heartbeats that repeat one of the last minute, of any process on a spool directory."""

from __future__ import annotations

import hashlib
import logging
import os
import struct
import weakref
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from analytics.transports.throttled_log import ThrottledLog

MIN_INTERVAL: Final = timedelta(minutes=1)
FILE: Final = "heartbeats"
SLOTS: Final = 1 << 17
"""Two visitors with the same place forget each other, and are sent more often than they need be."""

_DIGEST_BYTES: Final = 8
_ENTRY: Final = struct.Struct("<8sq")  # digest of website and visitor, microseconds since 1970
_MICROSECOND: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LOG = logging.getLogger(__name__)


class Heartbeats:
    """Time of each visitor's last heartbeat: a table of 2 MB in the spool directory.

    For one thread at a time, and any number of processes: two that see a visitor in the same instant may both send it.
    What the disk does not take or give is sent again, and said once a minute.
    """

    def __init__(self, directory: Path) -> None:
        self._disk = ThrottledLog(_LOG)
        self._fd: int | None = None
        try:
            self._fd = os.open(directory / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            self._log_error(error)
        else:
            # Others that end with the process may still emit: the system closes it after them.
            weakref.finalize(self, os.close, self._fd).atexit = False

    def is_repeated(self, website_id: str, visitor_id: str, at: datetime) -> bool:
        """Whether a heartbeat was sent less than a minute before or after."""
        if self._fd is None:
            return False
        digest, offset = _slot(website_id, visitor_id)
        try:
            entry = os.pread(self._fd, _ENTRY.size, offset)
        except OSError as error:
            self._log_error(error)
            return False
        if len(entry) < _ENTRY.size:
            return False
        known, sent = _ENTRY.unpack(entry)
        return bool(known == digest) and abs(_microseconds(at) - sent) < MIN_INTERVAL // _MICROSECOND

    def note(self, website_id: str, visitor_id: str, at: datetime) -> None:
        """Remembers that this heartbeat is sent."""
        if self._fd is None:
            return
        digest, offset = _slot(website_id, visitor_id)
        try:
            os.pwrite(self._fd, _ENTRY.pack(digest, _microseconds(at)), offset)
        except OSError as error:
            self._log_error(error)

    def _log_error(self, error: OSError) -> None:
        self._disk.write(
            f"Heartbeats are sent more often than once a minute: {FILE} cannot be used, {error.strerror}"
        )


def _slot(website_id: str, visitor_id: str) -> tuple[bytes, int]:
    """Digest of a visitor, and offset of its entry in the file. No id contains a NUL."""
    digest = hashlib.blake2b(f"{website_id}\0{visitor_id}".encode(), digest_size=_DIGEST_BYTES).digest()
    return digest, int.from_bytes(digest[:4]) % SLOTS * _ENTRY.size


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND
