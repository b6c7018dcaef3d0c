"""Creates the store's schema and brings its tables to the newest migration. Pages never do: the command does, and the local stack."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.util.exc import CommandError
from sqlalchemy import exc, text
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CreateSchema

from analytics.errors import ConfigError, SchemaMismatch, SourceError, SourceRejected, SourceUnavailable
from analytics.settings import STORE_SCHEMA
from analytics.store import VARIABLE
from analytics.transports import postgres
from analytics.transports.postgres_connection import answered_within

MIGRATIONS = Path(__file__).with_name("migrations")

LONGER = postgres.Limits(statement=600.0, lock=30.0, read=900.0)
"""Limits of a migration, in seconds: it may rewrite a table."""


def migrate(url: str, schema: str = STORE_SCHEMA) -> tuple[str | None, str]:
    """Creates the schema if it is missing and runs the migrations that are; returns the revision before and after.

    Everything is one transaction. Two runs at once wait for each other. The revision before is None for a new store.

    Args:
        url: `postgresql://…` of a role that owns the schema, or may create it.
        schema: The schema.

    Raises:
        ConfigError: The address cannot be read.
        SourceError: The store cannot be reached, the role may not do this, or its tables are of a newer version.
    """
    engine = postgres.open_engine(url, LONGER, VARIABLE, is_read_only=False)
    try:
        with answered_within(LONGER.read), engine.begin() as connection:
            postgres.set_timeouts(connection, LONGER.statement, LONGER.lock, LONGER.read)
            return _migrated(connection, schema)
    except CommandError:
        raise SchemaMismatch(
            f"The tables of the schema {schema} were made by a newer version of the dashboard.",
            "Run the command with that version, or choose another schema.",
            source="store",
            resource="migrate",
        ) from None
    except exc.SQLAlchemyError as error:
        kind = type(postgres.translated(error, "migrate"))
        message, remedy = (
            ("The dashboard's store cannot be reached.", f"Check {VARIABLE} and that its Postgres runs.")
            if kind is SourceUnavailable
            else (
                f"The dashboard's store refused the migration of the schema {schema}.",
                f"The role in {VARIABLE} has to own that schema: CREATE SCHEMA {schema} AUTHORIZATION role.",
            )
        )
        raised: type[SourceError] = kind if kind is SourceUnavailable else SourceRejected
        raise raised(message, remedy, source="store", resource="migrate") from None
    finally:
        engine.dispose()


def _migrated(connection: Connection, schema: str) -> tuple[str | None, str]:
    # Held until the end of the transaction; the number is this project's own.
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('inbox-analytics store migrate'))"))
    # A role that owns the schema need not be allowed to create one.
    if not connection.dialect.has_schema(connection, schema):
        connection.execute(CreateSchema(schema))
    connection.execute(text("SELECT set_config('search_path', :schema, true)"), {"schema": schema})
    connection.dialect.default_schema_name = schema
    before = _revision(connection)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    after = _revision(connection)
    if after is None:
        raise ConfigError("No migration was run.", "Install the package again: its migrations are missing.")
    return before, after


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
