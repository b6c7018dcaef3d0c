"""What Overview shows."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from analytics import schemas, sources
from analytics.cached.reading import (
    KPI_TTL,
    connections,
    numbers_ttl,
    once,
    read_since,
    reads,
    usable,
    waiting_briefly,
)
from analytics.cached.shared.question import question
from analytics.cached.shared.reads import Asked
from analytics.cached.view import OpenedView, readable
from analytics.cached.waiting import still_waiting_of
from analytics.errors import SourceError
from analytics.kpis import timeseries
from analytics.kpis.board import are_visitor_days_compared, board
from analytics.kpis.declarations import KPIS, types_of
from analytics.kpis.metrics import KpiBoard
from analytics.kpis.totals import ConversationPeriods, VisitorPeriods
from analytics.readings import Answer, Reading
from analytics.scope.selection import EVERYTHING, Selection
from analytics.scope.views import ResolvedView
from analytics.sources import Bounds, Buckets, Offsets


def kpis(view: OpenedView) -> Reading[KpiBoard]:
    """The KPI cards, the funnel and the satisfaction index of a view.

    The sources are read side by side. One that fails without a last good value takes down its own cards, which are
    then in `errors`. Postgres is waited for only briefly once Tinybird has answered: no card waits for another's source.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Nothing could be read.
    """
    resolved = readable(view)
    bounds = Bounds.of(resolved.visitor_period, resolved.visitors_before)
    visitors = series = None
    conversations = reads.ask(
        resolved.last_good_key("inbox_analytics", resolved.period),
        _inbox_analytics(resolved.website.id, Bounds.of(resolved.period, resolved.before)),
        since=read_since(resolved),
    )
    scores, still_waiting = rating_and_sentiment_of(resolved), still_waiting_of(resolved)
    if not resolved.visitor_period.is_empty:
        key = resolved.last_good_key("unique_visitors", resolved.visitor_period)
        question = _unique_visitors(resolved.website.id, bounds)
        visitors = reads.ask(key, question, since=read_since(resolved))
    if are_visitor_days_compared(resolved):
        series = kpi_timeseries_of(replace(resolved, bucket="day"), EVERYTHING)
    counted = conversations.outcome()
    visited = None if visitors is None else visitors.outcome()
    by_day = None if series is None else series.outcome()
    with waiting_briefly():
        seen = counted, visited, scores.outcome(), by_day, still_waiting.outcome()
    if any(isinstance(each, SourceError) for each in seen):
        return board(resolved, *seen)
    key = "board", *((each.as_of, each.stale_reason) for each in seen if isinstance(each, Reading))
    return once(resolved, key, lambda: board(resolved, *seen))


def left_out(view: OpenedView) -> Reading[dict[str, int]]:
    """How many of the conversations behind each KPI of the period are deleted, or of a deleted or test visitor.

    They are in the number until `sync` removes them. Read for who asks: a query to each source.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: A source could not be read and there is no last good value.

    Source: Postgres `conversation`, `visitor`; `conversation_events`.
    """
    resolved = readable(view)
    key = resolved.last_good_key("left_out", resolved.period)
    question = _left_out(resolved.website.id, *resolved.period.utc_bounds())
    reading = reads.read(key, question, since=read_since(resolved))
    events = reading.value
    return reading.with_value(
        {
            key: int(events.loc[events["event_type"].isin(types_of(kpi.events)), "conversation_id"].nunique())
            for key, kpi in KPIS.items()
        }
    )


def kpi_timeseries(view: OpenedView) -> Reading[pd.DataFrame]:
    """The KPIs over time: one row per (period, bucket), sorted by both.

    Columns:
        period (string): `current` or `previous`; no `previous` rows when not comparable or not compared.
        bucket_index (int): 0-based within its period.
        bucket_start (datetime, the view's timezone): first instant of the bucket inside the period.
        bucket_end (datetime, the view's timezone): first instant after it.
        aligned_start (datetime, the view's timezone): where to draw the bucket: its own start for `current`; for
            `previous` as in `comparison.aligned_starts`.
        is_complete (bool): False for a bucket that the period cuts or that is not over yet.
        started, responded, resolved, ai_resolved, escalated, feedback (int): distinct conversations.
        median_response_seconds, p90_response_seconds, median_resolution_seconds, p90_resolution_seconds (float,
            seconds): NaN when there was none, p90 below 10.
        ai_handled_ratio (float, 0..1): NaN when nothing was resolved.
        escalated_ratio (float, 0..1): NaN when nothing was started.
        satisfaction_index (float, 0..100): NaN when all components are missing, or Postgres could not be read
            (then `failures` says so).
        satisfaction_missing (string): components that count as the neutral 50 in it, such as `rating, sentiment`.
        unique_visitors (float, count per bucket, does not add up): NaN where visitor data does not reach, and in all
            of `previous` when visitors are not comparable.

    An empty period has no rows.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.
    """
    resolved = readable(view)
    rows, scores = kpi_timeseries_of(resolved, EVERYTHING), rating_and_sentiment_of(resolved)
    counted = rows.outcome()
    with waiting_briefly():
        seen = counted, scores.outcome()
    key = "kpi_timeseries", *(each.as_of if isinstance(each, Reading) else None for each in seen)
    return timeseries.joined(
        resolved, *seen, lambda *parts: once(resolved, key, lambda: timeseries.kpi_timeseries(*parts))
    )


def kpi_timeseries_of(resolved: ResolvedView, selection: Selection) -> Asked[pd.DataFrame]:
    """The pipe's buckets of a view: one read for all who need it."""
    bounds = Bounds.of(resolved.period, resolved.before)
    key = resolved.last_good_key("kpi_timeseries", resolved.period), selection
    buckets = Buckets.of(resolved.bucket, resolved.period, resolved.before)
    offsets = Offsets.of(resolved.previous, resolved.period) if selection.hour_of_week else None
    return reads.ask(
        key,
        _kpi_timeseries(resolved.website.id, bounds, buckets, selection, offsets),
        check=usable(lambda rows: timeseries.kpi_timeseries(rows, None, resolved), schemas.KPI_TIMESERIES),
        since=read_since(resolved),
    )


def rating_and_sentiment_of(resolved: ResolvedView) -> Asked[pd.DataFrame]:
    """The scores of both periods: one read for cards and charts."""
    bounds = Bounds.of(resolved.period, resolved.before)
    key = resolved.last_good_key("rating_and_sentiment", resolved.period)
    return reads.ask(key, _rating_and_sentiment(resolved.website.id, bounds))


@question("tinybird", numbers_ttl)
def _inbox_analytics(website_id: str, bounds: Bounds) -> Answer[ConversationPeriods]:
    return sources.inbox_analytics(connections().tinybird, website_id, bounds)


@question("tinybird", numbers_ttl)
def _left_out(website_id: str, date_from: str, date_to: str) -> Answer[pd.DataFrame]:
    return sources.left_out_events(
        connections().tinybird, connections().postgres, website_id, date_from, date_to
    )


@question("tinybird", numbers_ttl)
def _unique_visitors(website_id: str, bounds: Bounds) -> Answer[VisitorPeriods]:
    return sources.unique_visitors(connections().tinybird, website_id, bounds)


@question("tinybird", numbers_ttl)
def _kpi_timeseries(
    website_id: str, bounds: Bounds, buckets: Buckets, selection: Selection, offsets: Offsets | None
) -> Answer[pd.DataFrame]:
    return sources.kpi_timeseries(connections().tinybird, website_id, bounds, buckets, selection, offsets)


@question("postgres", KPI_TTL)
def _rating_and_sentiment(website_id: str, bounds: Bounds) -> Answer[pd.DataFrame]:
    return sources.rating_and_sentiment(connections().postgres, website_id, bounds)
