"""The axis of values: how it looks, how high it reaches, and its ticks where they are durations."""

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
    """The highest value that an axis has to hold; 0.0 without values.

    A bucket of the period before that is cut where the current one stands now may rest on a single value: where it is more
    than twice as high as all others it would flatten them, and `up_to` leaves it out.
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
    """The values that an axis up to `highest` holds; NaN in place of others."""
    return values.where(values <= highest)


def axis_range(highest: float) -> list[float]:
    """From zero to a little over the highest value."""
    return [0.0, highest * 1.06 or 1.0]


def duration_ticks(highest: float, most: int = 5) -> list[float]:
    """At most so many round durations above zero, up to the highest value."""
    step = next((step for step in _DURATION_STEPS if highest / step <= most), _DURATION_STEPS[-1])
    return [float(tick * step) for tick in range(int(highest // step) + 1)]


def lay_value_axis(figure: go.Figure, colours: Palette, most: int = 5) -> None:
    """Lay out all value axes of a chart: from zero, on a faint grid, with at most so many ticks."""
    figure.update_yaxes(
        rangemode="tozero",
        gridcolor=colours.grid,
        gridwidth=1,
        tickfont={"color": colours.muted},
        automargin=True,
        nticks=most,
    )
