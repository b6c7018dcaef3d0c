"""Which conversations a page looks at: the bands, hours and outcomes chosen. Pure.

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

BAND_SECONDS: Final[tuple[float, ...]] = tuple(longest for longest, _ in RESPONSE_BANDS)
"""Upper ends of all bands but the last, which has none."""

BAND_COUNT: Final = len(BAND_SECONDS) + 1

_BAND = re.compile(r"(response|resolution):([0-9])", re.ASCII)
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


@dataclass(frozen=True, slots=True)
class Selection:
    """The conversations looked at; without anything chosen, all of the period.

    Attributes:
        band: Only those whose time lies in this band.
        cell: Only those started in this hour of the week.
        handled_by: Only those resolved by the AI agent, or by people.
        is_escalated: True: only those that were escalated.
    """

    band: Band | None = None
    cell: Cell | None = None
    handled_by: HandledBy | None = None
    is_escalated: bool = False

    @property
    def is_everything(self) -> bool:
        """True when nothing is chosen."""
        return self == Selection()

    def params(self) -> dict[str, str | int]:
        """The pipe parameters of what is chosen, and no others.

        >>> Selection(Band("response", 0), Cell(2, 14), "ai", True).params()
        {'response_band': 0, 'weekday': 2, 'hour': 14, 'handled_by': 'ai', 'escalation': 'escalated'}
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
        return chosen


EVERYTHING: Final = Selection()
"""All conversations of the period."""
