"""`inbox-analytics serve`: what it says, how it ends, and what it does not start with."""

import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import httpx2
import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosedError

from tests.conftest import ROOT
from tests.web.program import DEMO, SIGN_IN, SOURCES, Served, page, refused, served

HTTPS = {"INBOX_ANALYTICS_PUBLIC_URL": "https://inbox.example.com"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One that runs, in the demo, without sources that answer."""
    with served(tmp_path_factory.mktemp("serve"), DEMO) as running:
        yield running


def test_it_says_where_it_listens_in_one_line(server: Served) -> None:
    """Nothing before that, and nothing on standard output."""
    line = server.lines("Serving")[0]
    assert line["message"] == f"Serving the demo on 127.0.0.1:{server.port} as process {server.pid}."
    assert (line["level"], line["logger"]) == ("info", "analytics.web.server")


def test_a_request_leaves_its_line_with_the_id_that_the_proxy_gave(server: Served) -> None:
    """Also of one whose answer is an error."""
    for path, status in (("/live?token=hidden", 200), ("/no-such-page", 404)):
        answer = httpx2.get(f"http://127.0.0.1:{server.port}{path}", headers={"X-Request-ID": "of-the-proxy"})
        assert answer.status_code == status
        assert answer.headers["X-Request-ID"] == "of-the-proxy"
    lines = server.lines("of-the-proxy", 2)
    assert [(line["path"], line["status"]) for line in lines] == [("/live", 200), ("/no-such-page", 404)]
    assert "hidden" not in server.log.read_text()


def test_it_has_the_options_of_the_checkout_wherever_it_is_started(tmp_path: Path) -> None:
    """Options of .streamlit/config.toml as sent to a browser: one navigation, no usage reports to Streamlit."""
    said = ForwardMsg()
    with served(tmp_path, DEMO, where=tmp_path) as running, page(f"ws://127.0.0.1:{running.port}") as browser:
        while said.WhichOneof("type") != "new_session":
            said.ParseFromString(cast("bytes", browser.recv(timeout=30)))
    config = said.new_session.config
    assert (config.gather_usage_stats, config.hide_sidebar_nav) == (False, True)
    assert said.new_session.custom_theme.body_font == "Inter, system-ui, sans-serif"


BROKEN = """
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import streamlit as st

spec = spec_from_file_location("real", {real!r})
real = module_from_spec(spec)
sys.path.insert(0, str(Path({real!r}).parent))
spec.loader.exec_module(real)
PUBLIC_URL = None
request_id_of_run = real.request_id_of_run
app = st.App(Path(__file__).with_name("app.py"), on_script_error=real.on_script_error)
"""


def test_what_a_run_of_a_page_says_has_the_id_of_its_websocket(tmp_path: Path) -> None:
    """Its traceback too is one line, from Streamlit's own logger."""
    (tmp_path / "asgi_app.py").write_text(BROKEN.format(real=str(ROOT / "asgi_app.py")))
    (tmp_path / "app.py").write_text("1 / 0\n")
    given = {"X-Request-ID": "of-the-page"}
    with served(tmp_path, DEMO, where=tmp_path) as running:
        with page(f"ws://127.0.0.1:{running.port}", additional_headers=given):
            (line,) = running.lines("ZeroDivisionError")
        (end,) = running.lines('"WEBSOCKET"')
    assert (line["level"], line["request_id"]) == ("error", "of-the-page")
    assert line["logger"].startswith("streamlit.")
    assert line["exception"].count("\n") > 2
    assert (end["path"], end["status"], end["request_id"]) == ("/_stcore/stream", 101, "of-the-page")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_it_ends_with_0_on_sigterm_and_notifies_open_pages(tmp_path: Path, number: signal.Signals) -> None:
    """Code 1012: a service that starts anew, so a browser comes back."""
    with served(tmp_path, DEMO) as running, page(f"ws://127.0.0.1:{running.port}") as connection:
        connection.recv(timeout=20)
        running.process.send_signal(number)
        with pytest.raises(ConnectionClosedError):
            deque(connection, maxlen=0)
        assert connection.close_code == 1012
        assert running.process.wait(20) == 0
        assert [line["message"] for line in running.lines("Stopped.")] == ["Stopped."]


STREAM = """
import asyncio
from analytics.web import logs, server
logs.set_up("json")

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200})
    for _ in range(10):
        await send({"type": "http.response.body", "body": b"line\\n", "more_body": True})
        await asyncio.sleep(0.1)
    await send({"type": "http.response.body", "body": b"last"})

server.run(app, server.bind("127.0.0.1", 0), "x")
"""


def test_a_file_that_has_begun_is_given_to_its_end(tmp_path: Path) -> None:
    """A download is not cut in half by an update."""
    with (
        served(tmp_path, {}, instead=[sys.executable, "-c", STREAM]) as running,
        httpx2.stream("GET", f"http://127.0.0.1:{running.port}/") as answer,
    ):
        parts = answer.iter_bytes()
        got = next(parts)
        running.process.send_signal(signal.SIGTERM)
        got += b"".join(parts)
        assert got == b"line\n" * 10 + b"last"
        assert running.process.wait(20) == 0


DEFECT = """
from analytics.web import logs, server
from analytics.web.middleware import requests
logs.set_up("json")

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    else:
        raise LookupError("of a request")

server.run(requests.Requests(app, []), server.bind("127.0.0.1", 0), "x")
"""


def test_a_defect_of_the_app_is_one_line_with_the_id_of_its_request(tmp_path: Path) -> None:
    """From the server's own logger, which was there before ours."""
    with served(tmp_path, {}, instead=[sys.executable, "-c", DEFECT]) as running:
        answer = httpx2.get(f"http://127.0.0.1:{running.port}/")
        assert answer.status_code == 500
        (line,) = running.lines("LookupError")
        assert (line["level"], line["logger"]) == ("error", "uvicorn.error")
        (ended,) = running.lines('"GET"')
        assert (ended["level"], ended["request_id"]) == ("error", line["request_id"])


STUCK = """
import os, signal, sys, threading, time
from analytics.web import logs, server
server.STOP_SECONDS = float(sys.argv[1])
logs.set_up("json")

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        threading.Thread(target=stop).start()
        await receive()
        time.sleep(600)

def stop():
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)
    if sys.argv[2] == "twice":
        time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

server.run(app, server.bind("127.0.0.1", 0), "x")
"""


@pytest.mark.parametrize(("seconds", "often", "code"), [("1", "once", 0), ("600", "twice", 143)])
def test_what_hangs_is_cut_off_in_time_and_by_a_second_signal_at_once(
    seconds: str, often: str, code: int
) -> None:
    """Whatever still goes on, an event loop that hangs as well."""
    ended = subprocess.run(
        [sys.executable, "-c", STUCK, seconds, often], capture_output=True, text=True, timeout=30
    )
    assert ended.returncode == code
    assert ("cut off" in ended.stderr) == (often == "once")
    assert "Traceback" not in ended.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may start a process as number 1 of its namespace")
def test_it_ends_as_process_1_too(tmp_path: Path) -> None:
    """To which the system sends no signal that it does not handle."""
    alone = ("unshare", "--fork", "--pid", "--mount-proc")
    if subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("this machine allows no namespaces")
    with served(tmp_path, DEMO, through=(*alone, "--kill-child")) as running:
        assert running.pid == 1
        children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text()
        os.kill(int(children), signal.SIGTERM)
        assert running.process.wait(20) == 0
        assert "Stopped." in running.log.read_text()


@pytest.mark.parametrize(
    ("variables", "arguments", "said"),
    [
        ({}, (), "TINYBIRD_HOST is missing"),
        (SOURCES, (), "Sign-in is not configured"),
        (SOURCES | SIGN_IN, (), "INBOX_ANALYTICS_PUBLIC_URL missing"),
        (SOURCES | HTTPS, (), "Sign-in is not configured"),
        (SOURCES | HTTPS | SIGN_IN | {"INBOX_ANALYTICS_COOKIE_SECRET": "short"}, (), "cookie secret"),
        (SOURCES | SIGN_IN, ("--public-url", "http://inbox.example.com"), "start with https://"),
        (
            SOURCES | SIGN_IN,
            ("--public-url", "inbox.example.com"),
            "INBOX_ANALYTICS_PUBLIC_URL is not usable",
        ),
        (DEMO, ("--address", "0.0.0.0"), "listen on this machine only"),  # noqa: S104 - refused
        (DEMO, ("--address", "::"), "listen on this machine only"),
        (DEMO, ("--address", "inbox"), "INBOX_ANALYTICS_ADDRESS is not usable"),
        (DEMO, ("--address", "127.0.0.1", "--port", "65536"), "INBOX_ANALYTICS_PORT is not usable"),
        (DEMO, ("--trusted-proxies", "10.0.0.1/8"), "INBOX_ANALYTICS_TRUSTED_PROXIES is not usable"),
        (DEMO, ("--trusted-proxies", "0.0.0.0/0"), "trust every address"),
        (DEMO, ("--trusted-proxies", "*"), "INBOX_ANALYTICS_TRUSTED_PROXIES is not usable"),
        (DEMO, ("--log", "xml"), "INBOX_ANALYTICS_LOG is not usable"),
        (DEMO | {"TINYBIRD_HOST": "https://api.example.com"}, (), "local stack only"),
        (
            SOURCES | HTTPS | SIGN_IN | {"DATABASE_URL": "postgresql://reader@db:port/inbox"},
            (),
            "DATABASE_URL cannot be read",
        ),
        (
            SOURCES | HTTPS | SIGN_IN | {"DATABASE_URL": "postgresql://reader@db/inbox?no_option=1"},
            (),
            "DATABASE_URL cannot be read",
        ),
    ],
)
def test_without_a_right_configuration_it_says_why_and_ends_with_2(
    variables: dict[str, str], arguments: tuple[str, ...], said: str
) -> None:
    """On one line, without a traceback; no server runs."""
    ended = refused(variables, *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("Error: ")
    assert said in line


def test_what_the_app_refuses_at_its_start_is_a_sentence_too() -> None:
    """As the port of the metrics, which is opened by the app itself."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = refused(DEMO | {"INBOX_ANALYTICS_METRICS_PORT": port})
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"Error: INBOX_ANALYTICS_METRICS_PORT: Port {port}")


def test_a_port_that_is_taken_is_said() -> None:
    """Which, and what to do; another one is not taken instead."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = refused(DEMO, "--port", str(port))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"Error: Port {port} on 127.0.0.1 is taken by another program. Choose another port.\n"
    )


@pytest.mark.parametrize(
    "content", [b"[auth\n", b"\xff", b"auth = 'a-secret-4711'", b"auth = 'a-secret-4711"]
)
def test_a_file_of_secrets_that_cannot_be_read_is_said(tmp_path: Path, content: bytes) -> None:
    """It is not that there was none; and nothing of it is repeated."""
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_bytes(content)
    ended = refused(SOURCES | {"HOME": str(tmp_path)})
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].startswith("Error: secrets.toml cannot be read.")
    assert "Traceback" not in ended.stderr
    assert "4711" not in ended.stderr
