"""Distributions: buckets of the view, quarters of an hour in their places, and sums that are the cards'."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from analytics.kpis.satisfaction.rating_counts import COLUMNS, COUNTS, distributions
from analytics.schemas import RATING_AND_SENTIMENT
from analytics.scope.access import Viewer, Website
from analytics.scope.comparison import BEFORE, Comparison
from analytics.scope.identity import Identity
from analytics.scope.periods import Range
from analytics.scope.views import ResolvedView, View, resolve

NOW = datetime(2026, 11, 10, 14, 32, tzinfo=UTC)
NAMES = [column.name for column in RATING_AND_SENTIMENT.columns]


def view(
    text: str, timezone: str = "UTC", *, now: datetime = NOW, comparison: Comparison = BEFORE
) -> ResolvedView:
    """A view of a paid website."""
    website = Website("w1", "Shop", "shop", "shop.example", "o1", "Org", "paid")
    viewer = Viewer("u1", "Ann", False, Identity("ann@example.com", None))
    return resolve(View(viewer, "w1", Range.parse(text), timezone, now, comparison), website)


def slots(*given: tuple[str, str, str]) -> pd.DataFrame:
    """One answer per (period, slot start, counted column)."""
    rows = []
    for period, start, column in given:
        numbers = dict.fromkeys(NAMES[2:], 0)
        rows.append({**numbers, "period": period, "slot_start": start, column: 1})
    return RATING_AND_SENTIMENT.frame(NAMES, rows)


def test_every_answer_lies_in_its_day() -> None:
    """Two fives and a one, a positive conversation the day after; the period before counts nowhere."""
    frame = distributions(
        slots(
            ("current", "2026-11-08 00:00:00", "rating_5_count"),
            ("current", "2026-11-08 23:45:00", "rating_5_count"),
            ("current", "2026-11-09 00:00:00", "rating_1_count"),
            ("current", "2026-11-10 14:30:00", "positive_count"),
            ("previous", "2026-11-07 12:00:00", "rating_3_count"),
        ),
        view("3d"),
    )
    assert tuple(frame.columns) == COLUMNS
    assert frame["rating_5_count"].tolist() == [2, 0, 0]
    assert frame["rating_1_count"].tolist() == [0, 1, 0]
    assert frame["positive_count"].tolist() == [0, 0, 1]
    assert frame[list(COUNTS)].to_numpy().sum() == 4
    assert frame["is_complete"].tolist() == [True, True, False]
    assert str(frame["bucket_end"].iloc[-1]) == "2026-11-10 14:30:00+00:00"


def test_nothing_given_is_a_row_of_zeros_per_bucket() -> None:
    """The bars are there, with no height."""
    frame = distributions(slots(), view("7d"))
    assert len(frame) == 7
    assert frame[list(COUNTS)].to_numpy().sum() == 0
    assert set(frame[list(COUNTS)].dtypes.map(str)) == {"int64"}


def test_a_range_that_has_not_begun_falls_back_and_is_never_empty_of_buckets() -> None:
    """A view without a period shows the last 7 days."""
    assert len(distributions(slots(), view("2027-01-01..2027-01-02"))) == 7


@pytest.mark.parametrize(
    ("text", "timezone", "starts", "hour_count"),
    [
        ("today", "UTC", "2026-11-10 00:00:00+00:00", 15),
        ("3d", "Asia/Kolkata", "2026-11-08 00:00:00+05:30", 3),
        ("60d", "UTC", "2026-09-12 00:00:00+00:00", 10),
    ],
    ids=["hours", "days of Kolkata", "weeks, the first cut"],
)
def test_buckets_are_those_of_the_view(text: str, timezone: str, starts: str, hour_count: int) -> None:
    """Hours, days and weeks from Monday, in the view's timezone."""
    frame = distributions(slots(), view(text, timezone))
    assert str(frame["bucket_start"].iloc[0]) == starts
    assert len(frame) == hour_count
    assert (frame["bucket_end"].iloc[:-1].to_numpy() == frame["bucket_start"].iloc[1:].to_numpy()).all()


def test_half_past_midnight_in_kolkata_is_the_day_before_in_utc() -> None:
    """18:30 UTC begins the day there."""
    given = slots(
        ("current", "2026-11-08 18:15:00", "rating_4_count"),
        ("current", "2026-11-08 18:30:00", "rating_4_count"),
    )
    frame = distributions(given, view("3d", "Asia/Kolkata"))
    assert frame["rating_4_count"].tolist() == [1, 1, 0]


def test_the_day_with_25_hours_is_one_bucket() -> None:
    """London leaves summer time on 25 October 2026: both one o'clocks are on that day."""
    now = datetime(2026, 10, 27, 9, tzinfo=UTC)
    given = slots(
        ("current", "2026-10-24 23:00:00", "rating_2_count"),
        ("current", "2026-10-25 00:30:00", "rating_2_count"),
        ("current", "2026-10-25 01:30:00", "rating_2_count"),
        ("current", "2026-10-25 23:45:00", "rating_2_count"),
        ("current", "2026-10-26 00:00:00", "rating_2_count"),
    )
    frame = distributions(given, view("3d", "Europe/London", now=now))
    assert frame["rating_2_count"].tolist() == [4, 1, 0]


def test_a_slot_that_begins_before_a_cut_first_bucket_still_counts() -> None:
    """The limit cuts at 14:35, the quarter began at 14:30: nothing is lost."""
    cut = view("2026-08-12..2026-08-14")
    assert cut.period.utc_bounds()[0] == "2026-08-12 14:35:00"
    frame = distributions(slots(("current", "2026-08-12 14:30:00", "negative_count")), cut)
    assert frame["negative_count"].tolist() == [1, 0, 0]
    assert frame["is_complete"].tolist() == [False, True, True]
