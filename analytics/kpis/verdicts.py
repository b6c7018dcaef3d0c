"""Verdicts: the only place that decides whether a change is significant. Pure.

If the previous period cannot be read completely, or one period has no value, there is no change but a reason. A change is
significant when its 95 % interval excludes zero, which is a test at 5 %: of twenty comparisons without a true change, one
is called significant. The change from zero is None. A change that is shown as zero is `unchanged`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from analytics.kpis import intervals
from analytics.kpis.intervals import FEWEST_PAIRS, ArrivalCount, Interval
from analytics.kpis.median_mix import Mixed
from analytics.scope.tiers import Comparability

Unit = Literal["relative", "pp", "points"]
Verdict = Literal["better", "worse", "within_noise", "unchanged", "not_comparable", "off"]
Direction = Literal["lower", "higher"]

SHOWN_DECIMALS: Final[dict[Unit, int]] = {"relative": 0, "pp": 1, "points": 1}
"""Decimals of a change on screen: whole percent, tenths of percentage points and of points."""

TWOFOLD: Final = 2.0
"""A change by this factor or more always comes with a note if it may be chance."""


@dataclass(frozen=True, slots=True)
class Delta:
    """The change against the previous period.

    Attributes:
        change: In `unit`; None when there is none to show (verdict `not_comparable` or `off`).
        unit: `relative` (−0.12 is 12 % less), `pp` (percentage points, −3.5) or `points` (of the index).
        verdict: `better` and `worse` are significant changes; `within_noise` is a change that may be chance; `unchanged`
            rounds to zero; `not_comparable` has a reason; `off`: the viewer switched comparison off.
        reason: Why the verdict is `within_noise` or `not_comparable`; None for the others.
        longest_comparable_days: The longest "last N days" that could be compared, if the limit is the reason; else None.
        low: Lower end of the change's 95 % interval, in `unit`; None with too few observations.
        high: Upper end; infinite when unbounded.
        is_twofold: True when the value at least doubled or halved, or one of the two is zero.
        basis: What is compared, if not the two values themselves, such as "per hour, 25 h against 24 h".
    """

    change: float | None
    unit: Unit
    verdict: Verdict
    reason: str | None = None
    longest_comparable_days: int | None = None
    low: float | None = None
    high: float | None = None
    is_twofold: bool = False
    basis: str | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A median, rate, score or count of one period.

    Attributes:
        value: None when there was nothing to measure.
        n: Number of observations.
        interval: 95 % interval, in the unit of the value; None with too few observations, and for an exact count.
        p90: 90th percentile, for medians; None otherwise, and below 10 values.
        mean: Mean, for medians; None otherwise.
        mix: The median by handler, for medians; None otherwise.
        n_parts: The counts that n is the sum of, each with its noun; empty if there is only one.
        neutral: Components without data, which count as the neutral 50.
        related: Other counts to show with the value, as (name, count).
    """

    value: float | None
    n: int
    interval: Interval | None
    p90: float | None = None
    mean: float | None = None
    mix: Mixed | None = None
    n_parts: tuple[tuple[int, str], ...] = ()
    neutral: tuple[str, ...] = ()
    related: tuple[tuple[str, int], ...] = ()


NOTHING_MEASURED = Estimate(None, 0, None)


def verdict_on(
    current: Estimate | ArrivalCount | None,
    previous: Estimate | ArrivalCount | None,
    comparability: Comparability,
    *,
    unit: Unit,
    direction: Direction,
    of: str,
    nothing: str | None = None,
) -> Delta:
    """Compute the change of one number and the verdict on it, or the reason why there is none.

    Args:
        current: The period shown; None when it could not be counted.
        previous: The previous period; None when it was not read.
        comparability: Whether the periods may be compared.
        unit: Unit of the change. Rates between 0 and 1 are compared in `pp`; counts are always `relative`, per hour.
        direction: The better direction.
        of: Noun of the observations, plural, such as `responses`.
        nothing: Text for a period without a value; None for "no" and `of`.

    >>> from analytics.scope.tiers import Comparable
    >>> comparability = Comparability(True, Comparable(True, None, 15))
    >>> minutes = Estimate(60.0, 300, Interval(55.0, 66.0)), Estimate(90.0, 280, Interval(80.0, 99.0))
    >>> delta = verdict_on(*minutes, comparability, unit="relative", direction="lower", of="responses")
    >>> delta.verdict, round(delta.change, 2), round(delta.low, 2), round(delta.high, 2)
    ('better', -0.33, -0.41, -0.22)
    >>> visitors = ArrivalCount(3, 24.0), ArrivalCount(1, 24.0)
    >>> verdict_on(*visitors, comparability, unit="relative", direction="higher", of="visitors").reason
    '3 against 1 visitors are too few to be sure of it'
    """
    if not comparability.is_compared:
        return Delta(None, unit, "off")
    if not comparability.comparable.is_ok:
        return Delta(
            None,
            unit,
            "not_comparable",
            comparability.comparable.reason,
            comparability.comparable.longest_days,
        )
    now, before = _value(current), _value(previous)
    if current is None or previous is None or now is None or before is None:
        side = "in this period" if now is None else "in the period before"
        return Delta(None, unit, "not_comparable", f"{nothing or f'no {of}'} {side}")
    if differing := _components_of_one_side(current, previous):
        return Delta(None, unit, "not_comparable", f"only one of the two periods has {differing}")
    return compared(current, previous, unit=unit, direction=direction, of=of)


def compared(
    current: Estimate | ArrivalCount,
    previous: Estimate | ArrivalCount,
    *,
    unit: Unit,
    direction: Direction,
    of: str,
) -> Delta:
    """Compute the change between two values and its verdict, for every KPI, total, row and component.

    Args:
        current: The period shown; it has a value.
        previous: The previous period; it has a value.
        unit: Unit of the change.
        direction: The better direction.
        of: Noun of the observations, plural.

    Raises:
        ValueError: A side has no value.
        TypeError: One side is a count and the other is not.
    """
    now, before = _value(current), _value(previous)
    if now is None or before is None:
        raise ValueError("Both sides of a comparison need a value.")
    if unit == "relative" and before <= 0:
        return Delta(None, unit, "not_comparable", "the period before is at zero")
    change = _change(unit, now, before)
    plausible = _plausible(unit, current, previous)
    is_better = (change < 0) == (direction == "lower")
    verdict: Verdict = "better" if is_better else "worse"
    reason = None
    if rounds_to_zero(change, unit):
        verdict = "unchanged"
    elif plausible is None or not plausible.excludes(0.0):
        verdict, reason = "within_noise", _doubt(current, previous, of)
    return Delta(
        change,
        unit,
        verdict,
        reason,
        low=None if plausible is None else plausible.low,
        high=None if plausible is None else plausible.high,
        is_twofold=now != before and max(now, before) >= TWOFOLD * min(now, before),
        basis=_basis(current, previous),
    )


def rounds_to_zero(change: float, unit: Unit) -> bool:
    """True when a change is shown as zero.

    >>> rounds_to_zero(0.004, "relative"), rounds_to_zero(-0.006, "relative"), rounds_to_zero(0.04, "pp")
    (True, False, True)
    """
    shown = abs(change) * (100 if unit == "relative" else 1)
    return float(f"{shown:.{SHOWN_DECIMALS[unit]}f}") == 0


def _components_of_one_side(current: Estimate | ArrivalCount, previous: Estimate | ArrivalCount) -> str:
    """The components that only one period has: the neutral 50 of the other period would cause a false change."""
    if isinstance(current, ArrivalCount) or isinstance(previous, ArrivalCount):
        return ""
    return ", ".join(sorted(set(current.neutral) ^ set(previous.neutral)))


def _value(side: Estimate | ArrivalCount | None) -> float | None:
    return side.rate if isinstance(side, ArrivalCount) else None if side is None else side.value


def _change(unit: Unit, now: float, before: float) -> float:
    if unit == "relative":
        return (now - before) / before
    return (now - before) * (100 if unit == "pp" else 1)


def _plausible(unit: Unit, now: Estimate | ArrivalCount, before: Estimate | ArrivalCount) -> Interval | None:
    if isinstance(now, ArrivalCount) and isinstance(before, ArrivalCount):
        return intervals.count_change(now, before)
    if isinstance(now, ArrivalCount) or isinstance(before, ArrivalCount):
        raise TypeError("A count is compared with a count.")
    if now.value is None or before.value is None or now.interval is None or before.interval is None:
        return None
    sides = now.value, now.interval, before.value, before.interval
    if unit == "relative":
        return intervals.relative_difference(*sides)
    plain, scale = intervals.difference(*sides), 100 if unit == "pp" else 1
    return Interval(plain.low * scale, plain.high * scale)


def _doubt(now: Estimate | ArrivalCount, before: Estimate | ArrivalCount, of: str) -> str:
    """Why a change may be chance."""
    if isinstance(now, ArrivalCount) and isinstance(before, ArrivalCount):
        chance = intervals.chance_change(now, before)
        if chance is not None and chance.excludes(0.0):
            if min(len(now.by_day), len(before.by_day)) >= FEWEST_PAIRS:
                return "single days changed too differently to tell"
            return f"days differ by themselves, which takes {FEWEST_PAIRS} days or more to tell"
    n, n_before = (side.value if isinstance(side, ArrivalCount) else side.n for side in (now, before))
    return f"{n:,} against {n_before:,} {of} are too few to be sure of it"


def _basis(now: Estimate | ArrivalCount, before: Estimate | ArrivalCount) -> str | None:
    if not isinstance(now, ArrivalCount) or not isinstance(before, ArrivalCount):
        return None
    if abs(now.hours - before.hours) * 3600 < 1:
        return None
    lengths = (f"{hours:,.1f}".removesuffix(".0") for hours in (now.hours, before.hours))
    return "per hour, {} h against {} h".format(*lengths)
