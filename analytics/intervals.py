"""95 % intervals: what separates a change from noise. Pure arithmetic on counts and sums.

One rule for every KPI: each side of a comparison has an interval; when the two intervals share a point, the
difference is within noise. This is stricter than a two-sample test, on purpose: a chip that turns green has to
mean something.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final

Z_95: Final = 1.959963984540054
"""Two-sided 95 % point of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Both ends inclusive, in the unit of what it bounds.

    Attributes:
        low: Lower end.
        high: Upper end, never below `low`.
    """

    low: float
    high: float

    def overlaps(self, other: Interval) -> bool:
        """True when the two share at least one point; touching counts.

        >>> Interval(10, 20).overlaps(Interval(20, 30)), Interval(10, 20).overlaps(Interval(21, 30))
        (True, False)
        """
        return self.low <= other.high and other.low <= self.high


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
    # The rate itself stays inside when rounding would leave it out by a hair.
    low, high = min(rate, (middle - spread) / scale), max(rate, (middle + spread) / scale)
    return Interval(max(0.0, low), min(1.0, high))


def poisson(count: int) -> Interval:
    """The score interval of a count of independent arrivals.

    `count + z²/2 ± z √(count + z²/4)`; zero arrivals give 0 to 3.84.

    Raises:
        ValueError: The count is negative.

    >>> interval = poisson(100)
    >>> round(interval.low, 1), round(interval.high, 1)
    (82.2, 121.6)
    """
    if count < 0:
        raise ValueError("A count is not negative.")
    z2 = Z_95**2
    spread = Z_95 * sqrt(count + z2 / 4)
    return Interval(max(0.0, count + z2 / 2 - spread), count + z2 / 2 + spread)


def bounded_mean(n: int, total: float, total_of_squares: float) -> Interval | None:
    """The interval of a mean of values between 0 and 100; None without values.

    The spread is estimated as if one more value lay at either end of the scale, so that three equal ratings do not
    pass for certainty. The ends are cut to the scale.

    Args:
        n: How many values.
        total: Their sum.
        total_of_squares: The sum of their squares.

    >>> bounded_mean(0, 0.0, 0.0) is None
    True
    >>> interval = bounded_mean(3, 300.0, 30_000.0)
    >>> round(interval.low, 1), interval.high
    (64.9, 100.0)
    """
    if n == 0:
        return None
    padded = n + 2
    padded_mean = (total + 100.0) / padded
    variance = max(0.0, (total_of_squares + 10_000.0) / padded - padded_mean**2)
    half = Z_95 * sqrt(variance / padded)
    mean = total / n
    return Interval(max(0.0, mean - half), min(100.0, mean + half))
