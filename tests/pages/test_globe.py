"""The globe: data sent to the browser, clicks, and colours that are distinguishable for all viewers."""

import json
import re
from datetime import UTC, datetime
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pydeck as pdk
import pytest

from analytics.geo.cells import LEVELS, Cell, zoom_levels
from pages.components.charts import globe
from pages.components.panels import globe_controls
from pages.components.theme_colors import Palette, palette

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MOST_BYTES = 300_000


def _everywhere(number: int, city: str = "Some Middle-sized City") -> pd.DataFrame:
    """So many visitors, each at a place of their own, evenly over the sphere."""
    dice = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "latitude": np.degrees(np.arcsin(dice.uniform(-1, 1, number))),
            "longitude": dice.uniform(-180, 180, number),
            "city": city,
            "country_code": "US",
            "visitors": 1,
        }
    )


def _json(locations: pd.DataFrame, chosen: Cell | None = None) -> str:
    deck = globe.deck_of(zoom_levels(locations), NOON, pdk.ViewState(), chosen, palette())
    return str(deck.to_json())


@pytest.mark.parametrize(
    "city", ["Some Middle-sized City", "<%#{x}>" * 40, "Ærøskøbing" * 20], ids=["usual", "odd", "long"]
)
def test_a_hundred_thousand_visitors_are_less_than_300_kb(city: str) -> None:
    """100,000 visitors at 100,000 places: bounded bytes, and every level still counts each of them."""
    text = _json(_everywhere(100_000, city))
    assert len(text.encode()) < MOST_BYTES
    layers = [layer for layer in json.loads(text)["layers"] if layer["id"].startswith("visitors-")]
    assert len(layers) == len(LEVELS)
    for layer in layers:
        features = json.loads(unquote(layer["data"].split(",", 1)[1]))["features"]
        labels = [feature["properties"]["label"].split(" ")[0] for feature in features]
        assert sum(int(label.replace(",", "")) for label in labels) == 100_000


def test_one_level_is_seen_at_every_zoom() -> None:
    """The zooms of the levels meet: no distance without dots, and none with two sets of them."""
    layers = [
        layer for layer in json.loads(_json(_everywhere(10)))["layers"] if layer["id"].startswith("visitors-")
    ]
    ends = [(layer.get("visibleMinZoom"), layer.get("visibleMaxZoom")) for layer in layers]
    assert ends == [(None, 3.1), (3.1, 5.2), (5.2, None)]


def test_a_name_that_ends_a_url_ends_nothing() -> None:
    """What a visitor wrote arrives letter for letter, and breaks no data URL."""
    for city in ('%22"#?{x}&\\', "東京 \u2028"):
        layer = next(
            layer
            for layer in json.loads(_json(_everywhere(1, city)))["layers"]
            if layer["id"] == "visitors-0-0"
        )
        assert "#" not in layer["data"]
        (feature,) = json.loads(unquote(layer["data"].split(",", 1)[1]))["features"]
        assert feature["properties"]["place"] == f"{city.strip()}, US"


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (
            {"indices": {"visitors-0": [1]}, "objects": {"visitors-0": [{"properties": {"cell": "1-2-3"}}]}},
            "1-2-3",
        ),
        ({"indices": {}, "objects": {}}, None),
        ({"objects": {"visitors-0": [{"properties": {"cell": 5}}]}}, None),
        ({"objects": {"land": [{"properties": {}}]}}, None),
        ({"objects": {"x": [None, "y"]}}, None),
        ({"objects": "x"}, None),
        (None, None),
    ],
)
def test_a_click_names_a_cell_or_nothing(selection: object, expected: str | None) -> None:
    """Whatever the browser sends: text to be parsed, or no filter."""
    assert globe.clicked(selection) == expected


@pytest.mark.parametrize("most", [1, 2, 3, 10, 1000, 10**7])
def test_dots_grow_with_the_present_maximum_and_end(most: int) -> None:
    """One visitor can be seen, the most are no continent, more is never smaller, and three differ from one."""
    sizes = [
        globe.radius_px(visitors, most) for visitors in sorted({1, 2, 3, 10, 1000, most}) if visitors <= most
    ]
    assert sizes[0] >= 3
    assert sizes == sorted(sizes)
    assert max(sizes) <= 24
    assert most == 1 or max(sizes) > 2 * sizes[0]


def test_the_legend_reaches_from_one_to_the_present_maximum() -> None:
    """What it names is on the globe; the shade of night has its word."""
    numbers = {most: re.findall(r"</i>([^<]+)", globe.legend(palette(), most)) for most in (1, 3, 1500)}
    assert numbers == {1: ["1", "night"], 3: ["1", "2", "3", "night"], 1500: ["1", "39", "1,500", "night"]}


def test_what_stands_beside_the_globe_counts_whom_the_globe_shows() -> None:
    """All visitors of the nearest level, the busiest places first, and where the chosen one is."""
    levels = zoom_levels(pd.concat([_everywhere(8), _everywhere(1).assign(visitors=5, city="Busy")]))
    busiest = levels[-1].nlargest(1, "visitors").iloc[0]
    data = globe_controls.data_of(levels, Cell.parse(busiest["cell"]), "any")
    assert sum(dot[2] for dot in data["dots"]) == 13
    assert [place["visitors"] for place in data["places"]] == sorted(
        (place["visitors"] for place in data["places"]), reverse=True
    )
    assert data["chosen"] is not None
    assert data["places"][0]["cell"] == data["chosen"]["cell"] == busiest["cell"]
    assert data["chosen"]["latitude"] == pytest.approx(busiest["latitude"])
    assert globe_controls.data_of(levels, None, "any", clock="UTC")["places"] == []


def _luminance(colour: list[int]) -> float:
    parts = [part / 255 for part in colour[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
def test_the_ramp_differs_by_lightness_alone(is_dark: bool) -> None:
    """Every tenfold stands out more from land and sea; it needs no hue, so no eye is left out."""
    colours: Palette = palette(is_dark=is_dark)
    ramp = [_luminance(globe.colour_of(step, is_dark=is_dark)) for step in globe.STEPS]
    assert ramp == sorted(ramp, reverse=not is_dark)
    for ground in ("ocean", "land"):
        ground_luminance = _luminance(colours.rgba(ground))
        for dot in ramp:
            high, low = max(dot, ground_luminance), min(dot, ground_luminance)
            assert (high + 0.05) / (low + 0.05) > 3
