"""Adds new events and rows to the demo every few seconds. Knows nothing of the web app.

Started by the command line as `python -m analytics.local.demo.generator DIR` with the stack's settings in the
environment. Visitors, conversations, answers and ratings come from the same history as the demo data and are
sent the same way. While Tinybird or Postgres is away it logs that once, waits, and later adds what is missing.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import click
import psycopg

from analytics.errors import SourceError
from analytics.local.demo.content.customers.organizations import DAY
from analytics.local.demo.delivery import open_tinybird, send_lines
from analytics.local.demo.history import History
from analytics.local.demo.load import advance, connect
from analytics.local.stack.demo_record import DemoRecord

TICK_SECONDS: Final = 3.0
LONGEST_PAUSE_TICKS: Final = 10
REQUEST_SECONDS: Final = 8.0
LONGEST_STEP_SECONDS: Final = DAY


class Generator:
    """Advances one demo to the current time.

    Attributes:
        record: Until when the data is complete; also on disk, where a later run continues.
    """

    def __init__(self, directory: Path, record: DemoRecord, environment: Mapping[str, str]) -> None:
        """Prepares to continue from `record`."""
        self.record = record
        self._directory = directory
        self._environment = environment
        self._history = History(record.seed, record.anchor)

    def step(self, now: int) -> None:
        """Adds everything up to `now`, at most a day at a time.

        Raises:
            SourceError: Tinybird is away.
            psycopg.Error: Postgres is away.
        """
        with open_tinybird(self._environment) as tinybird, connect(self._environment) as connection:
            send = partial(send_lines, tinybird, timeout_seconds=REQUEST_SECONDS)
            while self.record.until < now:
                until = min(now, self.record.until + LONGEST_STEP_SECONDS)
                advance(send, connection, self._history, self.record.until, until)
                self.record = self.record.reaching(until).write(self._directory)

    def run(
        self,
        stop: threading.Event,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.time,
        tick_seconds: float = TICK_SECONDS,
    ) -> None:
        """Steps every `tick_seconds` until `stop` is set; calls `say` when it starts to wait and when it continues."""
        failures = 0
        while not stop.is_set():
            try:
                self.step(int(clock()))
            except (SourceError, psycopg.Error) as error:
                if failures == 0:
                    say(f"waiting: {type(error).__name__}: {str(error).strip()}")
                failures += 1
            else:
                if failures:
                    say(f"going on after {failures} failed tries")
                failures = 0
            stop.wait(tick_seconds * min(2**failures, LONGEST_PAUSE_TICKS))


def main(arguments: list[str]) -> int:
    """Runs until SIGTERM; returns the exit code."""
    directory = Path(arguments[0])
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    record = DemoRecord.read(directory)
    if record is None or not record.is_complete:
        _say(f"{directory} holds no complete demo data")
        return 1
    _say("started")
    Generator(directory, record, os.environ).run(stop, _say)
    _say("stopped")
    return 0


def _say(text: str) -> None:
    click.echo(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
