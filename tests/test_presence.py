"""Right now: a count and a few cities from the list of visitors."""

import pandas as pd
import pytest

from analytics.presence import RightNow, right_now


def visitors(*cities: str) -> pd.DataFrame:
    """One visitor per city; an empty one has no place."""
    return pd.DataFrame({"city": pd.Series(cities, dtype="str")})


@pytest.mark.parametrize(
    ("cities", "expected"),
    [
        pytest.param((), RightNow(0, False, ()), id="empty"),
        pytest.param(("Oslo",), RightNow(1, False, (("Oslo", 1),)), id="single"),
        pytest.param(("", ""), RightNow(2, False, ()), id="no place still counts"),
        pytest.param(
            ("Lima", "Oslo", "", "Oslo", "Bern", "Rome"),
            RightNow(6, False, (("Oslo", 2), ("Bern", 1), ("Lima", 1))),
            id="most first, then by name, three at most",
        ),
        pytest.param(("Oslo",) * 10, RightNow(10, True, (("Oslo", 10),)), id="the list was full"),
    ],
)
def test_right_now(cities: tuple[str, ...], expected: RightNow) -> None:
    """Everybody counts; places are those of visitors who have one."""
    assert right_now(visitors(*cities), limit=10) == expected
