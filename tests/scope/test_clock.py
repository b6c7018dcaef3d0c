"""The local clock: one database, and local hours, days, weeks and offsets around every change of the clocks."""

from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.scope import clock
from analytics.scope.clock import Bucket, OffsetSpan
from tests.timezones import ODD_ZONES, changes_after, installed, tzif

ALL_ZONES = sorted(clock.timezone_names())
HOUR = timedelta(hours=1)

instants = st.integers(1_104_537_600, 2_145_916_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
buckets: st.SearchStrategy[Bucket] = st.sampled_from(("hour", "day", "week"))


def utc(text: str) -> datetime:
    """An instant written as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@st.composite
def near_changes(draw: st.DrawFn) -> tuple[ZoneInfo, datetime]:
    """A zone of the database and an instant, mostly within hours of one of its changes of the clocks."""
    zone = ZoneInfo(draw(st.sampled_from(ALL_ZONES)))
    instant = draw(instants)
    changes = changes_after(instant, zone)
    if len(changes) > 0 and draw(st.integers(0, 9)):
        instant = draw(st.sampled_from(changes)) + timedelta(
            seconds=draw(st.integers(-100_000, 100_000) | st.sampled_from((-3600, -1, 0, 1, 1799, 3600)))
        )
    return zone, instant


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Mars/Olympus",
        "../etc/passwd",
        "/etc/passwd",
        "UTC\0",
        "a" * 5000,
        "Europe",
        "localtime",
        "posix/UTC",
        "posixrules",
        "Factory",
        "factory",
        "Europe/ London",
    ],
)
def test_garbage_is_no_timezone(name: str) -> None:
    """Unknown names, paths, directories and "not set" raise ValueError."""
    with pytest.raises(ValueError, match="Not a timezone"):
        clock.parse_timezone(name)


def test_upper_and_lower_case_are_the_same() -> None:
    """Some browsers write asia/kolkata: every name is found in any case, as the database writes it."""
    for name in ALL_ZONES:
        assert clock.parse_timezone(name.lower()).key == name
        assert clock.parse_timezone(name.upper()).key == name


def test_a_made_up_zone_counts_like_any_other(tmp_path: Path) -> None:
    """Rules that change tomorrow: two days of 24 hours, then one that is three hours shorter."""
    change = int(utc("2026-11-28 01:00").timestamp())
    with installed(tmp_path, "Test/Next_Day", tzif(3600, [(change, 3600 + 3 * 3600)])) as zone:
        assert clock.offset_spans(utc("2026-11-26"), utc("2026-12-01"), zone) == (
            OffsetSpan(utc("2026-11-26"), 3600),
            OffsetSpan(utc("2026-11-28 01:00"), 14_400),
        )
        midnights = [clock.local_midnight(date(2026, 11, day), zone) for day in (27, 28, 29)]
        assert midnights == [utc("2026-11-26 23:00"), utc("2026-11-27 23:00"), utc("2026-11-28 20:00")]
        local = pd.Series([pd.Timestamp(change, unit="s", tz="UTC")]).dt.tz_convert(zone.key)
        assert local.dt.hour[0] == 5


@given(near_changes(), st.integers(0, 100 * 86_400))
def test_spans_give_the_offset_of_every_instant(place: tuple[ZoneInfo, datetime], seconds: int) -> None:
    """Ascending, from the range's start, each with another offset than the one before, and right on both sides."""
    zone, start = place
    end = start + timedelta(seconds=seconds)
    spans = clock.offset_spans(start, end, zone)
    assert spans[0].start == start
    for before, after in pairwise(spans):
        assert before.start < after.start < end
        assert before.offset_seconds != after.offset_seconds
    for span, until in zip(spans, [*(span.start for span in spans[1:]), end], strict=True):
        for instant in (span.start, max(span.start, until - timedelta(seconds=1))):
            offset = instant.astimezone(zone).utcoffset()
            assert offset == timedelta(seconds=span.offset_seconds)


def test_offsets_are_two_arrays_for_a_pipe() -> None:
    """Chatham's autumn: Unix seconds and offsets, in pairs."""
    chatham = ZoneInfo("Pacific/Chatham")
    assert clock.offset_params(utc("2026-04-04"), utc("2026-04-06"), chatham) == {
        "offset_starts": "1775260800,1775311200",
        "offset_seconds": "49500,45900",
    }


@given(near_changes(), buckets)
def test_an_instant_lies_in_its_bucket(place: tuple[ZoneInfo, datetime], bucket: Bucket) -> None:
    """A bucket starts at or before the instant and the next one after it; both are starts themselves."""
    zone, instant = place
    start, end = clock.floor_to_bucket(instant, bucket, zone), clock.next_bucket(instant, bucket, zone)
    longest = {"hour": HOUR, "day": timedelta(hours=49), "week": timedelta(days=8)}[bucket]
    assert start <= instant < end <= start + longest
    for inside in (start, end - timedelta(seconds=1)):
        assert clock.floor_to_bucket(inside, bucket, zone) == start
        assert clock.next_bucket(inside, bucket, zone) == end
    assert clock.floor_to_bucket(end, bucket, zone) == end


@given(near_changes())
def test_an_hour_shows_one_hour_on_the_clock(place: tuple[ZoneInfo, datetime]) -> None:
    """First and last second of an hour read the same date and hour, with one offset."""
    zone, instant = place
    first = clock.floor_to_bucket(instant, "hour", zone).astimezone(zone)
    last = (clock.next_bucket(instant, "hour", zone) - timedelta(seconds=1)).astimezone(zone)
    assert (first.date(), first.hour, first.utcoffset()) == (last.date(), last.hour, last.utcoffset())


@pytest.mark.parametrize(
    ("zone", "first", "expected"),
    [
        pytest.param(
            "Pacific/Chatham",
            "2026-09-26 13:15",
            ["02:00", "03:45", "04:00"],
            id="Chatham, from 02:45 to 03:45",
        ),
        pytest.param(
            "Pacific/Chatham",
            "2026-04-04 12:15",
            ["02:00", "03:00", "02:45", "03:00"],
            id="Chatham, from 03:45 back to 02:45",
        ),
        pytest.param(
            "Australia/Lord_Howe",
            "2026-04-04 14:00",
            ["01:00", "01:30", "02:00"],
            id="Lord Howe, half an hour",
        ),
        pytest.param(
            "Europe/London", "2026-10-25 00:00", ["01:00", "01:00", "02:00"], id="London, the hour twice"
        ),
        pytest.param("Asia/Kathmandu", "2026-11-10 18:15", ["00:00", "01:00"], id="Kathmandu, a quarter"),
    ],
)
def test_hours_around_a_change(zone: str, first: str, expected: list[str]) -> None:
    """What the local clock shows at the start of each bucket."""
    starts = [utc(first)]
    assert clock.floor_to_bucket(starts[0], "hour", ZoneInfo(zone)) == starts[0]
    while len(starts) < len(expected):
        starts.append(clock.next_bucket(starts[-1], "hour", ZoneInfo(zone)))
    assert [f"{start.astimezone(ZoneInfo(zone)):%H:%M}" for start in starts] == expected


@pytest.mark.parametrize("zone", ODD_ZONES)
def test_days_follow_each_other_without_a_gap(zone: str) -> None:
    """Four years of days, each as long as its clock says."""
    day = clock.local_midnight(date(2024, 1, 1), ZoneInfo(zone))
    for number in range(4 * 365):
        local = day.astimezone(ZoneInfo(zone))
        assert local.date() == date(2024, 1, 1) + timedelta(days=number)
        following = clock.next_bucket(day, "day", ZoneInfo(zone))
        assert timedelta(hours=22) <= following - day <= timedelta(hours=26)
        day = following


@pytest.mark.parametrize(
    ("zone", "reading", "instant"),
    [
        pytest.param(
            "Europe/London", "2026-03-29 01:30", "2026-03-29 01:00", id="skipped: the end of the gap"
        ),
        pytest.param("Europe/London", "2026-10-25 01:30", "2026-10-25 00:30", id="twice: the first"),
        pytest.param("Pacific/Apia", "2011-12-30 12:00", "2011-12-30 10:00", id="a skipped day"),
        pytest.param("America/Santiago", "2026-09-06 00:00", "2026-09-06 04:00", id="no midnight"),
    ],
)
def test_a_reading_is_one_instant(zone: str, reading: str, instant: str) -> None:
    """A reading that the clock shows twice or never stands for one instant."""
    assert clock.instant_of(datetime.fromisoformat(reading), ZoneInfo(zone)) == utc(instant)


def test_the_version_is_that_of_the_pinned_package() -> None:
    """What the doctor reports is what the days come from."""
    assert clock.database_version() == import_module("tzdata").__version__
