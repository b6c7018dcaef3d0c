"""Retry policy: length of a pause, its log line, and the limit."""

from collections.abc import Callable

import pytest

from analytics.errors import AnalyticsError, SourceRejected, SourceUnavailable
from analytics.ingest.history.backfill import LONGEST_PAUSE_SECONDS, LONGEST_WAIT_SECONDS, retries
from analytics.transports.retrying import Retries
from analytics.transports.tinybird_messages import LONGEST_RETRY_AFTER_SECONDS


class Clock:
    """A clock that sleeping moves on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Moves the clock on."""
        self.now += seconds
        self.slept.append(seconds)

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self.now


def failing(times: int, retry_after_seconds: float | None = None) -> Callable[[], None]:
    """A call that fails so often, and then works."""
    left = [times]

    def call() -> None:
        if left[0]:
            left[0] -= 1
            error = SourceUnavailable("Tinybird is busy.", source="tinybird", resource="r")
            error.retry_after_seconds = retry_after_seconds
            raise error

    return call


def test_a_long_pause_is_logged_as_a_duration() -> None:
    """In words, without an exponent."""
    said, clock = list[str](), Clock()
    retries(None, said.append, clock.sleep).run(failing(1, LONGEST_RETRY_AFTER_SECONDS))
    assert said == ["Tinybird is busy. Trying again in 5 minutes."]
    assert clock.slept == [300.0]


@pytest.mark.parametrize("asked", [None, 0.0, 7.0, LONGEST_RETRY_AFTER_SECONDS])
@pytest.mark.parametrize("longest", [0.2, 100.0, LONGEST_WAIT_SECONDS])
def test_history_waits_all_of_its_time(asked: float | None, longest: float) -> None:
    """Whatever the source asks for: neither given up before, nor a second longer."""
    clock = Clock()
    waiting = Retries(
        0.5,
        LONGEST_PAUSE_SECONDS,
        total_seconds=longest,
        waits_all=True,
        sleep=clock.sleep,
        monotonic=clock.monotonic,
    )
    with pytest.raises(SourceUnavailable):
        waiting.run(failing(10_000, asked))
    assert sum(clock.slept) == pytest.approx(longest)
    assert max(clock.slept) <= max(LONGEST_PAUSE_SECONDS, asked or 0.0)


@pytest.mark.parametrize(("asked", "slept"), [(None, [1.0, 2.0, 4.0]), (4.0, [4.0, 4.0]), (11.0, [])])
def test_no_pause_ends_after_the_total(asked: float | None, slept: list[float]) -> None:
    """A pause that does not fit is not begun: its caller hears at once."""
    clock = Clock()
    with pytest.raises(SourceUnavailable):
        Retries(1.0, total_seconds=10.0, sleep=clock.sleep, monotonic=clock.monotonic).run(failing(9, asked))
    assert clock.slept == slept


@pytest.mark.parametrize("failures", [1, 4], ids=["one", "several"])
def test_progress_makes_the_next_failure_the_first(failures: int) -> None:
    """Pauses double until part of a call works, and the time left is whole again."""
    clock = Clock()
    waiting = Retries(0.5, total_seconds=8.0, waits_all=True, sleep=clock.sleep, monotonic=clock.monotonic)
    fail = failing(2 * failures)
    worked = [failures + 1]

    def call() -> None:
        worked[0] -= 1
        if worked[0] == 0:
            waiting.progressed()
        fail()

    waiting.run(call)
    assert clock.slept == 2 * [0.5 * 2**number for number in range(failures)]


def test_spread_pauses_are_never_earlier_than_asked() -> None:
    """Between half and all of the doubled pause; a little after what `Retry-After` asks."""
    clock = Clock()
    Retries(8.0, is_spread=True, sleep=clock.sleep).run(failing(1))
    Retries(8.0, is_spread=True, sleep=clock.sleep).run(failing(1, 20.0))
    assert 4.0 <= clock.slept[0] <= 8.0
    assert 20.4 <= clock.slept[1] <= 20.8


@pytest.mark.parametrize(
    "error",
    [
        SourceRejected("No.", source="tinybird", resource="r", status=400),
        AnalyticsError("Not a source's."),
        ValueError("Not ours."),
    ],
)
def test_what_will_not_pass_is_called_once(error: Exception) -> None:
    """The error itself is raised, at once."""
    clock, calls = Clock(), list[int]()

    def call() -> None:
        calls.append(1)
        raise error

    with pytest.raises(type(error)) as raised:
        Retries(1.0, sleep=clock.sleep).run(call)
    assert (raised.value, len(calls), clock.slept) == (error, 1, [])
