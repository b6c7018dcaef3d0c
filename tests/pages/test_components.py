"""The shared parts of pages that need neither Streamlit nor a source."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import sun
from pages.components import charts, formatting


@given(st.text())
def test_untrusted_text_keeps_its_letters_and_gains_no_meaning(text: str) -> None:
    """Taking the escapes away again gives what `plain` gives: nothing is lost, nothing is left unescaped."""
    shown = formatting.markdown(text, limit=10_000)
    special = set("\\`*_{}[]()#+-.!|~$:<>&^=")
    position = 0
    letters = []
    while position < len(shown):
        if shown[position] == "\\":
            position += 1
        else:
            assert shown[position] not in special
        letters.append(shown[position])
        position += 1
    assert "".join(letters).replace("\u2060", "") == formatting.plain(text, limit=10_000).replace(
        "\u2060", ""
    )


@pytest.mark.parametrize(
    "text", ["https://evil.example", "www.evil.example", "me@evil.example", "HTTP://EVIL.example"]
)
def test_bare_addresses_do_not_become_links(text: str) -> None:
    """What Markdown would link by itself is broken by a character that does not show."""
    assert "\u2060" in formatting.markdown(text)


@given(st.floats(min_value=0, max_value=1e9))
def test_every_duration_has_at_most_two_units(seconds: float) -> None:
    """Durations stay readable at any size."""
    assert len(formatting.duration(seconds).split()) in {2, 4}


@given(st.floats(min_value=0.5, max_value=8e6))
def test_duration_axis_has_few_round_ticks_from_zero(highest: float) -> None:
    """At most six ticks, the first at zero, none above the values."""
    ticks = charts.duration_ticks(highest)
    assert ticks[0] == 0
    assert len(ticks) <= 6
    assert ticks[-1] <= highest


def test_the_hour_that_a_clock_change_repeats_has_a_label_of_its_own() -> None:
    """25 hours on the day that summer time ends in London are 25 labels."""
    hours = pd.Series(pd.date_range("2026-10-25", periods=25, freq="h", tz="Europe/London"))
    labels = charts.bucket_labels(hours, "hour")
    assert len(set(labels)) == 25


@pytest.mark.parametrize(
    ("now", "latitude", "longitude", "is_dark"),
    [
        pytest.param(datetime(2026, 6, 21, 12, tzinfo=UTC), 51.5, 0.0, False, id="London at noon"),
        pytest.param(datetime(2026, 6, 21, 0, tzinfo=UTC), 51.5, 0.0, True, id="London at midnight"),
        pytest.param(datetime(2026, 6, 21, 0, tzinfo=UTC), 80.0, 0.0, False, id="midnight sun"),
        pytest.param(datetime(2026, 12, 21, 12, tzinfo=UTC), 80.0, 0.0, True, id="polar night"),
        pytest.param(datetime(2026, 3, 20, 12, tzinfo=UTC), 0.0, 170.0, True, id="far side at equinox"),
    ],
)
def test_night_lies_where_the_sun_is_down(
    now: datetime, latitude: float, longitude: float, is_dark: bool
) -> None:
    """A place is inside the outline exactly when it is night there."""
    shade = sun.darkness(now)[int(90 - latitude), int(longitude + 180)]
    assert shade == (1 if is_dark else 0)


@given(
    st.integers(min_value=0, max_value=4_000_000_000).map(
        lambda seconds: datetime.fromtimestamp(seconds, UTC)
    )
)
def test_between_a_third_and_half_of_the_globe_is_dark_at_any_moment(now: datetime) -> None:
    """Also at equinox and solstice: half of the sphere has no sun, and twilight takes its part of that."""
    shade = sun.darkness(now)
    weights = np.cos(np.radians(np.arange(90, -90, -1) - 0.5))
    assert 0.33 < np.average((shade == 1).mean(axis=1), weights=weights) < 0.5
    assert abs(np.average((shade > 0).mean(axis=1), weights=weights) - 0.5) < 0.01


def test_age_is_never_negative() -> None:
    """An event ahead of this clock is now, not minus something."""
    assert formatting.ago(timedelta(seconds=-500)) == "now"
