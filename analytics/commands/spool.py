"""`inbox-analytics spool`: what an emitter's directory holds, sending it, and sending again what was refused."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path

import click

from analytics.commands.options import FiniteRange
from analytics.errors import AnalyticsError, ConfigError
from analytics.ingest.events.text import printable
from analytics.ingest.spool import directory as spools
from analytics.ingest.spool.dead_letters import Refusal, refusals, resend
from analytics.ingest.spool.delivery import Delivery, usable
from analytics.ingest.spool.segment import waiting_in
from analytics.ingest.spool.sender import failure_kind
from analytics.settings import EmitterSettings, load_emitter_settings
from analytics.transports.tinybird import Tinybird

SHOWN_REASONS = 10
LOOK_SECONDS = 0.2
READ_THEM = "Run this as the user that owns them, or give them to this one with chown."

directory_option = click.option(
    "--dir",
    "directory",
    envvar="INBOX_ANALYTICS_SPOOL_DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="The spool.  [default: INBOX_ANALYTICS_SPOOL_DIR]",
)
timeout_option = click.option(
    "--timeout",
    "timeout_seconds",
    default=60.0,
    show_default=True,
    type=FiniteRange(min=0),
    help="Seconds to send for; what is left then stays in the spool.",
)


@click.group()
def spool() -> None:
    """Look after the directory where emitted events wait until Tinybird has confirmed them."""


@spool.command()
@directory_option
@click.option("--json", "is_json", is_flag=True, help="For programs.")
def status(directory: Path | None, is_json: bool) -> None:
    """Say what waits, since when, and what was refused and why."""
    where = _existing(directory)
    held = spools.status(where)
    reasons: Counter[str] = Counter()
    for _, refusal in refusals(where):
        reasons[f"{refusal.kind}: {refusal.reason}"] += refusal.events
    oldest = None if held.oldest is None else held.oldest.isoformat()
    if is_json:
        report = {
            "spooled": held.spooled,
            "oldest": oldest,
            "refused": held.refused,
            "bytes": held.bytes,
            "unreadable": held.unreadable,
            "reasons": dict(reasons),
            "changed": dict(held.changed),
        }
        click.echo(json.dumps(report))
        return
    click.echo(f"{held.spooled:,} events wait" + (f", the oldest of {oldest}" if oldest else ""))
    click.echo(f"{held.refused:,} events are kept aside")
    for reason, events in reasons.most_common(SHOWN_REASONS):
        click.echo(f"  {events:,}  {reason}")
    if held.changed:
        click.echo(
            f"{sum(held.changed.values()):,} descriptive values were cut or emptied in the last 7 days; their events count"
        )
        for change, values in held.changed.items():
            click.echo(f"  {values:,}  {change}")
    if held.unreadable:
        click.echo(f"{held.unreadable:,} files cannot be read by this user: {READ_THEM}")
    click.echo(f"{held.bytes:,} bytes in {where}")


@spool.command()
@directory_option
@timeout_option
def send(directory: Path | None, timeout_seconds: float) -> None:
    """Send what waits and no running process sends, and wait for the rest.

    Needs TINYBIRD_HOST and TINYBIRD_APPEND_TOKEN.
    """
    where = _existing(directory)
    _send(where, timeout_seconds, _settings(where))


@spool.command("resend")
@directory_option
@timeout_option
def resend_command(directory: Path | None, timeout_seconds: float) -> None:
    """Send again what Tinybird has refused, once the cause is mended.

    Events whose cause is not mended are refused again. Damaged lines stay where they are, to be looked at. Without
    TINYBIRD_ADMIN_TOKEN a batch with quarantined events is kept aside whole: its good events are sent a second time.
    """
    where = _existing(directory)
    settings = _settings(where)
    resent = resend(where)
    click.echo(f"{resent.events:,} events are back in the spool, {resent.left:,} damaged lines stay aside")
    if resent.again:
        click.echo(f"{resent.again:,} of these events Tinybird has already: they are sent a second time")
    if resent.events:
        _send(where, timeout_seconds, settings)
    elif resent.unreadable:
        raise AnalyticsError(_unread(resent.unreadable), READ_THEM)


def _settings(directory: Path) -> EmitterSettings:
    return load_emitter_settings({**os.environ, "INBOX_ANALYTICS_SPOOL_DIR": str(directory)})


def _send(directory: Path, timeout_seconds: float, settings: EmitterSettings) -> None:
    admin = settings.tinybird_admin_token
    tokens = (
        settings.tinybird_append_token.get_secret_value(),
        None if admin is None else admin.get_secret_value(),
    )
    aside_before = {path for path, _ in refusals(directory)}
    delivery = Delivery(
        lambda: Tinybird(settings.tinybird_host, "", *tokens),
        usable(directory),
        spools.MAX_SPOOL_BYTES,
        is_durable=False,
    )
    delivery.start()
    deadline, is_hopeless = time.monotonic() + timeout_seconds, False
    try:
        while (left := spools.status(directory).spooled) and time.monotonic() < deadline:
            if is_hopeless := _is_hopeless(directory, delivery):
                break
            time.sleep(LOOK_SECONDS)
        failure, sent = delivery.failure, delivery.counters().sent
    finally:
        delivery.close(timeout_seconds=1.0)
    aside = {path: refusal for path, refusal in refusals(directory) if path not in aside_before}
    kept = sum(refusal.events for refusal in aside.values())
    click.echo(f"{sent:,} events sent, {kept:,} kept aside, {left:,} still wait")
    problems = list[tuple[str, str]]()
    if left:
        text = f"{left:,} events could not be sent{'' if is_hopeless else ' in time'}."
        remedy = failure.remedy if failure else "They wait in the spool; send again, or give it more time."
        problems.append((f"{text} {failure.message}" if failure else text, remedy))
    if aside:
        problems.append(_kept_aside(kept, aside[max(aside, key=lambda path: path.name)]))
    if unreadable := spools.status(directory).unreadable:
        problems.append((_unread(unreadable), READ_THEM))
    if problems:
        raise AnalyticsError(*(" ".join(texts) for texts in zip(*problems, strict=True)))


def _kept_aside(events: int, last: Refusal) -> tuple[str, str]:
    return (
        f"{events:,} events were kept aside meanwhile, the last of them {last.kind}: {printable(last.reason).rstrip('.')}.",
        "`inbox-analytics spool status` lists all reasons; mend the cause, then `inbox-analytics spool resend`.",
    )


def _unread(files: int) -> str:
    return f"{files:,} files cannot be read by this user, and what they hold was not sent."


def _is_hopeless(directory: Path, delivery: Delivery) -> bool:
    """Whether nothing that waits can be sent before a token or an address is corrected."""
    hopeless = {
        name for name, failure in delivery.failures.items() if failure_kind(failure) == "misconfigured"
    }
    return bool(hopeless) and all(
        name in hopeless
        for name in spools.DATASOURCES
        if any(_waits(path) for path in spools.segments(directory, name))
    )


def _waits(segment: Path) -> bool:
    try:
        return waiting_in(segment)[0] > 0
    except OSError:  # this user never sends it
        return False


def _existing(directory: Path | None) -> Path:
    if directory is None:
        raise ConfigError("No spool directory given.", "Set INBOX_ANALYTICS_SPOOL_DIR or --dir.")
    if not directory.is_dir():
        raise ConfigError(f"There is no spool at {directory}.", "The first emitter makes it; check the path.")
    return directory
