"""The Postgres transport: read-only, bounded, and an error of ours for everything that can go wrong."""

import socket
import threading
import traceback
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import exc

from analytics.errors import ConfigError, SchemaMismatch, SourceError, SourceRejected, SourceUnavailable
from analytics.transports.postgres import Limits, Postgres, translated
from tests.conftest import LocalStack
from tests.product_database import Product

PASSWORD = "pg-secret"


def test_a_read_gives_rows_columns_and_the_time(local_stack: LocalStack) -> None:
    """Bound values come back as they went in; instants are UTC; no row still has columns."""
    at = datetime.fromisoformat("2026-11-10T12:00:00+05:30")
    statement = (
        "SELECT CAST(:text AS text) AS text, CAST(:at AS timestamptz) AS at WHERE CAST(:is_on AS boolean)"
    )
    with Postgres(local_stack.database_url) as client:
        answer = client.read(
            "made_up", statement, {"text": "'; DROP TABLE feedback; --", "at": at, "is_on": True}
        )
        assert answer.rows == [{"text": "'; DROP TABLE feedback; --", "at": at.astimezone(UTC)}]
        assert str(answer.rows[0]["at"]).endswith("+00:00")
        assert answer.read_at.tzinfo is UTC
        answer = client.read("made_up", statement, {"text": "", "at": at, "is_on": False})
        assert (answer.rows, answer.columns) == ([], ("text", "at"))


@pytest.mark.parametrize("timezone", ["UTC", "Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize(
    "at", ["infinity", "-infinity", "0044-03-15 BC", "0001-01-01 00:30:00+09", "9999-12-31 23:59-12"]
)
def test_a_time_that_python_does_not_know_is_an_error_of_ours(
    local_stack: LocalStack, at: str, timezone: str
) -> None:
    """Postgres knows more of them, and which of them arrive depends on the timezone of the session."""
    with (
        Postgres(f"{local_stack.database_url}?options=-c%20timezone%3D{timezone}") as client,
        pytest.raises(SourceError),
    ):
        client.read("made_up", "SELECT CAST(:at AS timestamptz) AS at", {"at": at})


def test_nothing_can_be_written_even_as_the_owner(local_stack: LocalStack, product: Product) -> None:
    """The transaction itself is read-only, whatever the role may do."""
    with Postgres(local_stack.owner_url) as client, pytest.raises(SourceRejected, match="25006"):
        client.read("made_up", "DELETE FROM website WHERE id = :id RETURNING id", {"id": product.website_id})


def test_the_dashboards_role_reads_and_nothing_else(local_stack: LocalStack) -> None:
    """Also outside a read-only transaction."""
    with (
        psycopg.connect(local_stack.database_url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("DELETE FROM feedback")


def test_a_slow_statement_is_stopped(local_stack: LocalStack) -> None:
    """A page never waits for a query that does not come back."""
    with (
        Postgres(local_stack.database_url, Limits(statement=0.2)) as client,
        pytest.raises(SourceUnavailable, match="did not finish"),
    ):
        client.read("made_up", "SELECT pg_sleep(20)", {})


def test_the_timeout_does_not_outlive_its_read(local_stack: LocalStack) -> None:
    """A pooled connection carries nothing from one read to the next."""
    with Postgres(local_stack.database_url) as client:
        for _ in range(2):
            (row,) = client.read("made_up", "SELECT current_setting('statement_timeout') AS timeout", {}).rows
            assert row["timeout"] == "8s"


@pytest.mark.parametrize(
    ("statement", "kind", "said"),
    [
        ("SELECT 1 FROM no_such_table", SchemaMismatch, "no such table"),
        ("SELECT no_such_column FROM website", SchemaMismatch, "no such table or column"),
        ("SELECT pg_read_file('/etc/passwd')", SourceRejected, "may not read"),
        ("SELEC 1", SourceRejected, "42601"),
        ("SELECT CAST(:value AS integer)", SourceRejected, "22P02"),
        ("SELECT 1 / CAST(:zero AS integer)", SourceRejected, "22012"),
    ],
)
def test_each_refusal_has_its_error(
    local_stack: LocalStack, statement: str, kind: type[SourceError], said: str
) -> None:
    """Missing, forbidden and invalid are distinguished."""
    with Postgres(local_stack.database_url) as client, pytest.raises(kind, match=said) as caught:
        client.read("made_up", statement, {"value": "many", "zero": "0"})
    assert (caught.value.source, caught.value.resource) == ("postgres", "made_up")
    assert caught.value.remedy


def test_a_nul_byte_is_refused_and_not_sent(local_stack: LocalStack) -> None:
    """Postgres knows no NUL in text."""
    with Postgres(local_stack.database_url) as client, pytest.raises(SourceRejected):
        client.read("made_up", "SELECT CAST(:text AS text)", {"text": "a\0b"})


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(f"postgresql://reader:{PASSWORD}@127.0.0.1:1/inbox", id="refused"),
        pytest.param(f"postgresql://reader:{PASSWORD}@nowhere.invalid/inbox", id="no such host"),
    ],
)
def test_an_unreachable_server_names_the_variable_and_no_secret(url: str) -> None:
    """DATABASE_URL is what to look at; neither message nor traceback repeats it."""
    with Postgres(url) as client, pytest.raises(SourceUnavailable, match="cannot be reached") as caught:
        client.read("made_up", "SELECT 1", {})
    text = "".join(traceback.format_exception(caught.value))
    assert "DATABASE_URL" in caught.value.remedy
    assert PASSWORD not in text
    assert "nowhere.invalid" not in text


def test_a_wrong_password_is_not_repeated(local_stack: LocalStack) -> None:
    """Neither the wrong one nor the right one."""
    wrong = local_stack.database_url.replace("dashboard_reader:", f"dashboard_reader:{PASSWORD}")
    with Postgres(wrong) as client, pytest.raises(SourceUnavailable) as caught:
        client.read("made_up", "SELECT 1", {})
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


def test_a_dropped_connection_is_replaced(local_stack: LocalStack) -> None:
    """After a restart of Postgres the next read works: connections are tested before use."""
    with Postgres(local_stack.database_url) as client:
        (row,) = client.read("made_up", "SELECT pg_backend_pid() AS pid", {}).rows
        with psycopg.connect(local_stack.owner_url, autocommit=True) as owner:
            ended = owner.execute("SELECT pg_terminate_backend(%s)", (row["pid"],)).fetchone()
        assert ended == (True,)
        assert client.read("made_up", "SELECT 1 AS one", {}).rows == [{"one": 1}]


def test_reads_may_run_side_by_side(local_stack: LocalStack) -> None:
    """Threads share a client; each gets its own answer."""
    seen: dict[int, object] = {}
    with Postgres(local_stack.database_url) as client:

        def read(number: int) -> None:
            answer = client.read("made_up", "SELECT CAST(:n AS integer) AS n, pg_sleep(0.05)", {"n": number})
            seen[number] = answer.rows[0]["n"]

        threads = [threading.Thread(target=read, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert seen == {number: number for number in range(12)}


def test_a_reader_without_a_connection_gets_the_reason(local_stack: LocalStack) -> None:
    """Postgres is there: other readers hold all of the connections."""
    streams = []
    with Postgres(local_stack.database_url, Limits(pool=0.1)) as client:
        for _ in range(10):
            streams.append(client.stream("long", "SELECT generate_series(1, 100000)", {}))
            next(streams[-1])
        with pytest.raises(SourceUnavailable, match="connection to Postgres is in use"):
            client.read("made_up", "SELECT 1", {})
        del streams
        assert client.read("made_up", "SELECT 1 AS one", {}).rows == [{"one": 1}]


@pytest.mark.parametrize("url", ["", "not an address", "postgresql://h:port/d", "postgresql://[::1/d"])
def test_an_address_that_is_none_is_a_configuration_error(url: str) -> None:
    """Said at once, with the form it should have."""
    with pytest.raises(ConfigError, match="DATABASE_URL"):
        Postgres(url)


def psycopg_errors() -> list[type[psycopg.Error]]:
    """Every exception class of psycopg, the one per SQLSTATE included."""
    found: list[type[psycopg.Error]] = []
    waiting: list[type[psycopg.Error]] = [psycopg.Error]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting.extend(kind.__subclasses__())
    return found


def sqlalchemy_errors() -> list[type[exc.SQLAlchemyError]]:
    """Every exception class of SQLAlchemy that is no warning."""
    return [
        thing
        for thing in vars(exc).values()
        if isinstance(thing, type) and issubclass(thing, exc.SQLAlchemyError)
    ]


def test_every_psycopg_error_becomes_one_of_ours() -> None:
    """Raised bare or wrapped by SQLAlchemy, each has a message, a remedy and no text of its own."""
    kinds = psycopg_errors()
    assert len(kinds) > 200
    for kind in kinds:
        original = kind(f"password={PASSWORD}")
        wrapped = exc.DBAPIError.instance("SELECT 1", {}, original, psycopg.Error)
        assert isinstance(wrapped, exc.SQLAlchemyError)
        for error in (original, wrapped):
            ours = translated(error, "made_up")
            assert isinstance(ours, SourceError)
            assert ours.remedy
            assert PASSWORD not in str(ours)


@pytest.mark.parametrize("kind", sqlalchemy_errors(), ids=lambda kind: kind.__name__)
def test_every_sqlalchemy_error_becomes_one_of_ours(kind: type[exc.SQLAlchemyError]) -> None:
    """Those without a psycopg error inside too."""
    error = kind.__new__(kind)
    Exception.__init__(error, f"password={PASSWORD}")
    ours = translated(error, "made_up")
    assert isinstance(ours, SourceError)
    assert PASSWORD not in str(ours)


@pytest.mark.parametrize(
    ("sqlstate", "kind"),
    [
        ("57014", SourceUnavailable),
        ("57P01", SourceUnavailable),
        ("53300", SourceUnavailable),
        ("08006", SourceUnavailable),
        ("42P01", SchemaMismatch),
        ("42703", SchemaMismatch),
        ("42501", SourceRejected),
        ("25006", SourceRejected),
        ("22012", SourceRejected),
    ],
)
def test_the_states_that_matter(sqlstate: str, kind: type[SourceError]) -> None:
    """A shutdown, too many connections or a lost one may pass; a missing table or grant will not."""
    assert type(translated(psycopg.errors.lookup(sqlstate)("x"), "made_up")) is kind


def test_a_server_that_hangs_is_given_up() -> None:
    """A port that accepts and says nothing: the read ends by the timeout, without the password in its text."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://reader:{PASSWORD}@127.0.0.1:{silent.getsockname()[1]}/inbox"
        with Postgres(url, Limits(connect=2)) as client, pytest.raises(SourceUnavailable) as raised:
            client.read("anything", "SELECT 1", {})
        assert PASSWORD not in str(raised.value)


def test_a_locked_table_is_waited_for_briefly(local_stack: LocalStack) -> None:
    """Another program's lock, as of a migration, ends a read soon and says so; other tables are read."""
    with (
        psycopg.connect(local_stack.owner_url) as migration,
        Postgres(local_stack.database_url, Limits(lock=0.2)) as client,
    ):
        migration.execute("CREATE TEMP TABLE own (n int)")
        migration.execute("LOCK TABLE feedback IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(SourceUnavailable, match="another program has locked it"):
            client.read("made_up", "SELECT count(*) FROM feedback", {})
        assert client.read("made_up", "SELECT count(*) >= 0 AS is_read FROM website", {}).rows == [
            {"is_read": True}
        ]


def test_a_stream_gives_every_row_in_order_and_in_parts(local_stack: LocalStack) -> None:
    """Bound values, as `read`; no part is larger than a step; none at all without rows."""
    statement = (
        "SELECT n, CAST(:text AS text) FROM generate_series(1, CAST(:count AS integer)) AS n ORDER BY n"
    )
    with Postgres(local_stack.database_url) as client:
        parts = list(client.stream("made_up", statement, {"text": "'; --", "count": 4500}))
        assert [row for part in parts for row in part] == [(n, "'; --") for n in range(1, 4501)]
        assert [len(part) for part in parts] == [2000, 2000, 500]
        assert list(client.stream("made_up", statement, {"text": "", "count": 0})) == []


def test_a_stream_sees_one_moment_and_lets_go_when_it_is_left(
    local_stack: LocalStack, product: Product
) -> None:
    """Rows added meanwhile are not in it, and an iteration that is given up holds no connection."""
    statement = "SELECT id FROM website CROSS JOIN generate_series(1, 4000) WHERE id LIKE :id"
    with Postgres(local_stack.database_url) as client:
        stream = client.stream("made_up", statement, {"id": f"{product.website_id}%"})
        first = next(stream)
        product.add_website(f"{product.website_id}-2")
        assert {row[0] for part in (first, *stream) for row in part} == {product.website_id}
        for _ in range(30):  # more than the pool has
            next(client.stream("made_up", statement, {"id": f"{product.website_id}%"}))


def test_a_stream_only_reads_and_its_errors_are_ours(local_stack: LocalStack, product: Product) -> None:
    """The transaction is read-only; a missing table, a slow step and a broken connection are distinguished."""
    with Postgres(local_stack.owner_url) as client, pytest.raises(SourceRejected, match="25006"):
        list(
            client.stream(
                "made_up", "SELECT id FROM website WHERE id = :id FOR UPDATE", {"id": product.website_id}
            )
        )
    with Postgres(local_stack.database_url) as client:
        with pytest.raises(SchemaMismatch, match="no such table"):
            list(client.stream("made_up", "SELECT 1 FROM no_such_table", {}))
        with (
            Postgres(local_stack.database_url, Limits(step=0.2)) as hasty,
            pytest.raises(SourceUnavailable, match="did not finish"),
        ):
            list(hasty.stream("made_up", "SELECT pg_sleep(20)", {}))
        rows = "SELECT pg_backend_pid() FROM generate_series(1, 10000)"
        stream = client.stream("made_up", rows, {})
        ((pid,), *_) = next(stream)
        with psycopg.connect(local_stack.owner_url, autocommit=True) as owner:
            owner.execute("SELECT pg_terminate_backend(%s)", (pid,))
        with pytest.raises(SourceUnavailable, match="cannot be reached"):
            list(stream)
