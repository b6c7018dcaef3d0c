"""Bodies made to keep the server busy: each is refused with a sentence, soon, and other requests go on meanwhile."""

import asyncio
import gzip
import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import httpx2
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from analytics.local.tinybird.server import request_fields
from tests.local.tinybird_server import TOKENS, Server

LARGEST = request_fields.MAX_BODY_BYTES - 100
ANSWER_SECONDS = 10.0
"""Far more than an answer takes here; 200,000 empty members took 41 s."""

OTHER_SECONDS = 3.0
"""Another request, meanwhile: longer than the longest that the interpreter is held by one call."""

EVENTS, SQL = "/v0/events?name=readings&wait=true", "/v0/sql"
FILE = "/v0/datasources?mode=append&name=readings"
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
GZIP = {"Content-Encoding": "gzip"}


def _with_a_repeat() -> bytes:
    fields = ", ".join(f'"{number}": 1' for number in range(100_000))
    return f'{{{fields}, "99999": 1}}'.encode()


HOSTILE: dict[str, tuple[str, Callable[[], bytes], dict[str, str], int, str]] = {
    "empty gzip members": (EVENTS, lambda: gzip.compress(b"") * 200_000, GZIP, 400, "gzip streams"),
    "empty gzip members in a file": (FILE, lambda: gzip.compress(b"") * 200_000, {}, 400, "gzip streams"),
    "a bomb": (EVENTS, lambda: gzip.compress(b" " * 100_000_000, 1), GZIP, 413, "64 MB"),
    "deep JSON": (SQL, lambda: b'{"q": ' + b"[" * LARGEST, JSON, 400, "nested too deeply"),
    "many JSON fields": (
        SQL,
        lambda: json.dumps(dict.fromkeys(range(600_000), 1)).encode(),
        JSON,
        413,
        "10,000",
    ),
    "many JSON values": (SQL, lambda: json.dumps({"q": [1] * 3_000_000}).encode(), JSON, 413, "100,000"),
    "a JSON field twice": (SQL, _with_a_repeat, JSON, 400, "'99999' was sent more than once"),
    "many form fields": (SQL, lambda: b"a=1&" * 2_500_000, FORM, 413, "10,000"),
    "many fields of an address": (f"{SQL}?{'a=1&' * 10_000}", lambda: b"", FORM, 413, "10,000"),
    "deep JSON as the event": (f"{EVENTS}&format=json", lambda: b"[" * 7_900_000, {}, 400, "not JSON"),
}
"""Path, body, headers, status and words of the answer. Bodies are made when they are sent: together they take seconds."""


@pytest.mark.parametrize(("path", "body", "headers", "status", "words"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_body_is_refused_soon(
    server: Server, path: str, body: Callable[[], bytes], headers: dict[str, str], status: int, words: str
) -> None:
    """With what is wrong in words; what others ask meanwhile is answered."""
    content = body()
    with other_requests(server) as waits:
        began = time.monotonic()
        answer = server.post(path, TOKENS.admin, content=content, headers=headers)
        assert time.monotonic() - began < ANSWER_SECONDS
    assert (answer.status_code, words in answer.json()["error"]) == (status, True), answer.text[:500]
    assert max(waits) < OTHER_SECONDS


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 7_900_000,
        b'{"name": "' + b"x" * LARGEST + b'"}',
        gzip.compress(gzip.compress(b" " * 10_000_000)),
    ],
    ids=["deep", "long", "gzip twice"],
)
def test_one_huge_line_is_quarantined_soon(server: Server, body: bytes) -> None:
    """What others ask meanwhile is answered."""
    headers = GZIP if body.startswith(b"\x1f\x8b") else {}
    with other_requests(server) as waits:
        began = time.monotonic()
        answer = server.send("readings", body, headers=headers)
        assert time.monotonic() - began < ANSWER_SECONDS
    counts = answer.json()
    assert (answer.status_code, counts["successful_rows"], counts["quarantined_rows"] > 0) == (200, 0, True)
    assert max(waits) < OTHER_SECONDS


@contextmanager
def other_requests(server: Server) -> Iterator[list[float]]:
    """How long each of the requests took that are made one after the other meanwhile."""
    waits: list[float] = []
    is_over, has_asked = threading.Event(), threading.Event()

    def ask() -> None:
        with httpx2.Client(base_url=server.host, timeout=60) as client:
            while not is_over.is_set():
                began = time.monotonic()
                assert client.get("/v0/health").status_code == 200
                waits.append(time.monotonic() - began)
                has_asked.set()
                is_over.wait(0.01)

    asking = threading.Thread(target=ask)
    asking.start()
    assert has_asked.wait(30)
    try:
        yield waits
    finally:
        is_over.set()
        asking.join()


def _connected(server: Server, path: str, *headers: str) -> socket.socket:
    """A connection on which a request with a body has begun."""
    url = urlsplit(server.host)
    connection = socket.create_connection((url.hostname or "", url.port or 0), timeout=30)
    head = [f"POST {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {TOKENS.admin}", *headers]
    connection.sendall("\r\n".join([*head, "", ""]).encode())
    return connection


def test_chunks_without_an_end_are_refused_at_the_limit(server: Server) -> None:
    """While the client goes on sending."""
    sent = 0
    with _connected(server, EVENTS, "Transfer-Encoding: chunked") as connection:
        while sent < 3 * LARGEST and not select.select([connection], [], [], 0)[0]:
            connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            sent += 0x10000
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_body_shorter_than_its_length_holds_up_no_other_request(server: Server) -> None:
    """Hundreds of them wait; the next request is answered at once."""
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(_connected(server, SQL, "Content-Length: 1000")).sendall(b"{}")
        began = time.monotonic()
        assert server.rows("SELECT 1 AS n") == [{"n": 1}]
        assert time.monotonic() - began < OTHER_SECONDS


async def _never() -> Message:
    await asyncio.sleep(0.01)
    return {"type": "http.request", "body": b"x", "more_body": True}


def test_a_body_has_a_deadline() -> None:
    """However often something of it comes: 408, and the connection is closed."""
    request = Request({"type": "http", "method": "POST", "headers": []}, _never)
    with pytest.raises(HTTPException, match=r"did not arrive within 0\.2 seconds") as raised:
        asyncio.run(asyncio.wait_for(request_fields.body_of(request, seconds=0.2), 5))
    assert (raised.value.status_code, raised.value.headers) == (408, {"Connection": "close"})
