"""Embedded ClickHouse: sessions, limits, errors. Owns every call into chDB; must not know about Tinybird.

Facts about chDB 4 behind the design of this module (each has a test):

- Sessions on one directory share one server and run side by side; one session runs one query at a time.
- After a failed query its session hands the rows already produced to the *next* query. So a session that failed
  is thrown away; a new one takes under a millisecond.
- An insert goes as one query with its rows behind it: that raises whatever goes wrong. `send_insert` raises only what
  is wrong with the rows' text and counts rows as written that a later step threw away.
- A query may be bytes, so that megabytes of rows need not become text first.
- `SET readonly = 1` holds for the session's life and covers writes, settings and table functions that read files.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol

from analytics.local.tinybird.storage.query_error import QueryError

DATABASE = "tinybird"
NO_SETTINGS: Final[Mapping[str, str]] = {}
"""A query in the usual settings."""
_INSERT_SETTINGS = (
    "async_insert = 0, max_partitions_per_insert_block = 0,"
    " max_insert_block_size = 10000000, min_insert_block_size_rows = 10000000, min_insert_block_size_bytes = 0"
)


class DirectoryUnusable(Exception):
    """The data directory cannot be opened; most often another process runs on it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query of a client may use.

    Attributes:
        query_seconds: Longest run; past it the query ends with `QueryError` 159.
        memory_bytes: Most memory of one query.
        result_bytes: Largest answer, before it is formatted.
        readers: Queries that run at the same time, per kind (pipes, SQL).
    """

    query_seconds: float = 10.0
    memory_bytes: int = 2_000_000_000
    result_bytes: int = 100_000_000
    readers: int = 3


class _Session(Protocol):
    def query(self, sql: str | bytes, fmt: str = ..., *, params: dict[str, str] | None = ...) -> object: ...

    def close(self) -> None: ...


def _open(directory: str) -> _Session:
    from chdb.session import Session  # loads 250 MB: only the process that serves pays

    factory: Callable[[str], _Session] = Session
    try:
        return factory(directory)
    except RuntimeError:
        message = f"ClickHouse cannot open {directory}: another process uses it, or it cannot be written"
        raise DirectoryUnusable(message) from None


class ClickHouse:
    """The embedded server on one directory. One instance per process and directory; `close` when done."""

    def __init__(self, directory: Path, limits: Limits) -> None:
        # Partition keys and TTLs are computed in the server's timezone, which chDB takes from the process.
        os.environ["TZ"] = "UTC"
        time.tzset()
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DirectoryUnusable(f"{directory} cannot be made: {error.strerror}") from None
        self._directory = str(directory)
        self._owner = _AdminSession(self._directory)
        self._writer = _AdminSession(self._directory)
        self.execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE} ENGINE = Atomic")
        self.pipes = Readers(self._directory, limits, "pipes")
        self.sql = Readers(self._directory, limits, "sql")

    def execute(
        self, sql: str, parameters: Mapping[str, str] | None = None, format_: str = "JSONEachRow"
    ) -> bytes:
        """Runs a statement of this program with all rights, one at a time; the answer in `format_`.

        Raises:
            QueryError: ClickHouse refused it.
        """
        with self._owner as session:
            return _bytes(session.query(sql, format_, params=dict(parameters or {})))

    def insert(self, table: str, columns: str, rows: bytes) -> None:
        """Appends `rows`, in the format JSONCompactEachRow, to `columns` of `table`.

        A row that does not fit costs all of them: they are one block. A failure to write may leave some stored.

        Raises:
            QueryError: a row does not fit, or the rows could not be written.
        """
        insert = f"INSERT INTO {DATABASE}.`{table}` ({columns}) SETTINGS {_INSERT_SETTINGS} FORMAT JSONCompactEachRow\n"
        with self._writer as session:
            session.query(insert.encode() + rows, "Null")

    def close(self) -> None:
        """Waits for running queries and closes every session; twice is harmless."""
        self.pipes.close()
        self.sql.close()
        self._owner.close()
        self._writer.close()


class _AdminSession:
    """A session with all rights, used by one thread at a time and replaced after an error."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._session: _Session | None = None

    def __enter__(self) -> _Session:
        self._lock.acquire()
        try:
            if self._session is None:
                self._session = _open(self._directory)
        except BaseException:
            self._lock.release()
            raise
        return self._session

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is not None:
                self._discard()
        finally:
            self._lock.release()
        if isinstance(error, RuntimeError):
            raise QueryError.wrap(error) from None

    def close(self) -> None:
        with self._lock:
            self._discard()

    def _discard(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


class Readers:
    """Threads with a read-only session each, for the queries of clients."""

    def __init__(self, directory: str, limits: Limits, name: str) -> None:
        self._directory = directory
        self._settings = (
            f"USE {DATABASE}",
            f"SET max_execution_time = {limits.query_seconds}, timeout_overflow_mode = 'throw',"
            f" max_memory_usage = {limits.memory_bytes},"
            f" max_result_bytes = {limits.result_bytes}, result_overflow_mode = 'throw',"
            " max_query_size = 33554432, max_ast_elements = 500000, max_expanded_ast_elements = 2000000,"
            " max_threads = 2, output_format_json_quote_64bit_integers = 0, output_format_json_quote_denormals = 0",
            "SET readonly = 1",
        )
        self._own = threading.local()
        self._executor = ThreadPoolExecutor(limits.readers, thread_name_prefix=f"clickhouse-{name}")

    def run(
        self, sql: str, parameters: Mapping[str, str], format_: str, settings: Mapping[str, str] = NO_SETTINGS
    ) -> bytes:
        """Runs a query in one of the threads.

        Raises:
            QueryError: ClickHouse refused it.
        """
        return self._executor.submit(self._run, sql, dict(parameters), format_, dict(settings)).result()

    def close(self) -> None:
        """Drops queued queries, waits for running ones."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _run(self, sql: str, parameters: dict[str, str], format_: str, settings: dict[str, str]) -> bytes:
        if settings:
            return self._run_apart(sql, parameters, format_, settings)
        session: _Session | None = getattr(self._own, "session", None)
        try:
            if session is None:
                session = self._own.session = self._opened({})
            return _bytes(session.query(sql, format_, params=parameters))
        except RuntimeError as error:
            self._own.session = None
            if session is not None:
                session.close()
            raise QueryError.wrap(error) from None

    def _run_apart(
        self, sql: str, parameters: dict[str, str], format_: str, settings: dict[str, str]
    ) -> bytes:
        """Runs a query with settings of its own, which a read-only session cannot take up later."""
        session = self._opened(settings)
        try:
            return _bytes(session.query(sql, format_, params=parameters))
        except RuntimeError as error:
            raise QueryError.wrap(error) from None
        finally:
            session.close()

    def _opened(self, settings: Mapping[str, str]) -> _Session:
        session = _open(self._directory)
        own = [f"SET {name} = {value}" for name, value in settings.items()]
        for statement in (*self._settings[:-1], *own, self._settings[-1]):
            session.query(statement)
        return session


def _bytes(result: object) -> bytes:
    content = result.bytes() if hasattr(result, "bytes") else b""
    return bytes(content)
