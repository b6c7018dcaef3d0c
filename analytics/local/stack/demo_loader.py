"""Runs the loader of the demo data as a child of the stack.

It begins while the stack comes up: requests to Tinybird wait there for the server. Its start signal carries the address
of Postgres.
"""

import sys
from typing import Self

from analytics.errors import ConfigError
from analytics.local.stack.local_stack import LocalStack
from analytics.local.stack.start_signal import StartSignal
from analytics.local.stack.supervisor import Supervisor


class Loader:
    """The loader of one data directory; a context manager that stops it."""

    def __init__(self, stack: LocalStack, seed: int) -> None:
        """Starts it; it prints nothing and does not connect to Postgres until `load`."""
        program = [sys.executable, "-m", "analytics.local.demo"]
        arguments = [str(stack.directory), str(seed)]
        self._stack = stack
        self._signal = StartSignal(
            lambda descriptor: stack.child(
                "demo data",
                [*program, str(descriptor), *arguments],
                log=None,
                access="tinybird",
                keep_open=[descriptor],
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._signal.child.stop()

    def load(self, supervisor: Supervisor) -> None:
        """Makes the demo data of the running stack; the loader shows its own progress and errors.

        Raises:
            ConfigError: There is no demo data, for the reason that the loader has shown.
            StackFailure: A child of the stack ended first.
            StopRequested: A signal came first.
        """
        self._signal.send(self._stack.postgres.owner_url)
        if supervisor.wait_for_end(self._signal.child) != 0:
            raise ConfigError(
                "There is no demo data.",
                "Remove the cause shown above and start again: the data is then made anew.",
            )
