"""The line of a goal in a chart of times: where it is drawn, what it is called, and how high the axis must be for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import plotly.graph_objects as go

from analytics.kpis.goals.definitions import Goal
from pages.components import formatting
from pages.components.theme_colors import Palette

GOAL_TIMES: Final = 3
"""A goal up to this many times the highest value is drawn: a higher one would flatten the chart."""


@dataclass(frozen=True, slots=True)
class GoalLine:
    """The goal in each bucket of the period shown.

    Attributes:
        goals: One per bucket, None where there was no goal; empty for a chart without one.
        stale: End of the name where the goals are a last good value, as `formatting.as_of` makes it; else empty.
    """

    goals: tuple[Goal | None, ...] = ()
    stale: str = ""

    def name(self, highest: float) -> str:
        """What the line is called: the newest goal, and what the line does not show; empty without a goal.

        Args:
            highest: The highest value in the chart, in seconds.

        >>> five, ten = Goal(90.0, 300), Goal(80.0, 600)
        >>> GoalLine((None, five)).name(200.0), GoalLine((five,), " as of 09:05").name(60.0), GoalLine().name(60.0)
        ('90 % within 5 m', '90 % within 5 m as of 09:05, above the chart', '')
        >>> GoalLine((ten, five)).name(200.0)
        '90 % within 5 m (changed)'
        """
        known = [goal for goal in self.goals if goal is not None]
        if not known:
            return ""
        is_above = known[-1].limit_seconds > GOAL_TIMES * highest > 0
        note = ", above the chart" if is_above else " (changed)" if len(set(known)) > 1 else ""
        return f"{_words(known[-1])}{self.stale}{note}"

    def highest(self, highest: float) -> float:
        """The highest value for the axis, in seconds, with those goals that are not too high to be drawn.

        >>> line = GoalLine((Goal(90.0, 300), None))
        >>> line.highest(200.0), line.highest(60.0), line.highest(0.0), line.highest(400.0), GoalLine().highest(60.0)
        (300.0, 60.0, 300.0, 400.0, 60.0)
        """
        limits = [float(goal.limit_seconds) for goal in self.goals if goal is not None]
        return max(highest, *(each for each in limits if each <= GOAL_TIMES * highest or highest == 0), 0.0)

    def traces(self, labels: list[str], colours: Palette, yaxis: str = "y") -> list[go.Scatter]:
        """Makes the line: a step where the goal was changed, a gap without one; no line without any goal.

        Above the axis it is not seen. `labels` are the places of the buckets on the time axis.
        """
        if not any(self.goals):
            return []
        line = go.Scatter(
            x=labels,
            y=[None if goal is None else goal.limit_seconds for goal in self.goals],
            yaxis=yaxis,
            mode="lines" if len(self.goals) > 1 else "markers",
            line={"color": colours.text, "width": 1, "dash": "longdashdot", "shape": "hvh"},
            marker={"symbol": "line-ew-open", "size": 24, "color": colours.text},
            customdata=["" if goal is None else _words(goal) for goal in self.goals],
            hovertemplate="goal %{customdata}<extra></extra>",
        )
        return [line]


NO_GOAL: Final = GoalLine()


def _words(goal: Goal) -> str:
    return f"{goal.share_pct:g} % within {formatting.duration(goal.limit_seconds)}"
