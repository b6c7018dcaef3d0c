"""Writes rows to ClickHouse from one thread; rows of several requests go in one insert.

Many small requests would otherwise make a part each. A row is written, or quarantined, within a tenth of a second;
`close` writes what is left.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass

from analytics.local.tinybird.project.datafile import Datasource
from analytics.local.tinybird.project.project import QUARANTINE
from analytics.local.tinybird.storage.clickhouse import ClickHouse, DirectoryUnusable
from analytics.local.tinybird.storage.convert import Value
from analytics.local.tinybird.storage.query_error import QueryError
from analytics.local.tinybird.storage.rows import Batch, Refusal, RowReader, encode_rows

_LOG = logging.getLogger(__name__)
_PAUSE_SECONDS = 0.05
_WORTH_A_PART_ROWS = 5_000
_MOST_ROWS = 300_000
_QUARANTINED_AT_ONCE = 10_000
_FAILURES = (QueryError, UnicodeEncodeError, DirectoryUnusable, MemoryError)


class Busy(Exception):
    """Too many rows wait in memory; the sender has to try again later."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of a request's rows; `malformed_rows` are the quarantined ones that could not be read at all."""

    successful_rows: int
    quarantined_rows: int
    malformed_rows: int = 0


@dataclass(frozen=True, slots=True)
class _Append:
    datasource: Datasource
    reader: RowReader
    batch: Batch
    import_id: str
    done: Future[Counts]


class Appender:
    """The one writer of events. Start with the engine, close before ClickHouse closes."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse
        self._queue: queue.SimpleQueue[_Append | Future[None] | None] = queue.SimpleQueue()
        self._waiting_rows = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="appender", daemon=True)
        self._thread.start()

    def add(self, datasource: Datasource, reader: RowReader, batch: Batch, import_id: str) -> Future[Counts]:
        """Queues a request's rows; the future gives the counts once they are stored.

        Raises:
            Busy: too many rows wait already.
        """
        size = len(batch.rows) + len(batch.refused)
        with self._lock:
            if self._waiting_rows and self._waiting_rows + size > _MOST_ROWS:
                raise Busy
            self._waiting_rows += size
        done: Future[Counts] = Future()
        self._queue.put(_Append(datasource, reader, batch, import_id, done))
        return done

    def flush(self) -> None:
        """Returns when everything queued before this call is stored."""
        mark: Future[None] = Future()
        self._queue.put(mark)
        mark.result()

    def close(self) -> None:
        """Writes all queued rows, then stops."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        is_open = True
        while is_open:
            taken = [self._queue.get()]
            while not self._queue.empty():
                taken.append(self._queue.get())
            is_open = None not in taken
            appends = [each for each in taken if isinstance(each, _Append)]
            for name in dict.fromkeys(append.datasource.name for append in appends):
                self._store([append for append in appends if append.datasource.name == name])
            for each in taken:
                if isinstance(each, Future):
                    each.set_result(None)
            if appends and is_open and sum(len(append.batch.rows) for append in appends) < _WORTH_A_PART_ROWS:
                time.sleep(_PAUSE_SECONDS)

    def _store(self, appends: list[_Append]) -> None:
        """Stores the appends of one data source; together if ClickHouse takes them, else each on its own.

        Refusals are kept first: when that fails, no row is stored yet and the sender can send all of them again.
        """
        datasource = appends[0].datasource
        appends = self._keep_refusals(appends)
        try:
            self._insert(datasource, [row for append in appends for row in append.batch.rows])
        except _FAILURES as error:
            for append in appends:
                if _is_in_the_rows(error):
                    self._store_alone(append)
                else:
                    self._fail(append, error)
        else:
            for append in appends:
                self._finish(
                    append,
                    Counts(len(append.batch.rows), len(append.batch.refused), append.batch.malformed_rows),
                )

    def _store_alone(self, append: _Append) -> None:
        try:
            refusals = self._insert_what_fits(append, append.batch.rows)
            self._quarantine(append.datasource, [(refusal, append.import_id) for refusal in refusals])
        except _FAILURES as error:
            self._fail(append, error)
        else:
            good = len(append.batch.rows) - len(refusals)
            refused = len(append.batch.refused) + len(refusals)
            self._finish(append, Counts(good, refused, append.batch.malformed_rows))

    def _keep_refusals(self, appends: list[_Append]) -> list[_Append]:
        """Writes what was refused already; the appends that can go on."""
        try:
            refused = [(refusal, append.import_id) for append in appends for refusal in append.batch.refused]
            self._quarantine(appends[0].datasource, refused)
        except _FAILURES as error:
            for append in appends:
                if append.batch.refused:
                    self._fail(append, error)
            return [append for append in appends if not append.batch.refused]
        return appends

    def _insert_what_fits(self, append: _Append, rows: list[list[Value]]) -> list[Refusal]:
        """Inserts the rows; returns those that ClickHouse refuses, found by halving."""
        try:
            self._insert(append.datasource, rows)
        except _FAILURES as error:
            if not _is_in_the_rows(error):
                raise
            if len(rows) == 1:
                reason = str(error) if isinstance(error, QueryError) else "a text is not valid Unicode"
                return [append.reader.refuse(rows[0], reason)]
            middle = len(rows) // 2
            return [
                *self._insert_what_fits(append, rows[:middle]),
                *self._insert_what_fits(append, rows[middle:]),
            ]
        return []

    def _insert(self, datasource: Datasource, rows: list[list[Value]]) -> None:
        if rows:
            columns = ", ".join(f"`{column.name}`" for column in datasource.columns)
            self._clickhouse.insert(datasource.name, columns, encode_rows(rows))

    def _quarantine(self, datasource: Datasource, refused: list[tuple[Refusal, str]]) -> None:
        columns = ", ".join(f"`{column.name}`" for column in datasource.columns)
        for start in range(0, len(refused), _QUARANTINED_AT_ONCE):
            rows: list[list[Value]] = [
                [refusal.columns, refusal.reasons, import_id, *refusal.values]
                for refusal, import_id in refused[start : start + _QUARANTINED_AT_ONCE]
            ]
            encoded = json.dumps(rows)[1:-1].encode()
            self._clickhouse.insert(
                datasource.name + QUARANTINE, f"c__error_column, c__error, c__import_id, {columns}", encoded
            )

    def _fail(self, append: _Append, error: Exception) -> None:
        _LOG.error(
            "%s: %d rows could not be stored: %s", append.datasource.name, len(append.batch.rows), error
        )
        self._forget(append)
        append.done.set_exception(error)

    def _finish(self, append: _Append, counts: Counts) -> None:
        self._forget(append)
        append.done.set_result(counts)

    def _forget(self, append: _Append) -> None:
        with self._lock:
            self._waiting_rows -= len(append.batch.rows) + len(append.batch.refused)


def _is_in_the_rows(error: Exception) -> bool:
    """Whether the error is one of a row, so that other rows can be stored; False when ClickHouse itself failed."""
    return isinstance(error, UnicodeEncodeError) or (isinstance(error, QueryError) and error.status == 400)
