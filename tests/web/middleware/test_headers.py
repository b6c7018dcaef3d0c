"""The headers of every answer."""

import base64
import hashlib
import re
from collections.abc import Iterable

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from analytics.web.middleware.headers import AnswerHeaders, content_security_policy, script_hashes
from tests.web.asgi_requests import LOCAL, send_request

PUBLIC = "https://stats.example.com"
DOCUMENT = "<html><head><script>\n  one < two\n</script><script src='a.js'></script></head></html>"


def _directives(policy: str) -> dict[str, list[str]]:
    return {name: values for name, *values in (part.split() for part in policy.split(";"))}


def _broken(_request: Request) -> Response:
    raise RuntimeError("a fault")


def served(public_url: str | None = PUBLIC, documents: Iterable[str] = (DOCUMENT,)) -> AnswerHeaders:
    """An application that answers in every way, with its headers."""
    routes = [
        Route("/", lambda _: PlainTextResponse("page")),
        Route("/elsewhere", lambda _: RedirectResponse("/")),
        Route("/broken", _broken),
        Route("/open", lambda _: PlainTextResponse("", headers={"Access-Control-Allow-Origin": "*"})),
        Route("/app/static/icon.png", lambda _: PlainTextResponse("icon")),
        Route("/kept", lambda _: PlainTextResponse("", headers={"Cache-Control": "max-age=5"})),
    ]
    return AnswerHeaders(Starlette(routes=routes), documents, public_url)


@pytest.mark.parametrize(
    ("path", "status"), [("/", 200), ("/elsewhere", 307), ("/missing", 404), ("/broken", 500)]
)
def test_every_answer_has_them(path: str, status: int) -> None:
    """Pages, redirects, what is not there, and exceptions."""
    found = send_request(served(), path, at=PUBLIC, is_raising=False)
    assert found.status_code == status
    for name, value in {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Frame-Options": "DENY",
        "Strict-Transport-Security": "max-age=31536000",
        "Cache-Control": "no-store",
    }.items():
        assert found.headers.get_list(name) == [value], name
    assert len(found.headers.get_list("Content-Security-Policy")) == 1
    assert "camera=()" in found.headers["Permissions-Policy"]


def test_an_exception_still_reaches_the_log() -> None:
    """It is raised on, to the server."""
    with pytest.raises(RuntimeError, match="a fault"):
        send_request(served(), "/broken")


def test_no_other_origin_reads_an_answer() -> None:
    """Whatever the application says of that."""
    found = send_request(served(), "/open", headers={"Origin": "https://evil.example"})
    assert not [name for name in found.headers if name.startswith("access-control")]


def test_public_files_alone_are_kept() -> None:
    """What says how long it holds keeps its word."""
    assert "Cache-Control" not in send_request(served(), "/app/static/icon.png").headers
    assert send_request(served(), "/kept").headers["Cache-Control"] == "max-age=5"


@pytest.mark.parametrize(
    ("public_url", "is_https"), [(PUBLIC, True), ("http://localhost:8501", False), (None, False)]
)
def test_only_https_is_demanded_for_later(public_url: str | None, is_https: bool) -> None:
    """Only if the public address is https: over http this header would lock out all users."""
    found = send_request(served(public_url), at=public_url or LOCAL)
    assert ("Strict-Transport-Security" in found.headers) is is_https
    assert ("upgrade-insecure-requests" in _directives(found.headers["Content-Security-Policy"])) is is_https


def test_no_text_becomes_a_script() -> None:
    """Neither evaluated nor written into a page, but for the inline scripts of our own documents."""
    said = _directives(content_security_policy(script_hashes([DOCUMENT]), PUBLIC))
    digest = base64.b64encode(hashlib.sha256(b"\n  one < two\n").digest()).decode()
    assert f"'sha256-{digest}'" in said["script-src"]
    assert not {"'unsafe-eval'", "'unsafe-inline'", "data:", "*", "https:"} & set(said["script-src"])
    for name in ("default-src", "object-src", "frame-src", "frame-ancestors", "base-uri", "worker-src"):
        assert said[name] == ["'none'"], name


def test_nothing_names_another_host() -> None:
    """All sources are this server, schemes without a host, or hashes."""
    policy = content_security_policy(script_hashes([DOCUMENT]), PUBLIC)
    assert re.findall(r"\w+://[^ ;]+", policy) == ["wss://stats.example.com"]


@pytest.mark.parametrize(
    ("public_url", "at", "sockets"),
    [
        (PUBLIC, PUBLIC, ["wss://stats.example.com"]),
        ("https://example.com:8443/stats", "https://example.com:8443", ["wss://example.com:8443"]),
        (None, LOCAL, ["ws://localhost:8501"]),
        (None, "http://[::1]:8501", ["ws://[::1]:8501"]),
        (LOCAL, LOCAL, ["ws://localhost:8501"]),
        (PUBLIC, LOCAL, ["wss://stats.example.com", "ws://localhost:8501"]),
        (PUBLIC, "http://evil.example", ["wss://stats.example.com"]),
    ],
)
def test_only_our_own_websocket_may_be_opened(public_url: str | None, at: str, sockets: list[str]) -> None:
    """The public one, and this machine's own under the name that it was asked by."""
    allowed = _directives(send_request(served(public_url), at=at).headers["Content-Security-Policy"])[
        "connect-src"
    ]
    assert [source for source in allowed if source.startswith("ws")] == sockets


@pytest.mark.parametrize(
    "host",
    [
        "localhost; script-src *",
        "localhost:8501\tx",
        "localhost:x",
        "localhost:8501/x",
        "a@localhost",
        "[::1]; script-src *",
    ],
)
def test_a_host_writes_nothing_into_the_policy(host: str) -> None:
    """Only a name and a port do."""
    assert content_security_policy([], None, host) == content_security_policy([], None)
