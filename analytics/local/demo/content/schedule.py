"""Daily and weekly volume of a website, and the working hours of its team. Pure.

Days are UTC days, counted from the epoch; hours are on the website's own clock, so that they
follow summer time.
"""

from datetime import UTC, datetime
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from analytics.local.demo.content.customers.organizations import DAY
from analytics.local.demo.content.customers.websites import Hours
from analytics.local.demo.content.identifiers import Seconds
from analytics.scope.clock import parse_timezone

Floats = npt.NDArray[np.float64]

HOUR = 3600
SATURDAY = 5
CLOCK_DAYS = 32
LONGEST_WORK_DAYS = 45

# Share of conversations by local hour and by weekday, Monday first; only the ratios matter.
_BY_HOUR: dict[Hours, tuple[list[float], list[float]]] = {
    "shop": ([0, 3, 6, 9, 12, 14, 18, 20, 22, 23], [0.35, 0.08, 0.15, 1.1, 1.6, 1.4, 1.5, 1.9, 1.2, 0.7]),
    "cafe": ([0, 4, 6, 8, 10, 12, 15, 18, 20, 23], [0.05, 0.03, 0.7, 2.1, 1.9, 2.2, 1.3, 1.0, 0.4, 0.1]),
    "office": ([0, 5, 8, 10, 12, 13, 15, 18, 20, 23], [0.08, 0.05, 0.7, 2.3, 2.0, 1.5, 2.2, 1.0, 0.4, 0.15]),
}
_BY_WEEKDAY: dict[Hours, list[float]] = {
    "shop": [1.12, 1.02, 0.98, 0.96, 0.94, 0.92, 1.06],
    "cafe": [0.70, 0.85, 0.90, 0.95, 1.15, 1.35, 1.10],
    "office": [1.30, 1.25, 1.20, 1.18, 1.12, 0.55, 0.40],
}
# How much of the team works, by local hour: opening, closing, at weekends compared with weekdays, at night.
_TEAM: dict[Hours, tuple[int, int, float, float]] = {
    "shop": (8, 20, 0.60, 0.05),
    "cafe": (7, 18, 0.90, 0.02),
    "office": (9, 18, 0.12, 0.03),
}


class Schedule:
    """Volume and working hours of websites with one timezone and the same habits."""

    def __init__(self, timezone: str, habits: Hours) -> None:
        """`habits` names the shape of their days and weeks. Adds up no hours yet."""
        self._zone = parse_timezone(timezone)
        hours, shares = _BY_HOUR[habits]
        by_hour = np.interp(np.arange(24), hours, shares)
        self._by_hour = by_hour / by_hour.mean()
        by_weekday = np.array(_BY_WEEKDAY[habits])
        self._by_weekday = by_weekday / by_weekday.mean()
        self._team = _TEAM[habits]
        self._clocks: dict[int, tuple[Seconds, Floats]] = {}

    def hours(self, day: int) -> Floats:
        """Volume of each of the 24 hours of a UTC day; 1 is the mean over a week."""
        return np.array([self.volume(day * DAY + hour * HOUR + HOUR // 2) for hour in range(24)])

    def volume(self, instant: int) -> float:
        """Volume of the hour around `instant`; 1 is the mean over a week."""
        local = datetime.fromtimestamp(instant, UTC).astimezone(self._zone)
        return float(self._by_hour[local.hour] * self._by_weekday[local.weekday()])

    def after_work(self, start: Seconds, work_seconds: Floats) -> Seconds:
        """Instants at which the team has done `work_seconds` of work that arrived at `start`.

        The starts lie at most a month apart.
        Nights and weekends count little: a message of Friday evening is often answered on Monday.
        """
        if len(start) == 0:
            return start
        instants, worked = self._clock(int(start.min()) // DAY // CLOCK_DAYS)
        done = np.interp(start, instants, worked) + work_seconds
        return np.maximum(start + 1, np.interp(done, worked, instants).astype(np.int64))

    def _clock(self, number: int) -> tuple[Seconds, Floats]:
        """Work done by the team up to each hour, from clock `number` on until the longest work is over."""
        if number not in self._clocks:
            begin = number * CLOCK_DAYS * DAY
            instants = np.arange(begin, begin + (CLOCK_DAYS + LONGEST_WORK_DAYS) * DAY, HOUR, dtype=np.int64)
            at_work = np.array([self._team_ratio(int(instant)) for instant in instants])
            self._clocks[number] = instants, np.concatenate([[0.0], np.cumsum(at_work * HOUR)[:-1]])
        return self._clocks[number]

    def _team_ratio(self, instant: int) -> float:
        opening, closing, weekend, night = self._team
        local = datetime.fromtimestamp(instant + HOUR // 2, UTC).astimezone(self._zone)
        if not opening <= local.hour < closing:
            return night
        return weekend if local.weekday() >= SATURDAY else 1.0


schedule: Final = cache(Schedule)
"""Websites with the same timezone and habits have one between them, and the work of the team that it has added up."""
