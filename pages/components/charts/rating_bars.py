"""Stacked bars of answers over time: worst at the bottom, from orange over grey to indigo.

Owns the look of a stacked distribution. Gets the counts, one column per level.
"""

from dataclasses import dataclass
from html import escape
from typing import Literal

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from analytics.scope.clock import Bucket
from analytics.scope.periods import Range
from pages.components import formatting
from pages.components.charts import plot, time_axis, timeseries, value_axis
from pages.components.page.panel import empty
from pages.components.theme_colors import Palette, palette

HEIGHT_PX = 260

NUMBERS_UP_TO = 15
"""Most bars with numbers inside; with more they are too narrow."""


Name = Literal["ratings", "sentiment"]


@dataclass(frozen=True, slots=True)
class Level:
    """One of the answers that are counted.

    Attributes:
        name: Text in the legend, such as "4" or "Neutral".
        value: Filter value of a click.
        column: Column of its counts.
        step: Step on the colour scale, from worst (0) to best (4).
        on_hover: Text on hover, such as "4 of 5".
    """

    name: str
    value: str
    column: str
    step: Literal[0, 1, 2, 3, 4]
    on_hover: str


@dataclass(frozen=True, slots=True)
class Answers:
    """A question with its answers (levels), given by visitors or set by the AI agent.

    Attributes:
        name: Lower case; part of keys and file names.
        title: Heading of the chart.
        n_unit: Noun of what is counted, plural.
        levels: From worst to best.
        empty: Texts of the empty state: what is missing, and what to do.
        is_clickable: Whether a click on a bar filters the page.
    """

    name: Name
    title: str
    n_unit: str
    levels: tuple[Level, ...]
    empty: tuple[str, str]
    is_clickable: bool


RATINGS = Answers(
    "ratings",
    "Ratings",
    "ratings",
    (
        Level("1", "1", "rating_1_count", 0, "1 of 5"),
        Level("2", "2", "rating_2_count", 1, "2 of 5"),
        Level("3", "3", "rating_3_count", 2, "3 of 5"),
        Level("4", "4", "rating_4_count", 3, "4 of 5"),
        Level("5", "5", "rating_5_count", 4, "5 of 5"),
    ),
    ("No ratings in this period", "Visitors rate in the widget. Choose a longer range."),
    is_clickable=True,
)
SENTIMENT = Answers(
    "sentiment",
    "Sentiment",
    "rated conversations",
    (
        Level("Negative", "negative", "negative_count", 0, "negative"),
        Level("Neutral", "neutral", "neutral_count", 2, "neutral"),
        Level("Positive", "positive", "positive_count", 4, "positive"),
    ),
    ("No sentiment in this period", "The AI agent sets it. Choose a longer range."),
    is_clickable=False,
)


def table(frame: pd.DataFrame, answers: Answers) -> pd.DataFrame:
    """The rows of one chart, for its export."""
    return frame[["bucket_start", "bucket_end", "is_complete", *(level.column for level in answers.levels)]]


def draw_answers(
    frame: pd.DataFrame, answers: Answers, bucket: Bucket, longer: Range | None, chosen: str | None = None
) -> str | None:
    """Draw the counts as stacked bars, one per bucket, under title and n; returns the clicked level.

    `frame` is `cached.satisfaction_distributions`. Levels other than `chosen` are drawn pale; None draws all alike.
    Without answers, `longer` is offered. Returns None without a click.
    """
    n = total(frame, answers)
    st.markdown(f"**{answers.title}** :gray[· {formatting.count(n)}]")
    if not n:
        empty(*answers.empty, longer)
        return None
    # One key per filter, so that an old click is forgotten.
    clicked = plot.draw(
        _stacked(frame, answers, bucket, chosen, palette()),
        HEIGHT_PX,
        key=f"{answers.name}-chart-{chosen or 'all'}",
        alt=_alt(frame, answers),
        is_clickable=answers.is_clickable,
    )
    return answers.levels[clicked[0]["curve_number"]].value if clicked else None


@plot.kept
def _stacked(
    frame: pd.DataFrame, answers: Answers, bucket: Bucket, chosen: str | None, colours: Palette
) -> go.Figure:
    levels = answers.levels
    labels = time_axis.bucket_labels(frame["bucket_start"], bucket)
    sums = frame[[level.column for level in levels]].sum(axis=1)
    figure = go.Figure(
        [
            _bars(frame, level, labels, sums, colours, is_pale=chosen not in {None, level.value})
            for level in levels
        ]
    )
    time_axis.lay_time_axis(figure, frame["bucket_start"], bucket, colours)
    _style(figure, len(frame), colours)
    _name_levels(figure, frame, answers, colours, chosen)
    return figure


def total(frame: pd.DataFrame, answers: Answers) -> int:
    """The number of answers in one chart; with 0 it is not drawn."""
    return sum(int(frame[level.column].sum()) for level in answers.levels)


def _bars(
    frame: pd.DataFrame,
    level: Level,
    labels: list[str],
    sums: pd.Series,
    colours: Palette,
    *,
    is_pale: bool,
) -> go.Bar:
    counts = frame[level.column]
    colour = colours.scale[level.step]
    is_open = ~frame["is_complete"].astype(bool)
    hover = [
        f"{label}: <b>{level.on_hover}</b><br>{formatting.count(n)} of {formatting.count(of)}"
        f" · {formatting.rate(n / of if of else None)}{' so far' if unfinished else ''}"
        for label, n, of, unfinished in zip(labels, counts, sums, is_open, strict=True)
    ]
    return go.Bar(
        name=level.name,
        x=labels,
        y=[int(n) for n in counts],
        customdata=hover,
        hovertemplate="%{customdata}<extra></extra>",
        opacity=0.25 if is_pale else 1.0,
        text=[formatting.count(n) if n else "" for n in counts] if len(frame) <= NUMBERS_UP_TO else None,
        textposition="inside",
        insidetextanchor="middle",
        textangle=0,
        textfont={"color": _on(colour), "size": 11},
        marker={
            "color": colour,
            "line": {"color": colours.surface, "width": 1},
            "pattern": {
                "shape": ["/" if unfinished else "" for unfinished in is_open],
                "fillmode": "overlay",
                "fgcolor": colours.surface,
                "size": 8,
                "solidity": 0.18,
            },
        },
        selected={"marker": {"opacity": 1.0}},
        unselected={"marker": {"opacity": 1.0}},
    )


def _on(colour: str) -> str:
    """Black or white, whichever reads better on the colour."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#16181D" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "#FFFFFF"


def _style(figure: go.Figure, buckets: int, colours: Palette) -> None:
    figure.update_layout(
        margin={"r": 12, "t": 30},
        barmode="stack",
        bargap=0.3 if buckets <= NUMBERS_UP_TO else 0.12,
        uniformtext={"minsize": 10, "mode": "hide"},
    )
    value_axis.lay_value_axis(figure, colours, most=4)
    figure.update_yaxes(tickformat=",d")


def _name_levels(
    figure: go.Figure, frame: pd.DataFrame, answers: Answers, colours: Palette, chosen: str | None
) -> None:
    """Name each level once above the plot, in the order of the stack, with its share of all."""
    words = [
        f'<span style="color:{colours.scale[level.step]}">■</span> '
        f"{f'<b>{level.name}</b>' if chosen == level.value else level.name} "
        f'<span style="color:{colours.muted}">{_whole(share)}</span>'
        for level, share in zip(answers.levels, _shares(frame, answers), strict=True)
    ]
    timeseries.name_above(figure, words, color=colours.text, size=12)


def _shares(frame: pd.DataFrame, answers: Answers) -> list[float]:
    n = total(frame, answers)
    return [int(frame[level.column].sum()) / n for level in answers.levels]


def _whole(share: float) -> str:
    """A share in whole percent, so that five of them fit on a phone; escaped for Plotly."""
    return escape(formatting.rate(share, decimals=0))


def _alt(frame: pd.DataFrame, answers: Answers) -> str:
    shares = ", ".join(
        f"{level.on_hover} {formatting.rate(share)}"
        for level, share in zip(answers.levels, _shares(frame, answers), strict=True)
    )
    return f"{formatting.count(total(frame, answers))} {answers.n_unit} over time: {shares}"
