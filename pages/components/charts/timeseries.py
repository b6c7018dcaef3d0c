"""Charts over time: one accent colour, previous period dotted in grey, unfinished buckets dashed, faint grid, axis from zero.

Owns the look of a series. Computes no metric; a missing value stays a gap.
"""

import re
from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from analytics.kpis.declarations import Kind, KpiKey, Metric
from analytics.scope.clock import Bucket
from pages.components import formatting
from pages.components.charts import plot, time_axis, value_axis
from pages.components.charts.goal_line import NO_GOAL, GoalLine
from pages.components.theme_colors import Palette, palette

DEFAULT_METRIC: KpiKey = "median_response"
HEIGHT_PX = 340
MARKERS_UP_TO = 45
CUT_FROM = 55.0
"""An index that never falls below this is drawn from 50: from 0, half of the plot would be empty."""
NAMES_LINE_LETTERS = 48
"""Longest line of names above a plot that fits into a phone's chart (300 px)."""

_TAGS = re.compile("<[^>]*>")


def draw_series(
    series: pd.DataFrame,
    metric: Metric,
    bucket: Bucket,
    *,
    current: str,
    previous: str | None,
    key: str,
    goal: GoalLine = NO_GOAL,
) -> None:
    """Draw a metric over time.

    `current` and `previous` are the labels of the periods, such as "16–22 Nov"; None draws the current period alone. `goal` is
    for a metric that is a time in seconds.
    """
    columns = ["period", "bucket_start", "is_complete", metric.column]
    drawn = series[columns if metric.n_column is None else [*columns, metric.n_column]]
    plot.draw(
        _series(drawn, metric, bucket, current, previous, goal, palette()),
        HEIGHT_PX,
        key=key,
        alt=_alt(drawn[drawn["period"] == "current"], metric, current, goal),
    )


@plot.kept
def _series(
    series: pd.DataFrame,
    metric: Metric,
    bucket: Bucket,
    current: str,
    previous: str | None,
    goal: GoalLine,
    colours: Palette,
) -> go.Figure:
    now_rows = series[series["period"] == "current"].reset_index(drop=True)
    past_rows = (
        series[series["period"] == "previous"].reset_index(drop=True) if previous else now_rows.iloc[:0]
    )
    labels = time_axis.labels_of(now_rows["bucket_start"], past_rows["bucket_start"], bucket)
    figure = go.Figure()
    highest = value_axis.highest_of(now_rows, past_rows, metric.column)
    goal_name, highest = goal.name(highest), goal.highest(highest)
    if past_rows[metric.column].isna().all():
        previous = None
    if previous:
        figure.add_trace(_past(past_rows, metric, bucket, labels.past, colours, highest))
    figure.add_traces(goal.traces(labels.now, colours))
    said = _texts(now_rows, metric)
    figure.add_traces(current_lines(now_rows, metric.column, labels.now, said, colours))
    axis = labels.all if previous else labels.now
    time_axis.lay_time_axis(figure, now_rows["bucket_start"], bucket, colours, axis)
    style(figure, colours, metric.kind, highest)
    note = _cut_axis(figure, metric, now_rows, past_rows)
    _name_lines(figure, colours, current, previous, goal_name, note)
    return figure


def draw_minutes(activity: pd.DataFrame, *, key: str) -> None:
    """Draw `cached.visitor_activity` as thin bars, the current minute, which is not finished, lighter."""
    visitors = activity["visitors"]
    alt = f"Visitors per minute over the last {len(activity)} minutes, at most {formatting.count(visitors.max())}"
    plot.draw(_minutes(visitors, palette()), 96, key=key, alt=alt)


@plot.kept
def _minutes(visitors: pd.Series, colours: Palette) -> go.Figure:
    minutes_ago = list(range(len(visitors) - 1, -1, -1))
    figure = go.Figure(
        go.Bar(
            x=list(range(len(visitors))),
            y=visitors,
            customdata=[f"{ago} min ago" if ago else "this minute so far" for ago in minutes_ago],
            marker={
                "color": colours.accent,
                "opacity": [1.0] * (len(visitors) - 1) + [0.45],
                "cornerradius": 2,
            },
            hovertemplate="%{customdata}: %{y:,}<extra></extra>",
        )
    )
    ticks = [position for position, ago in enumerate(minutes_ago) if ago and ago % 10 == 0]
    figure.update_layout(margin={"t": 4, "b": 20}, bargap=0.25)
    figure.update_xaxes(
        tickvals=ticks,
        ticktext=[f"−{minutes_ago[at]} min" for at in ticks],
        tickfont={"color": colours.muted, "size": 11},
    )
    # A tick label would be centred under the last bar, beyond the edge, so that Plotly leaves it out.
    figure.add_annotation(
        text="now",
        x=1,
        y=0,
        yshift=-6,
        xanchor="right",
        yanchor="top",
        font={"color": colours.muted, "size": 11},
    )
    figure.update_yaxes(visible=False, rangemode="tozero")
    return figure


def _past(
    rows: pd.DataFrame, metric: Metric, bucket: Bucket, labels: list[str], colours: Palette, highest: float
) -> go.Scatter:
    own_labels = time_axis.bucket_labels(rows["bucket_start"], bucket)
    return go.Scatter(
        x=labels,
        y=value_axis.up_to(rows[metric.column], highest),
        customdata=[[value, label] for value, label in zip(_texts(rows, metric), own_labels, strict=True)],
        hovertemplate="%{customdata[0]}  ·  %{customdata[1]}<extra></extra>",
        mode="lines+markers",
        line={"color": colours.muted, "width": 1.5, "dash": "dot"},
        marker={"size": marker_sizes(rows[metric.column], 3), "color": colours.muted},
    )


def current_lines(
    rows: pd.DataFrame,
    column: str,
    labels: list[str],
    said: Sequence[object],
    colours: Palette,
    *,
    hover: tuple[str, str] = ("<b>%{customdata}</b>", "<b>%{customdata}</b> so far"),
    width: float = 2.25,
    yaxis: str = "y",
) -> list[go.Scatter]:
    """Make the lines of the current period: finished buckets solid; unfinished ones open markers that a dashed line leads to.

    `labels` are places on the time axis, `said` is the data of the hover texts; `hover` has their templates, for finished
    and unfinished buckets.
    """
    values, is_open = rows[column], ~rows["is_complete"].astype(bool)
    finished, unfinished = (
        {"x": labels, "yaxis": yaxis, "customdata": said, "hovertemplate": f"{text}<extra></extra>"}
        for text in hover
    )
    solid = go.Scatter(
        **finished,
        y=values.mask(is_open),
        mode="lines+markers",
        line={"color": colours.accent, "width": width},
        marker={"size": marker_sizes(values, 5), "color": colours.accent},
        cliponaxis=False,
    )
    if not is_open.any():
        return [solid]
    dashed = go.Scatter(
        x=labels,
        y=values.where(is_open | is_open.shift(-1, fill_value=False) | is_open.shift(1, fill_value=False)),
        yaxis=yaxis,
        mode="lines",
        hoverinfo="skip",
        line={"color": colours.accent, "width": min(width, 2), "dash": "dash"},
    )
    markers = go.Scatter(
        **unfinished,
        y=values.where(is_open),
        mode="markers",
        cliponaxis=False,
        marker={"size": 8, "color": colours.surface, "line": {"color": colours.accent, "width": 2}},
    )
    return [solid, dashed, markers]


def _texts(rows: pd.DataFrame, metric: Metric) -> list[str]:
    """The hover text of each value: "1 m 23 s · 101 responses"."""
    texts = [formatting.value_of(metric.kind, value) for value in rows[metric.column]]
    if metric.n_column is None:
        return texts
    counts = (formatting.counted(n, metric.n_of) for n in rows[metric.n_column])
    return [f"{text} · {count}" for text, count in zip(texts, counts, strict=True)]


def _cut_axis(figure: go.Figure, metric: Metric, now_rows: pd.DataFrame, past_rows: pd.DataFrame) -> str:
    """Start the axis at 50 if an index never falls below `CUT_FROM`; returns a note about it, else an empty text."""
    values = pd.concat([rows[metric.column] for rows in (now_rows, past_rows)])
    if metric.kind != "score" or not values.min() >= CUT_FROM:
        return ""
    figure.update_yaxes(range=[50, 101])
    return "axis from 50 to 100"


def marker_sizes(values: pd.Series, size_px: int) -> list[int]:
    """The size of each value's marker: in a short series all have one, in a long one only values without a line to them.

    NaN is a gap; a size of 0 means none.

    >>> marker_sizes(pd.Series([1.0, None, 2.0, 3.0] + [None] * 50), 5)[:4]
    [5, 0, 0, 0]
    """
    known = values.notna()
    if len(values) <= MARKERS_UP_TO:
        return [size_px] * len(values)
    is_joined = known.shift(1, fill_value=False) | known.shift(-1, fill_value=False)
    return [size_px if alone else 0 for alone in known & ~is_joined]


def style(figure: go.Figure, colours: Palette, kind: Kind, highest: float) -> None:
    """Lay out a chart of values over time: unified hover, an axis from zero to `highest`."""
    figure.update_layout(margin={"r": 20, "t": 12}, hovermode="x unified")
    value_axis.lay_value_axis(figure, colours)
    if kind == "duration":
        ticks = value_axis.duration_ticks(highest)
        figure.update_yaxes(
            tickvals=ticks,
            ticktext=[formatting.duration(tick) for tick in ticks],
            range=value_axis.axis_range(highest),
        )
    elif kind == "ratio":
        figure.update_yaxes(range=[0, 1.02], tickformat=".0%")
    elif kind == "score":
        figure.update_yaxes(range=[0, 102])
    else:
        figure.update_yaxes(tickformat=",d", range=value_axis.axis_range(highest))


def _name_lines(
    figure: go.Figure, colours: Palette, current: str, previous: str | None, goal: str, note: str
) -> None:
    """Name the lines above the plot in their own colours, as a legend without a box, followed by the note."""
    names = [(current, colours.accent, "━━")] + ([(previous, colours.muted, "┅┅")] if previous else [])
    names += [(goal, colours.text, "━·")] if goal else []
    texts = [f'<span style="color:{colour}">{stroke}  {name}</span>' for name, colour, stroke in names]
    name_above(figure, texts + ([f'<span style="color:{colours.muted}">{note}</span>'] if note else []))


def name_above(figure: go.Figure, names: Sequence[str], **font: object) -> None:
    """Write the names of lines or bars above the plot, in as many lines as the narrowest phone needs.

    The top margin grows with the lines. Names are Plotly markup; `font` are its attributes.
    """
    text = in_lines(names)
    figure.add_annotation(
        text=text,
        x=0,
        y=1.02,
        xanchor="left",
        yanchor="bottom",
        align="left",
        font=font,
    )
    figure.update_layout(margin_t=12 + 18 * (text.count("<br>") + 1))


def in_lines(names: Sequence[str]) -> str:
    """The names of lines in as many lines of text as the narrowest phone needs. Names are Plotly markup."""
    lines: list[list[str]] = [[]]
    for name in names:
        shown = sum(len(_TAGS.sub("", each)) + 3 for each in (*lines[-1], name))
        if lines[-1] and shown > NAMES_LINE_LETTERS:
            lines.append([])
        lines[-1].append(name)
    return "<br>".join("   ".join(line) for line in lines)


def _alt(rows: pd.DataFrame, metric: Metric, current: str, goal: GoalLine) -> str:
    values = rows[metric.column].dropna()
    if not len(values):
        return f"{metric.title}, {current}: no values"
    lowest, highest, last = (
        formatting.value_of(metric.kind, float(value))
        for value in (values.min(), values.max(), values.iloc[-1])
    )
    name = goal.name(float(values.max()))
    return f"{metric.title}, {current}: between {lowest} and {highest}, last {last}" + (
        f"; goal {name}" if name else ""
    )
