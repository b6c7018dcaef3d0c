"""Controls of the globe: visible side, home, + and −, the busiest places, and the redraw after a lost WebGL context.

Owns the data sent to static/globe.js and the answers from it. The view of the globe stays in the browser.
"""

from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime
from typing import TypedDict

import pandas as pd
import streamlit as st

from analytics.geo.cells import Cell
from pages.components import ASSETS
from pages.components.charts import globe
from pages.components.selection import filters
from pages.components.theme_colors import Palette

BUSIEST = 6


class Place(TypedDict):
    """One of the busiest places; `name` is untrusted text."""

    cell: str
    name: str
    visitors: int
    latitude: float
    longitude: float


class Spot(TypedDict):
    """Position of the chosen cell."""

    cell: str
    latitude: float
    longitude: float


class Data(TypedDict):
    """Data for static/globe.js. `dots`: longitude, latitude, visitors. `home`: a view of deck.gl."""

    home: dict[str, float]
    dots: list[list[float]]
    places: list[Place]
    chosen: Spot | None
    clock: str | None
    has_globe: bool


_component = st.components.v2.component(
    "globe",
    html=(ASSETS / "globe.html").read_text("utf-8"),
    css=(ASSETS / "globe.css").read_text("utf-8"),
    js=(ASSETS / "globe.js").read_text("utf-8"),
)


def draw_globe(
    levels: Sequence[pd.DataFrame],
    now: datetime,
    chosen: Cell | None,
    *,
    key: str,
    colours: Palette,
    clock: str | None = None,
) -> None:
    """Draw the globe if the browser has WebGL, its legend, and the row of buttons and places under it.

    The globe turns to `chosen` when it changes. `clock` is the timezone of the clock in wall mode, where the globe
    turns by itself while unused and no place can be chosen; None outside wall mode.
    """
    with st.container(key="globe", gap="xsmall"):
        if has_webgl(key):
            globe.draw_globe(levels, now, key=key, chosen=chosen, colours=colours)
            if clock is None:
                st.html(globe.legend(colours, globe.most_of(levels)))
        _component(
            key=f"globe-controls-{key}",
            data=data_of(levels, chosen, key, clock=clock),
            default={"has_webgl": True},
            on_has_webgl_change=lambda: None,
            on_place_change=lambda: _choose(key),
            on_anew_change=lambda: globe.draw_anew(key),
        )


def has_webgl(key: str) -> bool:
    """Whether the browser can draw the globe; True until it reports otherwise."""
    state = st.session_state.get(f"globe-controls-{key}")
    return bool(state.get("has_webgl", True)) if isinstance(state, Mapping) else True


def data_of(
    levels: Sequence[pd.DataFrame], chosen: Cell | None, key: str, *, clock: str | None = None
) -> Data:
    """The data for static/globe.js; arguments as for `draw_globe`."""
    nearest = levels[-1]
    view = globe.initial_view(levels[0], key)
    latitude, longitude, _visitors = globe.whereabouts(chosen, levels) if chosen else (0.0, 0.0, 0)
    return {
        "home": {"latitude": view.latitude, "longitude": view.longitude, "zoom": view.zoom},
        "dots": [
            [round(float(east), 2), round(float(north), 2), int(visitors)]
            for east, north, visitors in zip(
                nearest["longitude"], nearest["latitude"], nearest["visitors"], strict=True
            )
        ],
        "places": []
        if clock
        else [_place(row) for row in nearest.nlargest(BUSIEST, "visitors").to_dict("records")],
        "chosen": {"cell": str(chosen), "latitude": latitude, "longitude": longitude} if chosen else None,
        "clock": clock,
        "has_globe": has_webgl(key),
    }


def _place(cluster: Mapping[Hashable, object]) -> Place:
    return {
        "cell": str(cluster["cell"]),
        "name": globe.name_of(cluster, 48),
        "visitors": int(str(cluster["visitors"])),
        "latitude": float(str(cluster["latitude"])),
        "longitude": float(str(cluster["longitude"])),
    }


def _choose(key: str) -> None:
    """Filter by the clicked place, or remove the filter if it is the chosen one."""
    cell = st.session_state[f"globe-controls-{key}"].get("place")
    if isinstance(cell, str):
        filters.write_toggled("place", cell)
