"""Client of the store: reads and writes its rows. Every failure is translated here; the address is never in its text."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Self, TypeVar, cast

import psycopg
from sqlalchemy import delete, exc, func, select, text, union_all
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from analytics.errors import Conflict, SchemaMismatch, SourceError, SourceRejected, SourceUnavailable
from analytics.kpis.ai_and_people.time_saved import Minutes, MinutesVersion
from analytics.kpis.goals.definitions import ALWAYS, Goal, GoalHistory, GoalVersion
from analytics.readings import Answer
from analytics.scope.selection import Measure
from analytics.settings import STORE_SCHEMA, Settings
from analytics.store import HEAD, VARIABLE
from analytics.store.models import TABLES, GoalRow, MinutesRow
from analytics.telemetry import observed
from analytics.transports import postgres
from analytics.transports.postgres import LIMITS, Limits
from analytics.transports.postgres_connection import answered_within

T = TypeVar("T")

NOT_MIGRATED: Final = "Run `inbox-analytics store migrate` with the version of this dashboard."
NEWER: Final = "Run the dashboard in the version that migrated the store, or choose another schema."


class Store:
    """Client of the store. Safe to share between threads; close it when done.

    Args:
        url: `postgresql://…`, with its password; a role that may read and write the schema.
        schema: The schema of its tables.
        limits: Limits of connections and statements.

    Raises:
        ConfigError: The address cannot be read.
    """

    def __init__(self, url: str, schema: str = STORE_SCHEMA, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._engine = postgres.open_engine(url, limits, VARIABLE, is_read_only=False)
        self._schema = schema

    @classmethod
    def from_settings(cls, settings: Settings) -> Store | None:
        """Makes the client from the settings; None where no store is set. Connects on the first read."""
        url = settings.store_url
        return None if url is None else cls(url.get_secret_value(), settings.store_schema)

    def close(self) -> None:
        """Closes the connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def check(self) -> None:
        """Checks that the store answers, and that its tables are of this version.

        Raises:
            SourceError: It does not, or they are of another version.
        """
        self._run("store_version", lambda session: _check_version(session.connection()), is_read_only=True)

    def probe(self) -> Answer[float]:
        """Measures how fast the store answers `check`, in seconds. Raises as `check`."""
        began = time.perf_counter()
        self.check()
        return Answer(time.perf_counter() - began, datetime.now(UTC))

    def goals(self, website_ids: Sequence[str]) -> Answer[tuple[GoalHistory, ...]]:
        """The goals of websites, in the order of `website_ids`; a history without versions for one that has none.

        Raises:
            SourceError: The store could not be read, or is not migrated.

        Source: the store's `goal`.
        """
        wanted = (
            select(GoalRow)
            .where(GoalRow.website_id.in_(website_ids))
            .order_by(GoalRow.website_id, GoalRow.measure, GoalRow.version)
        )
        rows = self._run("goals", lambda session: [*session.scalars(wanted)], is_read_only=True)
        versions: dict[str, list[GoalVersion]] = {website_id: [] for website_id in website_ids}
        for row in rows:
            versions[row.website_id].append(_version(row))
        histories = tuple(GoalHistory(website_id, tuple(each)) for website_id, each in versions.items())
        return Answer(histories, datetime.now(UTC))

    def add_goal(
        self,
        website_id: str,
        measure: Measure,
        version: int,
        goal: Goal | None,
        set_by: str,
        *,
        is_from_start: bool = False,
    ) -> None:
        """Adds a version of a goal, valid from now on by the store's clock.

        Args:
            website_id: The website.
            measure: Of which time.
            version: One more than the newest version that the person has seen.
            goal: The goal; None removes it.
            set_by: E-mail address of the person.
            is_from_start: Whether it also judges the conversations before it. Only a first version may.

        Raises:
            Conflict: There is such a version already: another person saved first.
            ValueError: A later version would judge the past.
            SourceError: The store could not be written, or is not migrated.
        """
        if is_from_start and version > 1:
            raise ValueError("Only a first goal judges the past.")
        row = GoalRow(
            website_id=website_id,
            measure=measure,
            version=version,
            share_pct=None if goal is None else Decimal(str(goal.share_pct)),
            limit_seconds=None if goal is None else goal.limit_seconds,
            valid_from=ALWAYS if is_from_start else func.now(),
            set_at=func.now(),
            set_by=set_by,
        )
        self._run("add_goal", lambda session: session.add(row))

    def minutes(self, website_id: str) -> Answer[MinutesVersion | None]:
        """How long a person works on a conversation of the website, as set last; None where it was never set.

        Raises:
            SourceError: The store could not be read, or is not migrated.

        Source: the store's `minutes_per_conversation`.
        """
        newest = (
            select(MinutesRow)
            .where(MinutesRow.website_id == website_id)
            .order_by(MinutesRow.version.desc())
            .limit(1)
        )
        row = self._run("minutes", lambda session: session.scalars(newest).first(), is_read_only=True)
        if row is None:
            return Answer(None, datetime.now(UTC))
        minutes = Minutes(float(row.low_minutes), float(row.high_minutes))
        found = MinutesVersion(row.version, minutes, row.set_at.astimezone(UTC), row.set_by)
        return Answer(found, datetime.now(UTC))

    def add_minutes(self, website_id: str, version: int, minutes: Minutes, set_by: str) -> None:
        """Adds a version of how long a person works on a conversation of the website.

        Args:
            website_id: The website.
            version: One more than the newest version that the person has seen.
            minutes: The range.
            set_by: E-mail address of the person.

        Raises:
            Conflict: There is such a version already: another person saved first.
            SourceError: The store could not be written, or is not migrated.
        """
        low, high = (Decimal(str(each)) for each in (minutes.low, minutes.high))
        row = MinutesRow(
            website_id=website_id,
            version=version,
            low_minutes=low,
            high_minutes=high,
            set_at=func.now(),
            set_by=set_by,
        )
        self._run("add_minutes", lambda session: session.add(row))

    def held(self, website_id: str) -> dict[str, int]:
        """How many rows the store holds of a website, by table.

        Raises:
            SourceError: The store could not be read, or is not migrated.

        Source: every table.
        """

        def count(session: Session) -> dict[str, int]:
            rows = {table: table.c.website_id == website_id for table in TABLES}
            return {
                table.name: session.scalars(select(func.count()).select_from(table).where(of_website)).one()
                for table, of_website in rows.items()
            }

        return self._run("held", count, is_read_only=True)

    def rows_by_website(self) -> dict[str, int]:
        """How many rows the store holds, in all tables, by website id; none where it holds none.

        Raises:
            SourceError: The store could not be read, or is not migrated.

        Source: every table.
        """
        ids = union_all(*(select(table.c.website_id) for table in TABLES)).subquery()
        each = select(ids.c.website_id, func.count()).group_by(ids.c.website_id)
        rows = self._run("rows_by_website", lambda session: session.execute(each).all(), is_read_only=True)
        return {str(website_id): int(count) for website_id, count in rows}

    def forget(self, website_id: str) -> None:
        """Deletes all rows of a website, in one transaction.

        Raises:
            SourceError: The store could not be written, or is not migrated; nothing was deleted then.
        """

        def delete_all(session: Session) -> None:
            for table in TABLES:
                session.execute(delete(table).where(table.c.website_id == website_id))

        self._run("forget", delete_all)

    def _run(self, name: str, work: Callable[[Session], T], *, is_read_only: bool = False) -> T:
        """Runs statements in one transaction within the limits, and translates what the driver raises."""
        with observed("store", name):
            return self._transaction(name, work, is_read_only=is_read_only)

    def _transaction(self, name: str, work: Callable[[Session], T], *, is_read_only: bool) -> T:
        limits = self._limits
        engine = self._engine.execution_options(
            schema_translate_map={None: self._schema}, postgresql_readonly=is_read_only
        )
        try:
            with answered_within(limits.read), Session(engine, expire_on_commit=False) as session:
                postgres.set_timeouts(session.connection(), limits.statement, limits.lock, limits.read)
                result = work(session)
                session.commit()
                return result
        except exc.IntegrityError as error:
            if isinstance(error.orig, psycopg.errors.UniqueViolation):
                raise Conflict(
                    "Another person changed this at the same time.",
                    "Look at their change, then save again.",
                ) from None
            raise _translated(error, name) from None
        except (exc.SQLAlchemyError, psycopg.Error) as error:
            raise _translated(error, name) from None


_VERSION: Final = text("SELECT version_num FROM alembic_version")


def _check_version(connection: Connection) -> None:
    schema = connection.get_execution_options()["schema_translate_map"][None]
    connection.execute(text("SELECT set_config('search_path', :schema, true)"), {"schema": schema})
    found = connection.execute(_VERSION).scalar()
    if found != HEAD:
        raise SchemaMismatch(
            f"The store's tables are of migration {found or 'none'}; this version needs {HEAD}.",
            NEWER if found is not None and found > HEAD else NOT_MIGRATED,
            source="store",
            resource="store_version",
        )


def _version(row: GoalRow) -> GoalVersion:
    is_removed = row.share_pct is None or row.limit_seconds is None
    goal = None if is_removed else Goal(float(cast("Decimal", row.share_pct)), cast("int", row.limit_seconds))
    return GoalVersion(
        cast("Measure", row.measure),  # a constraint of the table
        row.version,
        goal,
        row.valid_from.astimezone(UTC),
        row.set_at.astimezone(UTC),
        row.set_by,
    )


def _translated(error: exc.SQLAlchemyError | psycopg.Error, name: str) -> SourceError:
    """The error of the store for one of the driver, sorted as those of Postgres are."""
    kind = type(postgres.translated(error, name))
    texts: dict[type[SourceError], tuple[str, str]] = {
        SourceUnavailable: (
            "The dashboard's store cannot be reached.",
            f"Check {VARIABLE} and that its Postgres runs, then try again.",
        ),
        SchemaMismatch: ("The dashboard's store has no tables of this version.", NOT_MIGRATED),
        SourceRejected: (
            f"The dashboard's store refused {name}.",
            f"Check that the role in {VARIABLE} may read and write its schema.",
        ),
    }
    return kind(*texts[kind], source="store", resource=name)
