"""Tinybird on one machine, without HTTP: project, tables, queries, events, deletes.

Every method blocks; the server calls them from threads. Must not know about HTTP or tokens.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from analytics.local.tinybird.project.datafile import Pipe
from analytics.local.tinybird.project.project import Project
from analytics.local.tinybird.query.composer import Composed, Composer
from analytics.local.tinybird.query.parameters import PipeError
from analytics.local.tinybird.query.sql_guard import RefusedSql, SqlGuard
from analytics.local.tinybird.storage.appender import Appender, Counts
from analytics.local.tinybird.storage.bodies import Format
from analytics.local.tinybird.storage.clickhouse import DATABASE, NO_SETTINGS, ClickHouse, Limits, Readers
from analytics.local.tinybird.storage.jobs import Jobs
from analytics.local.tinybird.storage.query_error import QueryError
from analytics.local.tinybird.storage.rows import RowReader
from analytics.local.tinybird.storage.tables import ensure_tables


@dataclass(frozen=True, slots=True)
class Size:
    """How much a table holds."""

    rows: int
    bytes: int


def _short(limits: Limits) -> Limits:
    """Limits of the server's own short queries, which run apart from clients' queries."""
    return replace(limits, memory_bytes=600_000_000)


_SAMPLES: Final = {
    "DateTime": "2026-01-01 00:00:00",
    "DateTime64": "2026-01-01 00:00:00.000",
    "Date": "2026-01-01",
}
"""A value of each type that does not take `1`."""


class Engine:
    """Runs one project on one directory; `close` when done.

    Raises:
        DatafileError: a datafile that cannot be run, or that the rows already kept cannot follow.
    """

    def __init__(self, project: Project, data_dir: Path, limits: Limits) -> None:
        self.project = project
        self._clickhouse = ClickHouse(data_dir, limits)
        self._short = Readers(str(data_dir), _short(limits), "short")
        try:
            self._guard = SqlGuard(
                lambda sql, values: self._short.run(sql, values, "TSVRaw"),
                lambda sql, values: self._clickhouse.sql.run(sql, values, "TSVRaw"),
            )
            self.composer = Composer(self.project, self._guard)
            ensure_tables(self._clickhouse, self.project)
        except BaseException:
            self._short.close()
            self._clickhouse.close()
            raise
        self._readers = {name: RowReader(datasource) for name, datasource in self.project.datasources.items()}
        self._appender = Appender(self._clickhouse)
        self.jobs = Jobs(self._delete)

    def close(self) -> None:
        """Writes what waits and closes the tables."""
        self._appender.close()
        self.jobs.close()
        self._short.close()
        self._clickhouse.close()

    def query_pipe(
        self,
        pipe: Pipe,
        arguments: Mapping[str, str],
        format_: str,
        settings: Mapping[str, str] = NO_SETTINGS,
    ) -> bytes:
        """The endpoint's answer in a ClickHouse format. Raises as `Composer.pipe`, and `QueryError`."""
        query = self.composer.pipe(pipe, arguments)
        try:
            return self._clickhouse.pipes.run(query.sql, query.parameters, format_, settings)
        except QueryError as error:
            raise error.without_query(arguments) from None

    def compose_select(
        self, sql: str, arguments: Mapping[str, str], may_read: Callable[[str], bool], underscore: Pipe | None
    ) -> Composed:
        """A client's SELECT, checked twice: by its syntax, then by the tables that ClickHouse resolves.

        Raises as `Composer.select`, and `QueryError`.
        """
        query = self.composer.select(sql, arguments, may_read, underscore)
        try:
            hidden = self._guard.tables_read(query.sql, query.parameters) - query.tables
        except QueryError as error:
            raise error.without_query(arguments) from None
        if hidden:
            raise RefusedSql(f"{min(hidden)} cannot be read: only data sources and pipes can")
        return query

    def query_select(self, query: Composed, format_: str, settings: Mapping[str, str] = NO_SETTINGS) -> bytes:
        """The answer to a checked SELECT in a ClickHouse format. Raises `QueryError`."""
        try:
            return self._clickhouse.sql.run(query.sql, query.parameters, format_, settings)
        except QueryError as error:
            raise error.without_query({}) from None

    def append(
        self,
        datasource: str,
        body: bytes,
        format_: Format,
        import_id: str | None = None,
        delimiter: str = ",",
    ) -> tuple[Counts, Future[Counts]]:
        """Counts of the rows read from the body, and a future for the counts of stored rows.

        `import_id` is the quarantine's name of this request; made up when None.

        Raises:
            InvalidBody: the body holds no rows.
            TooManyRows: more than one request may hold.
            Busy: too many rows wait.
        """
        reader = self._readers[datasource]
        batch = reader.read(body, format_, delimiter)
        stored = self._appender.add(
            self.project.datasources[datasource], reader, batch, import_id or str(uuid.uuid4())
        )
        return Counts(len(batch.rows), len(batch.refused), batch.malformed_rows), stored

    def truncate(self, table: str) -> None:
        """Removes every row of a data source or of a quarantine, including rows not written yet.

        Raises:
            QueryError: ClickHouse failed.
        """
        self._appender.flush()
        self._clickhouse.execute(f"TRUNCATE TABLE {DATABASE}.`{table}`")

    def unresolved(self, project: Project) -> Iterator[str]:
        """Errors of another project's pipes, one text per pipe that cannot run.

        Each is put together once, with a value of its type for each parameter that has no default. A pipe whose own
        `error()` refuses such a value is checked by its syntax alone.

        Raises:
            DatafileError: a template that can never be rendered.
        """
        composer = Composer(project, self._guard)
        for pipe in project.pipes.values():
            samples = {
                each["name"]: _SAMPLES.get(each["type"], "1")
                for each in composer.parameters(pipe)
                if each["required"] and "default" not in each
            }
            try:
                composer.pipe(pipe, samples)
            except RefusedSql as error:
                yield f"{pipe.path}:1: {error}"
            except PipeError:
                pass  # the pipe takes other values

    def check_condition(self, datasource: str, condition: str) -> str:
        """A delete condition in ClickHouse's spelling.

        Raises:
            RefusedSql: not one expression over columns.
            QueryError: it names a column that the data source does not have, or types do not fit.
        """
        checked = self._guard.condition(condition)
        self.count(datasource, f"({checked}) AND false")
        return checked

    def count(self, datasource: str, condition: str) -> int:
        """How many rows a checked condition holds for. Raises `QueryError`."""
        sql = f"SELECT count() FROM {DATABASE}.`{datasource}` WHERE {condition}"  # noqa: S608  # checked; see above
        return int(self._clickhouse.sql.run(sql, {}, "TSV"))

    def sizes(self) -> dict[str, Size]:
        """Rows and bytes of every table, quarantines included, by name."""
        listed = self._short.run(
            "SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes FROM system.parts"
            " WHERE active AND database = {tb_database:String} GROUP BY table",
            {"tb_database": DATABASE},
            "JSONEachRow",
        )
        parsed = [json.loads(line) for line in listed.splitlines()]
        return {row["table"]: Size(int(row["rows"]), int(row["bytes"])) for row in parsed}

    def _delete(self, datasource: str, condition: str) -> int:
        self._appender.flush()
        table = f"{DATABASE}.`{datasource}`"
        rows = int(self._clickhouse.execute(f"SELECT count() FROM {table} WHERE {condition}", format_="TSV"))  # noqa: S608  # checked
        self._clickhouse.execute(f"ALTER TABLE {table} DELETE WHERE {condition} SETTINGS mutations_sync = 1")
        return rows
