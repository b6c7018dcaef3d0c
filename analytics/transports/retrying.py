"""Retry policy for calls to a source, on tenacity: reads, history, delivery and delete jobs differ in its arguments alone.

Pauses double from `first_seconds` to `longest_seconds` and are never shorter than what `Retry-After` asks. Knows no source.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar, cast

from tenacity import RetryCallState, Retrying, retry_if_exception

from analytics.errors import AnalyticsError, SourceUnavailable
from analytics.transports.tinybird_messages import LONGEST_RETRY_AFTER_SECONDS

T = TypeVar("T")

_chance = random.SystemRandom()
"""Random numbers of the system: processes forked outside Python would share the state of Python's own generator."""


def is_unavailable(error: AnalyticsError) -> bool:
    """Whether another call may work: network, timeout, 429 or 5xx."""
    return isinstance(error, SourceUnavailable)


def asked_seconds(error: AnalyticsError) -> float:
    """Seconds that the source asked to wait with `Retry-After`; 0 when it did not."""
    return (isinstance(error, SourceUnavailable) and error.retry_after_seconds) or 0.0


def asks_to_wait(error: AnalyticsError) -> bool:
    """Whether the source says that it is asked too much: by 429, or by `Retry-After`."""
    is_limit = isinstance(error, SourceUnavailable) and error.status == HTTPStatus.TOO_MANY_REQUESTS
    return is_limit or asked_seconds(error) > 0


@dataclass(slots=True)
class Retries:
    """Calls again after a failure that may pass. For one thread at a time.

    Attributes:
        first_seconds: First pause.
        longest_seconds: Longest pause that no source asks for.
        most_calls: Calls in a row that may fail; None means no limit.
        total_seconds: Seconds to go on without progress, calls and pauses; None means no limit.
        waits_all: True cuts the last pause to what is left of `total_seconds`; False gives up before a pause that is longer.
        is_spread: True draws a pause between half of it and all, so that processes that failed together do not come back
            together.
        is_transient: Whether another call may work after this error.
        least_seconds: Shortest pause after this error.
        on_pause: Called before each pause with the error and the seconds.
        sleep: Waits so many seconds.
        monotonic: Clock, seconds.
        failures: Calls that failed since the last progress.
    """

    first_seconds: float
    longest_seconds: float = math.inf
    most_calls: int | None = None
    total_seconds: float | None = None
    waits_all: bool = False
    is_spread: bool = False
    is_transient: Callable[[AnalyticsError], bool] = is_unavailable
    least_seconds: Callable[[AnalyticsError], float] = asked_seconds
    on_pause: Callable[[AnalyticsError, float], None] = lambda _error, _seconds: None
    sleep: Callable[[float], object] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    failures: int = field(default=0, init=False)
    _since: float = field(default=0.0, init=False)

    def progressed(self) -> None:
        """Part of a call has worked: the next failure counts as the first."""
        self.failures, self._since = 0, self.monotonic()

    def run(self, call: Callable[[], T]) -> T:
        """Calls until it works, and returns what it returns.

        Raises:
            Exception: That of the last call, when it is not transient or a limit is reached.
        """
        self.progressed()
        retrying = Retrying(
            retry=retry_if_exception(
                lambda error: isinstance(error, AnalyticsError) and self.is_transient(error)
            ),
            wait=self._pause_seconds,
            stop=self._is_enough,
            before_sleep=self._tell,
            sleep=self._wait,
            reraise=True,
        )
        return retrying(call)

    def backoff_seconds(self, failures: int) -> float:
        """Pause after so many failures in a row, where no source asks for a longer one."""
        seconds = min(self.first_seconds * 2.0 ** min(failures - 1, 20), self.longest_seconds)
        return seconds * _chance.uniform(0.5, 1.0) if self.is_spread else seconds

    @property
    def _left_seconds(self) -> float:
        return math.inf if self.total_seconds is None else self._since + self.total_seconds - self.monotonic()

    def _pause_seconds(self, state: RetryCallState) -> float:
        self.failures += 1
        seconds, least = self.backoff_seconds(self.failures), self.least_seconds(_error(state))
        if self.is_spread and least:
            least = min(least + seconds / 10, LONGEST_RETRY_AFTER_SECONDS)
        seconds = max(seconds, least)
        return min(seconds, max(0.0, self._left_seconds)) if self.waits_all else seconds

    def _is_enough(self, state: RetryCallState) -> bool:
        is_last_call = self.most_calls is not None and self.failures >= self.most_calls
        return is_last_call or state.upcoming_sleep <= 0 or state.upcoming_sleep > self._left_seconds

    def _wait(self, seconds: float) -> None:
        self.sleep(seconds)

    def _tell(self, state: RetryCallState) -> None:
        self.on_pause(_error(state), state.upcoming_sleep)


def _error(state: RetryCallState) -> AnalyticsError:
    return cast("AnalyticsError", state.outcome.exception() if state.outcome else None)
