"""What a URL can select, and what the pipes are asked for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.kpis.satisfaction.index import RESPONSE_BANDS
from analytics.scope.selection import (
    BAND_COUNT,
    BAND_SECONDS,
    HourOfWeek,
    Selection,
    Times,
)


def test_bands_are_those_of_the_index() -> None:
    """One more band than the index has scores above its lowest."""
    assert [longest for longest, _ in RESPONSE_BANDS] == list(BAND_SECONDS)
    assert BAND_COUNT == 6


@pytest.mark.parametrize("text", ["band:0", "band:5", "within:1", "within:99999999", "longer:900"])
def test_all_times_come_back_from_their_text(text: str) -> None:
    """The URL names each band, and each limit, once."""
    assert str(Times.parse(text)) == text


@given(st.integers(1, 7), st.integers(0, 23))
def test_every_hour_of_the_week_comes_back_from_its_text(weekday: int, hour: int) -> None:
    """168 cells, one text each."""
    assert HourOfWeek.parse(str(HourOfWeek(weekday, hour))) == HourOfWeek(weekday, hour)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "band",
        "band:6",
        "rating:1",
        "band:٣",
        "band:0\n",
        "within:0",
        "longer:-1",
        "longer:1e9",
        "within:100000000",
    ],
)
def test_what_are_no_times_is_refused(text: str) -> None:
    """Out of range, other words, digits of other scripts."""
    with pytest.raises(ValueError, match="Use band:0 to band:5"):
        Times.parse(text)


@pytest.mark.parametrize("text", ["", "0-1", "8-1", "1-24", "1-", "-1", "1-01", "1-2-3", "٣-1"])
def test_what_is_no_hour_is_refused(text: str) -> None:
    """Eighth days, 25th hours, zeros in front."""
    with pytest.raises(ValueError, match="from 1-0 to 7-23"):
        HourOfWeek.parse(text)


def test_nothing_selected_asks_for_nothing() -> None:
    """Only what is chosen becomes a parameter, each of the two times under its own name."""
    assert Selection().params() == {}
    assert Selection().is_everything
    assert Selection(resolution=Times("band", 5)).params() == {"resolution_band": 5}
    assert Selection(hour_of_week=HourOfWeek(7, 0)).params() == {"weekday": 7, "hour": 0}
    assert not Selection(is_escalated=True).is_everything
