"""Countries: names, outlines on a flat map, and points on that map for the pointer.

Outlines are read from a file once and cached (Natural Earth, public domain, from world-atlas). The map is in the Equal
Earth projection, which keeps areas in proportion.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Final, cast

import numpy as np
import numpy.typing as npt

from analytics import ROOT
from analytics.geo.country_codes import folded

Floats = npt.NDArray[np.float64]

OUTLINES: Final = ROOT / "static" / "countries.geojson"
SOUTHERNMOST: Final = -57.0
"""Latitude where the map ends: Antarctica has no visitors, and without it the map is larger."""

NAMES_OFF_THE_MAP: Final = {
    "AQ": "Antarctica",
    "BQ": "Bonaire, Sint Eustatius and Saba",
    "BV": "Bouvet Island",
    "CC": "Cocos Islands",
    "CX": "Christmas Island",
    "GI": "Gibraltar",
    "TK": "Tokelau",
    "TV": "Tuvalu",
    "UM": "U.S. Minor Outlying Islands",
    "YT": "Mayotte",
}
"""Countries by ISO 3166 that have no outline of their own."""

CODES_BY_NAME: Final = {"Kosovo": "XK"}
"""Codes in common use that Natural Earth leaves out."""

UNKNOWN: Final = "Unknown"

SCALE: Final = 200
"""Units of the map per unit of the projection: a map 1,080 wide, whose outlines are drawn in whole units."""

GRID: Final = 9
"""Distance of two neighbouring points of a country, in units of the map."""

SMALLEST_RING: Final = 9.0
"""Islands below this area, in square units, are left out of a country that has larger parts."""

_A: Final = (1.340264, -0.081106, 0.000893, 0.003796)


@dataclass(frozen=True, slots=True)
class Country:
    """One country on the map.

    Attributes:
        code: ISO 3166 alpha-2; empty for an area without one.
        name: In English.
        path: Its outline as an SVG path, in units of the map.
        points: Places inside it, (x, y) in units of the map; at least one.
    """

    code: str
    name: str
    path: str
    points: tuple[tuple[float, float], ...]


def equal_earth(longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
    """Projects degrees to units of the map, after Šavrič, Patterson and Jenny (2018).

    >>> x, y = equal_earth(np.array([0.0, 180.0]), np.array([90.0, 0.0]))
    >>> [round(float(value)) for value in (*x, *y)]
    [0, 541, 263, 0]
    """
    theta = np.arcsin(np.sqrt(3) / 2 * np.sin(np.radians(latitude)))
    a1, a2, a3, a4 = _A
    square = theta**2
    sixth = square**3
    x = (
        2
        * np.sqrt(3)
        * np.radians(longitude)
        * np.cos(theta)
        / (3 * (9 * a4 * sixth * square + 7 * a3 * sixth + 3 * a2 * square + a1))
    )
    y = theta * (a4 * sixth * square + a3 * sixth + a2 * square + a1)
    return x * SCALE, y * SCALE


@cache
def countries() -> tuple[Country, ...]:
    """All countries north of `SOUTHERNMOST`, largest first, so that a country inside another is drawn over it."""
    features = json.loads(OUTLINES.read_text(encoding="utf-8"))["features"]
    found = []
    for feature in features:
        rings = [
            np.column_stack(equal_earth(*np.array(ring, dtype=np.float64)[:, :2].T))
            for polygon in feature["geometry"]["coordinates"]
            for ring in polygon
            if np.array(ring)[:, 1].mean() > SOUTHERNMOST
        ]
        if rings:
            areas = [_area(ring) for ring in rings]
            kept = [
                ring
                for ring, area in zip(rings, areas, strict=True)
                if area >= min(SMALLEST_RING, max(areas))
            ]
            name = feature["properties"]["name"]
            code = feature["properties"]["code"] or CODES_BY_NAME.get(name, "")
            largest = kept[int(np.argmax([_area(ring) for ring in kept]))]
            found.append((sum(areas), Country(code, name, _path(kept), _points(kept, largest))))
    return tuple(country for _area_of, country in sorted(found, key=lambda each: -each[0]))


@cache
def names() -> dict[str, str]:
    """Country names by code; of two areas with the same code, the name of the larger."""
    return NAMES_OFF_THE_MAP | {
        country.code: country.name for country in reversed(countries()) if country.code
    }


def name_of(code: str) -> str:
    """The name of a country; its code where it has no name, "Unknown" where it is not known.

    >>> [name_of(code) for code in ("DE", "na", "XK", "ZZ", "", "EU", "<b>")]
    ['Germany', 'Namibia', 'Kosovo', 'ZZ', 'Unknown', 'Unknown', 'Unknown']
    """
    country = folded(code)
    return names().get(country, country) or UNKNOWN


def _area(ring: Floats) -> float:
    x, y = ring.T
    return float(abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2)


def _path(rings: list[Floats]) -> str:
    """Rings as one SVG path; neighbours that round to the same point are merged."""
    parts = []
    for ring in rings:
        rounded = np.round(ring)
        moved = np.append(True, np.any(np.diff(rounded, axis=0) != 0, axis=1))
        if moved.sum() < 4:
            rounded, moved = np.round(ring, 2), np.full(len(ring), fill_value=True)
        parts.append("M" + "L".join(f"{x:g},{y:g}" for x, y in rounded[moved]) + "Z")
    return "".join(parts)


def _points(rings: list[Floats], largest: Floats) -> tuple[tuple[float, float], ...]:
    """Grid points inside the outline; the middle of its largest part when there are none."""
    inside: list[tuple[float, float]] = []
    for ring in rings:
        low, high = ring.min(axis=0), ring.max(axis=0)
        xs = np.arange(np.ceil(low[0] / GRID), high[0] / GRID) * GRID
        ys = np.arange(np.ceil(low[1] / GRID), high[1] / GRID) * GRID
        grid = np.array([(x, y) for x in xs for y in ys], dtype=np.float64).reshape(-1, 2)
        inside.extend((round(float(x)), round(float(y))) for x, y in grid[_is_inside(grid, ring)])
    if inside:
        return tuple(inside)
    middle = (largest.min(axis=0) + largest.max(axis=0)) / 2
    return (cast("tuple[float, float]", tuple(round(float(value), 1) for value in middle)),)


def _is_inside(points: Floats, ring: Floats) -> npt.NDArray[np.bool_]:
    """Whether each point lies inside the ring: a ray from it crosses the ring an odd number of times."""
    x, y = points[:, :1], points[:, 1:]
    x1, y1 = ring.T
    x2, y2 = np.roll(x1, -1), np.roll(y1, -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        crosses = ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return cast("npt.NDArray[np.bool_]", crosses.sum(axis=1) % 2 == 1)
