"""Derives the period to compare with from the period shown, and aligns their buckets. Pure.

Owns the calendar arithmetic: no tier, no source, no clock (`now` is always an argument).

The rules (data contract, section 4):

- For "last N days" and for two dates, the period before is the N days before them. For a calendar range it is the previous
  calendar unit; a month that is not over is compared with the first days of the month before.
- The same weekdays are the same days moved back by whole weeks: the fewest weeks without overlap.
- A chosen start gives as many days as the range has; they must end before the range begins.
- A start of a local day becomes the start of the earlier local day, at whatever hour that begins. Only the current time is
  moved by local time; if that local time does not exist, it becomes the last instant before the gap. The two periods never
  overlap, and there is no gap between whole days and the period before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from analytics.scope import clock, periods
from analytics.scope.buckets import bucket_starts
from analytics.scope.clock import Bucket
from analytics.scope.periods import Period, Range, parse_date

Kind = Literal["off", "before", "weekdays", "chosen"]

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The comparison in the URL: a word, a date, or two dates.

    Attributes:
        kind: `off`; `before`, the period before; `weekdays`, the same weekdays some weeks earlier; `chosen`.
        first: First of the chosen days; None for the other kinds.
        last: Last of the chosen days, in links with fixed dates; None for as many days as the range has.

    Raises:
        ValueError: A chosen comparison has no first day, another kind has one, or the last day lies before the first.
    """

    kind: Kind = "before"
    first: date | None = None
    last: date | None = None

    def __post_init__(self) -> None:
        if (self.kind == "chosen") != (self.first is not None):
            raise ValueError("A chosen comparison needs a first day; the other kinds have none.")
        if self.last is not None and (self.first is None or self.last < self.first):
            raise ValueError("The last day lies before the first one.")

    @classmethod
    def parse(cls, text: str) -> Comparison:
        """Parses the text of a URL; `on` is the old name of `before`.

        Raises:
            ValueError: The text is not a comparison; the message says why.

        >>> str(Comparison.parse("on")), str(Comparison.parse("2026-09-01")), Comparison.parse("weekdays").kind
        ('before', '2026-09-01', 'weekdays')
        """
        if text in ("before", "on"):
            return BEFORE
        if text == "off":
            return OFF
        if text == "weekdays":
            return WEEKDAYS
        first, dots, last = text.partition("..")
        try:
            return cls("chosen", parse_date(first), parse_date(last) if dots else None)
        except ValueError as error:
            raise ValueError(f"Use off, before, weekdays or a date. {error}") from None

    def __str__(self) -> str:
        if self.first is None:
            return self.kind
        return f"{self.first}" if self.last is None else f"{self.first}..{self.last}"


BEFORE: Final = Comparison("before")
WEEKDAYS: Final = Comparison("weekdays")
OFF: Final = Comparison("off")


def compared_days(
    comparison: Comparison, selected: Range, period: Period, now: datetime
) -> tuple[date, date]:
    """First and last day of the compared period, both inclusive; not cut to the elapsed part of a running period.

    The start of the period is not clamped. `off` gives the period before.

    >>> now = datetime.fromisoformat("2026-11-26T12:00:00+00:00")
    >>> for text in ("last-month", "7d"):
    ...     shown = Range.parse(text)
    ...     period = periods.resolve(shown, now, ZoneInfo("UTC"))
    ...     print(*(periods.days_label(*compared_days(kind, shown, period, now)) for kind in (BEFORE, WEEKDAYS)), sep=", ")
    1–30 Sep 2026, 27 Aug – 26 Sep 2026
    13–19 Nov 2026, 13–19 Nov 2026
    """
    first, last = _days_shown(selected, period, now)
    count = (last - first).days + 1
    if comparison.first is not None:
        return comparison.first, comparison.last or comparison.first + timedelta(days=count - 1)
    if comparison.kind == "weekdays":
        back = timedelta(days=-(-count // 7) * 7)
        return first - back, last - back
    if selected.unit is not None:
        return periods.unit_dates(selected.unit, first - _DAY, period.week_start)
    return first - timedelta(days=count), first - _DAY


def latest_start(selected: Range, period: Period, now: datetime) -> date:
    """The latest start of a chosen comparison: with as many days as the range, it ends before the range begins."""
    first, last = _days_shown(selected, period, now)
    return first - timedelta(days=(last - first).days + 1)


def compared_period(comparison: Comparison, selected: Range, period: Period, now: datetime) -> Period | None:
    """The period to compare with; None if the chosen days do not end before the range begins.

    Arguments as for `compared_days`.

    >>> london = ZoneInfo("Europe/London")
    >>> now = datetime.fromisoformat("2026-10-26T09:32:00+00:00")
    >>> today = Range.parse("today")
    >>> compared_period(BEFORE, today, periods.resolve(today, now, london), now).utc_bounds()
    ('2026-10-24 23:00:00', '2026-10-25 09:30:00')
    """
    zone = period.timezone
    first, _ = _days_shown(selected, period, now)
    _, last = selected.dates_on(clock.local_day(now, zone), period.week_start)
    first_compared, last_compared = compared_days(comparison, selected, period, now)
    if last_compared >= first:
        return None
    before = shifted_period(period, (first - first_compared).days)
    limit = clock.local_midnight(last_compared + _DAY, zone)
    is_over = period.end == clock.local_midnight(last + _DAY, zone)
    end = limit if is_over else min(before.end, limit)
    return Period(before.start, max(before.start, end), zone, period.week_start)


def _days_shown(selected: Range, period: Period, now: datetime) -> tuple[date, date]:
    """First and last day of a range, cut at today; at least one day."""
    today = clock.local_day(now, period.timezone)
    first, last = selected.dates_on(today, period.week_start)
    return first, max(first, min(last, today))


def shifted_period(period: Period, days: int) -> Period:
    """The same days, `days` days earlier; an edge within a day is moved by local time."""
    start, end = (_earlier(edge, days, period.timezone) for edge in (period.start, period.end))
    return Period(start, max(start, end), period.timezone, period.week_start)


def _earlier(edge: datetime, days: int, timezone: ZoneInfo) -> datetime:
    day = clock.local_day(edge, timezone)
    if edge == clock.local_midnight(day, timezone):
        return clock.local_midnight(day - timedelta(days=days), timezone)
    return shifted(edge, days, timezone)


def shifted(instant: datetime, days: int, timezone: ZoneInfo) -> datetime:
    """The instant with the same local time, `days` days earlier, UTC.

    If that local time occurs twice, the first instant; if the clock skips it, the end of the gap.
    """
    wall = instant.astimezone(timezone).replace(tzinfo=None, fold=0)
    return clock.instant_of(wall - timedelta(days=days), timezone)


def aligned_starts(
    starts: Sequence[datetime], shown: Period, compared: Period, bucket: Bucket
) -> tuple[datetime, ...]:
    """Positions of the compared period's buckets on the time axis: one instant, UTC, per bucket.

    Hours and days are matched by day number and local time. Weeks are matched by week number, because the two periods need
    not begin on the same weekday. If the compared period is longer, its last buckets are placed after the period shown.
    """
    zone = shown.timezone
    if bucket != "week":
        days = (shown.local_days()[0] - compared.local_days()[0]).days
        return tuple(shifted(start, -days, zone) for start in starts)
    places = list(bucket_starts(shown, bucket)) or [shown.start]
    while len(places) < len(starts):
        places.append(clock.next_bucket(places[-1], bucket, zone, shown.week_start))
    return tuple(places[: len(starts)])


def difference(shown: Period, compared: Period, bucket: Bucket) -> str | None:
    """Describes how two periods differ in length and weekdays; None when they do not.

    >>> at = [datetime.fromisoformat(f"2026-{day}T00:00:00+00:00") for day in ("10-01", "11-01", "09-01", "10-01")]
    >>> october, september = Period(at[0], at[1], ZoneInfo("UTC")), Period(at[2], at[3], ZoneInfo("UTC"))
    >>> difference(october, september, "day")
    '31 days against 30: counts are compared per hour, and charts show the longer side to its end. Weekdays do not line up: Thu 1 Oct is compared with Tue 1 Sep.'
    """
    lengths = shown.day_count(), compared.day_count()
    said = []
    if lengths[0] != lengths[1]:
        said.append(
            "{} days against {}: counts are compared per hour, and charts show the longer side to its end.".format(
                *lengths
            )
        )
    first, other = shown.local_days()[0], compared.local_days()[0]
    if not are_weekdays_aligned(shown, compared):
        day, other_day = (f"{each:%a} {each.day} {each:%b}" for each in (first, other))
        said.append(f"Weekdays do not line up: {day} is compared with {other_day}.")
        said += ["In charts weeks stand in their order."] if bucket == "week" else []
    return " ".join(said) or None


def are_weekdays_aligned(shown: Period, compared: Period) -> bool:
    """True when both begin on the same weekday."""
    return (shown.local_days()[0] - compared.local_days()[0]).days % 7 == 0
