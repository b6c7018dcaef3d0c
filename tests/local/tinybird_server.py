"""Runs a Tinybird-compatible server in a process of its own, with fixed tokens, and a client over a real socket.

The process is this module: `python -m tests.local.tinybird_server FD PROJECT DATA QUERY_SECONDS [ORIGIN ...]`.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx2
import uvicorn

from analytics.local.tinybird.project.datafile import DatafileError
from analytics.local.tinybird.project.tokens import Tokens
from analytics.local.tinybird.server.app import MAX_ADDRESS_BYTES, create_app
from analytics.local.tinybird.storage.clickhouse import DirectoryUnusable, Limits

ROOT: Final = Path(__file__).resolve().parents[2]
FIXTURE_PROJECT: Final = Path(__file__).with_name("fixtures") / "project"
TOKENS: Final = Tokens(read="read-token", append="append-token", admin="admin-token")
STOP_SECONDS: Final = 20.0
START_SECONDS: Final = 30.0

Row = dict[str, Any]
Part = tuple[str | None, bytes | str] | tuple[str | None, bytes | str, str]
"""A part of a form: file name, content, media type."""


class StartError(Exception):
    """The server did not start; the message is its log."""


class Server:
    """A running server.

    Attributes:
        client: Sends requests without a token.
        log: Where the server writes.
    """

    def __init__(self, host: str, client: httpx2.Client, process: subprocess.Popen[bytes], log: Path) -> None:
        self.host = host
        self.client = client
        self.process = process
        self.log = log

    def get(self, path: str, token: str = TOKENS.read, /, **params: str | int) -> httpx2.Response:
        """GET with a token in the header."""
        return self.client.get(path, params=params or None, headers={"Authorization": f"Bearer {token}"})

    def pipe(self, pipe: str, /, **params: str | int) -> list[Row]:
        """The rows of a pipe, which must answer."""
        answer = self.get(f"/v0/pipes/{pipe}.json", **params)
        assert answer.status_code == 200, answer.text
        rows: list[Row] = answer.json()["data"]
        return rows

    def sql(self, query: str, token: str = TOKENS.admin) -> httpx2.Response:
        """A SELECT by POST, the query as the body."""
        return self.client.post(
            "/v0/sql", content=query.encode(), headers={"Authorization": f"Bearer {token}"}
        )

    def rows(self, query: str) -> list[Row]:
        """The rows of a SELECT, which must be allowed."""
        answer = self.sql(f"{query} FORMAT JSON")
        assert answer.status_code == 200, answer.text
        rows: list[Row] = answer.json()["data"]
        return rows

    def post(
        self,
        path: str,
        token: str = TOKENS.admin,
        /,
        *,
        content: bytes | None = None,
        data: Mapping[str, str] | None = None,
        files: Mapping[str, Part] | Sequence[tuple[str, Part]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """POST with a token in the header."""
        with_token = {"Authorization": f"Bearer {token}", **(headers or {})}
        return self.client.post(path, headers=with_token, content=content, data=data, files=files)

    def send(
        self,
        datasource: str,
        body: bytes | str | Sequence[Row],
        *,
        headers: Mapping[str, str] | None = None,
        **params: str,
    ) -> httpx2.Response:
        """Posts events as `try_send` does, again after each 429; they must be taken."""
        while (answer := self.try_send(datasource, body, headers=headers, **params)).status_code == 429:
            time.sleep(float(answer.headers["Retry-After"]))
        assert answer.is_success, answer.text
        return answer

    def try_send(
        self,
        datasource: str,
        body: bytes | str | Sequence[Row],
        *,
        token: str = TOKENS.append,
        headers: Mapping[str, str] | None = None,
        **params: str,
    ) -> httpx2.Response:
        """Posts events: rows as NDJSON, anything else as it is; waits for them unless `wait` says otherwise."""
        content = body if isinstance(body, bytes | str) else "\n".join(json.dumps(row) for row in body)
        return self.client.post(
            "/v0/events",
            params={"name": datasource, "wait": "true", **params},
            content=content,
            headers={"Authorization": f"Bearer {token}", **(headers or {})},
        )


@contextmanager
def running(
    data: Path,
    project: Path = FIXTURE_PROJECT,
    query_seconds: float = 10.0,
    web_origins: Sequence[str] = (),
) -> Iterator[Server]:
    """A server over `project` that keeps its tables in `data`; stopped on leaving."""
    log = data / "server.log"
    with socket.socket() as listener, log.open("ab") as output:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        host = f"http://127.0.0.1:{listener.getsockname()[1]}"
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.local.tinybird_server"),
                *(str(listener.fileno()), str(project), str(data), str(query_seconds), *web_origins),
            ],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TZ": "America/Santiago"},
            stdout=output,
            stderr=output,
            pass_fds=[listener.fileno()],
        )
    with httpx2.Client(base_url=host, timeout=60) as client:
        try:
            _wait_until_it_answers(client, process, log)
            yield Server(host, client, process, log)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def _wait_until_it_answers(client: httpx2.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    """The socket takes connections before the server does, so one request waits for it; a dead server is an error."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            assert client.get("/v0/health").status_code == 200
        except httpx2.TransportError:
            if process.poll() is not None:
                break
            time.sleep(0.05)
        else:
            return
    raise StartError(log.read_text())


@contextmanager
def temporary_server(query_seconds: float = 10.0) -> Iterator[Server]:
    """A server over the fixture project in a directory that goes with it."""
    with (
        tempfile.TemporaryDirectory(prefix="tinybird-server-") as directory,
        running(Path(directory), query_seconds=query_seconds) as server,
    ):
        yield server


def main(descriptor: str, project: str, data: str, query_seconds: str, *origins: str) -> None:
    """Serves until SIGTERM."""
    limits = Limits(query_seconds=float(query_seconds))
    try:
        app = create_app(Path(project), Path(data), TOKENS, limits, web_origins=origins)
    except (DatafileError, DirectoryUnusable) as error:
        sys.exit(str(error))
    config = uvicorn.Config(
        app, access_log=False, log_level="warning", ws="none", h11_max_incomplete_event_size=MAX_ADDRESS_BYTES
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(descriptor))])


if __name__ == "__main__":
    main(*sys.argv[1:])
