"""`backfill` and `sync`: history out of Postgres into Tinybird, once or for good."""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime
from types import FrameType
from typing import Final

import click

from analytics.commands.progress import Progress
from analytics.errors import AnalyticsError, ConfigError
from analytics.ingest import history
from analytics.ingest import sync as following
from analytics.ingest.backfill import LONGEST_WAIT_SECONDS, counted, lines
from analytics.ingest.backfill import backfill as move
from analytics.ingest.history import Window
from analytics.ingest.patience import Patience
from analytics.ingest.transfer import BATCH_EVENTS, OVERLAP_SECONDS, SETTLE_SECONDS, Tally, Transfer
from analytics.ingest.watermarks import Watermarks
from analytics.postgres import Postgres
from analytics.settings import Settings, load_settings
from analytics.tinybird import Tinybird

_DATE: Final = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])
_website_option = click.option(
    "--website",
    "slugs",
    multiple=True,
    metavar="SLUG",
    help="Only this website; may be given several times. All websites otherwise.",
)
_settle_option = click.option(
    "--settle",
    "settle_seconds",
    type=click.FloatRange(min=0, max=600),
    default=SETTLE_SECONDS,
    show_default=True,
    help="Seconds that a batch without an answer is given to arrive before it is looked up.",
)
_overlap_option = click.option(
    "--overlap",
    "overlap_seconds",
    type=click.FloatRange(min=0, max=86_400),
    default=OVERLAP_SECONDS,
    show_default=True,
    help="Seconds behind the newest row that are read again: as long as the product's longest transaction.",
)

_batch_option = click.option(
    "--batch",
    "batch_events",
    type=click.IntRange(1, BATCH_EVENTS),
    default=BATCH_EVENTS,
    show_default=True,
    help="About how many events go in one request.",
)


@click.command()
@_website_option
@click.option("--since", type=_DATE, metavar="DATE", help="Only events from this day on, UTC.")
@click.option(
    "--until",
    type=_DATE,
    metavar="DATE",
    help="Only events before this instant, UTC: when the product began to emit them itself.",
)
@click.option("--dry-run", "is_dry", is_flag=True, help="Count what would be sent; send nothing.")
@click.option(
    "--restart",
    "is_restarting",
    is_flag=True,
    help="Forget how far it was; what is in Tinybird is looked up.",
)
@_overlap_option
@_settle_option
@_batch_option
def backfill(
    slugs: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    is_dry: bool,
    is_restarting: bool,
    overlap_seconds: float,
    settle_seconds: float,
    batch_events: int,
) -> None:
    """Move conversations and feedback from Postgres into Tinybird, once.

    Goes on where it was when it is run again, also after a crash, and sends nothing twice.
    """
    window = Window(_utc(since), _utc(until))
    if window.since is not None and window.until is not None and window.since >= window.until:
        raise click.UsageError("--since must lie before --until.")
    settings = load_settings()
    if is_dry:
        _count(settings, slugs, window)
        return
    _need_append_token(settings)
    tally = Tally()
    with (
        Tinybird.from_settings(settings) as tinybird,
        Postgres.from_settings(settings) as postgres,
        Watermarks(settings.state_dir, settings.tinybird_host) as watermarks,
    ):
        websites = history.websites(postgres, slugs)
        if is_restarting:
            for website in websites:
                watermarks.forget(website.id)

        def landed(batch: Tally) -> None:
            tally.add(batch)
            patience.progressed()
            progress.advance(batch.rows)

        def say(text: str) -> None:
            progress.say(text)

        patience = Patience(LONGEST_WAIT_SECONDS, say)
        transfer = Transfer(
            tinybird,
            postgres,
            watermarks,
            on_batch=landed,
            say=say,
            overlap_seconds=overlap_seconds,
            settle_seconds=settle_seconds,
            batch_events=batch_events,
        )
        total = sum(transfer.ahead(website) for website in websites)
        with Progress(total, "Moving history", "rows") as progress:
            move(transfer, websites, window, patience)
    _tell(tally, "sent")


@click.command()
@_website_option
@click.option(
    "--since",
    type=_DATE,
    metavar="DATE",
    help="For a website not begun yet: only events from this day on, UTC.",
)
@click.option(
    "--interval",
    "interval_seconds",
    type=click.FloatRange(min=1, max=86_400),
    default=60.0,
    show_default=True,
    help="Seconds between two rounds. A round costs a query for each website with changes.",
)
@click.option("--once", "is_once", is_flag=True, help="One round, then end.")
@_overlap_option
@_settle_option
@_batch_option
def sync(
    slugs: tuple[str, ...],
    since: datetime | None,
    interval_seconds: float,
    is_once: bool,
    overlap_seconds: float,
    settle_seconds: float,
    batch_events: int,
) -> None:
    """Keep moving what changes in Postgres into Tinybird, until SIGTERM or Ctrl-C.

    For a product that emits no events itself. Goes on where a backfill or an earlier sync ended.
    """
    settings = load_settings()
    _need_append_token(settings)
    tally, stop = Tally(), threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)

    def landed(batch: Tally) -> None:
        tally.add(batch)
        patience.progressed()
        if sent := sum(batch.sent.values()):
            _say(f"{sent:,} events sent")
        for reason, count in batch.skipped.items():
            _say(f"{count:,} events skipped: {reason}")

    with (
        Tinybird.from_settings(settings) as tinybird,
        Postgres.from_settings(settings) as postgres,
        Watermarks(settings.state_dir, settings.tinybird_host) as watermarks,
    ):
        patience = Patience(LONGEST_WAIT_SECONDS if is_once else None, _say, stop.wait)
        transfer = Transfer(
            tinybird,
            postgres,
            watermarks,
            on_batch=landed,
            say=_say,
            is_stopped=stop.is_set,
            overlap_seconds=overlap_seconds,
            settle_seconds=settle_seconds,
            batch_events=batch_events,
            sleep=stop.wait,
        )
        following.sync(
            transfer,
            postgres,
            patience,
            stop,
            slugs=slugs,
            since=_utc(since),
            interval_seconds=None if is_once else interval_seconds,
        )
    _tell(tally, "sent")


def _count(settings: Settings, slugs: tuple[str, ...], window: Window) -> None:
    tally = Tally()
    with Postgres.from_settings(settings) as postgres, Progress(0, "Counting", "rows") as progress:
        for website in history.websites(postgres, slugs):
            state = settings.state_dir, settings.tinybird_host
            tally.add(counted(postgres, website, window, state, progress.advance))
    _tell(tally, "would be sent, as far as Tinybird does not have them")


def _tell(tally: Tally, verb: str) -> None:
    for line in lines(tally, verb):
        click.echo(line)
    if tally.quarantined:
        raise AnalyticsError(
            f"Tinybird put {tally.quarantined:,} events into quarantine.",
            "Look at the reasons on Data health; the deployed data source may be another version's.",
        )


def _say(text: str) -> None:
    click.echo(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {text}", err=True)


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(tzinfo=UTC)


def _need_append_token(settings: Settings) -> None:
    if settings.tinybird_append_token is None:
        raise ConfigError(
            "TINYBIRD_APPEND_TOKEN is missing.", "Set it to the token events_append (`tb token ls`)."
        )
