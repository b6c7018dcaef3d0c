"""Every request: its id, who is believed about it, and its line in the log."""

import asyncio
import json
import logging
from ipaddress import ip_network
from typing import Any

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from analytics.web import request_id
from analytics.web.logs import FIELDS
from analytics.web.middleware.requests import LONGEST_PATH, Requests

PROXY = "10.1.2.3"


async def mirror(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what it sees of the request."""
    if scope["path"] == "/broken":
        raise LookupError("a page of the answer is missing")
    request = Request(scope)
    assert request.client is not None
    seen = {
        "client": request.client.host,
        "scheme": request.url.scheme,
        "id": request_id.current(),
        "header": request.headers.getlist("x-request-id"),
    }
    await JSONResponse(seen)(scope, receive, send)


def ask(path: str = "/", peer: str = PROXY, **headers: str) -> httpx2.Response:
    """One answer to a request from a peer."""

    async def answer() -> httpx2.Response:
        app = Requests(mirror, [ip_network("10.0.0.0/8"), ip_network("::1/128")])
        transport = httpx2.ASGITransport(app=app, client=(peer, 1), raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://inbox.example.com") as client:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.get(path, headers=named)

    return asyncio.run(answer())


def logged(caplog: pytest.LogCaptureFixture, path: str, **headers: str) -> dict[str, Any]:
    """The fields of the one line that a request leaves."""
    caplog.clear()
    with caplog.at_level(logging.INFO, "analytics.web.middleware.requests"):
        ask(path, **headers)
    (record,) = caplog.records
    fields: dict[str, Any] = getattr(record, FIELDS)
    return fields | {"level": record.levelname, "message": record.getMessage()}


@pytest.mark.parametrize("peer", [PROXY, "10.255.0.1", "::ffff:10.1.2.3", "::1"])
def test_a_trusted_proxy_is_believed(peer: str) -> None:
    """Also where one socket listens for IPv4 and IPv6."""
    seen = ask(
        peer=peer, X_Forwarded_For="203.0.113.7", X_Forwarded_Proto="https", X_Request_ID="abc-1"
    ).json()
    assert seen == {"client": "203.0.113.7", "scheme": "https", "id": "abc-1", "header": ["abc-1"]}


@pytest.mark.parametrize("peer", ["203.0.113.9", "11.0.0.1", "2001:db8::1", "::ffff:11.0.0.1"])
def test_others_are_not_believed(peer: str) -> None:
    """Neither about the client nor about the scheme; and they cannot choose what stands in the log."""
    seen = ask(peer=peer, X_Forwarded_For="10.0.0.1", X_Forwarded_Proto="https", X_Request_ID="abc-1").json()
    assert seen["client"] == peer.removeprefix("::ffff:")
    assert seen["scheme"] == "http"
    assert seen["header"] == [seen["id"]]
    assert seen["id"] != "abc-1"


def test_a_client_cannot_pretend_to_be_another_one_through_a_proxy() -> None:
    """What it sent itself stands before what the proxy added."""
    assert ask(X_Forwarded_For="198.51.100.1, 203.0.113.7, 10.9.9.9").json()["client"] == "203.0.113.7"


def test_the_answer_says_the_id() -> None:
    """So that a person who reports a fault can name it."""
    answer = ask(X_Request_ID="abc-1")
    assert answer.headers.get_list("x-request-id") == ["abc-1"]


def test_a_request_leaves_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """With what an operator asks for."""
    line = logged(caplog, "/live", X_Forwarded_For="203.0.113.7")
    assert (line["level"], line["message"]) == ("INFO", "GET /live 200")
    assert (line["method"], line["path"], line["status"], line["client"]) == (
        "GET",
        "/live",
        200,
        "203.0.113.7",
    )
    assert line["bytes"] > 0
    assert line["seconds"] >= 0


@pytest.mark.parametrize(
    "path",
    ["/live?token=hidden", "/oauth2callback?code=hidden&state=x", "/media/hidden.png", "/a/media/hidden"],
)
def test_nothing_that_opens_something_is_written_down(caplog: pytest.LogCaptureFixture, path: str) -> None:
    """Neither queries nor cookies nor tokens nor names of files."""
    line = logged(caplog, path, Cookie="_streamlit_user=hidden", Authorization="Bearer hidden")
    assert "hidden" not in json.dumps(line)


def test_a_path_is_ascii_on_one_line_and_not_longer_than_it_may_be(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever it holds."""
    assert logged(caplog, "/a%0Ab%1B%22é")["path"] == "/a%0Ab%1B%22%C3%A9"
    assert len(logged(caplog, "/" + "x" * 5000)["path"]) == LONGEST_PATH


@pytest.mark.parametrize(
    ("named", "client"),
    [
        ("<script>", None),
        ("x" * 5000, None),
        ("fe80::1%" + "x" * 5000, "fe80::1"),
        ("203.0.113.7, unknown", None),
        ("2001:DB8::7", "2001:db8::7"),
    ],
)
def test_a_client_is_an_address_or_nothing(
    caplog: pytest.LogCaptureFixture, named: str, client: str | None
) -> None:
    """Whatever a trusted proxy passes on."""
    assert logged(caplog, "/live", X_Forwarded_For=named)["client"] == client


def test_a_request_that_ends_in_an_exception_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    """The server answers 500 for it."""
    line = logged(caplog, "/broken")
    assert (line["level"], line["message"]) == ("ERROR", "GET /broken without an answer")
