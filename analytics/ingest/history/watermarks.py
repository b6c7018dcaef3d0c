"""Watermarks of backfill and sync, on disk, so that no crash sends an event twice or leaves one out.

One SQLite file and one lock per Tinybird host in the state directory. Before a batch leaves, its last row is written
down as in doubt; when Tinybird has confirmed it, the watermark moves there and the doubt ends. Whatever is in doubt
after a crash must be looked up before it is sent. Knows neither rows nor events.
"""

from __future__ import annotations

import math
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from analytics.errors import ConfigError
from analytics.ingest.history.reader import HISTORIES, START, HistoryName, Position, Window
from analytics.ingest.spool.files import lock

_VERSION: Final = 1
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS watermark (
  website_id TEXT NOT NULL, history TEXT NOT NULL,
  at REAL NOT NULL, id TEXT NOT NULL,
  checked_from REAL NOT NULL, horizon REAL NOT NULL,
  doubt_at REAL, doubt_id TEXT, doubted REAL,
  since REAL, until REAL,
  PRIMARY KEY (website_id, history)
)
"""
_COLUMNS: Final = "at, id, checked_from, horizon, doubt_at, doubt_id, doubted, since, until"


@dataclass(frozen=True, slots=True)
class Watermark:
    """Position up to which one history of one website has been sent.

    Attributes:
        position: Everything up to here is in Tinybird, as far as it lies in the window.
        checked_from: Rows from here on may have been sent before and are looked up; seconds since 1970.
        horizon: Rows before this are settled: no transaction that commits late will add one. Those from here on are
            read again.
        doubt: The last row of a batch that was never confirmed; None when there is none.
        doubted: When that batch left, by this machine's clock, seconds since 1970; None when there is none.
    """

    position: Position = START
    checked_from: float = -math.inf
    horizon: float = math.inf
    window: Window = field(default_factory=Window)
    doubt: Position | None = None
    doubted: float | None = None

    @property
    def start(self) -> Position:
        """Position after which to read on."""
        return self.position if self.position.at < self.horizon else Position(self.horizon, "")


class Watermarks:
    """Watermarks of one Tinybird host, locked against other processes. Close it when done.

    Raises:
        ConfigError: Another process works on them, or the directory or file cannot be used.
    """

    def __init__(self, directory: Path, host: str) -> None:
        self.path = _path(directory, host)
        self._lock = _locked(self.path.with_suffix(".lock"))
        try:
            with _translated(self.path):
                self._connection = sqlite3.connect(self.path, isolation_level=None)
                _prepare(self._connection, self.path)
        except BaseException:
            os.close(self._lock)
            raise

    def close(self) -> None:
        """Closes the file and ends the lock."""
        self._connection.close()
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def find(self, website_id: str, history: HistoryName) -> Watermark | None:
        """Reads the watermark; None when nothing was ever sent."""
        with _translated(self.path):
            return _found(self._connection, website_id, history)

    def put(self, website_id: str, history: HistoryName, mark: Watermark) -> Watermark:
        """Writes a watermark, on disk before this returns, and returns it."""
        doubt = mark.doubt or (None, None)
        since, until = (
            None if at is None else at.timestamp() for at in (mark.window.since, mark.window.until)
        )
        values = (*mark.position, mark.checked_from, mark.horizon, *doubt, mark.doubted, since, until)
        with _translated(self.path):
            self._connection.execute(
                f"INSERT OR REPLACE INTO watermark (website_id, history, {_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608  # a constant
                (website_id, history, *values),
            )
        return mark

    def restart(self, website_id: str, window: Window) -> None:
        """Resets a website to the start; what is in doubt stays so, and is looked up before anything is sent."""
        for name in HISTORIES:
            found = self.find(website_id, name)
            if found is not None and found.doubt is not None:
                self.put(website_id, name, restarted(found, window))
            else:
                with _translated(self.path):
                    self._connection.execute(
                        "DELETE FROM watermark WHERE website_id = ? AND history = ?", (website_id, name)
                    )


def doubted(mark: Watermark, last: Position, now: float) -> Watermark:
    """Marks the batch up to `last` as in doubt; an older doubt that reaches further stays."""
    if mark.doubt is not None and mark.doubt > last:
        return replace(mark, doubted=now)
    return replace(mark, doubt=last, doubted=now)


def confirmed(mark: Watermark, last: Position, ceiling: Position) -> Watermark:
    """Moves the watermark to `last`, which is in Tinybird; it never goes back.

    It does not pass `ceiling`, whatever `last` is.
    """
    remains = mark.doubt is not None and mark.doubt > last
    return replace(
        mark,
        position=max(mark.position, min(last, ceiling)),
        doubt=mark.doubt if remains else None,
        doubted=mark.doubted if remains else None,
    )


def restarted(mark: Watermark, window: Window) -> Watermark:
    """Moves the watermark to the start, for another window: all is looked up, once what is in doubt has settled."""
    return Watermark(horizon=mark.horizon, window=window, doubt=mark.doubt, doubted=mark.doubted)


def completed(mark: Watermark, horizon: float) -> Watermark:
    """Ends the doubt after a pass that has read to the end, and sets the horizon."""
    return replace(mark, horizon=horizon, doubt=None, doubted=None)


def peek(directory: Path, host: str, website_id: str, history: HistoryName) -> Watermark | None:
    """Reads a watermark without the lock; None when there is none. Makes no file.

    Raises:
        ConfigError: The file cannot be read.
    """
    path = _path(directory, host)
    with _translated(path):
        if not path.exists():
            return None
        # Not read-only: after a crash the first to open the file takes back what was half written.
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            return _found(connection, website_id, history) if version else None
        finally:
            connection.close()


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in {0, _VERSION}:
        raise _unusable(path, "another version of this program wrote it")
    connection.execute(_TABLE)
    connection.execute(f"PRAGMA user_version = {_VERSION}")


def _found(connection: sqlite3.Connection, website_id: str, history: HistoryName) -> Watermark | None:
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM watermark WHERE website_id = ? AND history = ?",  # noqa: S608  # a constant
        (website_id, history),
    ).fetchone()
    if row is None:
        return None
    at, id_, checked_from, horizon, doubt_at, doubt_id, doubted_at, since, until = row
    return Watermark(
        Position(at, id_),
        checked_from,
        horizon,
        Window(_instant(since), _instant(until)),
        None if doubt_at is None else Position(doubt_at, doubt_id),
        doubted_at,
    )


def _instant(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _path(directory: Path, host: str) -> Path:
    return directory / f"history-{re.sub('[^A-Za-z0-9.-]', '_', urlsplit(host).netloc)}.sqlite"


def _locked(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unusable(path, error.strerror or "it cannot be opened") from None
    try:
        is_held = lock(descriptor)
    except OSError as error:  # a file system without locks
        os.close(descriptor)
        raise _unusable(path, error.strerror or "it cannot be locked") from None
    if not is_held:
        holder = os.read(descriptor, 20).decode(errors="replace").strip()
        os.close(descriptor)
        who = f"process {holder}" if holder.isdigit() else "another process"
        raise ConfigError(
            f"A backfill or sync is at work on this state already ({who}).",
            "Let it end or stop it; a sync goes on with what a backfill has begun.",
        )
    with suppress(OSError):  # a full disk: the lock holds without a name in it
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _unusable(path, str(error)) from None
    except OSError as error:
        raise _unusable(path, error.strerror or type(error).__name__) from None


def _unusable(path: Path, reason: str) -> ConfigError:
    return ConfigError(
        f"The state in {path} cannot be used: {reason}.",
        "Check INBOX_ANALYTICS_STATE_DIR and the free space. The file may be moved away: what is in Tinybird is then looked up first.",
    )
