"""A browser whose requests go to several processes is noticed, and no other."""

import asyncio
import time

import httpx2
import pytest
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.types import Receive, Scope, Send

from analytics.web.middleware import stickiness
from analytics.web.middleware.stickiness import COOKIE, Stickiness


async def site(scope: Scope, receive: Receive, send: Send) -> None:
    """Documents everywhere, but for files."""
    if "/media/" in scope["path"]:
        await PlainTextResponse("File not found", 404)(scope, receive, send)
    else:
        await HTMLResponse("<p>")(scope, receive, send)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that both processes go by; the second began 100 s ago."""
    now = [time.time()]
    monkeypatch.setattr("analytics.web.middleware.stickiness.time.time", lambda: now[0])
    return now


def process(*, is_secure: bool = True) -> Stickiness:
    """Another process."""
    return Stickiness(site, f"http{'s' if is_secure else ''}://x/analytics")


def ask(app: Stickiness, path: str, cookie: str = "") -> httpx2.Response:
    """One answer; a cookie goes out in Latin-1, as any byte may."""

    async def answer() -> httpx2.Response:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://x") as client:
            return await client.get(path, headers=[(b"cookie", f"a=b; {cookie}".encode("latin-1"))])

    return asyncio.run(answer())


def warnings(caplog: pytest.LogCaptureFixture) -> int:
    """How often it was said."""
    return sum("sticky sessions" in record.getMessage() for record in caplog.records)


def mark(app: Stickiness) -> str:
    """The cookie that a document of a process sets."""
    return ask(app, "/").headers["set-cookie"].partition(";")[0]


@pytest.mark.parametrize("is_secure", [True, False])
def test_a_document_says_which_process_made_it(is_secure: bool) -> None:
    """In a cookie that no script and no other path sees, and that stays within TLS; files say nothing."""
    app = process(is_secure=is_secure)
    cookie = ask(app, "/").headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert cookie.endswith("; Path=/analytics; HttpOnly; SameSite=Lax" + ("; Secure" if is_secure else ""))
    assert "set-cookie" not in ask(app, "/media/x.png").headers


def test_a_picture_of_another_process_is_noticed_once(
    caplog: pytest.LogCaptureFixture, clock: list[float]
) -> None:
    """One line names what is missing before the server; not one for each picture."""
    here, there = process(), process()
    for _ in range(3):
        clock[0] += 100
        ask(here, "/media/x.png", mark(there))
    assert warnings(caplog) == 1


def test_a_browser_that_stays_is_not_reported(caplog: pytest.LogCaptureFixture, clock: list[float]) -> None:
    """Its pictures may be gone all the same."""
    here = process()
    clock[0] += 100
    ask(here, "/media/x.png", mark(here))
    ask(here, "/media/x.png")
    assert warnings(caplog) == 0


def test_a_start_anew_and_a_process_that_ended_are_not_reported(
    caplog: pytest.LogCaptureFixture, clock: list[float]
) -> None:
    """A browser comes to another process then, as it should."""
    before = mark(process())
    clock[0] += 1
    ask(process(), "/media/x.png", before)
    here, ended = process(), process()
    clock[0] += 100
    late, last = mark(ended), mark(ended)
    for _ in range(3):
        clock[0] += 1
        ask(here, "/media/x.png", last)
    clock[0] += stickiness.FRESH_SECONDS + 1
    ask(here, "/media/x.png", late)
    assert warnings(caplog) == 0


@pytest.mark.parametrize("value", ["", "x", "x.", "x.y", "x.-1", "x.²", "x." + "9" * 5000, '"', "x.1e9"])
def test_a_cookie_that_is_none_is_passed_over(caplog: pytest.LogCaptureFixture, value: str) -> None:
    """Browsers send what they were given, and others send anything."""
    ask(process(), "/media/x.png", f"{COOKIE}={value}")
    assert caplog.records == []
