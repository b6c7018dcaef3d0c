"""What the doctor's tests share: an environment to examine, and servers with one thing wrong."""

import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

import httpx2
import psycopg
from psycopg import sql

from analytics.operations.doctor import examine
from analytics.operations.doctor.finding import Finding, Level, Report
from tests.conftest import ROOT, LocalStack
from tests.local.tinybird_server import TOKENS, Server, running

PROJECT = ROOT / "tinybird"


def environment(stack: LocalStack, **changed: str) -> dict[str, str]:
    """The environment of the local stack, with variables set otherwise; an empty one is not set."""
    return {
        "TINYBIRD_HOST": stack.host,
        "TINYBIRD_READ_TOKEN": stack.read_token,
        "TINYBIRD_APPEND_TOKEN": stack.append_token,
        "TINYBIRD_ADMIN_TOKEN": stack.admin_token,
        "DATABASE_URL": stack.database_url,
        "INBOX_ANALYTICS_STATE_DIR": str(stack.data_dir / "no-state"),
        **changed,
    }


def of_server(server: Server) -> dict[str, str]:
    """The variables that point at a server with the fixed tokens."""
    return {
        "TINYBIRD_HOST": server.host,
        "TINYBIRD_READ_TOKEN": TOKENS.read,
        "TINYBIRD_APPEND_TOKEN": TOKENS.append,
        "TINYBIRD_ADMIN_TOKEN": TOKENS.admin,
    }


def found(environ: Mapping[str, str], area: str) -> dict[str, tuple[Level, str]]:
    """Level and text of every finding of an area, by subject."""
    return of(examine(environ), area)


def of(report: Report, area: str) -> dict[str, tuple[Level, str]]:
    """Level and text of every finding of an area, by subject."""
    return {each.subject: (each.level, text(each)) for each in report.findings if each.area == area}


def text(finding: Finding) -> str:
    """All that a finding says."""
    return f"{finding.message} {finding.remedy}"


@contextmanager
def deployed(directory: Path, change: Callable[[Path], None] = lambda project: None) -> Iterator[Server]:
    """A server over this project, changed before it starts."""
    project, data = directory / "project", directory / "data"
    shutil.copytree(PROJECT, project)
    data.mkdir()
    change(project)
    with running(data, project) as server:
        yield server


def replaced(path: Path, old: str, new: str) -> None:
    """Changes a datafile; what is to be changed must be there."""
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new))


def closed_port() -> int:
    """A port of this machine without a listener."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class _Skewed(BaseHTTPRequestHandler):
    """Passes every request on, and dates the answers by a clock that is off."""

    target: ClassVar[str]
    ahead: ClassVar[timedelta]

    def date_time_string(self, timestamp: float | None = None) -> str:
        """What stands in the Date of an answer."""
        del timestamp
        return format_datetime(datetime.now(UTC) + self.ahead, usegmt=True)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        """Passes a GET on."""
        self._pass_on()

    def do_POST(self) -> None:
        """Passes a POST on."""
        self._pass_on()

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kept = {
            name: self.headers[name] for name in ("Authorization", "Content-Type") if name in self.headers
        }
        answer = httpx2.request(
            self.command, f"{self.target}{self.path}", content=body, headers=kept, timeout=30
        )
        self.send_response(answer.status_code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)


@contextmanager
def skewed(host: str, ahead: timedelta) -> Iterator[str]:
    """The address of a proxy before `host` whose clock is ahead."""
    handler = type("Skewed", (_Skewed,), {"target": host, "ahead": ahead})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_address[1]}"
        finally:
            proxy.shutdown()
            thread.join()


@contextmanager
def role(stack: LocalStack, *grants: str, tables: str = "ALL TABLES IN SCHEMA public") -> Iterator[str]:
    """The address of Postgres for a role of its own that may SELECT from `tables`.

    Args:
        stack: Where.
        grants: Statements run besides, with {role} and {schema} for its name and that of a schema of its own.
        tables: What it may read; empty for nothing but what `grants` say.
    """
    name = f"doctor_{uuid4().hex[:12]}"
    schema = f"{name}_schema"
    with psycopg.connect(stack.owner_url, autocommit=True) as owner:

        def run(statement: str) -> None:
            owner.execute(sql.SQL(statement).format(role=sql.Identifier(name), schema=sql.Identifier(schema)))

        run("CREATE ROLE {role} LOGIN PASSWORD 'secret-of-a-test'")
        run("CREATE SCHEMA {schema}")
        try:
            run(f"GRANT CONNECT ON DATABASE {httpx2.URL(stack.owner_url).path.lstrip('/')} TO {{role}}")
            run("GRANT USAGE ON SCHEMA public TO {role}")
            if tables:
                run(f"GRANT SELECT ON {tables} TO {{role}}")
            run("GRANT USAGE ON SCHEMA {schema} TO {role}")
            for grant in grants:
                run(grant)
            address = httpx2.URL(stack.owner_url)
            yield str(address.copy_with(username=name, password="secret-of-a-test"))
        finally:
            run("DROP SCHEMA {schema} CASCADE")
            run("DROP OWNED BY {role}")
            run("DROP ROLE {role}")
