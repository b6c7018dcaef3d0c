"""The shared parts of pages that need neither Streamlit nor a source."""

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
import streamlit
from hypothesis import given
from hypothesis import strategies as st

from analytics.geo import night
from analytics.kpis.declarations import KPIS
from pages.components import formatting
from pages.components.charts import percentiles, sparkline, time_axis, timeseries, value_axis


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
    assert len(formatting.duration(seconds).removeprefix("< ").split()) in {2, 4}


@given(st.floats(min_value=0.5, max_value=8e6))
def test_duration_axis_has_few_round_ticks_from_zero(highest: float) -> None:
    """At most six ticks, the first at zero, none above the values."""
    ticks = value_axis.duration_ticks(highest)
    assert ticks[0] == 0
    assert len(ticks) <= 6
    assert ticks[-1] <= highest


def test_the_hour_that_a_clock_change_repeats_has_a_label_of_its_own() -> None:
    """25 hours on the day that summer time ends in London are 25 labels."""
    hours = pd.Series(pd.date_range("2026-10-25", periods=25, freq="h", tz="Europe/London"))
    labels = time_axis.bucket_labels(hours, "hour")
    assert len(set(labels)) == 25


@pytest.mark.parametrize(
    ("now", "before", "missing", "place"),
    [
        pytest.param("2026-10-26", "2026-10-25", "01:00 (again)", 2, id="repeated in the period before"),
        pytest.param("2026-03-29", "2026-03-28", "01:00", 1, id="skipped in the period shown"),
    ],
)
def test_an_hour_that_only_the_period_before_has_keeps_its_place(
    now: str, before: str, missing: str, place: int
) -> None:
    """Every bucket of both periods has a label on the axis, in the order of the clock."""
    hours = [
        pd.Series(pd.date_range(day, end, freq="h", inclusive="left", tz="Europe/London"))
        for day, end in ((each, pd.Timestamp(each) + pd.Timedelta(days=1)) for each in (now, before))
    ]
    labels = time_axis.labels_of(hours[0], hours[1], "hour")
    assert (len(labels.now), len(labels.past)) == (len(hours[0]), len(hours[1]))
    assert len(set(labels.past)) == len(hours[1])
    assert labels.all.index(missing) == place
    assert [label for label in labels.all if label != missing] == labels.now
    assert set(labels.past) <= set(labels.all)


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
    shade = night.darkness(now)[int(90 - latitude), int(longitude + 180)]
    assert shade == (1 if is_dark else 0)


@given(
    st.integers(min_value=0, max_value=4_000_000_000).map(
        lambda seconds: datetime.fromtimestamp(seconds, UTC)
    )
)
def test_between_a_third_and_half_of_the_globe_is_dark_at_any_moment(now: datetime) -> None:
    """Also at equinox and solstice: half of the sphere has no sun, and twilight takes its part of that."""
    shade = night.darkness(now)
    weights = np.cos(np.radians(np.arange(90, -90, -1) - 0.5))
    assert 0.33 < np.average((shade == 1).mean(axis=1), weights=weights) < 0.5
    assert abs(np.average((shade > 0).mean(axis=1), weights=weights) - 0.5) < 0.01


def test_age_is_never_negative() -> None:
    """An event ahead of this clock is now, not minus something."""
    assert formatting.ago(timedelta(seconds=-500)) == "now"


HEBREW, ARABIC = "\u05ea\u05dc \u05d0\u05d1\u05d9\u05d1", "\u062f\u0628\u064a"
MARKS = "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u2060\ufeff"


@given(st.text(alphabet=st.sampled_from([*MARKS, *HEBREW, *ARABIC, "\u200c", "\u200d", *"ab 12,()/\n"])))
def test_no_mark_of_direction_in_the_data_reaches_what_is_shown(text: str) -> None:
    """Only pairs that isolate are there, each closed, and only around text that runs from right to left."""
    for shown in (formatting.plain(text), formatting.place(text, "IL"), formatting.page_path(f"/{text}")):
        runs_left = any(unicodedata.bidirectional(letter) in {"R", "AL", "AN"} for letter in shown)
        marks = [letter for letter in shown if letter in MARKS]
        assert set(marks) <= {"\u2066", "\u2068", "\u2069"}
        assert len(marks) == 2 * marks.count("\u2069")
        assert (shown[0] + shown[-1] in {"\u2066\u2069", "\u2068\u2069"} if shown else False) == runs_left
        assert bool(marks) == runs_left


@pytest.mark.parametrize("write", [formatting.plain, lambda name: formatting.place(name, "IL")])
def test_isolated_text_stays_isolated_when_it_is_written_again(write: Callable[[str], str]) -> None:
    """A chip writes what a place has written: one pair, of the same kind, and one that closes it when it is cut."""
    once = write(HEBREW)
    again = formatting.plain(once)
    assert again == formatting.markdown(once) == formatting.plain(again)
    assert (again[0], again[-1]) == (once[0], once[-1]) == (once[0], "\u2069")
    cut = formatting.plain(once, limit=4)
    assert (cut[0], cut[-1], cut[-2]) == (once[0], "\u2069", "…")


def test_a_joiner_stays_where_it_has_a_meaning() -> None:
    """In Persian words and between the parts of an emoji; not at the end of a word, nor among Latin letters."""
    persian, family = "\u0645\u06cc\u200c\u0634\u0648\u062f", "\U0001f468\u200d\U0001f469"
    assert formatting.plain(persian) == f"\u2068{persian}\u2069"
    assert formatting.plain(family) == family
    assert formatting.plain("a\u200bb\u200d\ufeff\u2060\u061c") == "ab"


@given(st.floats(min_value=0, max_value=1))
def test_a_share_is_all_or_nothing_only_when_it_is(ratio: float) -> None:
    """So in percent with and without decimals, and for the index."""
    for decimals, none, whole in ((0, "0 %", "100 %"), (1, "0.0 %", "100.0 %")):
        shown = formatting.rate(ratio, decimals)
        assert (shown == none) == (ratio == 0)
        assert (shown == whole) == (ratio == 1)
    assert (formatting.score(ratio * 100) == "100.0") == (ratio * 100 == 100)
    assert (formatting.score(ratio * 100) == "0.0") == (ratio == 0)


@given(st.floats(min_value=0, max_value=1e9))
def test_only_nothing_is_shown_as_zero(value: float) -> None:
    """A short time is not no time, and part of a visitor is not none."""
    assert (formatting.count(value) == "0") == (value == 0)
    assert (formatting.duration(value) == "0 s") == (value == 0)


def hourly(values: dict[int, float]) -> pd.DataFrame:
    """Two days by the hour, with values in some of the hours."""
    starts = pd.Series(pd.date_range("2026-11-23", periods=48, freq="h", tz="UTC"))
    return pd.DataFrame(
        {
            "period": "current",
            "bucket_start": starts,
            "bucket_end": starts + pd.Timedelta(hours=1),
            "aligned_start": starts,
            "is_complete": True,
            "n": 1,
            "responded": 1,
            "median_response_seconds": [values.get(hour, float("nan")) for hour in range(48)],
            "p50_seconds": [values.get(hour, float("nan")) for hour in range(48)],
            "p90_seconds": float("nan"),
        }
    )


def test_an_index_is_drawn_from_50_where_it_stays_above_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 0 otherwise; hover texts of a median carry how many values it rests on."""
    figures: list[go.Figure] = []
    monkeypatch.setattr(streamlit, "plotly_chart", lambda figure, **_: figures.append(figure))
    series = hourly({9: 120.0, 10: 60.0})
    for lowest in (82.0, 40.0):
        scores = series.assign(satisfaction_index=[lowest + hour % 3 for hour in range(48)])
        timeseries.draw_series(
            scores, KPIS["satisfaction_index"], "hour", current="now", previous=None, key="x"
        )
    timeseries.draw_series(series, KPIS["median_response"], "hour", current="now", previous=None, key="x")
    high, low, response = figures
    assert high.layout.yaxis.range == (50, 101)
    assert "axis from 50" in high.layout.annotations[0].text
    assert low.layout.yaxis.range[0] == response.layout.yaxis.range[0] == 0
    assert "axis" not in low.layout.annotations[0].text
    assert response.data[0].customdata[9] == "2 m · 1 response"


def test_the_90th_percentile_has_an_axis_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is far above the median, which would be a flat line beside it; lines are named by what they are."""
    figures: list[go.Figure] = []
    monkeypatch.setattr(streamlit, "plotly_chart", lambda figure, **_: figures.append(figure))
    now = hourly({9: 60.0, 10: 90.0}).assign(p90_seconds=3600.0)
    week = pd.Timedelta(days=7)
    past = hourly({9: 60.0}).assign(period="previous", bucket_start=now["bucket_start"] - week)
    percentiles.draw_percentiles(pd.concat([now, past]), "response", "hour")
    (figure,) = figures
    assert figure.layout.yaxis.range[1] < 100 < 3600 < figure.layout.yaxis2.range[1]
    assert figure.layout.yaxis.domain[0] > figure.layout.yaxis2.domain[1]
    names = " ".join(annotation.text for annotation in figure.layout.annotations)
    assert all(name in names for name in ("Median", "90th percentile", "Median, 16–17 Nov"))


def test_a_sparkline_starts_at_zero_and_names_each_value() -> None:
    """A wobble of 3 % is 3 % of the height; a bucket without a value has no bar, and one that is not whole says so."""
    series = hourly({0: 97.0, 1: 100.0, 3: 0.0, 4: 50.0}).iloc[:5].assign(is_complete=[True] * 4 + [False])
    points = sparkline.points_of(series, [KPIS["median_response"]], "hour")["median_response"]
    assert [point.value for point in points] == [97.0, 100.0, None, 0.0, 50.0]
    html = sparkline._html(points, "Response", "#123456")
    assert re.findall(r"height:([\d.]+)%", html) == ["97.0", "100.0", "0.0", "50.0"]
    *over, running = re.findall(r'title="([^"]+)"', html)
    assert over == [
        f"{point.label}: {point.text}" if point.value is not None else f"{point.label}: no value"
        for point in points[:4]
    ]
    assert running == f"{points[4].label}, in part: 50 s"
    assert html.count('class="part"') == 1
    assert "1 m 40 s" in html


def test_without_a_value_there_is_no_sparkline() -> None:
    """Neither without a series, nor where all of its values are missing."""
    for series in (None, hourly({})):
        assert sparkline.points_of(series, [KPIS["median_response"]], "hour") == {"median_response": ()}


@pytest.mark.parametrize("draw", ["series", "percentiles"])
def test_every_value_is_drawn_whether_it_has_neighbours_or_not(
    draw: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """48 points are too many for a marker each: those that no line leads to have one, in both periods."""
    figures: list[go.Figure] = []
    monkeypatch.setattr(streamlit, "plotly_chart", lambda figure, **_: figures.append(figure))
    series = pd.concat(
        [hourly({9: 120.0, 20: 60.0, 21: 60.0, 47: 30.0}), hourly({0: 90.0}).assign(period="previous")]
    )
    if draw == "series":
        timeseries.draw_series(
            series, KPIS["median_response"], "hour", current="now", previous="before", key="x"
        )
    else:
        percentiles.draw_percentiles(series, "response", "hour")
    marked = [
        {hour for hour, size in enumerate(trace.marker.size) if size and not pd.isna(trace.y[hour])}
        for trace in figures[0].data
        if isinstance(trace.marker.size, tuple) and "lines" in trace.mode
    ]
    assert {0} in marked
    assert {9, 47} in marked
