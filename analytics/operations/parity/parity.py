"""Compares every conversation KPI from the pipes with Postgres, and finds why they differ."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import pandas as pd

from analytics import sources
from analytics.ingest.history import reader as history
from analytics.ingest.history.reader import HistoryWebsite
from analytics.kpis.board import index_of
from analytics.kpis.declarations import EVENT_TYPES, KPIS, PeriodFigures
from analytics.kpis.metrics import estimate_of
from analytics.kpis.satisfaction.index import Scores
from analytics.kpis.totals import ConversationTotals
from analytics.operations.parity import postgres_kpis as product
from analytics.operations.parity.discrepancies import Discrepancies
from analytics.operations.parity.tolerance import QUANTITIES, Cause, Compared, is_within, verdict
from analytics.readings import Answer
from analytics.scope.comparison import shifted_period
from analytics.scope.periods import Period
from analytics.scope.tiers import VISITOR_TTL_DAYS
from analytics.sources import Bounds
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird

PeriodName = Literal["current", "previous"]

MOST_SEARCHED: Final = 200_000
"""Events of a period whose rows are looked at for causes: they are held in memory, about half a kilobyte each."""


@dataclass(frozen=True, slots=True)
class PeriodReport:
    """Comparison of one period.

    Attributes:
        date_from: Start, UTC text, inclusive.
        date_to: End, UTC text, exclusive.
        compared: One for each of `tolerance.QUANTITIES`, in order.
    """

    name: PeriodName
    date_from: str
    date_to: str
    compared: tuple[Compared, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was compared with anything: of what both sides can know, both count zero or know no value."""
        return not any(
            each.tinybird or each.postgres for each in self.compared if each.verdict != "one-sided"
        )


@dataclass(frozen=True, slots=True)
class Report:
    """Comparison of both periods.

    Attributes:
        tolerance: 0..1: how far apart two numbers may be.
        periods: The period asked for, and the one before.
    """

    website: HistoryWebsite
    tolerance: float
    periods: tuple[PeriodReport, ...]

    @property
    def is_within(self) -> bool:
        """Whether no quantity of either period differs by more than the tolerance."""
        return all(is_within(period.compared) for period in self.periods)


def parity(
    tinybird: Tinybird,
    postgres: Postgres,
    website: HistoryWebsite,
    period: Period,
    now: datetime,
    tolerance: float,
    purged_at: datetime | None = None,
    removed: Container[str] = (),
) -> Report:
    """Compare both sides of every KPI, for a period cut at now and for the one before it.

    Nothing after `now` is compared, because it is still coming in. `purged_at` and `removed` say what was removed from
    Tinybird, as far as receipts tell.

    Raises:
        SourceError: A source does not answer, or says no.
    """
    end = now.replace(microsecond=0)
    current = Period(period.start, max(period.start, min(period.end, end)), period.timezone)
    before = shifted_period(current, max(1, period.day_count()))
    bounds = Bounds.of(current, before)
    totals = sources.inbox_analytics(tinybird, website.id, bounds).value
    rated = sources.rating_and_sentiment(postgres, website.id, bounds)
    clock = history.server_time(postgres)
    reports = []
    for name, span, total in (("current", current, totals.current), ("previous", before, totals.previous)):
        date_from, date_to = span.utc_bounds()
        purged = None if purged_at is None else purged_at.timestamp()
        search = Discrepancies(tinybird, postgres, website, date_from, date_to, clock, purged, removed)
        theirs = product.numbers(postgres, website, date_from, date_to)
        ours = _values(total, *_scores(rated, name))
        postgres_values = _values(theirs.totals, theirs.rating, theirs.sentiment)
        events = max(sum(side[event] or 0 for event in EVENT_TYPES) for side in (ours, postgres_values))
        compared = []
        for quantity in QUANTITIES:
            if quantity.name == "unique_visitors":
                compared.append(_visitors(tinybird, postgres, website, span, now, tolerance, search))
                continue
            one, other = ours[quantity.name], postgres_values[quantity.name]
            found = verdict(quantity, one, other, tolerance)
            reasons: dict[Cause, None] = {}
            note = ""
            if found == "differs" and quantity.events and events > MOST_SEARCHED:
                note = f"no row was looked at: more than {MOST_SEARCHED:,} events; choose a shorter range"
            elif found == "differs":
                reasons = dict.fromkeys(cause for event in quantity.events for cause in search.causes(event))
            compared.append(Compared(quantity, one, other, found, tuple(reasons), note))
        reports.append(
            PeriodReport("current" if name == "current" else "previous", date_from, date_to, tuple(compared))
        )
    return Report(website, tolerance, tuple(reports))


def _values(totals: ConversationTotals, rating: Scores, sentiment: Scores) -> dict[str, float | None]:
    """Every quantity but visitors, by its name, from what one side says."""
    figures = PeriodFigures(totals, index_of(totals, rating, sentiment))
    scores = {"rating_score": rating.mean, "sentiment_score": sentiment.mean}
    kpis = {kpi.column: estimate_of(kpi.measure(figures)).value for kpi in KPIS.values()}
    counted = {each.name for each in QUANTITIES} - {*scores, *kpis}
    return {name: getattr(totals, name) for name in counted} | scores | kpis


def _scores(rated: Answer[pd.DataFrame], period: str) -> tuple[Scores, Scores]:
    frame = rated.value[rated.value["period"] == period]

    def score(name: str) -> Scores:
        return Scores(
            int(frame[f"{name}_count"].sum()),
            float(frame[f"{name}_total"].sum()),
            float(frame[f"{name}_total_of_squares"].sum()),
        )

    return score("rating"), score("sentiment")


def _visitors(
    tinybird: Tinybird,
    postgres: Postgres,
    website: HistoryWebsite,
    span: Period,
    now: datetime,
    tolerance: float,
    search: Discrepancies,
) -> Compared:
    (quantity,) = [each for each in QUANTITIES if each.name == "unique_visitors"]
    if span.is_empty:  # the first second of a day
        return Compared(quantity, None, None, "one-sided", note="the period has only just begun")
    kept_from = now.astimezone(UTC).replace(microsecond=0) - timedelta(days=VISITOR_TTL_DAYS)
    start, notes = span.start, []
    if start < kept_from:
        start = kept_from
        notes.append(
            f"visitor TTL: compared from {kept_from:%Y-%m-%d %H:%M} UTC on, older visits have expired"
        )
    if start >= span.end:
        return Compared(
            quantity, None, None, "one-sided", note="visitor TTL: all visits of the period have expired"
        )
    date_from, date_to = Period(start, span.end, span.timezone).utc_bounds()
    seen = sources.unique_visitors(
        tinybird, website.id, Bounds(date_from, date_to, date_from, date_from)
    ).value.current
    if span.end < now - timedelta(minutes=5):
        notes.append(
            "Postgres keeps each visitor's newest visit alone, and cannot tell for a period that is over"
        )
        return Compared(quantity, float(seen), None, "one-sided", note="; ".join(notes))
    counted = product.visitors_seen(postgres, website, date_from, date_to)
    found = verdict(quantity, float(seen), float(counted), tolerance)
    causes = search.visitor_causes() if found == "differs" else ()
    return Compared(quantity, float(seen), float(counted), found, causes, "; ".join(notes))
