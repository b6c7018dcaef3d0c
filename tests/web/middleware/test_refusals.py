"""What the web server refuses."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analytics.web.middleware.refusals import LONGEST_BODY, Refusals
from tests.web.asgi_requests import LOCAL, open_websocket, send_request

PUBLIC = "https://stats.example.com"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


async def _length(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


def served(base: str = "", public_url: str | None = PUBLIC) -> Refusals:
    """An application that answers everything with the length of what it was sent."""
    return Refusals(Starlette(routes=[Route("/{path:path}", _length, methods=METHODS)]), base, public_url)


async def _socket(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})


def _guarded(app: ASGIApp = _socket, public_url: str | None = PUBLIC) -> Refusals:
    return Refusals(app, "", public_url)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("base", ["", "/analytics"])
@pytest.mark.parametrize(
    "path",
    [
        "/_stcore/upload_file/session/file",
        "/_stcore/%75pload_file/session/file",
        "/_stcore/metrics",
        "/_stcore/agent/interact",
        "/_stcore/agent/mcp",
        "/_stcore/agent/openapi.json",
        "/component/any/index.html",
    ],
)
def test_what_is_not_used_is_closed(method: str, base: str, path: str) -> None:
    """With every method, under a prefix too."""
    assert send_request(served(base), f"{base}{path}", method, at=PUBLIC, content=b"x").status_code == 404


@pytest.mark.parametrize(
    "path", ["/", "/live", "/_stcore/health", "/_stcore/host-config", "/media/x", "/export", "/components"]
)
def test_what_is_used_is_open(path: str) -> None:
    """Under the public name and on this machine."""
    for at in (PUBLIC, LOCAL, "http://127.0.0.1:1", "http://[::1]:1"):
        assert send_request(served(), path, at=at).status_code == 200


@pytest.mark.parametrize("base", ["", "/analytics"])
@pytest.mark.parametrize("path", ["/app/static/", "/media/", "/_stcore/upload_file/", "/"])
def test_an_address_longer_than_any_is_looked_for_nowhere(
    base: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A name that no file can have is a mistake to the file system, and would fill the log."""
    caplog.set_level("INFO")
    for rest in ("a" * 256, "a/" * 30_000, "%F0%9F%92%A9" * 64):
        assert send_request(served(base), f"{base}{path}{rest}", at=PUBLIC).status_code == 414
    said = [record.getMessage() for record in caplog.records if "Refused" in record.getMessage()]
    assert max(map(len, said)) < 400
    longest = "a" * (255 - len("/media/"))
    assert send_request(served(base), f"{base}/media/{longest}", at=PUBLIC).status_code == 200


def test_the_log_names_a_refused_address_in_ascii_on_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever it holds, and without the names of files, which open something."""
    caplog.set_level("INFO")
    for path in ("/_stcore/upload_file/%0A%1B%5B31m%E2%80%A8x", "/media/secret.png"):
        send_request(served(), path, at="http://evil.example")
    said = [record.getMessage() for record in caplog.records if "Refused" in record.getMessage()]
    assert len(said) == 2
    assert all(text.isascii() and text.isprintable() for text in said)
    assert "secret" not in said[1]


def test_a_closed_address_reads_nothing() -> None:
    """A body is not taken, however long it is."""

    async def receive() -> Message:
        pytest.fail("The body was read.")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "PUT",
        "path": "/_stcore/upload_file/a/b",
        "headers": [(b"host", b"localhost")],
    }
    asyncio.run(served()(scope, receive, send))
    assert sent[0]["status"] == 404


@pytest.mark.parametrize(
    "at",
    [
        "http://evil.example",
        "http://stats.example.com.evil.example",
        "http://10.0.0.7:8501",
        "http://127.0.0.1.evil.example",
    ],
)
def test_another_name_is_not_answered(at: str) -> None:
    """A page of another website that gave its own name this server's address would be its origin."""
    found = send_request(served(), at=at)
    assert found.status_code == 421
    assert "INBOX_ANALYTICS_PUBLIC_URL" in found.text
    assert open_websocket(_guarded(), "/_stcore/stream", host=at.removeprefix("http://"), origin=at) == [
        "websocket.close"
    ]


@pytest.mark.parametrize("path", ["/_stcore/health", "/livez", "/readyz", "/metrics"])
def test_what_watches_the_server_asks_by_its_address(path: str) -> None:
    """As an orchestrator does."""
    assert send_request(served(), path, at="http://10.0.0.7:8501").status_code == 200


@pytest.mark.parametrize(
    ("host", "origin", "is_own"),
    [
        ("stats.example.com", PUBLIC, True),
        ("stats.example.com:443", PUBLIC, True),
        ("localhost:8501", PUBLIC, True),  # a proxy that names the server by itself
        ("localhost:8501", "http://localhost:8501", True),
        ("[::1]:8501", "http://[::1]:8501", True),
        ("stats.example.com", "http://stats.example.com", False),
        ("stats.example.com", "https://stats.example.com:8443", False),
        ("stats.example.com", "https://evil.example", False),
        ("stats.example.com", "http://localhost:8501", False),
        ("localhost:8501", "http://localhost:9999", False),
        ("localhost:8501", "https://evil.example", False),
        ("localhost:8501", "null", False),
        ("localhost:8501", "", False),
    ],
)
def test_only_our_own_pages_are_answered(host: str, origin: str, is_own: bool) -> None:
    """WebSockets and requests alike."""
    opened = open_websocket(_guarded(), "/_stcore/stream", host=host, origin=origin)
    assert opened == (["websocket.accept"] if is_own else ["websocket.close"])
    headers = {"Host": host, "Origin": origin}
    assert send_request(served(), "/export", "POST", headers=headers).status_code == (200 if is_own else 403)


@pytest.mark.parametrize(
    ("host", "said"), [("localhost:8501", "websocket.accept"), ("stats.example.com", "websocket.close")]
)
def test_a_websocket_without_an_origin_is_of_this_machine(host: str, said: str) -> None:
    """Every browser names the origin; a program elsewhere has no business here."""
    assert open_websocket(_guarded(), "/_stcore/stream", host=host, origin=None) == [said]


def test_a_proxy_may_call_the_server_as_it_likes() -> None:
    """Within, a WebSocket of our pages has their host: Streamlit lets it in without asking the internet who it is."""
    seen: list[list[bytes]] = []

    async def within(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append([value for name, value in scope["headers"] if name == b"host"])

    for host in ("127.0.0.1:8501", "stats.example.com", "stats.example.com:443"):
        open_websocket(_guarded(within), "/_stcore/stream", host=host, origin=PUBLIC)
    assert seen == [[b"stats.example.com"]] * 3


def test_without_a_public_address_this_machine_alone_is_answered() -> None:
    """An empty name is none."""
    for host in ("stats.example.com", ""):
        assert open_websocket(_guarded(public_url=None), "/", host=host, origin=None) == ["websocket.close"]
    assert send_request(served(public_url=None), at=LOCAL, headers={"Origin": "https://"}).status_code == 403


def test_a_long_body_is_refused_before_it_is_read() -> None:
    """By what it says of its length; one as long as the limit is taken."""
    assert send_request(served(), "/export", "POST", content=b" " * LONGEST_BODY).text == str(LONGEST_BODY)
    assert send_request(served(), "/export", "POST", content=b" " * (LONGEST_BODY + 1)).status_code == 413
    said = {"Content-Length": "9" * 5000}
    assert send_request(served(), "/export", "POST", headers=said).status_code == 413


def test_a_body_of_unsaid_length_ends_at_the_limit() -> None:
    """In parts, none of which is long."""
    given = 0

    async def receive() -> Message:
        nonlocal given
        given += 1
        return {"type": "http.request", "body": b" " * 100_000, "more_body": True}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/export",
        "raw_path": b"/export",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost")],
    }
    asyncio.run(served()(scope, receive, send))
    assert sent[0]["status"] == 413
    assert given == LONGEST_BODY // 100_000 + 1
