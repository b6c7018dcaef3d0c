"""KPIs of many websites, one row each: values, changes and trends; totals of counts. Pure.

A row has the numbers of the website's own Overview: both go through `board.kpi_of`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import inf, log
from typing import Final, Literal, get_args

from analytics.errors import SourceError
from analytics.kpis.board import are_visitor_days_compared, arrivals, index_of, kpi_of
from analytics.kpis.declarations import KPIS, KpiKey, PeriodFigures
from analytics.kpis.goals.results import GoalResult
from analytics.kpis.intervals import ArrivalCount
from analytics.kpis.metrics import Kpi, estimate_of
from analytics.kpis.satisfaction.index import NO_INDEX, Scores
from analytics.kpis.timeseries import Which
from analytics.kpis.totals import ConversationTotals
from analytics.readings import Reading
from analytics.scope import tiers
from analytics.scope.access import Website
from analytics.scope.buckets import bucket_starts
from analytics.scope.selection import Measure
from analytics.scope.tiers import Tier
from analytics.scope.views import ResolvedView

SHOWN: Final = tuple(kpi for kpi in KPIS.values() if kpi.is_on_overview)
"""The KPIs of a row, in order."""

WORSE_BY_CHANCE_RATIO: Final = 0.025
"""Share of the comparisons without a true change that a test at 5 % calls worse; as many are called better."""

Total = Literal["started", "responded", "resolved", "ai_resolved", "unique_visitors"]


@dataclass(frozen=True, slots=True)
class WebsitePeriod:
    """What `website_kpis` answers of one website and period.

    Attributes:
        totals: The conversations of the whole period.
        visitors: Distinct visitors of the whole period.
        buckets: The conversations of each bucket, oldest first, as far as a trend needs them.
        visitors_by_bucket: Distinct visitors of each bucket.
    """

    totals: ConversationTotals
    visitors: int
    buckets: tuple[ConversationTotals, ...]
    visitors_by_bucket: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WebsitePeriods:
    """Both periods of one website.

    Attributes:
        current: The period shown.
        previous: The period before.
        newest_event: UTC; None without an event in 30 days.
    """

    current: WebsitePeriod
    previous: WebsitePeriod
    newest_event: datetime | None


ScoresByBucket = Mapping[tuple[str, Which, int], tuple[Scores, Scores]]
"""Rating and sentiment by website id, period and bucket, counted from 1; no entry without a score."""


@dataclass(frozen=True, slots=True)
class TierReads:
    """The websites of one tier with what was read of them.

    Attributes:
        resolved: The dates of the tier, of any of its websites, with the bucket of the period's length.
        websites: Its websites.
        periods: Both periods by website id, or why they could not be read.
        scores: Ratings and sentiment, or why they could not be read.
    """

    resolved: ResolvedView
    websites: tuple[Website, ...]
    periods: Reading[Mapping[str, WebsitePeriods]] | SourceError
    scores: Reading[ScoresByBucket] | SourceError


@dataclass(frozen=True, slots=True)
class WebsiteRow:
    """One website.

    Attributes:
        website: The website.
        kpis: The KPIs that could be read, in order.
        trends: Value per bucket, oldest first, as many for each website of one range; None without a value and for buckets before
            the plan's reach, no values where none could be read.
        counts: The counts that add up, of this period and the one before, which is None when not compared; empty where they
            could not be read, and without visitors where none of the period are kept.
        newest_event: UTC; None without an event in 30 days.
        is_read: False when the conversations could not be read.
        goals: What the conversations did against the goals of the website; empty without one, or where goals are not read.
    """

    website: Website
    kpis: Mapping[KpiKey, Kpi]
    trends: Mapping[KpiKey, tuple[float | None, ...]]
    counts: Mapping[Total, tuple[int, int | None]]
    newest_event: datetime | None
    is_read: bool = True
    goals: Mapping[Measure, GoalResult] = field(default_factory=dict)

    @property
    def worst(self) -> Kpi | None:
        """The KPI with the largest `severity`, among the changes with the verdict worse; None without one."""
        worse = [kpi for kpi in self.kpis.values() if kpi.delta.verdict == "worse"]
        return max(worse, key=severity, default=None)


@dataclass(frozen=True, slots=True)
class AllWebsites:
    """The board of all websites.

    Attributes:
        rows: One per website, by name.
        views: The dates of each tier among them.
        goals_stale_since: When the rows' goals were read, aware, if they are a last good value; None for fresh ones.
    """

    rows: tuple[WebsiteRow, ...]
    views: Mapping[Tier, ResolvedView]
    goals_stale_since: datetime | None = None


def severity(kpi: Kpi) -> float:
    """By which factor the KPI changed at least, as a logarithm, so that halving is as bad as doubling; 0 without a change.

    "At least" is the end of the change's 95 % interval that is nearest to no change, so that a large change of few conversations
    does not come before a sure one of many; 0 where the interval contains no change. Without an interval, the estimate.

    One scale for all KPIs, whatever the unit of their change: the rate, whose change is in percentage points, too.
    """
    delta, now, before = kpi.delta, kpi.value, kpi.previous_value
    if delta.change is None or now is None or before is None:
        return 0.0
    if delta.low is None or delta.high is None:
        return _factor(now, before)
    nearest = max(delta.low, 0.0) if delta.change > 0 else min(delta.high, 0.0)
    if delta.unit == "relative":
        return _factor(1 + nearest, 1.0)
    return _factor(before + nearest / (100 if delta.unit == "pp" else 1), before)


def _factor(now: float, before: float) -> float:
    if now == before:
        return 0.0
    return abs(log(now / before)) if now > 0 and before > 0 else inf


def chance(rows: Iterable[WebsiteRow]) -> tuple[int, float]:
    """How many changes of the rows were tested, and how many of them would be `worse` if nothing had changed.

    A 95 % interval leaves no change out on the worse side in 2.5 % of such comparisons.
    """
    verdicts = [kpi.delta.verdict for row in rows for kpi in row.kpis.values()]
    tested = sum(verdict in {"better", "worse", "within_noise"} for verdict in verdicts)
    return tested, WORSE_BY_CHANCE_RATIO * tested


def board(reads: Sequence[TierReads]) -> AllWebsites:
    """Build the rows of all tiers, by name; a website whose conversations could not be read has no KPIs."""
    rows: list[WebsiteRow] = []
    for each in reads:
        before = _buckets_before(each.resolved, longest_view(other.resolved for other in reads))
        rows += [_row(each, website, before) for website in each.websites]
    rows.sort(key=lambda row: (row.website.name.lower(), row.website.id))
    return AllWebsites(tuple(rows), {each.resolved.website.tier: each.resolved for each in reads})


def longest_view(resolved: Iterable[ResolvedView]) -> ResolvedView:
    """The dates of the plan that reaches back longest."""
    return max(resolved, key=lambda each: tiers.TIER_DAYS[each.website.tier])


def with_bucket_of(longest: ResolvedView, resolved: ResolvedView) -> ResolvedView:
    """The dates of a plan with the bucket of `longest`, so that a bar of a trend is as long for every website.

    A plan that does not reach the range at all shows another one (`views.resolve`), with the bucket of that.
    """
    return replace(resolved, bucket=longest.bucket) if resolved.range == longest.range else resolved


def totals(rows: Iterable[WebsiteRow]) -> dict[Total, tuple[int | None, int | None]]:
    """Sums of the counts over the websites, of this period and the one before; medians and rates do not add up.

    A sum is None where the count could not be read for any website, which is not zero. The earlier sum is None unless every
    website that was read is compared. A visitor belongs to one website, so their numbers add up.
    """
    counted = [row.counts for row in rows]
    sums: dict[Total, tuple[int | None, int | None]] = {}
    for name in get_args(Total):
        pairs = [counts[name] for counts in counted if name in counts]
        known = [before for _, before in pairs if before is not None]
        sums[name] = (
            sum(now for now, _ in pairs) if pairs else None,
            sum(known) if pairs and len(known) == len(pairs) else None,
        )
    return sums


def _buckets_before(resolved: ResolvedView, longest: ResolvedView) -> int:
    """How many buckets of `longest` begin before a plan's dates; 0 where these are of another range."""
    if resolved.range != longest.range:
        return 0
    reached, every = (len(bucket_starts(each.period, longest.bucket)) for each in (resolved, longest))
    return every - reached


def _row(reads: TierReads, website: Website, buckets_before: int) -> WebsiteRow:
    if isinstance(reads.periods, SourceError):
        return WebsiteRow(website, {}, {}, {}, None, is_read=False)
    found, resolved = reads.periods.value[website.id], reads.resolved
    scores = None if isinstance(reads.scores, SourceError) else reads.scores.value
    current, previous = (
        _figures(reads, website, which, found.current if which == "current" else found.previous)
        for which in ("current", "previous")
    )
    readable = [kpi for kpi in SHOWN if scores is not None or "scores" not in kpi.sources]
    starts = bucket_starts(resolved.period, resolved.bucket)
    buckets = [
        PeriodFigures(
            totals,
            NO_INDEX if scores is None else index_of(totals, *_scores(scores, website.id, "current", number)),
            # Visitors of a bucket are not compared, so its length is not used.
            ArrivalCount(visitors, 1.0) if start >= resolved.earliest_visitors else None,
        )
        for number, (start, totals, visitors) in enumerate(
            zip(starts, found.current.buckets, found.current.visitors_by_bucket, strict=True), start=1
        )
    ]
    return WebsiteRow(
        website,
        {kpi.key: kpi_of(kpi, resolved, current, previous) for kpi in readable},
        {
            kpi.key: (None,) * buckets_before
            + tuple(estimate_of(kpi.measure(each)).value for each in buckets)
            for kpi in readable
        },
        _counts(resolved, found),
        found.newest_event,
    )


def _figures(reads: TierReads, website: Website, which: Which, period: WebsitePeriod) -> PeriodFigures:
    resolved, index = reads.resolved, NO_INDEX
    if isinstance(reads.scores, Reading):
        every = [
            _scores(reads.scores.value, website.id, which, number + 1)
            for number in range(len(period.buckets))
        ]
        rating, sentiment = (sum((each[part] for each in every), Scores()) for part in (0, 1))
        index = index_of(period.totals, rating, sentiment)
    if resolved.visitor_period.is_empty:
        return PeriodFigures(period.totals, index)
    by_day = period.visitors_by_bucket if are_visitor_days_compared(resolved) else ()
    return PeriodFigures(period.totals, index, arrivals(resolved, which, period.visitors, by_day))


def _scores(scores: ScoresByBucket, website_id: str, which: Which, number: int) -> tuple[Scores, Scores]:
    return scores.get((website_id, which, number), (Scores(), Scores()))


def _counts(resolved: ResolvedView, found: WebsitePeriods) -> dict[Total, tuple[int, int | None]]:
    now, before = found.current, found.previous
    is_compared, are_visitors = resolved.comparability.is_shown, resolved.visitors_comparability.is_shown
    pairs = {name: (getattr(now.totals, name), getattr(before.totals, name)) for name in _CONVERSATIONS}
    counts: dict[Total, tuple[int, int | None]] = {
        name: (pair[0], pair[1] if is_compared else None) for name, pair in pairs.items()
    }
    if not resolved.visitor_period.is_empty:
        counts["unique_visitors"] = now.visitors, before.visitors if are_visitors else None
    return counts


_CONVERSATIONS: Final[tuple[Total, ...]] = ("started", "responded", "resolved", "ai_resolved")
