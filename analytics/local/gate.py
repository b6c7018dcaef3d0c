"""Holds a child back until what it waits for is there: a pipe that it reads to the end. Knows nothing of who waits.

A word through the gate lets the child in and may tell it something; the end without one means that nobody waits for
it any more.
"""

import os
from collections.abc import Callable

from analytics.local.child import Child


class Gate:
    """A closed gate in front of one child."""

    def __init__(self, start: Callable[[int], Child]) -> None:
        """Starts the child with the file descriptor that it is to read, which it has to inherit."""
        inner, self._outer = os.pipe()
        try:
            self.child = start(inner)
        except BaseException:
            os.close(self._outer)
            raise
        finally:
            os.close(inner)

    def open(self, word: str) -> None:
        """Lets the child in; once."""
        try:
            with open(self._outer, "w", encoding="utf-8") as pipe:
                pipe.write(word)
        except BrokenPipeError:
            pass  # it has ended, which the supervisor tells with the reason


def wait_at(gate: int) -> str:
    """What the child does behind the gate: waits for its word. Empty when nobody waits for the child any more."""
    with open(gate, encoding="utf-8") as pipe:
        return pipe.read()
