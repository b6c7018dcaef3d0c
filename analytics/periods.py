"""Periods of time: what a range in the URL means in UTC, and which period comes before it.

Owns the calendar arithmetic and nothing else: no tier, no source, no clock (`now` is always an argument).

The rules (data contract, section 4):

- Periods are half-open, `[start, end)`, in UTC; days and weeks are those of the chosen timezone.
- "Last N days" is the N calendar days ending today: from local midnight N - 1 days ago to now, rounded down to
  the 5-minute grid, so that both sides of a comparison are over and the cache keys of two viewers meet. "Today" is
  N = 1. In the first 5 minutes of a day, today has no time yet.
- A custom range runs from local midnight to the local midnight after its last day, cut at the same now.
- The period before is the same days N days earlier: an edge that is a day's start becomes that day's start, whatever
  hour it has there, and only the running now moves by the clock reading. The two sides never overlap, and whole days
  leave no gap.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from analytics import clock
from analytics.clock import Bucket

GRID: Final = timedelta(minutes=5)
"""Periods that include now end on a multiple of this."""

LONGEST_RANGE_DAYS: Final = 3660
"""A range longer than ten years is a typing error, not a question."""

HOURLY_UP_TO_DAYS: Final = 2
DAILY_UP_TO_DAYS: Final = 45

_RELATIVE = re.compile(r"([1-9][0-9]{0,3})d", re.ASCII)
_CUSTOM = re.compile(r"(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})", re.ASCII)
_EARLIEST_DATE: Final = date(2000, 1, 1)
_LATEST_DATE: Final = date(2100, 1, 1)


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open span of time, `[start, end)`.

    Attributes:
        start: First instant inside, aware, UTC.
        end: First instant after, aware, UTC. Equal to `start` when the period is empty.
        timezone: Whose midnights made it; days, weeks and labels follow it.

    Raises:
        ValueError: An edge is naive, or the end lies before the start.
    """

    start: datetime
    end: datetime
    timezone: ZoneInfo

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("A period's edges need a timezone.")
        if self.end < self.start:
            raise ValueError("A period cannot end before it starts.")
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        object.__setattr__(self, "end", self.end.astimezone(UTC))

    @property
    def duration(self) -> timedelta:
        """Elapsed time between the edges; zero when empty."""
        return self.end - self.start

    @property
    def is_empty(self) -> bool:
        """True when no instant lies inside."""
        return self.start == self.end

    def local_days(self) -> tuple[date, date]:
        """The first and the last local day with an instant inside, both inclusive.

        An empty period gives the day of its start twice.
        """
        first = self.start.astimezone(self.timezone).date()
        if self.is_empty:
            return first, first
        last_instant = self.end - timedelta(microseconds=1)
        return first, last_instant.astimezone(self.timezone).date()

    def day_count(self) -> int:
        """How many local days the period touches; 0 when empty."""
        first, last = self.local_days()
        return 0 if self.is_empty else (last - first).days + 1

    def utc_bounds(self) -> tuple[str, str]:
        """Both edges as pipes take them: UTC `YYYY-MM-DD hh:mm:ss`, the second one exclusive.

        >>> london = ZoneInfo("Europe/London")
        >>> Period(datetime(2026, 7, 1, tzinfo=london), datetime(2026, 7, 2, tzinfo=london), london).utc_bounds()
        ('2026-06-30 23:00:00', '2026-07-01 23:00:00')
        """
        return f"{self.start:%Y-%m-%d %H:%M:%S}", f"{self.end:%Y-%m-%d %H:%M:%S}"


@dataclass(frozen=True, slots=True)
class Range:
    """What the URL says: the last N days (relative, resolved anew on every run) or two dates.

    Attributes:
        days: N of "last N days", 1 being today; None for a custom range.
        first: First day of a custom range, inclusive; None for a relative one.
        last: Last day of a custom range, inclusive; None for a relative one.
    """

    days: int | None = None
    first: date | None = None
    last: date | None = None

    def __post_init__(self) -> None:
        if self.days is not None:
            if self.first is not None or self.last is not None:
                raise ValueError("A range is either relative or custom.")
            if not 1 <= self.days <= LONGEST_RANGE_DAYS:
                raise ValueError(f"A range covers 1 to {LONGEST_RANGE_DAYS} days.")
            return
        if self.first is None or self.last is None:
            raise ValueError("A custom range needs a first and a last day.")
        if self.last < self.first:
            raise ValueError("The last day lies before the first one.")
        if self.first < _EARLIEST_DATE or self.last > _LATEST_DATE:
            raise ValueError("A custom range lies between 2000 and 2100.")
        if (self.last - self.first).days >= LONGEST_RANGE_DAYS:
            raise ValueError(f"A range covers 1 to {LONGEST_RANGE_DAYS} days.")

    @classmethod
    def parse(cls, text: str) -> Range:
        """The range that a URL's text names: `today`, `7d`, `2026-11-01..2026-11-10`.

        Raises:
            ValueError: The text names no range; the message says why.

        >>> Range.parse("7d")
        Range(days=7, first=None, last=None)
        >>> str(Range.parse("2026-11-01..2026-11-10"))
        '2026-11-01..2026-11-10'
        """
        if text == "today":
            return cls(days=1)
        if relative := _RELATIVE.fullmatch(text):
            return cls(days=int(relative[1]))
        if custom := _CUSTOM.fullmatch(text):
            try:
                first, last = date.fromisoformat(custom[1]), date.fromisoformat(custom[2])
            except ValueError:
                raise ValueError("One of the dates is not in the calendar.") from None
            return cls(first=first, last=last)
        raise ValueError("Not a range: use today, 7d or 2026-11-01..2026-11-10.")

    def __str__(self) -> str:
        if self.days is None:
            return f"{self.first}..{self.last}"
        return "today" if self.days == 1 else f"{self.days}d"

    @property
    def is_relative(self) -> bool:
        """True for "last N days", which moves on with the clock."""
        return self.days is not None

    @property
    def day_count(self) -> int:
        """How many local days the range names, finished or not."""
        if self.days is not None:
            return self.days
        first, last = self.dates
        return (last - first).days + 1

    @property
    def dates(self) -> tuple[date, date]:
        """First and last day of a custom range, both inclusive.

        Raises:
            ValueError: The range is relative.
        """
        if self.first is None or self.last is None:
            raise ValueError("A relative range names no dates.")
        return self.first, self.last

    @property
    def label(self) -> str:
        """The range as a person says it.

        >>> [Range.parse(text).label for text in ("today", "7d", "2026-11-01..2026-11-10")]
        ['Today', 'Last 7 days', '1–10 Nov 2026']
        """
        if self.days is not None:
            return "Today" if self.days == 1 else f"Last {self.days} days"
        return days_label(*self.dates)


PRESETS: Final[tuple[Range, ...]] = tuple(Range(days=days) for days in (1, 7, 10, 14, 21, 30, 45, 90))
DEFAULT_RANGE: Final = Range(days=7)


def days_label(first: date, last: date) -> str:
    """Two inclusive days as a person writes them, with no part said twice.

    >>> days_label(date(2026, 11, 3), date(2026, 11, 3))
    '3 Nov 2026'
    >>> days_label(date(2026, 10, 28), date(2026, 11, 3))
    '28 Oct – 3 Nov 2026'
    >>> days_label(date(2025, 12, 28), date(2026, 1, 3))
    '28 Dec 2025 – 3 Jan 2026'
    """
    end = f"{last.day} {last:%b %Y}"
    if first == last:
        return end
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{end}"
    if first.year == last.year:
        return f"{first.day} {first:%b} – {end}"
    return f"{first.day} {first:%b %Y} – {end}"


def floor_to_grid(instant: datetime) -> datetime:
    """The last 5-minute mark at or before the instant, UTC.

    >>> floor_to_grid(datetime(2026, 11, 10, 9, 4, 59, tzinfo=UTC)).isoformat()
    '2026-11-10T09:00:00+00:00'
    """
    step = int(GRID.total_seconds())
    return datetime.fromtimestamp(int(instant.timestamp()) // step * step, tz=UTC)


def ceil_to_grid(instant: datetime) -> datetime:
    """The first 5-minute mark at or after the instant, UTC.

    >>> ceil_to_grid(datetime(2026, 11, 10, 9, 0, 1, tzinfo=UTC)).isoformat()
    '2026-11-10T09:05:00+00:00'
    >>> ceil_to_grid(datetime(2026, 11, 10, 9, 5, tzinfo=UTC)).isoformat()
    '2026-11-10T09:05:00+00:00'
    """
    floor = floor_to_grid(instant)
    return floor if floor == instant else floor + GRID


def resolve(selected: Range, now: datetime, timezone: ZoneInfo) -> Period:
    """The period that a range means at this moment.

    A range of which less than one step of the grid has passed, or that has not begun, is empty, at its own start.

    Args:
        selected: What the URL says.
        now: The moment, aware.
        timezone: Whose midnights count.

    >>> now = datetime(2026, 11, 10, 14, 32, tzinfo=UTC)
    >>> resolve(Range(days=7), now, ZoneInfo("Asia/Kolkata")).utc_bounds()
    ('2026-11-03 18:30:00', '2026-11-10 14:30:00')
    """
    first, last = _days_of(selected, now, timezone)
    start = clock.local_midnight(first, timezone)
    end = clock.local_midnight(last + timedelta(days=1), timezone)
    end = min(end, floor_to_grid(now))
    return Period(start, end if end - start >= GRID else start, timezone)


def compared_days(selected: Range, now: datetime, timezone: ZoneInfo) -> int:
    """How many days earlier the period before a range lies: as many days as it names up to today, at least 1.

    >>> now = datetime(2026, 11, 10, 14, 32, tzinfo=UTC)
    >>> [compared_days(Range.parse(text), now, ZoneInfo("UTC")) for text in ("7d", "2026-11-01..2026-11-30")]
    [7, 10]
    """
    first, last = _days_of(selected, now, timezone)
    return max(1, (min(last, clock.local_day(now, timezone)) - first).days + 1)


def _days_of(selected: Range, now: datetime, timezone: ZoneInfo) -> tuple[date, date]:
    """First and last day that a range names."""
    if selected.days is None:
        return selected.dates
    today = clock.local_day(now, timezone)
    return today - timedelta(days=selected.days - 1), today


def shifted(instant: datetime, days: int, timezone: ZoneInfo) -> datetime:
    """The instant with the same local clock reading, that many days earlier, UTC.

    Of two such instants the first; where the clock skips the reading, the end of the gap.
    """
    wall = instant.astimezone(timezone).replace(tzinfo=None, fold=0)
    return clock.instant_of(wall - timedelta(days=days), timezone)


def previous(period: Period, days: int) -> Period:
    """The same days, `days` days earlier; an end within a day moves by the clock reading.

    Args:
        period: As resolved from a range, not cut at its start.
        days: The range's `compared_days`, so that the two sides never overlap.

    >>> london = ZoneInfo("Europe/London")
    >>> now = datetime(2026, 10, 26, 9, 32, tzinfo=UTC)
    >>> today = resolve(Range(days=1), now, london)
    >>> previous(today, 1).utc_bounds()
    ('2026-10-24 23:00:00', '2026-10-25 09:30:00')
    """
    start, end = (_earlier(edge, days, period.timezone) for edge in (period.start, period.end))
    return Period(start, max(start, end), period.timezone)


def _earlier(edge: datetime, days: int, timezone: ZoneInfo) -> datetime:
    day = clock.local_day(edge, timezone)
    if edge == clock.local_midnight(day, timezone):
        return clock.local_midnight(day - timedelta(days=days), timezone)
    return shifted(edge, days, timezone)


def is_open(period: Period, now: datetime) -> bool:
    """True while time is still to be added to the period, or was until the last mark of the grid."""
    return period.end >= floor_to_grid(now)


def bucket_for(period: Period) -> Bucket:
    """How finely to draw the period: hours up to 2 local days, days up to 45, else weeks (from Monday).

    >>> london = ZoneInfo("Europe/London")
    >>> now = datetime(2026, 11, 10, 9, tzinfo=UTC)
    >>> [bucket_for(resolve(Range(days=days), now, london)) for days in (1, 2, 3, 45, 46)]
    ['hour', 'hour', 'day', 'day', 'week']
    """
    days = period.day_count()
    if days <= HOURLY_UP_TO_DAYS:
        return "hour"
    return "day" if days <= DAILY_UP_TO_DAYS else "week"


def bucket_starts(period: Period, bucket: Bucket) -> tuple[datetime, ...]:
    """The first instants, UTC, of the local hours, days or weeks inside the period, oldest first.

    The first one is the period's own start, even in the middle of a bucket; the last bucket ends with the period. An
    empty period has none. For a pipe, `clock.unix_seconds` writes them as an array.

    >>> london = ZoneInfo("Europe/London")
    >>> autumn = resolve(Range.parse("2026-10-24..2026-10-26"), datetime(2026, 11, 10, tzinfo=UTC), london)
    >>> [f"{start:%d %b %H:%M}" for start in bucket_starts(autumn, "day")]
    ['23 Oct 23:00', '24 Oct 23:00', '26 Oct 00:00']
    """
    starts = []
    start = period.start
    while start < period.end:
        starts.append(start)
        start = clock.next_bucket(start, bucket, period.timezone)
    return tuple(starts)
