"""Tiers: derives them from subscriptions and limits periods to their reach. Pure.

Limits are enforced where the data is read (`cached`), independent of the browser and the URL. A cut period and an impossible
comparison come with a reason for the viewer.
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
"""Days back that conversations may be read."""

VISITOR_TTL_DAYS: Final = 30
"""Raw visitor events are deleted after this many days, on every tier."""

_PAID_STATUSES: Final = frozenset({"active", "trialing", "past_due"})


@dataclass(frozen=True, slots=True)
class Subscription:
    """A row of the `subscription` table, as far as the tier needs it.

    Attributes:
        plan: `free`, or any other name: every plan but `free` is paid.
        status: active | trialing | past_due | canceled | unpaid.
        current_period_end: End of the paid time of a canceled subscription, aware; None when not known.
    """

    plan: str
    status: str
    current_period_end: datetime | None


@dataclass(frozen=True, slots=True)
class Clamped:
    """A period after the limit was applied.

    Attributes:
        period: The part that may be read; empty when the period lies before the limit.
        is_cut: True when a part was removed.
        reason: Why, as a sentence; None when nothing was cut.
    """

    period: Period
    is_cut: bool
    reason: str | None


@dataclass(frozen=True, slots=True)
class Comparable:
    """Whether the compared period can be used.

    Attributes:
        is_ok: True when both periods can be read completely and are not empty.
        reason: Why not, as text after "not comparable: "; None when it can.
        longest_days: The longest "last N days" that can be compared under this limit; None if the limit is not the reason, or
            if no such range exists.
    """

    is_ok: bool
    reason: str | None
    longest_days: int | None


@dataclass(frozen=True, slots=True)
class Comparability:
    """Whether a number is compared.

    Attributes:
        is_compared: False when the viewer switched comparison off.
        comparable: What the limits allow.
    """

    is_compared: bool
    comparable: Comparable

    @property
    def is_shown(self) -> bool:
        """True when the compared period may be shown; when False, none of its data leaves the data layer."""
        return self.is_compared and self.comparable.is_ok


def tier_from_subscriptions(subscriptions: Iterable[Subscription], now: datetime) -> Tier:
    """`paid` when any subscription is paid at `now`, else `free`; no subscription is `free`.

    Paid is a plan other than `free` that is active, trialing or past_due, or canceled with a period end in the future.
    """
    owned = tuple(subscriptions)
    is_paid = any(_goes_on(each) for each in owned) or canceled_until(owned, now) is not None
    return "paid" if is_paid else "free"


def canceled_until(subscriptions: Iterable[Subscription], now: datetime) -> datetime | None:
    """End of a canceled plan that is still paid at `now`; None without one, or when another plan continues."""
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
    """The earliest instant that the tier may read conversations from."""
    return now - timedelta(days=TIER_DAYS[tier])


def earliest_day(tier: Tier, now: datetime, timezone: ZoneInfo) -> date:
    """The first local day that the tier may read as a whole."""
    return local_day(now, timezone) - timedelta(days=TIER_DAYS[tier] - 1)


def visitor_reach_days(tier: Tier) -> int:
    """Days back that visitors can be read: the smaller of the tier's limit and the TTL."""
    return min(TIER_DAYS[tier], VISITOR_TTL_DAYS)


def earliest_visitors(tier: Tier, now: datetime) -> datetime:
    """The earliest instant that visitors can be read from."""
    return now - timedelta(days=visitor_reach_days(tier))


def clamp(period: Period, earliest: datetime, reason: str) -> Clamped:
    """The part of the period that may be read.

    The cut is on the 5-minute grid at or after `earliest`, so that two viewers share a cache entry and no data before the
    limit is read. A period wholly before the limit becomes empty, at its own end.
    """
    limit = ceil_to_grid(earliest)
    if period.start >= earliest:
        return Clamped(period, is_cut=False, reason=None)
    start = min(limit, period.end)
    return Clamped(Period(start, period.end, period.timezone), is_cut=True, reason=reason)


def longest_comparable_days(
    earliest: datetime, reach_days: int, now: datetime, timezone: ZoneInfo, kind: Comparison = BEFORE
) -> int | None:
    """The longest "last N days" whose compared period may be read completely; None when there is none.

    N days and the N before them start at local midnight 2 N - 1 days ago, so the result is half the reach: 10 days on
    free, 45 on paid, 15 for visitors. If a 25-hour day lies in between, it can be one less in the last hour of a day.
    The same weekdays are whole weeks back, so the result is not larger. None for chosen days: they are fixed.

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
    """Checks whether the compared period may be read completely."""
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
    """The next longer of 7, 30 and 90 days within the data's reach, or the reach itself; None if `days` is the longest.

    >>> str(longer_range(1, 21)), str(longer_range(14, 21)), str(longer_range(7, 90)), longer_range(90, 90)
    ('7d', '21d', '30d', None)
    """
    usual = [length for length in (7, 30, 90) if days < length < reach_days]
    return Range(days=min([*usual, reach_days])) if days < reach_days else None


def reach_sentence(tier: Tier, now: datetime, timezone: ZoneInfo) -> str:
    """The reach of the tier, as a sentence for the sidebar.

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
