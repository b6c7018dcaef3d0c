"""What a page asks for, and what that means in dates once tier and TTL are applied. Pure.

The header and every panel read the dates from one `ResolvedView`, so that they cannot disagree.
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
    """What a page asks for: the state of the URL, the viewer, and the clock.

    Attributes:
        viewer: Who asks.
        website_id: From the URL: checked before anything is read.
        range: From the URL: clamped before anything is read.
        timezone: IANA name.
        now: Aware; taken once per run of a page, so that all its panels agree.
        comparison: What to compare with, from the URL.
        bucket: How finely to draw it, from the URL; None for what suits the period.
    """

    viewer: Viewer
    website_id: str
    range: Range
    timezone: str
    now: datetime
    comparison: Comparison = BEFORE
    bucket: Bucket | None = None

    def of_today(self, now: datetime) -> View:
        """Today alone: compared with nothing."""
        return replace(self, range=Range(days=1), now=now, comparison=OFF, bucket=None)


@dataclass(frozen=True, slots=True)
class ResolvedView:
    """The dates that are read and shown.

    Attributes:
        website: What is looked at.
        range: The range in effect; differs from the one asked for when that lies wholly out of reach.
        now: As asked.
        period: The period shown, inside the tier.
        visitor_period: The same for visitor data, inside tier and TTL; empty when that does not reach the range at all.
        comparison: What the viewer compares with.
        previous: The period compared with, whether comparable or not; empty where a chosen one does not end before
            the range begins.
        comparable: Whether conversations can be compared.
        visitors_comparable: Whether visitors can be compared.
        bucket: How finely to draw it.
        visitors_bucket: The same for visitors, whose period may be shorter.
        notices: Sentences to show on the page: what was cut and why.
        visitors_note: Why visitors cover less than conversations, or nothing yet; None when neither is so.
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
        """The period compared with, where conversations are; None otherwise: nothing of it is read then."""
        return self.previous if self.comparability.is_shown else None

    @property
    def visitors_before(self) -> Period | None:
        """The same where visitors are compared."""
        return self.previous if self.visitors_comparability.is_shown else None

    @property
    def visitors_since(self) -> date | None:
        """The first local day whose visitors are counted, when they cover less than conversations; None otherwise."""
        if self.visitor_period.is_empty or self.visitor_period.start <= self.period.start:
            return None
        return self.visitor_period.local_days()[0]

    @property
    def earliest_visitors(self) -> datetime:
        """The first instant whose visitors can be read, on the 5-minute grid."""
        return periods.ceil_to_grid(tiers.earliest_visitors(self.website.tier, self.now))

    @property
    def difference(self) -> str | None:
        """In which way the two periods are not alike, in sentences; None when they are, or are not compared."""
        if self.before is None:
            return None
        return comparison.difference(self.period, self.before, self.bucket)

    @property
    def are_weekdays_offered(self) -> bool:
        """True where the weekdays of the two periods do not line up, and the same weekdays could be compared."""
        if self.before is None or comparison.are_weekdays_aligned(self.period, self.before):
            return False
        other = comparison.compared_period(WEEKDAYS, self.range, self.period, self.now)
        return other is not None and other.start >= tiers.earliest_conversations(self.website.tier, self.now)

    @property
    def fixed(self) -> tuple[Range, Comparison]:
        """Range and comparison in dates: what shows the same days at any later moment."""
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

        Cache keys have the exact bounds, which change every 5 minutes; a last good value has to survive an outage. A read
        without comparison has another key than a read with one, because it lacks the compared period.
        """
        limits = self.is_open, self.comparability.is_shown, self.visitors_comparability.is_shown
        sides = self.comparison, period.local_days(), self.previous.local_days()
        drawn = period.timezone.key, period.week_start, self.bucket, self.visitors_bucket
        return name, self.website.id, self.range, *sides, *drawn, *limits


def resolve(view: View, website: Website, week_start: WeekStart = "monday") -> ResolvedView:
    """The dates of a view on a website that the viewer may open.

    Args:
        view: What is asked for; its timezone, range and comparison may come from a tampered URL.
        website: The website of that id, after the access check.
        week_start: The day that weeks begin with.

    A range or timezone that leads nowhere falls back to the last 7 days or UTC, and a notice says so. Chosen days that do
    not end before the range begins are not compared, and buckets that are not offered are not drawn; a notice says so too.
    """
    notices: list[str] = []
    try:
        timezone = clock.parse_timezone(view.timezone)
    except ValueError:
        timezone = clock.parse_timezone("UTC")
        notices.append("That timezone does not exist. Times are in UTC.")
    tier, selected = website.tier, view.range
    asked = periods.resolve(selected, view.now, timezone, week_start)
    clamped = tiers.clamp(asked, tiers.earliest_conversations(tier, view.now), _history(website))
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
        clamped = tiers.clamp(asked, tiers.earliest_conversations(tier, view.now), _history(website))
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


def _history(website: Website) -> str:
    """How far back the plan reaches, as a sentence."""
    return f"The {website.tier} plan keeps {tiers.TIER_DAYS[website.tier]} days."


def _comparable(
    view: View, asked: Period, before: Period | None, earliest: datetime, reach_days: int
) -> Comparable:
    if asked.is_empty:
        return Comparable(is_ok=False, reason=JUST_BEGUN, longest_days=None)
    if before is None:
        return Comparable(is_ok=False, reason=NOT_BEFORE, longest_days=None)
    if before.is_empty:  # where midnight comes twice, the second one reads like the start of the day before
        return Comparable(is_ok=False, reason=NOTHING_BEFORE, longest_days=None)
    return tiers.comparable(before, earliest, reach_days, view.now, view.comparison)


def _remedy(latest: date, tier: Tier, now: datetime, timezone: ZoneInfo) -> str:
    """What to choose where the days to compare with do not end before the range begins."""
    if latest < tiers.earliest_day(tier, now, timezone):
        return "a shorter range leaves room before it within what the plan keeps."
    return f"choose a start up to {periods.days_label(latest, latest)}."


def _days_asked(chosen: Comparison) -> str:
    """Chosen days in words."""
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
    return f"{_history(website)} {selected.label} is too old; showing the {instead}."


def _visitors_note(visitors: Clamped) -> str | None:
    if not visitors.is_cut:
        return None
    if visitors.period.is_empty:
        return visitors.reason
    first = visitors.period.start.astimezone(visitors.period.timezone)
    return f"{visitors.reason} Counted from {first.day} {first:%b, %H:%M}."
