"""Trying again while a source is away. Knows no source."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from analytics.errors import SourceUnavailable
from analytics.numbers import in_words

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0


class Patience:
    """Tries again while a source is unavailable, with pauses that grow and follow `Retry-After`.

    Args:
        longest_seconds: How long to go on without progress; None means forever.
        say: Told once per pause why it is made.
        sleep: Waits.
    """

    def __init__(
        self,
        longest_seconds: float | None,
        say: Callable[[str], None],
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._longest_seconds = longest_seconds
        self._say = say
        self._sleep = sleep
        self._waited_seconds = 0.0
        self._pauses = 0

    def progressed(self) -> None:
        """Something went through: the next failure is a first one."""
        self._waited_seconds, self._pauses = 0.0, 0

    def run(self, call: Callable[[], None], is_stopped: Callable[[], bool] = lambda: False) -> None:
        """Calls until it goes through, or `is_stopped`.

        Raises:
            SourceUnavailable: It did not within `longest_seconds`, all of which were waited.
        """
        while not is_stopped():
            try:
                return call()
            except SourceUnavailable as error:
                pause = max(
                    error.retry_after_seconds or 0.0,
                    min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(self._pauses, 10)),
                )
                if self._longest_seconds is not None:
                    pause = min(pause, self._longest_seconds - self._waited_seconds)
                if pause <= 0:
                    raise
                self._say(f"{error.message} Trying again in {in_words(pause)}.")
                self._pauses += 1
                self._waited_seconds += pause
                self._sleep(pause)
        return None
