"""Serves one data directory: starts Postgres and the Tinybird-compatible server, writes `env`.

Layout of the directory: `env` (only while the stack runs), `lock`, `tokens.json`, `tinybird/` (events),
`postgres/`, `demo.json` (which demo data it holds), `logs/`. Knows nothing of the web app.
"""

import errno
import http.client
import os
import socket
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from analytics import ROOT
from analytics.ingest.spool.files import OWNER_ONLY, lock, write_whole
from analytics.local.stack.child import Child
from analytics.local.stack.demo_record import DemoRecord
from analytics.local.stack.failure import StackFailure
from analytics.local.stack.postgres import Postgres
from analytics.local.stack.supervisor import Supervisor
from analytics.local.tinybird.project.tokens import Tokens, load_tokens

PROJECT_DIR: Final = ROOT / "tinybird"
OWNER_URL: Final = "INBOX_ANALYTICS_LOCAL_OWNER_URL"
WRITES: Final = frozenset({OWNER_URL, "TINYBIRD_APPEND_TOKEN", "TINYBIRD_ADMIN_TOKEN"})
"""Settings that allow writing, beside the dashboard's own store."""
READY_SECONDS: Final = 30.0
LEFTOVER_SECONDS: Final = 15.0
Access = Literal["tinybird", "read", "all"]
"""The settings that a child gets: those of Tinybird, those for reading both, or all."""
ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - how to reach a server on all addresses


class LocalStack:
    """Tinybird and Postgres for one data directory; a context manager that holds the directory's lock.

    Attributes:
        address: Where the Tinybird-compatible server answers, such as `http://127.0.0.1:7181`.
    """

    def __init__(
        self, directory: Path, host: str, port: int, *, is_demo: bool, web_origins: Sequence[str] = ()
    ) -> None:
        """Makes the directory, takes its lock and binds the port; starts nothing yet.

        Port 0 takes any free one. `is_demo` says whether it is to hold demo data, which the dashboard then says; one that
        does already stays so. Scripts of the web pages of `web_origins` may use the Tinybird server; each needs a token as
        well.

        Raises:
            StackFailure: The directory cannot be written or is in use, or the port is taken.
        """
        self.directory = directory.absolute()
        self._locks = _Locks(self.directory)
        try:
            self.tokens = _tokens(self.directory)
            self._listener = listen(host, port)
        except StackFailure:
            self._locks.release()
            raise
        bound_port = self._listener.getsockname()[1]
        shown = ANY_ADDRESS.get(host, host)
        self.address = f"http://[{shown}]:{bound_port}" if ":" in shown else f"http://{shown}:{bound_port}"
        self.postgres = Postgres(self.directory / "postgres", self.log("postgres"))
        self._is_demo = is_demo or DemoRecord.read(self.directory) is not None
        self._web_origins = web_origins
        self._forget_env()

    def __enter__(self) -> "LocalStack":
        return self

    def __exit__(self, *_error: object) -> None:
        self._forget_env()
        self._listener.close()
        self._locks.release()

    def log(self, name: str) -> Path:
        """Log file of one child."""
        return self.directory / "logs" / f"{name}.log"

    def start(self, supervisor: Supervisor) -> None:
        """Starts both; returns when both answer and the tables are there.

        Raises:
            StackFailure: One of them did not come up; the message holds the end of its log.
            StopRequested: A signal came first.
        """
        supervisor.add(self._start_server())  # loads while the first start makes Postgres' cluster
        self.postgres.prepare(keep_open=[self._locks.inherited])
        supervisor.add(self.postgres.start(keep_open=[self._locks.inherited]))
        supervisor.wait_until(self.postgres.is_ready, "PostgreSQL", READY_SECONDS)
        self.postgres.ensure_schema()
        self.postgres.ensure_store()
        supervisor.wait_until(self._is_server_ready, "The Tinybird server", READY_SECONDS)

    def child(
        self,
        name: str,
        program: list[str],
        log: Path | None,
        *,
        access: Access,
        keep_open: Sequence[int] = (),
    ) -> Child:
        """Starts another program beside the two, with the lock and the settings of `env` that `access` names.

        With `read`, settings that allow writing are removed also when the shell of this program has them. The address of
        Postgres is known after `start`.
        """
        hidden = WRITES if access == "read" else frozenset[str]()
        known = self._tinybird_environment if access == "tinybird" else self.environment
        settings = {name: value for name, value in {**os.environ, **known}.items() if name not in hidden}
        return Child(
            name,
            program,
            log=log,
            environment=settings,
            directory=ROOT,
            keep_open=[self._locks.inherited, *keep_open],
        )

    @property
    def environment(self) -> Mapping[str, str]:
        """The settings that a program needs to use this stack; the lines of `env`."""
        variables = self._tinybird_environment | {
            "DATABASE_URL": self.postgres.reader_url,
            "INBOX_ANALYTICS_STORE_URL": self.postgres.store_url,
            OWNER_URL: self.postgres.owner_url,
        }
        return variables | ({"INBOX_ANALYTICS_DEMO": "1"} if self._is_demo else {})

    @property
    def _tinybird_environment(self) -> dict[str, str]:
        return {
            "TINYBIRD_HOST": self.address,
            "TINYBIRD_READ_TOKEN": self.tokens.read,
            "TINYBIRD_APPEND_TOKEN": self.tokens.append,
            "TINYBIRD_ADMIN_TOKEN": self.tokens.admin,
            "TINYBIRD_DAILY_QUERIES": "unlimited",
        }

    def write_env(self) -> Path:
        """Writes `env`, readable by its owner alone, in one step; returns where it is."""
        path = self.directory / "env"
        lines = "".join(f"{name}={value}\n" for name, value in self.environment.items())
        write_whole(path, lines.encode(), OWNER_ONLY)
        return path

    def _forget_env(self) -> None:
        (self.directory / "env").unlink(missing_ok=True)

    def _start_server(self) -> Child:
        program = [
            sys.executable,
            "-m",
            "analytics.local.tinybird.server.process",
            str(self._listener.fileno()),
        ]
        child = Child(
            "tinybird",
            [*program, str(PROJECT_DIR), str(self.directory), *self._web_origins],
            log=self.log("tinybird"),
            directory=ROOT,
            keep_open=[self._listener.fileno(), self._locks.inherited],
        )
        self._listener.close()
        return child

    def _is_server_ready(self) -> bool:
        return answers(f"{self.address}/v0/datasources", {"Authorization": f"Bearer {self.tokens.admin}"})


def answers(address: str, headers: Mapping[str, str] = MappingProxyType({})) -> bool:
    """True when a server of this stack answers with status 200."""
    request = urllib.request.Request(address, headers=dict(headers))  # noqa: S310 - the stack's own address
    try:
        with urllib.request.urlopen(request, timeout=2) as answer:  # noqa: S310 - as above
            return bool(answer.status == 200)
    except (OSError, http.client.HTTPException):  # URLError is an OSError
        return False


def listen(host: str, port: int) -> socket.socket:
    """A socket listening on `host` and `port`; port 0 takes any free one.

    Raises:
        StackFailure: The port is taken or not allowed, or the host is not one of this machine.
    """
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with ExitStack() as opened:
            listener = opened.enter_context(socket.socket(family, kind, protocol))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(256)
            opened.pop_all()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise StackFailure(
                f"Port {port} on {host} is taken by another program.",
                f"Stop that program, or choose another port, such as {port + 1} (0 takes any free one).",
            ) from error
        raise StackFailure(
            f"Cannot listen on port {port} of {host}: {error.strerror}.", "Choose another --host or --port."
        ) from error
    return listener


def _tokens(directory: Path) -> Tokens:
    try:
        return load_tokens(directory)
    except ValueError as error:
        raise StackFailure(
            f"The tokens cannot be read: {error}.", "All clients get new ones then."
        ) from error


class _Locks:
    """The two locks of a data directory, held until `release`.

    The first is the supervisor's alone: when it is taken, a stack is running. The second is inherited by every child:
    when only that one is taken, children of a killed stack are still ending, and a new stack waits for them.

    Attributes:
        inherited: File descriptor that keeps the second lock held in a child.
    """

    def __init__(self, directory: Path) -> None:
        """Makes the directory and takes both locks.

        Raises:
            StackFailure: It cannot be written, or another stack uses it.
        """
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            (directory / "logs").mkdir(mode=0o700, exist_ok=True)
            self._running = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            self.inherited = os.open(directory / "children.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StackFailure(
                f"The data directory {directory} cannot be written: {error.strerror}.",
                "Choose another one with --data-dir, or make it writable.",
            ) from error
        if not _take(self._running, seconds=0):
            holder = os.read(self._running, 20).decode("ascii", "replace") or "unknown"
            self.release()
            raise StackFailure(
                f"The data directory {directory} is in use by another stack (process {holder}).",
                "Stop that one first, or choose another directory with --data-dir.",
            )
        if not _take(self.inherited, LEFTOVER_SECONDS):
            self.release()
            raise StackFailure(
                f"Programs of an earlier stack still use {directory}.",
                f"End them (`fuser {directory / 'children.lock'}` names them), or choose another --data-dir.",
            )
        os.truncate(self._running, 0)
        os.pwrite(self._running, str(os.getpid()).encode("ascii"), 0)

    def release(self) -> None:
        """Releases both; children that still run keep the second."""
        os.close(self.inherited)
        os.close(self._running)


def _take(descriptor: int, seconds: float) -> bool:
    """Takes the lock on an open file, waiting up to `seconds`; False when it is still taken then."""
    deadline = time.monotonic() + seconds
    while not lock(descriptor):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True
