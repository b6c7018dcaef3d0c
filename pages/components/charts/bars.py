"""Bars with a line of text above each, in one figure: the funnel, the components of an index.

Owns the positions of text and bars, in pixels from the top. Does not know what they mean.
"""

import plotly.graph_objects as go

from pages.components.charts import plot
from pages.components.theme_colors import Palette

TEXT_PX = 24
FONT_PX = 13


def add_bar(
    figure: go.Figure,
    share: float,
    middle: float,
    thickness: float,
    colours: Palette,
    *,
    marker: dict[str, object] | None = None,
    hover: str | None = None,
) -> None:
    """Add a bar on its track: filled to `share` (0..1), its middle and thickness in pixels.

    `middle` counts from the top. Without a `marker` the bar has the accent colour.
    """
    place = {"y": [middle], "width": thickness, "orientation": "h"}
    track = {"color": colours.grid, "opacity": 0.55, "cornerradius": 3}
    figure.add_bar(x=[1], marker=track, hoverinfo="skip", **place)
    figure.add_bar(
        x=[share],
        marker=marker or {"color": colours.accent, "cornerradius": 3},
        hovertext=[hover],
        **({"hovertemplate": "%{hovertext}<extra></extra>"} if hover else {"hoverinfo": "skip"}),
        **place,
    )


def write(figure: go.Figure, text: str, bottom: float, colour: str, *, right_px: int | None = None) -> None:
    """Write a line of text, its bottom `bottom` pixels from the top: at the left, or `right_px` from the right edge."""
    figure.add_annotation(
        text=text,
        x=0 if right_px is None else 1,
        xanchor="left" if right_px is None else "right",
        xshift=-(right_px or 0),
        y=bottom,
        yref="y",
        yanchor="bottom",
        borderpad=0,
        font={"color": colour, "size": FONT_PX},
    )


def draw(figure: go.Figure, height_px: int, *, key: str, alt: str) -> None:
    """Draw the figure with that height."""
    figure.update_layout(barmode="overlay", hoverlabel_align="left")
    figure.update_xaxes(visible=False, range=[0, 1])
    figure.update_yaxes(visible=False, range=[height_px, 0])
    plot.draw(figure, height_px, key=key, alt=alt)
