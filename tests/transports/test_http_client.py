"""Answers over HTTP that arrive in small parts: whole ones are read, those without an end are given up."""

import json
from collections.abc import Iterator
from contextlib import nullcontext

import httpx2
import pytest

from analytics.errors import SourceUnavailable
from analytics.transports.tinybird import Tinybird

ANSWER = {"successful_rows": 1, "quarantined_rows": 0}


class Trickle(httpx2.SyncByteStream):
    """A whole answer, a few bytes at a time."""

    def __init__(self) -> None:
        self.is_closed = False
        self.sent = 0

    def __iter__(self) -> Iterator[bytes]:
        content = json.dumps(ANSWER).encode()
        for start in range(0, len(content), 10):
            self.sent += 1
            yield content[start : start + 10]

    def close(self) -> None:
        """Remembers it."""
        self.is_closed = True


def test_an_answer_that_trickles_in_is_given_up() -> None:
    """However often something of it comes: the connection is closed, and Tinybird is unavailable."""
    whole, late = Trickle(), Trickle()
    for stream, seconds in ((whole, 30.0), (late, 0.0)):
        answer = httpx2.Response(200, stream=stream)
        client = Tinybird(
            "https://api.example.com",
            "read",
            "append",
            transport=httpx2.MockTransport(lambda _request, answer=answer: answer),
            longest_answer_seconds=seconds,
        )
        expected = nullcontext() if seconds else pytest.raises(SourceUnavailable, match="does not answer")
        with client, expected:
            assert client.post_batch("visitor_events", b"{}", wait=False).successful_rows == 1
    assert (late.sent, late.is_closed, whole.is_closed) == (1, True, True)
