"""The program `inbox-analytics serve` in a process of its own: its environment, its log, its port, a browser's socket."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.conftest import ROOT

SOURCES = {
    "TINYBIRD_HOST": "http://127.0.0.1:1",
    "TINYBIRD_READ_TOKEN": "p.read",
    "DATABASE_URL": "postgresql://reader@127.0.0.1:1/inbox",
    "INBOX_ANALYTICS_PORT": "0",
}
"""Sources that refuse every connection, and any free port."""

DEMO = SOURCES | {"INBOX_ANALYTICS_DEMO": "1"}
SIGN_IN = {
    "INBOX_ANALYTICS_OIDC_METADATA_URL": "https://accounts.example.com/.well-known/openid-configuration",
    "INBOX_ANALYTICS_OIDC_CLIENT_ID": "dashboard",
    "INBOX_ANALYTICS_OIDC_CLIENT_SECRET": "b9f1",
    "INBOX_ANALYTICS_COOKIE_SECRET": "0b5a1f9c7d3e8462a1c9e7f05b3d2846",
}
SERVE = (sys.executable, "-m", "analytics.cli", "serve")


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """These variables, and what any program needs."""
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **variables}


def refused(variables: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs it to an end that comes by itself."""
    return subprocess.run(
        [*SERVE, *arguments], cwd=ROOT, env=environment(variables), capture_output=True, text=True, timeout=60
    )


@dataclass
class Served:
    """A server that runs.

    Attributes:
        process: The process that was started; the server's own may be a child of it.
        port: Where it listens, on 127.0.0.1.
        log: What it writes to standard error.
    """

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def pid(self) -> int:
        """Of the server itself, from what it says; within its own namespace."""
        return int(re.findall(r"as process (\d+)\.", self.log.read_text())[0])

    def lines(self, wanted: str = "", count: int = 1) -> list[dict[str, Any]]:
        """All lines of the log that hold a text, as soon as there are so many.

        Raises:
            AssertionError: There are not, for 20 s.
        """
        deadline = time.monotonic() + 20
        while True:
            found = [line for line in self.log.read_text().splitlines(keepends=True) if wanted in line]
            if len(found) >= count and all(line.endswith("\n") for line in found):
                return [json.loads(line) for line in found]
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends the stop signal to the server; returns its exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)


@contextmanager
def served(
    directory: Path,
    variables: Mapping[str, str],
    *arguments: str,
    through: Sequence[str] = (),
    instead: Sequence[str] = SERVE,
    where: Path = ROOT,
) -> Iterator[Served]:
    """A server that answers, ended afterwards whatever it does.

    Args:
        directory: For its log.
        variables: All variables of its environment.
        arguments: Its options.
        through: A program that starts it.
        instead: Another program that says the same when it serves.
        where: Holds its asgi_app.py.
    """
    log = directory / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*through, *instead, *arguments], cwd=where, env=environment(variables), stdout=out, stderr=out
        )
    try:
        deadline = time.monotonic() + 60
        while not (found := re.search(r" on \S+:(\d+) as process", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield Served(process, int(found[1]), log)
    finally:
        process.kill()
        process.wait()


@contextmanager
def page(address: str, path: str = "", **options: Any) -> Iterator[ClientConnection]:  # noqa: ANN401 - as they are
    """A browser's WebSocket that has asked for a page.

    Args:
        address: Beginning with ws:// or wss://, without a slash at the end.
        path: The page's name; empty for the first one.
        options: As `connect` takes them.
    """
    with connect(
        f"{address}/_stcore/stream",
        subprotocols=[Subprotocol("streamlit")],
        max_size=None,
        max_queue=None,  # what waits unread holds nothing back, as in a browser
        **options,
    ) as connection:
        wanted = BackMsg()
        wanted.rerun_script.page_name = path
        connection.send(wanted.SerializeToString())
        yield connection
