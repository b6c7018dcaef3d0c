"""What `purge` and `retention` print: rows, departures, receipts, and how far a purge is."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Final, Self

import click

from analytics.errors import SourceError
from analytics.ingest.deletes.receipts import Purge
from analytics.ingest.events.text import printable
from analytics.ingest.spool import directory as spool
from analytics.operations.purge.database import KnownWebsite
from analytics.operations.purge.purge import Holdings, PurgeProgress
from analytics.operations.purge.retention import Departure
from analytics.settings import Settings

PLAIN_LINE_SECONDS: Final = 30.0


def about(website: KnownWebsite) -> str:
    """Describes a website in printable text."""
    state = "" if website.deleted_at is None else f", deleted {website.deleted_at:%Y-%m-%d}"
    return printable(
        f"{website.name} ({website.domain}), slug {website.slug}, of {website.organization_name}{state}"
    )


def show_holdings(held: Holdings, settings: Settings) -> None:
    """Prints how many rows Tinybird holds."""
    click.echo(f"Tinybird     {settings.tinybird_host}")
    for datasource, rows in held.rows.items():
        click.echo(f"  {datasource:<22} {rows:>14,} rows")
    quarantined = "cannot be read" if held.quarantined_rows is None else f"{held.quarantined_rows:>14,} rows"
    click.echo(f"  {'in quarantine':<22} {quarantined}")
    if held.quarantined_rows:
        click.echo(
            "  A purge does not reach a quarantine: empty it with `tb --cloud datasource truncate NAME_quarantine`."
        )


def show_stored(stored: Mapping[str, int] | SourceError | None) -> None:
    """Prints how many rows the dashboard's own store holds, by table, or why they cannot be read; nothing without a store."""
    if stored is None:
        return
    if isinstance(stored, SourceError):
        click.echo(f"Store        cannot be read: {stored}")
        return
    click.echo("Store        goals and minutes, with the e-mail addresses of those who set them")
    for table, rows in stored.items():
        click.echo(f"  {table:<24} {rows:>12,} rows")


def show_departures(left: Sequence[Departure], grace_days: int) -> None:
    """Prints the websites that have left, one line each."""
    if not left:
        click.echo("No website that has left holds rows.")
        return
    click.echo(f"Websites that have left and hold rows; {grace_days} days of grace:\n")
    click.echo(f"{'website':<28} {'plan':<10} {'ended':<11} {'days':>5} {'rows':>14}  {'':<9} why")
    for each in left:
        name = printable(each.website.slug if each.website else each.website_id)
        ended = "not known" if each.ended_at is None else f"{each.ended_at:%Y-%m-%d}"
        days = "" if each.days_past is None else f"{each.days_past}"
        plan = printable(each.plan or "-")
        click.echo(
            f"{name:<28} {plan:<10} {ended:<11} {days:>5} {each.row_count:>14,}  {each.verdict:<9} {printable(each.reason)}"
        )
    click.echo()


def show_receipts(receipts: Sequence[Purge]) -> None:
    """Prints the finished purges, one line each."""
    if not receipts:
        click.echo("No purge has finished yet.")
        return
    click.echo(f"{'finished (UTC)':<17} {'rows deleted':>14}  {'website':<28} {'by':<12} about")
    for each in receipts:
        finished = "-" if each.finished_at is None else f"{each.finished_at.astimezone(UTC):%Y-%m-%d %H:%M}"
        rows = "unknown" if each.rows_deleted is None else f"{each.rows_deleted:,}"
        click.echo(
            f"{finished:<17} {rows:>14}  {each.website_id:<28} {printable(each.people):<12} {printable(each.website)}"
        )


def show_unfinished(unfinished: Sequence[Purge]) -> None:
    """Prints the unfinished purges, one line each."""
    for each in unfinished:
        click.echo(
            f"Unfinished: the purge of {each.website_id}, begun {each.started_at:%Y-%m-%d %H:%M} UTC by {printable(each.people)}. "
            "`inbox-analytics purge --yes` continues it."
        )


def show_spool(settings: Settings) -> None:
    """Warns of events in this machine's spool: sent after the purge, they stay in Tinybird."""
    if settings.spool_dir is None:
        return
    held = spool.status(settings.spool_dir)
    if held.spooled or held.refused:
        click.echo(
            f"Spool        {held.spooled:,} events wait here and {held.refused:,} were refused: those of a purged website come "
            "back when they are sent. Purge once the spool is empty."
        )


class ProgressLine:
    """Progress of a purge, inside `with`: one line that changes on a terminal, else a line every 30 seconds."""

    def __init__(self) -> None:
        self._is_terminal = sys.stdout.isatty()
        self._printed: tuple[str, str] | None = None
        self._next_seconds = 0.0
        self._is_open = False

    def __call__(self, progress: PurgeProgress) -> None:
        """Shows how far it is."""
        doing = {"deletes": "deleting", "waits": "waits for another delete job, before deleting"}[
            progress.what
        ]
        text = f"{progress.datasource}: {doing} {progress.rows:,} rows, {progress.seconds:.0f} s"
        if self._is_terminal:
            click.echo(f"\r\x1b[2K{text}", nl=False)
            self._is_open = True
            return
        key = progress.datasource, progress.what
        if key != self._printed or progress.seconds >= self._next_seconds:
            self._printed, self._next_seconds = key, progress.seconds + PLAIN_LINE_SECONDS
            click.echo(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._is_open:
            click.echo()


def counted(rows: int | None) -> str:
    """Writes a number of rows for a sentence."""
    return "an unknown number of" if rows is None else f"{rows:,}"
