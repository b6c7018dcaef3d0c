"""Intervals: known values, and what must hold for all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.intervals import Interval, bounded_mean, poisson, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        pytest.param(0, 10, 0.0, 0.2775, id="none"),
        pytest.param(10, 10, 0.7225, 1.0, id="all"),
        pytest.param(5, 10, 0.2366, 0.7634, id="half"),
        pytest.param(1, 1, 0.2065, 1.0, id="single"),
    ],
)
def test_wilson_equals_published_values(successes: int, n: int, low: float, high: float) -> None:
    """The score interval of a rate, to four digits."""
    interval = wilson(successes, n)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_encloses_the_rate(pair: tuple[int, int]) -> None:
    """The observed rate lies inside, and the interval inside 0 to 1."""
    successes, n = pair
    interval = wilson(successes, n)
    assert interval is not None
    assert 0 <= interval.low <= successes / n <= interval.high <= 1


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5), (1, 0)])
def test_wilson_refuses_what_is_no_rate(successes: int, n: int) -> None:
    """More successes than trials is a fault of the caller, not an interval."""
    with pytest.raises(ValueError, match="successes"):
        wilson(successes, n)


@given(st.integers(0, 10_000_000))
def test_poisson_encloses_the_count(count: int) -> None:
    """The count lies inside, and nothing below zero does."""
    interval = poisson(count)
    assert 0 <= interval.low <= count < interval.high


def test_poisson_of_nothing_reaches_to_almost_four() -> None:
    """Having seen nobody does not mean that nobody comes."""
    assert (poisson(0).low, poisson(0).high) == pytest.approx((0.0, 3.8415), abs=1e-4)
    with pytest.raises(ValueError, match="negative"):
        poisson(-1)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=200))
def test_a_bounded_mean_lies_in_its_interval(values: list[float]) -> None:
    """The mean lies inside, the interval inside the scale."""
    interval = bounded_mean(len(values), sum(values), sum(value * value for value in values))
    mean = sum(values) / len(values)
    assert interval is not None
    assert -1e-9 <= interval.low <= mean + 1e-9
    assert mean - 1e-9 <= interval.high <= 100 + 1e-9


def test_more_equal_ratings_are_more_certain() -> None:
    """One rating proves little, a hundred equal ones a lot."""
    widths = []
    for n in (1, 3, 10, 100):
        interval = bounded_mean(n, 75.0 * n, 5625.0 * n)
        assert interval is not None
        widths.append(interval.high - interval.low)
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 50
    assert widths[-1] < 5


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param(Interval(0, 1), Interval(2, 3), False, id="apart"),
        pytest.param(Interval(0, 2), Interval(2, 3), True, id="touching"),
        pytest.param(Interval(0, 9), Interval(4, 5), True, id="inside"),
        pytest.param(Interval(1, 1), Interval(1, 1), True, id="same point"),
    ],
)
def test_overlap_is_symmetric(one: Interval, other: Interval, expected: bool) -> None:
    """Sharing a point is mutual."""
    assert one.overlaps(other) is expected
    assert other.overlaps(one) is expected
