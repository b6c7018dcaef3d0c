"""How much work the templates of one request may do. Knows nothing of the language; every part of it reports here."""

from __future__ import annotations

import time
from typing import Final

_MOST_STEPS: Final = 200_000
_MOST_MADE: Final = 16_000_000
_CPU_SECONDS: Final = 2.0
_LARGEST_VALUE: Final = 2_000_000
_ITEM: Final = 8
_STEPS_BETWEEN_LOOKS: Final = 32
MOST_ITEMS: Final = 100_000
"""Longest list of a template."""


class TooMuchWork(Exception):
    """A template passed a limit; the message names the template."""


class Effort:
    """Counts what rendering costs, over all templates of one request; belongs to the thread that made it.

    Attributes:
        template: What is being rendered, in the words of the error.
    """

    def __init__(self) -> None:
        self.template = "the query"
        self._steps = 0
        self._made = 0
        self._ends_at = time.thread_time() + _CPU_SECONDS

    def step(self) -> None:
        """Counts one evaluated part or one turn of a loop.

        Raises:
            TooMuchWork: too many of them, or too much time gone.
        """
        self._steps += 1
        if self._steps > _MOST_STEPS or (
            self._steps % _STEPS_BETWEEN_LOOKS == 0 and time.thread_time() > self._ends_at
        ):
            raise self._refusal("does too much work for one query")

    def made(self, value: object) -> None:
        """Counts a value that was just made: text by its characters, a list by all that it holds.

        Raises:
            TooMuchWork: the value, or everything made so far, is too large.
        """
        size = _size(value)
        self._made += size
        if size > _LARGEST_VALUE:
            raise self._refusal(f"makes a value of more than {_LARGEST_VALUE} characters")
        if self._made > _MOST_MADE:
            raise self._refusal("makes too much text for one query")

    def items(self, count: int) -> None:
        """Lets a list of that length be made.

        Raises:
            TooMuchWork: it is too long.
        """
        if count > MOST_ITEMS:
            raise self._refusal(f"makes a list of more than {MOST_ITEMS} items")

    def _refusal(self, what: str) -> TooMuchWork:
        return TooMuchWork(f"the template of {self.template} {what}")


def _size(value: object) -> int:
    """Characters that a value would fill if it were written out; stops counting once it is too large.

    >>> _size("abc"), _size(["abc", 1])
    (3, 19)
    """
    size, waiting = 0, [value]
    while waiting and size <= _LARGEST_VALUE:
        part = waiting.pop()
        if isinstance(part, str):
            size += len(part)
        elif isinstance(part, dict):
            size += _ITEM * len(part)
            waiting.extend(part)
            waiting.extend(part.values())
        elif isinstance(part, list | tuple):
            size += _ITEM * len(part)
            waiting.extend(part)
        elif isinstance(part, int):
            size += part.bit_length() // 3
    return size
