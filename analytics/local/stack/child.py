"""Runs one child process: starts it so that it ends with its parent, reads its log, stops it. Knows no program.

Every child ends with its starter (see `parent_watch.py`), writes to its own log file, and runs in a session of its
own, so that Ctrl-C in a terminal reaches the supervisor alone and the order of stopping is the supervisor's.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

PARENT_WATCH = Path(__file__).with_name("parent_watch.py")
KILL_AFTER_SECONDS = 10.0

Follow = Literal["kernel", "pipe"]
FOLLOW: Follow = "kernel" if sys.platform == "linux" else "pipe"


def watched(
    program: Sequence[str],
    user: str | None,
    stop_signal: signal.Signals = signal.SIGTERM,
    follow: Follow = FOLLOW,
) -> list[str]:
    """The command line that runs `program` under the account `user` and ends it when this process goes."""
    watch = [sys.executable, "-I", "-S", str(PARENT_WATCH), str(os.getpid()), str(int(stop_signal))]
    return [*watch, user or "-", follow, *program]


class Child:
    """A running child process.

    Attributes:
        name: What the supervisor calls it in its messages.
        log: Where its output goes; None when it shares the supervisor's terminal.
    """

    def __init__(
        self,
        name: str,
        program: Sequence[str],
        *,
        log: Path | None,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        keep_open: Sequence[int] = (),
        follow: Follow = FOLLOW,
    ) -> None:
        """Starts the program; returns at once.

        None as `log` shares this process's output; as `environment`, `directory` and `user` it keeps this process's own.
        Only root may name a user. `stop_signal` asks the program to end, at `stop` and when this process goes; it inherits
        the file descriptors `keep_open`.
        """
        self.name = name
        self.log = log
        self._log_start = log.stat().st_size if log is not None and log.exists() else 0
        self._stop_signal = stop_signal
        command = watched(program, user, stop_signal, follow)
        output = None if log is None else log.open("ab")
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the stack's own programs, no shell
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=None if output is None else subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                cwd=directory,
                pass_fds=tuple(keep_open),
                start_new_session=True,
            )
        finally:
            if output is not None:
                output.close()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._process.poll()

    def last_lines(self, count: int = 5) -> list[str]:
        """The newest `count` non-empty lines that it wrote to its log, oldest first; none of an earlier program's."""
        if self.log is None or not self.log.exists():
            return []
        with self.log.open("rb") as file:
            file.seek(max(self._log_start, self.log.stat().st_size - 16_384))
            text = file.read().decode("utf-8", "replace")
        return [line.rstrip() for line in text.splitlines() if line.strip()][-count:]

    def ending(self) -> str:
        """How it ended, in words: `ended with code 3`, `was ended by SIGKILL`, or `is running`."""
        code = self.exit_code
        if code is None:
            return "is running"
        if code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return f"ended with code {code}"

    def ask_to_stop(self) -> None:
        """Sends the stop signal; does nothing when it has ended."""
        if self.exit_code is None:
            self._process.send_signal(self._stop_signal)

    def kill(self) -> None:
        """Ends it at once, with whatever it started in its own session; does nothing when it has ended."""
        if self.exit_code is None:
            os.killpg(self.pid, signal.SIGKILL)

    def stop(self, seconds: float = KILL_AFTER_SECONDS) -> None:
        """Asks it to stop and waits; kills it after `seconds`. Returns when it has ended."""
        self.ask_to_stop()
        deadline = time.monotonic() + seconds
        while self.exit_code is None and time.monotonic() < deadline:
            time.sleep(0.02)
        self.kill()
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
