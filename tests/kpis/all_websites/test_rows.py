"""All websites: each row by its own plan's dates, totals of counts, how bad a change is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf, log

import pytest

from analytics.errors import SourceError, SourceUnavailable
from analytics.kpis.all_websites.rows import (
    AllWebsites,
    ScoresByBucket,
    TierReads,
    WebsitePeriod,
    WebsitePeriods,
    WebsiteRow,
    board,
    chance,
    severity,
    totals,
    with_bucket_of,
)
from analytics.kpis.declarations import KPIS, KpiKey
from analytics.kpis.metrics import Kpi
from analytics.kpis.satisfaction.index import Scores
from analytics.kpis.totals import ConversationTotals
from analytics.kpis.verdicts import Delta, Estimate, Verdict
from analytics.readings import Reading
from analytics.scope.access import Viewer, Website
from analytics.scope.buckets import bucket_starts
from analytics.scope.comparison import BEFORE, OFF
from analytics.scope.identity import Identity
from analytics.scope.periods import Range
from analytics.scope.tiers import Tier
from analytics.scope.views import View, resolve

NOW = datetime(2026, 11, 10, 14, 32, tzinfo=UTC)
DOWN = SourceUnavailable("Down.", source="postgres", resource="website_scores")
FAST = ConversationTotals(
    started=30,
    responded=20,
    resolved=10,
    ai_resolved=5,
    median_response_seconds=60.0,
    median_response_low_seconds=55.0,
    median_response_high_seconds=66.0,
    ai_handled_ratio=0.5,
)
SLOW = replace(
    FAST,
    median_response_seconds=120.0,
    median_response_low_seconds=110.0,
    median_response_high_seconds=132.0,
)
DAY = ConversationTotals(started=3, responded=2, median_response_seconds=30.0)


def website(
    name: str, tier: Tier = "paid", organization: str = "o1", domain: str = "shop.example"
) -> Website:
    """A website whose id is its name."""
    return Website(name, name, name, domain, organization, f"Org {organization}", tier)


def reads(
    *websites: Website,
    days: int = 7,
    asked: Range | None = None,
    current: ConversationTotals = SLOW,
    previous: ConversationTotals = FAST,
    visitors: tuple[int, int] = (100, 80),
    scores: Reading[ScoresByBucket] | SourceError | None = None,
    is_compared: bool = True,
    beside: TierReads | None = None,
) -> TierReads:
    """The same numbers for each of the websites, which are of one tier; a bucket as long as those `beside` it."""
    viewer = Viewer("u1", "Ann", False, Identity("ann@example.com", None))
    comparison = BEFORE if is_compared else OFF
    view = View(viewer, websites[0].id, asked or Range(days=days), "UTC", NOW, comparison)
    resolved = resolve(view, websites[0])
    if beside is not None:
        resolved = with_bucket_of(beside.resolved, resolved)
    buckets = len(bucket_starts(resolved.period, resolved.bucket))
    now, before = (
        WebsitePeriod(side, seen, (DAY,) * buckets, (seen // buckets,) * buckets)
        for side, seen in zip((current, previous), visitors, strict=True)
    )
    periods = WebsitePeriods(now, before, NOW - timedelta(minutes=3))
    return TierReads(
        resolved,
        websites,
        Reading(dict.fromkeys((each.id for each in websites), periods), NOW),
        Reading({}, NOW) if scores is None else scores,
    )


def row(name: str, **verdicts: tuple[Verdict, float, float]) -> WebsiteRow:
    """A row with KPIs by key: verdict, value before and now."""
    kpis = {
        key: Kpi(
            kpi,
            Estimate(verdicts[key][2], 20, None),
            Estimate(verdicts[key][1], 20, None),
            Delta((verdicts[key][2] - verdicts[key][1]) / verdicts[key][1], kpi.unit, verdicts[key][0]),
        )
        for key, kpi in KPIS.items()
        if key in verdicts
    }
    return WebsiteRow(website(name), kpis, {}, {}, None)


def names(rows: tuple[WebsiteRow, ...]) -> list[str]:
    """The websites in order."""
    return [each.website.name for each in rows]


def test_a_row_has_five_kpis_with_change_verdict_and_trend() -> None:
    """Twice the response time, with intervals that are far apart, is worse; seven days, of the period shown alone."""
    (found,) = board([reads(website("a"))]).rows
    assert list(found.kpis) == [key for key, kpi in KPIS.items() if kpi.is_on_overview]
    response = found.kpis["median_response"]
    assert (response.value, response.previous_value, response.delta.verdict) == (120.0, 60.0, "worse")
    assert response.current.n == 20
    assert found.worst is response
    assert found.trends["median_response"] == (30.0,) * 7
    assert found.trends["unique_visitors"] == (14.0,) * 7
    assert found.trends["median_resolution"] == (None,) * 7
    assert found.newest_event == NOW - timedelta(minutes=3)


def test_days_decide_about_visitors_from_five_on() -> None:
    """10,000 and 11,000 visitors, the same part of them each day: seven days make it sure, with four it may be chance."""
    week, days = (
        board([reads(website("a"), days=days, visitors=(11_000, 10_000))]).rows[0].kpis for days in (7, 4)
    )
    assert week["unique_visitors"].delta.verdict == "better"
    assert days["unique_visitors"].delta.verdict == "within_noise"


def test_ratings_and_sentiment_of_the_buckets_add_up_to_the_index() -> None:
    """Two ratings of 100 and 50 in two days: 0.40 × 75 + 0.25 × 50 + 0.20 × 100 + 0.15 × 10 / 30 of 100."""
    one, two = Scores(1, 100.0, 10_000.0), Scores(1, 50.0, 2_500.0)
    scores: Reading[ScoresByBucket] = Reading(
        {
            ("a", "current", 1): (one, Scores()),
            ("a", "current", 3): (two, Scores()),
            ("a", "previous", 2): (one, Scores()),
            ("b", "current", 1): (two, Scores()),
        },
        NOW,
    )
    found, other = board([reads(website("a"), website("b"), scores=scores)]).rows
    index = found.kpis["satisfaction_index"]
    assert index.value == pytest.approx(30 + 12.5 + 20 + 5)
    assert index.previous_value == pytest.approx(40 + 12.5 + 20 + 5)
    assert other.kpis["satisfaction_index"].value == pytest.approx(20 + 12.5 + 20 + 5)
    # 0.40 × 100, 50 or no rating at all + 0.25 × 50 + 0.20 × 100 + 0.15 × 0
    trend = found.trends["satisfaction_index"][:4]
    assert trend == pytest.approx((72.5, 52.5, 52.5, 52.5))


def test_without_scores_the_index_alone_is_missing() -> None:
    """It is not computed as if there were no ratings."""
    (found,) = board([reads(website("a"), scores=DOWN)]).rows
    assert set(found.kpis) == {"median_response", "median_resolution", "ai_handled", "unique_visitors"}
    assert set(found.trends) == set(found.kpis)


def test_a_tier_that_was_not_read_keeps_its_rows() -> None:
    """They have no KPIs and count in no total; the other tier stands."""
    broken = replace(reads(website("free", "free")), periods=DOWN)
    found = board([broken, reads(website("paid"))])
    free, paid = found.rows
    assert (free.is_read, free.kpis, free.counts, free.worst) == (False, {}, {}, None)
    assert paid.is_read
    assert totals(found.rows)["started"] == (30, 30)
    assert set(found.views) == {"free", "paid"}


def test_each_tier_has_its_own_dates() -> None:
    """14 days cannot be compared within 21 days; the rows stand by name, whatever their tier."""
    found = board([reads(website("b", "free"), days=14), reads(website("a"), website("C"), days=14)])
    assert names(found.rows) == ["a", "b", "C"]
    verdicts = [each.kpis["median_response"].delta.verdict for each in found.rows]
    assert verdicts == ["worse", "not_comparable", "worse"]
    assert found.rows[1].kpis["median_response"].previous is None


def test_a_trend_has_the_same_weeks_for_every_plan() -> None:
    """60 days are drawn by the week, also for the plan that reaches back 21: six weeks lie before its reach, four do not."""
    paid = reads(website("a"), days=60)
    first, second = board([reads(website("b", "free"), days=60, beside=paid), paid]).rows
    assert first.trends["median_response"] == (30.0,) * 10
    assert second.trends["median_response"] == (None,) * 6 + (30.0,) * 4


def test_the_trend_of_another_range_stands_alone() -> None:
    """Of 60 days in the past the free plan reaches none: it shows the last seven, by the day."""
    past = Range.parse("2026-08-20..2026-10-18")
    paid = reads(website("a"), asked=past)
    free = reads(website("b", "free"), asked=past, beside=paid)
    assert (paid.resolved.bucket, free.resolved.bucket) == ("week", "day")
    assert board([free, paid]).rows[1].trends["median_response"] == (30.0,) * 7


def test_visitors_that_are_not_kept_are_not_zero() -> None:
    """Of 40 days the first ten have no visitors to count; a range that ended before the limit has no value at all."""
    (found,) = board([reads(website("a"), days=40)]).rows
    trend = found.trends["unique_visitors"]
    assert (trend.count(None), trend[-30:]) == (10, (2.0,) * 30)
    assert found.kpis["unique_visitors"].since is not None
    old = reads(website("a"))
    view = View(
        Viewer("u1", "Ann", False, Identity("ann@example.com", None)),
        "a",
        Range.parse("2026-09-01..2026-09-07"),
        "UTC",
        NOW,
    )
    (found,) = board([replace(old, resolved=resolve(view, website("a")))]).rows
    assert found.kpis["unique_visitors"].value is None
    assert found.trends["unique_visitors"] == (None,) * 7
    assert found.kpis["median_response"].value == 120.0


def test_counts_add_up_and_are_compared_together() -> None:
    """Two websites of 30 started each; with one that is not compared there is no sum before."""
    both = board([reads(website("a"), website("b"))]).rows
    assert totals(both) == {
        "started": (60, 60),
        "responded": (40, 40),
        "resolved": (20, 20),
        "ai_resolved": (10, 10),
        "unique_visitors": (200, 160),
    }
    mixed = board([reads(website("f", "free"), days=14), reads(website("a"), days=14)]).rows
    assert totals(mixed)["started"] == (60, None)
    assert totals(board([reads(website("a"), is_compared=False)]).rows)["started"] == (30, None)
    assert totals(()) == dict.fromkeys(totals(both), (None, None))


def test_a_total_of_nothing_that_was_read_is_not_zero() -> None:
    """Neither where conversations could not be read, nor for visitors of a time that is not kept any more."""
    unread = WebsiteRow(website("a"), {}, {}, {}, None, is_read=False)
    assert set(totals([unread]).values()) == {(None, None)}
    old = reads(website("b"))
    view = View(
        Viewer("u1", "Ann", False, Identity("ann@example.com", None)),
        "b",
        Range.parse("2026-09-01..2026-09-07"),
        "UTC",
        NOW,
    )
    rows = board([replace(old, resolved=resolve(view, website("b")))]).rows
    assert totals(rows)["started"] == (30, 30)
    assert totals(rows)["unique_visitors"] == (None, None)
    assert totals([unread, *rows])["started"] == (30, 30)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [(100.0, 200.0, log(2)), (200.0, 100.0, log(2)), (100.0, 100.0, 0.0), (10.0, 0.0, inf)],
)
def test_severity_is_a_factor(before: float, now: float, expected: float) -> None:
    """Halving is as bad as doubling; nothing is worse than a value that became zero."""
    assert severity(row("a", unique_visitors=("worse", before, now)).kpis["unique_visitors"]) == expected


@pytest.mark.parametrize(
    ("key", "before", "now", "low", "high", "factor"),
    [
        ("median_response", 100.0, 300.0, 0.5, 5.0, 1.5),
        ("unique_visitors", 100.0, 20.0, -0.9, -0.5, 0.5),
        ("ai_handled", 0.8, 0.0, -95.0, -40.0, 0.5),
        ("satisfaction_index", 80.0, 40.0, -60.0, -20.0, 0.75),
        ("median_response", 100.0, 120.0, 0.1, inf, 1.1),
        ("median_response", 100.0, 300.0, -0.2, 9.0, 1.0),
    ],
    ids=["times", "counts", "percentage points", "points", "unbounded", "contains no change"],
)
def test_severity_is_the_end_of_the_range_nearest_to_no_change(
    key: KpiKey, before: float, now: float, low: float, high: float, factor: float
) -> None:
    """In the unit of each metric; a rate that fell to zero is not the worst of all by that alone."""
    verdicts: dict[str, tuple[Verdict, float, float]] = {key: ("worse", before, now)}
    kpi = row("a", **verdicts).kpis[key]
    ranged = replace(kpi, delta=replace(kpi.delta, low=low, high=high))
    assert severity(ranged) == pytest.approx(abs(log(factor)))


def test_chance_calls_one_of_forty_changes_worse() -> None:
    """Of those that were tested: changes that cannot be compared, round to zero or are switched off do not count."""
    judged: tuple[Verdict, ...] = ("better", "worse", "within_noise")
    others: tuple[Verdict, ...] = ("unchanged", "not_comparable", "off")
    rows = [row("a", median_response=(each, 1, 2), ai_handled=(each, 0.4, 0.5)) for each in judged + others]
    tested, expected = chance(rows)
    assert tested == 6
    assert expected == pytest.approx(0.15)
    assert chance(()) == (0, 0.0)


def test_no_change_has_no_severity() -> None:
    """Without a value before there is nothing to compare."""
    kpi = row("a", median_response=("worse", 1, 2)).kpis["median_response"]
    assert severity(replace(kpi, previous=None)) == 0.0


def test_no_websites_give_an_empty_board() -> None:
    """No rows, no dates."""
    assert board([]) == AllWebsites((), {})
