"""The satisfaction index: four scores and their weights. Pure.

`index = 0.40 rating + 0.25 sentiment + 0.20 response + 0.15 resolution`, each 0 to 100. Rating and sentiment come
from Postgres, response and resolution from Tinybird. A component without data counts as the neutral 50 and is
marked missing; with all four missing there is no index.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final, Literal

from analytics.kpis.intervals import Interval, bounded_mean, wilson
from analytics.scope.selection import BAND_SECONDS

ComponentName = Literal["rating", "sentiment", "response", "resolution"]

WEIGHTS: Final[dict[ComponentName, float]] = {
    "rating": 0.40,
    "sentiment": 0.25,
    "response": 0.20,
    "resolution": 0.15,
}
NEUTRAL_SCORE: Final = 50.0

RESPONSE_BANDS: Final[tuple[tuple[float, float], ...]] = tuple(
    zip(BAND_SECONDS, (100.0, 85.0, 70.0, 50.0, 30.0), strict=True)
)
"""(longest median response in seconds, score), from best to worst."""

SLOWEST_RESPONSE_SCORE: Final = 10.0

_UNITS: Final[dict[ComponentName, str]] = {
    "rating": "ratings",
    "sentiment": "rated conversations",
    "response": "responses",
    "resolution": "conversations started",
}


@dataclass(frozen=True, slots=True)
class Scores:
    """Values between 0 and 100, kept as sums so that buckets add up to periods.

    Attributes:
        n: Number of values.
        total: Their sum.
        total_of_squares: The sum of their squares, for the spread.
    """

    n: int = 0
    total: float = 0.0
    total_of_squares: float = 0.0

    @property
    def mean(self) -> float | None:
        """The mean, 0 to 100; None without values."""
        return self.total / self.n if self.n else None

    def __add__(self, other: Scores) -> Scores:
        return Scores(
            self.n + other.n, self.total + other.total, self.total_of_squares + other.total_of_squares
        )


@dataclass(frozen=True, slots=True)
class Component:
    """One of the four parts of the index.

    Attributes:
        name: Name of the component.
        weight: Its share, 0..1.
        score: 0 to 100; the neutral 50 when missing.
        n: Number of observations behind the score.
        n_unit: Noun of the observations, plural.
        is_missing: True when there was nothing to score.
        interval: 95 % interval of the score; the point 50 when missing.
    """

    name: ComponentName
    weight: float
    score: float
    n: int
    n_unit: str
    is_missing: bool
    interval: Interval

    @property
    def contribution(self) -> float:
        """Points of the index from this component: weight times score."""
        return self.weight * self.score


@dataclass(frozen=True, slots=True)
class SatisfactionIndex:
    """The index and its components.

    Attributes:
        score: 0 to 100; None when all four components are missing.
        interval: 95 % interval of the score; None without one.
        components: Rating, sentiment, response, resolution, in this order.
    """

    score: float | None
    interval: Interval | None
    components: tuple[Component, ...]

    @property
    def missing(self) -> tuple[ComponentName, ...]:
        """Names of the components that count as the neutral 50."""
        return tuple(component.name for component in self.components if component.is_missing)


NO_INDEX: Final = SatisfactionIndex(None, None, ())
"""The index when ratings and sentiment were not read: nothing is known, not even which components are missing."""


def response_score(median_response_seconds: float) -> float:
    """The score of a median response time, by bands whose upper ends are inclusive.

    >>> [response_score(seconds) for seconds in (300, 301, 3_600, 14_400, 86_400, 86_401)]
    [100.0, 85.0, 70.0, 50.0, 30.0, 10.0]
    """
    for longest_seconds, score in RESPONSE_BANDS:
        if median_response_seconds <= longest_seconds:
            return score
    return SLOWEST_RESPONSE_SCORE


def resolution_score(resolved: int, started: int) -> float | None:
    """The score of resolving what was started: `min(resolved / started, 1) × 100`; None when nothing started.

    >>> resolution_score(30, 40), resolution_score(12, 10), resolution_score(5, 0)
    (75.0, 100.0, None)
    """
    return min(resolved / started, 1.0) * 100 if started else None


def satisfaction_index(
    *,
    rating: Scores,
    sentiment: Scores,
    median_response_seconds: float | None,
    median_response_interval: Interval | None,
    responded: int,
    resolved: int,
    started: int,
) -> SatisfactionIndex:
    """Compute the index of one period and its components.

    The interval adds the components' intervals as independent errors: the square root of the sum of squared weighted
    distances, downwards and upwards. A median without an interval (fewer than 6 responses) may be in any band.

    Args:
        rating: Scores of the ratings given in the period.
        sentiment: Scores of the rated conversations started in the period.
        median_response_seconds: None without a response.
        median_response_interval: 95 % order-statistic interval of that median, in seconds; None below 6 values.
        responded: Conversations answered in the period.
        resolved: Conversations resolved in the period.
        started: Conversations started in the period.

    >>> index = satisfaction_index(
    ...     rating=Scores(2, 175.0, 15_625.0), sentiment=Scores(), median_response_seconds=240.0,
    ...     median_response_interval=None, responded=3, resolved=6, started=8)
    >>> index.score  # 0.40 × 87.5 + 0.25 × 50 + 0.20 × 100 + 0.15 × 75
    78.75
    >>> index.missing
    ('sentiment',)
    """
    resolution = resolution_score(resolved, started)
    rate = wilson(min(resolved, started), started)
    response = None if median_response_seconds is None else response_score(median_response_seconds)
    if median_response_interval is None:
        response_interval = Interval(SLOWEST_RESPONSE_SCORE, 100.0)
    else:
        response_interval = Interval(
            response_score(median_response_interval.high), response_score(median_response_interval.low)
        )
    components = (
        _component(
            "rating", rating.mean, rating.n, bounded_mean(rating.n, rating.total, rating.total_of_squares)
        ),
        _component(
            "sentiment",
            sentiment.mean,
            sentiment.n,
            bounded_mean(sentiment.n, sentiment.total, sentiment.total_of_squares),
        ),
        _component("response", response, responded, response_interval),
        _component(
            "resolution",
            resolution,
            started,
            None if rate is None else Interval(rate.low * 100, rate.high * 100),
        ),
    )
    if all(component.is_missing for component in components):
        return SatisfactionIndex(None, None, components)
    score = sum(component.contribution for component in components)
    below = sqrt(sum((part.weight * (part.score - part.interval.low)) ** 2 for part in components))
    above = sqrt(sum((part.weight * (part.interval.high - part.score)) ** 2 for part in components))
    return SatisfactionIndex(score, Interval(max(0.0, score - below), min(100.0, score + above)), components)


def _component(name: ComponentName, score: float | None, n: int, interval: Interval | None) -> Component:
    if score is None or interval is None:
        neutral = Interval(NEUTRAL_SCORE, NEUTRAL_SCORE)
        return Component(
            name, WEIGHTS[name], NEUTRAL_SCORE, n, _UNITS[name], is_missing=True, interval=neutral
        )
    return Component(name, WEIGHTS[name], score, n, _UNITS[name], is_missing=False, interval=interval)
