"""Sync: moves what changed in Postgres since the last round, again and again, for a product that emits no events.

Once a day what was deleted or marked as test after it was sent is removed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from analytics.ingest.deletes.removal import Removal
from analytics.ingest.history import reader as history
from analytics.ingest.history.reader import HistoryWebsite, Window
from analytics.ingest.history.transfer import Transfer
from analytics.transports.postgres import Postgres
from analytics.transports.retrying import Retries

REMOVAL_SECONDS: Final = 600.0
"""How long a single round waits for the job that removes rows; the next one goes on waiting."""

LOOK_SECONDS: Final = 0.5


def sync(
    transfer: Transfer,
    removal: Removal,
    postgres: Postgres,
    retries: Retries,
    stop: threading.Event,
    *,
    say: Callable[[str], None],
    slugs: Sequence[str] = (),
    since: datetime | None = None,
    interval_seconds: float | None,
    is_moving: bool = True,
) -> None:
    """Moves and removes in rounds over all websites, new ones included, until `stop` is set.

    A website goes on where a backfill or an earlier sync ended. One that has no watermark is moved from `since` on. One of
    those chosen that is deleted meanwhile is left out, which is said once, and does not keep the others. Where not all
    events of a website are wanted, which ones is said once.

    No `slugs` mean all websites; a `since` of None everything, an `interval_seconds` of None a single round. `is_moving`
    False removes only, for a product that emits its events itself. `stop` ends the round between two batches, with nothing
    lost.

    Raises:
        SourceError: A source says no, or stays unavailable for longer than `retries` waits.
        ConfigError: A slug is unknown, or as `Transfer.run`.
    """
    choice, windows = _Choice(postgres, slugs, say), _Windows(transfer, since, say)
    while not stop.is_set():
        if is_moving:
            retries.run(lambda: _round(transfer, choice, windows, retries, stop))
        if interval_seconds is None:
            retries.run(lambda: _removed(removal, choice, slugs, stop))
            return
        retries.run(lambda: _step(removal, choice, slugs, stop))
        stop.wait(interval_seconds)


class _Choice:
    """Websites to move: slugs are looked up once, and followed by id from then on."""

    def __init__(self, postgres: Postgres, slugs: Sequence[str], say: Callable[[str], None]) -> None:
        self._postgres = postgres
        self._slugs = slugs
        self._say = say
        self._chosen: dict[str, str] = {}
        self._missed: set[str] = set()

    def websites(self) -> list[HistoryWebsite]:
        if not self._chosen:
            found = history.websites(self._postgres, self._slugs)
            self._chosen = {website.id: website.slug for website in found} if self._slugs else {}
            return found
        found = [website for website in history.websites(self._postgres) if website.id in self._chosen]
        missed = self._chosen.keys() - {website.id for website in found}
        for website_id in sorted(missed - self._missed):
            self._say(f"{self._chosen[website_id]} is deleted: left out from now on.")
        self._missed = missed
        return found

    def ids(self) -> list[str]:
        return [website.id for website in self.websites()]


class _Windows:
    """Window of each website; reported once where it is not all events."""

    def __init__(self, transfer: Transfer, since: datetime | None, say: Callable[[str], None]) -> None:
        self._transfer = transfer
        self._since = since
        self._say = say
        self._announced: set[str] = set()

    def of(self, website: HistoryWebsite) -> Window:
        """The window from before without its end: a sync never stops at the `--until` of a backfill."""
        begun = self._transfer.window(website)
        window = Window(self._since, None) if begun is None else replace(begun, until=None)
        if window.since is not None and website.id not in self._announced:
            before = "" if begun is None else ", as before; `backfill --restart` forgets that"
            self._say(f"{website.slug}: {window.text}{before}.")
        self._announced.add(website.id)
        return window


def _round(
    transfer: Transfer, choice: _Choice, windows: _Windows, retries: Retries, stop: threading.Event
) -> None:
    for website in [] if stop.is_set() else choice.websites():
        if stop.is_set():
            return
        transfer.run(website, windows.of(website))
        retries.progressed()


def _step(removal: Removal, choice: _Choice, slugs: Sequence[str], stop: threading.Event) -> None:
    if not stop.is_set():
        removal.step(choice.ids(), slugs)


def _removed(removal: Removal, choice: _Choice, slugs: Sequence[str], stop: threading.Event) -> None:
    """Removes what is due today, for at most `REMOVAL_SECONDS`."""
    if stop.is_set():
        return
    began, ids = time.monotonic(), choice.ids()
    while not removal.step(ids, slugs) and time.monotonic() - began < REMOVAL_SECONDS:
        if stop.wait(LOOK_SECONDS):
            return
