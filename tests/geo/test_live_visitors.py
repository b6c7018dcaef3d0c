"""Right now: a count and a few cities from the visitors by place."""

import pandas as pd
import pytest

from analytics.geo.live_visitors import RightNow, right_now


def locations(*rows: tuple[str, str, int]) -> pd.DataFrame:
    """City, country and visitors per place; without both it is the row of those without coordinates."""
    frame = pd.DataFrame(list(rows), columns=["city", "country_code", "visitors"])
    is_placed = (frame["city"] != "") | (frame["country_code"] != "")
    return frame.assign(latitude=is_placed.map({True: 1.0, False: float("nan")}))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param((), RightNow(0, ()), id="empty"),
        pytest.param((("Oslo", "NO", 1),), RightNow(1, (("Oslo", 1),)), id="single"),
        pytest.param((("", "", 2),), RightNow(2, (), unplaced=2), id="no place still counts"),
        pytest.param(
            (("Lima", "PE", 1), ("Oslo", "NO", 1), ("", "NO", 4), ("Oslo", "NO", 1), ("Bern", "CH", 1)),
            RightNow(8, (("Oslo", 2), ("Bern", 1), ("Lima", 1))),
            id="most first, then by name; two points of one city are one city",
        ),
        pytest.param(
            (("Paris", "FR", 2), ("Paris", "US", 3)),
            RightNow(5, (("Paris", 3), ("Paris", 2))),
            id="two cities of one name are two",
        ),
        pytest.param(
            (("Oslo", "NO", 40_000),), RightNow(40_000, (("Oslo", 40_000),)), id="exact however many"
        ),
        pytest.param(
            tuple((name, "NO", 1) for name in "abcdefgh"),
            RightNow(8, tuple((name, 1) for name in "abcdef")),
            id="six at most",
        ),
    ],
)
def test_right_now(rows: tuple[tuple[str, str, int], ...], expected: RightNow) -> None:
    """All visitors count; places are those of visitors with a known place."""
    assert right_now(locations(*rows)) == expected
