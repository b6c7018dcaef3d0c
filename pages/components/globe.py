"""The globe: visitors per place on an opaque sphere with country outlines, night shaded, nothing from another host.

Owns the deck.gl layers. Gets rows that are ready to draw and knows nothing of where they come from.
"""

import base64
import io
from datetime import datetime
from math import cos, log2, pi, radians, sqrt

import numpy as np
import pandas as pd
import pydeck as pdk
import streamlit as st
from PIL import Image

from analytics import sun
from pages.components import formatting
from pages.components.palette import Palette, palette

COLUMNS = ["latitude", "longitude", "city", "country_code", "visitors"]
HEIGHT_PX = 640
DIAMETER_PX = 575
LATITUDE, LONGITUDE = 30.0, -18.0
STEEPEST_LATITUDE = 40.0
# Layers at one height would flicker into each other; far sides are culled, so painting in order is enough.
PAINT_IN_ORDER = {"depthCompare": "always"}
DOT_PX, DOT_GROWTH_PX = 3.0, 2.0
NIGHT_CELLS_PER_DEGREE = 0.5
NIGHT_ALPHA_LIGHT, NIGHT_ALPHA_DARK = 92, 140


def draw_globe(places: pd.DataFrame, now: datetime, *, key: str) -> None:
    """Draw visitors per place; `static/style.css` scales it to the width of its card.

    The view is the viewer's: it opens on the busiest place, and as initial view and key stay as they are, a refresh
    changes dots and never the camera.

    Args:
        places: one row per place: latitude, longitude (degrees), city, country_code, visitors. Empty draws the bare globe.
        now: the instant whose night is shaded.
        key: identity of the chart across refreshes.
    """
    colours = palette()
    dots = [_dot(*row) for row in places[COLUMNS].itertuples(index=False, name=None)]
    deck = pdk.Deck(
        layers=[*_world(colours), _night(colours, now), *_dots(colours, dots)],
        views=[pdk.View(type="_GlobeView", controller=True)],
        initial_view_state=_initial_view(places, key),
        map_provider=None,
        parameters={"cull": True},
        tooltip={"text": "{place}\n{label}"},
    )
    total = int(places["visitors"].sum()) if len(places) else 0
    alt = f"Globe with {formatting.count(total)} visitors in {formatting.count(len(places))} places"
    with st.container(key="globe-view"):
        st.pydeck_chart(deck, height=HEIGHT_PX, key=key, alt=alt)


def _initial_view(places: pd.DataFrame, key: str) -> pdk.ViewState:
    """The view that the globe of that key opened with; the busiest place decides it once."""
    remembered = f"view-{key}"
    if remembered not in st.session_state:
        busiest = places.nlargest(1, "visitors")
        latitude, longitude = (
            (float(busiest["latitude"].iloc[0]), float(busiest["longitude"].iloc[0]))
            if len(busiest)
            else (LATITUDE, LONGITUDE)
        )
        st.session_state[remembered] = max(-STEEPEST_LATITUDE, min(latitude, STEEPEST_LATITUDE)), longitude
    latitude, longitude = st.session_state[remembered]
    # A globe of zoom z has 512 · 2^z / π pixels across. What deck.gl shows of it, seen from near and corrected for the
    # latitude in the middle, was measured: 78 % at the equator, 85 % at 30 degrees, 91 % at 40.
    shown = 0.78 / cos(radians(latitude)) ** 0.55
    zoom = log2(DIAMETER_PX / shown * pi / 512)
    return pdk.ViewState(latitude=latitude, longitude=longitude, zoom=zoom)


def _dot(latitude: float, longitude: float, city: str, country_code: str, visitors: int) -> dict[str, object]:
    # The area of a dot grows with its visitors, so the eye compares amounts and not widths.
    radius = DOT_PX + DOT_GROWTH_PX * sqrt(visitors)
    return {
        "position": [longitude, latitude],
        "radius": radius,
        "halo": radius * 2.1,
        "place": formatting.place(city, country_code),
        "label": "1 visitor" if visitors == 1 else f"{formatting.count(visitors)} visitors",
    }


def _world(colours: Palette) -> list[pdk.Layer]:
    return [
        pdk.Layer(
            "SolidPolygonLayer",
            id="ocean",
            data="app/static/ocean.json",
            get_polygon="ring",
            get_fill_color=colours.rgba("ocean"),
        ),
        pdk.Layer(
            "GeoJsonLayer",
            id="land",
            data="app/static/countries.geojson",
            stroked=False,
            get_fill_color=colours.rgba("land"),
            parameters=PAINT_IN_ORDER,
        ),
        pdk.Layer(
            "GeoJsonLayer",
            id="borders",
            data="app/static/borders.geojson",
            filled=False,
            get_line_color=colours.rgba("border"),
            get_line_width=0.7,
            line_width_units="'pixels'",
            parameters=PAINT_IN_ORDER,
        ),
    ]


def _night(colours: Palette, now: datetime) -> pdk.Layer:
    """The shade of night as one small translucent picture, so that dusk is a gradient and costs a few kilobytes."""
    shade = sun.darkness(now, NIGHT_CELLS_PER_DEGREE)
    pixels = np.empty((*shade.shape, 4), dtype=np.uint8)
    pixels[..., :3] = colours.rgba("night")[:3]
    pixels[..., 3] = np.round(shade * (NIGHT_ALPHA_DARK if colours.is_dark else NIGHT_ALPHA_LIGHT))
    png = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(png, "PNG", optimize=True)
    picture = "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()
    return pdk.Layer(
        "BitmapLayer",
        id="night",
        image=pdk.types.String(picture),
        bounds=[-180, -90, 180, 90],
        parameters=PAINT_IN_ORDER,
    )


def _dots(colours: Palette, dots: list[dict[str, object]]) -> list[pdk.Layer]:
    def layer(name: str, radius: str, alpha: int, **options: object) -> pdk.Layer:
        return pdk.Layer(
            "ScatterplotLayer",
            id=name,
            data=dots,
            get_position="position",
            get_radius=radius,
            radius_units="'pixels'",
            get_fill_color=colours.rgba("accent", alpha),
            parameters=PAINT_IN_ORDER,
            **options,
        )

    return [
        layer("halo", "halo", 56),
        layer("visitors", "radius", 235, pickable=True, auto_highlight=True),
    ]
