"""Values of the page Waiting, and how many conversations of a period still wait."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import pandas as pd

from analytics import schemas, sources
from analytics.cached.reading import KPI_TTL, connections, reads, usable
from analytics.cached.shared.question import question
from analytics.cached.shared.reads import Asked
from analytics.cached.view import OpenedView, readable
from analytics.cached.whole import ROW_LIMIT, Whole, at_once
from analytics.kpis import backlog as backlogs
from analytics.kpis import waiting as waits
from analytics.kpis.backlog import BacklogOverTime
from analytics.kpis.waiting import WaitingNow, Waits
from analytics.readings import Answer, Reading, stalest
from analytics.scope import periods, tiers
from analytics.scope.periods import Period
from analytics.scope.views import ResolvedView

WAITING_REFRESH_SECONDS: Final = 30.0
"""Seconds between two reads of who waits, while a page that shows it is open and visible."""

WAITING_TTL: Final = timedelta(seconds=WAITING_REFRESH_SECONDS - 1)
"""How long viewers share such a read: a second less than the page's timer, so that each of its runs reads."""

LISTED_WAITING: Final = 100
"""Conversations that a list of waiting ones holds; a file has all."""

SINCE: Final[dict[Waits, str]] = {"answer": "started_at", "resolution": "escalated_at"}
"""The column with the instant that a wait begins at."""


def waiting_now(view: OpenedView, now: datetime) -> Reading[WaitingNow]:
    """Who waits now: open conversations without an answer, and escalated ones without a resolution, longest wait first.

    Only conversations that started within the plan's reach. Each list holds the first `LISTED_WAITING`.

    Rows:
        conversation_id, visitor_id (string)
        started_at (datetime, UTC)
        escalated_at (datetime, UTC): NaT when not escalated.
        wait_seconds (float, seconds): up to the read; since the start, or since it was escalated.
        is_answered, is_escalated (bool)
        sentiment, city (string, the last untrusted): empty when not known.
        country_code, country (string): two capital letters, and the name; empty when not known.

    Args:
        view: The website, and who looks.
        now: An aware instant.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Postgres could not be read and there is no last good value.

    Source: Postgres `conversation`, `visitor`, `website`.
    """
    resolved = readable(view, now)
    asked = [_asked(resolved, waits_for, now) for waits_for in SINCE]
    answer, resolution = (each.reading() for each in asked)
    value = WaitingNow(
        waits.waiting(answer.value, SINCE["answer"], answer.as_of),
        waits.waiting(resolution.value, SINCE["resolution"], resolution.as_of),
    )
    read = stalest(answer, resolution)
    queries = answer.queries + resolution.queries
    return Reading(
        value, min(answer.as_of, resolution.as_of), read.is_stale, read.stale_reason, queries=queries
    )


def every_waiting(view: OpenedView, waits_for: Waits, now: datetime) -> Reading[Whole]:
    """All conversations that wait for the same, longest wait first, for a file; the list of `waiting_now` while that has all.

    Waits end when the rows were read, `as_of`.

    Args:
        view: The website, and who looks.
        waits_for: An answer, or a resolution.
        now: An aware instant.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Postgres could not be read.

    Source: Postgres `conversation`, `visitor`, `website`.
    """
    found = waiting_now(view, now).value.of(waits_for)
    if found.total <= len(found.rows):
        return Reading(at_once(found.rows), found.as_of)
    resolved = readable(view, now)
    # In one read: of rows read page by page, those behind one that is answered meanwhile would move and be left out.
    answer = sources.waiting_conversations(
        connections().postgres, resolved.website.id, _reach(resolved, now), waits_for, ROW_LIMIT
    )
    rows = waits.listed(answer.value, SINCE[waits_for], answer.read_at)
    return Reading(at_once(rows), answer.read_at, queries=answer.queries)


def still_waiting(view: OpenedView) -> Reading[int]:
    """How many of the conversations started in the period shown are open and never answered now.

    A median of response times leaves them out.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Postgres could not be read and there is no last good value.

    Source: Postgres `conversation`, `visitor`, `website`.
    """
    return still_waiting_of(readable(view)).reading()


def still_waiting_of(resolved: ResolvedView) -> Asked[int]:
    """The same of a resolved view: one read for cards and charts."""
    key = resolved.last_good_key("still_waiting", resolved.period)
    return reads.ask(key, _still_waiting(resolved.website.id, *resolved.period.utc_bounds()))


def backlog(view: OpenedView) -> Reading[BacklogOverTime]:
    """Open conversations over time, and how many started and were resolved, in the period shown and in the one before.

    Columns of the series, one row per bucket of the period shown, oldest first, zero-filled:
        bucket_start (datetime, the view's timezone): first instant of the bucket inside the period.
        bucket_end (datetime, the view's timezone): first instant after it.
        is_complete (bool): False for a bucket that the period cuts or that is not over yet.
        started, resolved (int): conversations that did in the bucket; spam counts nowhere.
        net (int): `started` minus `resolved`.
        open_at_end (int): open at the end of the bucket, whenever they started.

    The tables keep a conversation's last state: one that is open now counts as open since its start, also where it was
    resolved in between, and a resolved one as open until its last resolution. An empty period has no rows.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Postgres could not be read and there is no last good value.

    Source: Postgres `conversation`, `visitor`, `website`.
    """
    resolved = readable(view)
    if resolved.period.is_empty:
        nothing = schemas.BACKLOG.empty()
        empty = BacklogOverTime(backlogs.over_time(nothing, resolved), backlogs.total(nothing), None)
        return Reading(empty, resolved.now)
    before = resolved.before
    asked = _changes(resolved, backlogs.edges(resolved), resolved.period)
    earlier = None if before is None else _changes(resolved, (before.start, before.end), before)
    current = asked.reading()
    previous = None if earlier is None else earlier.reading()
    value = BacklogOverTime(
        backlogs.over_time(current.value, resolved),
        backlogs.total(current.value),
        None if previous is None else backlogs.total(previous.value),
    )
    read, queries = stalest(current, previous), () if previous is None else previous.queries
    as_of = current.as_of if previous is None else min(current.as_of, previous.as_of)
    return Reading(value, as_of, read.is_stale, read.stale_reason, queries=current.queries + queries)


def _reach(resolved: ResolvedView, now: datetime) -> str:
    """The earliest start that the plan lets a viewer read, on the 5-minute grid, as UTC text."""
    earliest = periods.ceil_to_grid(tiers.earliest_conversations(resolved.website.tier, now))
    return f"{earliest:%Y-%m-%d %H:%M:%S}"


def _asked(resolved: ResolvedView, waits_for: Waits, now: datetime) -> Asked[pd.DataFrame]:
    website = resolved.website
    return reads.ask(
        ("waiting_conversations", website.id, website.tier, waits_for),
        _waiting_conversations(website.id, _reach(resolved, now), waits_for),
        check=usable(lambda rows: waits.waiting(rows, SINCE[waits_for], now), schemas.WAITING_CONVERSATIONS),
    )


def _changes(resolved: ResolvedView, edges: tuple[datetime, ...], period: Period) -> Asked[pd.DataFrame]:
    is_current = period == resolved.period
    key = resolved.last_good_key("backlog", period), is_current
    return reads.ask(key, _backlog(resolved.website.id, edges))


@question("postgres", WAITING_TTL)
def _waiting_conversations(website_id: str, date_from: str, waits_for: Waits) -> Answer[pd.DataFrame]:
    return sources.waiting_conversations(
        connections().postgres, website_id, date_from, waits_for, LISTED_WAITING
    )


@question("postgres", KPI_TTL)
def _still_waiting(website_id: str, date_from: str, date_to: str) -> Answer[int]:
    return sources.still_waiting(connections().postgres, website_id, date_from, date_to)


@question("postgres", KPI_TTL)
def _backlog(website_id: str, edges: tuple[datetime, ...]) -> Answer[pd.DataFrame]:
    return sources.backlog(connections().postgres, website_id, edges)
