"""The value axis of a chart: its look, its range, and its ticks for durations."""

import pandas as pd
import plotly.graph_objects as go

from analytics.kpis.declarations import Kind
from pages.components import formatting
from pages.components.theme_colors import Palette

GOAL_TIMES = 3
"""A goal up to this many times the highest value is drawn."""

_SECONDS = (1, 2, 5, 10, 15, 30)
_DURATION_STEPS = (
    *_SECONDS,
    *(60 * step for step in _SECONDS),
    *(3600 * step for step in (1, 2, 3, 6, 12)),
    *(86_400 * step for step in (1, 2, 5, 10, 20, 50, 100)),
)


def highest_of(now_rows: pd.DataFrame, past_rows: pd.DataFrame, *columns: str) -> float:
    """The highest value for the axis; 0.0 without values.

    The previous period is cut at the same point as the current one, so its last bucket may rest on few observations. If its
    value is more than twice as high as all others, it would flatten the chart: it is ignored here, and `up_to` removes it.
    """
    is_whole = past_rows["is_complete"].astype(bool)
    whole, cut = (
        pd.concat([rows[column] for rows in each for column in columns]).dropna()
        for each in ((now_rows, past_rows[is_whole]), (past_rows[~is_whole],))
    )
    if whole.empty:
        return float(cut.max()) if len(cut) else 0.0
    return float(pd.concat([whole, cut[cut <= 2 * whole.max()]]).max())


def with_goal(highest: float, limits: tuple[float | None, ...], kind: Kind) -> tuple[float, str]:
    """The highest value for the axis with the line of a goal, and the line's name; both as without it if there is no goal.

    A goal of more than three times the highest value would flatten the chart: its name then says that it is above.

    >>> with_goal(200.0, (None, 300.0), "duration"), with_goal(60.0, (300.0,), "duration"), with_goal(60.0, (), "duration")
    ((300.0, 'goal 5 m'), (60.0, 'goal 5 m, above the chart'), (60.0, ''))
    """
    known = [limit for limit in limits if limit is not None]
    if not known:
        return highest, ""
    name = f"goal {formatting.value_of(kind, known[-1])}"
    if known[-1] > GOAL_TIMES * highest > 0:
        return highest, f"{name}, above the chart"
    return max(highest, *(limit for limit in known if limit <= GOAL_TIMES * highest or highest == 0)), name


def up_to(values: pd.Series, highest: float) -> pd.Series:
    """The values up to `highest`; NaN for higher ones."""
    return values.where(values <= highest)


def axis_range(highest: float) -> list[float]:
    """The range of the axis: from zero to a little above the highest value."""
    return [0.0, highest * 1.06 or 1.0]


def duration_ticks(highest: float, most: int = 5) -> list[float]:
    """At most `most` round durations above zero, up to the highest value."""
    step = next((step for step in _DURATION_STEPS if highest / step <= most), _DURATION_STEPS[-1])
    return [float(tick * step) for tick in range(int(highest // step) + 1)]


def lay_value_axis(figure: go.Figure, colours: Palette, most: int = 5) -> None:
    """Lay out all value axes of a chart: from zero, with a faint grid and at most `most` ticks."""
    figure.update_yaxes(
        rangemode="tozero",
        gridcolor=colours.grid,
        gridwidth=1,
        tickfont={"color": colours.muted},
        automargin=True,
        nticks=most,
    )
