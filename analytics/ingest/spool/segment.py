"""One file of the spool: events in the order in which they were accepted, and how far they are confirmed.

The first line is the offset up to which Tinybird has confirmed the events, in place and of fixed width, so that noting
it needs no space on a full disk. Each further line is an event. One process owns the file; when that process is gone,
whatever ended it, or has let go of the file, another one may adopt it. Knows no data source and no connection.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from analytics.ingest.spool import open_files as descriptors
from analytics.ingest.spool.files import NEW_SUFFIX, sync_directory
from analytics.ingest.spool.open_files import Descriptor

SUFFIX: Final = ".ndjson"
HEADER_BYTES: Final = 21
_CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class DamagedLine:
    """A line that is no event, as a crash or a fault of the disk leaves it."""

    line: bytes
    reason: str


class Segment:
    """A file that this process owns. One thread appends, one reads and acknowledges.

    Attributes:
        size_bytes: Its length, the confirmed part included.
        acknowledged_bytes: Offset of the first event that is not confirmed.
        is_adopted: Written by another process, or cut under this one: every line of it is checked.
        confirmed: How many of those are confirmed.
    """

    __slots__ = (
        "_descriptor",
        "_fd",
        "acknowledged_bytes",
        "appended",
        "confirmed",
        "is_adopted",
        "path",
        "size_bytes",
    )

    def __init__(
        self, path: Path, descriptor: Descriptor, size_bytes: int, acknowledged_bytes: int, is_adopted: bool
    ) -> None:
        self.path = path
        self.size_bytes = size_bytes
        self.acknowledged_bytes = acknowledged_bytes
        self.is_adopted = is_adopted
        self.appended = self.confirmed = 0
        self._descriptor = descriptor
        self._fd = descriptor.fd

    @classmethod
    def create(cls, directory: Path, *, is_durable: bool = False) -> Segment:
        """Makes a new, empty file, owned before another process can adopt it.

        `is_durable` also survives a power cut.

        Raises:
            OSError: It cannot be made.
        """
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / new_name()
        new = path.with_suffix(NEW_SUFFIX)
        descriptor = descriptors.create(new)
        try:
            _write_whole(descriptor.fd, _header(HEADER_BYTES), 0)
            os.rename(new, path)
            if is_durable:
                sync_directory(directory)
        except OSError:
            descriptor.close()
            new.unlink(missing_ok=True)
            raise
        return cls(path, descriptor, HEADER_BYTES, HEADER_BYTES, is_adopted=False)

    @classmethod
    def adopt(cls, path: Path) -> Segment | None:
        """Takes ownership of a file; None while it has an owner, and when it is gone.

        Raises:
            OSError: It cannot be opened.
        """
        descriptor = descriptors.own(path)
        if descriptor is None:
            return None
        try:
            status = os.fstat(descriptor.fd)
            if status.st_nlink:
                acknowledged = acknowledged_in(descriptor.fd, status.st_size)
                return cls(path, descriptor, status.st_size, acknowledged, is_adopted=True)
        except OSError:
            descriptor.close()
            raise
        descriptor.close()
        return None

    @property
    def is_confirmed(self) -> bool:
        """Whether every event in it is."""
        return self.acknowledged_bytes >= self.size_bytes

    @property
    def is_removed(self) -> bool:
        """Whether the file was deleted from outside: only this process can still read it.

        Raises:
            OSError: The disk does not tell.
        """
        return os.fstat(self._fd).st_nlink == 0

    @property
    def is_intact(self) -> bool:
        """Whether the file is still there and no shorter, so that what is added survives this process.

        Raises:
            OSError: The disk does not tell.
        """
        status = os.fstat(self._fd)
        return status.st_nlink > 0 and status.st_size >= self.size_bytes

    def append(self, lines: bytes, events: int = 1, *, is_durable: bool = False) -> None:
        """Adds whole lines: all of them, or none when this raises.

        `is_durable` returns only when they would survive a power cut.

        Raises:
            OSError: The disk does not take them.
        """
        try:
            _write_whole(self._fd, lines, self.size_bytes)
            if is_durable:
                os.fdatasync(self._fd)
        except OSError:
            os.ftruncate(self._fd, self.size_bytes)
            raise
        self.size_bytes += len(lines)
        self.appended += events

    def read(self, limit_bytes: int) -> bytes:
        """Reads the next events that are not confirmed, in whole lines; the end of a cut file as it is.

        Empty when all are confirmed, or when the file was cut from outside.

        A line longer than `limit_bytes` comes in parts, which are damage.

        Raises:
            OSError: The disk does not give them.
        """
        length = min(limit_bytes, self.size_bytes - self.acknowledged_bytes)
        data = os.pread(self._fd, length, self.acknowledged_bytes)
        end = data.rfind(b"\n") + 1
        if len(data) < length or b"\0" in data or not data.startswith(b"{"):
            self.is_adopted = True
        return data[:end] if end else data

    def shrink(self) -> None:
        """Takes over the file's real length, after it was cut from outside. Nothing may be appended any more.

        Raises:
            OSError: The disk does not tell.
        """
        self.is_adopted = True
        self.size_bytes = os.fstat(self._fd).st_size

    def acknowledge(self, length_bytes: int, events: int = 0) -> None:
        """Notes that the next `length_bytes` of events are confirmed.

        `events` counts those that this process has appended.

        Raises:
            OSError: It could not be written; it counts in this process all the same.
        """
        self.acknowledged_bytes += length_bytes
        self.confirmed += events
        _write_whole(self._fd, _header(self.acknowledged_bytes), 0)

    def remove(self) -> None:
        """Deletes the file and closes it."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Closes the file; another process may adopt it."""
        self._descriptor.close()


def new_name() -> str:
    """Name of a new file of events: no other process gives it, and names sort by time."""
    return f"{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"


def acknowledged_in(fd: int, size_bytes: int) -> int:
    """Reads the offset of the first event that is not confirmed; a damaged header gives that of the first event.

    Raises:
        OSError: It cannot be read.
    """
    header = os.pread(fd, HEADER_BYTES, 0)
    if len(header) < HEADER_BYTES:
        return size_bytes
    digits = header[:-1]
    offset = int(digits) if digits.isdigit() and header.endswith(b"\n") else 0
    if not HEADER_BYTES <= offset <= size_bytes or os.pread(fd, 1, offset - 1) != b"\n":
        return HEADER_BYTES
    return offset


def sound_lines(data: bytes) -> tuple[bytes, list[DamagedLine]]:
    r"""Separates whole events from damaged lines.

    >>> sound_lines(b'{"a": 1}\n{"a"\n')
    (b'{"a": 1}\n', [DamagedLine(line=b'{"a"', reason='the line is no JSON object')])
    """
    sound: list[bytes] = []
    damaged: list[DamagedLine] = []
    for line in data.split(b"\n"):
        pieces = [piece for piece in line.split(b"\0") if piece]
        whole = [piece for piece in pieces if _is_object(piece)]
        sound.extend(piece + b"\n" for piece in whole)
        if b"\0" in line:
            damaged.append(DamagedLine(line, "the line holds bytes that were never written"))
        elif pieces and not whole:
            damaged.append(DamagedLine(line, "the line is no JSON object"))
    return b"".join(sound), damaged


def waiting_in(path: Path) -> tuple[int, datetime | None]:
    """Counts the lines of a file that are not confirmed; with the timestamp of the first. (0, None) when it is gone.

    Raises:
        OSError: It cannot be read.
    """
    try:
        descriptor = descriptors.read(path)
    except FileNotFoundError:
        return 0, None
    fd = descriptor.fd
    try:
        offset = acknowledged_in(fd, os.fstat(fd).st_size)
        oldest = _timestamp(os.pread(fd, _CHUNK_BYTES, offset).partition(b"\n")[0])
        lines, last = 0, b"\n"
        for chunk in _chunks(fd, offset):
            lines, last = lines + chunk.count(b"\n"), chunk[-1:]
        return lines + (last != b"\n"), oldest
    finally:
        descriptor.close()


def _chunks(fd: int, offset: int) -> Iterator[bytes]:
    while chunk := os.pread(fd, _CHUNK_BYTES, offset):
        yield chunk
        offset += len(chunk)


def _timestamp(line: bytes) -> datetime | None:
    try:
        event = json.loads(line)
        return datetime.fromisoformat(event["timestamp"]).replace(tzinfo=UTC)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _header(offset: int) -> bytes:
    return b"%020d\n" % offset


def _write_whole(fd: int, data: bytes, offset: int) -> None:
    written = os.pwrite(fd, data, offset)
    if written == len(data):
        return
    # A short write says that the disk is nearly full; the next one says why it is.
    while written < len(data):
        written += os.pwrite(fd, data[written:], offset + written)
