"""Trying again: how long a pause is, what is said of it, and when it is enough."""

from collections.abc import Callable

import pytest

from analytics.errors import SourceUnavailable
from analytics.ingest.history.backfill import LONGEST_WAIT_SECONDS
from analytics.ingest.history.retrying import LONGEST_PAUSE_SECONDS, Patience
from analytics.transports.tinybird_messages import LONGEST_RETRY_AFTER_SECONDS


def failing(times: int, retry_after_seconds: float | None = None) -> Callable[[], None]:
    """A call that fails so often, and then goes through."""
    left = [times]

    def call() -> None:
        if left[0]:
            left[0] -= 1
            error = SourceUnavailable("Tinybird is busy.", source="tinybird", resource="r")
            error.retry_after_seconds = retry_after_seconds
            raise error

    return call


def test_a_long_pause_is_said_as_a_duration() -> None:
    """In words, without an exponent."""
    said: list[str] = []
    slept: list[float] = []
    Patience(None, said.append, slept.append).run(failing(1, LONGEST_RETRY_AFTER_SECONDS))
    assert said == ["Tinybird is busy. Trying again in 5 minutes."]
    assert slept == [300.0]


@pytest.mark.parametrize("asked", [None, 0.0, 7.0, LONGEST_RETRY_AFTER_SECONDS])
@pytest.mark.parametrize("longest", [0.2, 100.0, LONGEST_WAIT_SECONDS])
def test_all_of_the_patience_is_waited(asked: float | None, longest: float) -> None:
    """Whatever the source asks for: neither given up before, nor a second longer."""
    slept: list[float] = []
    with pytest.raises(SourceUnavailable):
        Patience(longest, lambda _: None, slept.append).run(failing(10_000, asked))
    assert sum(slept) == pytest.approx(longest)
    assert max(slept) <= max(LONGEST_PAUSE_SECONDS, asked or 0.0)


def test_progress_gives_the_patience_back() -> None:
    """The next failure is a first one."""
    slept: list[float] = []
    patience = Patience(10.0, lambda _: None, slept.append)
    for _ in range(5):
        patience.run(failing(1, 9.0))
        patience.progressed()
    assert slept == [9.0] * 5
