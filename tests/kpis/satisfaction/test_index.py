"""The satisfaction index: every formula by hand, and what is said about missing parts."""

from typing import TypedDict, Unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.kpis.intervals import Interval
from analytics.kpis.satisfaction.index import (
    WEIGHTS,
    SatisfactionIndex,
    Scores,
    resolution_score,
    response_score,
    satisfaction_index,
)


def scores(*values: float) -> Scores:
    """Scores with these values."""
    return Scores(len(values), sum(values), sum(value * value for value in values))


class Parts(TypedDict, total=False):
    """What an index is made of."""

    rating: Scores
    sentiment: Scores
    median_response_seconds: float | None
    median_response_interval: Interval | None
    responded: int
    resolved: int
    started: int


def index(**changed: Unpack[Parts]) -> SatisfactionIndex:
    """An index of a period where nothing happened, except for what is given."""
    return satisfaction_index(
        rating=changed.get("rating", Scores()),
        sentiment=changed.get("sentiment", Scores()),
        median_response_seconds=changed.get("median_response_seconds"),
        median_response_interval=changed.get("median_response_interval"),
        responded=changed.get("responded", 0),
        resolved=changed.get("resolved", 0),
        started=changed.get("started", 0),
    )


def test_weights_add_up_to_one() -> None:
    """40, 25, 20 and 15 percent."""
    assert tuple(WEIGHTS.values()) == (0.40, 0.25, 0.20, 0.15)
    assert sum(WEIGHTS.values()) == pytest.approx(1)


def test_the_index_by_hand() -> None:
    """Ratings 5 and 4, one positive and one neutral sentiment, 10 minutes, 3 of 4 resolved."""
    result = index(
        rating=scores(100.0, 75.0),
        sentiment=scores(80.0, 50.0),
        median_response_seconds=600.0,
        median_response_interval=Interval(500, 800),
        responded=9,
        resolved=3,
        started=4,
    )
    # 0.40 × 87.5 + 0.25 × 65 + 0.20 × 85 + 0.15 × 75
    assert result.score == pytest.approx(35 + 16.25 + 17 + 11.25)
    assert result.missing == ()
    assert [part.n for part in result.components] == [2, 2, 9, 4]
    assert sum(part.contribution for part in result.components) == pytest.approx(79.5)


@pytest.mark.parametrize(
    ("changed", "expected", "missing"),
    [
        pytest.param(
            {"rating": scores(100.0)}, 70.0, ("sentiment", "response", "resolution"), id="rating alone"
        ),
        pytest.param(
            {"sentiment": scores(0.0)}, 37.5, ("rating", "response", "resolution"), id="sentiment alone"
        ),
        pytest.param(
            {"median_response_seconds": 60.0, "responded": 1},
            60.0,
            ("rating", "sentiment", "resolution"),
            id="response alone",
        ),
        pytest.param(
            {"started": 2, "resolved": 0},
            42.5,
            ("rating", "sentiment", "response"),
            id="nothing resolved is no gap",
        ),
    ],
)
def test_a_missing_component_counts_as_neutral_and_says_so(
    changed: Parts, expected: float, missing: tuple[str, ...]
) -> None:
    """The neutral 50 stands in, and the component is marked."""
    result = index(**changed)
    assert result.score == pytest.approx(expected)
    assert result.missing == missing


def test_with_all_four_missing_there_is_no_index() -> None:
    """An empty period has no satisfaction, not 50."""
    result = index()
    assert result.score is None
    assert result.interval is None
    assert len(result.missing) == 4


def test_resolved_without_started_is_missing() -> None:
    """Resolutions of earlier conversations alone give no rate."""
    assert "resolution" in index(resolved=5, rating=scores(50.0)).missing


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, 100.0),
        (300, 100.0),
        (300.001, 85.0),
        (900, 85.0),
        (901, 70.0),
        (3600, 70.0),
        (3601, 50.0),
        (14_400, 50.0),
        (14_401, 30.0),
        (86_400, 30.0),
        (86_401, 10.0),
    ],
)
def test_response_bands_include_their_upper_end(seconds: float, expected: float) -> None:
    """Exactly five minutes is still the best band."""
    assert response_score(seconds) == expected


@pytest.mark.parametrize(
    ("resolved", "started", "expected"), [(0, 3, 0.0), (3, 3, 100.0), (9, 3, 100.0), (0, 0, None)]
)
def test_resolution_is_capped(resolved: int, started: int, expected: float | None) -> None:
    """Catching up on earlier conversations does not go past 100."""
    assert resolution_score(resolved, started) == expected


def test_scores_add_up() -> None:
    """Two buckets together are the period."""
    assert scores(25.0, 50.0) + scores(100.0) == scores(25.0, 50.0, 100.0)
    assert Scores().mean is None
    assert (scores(25.0, 75.0)).mean == 50.0


parts = st.lists(st.floats(0, 100), max_size=30).map(lambda values: scores(*values))


@given(parts, parts, st.none() | st.floats(0, 200_000), st.integers(0, 50), st.integers(0, 50))
def test_the_index_lies_on_its_scale_and_in_its_interval(
    rating: Scores, sentiment: Scores, median: float | None, resolved: int, started: int
) -> None:
    """0 to 100 whatever comes in, with the interval around it."""
    result = index(
        rating=rating,
        sentiment=sentiment,
        median_response_seconds=median,
        resolved=resolved,
        started=started,
        responded=0 if median is None else 3,
    )
    if result.score is None:
        assert len(result.missing) == 4
        return
    assert result.interval is not None
    assert -1e-6 <= result.interval.low <= result.score + 1e-6
    assert result.score - 1e-6 <= result.interval.high <= 100 + 1e-6
