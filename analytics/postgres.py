"""Transport to Postgres: bound-parameter reads over one engine. Knows SQL as text, and no table by name.

Every read is one read-only transaction with a statement timeout. Nothing here depends on a startup option or a
prepared statement, so that a pooler (PgBouncer and its kin) may stand in between. Every failure becomes one of
`analytics.errors`, here and only here; the address, which holds a password, is never in one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self, TypeVar, cast

import psycopg
from sqlalchemy import create_engine, exc, text
from sqlalchemy.engine import Connection, CursorResult, Engine, make_url

from analytics.errors import ConfigError, SchemaMismatch, SourceError, SourceRejected, SourceUnavailable
from analytics.settings import Settings

Value = str | int | float | bool | datetime | None
"""What comes back; timestamps are aware."""

T = TypeVar("T")

Parameter = str | int | float | bool | datetime | Sequence[str] | None

CONNECT_TIMEOUT_SECONDS: Final = 3
STATEMENT_TIMEOUT_SECONDS: Final = 8
POOL_WAIT_SECONDS: Final = 5
READ_DEADLINE_SECONDS: Final = 10.0
"""No timeout of the server or the network ends the wait for a server that hangs: this does, on this side."""

STREAM_STEP_SECONDS: Final = 120
"""How long one step of a stream may take; the first one may have to sort a large table."""

FETCH_ROWS: Final = 2000
"""Rows of one step of a stream: what is in memory at a time."""

HANGING_SECONDS: Final = 15.0
"""How long a server that hung is not asked again, so that pages answer at once meanwhile."""

_CANCELED: Final = "57014"
_MISSING_PRIVILEGE: Final = "42501"
_MISSING_OBJECTS: Final = frozenset({"42P01", "42703", "3F000", "42883"})
_CHECK_URL: Final = "Check DATABASE_URL and that Postgres runs, then try again."


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """What a query answered.

    Attributes:
        rows: One mapping per row.
        columns: Column names, also when there is no row.
        read_at: When the answer arrived, UTC.
    """

    rows: list[Mapping[str, Value]]
    columns: tuple[str, ...]
    read_at: datetime


class Postgres:
    """A client of one database. Safe to share between threads; close it when done.

    Args:
        url: `postgresql://…`, with its password.

    Raises:
        ConfigError: The address cannot be read.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self._hangs_until = 0.0

    @classmethod
    def from_settings(cls, settings: Settings) -> Postgres:
        """The client that the settings describe. Connects on the first read."""
        return cls(settings.database_url.get_secret_value())

    def close(self) -> None:
        """Closes the connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def read(self, name: str, statement: str, params: Mapping[str, Parameter]) -> QueryAnswer:
        """The rows of a statement, read in one read-only transaction.

        Args:
            name: What the query is called in this project, for errors.
            statement: SQL with `:name` placeholders; never built from values.
            params: The values.

        Raises:
            SourceUnavailable: No connection, a broken one, the statement timeout, or no answer at all.
            SourceRejected: Postgres refused the statement: a missing grant, a value it cannot take.
            SchemaMismatch: A table or column is not there.
        """
        if time.monotonic() < self._hangs_until:
            raise _unanswered(name)
        try:
            rows, columns = within(READ_DEADLINE_SECONDS, lambda: self._rows(statement, params))
        except TimeoutError:
            self._hangs_until = time.monotonic() + HANGING_SECONDS
            raise _unanswered(name) from None
        except (exc.SQLAlchemyError, psycopg.Error) as error:
            raise translated(error, name) from None
        return QueryAnswer([_with_utc(row) for row in rows], columns, datetime.now(UTC))

    def stream(
        self, name: str, statement: str, params: Mapping[str, Parameter]
    ) -> Iterator[Sequence[Sequence[Value]]]:
        """The rows of a statement, `FETCH_ROWS` at a time, in constant memory, whatever their number.

        All of them come from one read-only transaction over a server-side cursor; it ends with the iteration. The
        values stand in the order of the columns.

        Args:
            name: What the query is called in this project, for errors.
            statement: SQL with `:name` placeholders; never built from values.
            params: The values.

        Raises:
            SourceError: As `read`, on any step; a step may take `STREAM_STEP_SECONDS`.
        """
        connection, result = self._awaited(name, lambda: self._cursor(statement, params))
        parts = iter(result.partitions(FETCH_ROWS))
        is_hanging = False
        try:
            while True:
                try:
                    part = self._awaited(name, lambda: next(parts, None))
                except SourceUnavailable:
                    is_hanging = time.monotonic() < self._hangs_until
                    raise
                if part is None:
                    return
                yield cast("Sequence[Sequence[Value]]", part)
        finally:
            # A connection whose thread still waits in it is left to that thread.
            if not is_hanging:
                with suppress(
                    exc.SQLAlchemyError, psycopg.Error
                ):  # broken, and then there is nothing to close
                    result.close()
                connection.close()

    def _cursor(
        self, statement: str, params: Mapping[str, Parameter]
    ) -> tuple[Connection, CursorResult[tuple[Value, ...]]]:
        connection = self._engine.connect()
        try:
            connection.execute(text(f"SET LOCAL statement_timeout = {round(STREAM_STEP_SECONDS * 1000)}"))
            streaming = connection.execution_options(stream_results=True, max_row_buffer=FETCH_ROWS)
            return connection, streaming.execute(text(statement), dict(params))
        except BaseException:
            connection.close()
            raise

    def _awaited(self, name: str, call: Callable[[], T]) -> T:
        try:
            return within(STREAM_STEP_SECONDS + READ_DEADLINE_SECONDS, call)
        except TimeoutError:
            self._hangs_until = time.monotonic() + HANGING_SECONDS
            raise _unanswered(name, STREAM_STEP_SECONDS + READ_DEADLINE_SECONDS) from None
        except (exc.SQLAlchemyError, psycopg.Error) as error:
            raise translated(error, name) from None

    def _rows(
        self, statement: str, params: Mapping[str, Parameter]
    ) -> tuple[list[dict[str, Value]], tuple[str, ...]]:
        with self._engine.connect() as connection:
            connection.execute(
                text(f"SET LOCAL statement_timeout = {round(STATEMENT_TIMEOUT_SECONDS * 1000)}")
            )
            result = connection.execute(text(statement), dict(params))
            columns = tuple(result.keys())
            return [dict(row) for row in result.mappings()], columns


def within(seconds: float, call: Callable[[], T]) -> T:
    """What a call of the driver returns, unless it takes longer; then it is left to end by itself in its own thread.

    Raises:
        TimeoutError: It took longer.
        SQLAlchemyError, psycopg.Error: As the call raised it.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except (exc.SQLAlchemyError, psycopg.Error) as error:
            outcome.set_exception(error)

    # A daemon, so that a server that hangs does not keep this process from ending.
    threading.Thread(target=run, name="postgres-read", daemon=True).start()
    return outcome.result(timeout=seconds)


def _engine(url: str) -> Engine:
    try:
        address = make_url(url).set(drivername="postgresql+psycopg")
        return create_engine(
            address,
            pool_pre_ping=True,
            pool_size=5,
            max_overflow=5,
            pool_timeout=POOL_WAIT_SECONDS,
            hide_parameters=True,
            execution_options={"postgresql_readonly": True},
            connect_args={
                "connect_timeout": CONNECT_TIMEOUT_SECONDS,
                "application_name": "inbox-analytics",
                "prepare_threshold": None,
            },
        )
    except (exc.SQLAlchemyError, ValueError):
        raise ConfigError(
            "DATABASE_URL cannot be read as an address.", "Use postgresql://user:password@host:port/database."
        ) from None


def _unanswered(name: str, seconds: float = READ_DEADLINE_SECONDS) -> SourceUnavailable:
    return SourceUnavailable(
        f"Postgres does not answer: {name} waited {seconds:.0f} seconds.",
        _CHECK_URL,
        source="postgres",
        resource=name,
    )


def _with_utc(row: dict[str, Value]) -> dict[str, Value]:
    return {
        key: value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo is not None else value
        for key, value in row.items()
    }


def translated(error: exc.SQLAlchemyError | psycopg.Error, name: str) -> SourceError:
    """What an error of the driver means here, without a word of its text: that may hold the address or a value.

    Args:
        error: As raised by SQLAlchemy or psycopg.
        name: What was read.
    """
    original = error.orig if isinstance(error, exc.DBAPIError) else error
    sqlstate = original.sqlstate if isinstance(original, psycopg.Error) else None
    if sqlstate == _CANCELED:
        return SourceUnavailable(
            f"Postgres did not finish {name} in time.",
            "Try again, or choose a shorter range.",
            source="postgres",
            resource=name,
        )
    if sqlstate in _MISSING_OBJECTS:
        return SchemaMismatch(
            f"Postgres has no such table or column for {name} (SQLSTATE {sqlstate}).",
            "Check that DATABASE_URL is the chat product's database and that its schema is as documented.",
            source="postgres",
            resource=name,
        )
    if sqlstate == _MISSING_PRIVILEGE:
        return SourceRejected(
            f"Postgres refused {name}: the dashboard's role may not read a table (SQLSTATE {sqlstate}).",
            "GRANT SELECT on the product's tables to the role in DATABASE_URL.",
            source="postgres",
            resource=name,
        )
    if isinstance(original, psycopg.OperationalError | psycopg.InterfaceError | exc.TimeoutError):
        return SourceUnavailable("Postgres cannot be reached.", _CHECK_URL, source="postgres", resource=name)
    reason = f"SQLSTATE {sqlstate}" if sqlstate else type(error).__name__
    return SourceRejected(
        f"Postgres refused {name} ({reason}).",
        "This is a fault of the dashboard or of the database's schema: report it with the time it happened.",
        source="postgres",
        resource=name,
    )
