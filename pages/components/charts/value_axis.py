"""The value axis of a chart: its look, its range, and its ticks for durations."""

import pandas as pd
import plotly.graph_objects as go

from pages.components.theme_colors import Palette

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
