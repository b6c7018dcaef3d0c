"""The verdict on a change: every way it can end, and that the change, its range and its words agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.kpis.intervals import ArrivalCount, Interval, wilson
from analytics.kpis.verdicts import Delta, Estimate, Unit, compared, rounds_to_zero, verdict_on
from analytics.scope.tiers import Comparability, Comparable

OPEN = Comparability(is_compared=True, comparable=Comparable(True, None, 45))
SHUT = Comparability(is_compared=True, comparable=Comparable(False, "data reaches back 21 days", 10))
OFF = Comparability(is_compared=False, comparable=Comparable(True, None, 45))


def rate(successes: int, n: int) -> Estimate:
    """A rate with its Wilson interval."""
    return Estimate(successes / n, n, wilson(successes, n))


def of_rates(now: Estimate | None, before: Estimate | None, comparability: Comparability = OPEN) -> Delta:
    """Two rates compared; more is better."""
    return verdict_on(now, before, comparability, unit="pp", direction="higher", of="resolved conversations")


def test_overlapping_intervals_may_still_differ() -> None:
    """57.4 % of 687 against 50.9 % of 603: the intervals overlap, a two-sample test gives p = 0.02."""
    now, before = rate(394, 687), rate(307, 603)
    assert now.interval is not None
    assert before.interval is not None
    assert now.interval.low < before.interval.high
    delta = of_rates(now, before)
    assert delta.verdict == "better"
    assert (delta.low, delta.high) == pytest.approx((0.99, 11.85), abs=0.05)


@pytest.mark.parametrize(
    ("now", "before", "comparability", "verdict", "reason"),
    [
        pytest.param(rate(5, 10), rate(5, 10), OFF, "off", None, id="off"),
        pytest.param(
            rate(5, 10), rate(5, 10), SHUT, "not_comparable", "data reaches back 21 days", id="limit"
        ),
        pytest.param(
            None, rate(5, 10), OPEN, "not_comparable", "no resolved conversations in this period", id="now"
        ),
        pytest.param(
            rate(5, 10),
            Estimate(None, 0, None),
            OPEN,
            "not_comparable",
            "no resolved conversations in the period before",
            id="before",
        ),
        pytest.param(rate(5, 10), rate(50, 100), OPEN, "unchanged", None, id="unchanged"),
        pytest.param(
            rate(3, 10),
            rate(2, 10),
            OPEN,
            "within_noise",
            "10 against 10 resolved conversations are too few to be sure of it",
            id="few",
        ),
        pytest.param(
            Estimate(0.9, 3, None),
            rate(100, 1000),
            OPEN,
            "within_noise",
            "3 against 1,000 resolved conversations are too few to be sure of it",
            id="no interval",
        ),
        pytest.param(rate(900, 1000), rate(100, 1000), OPEN, "better", None, id="better"),
    ],
)
def test_every_verdict_has_its_reason(
    now: Estimate | None,
    before: Estimate | None,
    comparability: Comparability,
    verdict: str,
    reason: str | None,
) -> None:
    """A change that is not plainly real says why."""
    delta = of_rates(now, before, comparability)
    assert (delta.verdict, delta.reason) == (verdict, reason)


@pytest.mark.parametrize(
    ("change", "unit", "is_zero"),
    [
        (0.0049, "relative", True),
        (-0.0051, "relative", False),
        (0.049, "pp", True),
        (-0.051, "points", False),
    ],
)
def test_a_change_that_is_shown_as_zero_is_none(change: float, unit: Unit, is_zero: bool) -> None:
    """However sure it is: no colour on "0 %"."""
    assert rounds_to_zero(change, unit) is is_zero
    exact = (Estimate(value, 10**9, Interval(value, value)) for value in (50 + change, 50.0))
    verdict = compared(*exact, unit="points", direction="higher", of="ratings").verdict
    assert verdict == ("unchanged" if rounds_to_zero(change, "points") else verdict)
    millions = compared(
        ArrivalCount(100_400_000, 168.0, (14_342_858,) * 7),
        ArrivalCount(100_000_000, 168.0, (14_285_714,) * 7),
        unit="relative",
        direction="higher",
        of="visitors",
    )
    assert millions.verdict == "unchanged"


@pytest.mark.parametrize(
    ("now", "before", "reason"),
    [
        pytest.param(
            ArrivalCount(3, 24.0),
            ArrivalCount(1, 24.0),
            "3 against 1 visitors are too few to be sure of it",
            id="few",
        ),
        pytest.param(
            ArrivalCount(0, 24.0),
            ArrivalCount(2, 24.0),
            "0 against 2 visitors are too few to be sure of it",
            id="to zero",
        ),
        pytest.param(
            ArrivalCount(7000, 168.0, (6000, 100, 100, 200, 200, 200, 200)),
            ArrivalCount(3400, 168.0, (200, 1000, 900, 500, 400, 300, 100)),
            "single days changed too differently to tell",
            id="days",
        ),
    ],
)
def test_a_doubled_count_that_may_be_chance_says_why(
    now: ArrivalCount, before: ArrivalCount, reason: str
) -> None:
    """Never just grey."""
    delta = verdict_on(now, before, OPEN, unit="relative", direction="higher", of="visitors")
    assert (delta.verdict, delta.is_twofold, delta.reason) == ("within_noise", True, reason)


def test_few_days_say_that_they_are_few() -> None:
    """A fifth more of many visitors on a single day is no chance, and still no verdict."""
    delta = verdict_on(
        ArrivalCount(12_000, 24.0),
        ArrivalCount(10_000, 24.0),
        OPEN,
        unit="relative",
        direction="higher",
        of="visitors",
    )
    assert delta.verdict == "within_noise"
    assert delta.reason == "days differ by themselves, which takes 5 days or more to tell"


COUNTS = st.builds(
    lambda days, hours: ArrivalCount(sum(days), hours, tuple(days)),
    st.lists(st.integers(0, 10_000), min_size=0, max_size=15),
    st.floats(0.1, 400),
)
MEASURED = st.builds(
    lambda value, below, above, n: Estimate(value, n, Interval(max(0.0, value - below), value + above)),
    st.one_of(st.just(0.0), st.floats(1e-3, 1e7)),
    st.floats(0, 1e6),
    st.floats(0, 1e6),
    st.integers(6, 10**6),
)


@given(
    st.one_of(st.tuples(COUNTS, COUNTS), st.tuples(MEASURED, MEASURED)), st.sampled_from(["lower", "higher"])
)
def test_change_range_and_verdict_agree(
    sides: tuple[ArrivalCount, ArrivalCount] | tuple[Estimate, Estimate], direction: str
) -> None:
    """The change lies in its range; a real one has both ends on its own side of zero; the sides may be swapped."""
    delta = compared(*sides, unit="relative", direction="lower" if direction == "lower" else "higher", of="x")
    if delta.change is None:
        assert delta.verdict == "not_comparable"
        return
    assert delta.low is not None
    assert delta.high is not None
    slack = 1e-9 * (1 + abs(delta.change))
    assert delta.low <= delta.change + slack
    assert delta.change <= delta.high + slack
    if delta.verdict in {"better", "worse"}:
        assert delta.low > 0 or delta.high < 0
        assert (delta.change < 0) == (delta.verdict == ("better" if direction == "lower" else "worse"))
        other = compared(sides[1], sides[0], unit="relative", direction="higher", of="x")
        assert other.verdict != "within_noise"


def test_a_side_without_a_value_is_no_comparison() -> None:
    """It is a fault of the caller: `verdict_on` gives the reason instead."""
    with pytest.raises(ValueError, match="need a value"):
        compared(Estimate(None, 0, None), rate(1, 2), unit="pp", direction="higher", of="x")


def test_a_count_is_compared_with_a_count_alone() -> None:
    """A count against a measured value is a mistake in code, not a verdict."""
    with pytest.raises(TypeError, match="compared with a count"):
        compared(
            ArrivalCount(30, 24.0),
            Estimate(1.0, 30, Interval(0.5, 1.5)),
            unit="relative",
            direction="higher",
            of="visitors",
        )
