"""Outcomes of the conversations started in a period: who resolved them first, and whether that was durable. Pure.

The first resolution decides, so that what came back stays with the side whose resolution did not hold. Both periods are watched
equally long after their end: each conversation of the one has a counterpart of the same age in the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

import pandas as pd

from analytics.kpis.declarations import Metric
from analytics.kpis.intervals import Interval, wilson
from analytics.kpis.metrics import Kpi, compared_kpi
from analytics.kpis.verdicts import Estimate
from analytics.scope import periods
from analytics.scope.tiers import Comparability
from analytics.scope.views import ResolvedView

Side = Literal["ai", "people"]
SIDES: Final[tuple[Side, ...]] = get_args(Side)

DURABLE_DAYS: Final = 7
"""Days after a resolution in which the conversation must not come back."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The conversations that one side resolved first, or that have no resolution, of one period.

    Attributes:
        conversations: Their number.
        escalated: Of these, those that the AI handed over to people.
        known: Of these, those whose 7 days after the first resolution are over.
        durable: Of `known`, those that were not resolved again in the 7 days and are not open again.
        came_back_early: Those that came back, although their 7 days are not over.
        responded: Of `conversations`, those with a first response.
        median_response_seconds: Median time to the first response; None without one.
        response_interval: Its 95 % interval; None below 6 responses.
        median_resolution_seconds: Median time to the first resolution; None without one.
        resolution_interval: Its 95 % interval; None below 6 resolutions.
        open_now: Of `conversations`, those that are open now, as far as Postgres could be read.
    """

    conversations: int = 0
    escalated: int = 0
    known: int = 0
    durable: int = 0
    came_back_early: int = 0
    responded: int = 0
    median_response_seconds: float | None = None
    response_interval: Interval | None = None
    median_resolution_seconds: float | None = None
    resolution_interval: Interval | None = None
    open_now: int = 0

    @property
    def came_back(self) -> int:
        """Of `known`, those that came back within the 7 days.

        >>> outcome = Outcome(conversations=10, known=7, durable=5)
        >>> outcome.came_back, outcome.not_known_yet
        (2, 3)
        """
        return self.known - self.durable

    @property
    def not_known_yet(self) -> int:
        """Resolved conversations whose 7 days are not over."""
        return self.conversations - self.known


@dataclass(frozen=True, slots=True)
class Cohort:
    """The conversations started in one period, by who resolved them first; each is in exactly one part.

    Attributes:
        ai: Those that the AI resolved first.
        people: Those that people resolved first.
        none: Those without a resolution: open, spam, or closed without one.
    """

    ai: Outcome
    people: Outcome
    none: Outcome

    @property
    def started(self) -> int:
        """All of them."""
        return self.ai.conversations + self.people.conversations + self.none.conversations

    @property
    def escalated(self) -> int:
        """Those that the AI handed over to people, however they ended."""
        return self.ai.escalated + self.people.escalated + self.none.escalated

    def of(self, side: Side) -> Outcome:
        """The part of one side."""
        return self.ai if side == "ai" else self.people


@dataclass(frozen=True, slots=True)
class Cohorts:
    """The cohorts of both periods.

    Attributes:
        current: The period shown.
        previous: The period before; None when it is not compared.
        is_cut: True when more conversations are open than are looked up among the resolved ones: some may have come back.
        is_open_known: True when Postgres said which of them are open, all of them.
    """

    current: Cohort
    previous: Cohort | None
    is_cut: bool = False
    is_open_known: bool = False


_SHARE: Final = (
    "Of the conversations started in the period, each judged when the data was read; those of the period before as long after "
    "their period's end, so that both had the same time."
)


def _share(key: str, title: str, definition: str, direction: Literal["lower", "higher"]) -> Metric:
    return Metric(
        key=key,
        title=title,
        label=title,
        definition=f"{definition} {_SHARE}",
        kind="ratio",
        direction=direction,
        column=f"{key}_ratio",
        n_of="started conversations",
        nothing="No conversations started",
    )


AI_RESOLVED: Final = _share(
    "first_resolved_by_ai",
    "Resolved by AI",
    "The share that the AI agent resolved first, also where people had to resolve it again. Handled by AI on Overview asks who "
    "resolved last.",
    "higher",
)
HANDED_OVER: Final = _share(
    "handed_over",
    "Handed over to people",
    "The share that the AI agent escalated to people, resolved since or not.",
    "lower",
)
NO_RESOLUTION: Final = _share(
    "no_resolution",
    "No resolution",
    "The share without a resolution by the AI agent or by people: open, marked as spam, or closed without one. New conversations "
    "are among them.",
    "lower",
)

DURABLE_SHARE: Final = Metric(
    key="durable",
    title="Durable",
    label="Durable",
    definition=f"The share of first resolutions that held for {DURABLE_DAYS} days: not resolved again, and not open again. Two "
    "resolutions within 60 s are one. Those whose 7 days are not over are not counted, whether they came back or not: it is known "
    "early only of those that came back. A conversation is open again if it is open now and its last change was within the 7 "
    "days: when it was reopened is stored nowhere.",
    kind="ratio",
    direction="higher",
    column="durable_ratio",
    n_of="resolutions judged",
    nothing="No resolution whose 7 days are over",
)


def cohorts(rows: pd.DataFrame, resolved: ResolvedView) -> Cohorts:
    """The cohorts of a view from rows as in `schemas.RESOLUTION_OUTCOMES`, of both periods and all sides."""
    current, previous = (_cohort(rows, period) for period in ("current", "previous"))
    return Cohorts(current, previous if resolved.before is not None else None)


def open_changes(rows: pd.DataFrame, most: int, most_characters: int) -> tuple[tuple[str, int], ...]:
    """Id and last change, in Unix seconds, of as many open conversations as one request may name.

    An id with a comma is left out: it would count as two ids, and Tinybird has no such id.

    Args:
        rows: As in `schemas.OPEN_CONVERSATIONS`.
        most: Most conversations.
        most_characters: Most characters of all ids, commas included.
    """
    whole = rows[~rows["id"].str.contains(",", regex=False)]
    kept = whole[(whole["id"].str.len() + 1).cumsum() - 1 <= most_characters].head(most)
    changed = kept["updated_at"].map(lambda at: int(at.timestamp()))
    return tuple(zip(kept["id"], changed, strict=True))


def watch_seconds(resolved: ResolvedView) -> int:
    """How long conversations are watched after the end of their period, for both periods alike; 0 for one that runs.

    From the end of the period shown to the last five-minute mark: nothing later is known of it.
    """
    return max(0, int((periods.floor_to_grid(resolved.now) - resolved.period.end) / timedelta(seconds=1)))


def share_kpis(cohorts: Cohorts, comparability: Comparability) -> tuple[Kpi, ...]:
    """Resolved by AI, handed over, no resolution: shares of the started conversations, with their changes."""

    def share(metric: Metric, current: int, previous: int) -> Kpi:
        before = cohorts.previous
        return compared_kpi(
            metric,
            ratio(current, cohorts.current.started),
            None if before is None else ratio(previous, before.started),
            comparability,
        )

    now = cohorts.current
    then = cohorts.previous or Cohort(Outcome(), Outcome(), Outcome())
    return (
        share(AI_RESOLVED, now.ai.conversations, then.ai.conversations),
        share(HANDED_OVER, now.escalated, then.escalated),
        share(NO_RESOLUTION, now.none.conversations, then.none.conversations),
    )


def durable(outcome: Outcome) -> Estimate:
    """The share of durable resolutions among those whose 7 days are over; no value without one.

    >>> durable(Outcome(conversations=10, known=8, durable=6)).value, durable(Outcome(conversations=3)).value
    (0.75, None)
    """
    return ratio(outcome.durable, outcome.known)


def ratio(part: int, whole: int) -> Estimate:
    """A share with its 95 % interval; no value without a whole."""
    return Estimate(part / whole if whole else None, whole, wilson(part, whole))


def known_until(resolved: ResolvedView) -> datetime:
    """The latest instant of a first resolution whose 7 days are over."""
    return resolved.period.end + timedelta(seconds=watch_seconds(resolved)) - timedelta(days=DURABLE_DAYS)


def _cohort(rows: pd.DataFrame, period: str) -> Cohort:
    of_period = rows[rows["period"] == period]
    names = ("ai", "people", "none")
    return Cohort(*(_outcome(of_period[of_period["first_resolved_by"] == name].iloc[0]) for name in names))


def _outcome(row: pd.Series) -> Outcome:
    def seconds(name: str) -> float | None:
        return None if pd.isna(row[name]) else float(row[name])

    def interval(measure: str) -> Interval | None:
        low, high = (seconds(f"median_{measure}_{end}_seconds") for end in ("low", "high"))
        return None if low is None or high is None else Interval(low, high)

    return Outcome(
        conversations=int(row["conversations"]),
        escalated=int(row["escalated"]),
        known=int(row["known"]),
        durable=int(row["durable"]),
        came_back_early=int(row["came_back_early"]),
        open_now=int(row["open_now"]),
        responded=int(row["responded"]),
        median_response_seconds=seconds("median_response_seconds"),
        response_interval=interval("response"),
        median_resolution_seconds=seconds("median_resolution_seconds"),
        resolution_interval=interval("resolution"),
    )
