"""`inbox-analytics purge` and `retention`: the rows of those who left, counted, deleted, on record."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

import click

from analytics.errors import ConfigError, SourceError, SourceRejected
from analytics.ingest import database, deletion, retention, spool
from analytics.ingest.database import KnownWebsite
from analytics.ingest.purge import Holdings, Order, Progress, Purger, holdings
from analytics.ingest.receipts import Ledger, Purge, PurgeRefused, total
from analytics.ingest.retention import Departure
from analytics.postgres import Postgres
from analytics.settings import Settings, load_settings
from analytics.tinybird import Tinybird

PLAIN_LINE_SECONDS = 30.0

yes_option = click.option("--yes", is_flag=True, help="Delete; without it nothing is changed.")
by_option = click.option(
    "--by", default=None, help="Who asks for it, for the receipt.  [default: the system's user]"
)


@click.command()
@click.argument("website", required=False)
@yes_option
@click.option(
    "--id", "is_id", is_flag=True, help="WEBSITE is an id, whatever slugs there are; Postgres may be down."
)
@by_option
@click.option("--receipts", "shows_receipts", is_flag=True, help="List the purges that were finished.")
def purge(website: str | None, yes: bool, is_id: bool, by: str | None, shows_receipts: bool) -> None:
    """Delete a website's rows from Tinybird when a customer leaves.

    WEBSITE is a slug or an id, also of a website that Postgres does not know any more. Without --yes the rows are only
    counted. Without WEBSITE the unfinished purges are listed, or continued with --yes. Postgres is not changed.
    """
    settings = load_settings()
    ledger = Ledger(settings.state_dir)
    if shows_receipts:
        _show_receipts(ledger.receipts())
        return
    who = _who(by)
    unfinished = ledger.unfinished()
    with Tinybird.from_settings(settings) as tinybird, Postgres.from_settings(settings) as postgres:
        _need_admin(tinybird)
        if website is None:
            _continue_all(unfinished, settings, ledger, tinybird, yes=yes)
            return
        website_id, known, about = _resolved(postgres, website, is_id=is_id)
        begun = next((each for each in unfinished if each.website_id == website_id), None)
        _tell_unfinished([each for each in unfinished if each is not begun])
        held = holdings(tinybird, website_id)
        if known is None and begun is None and not held.row_count and not held.quarantined_rows:
            raise PurgeRefused(
                f"Neither Postgres nor Tinybird knows a website {_plain(website)}.",
                "Check the spelling: a slug or an id, as in the product's database.",
            )
        click.echo(f"Website      {website_id}")
        click.echo(f"Postgres     {about}")
        _show_holdings(held, settings)
        if begun is not None:
            click.echo(f"Unfinished   begun {begun.started_at:%Y-%m-%d %H:%M} UTC by {_plain(begun.by)}")
        _tell_spool(settings)
        if not yes:
            click.echo("Nothing was deleted: add --yes to delete these rows for good.")
            return
        order = Order(website_id, about, "purge", who)
        _run(order, settings, ledger, tinybird)


@click.command(name="retention")
@click.option(
    "--grace-days",
    type=click.IntRange(0, 3650),
    default=None,
    help="Days after the end before rows are due.  [default: INBOX_ANALYTICS_GRACE_DAYS, 30]",
)
@yes_option
@by_option
def retention_command(grace_days: int | None, yes: bool, by: str | None) -> None:
    """List the websites that have left and hold rows, and purge those past their grace days with --yes.

    Left are websites that were deleted, and those of an organization whose paid subscription was canceled and has
    ended. Organizations on the free plan stay.
    """
    settings = load_settings()
    grace = settings.grace_days if grace_days is None else grace_days
    who = _who(by)
    ledger = Ledger(settings.state_dir)
    with Tinybird.from_settings(settings) as tinybird, Postgres.from_settings(settings) as postgres:
        _need_admin(tinybird)
        rows = {name: deletion.rows_by_website(tinybird, name) for name in deletion.DATASOURCES}
        left = retention.departures(database.websites(postgres), rows, datetime.now(UTC), grace)
        holding = [each for each in left if each.row_count]
        _show_departures(holding, grace)
        _tell_unfinished(ledger.unfinished())
        _tell_spool(settings)
        due = [each for each in holding if each.verdict == "due"]
        if due and not yes:
            click.echo(f"Nothing was deleted: add --yes to purge the {len(due)} that are due.")
        if yes:
            _each(
                {
                    each.website_id: partial(
                        _purge_departed, each, grace, who, settings, ledger, tinybird, postgres
                    )
                    for each in due
                }
            )


def _purge_departed(
    departure: Departure,
    grace_days: int,
    who: str,
    settings: Settings,
    ledger: Ledger,
    tinybird: Tinybird,
    postgres: Postgres,
) -> None:
    """Purges one that is due, unless it has come back while others were purged."""
    known = next(
        (
            each
            for each in database.websites_named(postgres, departure.website_id)
            if each.id == departure.website_id
        ),
        None,
    )
    now = datetime.now(UTC)
    again = None if known is None else retention.departure_of(known, departure.rows, now, grace_days)
    if known is None or again is None or again.verdict != "due":
        click.echo(f"{departure.website_id} is not due any more: left alone.")
        return
    reason = f"retention: {again.reason}, {again.days_past} days past, {grace_days} of grace"
    _run(Order(known.id, _about(known), reason, who), settings, ledger, tinybird)


def _run(order: Order, settings: Settings, ledger: Ledger, tinybird: Tinybird) -> None:
    with _progress() as tell:
        done, path = Purger(tinybird, settings.tinybird_host, ledger, on_progress=tell).run(order)
    deleted = total(tuple(each.rows_deleted for each in done.datasources))
    click.echo(
        f"Purged {done.website_id}: {_count(deleted)} rows deleted, counted to 0 afterwards. Receipt: {path}"
    )


def _continue_all(
    unfinished: Sequence[Purge], settings: Settings, ledger: Ledger, tinybird: Tinybird, *, yes: bool
) -> None:
    if not unfinished:
        click.echo("No purge is unfinished. Name a website, by its slug or id, to purge it.")
    if not yes:
        _tell_unfinished(unfinished)
        return
    _each({each.website_id: partial(_continue, each, settings, ledger, tinybird) for each in unfinished})


def _continue(begun: Purge, settings: Settings, ledger: Ledger, tinybird: Tinybird) -> None:
    click.echo(f"Continuing the purge of {begun.website_id}, begun {begun.started_at:%Y-%m-%d %H:%M} UTC.")
    _run(Order(begun.website_id, begun.website, begun.reason, begun.by), settings, ledger, tinybird)


def _each(purges: Mapping[str, Callable[[], None]]) -> None:
    """Runs every purge by its website's id: one that cannot be done does not keep the others.

    Raises:
        PurgeRefused: At least one could not be done; each has said why.
    """
    failed: list[str] = []
    for website_id, run in purges.items():
        try:
            run()
        except (PurgeRefused, SourceRejected) as error:
            click.echo(f"{website_id} was not purged. {error}", err=True)
            failed.append(website_id)
    if failed:
        raise PurgeRefused(
            f"{len(failed)} of {len(purges)} websites could not be purged: {', '.join(failed)}.",
            "Mend what is said above, then run the same command again.",
        )


def _resolved(postgres: Postgres, website: str, *, is_id: bool) -> tuple[str, KnownWebsite | None, str]:
    """The id, what Postgres knows, and that in words.

    Raises:
        PurgeRefused: Two websites are meant, or the text can be neither a slug nor an id.
        SourceError: Postgres does not answer, and only it knows whether this is a slug.
    """
    if not website.isprintable() or not website.strip() or (is_id and not deletion.is_website_id(website)):
        raise PurgeRefused(
            "WEBSITE is neither a slug nor an id.",
            "An id has letters, digits, - and _ only, 1 to 100 of them.",
        )
    try:
        found = database.websites_named(postgres, website)
    except SourceError as error:
        if not is_id:
            raise
        return website, None, f"not known: {error.message}"
    if is_id:
        found = tuple(each for each in found if each.id == website)
    if len(found) > 1:
        raise PurgeRefused(
            f"{_plain(website)} is the id of one website and the slug of another.",
            f"Add --id for the first, or name {' or '.join(each.id for each in found if each.id != website)} "
            "with --id for the second.",
        )
    if found:
        return _usable(found[0].id), found[0], _about(found[0])
    return _usable(website), None, "does not know it: removed there, or never was there"


def _usable(website_id: str) -> str:
    if not deletion.is_website_id(website_id):
        raise PurgeRefused(
            f"Neither Postgres nor Tinybird can know a website {_plain(website_id)}.",
            "An id has letters, digits, - and _ only; a slug is to be one that Postgres knows.",
        )
    return website_id


def _about(website: KnownWebsite) -> str:
    state = "" if website.deleted_at is None else f", deleted {website.deleted_at:%Y-%m-%d}"
    return _plain(
        f"{website.name} ({website.domain}), slug {website.slug}, of {website.organization_name}{state}"
    )


def _show_holdings(held: Holdings, settings: Settings) -> None:
    click.echo(f"Tinybird     {settings.tinybird_host}")
    for datasource, rows in held.rows.items():
        click.echo(f"  {datasource:<22} {rows:>14,} rows")
    quarantined = "cannot be read" if held.quarantined_rows is None else f"{held.quarantined_rows:>14,} rows"
    click.echo(f"  {'in quarantine':<22} {quarantined}")
    if held.quarantined_rows:
        click.echo(
            "  A purge does not reach a quarantine: empty it with `tb --cloud datasource truncate NAME_quarantine`."
        )


def _show_departures(left: Sequence[Departure], grace_days: int) -> None:
    if not left:
        click.echo("No website that has left holds rows.")
        return
    click.echo(f"Websites that have left and hold rows; {grace_days} days of grace:\n")
    click.echo(f"{'website':<28} {'plan':<10} {'ended':<11} {'days':>5} {'rows':>14}  {'':<9} why")
    for each in left:
        name = _plain(each.website.slug if each.website else each.website_id)
        ended = "not known" if each.ended_at is None else f"{each.ended_at:%Y-%m-%d}"
        days = "" if each.days_past is None else f"{each.days_past}"
        plan = _plain(each.plan or "-")
        click.echo(
            f"{name:<28} {plan:<10} {ended:<11} {days:>5} {each.row_count:>14,}  {each.verdict:<9} {_plain(each.reason)}"
        )
    click.echo()


def _show_receipts(receipts: Sequence[Purge]) -> None:
    if not receipts:
        click.echo("No purge has finished yet.")
        return
    click.echo(f"{'finished (UTC)':<17} {'rows deleted':>14}  {'website':<28} {'by':<12} about")
    for each in receipts:
        finished = "-" if each.finished_at is None else f"{each.finished_at.astimezone(UTC):%Y-%m-%d %H:%M}"
        rows = _count(total(tuple(state.rows_deleted for state in each.datasources)))
        click.echo(
            f"{finished:<17} {rows:>14}  {each.website_id:<28} {_plain(each.by):<12} {_plain(each.website)}"
        )


def _tell_unfinished(unfinished: Sequence[Purge]) -> None:
    for each in unfinished:
        click.echo(
            f"Unfinished: the purge of {each.website_id}, begun {each.started_at:%Y-%m-%d %H:%M} UTC by {_plain(each.by)}. "
            "`inbox-analytics purge --yes` continues it."
        )


def _tell_spool(settings: Settings) -> None:
    """What waits on this machine would be sent after the purge, and nobody would delete it."""
    if settings.spool_dir is None:
        return
    held = spool.status(settings.spool_dir)
    if held.spooled or held.refused:
        click.echo(
            f"Spool        {held.spooled:,} events wait here and {held.refused:,} were refused: those of a purged website come "
            "back when they are sent. Purge once the spool is empty."
        )


@contextmanager
def _progress() -> Iterator[_Teller]:
    teller = _Teller()
    try:
        yield teller
    finally:
        teller.end()


class _Teller:
    """Tells progress: one line that changes on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        self._is_terminal = sys.stdout.isatty()
        self._told: tuple[str, str] | None = None
        self._next_seconds = 0.0
        self._is_open = False

    def __call__(self, progress: Progress) -> None:
        doing = {"deletes": "deleting", "waits": "waits for another delete job, before deleting"}[
            progress.what
        ]
        text = f"{progress.datasource}: {doing} {progress.rows:,} rows, {progress.seconds:.0f} s"
        if self._is_terminal:
            click.echo(f"\r\x1b[2K{text}", nl=False)
            self._is_open = True
            return
        key = progress.datasource, progress.what
        if key != self._told or progress.seconds >= self._next_seconds:
            self._told, self._next_seconds = key, progress.seconds + PLAIN_LINE_SECONDS
            click.echo(text)

    def end(self) -> None:
        """Leaves the line that changes."""
        if self._is_open:
            click.echo()


def _who(by: str | None) -> str:
    if by is not None:
        who = by.strip()
        if not who or len(who) > 100 or not who.isprintable():
            raise PurgeRefused("--by is not a name.", "Give 1 to 100 printable characters.")
        return who
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id that has no name, as in containers
        return f"uid {os.getuid()}"


def _need_admin(tinybird: Tinybird) -> None:
    if not tinybird.has_admin_token:
        raise ConfigError(
            "TINYBIRD_ADMIN_TOKEN is missing: counting and deleting rows needs it.",
            "Set it to a workspace admin token for this command only (`tb --cloud token ls`).",
        )


def _count(rows: int | None) -> str:
    return "an unknown number of" if rows is None else f"{rows:,}"


def _plain(text: str) -> str:
    """Text of strangers as a terminal may be shown it: what is not printable becomes a question mark."""
    return "".join(character if character.isprintable() else "?" for character in text)
