"""AI and people side by side: times, durability and ratings of what each side resolved first, and whether they differ. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import pandas as pd

from analytics.kpis.ai_and_people.outcomes import DURABLE_SHARE, SIDES, Cohorts, Outcome, Side, durable
from analytics.kpis.declarations import Metric
from analytics.kpis.intervals import Interval, bounded_mean
from analytics.kpis.metrics import Kpi, compared_kpi
from analytics.kpis.satisfaction.index import Scores
from analytics.kpis.verdicts import NOTHING_MEASURED, Delta, Estimate, compared
from analytics.scope.tiers import Comparability

Ratings = Mapping[Side, Scores]
"""Scores of the ratings of each side."""

RESPONSE: Final = Metric(
    key="side_response",
    title="Median response",
    label="Response",
    definition="Half of the conversations that the side resolved first got their first answer within this time. Where the AI "
    "handed over, the first answer is often the AI's, also in the column of people.",
    kind="duration",
    direction="lower",
    column="median_response_seconds",
    n_of="responses",
    nothing="No responses",
)
RESOLUTION: Final = Metric(
    key="side_resolution",
    title="Median resolution",
    label="Resolution",
    definition="Half of the conversations that the side resolved first were resolved within this time of their start.",
    kind="duration",
    direction="lower",
    column="median_resolution_seconds",
    n_of="resolved conversations",
    nothing="No resolved conversations",
)
RATING: Final = Metric(
    key="side_rating",
    title="Mean rating",
    label="Rating",
    definition="Mean of the ratings, 1 to 5, that visitors gave to resolved conversations that started in the period. Each counts for "
    "who resolved the conversation last: Postgres keeps no earlier resolution.",
    kind="score",
    direction="higher",
    column="mean_rating",
    n_of="ratings",
    nothing="No ratings",
)


_NOT_COMPARED: Final = Delta(
    None, "pp", "not_comparable", "which conversations are open again is known of now, not of then"
)
"""Of the durable share: older conversations have had more time to be resolved once more, so they would look better."""


@dataclass(frozen=True, slots=True)
class SideBySide:
    """One number of both sides.

    Attributes:
        metric: The number.
        ai: Of the AI, with its change.
        people: Of people, with its change.
        difference: The AI compared with people, `better` where the AI is; None when one of them has no value, or that of
            people is zero where a difference in percent needs one.
    """

    metric: Metric
    ai: Kpi
    people: Kpi
    difference: Delta | None

    def of(self, side: Side) -> Kpi:
        """The number of one side."""
        return self.ai if side == "ai" else self.people


def side_by_side(
    cohorts: Cohorts, ratings: tuple[Ratings, Ratings] | None, comparability: Comparability
) -> tuple[SideBySide, ...]:
    """Response, resolution, durable share and rating of both sides.

    Args:
        cohorts: Of both periods.
        ratings: Of the period shown and of the one before; None when they could not be read: no row for them then.
        comparability: Whether the periods may be compared.
    """

    def row(metric: Metric, measure: Callable[[Outcome], Estimate]) -> SideBySide:
        now, before = (
            {side: measure(cohort.of(side)) for side in SIDES} if cohort else {}
            for cohort in (cohorts.current, cohorts.previous)
        )
        return _compared(metric, now, before, comparability)

    lasting = {side: durable(cohorts.current.of(side)) for side in SIDES}
    durable_row = _compared(DURABLE_SHARE, lasting, {}, comparability)
    if comparability.is_shown:
        ai, people = (replace(each, delta=_NOT_COMPARED) for each in (durable_row.ai, durable_row.people))
        durable_row = replace(durable_row, ai=ai, people=people)
    rows = (row(RESPONSE, _response), row(RESOLUTION, _resolution), durable_row)
    if ratings is None:
        return rows
    now, before = ({side: mean_rating(scores) for side, scores in each.items()} for each in ratings)
    return (*rows, _compared(RATING, now, before, comparability))


def ratings_of(rows: pd.DataFrame) -> tuple[Ratings, Ratings]:
    """Scores of both periods by side, from rows as in `schemas.RATINGS_BY_SIDE`; empty scores without a row."""
    found = {
        (str(period), str(side)): Scores(int(n), float(total), float(squares))
        for period, side, n, total, squares in rows.itertuples(index=False, name=None)
    }
    current, previous = (
        {side: found.get((period, side), Scores()) for side in SIDES} for period in ("current", "previous")
    )
    return current, previous


def mean_rating(scores: Scores) -> Estimate:
    """The mean rating, 1 to 5, with its 95 % interval; no value without ratings.

    >>> mean_rating(Scores(2, 150.0, 12_500.0)).value, mean_rating(Scores()).value
    (4.0, None)
    """
    interval = bounded_mean(scores.n, scores.total, scores.total_of_squares)
    if scores.mean is None or interval is None:
        return NOTHING_MEASURED
    mean, low, high = (1 + each / 25 for each in (scores.mean, interval.low, interval.high))
    return Estimate(mean, scores.n, Interval(low, high))


def difference(ai: Estimate, people: Estimate, metric: Metric) -> Delta | None:
    """The AI compared with people; see `SideBySide.difference`."""
    if ai.value is None or people.value is None or (metric.unit == "relative" and people.value <= 0):
        return None
    return compared(ai, people, unit=metric.unit, direction=metric.direction, of=metric.n_of)


def _compared(
    metric: Metric,
    now: Mapping[Side, Estimate],
    before: Mapping[Side, Estimate],
    comparability: Comparability,
) -> SideBySide:
    ai, people = (compared_kpi(metric, now[side], before.get(side), comparability) for side in SIDES)
    return SideBySide(metric, ai, people, difference(ai.current, people.current, metric))


def _response(outcome: Outcome) -> Estimate:
    return Estimate(outcome.median_response_seconds, outcome.responded, outcome.response_interval)


def _resolution(outcome: Outcome) -> Estimate:
    return Estimate(outcome.median_resolution_seconds, outcome.conversations, outcome.resolution_interval)
