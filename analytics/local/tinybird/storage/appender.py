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
class _Work:
    datasource: Datasource
    reader: RowReader
    batch: Batch
    import_id: str
    done: Future[Counts]


class Appender:
    """The one writer of events. Start with the engine, close before ClickHouse closes."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse
        self._queue: queue.SimpleQueue[_Work | Future[None] | None] = queue.SimpleQueue()
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
        self._queue.put(_Work(datasource, reader, batch, import_id, done))
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
            works = [each for each in taken if isinstance(each, _Work)]
            for name in dict.fromkeys(work.datasource.name for work in works):
                self._store([work for work in works if work.datasource.name == name])
            for each in taken:
                if isinstance(each, Future):
                    each.set_result(None)
            if works and is_open and sum(len(work.batch.rows) for work in works) < _WORTH_A_PART_ROWS:
                time.sleep(_PAUSE_SECONDS)

    def _store(self, works: list[_Work]) -> None:
        """Stores the works of one data source; together if ClickHouse takes them, else each on its own.

        Refusals are kept first: when that fails, no row is stored yet and the sender can send all of them again.
        """
        datasource = works[0].datasource
        works = self._keep_refusals(works)
        try:
            self._insert(datasource, [row for work in works for row in work.batch.rows])
        except _FAILURES as error:
            for work in works:
                if _is_in_the_rows(error):
                    self._store_alone(work)
                else:
                    self._fail(work, error)
        else:
            for work in works:
                self._finish(
                    work, Counts(len(work.batch.rows), len(work.batch.refused), work.batch.malformed_rows)
                )

    def _store_alone(self, work: _Work) -> None:
        try:
            refusals = self._insert_what_fits(work, work.batch.rows)
            self._quarantine(work.datasource, [(refusal, work.import_id) for refusal in refusals])
        except _FAILURES as error:
            self._fail(work, error)
        else:
            good = len(work.batch.rows) - len(refusals)
            refused = len(work.batch.refused) + len(refusals)
            self._finish(work, Counts(good, refused, work.batch.malformed_rows))

    def _keep_refusals(self, works: list[_Work]) -> list[_Work]:
        """Writes what was refused already; the works that can go on."""
        try:
            refused = [(refusal, work.import_id) for work in works for refusal in work.batch.refused]
            self._quarantine(works[0].datasource, refused)
        except _FAILURES as error:
            for work in works:
                if work.batch.refused:
                    self._fail(work, error)
            return [work for work in works if not work.batch.refused]
        return works

    def _insert_what_fits(self, work: _Work, rows: list[list[Value]]) -> list[Refusal]:
        """Inserts the rows; returns those that ClickHouse refuses, found by halving."""
        try:
            self._insert(work.datasource, rows)
        except _FAILURES as error:
            if not _is_in_the_rows(error):
                raise
            if len(rows) == 1:
                reason = str(error) if isinstance(error, QueryError) else "a text is not valid Unicode"
                return [work.reader.refuse(rows[0], reason)]
            middle = len(rows) // 2
            return [
                *self._insert_what_fits(work, rows[:middle]),
                *self._insert_what_fits(work, rows[middle:]),
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

    def _fail(self, work: _Work, error: Exception) -> None:
        _LOG.error("%s: %d rows could not be stored: %s", work.datasource.name, len(work.batch.rows), error)
        self._forget(work)
        work.done.set_exception(error)

    def _finish(self, work: _Work, counts: Counts) -> None:
        self._forget(work)
        work.done.set_result(counts)

    def _forget(self, work: _Work) -> None:
        with self._lock:
            self._waiting_rows -= len(work.batch.rows) + len(work.batch.refused)


def _is_in_the_rows(error: Exception) -> bool:
    """Whether the error is one of a row, so that other rows can be stored; False when ClickHouse itself failed."""
    return isinstance(error, UnicodeEncodeError) or (isinstance(error, QueryError) and error.status == 400)
