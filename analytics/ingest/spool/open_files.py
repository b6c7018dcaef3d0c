"""Open files of the spool in this process, each opened once, and which of them it owns.

A file is owned through a lock that the system gives to the process alone: a forked child does not have it, whatever
forked it, and it is gone when the process is. The system also takes it back when the process closes any descriptor of
the file; so all uses of a file share one descriptor, and the last use closes it. Knows nothing of what is in a file.
"""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analytics.ingest.spool.process import PerProcess

Identity = tuple[int, int]
"""Device and inode: the same for each path of a file."""


@dataclass(slots=True, eq=False)
class _File:
    fd: int
    uses: int = 0
    is_owned: bool = False


class _Table:
    """The open files of one process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.files: dict[Identity, _File] = {}


def _close_inherited(table: _Table) -> None:
    for identity, file in list(table.files.items()):
        # A daemon closes all descriptors when it begins, and opens files of its own that get the same numbers.
        with suppress(OSError):
            if _identity(os.fstat(file.fd)) == identity:
                os.close(file.fd)


_tables: Final = PerProcess(_Table(), _Table, _close_inherited)
"""A child's own table has a lock of its own, and none of its parent's files."""


class Descriptor:
    """One use of an open file. Close it once.

    Attributes:
        fd: Read and write at offsets only: other uses share it.
    """

    __slots__ = ("_file", "_identity", "_is_owner", "fd")

    def __init__(self, identity: Identity, file: _File, *, is_owner: bool) -> None:
        self.fd = file.fd
        self._identity = identity
        self._file = file
        self._is_owner = is_owner
        file.uses += 1
        file.is_owned = file.is_owned or is_owner

    def close(self) -> None:
        """Ends this use; a file that it owned is free for other processes."""
        table = _tables.value
        with table.lock:
            if table.files.get(self._identity) is not self._file:  # it was opened by this process's parent
                return
            if self._is_owner:
                self._file.is_owned = False
                fcntl.lockf(self.fd, fcntl.LOCK_UN)
            self._file.uses -= 1
            _close_unused(table, self._identity)


def create(path: Path) -> Descriptor:
    """Makes a new file and owns it.

    Raises:
        OSError: It is there already, or cannot be made.
    """
    table = _tables.value
    with table.lock:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        identity = _identity(os.fstat(fd))
        file = table.files[identity] = _File(fd)
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return Descriptor(identity, file, is_owner=True)
        finally:
            _close_unused(table, identity)


def own(path: Path) -> Descriptor | None:
    """Opens a file and owns it; None while it has an owner, here or in another process, and when it is gone.

    Raises:
        OSError: It cannot be opened for writing.
    """
    table = _tables.value
    with table.lock:
        try:
            identity = _opened(table, path, os.O_RDWR)
        except FileNotFoundError:
            return None
        file = table.files[identity]
        try:
            if not file.is_owned:
                fcntl.lockf(file.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return Descriptor(identity, file, is_owner=True)
        except BlockingIOError:
            pass
        finally:
            _close_unused(table, identity)
    return None


def read(path: Path) -> Descriptor:
    """Opens a file for reading.

    Raises:
        OSError: It is gone, or may not be read.
    """
    table = _tables.value
    with table.lock:
        try:
            identity = _opened(table, path, os.O_RDWR)
        except FileNotFoundError:
            raise
        except OSError:  # no right to write, which a reader does not need
            identity = _opened(table, path, os.O_RDONLY)
        return Descriptor(identity, table.files[identity], is_owner=False)


def _opened(table: _Table, path: Path, flags: int) -> Identity:
    identity = _identity(os.stat(path))
    if identity not in table.files:
        fd = os.open(path, flags | os.O_CLOEXEC)
        identity = _identity(os.fstat(fd))
        table.files[identity] = _File(fd)
    return identity


def _close_unused(table: _Table, identity: Identity) -> None:
    file = table.files[identity]
    if not file.uses:
        # In this order: a child that is forked in between has a descriptor too many, and closes none that is not there.
        del table.files[identity]
        os.close(file.fd)


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino
