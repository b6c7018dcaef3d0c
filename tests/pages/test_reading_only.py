"""The web app writes nowhere but into its own store: not by what it calls, not by what pages and buttons send, not by tokens."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psycopg
import pytest
import sqlalchemy
from sqlalchemy import event
from sqlalchemy.engine import Connection

from analytics import cached
from analytics.errors import SourceError
from analytics.transports.postgres import Postgres
from pages.components.page import sidebar
from tests.conftest import ROOT, LocalStack
from tests.pages.conftest import RunPage, Site

SENDING = {"send_events", "post_batch", "start"}
"""Methods and functions that write to Tinybird; `manage` does with POST."""


def web_app_files() -> list[Path]:
    """Every file of this project that the web app's process runs beside the transports."""
    folders = [ROOT / "pages", *(ROOT / "analytics" / name for name in ("cached", "sources", "web"))]
    return [ROOT / "app.py", ROOT / "asgi_app.py", *(path for each in folders for path in each.rglob("*.py"))]


@pytest.mark.parametrize("path", web_app_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_of_the_web_app_calls_what_writes(path: Path) -> None:
    """Neither events nor deletes nor purges; of the emitter's package the spool's status alone."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = ast.unparse(node.func)
            assert node.func.attr not in SENDING or called == "thread.start" or "Thread(" in called, called
            if node.func.attr == "manage":
                assert ast.unparse(node.args[0]) == "'GET'"
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("analytics.ingest"):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            assert names <= {
                "analytics.ingest.spool.directory",
                "analytics.ingest.spool.directory.SpoolStatus",
            }


@dataclass
class Sent:
    """What left this process.

    Attributes:
        requests: To Tinybird: method, path, token.
        statements: To Postgres, with whether the transaction only reads.
    """

    requests: list[tuple[str, str, str]] = field(default_factory=list)
    statements: list[tuple[str, str]] = field(default_factory=list)


@pytest.fixture
def sent(stack_environment: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sent]:
    """Everything that is sent to either source, which answer as ever."""
    del stack_environment
    found = Sent()
    original = httpx2.Client.send

    def send(client: httpx2.Client, request: httpx2.Request, **options: object) -> httpx2.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        found.requests.append((request.method, request.url.path, token))
        return original(client, request, **options)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(httpx2.Client, "send", send)

    def executed(connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        raw = connection.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        found.statements.append((statement, str(raw.read_only)))

    event.listen(sqlalchemy.engine.Engine, "before_cursor_execute", executed)
    yield found
    event.remove(sqlalchemy.engine.Engine, "before_cursor_execute", executed)


def assert_only_read(sent: Sent, stack: LocalStack) -> None:
    """Reads of pipes and quarantines, and reading transactions."""
    assert sent.requests or sent.statements
    for method, path, token in sent.requests:
        is_pipe = path.startswith("/v0/pipes")
        assert is_pipe or path == "/v0/sql", path
        assert method == "GET" or (is_pipe and path.endswith(".json"))
        assert token == (stack.read_token if is_pipe else stack.admin_token)
    assert {is_reading for _, is_reading in sent.statements} == {"True"}


@pytest.mark.parametrize("path", [path for path, _title, _icon in sidebar.PAGES])
def test_pages_and_their_buttons_only_read(
    path: str, run_page: RunPage, site: Site, sent: Sent, stack_environment: LocalStack
) -> None:
    """Every button of each page is pressed, with every token at hand; staff, so that none is hidden."""
    page = run_page(path, website=site.slug)
    pressed = 0
    for number in range(len(page.button)):
        again = run_page(path, website=site.slug)
        if number < len(again.button) and not again.button[number].disabled:
            assert not again.button[number].click().run().exception
            pressed += 1
    assert path != "pages/data_health.py" or pressed
    assert_only_read(sent, stack_environment)


def test_what_an_operator_asks_only_reads(sent: Sent, stack_environment: LocalStack) -> None:
    """Readiness."""
    cached.probe("tinybird")
    cached.probe("postgres")
    assert_only_read(sent, stack_environment)


def test_pages_need_the_reading_token_alone(
    run_page: RunPage, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a deployment should have it: every page is drawn; Data health says what it cannot read."""
    monkeypatch.delenv("TINYBIRD_APPEND_TOKEN")
    monkeypatch.delenv("TINYBIRD_ADMIN_TOKEN")
    for path, _title, _icon in sidebar.PAGES:
        page = run_page(path, website=site.slug)
        assert not page.exception
        assert not page.error


def test_postgres_itself_refuses_to_be_written_to(site: Site, stack_environment: LocalStack) -> None:
    """The pages' transport opens transactions that only read, also for a role that might write (SQLSTATE 25006)."""
    statement = "UPDATE website SET name = 'x' WHERE id = :id RETURNING id"
    with Postgres(stack_environment.owner_url) as postgres, pytest.raises(SourceError, match="25006"):
        postgres.read("made_up", statement, {"id": site.id})
