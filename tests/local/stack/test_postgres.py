"""The embedded PostgreSQL: its roles, its schema, its data after stops and crashes."""

import json
import os
import shutil
import signal
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from analytics.kpis.goals.definitions import Goal
from analytics.local.stack import postgres as postgres_module
from analytics.local.stack.failure import StackFailure
from analytics.local.stack.postgres import UNPRIVILEGED_USER, Postgres
from analytics.store.store import Store

TABLES = {
    "user", "organization", "member", "subscription", "website", "visitor", "conversation", "feedback",
}  # fmt: skip
ORGANIZATION = "INSERT INTO organization (id, name, slug, created_at) VALUES (%s, %s, %s, now())"


@contextmanager
def running(postgres: Postgres) -> Iterator[Postgres]:
    """The server of a prepared cluster, with its schema."""
    postgres.prepare()
    child = postgres.start()
    try:
        deadline = time.monotonic() + 20
        while not postgres.is_ready():
            assert child.exit_code is None, child.last_lines()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        postgres.ensure_schema()
        yield postgres
    finally:
        child.stop()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for one cluster."""
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def postgres(home: Path) -> Iterator[Postgres]:
    """A running server."""
    with running(Postgres(home / "postgres", home / "postgres.log")) as postgres:
        yield postgres


def test_the_tables_of_the_contract_are_there(postgres: Postgres) -> None:
    """Every table of schema.sql exists, visible to the dashboard's role."""
    with psycopg.connect(postgres.reader_url) as connection:
        rows = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        )
        assert {row[0] for row in rows} == TABLES


def test_the_dashboard_reads_what_the_owner_writes(postgres: Postgres) -> None:
    """The owner writes, the reader reads."""
    with psycopg.connect(postgres.owner_url) as connection:
        connection.execute(ORGANIZATION, ["o1", "Acme", "acme"])
    with psycopg.connect(postgres.reader_url) as connection:
        assert connection.execute("SELECT name FROM organization WHERE id = 'o1'").fetchone() == ("Acme",)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO organization (id, name, slug, created_at) VALUES ('x', 'x', 'x', now())",
        "UPDATE organization SET name = 'x'",
        "DELETE FROM organization",
        "TRUNCATE organization",
        "DROP TABLE feedback",
        "CREATE TABLE mine (a int)",
        "CREATE TEMP TABLE mine (a int)",
        "CREATE ROLE other",
        "COPY organization TO PROGRAM 'cat'",
        "SELECT pg_read_file('/etc/passwd')",
    ],
)
def test_the_dashboard_can_do_nothing_but_read(postgres: Postgres, statement: str) -> None:
    """The dashboard's role cannot write, create or reach the machine."""
    with (
        psycopg.connect(postgres.reader_url) as connection,
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)),
    ):
        connection.execute(statement)


def test_a_table_made_later_can_be_read_too(postgres: Postgres) -> None:
    """Default privileges reach tables that the schema does not know yet."""
    with psycopg.connect(postgres.owner_url) as connection:
        connection.execute("CREATE TABLE later AS SELECT 1 AS a")
    with psycopg.connect(postgres.reader_url) as connection:
        assert connection.execute("SELECT a FROM later").fetchone() == (1,)
    with psycopg.connect(postgres.owner_url) as connection:
        connection.execute("DROP TABLE later")


def test_the_store_is_made_and_migrated_once(postgres: Postgres) -> None:
    """Also in a cluster of an earlier version, which has no password for it; goals survive another start."""
    path = postgres.directory / "credentials.json"
    known = json.loads(path.read_text())
    path.write_text(json.dumps({name: known[name] for name in ("owner", "reader")}))
    for _ in range(2):
        postgres.ensure_store()
    with Store(postgres.store_url) as store:
        store.check()
        store.add_goal("w", "response", 1, Goal(90.0, 300), "ann@example.com")
        postgres.ensure_store()
        assert len(store.goals(["w"]).value[0].versions) == 1
    assert json.loads(path.read_text())["owner"] == known["owner"]
    assert path.stat().st_mode & 0o077 == 0


def test_it_listens_on_loopback_and_wants_a_password(postgres: Postgres) -> None:
    """No connection without the password, and none through a socket."""
    with psycopg.connect(postgres.owner_url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
        assert connection.execute("SHOW unix_socket_directories").fetchone() == ("",)
    without = postgres.reader_url.replace(postgres.reader_url.split(":")[2].split("@")[0], "guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(without)


def test_the_passwords_are_private(postgres: Postgres) -> None:
    """Only their owner may read them."""
    assert (postgres.directory / "credentials.json").stat().st_mode & 0o077 == 0


def test_text_and_time_are_as_in_production(postgres: Postgres) -> None:
    """UTF-8 all the way, and UTC."""
    with psycopg.connect(postgres.reader_url) as connection:
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)
        assert connection.execute("SELECT length('Größe 🙌')").fetchone() == (7,)


def test_a_second_start_keeps_everything(tmp_path: Path) -> None:
    """Rows and passwords are those of the first start."""
    with (
        running(Postgres(tmp_path / "postgres", tmp_path / "log")) as first,
        psycopg.connect(first.owner_url) as c,
    ):
        c.execute(ORGANIZATION, ["o1", "Acme", "acme"])
        password = first.reader_url.split("@")[0]
    with running(Postgres(tmp_path / "postgres", tmp_path / "log")) as second:
        assert second.reader_url.split("@")[0] == password
        with psycopg.connect(second.reader_url) as connection:
            assert connection.execute("SELECT name FROM organization").fetchall() == [("Acme",)]


def test_a_killed_server_comes_back(tmp_path: Path) -> None:
    """Kill -9 loses nothing that was committed, and a pid file that names another program is no obstacle."""
    postgres = Postgres(tmp_path / "postgres", tmp_path / "log")
    with running(postgres):
        with psycopg.connect(postgres.owner_url) as connection:
            connection.execute(ORGANIZATION, ["o1", "Acme", "acme"])
        pid_file = postgres.data / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        os.kill(int(lines[0]), signal.SIGKILL)
    time.sleep(0.5)  # its own children notice and end
    pid_file.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    with (
        running(Postgres(tmp_path / "postgres", tmp_path / "log")) as again,
        psycopg.connect(again.reader_url) as c,
    ):
        assert c.execute("SELECT count(*) FROM organization").fetchone() == (1,)


def test_a_half_made_cluster_is_made_again(tmp_path: Path) -> None:
    """A second start removes what an interrupted first start left, and makes the cluster."""
    made = Postgres(tmp_path / "postgres", tmp_path / "log")
    made.prepare()
    cluster = made.directory.resolve()
    unfinished = cluster.rename(cluster.with_name("postgres.new"))
    with running(Postgres(tmp_path / "postgres", tmp_path / "log")):
        assert not unfinished.exists()


def test_a_cluster_of_another_version_is_refused(tmp_path: Path) -> None:
    """It is not changed, and the message says what to do."""
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    (tmp_path / "postgres" / "data" / "PG_VERSION").write_text("15\n")
    with pytest.raises(StackFailure, match="made by PostgreSQL 15; this is 18") as raised:
        Postgres(tmp_path / "postgres", tmp_path / "log").prepare()
    assert "--data-dir" in raised.value.remedy


def test_a_cluster_that_has_gone_is_named(tmp_path: Path) -> None:
    """A link to a disk that is not there: no new cluster is made, whose rows would not fit the stored events."""
    (tmp_path / "postgres").symlink_to(tmp_path / "disk" / "postgres")
    with pytest.raises(StackFailure, match="which has gone") as raised:
        Postgres(tmp_path / "postgres", tmp_path / "log").prepare()
    assert str(tmp_path) in raised.value.remedy


AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the account")


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A directory that only its owner, root, can enter."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    return private


def modes(path: Path) -> list[int]:
    """Modes of a directory and all above it."""
    return [stat.S_IMODE(each.stat().st_mode) for each in (path, *path.parents)]


@AS_ROOT
def test_no_directory_changes_its_mode(private: Path) -> None:
    """Root's cluster lives in the data directory, runs as another account, and a second start finds it."""
    before = modes(private)
    with (
        running(Postgres(private / "postgres", private / "log")) as first,
        psycopg.connect(first.owner_url) as connection,
    ):
        connection.execute(ORGANIZATION, ["o1", "Acme", "acme"])
        process = Path("/proc") / (first.data / "postmaster.pid").read_text().splitlines()[0]
        assert process.owner() == UNPRIVILEGED_USER
        held = dict(line.split(":\t") for line in (process / "status").read_text().splitlines())
        assert int(held["CapEff"], 16) in {1 << 1, 1 << 2}  # one right of root, to enter directories
    assert modes(private) == before
    assert (private / "postgres").stat().st_mode & 0o777 == 0o700
    with (
        running(Postgres(private / "postgres", private / "log")) as second,
        psycopg.connect(second.owner_url) as connection,
    ):
        assert connection.execute("SELECT count(*) FROM organization").fetchone() == (1,)


@AS_ROOT
def test_a_server_in_a_private_directory_runs(private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server runs from a directory that only root can enter, such as a clone below /root."""
    binaries = postgres_module._binaries()
    package = binaries.parent.parent
    for source in (package.with_name(f"{package.name}.libs"), package):
        if source.is_dir():
            shutil.copytree(source, private / source.name, symlinks=True, copy_function=os.link)
    hidden = private / binaries.relative_to(package.parent)
    monkeypatch.setattr(postgres_module, "_binaries", lambda: hidden)
    with running(Postgres(private / "postgres", private / "log")) as postgres:
        assert postgres.binaries == hidden


@AS_ROOT
def test_a_cluster_of_another_account_runs_as_that_account(private: Path) -> None:
    """A cluster made by another account than root runs under that account."""
    made = Postgres(private / "postgres", private / "log")
    made.prepare()
    for path in (made.directory, made.data, *made.data.rglob("*")):
        os.chown(path, 1, 1)
    with running(Postgres(private / "postgres", private / "log")) as postgres:
        process = Path("/proc") / (postgres.data / "postmaster.pid").read_text().splitlines()[0]
        assert process.stat().st_uid == 1
