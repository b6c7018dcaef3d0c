"""Starts a child now and lets it begin later: the child waits for one message on a pipe.

The message may carry data. A pipe that closes without one means that the parent has given up.
"""

import os
from collections.abc import Callable

from analytics.local.stack.child import Child


class StartSignal:
    """A pipe on which one waiting child gets its start message."""

    def __init__(self, start: Callable[[int], Child]) -> None:
        """Starts the child with the file descriptor that it reads; the child has to inherit it."""
        inner, self._outer = os.pipe()
        try:
            self.child = start(inner)
        except BaseException:
            os.close(self._outer)
            raise
        finally:
            os.close(inner)

    def send(self, message: str) -> None:
        """Lets the child begin; once."""
        try:
            with open(self._outer, "w", encoding="utf-8") as pipe:
                pipe.write(message)
        except BrokenPipeError:
            pass  # it has ended; the supervisor reports that with the reason


def wait_for_start(descriptor: int) -> str:
    """Waits, in the child, for the message of its start signal. Empty when the parent has given up."""
    with open(descriptor, encoding="utf-8") as pipe:
        return pipe.read()
