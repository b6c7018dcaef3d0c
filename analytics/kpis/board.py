"""Builds the KPI board of a view from the results or errors of its reads. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pandas as pd

from analytics.errors import SourceError
from analytics.kpis.declarations import KPIS, KpiDeclaration, KpiKey, PeriodFigures, Source
from analytics.kpis.intervals import FEWEST_PAIRS, ArrivalCount
from analytics.kpis.metrics import Kpi, KpiBoard, compared_kpi
from analytics.kpis.satisfaction.index import NO_INDEX, SatisfactionIndex, Scores, satisfaction_index
from analytics.kpis.timeseries import Which, scores_of
from analytics.kpis.totals import ConversationPeriods, ConversationTotals, VisitorPeriods
from analytics.readings import Reading, SentQuery
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
        still_waiting: Conversations of the period without an answer now. No KPI needs it: an error leaves it out, and a last good
            value has its own mark, not that of the board.

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
        queries[key] = _queries(*own, series if "visitors" in declared.sources else None)
        kpis[key] = kpi_of(declared, resolved, current, previous)
    if isinstance(still_waiting, Reading) and "median_response" in kpis:
        since = still_waiting.stale_since
        kpis["median_response"] = replace(
            kpis["median_response"],
            still_waiting=still_waiting.value,
            still_waiting_stale_since=since and since.astimezone(resolved.period.timezone),
        )
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
    return _reading(value, conversations, visitors, scores, days)


def are_visitor_days_compared(resolved: ResolvedView) -> bool:
    """True when the visitors of single days say how sure a change is: they are compared, and the days are enough."""
    return resolved.visitors_comparability.is_shown and resolved.visitor_period.day_count() >= FEWEST_PAIRS


def kpi_of(
    declared: KpiDeclaration, resolved: ResolvedView, current: PeriodFigures, previous: PeriodFigures
) -> Kpi:
    """Compute a KPI from the figures of both periods.

    Args:
        declared: The KPI.
        resolved: Whether the periods may be compared, and what visitor data covers.
        current: The figures of the period shown.
        previous: Those of the period before.
    """
    sides = declared.measure(current), declared.measure(previous)
    if "visitors" not in declared.sources:
        return compared_kpi(declared, *sides, resolved.comparability)
    return compared_kpi(
        declared,
        *sides,
        resolved.visitors_comparability,
        limit_note=resolved.visitors_note,
        since=None if current.visitors is None else resolved.visitors_since,
    )


def arrivals(
    resolved: ResolvedView, which: Which, visitors: int, by_day: tuple[int, ...] = ()
) -> ArrivalCount:
    """The visitors of one period, with those of each day where they are known."""
    period = resolved.visitor_period if which == "current" else resolved.previous
    return ArrivalCount(visitors, period.duration.total_seconds() / 3600, by_day)


def index_of(totals: ConversationTotals, rating: Scores, sentiment: Scores) -> SatisfactionIndex:
    """The satisfaction index of a period, or of a bucket, from its conversations and scores."""
    return satisfaction_index(
        rating=rating,
        sentiment=sentiment,
        median_response_seconds=totals.median_response_seconds,
        median_response_interval=totals.response_interval,
        responded=totals.responded,
        resolved=totals.resolved,
        started=totals.started,
    )


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
        days = _days(series.value, which) if isinstance(series, Reading) else ()
        seen = visitors.value.current if is_current else visitors.value.previous
        count = arrivals(resolved, which, seen, days)
    return PeriodFigures(totals, index, count)


def _queries(*parts: Reading[object] | SourceError | None) -> tuple[SentQuery, ...]:
    return tuple(query for part in parts if isinstance(part, Reading) for query in part.queries)


def _index(totals: ConversationTotals, scores: pd.DataFrame, which: Which) -> SatisfactionIndex:
    slots = scores[scores["period"] == which]
    return index_of(totals, scores_of(slots, "rating"), scores_of(slots, "sentiment"))


def _days(series: pd.DataFrame, which: Which) -> tuple[int, ...]:
    return tuple(int(n) for n in series[series["period"] == which]["unique_visitors"].dropna())


def _reading(value: KpiBoard, *parts: Reading[object] | SourceError | None) -> Reading[KpiBoard]:
    readings = [part for part in parts if isinstance(part, Reading)]
    as_of: datetime = min(reading.as_of for reading in readings)
    reasons = [reading.stale_reason for reading in readings if reading.stale_reason is not None]
    failures = tuple(dict.fromkeys(part for part in parts if isinstance(part, SourceError)))
    return Reading(value, as_of, bool(reasons), reasons[0] if reasons else None, failures)
