"""Finds the websites that have left, since when, and whether their rows are due. Pure.

A website has left when it was deleted, or when its organization had a paid subscription and has none now. An
organization that was never paid is on the free plan and stays; so does one that went on with a free subscription, and
one whose subscription is unpaid: it was not cancelled, and may be paid again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from analytics.ingest.deletes.deletion import is_id
from analytics.operations.purge.database import KnownWebsite
from analytics.scope.tiers import Subscription, tier_from_subscriptions

Verdict = Literal["due", "in grace", "kept"]

_LIVING: Final = frozenset({"active", "trialing", "past_due"})
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Departure:
    """A website that has left.

    Attributes:
        website_id: Which one; untrusted text where Postgres does not know it.
        website: None when Postgres does not know it.
        plan: The paid plan that ended; None when none did.
        ended_at: Since when it has left, UTC; None when it is not known.
        days_past: Whole days since; None when it is not known.
        rows: Rows that Tinybird holds of it, by data source.
        verdict: due (to be purged) | in grace | kept.
        reason: Why it has left, and why it is kept when it is; a phrase.
    """

    website_id: str
    website: KnownWebsite | None
    plan: str | None
    ended_at: datetime | None
    days_past: int | None
    rows: Mapping[str, int]
    verdict: Verdict
    reason: str

    @property
    def row_count(self) -> int:
        """Rows in all data sources."""
        return sum(self.rows.values())


def departures(
    websites: Iterable[KnownWebsite],
    rows: Mapping[str, Mapping[str, int]],
    now: datetime,
    grace_days: int,
) -> tuple[Departure, ...]:
    """Lists the websites that have left, longest ago first, those without a date last; then those not in Postgres.

    `rows` are by data source and website id. They are due once `grace_days` whole days have passed; 0 makes them due at
    once.
    """
    known = {website.id: website for website in websites}
    left = [
        departure
        for website in known.values()
        if (departure := departure_of(website, _rows_of(website.id, rows), now, grace_days)) is not None
    ]
    unknown = sorted({website_id for counted in rows.values() for website_id in counted} - known.keys())
    left.sort(key=lambda each: (each.ended_at is None, each.ended_at or now, each.website_id))
    return (*left, *(_unknown(website_id, _rows_of(website_id, rows)) for website_id in unknown))


def departure_of(
    website: KnownWebsite, rows: Mapping[str, int], now: datetime, grace_days: int
) -> Departure | None:
    """Finds how a website has left; None when it has not. Arguments as `departures`."""
    ended_at, plan, reason, kept = _end_of(website, now)
    if reason is None:
        return None
    days_past = None if ended_at is None else (now - ended_at) // _DAY
    verdict: Verdict = "kept"
    if kept is None and days_past is not None:
        verdict = "due" if days_past >= grace_days else "in grace"
    text = reason if kept is None else f"{reason}; {kept}"
    return Departure(website.id, website, plan, ended_at, days_past, rows, verdict, text)


def _end_of(
    website: KnownWebsite, now: datetime
) -> tuple[datetime | None, str | None, str | None, str | None]:
    """Finds since when it has left, the plan that ended, why, and why it is kept; None for why when it has not left."""
    deleted_at = website.deleted_at
    if deleted_at is not None and deleted_at > now:
        deleted_at = None
    paid = [each for each in website.subscriptions if each.plan != "free"]
    is_ended = bool(paid) and tier_from_subscriptions(paid, now) == "free"
    last = max(paid, key=_end_or_never, default=None) if is_ended else None
    plan = None if last is None else last.plan
    if deleted_at is not None:
        return deleted_at, plan, "website deleted", None
    if last is None:
        return None, None, None, None
    if any(each.plan == "free" and each.status in _LIVING for each in website.subscriptions):
        return None, plan, "paid subscription ended", "it went on with the free plan"
    if any(each.status != "canceled" for each in paid):
        status = next(each.status for each in paid if each.status != "canceled")
        return last.current_period_end, plan, f"subscription {status}", "not canceled: purge it by hand"
    if any(each.current_period_end is None for each in paid):
        return None, plan, "subscription canceled", "the end is not known: purge it by hand"
    return last.current_period_end, plan, "subscription canceled", None


def _end_or_never(subscription: Subscription) -> tuple[bool, float]:
    ends = subscription.current_period_end
    return (ends is None, 0.0 if ends is None else ends.timestamp())


def _unknown(website_id: str, rows: Mapping[str, int]) -> Departure:
    how = "purge it by hand" if is_id(website_id) else "its id is none: delete it with `tb`"
    reason = f"not in Postgres, the end is not known: {how}"
    return Departure(website_id, None, None, None, None, rows, "kept", reason)


def _rows_of(website_id: str, rows: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return {datasource: counted.get(website_id, 0) for datasource, counted in rows.items()}
