"""Median and 90th percentile over time, one above the other on separate axes; the previous median dotted.

Owns the layout of the two; `timeseries` owns the style, `time_axis` the labels.
"""

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from analytics.scope import periods
from analytics.scope.clock import Bucket
from analytics.scope.selection import Measure
from pages.components import formatting
from pages.components.charts import plot, time_axis, timeseries, value_axis
from pages.components.charts.goal_line import NO_GOAL, GoalLine
from pages.components.selection import switch
from pages.components.selection.conversation_filters import MEASURES
from pages.components.theme_colors import Palette, palette

DEFAULT_MEASURE: Measure = "response"
HEIGHT_PX = 340
# The 90th percentile is often ten times the median: on a shared axis the median would be a flat line.
MEDIAN_DOMAIN, P90_DOMAIN = (0.45, 1.0), (0.0, 0.31)
MEDIAN, P90 = "p50_seconds", "p90_seconds"
NOUNS: dict[Measure, str] = {"response": "responses", "resolution": "resolved"}


def draw_header(bucket: Bucket) -> Measure:
    """Draw title and switch between response and resolution; returns the value of the URL parameter `measure`."""
    return switch.draw_titled(
        "measure", "Time", MEASURES, DEFAULT_MEASURE, lambda measure: title(measure, bucket)
    )


def title(measure: Measure, bucket: Bucket) -> str:
    """The title of the chart."""
    return f"{MEASURES[measure]} time by {bucket}"


def columns_of(series: pd.DataFrame, measure: Measure) -> pd.DataFrame:
    """The columns of `cached.conversation_timeseries` to draw: buckets, number of observations, p50 and p90."""
    names = {
        "responded" if measure == "response" else "resolved": "n",
        f"median_{measure}_seconds": "p50_seconds",
        f"p90_{measure}_seconds": "p90_seconds",
    }
    buckets = ["period", "bucket_start", "bucket_end", "aligned_start", "is_complete"]
    return series[[*buckets, *names]].rename(columns=names)


def draw_percentiles(
    series: pd.DataFrame, measure: Measure, bucket: Bucket, goal: GoalLine = NO_GOAL
) -> None:
    """Draw median and 90th percentile of `columns_of` over time; unfinished buckets as open markers.

    The median of the previous period is drawn under the current one, the line of the goal beside the 90th percentile.
    """
    now = series[series["period"] == "current"]
    medians = now[MEDIAN].dropna()
    name = goal.name(value_axis.highest_of(now, now, P90))
    plot.draw(
        _percentiles(series, NOUNS[measure], bucket, goal, palette()),
        HEIGHT_PX,
        key=f"percentiles-{measure}",
        alt=(
            f"{MEASURES[measure]} time: median {formatting.duration(float(medians.iloc[-1]))} in the last {bucket}"
            if len(medians)
            else f"{MEASURES[measure]} time: no values"
        )
        + (f"; goal {name}" if name else ""),
    )
    if (now[MEDIAN].notna() & now[P90].isna()).any():
        st.caption(f"The 90th percentile is shown where the {bucket} has 10 values or more.")


@plot.kept
def _percentiles(
    series: pd.DataFrame, noun: str, bucket: Bucket, goal: GoalLine, colours: Palette
) -> go.Figure:
    now = series[series["period"] == "current"].reset_index(drop=True)
    past = series[series["period"] == "previous"].reset_index(drop=True)
    axis = time_axis.labels_of(now["bucket_start"], past["bucket_start"], bucket)
    highest = value_axis.highest_of(now, past, MEDIAN)
    before = _before(now, past) if past[MEDIAN].notna().any() else None
    figure = go.Figure()
    if before:
        figure.add_trace(
            go.Scatter(
                x=axis.past,
                y=value_axis.up_to(past[MEDIAN], highest),
                mode="lines+markers",
                marker={"size": timeseries.marker_sizes(past[MEDIAN], 3), "color": colours.muted},
                line={"color": colours.muted, "width": 1.5, "dash": "dot"},
                customdata=[formatting.duration(value) for value in past[MEDIAN]],
                hovertemplate=f"%{{customdata}} median, {before}<extra></extra>",
            )
        )
    for column, words, yaxis, width in ((P90, "90th percentile", "y2", 1.75), (MEDIAN, "median", "y", 2.25)):
        text = [formatting.duration(value) for value in now[column]]
        said = [[value, formatting.counted(n, noun)] for value, n in zip(text, now["n"], strict=True)]
        hover = (
            f"<b>%{{customdata[0]}}</b> {words} · %{{customdata[1]}}",
            f"<b>%{{customdata[0]}}</b> {words} so far · %{{customdata[1]}}",
        )
        figure.add_traces(
            timeseries.current_lines(
                now, column, axis.now, said, colours, hover=hover, width=width, yaxis=yaxis
            )
        )
    time_axis.lay_time_axis(figure, now["bucket_start"], bucket, colours, axis.all)
    figure.update_layout(yaxis2={"anchor": "x"}, hoversubplots="axis")
    timeseries.style(figure, colours, "duration", highest)
    slowest = value_axis.highest_of(now, now, P90)
    goal_name, slowest = goal.name(slowest), goal.highest(slowest)
    figure.add_traces(goal.traces(axis.now, colours, "y2"))
    ticks = value_axis.duration_ticks(slowest, most=3)
    figure.update_layout(
        xaxis={"anchor": "y2"},
        yaxis={"domain": MEDIAN_DOMAIN},
        yaxis2={
            "domain": P90_DOMAIN,
            "tickvals": ticks,
            "ticktext": [formatting.duration(tick) for tick in ticks],
            "range": value_axis.axis_range(slowest),
        },
    )
    _name_lines(figure, colours, before, goal_name)
    return figure


def _before(now: pd.DataFrame, past: pd.DataFrame) -> str:
    """The label of the previous period, without its year if it is that of the current period."""
    first, last = (
        periods.days_label(rows["bucket_start"].iloc[0].date(), rows["bucket_start"].iloc[-1].date())
        for rows in (past, now)
    )
    return formatting.without_year(first, last)


def _name_lines(figure: go.Figure, colours: Palette, before: str | None, goal: str) -> None:
    """Name the lines above their part of the plot, in their own colours: a legend without a box."""
    medians = [(colours.accent, "━━  Median")] + (
        [(colours.muted, f"┅┅  Median, {before}")] if before else []
    )
    timeseries.name_above(figure, [f'<span style="color:{colour}">{name}</span>' for colour, name in medians])
    below = [f'<span style="color:{colours.accent}">──  90th percentile</span>']
    below += [f'<span style="color:{colours.text}">━·  {goal}</span>'] if goal else []
    figure.add_annotation(
        text=timeseries.in_lines(below),
        x=0,
        y=P90_DOMAIN[1] + 0.02,
        xanchor="left",
        yanchor="bottom",
        align="left",
    )
