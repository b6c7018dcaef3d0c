"""Goals as text: the goal itself, the share that met it with its interval, and the line of a card.

Owns the words. `analytics.kpis.goals` judges the conversations.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, TypeVar

import pandas as pd

from analytics import cached
from analytics.cached import GoalHistory, GoalResult, OpenedView, Reading
from analytics.errors import SourceError
from analytics.kpis.declarations import KpiKey
from analytics.kpis.goals.definitions import Goal
from analytics.scope.selection import Measure
from pages.components import formatting
from pages.components.charts.goal_line import NO_GOAL, GoalLine

T = TypeVar("T")

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


@dataclass(frozen=True, slots=True)
class CardLine:
    """The line of a card about its goal.

    Attributes:
        text: As Markdown.
        help: What it rests on.
    """

    text: str
    help: str


def card_line(result: GoalResult, stale: str = "") -> str:
    """The line of a card, as Markdown: the share that met the newest goal of the period, beside that goal.

    `stale` is the end of the text for a last good value, as `formatting.as_of` makes it.
    """
    newest = result.by_goal[-1]
    goal = newest.goal
    if newest.met_ratio is None:
        return f":gray[Goal: {sentence(goal, result.measure)}{stale and f' ·{stale}'}]"
    met = coloured(f"**{formatting.rate(newest.met_ratio)}**", newest)
    return f"{met} :gray[within {time(goal.limit_seconds)}, goal {share(goal)} {verdict(newest)}{stale and f' ·{stale}'}]"


def card_help(result: GoalResult) -> str:
    """What the line of a card rests on: n, the interval, and how many are not judged yet."""
    newest = result.by_goal[-1]
    if not newest.judged:
        return "None is judged yet."
    when = "since the goal was changed" if len(result.parts) > 1 else "in the period"
    counted = f"{formatting.count(newest.met)} of {formatting.counted(newest.judged, 'conversations')} started {when}"
    open_ones = f"; {formatting.count(newest.open)} more are not judged yet" if newest.open else ""
    return f"{counted}, 95 % interval {interval(newest)}{open_ones}."


def card_lines(view: OpenedView) -> Mapping[KpiKey, CardLine]:
    """The lines of the cards that have a goal; none without a store, or if goals cannot be read."""
    read = _briefly(lambda: cached.goal_results(view))
    if not isinstance(read, Reading):
        return {}
    stale = as_of(read, view)
    return {
        key: CardLine(card_line(result, stale), card_help(result))
        for key, measure in MEASURE_OF.items()
        if (result := read.value.current.get(measure)) is not None
    }


def history_of(view: OpenedView) -> Reading[GoalHistory] | SourceError | None:
    """The goals of a website; the error if they cannot be read: a panel is then without them; None without a store."""
    return _briefly(lambda: cached.goal_history(view))


def as_of(read: Reading[object], view: OpenedView) -> str:
    """Says of goals that are a last good value when they were read, as the end of a text; empty for fresh ones."""
    since = read.stale_since
    return formatting.as_of(since and since.astimezone(view.resolved.period.timezone), datetime.now(UTC))


def line_of(view: OpenedView, measure: Measure | None, series: pd.DataFrame) -> GoalLine:
    """The goal at the start of each bucket of the period shown, for the line in a chart; no goal at all without one.

    Args:
        view: The opened view.
        measure: Of which time; None for a chart without a goal.
        series: With `period` and `bucket_start`.
    """
    read = None if measure is None else history_of(view)
    if measure is None or not isinstance(read, Reading):
        return NO_GOAL
    starts = series.loc[series["period"] == "current", "bucket_start"]
    found = tuple(read.value.at(measure, at.to_pydatetime()) for at in starts)
    return GoalLine(found, as_of(read, view)) if any(found) else NO_GOAL


def note(read: Reading[GoalHistory] | SourceError | None, view: OpenedView) -> str:
    """Says that goals are missing, or are a last good value; empty for fresh ones, and without a store."""
    if isinstance(read, SourceError):
        return f"Goals are missing: {read.message}"
    stale = "" if read is None else as_of(read, view)
    return stale and f"Goals{stale}."


def _briefly(read: Callable[[], Reading[T]]) -> Reading[T] | SourceError | None:
    """Read goals for a panel that can be drawn without them: it waits only briefly, and is drawn again when they come."""
    with cached.waiting_briefly():
        try:
            return read() if cached.has_store() else None
        except SourceError as error:
            return error
