"""Migrations: they make the tables that the models say, may be repeated, and leave every other schema alone."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from analytics.errors import SchemaMismatch, SourceRejected, SourceUnavailable
from analytics.kpis.goals.definitions import Goal
from analytics.store import HEAD
from analytics.store.migrate import MIGRATIONS, migrate
from analytics.store.models import Base
from analytics.store.store import Store
from tests.command_line import run
from tests.conftest import LocalStack


@pytest.fixture
def schema(local_stack: LocalStack) -> Iterator[str]:
    """A schema that does not exist yet, whose name no other test has."""
    name = f"store_{uuid4().hex}"
    yield name
    with psycopg.connect(local_stack.owner_url) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")


def environment(stack: LocalStack, **changed: str) -> dict[str, str]:
    """The variables that the command needs."""
    return {
        "TINYBIRD_HOST": stack.host,
        "TINYBIRD_READ_TOKEN": stack.read_token,
        "DATABASE_URL": stack.database_url,
        **changed,
    }


def test_they_make_what_the_models_say(local_stack: LocalStack, schema: str) -> None:
    """Columns, types and nullability; a second run changes nothing, and goals survive it."""
    assert migrate(local_stack.owner_url, schema) == (None, HEAD)
    engine = create_engine(local_stack.owner_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SET search_path TO {schema}")
        connection.dialect.default_schema_name = schema
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()
    with Store(local_stack.owner_url, schema) as store:
        store.check()
        store.add_goal("w", "response", 1, Goal(90.0, 300), "ann@example.com")
        assert migrate(local_stack.owner_url, schema) == (HEAD, HEAD)
        assert len(store.goals(["w"]).value[0].versions) == 1


def test_tables_of_a_newer_version_are_left_alone(local_stack: LocalStack, schema: str) -> None:
    """With words, and without a traceback."""
    migrate(local_stack.owner_url, schema)
    with psycopg.connect(local_stack.owner_url) as connection:
        connection.execute(f"UPDATE {schema}.alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaMismatch, match="newer version"):
        migrate(local_stack.owner_url, schema)


def test_two_stores_in_one_database_keep_apart(local_stack: LocalStack, schema: str) -> None:
    """Each has tables of its own."""
    migrate(local_stack.owner_url, schema)
    with Store(local_stack.owner_url, schema) as one, Store(local_stack.store_url) as other:
        website = f"w-{schema}"
        one.add_goal(website, "response", 1, Goal(90.0, 300), "ann@example.com")
        assert len(one.goals([website]).value[0].versions) == 1
        assert len(other.goals([website]).value[0].versions) == 0


def test_the_newest_one_is_the_version_that_is_checked() -> None:
    """One head, without importing Alembic in the web app."""
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]
    assert Path(MIGRATIONS, "env.py").is_file()


def test_tables_of_another_version_are_told_apart(local_stack: LocalStack, schema: str) -> None:
    """A newer dashboard, or an older one, says what to run."""
    migrate(local_stack.owner_url, schema)
    for version, remedy in (("9999", "the version that migrated the store"), ("0000", "store migrate")):
        with psycopg.connect(local_stack.owner_url) as connection:
            connection.execute(f"UPDATE {schema}.alembic_version SET version_num = '{version}'")
        with (
            Store(local_stack.owner_url, schema) as store,
            pytest.raises(SchemaMismatch, match=f"migration {version}; this version needs") as raised,
        ):
            store.check()
        assert remedy in (raised.value.remedy or "")


def test_a_role_that_may_not_create_is_told_what_it_needs(local_stack: LocalStack, schema: str) -> None:
    """And nothing is left half-made."""
    with pytest.raises(SourceRejected, match=f"CREATE SCHEMA {schema} AUTHORIZATION"):
        migrate(local_stack.database_url, schema)
    with pytest.raises(SourceUnavailable):
        migrate("postgresql://a@127.0.0.1:1/b", schema)


def test_the_command_migrates_and_says_so(local_stack: LocalStack, schema: str) -> None:
    """Twice; without the variable it says which one to set."""
    environ = environment(
        local_stack,
        INBOX_ANALYTICS_STORE_URL=local_stack.owner_url,
        INBOX_ANALYTICS_STORE_SCHEMA=schema,
    )
    first, second = (run(environ, "store", "migrate") for _ in range(2))
    assert (first.returncode, first.stdout) == (
        0,
        f"The store is migrated: schema {schema}, from nothing to {HEAD}.\n",
    )
    assert second.stdout == f"The store is up to date: schema {schema}, migration {HEAD}.\n"
    missing = run(environment(local_stack), "store", "migrate")
    assert missing.returncode == 1
    assert "INBOX_ANALYTICS_STORE_URL is not set" in missing.stderr
