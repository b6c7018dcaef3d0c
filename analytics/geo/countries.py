"""Countries: code and name of each that is on the map, and the names of those that are not.

Read once from the file whose outlines the browser draws (Natural Earth, public domain, from world-atlas).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Final

from analytics import ROOT
from analytics.geo.country_codes import folded

OUTLINES: Final = ROOT / "static" / "countries.geojson"

NAMES_OFF_THE_MAP: Final = {
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

UNKNOWN: Final = "Unknown"


@dataclass(frozen=True, slots=True)
class Country:
    """One country on the map.

    Attributes:
        code: ISO 3166 alpha-2, and XK for Kosovo; empty for an area without one.
        name: In English.
        is_small: Whether it covers less than about 100,000 km²: too little for a pointer.
    """

    code: str
    name: str
    is_small: bool


@cache
def countries() -> tuple[Country, ...]:
    """All countries with an outline, largest first."""
    features = json.loads(OUTLINES.read_text(encoding="utf-8"))["features"]
    return tuple(Country(**feature["properties"]) for feature in features)


@cache
def names() -> dict[str, str]:
    """Country names by code."""
    return NAMES_OFF_THE_MAP | {country.code: country.name for country in countries() if country.code}


def name_of(code: str) -> str:
    """The name of a country; its code where it has no name, "Unknown" where it is not known.

    >>> [name_of(code) for code in ("DE", "na", "XK", "ZZ", "", "EU", "<b>")]
    ['Germany', 'Namibia', 'Kosovo', 'ZZ', 'Unknown', 'Unknown', 'Unknown']
    """
    country = folded(code)
    return names().get(country, country) or UNKNOWN
