"""Sums up the current visitors of a website from its visitors by place. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

PLACES: Final = 6
"""How many cities are named."""


@dataclass(frozen=True, slots=True)
class RightNow:
    """Current visitors of a website.

    Attributes:
        visitors: How many, including visitors without a place.
        places: The cities with most visitors and their counts, most first; visitors without a city are left out.
        unplaced: Visitors without coordinates, which the globe cannot show.
    """

    visitors: int
    places: tuple[tuple[str, int], ...]
    unplaced: int = 0


def right_now(locations: pd.DataFrame) -> RightNow:
    """Counts `schemas.VISITOR_LOCATIONS` and names the cities with most of them; 0 and no city without visitors."""
    named = locations[locations["city"] != ""]
    cities: pd.DataFrame = named.groupby(["city", "country_code"])["visitors"].sum().reset_index()
    # By count, then by name, so that equal counts always give the same cities.
    first = cities.sort_values(["visitors", "city"], ascending=[False, True]).head(PLACES)
    named_first = tuple(
        (str(city), int(count)) for city, count in zip(first["city"], first["visitors"], strict=True)
    )
    unplaced = locations.loc[locations["latitude"].isna(), "visitors"].sum()
    return RightNow(int(locations["visitors"].sum()), named_first, int(unplaced))
