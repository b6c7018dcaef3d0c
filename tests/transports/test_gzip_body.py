"""Bodies of gzip: inflated whole, or refused in time that grows with their size alone."""

import gzip
import os
import time

import pytest

from analytics.transports.gzip_body import MOST_MEMBERS, BadGzip, InflatedTooLarge, inflated

TEXT = os.urandom(300_000)


@pytest.mark.parametrize(
    "members", [[], [b""], [b"a"], [TEXT], [b"a", b"", TEXT, b"b"], [b"a"] * MOST_MEMBERS]
)
def test_members_are_inflated_in_a_row(members: list[bytes]) -> None:
    """None, one or several; longer than the pieces in which the body is read, or many in one piece."""
    content = b"".join(members)
    body = b"".join(map(gzip.compress, members))
    assert inflated(body, len(content)) == content
    if content:
        with pytest.raises(InflatedTooLarge):
            inflated(body, len(content) - 1)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (gzip.compress(TEXT)[:-1], "ends too early"),
        (gzip.compress(TEXT)[:100_000], "ends too early"),
        (b"xx", "is not the gzip"),
        (gzip.compress(b"a") + b"xx", "is not the gzip"),
        (gzip.compress(b"a")[:-8] + bytes(8), "is not the gzip"),
        (gzip.compress(b"a") * (MOST_MEMBERS + 1), "more than 1,000"),
    ],
    ids=["cut", "half", "none", "more after it", "wrong sum", "many"],
)
def test_a_broken_body_is_refused(body: bytes, words: str) -> None:
    """With what is wrong with it."""
    with pytest.raises(BadGzip, match=words):
        inflated(body, 10**9)


def test_time_does_not_grow_with_the_square() -> None:
    """As many members as may be before 40 MB of one more: what follows a member is not copied for each."""
    body = gzip.compress(b"") * (MOST_MEMBERS - 1) + gzip.compress(bytes(40_000_000), 0)
    began = time.process_time()
    assert len(inflated(body, 40_000_000)) == 40_000_000
    assert time.process_time() - began < 2
