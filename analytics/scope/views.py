"""The view that a page requests, and the view resolved to dates within tier and TTL. Pure.

The header and every panel read the dates from one `ResolvedView`, so that they always agree.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from analytics.scope import clock, comparison, periods, tiers
from analytics.scope.access import Viewer, Website
from analytics.scope.buckets import bucket_for
from analytics.scope.clock import Bucket
from analytics.scope.comparison import BEFORE, OFF, WEEKDAYS, Comparison
from analytics.scope.periods import DEFAULT_RANGE, Period, Range
from analytics.scope.tiers import Clamped, Comparability, Comparable, Tier
from analytics.scope.weeks import WeekStart

JUST_BEGUN: Final = "the day has just begun"
NOTHING_BEFORE: Final = "no time has passed in the period before"
NOT_BEFORE: Final = "the chosen days do not end before this period begins"


@dataclass(frozen=True, slots=True)
class View:
    """The view that a page requests: the state of the URL, the viewer, and the current time.

    Attributes:
        viewer: The signed-in viewer.
        website_id: From the URL: access is checked before anything is read.
        range: From the URL: clamped before anything is read.
        timezone: IANA name.
        now: Aware; taken once per run of a page, so that all its panels agree.
        comparison: From the URL.
        bucket: From the URL; None for the period's default.
    """

    viewer: Viewer
    website_id: str
    range: Range
    timezone: str
    now: datetime
    comparison: Comparison = BEFORE
    bucket: Bucket | None = None

    def of_today(self, now: datetime) -> View:
        """The same view for today only, without a comparison."""
        return replace(self, range=Range(days=1), now=now, comparison=OFF, bucket=None)


@dataclass(frozen=True, slots=True)
class ResolvedView:
    """The dates that are read and shown.

    Attributes:
        website: The website shown.
        range: The range in effect; the default if the requested one is completely out of reach.
        now: From the view.
        period: The period shown, within the tier.
        visitor_period: The same for visitor data, within tier and TTL; empty if the range is older.
        comparison: The requested comparison.
        previous: The compared period, whether comparable or not; empty if a chosen one does not end before the range begins.
        comparable: Whether conversations can be compared.
        visitors_comparable: Whether visitors can be compared.
        bucket: Bucket of the charts.
        visitors_bucket: The same for visitors, whose period may be shorter.
        notices: Sentences to show on the page: what was cut and why.
        visitors_note: Why visitor data covers less than the period, or has not begun yet; None if it covers all of it.
    """

    website: Website
    range: Range
    now: datetime
    period: Period
    visitor_period: Period
    comparison: Comparison
    previous: Period
    comparable: Comparable
    visitors_comparable: Comparable
    bucket: Bucket
    visitors_bucket: Bucket
    notices: tuple[str, ...]
    visitors_note: str | None

    @property
    def is_open(self) -> bool:
        """True while events may still fall into the period."""
        return periods.is_open(self.period, self.now)

    @property
    def is_compared(self) -> bool:
        """False when the viewer switched comparison off."""
        return self.comparison != OFF

    @property
    def comparability(self) -> Comparability:
        """Whether conversations are compared."""
        return Comparability(self.is_compared, self.comparable)

    @property
    def visitors_comparability(self) -> Comparability:
        """Whether visitors are compared."""
        return Comparability(self.is_compared, self.visitors_comparable)

    @property
    def before(self) -> Period | None:
        """The compared period, if conversations are compared; None otherwise, and then none of its data is read."""
        return self.previous if self.comparability.is_shown else None

    @property
    def visitors_before(self) -> Period | None:
        """The compared period, if visitors are compared; None otherwise."""
        return self.previous if self.visitors_comparability.is_shown else None

    @property
    def visitors_since(self) -> date | None:
        """The first local day of visitor data, if that covers less than the period; None otherwise."""
        if self.visitor_period.is_empty or self.visitor_period.start <= self.period.start:
            return None
        return self.visitor_period.local_days()[0]

    @property
    def earliest_visitors(self) -> datetime:
        """The earliest instant that visitors can be read from, on the 5-minute grid."""
        return periods.ceil_to_grid(tiers.earliest_visitors(self.website.tier, self.now))

    @property
    def difference(self) -> str | None:
        """How the two periods differ, as sentences; None if they do not differ or are not compared."""
        if self.before is None:
            return None
        return comparison.difference(self.period, self.before, self.bucket)

    @property
    def are_weekdays_offered(self) -> bool:
        """True if the two periods begin on different weekdays, and the same weekdays could be compared."""
        if self.before is None or comparison.are_weekdays_aligned(self.period, self.before):
            return False
        other = comparison.compared_period(WEEKDAYS, self.range, self.period, self.now)
        return other is not None and other.start >= tiers.earliest_conversations(self.website.tier, self.now)

    @property
    def fixed(self) -> tuple[Range, Comparison]:
        """Range and comparison as fixed dates, which show the same days at any later time."""
        first, last = self.period.local_days()
        dates = Range(first=first, last=last)
        if self.before is None:
            return dates, self.comparison
        days = self.before.local_days()
        for kind in (BEFORE, self.comparison):
            if comparison.compared_days(kind, dates, self.period, self.now) == days:
                return dates, kind
        return dates, Comparison("chosen", *days)

    def last_good_key(self, name: str, period: Period) -> Hashable:
        """Key of the last good value of a read: the days of the range, without the 5-minute grid.

        Cache keys contain the exact bounds, which change every 5 minutes; a last good value must survive an outage. A read
        without comparison has a different key, because its answer lacks the compared period.
        """
        limits = self.is_open, self.comparability.is_shown, self.visitors_comparability.is_shown
        sides = self.comparison, period.local_days(), self.previous.local_days()
        drawn = period.timezone.key, period.week_start, self.bucket, self.visitors_bucket
        return name, self.website.id, self.range, *sides, *drawn, *limits


def resolve(view: View, website: Website, week_start: WeekStart = "monday") -> ResolvedView:
    """Resolves a view to dates.

    Falls back, with a notice: an unknown timezone to UTC, a range without readable data to the last 7 days, a bucket that is
    not offered to the default. Chosen days that do not end before the range begins are not compared, with a notice.

    Timezone, range and comparison may come from a tampered URL. The website is that of the view, after the access check.
    """
    notices: list[str] = []
    try:
        timezone = clock.parse_timezone(view.timezone)
    except ValueError:
        timezone = clock.parse_timezone("UTC")
        notices.append("That timezone does not exist. Times are in UTC.")
    tier, selected = website.tier, view.range
    asked = periods.resolve(selected, view.now, timezone, week_start)
    clamped = tiers.clamp(asked, tiers.earliest_conversations(tier, view.now), history(website))
    just_begun = None
    first_numbers = periods.ceil_to_grid(asked.start + periods.GRID)
    if asked.is_empty and asked.start <= view.now < first_numbers:
        just_begun = (
            f"The day has just begun: its first numbers come at {first_numbers.astimezone(timezone):%H:%M}."
        )
        notices.append(just_begun)
    elif clamped.period.is_empty:
        notices.append(_out_of_reach(selected, asked, website, view.now))
        selected = DEFAULT_RANGE
        asked = periods.resolve(selected, view.now, timezone, week_start)
        clamped = tiers.clamp(asked, tiers.earliest_conversations(tier, view.now), history(website))
    elif selected.last is not None and selected.last > view.now.astimezone(timezone).date():
        notices.append("That range ends in the future. It is shown up to now.")
    if clamped.is_cut:
        first = clamped.period.start.astimezone(timezone)
        notices.append(f"{clamped.reason} {selected.label} is shown from {first.day} {first:%b %Y, %H:%M}.")
    reach = tiers.visitor_reach_days(tier)
    visitors = tiers.clamp(
        clamped.period,
        tiers.earliest_visitors(tier, view.now),
        f"Visitor data reaches back {reach} days.",
    )
    before = comparison.compared_period(view.comparison, selected, asked, view.now)
    if before is None:
        notices.append(
            f"{_days_asked(view.comparison)} does not end before the range begins. It is not compared; "
            f"{_remedy(comparison.latest_start(selected, asked, view.now), tier, view.now, timezone)}"
        )
    elif (last := view.comparison.last) is not None and before.local_days()[1] < last:
        notices.append(
            f"Of {_days_asked(view.comparison)}, {periods.days_label(*before.local_days())} is compared: "
            "the range shown runs on, and has no more days yet."
        )
    bucket = bucket_for(clamped.period, view.bucket)
    if view.bucket not in (None, bucket):
        notices.append(f"This range is not drawn by the {view.bucket}. It is drawn by the {bucket}.")
    return ResolvedView(
        website=website,
        range=selected,
        now=view.now,
        period=clamped.period,
        visitor_period=visitors.period,
        comparison=view.comparison,
        previous=before or Period(asked.start, asked.start, timezone, week_start),
        comparable=_comparable(
            view, asked, before, tiers.earliest_conversations(tier, view.now), tiers.TIER_DAYS[tier]
        ),
        visitors_comparable=_comparable(view, asked, before, tiers.earliest_visitors(tier, view.now), reach),
        bucket=bucket,
        visitors_bucket=bucket_for(visitors.period, view.bucket),
        notices=tuple(notices),
        visitors_note=just_begun or _visitors_note(visitors),
    )


def history(website: Website) -> str:
    """How far back the plan reaches, as a sentence."""
    return f"{website.tier.capitalize()} plan: data reaches back {tiers.TIER_DAYS[website.tier]} days."


def _comparable(
    view: View, asked: Period, before: Period | None, earliest: datetime, reach_days: int
) -> Comparable:
    if asked.is_empty:
        return Comparable(is_ok=False, reason=JUST_BEGUN, longest_days=None)
    if before is None:
        return Comparable(is_ok=False, reason=NOT_BEFORE, longest_days=None)
    if before.is_empty:  # If midnight occurs twice, the second one has the local time of the first.
        return Comparable(is_ok=False, reason=NOTHING_BEFORE, longest_days=None)
    return tiers.comparable(before, earliest, reach_days, view.now, view.comparison)


def _remedy(latest: date, tier: Tier, now: datetime, timezone: ZoneInfo) -> str:
    """What to do if the chosen days do not end before the range begins, as part of a sentence."""
    if latest < tiers.earliest_day(tier, now, timezone):
        return "a shorter range leaves room before it within what the plan keeps."
    return f"choose a start up to {periods.days_label(latest, latest)}."


def _days_asked(chosen: Comparison) -> str:
    """The chosen days as text."""
    if chosen.first is None or chosen.last is None:
        return (
            "The period"
            if chosen.first is None
            else f"A period from {periods.days_label(chosen.first, chosen.first)}"
        )
    return periods.days_label(chosen.first, chosen.last)


def _out_of_reach(selected: Range, asked: Period, website: Website, now: datetime) -> str:
    instead = f"{DEFAULT_RANGE.label[0].lower()}{DEFAULT_RANGE.label[1:]}"
    if asked.start > now:
        return f"{selected.label} lies in the future. Showing the {instead}."
    if asked.is_empty:
        return f"The calendar of that timezone skipped this day. Showing the {instead}."
    return f"{history(website)} {selected.label} is too old; showing the {instead}."


def _visitors_note(visitors: Clamped) -> str | None:
    if not visitors.is_cut:
        return None
    if visitors.period.is_empty:
        return visitors.reason
    first = visitors.period.start.astimezone(visitors.period.timezone)
    return f"{visitors.reason} Counted from {first.day} {first:%b, %H:%M}."
