"""Values of the page Conversations."""

from __future__ import annotations

from typing import Final

import pandas as pd

from analytics import schemas, sources
from analytics.cached.overview import kpi_timeseries_of
from analytics.cached.reading import (
    KPI_TTL,
    computed,
    connections,
    numbers_ttl,
    once,
    read_since,
    reads,
    waiting_briefly,
)
from analytics.cached.shared.question import question
from analytics.cached.view import OpenedView, readable
from analytics.cached.whole import PAGE_ROWS, Whole, mapped, whole
from analytics.errors import SourceError
from analytics.kpis import conversation_breakdown as conversations
from analytics.kpis import timeseries
from analytics.kpis.conversation_breakdown import ConversationBreakdown, Listing, Ratings
from analytics.readings import Answer, Reading
from analytics.scope.periods import Period
from analytics.scope.selection import DEFAULT_SORT, Selection, Sort
from analytics.scope.views import ResolvedView
from analytics.sources import Bounds, Offsets

LAST_PAGE: Final = 40_000
"""No list is longer: the pipe skips at most a million rows."""


def conversation_breakdown(view: OpenedView, selection: Selection) -> Reading[ConversationBreakdown]:
    """Conversations of the period by time, hour and outcome; zeros where there is none.

    Args:
        view: The opened view.
        selection: Filter of the conversations; each filter does not apply to its own dimension.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `conversation_breakdown`.
    """
    resolved = readable(view)
    return _breakdown(resolved, resolved.period, selection)


def conversation_breakdown_before(
    view: OpenedView, selection: Selection
) -> Reading[ConversationBreakdown] | None:
    """The same for the period before; None where conversations are not compared: nothing of it is read then.

    Args:
        view: The opened view.
        selection: As `conversation_breakdown`.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `conversation_breakdown`.
    """
    resolved = readable(view)
    return None if resolved.before is None else _breakdown(resolved, resolved.before, selection)


def conversation_timeseries(view: OpenedView, selection: Selection) -> Reading[pd.DataFrame]:
    """Counts and times of the conversations selected, over time: one row per (period, bucket), sorted by both.

    Columns: those of `kpi_timeseries` that conversations alone decide: without satisfaction and visitors. An empty period has no rows.

    Args:
        view: The opened view.
        selection: Which conversations; one belongs to a period by what happened to it there.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `kpi_timeseries`.
    """
    resolved = readable(view)
    rows = kpi_timeseries_of(resolved, selection).reading()
    key = "conversation_timeseries", selection, rows.as_of
    series = once(resolved, key, lambda: timeseries.kpi_timeseries(rows.value, None, resolved))
    return rows.with_value(series[list(timeseries.CONVERSATION_COLUMNS)])


def conversation_list(
    view: OpenedView, selection: Selection, page: int, sort: Sort = DEFAULT_SORT
) -> Reading[Listing]:
    """One page of the conversations with an event in the period, in an order that has no ties.

    Rows:
        conversation_id (string)
        started_at (datetime, UTC): NaT when it started before the period and Postgres does not know it.
        first_event_at (datetime, UTC): its first event in the period.
        response_seconds, resolution_seconds (float, seconds): NaN without that event in the period.
        handled_by (string): `ai` or `human`; empty when not resolved in the period.
        resolved_by (string, untrusted): name of the person who resolved it last; empty when not known, and for `ai`.
        is_escalated (bool): in the period.
        is_known (bool): False for a conversation that Postgres does not show: deleted, or a test visitor's.
        status (string): as Postgres has it now: `open`, `answered` and `escalated` (both not resolved), `resolved`, `spam`;
            empty when not known.
        is_waiting (bool): not resolved now, and without a first response.
        topic (string, untrusted): of the newest feedback; empty without any.
        sentiment, city (string, the last untrusted): as Postgres has them now; empty when not known.
        country_code, country (string): two capital letters, and the name; empty when not known.
        rating (float, 1 to 5): of the newest feedback; NaN without any.

    When Postgres cannot be read, its columns are empty, the order by rating is that of `newest`, and `failures` says why.
    Without a last good page in the order by rating, the same.

    Args:
        view: The opened view.
        selection: Which conversations.
        page: From 1; past the end, the last one is given.
        sort: Their order, the same over all pages. What has no such time or rating comes last.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `conversation_list`, and Postgres `conversation`, `visitor`, `feedback`.
    """
    resolved = readable(view)
    page = min(max(page, 1), LAST_PAGE)
    ratings = _ratings(resolved) if sort == "lowest_rating" else None
    if isinstance(ratings, SourceError):
        sort, ratings = DEFAULT_SORT, None
    reading = _rows(resolved, selection, page, sort, ratings)
    if reading.value.empty and page > 1:
        first = _rows(resolved, selection, 1, sort, ratings)
        page = conversations.last_page(_first(first.value, "total"))
        reading = first if page == 1 else _rows(resolved, selection, page, sort, ratings)
    total, before = _first(reading.value, "total"), _first(reading.value, "total_started_before")
    ids = tuple(str(name) for name in reading.value["conversation_id"])
    if not ids:
        return reading.with_value(Listing(conversations.listed(reading.value, None), 0, 1, 0, sort, ratings))
    key = "conversations_by_id", resolved.website.id, ids
    with waiting_briefly():
        known = reads.ask(key, _conversations_by_id(resolved.website.id, ids)).outcome()
    if isinstance(known, SourceError):
        listing = Listing(conversations.listed(reading.value, None), total, page, before, sort, ratings)
        return Reading(listing, reading.as_of, reading.is_stale, reading.stale_reason, (known,))
    names = "listed", selection, page, sort, reading.as_of, known.as_of
    listed = once(resolved, names, lambda: conversations.listed(reading.value, known.value))
    return Reading(
        Listing(listed, total, page, before, sort, ratings),
        min(reading.as_of, known.as_of),
        reading.is_stale or known.is_stale,
        reading.stale_reason or known.stale_reason,
    )


def every_conversation(view: OpenedView, selection: Selection, sort: Sort = DEFAULT_SORT) -> Whole:
    """All conversations with an event in the period, for a file; rows and order as `conversation_list`.

    Args:
        view: The opened view.
        selection: Which conversations.
        sort: Their order.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird or Postgres could not be read: a file without what Postgres knows is not whole.

    Source: `conversation_list`, and Postgres `conversation`, `visitor`, `feedback`.
    """
    resolved = readable(view)
    bounds, zone = _period(resolved)
    ratings = _ratings(resolved) if sort == "lowest_rating" else None
    if isinstance(ratings, SourceError):
        raise ratings

    def ask(offset: int) -> pd.DataFrame:
        rows = sources.conversation_list(
            connections().tinybird,
            resolved.website.id,
            bounds,
            zone,
            selection,
            sort,
            ratings.by_id if ratings else {},
            limit=PAGE_ROWS,
            offset=offset,
        ).value
        _check_none_is_lost(resolved, selection, rows, offset)
        return rows

    def listed(rows: pd.DataFrame) -> pd.DataFrame:
        ids = [str(name) for name in rows["conversation_id"]]
        known = sources.conversations_by_id(connections().postgres, resolved.website.id, ids).value
        return conversations.listed(rows, known)

    return mapped(whole(ask, "conversation_id"), listed)


def _period(resolved: ResolvedView) -> tuple[Bounds, Offsets]:
    return Bounds.of(resolved.period, None), Offsets.of(resolved.period)


def _breakdown(
    resolved: ResolvedView, period: Period, selection: Selection
) -> Reading[ConversationBreakdown]:
    bounds, offsets = Bounds.of(period, None), Offsets.of(period)
    return computed(
        resolved,
        (resolved.last_good_key("conversation_breakdown", period), selection),
        _conversation_breakdown(resolved.website.id, bounds, offsets, selection),
        lambda rows, _: conversations.breakdown(rows, period),
        schemas.CONVERSATION_BREAKDOWN,
    )


def _check_none_is_lost(
    resolved: ResolvedView, selection: Selection, rows: pd.DataFrame, offset: int
) -> None:
    """Checks that a list has rows after `offset` where `conversation_breakdown`, which the page reads too, counts some.

    Raises:
        SourceError: They are missing, or could not be counted.
    """
    if rows.empty and _breakdown(resolved, resolved.period, selection).value.total > offset:
        raise schemas.CONVERSATION_LIST.impossible("it has no rows where conversation_breakdown counts some")


def _rows(
    resolved: ResolvedView, selection: Selection, page: int, sort: Sort, ratings: Ratings | None
) -> Reading[pd.DataFrame]:
    bounds, offsets = _period(resolved)
    key = resolved.last_good_key("conversation_list", resolved.period), selection, page, sort
    by_id = tuple(ratings.by_id.items()) if ratings else ()

    def check(rows: pd.DataFrame) -> None:
        with sources.computing_from(schemas.CONVERSATION_LIST):
            conversations.listed(rows, None)
        _check_none_is_lost(resolved, selection, rows, (page - 1) * conversations.PAGE_ROWS)

    question = _conversation_list(resolved.website.id, bounds, offsets, selection, page, sort, by_id)
    return reads.read(key, question, check=check, since=read_since(resolved))


def _ratings(resolved: ResolvedView) -> Ratings | SourceError:
    """What the list of the period is sorted by; read once for all of its pages."""
    bounds, _ = _period(resolved)
    key = resolved.last_good_key("rated_conversations", resolved.period)
    rated = reads.ask(key, _rated_conversations(resolved.website.id, bounds)).outcome()
    if isinstance(rated, SourceError):
        return rated
    return Ratings.of(rated.value, sources.MOST_RATED, sources.MOST_ID_CHARACTERS)


def _first(rows: pd.DataFrame, column: str) -> int:
    return int(rows[column].iloc[0]) if len(rows) else 0


@question("tinybird", numbers_ttl)
def _conversation_breakdown(
    website_id: str, bounds: Bounds, offsets: Offsets, selection: Selection
) -> Answer[pd.DataFrame]:
    return sources.conversation_breakdown(connections().tinybird, website_id, bounds, offsets, selection)


@question("tinybird", numbers_ttl)
def _conversation_list(
    website_id: str,
    bounds: Bounds,
    offsets: Offsets,
    selection: Selection,
    page: int,
    sort: Sort,
    ratings: tuple[tuple[str, int], ...],
) -> Answer[pd.DataFrame]:
    return sources.conversation_list(
        connections().tinybird,
        website_id,
        bounds,
        offsets,
        selection,
        sort,
        dict(ratings),
        limit=conversations.PAGE_ROWS,
        offset=(page - 1) * conversations.PAGE_ROWS,
    )


@question("postgres", KPI_TTL)
def _rated_conversations(website_id: str, bounds: Bounds) -> Answer[pd.DataFrame]:
    return sources.rated_conversations(connections().postgres, website_id, bounds.date_from, bounds.date_to)


@question("postgres", KPI_TTL)
def _conversations_by_id(website_id: str, ids: tuple[str, ...]) -> Answer[pd.DataFrame]:
    return sources.conversations_by_id(connections().postgres, website_id, ids)
