"""What a page asks for, and what that means in dates once tier and TTL are applied. Pure.

The header and every panel read the dates from one `ResolvedView`, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from analytics import clock, periods, tiers
from analytics.access import Viewer, Website
from analytics.clock import Bucket
from analytics.periods import DEFAULT_RANGE, Period, Range
from analytics.tiers import Clamped, Comparable
from analytics.verdicts import Gate

JUST_BEGUN: Final = "the day has just begun"
NOTHING_BEFORE: Final = "no time has passed in the period before"


@dataclass(frozen=True, slots=True)
class View:
    """What a page asks for: the state of the URL, the viewer, and the clock.

    Attributes:
        viewer: Who asks.
        website_id: From the URL: checked before anything is read.
        range: From the URL: clamped before anything is read.
        timezone: IANA name.
        now: Aware; taken once per run of a page, so that all its panels agree.
        is_compared: False when the viewer switched comparison off.
    """

    viewer: Viewer
    website_id: str
    range: Range
    timezone: str
    now: datetime
    is_compared: bool = True


@dataclass(frozen=True, slots=True)
class ResolvedView:
    """The dates that are read and shown.

    Attributes:
        website: What is looked at.
        range: The range in effect; differs from the one asked for when that lies wholly out of reach.
        now: As asked.
        conversations: The period shown, inside the tier.
        visitors: The same for visitor data, inside tier and TTL; empty when that does not reach the range at all.
        previous: The period before, whether comparable or not.
        comparable: Whether conversations can be compared.
        visitors_comparable: Whether visitors can be compared.
        is_compared: False when the viewer switched comparison off.
        bucket: How finely to draw it.
        notices: Sentences to show on the page: what was cut and why.
        visitors_note: Why visitors cover less than conversations, or nothing yet; None when neither is so.
    """

    website: Website
    range: Range
    now: datetime
    conversations: Period
    visitors: Period
    previous: Period
    comparable: Comparable
    visitors_comparable: Comparable
    is_compared: bool
    bucket: Bucket
    notices: tuple[str, ...]
    visitors_note: str | None

    @property
    def is_open(self) -> bool:
        """True while events may still fall into the period."""
        return periods.is_open(self.conversations, self.now)

    @property
    def gate(self) -> Gate:
        """Whether conversations are compared."""
        return Gate(self.is_compared, self.comparable)

    @property
    def visitors_gate(self) -> Gate:
        """Whether visitors are compared."""
        return Gate(self.is_compared, self.visitors_comparable)

    @property
    def before(self) -> Period | None:
        """The period before, where conversations are compared with it; None otherwise: nothing of it is read then."""
        return self.previous if self.gate.is_open else None

    @property
    def visitors_before(self) -> Period | None:
        """The same where visitors are compared."""
        return self.previous if self.visitors_gate.is_open else None

    @property
    def visitors_since(self) -> date | None:
        """The first local day whose visitors are counted, when they cover less than conversations; None otherwise."""
        if self.visitors.is_empty or self.visitors.start <= self.conversations.start:
            return None
        return self.visitors.local_days()[0]

    @property
    def earliest_visitors(self) -> datetime:
        """The first instant whose visitors can be read, on the 5-minute grid."""
        return periods.ceil_to_grid(tiers.earliest_visitors(self.website.tier, self.now))

    def question(self, name: str, period: Period) -> Hashable:
        """What identifies a read in bad times: the same days of the same range, however far now has moved in them.

        Cache keys hold the exact bounds, which move on every 5 minutes; a last good value has to outlive that. What
        is not compared was read without the period before, so it never answers for what is.
        """
        limits = self.is_open, self.gate.is_open, self.visitors_gate.is_open
        return name, self.website.id, self.range, period.timezone.key, period.local_days(), *limits


def resolve(view: View, website: Website) -> ResolvedView:
    """The dates of a view on a website that the viewer may open.

    Args:
        view: What is asked for; its timezone and range may come from a tampered URL.
        website: The website of that id, after the access check.

    A range or timezone that leads nowhere falls back to the last 7 days or UTC, and a notice says so.
    """
    notices: list[str] = []
    try:
        timezone = clock.parse_timezone(view.timezone)
    except ValueError:
        timezone = clock.parse_timezone("UTC")
        notices.append("That timezone does not exist: days are those of UTC.")
    tier, selected = website.tier, view.range
    asked = periods.resolve(selected, view.now, timezone)
    clamped = _within_tier(asked, website, view.now)
    first_numbers = periods.ceil_to_grid(asked.start + periods.GRID)
    if asked.is_empty and asked.start <= view.now < first_numbers:
        notices.append(
            f"The day has just begun: its first numbers come at {first_numbers.astimezone(timezone):%H:%M}."
        )
    elif clamped.period.is_empty:
        notices.append(_out_of_reach(selected, asked, website, view.now))
        selected = DEFAULT_RANGE
        asked = periods.resolve(selected, view.now, timezone)
        clamped = _within_tier(asked, website, view.now)
    elif selected.last is not None and selected.last > view.now.astimezone(timezone).date():
        notices.append("That range ends in the future: it is shown up to now.")
    if clamped.is_cut:
        first = clamped.period.start.astimezone(timezone)
        notices.append(f"{clamped.reason} {selected.label} is shown from {first.day} {first:%b %Y, %H:%M}.")
    reach = tiers.visitor_reach_days(tier)
    visitors = tiers.clamp(
        clamped.period,
        tiers.earliest_visitors(tier, view.now),
        f"Visitor data reaches back {reach} days.",
    )
    before = periods.previous(asked, periods.compared_days(selected, view.now, timezone))
    return ResolvedView(
        website=website,
        range=selected,
        now=view.now,
        conversations=clamped.period,
        visitors=visitors.period,
        previous=before,
        comparable=_comparable(
            asked, before, tiers.earliest_conversations(tier, view.now), tiers.TIER_DAYS[tier], view.now
        ),
        visitors_comparable=_comparable(
            asked, before, tiers.earliest_visitors(tier, view.now), reach, view.now
        ),
        is_compared=view.is_compared,
        bucket=periods.bucket_for(clamped.period),
        notices=tuple(notices),
        visitors_note=notices[-1] if asked.is_empty else _visitors_note(visitors),
    )


def _within_tier(asked: Period, website: Website, now: datetime) -> Clamped:
    tier = website.tier
    reason = f"Data reaches back {tiers.TIER_DAYS[tier]} days on the {tier} plan."
    return tiers.clamp(asked, tiers.earliest_conversations(tier, now), reason)


def _comparable(
    asked: Period, before: Period, earliest: datetime, reach_days: int, now: datetime
) -> Comparable:
    if asked.is_empty:
        return Comparable(is_ok=False, reason=JUST_BEGUN, longest_days=None)
    if before.is_empty:  # where midnight comes twice, the second one reads like the start of the day before
        return Comparable(is_ok=False, reason=NOTHING_BEFORE, longest_days=None)
    return tiers.comparison(before, earliest, reach_days, now)


def _out_of_reach(selected: Range, asked: Period, website: Website, now: datetime) -> str:
    instead = f"{DEFAULT_RANGE.label} is shown instead of {selected.label}"
    if asked.start > now:
        return f"That range has not begun: {instead}."
    if asked.is_empty:
        return f"The calendar of that timezone skipped this day: {instead}."
    tier = website.tier
    return f"Data reaches back {tiers.TIER_DAYS[tier]} days on the {tier} plan: {instead}."


def _visitors_note(visitors: Clamped) -> str | None:
    if not visitors.is_cut:
        return None
    if visitors.period.is_empty:
        return visitors.reason
    first = visitors.period.start.astimezone(visitors.period.timezone)
    return f"{visitors.reason} Counted from {first.day} {first:%b, %H:%M}."
