"""`backfill` and `sync`: history out of Postgres into Tinybird, once or for good."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import reduce
from typing import Final, TypedDict, Unpack

import click

from analytics.commands.options import FiniteRange, PastInstant
from analytics.commands.progress import Progress
from analytics.errors import AnalyticsError, ConfigError
from analytics.ingest.deletes.receipts import Ledger
from analytics.ingest.deletes.removal import Removal
from analytics.ingest.history import reader as history
from analytics.ingest.history import sync as following
from analytics.ingest.history.backfill import LONGEST_WAIT_SECONDS, counted, lines, retries, wanted
from analytics.ingest.history.backfill import backfill as move
from analytics.ingest.history.reader import HISTORIES, HistoryWebsite, Window
from analytics.ingest.history.transfer import (
    BATCH_EVENTS,
    OVERLAP_SECONDS,
    SETTLE_SECONDS,
    Transfer,
    TransferCounts,
)
from analytics.ingest.history.watermarks import Watermarks, peek
from analytics.settings import Settings, load_settings
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird

_DATES: Final = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S")
_SHARED: Final = (
    click.option(
        "--website",
        "slugs",
        multiple=True,
        metavar="SLUG",
        help="Only this website; may be given several times. All websites otherwise.",
    ),
    click.option(
        "--overlap",
        "overlap_seconds",
        type=FiniteRange(min=0, max=86_400),
        default=OVERLAP_SECONDS,
        show_default=True,
        help="Seconds behind the newest row that are read again: as long as the product's longest transaction.",
    ),
    click.option(
        "--settle",
        "settle_seconds",
        type=FiniteRange(min=0, max=600),
        default=SETTLE_SECONDS,
        show_default=True,
        help="Seconds that a batch without an answer is given to arrive before it is looked up.",
    ),
    click.option(
        "--batch",
        "batch_events",
        type=click.IntRange(1, BATCH_EVENTS),
        default=BATCH_EVENTS,
        show_default=True,
        help="About how many events go in one request.",
    ),
)


class Pace(TypedDict):
    """Options of a transfer, as `Transfer` takes them."""

    overlap_seconds: float
    settle_seconds: float
    batch_events: int


def _transfer_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options that backfill and sync share."""
    return reduce(lambda decorated, option: option(decorated), reversed(_SHARED), command)


@click.command()
@click.option("--since", type=PastInstant(_DATES), metavar="DATE", help="Only events from this day on, UTC.")
@click.option(
    "--until",
    type=click.DateTime(_DATES),
    metavar="DATE",
    help="Only events before this instant, UTC: when the product began to emit them itself.",
)
@click.option("--dry-run", "is_dry", is_flag=True, help="Count what would be sent; send nothing.")
@click.option(
    "--restart",
    "is_restarting",
    is_flag=True,
    help="Forget how far it was, and the dates given before; what is in Tinybird is looked up.",
)
@_transfer_options
def backfill(
    slugs: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    is_dry: bool,
    is_restarting: bool,
    **pace: Unpack[Pace],
) -> None:
    """Move conversations and feedback from Postgres into Tinybird, once.

    Goes on where it was when it is run again, also after a crash, and sends nothing twice. A date that is not given again
    stays as it was.
    """
    asked = Window(since, None if until is None else until.replace(tzinfo=UTC))
    if asked.since is not None and asked.until is not None and asked.since >= asked.until:
        raise click.UsageError("--since must lie before --until.")
    settings = load_settings()
    if is_dry:
        _count(settings, slugs, asked, is_restarting=is_restarting)
        return
    counts = TransferCounts()
    with _sources(settings) as (tinybird, postgres, watermarks):
        windows = _windows(settings, history.websites(postgres, slugs), asked, is_restarting=is_restarting)
        if is_restarting:
            for website, window in windows:
                watermarks.restart(website.id, window)

        def landed(batch: TransferCounts) -> None:
            counts.add(batch)
            attempts.progressed()
            progress.advance(batch.rows)

        def say(text: str) -> None:
            progress.say(text)

        attempts = retries(LONGEST_WAIT_SECONDS, say)
        transfer = Transfer(tinybird, postgres, watermarks, on_batch=landed, say=say, **pace)
        total = sum(transfer.ahead(website) for website, _ in windows)
        with Progress(total, "Moving history", "rows") as progress:
            move(transfer, windows, attempts)
    _tell(counts, "sent")


@click.command()
@click.option(
    "--since",
    type=PastInstant(_DATES),
    metavar="DATE",
    help="For a website not begun yet: only events from this day on, UTC.",
)
@click.option(
    "--interval",
    "interval_seconds",
    type=FiniteRange(min=1, max=86_400),
    default=60.0,
    show_default=True,
    help="Seconds between two rounds. A round costs a query for each website with changes.",
)
@click.option("--once", "is_once", is_flag=True, help="One round, then end.")
@click.option(
    "--only-remove",
    "is_removing_only",
    is_flag=True,
    help="Move nothing, for a product that emits its events itself; only remove what was deleted or marked as test.",
)
@_transfer_options
def sync(
    slugs: tuple[str, ...],
    since: datetime | None,
    interval_seconds: float,
    is_once: bool,
    is_removing_only: bool,
    **pace: Unpack[Pace],
) -> None:
    """Keep moving what changes in Postgres into Tinybird, until SIGTERM or Ctrl-C.

    For a product that emits no events itself. Goes on where a backfill or an earlier sync ended. Once a day it removes what was
    deleted or marked as test after it was sent; that needs TINYBIRD_ADMIN_TOKEN.
    """
    settings = load_settings()
    counts, stop = TransferCounts(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def landed(batch: TransferCounts) -> None:
        counts.add(batch)
        attempts.progressed()
        if batch.stored:
            _say(f"{batch.stored:,} events sent")
        if batch.quarantined:
            _say(f"{batch.quarantined:,} events put into quarantine by Tinybird and not stored")
        for reason, count in batch.skipped.items():
            _say(f"{count:,} events skipped: {reason}")

    with _sources(settings) as (tinybird, postgres, watermarks):
        attempts = retries(LONGEST_WAIT_SECONDS if is_once else None, _say, stop.wait)
        transfer = Transfer(
            tinybird,
            postgres,
            watermarks,
            on_batch=landed,
            say=_say,
            is_stopped=stop.is_set,
            sleep=stop.wait,
            **pace,
        )
        removal = Removal(
            tinybird,
            postgres,
            settings.tinybird_host,
            settings.state_dir,
            settings.grace_days,
            _say,
            stop.is_set,
        )
        following.sync(
            transfer,
            removal,
            postgres,
            attempts,
            stop,
            say=_say,
            slugs=slugs,
            since=since,
            interval_seconds=None if is_once else interval_seconds,
            is_moving=not is_removing_only,
        )
    if not is_removing_only:
        _tell(counts, "sent")


@contextmanager
def _sources(settings: Settings) -> Iterator[tuple[Tinybird, Postgres, Watermarks]]:
    """Opens Tinybird, Postgres and the watermarks.

    Raises:
        ConfigError: There is no append token, or another process moves history.
    """
    if settings.tinybird_append_token is None:
        raise ConfigError(
            "TINYBIRD_APPEND_TOKEN is missing.", "Set it to the token events_append (`tb token ls`)."
        )
    with (
        Tinybird.from_settings(settings) as tinybird,
        Postgres.from_settings(settings) as postgres,
        Watermarks(settings.state_dir, settings.tinybird_host) as watermarks,
    ):
        yield tinybird, postgres, watermarks


def _windows(
    settings: Settings, websites: Sequence[HistoryWebsite], asked: Window, *, is_restarting: bool
) -> list[tuple[HistoryWebsite, Window]]:
    """Finds the window of each website; prints where older dates still hold, and what was purged."""
    windows = []
    purges = Ledger(settings.state_dir).ends(settings.tinybird_host)
    for website in websites:
        mark = peek(settings.state_dir, settings.tinybird_host, website.id, HISTORIES[0])
        before = None if mark is None or is_restarting else mark.window
        window = wanted(before, asked, website.slug)
        if window != asked:
            click.echo(f"{website.slug}: {window.text}, as before; --restart forgets that.", err=True)
        purged_at = purges.get(website.id)
        if mark is not None and purged_at is not None and not is_restarting:
            click.echo(
                f"{website.slug}: its rows were purged on {purged_at:%Y-%m-%d %H:%M} UTC. What had been sent before goes "
                "again only with --restart.",
                err=True,
            )
        windows.append((website, window))
    return windows


def _count(settings: Settings, slugs: tuple[str, ...], asked: Window, *, is_restarting: bool) -> None:
    counts = TransferCounts()
    state = None if is_restarting else (settings.state_dir, settings.tinybird_host)
    with Postgres.from_settings(settings) as postgres, Progress(0, "Counting", "rows") as progress:
        websites = history.websites(postgres, slugs)
        for website, window in _windows(settings, websites, asked, is_restarting=is_restarting):
            counts.add(counted(postgres, website, window, state, progress.advance))
    _tell(counts, "would be sent, as far as Tinybird does not have them")


def _tell(counts: TransferCounts, verb: str) -> None:
    for line in lines(counts, verb):
        click.echo(line)
    if counts.quarantined:
        raise AnalyticsError(
            f"Tinybird put {counts.quarantined:,} events into quarantine.",
            "Look at the reasons on Data health; the deployed data source may be another version's.",
        )


def _say(text: str) -> None:
    click.echo(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {text}", err=True)
