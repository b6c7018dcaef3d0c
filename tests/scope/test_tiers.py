"""Tiers: who is paid, what a limit takes away, and which ranges can be compared."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.scope.comparison import BEFORE, WEEKDAYS, Comparison, compared_period
from analytics.scope.periods import GRID, Period, Range, resolve
from analytics.scope.tiers import (
    TIER_DAYS,
    Subscription,
    Tier,
    canceled_until,
    clamp,
    comparable,
    earliest_conversations,
    earliest_visitors,
    longest_comparable_days,
    offered_ranges,
    reach_sentence,
    tier_from_subscriptions,
    visitor_reach_days,
)

NOW = datetime(2026, 11, 10, 14, 32, tzinfo=UTC)
ZONES = st.sampled_from(
    ("UTC", "Europe/London", "America/Santiago", "Asia/Kolkata", "Pacific/Apia", "Australia/Lord_Howe")
).map(ZoneInfo)
TIERS: st.SearchStrategy[Tier] = st.sampled_from(("free", "paid"))
INSTANTS = st.integers(1_577_836_800, 2_051_222_400).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
UTC_ZONE = ZoneInfo("UTC")


def subscription(plan: str = "pro", status: str = "active", ends: timedelta | None = None) -> Subscription:
    """A subscription whose period ends that long after now."""
    return Subscription(plan, status, None if ends is None else NOW + ends)


@pytest.mark.parametrize(
    ("subscriptions", "tier"),
    [
        pytest.param([], "free", id="none"),
        pytest.param([subscription()], "paid", id="active"),
        pytest.param([subscription(status="trialing")], "paid", id="trialing"),
        pytest.param([subscription(status="past_due")], "paid", id="past due"),
        pytest.param([subscription(status="unpaid")], "free", id="unpaid"),
        pytest.param([subscription(status="incomplete")], "free", id="unknown status"),
        pytest.param([subscription(plan="free")], "free", id="free plan"),
        pytest.param([subscription(plan="hobby")], "paid", id="every other plan is paid"),
        pytest.param(
            [subscription(status="canceled", ends=timedelta(seconds=1))], "paid", id="canceled, days left"
        ),
        pytest.param([subscription(status="canceled", ends=timedelta(0))], "free", id="canceled, ends now"),
        pytest.param([subscription(status="canceled")], "free", id="canceled, no end known"),
        pytest.param(
            [subscription(plan="free", status="canceled", ends=timedelta(days=9))],
            "free",
            id="canceled free plan",
        ),
        pytest.param([subscription(status="unpaid"), subscription()], "paid", id="one of two is paid"),
    ],
)
def test_a_tier_follows_from_the_subscriptions(subscriptions: list[Subscription], tier: Tier) -> None:
    """Paid: not the free plan, and active, trialing or past due, or canceled with its period end ahead."""
    assert tier_from_subscriptions(subscriptions, NOW) == tier


def test_a_canceled_plan_says_when_it_ends() -> None:
    """Only while it is paid, and only where no other plan goes on; the last one counts."""
    soon, later = (subscription(status="canceled", ends=timedelta(days=days)) for days in (1, 9))
    over = subscription(status="canceled", ends=timedelta(0))
    assert canceled_until([soon, later, over], NOW) == NOW + timedelta(days=9)
    assert canceled_until([soon, subscription()], NOW) is None
    assert canceled_until([over, subscription(plan="free")], NOW) is None


def test_limits_are_those_of_the_contract() -> None:
    """21 and 90 days for conversations; visitors end at 30 whatever the tier."""
    assert earliest_conversations("free", NOW) == NOW - timedelta(days=21)
    assert earliest_conversations("paid", NOW) == NOW - timedelta(days=90)
    assert earliest_visitors("free", NOW) == NOW - timedelta(days=21)
    assert earliest_visitors("paid", NOW) == NOW - timedelta(days=30)


@given(st.integers(0, 200), st.integers(0, 200), TIERS)
def test_nothing_before_the_limit_survives_a_clamp(start_days: int, length_days: int, tier: Tier) -> None:
    """What is left starts at the limit or later, on the grid, ends where it was asked to, and says when it was cut."""
    start = NOW - timedelta(days=start_days)
    asked = Period(start, start + timedelta(days=length_days), UTC_ZONE)
    limit = earliest_conversations(tier, NOW)
    clamped = clamp(asked, limit, "because")
    assert clamped.period.end == asked.end
    assert clamped.period.start >= min(limit, asked.end)
    assert clamped.is_cut is (asked.start < limit)
    assert (clamped.reason == "because") is clamped.is_cut
    if clamped.is_cut and not clamped.period.is_empty:
        assert clamped.period.start - limit < GRID
        assert clamped.period.start.timestamp() % GRID.total_seconds() == 0


@pytest.mark.parametrize(
    ("end_offset", "is_empty"),
    [(timedelta(seconds=-1), True), (timedelta(0), True), (timedelta(hours=1), False)],
    ids=["wholly before", "ends at the limit", "reaches past it"],
)
def test_a_period_wholly_before_the_limit_becomes_empty(end_offset: timedelta, is_empty: bool) -> None:
    """There is nothing to read, which is not an error."""
    limit = earliest_conversations("free", NOW)
    asked = Period(limit - timedelta(days=9), limit + end_offset, UTC_ZONE)
    assert clamp(asked, limit, "because").period.is_empty is is_empty


@given(INSTANTS, ZONES, TIERS, st.sampled_from((BEFORE, WEEKDAYS)))
def test_the_longest_comparable_range_really_is(
    now: datetime, zone: ZoneInfo, tier: Tier, kind: Comparison
) -> None:
    """10 days on free, 45 on paid, 15 for visitors; the same weekdays reach back further, so they are fewer."""
    for earliest, reach in (
        (earliest_conversations(tier, now), TIER_DAYS[tier]),
        (earliest_visitors(tier, now), visitor_reach_days(tier)),
    ):
        longest = longest_comparable_days(earliest, reach, now, zone, kind)
        assert longest is not None
        assert comparable(_other(longest, now, zone, kind), earliest, reach, now, kind).is_ok
        if kind == BEFORE:
            assert longest in (reach // 2, reach // 2 - 1)
        longer = _other(longest + 1, now, zone, kind)
        assert not comparable(longer, earliest, reach, now, kind).is_ok or reach % 2 == 1


def _other(days: int, now: datetime, zone: ZoneInfo, kind: Comparison = BEFORE) -> Period:
    """What the last so many days are compared with."""
    selected = Range(days=days)
    found = compared_period(kind, selected, resolve(selected, now, zone), now)
    assert found is not None
    return found


def test_no_other_range_brings_chosen_days_into_reach() -> None:
    """They stay where they are, so none is offered."""
    assert longest_comparable_days(NOW, 90, NOW, UTC_ZONE, Comparison("chosen", date(2026, 1, 1))) is None


@pytest.mark.parametrize(
    ("now", "expected"),
    [("2026-11-02 22:59", 45), ("2026-11-02 23:30", 44), ("2027-02-20 23:30", 45)],
    ids=["before the hour", "in the hour", "while no long day lies in between"],
)
def test_a_25_hour_day_shortens_what_can_be_compared_for_an_hour(now: str, expected: int) -> None:
    """90 days are elapsed time; with a 25-hour day among them, midnight 89 days ago can lie an hour further back."""
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    london = ZoneInfo("Europe/London")
    assert longest_comparable_days(earliest_conversations("paid", at), 90, at, london) == expected


@pytest.mark.parametrize(("tier", "reach"), [("free", 21), ("paid", 90)])
def test_what_cannot_be_compared_says_how_far_data_reaches(tier: Tier, reach: int) -> None:
    """The reason reads on after "not comparable", and the way out is one click."""
    verdict = comparable(_other(reach, NOW, UTC_ZONE), earliest_conversations(tier, NOW), reach, NOW)
    assert not verdict.is_ok
    assert verdict.reason == f"data reaches back {reach} days"
    assert verdict.longest_days == reach // 2


@pytest.mark.parametrize(
    ("tier", "now", "expected"),
    [
        ("free", "2026-11-20", "today yesterday this-week last-week 7d 10d 14d 21d this-month"),
        ("free", "2026-11-26", "today yesterday this-week last-week 7d 10d 14d 21d"),
        (
            "paid",
            "2026-11-26",
            "today yesterday this-week last-week 7d 10d 14d 21d 30d this-month last-month 45d 90d this-quarter",
        ),
        (
            "paid",
            "2026-12-31",
            "today yesterday this-week last-week 7d 10d 14d 21d 30d this-month last-month 45d 90d",
        ),
    ],
)
def test_ranges_past_the_tier_are_not_offered(tier: Tier, now: str, expected: str) -> None:
    """The sidebar never offers what would be cut; how much a calendar unit needs depends on the day."""
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert " ".join(map(str, offered_ranges(tier, at, UTC_ZONE))) == expected


@given(INSTANTS, ZONES, TIERS)
def test_an_offered_range_is_never_cut_by_more_than_a_dst_hour(
    now: datetime, zone: ZoneInfo, tier: Tier
) -> None:
    """Every preset starts at local midnight inside the tier; only a 25-hour day can push it over."""
    for offered in offered_ranges(tier, now, zone):
        asked = resolve(offered, now, zone)
        cut = clamp(asked, earliest_conversations(tier, now), "because").period.start - asked.start
        assert cut <= timedelta(hours=1) + GRID


def test_the_sentence_is_shown_before_anyone_runs_into_the_limit() -> None:
    """Both numbers, the reach and the comparison, for both tiers."""
    london = ZoneInfo("Europe/London")
    assert reach_sentence("free", NOW, london) == "History: 21 days. Comparison: up to 10 days."
    assert "visitors 30" in reach_sentence("paid", NOW, london)
    assert "up to 45 days" in reach_sentence("paid", NOW, london)
    in_the_hour = datetime(2026, 11, 2, 23, 30, tzinfo=UTC)
    assert "Comparison: up to 44 days" in reach_sentence("paid", in_the_hour, london)


def test_without_any_history_no_range_can_be_compared() -> None:
    """A limit at now leaves not even one day before today."""
    assert longest_comparable_days(NOW, 90, NOW, UTC_ZONE) is None
