"""Comparison: the other side of every range, in zones whose clocks are hard to get right, and how buckets line up."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from analytics.scope.buckets import bucket_starts
from analytics.scope.clock import Bucket, local_day, local_midnight
from analytics.scope.comparison import (
    BEFORE,
    OFF,
    WEEKDAYS,
    Comparison,
    Kind,
    aligned_starts,
    compared_days,
    compared_period,
    difference,
    latest_start,
    shifted_period,
)
from analytics.scope.periods import Period, Range, resolve
from analytics.scope.weeks import WeekStart
from tests.scope.test_periods import LONDON, buckets, dates, places, ranges, relative_ranges, utc, week_starts

kinds = st.sampled_from((BEFORE, WEEKDAYS)) | st.integers(0, 400).map(
    lambda back: Comparison("chosen", date(2024, 1, 1) + timedelta(days=back))
)


def before(text: str, now: str, zone: ZoneInfo | str = "UTC", kind: Comparison = BEFORE) -> Period:
    """The other side of a range at a moment."""
    timezone = ZoneInfo(zone) if isinstance(zone, str) else zone
    selected, at = Range.parse(text), utc(now)
    found = compared_period(kind, selected, resolve(selected, at, timezone), at)
    assert found is not None
    return found


@given(kinds | st.tuples(dates, st.integers(0, 50)).map(lambda pair: _chosen(*pair)))
def test_a_comparison_survives_the_url(kind: Comparison) -> None:
    """Writing a comparison and reading it again gives the same."""
    assert Comparison.parse(str(kind)) == kind


def _chosen(first: date, days: int) -> Comparison:
    return Comparison("chosen", first, first + timedelta(days=days))


@pytest.mark.parametrize(
    "text", ["", "On", "yes", "week", "2026-13-01", "2026-11-1", "2026-11-02..2026-11-01", "1999-12-31", ".."]
)
def test_garbage_is_no_comparison(text: str) -> None:
    """A tampered URL raises ValueError with a reason, and nothing else."""
    with pytest.raises(ValueError, match=r".+"):
        Comparison.parse(text)


def test_an_older_link_still_compares() -> None:
    """`on` was the word for the period before."""
    assert Comparison.parse("on") == BEFORE
    assert Comparison.parse("off") == OFF


@given(kinds, ranges, places(), week_starts)
def test_the_two_sides_never_overlap(
    kind: Comparison, selected: Range, place: tuple[datetime, ZoneInfo], week_start: WeekStart
) -> None:
    """Whatever is compared with whatever range: the other side ends where the range starts, or earlier."""
    now, zone = place
    period = resolve(selected, now, zone, week_start)
    other = compared_period(kind, selected, period, now)
    if other is None:
        assert kind.first is not None
        assert kind.first > latest_start(selected, period, now)
    else:
        assert other.end <= period.start
        assert (other.timezone, other.week_start) == (zone, week_start)


@settings(max_examples=50)
@given(ranges, places(), week_starts)
def test_whole_days_and_the_period_before_leave_no_gap(
    selected: Range, place: tuple[datetime, ZoneInfo], week_start: WeekStart
) -> None:
    """A range that is over follows at once on the period before; months differ in length, last days do not."""
    now, zone = place
    period = resolve(selected, now, zone, week_start)
    _, last = selected.dates_on(local_day(now, zone), week_start)
    assume(not period.is_empty and period.end == local_midnight(last + timedelta(days=1), zone))
    other = compared_period(BEFORE, selected, period, now)
    assert other is not None
    assert other.end == period.start
    if selected.unit in (None, "day", "week"):
        first, last_before = compared_days(BEFORE, selected, period, now)
        shown = selected.dates_on(local_day(now, zone), week_start)
        assert last_before - first == shown[1] - shown[0]


@given(ranges, places(), week_starts)
def test_the_same_weekdays_are_as_many_and_whole_weeks_earlier(
    selected: Range, place: tuple[datetime, ZoneInfo], week_start: WeekStart
) -> None:
    """Each day stands over one of its own weekday, no further back than needed."""
    now, zone = place
    period = resolve(selected, now, zone, week_start)
    today = local_day(now, zone)
    first, last = selected.dates_on(today, week_start)
    last = max(first, min(last, today))
    other = compared_days(WEEKDAYS, selected, period, now)
    back = (first - other[0]).days
    assert (last - other[1]).days == back
    assert back % 7 == 0
    assert 0 <= back - ((last - first).days + 1) < 7


@given(relative_ranges, places())
def test_a_running_now_moves_by_the_clock_reading(selected: Range, place: tuple[datetime, ZoneInfo]) -> None:
    """A day's edge becomes that day's edge; within a day the same reading, or the last instant before a gap."""
    now, zone = place
    period = resolve(selected, now, zone)
    days = selected.days
    assert days is not None
    other = compared_period(BEFORE, selected, period, now)
    assert other is not None
    first, last = local_day(period.start, zone), local_day(period.end, zone)
    assert other.start == local_midnight(first - timedelta(days=days), zone)
    if period.end == local_midnight(last, zone):
        assert other.end == local_midnight(last - timedelta(days=days), zone)
        return
    reading = period.end.astimezone(zone).replace(tzinfo=None, fold=0) - timedelta(days=days)
    back = other.end.astimezone(zone).replace(tzinfo=None)
    # skipped by the clock: nothing between the last instant before the gap and the end
    assert back == reading or (
        back > reading > (other.end - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None)
    )


@given(st.integers(1, 14), places(), st.integers(1, 5_400))
def test_the_end_of_the_period_before_goes_on_with_the_clock(
    days: int, place: tuple[datetime, ZoneInfo], seconds: int
) -> None:
    """A later now on the same day, with a later reading, never ends earlier."""
    now, zone = place
    later = now + timedelta(seconds=seconds)
    assume(local_day(now, zone) == local_day(later, zone))
    assume(now.astimezone(zone).utcoffset() == later.astimezone(zone).utcoffset())
    ends = [shifted_period(resolve(Range(days=days), at, zone), days).end for at in (now, later)]
    assert ends[0] <= ends[1]


@pytest.mark.parametrize(
    ("range_", "now", "zone", "bounds"),
    [
        pytest.param(
            "2026-09-03..2026-09-05",
            "2026-11-26 12:00",
            "America/Santiago",
            ("2026-08-31 04:00:00", "2026-09-03 04:00:00"),
            id="ends at a midnight that does not exist",
        ),
        pytest.param(
            "7d",
            "2026-09-06 03:57",
            "America/Santiago",
            ("2026-08-23 04:00:00", "2026-08-30 03:55:00"),
            id="five minutes before such a midnight",
        ),
        pytest.param(
            "2022-09-11..2022-09-17",
            "2026-11-26 12:00",
            "America/Santiago",
            ("2022-09-04 04:00:00", "2022-09-11 04:00:00"),
            id="starts on a day without a midnight",
        ),
        pytest.param(
            "today",
            "2026-03-30 00:30",
            "Europe/London",
            ("2026-03-29 00:00:00", "2026-03-29 01:00:00"),
            id="a reading that was skipped: the last instant before the gap",
        ),
        pytest.param(
            "last-month",
            "2026-11-26 12:00",
            "Europe/London",
            ("2026-08-31 23:00:00", "2026-09-30 23:00:00"),
            id="the month before, a day shorter",
        ),
        pytest.param(
            "this-month",
            "2026-11-26 12:02",
            "Europe/London",
            ("2026-09-30 23:00:00", "2026-10-26 12:00:00"),
            id="as much of the month before, to the reading",
        ),
        pytest.param(
            "this-month",
            "2026-03-30 12:02",
            "UTC",
            ("2026-02-01 00:00:00", "2026-03-01 00:00:00"),
            id="the month before had no such day",
        ),
        pytest.param(
            "this-week",
            "2026-11-25 08:03",
            "UTC",
            ("2026-11-16 00:00:00", "2026-11-18 08:00:00"),
            id="as much of the week before",
        ),
        pytest.param(
            "yesterday", "2026-11-26 08:03", "UTC", ("2026-11-24 00:00:00", "2026-11-25 00:00:00"), id="a day"
        ),
        pytest.param(
            "last-quarter",
            "2026-11-26 08:03",
            "UTC",
            ("2026-04-01 00:00:00", "2026-07-01 00:00:00"),
            id="the quarter before",
        ),
    ],
)
def test_edges_of_the_period_before(range_: str, now: str, zone: str, bounds: tuple[str, str]) -> None:
    """Whatever hour a day starts at, whatever the clock skips, however long a month is."""
    assert before(range_, now, zone).utc_bounds() == bounds


@pytest.mark.parametrize(
    ("range_", "kind", "bounds"),
    [
        ("last-month", "weekdays", ("2026-08-27 00:00:00", "2026-09-27 00:00:00")),
        ("10d", "weekdays", ("2026-11-03 00:00:00", "2026-11-12 12:00:00")),
        ("today", "weekdays", ("2026-11-19 00:00:00", "2026-11-19 12:00:00")),
        ("7d", "2026-10-01", ("2026-10-01 00:00:00", "2026-10-07 12:00:00")),
        ("last-month", "2026-08-01", ("2026-08-01 00:00:00", "2026-09-01 00:00:00")),
        ("last-month", "2026-08-01..2026-08-07", ("2026-08-01 00:00:00", "2026-08-08 00:00:00")),
    ],
)
def test_chosen_comparisons(range_: str, kind: str, bounds: tuple[str, str]) -> None:
    """Whole weeks back, or as many days from a day; what runs ends at the same reading there."""
    assert before(range_, "2026-11-26 12:02", kind=Comparison.parse(kind)).utc_bounds() == bounds


@pytest.mark.parametrize(
    ("start", "is_compared"), [("2026-11-13", True), ("2026-11-14", False), ("2027-01-01", False)]
)
def test_chosen_days_end_before_the_range_begins(start: str, is_compared: bool) -> None:
    """Not a day later: no overlap, and nothing of the future."""
    week, now = Range.parse("7d"), utc("2026-11-26 12:00")
    period = resolve(week, now, LONDON)
    assert (compared_period(Comparison.parse(start), week, period, now) is not None) == is_compared
    assert latest_start(week, period, now) == date(2026, 11, 13)


def test_an_unfinished_day_is_compared_with_the_same_hours() -> None:
    """Today at half past nine against yesterday until half past nine, across the end of summer time."""
    assert before("today", "2026-10-26 09:28", LONDON).utc_bounds() == (
        "2026-10-24 23:00:00",
        "2026-10-25 09:25:00",
    )


def test_a_week_across_a_dst_change_keeps_its_edges() -> None:
    """Seven local days before seven local days, one of them with 25 hours."""
    assert before("7d", "2026-10-30 12:00", LONDON).utc_bounds() == (
        "2026-10-16 23:00:00",
        "2026-10-23 11:00:00",
    )


@settings(max_examples=30)
@given(kinds, ranges, places(), buckets, week_starts)
def test_every_bucket_of_the_other_side_has_a_place(
    kind: Comparison, selected: Range, place: tuple[datetime, ZoneInfo], bucket: Bucket, week_start: WeekStart
) -> None:
    """As many places as buckets, in order; days and weeks of the same position stand together."""
    now, zone = place
    period = resolve(selected, now, zone, week_start)
    assume(not period.is_empty and (bucket != "hour" or period.day_count() < 10))
    other = compared_period(kind, selected, period, now)
    assume(other is not None)
    assert other is not None
    shown, starts = bucket_starts(period, bucket), bucket_starts(other, bucket)
    aligned = aligned_starts(starts, period, other, bucket)
    assert len(aligned) == len(starts)
    assert list(aligned) == sorted(aligned)
    if bucket == "week":
        assert len(set(aligned)) == len(aligned)
        assert aligned[: len(shown)] == shown[: len(aligned)]


def test_a_longer_side_is_drawn_to_its_end() -> None:
    """November over October: the thirty-first stands after the thirtieth; a fifth week after the fourth."""
    shown = resolve(Range.parse("2026-11-01..2026-11-30"), utc("2026-12-26"), LONDON)
    october = resolve(Range.parse("2026-10-01..2026-10-31"), utc("2026-12-26"), LONDON)
    aligned = aligned_starts(bucket_starts(october, "day"), shown, october, "day")
    assert aligned[:30] == bucket_starts(shown, "day")
    assert aligned[30] == shown.end
    starts = bucket_starts(october, "week")
    assert (len(starts), len(bucket_starts(shown, "week"))) == (5, 6)
    assert aligned_starts(starts, shown, october, "week") == bucket_starts(shown, "week")[:5]


def test_periods_that_are_not_alike_say_so() -> None:
    """Length and weekdays, each where it differs; alike, nothing is said."""
    week = resolve(Range.parse("7d"), utc("2026-11-26 12:00"), LONDON)
    assert difference(week, before("7d", "2026-11-26 12:00", LONDON), "day") is None
    month = resolve(Range.parse("last-month"), utc("2026-11-26 12:00"), LONDON)
    said = difference(month, before("last-month", "2026-11-26 12:00", LONDON), "week")
    assert said is not None
    assert "31 days against 30" in said
    assert "Thu 1 Oct is compared with Tue 1 Sep" in said
    assert "weeks stand in their order" in said
    weekdays = before("last-month", "2026-11-26 12:00", LONDON, WEEKDAYS)
    assert difference(month, weekdays, "day") is None


@pytest.mark.parametrize(
    ("kind", "first", "last"),
    [
        pytest.param("chosen", None, None, id="chosen without a day"),
        pytest.param("before", date(2026, 11, 1), None, id="a day that was not chosen"),
        pytest.param("before", None, date(2026, 11, 1), id="an end without a start"),
        pytest.param("chosen", date(2026, 11, 2), date(2026, 11, 1), id="backwards"),
    ],
)
def test_there_is_no_comparison_that_is_none(kind: Kind, first: date | None, last: date | None) -> None:
    """Code cannot make one either: the constructor refuses it with a reason."""
    with pytest.raises(ValueError, match="first"):
        Comparison(kind, first, last)


def test_a_longer_side_has_weeks_after_those_shown() -> None:
    """February 2027 is four weeks, January five: the fifth stands in the week after."""
    shown = resolve(Range.parse("2027-02-01..2027-02-28"), utc("2027-03-26"), LONDON)
    january = resolve(Range.parse("2027-01-01..2027-01-31"), utc("2027-03-26"), LONDON)
    aligned = aligned_starts(bucket_starts(january, "week"), shown, january, "week")
    assert aligned == (*bucket_starts(shown, "week"), shown.end)
