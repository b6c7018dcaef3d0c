"""Computes 95 % intervals of values, and of the change between two values. Pure arithmetic on counts and sums.

The interval of a change is built from the intervals of the two values by MOVER (method of variance estimates recovery):
the distances to the opposite ends are added as independent errors. For two Wilson intervals the result is Newcombe's score
interval. A change is significant when its interval excludes zero, which is a test at 5 %; `analytics.kpis.verdicts` alone
decides what that means for a KPI.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, hypot, inf, log, sqrt
from typing import Final

Z_95: Final = 1.959963984540054
"""Two-sided 95 % point of the normal distribution."""

T_95: Final = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604, 2.1448
)  # fmt: skip
"""Two-sided 95 % points of Student's t with 1 to 14 degrees of freedom, for 2 to 15 values or pairs of days."""

FEWEST_PAIRS: Final = 5
"""Fewest pairs of days whose spread is used as the natural variation of counts."""

ASSUMED_DAY_SPREAD: Final = 0.15
"""Assumed standard deviation between days, relative to their size, below `FEWEST_PAIRS`. For a website whose days differ
less, the interval of a short period is too wide, never too narrow."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval, both ends inclusive, in the unit of its value.

    Attributes:
        low: Lower end.
        high: Upper end, never below `low`.
    """

    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """True when the value lies outside; the ends are inside.

        >>> Interval(-58.0, 6.0).excludes(0.0), Interval(0.0, 6.0).excludes(0.0), Interval(0.1, 6.0).excludes(0.0)
        (False, False, True)
        """
        return not self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class ArrivalCount:
    """A count of arrivals (visitors, sessions, page views), with the data to estimate its natural variation.

    Attributes:
        value: The count.
        hours: Length of the period, above 0.
        by_day: The count for each local day of the period, in order; empty when not known.
        visitors: Number of different visitors, when sessions or page views are counted: those of one visitor are not
            independent. None when visitors are counted.
    """

    value: int
    hours: float
    by_day: tuple[int, ...] = ()
    visitors: int | None = None

    @property
    def rate(self) -> float:
        """Arrivals per hour."""
        return self.value / self.hours

    @property
    def independent(self) -> int:
        """Number of independent arrivals."""
        return min(self.visitors or self.value, self.value)


def wilson(successes: int, n: int) -> Interval | None:
    """The Wilson score interval of a rate, 0..1; None when nothing was counted.

    `(p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n)`

    Raises:
        ValueError: More successes than trials, or a negative count.

    >>> interval = wilson(30, 100)
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.2189, 0.3958)
    >>> wilson(0, 0) is None
    True
    """
    if not 0 <= successes <= n:
        raise ValueError("A rate needs 0 <= successes <= n.")
    if n == 0:
        return None
    rate = successes / n
    z2 = Z_95**2
    middle = rate + z2 / (2 * n)
    spread = Z_95 * sqrt(rate * (1 - rate) / n + z2 / (4 * n * n))
    scale = 1 + z2 / n
    # Keeps the rate itself inside, which floating-point rounding might leave out.
    low, high = min(rate, (middle - spread) / scale), max(rate, (middle + spread) / scale)
    return Interval(max(0.0, low), min(1.0, high))


def bounded_mean(n: int, total: float, total_of_squares: float) -> Interval | None:
    """The interval of a mean of values between 0 and 100; None without values.

    The spread is estimated as if there were one more value at each end of the scale, so that equal ratings do not give an
    interval of zero width. Student's t widens the interval of few values; that of a single value is the whole scale. The
    ends are cut to the scale.

    >>> bounded_mean(0, 0.0, 0.0) is None
    True
    >>> interval = bounded_mean(3, 300.0, 30_000.0)
    >>> round(interval.low, 1), interval.high
    (23.0, 100.0)
    """
    if n == 0:
        return None
    padded = n + 2
    padded_mean = (total + 100.0) / padded
    variance = max(0.0, (total_of_squares + 10_000.0) / padded - padded_mean**2)
    half = _t_95(n - 1) * sqrt(variance / padded)
    mean = total / n
    return Interval(max(0.0, mean - half), min(100.0, mean + half))


def difference(now: float, now_interval: Interval, before: float, before_interval: Interval) -> Interval:
    """The interval of `now - before`, by MOVER.

    >>> interval = difference(10.0, Interval(7.0, 14.0), 12.0, Interval(8.0, 16.0))
    >>> interval.low, round(interval.high, 2)
    (-7.0, 3.66)
    """
    change = now - before
    below = hypot(now - now_interval.low, before_interval.high - before)
    above = hypot(now_interval.high - now, before - before_interval.low)
    return Interval(change - below, change + above)


def relative_difference(
    now: float, now_interval: Interval, before: float, before_interval: Interval
) -> Interval:
    """The interval of the relative change `(now - before) / before`, by MOVER on the logarithms.

    Zero has no logarithm: if a value or an end is 0, the interval of the plain difference is divided by `before`,
    which is above 0.

    >>> interval = relative_difference(50.0, Interval(40.0, 60.0), 100.0, Interval(80.0, 125.0))
    >>> round(interval.low, 2), round(interval.high, 2)
    (-0.64, -0.33)
    >>> relative_difference(0.0, Interval(0.0, 3.0), 4.0, Interval(4.0, 4.0))
    Interval(low=-1.0, high=-0.25)
    """
    values = (now, now_interval.low, now_interval.high, before, before_interval.low, before_interval.high)
    if min(values) <= 0:
        plain = difference(now, now_interval, before, before_interval)
        return Interval(max(-1.0, plain.low / before), plain.high / before)
    logs = difference(
        log(now),
        Interval(log(now_interval.low), log(now_interval.high)),
        log(before),
        Interval(log(before_interval.low), log(before_interval.high)),
    )
    return Interval(_ratio(logs.low) - 1, _ratio(logs.high) - 1)


def count_change(now: ArrivalCount, before: ArrivalCount) -> Interval | None:
    """The interval of the relative change of a count per hour; None from zero, where a relative change is not defined.

    With `FEWEST_PAIRS` pairs of days or more, the interval comes from the spread of the day-by-day changes, by Student's t,
    because days differ by more than independent arrivals would. Days are weighted by size, so that an unfinished day
    counts little. With fewer pairs, the spread is assumed to be `ASSUMED_DAY_SPREAD`. The interval is never narrower
    than that of independent arrivals.

    Args:
        now: The period shown.
        before: The previous period; its days are paired with those of `now` in order, as far as both have them.

    >>> week = ArrivalCount(700, 168.0, (100, 110, 90, 105, 95, 102, 98))
    >>> interval = count_change(ArrivalCount(900, 168.0, (130, 140, 115, 135, 120, 132, 128)), week)
    >>> round(interval.low, 2), round(interval.high, 2)
    (0.16, 0.42)
    >>> count_change(week, ArrivalCount(0, 168.0)) is None
    True
    """
    chance = chance_change(now, before)
    if chance is None or not now.value:
        return chance
    change = log(now.rate / before.rate)
    below, above = change - _log(chance.low + 1), _log(chance.high + 1) - change
    spread = _spread_of_days(now, before)
    if spread is None:
        assumed = Z_95 * ASSUMED_DAY_SPREAD * sqrt(2 / max(1.0, min(now.hours, before.hours) / 24))
        below, above = hypot(below, assumed), hypot(above, assumed)
    else:
        below, above = max(below, spread), max(above, spread)
    return Interval(_ratio(change - below) - 1, _ratio(change + above) - 1)


def chance_change(now: ArrivalCount, before: ArrivalCount) -> Interval | None:
    """The interval of the relative change of a count per hour if all arrivals were independent; None from zero.

    For two Poisson counts, the share of one count in the sum has a Wilson interval, which gives the interval of the ratio.

    >>> interval = chance_change(ArrivalCount(3, 24.0), ArrivalCount(1, 24.0))
    >>> round(interval.low, 2), round(interval.high, 1)
    (-0.57, 19.9)
    >>> chance_change(ArrivalCount(0, 24.0), ArrivalCount(9, 24.0)).low
    -1.0
    """
    share = wilson(now.independent, now.independent + before.independent)
    if share is None or not before.value:
        return None
    bundle = now.value / now.independent / (before.value / before.independent) if now.value else 1.0
    scale = bundle * before.hours / now.hours
    ends = (end / (1 - end) if end < 1 else inf for end in (share.low, share.high))
    low, high = (end * scale - 1 for end in ends)
    return Interval(low, high)


def _spread_of_days(now: ArrivalCount, before: ArrivalCount) -> float | None:
    """Half the width of the interval of the log ratio, from the changes of single days; None below `FEWEST_PAIRS`."""
    pairs = tuple(zip(now.by_day, before.by_day, strict=False))
    sizes = sum(one for one, _ in pairs), sum(other for _, other in pairs)
    if len(pairs) < FEWEST_PAIRS or not all(sizes):
        return None
    shares = [(one / sizes[0], other / sizes[1]) for one, other in pairs]
    residuals = sum((one - other) ** 2 for one, other in shares)
    weights = sum(((one + other) / 2) ** 2 for one, other in shares)
    return _t_95(1 / weights - 1) * sqrt(len(pairs) / (len(pairs) - 1) * residuals)


def _t_95(freedom: float) -> float:
    """Student's 95 % point, interpolated in the reciprocal of the degrees of freedom; fewer than 1 count as 1.

    Beyond the table: the normal distribution's point with the first two terms of the Cornish-Fisher expansion.
    """
    if freedom > len(T_95):
        once, twice = (Z_95**3 + Z_95) / 4, (5 * Z_95**5 + 16 * Z_95**3 + 3 * Z_95) / 96
        return Z_95 + once / freedom + twice / freedom**2
    freedom = max(freedom, 1.0)
    lower = min(int(freedom), len(T_95) - 1)
    part = (1 / lower - 1 / freedom) / (1 / lower - 1 / (lower + 1))
    return T_95[lower - 1] + part * (T_95[lower] - T_95[lower - 1])


def _log(ratio: float) -> float:
    """`log`; minus infinity at 0."""
    return log(ratio) if ratio > 0 else -inf


def _ratio(logarithm: float) -> float:
    """`exp`; infinite instead of an overflow."""
    return exp(logarithm) if logarithm < 700 else inf
