"""How every Plotly chart is drawn: no legend, no zoom, no toolbar, what was clicked as a list.

Owns the template. Colours of the hover box are Streamlit's, which writes its theme over a template.
"""

from __future__ import annotations

from typing import Final, TypedDict, cast

import plotly.graph_objects as go
import streamlit as st

TEMPLATE: Final = go.layout.Template(
    layout={
        "showlegend": False,
        "dragmode": False,
        "hovermode": "closest",
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "xaxis": {"fixedrange": True, "zeroline": False, "showgrid": False},
        "yaxis": {"fixedrange": True, "zeroline": False},
    }
)
CONFIG: Final = {
    # Its picture is `export.offer`'s: Plotly's own has another typeface, and names neither website nor dates.
    "displayModeBar": False,
    "scrollZoom": False,
    "doubleClick": False,
    # Plotly asks for its own outlines, world_110m.json, also where a map has others; from this host it gets none.
    "topojsonURL": "app/static/",
}


class Point(TypedDict):
    """A mark that was clicked; `customdata` only where the trace has some."""

    curve_number: int
    point_index: int
    customdata: list[str]


class _Points(TypedDict):
    points: list[Point]


class _Event(TypedDict):
    selection: _Points


def draw(figure: go.Figure, height_px: int, *, key: str, alt: str, is_clickable: bool = False) -> list[Point]:
    """Draw a chart; returns what was clicked, empty without a click.

    Args:
        figure: The chart; its layout goes before the template's.
        height_px: How high it is.
        key: Identity of the chart across reruns; with another key an old click is forgotten.
        alt: What it shows, in words.
        is_clickable: Whether a click runs the page again.
    """
    figure.update_layout(template=TEMPLATE)
    event = st.plotly_chart(
        figure,
        key=key,
        height=height_px,
        config=CONFIG,
        alt=alt,
        on_select="rerun" if is_clickable else "ignore",
        selection_mode="points",
    )
    return cast("_Event", event)["selection"]["points"] if is_clickable else []
