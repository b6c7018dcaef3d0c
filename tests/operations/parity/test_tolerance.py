"""Two values of a KPI: equal, within tolerance, or not; without a source."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.operations.parity.tolerance import (
    QUANTITIES,
    Cause,
    Compared,
    Quantity,
    Unit,
    Verdict,
    causes,
    is_within,
    verdict,
)

finite = st.floats(min_value=0, max_value=1e9, allow_nan=False)


@pytest.mark.parametrize(
    ("unit", "tinybird", "postgres", "expected"),
    [
        ("count", 0.0, 0.0, "equal"),
        ("count", 0.0, 1.0, "differs"),
        ("count", 99.0, 100.0, "within"),
        ("count", 101.0, 100.0, "within"),
        ("count", 102.0, 100.0, "differs"),
        ("seconds", 100.00001, 100.0, "equal"),
        ("seconds", 100.5, 100.0, "within"),
        ("seconds", 0.0, 0.0, "equal"),
        ("ratio", 0.50, 0.51, "within"),
        ("ratio", 0.50, 0.52, "differs"),
        ("points", 81.0, 82.0, "within"),
        ("points", 81.0, 82.1, "differs"),
        ("seconds", None, None, "equal"),
        ("seconds", None, 1.0, "differs"),
        ("seconds", 1.0, None, "differs"),
    ],
)
def test_the_unit_decides_how_far_apart_is_too_far(
    unit: Unit, tinybird: float | None, postgres: float | None, expected: Verdict
) -> None:
    """Counts and seconds relative to the larger, rates and points by their difference, at 1 %."""
    assert verdict(Quantity("x", unit), tinybird, postgres, 0.01) == expected


@given(one=finite, other=finite, tolerance=st.floats(0, 1))
def test_the_sides_can_be_swapped(one: float, other: float, tolerance: float) -> None:
    """No side is the right one."""
    kpi = Quantity("x", "count")
    assert verdict(kpi, one, other, tolerance) == verdict(kpi, other, one, tolerance)
    assert verdict(kpi, one, one, tolerance) == "equal"


def test_one_number_outside_is_enough() -> None:
    """A number that cannot be compared is neither within nor outside."""
    kpi = Quantity("x", "count")
    fine = [Compared(kpi, 1, 1, "equal"), Compared(kpi, 1, 1, "within"), Compared(kpi, 1, None, "one-sided")]
    assert is_within(fine)
    assert not is_within([*fine, Compared(kpi, 1, 2, "differs")])
    assert [each.difference for each in fine] == [0, 0, None]


def test_causes_are_ordered_by_how_often_they_were_found() -> None:
    """With three ids at most, and none without an id."""
    found = causes({"a": ["c1"], "b": ["c1", "c2", "c3", "c4"], "c": [], "aa": ["c9"]})
    assert found == (Cause("b", 4, ("c1", "c2", "c3")), Cause("a", 1, ("c1",)), Cause("aa", 1, ("c9",)))


def test_every_kpi_has_a_name_of_its_own() -> None:
    """A table with two rows of one name could not be read."""
    names = [each.name for each in QUANTITIES]
    assert len(set(names)) == len(names)
