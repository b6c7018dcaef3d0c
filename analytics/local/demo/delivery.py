"""Sends events to Tinybird and rows to Postgres over their public interfaces. Knows nothing of the demo.

Events go to the public events endpoint with the append token, rows to the tables by COPY as their owner.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import psycopg
from psycopg import sql

from analytics.errors import AnalyticsError, SourceError
from analytics.ingest.deletes import deletion
from analytics.local.demo.content.postgres_copy import Rows
from analytics.local.stack.failure import StackFailure
from analytics.transports.retrying import Retries
from analytics.transports.tinybird import Tinybird

BATCH_BYTES: Final = 6_000_000
JOB_SECONDS: Final = 60.0
RATE_LIMITED: Final = 429

# What makes a row that is already there the newer one. A row whose parent was deleted meanwhile is dropped.
_ON_CONFLICT: Final = {
    "visitor": (
        "EXISTS (SELECT FROM website WHERE id = incoming.website_id)",
        "UPDATE SET last_seen_at = greatest(visitor.last_seen_at, excluded.last_seen_at)",
    ),
    "conversation": ("EXISTS (SELECT FROM visitor WHERE id = incoming.visitor_id)", None),
    "feedback": ("EXISTS (SELECT FROM website WHERE id = incoming.website_id)", "NOTHING"),
}


def open_tinybird(environment: Mapping[str, str]) -> Tinybird:
    """Makes a client with the tokens to append and to delete. A context manager."""
    tokens = environment["TINYBIRD_APPEND_TOKEN"], environment["TINYBIRD_ADMIN_TOKEN"]
    return Tinybird(environment["TINYBIRD_HOST"], "", *tokens)


def send_lines(tinybird: Tinybird, datasource: str, lines: list[str], timeout_seconds: float = 30.0) -> None:
    """Sends lines of NDJSON and waits until they can be read; asks again while Tinybird has too much to do.

    Raises:
        SourceError: Tinybird could not be reached or refused the batch.
        StackFailure: It quarantined a row.
    """
    body = "".join(lines).encode()
    retries = Retries(1.0, 1.0, is_transient=_is_rate_limited)
    answer = retries.run(
        lambda: tinybird.post_batch(datasource, body, wait=True, timeout_seconds=timeout_seconds)
    )
    if answer.quarantined_rows:
        raise StackFailure(
            f"{answer.quarantined_rows} of {len(lines)} demo events do not fit {datasource}.",
            f"The reasons are in {datasource}_quarantine.",
        )


def _is_rate_limited(error: AnalyticsError) -> bool:
    return isinstance(error, SourceError) and error.status == RATE_LIMITED


def delete_websites(tinybird: Tinybird, datasource: str, website_ids: Iterable[str]) -> None:
    """Deletes all events of some websites and waits until they are gone.

    Raises:
        SourceError: Tinybird could not be reached or refused.
        StackFailure: The job failed or took too long.
    """
    condition = deletion.condition_of_all(deletion.RowsOf(each, "website_id", each) for each in website_ids)
    job_id = deletion.start(tinybird, datasource, condition)
    deadline = time.monotonic() + JOB_SECONDS
    while (job := deletion.job(tinybird, datasource, job_id)).status == "working":
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    if job.status != "done":
        raise StackFailure(
            f"The old demo events in {datasource} could not be deleted.", "Delete the data directory."
        )


class Batches:
    """Collects lines per data source and sends them in batches below the endpoint's limit."""

    def __init__(self, send: Callable[[str, list[str]], None]) -> None:
        """Sends each batch with `send(datasource, lines)`."""
        self._send = send
        self._lines: dict[str, list[str]] = {}
        self._bytes: dict[str, int] = {}

    def add(self, datasource: str, lines: list[str]) -> None:
        """Takes lines of at most a few megabytes, and sends those before when all would be too many for a batch."""
        added = sum(map(len, lines))
        if self._bytes.get(datasource, 0) + added > BATCH_BYTES:
            self.flush(datasource)
        self._lines.setdefault(datasource, []).extend(lines)
        self._bytes[datasource] = self._bytes.get(datasource, 0) + added

    def flush(self, datasource: str) -> None:
        """Sends what is left for one data source."""
        lines = self._lines.pop(datasource, [])
        self._bytes[datasource] = 0
        if lines:
            self._send(datasource, lines)

    def flush_all(self) -> None:
        """Sends what is left for each data source."""
        for datasource in list(self._lines):
            self.flush(datasource)


def copy_rows(connection: psycopg.Connection, rows: Rows) -> None:
    """Adds rows that are not there yet."""
    _copy(connection, sql.Identifier(rows.table), rows)


def merge_rows(connection: psycopg.Connection, rows: Rows) -> None:
    """Adds rows, or brings those that are there up to date."""
    if not rows.lines:
        return
    condition, update = _ON_CONFLICT[rows.table]
    names = [sql.Identifier(column) for column in rows.columns]
    columns = sql.SQL(", ").join(names)
    table = sql.Identifier(rows.table)
    replace_all = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(name) for name in names[1:])
    connection.execute(
        sql.SQL("CREATE TEMP TABLE incoming ON COMMIT DROP AS SELECT {} FROM {} LIMIT 0").format(
            columns, table
        )
    )
    _copy(connection, sql.Identifier("incoming"), rows)
    connection.execute(
        sql.SQL("INSERT INTO {} ({}) SELECT {} FROM incoming WHERE {} ON CONFLICT (id) DO {}").format(
            table,
            columns,
            columns,
            sql.SQL(condition),
            sql.SQL(update) if update else sql.SQL("UPDATE SET {}").format(replace_all),
        )
    )
    connection.execute("DROP TABLE incoming")


def _copy(connection: psycopg.Connection, table: sql.Identifier, rows: Rows) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    with (
        connection.cursor() as cursor,
        cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(table, columns)) as copy,
    ):
        for begin in range(0, len(rows.lines), 10_000):
            copy.write("".join(f"{line}\n" for line in rows.lines[begin : begin + 10_000]))
