"""Makes the demo data of a data directory, or brings it up to now.

A load that was interrupted is recognised by its record, deleted and made again. Only the demo's own websites
and people are ever deleted; rows added beside them stay.
"""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from analytics.ingest.deletes.deletion import DATASOURCES
from analytics.local.demo.content.customers.goals import goal_values
from analytics.local.demo.content.customers.organizations import DAY, identity
from analytics.local.demo.content.days import CONVERSATION_DAYS
from analytics.local.demo.content.postgres_copy import Rows
from analytics.local.demo.delivery import (
    Batches,
    copy_rows,
    delete_websites,
    merge_rows,
    open_tinybird,
    send_lines,
)
from analytics.local.demo.history import History
from analytics.local.stack.demo_record import VERSION, DemoRecord
from analytics.settings import STORE_SCHEMA

OWNER_URL: Final = "INBOX_ANALYTICS_LOCAL_OWNER_URL"
"""The setting that holds the address of Postgres for the owner of the tables."""
OWNED_TABLES: Final = ("feedback", "conversation", "visitor", "website", "subscription", "member")
ROWS_WEIGHT: Final = 0.2
"""How much of the work of a load the rows of Postgres are, for the progress shown."""

Settings = Callable[[], Mapping[str, str]]
"""Addresses and tokens of the whole stack; waits until Postgres runs."""

Send = Callable[[str, list[str]], None]
"""Sends lines to a data source."""

Progress = Callable[[float], None]
"""Called with the share of the work done, 0..1, from any thread."""


def ensure_demo(
    directory: Path,
    environment: Mapping[str, str],
    settings: Settings,
    seed: int,
    now: int,
    progress: Progress,
) -> DemoRecord:
    """Makes the demo data, or what is missing of it up to `now`; returns the new record.

    `settings` holds `environment` and the address of Postgres, for which it waits; days are made before that where possible.
    `seed` is for a new demo: one that is there keeps its own.

    Raises:
        SourceError: Tinybird could not be reached or refused something.
        psycopg.Error: Postgres could not be reached or refused something.
        StackFailure: A row did not fit.
    """
    record = DemoRecord.read(directory)
    if record is not None and _is_usable(record, now):
        return _catch_up(directory, settings, record, now, progress)
    if record is not None:
        _delete(settings(), record)
    record = DemoRecord(seed, anchor=now, until=now, is_complete=False).write(directory)
    _make(environment, settings, History(seed, anchor=now), progress)
    return record.reaching(now).write(directory)


def advance(send: Send, connection: psycopg.Connection, history: History, since: int, until: int) -> None:
    """Adds all rows and events of a span: rows first, so that no event names an unknown visitor."""
    with connection.transaction():
        for rows in history.activity_rows(since, until):
            merge_rows(connection, rows)
    batches = Batches(send)
    for part in history.event_chunks(since, until):
        batches.add(part.datasource, part.lines())
    batches.flush_all()


def connect(environment: Mapping[str, str]) -> psycopg.Connection:
    """A connection as the owner of the tables."""
    return psycopg.connect(environment[OWNER_URL], options="-c timezone=UTC")


def _add_goals(connection: psycopg.Connection, seed: int, anchor: int) -> None:
    """Adds the goals that are missing from the store; what people changed since stays."""
    insert = sql.SQL(
        "INSERT INTO {} (website_id, measure, version, share_pct, limit_seconds, valid_from, set_at, set_by)"
        " SELECT %s, %s, %s, %s, %s, since, since, %s FROM to_timestamp(%s) AS since ON CONFLICT DO NOTHING"
    ).format(sql.Identifier(STORE_SCHEMA, "goal"))
    for *goal, since, who in goal_values(identity(seed, anchor), anchor):
        connection.execute(insert, (*goal, who, since))


def _is_usable(record: DemoRecord, now: int) -> bool:
    return record.is_complete and record.version == VERSION and now - record.until < CONVERSATION_DAYS * DAY


def _catch_up(
    directory: Path, settings: Settings, record: DemoRecord, now: int, progress: Progress
) -> DemoRecord:
    history = History(record.seed, record.anchor)
    missing = now - record.until
    # Made while Postgres starts: the days are kept, and `advance` takes what it needs from them.
    history.activity_rows(record.until, min(record.until + DAY, now))
    environment = settings()
    with open_tinybird(environment) as tinybird, connect(environment) as connection:
        _add_goals(connection, record.seed, record.anchor)
        while record.until < now:
            until = min(record.until + DAY, now)
            advance(partial(send_lines, tinybird), connection, history, record.until, until)
            record = record.reaching(until).write(directory)
            progress(1 - (now - until) / missing)
    return record


def _make(environment: Mapping[str, str], settings: Settings, history: History, progress: Progress) -> None:
    done = {"rows": 0.0, "events": 0.0}

    def report(part: str, ratio: float) -> None:
        done[part] = ratio
        progress(ROWS_WEIGHT * done["rows"] + (1 - ROWS_WEIGHT) * done["events"])

    # First the rows: Postgres takes them in, on another core, while the events are made.
    rows = [*history.account_rows(), *history.activity_rows(history.start, history.anchor)]
    with ThreadPoolExecutor(max_workers=1) as pool:
        loading = pool.submit(_add_rows, settings, rows, lambda ratio: report("rows", ratio))
        _make_events(environment, history, lambda ratio: report("events", ratio))
        loading.result()
    with connect(settings()) as connection:
        _add_goals(connection, history.seed, history.anchor)


def _add_rows(settings: Settings, rows: list[Rows], progress: Progress) -> None:
    environment = settings()
    total = sum(len(part.lines) for part in rows)
    done = 0
    with connect(environment) as connection:
        # The rows refer to each other rightly by construction (tested): checking each costs half of the time.
        connection.execute("SET LOCAL session_replication_role = replica")
        for part in rows:
            copy_rows(connection, part)
            done += len(part.lines)
            progress(done / total)
    with connect(environment) as connection:
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE")


def _make_events(environment: Mapping[str, str], history: History, progress: Progress) -> None:
    """Sends one batch while the next is being made."""
    parts = history.event_chunks(history.start, history.anchor)
    with open_tinybird(environment) as tinybird, ThreadPoolExecutor(max_workers=2) as pool:
        slots = threading.Semaphore(3)

        def send(datasource: str, lines: list[str]) -> None:
            try:
                send_lines(tinybird, datasource, lines)
            finally:
                slots.release()

        sent = []

        def submit(datasource: str, lines: list[str]) -> None:
            slots.acquire()
            sent.append(pool.submit(send, datasource, lines))

        batches = Batches(submit)
        for number, part in enumerate(parts, start=1):
            batches.add(part.datasource, part.lines())
            progress(number / len(parts))
        batches.flush_all()
        for future in sent:
            future.result()


def _delete(environment: Mapping[str, str], record: DemoRecord) -> None:
    made = identity(record.seed, record.anchor)
    with open_tinybird(environment) as tinybird:
        for datasource in DATASOURCES:
            delete_websites(tinybird, datasource, made.websites.values())
    websites, organizations = [list(made.websites.values())], [list(made.organizations.values())]
    people = [list(made.people.values())]
    with connect(environment) as connection:
        # A cascade would look for the conversations of each visitor, without an index: a minute.
        connection.execute("SET LOCAL session_replication_role = replica")
        for table in OWNED_TABLES:
            delete = sql.SQL("DELETE FROM {} WHERE organization_id = ANY(%s)").format(sql.Identifier(table))
            connection.execute(delete, organizations)
        connection.execute("DELETE FROM organization WHERE id = ANY(%s)", organizations)
        goals = sql.SQL("DELETE FROM {} WHERE website_id = ANY(%s)").format(
            sql.Identifier(STORE_SCHEMA, "goal")
        )
        connection.execute(goals, websites)
        connection.execute("DELETE FROM member WHERE user_id = ANY(%s)", people)
        connection.execute('DELETE FROM "user" WHERE id = ANY(%s)', people)
