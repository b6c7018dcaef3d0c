"""The world map: visitors per country, one hue from pale to full, a click filters by the country.

Owns how the map looks. Drawn as outlines of our own in a Plotly chart: Plotly's geo charts would fetch theirs from
another host.
"""

from math import sqrt

import pandas as pd
import plotly.graph_objects as go

from analytics.geo import countries
from analytics.geo.countries import Country
from pages.components import formatting
from pages.components.charts import plot
from pages.components.theme_colors import Palette, palette, rgba

HEIGHT_PX = 270
PALEST = 0.22
LEGEND_STEPS = 24
LEGEND = (-480.0, -300.0, -164.0, -154.0)
WIDTH = (-500.0, 525.0)
HEIGHT = (-200.0, 264.0)


def draw_world(values: pd.DataFrame, *, key: str) -> str | None:
    """Draw visitors per country; returns the code of the country that was clicked, None without a click.

    Args:
        values: the rows of the dimension `country` of `cached.visitor_breakdown`.
        key: identity of the chart; with another key an old click is forgotten.
    """
    colours = palette()
    visitors = dict(zip(values["value"], values["visitors"], strict=True))
    on_map = {country.code for country in countries.countries() if country.code}
    most = max((count for code, count in visitors.items() if code in on_map), default=0)
    # All at once: Plotly checks every shape anew with each one added.
    shapes = [*_outlines(visitors, most, colours), *(_strip(colours) if most else ())]
    figure = go.Figure(layout={"shapes": shapes})
    figure.add_trace(_targets(visitors, values))
    if most:
        _name_strip(figure, most, colours)
    figure.update_layout(clickmode="event+select")
    # Plotly would widen a range to fit the first size it draws and keep it so after a resize; the domain it does not.
    figure.update_xaxes(visible=False, range=WIDTH, constrain="domain")
    figure.update_yaxes(visible=False, range=HEIGHT, scaleanchor="x", scaleratio=1, constrain="domain")
    points = plot.draw(figure, HEIGHT_PX, key=key, alt=_alt(values), is_clickable=True)
    return points[0]["customdata"][0] if points else None


def _targets(visitors: dict[str, int], values: pd.DataFrame) -> go.Scatter:
    """Points that cannot be seen, all over each country that has visitors: what hovering and clicking find."""
    shares = dict(zip(values["value"], values["visitors_ratio"], strict=True))
    found: list[tuple[float, float, Country]] = [
        (x, y, country)
        for country in countries.countries()
        if country.code and visitors.get(country.code)
        for x, y in country.points
    ]
    invisible = {"marker": {"opacity": 0}}
    return go.Scatter(
        x=[x for x, _, _ in found],
        y=[y for _, y, _ in found],
        customdata=[
            [
                country.code,
                countries.name_of(country.code),
                _people(visitors[country.code]),
                formatting.rate(shares[country.code]),
            ]
            for _, _, country in found
        ],
        mode="markers",
        marker={"size": 9, "opacity": 0},
        selected=invisible,
        unselected=invisible,
        hovertemplate="<b>%{customdata[1]}</b><br>%{customdata[2]} · %{customdata[3]}<extra></extra>",
    )


def _fill(count: int, most: int, colours: Palette) -> str:
    """The colour of a count: by its root, so that a country with a quarter of the visitors has half of the colour."""
    if not count:
        return _mixed(colours.land, colours.surface, 0.55 if not colours.is_dark else 0.35)
    return _mixed(colours.surface, colours.accent, PALEST + (1 - PALEST) * sqrt(count / most))


def _mixed(start: str, end: str, part: float) -> str:
    both = zip(rgba(start)[:3], rgba(end)[:3], strict=True)
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in both)


def _outlines(visitors: dict[str, int], most: int, colours: Palette) -> list[dict[str, object]]:
    return [
        {
            "type": "path",
            "path": country.path,
            "layer": "below",
            "fillcolor": _fill(visitors.get(country.code, 0) if country.code else 0, most, colours),
            "line": {"width": 0.5, "color": colours.surface},
        }
        for country in countries.countries()
    ]


def _strip(colours: Palette) -> list[dict[str, object]]:
    """The legend: from one visitor to the most, in the empty south of the Pacific."""
    left, right, low, high = LEGEND
    step = (right - left) / LEGEND_STEPS
    return [
        {
            "type": "rect",
            "x0": left + number * step,
            "x1": left + (number + 1) * step + 0.5,
            "y0": low,
            "y1": high,
            "line": {"width": 0},
            "fillcolor": _mixed(
                colours.surface, colours.accent, PALEST + (1 - PALEST) * number / (LEGEND_STEPS - 1)
            ),
        }
        for number in range(LEGEND_STEPS)
    ]


def _name_strip(figure: go.Figure, most: int, colours: Palette) -> None:
    """One end under the strip and the other above it, so that they do not touch where the map is small."""
    left, right, low, high = LEGEND
    ends = (
        (left, low - 2, "left", "top", "1 visitor"),
        (right, high, "right", "bottom", formatting.count(most)),
    )
    for x, y, across, along, text in ends:
        figure.add_annotation(
            x=x,
            y=y,
            text=text,
            xanchor=across,
            yanchor=along,
            showarrow=False,
            font={"size": 11, "color": colours.muted},
        )


def _people(visitors: int) -> str:
    return "1 visitor" if visitors == 1 else f"{formatting.count(visitors)} visitors"


def _alt(values: pd.DataFrame) -> str:
    top = ", ".join(
        f"{countries.name_of(code)} {formatting.count(count)}"
        for code, count in zip(values["value"].head(3), values["visitors"].head(3), strict=True)
    )
    known = int((values["value"] != "").sum())
    return f"World map of visitors by country, {known} countries: {top}"
