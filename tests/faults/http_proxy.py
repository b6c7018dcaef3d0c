"""An HTTP proxy in front of Tinybird that fails as asked: at the connection, in the status, in the body."""

from __future__ import annotations

import gzip
import json
import math
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import httpx2

LOST_SECONDS: Final = 90.0
"""A request that is never answered is forgotten after this time, by when every client has gone."""

MEGABYTE: Final = 1_000_000
_RESET: Final = struct.pack("ii", 1, 0)

Change = Callable[[dict[str, Any]], None]


class Exchange(BaseHTTPRequestHandler):
    """A request on its way: the answer of the real server, and what a fault makes of it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are sent apart
    server: _Server

    def do_GET(self) -> None:
        """Lets the fault answer."""
        length = int(self.headers.get("Content-Length") or 0)
        self.content = self.rfile.read(length)
        self.close_connection = False
        proxy = self.server.proxy
        proxy.requests += 1
        with suppress(OSError):
            (proxy.fault or passed)(self)

    def do_POST(self) -> None:
        """The same."""
        self.do_GET()

    def real(self) -> httpx2.Response:
        """The answer of the real server."""
        headers = {
            name: self.headers[name] for name in ("Authorization", "Content-Type") if name in self.headers
        }
        return self.server.client.request(
            self.command, self.path, headers=headers, content=self.content, timeout=30
        )

    def answer(self, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Sends a whole answer."""
        self.begin(len(body), status, headers)
        self.wfile.write(body)

    def begin(self, length: int, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Sends the head of an answer."""
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def reset(self) -> None:
        """Ends the connection with an error."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close_connection = True

    def is_left(self, seconds: float) -> bool:
        """Waits; whether the client, or the proxy, has ended the connection by then."""
        self.connection.settimeout(seconds)
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return False
        except OSError:
            return True

    def log_message(self, format: str, *args: object) -> None:
        """Writes nothing."""


Fault = Callable[[Exchange], None]


def passed(exchange: Exchange) -> None:
    """Nothing is wrong."""
    real = exchange.real()
    kept = {name: real.headers[name] for name in ("Content-Type", "Retry-After") if name in real.headers}
    exchange.answer(real.content, real.status_code, kept)


def refuse(exchange: Exchange) -> None:
    """The port is closed: `HttpProxy.begin` sees to it."""
    exchange.reset()


def reset(exchange: Exchange) -> None:
    """The connection breaks before the answer."""
    exchange.reset()


def hang(exchange: Exchange) -> None:
    """There is no answer, ever, not even when the fault is over."""
    exchange.is_left(LOST_SECONDS)
    exchange.close_connection = True


def trickle(exchange: Exchange) -> None:
    """One byte of the body every two seconds, also when the fault is over."""
    body = exchange.real().content
    exchange.begin(len(body))
    for each in body:
        exchange.wfile.write(bytes([each]))
        exchange.wfile.flush()
        if exchange.is_left(2.0):
            break
    exchange.close_connection = True


def slow(exchange: Exchange) -> None:
    """The answer comes after 30 seconds."""
    if not exchange.is_left(30.0):
        passed(exchange)


def cut_body(exchange: Exchange) -> None:
    """The connection ends in the middle of the body."""
    body = exchange.real().content
    exchange.begin(len(body))
    exchange.wfile.write(body[: len(body) // 2])
    exchange.close_connection = True


def cut_json(exchange: Exchange) -> None:
    """The body is complete, its JSON is not."""
    body = exchange.real().content
    exchange.answer(body[: len(body) // 2])


def html(exchange: Exchange) -> None:
    """A page of a gateway with the status 200."""
    exchange.answer(b"<html><body>Welcome to the hotel</body></html>", headers={"Content-Type": "text/html"})


def large(exchange: Exchange) -> None:
    """100 MB of rows."""
    body = exchange.real().content
    exchange.begin(100 * MEGABYTE)
    part = body[:1] + b" " * (MEGABYTE - 1)
    for _ in range(100):
        exchange.wfile.write(part)


def bomb(exchange: Exchange) -> None:
    """A small body that is 100 MB when it is inflated."""
    exchange.answer(_bomb(), headers={"Content-Encoding": "gzip"})


@cache
def _bomb() -> bytes:
    return gzip.compress(b" " * (100 * MEGABYTE))


def status(code: int, **headers: str) -> Fault:
    """Answers with a status.

    Args:
        code: The status.
        headers: With `_` in the place of `-`.
    """
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps({"error": "Not now."}).encode()
    return lambda exchange: exchange.answer(body, code, sent)


def changed(change: Change) -> Fault:
    """Changes the JSON of pipes' answers.

    Args:
        change: Changes the body in place.
    """

    def fault(exchange: Exchange) -> None:
        real = exchange.real()
        body = real.json()
        if isinstance(body.get("data"), list):
            change(body)
        exchange.answer(json.dumps(body).encode(), real.status_code)

    return fault


def every_number(value: Callable[[float], object]) -> Change:
    """Replaces each number of each row.

    Args:
        value: The new one.
    """

    def change(body: dict[str, Any]) -> None:
        body["data"] = [
            {name: value(each) if isinstance(each, int | float) else each for name, each in row.items()}
            for row in body["data"]
        ]

    return change


def empty(body: dict[str, Any]) -> None:
    """There are no rows, and the count of rows says so."""
    body["data"], body["rows"] = [], 0


def twice(body: dict[str, Any]) -> None:
    """Every row is there twice, and the count of rows says so."""
    body["data"] = body["data"] * 2
    body["rows"] = len(body["data"])


def swapped(body: dict[str, Any]) -> None:
    """The rows of the two periods have each other's names."""
    other = {"current": "previous", "previous": "current"}
    for row in body["data"]:
        if row.get("period") in other:
            row["period"] = other[row["period"]]


def without_column(body: dict[str, Any]) -> None:
    """The last column is missing, in the description as well."""
    gone = body["meta"].pop()["name"]
    for row in body["data"]:
        row.pop(gone, None)


def renamed_column(body: dict[str, Any]) -> None:
    """The last column has another name, in the description as well."""
    column = body["meta"][-1]
    old, column["name"] = column["name"], f"{column['name']}_2"
    for row in body["data"]:
        row[column["name"]] = row.pop(old, None)


def of_nulls(body: dict[str, Any]) -> None:
    """No value is there."""
    body["data"] = [dict.fromkeys(row) for row in body["data"]]


FAULTS: Final[Mapping[str, Fault]] = {
    "refuse": refuse,
    "reset": reset,
    "hang": hang,
    "trickle": trickle,
    "slow 30 s": slow,
    "429": status(429),
    "429 Retry-After": status(429, Retry_After="4"),
    "500": status(500),
    "502": status(502),
    "HTML": html,
    "cut body": cut_body,
    "cut JSON": cut_json,
    "missing column": changed(without_column),
    "renamed column": changed(renamed_column),
    "wrong types": changed(every_number(lambda value: f"about {value}")),
    "NaN": changed(every_number(lambda _: math.nan)),
    "null": changed(of_nulls),
    "empty": changed(empty),
    "negative": changed(every_number(lambda value: -value - 1)),
    "repeated rows": changed(twice),
    "swapped periods": changed(swapped),
    "100 MB": large,
    "inflating": bomb,
}
"""All faults, by the name that tables show."""

SILENT: Final = frozenset({"hang", "trickle", "slow 30 s"})
"""Faults that readers wait for."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 100

    def __init__(self, address: tuple[str, int], proxy: HttpProxy) -> None:
        self.proxy, self.client = proxy, proxy.client
        self.connections: set[socket.socket] = set()
        super().__init__(address, Exchange)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as in the standard library
        self.connections.discard(request)
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_RESET)) == _RESET:
            request.close()
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the standard library
        pass  # A client that has gone.

    def end_connections(self) -> None:
        for each in tuple(self.connections):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


class HttpProxy:
    """A running proxy.

    Attributes:
        url: Its address.
        fault: What is wrong; None passes everything on.
        requests: How many requests came.
    """

    def __init__(self, target: str) -> None:
        self.client = httpx2.Client(base_url=target)
        self.fault: Fault | None = None
        self.requests = 0
        self._server: _Server | None = None
        self._port = 0
        self._listen()
        self.url = f"http://127.0.0.1:{self._port}"

    def begin(self, name: str) -> None:
        """Begins a fault of `FAULTS`."""
        self.fault = FAULTS[name]
        if self.fault is bomb:
            _bomb()
        if self.fault is refuse:
            self._stop()

    def end(self) -> None:
        """Works again; requests that were taken before stay as they are."""
        self.fault = None
        if self._server is None:
            self._listen()

    def close(self) -> None:
        """Ends everything."""
        self._stop()
        self.client.close()

    def _listen(self) -> None:
        self._server = _Server(("127.0.0.1", self._port), self)
        self._port = self._server.server_port
        poll = {"poll_interval": 0.02}
        threading.Thread(
            target=self._server.serve_forever, kwargs=poll, name="fault proxy", daemon=True
        ).start()

    def _stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.socket.close()
            self._server.end_connections()
            self._server = None


@contextmanager
def http_proxy(target: str) -> Iterator[HttpProxy]:
    """A proxy in front of `target`, the address of a Tinybird server; closed on leaving."""
    proxy = HttpProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
