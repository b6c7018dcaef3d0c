"""Checks that events arrive: the newest of each type, quarantined rows, and the clocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, get_args

import pandas as pd

from analytics import sources
from analytics.errors import AnalyticsError, SourceError
from analytics.ingest.events import ConversationEventType, VisitorEventType
from analytics.ingest.events.text import printable
from analytics.numbers import whole_number
from analytics.operations.doctor.finding import Area, Finding, failed, listed, not_checked
from analytics.operations.purge import database
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird
from analytics.transports.tinybird_messages import mismatch

WARNED_SKEW_SECONDS: Final = 5.0
MOST_SKEW_SECONDS: Final = 60.0
"""A clock that is off by more hides visitors from Live, or shows them when they have gone."""

OLDEST: Final[Mapping[str, timedelta]] = {
    "seen": timedelta(days=1),
    "conversation_started": timedelta(days=7),
}
"""An event type without which nothing works is worth a warning when its newest event is older."""

MOST_WEBSITES: Final = 5
"""Without an admin token the newest events are those of so many websites: each costs a query."""

EVENT_TYPES: Final[tuple[str, ...]] = (*get_args(VisitorEventType), *get_args(ConversationEventType))

_NEWEST: Final = {
    datasource: (
        "SELECT toString(event_type) AS event_type, maxIf(timestamp, timestamp <= now()) AS newest, "  # noqa: S608  # both names stand here
        "countIf(timestamp <= now()) AS events, countIf(timestamp > now() + 60) AS ahead "
        f"FROM {datasource} WHERE timestamp > now() - INTERVAL 30 DAY GROUP BY event_type"
    )
    for datasource in ("visitor_events", "conversation_metrics")
}


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest event of one type.

    Attributes:
        at: When, UTC; None when there was none in 30 days.
        events: How many in 30 days.
        ahead: How many are dated more than a minute in the future.
    """

    at: datetime | None
    events: int
    ahead: int


def skew(area_subject: str, ahead_seconds: float | None) -> Finding:
    """Judges a server's clock skew in seconds; positive when the server is ahead.

    >>> skew("tinybird", 0.4).level, skew("tinybird", -30).level, skew("tinybird", 3600).level
    ('ok', 'warning', 'problem')
    """
    if ahead_seconds is None:
        return not_checked("clocks", area_subject, "its answers have no date")
    seconds = abs(ahead_seconds)
    if seconds <= WARNED_SKEW_SECONDS:
        return Finding("clocks", area_subject, "ok", "agrees with this machine's within seconds")
    side = "before" if ahead_seconds > 0 else "behind"
    text = f"{seconds:,.0f} s {side} this machine's"
    remedy = "Set this machine's clock by NTP; events are dated by it."
    return Finding(
        "clocks", area_subject, "problem" if seconds > MOST_SKEW_SECONDS else "warning", text, remedy
    )


def postgres_clock(postgres: Postgres) -> Finding:
    """Compares Postgres' clock with this machine's."""
    asked_at = datetime.now(UTC)
    try:
        shown = database.server_now(postgres)
    except SourceError as error:
        return failed("clocks", "postgres", error)
    middle = asked_at + (datetime.now(UTC) - asked_at) / 2
    return skew("postgres", (shown - middle).total_seconds())


def events(tinybird: Tinybird, postgres: Postgres | None, *, may_query: bool) -> tuple[Finding, ...]:
    """Checks the age of each event type's newest event, over all websites."""
    now = datetime.now(UTC)
    try:
        if may_query:
            return tuple(_event(kind, newest, now, "") for kind, newest in _newest_of_all(tinybird).items())
        if postgres is None:
            reason = "without an admin token Postgres names the websites, and it cannot be read"
            return (not_checked("events", "all", reason),)
        websites = database.active_websites(postgres, MOST_WEBSITES)
        if not websites:
            return (not_checked("events", "all", "there is no active website"),)
        of = f" (of the {len(websites)} newest active websites)"
        found = _newest_of(tinybird, websites)
        return tuple(_event(kind, newest, now, of) for kind, newest in found.items())
    except AnalyticsError as error:
        return (failed("events", "all", error),)


def _newest_of_all(tinybird: Tinybird) -> dict[str, Newest]:
    found = dict.fromkeys(EVENT_TYPES, Newest(None, 0, 0))
    for datasource, statement in _NEWEST.items():
        for row in tinybird.query_sql(datasource, statement).rows:
            count, ahead = whole_number(row.get("events")), whole_number(row.get("ahead"))
            try:
                at = datetime.fromisoformat(str(row.get("newest"))).replace(tzinfo=UTC) if count else None
            except ValueError:
                raise mismatch(datasource, "its newest event has no time") from None
            if count is None or ahead is None:
                raise mismatch(datasource, "it does not count its events")
            kind = str(row.get("event_type"))
            if kind in found:
                found[kind] = Newest(at, count, ahead)
    return found


def _newest_of(tinybird: Tinybird, websites: Iterable[str]) -> dict[str, Newest]:
    found = dict.fromkeys(EVENT_TYPES, Newest(None, 0, 0))
    for website_id in websites:
        frame = sources.data_freshness(tinybird, website_id).value
        columns = (frame[name] for name in ("event_type", "newest_event", "events", "ahead"))
        for kind, at, events, ahead in zip(*columns, strict=True):
            before = found.get(kind)
            if before is not None:
                dates = [each for each in (before.at, None if pd.isna(at) else at.to_pydatetime()) if each]
                newest = max(dates, default=None)
                found[kind] = Newest(newest, before.events + int(events), before.ahead + int(ahead))
    return found


def _event(kind: str, newest: Newest, now: datetime, of: str) -> Finding:
    remedy = "Check that the product emits it, the spool, and that Tinybird takes it (quarantine)."
    if newest.ahead:
        text = f"{newest.ahead:,} are dated in the future{of}"
        return Finding("events", kind, "warning", text, "Check the clock of the machine that emits them.")
    if newest.at is None:
        text = f"none in 30 days{of}"
        if kind in OLDEST:
            return Finding("events", kind, "warning", text, remedy)
        return Finding("events", kind, "ok", text)
    age = now - newest.at
    text = f"newest {age_text(age)} ago, {newest.events:,} in 30 days{of}"
    if kind in OLDEST and age > OLDEST[kind]:
        return Finding("events", kind, "warning", text, remedy)
    return Finding("events", kind, "ok", text)


def age_text(age: timedelta) -> str:
    """Writes a time span in the largest unit that fits.

    >>> age_text(timedelta(seconds=42)), age_text(timedelta(minutes=90)), age_text(timedelta(days=3))
    ('42 s', '90 min', '3 days')
    """
    seconds = max(0, round(age.total_seconds()))
    for unit, size, from_ in (("days", 86_400, 2 * 86_400), ("h", 3_600, 7_200), ("min", 60, 120)):
        if seconds >= from_:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def quarantine(tinybird: Tinybird, *, may_query: bool) -> tuple[Finding, ...]:
    """Checks for quarantined rows of the last 30 days, one finding for each data source that has some."""
    area: Area = "quarantine"
    if not may_query:
        return (not_checked(area, "all", "only a TINYBIRD_ADMIN_TOKEN may read a quarantine"),)
    try:
        reasons = sources.quarantined_rows(tinybird).value
    except AnalyticsError as error:
        return (failed(area, "all", error),)
    findings = []
    for datasource, rows in reasons.groupby("datasource"):
        columns = listed(dict.fromkeys(str(each) for each in rows["error_columns"]))
        text = f"{int(rows['total'].iloc[0]):,} rows in 30 days did not fit (columns {printable(columns)})"
        remedy = "The page Data health names the reasons; correct what sends them and send them again."
        findings.append(Finding(area, str(datasource), "warning", text, remedy))
    return tuple(findings) or (Finding(area, "both data sources", "ok", "no rows in 30 days"),)
