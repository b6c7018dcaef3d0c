"""Twenty viewers on the real app while faults come and go: `make soak`, for `SOAK_SECONDS` (1,800).

Before that, 1,000 page runs while both sources refuse. Prints the pages drawn, wrong numbers, mistakes in the dashboard, and
what the app holds at the beginning and after each part, after a pause without viewers: threads, connections, files, memory.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import click
import numpy as np
from websockets.exceptions import WebSocketException

from analytics.transports.postgres import POOLED
from benchmarks.faults import PAGES, Numbers, closed_days, numbers_of, opened
from benchmarks.harness.faulty_stack import App, faulty_app
from benchmarks.harness.viewer import Viewer
from tests.faults import http_proxy, postgres
from tests.faults.http_proxy import HttpProxy
from tests.faults.postgres import PostgresFaults

SETTLE_SECONDS: Final = 75.0
"""Streamlit forgets a session that lost its browser after 60 s (`disconnectedSessionTTL`)."""

FAULT_SECONDS, PAUSE_SECONDS = 8.0, 12.0
LOOK_SECONDS: Final = (10.0, 40.0)
"""How long a person looks at a page. Twenty who left sooner than it is drawn would only measure a server without room."""

NONE_WANTED: Final = ("wrong numbers", "defects")
MORE_MB: Final = 10
MORE_OBJECTS: Final = 0.05
"""What may be allocated in addition at the end; a leak of 10 kB or ten objects in each of 10,000 runs is more."""

SECONDS_OF_A_PAGE: Final = 60.0
"""A viewer who sees fewer than one page in this time has waited too long for the run to say anything."""


@click.command()
@click.option("--seconds", default=int(os.environ.get("SOAK_SECONDS", "1800")), show_default=True)
@click.option("--viewers", default=20, show_default=True)
@click.option("--failing-runs", default=1000, show_default=True)
def main(seconds: int, viewers: int, failing_runs: int) -> None:
    """Run on a stack of its own, with demo data, in a directory that is deleted afterwards."""
    with faulty_app() as app:
        healthy = {page: numbers_of(opened(app, page, is_fresh=True)) for page in PAGES}
        _look_around(app, healthy, viewers, 20.0, seed=0)  # libraries, pools and threads are there
        held = {"at the beginning": _held(app)}
        counts = Counter({"failing page runs": _fail(app, viewers, failing_runs)})
        held["after failing runs"] = _held(app)
        counts += _soak(app, healthy, viewers, float(seconds))
        held["at the end"] = _held(app)
    for name in ("failing page runs", "pages drawn", "parts drawn again", "connections lost", *NONE_WANTED):
        click.echo(f"{name:24}{counts[name]:8,}")
    before = held["at the beginning"]
    for name in before:
        click.echo(f"{name:24}" + ", ".join(f"{each[name]:,} {when}" for when, each in held.items()))
    # What the pool keeps is no leak: one connection lost in each fault would be ninety in half an hour.
    is_level = all(
        each[name] <= before[name] + POOLED for each in held.values() for name in ("connections", "files")
    )
    # What is resident is no measure: the allocator keeps gaps between what lives and what has gone.
    is_small = all(
        each["memory"] <= before["memory"] + MORE_MB
        and each["objects"] <= before["objects"] * (1 + MORE_OBJECTS)
        for each in held.values()
    )
    is_seen = counts["pages drawn"] >= viewers * seconds / SECONDS_OF_A_PAGE
    sys.exit(0 if is_level and is_small and is_seen and not any(counts[name] for name in NONE_WANTED) else 1)


def _fail(app: App, viewers: int, runs: int) -> int:
    """Opens pages while both sources refuse; how many runs showed errors alone."""
    proxies: tuple[HttpProxy | PostgresFaults, ...] = (app.tinybird, app.postgres)
    for proxy in proxies:
        proxy.begin("refuse")
    app.say("clear")
    with ThreadPoolExecutor(viewers) as tabs:
        viewed = [tabs.submit(opened, app, PAGES[run % len(PAGES)]) for run in range(runs)]
        failed = sum(bool(each.result().errors()) for each in viewed)
    for proxy in proxies:
        proxy.end()
    return failed


def _held(app: App) -> Mapping[str, int]:
    """What the app holds after a pause, with nothing cached; Streamlit forgets old sessions when a new one comes."""
    time.sleep(SETTLE_SECONDS)
    app.say("clear")
    opened(app, "live")
    time.sleep(1.0)
    return app.say("held")


def _soak(app: App, healthy: Numbers, viewers: int, seconds: float) -> Counter[str]:
    ends_at = time.monotonic() + seconds
    faults: list[tuple[HttpProxy | PostgresFaults, str]] = [
        *((app.tinybird, name) for name in http_proxy.FAULTS),
        *((app.postgres, name) for name in postgres.FAULTS),
    ]
    order = [faults[each] for each in np.random.default_rng(1).permutation(len(faults))]
    with ThreadPoolExecutor(1) as looking:
        looked = looking.submit(_look_around, app, healthy, viewers, seconds, seed=2)
        for proxy, name in itertools.cycle(order):
            if (left := ends_at - time.monotonic()) <= 0:
                break
            proxy.begin(name)
            time.sleep(min(FAULT_SECONDS, left))
            proxy.end()
            time.sleep(max(0.0, min(PAUSE_SECONDS, ends_at - time.monotonic())))
        return looked.result()


def _look_around(app: App, healthy: Numbers, viewers: int, seconds: float, *, seed: int) -> Counter[str]:
    total: Counter[str] = Counter()
    with ThreadPoolExecutor(viewers) as tabs:
        chances = np.random.default_rng(seed).spawn(viewers)
        for each in [tabs.submit(_view, app, healthy, seconds, chance) for chance in chances]:
            total.update(each.result())
    return total


def _view(app: App, healthy: Numbers, seconds: float, chance: np.random.Generator) -> Counter[str]:
    """One person: opens a page, looks at it for a while with its timers, goes to another, sometimes in a new tab."""
    counts: Counter[str] = Counter()
    ends_at = time.monotonic() + seconds
    tab: Viewer | None = None
    page = ""
    while time.monotonic() < ends_at:
        others = [each for each in PAGES if each != page]
        page = others[chance.integers(len(others))]
        try:
            if tab is None:
                tab = Viewer(app.address, page, closed_days())
            else:
                tab.go(page)
            tab.look(min(chance.uniform(*LOOK_SECONDS), max(0.0, ends_at - time.monotonic())))
        except (WebSocketException, OSError):
            counts["connections lost"] += 1
            tab = None
            continue
        counts["pages drawn"] += tab.is_settled()
        counts["parts drawn again"] += tab.runs
        counts["defects"] += tab.defects()
        tab.runs = 0
        wrong = {
            label: value for label, value in numbers_of(tab).items() if healthy[page].get(label) != value
        }
        if wrong:
            counts["wrong numbers"] += len(wrong)
            click.echo(f"{page}: {wrong}", err=True)
        if chance.random() < 0.3:
            tab.close()
            tab = None
    if tab is not None:
        tab.close()
    return counts


if __name__ == "__main__":
    main()
