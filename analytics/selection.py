"""Which conversations a page looks at: the bands, hours and outcomes chosen, and the order of their list. Pure.

The bands are those of the satisfaction index (`analytics.satisfaction`), upper ends inclusive, and one more for what
took longer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from analytics.satisfaction import RESPONSE_BANDS

Measure = Literal["response", "resolution"]
HandledBy = Literal["ai", "human"]
Status = Literal["started", "answered", "unanswered", "open", "resolved", "unresolved", "resolved_unanswered"]
"""How far a conversation started in the period came by its end: every step and loss of the funnel, and `open` (not
resolved, answered or not). `answered` has a first response, `resolved` both, `unresolved` a first response alone."""

Sort = Literal["newest", "slowest_response", "slowest_resolution", "lowest_rating"]
DEFAULT_SORT: Final[Sort] = "newest"

BAND_SECONDS: Final[tuple[float, ...]] = tuple(longest for longest, _ in RESPONSE_BANDS)
"""Upper ends of all bands but the last, which has none."""

BAND_COUNT: Final = len(BAND_SECONDS) + 1

_BAND = re.compile(r"(response|resolution):([0-9])", re.ASCII)
_LIMIT = re.compile(r"(response|resolution):([1-9][0-9]{0,7})", re.ASCII)
_CELL = re.compile(r"([1-7])-(0|[1-9]|1[0-9]|2[0-3])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Band:
    """One band of response or resolution times.

    Attributes:
        measure: Which time.
        index: 0 (fastest) to `BAND_COUNT` - 1.
    """

    measure: Measure
    index: int

    @classmethod
    def parse(cls, text: str) -> Band:
        """The band that a URL names: `response:0`.

        Raises:
            ValueError: The text names no band.

        >>> Band.parse("resolution:5")
        Band(measure='resolution', index=5)
        """
        found = _BAND.fullmatch(text)
        if found is None or int(found[2]) >= BAND_COUNT:
            raise ValueError("Use response:0 to resolution:5.")
        return cls(cast("Measure", found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.measure}:{self.index}"


@dataclass(frozen=True, slots=True)
class Limit:
    """A response or resolution time that conversations stay within, or take longer than.

    Attributes:
        measure: Which time.
        seconds: 1 to 99,999,999; a time of exactly so many is within.
    """

    measure: Measure
    seconds: int

    @classmethod
    def parse(cls, text: str) -> Limit:
        """The limit that a URL names: `response:900`.

        Raises:
            ValueError: The text names no limit.

        >>> Limit.parse("resolution:14400")
        Limit(measure='resolution', seconds=14400)
        """
        found = _LIMIT.fullmatch(text)
        if found is None:
            raise ValueError("Use a time and seconds, such as response:900 or resolution:14400.")
        return cls(cast("Measure", found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.measure}:{self.seconds}"


@dataclass(frozen=True, slots=True)
class Cell:
    """One hour of the week on the local clock.

    Attributes:
        weekday: 1 (Monday) to 7.
        hour: 0 to 23.
    """

    weekday: int
    hour: int

    @classmethod
    def parse(cls, text: str) -> Cell:
        """The hour that a URL names: `2-14` is Tuesday, 14:00 to 15:00.

        Raises:
            ValueError: The text names no hour of the week.

        >>> Cell.parse("2-14")
        Cell(weekday=2, hour=14)
        """
        found = _CELL.fullmatch(text)
        if found is None:
            raise ValueError("Use a weekday and an hour, from 1-0 to 7-23.")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.weekday}-{self.hour}"


def parse_measure(text: str) -> Measure:
    """The time that a URL names.

    Raises:
        ValueError: There is no such time.
    """
    if text not in get_args(Measure):
        raise ValueError("Possible are response, resolution.")
    return cast("Measure", text)


def parse_handled(text: str) -> HandledBy:
    """Who resolved, as a URL names it.

    Raises:
        ValueError: Neither the AI agent nor people.
    """
    if text not in get_args(HandledBy):
        raise ValueError("Possible are ai, human.")
    return cast("HandledBy", text)


def parse_status(text: str) -> Status:
    """How far conversations came, as a URL names it.

    Raises:
        ValueError: There is no such status.
    """
    if text not in get_args(Status):
        raise ValueError(f"Possible are {', '.join(get_args(Status))}.")
    return cast("Status", text)


def parse_sort(text: str) -> Sort:
    """The order of the list that a URL names.

    Raises:
        ValueError: There is no such order.
    """
    if text not in get_args(Sort):
        raise ValueError(f"Possible are {', '.join(get_args(Sort))}.")
    return cast("Sort", text)


@dataclass(frozen=True, slots=True)
class Selection:
    """The conversations looked at; without anything chosen, all of the period.

    Attributes:
        band: Only those whose time lies in this band.
        cell: Only those started in this hour of the week.
        handled_by: Only those resolved by the AI agent, or by people.
        is_escalated: True: only those that were escalated.
        status: Only those started in the period that came this far by its end.
        within: Only those whose time is at most this long.
        longer: Only those whose time is longer than this.
    """

    band: Band | None = None
    cell: Cell | None = None
    handled_by: HandledBy | None = None
    is_escalated: bool = False
    status: Status | None = None
    within: Limit | None = None
    longer: Limit | None = None

    @property
    def is_everything(self) -> bool:
        """True when nothing is chosen."""
        return self == Selection()

    def params(self) -> dict[str, str | int]:
        """The pipe parameters of what is chosen, and no others.

        >>> Selection(Band("response", 0), Cell(2, 14), "ai", True).params()
        {'response_band': 0, 'weekday': 2, 'hour': 14, 'handled_by': 'ai', 'escalation': 'escalated'}
        >>> Selection(status="open", longer=Limit("response", 900)).params()
        {'status': 'open', 'response_longer': 900}
        """
        chosen: dict[str, str | int] = {}
        if self.band is not None:
            chosen[f"{self.band.measure}_band"] = self.band.index
        if self.cell is not None:
            chosen |= {"weekday": self.cell.weekday, "hour": self.cell.hour}
        if self.handled_by is not None:
            chosen["handled_by"] = self.handled_by
        if self.is_escalated:
            chosen["escalation"] = "escalated"
        if self.status is not None:
            chosen["status"] = self.status
        if self.within is not None:
            chosen[f"{self.within.measure}_within"] = self.within.seconds
        if self.longer is not None:
            chosen[f"{self.longer.measure}_longer"] = self.longer.seconds
        return chosen


EVERYTHING: Final = Selection()
"""All conversations of the period."""
