"""Atomic writes and locks of files. Knows no content."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

NEW_SUFFIX: Final = ".new"
"""Ending of a file that is being written; a kill leaves it, and the next write replaces it."""

OWNER_ONLY: Final = 0o600


def write_whole(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Writes a file, all of it or nothing; once this returns it survives a power cut. `mode` as of `os.open`.

    Raises:
        OSError: The disk does not take it; what was there before stays.
    """
    new = path.with_name(path.name + NEW_SUFFIX)
    try:
        new.unlink(missing_ok=True)  # it may have been made with another mode
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Makes new names in a directory survive a power cut.

    Raises:
        OSError: The disk does not do it.
    """
    fd = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def lock(fd: int) -> bool:
    """Locks an open file if it is free; whether it holds the lock now, until the last descriptor of that opening closes.

    Raises:
        OSError: The file system has no locks.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
