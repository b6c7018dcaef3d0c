"""Filters of conversations (bands, hour of the week, outcome) and the order of their list. Pure.

The satisfaction index has a score for each band. Upper ends of bands are inclusive; the last band has none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

Measure = Literal["response", "resolution"]
TimesKind = Literal["band", "within", "longer"]
HandledBy = Literal["ai", "human"]
Status = Literal["started", "answered", "unanswered", "open", "resolved", "unresolved", "resolved_unanswered"]
"""State of a conversation started in the period at the end of the period: the steps and losses of the funnel, and `open` (not
resolved, answered or not). `answered` has a first response, `resolved` both, `unresolved` a first response only."""

Sort = Literal["newest", "slowest_response", "slowest_resolution", "lowest_rating"]
DEFAULT_SORT: Final[Sort] = "newest"

BAND_SECONDS: Final[tuple[float, ...]] = (5 * 60.0, 15 * 60.0, 60 * 60.0, 4 * 3600.0, 24 * 3600.0)
"""Upper ends of all bands but the last, which has none."""

BAND_COUNT: Final = len(BAND_SECONDS) + 1

_TIMES = re.compile(rf"(band):([0-{BAND_COUNT - 1}])|(within|longer):([1-9][0-9]{{0,7}})", re.ASCII)
_HOUR_OF_WEEK = re.compile(r"([1-7])-(0|[1-9]|1[0-9]|2[0-3])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Times:
    """Filter on response times or resolution times.

    Attributes:
        kind: `band`: one band; `within`: at most `number` seconds; `longer`: more than `number` seconds.
        number: The band, 0 (fastest) to `BAND_COUNT` - 1; else seconds, 1 to 99,999,999.
    """

    kind: TimesKind
    number: int

    @classmethod
    def parse(cls, text: str) -> Times:
        """Parses the text of a URL: `band:0`, `within:900`, `longer:14400`.

        Raises:
            ValueError: The text is not such a filter.

        >>> Times.parse("longer:14400")
        Times(kind='longer', number=14400)
        """
        found = _TIMES.fullmatch(text)
        if found is None:
            raise ValueError(f"Use band:0 to band:{BAND_COUNT - 1}, within:900, longer:900.")
        return cls(cast("TimesKind", found[1] or found[3]), int(found[2] or found[4]))

    def __str__(self) -> str:
        return f"{self.kind}:{self.number}"


@dataclass(frozen=True, slots=True)
class HourOfWeek:
    """One hour of the week on the local clock.

    Attributes:
        weekday: 1 (Monday) to 7.
        hour: 0 to 23.
    """

    weekday: int
    hour: int

    @classmethod
    def parse(cls, text: str) -> HourOfWeek:
        """Parses the text of a URL: `2-14` is Tuesday, 14:00 to 15:00.

        Raises:
            ValueError: The text is not an hour of the week.

        >>> HourOfWeek.parse("2-14")
        HourOfWeek(weekday=2, hour=14)
        """
        found = _HOUR_OF_WEEK.fullmatch(text)
        if found is None:
            raise ValueError("Use a weekday and an hour, from 1-0 to 7-23.")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.weekday}-{self.hour}"


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters of conversations; without any, all of the period.

    Attributes:
        response: Only conversations with such a response time.
        resolution: Only conversations with such a resolution time.
        hour_of_week: Only conversations started in this hour of the week.
        handled_by: Only conversations resolved by the AI agent, or by people.
        is_escalated: True: only escalated conversations.
        status: Only conversations started in the period with this status at its end.
    """

    response: Times | None = None
    resolution: Times | None = None
    hour_of_week: HourOfWeek | None = None
    handled_by: HandledBy | None = None
    is_escalated: bool = False
    status: Status | None = None

    @property
    def is_everything(self) -> bool:
        """True without any filter."""
        return self == Selection()

    def of(self, measure: Measure) -> Times | None:
        """The filter on one of the two times."""
        return self.response if measure == "response" else self.resolution

    def params(self) -> dict[str, str | int]:
        """The pipe parameters of the filters.

        >>> Selection(Times("band", 0), None, HourOfWeek(2, 14), "ai", True).params()
        {'response_band': 0, 'weekday': 2, 'hour': 14, 'handled_by': 'ai', 'escalation': 'escalated'}
        >>> Selection(status="open", response=Times("longer", 900), resolution=Times("within", 60)).params()
        {'response_longer': 900, 'resolution_within': 60, 'status': 'open'}
        """
        chosen: dict[str, str | int] = {}
        for measure in get_args(Measure):
            if times := self.of(measure):
                chosen[f"{measure}_{times.kind}"] = times.number
        if self.hour_of_week is not None:
            chosen |= {"weekday": self.hour_of_week.weekday, "hour": self.hour_of_week.hour}
        if self.handled_by is not None:
            chosen["handled_by"] = self.handled_by
        if self.is_escalated:
            chosen["escalation"] = "escalated"
        if self.status is not None:
            chosen["status"] = self.status
        return chosen


EVERYTHING: Final = Selection()
"""All conversations of the period."""
