"""A proxy in front of the local server that answers as a network and a busy service do: late, twice, or not at all."""

import gzip
import http.client
import json
import queue
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Literal
from urllib.parse import parse_qs, urlsplit

Behaviour = Literal[
    "ok",  # passed on
    "busy",  # 429 with Retry-After
    "broken",  # 500
    "reset",  # the connection breaks before anything is stored
    "reset after",  # ... after it was stored
    "lost",  # stored, and never answered
    "garbled",  # stored, and answered with something else
    "slow",  # stored and answered, late
    "forbidden",  # 403
    "picky",  # 400 when the body has the word `poison` in it
    "narrow",  # 413 when the body has more than `NARROW_EVENTS` events
    "forgetful",  # answers that one event fewer was stored
]
RETRY_AFTER_SECONDS: Final = 1
NARROW_EVENTS: Final = 3


class Proxy:
    """A running proxy.

    Attributes:
        host: Its base URL, which stays.
        upstream: Base URL of the server behind it; may be changed.
        plan: What the next requests meet; "ok" when it is empty.
        standing: What every request meets once the plan is used up.
        seen: When each request came (monotonic), for which data source, with how many events, and what it met.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.plan: queue.SimpleQueue[Behaviour] = queue.SimpleQueue()
        self.standing: Behaviour = "ok"
        self.seen: list[tuple[float, str, int, Behaviour]] = []
        self.released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": self}))
        self._server.daemon_threads = True
        self.host = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def next(self) -> Behaviour:
        """What this request meets."""
        try:
            return self.plan.get_nowait()
        except queue.Empty:
            return self.standing

    def met(self, behaviour: Behaviour) -> int:
        """How many requests have met something."""
        return sum(each[3] == behaviour for each in self.seen)

    def close(self) -> None:
        """Stops listening; held connections end."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def misbehaving(upstream: str) -> Iterator[Proxy]:
    """A proxy in front of `upstream`, closed on leaving."""
    proxy = Proxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Every events request comes through here."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        lines = gzip.decompress(body).count(b"\n")
        behaviour = self.proxy.next()
        datasource = parse_qs(urlsplit(self.path).query)["name"][0]
        self.proxy.seen.append((time.monotonic(), datasource, lines, behaviour))
        match behaviour:
            case "busy":
                self._answer(429, b'{"error": "slow down"}', {"Retry-After": str(RETRY_AFTER_SECONDS)})
            case "broken":
                self._answer(500, b"oh")
            case "forbidden":
                self._answer(403, b'{"error": "no such token"}')
            case "reset":
                self._reset()
            case "picky" if b"poison" in gzip.decompress(body):
                self._answer(400, b'{"error": "poison is not wanted"}')
            case "narrow" if lines > NARROW_EVENTS:
                self._answer(413, b"")
            case _:
                if behaviour == "slow":
                    time.sleep(0.7)
                self._answer_late(behaviour, *self._passed_on(body))

    def _answer_late(self, behaviour: Behaviour, status: int, content: bytes) -> None:
        match behaviour:
            case "reset after":
                self._reset()
            case "lost":
                self.proxy.released.wait(30)
                self._reset()
            case "garbled":
                self._answer(status, b"<html>Sign in to the hotel's network</html>")
            case "forgetful":
                counts = json.loads(content)
                counts["successful_rows"] -= 1
                self._answer(status, json.dumps(counts).encode())
            case _:
                self._answer(status, content)

    def _passed_on(self, body: bytes) -> tuple[int, bytes]:
        upstream = http.client.HTTPConnection(urlsplit(self.proxy.upstream).netloc, timeout=30)
        try:
            upstream.request("POST", self.path, body, dict(self.headers.items()))
            answer = upstream.getresponse()
            return answer.status, answer.read()
        finally:
            upstream.close()

    def _answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def handle(self) -> None:
        """As in the library; a connection that a test or a client has broken is no news."""
        try:
            super().handle()
        except (OSError, ValueError):
            self.close_connection = True

    def finish(self) -> None:
        """As in the library, for connections that are closed already too."""
        try:
            super().finish()
        except (OSError, ValueError):
            self.close_connection = True

    def log_message(self, *_arguments: object) -> None:
        """Says nothing."""
