"""How the week by the hour is drawn: averages, n in the cells, few values hatched, what never came blank."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from analytics.kpis import conversation_breakdown
from analytics.schemas import CONVERSATION_BREAKDOWN
from analytics.scope.clock import parse_timezone
from analytics.scope.periods import Period
from analytics.scope.selection import HourOfWeek
from analytics.scope.weeks import WeekStart
from pages.components.charts import heatmap
from pages.components.charts.heatmap import Shown
from pages.components.theme_colors import palette

MONDAY = datetime(2026, 11, 9, tzinfo=UTC)


def hours(
    *cells: tuple[str, int, int, float | None], days: float = 7, week_start: WeekStart = "monday"
) -> pd.DataFrame:
    """The week of those cells: key, started, responded, and the median response."""
    rows = [
        {
            "dimension": "hour_of_week",
            "key": key,
            "conversations": started,
            "responded": responded,
            "resolved": 0,
            "median_response_seconds": median,
            "median_resolution_seconds": None,
        }
        for key, started, responded, median in cells
    ]
    names = [column.name for column in CONVERSATION_BREAKDOWN.columns]
    frame = CONVERSATION_BREAKDOWN.frame(names, rows, is_rest=True)
    period = Period(MONDAY, MONDAY + timedelta(days=days), parse_timezone("UTC"), week_start)
    return conversation_breakdown.hours(frame, period)


def index(key: str) -> int:
    """Where a cell is among the 168."""
    cell = HourOfWeek.parse(key)
    return (cell.weekday - 1) * 24 + cell.hour


def strength(colour: str, *, is_dark: bool) -> float:
    """How far a colour is from the page: 0 the surface, 1 the accent, by its largest channel."""
    colours = palette(is_dark=is_dark)
    channels = [
        (int(each[at : at + 2], 16) for each in (colours.surface, colours.accent, colour)) for at in (1, 3, 5)
    ]
    surface, accent, own = max((tuple(channel) for channel in channels), key=lambda c: abs(c[1] - c[0]))
    return (own - surface) / (accent - surface)


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("shown", ["volume", "response"])
def test_few_values_are_hatched_and_never_the_strongest(shown: Shown, is_dark: bool) -> None:
    """One conversation in a short hour has the highest average, and one slow answer the longest median."""
    week = hours(("1-9", 60, 40, 30.0), ("2-9", 4, 4, 90_000.0), ("3-9", 5, 5, 20.0), days=3)
    drawn = heatmap.figure(week, shown, None, palette(is_dark=is_dark)).data[0]

    shapes = [drawn.marker.pattern.shape[index(key)] for key in ("1-9", "2-9", "3-9")]
    assert shapes == ["", "/", ""]
    strengths = [strength(drawn.marker.color[index(key)], is_dark=is_dark) for key in ("1-9", "2-9", "3-9")]
    assert strengths[0] == pytest.approx(1, abs=0.01)
    assert strengths[1] < 0.6
    assert [drawn.text[index(key)] for key in ("1-9", "2-9", "3-9", "4-9")] == [
        *(("60", "4", "5") if shown == "volume" else ("40", "4", "5")),
        "",
    ]


def test_an_average_decides_the_colour_of_an_hour_that_came_twice() -> None:
    """In ten days Monday 9:00 came twice: 10 conversations there are as many an hour as 5 on a Friday."""
    week = hours(("1-9", 10, 0, None), ("5-9", 5, 0, None), ("6-9", 10, 0, None), days=10)
    drawn = heatmap.figure(week, "volume", None, palette(is_dark=False)).data[0]
    monday, friday, saturday = (drawn.marker.color[index(key)] for key in ("1-9", "5-9", "6-9"))
    assert monday == friday != saturday
    assert "5 an hour: 10 started in 2 h" in drawn.hovertext[index("1-9")]


def test_what_is_not_in_the_period_is_blank_and_zero_is_not() -> None:
    """A day and a half: its hours without a conversation are pale, all others have no colour and say why."""
    week = hours(("1-9", 7, 6, 60.0), days=1.5)
    drawn = heatmap.figure(week, "volume", None, palette(is_dark=False)).data[0]
    blank = "rgba(0,0,0,0)"
    assert [colour == blank for colour in drawn.marker.color] == [number >= 36 for number in range(168)]
    assert drawn.hovertext[index("2-12")].endswith("not in this period")
    assert "0 an hour: 0 started in 1 h" in drawn.hovertext[index("2-11")]


def test_one_value_in_all_is_hatched_and_pale() -> None:
    """Nothing rests on enough: the scale is that of what there is, and still no cell has its strong end."""
    week = hours(("1-9", 1, 1, 60.0))
    for shown in heatmap.SHOWN:
        drawn = heatmap.figure(week, shown, None, palette(is_dark=False)).data[0]
        assert drawn.marker.pattern.shape[index("1-9")] == "/"
        assert strength(drawn.marker.color[index("1-9")], is_dark=False) < 0.6
    assert heatmap.alt(week, "volume") == (
        "Volume by hour of the week: every hour has fewer than 5 conversations"
    )


def test_the_sentence_names_the_strongest_hour_with_enough_values() -> None:
    """A single slow answer is not it."""
    week = hours(("1-9", 12, 11, 300.0), ("2-9", 4, 4, 90_000.0), ("3-9", 30, 6, 60.0), days=14)
    assert heatmap.alt(week, "response") == (
        "Median response by hour of the week, most on Monday 09:00–10:00: 5 m (n 11)"
    )
    assert heatmap.alt(week, "volume") == (
        "Volume by hour of the week, most on Wednesday 09:00–10:00: 15 an hour (n 30)"
    )


def test_the_week_begins_with_the_day_of_the_deployment() -> None:
    """From Sunday: its hours stand on top, with their values, and the chosen hour is marked in its row."""
    week = hours(("7-9", 6, 6, 30.0), ("1-9", 8, 8, 30.0), week_start="sunday")
    drawn = heatmap.figure(week, "volume", HourOfWeek(1, 9), palette())
    bars = drawn.data[0]
    assert list(drawn.layout.yaxis.ticktext) == [*("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Total")]
    rows = {text: round(base + 0.5) for text, base in zip(bars.text, bars.base, strict=True) if text}
    assert rows == {"6": 1, "8": 2}
    assert (drawn.layout.shapes[0].y0, drawn.layout.shapes[0].y1) == (1.5, 2.5)
    assert list(drawn.data[1].text[:2]) == ["6", "8"], "each total in the row of its day"
    assert list(week["weekday"].unique()) == [7, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("shown", ["volume", "response"])
def test_days_and_hours_have_totals(shown: Shown) -> None:
    """Seven days, twenty-four hours and all: of what the numbers in the cells count, and nothing for none."""
    week = hours(("1-9", 12, 11, 300.0), ("2-9", 4, 3, 90_000.0), ("2-23", 30, 6, 60.0), days=14)
    totals = heatmap.figure(week, shown, None, palette(is_dark=False)).data[1]
    days, each_hour, whole = list(totals.text[:7]), list(totals.text[7:31]), totals.text[31]
    assert [days[0], days[1], days[2]] == (["12", "34", ""] if shown == "volume" else ["11", "9", ""])
    assert [each_hour[9], each_hour[23]] == (["16", "30"] if shown == "volume" else ["14", "6"])
    assert whole == ("46" if shown == "volume" else "20")
    assert totals.hoverinfo == "skip"
