"""Draws every Plotly chart: no legend, no zoom, no toolbar; returns the clicked points.

Owns the template. The hover box has Streamlit's colours: its theme overrides the template there.
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
        "annotationdefaults": {"xref": "paper", "yref": "paper", "showarrow": False},
    }
)
CONFIG: Final = {
    # `export.offer` makes the picture: Plotly's own has another typeface, and no website and dates.
    "displayModeBar": False,
    "scrollZoom": False,
    "doubleClick": False,
    # Plotly asks for its own outlines, world_110m.json, also where a map has others; from this host it gets none.
    "topojsonURL": "app/static/",
}


class Point(TypedDict):
    """A clicked mark; `customdata` only if the trace has it."""

    curve_number: int
    point_index: int
    customdata: list[str]


class _Points(TypedDict):
    points: list[Point]


class _Event(TypedDict):
    selection: _Points


def draw(figure: go.Figure, height_px: int, *, key: str, alt: str, is_clickable: bool = False) -> list[Point]:
    """Draw a chart; returns the clicked points, empty without a click.

    The chart's layout overrides the template's. A new key forgets an old click; `is_clickable` reruns the page at one.
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
