"""Postgres examined: tables, columns, types, grants, and a role that may too much."""

from analytics import sources
from analytics.ingest.history import reader as history
from analytics.kpis.declarations import EVENT_TYPES
from analytics.operations.doctor import flow
from analytics.operations.doctor import product as examined
from analytics.operations.parity import postgres_kpis as queries
from analytics.operations.purge import database
from analytics.transports.postgres import Postgres
from tests.conftest import ROOT, LocalStack
from tests.operations.doctor.clinic import closed_port, environment, found, role
from tests.product_database import Product


def test_a_table_that_may_not_be_read_names_the_grant(local_stack: LocalStack) -> None:
    """Every other table is examined all the same."""
    tables = '"user", organization, member, subscription, website, visitor, conversation'
    with role(local_stack, tables=tables) as url:
        postgres = found(environment(local_stack, DATABASE_URL=url), "postgres")
    assert postgres["feedback"][0] == "problem"
    assert 'GRANT SELECT ON "feedback"' in postgres["feedback"][1]
    assert postgres["conversation"][0] == "ok"
    assert postgres["role"][0] == "ok"


def test_columns_granted_one_by_one_are_enough_or_named(local_stack: LocalStack) -> None:
    """A grant on columns counts; missing columns are named."""
    tables = '"user", organization, member, subscription, website, visitor, conversation'
    grant = "GRANT SELECT (id, organization_id, website_id, conversation_id, visitor_id, rating) ON feedback TO {role}"
    with role(local_stack, grant, tables=tables) as url:
        level, finding = found(environment(local_stack, DATABASE_URL=url), "postgres")["feedback"]
    assert level == "problem"
    assert "topic, comment, created_at, deleted_at" in finding


def test_a_role_that_may_write_is_a_warning(local_stack: LocalStack) -> None:
    """On a whole table or on one column; a superuser is one too."""
    for grant, table in (("DELETE ON website", "website"), ("UPDATE (name) ON organization", "organization")):
        with role(local_stack, f"GRANT {grant} TO {{role}}") as url:
            level, finding = found(environment(local_stack, DATABASE_URL=url), "postgres")["role"]
        assert level == "warning"
        assert f"may change {table}" in finding
    level, finding = found(environment(local_stack, DATABASE_URL=local_stack.owner_url), "postgres")["role"]
    assert (level, "superuser" in finding) == ("warning", True)


def test_a_role_that_may_create_tables_is_a_warning(local_stack: LocalStack) -> None:
    """It could fill the disk of the product's database."""
    grants = (
        "GRANT CREATE ON SCHEMA {schema} TO {role}",
        "ALTER ROLE {role} SET search_path = {schema}, public",
    )
    with role(local_stack, *grants) as url:
        level, finding = found(environment(local_stack, DATABASE_URL=url), "postgres")["role"]
    assert (level, "may create tables" in finding) == ("warning", True)


def test_a_table_of_another_shape_names_the_columns(local_stack: LocalStack) -> None:
    """Missing columns and other types: another schema stands first on the search path."""
    changes = (
        "CREATE TABLE {schema}.visitor (id text, organization_id text, website_id text, city text, country_code text, "
        "is_test integer, last_seen_at timestamptz, created_at timestamptz, deleted_at timestamp)",
        "CREATE TABLE {schema}.member (id text)",
        "GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}",
        "ALTER ROLE {role} SET search_path = {schema}, public",
    )
    with role(local_stack, *changes) as url:
        postgres = found(environment(local_stack, DATABASE_URL=url), "postgres")
    assert postgres["visitor"][0] == "problem"
    assert "column is_test is int4, not boolean" in postgres["visitor"][1]
    assert "column deleted_at is timestamp, not timestamptz" in postgres["visitor"][1]
    assert postgres["member"][1].startswith("has no column organization_id, has no column user_id")


def test_a_database_without_the_tables(local_stack: LocalStack) -> None:
    """An empty search path: each table is a problem of its own."""
    with role(local_stack, "ALTER ROLE {role} SET search_path = {schema}") as url:
        postgres = found(environment(local_stack, DATABASE_URL=url), "postgres")
    assert {name for name, (level, _) in postgres.items() if level == "problem"} == set(examined.TABLES)


def test_what_cannot_be_examined_is_a_problem() -> None:
    """Postgres went away after it was reached: an exit code says so, with what to do."""
    with Postgres(f"postgresql://a:b@127.0.0.1:{closed_port()}/x") as postgres:
        [tables], clock = examined.tables(postgres), flow.postgres_clock(postgres)
    assert (tables.level, clock.level) == ("problem", "problem")
    assert "DATABASE_URL" in tables.remedy
    assert "DATABASE_URL" in clock.remedy


def test_the_expected_columns_are_all_that_is_read(local_stack: LocalStack, product: Product) -> None:
    """A role that may read these columns alone answers every query of the dashboard and the command line."""
    grants = [
        f'GRANT SELECT ({", ".join(columns)}) ON "{table}" TO {{role}}'
        for table, columns in examined.TABLES.items()
    ]
    website = history.HistoryWebsite(product.website_id, product.website_id, product.organization_id)
    span = "2026-11-01 00:00:00", "2026-11-08 00:00:00"
    bounds = sources.Bounds(*span, *span)
    with role(local_stack, *grants, tables="") as url, Postgres(url) as postgres:
        assert {finding.level for finding in examined.tables(postgres)} == {"ok"}
        history.websites(postgres)
        history.rows_ahead(postgres, website, dict.fromkeys(history.HISTORIES, history.START))
        for name in history.HISTORIES:
            list(history.read_events(postgres, website, name, history.START))
        queries.numbers(postgres, website, *span)
        queries.visitors_seen(postgres, website, *span)
        for kind in EVENT_TYPES:
            queries.durations(postgres, website, kind, *span)
        queries.known(postgres, website, ["c"])
        queries.known_visitors(postgres, website, ["v"])
        database.websites(postgres)
        database.active_websites(postgres, 5)
        sources.user_by_email(postgres, "a@b.example")
        sources.websites_for_viewer(postgres, "u", "admin")
        sources.rating_and_sentiment(postgres, website.id, bounds)
        sources.latest_comments(postgres, website.id, *span, None, 10)
        sources.rated_share(postgres, website.id, bounds)
        sources.conversations_by_id(postgres, website.id, ["c"])
        sources.rated_conversations(postgres, website.id, *span)


def test_every_expected_column_is_in_the_schema() -> None:
    """The tables here and the schema of the embedded Postgres name the same things."""
    schema = (ROOT / "analytics" / "local" / "stack" / "schema.sql").read_text()
    for table, columns in examined.TABLES.items():
        name = f'"{table}"' if table == "user" else table
        body = schema.split(f"CREATE TABLE {name} (", 1)[1].split("\n);", 1)[0]
        declared = {line.split()[0] for line in body.splitlines() if line.strip()}
        assert set(columns) <= declared, table
