"""One move of the history that Postgres holds into Tinybird, and what such a move would send."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from analytics.ingest import history
from analytics.ingest.history import HISTORIES, START, Website, Window
from analytics.ingest.patience import Patience
from analytics.ingest.transfer import Tally, Transfer
from analytics.ingest.watermarks import peek
from analytics.postgres import Postgres

LONGEST_WAIT_SECONDS: Final = 900.0
"""How long a backfill waits for a source that is away before it gives up; what was confirmed stays."""


def backfill(transfer: Transfer, websites: Sequence[Website], window: Window, patience: Patience) -> None:
    """Moves the history of each website, one after the other, in the order given.

    Each is read twice: once as it is, and once more for what changed while the first read went on.

    Args:
        transfer: What moves it.
        websites: Whose.
        window: Which events.
        patience: How long to wait for a source that is away.

    Raises:
        SourceError: A source says no, or stays away.
        ConfigError: As `Transfer.run`.
    """

    def move(website: Website) -> Callable[[], None]:
        return lambda: transfer.run(website, window)

    for website in websites:
        for _ in range(2):
            patience.run(move(website))


def counted(
    postgres: Postgres,
    website: Website,
    window: Window,
    state: tuple[Path, str],
    on_rows: Callable[[int], None],
) -> Tally:
    """What a backfill of a website would send now; sends nothing, changes nothing and asks nothing of Tinybird.

    Events that Tinybird already has are among them where they would be looked up.

    Args:
        postgres: Where rows come from.
        website: Whose history.
        window: Which events.
        state: State directory and Tinybird host.
        on_rows: Told of every so many rows.

    Raises:
        SourceError: As `Postgres.stream`.
        ConfigError: The state cannot be read.
    """
    tally = Tally()
    directory, host = state
    for name in HISTORIES:
        mark = peek(directory, host, website.id, name)
        is_wider = mark is not None and mark.window.union(window) != mark.window
        start = START if mark is None or is_wider else mark.start
        wanted = window if mark is None else mark.window.union(window)
        for told in history.told(postgres, website, name, start):
            tally.rows += 1
            tally.skipped.update(told.skipped)
            tally.sent.update(event.event_type for event in told.events if event.timestamp in wanted)
            if tally.rows % 1000 == 0:
                on_rows(1000)
    return tally


def lines(tally: Tally, verb: str) -> list[str]:
    """A tally as lines for a person; counts of nothing are left out."""
    found = [f"{tally.rows:,} conversations and feedback read", f"{sum(tally.sent.values()):,} events {verb}"]
    found += _counts(tally.sent)
    if tally.present:
        found.append(f"{tally.present:,} events were in Tinybird already")
    if tally.skipped:
        found.append(f"{sum(tally.skipped.values()):,} events skipped, because no valid event can be made")
        found += _counts(tally.skipped)
    if tally.quarantined:
        found.append(f"{tally.quarantined:,} events put into quarantine by Tinybird: see Data health")
    return found


def _counts(counts: Mapping[str, int]) -> list[str]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [f"  {count:>9,}  {name}" for name, count in ordered]
