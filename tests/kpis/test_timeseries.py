"""The time series: buckets of the pipe, satisfaction of Postgres, one frame; and both against the running stack."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest

from analytics import sources
from analytics.errors import SourceUnavailable
from analytics.kpis.timeseries import COLUMNS, COUNTS, joined
from analytics.readings import Reading
from analytics.schemas import KPI_TIMESERIES, RATING_AND_SENTIMENT
from analytics.scope.access import Viewer, Website
from analytics.scope.buckets import bucket_starts
from analytics.scope.clock import next_bucket
from analytics.scope.comparison import BEFORE, OFF
from analytics.scope.identity import Identity
from analytics.scope.periods import Range
from analytics.scope.views import ResolvedView, View, resolve
from analytics.sources import Bounds, Buckets
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird
from tests.conftest import LocalStack
from tests.product_database import Product

NOW = datetime(2026, 11, 10, 14, 32, tzinfo=UTC)
DISTRIBUTION = [column.name for column in RATING_AND_SENTIMENT.columns[-8:]]
Send = Callable[[str, Sequence[Mapping[str, Any]]], dict[str, Any]]


def view(text: str, timezone: str = "UTC", *, now: datetime = NOW, is_compared: bool = True) -> ResolvedView:
    """A view of a paid website."""
    website = Website("w1", "Shop", "shop", "shop.example", "o1", "Org", "paid")
    viewer = Viewer("u1", "Ann", False, Identity("ann@example.com", None))
    return resolve(
        View(viewer, "w1", Range.parse(text), timezone, now, BEFORE if is_compared else OFF), website
    )


def rows(
    *buckets: tuple[str, str], visitors: float | None = 5, median: float | None = None
) -> Reading[pd.DataFrame]:
    """Pipe rows for (period, bucket start) pairs, nothing happening in them."""
    counts = dict.fromkeys(COUNTS, 0)
    seen = {"current": -1, "previous": -1}
    answer = []
    for period, start in buckets:
        seen[period] += 1
        answer.append(
            {
                **counts,
                "period": period,
                "bucket_start": start,
                "bucket_index": seen[period],
                "median_response_seconds": median,
                "median_resolution_seconds": None,
                "ai_handled_ratio": None,
                "unique_visitors": visitors,
            }
        )
    names = [column.name for column in KPI_TIMESERIES.columns]
    return Reading(KPI_TIMESERIES.frame(names, [dict.fromkeys(names) | each for each in answer]), NOW)


def ratings(*slots: tuple[str, str, float]) -> Reading[pd.DataFrame]:
    """One rating of that score per (period, slot start, score)."""
    answer = [
        {
            "period": period,
            "slot_start": start,
            "rating_count": 1,
            "rating_total": score,
            "rating_total_of_squares": score * score,
            "sentiment_count": 0,
            "sentiment_total": 0.0,
            "sentiment_total_of_squares": 0.0,
            **dict.fromkeys(DISTRIBUTION, 0),
        }
        for period, start, score in slots
    ]
    names = [column.name for column in RATING_AND_SENTIMENT.columns]
    return Reading(RATING_AND_SENTIMENT.frame(names, answer), NOW - timedelta(seconds=5))


TWO_DAYS = (
    ("current", "2026-11-08 00:00:00"),
    ("current", "2026-11-09 00:00:00"),
    ("current", "2026-11-10 00:00:00"),
    ("previous", "2026-11-05 00:00:00"),
    ("previous", "2026-11-06 00:00:00"),
    ("previous", "2026-11-07 00:00:00"),
)


def test_the_frame_has_its_columns_and_its_order() -> None:
    """Current before previous, by bucket, ends where the next begins, the last where the period ends."""
    frame = joined(view("3d"), rows(*TWO_DAYS), ratings()).value
    assert tuple(frame.columns) == COLUMNS
    assert frame["period"].tolist() == ["current"] * 3 + ["previous"] * 3
    assert frame["bucket_index"].tolist() == [0, 1, 2, 0, 1, 2]
    assert frame["bucket_end"][:3].map(str).tolist() == [
        "2026-11-09 00:00:00+00:00",
        "2026-11-10 00:00:00+00:00",
        "2026-11-10 14:30:00+00:00",
    ]
    assert str(frame["bucket_end"][5]) == "2026-11-07 14:30:00+00:00"


def test_the_period_before_lies_under_the_current_one() -> None:
    """`aligned_start` reads the same on the clock, three days later."""
    frame = joined(view("3d"), rows(*TWO_DAYS), ratings()).value
    assert frame["aligned_start"][3:].tolist() == frame["bucket_start"][:3].tolist()


def test_only_whole_and_past_buckets_are_complete() -> None:
    """Today is not over, on either side of the comparison."""
    frame = joined(view("3d"), rows(*TWO_DAYS), ratings()).value
    assert frame["is_complete"].tolist() == [True, True, False, True, True, False]


def test_a_bucket_that_the_limit_cuts_is_not_complete() -> None:
    """A day that begins at the limit in its middle is half a day."""
    clamped = view("2026-08-12..2026-08-14")
    assert clamped.period.utc_bounds()[0] == "2026-08-12 14:35:00"
    frame = joined(
        clamped, rows(("current", "2026-08-12 14:35:00"), ("current", "2026-08-13 00:00:00")), ratings()
    ).value
    assert frame["is_complete"].tolist() == [False, True]


def test_ratings_fall_into_their_buckets() -> None:
    """A rating at 23:45 is today's, one at midnight tomorrow's; a bucket without one is neutral there."""
    scores = ratings(
        ("current", "2026-11-08 23:45:00", 100.0),
        ("current", "2026-11-09 00:00:00", 0.0),
        ("previous", "2026-11-07 14:30:00", 75.0),
    )
    frame = joined(view("3d"), rows(*TWO_DAYS, median=60.0), scores).value
    # 0.40 × rating + 0.25 × 50 + 0.20 × 100 + 0.15 × 50
    assert frame["satisfaction_index"].tolist() == pytest.approx([80.0, 40.0, 60.0, 60.0, 60.0, 70.0])
    assert frame["satisfaction_missing"][0] == "sentiment, resolution"
    assert frame["satisfaction_missing"][2] == "rating, sentiment, resolution"


def test_a_bucket_without_anything_has_no_index() -> None:
    """All four components missing: not observable, not 50."""
    assert joined(view("3d"), rows(*TWO_DAYS), ratings()).value["satisfaction_index"].isna().all()


def test_a_slot_that_begins_before_a_cut_bucket_belongs_to_it() -> None:
    """The limit falls into a quarter of an hour; its later part is inside."""
    clamped = view("2026-08-12..2026-08-12")
    scores = ratings(("current", "2026-08-12 14:30:00", 100.0))
    frame = joined(clamped, rows(("current", "2026-08-12 14:35:00")), scores).value
    assert frame["satisfaction_index"].tolist() == pytest.approx([40 + 12.5 + 10 + 7.5])


def test_without_postgres_the_rest_stands() -> None:
    """The satisfaction column is not observable, and `failures` has the error."""
    down = SourceUnavailable("Down.", source="postgres", resource="rating_and_sentiment")
    reading = joined(view("3d"), rows(*TWO_DAYS, median=60.0), down)
    assert reading.value["satisfaction_index"].isna().all()
    assert reading.value["median_response_seconds"].notna().all()
    assert reading.failures == (down,)
    assert not reading.is_stale


def test_without_the_pipe_there_is_no_series() -> None:
    """Nothing to draw: the failure is raised."""
    down = SourceUnavailable("Down.", source="tinybird", resource="kpi_timeseries")
    with pytest.raises(SourceUnavailable):
        joined(view("3d"), down, ratings())


@pytest.mark.parametrize(
    ("text", "is_compared"), [("3d", False), ("90d", True)], ids=["off", "not comparable"]
)
def test_no_rows_of_a_period_that_is_not_compared(text: str, is_compared: bool) -> None:
    """Also when the pipe, or a stale answer, has some."""
    frame = joined(view(text, is_compared=is_compared), rows(*TWO_DAYS), ratings()).value
    assert set(frame["period"]) == {"current"}


def test_an_empty_answer_keeps_its_columns() -> None:
    """No buckets: an empty frame that can be drawn as empty."""
    frame = joined(view("3d"), rows(), ratings()).value
    assert tuple(frame.columns) == COLUMNS
    assert len(frame) == 0


def test_visitors_before_the_ttl_are_not_observable() -> None:
    """A count of rows that have expired would be a lie; NaN leaves a gap in the chart."""
    days = [f"{datetime(2026, 10, 10, tzinfo=UTC) + timedelta(days=n):%Y-%m-%d} 00:00:00" for n in range(4)]
    frame = joined(view("45d"), rows(*(("current", day) for day in days)), ratings()).value
    assert frame["unique_visitors"].isna().tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    ("days", "is_shown"),
    [
        pytest.param(15, True, id="both periods in reach"),
        pytest.param(16, False, id="the period before partly out of reach"),
        pytest.param(30, False, id="wholly out of reach"),
    ],
)
def test_visitors_of_the_period_before_are_there_as_a_whole_or_not_at_all(days: int, is_shown: bool) -> None:
    """As on Visitors: days of a comparison that the card calls impossible are in no chart and no file."""
    resolved = view(f"{days}d")
    buckets = [
        (which, f"{start:%F %T}")
        for which, period in (("current", resolved.period), ("previous", resolved.previous))
        for start in bucket_starts(period, "day")
    ]
    frame = joined(resolved, rows(*buckets), ratings()).value
    before = frame[frame["period"] == "previous"]
    assert len(before) == days
    assert before["unique_visitors"].notna().tolist() == [is_shown] * days
    assert frame[frame["period"] == "current"]["unique_visitors"].notna().all()


def test_the_reading_is_as_old_as_its_older_half() -> None:
    """As of the earlier of the two reads; stale when either is."""
    reading = joined(view("3d"), rows(*TWO_DAYS), ratings())
    assert reading.as_of == NOW - timedelta(seconds=5)


# Days whose edges are easy to get wrong: summer time begins and ends, also at midnight; half-hour offsets.
EDGES = [
    ("Europe/London", "2026-10-25"),
    ("Europe/London", "2026-03-29"),
    ("America/Santiago", "2026-09-06"),
    ("America/Santiago", "2026-04-04"),
    ("Asia/Kolkata", "2026-11-09"),
    ("Asia/Kathmandu", "2026-11-09"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Pacific/Apia", "2026-11-09"),
]
SPANS = [
    pytest.param(zone, day, days, id=f"{zone} {day} by {bucket}")
    for zone, day in EDGES
    for days, bucket in ((0, "hour"), (3, "day"), (50, "week"))
    if bucket != "week" or day in {"2026-10-25", "2026-09-06"}
]


@pytest.mark.parametrize(("timezone", "day", "days"), SPANS)
def test_pipe_postgres_and_calendar_agree_on_every_bucket(
    local_stack: LocalStack, product: Product, send_events: Send, timezone: str, day: str, days: int
) -> None:
    """A conversation and a rating at the same instants, around every edge, land in the same, expected buckets."""
    last = datetime.fromisoformat(day).replace(tzinfo=UTC)
    resolved = view(f"{last - timedelta(days=days):%Y-%m-%d}..{day}", timezone, now=last + timedelta(days=2))
    period = resolved.period
    every = pd.date_range(period.start, period.end, freq="45min", inclusive="left")
    instants = [instant.to_pydatetime() for instant in every][-40:]
    send_events("conversation_metrics", [started(product.website_id, n, at) for n, at in enumerate(instants)])
    for instant in instants:
        product.add_feedback(instant, 5)
    bounds = Bounds(*period.utc_bounds(), *resolved.previous.utc_bounds())
    with (
        Tinybird(local_stack.host, local_stack.read_token) as tinybird,
        Postgres(local_stack.database_url) as postgres,
    ):
        buckets = Buckets.of(resolved.bucket, period, resolved.previous)
        series = sources.kpi_timeseries(tinybird, product.website_id, bounds, buckets)
        scores = sources.rating_and_sentiment(postgres, product.website_id, bounds)
    frame = joined(resolved, Reading(series.value, NOW), Reading(scores.value, NOW)).value
    current = frame[frame["period"] == "current"]
    starts = [start.to_pydatetime().astimezone(UTC) for start in current["bucket_start"]]
    expected = [period.start]
    while (following := next_bucket(expected[-1], resolved.bucket, period.timezone)) < period.end:
        expected.append(following)
    assert starts == expected
    edges = [*expected, period.end]
    counts = [sum(low <= instant < high for instant in instants) for low, high in pairwise(edges)]
    assert current["started"].tolist() == counts
    # All that these buckets have is a rating of 5, so the index is above neutral exactly where there is one.
    assert (current["satisfaction_index"] > 50).tolist() == [count > 0 for count in counts]


def started(website_id: str, number: int, at: datetime) -> dict[str, Any]:
    """The start of a conversation."""
    return {
        "timestamp": f"{at:%Y-%m-%d %H:%M:%S}",
        "website_id": website_id,
        "visitor_id": "v1",
        "event_type": "conversation_started",
        "conversation_id": f"c{number}",
        "duration_seconds": 0,
    }
