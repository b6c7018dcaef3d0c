"""History moved over and over, for a product that emits nothing itself: what changed since the last round."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from analytics.ingest import history
from analytics.ingest.history import Website, Window
from analytics.ingest.patience import Patience
from analytics.ingest.transfer import Transfer
from analytics.postgres import Postgres


def sync(
    transfer: Transfer,
    postgres: Postgres,
    patience: Patience,
    stop: threading.Event,
    *,
    slugs: Sequence[str] = (),
    since: datetime | None = None,
    interval_seconds: float | None,
) -> None:
    """Rounds over all websites until `stop` is set; websites that are new join by themselves.

    A website goes on where a backfill or an earlier sync ended. One that has no watermark is moved from `since` on.

    Args:
        transfer: What moves it.
        postgres: Where the websites are.
        patience: How long to wait for a source that is away.
        stop: Ends the round between two batches, with nothing lost.
        slugs: Only these websites; none means all.
        since: Earliest event for a website without a watermark; None means everything.
        interval_seconds: Pause between rounds; None means a single round.

    Raises:
        SourceError: A source says no, or stays away for longer than `patience` has.
        ConfigError: A slug is unknown, or as `Transfer.run`.
    """
    while not stop.is_set():
        patience.run(lambda: _round(transfer, postgres, patience, stop, slugs, since), stop.is_set)
        if interval_seconds is None:
            return
        stop.wait(interval_seconds)


def _round(
    transfer: Transfer,
    postgres: Postgres,
    patience: Patience,
    stop: threading.Event,
    slugs: Sequence[str],
    since: datetime | None,
) -> None:
    for website in history.websites(postgres, slugs):
        if stop.is_set():
            return
        transfer.run(website, _window(transfer, website, since))
        patience.progressed()


def _window(transfer: Transfer, website: Website, since: datetime | None) -> Window:
    """As before, but without end: a sync never stops at the `--until` of a backfill."""
    begun = transfer.window(website)
    return Window(since, None) if begun is None else replace(begun, until=None)
