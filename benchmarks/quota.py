"""What open pages cost of Tinybird's queries a day: `python -m benchmarks.quota`.

The real app on a local stack; only its clock is set from here: to 8 in the morning of the next day, and from then on to when the
next timer of a page is due. Viewers are `Viewer`, which obeys the page's timers as a browser does.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click
import psycopg

from benchmarks.harness.rows import Row, say
from benchmarks.harness.stack import Process, answer, local_stack, processor_seconds, started
from benchmarks.harness.viewer import Viewer

PROGRAM: Final = """
import datetime, json, sys, threading, time
import pandas, psycopg, pydantic, sqlalchemy, streamlit  # before the clock is another

real = datetime.datetime

class Kind(type):
    def __instancecheck__(cls, value):
        return isinstance(value, real)

class Clock(real, metaclass=Kind):
    ahead = datetime.timedelta(seconds=float(sys.argv[1]))

    @classmethod
    def now(cls, tz=None):
        return real.now(tz) + cls.ahead

datetime.datetime = Clock

from types import SimpleNamespace
from analytics.cached.reading import connections, reads
from analytics.cached.shared import waits

reads._monotonic = lambda: time.monotonic() + Clock.ahead.total_seconds()
waits.time = SimpleNamespace(monotonic=reads._monotonic)

def obey():
    for line in sys.stdin:
        Clock.ahead = datetime.timedelta(seconds=float(line))
        print(json.dumps(connections().budget.spent_by_pipe(Clock.now(datetime.UTC))), flush=True)

threading.Thread(target=obey, daemon=True).start()
from analytics.cli import main
sys.argv = ["inbox-analytics", "serve"]
main()
"""
"""`inbox-analytics serve`, ahead of the time by its argument, then by each line of its input; answers with the queries of the day."""

DAY_HOURS: Final = 8.0
DAILY_QUERIES: Final = 1000
OVERVIEW_AIM: Final = 60.0
STEP_SECONDS: Final = 300.0
LIVE_HOURS: Final = 0.1
WEBSITE: Final = "northwind-outdoor"
WAIT_SECONDS: Final = 60.0
PACE: Final = re.compile(r"refreshes every [^.\]]*|paused until midnight UTC")


@dataclass
class App:
    """The running app and its clock.

    Attributes:
        address: Host and port.
        now: Seconds since the app was started at 8 o'clock, on its clock.
    """

    address: str
    process: Process
    ahead: float
    now: float = 0.0
    _began: float = field(default_factory=time.monotonic)

    def go_to(self, now: float) -> Counter[str]:
        """Sets the clock; returns the queries of the day by pipe."""
        self.now = now
        passed = time.monotonic() - self._began
        return Counter(json.loads(answer(self.process, f"{self.ahead + now - passed}")))

    def opened(self, page: str, query: str) -> Viewer:
        """A page in a new tab, once it is drawn."""
        viewer = Viewer(self.address, page, query, clock=lambda: self.now)
        self.settle(viewer)
        return viewer

    def settle(self, viewer: Viewer) -> None:
        """Waits until a page is drawn, with all of it whose time has come."""
        if not viewer.look(WAIT_SECONDS, lambda: viewer.is_settled() and viewer.due() > self.now):
            raise click.ClickException("A page was not drawn.")

    def watch(
        self, viewers: Sequence[Viewer], hours: float, seen: Callable[[], object] = lambda: None
    ) -> Counter[str]:
        """Lets the time pass for open pages; returns the queries of the day by pipe. `seen` is called after each step."""
        ends_at = self.now + hours * 3600
        while (due := min(each.due() for each in viewers)) < ends_at:
            self.go_to(due)
            for each in viewers:
                if each.due() <= due:
                    self.settle(each)
            seen()
        return self.go_to(ends_at)


@click.command()
@click.option(
    "--ten-hours", default=0.0, help="Instead, ten websites for so many hours, each on Overview and on Live."
)
def main(ten_hours: float) -> None:
    """Print what open pages cost, each beside its aim or beside one viewer."""
    with (
        tempfile.TemporaryDirectory(prefix="inbox-benchmark-") as directory,
        local_stack(Path(directory)) as stack,
    ):
        log = Path(directory) / "app.log"
        if ten_hours:
            with app(log, stack.env) as day:
                _ten(day, stack.env["INBOX_ANALYTICS_LOCAL_OWNER_URL"], ten_hours)
            return
        with app(log, stack.env) as day:
            seen_before = _again(day, day.opened("overview", f"website={WEBSITE}"))
            say(Row("queries of ranges seen before, also in a new browser", seen_before, "", 0.0))
        with app(log, stack.env) as day:
            viewer = day.opened("overview", f"website={WEBSITE}")
            before = processor_seconds(day.process.pid)
            spent = day.watch([viewer], DAY_HOURS).total()
            seconds = processor_seconds(day.process.pid) - before
            say(Row(f"queries of an open Overview in {DAY_HOURS:g} h", spent, "", OVERVIEW_AIM))
            click.echo(
                f"  it takes {seconds:.0f} s of processor time, 1,000 of them {seconds / DAY_HOURS / 3.6:.1f} processors"
            )
        costs = []
        for viewers in (1, 20):
            with app(log, stack.env) as day:
                tabs = [day.opened("live", f"website={WEBSITE}") for _ in range(viewers)]
                costs.append(day.watch(tabs, LIVE_HOURS).total())
        minutes = LIVE_HOURS * 60
        say(
            Row(
                f"queries of 20 viewers of a Live page in {minutes:g} min",
                costs[1],
                "",
                1.0,
                costs[0],
                "one viewer",
            )
        )


def _again(day: App, viewer: Viewer) -> int:
    """Queries of ranges that were seen before in this step of the grid, also in a new browser."""
    day.go_to(STEP_SECONDS + 1)
    spent = []
    for _ in range(2):
        for days in (30, 7):
            day.go_to(day.now + 20)
            viewer.again(f"website={WEBSITE}&range={days}d")
            day.settle(viewer)
        spent.append(day.go_to(day.now).total())
    day.opened("overview", f"website={WEBSITE}&range=30d").close()
    return day.go_to(day.now).total() - spent[0]


def _ten(day: App, database_url: str, hours: float) -> None:
    """Ten websites on one budget."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO website (id, name, slug, domain, organization_id, created_at) "
            "SELECT 'w' || n, 'Website ' || n, 'w' || n, 'example.com', organization_id, now() "
            "FROM website, generate_series(1, 10) AS n WHERE slug = %s",
            (WEBSITE,),
        )
        slugs = [slug for (slug,) in connection.execute("SELECT slug FROM website ORDER BY slug LIMIT 10")]
    lives = [day.opened("live", f"website={slug}") for slug in slugs]
    overviews = [day.opened("overview", f"website={slug}") for slug in slugs]
    paces: dict[str, float] = {}

    def note() -> None:
        for pace in PACE.findall(" ".join(lives[0].texts())):
            paces.setdefault(pace, day.now)

    spent = day.watch([*lives, *overviews], hours, note)
    say(Row(f"queries of ten websites, Overview and Live, in {hours:g} h", spent.total(), "", DAILY_QUERIES))
    for pace, since in paces.items():
        click.echo(f"  Live {pace}, from minute {since / 60:.0f}")
    click.echo(f"  {spent}")


@contextmanager
def app(log: Path, env: Mapping[str, str]) -> Iterator[App]:
    """The app at 8 o'clock of the next day, with a fresh budget."""
    now = datetime.now(UTC)
    morning = (now + timedelta(days=1)).replace(hour=8, minute=0, second=30, microsecond=0)
    ahead = (morning - now).total_seconds()
    limit = {"TINYBIRD_DAILY_QUERIES": str(DAILY_QUERIES)}
    with started(PROGRAM, log, {**env, **limit}, str(ahead)) as (address, process):
        yield App(address, process, ahead)


if __name__ == "__main__":
    main()
