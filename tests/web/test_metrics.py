"""`/metrics` is closed unless it was opened, asks for its token, and counts the tabs that are connected."""

import asyncio
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from analytics import cached, telemetry
from analytics.errors import ConfigError
from analytics.ingest.spool.segment import Segment
from analytics.settings import Settings, load_settings
from analytics.telemetry import NUMBERS, Labels, Metric
from analytics.web.metrics import CONTENT_TYPE, count_sessions, endpoint, second_port
from tests.conftest import LocalStack
from tests.web.program import DEMO, page, served

TOKEN = "0123456789abcdef"
NEEDED = {
    "TINYBIRD_HOST": "http://127.0.0.1:1",
    "TINYBIRD_READ_TOKEN": "p.read",
    "DATABASE_URL": "postgresql://reader@127.0.0.1:1/inbox",
}


def measure() -> Mapping[Metric, Mapping[Labels, float]]:
    """Something that is known only when asked for."""
    return {telemetry.QUERIES_LEFT: {(): 7.0}}


def answer(token: str | None, *, is_open: bool, authorization: bytes | None = None) -> httpx2.Response:
    """What a request for `/metrics` is answered."""
    secret = None if token is None else SecretStr(token)
    app = Starlette(routes=[Route("/metrics", endpoint(measure, secret, is_open=is_open))])

    async def ask() -> httpx2.Response:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://x") as client:
            headers = {} if authorization is None else {b"Authorization": authorization}
            return await client.get("/metrics", headers=headers)

    return asyncio.run(ask())


def settings(**variables: str) -> Settings:
    """Those of a deployment with these variables."""
    return load_settings(NEEDED | variables)


@pytest.mark.parametrize("authorization", [None, b"Bearer ", b"Bearer " + TOKEN.encode()])
def test_beside_the_pages_it_does_not_exist_without_a_token(authorization: bytes | None) -> None:
    """Whatever a request brings."""
    found = answer(None, is_open=False, authorization=authorization)
    assert (found.status_code, found.text) == (404, "Not Found")


@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize(
    "authorization",
    [
        None,
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer 0123456789abcdeF",
        b"Bearer 0123456789abcdef0",
        b"Basic 0123456789abcdef",
        b"0123456789abcdef",
        b"Bearer \xff\xfe",
    ],
)
def test_another_token_is_refused(authorization: bytes | None, is_open: bool) -> None:
    """On either port, once there is one; nothing of the numbers is in the answer."""
    found = answer(TOKEN, is_open=is_open, authorization=authorization)
    assert (found.status_code, found.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "inbox_analytics" not in found.text


@pytest.mark.parametrize("authorization", [b"Bearer " + TOKEN.encode(), b"bearer  " + TOKEN.encode()])
def test_the_token_opens_it(authorization: bytes) -> None:
    """In the format that Prometheus asks for, from no cache."""
    found = answer(TOKEN, is_open=False, authorization=authorization)
    assert (found.status_code, found.headers["Content-Type"]) == (200, CONTENT_TYPE)
    assert found.headers["Cache-Control"] == "no-store"
    assert "inbox_analytics_queries_left 7" in found.text.splitlines()


def test_a_port_of_its_own_answers_metrics_alone() -> None:
    """At the address that was set, for as long as the pages are served, and nothing else is there."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with second_port(settings(INBOX_ANALYTICS_METRICS_PORT=str(port)), measure):
        found = httpx2.get(f"{address}/metrics")
        assert (found.status_code, found.headers["Content-Type"]) == (200, CONTENT_TYPE)
        assert "inbox_analytics_queries_left 7" in found.text.splitlines()
        assert "server" not in found.headers
        assert [httpx2.get(f"{address}{path}").status_code for path in ("/", "/readyz", "/live")] == [404] * 3
        assert httpx2.post(f"{address}/metrics").status_code == 405
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{address}/metrics")


def test_a_token_is_asked_for_there_too() -> None:
    """Where one is set, nothing is open."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    both = settings(INBOX_ANALYTICS_METRICS_PORT=str(port), INBOX_ANALYTICS_METRICS_TOKEN=TOKEN)
    with second_port(both, measure):
        assert httpx2.get(f"http://127.0.0.1:{port}/metrics").status_code == 401
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert httpx2.get(f"http://127.0.0.1:{port}/metrics", headers=headers).status_code == 200


def test_without_a_port_there_is_no_server() -> None:
    """Nothing is opened that was not asked for; by default a port is of this machine alone."""
    with second_port(settings(), measure):
        pass
    assert settings().metrics_port is None
    assert settings().metrics_address == "127.0.0.1"


def test_a_port_that_is_taken_is_a_sentence() -> None:
    """Two processes of one machine with the same setting."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = settings(INBOX_ANALYTICS_METRICS_PORT=str(taken.getsockname()[1]))
        with pytest.raises(ConfigError, match="one for each process"), second_port(wanted, measure):
            pass


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"INBOX_ANALYTICS_METRICS_PORT": "0"}, "METRICS_PORT"),
        ({"INBOX_ANALYTICS_METRICS_PORT": "x"}, "METRICS_PORT"),
        ({"INBOX_ANALYTICS_METRICS_TOKEN": "short"}, "openssl rand"),
        ({"INBOX_ANALYTICS_METRICS_TOKEN": "spaces in this token"}, "neither spaces"),
    ],
    ids=["no port", "no number", "short", "spaces"],
)
def test_a_setting_that_cannot_be_used_is_named(variables: dict[str, str], said: str) -> None:
    """Without its value."""
    with pytest.raises(ConfigError, match=said) as caught:
        settings(**variables)
    assert not any(value in str(caught.value) for value in variables.values() if len(value) > 1)


def _sessions() -> float:
    line = next(
        line for line in NUMBERS.text({}).splitlines() if line.startswith("inbox_analytics_sessions ")
    )
    return float(line.split()[1])


@pytest.mark.parametrize("ends", [None, RuntimeError("broken")], ids=["closed", "broken"])
def test_a_session_counts_while_its_websocket_is_open(ends: Exception | None) -> None:
    """From its acceptance to its end, however it ends; a refused one and other requests never do."""
    NUMBERS.clear()
    seen: list[float] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        if "refused" not in scope:
            await send({"type": "websocket.accept"})
        NUMBERS.add(telemetry.SESSIONS, amount=0.0)
        seen.append(_sessions())
        if ends is not None:
            raise ends

    async def receive() -> Message:
        raise AssertionError

    async def send(_message: Message) -> None:
        """Takes it."""

    async def served(scope: Scope) -> None:
        await count_sessions(app)(scope, receive, send)

    def run(scope: Scope) -> None:
        with suppress(RuntimeError):
            asyncio.run(served(scope))

    stream = {"type": "websocket", "path": "/analytics/_stcore/stream"}
    run(stream)
    run(stream | {"refused": True})
    run(stream | {"path": "/elsewhere"})
    run({"type": "http", "path": "/_stcore/stream"})
    assert seen == [1, 0, 0, 0]
    assert _sessions() == 0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def test_the_program_counts_a_connected_tab_and_forgets_it(tmp_path: Path) -> None:
    """Over the port of its own; beside the pages there is nothing, at the root and under a base."""
    port = _free_port()
    with served(tmp_path, DEMO | {"INBOX_ANALYTICS_METRICS_PORT": str(port)}) as running:

        def sessions() -> str | None:
            text = httpx2.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
            return next(
                (line for line in text.splitlines() if line.startswith("inbox_analytics_sessions")), None
            )

        def become(expected: str) -> None:
            deadline = time.monotonic() + 20
            while sessions() != expected:
                assert time.monotonic() < deadline, sessions()
                time.sleep(0.05)

        beside = httpx2.get(f"http://127.0.0.1:{running.port}/metrics")
        assert (beside.status_code, beside.text) == (404, "Not Found")
        with page(f"ws://127.0.0.1:{running.port}"), page(f"ws://127.0.0.1:{running.port}"):
            become("inbox_analytics_sessions 2")
        become("inbox_analytics_sessions 0")


def test_the_program_answers_while_both_sources_hang(tmp_path: Path) -> None:
    """Alive, not ready, its metrics at hand: what waits for a source waits beside."""
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        sources = {
            "TINYBIRD_HOST": f"http://{address}",
            "DATABASE_URL": f"postgresql://reader@{address}/inbox",
        }
        token = {"INBOX_ANALYTICS_METRICS_TOKEN": TOKEN}
        with served(tmp_path, DEMO | sources | token) as running:
            base, patience = f"http://127.0.0.1:{running.port}", 8.0
            for _ in range(3):
                found = httpx2.get(f"{base}/readyz", timeout=patience)
                assert (found.status_code, found.json()["ready"]) == (503, False)
                assert found.json()["sources"] == dict.fromkeys(
                    ("tinybird", "postgres"), "No answer within 1.5 s."
                )
            assert httpx2.get(f"{base}/livez", timeout=patience).text == "ok\n"
            headers = {"Authorization": f"Bearer {TOKEN}"}
            assert httpx2.get(f"{base}/metrics", headers=headers, timeout=patience).status_code == 200


def test_what_is_measured_when_asked(
    stack_environment: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Budget, caches and spool of this process; no source is asked for it."""
    del stack_environment
    now = datetime.now(UTC)
    assert cached.measured(now)[telemetry.QUERIES_LEFT] == {(): 1000.0}
    monkeypatch.setenv("INBOX_ANALYTICS_SPOOL_DIR", str(tmp_path / "spool"))
    assert cached.measured(now)[telemetry.SPOOL_EVENTS] == {("waiting",): 0.0, ("refused",): 0.0}
    assert cached.measured(now)[telemetry.SPOOL_OLDEST] == {(): 0.0}
    cached.clear()
    segment = Segment.create(tmp_path / "spool" / "visitor_events")
    segment.append(f'{{"timestamp": "{now - timedelta(seconds=90):%Y-%m-%d %H:%M:%S}"}}\n'.encode())
    waiting = cached.measured(now)
    assert waiting[telemetry.SPOOL_EVENTS] == {("waiting",): 1.0, ("refused",): 0.0}
    assert waiting[telemetry.SPOOL_OLDEST][()] == pytest.approx(90, abs=1)
    monkeypatch.setenv("TINYBIRD_DAILY_QUERIES", "unlimited")
    cached.clear()
    assert telemetry.QUERIES_LEFT not in cached.measured(now)
