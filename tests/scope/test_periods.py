"""Periods: midnights, the grid, the period before, and that no DST change moves an edge."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.scope import clock, weeks
from analytics.scope.clock import (
    Bucket,
    local_day,
    local_midnight,
)
from analytics.scope.periods import (
    GRID,
    PRESETS,
    Name,
    Period,
    Range,
    ceil_to_grid,
    days_label,
    floor_to_grid,
    is_open,
    resolve,
)
from analytics.scope.weeks import WeekStart
from tests.timezones import changes_after, installed, tzif

ZONES = (
    "UTC",
    "Europe/London",
    "America/Santiago",
    "America/Havana",
    "America/St_Johns",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
)
ALL_ZONES = sorted(clock.timezone_names())
LONDON = ZoneInfo("Europe/London")
SANTIAGO = ZoneInfo("America/Santiago")

zones = st.sampled_from(ZONES).map(ZoneInfo)
instants = st.integers(1_104_537_600, 2_145_916_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
relative_ranges = st.integers(1, 120).map(lambda days: Range(days=days))
dates = st.dates(date(2004, 1, 1), date(2038, 12, 31))
custom_ranges = st.tuples(dates, st.integers(0, 120)).map(
    lambda pair: Range(first=pair[0], last=pair[0] + timedelta(days=pair[1]))
)
calendar_ranges = st.sampled_from([preset for preset in PRESETS if preset.unit])
week_starts: st.SearchStrategy[WeekStart] = st.sampled_from(("monday", "sunday", "saturday"))
ranges = relative_ranges | custom_ranges | calendar_ranges
buckets: st.SearchStrategy[Bucket] = st.sampled_from(("hour", "day", "week"))


def utc(text: str) -> datetime:
    """An instant written as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@st.composite
def places(draw: st.DrawFn) -> tuple[datetime, ZoneInfo]:
    """A moment and a zone of the database, mostly within hours of a change of its clocks, then or days before."""
    zone = ZoneInfo(draw(st.sampled_from(ALL_ZONES)))
    now = draw(instants)
    changes = changes_after(now, zone)
    if len(changes) > 0 and draw(st.integers(0, 9)):
        change = draw(st.sampled_from(changes))
        near = draw(st.integers(-90_000, 90_000) | st.sampled_from((-300, -1, 0, 1, 299, 300, 1800, 3600)))
        now = change + timedelta(days=draw(st.integers(0, 12)), seconds=near)
    return now, zone


@given(ranges)
def test_a_range_survives_the_url(selected: Range) -> None:
    """Writing a range and reading it again gives the same range."""
    assert Range.parse(str(selected)) == selected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("7", id="no unit"),
        pytest.param("0d", id="no day"),
        pytest.param("-7d", id="negative"),
        pytest.param("07d", id="leading zero"),
        pytest.param("9999d", id="ten thousand days"),
        pytest.param("７d", id="full-width digit"),
        pytest.param("7d ", id="trailing space"),
        pytest.param("7d\n", id="trailing newline"),
        pytest.param("Today", id="capital"),
        pytest.param("2026-11-10", id="one date"),
        pytest.param("2026-11-10..2026-11-09", id="backwards"),
        pytest.param("2026-02-30..2026-03-01", id="not in the calendar"),
        pytest.param("1999-12-31..2000-01-02", id="before 2000"),
        pytest.param("2099-12-31..2100-01-02", id="after 2100"),
        pytest.param("2000-01-01..2026-01-01", id="longer than ten years"),
        pytest.param("2026-11-01..2026-11-10'; DROP TABLE feedback; --", id="SQL"),
    ],
)
def test_garbage_is_no_range(text: str) -> None:
    """A tampered URL raises ValueError with a reason, and nothing else."""
    with pytest.raises(ValueError, match=r".+"):
        Range.parse(text)


@given(st.text(max_size=40))
def test_any_text_is_a_range_or_a_value_error(text: str) -> None:
    """No text makes parsing fail in another way."""
    try:
        selected = Range.parse(text)
    except ValueError:
        return
    assert str(selected) == text


def test_presets_are_those_of_the_sidebar() -> None:
    """Calendar units and 7, 10, 14, 21, 30, 45 and 90 days."""
    assert [str(preset) for preset in PRESETS] == [
        *("today", "yesterday", "this-week", "last-week", "7d", "10d", "14d", "21d", "30d"),
        *("this-month", "last-month", "45d", "90d", "this-quarter", "last-quarter"),
    ]


@pytest.mark.parametrize(
    ("text", "today", "week_start", "days"),
    [
        pytest.param("yesterday", "2026-01-01", "monday", "2025-12-31 2025-12-31", id="over new year"),
        pytest.param("this-week", "2026-11-22", "monday", "2026-11-16 2026-11-22", id="Sunday ends a week"),
        pytest.param("this-week", "2026-11-22", "sunday", "2026-11-22 2026-11-28", id="Sunday begins it"),
        pytest.param("last-week", "2026-11-22", "saturday", "2026-11-14 2026-11-20", id="from Saturday"),
        pytest.param("this-month", "2028-02-29", "monday", "2028-02-01 2028-02-29", id="leap day"),
        pytest.param("last-month", "2026-03-31", "monday", "2026-02-01 2026-02-28", id="shorter month"),
        pytest.param("last-month", "2026-01-15", "monday", "2025-12-01 2025-12-31", id="December"),
        pytest.param("this-quarter", "2026-12-31", "monday", "2026-10-01 2026-12-31", id="last day of four"),
        pytest.param("last-quarter", "2026-02-01", "monday", "2025-10-01 2025-12-31", id="last year's"),
        pytest.param("7d", "2026-03-03", "monday", "2026-02-25 2026-03-03", id="last days"),
    ],
)
def test_a_calendar_range_names_whole_units(text: str, today: str, week_start: WeekStart, days: str) -> None:
    """First and last day, by the day that weeks begin with."""
    first, last = (date.fromisoformat(day) for day in days.split())
    assert Range.parse(text).dates_on(date.fromisoformat(today), week_start) == (first, last)


@given(calendar_ranges, places(), week_starts)
def test_a_calendar_range_is_resolved_anew(
    selected: Range, place: tuple[datetime, ZoneInfo], week_start: WeekStart
) -> None:
    """It runs between local midnights, cut at the grid mark before now; the one before ends where the present one starts."""
    now, zone = place
    period = resolve(selected, now, zone, week_start)
    first, last = selected.dates_on(local_day(now, zone), week_start)
    end = min(local_midnight(last + timedelta(days=1), zone), floor_to_grid(now))
    assert period.start == local_midnight(first, zone) <= now
    assert period.end == (end if end - period.start >= GRID else period.start)
    assert selected.unit != "week" or weeks.week_of(first, week_start) == first
    if selected.name in ("last-week", "last-month", "last-quarter"):
        present = Range.parse(str(selected).replace("last", "this"))
        assert period.end == resolve(present, now, zone, week_start).start


@pytest.mark.parametrize(
    ("first", "last", "label"),
    [
        pytest.param("2026-11-01", "2026-11-10", "1–10 Nov 2026", id="one month"),
        pytest.param("2026-11-01", "2026-11-01", "1 Nov 2026", id="one day"),
        pytest.param("2026-10-28", "2026-11-03", "28 Oct – 3 Nov 2026", id="two months"),
        pytest.param("2025-11-01", "2026-11-10", "1 Nov 2025 – 10 Nov 2026", id="same month, two years"),
    ],
)
def test_days_are_written_without_saying_anything_twice(first: str, last: str, label: str) -> None:
    """A label names day, month and year once each where they are shared."""
    assert days_label(date.fromisoformat(first), date.fromisoformat(last)) == label


@given(instants)
def test_the_grid_encloses_every_instant(now: datetime) -> None:
    """Rounding down and up gives the two nearest 5-minute marks, or the instant itself on one."""
    low, high = floor_to_grid(now), ceil_to_grid(now)
    assert low <= now <= high
    assert high - low in (timedelta(0), GRID)
    assert low.timestamp() % 300 == 0


@given(relative_ranges, places())
def test_a_relative_range_runs_from_local_midnight_to_the_grid(
    selected: Range, place: tuple[datetime, ZoneInfo]
) -> None:
    """Last N days: from the start of the first of N local days to the last mark that has passed."""
    now, zone = place
    period = resolve(selected, now, zone)
    assert selected.days is not None
    today = local_day(now, zone)
    assert period.start == local_midnight(today - timedelta(days=selected.days - 1), zone)
    if now - period.start >= 2 * GRID:
        assert period.end == floor_to_grid(now) <= now < period.end + GRID
    assert period.is_empty or period.duration >= GRID
    assert period.is_empty <= (now - period.start < 2 * GRID)
    assert is_open(period, now) or period.is_empty


@given(custom_ranges, places())
def test_a_custom_range_is_cut_at_now(selected: Range, place: tuple[datetime, ZoneInfo]) -> None:
    """A custom range runs between local midnights, never past the grid mark before now."""
    now, zone = place
    period = resolve(selected, now, zone)
    assert selected.first is not None
    assert selected.last is not None
    assert period.start == local_midnight(selected.first, zone)
    end = min(local_midnight(selected.last + timedelta(days=1), zone), floor_to_grid(now))
    assert period.end == (end if end - period.start >= GRID else period.start)


@pytest.mark.parametrize(
    ("zone", "day", "bounds"),
    [
        pytest.param(
            "Europe/London", "2026-03-29", ("2026-03-29 00:00:00", "2026-03-29 23:00:00"), id="London, 23 h"
        ),
        pytest.param(
            "Europe/London", "2026-10-25", ("2026-10-24 23:00:00", "2026-10-26 00:00:00"), id="London, 25 h"
        ),
        pytest.param(
            "America/Santiago",
            "2026-09-06",
            ("2026-09-06 04:00:00", "2026-09-07 03:00:00"),
            id="Santiago, no midnight",
        ),
        pytest.param(
            "America/Santiago",
            "2026-04-04",
            ("2026-04-04 03:00:00", "2026-04-05 04:00:00"),
            id="Santiago, 25 h",
        ),
        pytest.param(
            "Asia/Kolkata",
            "2026-11-10",
            ("2026-11-09 18:30:00", "2026-11-10 18:30:00"),
            id="Kolkata, half hour",
        ),
        pytest.param(
            "Australia/Lord_Howe",
            "2026-04-05",
            ("2026-04-04 13:00:00", "2026-04-05 13:30:00"),
            id="Lord Howe, 24.5 h",
        ),
        pytest.param(
            "Pacific/Apia",
            "2011-12-31",
            ("2011-12-30 10:00:00", "2011-12-31 10:00:00"),
            id="Apia, after the skip",
        ),
        pytest.param(
            "America/Havana",
            "2025-11-02",
            ("2025-11-02 04:00:00", "2025-11-03 05:00:00"),
            id="Havana, midnight twice",
        ),
    ],
)
def test_a_day_of_its_own(zone: str, day: str, bounds: tuple[str, str]) -> None:
    """A single custom day has the UTC bounds that its clock says, whatever its length."""
    only = Range.parse(f"{day}..{day}")
    assert resolve(only, utc("2030-01-01"), ZoneInfo(zone)).utc_bounds() == bounds


def test_a_day_that_the_calendar_skipped_is_empty() -> None:
    """30 December 2011 did not happen in Samoa."""
    skipped = Range.parse("2011-12-30..2011-12-30")
    period = resolve(skipped, utc("2030-01-01"), ZoneInfo("Pacific/Apia"))
    assert period.is_empty
    assert period.day_count() == 0


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-11-10 00:00", "2026-11-10 00:00:00"),
        ("2026-11-10 00:04:59", "2026-11-10 00:00:00"),
        ("2026-11-10 00:05", "2026-11-10 00:05:00"),
        ("2026-11-10 23:59:59", "2026-11-10 23:55:00"),
    ],
)
def test_today_has_only_what_is_over(now: str, end: str) -> None:
    """Nothing in the first five minutes, and never more than has passed."""
    today = resolve(Range(days=1), utc(now), ZoneInfo("UTC"))
    assert today.utc_bounds() == ("2026-11-10 00:00:00", end)
    assert today.local_days() == (date(2026, 11, 10), date(2026, 11, 10))


def test_days_that_start_off_the_grid_have_no_shorter_piece(tmp_path: Path) -> None:
    """A zone of 3 minutes: two minutes of today are no period yet."""
    with installed(tmp_path, "Test/Minutes", tzif(180, [])) as zone:
        assert resolve(Range(days=1), utc("2026-11-09 23:59"), zone).is_empty
        assert resolve(Range(days=1), utc("2026-11-10 00:01"), zone).is_empty
        assert resolve(Range(days=1), utc("2026-11-10 00:05"), zone).duration == timedelta(minutes=8)


def test_a_custom_range_in_the_future_is_empty() -> None:
    """Nothing has happened yet: no instant, no error."""
    assert resolve(Range.parse("2027-01-01..2027-01-05"), utc("2026-11-10"), LONDON).is_empty


@pytest.mark.parametrize(
    ("now", "expected"),
    [("2026-11-09 23:59", True), ("2026-11-10 00:04", True), ("2026-11-10 00:05", False)],
    ids=["inside", "on the last mark", "after"],
)
def test_a_period_closes_when_now_has_passed_its_end(now: str, expected: bool) -> None:
    """Open while it grows, until the grid has moved past its end."""
    day = resolve(Range.parse("2026-11-09..2026-11-09"), utc("2026-11-20"), ZoneInfo("UTC"))
    assert is_open(day, utc(now)) is expected


def test_a_period_refuses_naive_and_backward_edges() -> None:
    """Two mistakes that would silently read the wrong rows."""
    with pytest.raises(ValueError, match="timezone"):
        Period(datetime(2026, 11, 10), datetime(2026, 11, 11), LONDON)  # noqa: DTZ001  # the mistake under test
    with pytest.raises(ValueError, match="before"):
        Period(utc("2026-11-11"), utc("2026-11-10"), LONDON)


@pytest.mark.parametrize(
    ("days", "name", "first", "last"),
    [
        pytest.param(None, None, None, None, id="nothing"),
        pytest.param(7, "last-month", None, None, id="two kinds"),
        pytest.param(0, None, None, None, id="no day"),
        pytest.param(10_000, None, None, None, id="ten thousand days"),
        pytest.param(None, None, date(2026, 11, 1), None, id="no end"),
        pytest.param(None, None, None, date(2026, 11, 1), id="no start"),
        pytest.param(None, None, date(2026, 11, 2), date(2026, 11, 1), id="backwards"),
        pytest.param(None, None, date(1990, 1, 1), date(2026, 11, 1), id="thirty-seven years"),
    ],
)
def test_there_is_no_range_that_is_none(
    days: int | None, name: Name | None, first: date | None, last: date | None
) -> None:
    """Code cannot make one either: the constructor refuses it with a reason."""
    with pytest.raises(ValueError, match=r".+"):
        Range(days=days, name=name, first=first, last=last)


def test_only_two_dates_are_custom() -> None:
    """The other kinds move on with the clock."""
    assert Range.parse("2026-11-01..2026-11-02").is_custom
    assert not any(preset.is_custom for preset in PRESETS)
