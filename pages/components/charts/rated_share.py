"""Shares of rated conversations over time: a line for the AI agent's, one for people's.

Owns the look of the two; `timeseries` owns the style of a line, `time_axis` the labels.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import pandas as pd
import plotly.graph_objects as go

from analytics.kpis.satisfaction.rated_share import METRICS, ResolvedBy
from analytics.scope.clock import Bucket
from pages.components import formatting
from pages.components.charts import plot, time_axis, timeseries, value_axis
from pages.components.theme_colors import Palette, palette

HEIGHT_PX = 260
LINES: Final[Mapping[ResolvedBy, str]] = MappingProxyType({"people": "text", "ai": "accent"})
"""The colour of each line by its name in the palette, the topmost line last."""


def draw_lines(series: pd.DataFrame, bucket: Bucket) -> None:
    """Draw the current period of the series of `cached.rated_share`, which has values."""
    now = series[series["period"] == "current"].reset_index(drop=True)
    plot.draw(_lines(now, bucket, palette()), HEIGHT_PX, key="rated-share-chart", alt=_alt(now, bucket))


@plot.kept
def _lines(now: pd.DataFrame, bucket: Bucket, colours: Palette) -> go.Figure:
    labels = time_axis.bucket_labels(now["bucket_start"], bucket)
    highest = max(value_axis.highest_of(now, now, METRICS[by].column) for by in LINES)
    figure = go.Figure()
    for by, colour in LINES.items():
        metric = METRICS[by]
        said = [
            f"<b>{formatting.rate(share)}</b> of {formatting.count(n)} by {_WORDS[by]}"
            for share, n in zip(now[metric.column], now[f"{by}_resolved"], strict=True)
        ]
        line = replace(colours, accent=getattr(colours, colour))
        hover = "%{customdata}", "%{customdata} so far"
        figure.add_traces(timeseries.current_lines(now, metric.column, labels, said, line, hover=hover))
    time_axis.lay_time_axis(figure, now["bucket_start"], bucket, colours)
    timeseries.style(figure, colours, "ratio", highest)
    # Few visitors rate: on an axis up to 100 % both lines would lie at its foot.
    figure.update_yaxes(range=value_axis.axis_range(highest))
    names = [
        f'<span style="color:{getattr(colours, colour)}">━━  {METRICS[by].label}</span>'
        for by, colour in reversed(list(LINES.items()))
    ]
    timeseries.name_above(figure, names)
    return figure


_WORDS: Final[Mapping[ResolvedBy, str]] = MappingProxyType({"ai": "the AI agent", "people": "people"})


def _alt(now: pd.DataFrame, bucket: Bucket) -> str:
    """What the lines show, as text."""
    words = []
    for by, name in _WORDS.items():
        shares = now[METRICS[by].column].dropna()
        if len(shares):
            words.append(
                f"by {name} between {formatting.rate(shares.min())} and {formatting.rate(shares.max())}, "
                f"last {formatting.rate(shares.iloc[-1])}"
            )
    return f"Share of resolved conversations that visitors rated, by {bucket}: {'; '.join(words)}"
