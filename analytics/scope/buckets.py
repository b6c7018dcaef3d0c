"""Buckets: the hours, days or weeks that a period is divided into for charts. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from analytics.scope import clock
from analytics.scope.clock import Bucket
from analytics.scope.periods import Period

HOURLY_UP_TO_DAYS: Final = 2
DAILY_UP_TO_DAYS: Final = 45
"""Longest periods, in local days, that are drawn by the hour and by the day unless the viewer chooses."""

HOURS_OFFERED_UP_TO_DAYS: Final = 14
WEEKS_OFFERED_FROM_DAYS: Final = 14


def bucket_for(period: Period, chosen: Bucket | None = None) -> Bucket:
    """The bucket of a period: `chosen` if it is offered, else hours up to 2 local days, days up to 45, else weeks.

    >>> from datetime import UTC
    >>> from zoneinfo import ZoneInfo
    >>> from analytics.scope.periods import Range, resolve
    >>> london = ZoneInfo("Europe/London")
    >>> now = datetime(2026, 11, 10, 9, tzinfo=UTC)
    >>> [bucket_for(resolve(Range(days=days), now, london)) for days in (1, 2, 3, 45, 46)]
    ['hour', 'hour', 'day', 'day', 'week']
    """
    if chosen is not None and chosen in offered_buckets(period):
        return chosen
    days = period.day_count()
    if days <= HOURLY_UP_TO_DAYS:
        return "hour"
    return "day" if days <= DAILY_UP_TO_DAYS else "week"


def offered_buckets(period: Period) -> tuple[Bucket, ...]:
    """The buckets offered for a period: hours up to 14 local days, days from 2, weeks from 14.

    >>> from datetime import UTC
    >>> from zoneinfo import ZoneInfo
    >>> from analytics.scope.periods import Range, resolve
    >>> now = datetime(2026, 11, 10, 9, tzinfo=UTC)
    >>> [offered_buckets(resolve(Range(days=days), now, ZoneInfo("UTC"))) for days in (1, 14, 15)]
    [('hour',), ('hour', 'day', 'week'), ('day', 'week')]
    """
    days = period.day_count()
    offered: list[Bucket] = ["hour"] if days <= HOURS_OFFERED_UP_TO_DAYS else []
    offered += ["day"] if days > 1 else []
    offered += ["week"] if days >= WEEKS_OFFERED_FROM_DAYS else []
    return tuple(offered)


def bucket_starts(period: Period, bucket: Bucket) -> tuple[datetime, ...]:
    """The first instants, UTC, of the local hours, days or weeks inside the period, oldest first.

    The first one is the start of the period, even if that is in the middle of a bucket; the last bucket ends with the period.
    An empty period has none. `clock.unix_seconds` writes them as an array for a pipe.

    >>> from datetime import UTC
    >>> from zoneinfo import ZoneInfo
    >>> from analytics.scope.periods import Range, resolve
    >>> london = ZoneInfo("Europe/London")
    >>> autumn = resolve(Range.parse("2026-10-24..2026-10-26"), datetime(2026, 11, 10, tzinfo=UTC), london)
    >>> [f"{start:%d %b %H:%M}" for start in bucket_starts(autumn, "day")]
    ['23 Oct 23:00', '24 Oct 23:00', '26 Oct 00:00']
    """
    starts = []
    start = period.start
    while start < period.end:
        starts.append(start)
        start = clock.next_bucket(start, bucket, period.timezone, period.week_start)
    return tuple(starts)
