"""Checks settings, sources, store, tokens, deployment, clocks, events, websites, quarantine, spool: findings with remedies.

Changes nothing anywhere. A check whose source is down says so instead of failing in its own way.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, get_args
from urllib.parse import urlsplit

from pydantic import SecretStr

from analytics.errors import AnalyticsError
from analytics.ingest.deletes.receipts import Ledger
from analytics.ingest.events.text import printable
from analytics.ingest.spool import directory as spool
from analytics.operations.doctor import flow, product, timezones, websites, workspace
from analytics.operations.doctor.finding import Area, Finding, Report, failed, listed, not_checked
from analytics.settings import STORE_SCHEMA, Settings, present_variables, problems_of
from analytics.settings.loopback import is_loopback
from analytics.store import VARIABLE
from analytics.store.store import Store
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird, TokenKind

WAITING_SECONDS: Final = 300.0
"""Events that wait in the spool for longer are not being sent."""

_OF_TINYBIRD: Final[tuple[Area, ...]] = (
    *("tinybird", "tokens", "pipes", "data sources", "clocks", "events", "websites", "quarantine"),
)
_FOR_TINYBIRD: Final = ("TINYBIRD_HOST", "TINYBIRD_READ_TOKEN")


def examine(environ: Mapping[str, str]) -> Report:
    """Checks this environment, area by area. A failed check is a finding, never an exception."""
    began = datetime.now(UTC)
    wrong = problems_of(environ)
    present = present_variables(environ)
    findings = list(_settings(present, wrong))
    usable = {name: value for name, value in present.items() if name not in wrong}
    postgres = _opened_postgres(usable, wrong, findings)
    try:
        findings += _tinybird(usable, wrong, postgres)
    finally:
        if postgres is not None:
            postgres.close()
    findings += [_store(usable, wrong), *_spool(usable), _state(usable)]
    order = get_args(Area)
    return Report(began, tuple(sorted(findings, key=lambda finding: order.index(finding.area))))


def _settings(present: Mapping[str, str], wrong: Mapping[str, str]) -> tuple[Finding, ...]:
    findings = []
    for field in Settings.model_fields.values():
        name = str(field.validation_alias)
        if name in wrong:
            text = wrong[name].removeprefix(name).strip()
            findings.append(Finding("settings", name, "problem", text, "Set it and start again."))
        elif name not in present:
            findings.append(Finding("settings", name, "ok", f"not set{_default(field.default)}"))
        else:
            is_secret = SecretStr in (field.annotation, *get_args(field.annotation))
            findings.append(
                Finding("settings", name, "ok", "set" if is_secret else f"set: {printable(present[name])}")
            )
    return tuple(findings)


def _default(value: object) -> str:
    """Words for the default of a variable; empty where there is none."""
    text = ", ".join(str(each) for each in value) if isinstance(value, tuple | frozenset) else value
    return "" if text is None or text == "" else f", {text} is taken"


def _opened_postgres(
    usable: Mapping[str, str], wrong: Mapping[str, str], findings: list[Finding]
) -> Postgres | None:
    """Opens Postgres and adds its findings; None when it cannot be asked."""
    if "DATABASE_URL" in wrong:
        findings.append(not_checked("postgres", "connection", "DATABASE_URL is missing or unusable"))
        findings.append(not_checked("clocks", "postgres", "DATABASE_URL is missing or unusable"))
        return None
    try:
        postgres = Postgres(usable["DATABASE_URL"])
    except AnalyticsError as error:
        findings.append(failed("postgres", "connection", error))
        return None
    answers = product.reached(postgres)
    findings.append(answers)
    if answers.level == "problem":
        postgres.close()
        findings.append(not_checked("postgres", "tables", answers.message))
        findings.append(not_checked("clocks", "postgres", answers.message))
        return None
    findings += [*product.tables(postgres), flow.postgres_clock(postgres)]
    return postgres


def _tinybird(
    usable: Mapping[str, str], wrong: Mapping[str, str], postgres: Postgres | None
) -> tuple[Finding, ...]:
    missing = [name for name in _FOR_TINYBIRD if name in wrong]
    if missing:
        return _unasked(f"{' and '.join(missing)} is missing or unusable")
    host = usable["TINYBIRD_HOST"]
    append, admin = usable.get("TINYBIRD_APPEND_TOKEN"), usable.get("TINYBIRD_ADMIN_TOKEN")
    is_set: dict[TokenKind, bool] = {"read": True, "append": bool(append), "admin": bool(admin)}
    with Tinybird(host.rstrip("/"), usable["TINYBIRD_READ_TOKEN"], append, admin) as tinybird:
        answers = workspace.reached(tinybird)
        if answers.level == "problem":
            return (answers, *_unasked(answers.message)[1:])
        is_local = is_loopback(urlsplit(host).hostname or "")
        clock = flow.skew("tinybird", tinybird.ahead_seconds)
        rights = workspace.tokens(tinybird, is_set, is_local=is_local)
        is_good = {finding.subject for finding in rights if finding.level in {"ok", "warning"}}
        working = [kind for kind in is_set if is_set[kind] and f"TINYBIRD_{kind.upper()}_TOKEN" in is_good]
        may_query = "admin" in working
        return (
            answers,
            *rights,
            *workspace.pipes(tinybird, may_read="read" in working),
            *workspace.datasources(tinybird, working),
            clock,
            timezones.compared(tinybird, may_query=may_query),
            *flow.events(tinybird, postgres, may_query=may_query),
            *websites.sending(tinybird, postgres, may_read="read" in working),
            *flow.quarantine(tinybird, may_query=may_query),
        )


def _store(usable: Mapping[str, str], wrong: Mapping[str, str]) -> Finding:
    if VARIABLE in wrong or "INBOX_ANALYTICS_STORE_SCHEMA" in wrong:
        return not_checked("store", "tables", "one of its settings is unusable")
    if VARIABLE not in usable:
        return Finding("store", "tables", "ok", f"{VARIABLE} is not set: there are no goals")
    try:
        with Store(usable[VARIABLE], usable.get("INBOX_ANALYTICS_STORE_SCHEMA", STORE_SCHEMA)) as store:
            store.check()
    except AnalyticsError as error:
        return failed("store", "tables", error)
    return Finding("store", "tables", "ok", "answers, and its tables are of this version")


def _unasked(reason: str) -> tuple[Finding, ...]:
    subjects: dict[Area, str] = {"tinybird": "API", "clocks": "tinybird"}
    return tuple(not_checked(area, subjects.get(area, "all"), reason) for area in _OF_TINYBIRD)


def _spool(usable: Mapping[str, str]) -> tuple[Finding, ...]:
    directory = usable.get("INBOX_ANALYTICS_SPOOL_DIR")
    if directory is None:
        text = "INBOX_ANALYTICS_SPOOL_DIR is not set: nothing is emitted here"
        return (Finding("spool", "events", "ok", text),)
    try:
        held = spool.status(Path(directory))
    except AnalyticsError as error:
        return (failed("spool", "events", error),)
    return _waiting(held), _changed(held)


def _waiting(held: spool.SpoolStatus) -> Finding:
    text = f"{held.spooled:,} events wait, {held.refused:,} refused, {held.bytes:,} bytes"
    if held.unreadable:
        remedy = "Run the doctor as the user that owns them, or give them to the emitter's user with chown."
        return Finding(
            "spool", "events", "warning", f"{text}; {held.unreadable:,} files this user may not read", remedy
        )
    if held.refused:
        remedy = (
            "`inbox-analytics spool status` says why; mend the cause, then `inbox-analytics spool resend`."
        )
        return Finding("spool", "events", "warning", text, remedy)
    age = None if held.oldest is None else datetime.now(UTC) - held.oldest
    if held.spooled and age is not None and age > timedelta(seconds=WAITING_SECONDS):
        remedy = "Check that a process with an emitter runs on this directory and reaches Tinybird."
        return Finding("spool", "events", "warning", f"{text}, the oldest {flow.age_text(age)} old", remedy)
    return Finding("spool", "events", "ok", text)


def _changed(held: spool.SpoolStatus) -> Finding:
    if not held.changed:
        return Finding("spool", "descriptive values", "ok", "none was cut or emptied in the last 7 days")
    values = listed(f"{change} ({count:,})" for change, count in held.changed.items())
    remedy = "Their events count; check what the product passes for these fields."
    return Finding("spool", "descriptive values", "warning", f"in the last 7 days: {values}", remedy)


def _state(usable: Mapping[str, str]) -> Finding:
    directory = usable.get("INBOX_ANALYTICS_STATE_DIR", str(Settings.model_fields["state_dir"].default))
    try:
        unfinished = Ledger(Path(directory)).unfinished()
    except AnalyticsError as error:
        return failed("state", "purges", error)
    if unfinished:
        names = ", ".join(purge.website_id for purge in unfinished)
        remedy = "`inbox-analytics purge --yes` continues it."
        return Finding("state", "purges", "warning", f"unfinished: {names}", remedy)
    return Finding("state", "purges", "ok", "none is unfinished")
