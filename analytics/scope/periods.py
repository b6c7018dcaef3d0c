"""Resolves ranges of the URL to periods in UTC. Pure; `now` is always an argument.

The rules (data contract, section 4):

- Periods are half-open, `[start, end)`, in UTC; days and weeks are those of the chosen timezone.
- "Last N days" is the N calendar days ending today: from local midnight N - 1 days ago to now, rounded down to
  the 5-minute grid, so that both sides of a comparison are over and the cache keys of two viewers meet. "Today" is
  N = 1. In the first 5 minutes of a day, today has no time yet.
- Calendar ranges (yesterday, this week, last month) are whole local days, weeks, months or quarters, cut at the same
  now. Which day a week begins with is a setting of the deployment.
- A custom range runs from local midnight to the local midnight after its last day, cut at the same now.

The period to compare with: `analytics.scope.comparison`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from analytics.scope import clock, weeks
from analytics.scope.weeks import WeekStart

Unit = Literal["day", "week", "month", "quarter"]
Name = Literal[
    "yesterday", "this-week", "last-week", "this-month", "last-month", "this-quarter", "last-quarter"
]

GRID: Final = timedelta(minutes=5)
"""Step of the grid: periods that include now end on a multiple of it."""

LONGEST_RANGE_DAYS: Final = 3660
"""Longest range, about ten years; a longer one is a typing error."""

_CALENDAR: Final[dict[Name, tuple[Unit, bool]]] = {
    "yesterday": ("day", True),
    "this-week": ("week", False),
    "last-week": ("week", True),
    "this-month": ("month", False),
    "last-month": ("month", True),
    "this-quarter": ("quarter", False),
    "last-quarter": ("quarter", True),
}
"""The unit of each calendar range, and whether it is the previous one instead of the current one."""

EARLIEST_DATE: Final = date(2000, 1, 1)
LATEST_DATE: Final = date(2100, 1, 1)

_DAY: Final = timedelta(days=1)
_RELATIVE = re.compile(r"([1-9][0-9]{0,3})d", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_CUSTOM = re.compile(r"(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open span of time, `[start, end)`.

    Attributes:
        start: First instant inside, aware, UTC.
        end: First instant after, aware, UTC. Equal to `start` when the period is empty.
        timezone: Timezone of its days, weeks and labels.
        week_start: The day that its weeks begin with.

    Raises:
        ValueError: An edge is naive, or the end lies before the start.
    """

    start: datetime
    end: datetime
    timezone: ZoneInfo
    week_start: WeekStart = "monday"

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
        """Number of local days with an instant inside; 0 when empty."""
        first, last = self.local_days()
        return 0 if self.is_empty else (last - first).days + 1

    def utc_bounds(self) -> tuple[str, str]:
        """Both edges as pipe parameters: UTC `YYYY-MM-DD hh:mm:ss`, the second one exclusive.

        >>> london = ZoneInfo("Europe/London")
        >>> Period(datetime(2026, 7, 1, tzinfo=london), datetime(2026, 7, 2, tzinfo=london), london).utc_bounds()
        ('2026-06-30 23:00:00', '2026-07-01 23:00:00')
        """
        return f"{self.start:%Y-%m-%d %H:%M:%S}", f"{self.end:%Y-%m-%d %H:%M:%S}"


@dataclass(frozen=True, slots=True)
class Range:
    """The range in the URL: the last N days or a calendar unit (both relative to now), or two dates.

    Attributes:
        days: N of "last N days", 1 being today; None for the other kinds.
        first: First day of a custom range, inclusive; None for the other kinds.
        last: Last day of a custom range, inclusive; None for the other kinds.
        name: Name of the calendar unit, such as `last-month`; None for the other kinds.

    Raises:
        ValueError: It is none of the three kinds, or out of bounds.
    """

    days: int | None = None
    first: date | None = None
    last: date | None = None
    name: Name | None = None

    def __post_init__(self) -> None:
        is_custom = self.first is not None or self.last is not None
        if (self.days is not None) + (self.name is not None) + is_custom != 1:
            raise ValueError("A range is the last days, a calendar unit, or two dates.")
        if self.days is not None and not 1 <= self.days <= LONGEST_RANGE_DAYS:
            raise ValueError(f"A range covers 1 to {LONGEST_RANGE_DAYS} days.")
        if not is_custom:
            return
        if self.first is None or self.last is None:
            raise ValueError("A custom range needs a first and a last day.")
        if self.last < self.first:
            raise ValueError("The last day lies before the first one.")
        if self.first < EARLIEST_DATE or self.last > LATEST_DATE:
            raise ValueError("A custom range lies between 2000 and 2100.")
        if (self.last - self.first).days >= LONGEST_RANGE_DAYS:
            raise ValueError(f"A range covers 1 to {LONGEST_RANGE_DAYS} days.")

    @classmethod
    def parse(cls, text: str) -> Range:
        """Parses the text of a URL: `today`, `7d`, `last-week`, `2026-11-01..2026-11-10`.

        Raises:
            ValueError: The text is not a range; the message says why.

        >>> Range.parse("7d")
        Range(days=7, first=None, last=None, name=None)
        >>> str(Range.parse("2026-11-01..2026-11-10"))
        '2026-11-01..2026-11-10'
        """
        if text == "today":
            return cls(days=1)
        for name in _CALENDAR:
            if text == name:
                return cls(name=name)
        if relative := _RELATIVE.fullmatch(text):
            return cls(days=int(relative[1]))
        if custom := _CUSTOM.fullmatch(text):
            return cls(first=parse_date(custom[1]), last=parse_date(custom[2]))
        raise ValueError("Use today, 7d, last-week or 2026-11-01..2026-11-10.")

    def __str__(self) -> str:
        if self.name is not None:
            return self.name
        if self.days is None:
            return f"{self.first}..{self.last}"
        return "today" if self.days == 1 else f"{self.days}d"

    @property
    def is_custom(self) -> bool:
        """True for two dates; the other kinds are relative to now."""
        return self.first is not None

    @property
    def unit(self) -> Unit | None:
        """The calendar unit; None for "last N days" and for two dates."""
        return None if self.name is None else _CALENDAR[self.name][0]

    def dates_on(self, today: date, week_start: WeekStart = "monday") -> tuple[date, date]:
        """First and last day, both inclusive; the last one may lie in the future.

        >>> [f"{day:%a %d %b}" for day in Range.parse("last-week").dates_on(date(2026, 11, 26))]
        ['Mon 16 Nov', 'Sun 22 Nov']
        >>> [f"{day:%d %b}" for day in Range.parse("this-month").dates_on(date(2026, 11, 26))]
        ['01 Nov', '30 Nov']
        """
        if self.name is not None:
            unit, is_last = _CALENDAR[self.name]
            first, last = unit_dates(unit, today, week_start)
            return unit_dates(unit, first - _DAY, week_start) if is_last else (first, last)
        if self.first is not None and self.last is not None:
            return self.first, self.last
        return today - timedelta(days=(self.days or 1) - 1), today

    @property
    def label(self) -> str:
        """The range in words.

        >>> [Range.parse(text).label for text in ("today", "7d", "last-month", "2026-11-01..2026-11-10")]
        ['Today', 'Last 7 days', 'Last month', '1–10 Nov 2026']
        """
        if self.name is not None:
            return self.name.capitalize().replace("-", " ")
        if self.first is not None and self.last is not None:
            return days_label(self.first, self.last)
        return "Today" if self.days == 1 else f"Last {self.days} days"


PRESETS: Final[tuple[Range, ...]] = tuple(
    Range.parse(text)
    for text in (
        *("today", "yesterday", "this-week", "last-week", "7d", "10d", "14d", "21d", "30d"),
        *("this-month", "last-month", "45d", "90d", "this-quarter", "last-quarter"),
    )
)
"""Ranges that the sidebar offers within the plan's reach."""

DEFAULT_RANGE: Final = Range(days=7)


def parse_date(text: str) -> date:
    """Parses a date such as `2026-11-01`.

    Raises:
        ValueError: There is no such day, or it lies before 2000 or after 2100.
    """
    if not _DATE.fullmatch(text):
        raise ValueError("Write a date as 2026-11-01.")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text} is not in the calendar.") from None
    if not EARLIEST_DATE <= day <= LATEST_DATE:
        raise ValueError("A date lies between 2000 and 2100.")
    return day


def unit_dates(unit: Unit, day: date, week_start: WeekStart = "monday") -> tuple[date, date]:
    """First and last day of the calendar unit that contains the day.

    >>> [f"{each}" for each in unit_dates("quarter", date(2026, 11, 26))]
    ['2026-10-01', '2026-12-31']
    """
    if unit == "day":
        return day, day
    if unit == "week":
        first = weeks.week_of(day, week_start)
        return first, first + timedelta(days=6)
    months = 1 if unit == "month" else 3
    month = (day.month - 1) // months * months  # First month of the unit, 0-based.
    years, following = divmod(month + months, 12)
    return date(day.year, month + 1, 1), date(day.year + years, following + 1, 1) - _DAY


def days_label(first: date, last: date) -> str:
    """Two inclusive days in words, without repeated parts.

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


def resolve(selected: Range, now: datetime, timezone: ZoneInfo, week_start: WeekStart = "monday") -> Period:
    """Resolves a range to its period at `now`.

    A range that has not begun, or began less than one step of the grid ago, gives an empty period at its start.

    >>> now = datetime(2026, 11, 10, 14, 32, tzinfo=UTC)
    >>> resolve(Range(days=7), now, ZoneInfo("Asia/Kolkata")).utc_bounds()
    ('2026-11-03 18:30:00', '2026-11-10 14:30:00')
    """
    first, last = selected.dates_on(clock.local_day(now, timezone), week_start)
    start = clock.local_midnight(first, timezone)
    end = clock.local_midnight(last + timedelta(days=1), timezone)
    end = min(end, floor_to_grid(now))
    return Period(start, end if end - start >= GRID else start, timezone, week_start)


def is_open(period: Period, now: datetime) -> bool:
    """True if the period includes the last step of the grid, so that new events may still belong to it."""
    return period.end >= floor_to_grid(now)
