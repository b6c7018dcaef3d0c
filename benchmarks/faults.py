"""Every page of the real app under every fault: `python -m benchmarks.faults`.

Prints a table, fault by page, cold and warm: seconds to the first card, chart or error and until the page has settled, what
it shows (E errors and late answers, S stale marks, D mistakes in the dashboard, ∅ "nothing here", ≠ numbers that are not
those of the healthy page, fresh), requests to Tinybird, and the seconds until an open Overview is fresh after the fault's end.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import click

from benchmarks.harness.faulty_stack import App, faulty_app
from benchmarks.harness.viewer import Viewer
from tests.faults import http_proxy, postgres

PAGES: Final = (
    *("all_websites", "overview", "conversations", "ai_and_people", "waiting"),
    *("satisfaction", "visitors", "live", "data_health"),
)
FIRST_AIM_SECONDS, RECOVERY_AIM_SECONDS = 3.0, 10.0
PAGE_SECONDS: Final = 60.0
CHANGING: Final = frozenset(
    {"Tinybird", "Postgres", "Store of goals", "Newest event", "Queries today", "Stopped websites"}
)

Numbers = Mapping[str, Mapping[str, str]]
"""The numbers of each page while everything works."""


@click.command()
@click.option("--source", type=click.Choice(["tinybird", "postgres"]), help="Only faults of this one.")
@click.option("--only", default="", help="Only faults with this in their name.")
def main(source: str | None, only: str) -> None:
    """Measure on a stack of its own, with demo data, in a directory that is deleted afterwards."""
    is_well = True
    with faulty_app() as app:
        healthy = {page: numbers_of(opened(app, page, is_fresh=True)) for page in PAGES}
        app.say("remember")
        for name, faults in (("tinybird", http_proxy.FAULTS), ("postgres", postgres.FAULTS)):
            if source in {None, name}:
                click.echo(f"\n| {name} | cache | {' | '.join(PAGES)} | recovered after |")
                click.echo("|---" * (len(PAGES) + 3) + "|")
                for fault in [each for each in faults if only in each]:
                    is_well &= _measure(app, name, fault, healthy)
    sys.exit(0 if is_well else 1)


def _measure(app: App, source: str, fault: str, healthy: Numbers) -> bool:
    proxy = app.tinybird if source == "tinybird" else app.postgres
    is_well = True
    for cache in ("cold", "warm"):
        app.say("clear")
        if cache == "warm":
            app.say("recall")
        proxy.begin(fault)
        cells = []
        for page in PAGES:
            before = app.tinybird.requests
            viewer = opened(app, page)
            cell, is_right = _cell(viewer, healthy[page], app.tinybird.requests - before)
            cells.append(cell)
            is_well &= is_right
        watched = Viewer(app.address, "overview", closed_days())
        watched.look(PAGE_SECONDS, watched.is_settled)
        proxy.end()
        began = time.monotonic()
        is_back = watched.look(PAGE_SECONDS, watched.is_fresh)
        recovered = time.monotonic() - began
        watched.close()
        is_well &= is_back and recovered <= RECOVERY_AIM_SECONDS
        back = f"{recovered:.1f} s" if is_back else "never"
        click.echo(f"| {fault} | {cache} | {' | '.join(cells)} | {back} |")
    return is_well


def closed_days() -> str:
    """The query of a website over the ten days up to yesterday, whose numbers do not move. Without a website staff start elsewhere."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    return f"website=northwind-outdoor&range={yesterday - timedelta(days=9)}..{yesterday}"


def opened(app: App, page: str, *, is_fresh: bool = False) -> Viewer:
    """Opens a page in a tab and closes it once the page has settled, or is fresh."""
    viewer = Viewer(app.address, page, closed_days())
    viewer.look(PAGE_SECONDS, viewer.is_fresh if is_fresh else viewer.is_settled)
    viewer.close()
    return viewer


def numbers_of(viewer: Viewer) -> Mapping[str, str]:
    """The numbers of a page's cards, without those that change by themselves."""
    return {label: value for label, value in viewer.numbers().items() if label not in CHANGING}


def _cell(viewer: Viewer, healthy: Mapping[str, str], requests: int) -> tuple[str, bool]:
    numbers = numbers_of(viewer)
    wrong = [
        f"{label}={value}, not {healthy.get(label)}"
        for label, value in numbers.items()
        if healthy.get(label) != value
    ]
    counts = {
        "E": viewer.errors() - viewer.defects(),
        "S": viewer.stale(),
        "**D": viewer.defects(),
        "∅": viewer.empty(),
        "≠": len(wrong),
    }
    if wrong:
        click.echo(f"not as healthy: {', '.join(wrong)}", err=True)
    shown = " ".join(f"{mark}{count}" for mark, count in counts.items() if count) or "fresh"
    first, settled = viewer.first_seconds, viewer.settled_seconds
    times = f"{'–' if first is None else f'{first:.1f}'}/{'–' if settled is None else f'{settled:.1f}'}"
    is_right = not wrong and not viewer.defects() and first is not None and first <= FIRST_AIM_SECONDS
    return f"{times} {shown} q{requests}", is_right


if __name__ == "__main__":
    main()
