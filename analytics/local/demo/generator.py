"""Keeps the demo going: every few seconds, what has happened since the last time. Knows nothing of the web app.

Started by the command line as `python -m analytics.local.demo.generator DIR` with the stack's settings in the
environment. Visitors, conversations, answers and ratings come from the same history as the demo data and go
through the same doors. When a door is closed it says so once, waits, and later makes up for what it missed.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Final

import click
import httpx2
import psycopg

from analytics.local.demo.content.organizations import DAY
from analytics.local.demo.delivery import Events
from analytics.local.demo.history import History
from analytics.local.demo.load import advance, connect
from analytics.local.stack.demo_record import DemoRecord

TICK_SECONDS: Final = 3.0
LONGEST_PAUSE_SECONDS: Final = 30.0
REQUEST_SECONDS: Final = 8.0
LONGEST_STEP_SECONDS: Final = DAY


class Generator:
    """The live end of one demo.

    Attributes:
        record: How far it is; also on disk, so that a later run goes on from there.
    """

    def __init__(self, directory: Path, record: DemoRecord, environment: Mapping[str, str]) -> None:
        """Goes on from `record`; does nothing yet."""
        self.record = record
        self._directory = directory
        self._environment = environment
        self._history = History(record.seed, record.anchor)

    def step(self, now: int) -> None:
        """Makes happen what has happened up to `now`, at most a day at a time.

        Raises:
            httpx2.HTTPError: Tinybird is away.
            psycopg.Error: Postgres is away.
        """
        with Events(self._environment, REQUEST_SECONDS) as events, connect(self._environment) as connection:
            while self.record.until < now:
                until = min(now, self.record.until + LONGEST_STEP_SECONDS)
                advance(events, connection, self._history, self.record.until, until)
                self.record = self.record.reaching(until).write(self._directory)

    def run(
        self, stop: threading.Event, say: Callable[[str], None], clock: Callable[[], float] = time.time
    ) -> None:
        """Steps every few seconds until `stop` is set; `say` is told when something changes."""
        failures = 0
        while not stop.is_set():
            try:
                self.step(int(clock()))
            except (httpx2.HTTPError, psycopg.Error) as error:
                if failures == 0:
                    say(f"waiting: {type(error).__name__}: {str(error).strip()}")
                failures += 1
            else:
                if failures:
                    say(f"going on after {failures} failed tries")
                failures = 0
            stop.wait(min(TICK_SECONDS * 2**failures, LONGEST_PAUSE_SECONDS))


def main(arguments: list[str]) -> int:
    """Runs until SIGTERM; returns the exit code."""
    directory = Path(arguments[0])
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
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
