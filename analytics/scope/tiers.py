"""Tiers: how far back an organization may look, and what that does to a range. Pure.

A limit is enforced where the data is read (`cached`), whatever the browser or the URL asks for. What is cut is
said, and a comparison that the limit makes impossible is absent with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from analytics.scope.clock import local_day
from analytics.scope.comparison import BEFORE, Comparison, compared_period
from analytics.scope.periods import PRESETS, Period, Range, ceil_to_grid, resolve
from analytics.scope.weeks import WeekStart

Tier = Literal["free", "paid"]

TIER_DAYS: Final[dict[Tier, int]] = {"free": 21, "paid": 90}
"""How many days back conversations may be read."""

VISITOR_TTL_DAYS: Final = 30
"""Raw visitor events are deleted after this many days, on every tier."""

_PAID_STATUSES: Final = frozenset({"active", "trialing", "past_due"})


@dataclass(frozen=True, slots=True)
class Subscription:
    """A row of the `subscription` table, as far as the tier needs it.

    Attributes:
        plan: `free`, or any other name: every plan but `free` is paid.
        status: active | trialing | past_due | canceled | unpaid.
        current_period_end: Until when a canceled subscription stays paid, aware; None when not known.
    """

    plan: str
    status: str
    current_period_end: datetime | None


@dataclass(frozen=True, slots=True)
class Clamped:
    """A period after the limit was applied.

    Attributes:
        period: What may be read; empty when everything asked for lies before the limit.
        is_cut: True when something was taken away.
        reason: Why, as a sentence; None when nothing was cut.
    """

    period: Period
    is_cut: bool
    reason: str | None


@dataclass(frozen=True, slots=True)
class Comparable:
    """Whether the period before can be compared with.

    Attributes:
        is_ok: True when both sides are readable in full and have had time.
        reason: Why not, ready to follow "not comparable: "; None when it is.
        longest_days: The longest "last N days" that can be compared under this limit; None when it is not the limit
            that forbids the comparison, or no such range helps.
    """

    is_ok: bool
    reason: str | None
    longest_days: int | None


@dataclass(frozen=True, slots=True)
class Comparability:
    """Whether a number is compared at all.

    Attributes:
        is_compared: False when the viewer switched comparison off.
        comparable: What the limits allow.
    """

    is_compared: bool
    comparable: Comparable

    @property
    def is_shown(self) -> bool:
        """True when the period before may be shown; where it is False, nothing of it leaves the data layer."""
        return self.is_compared and self.comparable.is_ok


def tier_from_subscriptions(subscriptions: Iterable[Subscription], now: datetime) -> Tier:
    """`paid` when any subscription is paid at this moment, else `free`; no subscription is `free`.

    Paid is a plan other than `free` that is active, trialing or past_due, or canceled with its period end ahead.
    """
    owned = tuple(subscriptions)
    is_paid = any(_goes_on(each) for each in owned) or canceled_until(owned, now) is not None
    return "paid" if is_paid else "free"


def canceled_until(subscriptions: Iterable[Subscription], now: datetime) -> datetime | None:
    """When a canceled plan that is still paid at this moment ends; None where none is, or where another goes on."""
    owned = tuple(subscriptions)
    ends = [
        each.current_period_end
        for each in owned
        if each.plan != "free"
        and each.status == "canceled"
        and each.current_period_end is not None
        and each.current_period_end > now
    ]
    return None if any(_goes_on(each) for each in owned) else max(ends, default=None)


def _goes_on(subscription: Subscription) -> bool:
    return subscription.plan != "free" and subscription.status in _PAID_STATUSES


def earliest_conversations(tier: Tier, now: datetime) -> datetime:
    """The first instant whose conversations the tier may read."""
    return now - timedelta(days=TIER_DAYS[tier])


def earliest_day(tier: Tier, now: datetime, timezone: ZoneInfo) -> date:
    """The first local day that the tier may read as a whole."""
    return local_day(now, timezone) - timedelta(days=TIER_DAYS[tier] - 1)


def visitor_reach_days(tier: Tier) -> int:
    """How many days back visitors can be read: the tier's limit or the TTL, whichever is nearer."""
    return min(TIER_DAYS[tier], VISITOR_TTL_DAYS)


def earliest_visitors(tier: Tier, now: datetime) -> datetime:
    """The first instant whose visitors can be read."""
    return now - timedelta(days=visitor_reach_days(tier))


def clamp(period: Period, earliest: datetime, reason: str) -> Clamped:
    """The part of the period that may be read.

    The cut falls on the 5-minute grid at or after `earliest`, so that two viewers share a cache entry and nothing
    before the limit is ever asked for. A period wholly before the limit comes back empty, at its own end.

    Args:
        period: What was asked for.
        earliest: The limit.
        reason: What to say when something is cut.
    """
    limit = ceil_to_grid(earliest)
    if period.start >= earliest:
        return Clamped(period, is_cut=False, reason=None)
    start = min(limit, period.end)
    return Clamped(Period(start, period.end, period.timezone), is_cut=True, reason=reason)


def longest_comparable_days(
    earliest: datetime, reach_days: int, now: datetime, timezone: ZoneInfo, kind: Comparison = BEFORE
) -> int | None:
    """The longest "last N days" whose other side lies wholly inside what may be read; None when there is none.

    N days and the N before them start at local midnight 2 N - 1 days ago, so this is half the reach: 10 days on
    free, 45 on paid, 15 for visitors. In the last hour of a day it can be one less, while a 25-hour day lies in
    between. The same weekdays lie whole weeks back, so it is at most as much. Chosen days stay where they are: no other
    range helps them.

    Args:
        earliest: The limit.
        reach_days: How many days it reaches back.
        now: What the range ends at.
        timezone: Whose days.
        kind: What is compared with.

    >>> now = datetime(2026, 11, 10, 14, 32, tzinfo=ZoneInfo("UTC"))
    >>> longest_comparable_days(earliest_conversations("free", now), 21, now, ZoneInfo("Europe/London"))
    10
    """
    if kind.first is not None:
        return None
    for days in range(reach_days // 2, 0, -1):
        last_days = Range(days=days)
        before = compared_period(kind, last_days, resolve(last_days, now, timezone), now)
        if before is not None and before.start >= earliest:
            return days
    return None


def comparable(
    before: Period, earliest: datetime, reach_days: int, now: datetime, kind: Comparison = BEFORE
) -> Comparable:
    """Whether the other side lies wholly inside what may be read.

    Args:
        before: The other side, uncut.
        earliest: The limit.
        reach_days: How many days the limit reaches back, for the reason.
        now: What the longest comparable range ends at.
        kind: What is compared with.
    """
    longest = longest_comparable_days(earliest, reach_days, now, before.timezone, kind)
    if before.start >= earliest:
        return Comparable(is_ok=True, reason=None, longest_days=longest)
    return Comparable(is_ok=False, reason=f"data reaches back {reach_days} days", longest_days=longest)


def offered_ranges(
    tier: Tier, now: datetime, timezone: ZoneInfo, week_start: WeekStart = "monday"
) -> tuple[Range, ...]:
    """The presets whose first day lies inside the tier now, in the sidebar's order.

    >>> now = datetime(2026, 11, 10, 14, 32, tzinfo=ZoneInfo("UTC"))
    >>> " ".join(str(offered) for offered in offered_ranges("free", now, ZoneInfo("UTC")))
    'today yesterday this-week last-week 7d 10d 14d 21d this-month'
    """
    today = local_day(now, timezone)
    earliest = earliest_day(tier, now, timezone)
    return tuple(preset for preset in PRESETS if preset.dates_on(today, week_start)[0] >= earliest)


def longer_range(days: int, reach_days: int) -> Range | None:
    """The next longer range of usual length that data reaches; None where this one is the longest.

    Args:
        days: How many days are shown.
        reach_days: How far data reaches back.

    >>> str(longer_range(1, 21)), str(longer_range(14, 21)), str(longer_range(7, 90)), longer_range(90, 90)
    ('7d', '21d', '30d', None)
    """
    usual = [length for length in (7, 30, 90) if days < length < reach_days]
    return Range(days=min([*usual, reach_days])) if days < reach_days else None


def reach_sentence(tier: Tier, now: datetime, timezone: ZoneInfo) -> str:
    """What the tier allows now, as the sidebar says it before anyone runs into it.

    >>> now = datetime(2026, 11, 10, 14, 32, tzinfo=ZoneInfo("UTC"))
    >>> reach_sentence("free", now, ZoneInfo("Europe/London"))
    'History: 21 days. Comparison: up to 10 days.'
    >>> reach_sentence("paid", now, ZoneInfo("Europe/London"))
    'History: 90 days (visitors 30). Comparison: up to 45 days (visitors 15).'
    """
    days, visitors = TIER_DAYS[tier], visitor_reach_days(tier)
    longest = longest_comparable_days(earliest_conversations(tier, now), days, now, timezone)
    if visitors == days:
        return f"History: {days} days. Comparison: up to {longest} days."
    longest_visitors = longest_comparable_days(earliest_visitors(tier, now), visitors, now, timezone)
    return (
        f"History: {days} days (visitors {visitors}). "
        f"Comparison: up to {longest} days (visitors {longest_visitors})."
    )
