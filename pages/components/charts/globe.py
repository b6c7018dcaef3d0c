"""The globe: visitors per place on an opaque sphere with country outlines, night shaded, nothing from another host.

Owns the deck.gl layers and the handling of clicks on dots. Gets clusters that are ready to draw, one set per zoom range, and
does not know their source.
"""

import base64
import io
import json
from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime
from math import cos, log2, log10, pi, radians

import numpy as np
import pandas as pd
import pydeck as pdk
import streamlit as st
from PIL import Image

from analytics.geo import night as sun
from analytics.geo.cells import Cell, fullest_view
from pages.components import formatting
from pages.components.selection import filters
from pages.components.theme_colors import Palette, Rgba, palette, rgba

CANVAS = ".st-key-globe-view canvas"
HEIGHT_PX = 640
DIAMETER_PX = 575
LATITUDE, LONGITUDE = 30.0, -18.0
STEEPEST_LATITUDE = 40.0
MESH_DEGREES = 4  # Step of the sphere's mesh; a coarser mesh shows corners.
NEAREST_ZOOM, FARTHEST_ZOOM = 7.0, 1.4
# Streamlit does not report the zoom to the server, so deck.gl selects the set: each one is a tile layer with a single tile
# that covers the world, visible between two zooms only.
LEVEL_ENDS = (3.1, 5.2)
# deck.gl lowers the zoom towards the poles, to keep the size of the sphere, and below `min_zoom` it draws only the tiles of an
# extent.
ONE_TILE = {"min_zoom": 0, "max_zoom": 0, "extent": [-180, -90, 180, 90]}
# Layers at the same height would flicker. The far side is culled, so painting in order is enough.
PAINT_IN_ORDER = {"depthCompare": "always"}
# Radius and colour grow with the logarithm: one visitor stays visible, ten thousand do not cover a country. The largest
# dot grows with the maximum, so that sizes differ even if the maximum is three.
DOT_PX, TOP_PX, TOP_GROWTH_PX, LARGEST_DOT_PX = 4.0, 10.0, 3.5, 24.0
STEPS = (1, 10, 100, 1000)
# Names are cut shorter if the data would exceed MOST_BYTES, as with many non-ASCII names.
LONGEST_NAMES = (60, 30, 10)
MOST_BYTES = 280_000
RAMP_LIGHT = ("#4F46E5", "#4137B9", "#32298C", "#211A5E")
RAMP_DARK = ("#818CF8", "#A3ACFA", "#C7CDFC", "#F1F3FF")
NIGHT_CELLS_PER_DEGREE = 0.5
NIGHT_ALPHA_LIGHT, NIGHT_ALPHA_DARK = 92, 140


def draw_globe(
    levels: Sequence[pd.DataFrame],
    now: datetime,
    *,
    key: str,
    chosen: Cell | None = None,
    colours: Palette | None = None,
) -> None:
    """Draw visitors per place; `static/style.css` scales it to the space available. A click on a dot toggles `place`.

    The globe opens on the busiest place. Initial view and key then stay the same, so that a refresh changes the dots but
    never the viewer's camera.

    `levels` is `cached.visitor_clusters`; empty ones draw a globe without dots. `now` decides the night side. `chosen`
    is drawn with a ring. `colours` None takes the viewer's theme.
    """
    chart = f"{key}-{st.session_state.get(f'losses-{key}', 0)}"
    with st.container(key="globe-view"):
        st.pydeck_chart(
            deck_of(levels, now, initial_view(levels[0], key), chosen, colours or palette(), _clicks(key)),
            height=HEIGHT_PX,
            key=chart,
            on_select=lambda: _follow(key, chart),
            selection_mode="single-object",
            alt=_alt(levels[-1]),
        )


def deck_of(
    levels: Sequence[pd.DataFrame],
    now: datetime,
    view: pdk.ViewState,
    chosen: Cell | None,
    colours: Palette,
    clicks: int = 0,
) -> pdk.Deck:
    """Build the deck of `draw_globe`.

    Streamlit keeps a click as a selection until its layer is gone, and does not report a second click on the same dot.
    So `clicks`, the number of clicks so far, is part of the layers' names.
    """
    ends, most = (None, *LEVEL_ENDS, None), most_of(levels)
    dots = [
        _dots(f"visitors-{number}-{clicks}", data, colours, most, ends[number], ends[number + 1])
        for number, data in enumerate(_data_urls(levels, most))
    ]
    return pdk.Deck(
        layers=[*_world(colours), _night(colours, now), *dots, _ring(chosen, levels, colours)],
        views=[pdk.View(type="_GlobeView", controller=True, resolution=MESH_DEGREES)],
        initial_view_state=view,
        map_provider=None,
        parameters={"cull": True},
        tooltip={"text": "{place}\n{label}"},
    )


def radius_px(visitors: int, most: int) -> float:
    """The radius of a dot, on a logarithmic scale from 1 to `most`, the most visitors at one place.

    >>> [radius_px(visitors, 3) for visitors in (1, 2, 3)]
    [4.0, 8.8, 11.7]
    >>> [radius_px(visitors, 10_000) for visitors in (1, 10, 1000, 10_000)]
    [4.0, 9.0, 19.0, 24.0]
    """
    largest = min(TOP_PX + TOP_GROWTH_PX * log10(max(most, 1)), LARGEST_DOT_PX)
    return round(DOT_PX + (largest - DOT_PX) * log10(visitors) / log10(max(most, 2)), 1)


def most_of(levels: Sequence[pd.DataFrame]) -> int:
    """The most visitors of any dot at any zoom; 1 without dots."""
    return max([1, *(int(level["visitors"].max()) for level in levels if len(level))])


def colour_of(visitors: int, *, is_dark: bool) -> Rgba:
    """The colour of a dot: one hue, with more contrast to the background for each factor of ten."""
    ramp = RAMP_DARK if is_dark else RAMP_LIGHT
    return rgba(ramp[sum(visitors >= step for step in STEPS) - 1], 235)


def name_of(cluster: Mapping[Hashable, object], longest: int = LONGEST_NAMES[0]) -> str:
    """The name of a cluster: its largest place, and the number of other places.

    >>> name_of({"city": "London", "country_code": "GB", "places": 3})
    'London, GB and 2 more places'
    """
    others = int(str(cluster["places"])) - 1
    name = formatting.plain(formatting.place(str(cluster["city"]), str(cluster["country_code"])), longest)
    if not others:
        return name
    return f"{name} and {formatting.count(others)} more {'place' if others == 1 else 'places'}"


def place_name(levels: Sequence[pd.DataFrame], chosen: Cell) -> str:
    """The name of the chosen cell from its current visitors; its coordinates without visitors."""
    if (cluster := _cluster(chosen, levels)) is not None:
        return name_of(cluster.to_dict())
    latitude, longitude = chosen.middle
    return (
        f"around {abs(latitude):.1f}° {'N' if latitude >= 0 else 'S'}, "
        f"{abs(longitude):.1f}° {'E' if longitude >= 0 else 'W'}"
    )


def whereabouts(chosen: Cell, levels: Sequence[pd.DataFrame]) -> tuple[float, float, int]:
    """Latitude, longitude and number of a cell's visitors; the cell's middle and 0 without visitors."""
    if (cluster := _cluster(chosen, levels)) is not None:
        return float(cluster["latitude"]), float(cluster["longitude"]), int(cluster["visitors"])
    return *chosen.middle, 0


def _cluster(chosen: Cell, levels: Sequence[pd.DataFrame]) -> pd.Series | None:
    """The cell's row in the first level that has it."""
    found = (level[level["cell"] == str(chosen)] for level in levels)
    return next((rows.iloc[0] for rows in found if len(rows)), None)


def legend(colours: Palette, most: int) -> str:
    """The legend as HTML: dots from one visitor to `most`, with their size and colour, and the night side."""
    dots = "".join(
        f'<span><i style="width:{2 * radius_px(step, most):.0f}px;height:{2 * radius_px(step, most):.0f}px;'
        f'background:rgb{tuple(colour_of(step, is_dark=colours.is_dark)[:3])}"></i>{formatting.count(step)}</span>'
        for step in sorted({1, max(1, round(most**0.5)), most})
    )
    night = f'<span><i class="night" style="background:{colours.night}"></i>night</span>'
    return f'<div class="globe-legend" style="color:{colours.muted}">{dots}<span>{"visitor" if most == 1 else "visitors"}</span>{night}</div>'


def clicked(selection: object) -> str | None:
    """The cell of the dot in a chart's selection; None without a selection.

    The selection comes from the browser: the result is untrusted text, not parsed yet.
    """
    objects = selection.get("objects", {}) if isinstance(selection, Mapping) else {}
    for chosen in objects.values() if isinstance(objects, Mapping) else ():
        for dot in chosen if isinstance(chosen, list) else ():
            properties = dot.get("properties") if isinstance(dot, Mapping) else None
            if isinstance(properties, Mapping) and isinstance(properties.get("cell"), str):
                return str(properties["cell"])
    return None


def draw_anew(key: str) -> None:
    """Make the next run draw the globe as a new chart, after the browser lost its WebGL context."""
    st.session_state[f"losses-{key}"] = int(st.session_state.get(f"losses-{key}", 0)) + 1


def _follow(key: str, chart: str) -> None:
    """Filter by the place of the clicked dot; a second click removes the filter, a click on the sea changes nothing."""
    cell = clicked(st.session_state[chart].get("selection"))
    if cell is not None:
        st.session_state[f"clicks-{key}"] = _clicks(key) + 1
        filters.write_toggled("place", cell)


def _clicks(key: str) -> int:
    """The number of clicks on dots of a globe in this session."""
    return int(st.session_state.get(f"clicks-{key}", 0))


def _alt(level: pd.DataFrame) -> str:
    places = int(level["places"].sum())
    return f"Globe with {formatting.count(int(level['visitors'].sum()))} visitors in {formatting.count(places)} places"


def initial_view(level: pd.DataFrame, key: str) -> pdk.ViewState:
    """The initial view of a globe, computed from the visitors when it is first drawn."""
    remembered = f"view-{key}"
    if remembered not in st.session_state:
        middle = fullest_view(level, STEEPEST_LATITUDE)
        st.session_state[remembered] = middle or (LATITUDE, LONGITUDE)
    latitude, longitude = st.session_state[remembered]
    # At zoom z the globe's diameter is 512 · 2^z / π pixels. The part that deck.gl shows, after its correction for the latitude
    # in the middle, was measured: 78 % at the equator, 85 % at 30 degrees, 91 % at 40.
    shown = 0.78 / cos(radians(latitude)) ** 0.55
    zoom = log2(DIAMETER_PX / shown * pi / 512)
    return pdk.ViewState(
        latitude=latitude, longitude=longitude, zoom=zoom, min_zoom=FARTHEST_ZOOM, max_zoom=NEAREST_ZOOM
    )


def _world(colours: Palette) -> list[pdk.Layer]:
    """Sea, land and borders. Tile layers, because Streamlit fades other layers while a dot is selected."""
    return [
        _outlines("ocean", "ocean", stroked=False, get_fill_color=colours.rgba("ocean")),
        _outlines("land", "countries", stroked=False, get_fill_color=colours.rgba("land")),
        _outlines(
            "borders-far",
            "borders_far",
            stroked=False,
            get_fill_color=colours.rgba("border"),
            visible_max_zoom=LEVEL_ENDS[0],
        ),
        _outlines(
            "borders",
            "borders",
            visible_min_zoom=LEVEL_ENDS[0],
            filled=False,
            get_line_color=colours.rgba("border"),
            get_line_width=0.7,
            line_width_units="'pixels'",
        ),
    ]


def _outlines(name: str, file: str, **look: object) -> pdk.Layer:
    data = f"app/static/{file}.geojson"
    return pdk.Layer("TileLayer", id=name, data=data, **ONE_TILE, **look, parameters=PAINT_IN_ORDER)


def _night(colours: Palette, now: datetime) -> pdk.Layer:
    """The night side as one small translucent picture: dusk is a gradient, at a few kilobytes."""
    shade = sun.darkness(now, NIGHT_CELLS_PER_DEGREE)
    pixels = np.empty((*shade.shape, 4), dtype=np.uint8)
    pixels[..., :3] = colours.rgba("night")[:3]
    pixels[..., 3] = np.round(shade * (NIGHT_ALPHA_DARK if colours.is_dark else NIGHT_ALPHA_LIGHT))
    png = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(png, "PNG", optimize=True)
    return pdk.Layer(
        "BitmapLayer",
        id="night",
        image=pdk.types.String("data:image/png;base64," + base64.b64encode(png.getvalue()).decode()),
        bounds=[-180, -90, 180, 90],
        parameters=PAINT_IN_ORDER,
    )


def _data_urls(levels: Sequence[pd.DataFrame], most: int) -> list[str]:
    """Each level as GeoJSON in a data URL, with the longest names that fit into `MOST_BYTES`."""
    urls: list[str] = []
    for longest in LONGEST_NAMES:
        urls = [_data_url(level, longest, most) for level in levels]
        if len(json.dumps(urls)) <= MOST_BYTES:
            break
    return urls


def _data_url(level: pd.DataFrame, longest: int, most: int) -> str:
    features = [_feature(row, longest, most) for row in level.to_dict("records")]
    collection = json.dumps(
        {"type": "FeatureCollection", "features": features}, separators=(",", ":"), ensure_ascii=False
    )
    # Escapes only the characters that end or escape a data URL, and deck.gl's placeholders, to keep it short.
    escapes = {"%": "%25", "#": "%23", "{x}": "%7Bx}", "{y}": "%7By}", "{z}": "%7Bz}", "{-y}": "%7B-y}"}
    for text, escape in escapes.items():
        collection = collection.replace(text, escape)
    return f"data:application/json,{collection}"


def _dots(
    name: str, data: str, colours: Palette, most: int, from_zoom: float | None, to_zoom: float | None
) -> pdk.Layer:
    """One set of dots, each with a translucent ring around it."""
    zooms = {"visible_min_zoom": from_zoom, "visible_max_zoom": to_zoom}
    return pdk.Layer(
        "TileLayer",
        id=name,
        data=pdk.types.String(data),
        **ONE_TILE,
        **{option: zoom for option, zoom in zooms.items() if zoom is not None},
        get_point_radius="properties.r * 1.55",
        get_line_width="properties.r * 1.1",
        point_radius_units="'pixels'",
        line_width_units="'pixels'",
        get_fill_color=_ramp(colours, most),
        get_line_color=colours.rgba("accent", 56),
        pickable=True,
        auto_highlight=True,
        highlight_color=colours.rgba("text", 90),
        parameters=PAINT_IN_ORDER,
    )


def _ramp(colours: Palette, most: int) -> str:
    """The colour of a dot as an expression that deck.gl evaluates per dot, shorter than one colour per dot."""
    *lower, highest = (str(colour_of(step, is_dark=colours.is_dark)) for step in STEPS)
    below = (
        f"properties.r < {radius_px(step, most)} ? {colour} : "
        for step, colour in zip(STEPS[1:], lower, strict=True)
    )
    return "".join(below) + highest


def _feature(cluster: Mapping[Hashable, object], longest: int, most: int) -> dict[str, object]:
    visitors = int(str(cluster["visitors"]))
    return {
        "type": "Feature",
        "geometry": {
            "type": "Point",
            "coordinates": [round(float(str(cluster[name])), 2) for name in ("longitude", "latitude")],
        },
        "properties": {
            "r": radius_px(visitors, most),
            "place": name_of(cluster, longest),
            "label": formatting.counted(visitors, "visitors"),
            "cell": cluster["cell"],
        },
    }


def _ring(chosen: Cell | None, levels: Sequence[pd.DataFrame], colours: Palette) -> pdk.Layer:
    """A ring around the place that the page is filtered by."""
    rings: list[dict[str, object]] = []
    if chosen:
        latitude, longitude, visitors = whereabouts(chosen, levels)
        size = radius_px(max(visitors, 1), most_of(levels)) + 5
        rings = [{"position": [longitude, latitude], "radius": size}]
    return pdk.Layer(
        "ScatterplotLayer",
        id="chosen",
        data=rings,
        get_position="position",
        get_radius="radius",
        radius_units="'pixels'",
        filled=False,
        stroked=True,
        get_line_color=colours.rgba("text"),
        get_line_width=2,
        line_width_units="'pixels'",
        parameters=PAINT_IN_ORDER,
    )
