"""How conversations did against the goals of their time. Pure.

One is open until its time is over, answered or not; then it met the goal if it was answered (or resolved) within the time, and
missed it if that took longer or never came. Open ones are in no share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import pandas as pd

from analytics.kpis.goals.definitions import Goal, GoalHistory, spans
from analytics.kpis.intervals import Interval, wilson
from analytics.kpis.verdicts import Delta, Estimate, verdict_on
from analytics.scope.periods import Period
from analytics.scope.selection import Measure
from analytics.scope.tiers import Comparability

SOON_RATIO: Final = 0.2
"""A waiting conversation is due soon when this part of its time, or less, is left."""

State = Literal["missed", "soon", "open"]
"""Of a waiting conversation: its time has passed, is nearly over, or is not."""


@dataclass(frozen=True, slots=True)
class GoalPart:
    """The conversations that one version of a goal judged.

    Attributes:
        goal: The goal.
        since: First instant in the period that it was valid at, aware.
        met, missed, open: Numbers of conversations.
    """

    goal: Goal
    since: datetime
    met: int
    missed: int
    open: int


@dataclass(frozen=True, slots=True)
class GoalResult:
    """How the conversations started in a period did against the goals of their time.

    Attributes:
        measure: Of which time.
        parts: One per version that was valid in the period, oldest first; at least one.
    """

    measure: Measure
    parts: tuple[GoalPart, ...]

    @property
    def goal(self) -> Goal:
        """The goal at the end of the period."""
        return self.parts[-1].goal

    @property
    def by_goal(self) -> tuple[GoalResult, ...]:
        """The result of each goal alone, oldest first."""
        return tuple(GoalResult(self.measure, (part,)) for part in self.parts)

    @property
    def has_one_time(self) -> bool:
        """Whether all goals of the period have the same time."""
        return len({part.goal.limit_seconds for part in self.parts}) == 1

    @property
    def met(self) -> int:
        """Conversations that met the goal of their time."""
        return sum(part.met for part in self.parts)

    @property
    def missed(self) -> int:
        """Conversations that missed it."""
        return sum(part.missed for part in self.parts)

    @property
    def open(self) -> int:
        """Conversations whose time is not over, answered or not; they are in no share."""
        return sum(part.open for part in self.parts)

    @property
    def judged(self) -> int:
        """Conversations that met or missed it."""
        return self.met + self.missed

    @property
    def met_ratio(self) -> float | None:
        """Share of the judged conversations that met it, 0..1; None when none is judged."""
        return self.met / self.judged if self.judged else None

    @property
    def interval(self) -> Interval | None:
        """Wilson's 95 % interval of `met_ratio`; None when none is judged."""
        return wilson(self.met, self.judged)

    @property
    def is_reached(self) -> bool | None:
        """Whether the share reached that of the goal; None when none is judged. For a result of one goal.

        Compared in whole numbers: 29 of 100 is 29 %.
        """
        return self.met * 1000 >= round(self.goal.share_pct * 10) * self.judged if self.judged else None

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out the share of the goal: reached, or not, by more than chance. For a result of one goal."""
        return self.interval is not None and self.interval.excludes(self.goal.share_pct / 100)

    @property
    def estimate(self) -> Estimate:
        """The share, for a comparison."""
        return Estimate(self.met_ratio, self.judged, self.interval)


def results(history: GoalHistory, period: Period, counts: pd.DataFrame) -> dict[Measure, GoalResult]:
    """The result of each measure that had a goal in the period.

    Args:
        history: The goals of the website.
        period: The period.
        counts: As in `schemas.GOAL_COUNTS`; a version without a row counted no conversation.
    """
    rows = {
        (str(row["measure"]), int(row["version"])): row
        for row in counts[counts["website_id"] == history.website_id].to_dict("records")
    }
    nothing = {"met": 0, "missed": 0, "open": 0}
    parts: dict[Measure, list[GoalPart]] = {}
    for span in spans(history, period):
        row = rows.get((span.measure, span.version), nothing)
        part = GoalPart(span.goal, span.starts, int(row["met"]), int(row["missed"]), int(row["open"]))
        parts.setdefault(span.measure, []).append(part)
    return {measure: GoalResult(measure, tuple(each)) for measure, each in parts.items()}


@dataclass(frozen=True, slots=True)
class GoalResults:
    """The results of a period beside those of the one before, of one website.

    Attributes:
        history: Its goals.
        current: By measure; without those that had no goal in the period.
        previous: The same for the period before; None without a comparison.
    """

    history: GoalHistory
    current: Mapping[Measure, GoalResult]
    previous: Mapping[Measure, GoalResult] | None

    def change(self, measure: Measure, comparability: Comparability, of: str) -> Delta:
        """The change of the share that met the goal; each side is judged by the goals of its own time.

        Not comparable where the goals of the two periods have different times.

        Args:
            measure: One of `current`.
            comparability: Of the two periods.
            of: Noun of the observations, plural.
        """
        now = self.current[measure]
        before = None if self.previous is None else self.previous.get(measure)
        delta = verdict_on(
            now.estimate,
            None if before is None else before.estimate,
            comparability,
            unit="pp",
            direction="higher",
            of=of,
        )
        times = {part.goal.limit_seconds for part in (*now.parts, *(before.parts if before else ()))}
        if delta.change is None or len(times) == 1:
            return delta
        return Delta(None, "pp", "not_comparable", "the goal had another time")


def left(rows: pd.DataFrame, history: GoalHistory, measure: Measure, now: datetime) -> pd.DataFrame:
    """Seconds that each waiting conversation has left of its goal, and its state.

    One row per row of `rows`, with its index:
        goal_seconds (float, seconds): time of the goal at its start; NaN without a goal then.
        left_seconds (float, seconds): up to `now`; negative once it has passed, NaN without a goal.
        goal_state (string): `missed`, `soon`, `open`; empty without a goal.

    Args:
        rows: With `started_at` (aware).
        history: The goals of the website.
        measure: Which time.
        now: When the rows were read.
    """
    found = [_left(at, history, measure, now) for at in rows["started_at"]]
    columns = {
        "goal_seconds": pd.Series([limit for limit, _ in found], index=rows.index, dtype="float64"),
        "left_seconds": pd.Series([seconds for _, seconds in found], index=rows.index, dtype="float64"),
        "goal_state": pd.Series([state(*each) for each in found], index=rows.index, dtype="str"),
    }
    return pd.DataFrame(columns, index=rows.index)


def state(limit_seconds: float | None, left_seconds: float | None) -> State | None:
    """The state of a waiting conversation; None without a goal.

    >>> state(300.0, -1.0), state(300.0, 0.0), state(300.0, 60.0), state(300.0, 61.0), state(None, None)
    ('missed', 'soon', 'soon', 'open', None)
    """
    if limit_seconds is None or left_seconds is None:
        return None
    if left_seconds < 0:
        return "missed"
    return "soon" if left_seconds <= SOON_RATIO * limit_seconds else "open"


def _left(
    started_at: datetime, history: GoalHistory, measure: Measure, now: datetime
) -> tuple[float | None, float | None]:
    goal = history.at(measure, started_at)
    if goal is None:
        return None, None
    ends = started_at + timedelta(seconds=goal.limit_seconds)
    return float(goal.limit_seconds), (ends - now).total_seconds()
