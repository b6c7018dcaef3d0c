"""The KPIs, each declared once: texts, unit, sources, and the function that computes its value. Pure.

Cards, chart, wall, Explain, parity, exports and the README's table loop over `KPIS`. docs/architecture.md lists what else a
new KPI needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from analytics.kpis.intervals import ArrivalCount, wilson
from analytics.kpis.satisfaction.index import NO_INDEX, SatisfactionIndex
from analytics.kpis.totals import ConversationTotals
from analytics.kpis.verdicts import Direction, Estimate, Unit

KpiKey = Literal[
    "median_response", "median_resolution", "ai_handled", "satisfaction_index", "unique_visitors", "escalated"
]
Kind = Literal["duration", "ratio", "score", "count"]
"""Kind of a value: seconds, 0..1, 0..100, or a count. Decides how the value is written and compared."""

Source = Literal["conversations", "scores", "visitors"]
"""In order: the pipe `inbox_analytics`; ratings and sentiment from Postgres; the pipe `unique_visitors`."""

Event = Literal["started", "responded", "resolved", "ai_resolved", "escalated", "feedback"]
"""What is counted of conversations: names of columns of the pipes."""

EVENT_TYPES: Final[dict[Event, tuple[str, ...]]] = {
    "started": ("conversation_started",),
    "responded": ("first_response",),
    "resolved": ("conversation_resolved", "ai_resolved"),
    "ai_resolved": ("ai_resolved",),
    "escalated": ("escalated",),
    "feedback": ("feedback_submitted",),
}
"""The event types that each is counted from."""

_UNITS: Final[dict[Kind, Unit]] = {
    "duration": "relative",
    "ratio": "pp",
    "score": "points",
    "count": "relative",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A number that a card or a chart shows.

    Attributes:
        key: Name in the code and in the URL: the column without its unit.
        title: Name on a card and above a chart.
        label: Short name, one word.
        definition: One or more sentences; the first says what the value is.
        kind: Kind of the value.
        direction: The better direction.
        column: Column of the values in a series.
        n_of: Noun of the observations, plural.
        n_column: Column of the number of observations in a series; None for a count or an index.
        nothing: Text without a value, such as "No responses".
    """

    key: str
    title: str
    label: str
    definition: str
    kind: Kind
    direction: Direction
    column: str
    n_of: str
    n_column: str | None = None
    nothing: str

    @property
    def unit(self) -> Unit:
        """The unit of a change."""
        return _UNITS[self.kind]


@dataclass(frozen=True, slots=True)
class PeriodFigures:
    """The figures of one period or bucket from all sources; each KPI uses those of its own sources.

    Attributes:
        conversations: Totals of the conversations.
        index: The satisfaction index.
        visitors: Unique visitors; None without visitor data.
    """

    conversations: ConversationTotals = field(default_factory=ConversationTotals)
    index: SatisfactionIndex = NO_INDEX
    visitors: ArrivalCount | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KpiDeclaration(Metric):
    """A KPI.

    Attributes:
        key: One of `KpiKey`.
        sources: The sources that it needs; it fails with the first one that fails.
        measure: Computes its value in one period; None if it could not be counted.
        events: The conversation events that it is computed from.
        is_on_overview: Whether Overview has a card for it.
    """

    key: KpiKey
    sources: tuple[Source, ...]
    measure: Callable[[PeriodFigures], Estimate | ArrivalCount | None]
    events: tuple[Event, ...] = ()
    is_on_overview: bool = True


def types_of(events: Iterable[Event]) -> set[str]:
    """The event types that `events` are counted from.

    >>> sorted(types_of(("responded", "resolved")))
    ['ai_resolved', 'conversation_resolved', 'first_response']
    """
    return {name for event in events for name in EVENT_TYPES[event]}


def _median_response(figures: PeriodFigures) -> Estimate:
    totals = figures.conversations
    return Estimate(
        totals.median_response_seconds,
        totals.responded,
        totals.response_interval,
        p90=totals.p90_response_seconds,
        mean=totals.mean_response_seconds,
        mix=totals.response_mix,
    )


def _median_resolution(figures: PeriodFigures) -> Estimate:
    totals = figures.conversations
    return Estimate(
        totals.median_resolution_seconds,
        totals.resolved,
        totals.resolution_interval,
        p90=totals.p90_resolution_seconds,
        mean=totals.mean_resolution_seconds,
        mix=totals.resolution_mix,
        related=(("Started in this period, open at its end", totals.started_open),),
    )


def _ai_handled(figures: PeriodFigures) -> Estimate:
    totals = figures.conversations
    return Estimate(totals.ai_handled_ratio, totals.resolved, wilson(totals.ai_resolved, totals.resolved))


def _satisfaction_index(figures: PeriodFigures) -> Estimate:
    """The index. n is ratings plus sentiments, so a conversation with both counts twice."""
    index = figures.index
    n_parts = tuple(
        (part.n, f"{part.name}s") for part in index.components if part.name in {"rating", "sentiment"}
    )
    return Estimate(
        index.score, sum(n for n, _ in n_parts), index.interval, n_parts=n_parts, neutral=index.missing
    )


def _unique_visitors(figures: PeriodFigures) -> ArrivalCount | None:
    return figures.visitors


def _escalated(figures: PeriodFigures) -> Estimate:
    """The ratio, cut at 1: conversations escalated in the period may have started before it."""
    started = figures.conversations.started
    escalated = min(figures.conversations.escalated, started)
    return Estimate(escalated / started if started else None, started, wilson(escalated, started))


KPIS: Final[dict[KpiKey, KpiDeclaration]] = {
    kpi.key: kpi
    for kpi in (
        KpiDeclaration(
            key="median_response",
            title="Median response",
            label="Response",
            definition="Half of the conversations got their first answer within this time.",
            kind="duration",
            direction="lower",
            column="median_response_seconds",
            n_of="responses",
            n_column="responded",
            nothing="No responses",
            sources=("conversations",),
            measure=_median_response,
            events=("responded",),
        ),
        KpiDeclaration(
            key="median_resolution",
            title="Median resolution",
            label="Resolution",
            definition="Half of the resolved conversations were resolved within this time of their start. One that was "
            "reopened counts once, with its last resolution in the period. Conversations that are still open are not in "
            "it, so a growing backlog can make it shorter.",
            kind="duration",
            direction="lower",
            column="median_resolution_seconds",
            n_of="resolved conversations",
            n_column="resolved",
            nothing="No resolved conversations",
            sources=("conversations",),
            measure=_median_resolution,
            events=("resolved",),
        ),
        KpiDeclaration(
            key="ai_handled",
            title="Handled by AI",
            label="AI",
            definition="The share of resolved conversations that the AI agent resolved. One that was reopened counts "
            "once, for the side that resolved it last in the period.",
            kind="ratio",
            direction="higher",
            column="ai_handled_ratio",
            n_of="resolved conversations",
            n_column="resolved",
            nothing="No resolved conversations",
            sources=("conversations",),
            measure=_ai_handled,
            events=("resolved", "ai_resolved"),
        ),
        KpiDeclaration(
            key="satisfaction_index",
            title="Satisfaction",
            label="Satisfaction",
            definition="From 0 to 100: 40 % ratings, 25 % sentiment, 20 % response time, 15 % share resolved. A part "
            "without data counts as a neutral 50. A conversation with a rating and a sentiment counts in both.",
            kind="score",
            direction="higher",
            column="satisfaction_index",
            n_of="ratings and sentiments",
            nothing="Nothing rated, answered or started",
            sources=("conversations", "scores"),
            measure=_satisfaction_index,
            events=("started", "responded", "resolved"),
        ),
        KpiDeclaration(
            key="unique_visitors",
            title="Unique visitors",
            label="Visitors",
            definition="Different visitors seen on the website, counted exactly. Whether a change may be chance is "
            "judged by how much the changes of single days differ.",
            kind="count",
            direction="higher",
            column="unique_visitors",
            n_of="visitors",
            nothing="No visitor data",
            sources=("visitors",),
            measure=_unique_visitors,
        ),
        KpiDeclaration(
            key="escalated",
            title="Escalated to people",
            label="Escalated",
            definition="The share of started conversations that were handed to people. It counts conversations escalated "
            "in the period, also those that started before it, up to as many as started.",
            kind="ratio",
            direction="lower",
            column="escalated_ratio",
            n_of="started conversations",
            n_column="started",
            nothing="No conversations started",
            sources=("conversations",),
            measure=_escalated,
            events=("started", "escalated"),
            is_on_overview=False,
        ),
    )
}
"""All KPIs, in the order of their cards."""
