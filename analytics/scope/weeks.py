"""Weeks: their first day, and the order of their days. Pure.

Separate from `analytics.scope.clock`, whose import sets the timezone database of the process: settings need this module, and
services that emit import settings.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final, Literal

WeekStart = Literal["monday", "sunday", "saturday"]

FIRST_WEEKDAYS: Final[dict[WeekStart, int]] = {"monday": 0, "sunday": 6, "saturday": 5}
"""First weekday of a week, numbered as by `date.weekday`: 0 is Monday."""


def week_of(day: date, week_start: WeekStart) -> date:
    """The first day of the week that contains the day.

    >>> [f"{week_of(date(2026, 11, 26), start):%a %d}" for start in FIRST_WEEKDAYS]
    ['Mon 23', 'Sun 22', 'Sat 21']
    """
    return day - timedelta(days=(day.weekday() - FIRST_WEEKDAYS[week_start]) % 7)


def weekdays(week_start: WeekStart) -> tuple[int, ...]:
    """The days of a week in order, numbered as by `date.isoweekday`: 1 is Monday.

    >>> weekdays("sunday")
    (7, 1, 2, 3, 4, 5, 6)
    """
    return tuple((FIRST_WEEKDAYS[week_start] + day) % 7 + 1 for day in range(7))
