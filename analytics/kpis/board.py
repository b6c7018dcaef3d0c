"""Builds the KPI board of a view from the results or errors of its reads. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pandas as pd

from analytics.errors import SourceError
from analytics.kpis.declarations import KPIS, KpiKey, PeriodFigures, Source
from analytics.kpis.intervals import ArrivalCount
from analytics.kpis.metrics import Kpi, KpiBoard, compared_kpi
from analytics.kpis.satisfaction.index import NO_INDEX, SatisfactionIndex, satisfaction_index
from analytics.kpis.timeseries import Which, scores_of
from analytics.kpis.totals import ConversationPeriods, ConversationTotals, VisitorPeriods
from analytics.readings import Reading, SentQuery
from analytics.scope.periods import Period
from analytics.scope.views import ResolvedView


def board(
    resolved: ResolvedView,
    conversations: Reading[ConversationPeriods] | SourceError,
    visitors: Reading[VisitorPeriods] | SourceError | None,
    scores: Reading[pd.DataFrame] | SourceError,
    series: Reading[pd.DataFrame] | SourceError | None = None,
    still_waiting: Reading[int] | SourceError | None = None,
) -> Reading[KpiBoard]:
    """Build the board; a KPI fails only if one of its own sources failed.

    The satisfaction index needs both conversations and scores: a source that is down does not count as a missing component.

    Args:
        resolved: The dates, and whether they may be compared.
        conversations: Totals of both periods.
        visitors: Counts of both periods; None when visitor data does not reach the period.
        scores: Rating and sentiment, as in `schemas.RATING_AND_SENTIMENT`.
        series: Visitors by day, as in `schemas.KPI_TIMESERIES`, for the spread between days. None when the period has too few
            days; the verdict on visitors is then the more cautious one for few days.
        still_waiting: Conversations of the period without an answer now. No KPI needs it: an error leaves it out.

    Raises:
        SourceError: No KPI could be read; the conversations' error.
    """
    reads: dict[Source, Reading[object] | SourceError | None] = {
        "conversations": conversations,
        "scores": scores,
        "visitors": visitors,
    }
    if isinstance(conversations, SourceError) and (visitors is None or isinstance(visitors, SourceError)):
        raise conversations
    current, previous = (
        _figures(resolved, conversations, visitors, scores, series, which)
        for which in ("current", "previous")
    )
    kpis: dict[KpiKey, Kpi] = {}
    errors: dict[KpiKey, SourceError] = {}
    queries: dict[KpiKey, tuple[SentQuery, ...]] = {}
    for key, declared in KPIS.items():
        own = [reads[source] for source in declared.sources]
        if failed := next((read for read in own if isinstance(read, SourceError)), None):
            errors[key] = failed
            continue
        is_of_visitors = "visitors" in declared.sources
        queries[key] = _queries(*own, series if is_of_visitors else None)
        sides = declared.measure(current), declared.measure(previous)
        if is_of_visitors:
            kpis[key] = compared_kpi(
                declared,
                *sides,
                resolved.visitors_comparability,
                limit_note=resolved.visitors_note,
                since=resolved.visitors_since if visitors else None,
            )
        else:
            kpis[key] = compared_kpi(declared, *sides, resolved.comparability)
    if isinstance(still_waiting, Reading) and "median_response" in kpis:
        kpis["median_response"] = replace(kpis["median_response"], still_waiting=still_waiting.value)
        queries["median_response"] += still_waiting.queries
    is_index_read = "satisfaction_index" in kpis
    value = KpiBoard(
        kpis,
        errors,
        None if isinstance(conversations, SourceError) else current.conversations.funnel,
        current.index if is_index_read else None,
        previous.index if is_index_read and resolved.comparability.is_shown else None,
        queries,
    )
    days = series if isinstance(series, Reading) else None
    return _reading(value, conversations, visitors, scores, days, still_waiting)


def _figures(
    resolved: ResolvedView,
    conversations: Reading[ConversationPeriods] | SourceError,
    visitors: Reading[VisitorPeriods] | SourceError | None,
    scores: Reading[pd.DataFrame] | SourceError,
    series: Reading[pd.DataFrame] | SourceError | None,
    which: Which,
) -> PeriodFigures:
    """The figures of one period from the reads that succeeded."""
    is_current = which == "current"
    totals, index, count = ConversationTotals(), NO_INDEX, None
    if isinstance(conversations, Reading):
        totals = conversations.value.current if is_current else conversations.value.previous
        if isinstance(scores, Reading):
            index = _index(totals, scores.value, which)
    if isinstance(visitors, Reading):
        days = series.value if isinstance(series, Reading) else None
        seen = visitors.value.current if is_current else visitors.value.previous
        count = _count(seen, resolved.visitor_period if is_current else resolved.previous, days, which)
    return PeriodFigures(totals, index, count)


def _queries(*parts: Reading[object] | SourceError | None) -> tuple[SentQuery, ...]:
    return tuple(query for part in parts if isinstance(part, Reading) for query in part.queries)


def _index(totals: ConversationTotals, scores: pd.DataFrame, which: Which) -> SatisfactionIndex:
    slots = scores[scores["period"] == which]
    return satisfaction_index(
        rating=scores_of(slots, "rating"),
        sentiment=scores_of(slots, "sentiment"),
        median_response_seconds=totals.median_response_seconds,
        median_response_interval=totals.response_interval,
        responded=totals.responded,
        resolved=totals.resolved,
        started=totals.started,
    )


def _count(visitors: int, period: Period, series: pd.DataFrame | None, which: Which) -> ArrivalCount:
    days: tuple[int, ...] = ()
    if series is not None:
        days = tuple(int(n) for n in series[series["period"] == which]["unique_visitors"].dropna())
    return ArrivalCount(visitors, period.duration.total_seconds() / 3600, days)


def _reading(value: KpiBoard, *parts: Reading[object] | SourceError | None) -> Reading[KpiBoard]:
    readings = [part for part in parts if isinstance(part, Reading)]
    as_of: datetime = min(reading.as_of for reading in readings)
    reasons = [reading.stale_reason for reading in readings if reading.stale_reason is not None]
    failures = tuple(dict.fromkeys(part for part in parts if isinstance(part, SourceError)))
    return Reading(value, as_of, bool(reasons), reasons[0] if reasons else None, failures)
