"""Intervals: known values, and what must hold for all."""

from itertools import product
from math import comb, sqrt

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analytics.kpis.intervals import (
    ArrivalCount,
    Interval,
    bounded_mean,
    chance_change,
    count_change,
    difference,
    relative_difference,
    wilson,
)
from analytics.kpis.verdicts import Estimate, compared


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


@given(st.lists(st.floats(0, 100), min_size=1, max_size=200))
def test_a_bounded_mean_lies_in_its_interval(values: list[float]) -> None:
    """The mean lies inside, the interval inside the scale."""
    interval = bounded_mean(len(values), sum(values), sum(value * value for value in values))
    mean = sum(values) / len(values)
    assert interval is not None
    assert -1e-9 <= interval.low <= mean + 1e-9
    assert mean - 1e-9 <= interval.high <= 100 + 1e-9


@pytest.mark.parametrize(
    ("n", "quantile"),
    [(2, 12.7062), (15, 2.1448), (16, 2.1314), (21, 2.0860), (101, 1.9840), (10**6, 1.9600)],
)
def test_a_bounded_mean_takes_its_spread_by_students_t(n: int, quantile: float) -> None:
    """Published quantiles with n − 1 degrees of freedom; the ends are cut to the scale."""
    interval = bounded_mean(n, 50.0 * n, 2500.0 * n)
    assert interval is not None
    half = quantile * 50 * sqrt(2) / (n + 2)
    assert interval.high - 50 == pytest.approx(min(50.0, half), rel=1e-3)


@pytest.mark.parametrize("happy", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 9, 15, 30])
def test_few_ratings_make_no_false_alarms(n: int, happy: float) -> None:
    """Of ratings that are the worst or the best, at most 7 % of two equal periods differ: each outcome by its chance."""
    chances = [comb(n, best) * happy**best * (1 - happy) ** (n - best) for best in range(n + 1)]
    means = [
        Estimate(100.0 * best / n, n, bounded_mean(n, 100.0 * best, 10_000.0 * best)) for best in range(n + 1)
    ]
    alarms = sum(
        chances[now] * chances[before]
        for now, before in product(range(n + 1), repeat=2)
        if compared(means[now], means[before], unit="points", direction="higher", of="ratings").verdict
        in {"better", "worse"}
    )
    assert alarms <= 0.07


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


def test_the_difference_of_two_rates_is_newcombes_interval() -> None:
    """56 of 70 against 48 of 80: the published example of Newcombe (1998), method 10."""
    one, other = wilson(56, 70), wilson(48, 80)
    assert one is not None
    assert other is not None
    interval = difference(56 / 70, one, 48 / 80, other)
    assert (interval.low, interval.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


@given(st.floats(0.01, 1e6), st.floats(1, 3), st.floats(0.01, 1e6), st.floats(1, 3))
def test_a_relative_change_is_the_same_in_any_unit(
    now: float, now_factor: float, before: float, before_factor: float
) -> None:
    """Seconds or minutes: the interval encloses the change and does not depend on the unit."""
    found = [
        relative_difference(
            now * unit,
            Interval(now * unit / now_factor, now * unit * now_factor),
            before * unit,
            Interval(before * unit / before_factor, before * unit * before_factor),
        )
        for unit in (1, 60)
    ]
    change = now / before - 1
    assert found[0].low <= change + 1e-9 * (1 + change)
    assert change - 1e-9 * (1 + change) <= found[0].high
    assert (found[0].low, found[0].high) == pytest.approx((found[1].low, found[1].high), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("now", "ends", "low", "high"),
    [
        pytest.param(0.0, (0.0, 0.0), -1.0, -0.8, id="all zero now"),
        pytest.param(5.0, (0.0, 9.0), -1.0, 0.0, id="an end at zero"),
        pytest.param(2.0**-149, (0.0, 2.0**-149), -1.0, -0.8, id="smallest Float32"),
        pytest.param(3.4e38, (3e38, 3.4e38), 2e37, 5e37, id="largest Float32"),
    ],
)
def test_a_duration_of_zero_breaks_no_interval(
    now: float, ends: tuple[float, float], low: float, high: float
) -> None:
    """Zero has no logarithm: the plain difference is taken, and nothing is below −100 %."""
    interval = relative_difference(now, Interval(*ends), 10.0, Interval(8.0, 12.0))
    assert low <= interval.low <= interval.high <= high


WEEK = 168.0
DAYS = (100, 110, 90, 105, 95, 102, 98)


def test_the_spread_of_the_days_decides_from_five_pairs_on() -> None:
    """The same totals: days that all rise by a tenth prove it, days that rise and fall do not."""
    before = ArrivalCount(700, WEEK, DAYS)
    steady = count_change(
        ArrivalCount(7700, WEEK, tuple(11 * day for day in DAYS)),
        ArrivalCount(7000, WEEK, tuple(10 * day for day in DAYS)),
    )
    wild = count_change(
        ArrivalCount(7700, WEEK, (2000, 300, 1900, 400, 1800, 700, 600)),
        ArrivalCount(7000, WEEK, tuple(10 * day for day in DAYS)),
    )
    assert steady is not None
    assert wild is not None
    assert steady.excludes(0.0)
    assert not wild.excludes(0.0)
    assert count_change(before, before) is not None


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=5, max_size=15),
    st.floats(1, 400),
)
@example([(100, 100)] * 7, WEEK)
@example([(3, 6), (1, 2), (2, 4), (5, 10), (4, 8)], 120.0)
def test_days_never_make_a_count_more_certain_than_independent_arrivals(
    days: list[tuple[int, int]], hours: float
) -> None:
    """Whatever the days are, also all equal or all zero, the interval holds that of independent arrivals."""
    now, before = (tuple(day[side] for day in days) for side in (0, 1))
    sides = ArrivalCount(sum(now), hours, now), ArrivalCount(sum(before), hours, before)
    chance, found = chance_change(*sides), count_change(*sides)
    if chance is None or found is None:
        assert chance is found is None
        assert sum(before) == 0
        return
    assert found.low <= chance.low + 1e-9
    assert found.high >= chance.high - 1e-9
    if sum(now):
        assert found.low <= sum(now) / sum(before) - 1 <= found.high


def test_an_unfinished_day_weighs_as_little_as_it_holds() -> None:
    """Nothing against three in the first minutes of the last day leaves the interval as it is."""
    full = count_change(ArrivalCount(700, WEEK, DAYS), ArrivalCount(690, WEEK, tuple(reversed(DAYS))))
    begun = count_change(ArrivalCount(700, WEEK, (*DAYS, 0)), ArrivalCount(693, WEEK, (*reversed(DAYS), 3)))
    assert full is not None
    assert begun is not None
    assert (begun.low, begun.high) == pytest.approx((full.low, full.high), abs=0.01)


def test_few_days_are_taken_to_differ_by_themselves() -> None:
    """A million against 900,000 in one day may be two ordinary days; twice as many may not."""
    day = ArrivalCount(900_000, 24.0)
    tenth, double = (
        count_change(ArrivalCount(1_000_000, 24.0), day),
        count_change(ArrivalCount(1_800_000, 24.0), day),
    )
    assert tenth is not None
    assert double is not None
    assert not tenth.excludes(0.0)
    assert double.excludes(0.0)


def test_a_longer_span_is_no_growth() -> None:
    """350 in 3.5 hours and 250 in 2.5 hours are as many an hour."""
    found = count_change(ArrivalCount(350, 3.5), ArrivalCount(250, 2.5))
    assert found is not None
    assert not found.excludes(0.0)
    assert -found.low / (1 + found.low) == pytest.approx(found.high, abs=0.03)


def test_page_views_are_no_more_certain_than_their_visitors() -> None:
    """1,200 page views of 12 visitors are as uncertain as the 12."""
    views = chance_change(ArrivalCount(1200, WEEK, visitors=12), ArrivalCount(1000, WEEK, visitors=10))
    visitors = chance_change(ArrivalCount(12, WEEK), ArrivalCount(10, WEEK))
    assert views == visitors
