"""Who is on a website at this moment, from the list of active visitors. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

PLACES: Final = 3
"""How many cities are named."""


@dataclass(frozen=True, slots=True)
class RightNow:
    """Who is on the website at this moment.

    Attributes:
        visitors: How many.
        is_at_least: True when the list was cut, so that there may be more.
        places: The cities with most visitors and their counts, most first; visitors without a place are not in it.
    """

    visitors: int
    is_at_least: bool
    places: tuple[tuple[str, int], ...]


def right_now(visitors: pd.DataFrame, limit: int) -> RightNow:
    """The count and the cities with most visitors; 0 and no city when nobody is there.

    Args:
        visitors: As in `schemas.ACTIVE_VISITORS`.
        limit: How many rows the list may have: as many or more means that there may be others.
    """
    cities = visitors.loc[visitors["city"] != "", "city"].value_counts(sort=False)
    # By count, then by name: two readings of the same list name the same cities.
    ordered = sorted(
        ((str(city), int(count)) for city, count in cities.items()), key=lambda place: (-place[1], place[0])
    )
    count = len(visitors)
    return RightNow(count, is_at_least=count >= limit, places=tuple(ordered[:PLACES]))
