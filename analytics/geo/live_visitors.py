"""Who is on a website at this moment, from its visitors by place. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

PLACES: Final = 6
"""How many cities are named."""


@dataclass(frozen=True, slots=True)
class RightNow:
    """Who is on the website at this moment.

    Attributes:
        visitors: How many, those without a place too.
        places: The cities with most visitors and their counts, most first; visitors without a city are not in it.
        unplaced: How many of the visitors have no coordinates: they are on no globe.
    """

    visitors: int
    places: tuple[tuple[str, int], ...]
    unplaced: int = 0


def right_now(locations: pd.DataFrame) -> RightNow:
    """The count and the cities with most visitors; 0 and no city without visitors.

    Args:
        locations: As in `schemas.VISITOR_LOCATIONS`.
    """
    named = locations[locations["city"] != ""]
    cities: pd.DataFrame = named.groupby(["city", "country_code"])["visitors"].sum().reset_index()
    # By count, then by name: two readings of the same visitors name the same cities.
    first = cities.sort_values(["visitors", "city"], ascending=[False, True]).head(PLACES)
    named_first = tuple(
        (str(city), int(count)) for city, count in zip(first["city"], first["visitors"], strict=True)
    )
    unplaced = locations.loc[locations["latitude"].isna(), "visitors"].sum()
    return RightNow(int(locations["visitors"].sum()), named_first, int(unplaced))
