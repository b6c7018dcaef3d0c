"""Time that people saved because the AI resolved conversations: a range, from how many it was and how long each takes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from analytics.kpis.ai_and_people.outcomes import Cohort

LONGEST_MINUTES: Final = 480.0
"""Most minutes of work that one conversation may be said to take."""


@dataclass(frozen=True, slots=True)
class Minutes:
    """How long a person works on one conversation, as a range.

    Attributes:
        low: Fewest minutes, above 0.
        high: Most minutes, at least `low` and at most `LONGEST_MINUTES`.

    Raises:
        ValueError: The range is none.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        """Checks the range.

        >>> Minutes(10, 3)
        Traceback (most recent call last):
        ...
        ValueError: Enter at least 0.1 minutes, at most 480, and not less at the upper end than at the lower one.
        """
        if not 0.1 <= self.low <= self.high <= LONGEST_MINUTES:
            raise ValueError(
                f"Enter at least 0.1 minutes, at most {LONGEST_MINUTES:g}, and not less at the upper end than at the lower one."
            )


ASSUMED: Final = Minutes(3.0, 10.0)
"""What is assumed until it is set for a website."""


@dataclass(frozen=True, slots=True)
class MinutesVersion:
    """What was set for a website.

    Attributes:
        version: From 1; each change adds one.
        minutes: The range.
        set_at: When it was saved, aware.
        set_by: E-mail address of the person who saved it.
    """

    version: int
    minutes: Minutes
    set_at: datetime
    set_by: str


@dataclass(frozen=True, slots=True)
class TimeSaved:
    """Working time that people saved in a period.

    Attributes:
        fewest: Conversations that the AI resolved for good and did not hand over: known to be durable, less those handed over.
        most: Those that it resolved and that have not come back, also where their 7 days are not over.
        minutes: How long a person would have worked on one.
    """

    fewest: int
    most: int
    minutes: Minutes

    @property
    def low_seconds(self) -> float:
        """The lower end: the fewest conversations, each with the fewest minutes."""
        return self.fewest * self.minutes.low * 60

    @property
    def high_seconds(self) -> float:
        """The upper end: the most conversations, each with the most minutes."""
        return self.most * self.minutes.high * 60


def time_saved(cohort: Cohort, minutes: Minutes) -> TimeSaved:
    """The time saved by the conversations that the AI resolved first.

    >>> from analytics.kpis.ai_and_people.outcomes import Outcome
    >>> ai = Outcome(conversations=10, escalated=1, known=6, durable=5, came_back_early=1)
    >>> saved = time_saved(Cohort(ai, Outcome(), Outcome()), Minutes(3, 10))
    >>> saved.fewest, saved.most, saved.low_seconds, saved.high_seconds
    (4, 8, 720, 4800)
    """
    ai = cohort.ai
    return TimeSaved(
        fewest=max(0, ai.durable - ai.escalated),
        most=ai.conversations - ai.came_back - ai.came_back_early,
        minutes=minutes,
    )
