"""The world map: visitors per country, one hue from pale to full, a click filters by the country.

Owns how the map looks. The browser reads the outlines from this host (`static/countries.geojson`).
"""

from collections.abc import Mapping
from math import sqrt
from typing import Final

import pandas as pd
import plotly.graph_objects as go

from analytics.geo import countries
from analytics.geo.countries import Country
from pages.components import formatting
from pages.components.charts import plot
from pages.components.theme_colors import Palette, palette, rgba

HEIGHT_PX: Final = 270
PALEST: Final = 0.22
NEAR_PX: Final = 1
"""How far beside the dot of a small country the pointer still finds it."""
OUTLINES: Final = "app/static/countries.geojson"
OPAQUE: Final = {"marker": {"opacity": 1}}
INVISIBLE: Final = {"marker": {"opacity": 0}}


def draw_world(values: pd.DataFrame, *, key: str) -> str | None:
    """Draw visitors per country; returns the code of the country that was clicked, None without a click.

    `values` are the rows of the countries in `cached.visitor_breakdown`. With another key an old click is forgotten.
    """
    columns = values[["value", "visitors", "visitors_ratio"]]
    points = plot.draw(_world(columns, palette()), HEIGHT_PX, key=key, alt=_alt(values), is_clickable=True)
    return points[0]["customdata"][0] if points else None


@plot.kept
def _world(values: pd.DataFrame, colours: Palette) -> go.Figure:
    columns = values["value"], values["visitors"], values["visitors_ratio"]
    found = {code: (count, share) for code, count, share in zip(*columns, strict=True) if code and count}
    seen = [country for country in countries.countries() if country.code in found]
    others = [country.name for country in countries.countries() if country.code not in found]
    line = {"width": 0.5, "color": colours.surface}
    figure = go.Figure()
    figure.add_choropleth(
        geojson=OUTLINES,
        featureidkey="properties.name",
        locations=others,
        z=[0] * len(others),
        colorscale=[_faded(colours.land, 0.65 if colours.is_dark else 0.45)] * 2,
        showscale=False,
        hoverinfo="skip",
        marker={"line": line},
        unselected=OPAQUE,
    )
    if seen:
        most = max(found[country.code][0] for country in seen)
        figure.add_choropleth(
            **_pointed_at(seen, found),
            # By the root: a country with a quarter of the visitors has half of the colour.
            z=[sqrt(found[country.code][0]) for country in seen],
            zmin=0,
            zmax=sqrt(most),
            colorscale=[_faded(colours.accent, PALEST), colours.accent],
            colorbar=_legend(most, colours.muted),
            marker={"line": line},
            unselected=OPAQUE,
        )
        figure.add_scattergeo(
            **_pointed_at([country for country in seen if country.is_small], found),
            locationmode="geojson-id",
            marker={"size": 8, "opacity": 0},
            selected=INVISIBLE,
            unselected=INVISIBLE,
        )
    figure.update_layout(clickmode="event+select", hoverdistance=NEAR_PX)
    figure.update_geos(
        visible=False, bgcolor="rgba(0,0,0,0)", projection_type="equal earth", lataxis_range=(-57, 84)
    )
    return figure


def _pointed_at(seen: list[Country], found: Mapping[str, tuple[int, float]]) -> dict[str, object]:
    """The countries of a trace, with what hovering says of each and clicking returns."""
    return {
        "geojson": OUTLINES,
        "featureidkey": "properties.code",
        "locations": [country.code for country in seen],
        "customdata": [
            [
                country.code,
                country.name,
                formatting.counted(found[country.code][0], "visitors"),
                formatting.rate(found[country.code][1]),
            ]
            for country in seen
        ],
        "hovertemplate": "<b>%{customdata[1]}</b><br>%{customdata[2]} · %{customdata[3]}<extra></extra>",
    }


def _faded(colour: str, alpha: float) -> str:
    return f"rgba({','.join(map(str, rgba(colour)[:3]))},{alpha})"


def _legend(most: int, colour: str) -> dict[str, object]:
    """From none to the most, in the empty south of the Pacific."""
    return {
        "orientation": "h",
        "len": 0.2,
        "x": 0.05,
        "xanchor": "left",
        "y": 0.02,
        "yanchor": "bottom",
        "thickness": 8,
        "outlinewidth": 0,
        "tickvals": [1, sqrt(most)],
        "ticktext": ["1 visitor", formatting.count(most)],
        "tickfont": {"size": 11, "color": colour},
    }


def _alt(values: pd.DataFrame) -> str:
    top = ", ".join(
        f"{countries.name_of(code)} {formatting.count(count)}"
        for code, count in zip(values["value"].head(3), values["visitors"].head(3), strict=True)
    )
    known = int((values["value"] != "").sum())
    return f"World map of visitors by country, {known} countries: {top}"
