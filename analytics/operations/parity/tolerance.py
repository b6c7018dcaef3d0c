"""Two values of every KPI beside each other: how far apart they are, and whether that is within tolerance. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

Unit = Literal["count", "seconds", "ratio", "points"]
Kind = Literal["started", "responded", "resolved", "ai_resolved", "escalated", "feedback"]
Verdict = Literal["equal", "within", "differs", "one-sided"]

KINDS: Final[tuple[Kind, ...]] = ("started", "responded", "resolved", "ai_resolved", "escalated", "feedback")

SAME_RATIO: Final = 1e-6
"""Tinybird keeps durations as Float32, which has seven digits: anything nearer is the same."""

DEFAULT_TOLERANCE: Final = 0.01


@dataclass(frozen=True, slots=True)
class Kpi:
    """A number that both sides know.

    Attributes:
        name: As the pipes call it.
        unit: Of its values.
        kinds: The events it is made of; empty when it is not made of conversation events.
    """

    name: str
    unit: Unit
    kinds: tuple[Kind, ...] = ()


KPIS: Final[tuple[Kpi, ...]] = (
    *(Kpi(kind, "count", (kind,)) for kind in KINDS),
    Kpi("started_responded", "count", ("started", "responded")),
    Kpi("started_resolved", "count", ("started", "responded", "resolved")),
    Kpi("started_ai_resolved", "count", ("started", "responded", "ai_resolved")),
    Kpi("median_response_seconds", "seconds", ("responded",)),
    Kpi("p90_response_seconds", "seconds", ("responded",)),
    Kpi("mean_response_seconds", "seconds", ("responded",)),
    Kpi("median_resolution_seconds", "seconds", ("resolved",)),
    Kpi("p90_resolution_seconds", "seconds", ("resolved",)),
    Kpi("mean_resolution_seconds", "seconds", ("resolved",)),
    Kpi("ai_handled_ratio", "ratio", ("resolved", "ai_resolved")),
    Kpi("rating_score", "points"),
    Kpi("sentiment_score", "points"),
    Kpi("satisfaction_index", "points", ("started", "responded", "resolved")),
    Kpi("unique_visitors", "count"),
)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a number differs, found by looking at single rows.

    Attributes:
        text: What was found, in plain words.
        count: In how many conversations or visitors.
        examples: A few of their ids.
    """

    text: str
    count: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Compared:
    """One KPI of one period.

    Attributes:
        kpi: Which.
        tinybird: What the pipes say; None when there is nothing to say (a median of nothing).
        postgres: What Postgres says; None likewise, or when Postgres cannot know.
        verdict: `one-sided` when one of the two cannot be known; it counts as neither within nor outside.
        causes: Why they differ by more than the tolerance, most frequent first; empty when they do not, when no cause was
            found, or when no row was looked at, which the note says.
        note: What limits the comparison; empty when nothing does.
    """

    kpi: Kpi
    tinybird: float | None
    postgres: float | None
    verdict: Verdict
    causes: tuple[Cause, ...] = field(default=())
    note: str = ""

    @property
    def difference(self) -> float | None:
        """Tinybird minus Postgres; None unless both are known."""
        return None if self.tinybird is None or self.postgres is None else self.tinybird - self.postgres


def verdict(kpi: Kpi, tinybird: float | None, postgres: float | None, tolerance: float) -> Verdict:
    """How two values of a KPI stand to each other.

    Args:
        kpi: Whose unit decides: counts and seconds are compared relative to the larger value, ratios by their
            difference, points by their difference out of 100.
        tinybird: None means no value.
        postgres: None means no value; two of them are equal, one alone differs.
        tolerance: 0..1, inclusive.

    >>> count, rate = Kpi("started", "count"), Kpi("ai_handled_ratio", "ratio")
    >>> verdict(count, 99.0, 100.0, 0.01), verdict(count, 98.0, 100.0, 0.01), verdict(rate, 0.51, 0.505, 0.01)
    ('within', 'differs', 'within')
    """
    if tinybird is None or postgres is None:
        return "equal" if tinybird is postgres else "differs"
    apart = abs(tinybird - postgres)
    scale = {"ratio": 1.0, "points": 100.0}.get(kpi.unit, max(abs(tinybird), abs(postgres)))
    if apart <= SAME_RATIO * scale:
        return "equal"
    return "within" if apart <= tolerance * scale * (1 + 1e-9) else "differs"


def is_within(compared: Sequence[Compared]) -> bool:
    """Whether no KPI differs by more than the tolerance."""
    return all(each.verdict != "differs" for each in compared)


def causes(counted: Mapping[str, Sequence[str]]) -> tuple[Cause, ...]:
    """Causes by text, from the ids that each was found for, most frequent first.

    >>> causes({"deleted": ["c1"], "test visitor": ["c2", "c3"]})[0]
    Cause(text='test visitor', count=2, examples=('c2', 'c3'))
    """
    found = [Cause(text, len(ids), tuple(ids[:3])) for text, ids in counted.items() if ids]
    return tuple(sorted(found, key=lambda cause: (-cause.count, cause.text)))
