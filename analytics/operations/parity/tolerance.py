"""Compares two values of every KPI: their difference, and whether it is within tolerance. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from analytics.kpis.declarations import EVENT_TYPES, KPIS, Event, Kind

Unit = Literal["count", "seconds", "ratio", "points"]
Verdict = Literal["equal", "within", "differs", "one-sided"]

UNITS: Final[dict[Kind, Unit]] = {
    "duration": "seconds",
    "ratio": "ratio",
    "score": "points",
    "count": "count",
}

SAME_RATIO: Final = 1e-6
"""Tinybird keeps durations as Float32, which has seven digits: anything nearer is the same."""

DEFAULT_TOLERANCE: Final = 0.01


@dataclass(frozen=True, slots=True)
class Quantity:
    """KPI that both sides can compute.

    Attributes:
        events: The conversation events that it is made of; empty when it is made of none.
    """

    name: str
    unit: Unit
    events: tuple[Event, ...] = ()


QUANTITIES: Final[tuple[Quantity, ...]] = (
    *(Quantity(event, "count", (event,)) for event in EVENT_TYPES),
    Quantity("started_responded", "count", ("started", "responded")),
    Quantity("started_resolved", "count", ("started", "responded", "resolved")),
    Quantity("started_ai_resolved", "count", ("started", "responded", "ai_resolved")),
    Quantity("p90_response_seconds", "seconds", ("responded",)),
    Quantity("mean_response_seconds", "seconds", ("responded",)),
    Quantity("p90_resolution_seconds", "seconds", ("resolved",)),
    Quantity("mean_resolution_seconds", "seconds", ("resolved",)),
    Quantity("rating_score", "points"),
    Quantity("sentiment_score", "points"),
    *(Quantity(kpi.column, UNITS[kpi.kind], kpi.events) for kpi in KPIS.values()),
)
"""Every KPI, and the counts and readings behind it."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Cause of a difference, found on single rows.

    Attributes:
        count: In how many conversations or visitors.
    """

    text: str
    count: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Compared:
    """One quantity of one period.

    Attributes:
        tinybird: What the pipes say; None when there is nothing to say (a median of nothing).
        postgres: What Postgres says; None likewise, or when Postgres cannot know.
        verdict: `one-sided` when one of the two cannot be known; it counts as neither within nor outside.
        causes: Why they differ by more than the tolerance, most frequent first; empty when they do not, when no cause was
            found, or when no row was looked at, which the note says.
    """

    quantity: Quantity
    tinybird: float | None
    postgres: float | None
    verdict: Verdict
    causes: tuple[Cause, ...] = field(default=())
    note: str = ""

    @property
    def difference(self) -> float | None:
        """Tinybird minus Postgres; None unless both are known."""
        return None if self.tinybird is None or self.postgres is None else self.tinybird - self.postgres


def verdict(quantity: Quantity, tinybird: float | None, postgres: float | None, tolerance: float) -> Verdict:
    """Judge how far two values of a quantity are apart.

    Args:
        quantity: Whose unit decides: counts and seconds are compared relative to the larger value, ratios by their
            difference, points by their difference out of 100.
        tinybird: None means no value.
        postgres: None means no value; two of them are equal, one alone differs.
        tolerance: 0..1, inclusive.

    >>> count, ratio = Quantity("started", "count"), Quantity("ai_handled_ratio", "ratio")
    >>> verdict(count, 99.0, 100.0, 0.01), verdict(count, 98.0, 100.0, 0.01), verdict(ratio, 0.51, 0.505, 0.01)
    ('within', 'differs', 'within')
    """
    if tinybird is None or postgres is None:
        return "equal" if tinybird is postgres else "differs"
    apart = abs(tinybird - postgres)
    scale = {"ratio": 1.0, "points": 100.0}.get(quantity.unit, max(abs(tinybird), abs(postgres)))
    if apart <= SAME_RATIO * scale:
        return "equal"
    return "within" if apart <= tolerance * scale * (1 + 1e-9) else "differs"


def is_within(compared: Sequence[Compared]) -> bool:
    """Whether no quantity differs by more than the tolerance."""
    return all(each.verdict != "differs" for each in compared)


def causes(counted: Mapping[str, Sequence[str]]) -> tuple[Cause, ...]:
    """Makes causes from the ids that each was found for, most frequent first.

    >>> causes({"deleted": ["c1"], "test visitor": ["c2", "c3"]})[0]
    Cause(text='test visitor', count=2, examples=('c2', 'c3'))
    """
    found = [Cause(text, len(ids), tuple(ids[:3])) for text, ids in counted.items() if ids]
    return tuple(sorted(found, key=lambda cause: (-cause.count, cause.text)))
