"""A click on CSV when the server is another one than drew the page."""

import csv
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from tests.browser.conftest import ROOT, Demo, new_visitor
from tests.web_apps import free_port, wait_for

BUTTON = ".st-key-csv-visitors-by-city button[data-format=csv]"
STATUS = ".st-key-csv-visitors-by-city [role=status]"
Serve = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def account(demo: Demo) -> Iterator[str]:
    """Somebody of the platform's staff, whom no other test knows."""
    email = f"{uuid4().hex}@example.com"
    with psycopg.connect(demo.env["INBOX_ANALYTICS_LOCAL_OWNER_URL"], autocommit=True) as connection:
        connection.execute(
            'INSERT INTO "user" (id, name, email, email_verified, role, created_at)'
            " VALUES (%s, 'Robin', %s, true, 'admin', now())",
            (uuid4().hex, email),
        )
        yield email
        connection.execute('DELETE FROM "user" WHERE email = %s', (email,))


@contextmanager
def drawn(
    demo: Demo, account: str, chromium: Browser, directory: Path
) -> Iterator[tuple[Page, subprocess.Popen[bytes], Serve]]:
    """Visitors as a web app drew it, that app, and what starts it anew at the same address."""
    running: list[subprocess.Popen[bytes]] = []
    port = free_port()

    def serve() -> subprocess.Popen[bytes]:
        log = directory / f"output-{len(running)}.log"
        program = [sys.executable, "-m", "streamlit", "run", "asgi_app.py", "--server.port", str(port)]
        env = {**os.environ, **demo.env, "INBOX_ANALYTICS_DEMO_EMAIL": account}
        with log.open("w") as output:
            running.append(
                subprocess.Popen(
                    [*program, "--server.address", "127.0.0.1"],
                    cwd=ROOT,
                    env=env,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            )
        wait_for(f"http://localhost:{port}", log, running[-1], log)
        return running[-1]

    context = new_visitor(chromium)
    try:
        app, page = serve(), context.new_page()
        # Once that server is gone the page stays as it was drawn: it is not drawn anew by the next one.
        page.route_web_socket("**/_stcore/stream", lambda socket: _connect(socket, app))
        page.goto(f"http://localhost:{port}/visitors?website=northwind-outdoor&compare=off")
        expect(page.locator(BUTTON)).to_be_visible()
        yield page, app, serve
    finally:
        context.close()
        for process in running:
            process.terminate()
            process.wait(timeout=30)


def _connect(socket: WebSocketRoute, app: subprocess.Popen[bytes]) -> None:
    if app.poll() is None:
        socket.connect_to_server()
    else:
        socket.close()


def stop(app: subprocess.Popen[bytes]) -> None:
    """As a deployment does."""
    app.terminate()
    app.wait(timeout=30)


def test_a_click_while_the_server_is_started_anew_gives_the_whole_file(
    demo: Demo, account: str, chromium: Browser, tmp_path: Path
) -> None:
    """The server that answers has not drawn the page; the cities are more than the page reads.

    Until then the page says what is the matter, and nothing that Streamlit would say to a developer.
    """
    with drawn(demo, account, chromium, tmp_path) as (page, app, serve):
        stop(app)
        expect(page.locator("#connection")).to_contain_text("Connection lost.")
        page.wait_for_timeout(3000)  # the frontend's own dialog comes later, and again with each attempt
        assert "streamlit" not in page.locator("body").inner_text().lower()
        expect(page.locator(".stDialog")).to_have_count(0)
        with page.expect_download(timeout=60_000) as coming:
            page.locator(BUTTON).click()
            serve()
        text = coming.value.path().read_bytes().decode("utf-8-sig")
        assert len(list(csv.DictReader(io.StringIO(text, "")))) > 300
        expect(page.locator(STATUS)).to_have_text("File saved.")
        page.route("**/export", lambda route: route.fulfill(status=404, body="Not Found"))
        page.locator(BUTTON).click()
        expect(page.locator(STATUS)).to_have_text(
            "The server made no file (status 404). Reload the page and try again."
        )


def test_a_viewer_who_is_banned_meanwhile_reads_why_there_is_no_file(
    demo: Demo, account: str, chromium: Browser, tmp_path: Path
) -> None:
    """On the page that is still open; a server just started has not known them before the ban."""
    with drawn(demo, account, chromium, tmp_path) as (page, app, serve):
        stop(app)
        with psycopg.connect(demo.env["INBOX_ANALYTICS_LOCAL_OWNER_URL"], autocommit=True) as connection:
            connection.execute('UPDATE "user" SET banned = true WHERE email = %s', (account,))
        page.locator(BUTTON).click()
        serve()
        expect(page.locator(STATUS)).to_have_text("This account is suspended. Ask the platform staff.")
