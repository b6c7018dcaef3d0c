"""AI and people side by side: each with its change, and the difference as a verdict of its own."""

import pandas as pd
import pytest

from analytics.kpis.ai_and_people.outcomes import Cohort, Cohorts, Outcome
from analytics.kpis.ai_and_people.sides import RATING, RESPONSE, mean_rating, ratings_of, side_by_side
from analytics.kpis.intervals import Interval
from analytics.kpis.satisfaction.index import Scores
from analytics.schemas import RATINGS_BY_SIDE
from analytics.scope.tiers import Comparability, Comparable

OPEN = Comparability(True, Comparable(True, None, 45))
OFF = Comparability(False, Comparable(True, None, 45))
NAMES = [column.name for column in RATINGS_BY_SIDE.columns]
FAST = Outcome(200, 0, 150, 90, 0, 190, 10.0, Interval(9.0, 11.0), 300.0, Interval(280.0, 320.0))
SLOW = Outcome(100, 40, 80, 76, 0, 95, 100.0, Interval(80.0, 120.0), 3000.0, Interval(2500.0, 3500.0))
NONE = Outcome(20)
NOW, EARLIER = Cohort(FAST, SLOW, NONE), Cohort(SLOW, SLOW, NONE)
GOOD, POOR = Scores(100, 9_000.0, 820_000.0), Scores(100, 5_000.0, 300_000.0)
Given = tuple[dict[str, Scores], dict[str, Scores]]


def ratings(*given: tuple[str, str, int, float, float]) -> pd.DataFrame:
    """Rows as Postgres gives them."""
    return RATINGS_BY_SIDE.frame(NAMES, [dict(zip(NAMES, row, strict=True)) for row in given])


def test_each_side_has_its_value_and_change_and_the_difference_a_verdict() -> None:
    """The AI is faster than people, and than before; its resolutions last less."""
    scores = {"ai": GOOD, "people": POOR}, {"ai": POOR, "people": POOR}
    response, resolution, durable, rating = side_by_side(Cohorts(NOW, EARLIER), scores, OPEN)  # type: ignore[arg-type]
    assert (response.ai.value, response.people.value) == (10.0, 100.0)
    assert (response.ai.current.n, response.people.current.n) == (190, 95)
    assert response.ai.delta.change == pytest.approx(-0.9)
    assert response.people.delta.verdict == "unchanged"
    assert response.difference is not None
    assert (response.difference.verdict, response.difference.change) == ("better", -0.9)
    assert (resolution.ai.value, resolution.ai.current.n) == (300.0, 200)
    assert resolution.of("people") is resolution.people
    assert resolution.of("ai") is resolution.ai
    assert (durable.ai.value, durable.people.value) == (0.6, 0.95)
    assert durable.difference is not None
    assert durable.difference.verdict == "worse"
    assert durable.difference.change == pytest.approx(-35.0)
    assert (rating.ai.value, rating.people.value) == (4.6, 3.0)
    assert rating.difference is not None
    assert rating.difference.verdict == "better"
    assert rating.difference.change == pytest.approx(1.6)


def test_without_ratings_or_comparison_their_parts_are_missing() -> None:
    """Ratings that could not be read have no row; with the comparison off there is no change, but a difference."""
    rows = side_by_side(Cohorts(NOW, None), None, OFF)
    assert [row.metric.title for row in rows] == ["Median response", "Median resolution", "Durable"]
    assert {row.ai.delta.verdict for row in rows} == {"off"}
    assert all(row.difference is not None for row in rows)


def test_two_sides_that_may_be_alike_are_no_clear_difference() -> None:
    """Six values each, with wide intervals."""
    one = Outcome(6, responded=6, median_response_seconds=10.0, response_interval=Interval(1.0, 90.0))
    two = Outcome(6, responded=6, median_response_seconds=12.0, response_interval=Interval(2.0, 80.0))
    (response, *_) = side_by_side(Cohorts(Cohort(one, two, NONE), None), None, OFF)
    assert response.difference is not None
    assert response.difference.verdict == "within_noise"
    assert response.difference.reason == "6 against 6 responses are too few to be sure of it"


@pytest.mark.parametrize(
    "people",
    [
        pytest.param(Outcome(), id="no value"),
        pytest.param(Outcome(3, responded=3, median_response_seconds=0.0), id="zero"),
    ],
)
def test_without_a_value_to_compare_with_there_is_no_difference(people: Outcome) -> None:
    """A difference in percent of nothing, or of zero, is none."""
    (response, *_) = side_by_side(Cohorts(Cohort(FAST, people, NONE), None), None, OFF)
    assert response.metric is RESPONSE
    assert response.difference is None


def test_ratings_are_told_apart_by_side_and_period() -> None:
    """A side without a rating has no scores."""
    current, previous = ratings_of(
        ratings(("current", "ai", 2, 150.0, 12_500.0), ("previous", "people", 1, 25.0, 625.0))
    )
    assert current == {"ai": Scores(2, 150.0, 12_500.0), "people": Scores()}
    assert previous == {"ai": Scores(), "people": Scores(1, 25.0, 625.0)}


def test_a_mean_rating_is_between_1_and_5() -> None:
    """Scores of 0 are ratings of 1, of 100 are 5; the interval of few ratings is wide."""
    lowest, highest = mean_rating(Scores(30, 0.0, 0.0)), mean_rating(Scores(30, 3_000.0, 300_000.0))
    assert (lowest.value, highest.value) == (1.0, 5.0)
    assert lowest.interval is not None
    assert (lowest.interval.low, round(lowest.interval.high, 2)) == (1.0, 1.25)
    assert mean_rating(Scores()).value is None
    assert RATING.unit == "points"
