"""Goals as text: the goal itself, the share that met it with its interval, and the line of a card.

Owns the words. `analytics.kpis.goals` judges the conversations.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import pandas as pd

from analytics import cached
from analytics.cached import GoalHistory, GoalResult, GoalResults, OpenedView
from analytics.errors import AnalyticsError
from analytics.kpis.declarations import KpiKey
from analytics.kpis.goals.definitions import Goal, limits
from analytics.scope.selection import Measure
from pages.components import formatting

DONE: Final[Mapping[Measure, str]] = MappingProxyType({"response": "answered", "resolution": "resolved"})
MEASURE_OF: Final[Mapping[KpiKey, Measure]] = MappingProxyType(
    {"median_response": "response", "median_resolution": "resolution"}
)
"""The KPIs whose card and chart show a goal."""

UNITS: Final[Mapping[str, int]] = MappingProxyType(
    {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}
)


def split(seconds: int) -> tuple[int, str]:
    """A time as a whole number of its largest unit.

    >>> split(300), split(5400), split(14_400), split(172_800), split(90)
    ((5, 'minutes'), (90, 'minutes'), (4, 'hours'), (2, 'days'), (90, 'seconds'))
    """
    unit = next(unit for unit in [*UNITS][::-1] if seconds % UNITS[unit] == 0)
    return seconds // UNITS[unit], unit


def time(seconds: int) -> str:
    """A time in words.

    >>> time(300), time(3600)
    ('5 minutes', '1 hour')
    """
    return formatting.counted(*split(seconds))


def share(goal: Goal) -> str:
    """The share of a goal.

    >>> share(Goal(90.0, 300)), share(Goal(99.5, 300))
    ('90 %', '99.5 %')
    """
    return f"{goal.share_pct:g} %"


def sentence(goal: Goal | None, measure: Measure) -> str:
    """A goal in words.

    >>> sentence(Goal(90.0, 300), "response"), sentence(None, "response")
    ('90 % answered within 5 minutes', 'no goal')
    """
    return "no goal" if goal is None else f"{share(goal)} {DONE[measure]} within {time(goal.limit_seconds)}"


def interval(result: GoalResult) -> str:
    """The 95 % interval of the share that met a goal; empty when none is judged."""
    if result.interval is None:
        return ""
    return f"{formatting.rate(result.interval.low)} to {formatting.rate(result.interval.high)}"


def verdict(result: GoalResult) -> str:
    """Whether the share reached that of the goal; empty when none is judged. Says when that may be chance."""
    if result.is_reached is None:
        return ""
    return ("reached" if result.is_reached else "missed") + ("" if result.is_clear else ", may be chance")


def coloured(text: str, result: GoalResult) -> str:
    """Markdown in green or red where the verdict is clear, else plain."""
    if not result.is_clear:
        return text
    return f":{'green' if result.is_reached else 'red'}[{text}]"


def card_line(result: GoalResult) -> str:
    """The line of a card, as Markdown: the share that met the newest goal of the period, beside that goal."""
    newest = result.by_goal[-1]
    goal = newest.goal
    if newest.met_ratio is None:
        return f":gray[Goal: {sentence(goal, result.measure)}]"
    met = coloured(f"**{formatting.rate(newest.met_ratio)}**", newest)
    return f"{met} :gray[within {time(goal.limit_seconds)}, goal {share(goal)} {verdict(newest)}]"


def card_help(result: GoalResult) -> str:
    """What the line of a card rests on: n, the interval, and how many are not judged yet."""
    newest = result.by_goal[-1]
    if not newest.judged:
        return "None is judged yet."
    when = "since the goal was changed" if len(result.parts) > 1 else "in the period"
    counted = f"{formatting.count(newest.met)} of {formatting.counted(newest.judged, 'conversations')} started {when}"
    open_ones = f"; {formatting.count(newest.open)} more are not judged yet" if newest.open else ""
    return f"{counted}, 95 % interval {interval(newest)}{open_ones}."


def results_if_read(view: OpenedView) -> GoalResults | None:
    """The results of a view; None without a store, or if they cannot be read: cards then have no goal."""
    try:
        return cached.goal_results(view).value if cached.has_store() else None
    except AnalyticsError:
        return None


def history_if_read(view: OpenedView) -> GoalHistory | None:
    """The goals of a website; None without a store, or if they cannot be read."""
    try:
        return cached.goal_history(view).value if cached.has_store() else None
    except AnalyticsError:
        return None


def limits_of(view: OpenedView, measure: Measure | None, series: pd.DataFrame) -> tuple[float | None, ...]:
    """The time of a goal at the start of each bucket of the period shown, in seconds; empty without any goal.

    Args:
        view: The opened view.
        measure: Of which time; None for a chart without a goal.
        series: With `period` and `bucket_start`.
    """
    history = None if measure is None else history_if_read(view)
    if measure is None or history is None:
        return ()
    starts = series.loc[series["period"] == "current", "bucket_start"]
    found = limits(history, measure, [at.to_pydatetime() for at in starts])
    return tuple(found) if any(found) else ()
