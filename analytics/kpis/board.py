"""The KPI board of a view, from what its reads gave or failed to give. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import pandas as pd

from analytics.errors import SourceError
from analytics.kpis import metrics
from analytics.kpis.intervals import Count
from analytics.kpis.metrics import (
    KPI_ORDER,
    Kpi,
    KpiBoard,
    KpiKey,
)
from analytics.kpis.satisfaction import SatisfactionIndex, satisfaction_index
from analytics.kpis.timeseries import scores_of
from analytics.kpis.totals import ConversationPeriods, ConversationTotals, VisitorPeriods
from analytics.readings import Question, Reading
from analytics.scope.periods import Period
from analytics.scope.views import ResolvedView

_FROM_CONVERSATIONS: Final[tuple[KpiKey, ...]] = ("median_response", "median_resolution", "ai_handled")


def board(
    resolved: ResolvedView,
    conversations: Reading[ConversationPeriods] | SourceError,
    visitors: Reading[VisitorPeriods] | SourceError | None,
    scores: Reading[pd.DataFrame] | SourceError,
    series: Reading[pd.DataFrame] | SourceError | None = None,
) -> Reading[KpiBoard]:
    """The board: each KPI stands or fails with its own sources.

    Satisfaction needs conversations and scores both: a source that is down is not a component that is missing.

    Args:
        resolved: The dates, and what may be compared.
        conversations: Totals of both periods.
        visitors: Counts of both periods; None when visitor data does not reach the period.
        scores: Rating and sentiment, as in `schemas.RATING_AND_SENTIMENT`.
        series: Visitors by day, as in `schemas.KPI_TIMESERIES`: how far days differ. None when the period has too few
            days to tell; without them the verdict on visitors is the more cautious one of few days.

    Raises:
        SourceError: No KPI could be read; the conversations' error.
    """
    comparability = resolved.comparability
    kpis: dict[KpiKey, Kpi] = {}
    errors: dict[KpiKey, SourceError] = {}
    index = before = None
    if isinstance(conversations, SourceError):
        errors |= dict.fromkeys((*_FROM_CONVERSATIONS, "satisfaction"), conversations)
    else:
        current, previous = conversations.value.current, conversations.value.previous
        compared = previous if comparability.is_shown else None
        kpis["median_response"] = metrics.median_response(current, compared, comparability)
        kpis["median_resolution"] = metrics.median_resolution(current, compared, comparability)
        kpis["ai_handled"] = metrics.ai_handled(current, compared, comparability)
        if isinstance(scores, SourceError):
            errors["satisfaction"] = scores
        else:
            index = _index(current, scores.value, "current")
            if compared is not None:
                before = _index(compared, scores.value, "previous")
            kpis["satisfaction"] = metrics.satisfaction(index, before, comparability)
    if isinstance(visitors, SourceError):
        errors["unique_visitors"] = visitors
    else:
        kpis["unique_visitors"] = _unique_visitors(resolved, visitors, series)
    if isinstance(conversations, SourceError) and (visitors is None or isinstance(visitors, SourceError)):
        raise conversations
    steps = None if isinstance(conversations, SourceError) else conversations.value.current.funnel
    asked: dict[KpiKey, tuple[Question, ...]] = {
        **dict.fromkeys(_FROM_CONVERSATIONS, _questions(conversations)),
        "satisfaction": _questions(conversations, scores),
        "unique_visitors": _questions(visitors, series),
    }
    value = KpiBoard(_in_order(kpis), errors, steps, index, before, asked)
    return _reading(value, conversations, visitors, scores)


def _questions(*parts: Reading[object] | SourceError | None) -> tuple[Question, ...]:
    return tuple(question for part in parts if isinstance(part, Reading) for question in part.questions)


def _in_order(kpis: Mapping[KpiKey, Kpi]) -> dict[KpiKey, Kpi]:
    return {key: kpis[key] for key in KPI_ORDER if key in kpis}


def _index(totals: ConversationTotals, scores: pd.DataFrame, period: str) -> SatisfactionIndex:
    slots = scores[scores["period"] == period]
    return satisfaction_index(
        rating=scores_of(slots, "rating"),
        sentiment=scores_of(slots, "sentiment"),
        median_response_seconds=totals.median_response_seconds,
        median_response_interval=totals.response_interval,
        responded=totals.responded,
        resolved=totals.resolved,
        started=totals.started,
    )


def _unique_visitors(
    resolved: ResolvedView,
    visitors: Reading[VisitorPeriods] | None,
    series: Reading[pd.DataFrame] | SourceError | None,
) -> Kpi:
    comparability, note = resolved.visitors_comparability, resolved.visitors_note
    if visitors is None:
        return metrics.unique_visitors(None, None, comparability, note=note)
    days = series.value if isinstance(series, Reading) else None
    current = _count(visitors.value.current, resolved.visitors, days, "current")
    before = (
        _count(visitors.value.previous, resolved.previous, days, "previous")
        if comparability.is_shown
        else None
    )
    return metrics.unique_visitors(current, before, comparability, note=note, since=resolved.visitors_since)


def _count(visitors: int, period: Period, series: pd.DataFrame | None, which: str) -> Count:
    days: tuple[int, ...] = ()
    if series is not None:
        days = tuple(int(n) for n in series[series["period"] == which]["unique_visitors"].dropna())
    return Count(visitors, period.duration.total_seconds() / 3600, days)


def _reading(value: KpiBoard, *parts: Reading[object] | SourceError | None) -> Reading[KpiBoard]:
    readings = [part for part in parts if isinstance(part, Reading)]
    as_of: datetime = min(reading.as_of for reading in readings)
    reasons = [reading.stale_reason for reading in readings if reading.stale_reason is not None]
    failures = tuple(dict.fromkeys(part for part in parts if isinstance(part, SourceError)))
    return Reading(value, as_of, bool(reasons), reasons[0] if reasons else None, failures)
