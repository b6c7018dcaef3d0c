"""Answers that never end, never come or are too large, over real sockets: given up in time, and the next one is read."""

import gzip
import json
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from analytics.errors import SchemaMismatch, SourceUnavailable
from analytics.transports.gzip_body import MOST_MEMBERS
from analytics.transports.tinybird import Tinybird

GOOD = json.dumps({"meta": [], "data": []}).encode()
EVERY = 0.02
"""Seconds between two bytes of what trickles, far below any limit for one wait."""

Answer = Callable[[socket.socket], None]


def with_chunks(*headers: bytes) -> bytes:
    """The head of an answer whose length is not said."""
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked", *headers, b"", b""])


def with_length(body: bytes, length: int | None = None, *headers: bytes) -> bytes:
    """An answer of HTTP/1.1; `length` is what it says its body has, when that is not so."""
    head = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % (len(body) if length is None else length), *headers]
    return b"\r\n".join([*head, b"", body])


def sends(content: bytes) -> Answer:
    """Sends it at once, and waits for the client."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(content)

    return answer


def trickles(content: bytes, after: bytes = b"") -> Answer:
    """Sends `content` byte by byte."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(after)
        for byte in content:
            connection.sendall(bytes([byte]))
            time.sleep(EVERY)

    return answer


def chunks(part: bytes, number: int, *headers: bytes) -> Answer:
    """Sends `part` so often, as a body whose length is not said."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(with_chunks(*headers))
        for _ in range(number):
            connection.sendall(b"%x\r\n%b\r\n" % (len(part), part))
        connection.sendall(b"0\r\n\r\n")

    return answer


class Misbehaving:
    """A server that answers the first requests as it is told, and further ones well.

    Attributes:
        host: Its base URL.
        requests: Requests so far.
        is_left: Set once the client has closed the connection of the first answer.
    """

    def __init__(self, *first: Answer) -> None:
        self._answers = [*first]
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests = 0
        self.is_left = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        is_first = False
        with connection, suppress(OSError):
            while connection.recv(65536):
                self.requests += 1
                is_first = is_first or self.requests == 1
                answer = self._answers.pop(0) if self._answers else sends(with_length(GOOD))
                answer(connection)
        if is_first:
            self.is_left.set()

    def close(self) -> None:
        """Stops listening."""
        self._listener.close()


@contextmanager
def misbehaving(*first: Answer) -> Iterator[Misbehaving]:
    """A running server, closed on leaving."""
    server = Misbehaving(*first)
    try:
        yield server
    finally:
        server.close()


GZIP = b"Content-Encoding: gzip"
LATE = {
    "nothing": sends(b""),
    "trickled headers": trickles(b"HTTP/1.1 200 OK\r\n" + b"X-Padding: 1\r\n" * 1000),
    "trickled body": trickles(GOOD * 100, with_length(b"", len(GOOD) * 100)),
    "hang in the body": sends(with_length(GOOD, 10_000)),
    "trickled gzip": trickles(gzip.compress(GOOD) * 100, with_length(b"", 9000, GZIP)),
    "trickled chunks": trickles(b"1\r\n \r\n" * 1000, with_chunks()),
    "further answers first": trickles(b"HTTP/1.1 102 Processing\r\n\r\n" * 1000),
}


@pytest.mark.parametrize("first", LATE.values(), ids=LATE.keys())
def test_a_read_has_one_deadline(first: Answer) -> None:
    """However often a byte comes: at its end the connection is closed, nothing is tried again, the next read works."""
    seconds = 0.5
    with (
        misbehaving(first) as server,
        Tinybird(server.host, "read", read_seconds=seconds) as client,
    ):
        began = time.monotonic()
        with pytest.raises(SourceUnavailable, match="does not answer"):
            client.query_pipe("made_up", {})
        assert seconds <= time.monotonic() - began < seconds + 1
        assert server.requests == 1
        assert server.is_left.wait(5)
        assert client.query_pipe("made_up", {}).rows == []


def test_retries_share_the_deadline() -> None:
    """What quick failures leave of it is the time of the next attempt."""
    busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
    with (
        misbehaving(sends(busy), sends(b"")) as server,
        Tinybird(server.host, "read", read_seconds=1) as client,
    ):
        began = time.monotonic()
        with pytest.raises(SourceUnavailable, match="does not answer"):
            client.query_pipe("made_up", {})
        assert 1 <= time.monotonic() - began < 2
        assert server.requests == 2


def test_the_time_of_a_batch_is_its_own() -> None:
    """Longer than that of a read, and over at its end, whatever trickles."""
    slow = trickles(GOOD * 100, with_length(b"", len(GOOD) * 100))
    with (
        misbehaving(slow) as server,
        Tinybird(server.host, "", "append", read_seconds=0.1, sending_seconds=0.5) as client,
    ):
        began = time.monotonic()
        with pytest.raises(SourceUnavailable, match="does not answer"):
            client.post_batch("visitor_events", b"{}", wait=True, timeout_seconds=0.5)
        assert 1 <= time.monotonic() - began < 2


LARGE = b'{"a": 1}, ' * 100_000
TOO_LARGE = {
    "100 MB": chunks(LARGE, 100),
    "said to be": sends(with_length(GOOD, 10**12)),
    "100 MB in 100 kB": sends(with_length(gzip.compress(LARGE * 100, 1), None, GZIP)),
    "after the gzip": chunks(gzip.compress(GOOD) + LARGE, 100, GZIP),
}


@pytest.mark.parametrize("first", TOO_LARGE.values(), ids=TOO_LARGE.keys())
def test_an_answer_has_a_largest_size(first: Answer) -> None:
    """As sent and inflated: not read to its end, not tried again, in little memory; the next read works."""
    most = 2_000_000
    with misbehaving(first) as server, Tinybird(server.host, "read", most_answer_bytes=most) as client:
        tracemalloc.start()
        try:
            with pytest.raises(SchemaMismatch, match="larger than 2 MB"):
                client.query_pipe("made_up", {})
            assert tracemalloc.get_traced_memory()[1] < 4 * most
        finally:
            tracemalloc.stop()
        assert server.requests == 1
        assert client.query_pipe("made_up", {}).rows == []


@pytest.mark.parametrize(
    "body",
    [gzip.compress(GOOD)[:-9], gzip.compress(b"") * (MOST_MEMBERS + 1), b"no gzip", b""],
    ids=["cut", "too many members", "none", "empty"],
)
def test_a_gzip_that_is_none_is_a_wrong_answer(body: bytes) -> None:
    """It is not tried again, and the next read works."""
    with misbehaving(sends(with_length(body, None, GZIP))) as server, Tinybird(server.host, "read") as client:
        with pytest.raises(SchemaMismatch):
            client.query_pipe("made_up", {})
        assert server.requests == 1
        assert client.query_pipe("made_up", {}).rows == []


def test_an_answer_of_the_largest_size_is_read() -> None:
    """Byte by byte the same, as it is and inflated."""
    body = GOOD.ljust(2_000_000)
    for sent in (with_length(body), with_length(gzip.compress(body), None, GZIP)):
        with (
            misbehaving(sends(sent)) as server,
            Tinybird(server.host, "read", most_answer_bytes=len(body)) as client,
        ):
            assert client.query_pipe("made_up", {}).rows == []


def test_another_encoding_is_a_wrong_answer() -> None:
    """Gzip alone is asked for."""
    with (
        misbehaving(sends(with_length(GOOD, None, b"Content-Encoding: br"))) as server,
        Tinybird(server.host, "read") as client,
        pytest.raises(SchemaMismatch, match="decoded"),
    ):
        client.query_pipe("made_up", {})


def test_a_proxy_from_the_environment_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another machine's answers come through it."""
    with misbehaving(trickles(GOOD * 100, with_length(b"", 9000))) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.host)
        with Tinybird("http://api.example.com", "read", read_seconds=0.5) as client:
            began = time.monotonic()
            with pytest.raises(SourceUnavailable, match="does not answer"):
                client.query_pipe("made_up", {})
        assert 0.5 <= time.monotonic() - began < 1.5
        assert proxy.requests == 1
