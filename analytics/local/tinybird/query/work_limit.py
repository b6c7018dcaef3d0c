"""Limits the work that the templates of one request may do.

Templates run in the server's own process, where no limit of ClickHouse reaches.
"""

from __future__ import annotations

import time
from typing import Final

_CPU_SECONDS: Final = 1.0
_MOST_CHARACTERS: Final = 8_000_000
_STEPS_PER_CHECK: Final = 32
_ITEM_CHARACTERS: Final = 80
"""What an item of a list counts for beside its text."""


class TooMuchWork(Exception):
    """A template passed a limit; the message names the template."""


class WorkLimit:
    """Time and memory left for all templates of one request; belongs to the thread that made it.

    Attributes:
        template: What is being rendered, in the words of the error.
    """

    def __init__(self) -> None:
        self.template = "the query"
        self._steps = 0
        self._characters_left = _MOST_CHARACTERS
        self._ends_at = time.thread_time() + _CPU_SECONDS

    def step(self) -> None:
        """Counts one evaluated part or turn of a loop; every few steps it checks the time.

        Raises:
            TooMuchWork: the time is over.
        """
        self._steps += 1
        if self._steps % _STEPS_PER_CHECK == 0 and time.thread_time() > self._ends_at:
            raise TooMuchWork(f"the template of {self.template} does too much work for one query")

    def expect_items(self, count: int) -> None:
        """Checks, before a list of that length is made, that there is room for it.

        Raises:
            TooMuchWork: there is not.
        """
        self._take(0, count * _ITEM_CHARACTERS)

    def add(self, value: object) -> None:
        """Counts a value that was just made: text by its characters, a list by all that it holds.

        Raises:
            TooMuchWork: everything made so far is too large.
        """
        waiting = [value]
        while waiting:
            part = waiting.pop()
            if isinstance(part, str):
                self._take(len(part))
            elif isinstance(part, dict):
                self._take(_ITEM_CHARACTERS * len(part))
                waiting.extend([*part, *part.values()])
            elif isinstance(part, list | tuple):
                self._take(_ITEM_CHARACTERS * len(part))
                waiting.extend(part)

    def _take(self, characters: int, expected: int = 0) -> None:
        self._characters_left -= characters
        if self._characters_left < expected:
            raise TooMuchWork(f"the template of {self.template} makes too much data for one query")
