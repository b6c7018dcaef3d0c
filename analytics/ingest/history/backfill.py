"""Backfill: moves the history in Postgres into Tinybird once, or counts what that would send."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from analytics.errors import ConfigError
from analytics.ingest.history import reader as history
from analytics.ingest.history.reader import HISTORIES, START, HistoryWebsite, Window
from analytics.ingest.history.transfer import Transfer, TransferCounts
from analytics.ingest.history.watermarks import peek
from analytics.numbers import in_words
from analytics.transports.postgres import Postgres
from analytics.transports.retrying import Retries

LONGEST_WAIT_SECONDS: Final = 900.0
"""How long a backfill waits for a source that is unavailable before it gives up; what was confirmed stays."""

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0


def retries(
    total_seconds: float | None, say: Callable[[str], None], sleep: Callable[[float], object] = time.sleep
) -> Retries:
    """Makes the retry policy of backfill and sync.

    `total_seconds` without progress end it; None means never.
    """
    return Retries(
        FIRST_PAUSE_SECONDS,
        LONGEST_PAUSE_SECONDS,
        total_seconds=total_seconds,
        waits_all=True,
        on_pause=lambda error, seconds: say(f"{error.message} Trying again in {in_words(seconds)}."),
        sleep=sleep,
    )


def wanted(before: Window | None, asked: Window, slug: str) -> Window:
    """Joins the window that is asked for with the one from before, None at first; what is asked wins.

    Raises:
        ConfigError: The named end and the one from before leave nothing.
    """
    if before is None:
        return asked
    window = Window(asked.since or before.since, asked.until or before.until)
    if window.since is not None and window.until is not None and window.since >= window.until:
        raise ConfigError(
            f"{slug}: {before.text} were wanted before, and with that {window.text} are none.",
            "Name both --since and --until.",
        )
    return window


def backfill(transfer: Transfer, windows: Sequence[tuple[HistoryWebsite, Window]], retries: Retries) -> None:
    """Moves the history of each website, one after the other, in the order given.

    Each is read twice: once as it is, and once more for what changed while the first read went on.

    Raises:
        SourceError: A source says no, or stays unavailable.
        ConfigError: As `Transfer.run`.
    """
    for website, window in windows:
        for _ in range(2):
            retries.run(partial(transfer.run, website, window))


def counted(
    postgres: Postgres,
    website: HistoryWebsite,
    window: Window,
    state: tuple[Path, str] | None,
    on_rows: Callable[[int], None],
) -> TransferCounts:
    """Counts what a backfill of a website would send now; sends nothing and asks nothing of Tinybird.

    Events that Tinybird already has are among them where they would be looked up.

    Counts from the watermarks in `state` (state directory and Tinybird host); None counts as if nothing had been moved yet.
    Calls `on_rows` after every 1,000 rows.

    Raises:
        SourceError: As `Postgres.stream`.
        ConfigError: The state cannot be read.
    """
    counts = TransferCounts()
    for name in HISTORIES:
        mark = None if state is None else peek(*state, website.id, name)
        start = mark.start if mark is not None and mark.window.holds(window) else START
        for row in history.read_events(postgres, website, name, start):
            counts.rows += 1
            counts.skipped.update(row.skipped)
            counts.sent.update(event.event_type for event in row.events if event.timestamp in window)
            if counts.rows % 1000 == 0:
                on_rows(1000)
    return counts


def lines(counts: TransferCounts, verb: str) -> list[str]:
    """Writes counts as lines for a person; those of nothing are left out."""
    found = [f"{counts.rows:,} conversations and feedback read", f"{counts.stored:,} events {verb}"]
    if counts.quarantined:
        aside = "put into quarantine by Tinybird and not stored (Data health says why)"
        found.append(f"{counts.quarantined:,} events {aside}; both by type:")
    found += _counts(counts.sent)
    if counts.present:
        found.append(f"{counts.present:,} events were in Tinybird already")
    if counts.skipped:
        found.append(f"{sum(counts.skipped.values()):,} events skipped, because no valid event can be made")
        found += _counts(counts.skipped)
    return found


def _counts(counts: Mapping[str, int]) -> list[str]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [f"  {count:>9,}  {name}" for name, count in ordered]
