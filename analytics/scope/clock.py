"""Timezone arithmetic: local days, hours and weeks, and the offsets from UTC that pipes need. `now` is always an argument.

The pinned `tzdata` package is the only timezone database. Importing this module sets it for the whole process, so that
`ZoneInfo`, pandas and unpickling use it too; the files of the system and PYTHONTZPATH are ignored. Pipes get no timezone
names, because their engine has another version of the database: they get UTC instants (`analytics.scope.buckets`) and
offsets (`offset_spans`).
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.metadata import version
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from analytics.scope.weeks import WeekStart, week_of

zoneinfo.reset_tzpath(to=())
ZoneInfo.clear_cache()

Bucket = Literal["hour", "day", "week"]

_SECOND: Final = timedelta(seconds=1)
_HOUR: Final = timedelta(hours=1)

_NO_PLACE: Final = frozenset({"Factory", "localtime", "posixrules"})
"""Names in some databases that mean "not set"."""


class OffsetSpan(NamedTuple):
    """A stretch of time with one offset from UTC.

    Attributes:
        start: First instant, UTC; the span ends where the next one starts.
        offset_seconds: Local clock minus UTC; positive east of Greenwich.
    """

    start: datetime
    offset_seconds: int


def timezone_names() -> frozenset[str]:
    """The IANA names of the pinned database.

    >>> "Europe/London" in timezone_names(), "Factory" in timezone_names()
    (True, False)
    """
    return frozenset(_names().values())


def parse_timezone(name: str) -> ZoneInfo:
    """The timezone with that IANA name; case is ignored.

    Raises:
        ValueError: There is no such timezone, or the text is not a name, such as a path or an empty string.

    >>> parse_timezone("europe/london").key
    'Europe/London'
    """
    known = _names().get(name.lower())
    if known is None:
        raise ValueError("Not a timezone: use an IANA name such as Europe/London.")
    return ZoneInfo(known)


@cache
def _names() -> dict[str, str]:
    return {name.lower(): name for name in zoneinfo.available_timezones() - _NO_PLACE}


def database_version() -> str:
    """The version of the `tzdata` package."""
    return version("tzdata")


def offset_spans(start: datetime, end: datetime, timezone: ZoneInfo) -> tuple[OffsetSpan, ...]:
    """The offsets from UTC in `[start, end)`, one entry per span of time with the same offset, oldest first.

    The first span starts at `start`, each following one at a clock change. An empty range has one span. `offset_params`
    writes them as two arrays for a pipe.

    >>> london = ZoneInfo("Europe/London")
    >>> for span in offset_spans(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), london):
    ...     print(f"{span.start:%d %b %H:%M} {span.offset_seconds}")
    01 Oct 00:00 3600
    25 Oct 01:00 0
    """
    first = start.astimezone(UTC)
    spans = [OffsetSpan(first, _seconds(_offset(first, timezone)))]
    while (change := _next_change(spans[-1].start, end, timezone)) is not None:
        spans.append(OffsetSpan(change, _seconds(_offset(change, timezone))))
    return tuple(spans)


def offset_params(start: datetime, end: datetime, timezone: ZoneInfo) -> dict[str, str]:
    """`offset_spans` as pipe parameters: two arrays of the same length, comma-separated whole numbers.

    `offset_starts` holds Unix seconds in ascending order, `offset_seconds` the offset from each of them on. In SQL the local
    time of an instant, as a UTC value, is

        timestamp + tupleElement(arrayLast(span -> tupleElement(span, 1) <= toUnixTimestamp(timestamp),
            arrayZip({{Array(offset_starts, 'Int64', '0')}}, {{Array(offset_seconds, 'Int64', '0')}})), 2)

    `arrayZip` refuses arrays of different length; the defaults mean UTC.

    >>> offset_params(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), ZoneInfo("Europe/London"))
    {'offset_starts': '1790812800,1792890000', 'offset_seconds': '3600,0'}
    """
    spans = offset_spans(start, end, timezone)
    return {
        "offset_starts": unix_seconds(span.start for span in spans),
        "offset_seconds": ",".join(str(span.offset_seconds) for span in spans),
    }


def unix_seconds(instants: Iterable[datetime]) -> str:
    """Instants as a pipe parameter `Array(x, 'Int64')`: whole Unix seconds, separated by commas.

    >>> unix_seconds([datetime(2026, 11, 10, tzinfo=UTC), datetime(2026, 11, 11, tzinfo=UTC)])
    '1794268800,1794355200'
    """
    return ",".join(str(int(instant.timestamp())) for instant in instants)


def local_midnight(day: date, timezone: ZoneInfo) -> datetime:
    """The first instant of that local day, UTC.

    If DST begins at midnight (America/Santiago), the day starts at 01:00, and that instant is returned; if midnight
    occurs twice (America/Havana), the first one.

    >>> local_midnight(date(2026, 9, 6), ZoneInfo("America/Santiago")).isoformat()
    '2026-09-06T04:00:00+00:00'
    """
    return instant_of(datetime.combine(day, time.min), timezone)


def day_starts(now: datetime, days: int, timezone: ZoneInfo) -> tuple[datetime, ...]:
    """The first instants of the last local days, UTC, oldest first; the last one is the start of today.

    >>> [f"{start:%d %b %H:%M}" for start in day_starts(datetime(2026, 10, 26, 9, tzinfo=UTC), 3, ZoneInfo("Europe/London"))]
    ['23 Oct 23:00', '24 Oct 23:00', '26 Oct 00:00']
    """
    today = local_day(now, timezone)
    starts = (local_midnight(today - timedelta(days=back), timezone) for back in reversed(range(days)))
    return tuple(dict.fromkeys(starts))  # A date that the timezone skipped has no start of its own.


def local_day(instant: datetime, timezone: ZoneInfo) -> date:
    """The local day of an instant: the last day that has begun, also when clocks are set back across midnight.

    >>> local_day(datetime(2026, 7, 1, 23, 30, tzinfo=UTC), ZoneInfo("Europe/London"))
    datetime.date(2026, 7, 2)
    """
    day = instant.astimezone(timezone).date()
    following = day + timedelta(days=1)
    return following if local_midnight(following, timezone) <= instant else day


def instant_of(reading: datetime, timezone: ZoneInfo) -> datetime:
    """The instant of a local time, UTC.

    If the local time occurs twice, the first instant; if the clock skips it, the end of the gap.

    >>> instant_of(datetime(2026, 3, 29, 1, 30), ZoneInfo("Europe/London")).isoformat()
    '2026-03-29T01:00:00+00:00'
    """
    before, after = (reading.replace(tzinfo=timezone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if before <= after:
        return before
    # The clock skips this local time: the offset before the gap gives a later instant than the one after it.
    change = _next_change(after, before + _SECOND, timezone)
    return before if change is None else change


def floor_to_bucket(
    instant: datetime, bucket: Bucket, timezone: ZoneInfo, week_start: WeekStart = "monday"
) -> datetime:
    """The start of the local hour, day or week that contains the instant, UTC.

    An hour starts when the local clock shows a full hour or is changed. So the repeated hour of a 25-hour day is a bucket of
    its own, as is the repeated half hour in Australia/Lord_Howe; in Pacific/Chatham, which jumps from 02:45 to 03:45,
    the bucket after the jump is a quarter of an hour.

    >>> london = ZoneInfo("Europe/London")
    >>> floor_to_bucket(datetime(2026, 7, 1, 12, 30, tzinfo=UTC), "week", london).isoformat()
    '2026-06-28T23:00:00+00:00'
    """
    if bucket != "hour":
        day = local_day(instant, timezone)
        return local_midnight(week_of(day, week_start) if bucket == "week" else day, timezone)
    start = instant.astimezone(UTC) - _since_hour(instant.astimezone(timezone))
    return max([start, *_changes(start, instant.astimezone(UTC) + _SECOND, timezone)])


def next_bucket(
    instant: datetime, bucket: Bucket, timezone: ZoneInfo, week_start: WeekStart = "monday"
) -> datetime:
    """The first start of a local hour, day or week after the instant, UTC.

    >>> london = ZoneInfo("Europe/London")
    >>> next_bucket(datetime(2026, 10, 24, 23, tzinfo=UTC), "day", london).isoformat()
    '2026-10-26T00:00:00+00:00'
    """
    if bucket == "hour":
        first = instant.astimezone(UTC)
        end = first + _HOUR - _since_hour(first.astimezone(timezone))
        return min([end, *_changes(first, end, timezone)])
    day = floor_to_bucket(instant, bucket, timezone, week_start).astimezone(timezone).date()
    if bucket == "week":
        day = week_of(day, week_start)  # A week whose first day was skipped starts with its second day.
    return local_midnight(day + timedelta(days=7 if bucket == "week" else 1), timezone)


def _since_hour(wall: datetime) -> timedelta:
    """Time since the last full hour on the local clock, if the clock did not change since."""
    return timedelta(minutes=wall.minute, seconds=wall.second, microseconds=wall.microsecond)


def _changes(start: datetime, end: datetime, timezone: ZoneInfo) -> list[datetime]:
    """The instants in `(start, end)` when the offset changes."""
    return [span.start for span in offset_spans(start, end, timezone)[1:]]


def _next_change(start: datetime, end: datetime, timezone: ZoneInfo) -> datetime | None:
    """The first instant in `(start, end)` with another offset than `start`; None without one.

    Relies on the fact that no timezone changes its offset twice within an hour.
    """
    offset = _offset(start, timezone)
    low = start
    while low < end:
        high = min(low + _HOUR, end)
        if _offset(high, timezone) != offset:
            while high - low > _SECOND:
                middle = low + (high - low) // 2
                low, high = (middle, high) if _offset(middle, timezone) == offset else (low, middle)
            change = high.replace(microsecond=0)
            return change if start < change < end else None
        low = high
    return None


def _offset(instant: datetime, timezone: ZoneInfo) -> timedelta:
    offset = instant.astimezone(timezone).utcoffset()
    return timedelta(0) if offset is None else offset


def _seconds(offset: timedelta) -> int:
    return int(offset.total_seconds())
