"""Draws every Plotly chart: no legend, no zoom, no toolbar; returns the clicked points.

Owns the template. The hover box has Streamlit's colours: its theme overrides the template there.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypedDict, cast

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from analytics.kpis.declarations import KpiDeclaration
from analytics.kpis.satisfaction.attribution import Attribution

P = ParamSpec("P")

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
FIGURES: Final = 32
"""Figures that are kept of each kind; the least recently used goes first."""


class Point(TypedDict):
    """A clicked mark; `customdata` only if the trace has it."""

    curve_number: int
    point_index: int
    customdata: list[str]


class _Points(TypedDict):
    points: list[Point]


class _Event(TypedDict):
    selection: _Points


def kept(build: Callable[P, go.Figure]) -> Callable[P, go.Figure]:
    """Builds a figure once for all panels and viewers with the same arguments; do not change it.

    Plotly checks each property that it is given, which takes longer than all else that a chart needs.
    """

    # By their text: Streamlit would look into the functions that a KPI consists of. Frames by their bytes, which takes
    # 0.1 ms where Streamlit's hash of each cell takes 2.6.
    @st.cache_resource(
        max_entries=FIGURES,
        show_spinner=False,
        hash_funcs={Attribution: repr, KpiDeclaration: repr, pd.DataFrame: pickle.dumps},
    )
    @wraps(build)
    def figure(*args: P.args, **kwargs: P.kwargs) -> go.Figure:
        return build(*args, **kwargs).update_layout(template=TEMPLATE)

    return figure


def draw(figure: go.Figure, height_px: int, *, key: str, alt: str, is_clickable: bool = False) -> list[Point]:
    """Draw a chart; returns the clicked points, empty without a click.

    `figure` is a `kept` one. A new key forgets an old click; `is_clickable` reruns the page at one.
    """
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
