"""Backlog over time: open conversations as a line; below it what started as bars up, what was resolved as bars down.

Owns the look of the two; `timeseries` owns the style of the line, `time_axis` the labels.
"""

import pandas as pd
import plotly.graph_objects as go

from analytics.scope.clock import Bucket
from pages.components import formatting
from pages.components.charts import plot, time_axis, timeseries
from pages.components.theme_colors import Palette, palette

HEIGHT_PX = 340
OPEN_DOMAIN, CHANGES_DOMAIN = (0.56, 1.0), (0.0, 0.42)


def title(bucket: Bucket) -> str:
    """The title of the chart."""
    return f"Backlog by {bucket}"


def draw_backlog(series: pd.DataFrame, bucket: Bucket) -> None:
    """Draw the series of `cached.backlog`, which has rows."""
    last = series.iloc[-1]
    plot.draw(
        _backlog(series, bucket, palette()),
        HEIGHT_PX,
        key="backlog-chart",
        alt=f"Open conversations at the end of each {bucket}: between {formatting.count(series['open_at_end'].min())} and "
        f"{formatting.count(series['open_at_end'].max())}, last {formatting.count(last['open_at_end'])}; "
        f"{formatting.count(series['started'].sum())} started, {formatting.count(series['resolved'].sum())} resolved",
    )


@plot.kept
def _backlog(series: pd.DataFrame, bucket: Bucket, colours: Palette) -> go.Figure:
    labels = time_axis.bucket_labels(series["bucket_start"], bucket)
    highest = float(series["open_at_end"].max())
    so_far = ["" if done else " so far" for done in series["is_complete"]]
    figure = go.Figure(
        [
            _bars(series["started"], labels, "started", colours.accent, so_far),
            _bars(series["resolved"], labels, "resolved", colours.muted, so_far, sign=-1),
            go.Scatter(
                x=labels,
                y=[int(net) for net in series["net"]],
                yaxis="y2",
                mode="lines+markers" if len(series) <= timeseries.MARKERS_UP_TO else "lines",
                line={"color": colours.text, "width": 1.25},
                marker={"size": 5, "color": colours.surface, "line": {"color": colours.text, "width": 1.5}},
                customdata=[signed(net) for net in series["net"]],
                hovertemplate="<b>%{customdata}</b> net<extra></extra>",
            ),
        ]
    )
    said = [formatting.count(n) for n in series["open_at_end"]]
    hover = f"<b>%{{customdata}}</b> open at the {bucket}'s end", "<b>%{customdata}</b> open so far"
    figure.add_traces(timeseries.current_lines(series, "open_at_end", labels, said, colours, hover=hover))
    time_axis.lay_time_axis(figure, series["bucket_start"], bucket, colours)
    figure.update_layout(yaxis2={"anchor": "x"}, hoversubplots="axis", barmode="overlay", bargap=0.35)
    timeseries.style(figure, colours, "count", highest)
    up, down = int(series["started"].max()), int(series["resolved"].max())
    ticks = sorted({-down, 0, up})
    figure.update_layout(
        xaxis={"anchor": "y2"},
        yaxis={"domain": OPEN_DOMAIN, "nticks": 4},
        yaxis2={
            "domain": CHANGES_DOMAIN,
            "rangemode": "normal",
            "range": [-down * 1.12 - 0.1, up * 1.12 + 0.1],
            "tickvals": ticks,
            "ticktext": [formatting.count(abs(tick)) for tick in ticks],
        },
    )
    _name_parts(figure, bucket, colours)
    return figure


def signed(net: float) -> str:
    """A difference of counts with its sign.

    >>> signed(3), signed(-1204), signed(0)
    ('+3', '−1,204', '0')
    """
    sign = "+" if net > 0 else formatting.MINUS if net < 0 else ""
    return f"{sign}{formatting.count(abs(net))}"


def _bars(
    counts: pd.Series, labels: list[str], words: str, colour: str, so_far: list[str], sign: int = 1
) -> go.Bar:
    return go.Bar(
        x=labels,
        y=[int(n) * sign for n in counts],
        yaxis="y2",
        marker={
            "color": colour,
            "opacity": [0.45 if open_yet else 0.8 for open_yet in so_far],
            "cornerradius": 2,
        },
        customdata=[
            f"<b>{formatting.count(n)}</b> {words}{end}" for n, end in zip(counts, so_far, strict=True)
        ],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _name_parts(figure: go.Figure, bucket: Bucket, colours: Palette) -> None:
    """Name line and bars above their part of the plot, in their own colours: a legend without a box."""
    open_words = f'<span style="color:{colours.accent}">━━  Open at each {bucket}\'s end</span>'
    timeseries.name_above(figure, [open_words])
    names = ((colours.accent, "■ Started"), (colours.muted, "■ Resolved, downwards"), (colours.text, "○ Net"))
    figure.add_annotation(
        text="   ".join(f'<span style="color:{colour}">{name}</span>' for colour, name in names),
        x=0,
        y=CHANGES_DOMAIN[1] + 0.02,
        xanchor="left",
        yanchor="bottom",
    )
