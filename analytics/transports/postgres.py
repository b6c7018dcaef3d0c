"""Client of Postgres: reads with bound parameters over one engine. Knows no table by name.

Every read is one read-only transaction with a statement timeout. No startup option and no prepared statement is used, so
that a pooler such as PgBouncer may be in between. Every failure is translated into one of `analytics.errors` here and only
here; the address, which holds a password, is never in its text.

Waits on a silently dropped connection are bounded: see `analytics.transports.postgres_connection`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self, TypeVar, cast

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import create_engine, event, exc, text
from sqlalchemy.engine import URL, Connection, CursorResult, Dialect, Engine, make_url

from analytics.errors import ConfigError, SchemaMismatch, SourceError, SourceRejected, SourceUnavailable
from analytics.settings import Settings
from analytics.telemetry import timed
from analytics.transports.postgres_connection import (
    KEEPALIVE,
    BoundedConnection,
    ServerSilentError,
    answered_within,
)

Value = str | int | float | bool | datetime | None
"""Value of a column; timestamps are aware."""

T = TypeVar("T")

Parameter = str | int | float | bool | datetime | Sequence[str] | None

_LIMIT: Final = text(
    "SELECT set_config('statement_timeout', :statement, true), set_config('lock_timeout', :lock, true), "
    "set_config('idle_in_transaction_session_timeout', :idle, true)"
)
_CANCELED: Final = "57014"
_LOCKED: Final = "55P03"
_IDLE_FOR_TOO_LONG: Final = "25P03"
_MISSING_PRIVILEGE: Final = "42501"
_MISSING_OBJECTS: Final = frozenset({"42P01", "42703", "3F000", "42883"})
_CHECK_URL: Final = "Check DATABASE_URL and that Postgres runs, then try again."


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits; times are in seconds.

    Attributes:
        connect: Opening a connection; whole seconds, for each host of the address.
        ping: The test of a pooled connection before use. A connection that does not answer is replaced; its first reader
            waits this long when the network dropped it while it was idle.
        pool: Waiting for a connection while all are in use.
        statement: A statement of a read; the server stops it.
        lock: A read's wait for a table that another program has locked; the server ends it.
        read: A whole read, measured on this side, whatever server and network do.
        step: A step of a stream; the first one may have to sort a large table. The server stops it.
        idle: The time between two steps of a stream; the server ends it. Between two statements of a read: `read`.
        recycle: A pooled connection is replaced at this age.
        fetch_rows: Rows of one step of a stream, which are in memory together.
    """

    connect: int = 3
    ping: float = 3.0
    pool: float = 5.0
    statement: float = 8.0
    lock: float = 4.0
    read: float = 10.0
    step: float = 120.0
    idle: float = 600.0
    recycle: int = 1800
    fetch_rows: int = 2000


LIMITS: Final = Limits()

POOLED: Final = 5
"""Connections that stay open once so many were in use."""


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """Answer of a query.

    Attributes:
        rows: One mapping per row.
        columns: Column names, also when there are no rows.
        read_at: When the answer arrived, UTC.
    """

    rows: list[Mapping[str, Value]]
    columns: tuple[str, ...]
    read_at: datetime


class Postgres:
    """Client of one database. Safe to share between threads; close it when done.

    Args:
        url: `postgresql://…`, with its password.
        limits: Limits.

    Raises:
        ConfigError: The address cannot be read.
    """

    def __init__(self, url: str, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._engine = open_engine(url, limits)

    @classmethod
    def from_settings(cls, settings: Settings) -> Postgres:
        """Makes the client from the settings. Connects on the first read."""
        return cls(settings.database_url.get_secret_value())

    def close(self) -> None:
        """Closes the connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @timed("postgres")
    def read(self, name: str, statement: str, params: Mapping[str, Parameter]) -> QueryAnswer:
        """Reads the rows of a statement in one read-only transaction.

        Args:
            name: Name of the query in this project, for errors.
            statement: SQL with `:name` placeholders; never built from values.
            params: The values.

        Raises:
            SourceUnavailable: No connection, a broken connection, the statement timeout, or no answer.
            SourceRejected: Postgres refused the statement, for a missing grant or an unusable value.
            SchemaMismatch: A table or column does not exist.
        """
        rows, columns = self._answered(name, self._limits.read, lambda: self._rows(name, statement, params))
        try:
            return QueryAnswer([_with_utc(row) for row in rows], columns, datetime.now(UTC))
        except OverflowError:
            raise SchemaMismatch(
                f"Postgres' answer to {name} holds a time before the year 1.",
                "Correct it in the chat product's database.",
                source="postgres",
                resource=name,
            ) from None

    def stream(
        self, name: str, statement: str, params: Mapping[str, Parameter]
    ) -> Iterator[Sequence[Sequence[Value]]]:
        """Reads the rows of a statement, `fetch_rows` of the limits at a time, in constant memory.

        All rows come from one read-only transaction with a server-side cursor, which ends with the iteration. Values are
        in the order of the columns.

        Args:
            name: Name of the query in this project, for errors.
            statement: SQL with `:name` placeholders; never built from values.
            params: The values.

        Raises:
            SourceError: As `read`, on any step. A step without an answer within its limit closes the connection.
        """
        seconds = self._limits.step + self._limits.read
        connection, result = self._answered(name, seconds, lambda: self._cursor(name, statement, params))
        parts = iter(result.partitions(self._limits.fetch_rows))
        is_at_end = False
        try:
            while (part := self._answered(name, seconds, lambda: next(parts, None))) is not None:
                yield cast("Sequence[Sequence[Value]]", part)
            is_at_end = True
        finally:
            with answered_within(self._limits.read), suppress(exc.SQLAlchemyError, psycopg.Error):
                if not is_at_end:  # closed without a message to the server, which may be unreachable
                    connection.invalidate()
                result.close()
                connection.close()

    def _cursor(
        self, name: str, statement: str, params: Mapping[str, Parameter]
    ) -> tuple[Connection, CursorResult[tuple[Value, ...]]]:
        connection = self._connected(name)
        try:
            set_timeouts(connection, self._limits.step, self._limits.step, self._limits.idle)
            streaming = connection.execution_options(
                stream_results=True, max_row_buffer=self._limits.fetch_rows
            )
            return connection, streaming.execute(text(statement), dict(params))
        except BaseException:
            connection.close()
            raise

    def _rows(
        self, name: str, statement: str, params: Mapping[str, Parameter]
    ) -> tuple[list[dict[str, Value]], tuple[str, ...]]:
        with self._connected(name) as connection:
            set_timeouts(connection, self._limits.statement, self._limits.lock, self._limits.read)
            result = connection.execute(text(statement), dict(params))
            columns = tuple(result.keys())
            return [dict(row) for row in result.mappings()], columns

    def _connected(self, name: str) -> Connection:
        try:
            return self._engine.connect()
        except (AssertionError, ValueError):  # raised by SQLAlchemy when it cannot parse the server's version
            raise SchemaMismatch(
                "The server in DATABASE_URL does not report a PostgreSQL version.",
                "Set DATABASE_URL to the chat product's PostgreSQL; other databases are not supported.",
                source="postgres",
                resource=name,
            ) from None

    def _answered(self, name: str, seconds: float, call: Callable[[], T]) -> T:
        """Runs a call of the driver within a time limit and translates its errors."""
        try:
            with answered_within(seconds):
                return call()
        except (exc.SQLAlchemyError, psycopg.Error) as error:
            is_silent = isinstance(_original(error), ServerSilentError)
            raise (_unanswered(name, seconds) if is_silent else translated(error, name)) from None


def set_timeouts(connection: Connection, statement: float, lock: float, idle: float) -> None:
    """Sets the server's own timeouts for this transaction, in seconds: for a statement, a lock, a reader that is gone."""
    limits = {"statement": statement, "lock": lock, "idle": idle}
    connection.execute(_LIMIT, {name: f"{seconds * 1000:.0f}" for name, seconds in limits.items()})


def open_engine(
    url: str, limits: Limits, variable: str = "DATABASE_URL", *, is_read_only: bool = True
) -> Engine:
    """Makes the engine of an address; it connects on first use.

    Args:
        url: `postgresql://…`, with its password.
        limits: Limits of its connections.
        variable: The setting that holds the address, for the error.
        is_read_only: Whether every transaction only reads.

    Raises:
        ConfigError: The address cannot be read.
    """
    try:
        address = make_url(url).set(drivername="postgresql+psycopg")
        engine = create_engine(
            address,
            pool_pre_ping=True,
            pool_size=POOLED,
            max_overflow=5,
            pool_timeout=limits.pool,
            pool_recycle=limits.recycle,
            hide_parameters=True,
            execution_options={"postgresql_readonly": is_read_only},
            connect_args={
                **_keepalive(address),
                "connect_timeout": limits.connect,
                "application_name": "inbox-analytics",
                "prepare_threshold": None,
            },
        )
        # Checked now as libpq parses it when it connects: unknown options, broken escapes.
        make_conninfo(**address.get_dialect()().create_connect_args(address)[1])
    except (exc.SQLAlchemyError, psycopg.Error, ValueError):
        raise ConfigError(
            f"{variable} cannot be read as an address.", "Use postgresql://user:password@host:port/database."
        ) from None

    @event.listens_for(engine, "do_connect")
    def connect(
        _dialect: Dialect, _record: object, args: list[Any], params: dict[str, Any]
    ) -> BoundedConnection:
        connection = BoundedConnection.connect(*args, **params)
        connection.ping_seconds = limits.ping
        return connection

    return engine


def _keepalive(address: URL) -> Mapping[str, int]:
    """Keepalive options of the connection; none where the address sets any itself."""
    return {} if KEEPALIVE.keys() & address.query.keys() else KEEPALIVE


def _unanswered(name: str, seconds: float) -> SourceUnavailable:
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


def _original(error: exc.SQLAlchemyError | psycopg.Error) -> BaseException:
    return (error.orig or error) if isinstance(error, exc.DBAPIError) else error


def translated(error: exc.SQLAlchemyError | psycopg.Error, name: str) -> SourceError:
    """Translates an error of the driver. Its text is never used: it may hold the address or a value.

    Args:
        error: As raised by SQLAlchemy or psycopg.
        name: Name of the query.
    """
    original = _original(error)
    sqlstate = original.sqlstate if isinstance(original, psycopg.Error) else None
    if sqlstate == _CANCELED:
        return SourceUnavailable(
            f"Postgres did not finish {name} in time.",
            "Try again, or choose a shorter range.",
            source="postgres",
            resource=name,
        )
    if sqlstate == _LOCKED:
        return SourceUnavailable(
            f"Postgres cannot read a table for {name}: another program has locked it.",
            "It is free again when that program is done, often after a migration.",
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
    if isinstance(original, exc.TimeoutError):
        return SourceUnavailable(
            "Every connection to Postgres is in use.",
            "Try again in a moment.",
            source="postgres",
            resource=name,
        )
    is_away = isinstance(original, psycopg.OperationalError | psycopg.InterfaceError)
    # An answer that libpq could not parse: a refusal of the server has an SQLSTATE.
    is_garbled = sqlstate is None and type(original) in {psycopg.DatabaseError, psycopg.InternalError}
    if is_away or is_garbled or sqlstate == _IDLE_FOR_TOO_LONG:
        return SourceUnavailable("Postgres cannot be reached.", _CHECK_URL, source="postgres", resource=name)
    reason = f"SQLSTATE {sqlstate}" if sqlstate else type(error).__name__
    return SourceRejected(
        f"Postgres refused {name} ({reason}).",
        "This is a fault of the dashboard or of the database's schema: report it with the time it happened.",
        source="postgres",
        resource=name,
    )
