"""Goals of a website, such as "90 % answered within 5 minutes", and their history. Pure.

A conversation is judged by the goal that was valid when it started: a change of a goal never changes how earlier
conversations are judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, get_args

from analytics.scope.periods import Period
from analytics.scope.selection import Measure

MEASURES: Final[tuple[Measure, ...]] = get_args(Measure)

ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""`valid_from` of a first goal that also judges what came before it: earlier than any conversation."""

LONGEST_SECONDS: Final = 90 * 86_400
"""Longest time of a goal: no plan reaches back further."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A share of the conversations, and the time that they may take.

    Attributes:
        share_pct: Above 0, up to 100, in steps of 0.1.
        limit_seconds: From 1 to `LONGEST_SECONDS`, since the start of the conversation; inclusive.

    Raises:
        ValueError: One of them is out of its range.
    """

    share_pct: float
    limit_seconds: int

    def __post_init__(self) -> None:
        if not 0.1 <= self.share_pct <= 100 or round(self.share_pct, 1) != self.share_pct:
            raise ValueError("The share must be from 0.1 to 100 %, in steps of 0.1.")
        if not 1 <= self.limit_seconds <= LONGEST_SECONDS:
            raise ValueError(f"The time must be from 1 second to {LONGEST_SECONDS // 86_400} days.")


@dataclass(frozen=True, slots=True)
class GoalVersion:
    """What one change of a goal left.

    Attributes:
        measure: Of which time.
        version: From 1, without gaps.
        goal: None where the goal was removed.
        valid_from: Aware, inclusive; valid until the next version begins. `ALWAYS` for a first goal that also judges the past.
        set_at: When it was saved, aware.
        set_by: E-mail address of the person who saved it: untrusted text.
    """

    measure: Measure
    version: int
    goal: Goal | None
    valid_from: datetime
    set_at: datetime
    set_by: str


@dataclass(frozen=True, slots=True)
class GoalHistory:
    """All versions of the goals of one website.

    Attributes:
        website_id: The website.
        versions: By measure and version.
    """

    website_id: str
    versions: tuple[GoalVersion, ...] = ()

    def of(self, measure: Measure) -> tuple[GoalVersion, ...]:
        """The versions of one measure, oldest first."""
        return tuple(each for each in self.versions if each.measure == measure)

    def newest(self, measure: Measure) -> GoalVersion | None:
        """The newest version; None before the first one."""
        return next(reversed(self.of(measure)), None)

    def current(self, measure: Measure) -> Goal | None:
        """The goal of the newest version; None where there is none, or it was removed."""
        newest = self.newest(measure)
        return None if newest is None else newest.goal

    def at(self, measure: Measure, instant: datetime) -> Goal | None:
        """The goal that a conversation started at `instant` is judged by; None for none."""
        valid = [each for each in self.of(measure) if each.valid_from <= instant]
        return valid[-1].goal if valid else None


@dataclass(frozen=True, slots=True)
class GoalSpan:
    """A part of a period in which one goal was valid, for a query.

    Attributes:
        website_id: The website.
        measure: Of which time.
        version: Which version of the goal.
        starts: Start, aware, inclusive.
        ends: End, aware, exclusive.
        goal: The goal.
    """

    website_id: str
    measure: Measure
    version: int
    starts: datetime
    ends: datetime
    goal: Goal


def spans(history: GoalHistory, period: Period) -> tuple[GoalSpan, ...]:
    """The parts of a period with a goal, by measure and version; none for an empty period.

    Parts before the first goal, and those in which it was removed, are left out.
    """
    found = []
    for measure in MEASURES:
        versions = history.of(measure)
        nexts = (*(each.valid_from for each in versions[1:]), period.end)
        for version, until in zip(versions, nexts, strict=False):
            starts, ends = max(version.valid_from, period.start), min(until, period.end)
            if version.goal is not None and starts < ends:
                span = GoalSpan(history.website_id, measure, version.version, starts, ends, version.goal)
                found.append(span)
    return tuple(found)
