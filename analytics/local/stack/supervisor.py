"""Waits for, watches and stops a group of children, in order.

Nothing is restarted: when a child ends by itself, the supervisor reports which and why and ends them all.
"""

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Self

from analytics.local.stack.child import KILL_AFTER_SECONDS, Child
from analytics.local.stack.failure import StackFailure

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(Exception):
    """Ctrl-C, SIGTERM or a closed terminal, noticed while waiting for something."""


class Supervisor:
    """Children that live and end together; a context manager that stops them, newest first.

    Inside the context, SIGINT, SIGTERM and SIGHUP only ask for a stop, which `wait_until` and `watch` notice.
    A second such signal kills what is still running.
    """

    def __init__(self) -> None:
        """No children yet, signals untouched."""
        self.children: list[Child] = []
        self._stop = threading.Event()
        self._signals_seen = 0
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        for number in SIGNALS:
            self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_error: object) -> None:
        for child in reversed(self.children):
            child.stop(0 if self._signals_seen > 1 else KILL_AFTER_SECONDS)
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal itself returned

    def add(self, child: Child) -> Child:
        """Takes a running child into the group."""
        self.children.append(child)
        return child

    def wait_until(self, is_ready: Callable[[], bool], what: str, seconds: float) -> None:
        """Returns when `is_ready()` is true.

        Raises:
            StopRequested: A signal came first.
            StackFailure: A child ended first, or `seconds` passed; `what` is named as a noun.
        """
        deadline = time.monotonic() + seconds
        while not is_ready():
            self._check()
            if time.monotonic() > deadline:
                raise StackFailure(f"{what} did not answer within {seconds:.0f} s.", _reasons(self.children))
            self._stop.wait(0.05)

    def wait_for_end(self, child: Child) -> int:
        """Returns the exit code of `child`, which is expected to end and is not one of the group.

        Raises:
            StopRequested: A signal came first; `child` has been stopped.
            StackFailure: A child of the group ended first; `child` has been stopped.
        """
        try:
            while child.exit_code is None:
                self._check()
                self._stop.wait(0.05)
            return child.exit_code
        finally:
            child.stop()

    def watch(self) -> None:
        """Returns when a stop is asked for.

        Raises:
            StackFailure: A child ended by itself.
        """
        while not self._stop.wait(0.25):
            self._check_children()

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._signals_seen += 1
        self._stop.set()
        if self._signals_seen > 1:
            for child in self.children:
                child.kill()

    def _check(self) -> None:
        if self._stop.is_set():
            raise StopRequested
        self._check_children()

    def _check_children(self) -> None:
        for child in self.children:
            if child.exit_code is not None:
                raise StackFailure(f"{child.name} {child.ending()}.", _reasons([child]))


def _reasons(children: list[Child]) -> str:
    """The newest log lines of `children`, and where the rest is."""
    lines: list[str] = []
    for child in children:
        if child.log is not None and (last := child.last_lines()):
            lines += [f"Last lines of {child.log}:", *(f"  {line}" for line in last)]
    return "\n".join(lines)
