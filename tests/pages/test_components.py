"""The shared parts of pages that need neither Streamlit nor a source."""

import itertools
import json
from datetime import UTC, datetime, timedelta

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
    assert any(_contains(ring, latitude, longitude) for ring in sun.dark_strips(now)) is is_dark


@given(
    st.integers(min_value=0, max_value=4_000_000_000).map(
        lambda seconds: datetime.fromtimestamp(seconds, UTC)
    ),
    st.sampled_from([0.0, -6.0, -18.0]),
)
def test_the_night_can_be_drawn_at_any_moment(now: datetime, altitude: float) -> None:
    """Also at equinox and solstice: closed rings within the poles, each one strip wide, little enough to send often."""
    strips = sun.dark_strips(now, altitude)
    for ring in strips:
        assert ring[0] == ring[-1]
        assert all(-90 <= latitude <= 90 for _, latitude in ring)
        assert max(point[0] for point in ring) - min(point[0] for point in ring) < sun.STRIP_DEGREES + 0.02
    assert len(json.dumps(strips)) < 40_000


def _contains(ring: list[list[float]], latitude: float, longitude: float) -> bool:
    """Whether a place lies in a ring whose longitudes may run past 180."""
    return any(_is_inside(ring, latitude, longitude + turn) for turn in (-360, 0, 360))


def _is_inside(ring: list[list[float]], latitude: float, longitude: float) -> bool:
    inside = False
    for (x1, y1), (x2, y2) in itertools.pairwise(ring):
        if (x1 > longitude) != (x2 > longitude) and latitude < y1 + (longitude - x1) / (x2 - x1) * (y2 - y1):
            inside = not inside
    return inside


def test_age_is_never_negative() -> None:
    """An event ahead of this clock is now, not minus something."""
    assert formatting.ago(timedelta(seconds=-500)) == "now"
