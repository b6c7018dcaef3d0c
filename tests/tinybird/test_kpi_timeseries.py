"""kpi_timeseries against rows that can be counted by hand, on days when clocks change, and against the card."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pytest

from tests.tinybird.website import Event, Row, Website, ago, dice, stamp

COLUMNS = [
    "period",
    "bucket_start",
    "bucket_index",
    "started",
    "responded",
    "resolved",
    "ai_resolved",
    "escalated",
    "feedback",
    "median_response_seconds",
    "p90_response_seconds",
    "median_resolution_seconds",
    "p90_resolution_seconds",
    "ai_handled_rate",
    "unique_visitors",
]
COUNTS = COLUMNS[3:9]


def _random_events(seed: int) -> Iterator[Event]:
    """Events of 150 conversations over 20 days, in any order and as often as it comes."""
    roll = dice(seed)
    start = datetime(2026, 10, 20, tzinfo=UTC)
    event_types = (
        "conversation_started",
        "first_response",
        "conversation_resolved",
        "ai_resolved",
        "escalated",
        "feedback_submitted",
    )
    for _ in range(1_500):
        yield (
            stamp(start + timedelta(seconds=roll.randrange(20 * 86400))),
            roll.choice(event_types),
            f"c{roll.randrange(150)}",
            roll.randrange(40_000) / 4,
        )


def _current(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["period"] == "current"]


def _starts(rows: list[Row]) -> list[str]:
    return [row["bucket_start"] for row in _current(rows)]


def _column(rows: list[Row], name: str) -> list[int | float | None]:
    return [row[name] for row in _current(rows)]


def test_empty_periods_are_filled_with_zeros_and_nulls(website: Website) -> None:
    """Every bucket of both periods is there: counts 0, medians and rates NULL, never NaN."""
    today = ago().replace(hour=0, minute=0, second=0)
    period = {"date_from": stamp(today - timedelta(days=2)), "date_to": stamp(today)}

    rows = website.ask("kpi_timeseries", **period)

    assert not any("nan" in line for line in website.csv("kpi_timeseries", **period)[1:])
    assert [list(row) for row in rows] == [COLUMNS] * 4
    assert [(row["period"], row["bucket_start"], row["bucket_index"]) for row in rows] == [
        ("current", stamp(today - timedelta(days=2)), 0),
        ("current", stamp(today - timedelta(days=1)), 1),
        ("previous", stamp(today - timedelta(days=4)), 0),
        ("previous", stamp(today - timedelta(days=3)), 1),
    ]
    for row in rows:
        assert [row[column] for column in COUNTS] == [0] * 6
        assert [row[column] for column in COLUMNS[9:]] == [None] * 5 + [0]


def test_each_thing_counts_in_the_bucket_where_it_happened(website: Website) -> None:
    """Started and responded count where they come first, a reopened conversation where it was resolved last."""
    website.conversations(
        ("2026-11-08 23:00:00", "conversation_started", "c1"),
        ("2026-11-10 10:00:00", "conversation_started", "c1"),
        ("2026-11-11 10:00:00", "conversation_started", "c1"),
        ("2026-11-10 10:01:00", "first_response", "c1", 60),
        ("2026-11-11 10:01:00", "first_response", "c1", 99),
        ("2026-11-10 12:00:00", "conversation_resolved", "c1", 100),
        ("2026-11-10 12:00:00", "ai_resolved", "c1", 100),
        ("2026-11-12 12:00:00", "conversation_resolved", "c1", 900),
        ("2026-11-12 09:00:00", "conversation_resolved", "c2", 300),
        ("2026-11-11 08:00:00", "escalated", "c1"),
        ("2026-11-12 08:00:00", "escalated", "c1"),
        ("2026-11-12 13:00:00", "feedback_submitted", "c1"),
    )

    rows = website.ask("kpi_timeseries", date_from="2026-11-10 00:00:00", date_to="2026-11-13 00:00:00")

    assert _column(rows, "started") == [1, 0, 0]
    assert _column(rows, "responded") == [1, 0, 0]
    assert _column(rows, "resolved") == [0, 0, 2]
    assert _column(rows, "ai_resolved") == [0, 0, 1]
    assert _column(rows, "ai_handled_rate") == [None, None, 0.5]
    assert _column(rows, "escalated") == [0, 1, 0]
    assert _column(rows, "feedback") == [0, 0, 1]
    assert _column(rows, "median_response_seconds") == [60, None, None]
    assert _column(rows, "p90_response_seconds") == [60, None, None]
    assert _column(rows, "median_resolution_seconds") == [None, None, 600]
    assert _column(rows, "p90_resolution_seconds") == [None, None, 840]
    assert [row["started"] for row in rows if row["period"] == "previous"] == [0, 1, 0]


def test_periods_hold_their_first_instant_and_not_their_end(website: Website) -> None:
    """[from, to) for the period and for each bucket in it."""
    website.conversations(
        ("2026-11-09 23:59:59", "conversation_started", "before"),
        ("2026-11-10 00:00:00", "conversation_started", "first"),
        ("2026-11-10 23:59:59", "conversation_started", "end of day one"),
        ("2026-11-11 00:00:00", "conversation_started", "start of day two"),
        ("2026-11-11 11:59:59", "conversation_started", "last"),
        ("2026-11-11 12:00:00", "conversation_started", "after"),
    )

    rows = website.ask("kpi_timeseries", date_from="2026-11-10 00:00:00", date_to="2026-11-11 12:00:00")

    assert _column(rows, "started") == [2, 2]


def test_first_bucket_starts_with_the_period(website: Website) -> None:
    """A period that starts within a bucket cuts it: its start is date_from, and what came before stays out."""
    website.conversations(
        ("2026-11-10 14:34:59", "conversation_started", "before"),
        ("2026-11-10 14:35:00", "conversation_started", "first"),
        ("2026-11-10 15:00:00", "conversation_started", "next hour"),
    )
    period = {"date_from": "2026-11-10 14:35:00", "date_to": "2026-11-10 16:20:00"}

    hours = website.ask("kpi_timeseries", **period, bucket="hour")
    days = website.ask("kpi_timeseries", **period, bucket="day")

    assert _starts(hours) == ["2026-11-10 14:35:00", "2026-11-10 15:00:00", "2026-11-10 16:00:00"]
    assert _column(hours, "started") == [1, 1, 0]
    assert (_starts(days), _column(days, "started")) == (["2026-11-10 14:35:00"], [2])


def test_weeks_start_on_monday(website: Website) -> None:
    """From a Wednesday on, the first week is cut and the others start on local Mondays."""
    website.conversations(
        ("2026-11-08 22:59:59", "conversation_started", "sunday in Berlin"),
        ("2026-11-08 23:00:00", "conversation_started", "monday in Berlin"),
    )

    rows = website.ask(
        "kpi_timeseries",
        date_from="2026-11-03 23:00:00",
        date_to="2026-11-16 23:00:00",
        timezone="Europe/Berlin",
        bucket="week",
    )

    assert _starts(rows) == ["2026-11-03 23:00:00", "2026-11-08 23:00:00", "2026-11-15 23:00:00"]
    assert _column(rows, "started") == [1, 1, 0]


@pytest.mark.parametrize(
    ("timezone", "day", "starts_at", "hours"),
    [
        pytest.param("Europe/London", "2026-03-29", "2026-03-29 00:00:00", 23, id="London-spring"),
        pytest.param("Europe/London", "2026-10-25", "2026-10-24 23:00:00", 25, id="London-autumn"),
        pytest.param("America/Santiago", "2026-09-06", "2026-09-06 04:00:00", 23, id="Santiago-no-midnight"),
        pytest.param("America/Santiago", "2026-04-04", "2026-04-04 03:00:00", 25, id="Santiago-autumn"),
        pytest.param("Asia/Kolkata", "2026-11-10", "2026-11-09 18:30:00", 24, id="Kolkata-half-hour"),
    ],
)
def test_days_follow_the_local_clock(
    website: Website, timezone: str, day: str, starts_at: str, hours: int
) -> None:
    """A local day starts at its first instant, lasts 23, 24 or 25 hours, and holds its own events only."""
    start = datetime.strptime(starts_at, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    end = start + timedelta(hours=hours)
    second = timedelta(seconds=1)
    assert start.astimezone(ZoneInfo(timezone)).date() == date.fromisoformat(day)
    website.conversations(
        (stamp(start - second), "conversation_started", "the day before"),
        (stamp(start), "conversation_started", "first instant"),
        (stamp(end - second), "conversation_started", "last second"),
        (stamp(end), "conversation_started", "the day after"),
    )

    # Wide enough to hold the neighbours whole in any timezone.
    around = {"date_from": stamp(start - timedelta(days=1)), "date_to": stamp(end + timedelta(hours=20))}
    days = website.ask("kpi_timeseries", **around, timezone=timezone, bucket="day")
    by_hour = website.ask(
        "kpi_timeseries", date_from=stamp(start), date_to=stamp(end), timezone=timezone, bucket="hour"
    )

    assert stamp(start) in _starts(days)
    at = _starts(days).index(stamp(start))
    assert _starts(days)[at + 1] == stamp(end)
    assert _column(days, "started")[at - 1 : at + 2] == [1, 2, 1]
    assert _starts(by_hour) == [stamp(start + timedelta(hours=hour)) for hour in range(hours)]
    assert _column(by_hour, "started") == [1, *[0] * (hours - 2), 1]


def test_repeated_hour_is_two_buckets(website: Website) -> None:
    """When London's clock goes back, 01:30 happens twice and counts in two rows."""
    website.conversations(
        ("2026-10-25 00:30:00", "conversation_started", "01:30 summer time"),
        ("2026-10-25 01:30:00", "conversation_started", "01:30 winter time"),
        ("2026-10-25 01:31:00", "conversation_started", "01:31 winter time"),
    )

    rows = website.ask(
        "kpi_timeseries",
        date_from="2026-10-24 23:00:00",
        date_to="2026-10-25 03:00:00",
        timezone="Europe/London",
        bucket="hour",
    )

    assert _column(rows, "started") == [0, 1, 2, 0]


def test_hours_start_on_the_local_full_hour(website: Website) -> None:
    """In Kolkata (UTC+5:30) an hour bucket runs from half past to half past of UTC."""
    website.conversations(
        ("2026-11-10 05:29:59", "conversation_started", "10:59:59"),
        ("2026-11-10 05:30:00", "conversation_started", "11:00:00"),
    )

    rows = website.ask(
        "kpi_timeseries",
        date_from="2026-11-10 04:30:00",
        date_to="2026-11-10 06:30:00",
        timezone="Asia/Kolkata",
        bucket="hour",
    )

    assert _starts(rows) == ["2026-11-10 04:30:00", "2026-11-10 05:30:00"]
    assert _column(rows, "started") == [1, 1]


@pytest.mark.parametrize(
    "timezone",
    [
        "UTC",
        "Europe/London",
        "America/Santiago",
        "America/Havana",
        "Asia/Kolkata",
        "Asia/Kathmandu",
        "Pacific/Chatham",
        "Australia/Lord_Howe",
    ],
)
def test_every_local_day_of_a_year_starts_where_it_does(website: Website, timezone: str) -> None:
    """Day buckets of a whole year are the local dates, each from its first instant (Python's timezone data)."""
    zone = ZoneInfo(timezone)
    quarter = datetime(2025, 1, 1, tzinfo=UTC)
    first_instants: dict[date, datetime] = {}
    while quarter < datetime(2026, 1, 1, tzinfo=UTC):
        first_instants.setdefault(quarter.astimezone(zone).date(), quarter)
        quarter += timedelta(minutes=15)

    rows = website.ask(
        "kpi_timeseries", date_from="2025-01-01 00:00:00", date_to="2026-01-01 00:00:00", timezone=timezone
    )

    assert _starts(rows) == [stamp(instant) for instant in first_instants.values()]
    assert _column(rows, "bucket_index") == list(range(len(first_instants)))


def test_previous_period_is_taken_as_given(website: Website) -> None:
    """The previous period has its own spine, numbered from 0, wherever it lies and even when it overlaps."""
    website.conversations(
        ("2026-11-01 12:00:00", "conversation_started", "c1"),
        ("2026-11-10 12:00:00", "conversation_started", "c2"),
    )

    rows = website.ask(
        "kpi_timeseries",
        date_from="2026-11-10 00:00:00",
        date_to="2026-11-12 00:00:00",
        prev_date_from="2026-11-01 00:00:00",
        prev_date_to="2026-11-11 00:00:00",
    )

    previous = [row for row in rows if row["period"] == "previous"]
    assert _column(rows, "started") == [1, 0]
    assert [row["started"] for row in previous] == [1, *[0] * 8, 1]
    assert [row["bucket_index"] for row in previous] == list(range(10))


def test_duplicated_events_change_nothing(website: Website) -> None:
    """A batch delivered twice gives the same rows as once."""
    period = {"date_from": "2026-11-10 00:00:00", "date_to": "2026-11-12 00:00:00"}
    events = [
        (f"2026-11-1{day} 12:00:0{number}", event_type, f"c{number}", float(number + day))
        for day in (0, 1)
        for number in range(4)
        for event_type in ("conversation_started", "first_response", "conversation_resolved", "escalated")
    ]
    website.conversations(*events)
    once = website.ask("kpi_timeseries", **period)
    website.conversations(*events)

    assert website.ask("kpi_timeseries", **period) == once
    assert _column(once, "resolved") == [0, 4]


def test_visitors_are_unique_within_each_bucket(website: Website) -> None:
    """A visitor of two days counts in both; page views are no visits."""
    midnight = ago(days=2).replace(hour=0, minute=0, second=0)
    website.visit("v1", midnight)
    website.visit("v1", midnight + timedelta(hours=1))
    website.visit("v2", midnight + timedelta(hours=23, minutes=59, seconds=59))
    website.visit("v1", midnight + timedelta(days=1))
    website.visit("v3", midnight + timedelta(days=1), "page_view")
    website.visit("v4", midnight - timedelta(seconds=1))

    rows = website.ask(
        "kpi_timeseries", date_from=stamp(midnight), date_to=stamp(midnight + timedelta(days=2))
    )

    assert [row["unique_visitors"] for row in rows] == [2, 1, 0, 1]


def test_expired_visitors_are_unknown_and_not_zero(website: Website) -> None:
    """A bucket that starts more than 30 days ago has NULL visitors: its events have expired."""
    midnight = ago().replace(hour=0, minute=0, second=0)

    rows = website.ask(
        "kpi_timeseries", date_from=stamp(midnight - timedelta(days=32)), date_to=stamp(midnight)
    )

    assert _column(rows, "unique_visitors") == [None, None, None, *[0] * 29]


@pytest.mark.parametrize(
    ("timezone", "bucket"),
    [
        ("UTC", "day"),
        ("Europe/London", "hour"),
        ("America/Santiago", "week"),
        ("Asia/Kolkata", "day"),
    ],
)
def test_buckets_add_up_to_the_card(website: Website, timezone: str, bucket: str) -> None:
    """Over reopened, duplicated and mixed events, the sum of each count is that of inbox_analytics."""
    website.conversations(*_random_events(seed=7))
    period = {"date_from": "2026-10-24 05:35:00", "date_to": "2026-11-07 17:20:00"}

    rows = website.ask("kpi_timeseries", **period, timezone=timezone, bucket=bucket)
    card = website.ask("inbox_analytics", **period)

    for name, of_period in zip(("current", "previous"), card, strict=True):
        sums = [sum(row[column] for row in rows if row["period"] == name) for column in COUNTS]
        assert sums == [of_period[column] for column in COUNTS]
        assert min(sums) > 0
    assert all(0 <= row["ai_handled_rate"] <= 1 for row in rows if row["resolved"])


def test_one_bucket_has_the_medians_of_the_card(website: Website) -> None:
    """When a single bucket holds the whole period, its medians, rate and visitors are the card's."""
    roll = dice(3)
    website.conversations(
        *(
            (
                f"2026-11-10 12:00:0{roll.randrange(3)}",
                event_type,
                f"c{number}",
                roll.randrange(40_000) / 4,
            )
            for number in range(41)
            for event_type in ("first_response", "conversation_resolved", "ai_resolved")
        )
    )
    period = {"date_from": "2026-11-10 00:00:00", "date_to": "2026-11-11 00:00:00"}

    (bucket,) = _current(website.ask("kpi_timeseries", **period))
    card = website.ask("inbox_analytics", **period)[0]

    times = [f"{level}_{time}_seconds" for level in ("median", "p90") for time in ("response", "resolution")]
    shared = (*times, "ai_handled_rate", *COUNTS)
    assert [bucket[column] for column in shared] == [card[column] for column in shared]


def test_period_of_no_length_has_no_rows(website: Website) -> None:
    """date_from equal to date_to has no bucket, on and off the grid."""
    for instant in ("2026-11-10 00:00:00", "2026-11-10 00:07:30"):
        assert website.ask("kpi_timeseries", date_from=instant, date_to=instant) == []


THREE: Final[tuple[Event, ...]] = (
    # a: 4 minutes, resolved by the AI agent in 10 minutes; b: 30 minutes, by people in 5 hours, escalated; c: open
    ("2026-11-10 09:30:00", "conversation_started", "a"),
    ("2026-11-10 09:34:00", "first_response", "a", 240),
    ("2026-11-10 09:40:00", "conversation_resolved", "a", 600),
    ("2026-11-10 09:40:00", "ai_resolved", "a", 600),
    ("2026-11-11 14:00:00", "conversation_started", "b"),
    ("2026-11-11 14:30:00", "first_response", "b", 1800),
    ("2026-11-11 14:40:00", "escalated", "b"),
    ("2026-11-11 19:00:00", "conversation_resolved", "b", 18000),
    ("2026-11-12 14:10:00", "conversation_started", "c"),
    ("2026-11-03 09:30:00", "conversation_started", "before"),
    ("2026-11-03 09:35:00", "first_response", "before", 300),
)
DAYS: Final = {"date_from": "2026-11-10 00:00:00", "date_to": "2026-11-13 00:00:00"}
DAYS_BEFORE: Final = {"prev_date_from": "2026-11-03 00:00:00", "prev_date_to": "2026-11-06 00:00:00"}


@pytest.mark.parametrize(
    ("chosen", "started", "before"),
    [
        ({}, [1, 1, 1], [1, 0, 0]),
        ({"response_band": 0}, [1, 0, 0], [1, 0, 0]),
        ({"response_band": 2}, [0, 1, 0], [0, 0, 0]),
        ({"resolution_band": 1}, [1, 0, 0], [0, 0, 0]),
        ({"resolution_band": 4}, [0, 1, 0], [0, 0, 0]),
        ({"weekday": 2, "hour": 9}, [1, 0, 0], [1, 0, 0]),
        ({"weekday": 4, "hour": 14}, [0, 0, 1], [0, 0, 0]),
        ({"weekday": 4, "hour": 19, "timezone": "Asia/Kolkata"}, [0, 0, 1, 0], [0, 0, 0, 0]),
        ({"handled_by": "ai"}, [1, 0, 0], [0, 0, 0]),
        ({"handled_by": "human"}, [0, 1, 0], [0, 0, 0]),
        ({"escalation": "escalated"}, [0, 1, 0], [0, 0, 0]),
        ({"escalation": "none"}, [1, 0, 1], [1, 0, 0]),
        ({"response_band": 0, "handled_by": "human"}, [0, 0, 0], [0, 0, 0]),
    ],
)
def test_filters_keep_the_conversations_that_pass_them(
    website: Website, chosen: dict[str, str | int], started: list[int], before: list[int]
) -> None:
    """In both periods, each by what happened in it; every bucket stays, and its times are those of what is left."""
    website.conversations(*THREE)

    rows = website.ask("kpi_timeseries", **DAYS, **DAYS_BEFORE, **chosen)

    assert _column(rows, "started") == started
    assert [row["started"] for row in rows if row["period"] == "previous"] == before
    answered = [value for value in _column(rows, "median_response_seconds") if value is not None]
    assert answered == [seconds for seconds, n in zip((240, 1800), started[:2], strict=True) if n]


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("response_band", {"response_band": 1}),
        ("handled_by", {"handled_by": "ai"}),
        ("escalation", {"escalation": "none"}),
    ],
)
def test_a_filtered_series_adds_up_to_the_list_behind_it(
    website: Website, name: str, chosen: dict[str, str | int]
) -> None:
    """Responded and resolved of all buckets are the rows that `conversation_list` has for the same filter."""
    website.conversations(*_random_events(seed=len(name)))
    period = {"date_from": "2026-10-24 05:35:00", "date_to": "2026-11-07 17:20:00"}

    rows = website.ask("kpi_timeseries", **period, **chosen)
    listed = website.ask("conversation_list", **period, **chosen, limit=1000)

    assert listed
    for column, seconds in (("responded", "response_seconds"), ("resolved", "resolution_seconds")):
        assert sum(row[column] for row in _current(rows)) == sum(row[seconds] is not None for row in listed)


@pytest.mark.parametrize(
    "wrong",
    [
        {"response_band": 6},
        {"resolution_band": -1},
        {"weekday": 1},
        {"hour": 5},
        {"weekday": 8, "hour": 1},
        {"hour": 24, "weekday": 1},
        {"handled_by": "nobody"},
        {"escalation": "maybe"},
    ],
)
def test_an_impossible_filter_is_refused_by_name(website: Website, wrong: dict[str, str | int]) -> None:
    """What no conversation can be is a mistake of the caller, not an empty answer."""
    assert next(iter(wrong)) in website.refusal("kpi_timeseries", **DAYS, **wrong)
