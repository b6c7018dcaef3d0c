"""`inbox-analytics purge` and `retention`: count and delete the rows of websites that left, and keep receipts."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import FrameType
from typing import Final, TypeVar

import click

from analytics.commands import purge_lines
from analytics.commands.options import FiniteRange
from analytics.errors import ConfigError, SourceError, SourceRejected
from analytics.ingest.deletes import deletion
from analytics.ingest.deletes.receipts import Ledger, Purge, PurgeRefused
from analytics.ingest.events.text import printable
from analytics.operations.purge import database, retention
from analytics.operations.purge.database import KnownWebsite
from analytics.operations.purge.purge import SETTLE_SECONDS, Purger, PurgeRequest, holdings
from analytics.operations.purge.retention import Departure
from analytics.settings import Settings, load_settings
from analytics.store.store import Store
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird
from analytics.web import audit
from analytics.web.audit import Event

T = TypeVar("T")

_RETENTION: Final = "retention:"
_UNKNOWN: Final = "does not know it: removed there, or never was there"

yes_option = click.option("--yes", is_flag=True, help="Delete; without it nothing is changed.")
by_option = click.option(
    "--by", default=None, help="Who asks for it, for the receipt.  [default: the system's user]"
)
settle_option = click.option(
    "--settle",
    "settle_seconds",
    type=FiniteRange(min=0, max=600),
    default=SETTLE_SECONDS,
    show_default=True,
    help="Seconds until accepted rows can be counted: a count of zero is repeated after them.",
)


@click.command()
@click.argument("website", required=False)
@yes_option
@click.option(
    "--id", "is_id", is_flag=True, help="WEBSITE is an id, whatever slugs there are; Postgres may be down."
)
@by_option
@settle_option
@click.option("--receipts", "shows_receipts", is_flag=True, help="List the purges that were finished.")
def purge(
    website: str | None, yes: bool, is_id: bool, by: str | None, settle_seconds: float, shows_receipts: bool
) -> None:
    """Delete a website's rows from Tinybird, and its settings from the dashboard's own store, when a customer leaves.

    WEBSITE is a slug or an id, also of a website that Postgres does not know any more. Without --yes the rows are only
    counted. Without WEBSITE the unfinished purges are listed, or continued with --yes. The product's Postgres is not changed.
    """
    if shows_receipts:
        purge_lines.show_receipts(Ledger(load_settings().state_dir).receipts())
        return
    with _opened(by, settle_seconds) as session:
        unfinished = session.ledger.unfinished()
        if website is None:
            _continue_all(unfinished, session, yes=yes)
            return
        website_id, known, about = _resolved(session.postgres, website, is_id=is_id)
        begun = next((each for each in unfinished if each.website_id == website_id), None)
        purge_lines.show_unfinished([each for each in unfinished if each is not begun])
        held, stored = (
            holdings(session.tinybird, website_id),
            session.read_store(lambda store: store.held(website_id)),
        )
        is_stored = isinstance(stored, Mapping) and any(stored.values())
        is_held = held.row_count or held.quarantined_rows or is_stored
        if known is None and begun is None and not is_held:
            purge_lines.show_stored(stored if isinstance(stored, SourceError) else None)
            raise PurgeRefused(
                f"Neither Postgres nor Tinybird knows a website {printable(website)}.",
                "Check the spelling: a slug or an id, as in the product's database.",
            )
        click.echo(f"Website      {website_id}")
        click.echo(f"Postgres     {about}")
        purge_lines.show_holdings(held, session.settings)
        purge_lines.show_stored(stored)
        if begun is not None:
            click.echo(
                f"Unfinished   begun {begun.started_at:%Y-%m-%d %H:%M} UTC by {printable(begun.people)}"
            )
        purge_lines.show_spool(session.settings)
        if not yes:
            click.echo("Nothing was deleted: add --yes to delete these rows for good.")
            return
        _run(PurgeRequest(website_id, about, "purge", session.who), session)


@click.command(name="retention")
@click.option(
    "--grace-days",
    type=click.IntRange(0, 3650),
    default=None,
    help="Days after the end before rows are due.  [default: INBOX_ANALYTICS_GRACE_DAYS, 30]",
)
@yes_option
@by_option
@settle_option
def retention_command(grace_days: int | None, yes: bool, by: str | None, settle_seconds: float) -> None:
    """List the websites that have left and hold rows or settings, and purge those past their grace days with --yes.

    Left are websites that were deleted, and those of an organization whose paid subscription was canceled and has
    ended. Organizations on the free plan stay.
    """
    with _opened(by, settle_seconds) as session:
        grace = session.settings.grace_days if grace_days is None else grace_days
        rows = {name: deletion.rows_by_website(session.tinybird, name) for name in deletion.DATASOURCES}
        stored = session.read_store(lambda store: store.rows_by_website())
        if isinstance(stored, SourceError):
            purge_lines.show_stored(stored)
        elif stored is not None:
            rows["store"] = stored
        left = retention.departures(database.websites(session.postgres), rows, datetime.now(UTC), grace)
        holding = [each for each in left if each.row_count]
        purge_lines.show_departures(holding, grace)
        purge_lines.show_unfinished(session.ledger.unfinished())
        purge_lines.show_spool(session.settings)
        due = [each for each in holding if each.verdict == "due"]
        if due and not yes:
            click.echo(f"Nothing was deleted: add --yes to purge the {len(due)} that are due.")
        if yes:
            _each({each.website_id: partial(_purge_departed, each, grace, session) for each in due})


@dataclass(frozen=True, slots=True)
class _Session:
    """What a purge works with, and who asked for it."""

    settings: Settings
    ledger: Ledger
    tinybird: Tinybird
    postgres: Postgres
    store: Store | None
    who: str
    settle_seconds: float

    def read_store(self, read: Callable[[Store], T]) -> T | SourceError | None:
        """Reads from the store; the error as a value, because Tinybird's rows can be counted all the same; None without one."""
        try:
            return None if self.store is None else read(self.store)
        except SourceError as error:
            return error


@contextmanager
def _opened(by: str | None, settle_seconds: float) -> Iterator[_Session]:
    """Opens both sources, and the store where one is set.

    Raises:
        ConfigError: A setting is missing; counting and deleting rows needs the admin token.
        PurgeRefused: `by` is no name.
    """
    settings, who = load_settings(), _who(by)
    with (
        Tinybird.from_settings(settings) as tinybird,
        Postgres.from_settings(settings) as postgres,
        Store.from_settings(settings) or nullcontext() as store,
    ):
        if not tinybird.has_admin_token:
            raise ConfigError(
                "TINYBIRD_ADMIN_TOKEN is missing: counting and deleting rows needs it.",
                "Set it to a workspace admin token for this command only (`tb --cloud token ls`).",
            )
        yield _Session(settings, Ledger(settings.state_dir), tinybird, postgres, store, who, settle_seconds)


def _purge_departed(departure: Departure, grace_days: int, session: _Session) -> None:
    """Purges a website that is due, unless it came back while others were purged."""
    known = _known(session.postgres, departure.website_id)
    now = datetime.now(UTC)
    again = None if known is None else retention.departure_of(known, departure.rows, now, grace_days)
    if known is None or again is None or again.verdict != "due":
        click.echo(f"{departure.website_id} is not due any more: left alone.")
        return
    reason = f"{_RETENTION} {again.reason}, {again.days_past} days past, {grace_days} of grace"
    _run(PurgeRequest(known.id, purge_lines.about(known), reason, session.who), session)


def _run(order: PurgeRequest, session: _Session) -> None:
    about = f"{order.reason}, asked for by {order.by}"
    event = Event("purge", who=audit.system_user(), website=order.website_id, reason=about)
    with _ended_by_sigterm(), audit.written(event) as going:
        with purge_lines.ProgressLine() as tell:
            purger = Purger(
                session.tinybird,
                session.settings.tinybird_host,
                session.ledger,
                session.store,
                on_progress=tell,
                settle_seconds=session.settle_seconds,
            )
            done, path = purger.run(order)
        if done.rows_deleted is not None:
            going.add(rows=done.rows_deleted)
    rows = purge_lines.counted(done.rows_deleted)
    click.echo(f"Purged {done.website_id}: {rows} rows deleted, counted to 0 afterwards. Receipt: {path}")


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends this program as Ctrl-C does, so that the audit line of what was begun is written."""

    def end(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _continue_all(unfinished: Sequence[Purge], session: _Session, *, yes: bool) -> None:
    if not unfinished:
        click.echo("No purge is unfinished. Name a website, by its slug or id, to purge it.")
    if not yes:
        purge_lines.show_unfinished(unfinished)
        return
    _each({each.website_id: partial(_continue, each, session) for each in unfinished})


def _continue(begun: Purge, session: _Session) -> None:
    """Continues a purge, unless retention began it and the website has come back since.

    Raises:
        PurgeRefused: It has.
        SourceError: Retention began it, and Postgres does not say whether it has.
    """
    is_retention = begun.reason.startswith(_RETENTION)
    try:
        known = _known(session.postgres, begun.website_id)
    except SourceError as error:
        if is_retention:
            raise
        about = f"not known: {error.message}"
    else:
        about = _UNKNOWN if known is None else purge_lines.about(known)
        left = None if known is None else retention.departure_of(known, {}, datetime.now(UTC), 0)
        if is_retention and known is not None and (left is None or left.verdict != "due"):
            raise PurgeRefused(
                f"Retention began to purge {begun.website_id}, and it has come back since: {about}.",
                f"`inbox-analytics purge {begun.website_id} --yes` purges it all the same.",
            )
    click.echo(f"Continuing the purge of {begun.website_id}, begun {begun.started_at:%Y-%m-%d %H:%M} UTC.")
    click.echo(f"Postgres     {about}")
    _run(PurgeRequest(begun.website_id, begun.website, begun.reason, session.who), session)


def _each(purges: Mapping[str, Callable[[], None]]) -> None:
    """Runs every purge, by its website's id; one that fails does not stop the others.

    Raises:
        PurgeRefused: At least one could not be done; each has said why.
    """
    failed: list[str] = []
    for website_id, run in purges.items():
        try:
            run()
        except (PurgeRefused, SourceError) as error:
            if (
                isinstance(error, SourceError)
                and not isinstance(error, SourceRejected)
                and error.source != "store"
            ):
                raise
            click.echo(f"{website_id} was not purged. {error}", err=True)
            failed.append(website_id)
    if failed:
        raise PurgeRefused(
            f"{len(failed)} of {len(purges)} websites could not be purged: {', '.join(failed)}.",
            "Mend what is said above, then run the same command again.",
        )


def _resolved(postgres: Postgres, website: str, *, is_id: bool) -> tuple[str, KnownWebsite | None, str]:
    """Finds a website: its id, its row in Postgres, and a description.

    Raises:
        PurgeRefused: Two websites are meant, or the text can be neither a slug nor an id.
        SourceError: Postgres does not answer, and only it knows whether this is a slug.
    """
    if not website.isprintable() or not website.strip() or (is_id and not deletion.is_id(website)):
        raise PurgeRefused(
            "WEBSITE is neither a slug nor an id.",
            "An id has letters, digits, - and _ only, 1 to 100 of them.",
        )
    try:
        found = database.websites(postgres, website)
    except SourceError as error:
        if not is_id:
            raise
        return website, None, f"not known: {error.message}"
    if is_id:
        found = tuple(each for each in found if each.id == website)
    if len(found) > 1:
        raise PurgeRefused(
            f"{printable(website)} is the id of one website and the slug of another.",
            f"Add --id for the first, or name {' or '.join(each.id for each in found if each.id != website)} "
            "with --id for the second.",
        )
    if found:
        return _usable(found[0].id), found[0], purge_lines.about(found[0])
    return _usable(website), None, _UNKNOWN


def _known(postgres: Postgres, website_id: str) -> KnownWebsite | None:
    """Reads a website by its id; None when Postgres has none."""
    named = database.websites(postgres, website_id)
    return next((each for each in named if each.id == website_id), None)


def _usable(website_id: str) -> str:
    if not deletion.is_id(website_id):
        raise PurgeRefused(
            f"Neither Postgres nor Tinybird can know a website {printable(website_id)}.",
            "An id has letters, digits, - and _ only; a slug is to be one that Postgres knows.",
        )
    return website_id


def _who(by: str | None) -> str:
    if by is not None:
        who = by.strip()
        if not who or len(who) > 100 or not who.isprintable():
            raise PurgeRefused("--by is not a name.", "Give 1 to 100 printable characters.")
        return who
    return audit.system_user()
