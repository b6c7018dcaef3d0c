"""Buckets: what a period is drawn in, and that they tile it in every zone."""

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given

from analytics.scope.buckets import bucket_for, bucket_starts, offered_buckets
from analytics.scope.clock import Bucket, floor_to_bucket, next_bucket
from analytics.scope.periods import Range, resolve
from analytics.scope.weeks import WeekStart
from tests.scope.test_periods import LONDON, SANTIAGO, buckets, instants, ranges, utc, week_starts, zones


@given(ranges, instants, zones, buckets, week_starts)
def test_buckets_tile_a_period(
    selected: Range, now: datetime, zone: ZoneInfo, bucket: Bucket, week_start: WeekStart
) -> None:
    """From the period's start on without a gap, each start but the first one that of a local hour, day or week."""
    period = resolve(selected, now, zone, week_start)
    assume(bucket != "hour" or period.day_count() < 10)
    starts = bucket_starts(period, bucket)
    assert list(starts[:1]) == ([] if period.is_empty else [period.start])
    for start, following in pairwise(starts):
        assert next_bucket(start, bucket, zone, week_start) == following
        assert floor_to_bucket(following, bucket, zone, week_start) == following
    assert not starts or starts[-1] < period.end <= next_bucket(starts[-1], bucket, zone, week_start)


@pytest.mark.parametrize(
    ("days", "expected"), [(1, "hour"), (2, "hour"), (3, "day"), (45, "day"), (46, "week"), (90, "week")]
)
def test_longer_periods_are_drawn_more_coarsely(days: int, expected: Bucket) -> None:
    """Hours up to two days, days up to 45, weeks beyond; a DST day changes nothing."""
    assert bucket_for(resolve(Range(days=days), utc("2026-09-06 23:00"), SANTIAGO)) == expected


@pytest.mark.parametrize(
    ("days", "offered"),
    [
        (1, ("hour",)),
        (2, ("hour", "day")),
        (13, ("hour", "day")),
        (14, ("hour", "day", "week")),
        (15, ("day", "week")),
        (90, ("day", "week")),
    ],
)
def test_a_bucket_is_chosen_among_those_that_suit_the_period(days: int, offered: tuple[Bucket, ...]) -> None:
    """Hours up to two weeks, weeks from two; what is not offered is drawn as if nothing was chosen."""
    period = resolve(Range(days=days), utc("2026-11-26 12:00"), LONDON)
    assert offered_buckets(period) == offered
    assert bucket_for(period) in offered
    for chosen in ("hour", "day", "week"):
        assert bucket_for(period, chosen) == (chosen if chosen in offered else bucket_for(period))
