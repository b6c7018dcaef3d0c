"""kpi_timeseries against rows that can be counted by hand, and each of its buckets against the card of it alone."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from analytics.scope import clock
from analytics.scope.clock import Bucket
from tests.timezones import ODD_ZONES
from tests.tinybird.website import Event, LocalWebsite, Row, ago, dice, stamp, with_buckets

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
    "ai_handled_ratio",
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


def test_empty_periods_are_filled_with_zeros_and_nulls(website: LocalWebsite) -> None:
    """Every bucket of both periods is there: counts 0, medians and rates NULL, never NaN."""
    today = ago().replace(hour=0, minute=0, second=0)
    period = with_buckets("day", date_from=stamp(today - timedelta(days=2)), date_to=stamp(today))

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


def test_each_thing_counts_in_every_bucket_where_it_happened(website: LocalWebsite) -> None:
    """What happened to a conversation on two days counts on both; AI is credited where it resolved last."""
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

    rows = website.ask("kpi_timeseries", **with_buckets("day", **DAYS))

    assert _column(rows, "started") == [1, 1, 0]
    assert _column(rows, "responded") == [1, 1, 0]
    assert _column(rows, "resolved") == [1, 0, 2]
    assert _column(rows, "ai_resolved") == [1, 0, 0]
    assert _column(rows, "ai_handled_ratio") == [1, None, 0]
    assert _column(rows, "escalated") == [0, 1, 1]
    assert _column(rows, "feedback") == [0, 0, 1]
    assert _column(rows, "median_response_seconds") == [60, 99, None]
    assert _column(rows, "median_resolution_seconds") == [100, None, 600]
    assert [row["started"] for row in rows if row["period"] == "previous"] == [0, 1, 0]


@pytest.mark.parametrize(
    ("seconds", "credited"),
    [(0, 1), (60, 1), (61, 0), (-30, 1)],
    ids=["together", "a minute before", "longer before", "after"],
)
def test_the_ai_is_credited_where_its_resolution_was_the_last(
    website: LocalWebsite, seconds: int, credited: int
) -> None:
    """An `ai_resolved` at most 60 s older than the newest `conversation_resolved` of the bucket."""
    people = datetime(2026, 11, 10, 12, tzinfo=UTC)
    website.conversations(
        (stamp(people), "conversation_resolved", "c", 900),
        (stamp(people - timedelta(seconds=seconds)), "ai_resolved", "c", 900),
    )

    (row,) = _current(website.ask("kpi_timeseries", date_from="2026-11-10 00:00:00", date_to=DAYS["date_to"]))

    assert (row["resolved"], row["ai_resolved"]) == (1, credited)


@pytest.mark.parametrize("count", [9, 10])
def test_p90_needs_10_values(website: LocalWebsite, count: int) -> None:
    """Below, nine out of ten is not known."""
    website.conversations(
        *(("2026-11-10 12:00:00", "first_response", f"c{number}", number) for number in range(count)),
        *(("2026-11-10 13:00:00", "ai_resolved", f"c{number}", number) for number in range(count)),
    )

    row = _current(website.ask("kpi_timeseries", **DAYS))[0]

    expected = None if count < 10 else pytest.approx(8.1)
    assert (row["p90_response_seconds"], row["p90_resolution_seconds"]) == (expected, expected)


def test_periods_hold_their_first_instant_and_not_their_end(website: LocalWebsite) -> None:
    """[from, to) for the period and for each bucket in it."""
    website.conversations(
        ("2026-11-09 23:59:59", "conversation_started", "before"),
        ("2026-11-10 00:00:00", "conversation_started", "first"),
        ("2026-11-10 23:59:59", "conversation_started", "end of day one"),
        ("2026-11-11 00:00:00", "conversation_started", "start of day two"),
        ("2026-11-11 11:59:59", "conversation_started", "last"),
        ("2026-11-11 12:00:00", "conversation_started", "after"),
    )

    rows = website.ask(
        "kpi_timeseries",
        **with_buckets("day", date_from="2026-11-10 00:00:00", date_to="2026-11-11 12:00:00"),
    )

    assert _column(rows, "started") == [2, 2]


def test_first_bucket_starts_with_the_period(website: LocalWebsite) -> None:
    """A period that starts within a bucket cuts it: its start is date_from, and what came before stays out."""
    website.conversations(
        ("2026-11-10 14:34:59", "conversation_started", "before"),
        ("2026-11-10 14:35:00", "conversation_started", "first"),
        ("2026-11-10 15:00:00", "conversation_started", "next hour"),
    )
    period = {"date_from": "2026-11-10 14:35:00", "date_to": "2026-11-10 16:20:00"}

    hours = website.ask("kpi_timeseries", **with_buckets("hour", **period))
    whole = website.ask("kpi_timeseries", **period)

    assert _starts(hours) == ["2026-11-10 14:35:00", "2026-11-10 15:00:00", "2026-11-10 16:00:00"]
    assert _column(hours, "started") == [1, 1, 0]
    assert (_starts(whole), _column(whole, "started")) == (["2026-11-10 14:35:00"], [2])


def test_the_caller_says_where_buckets_start(website: LocalWebsite) -> None:
    """Any instants, in any order, once each; those outside of the period are left out, each period has its own."""
    website.conversations(
        ("2026-11-10 07:59:59", "conversation_started", "a"),
        ("2026-11-10 08:00:00", "conversation_started", "b"),
        ("2026-11-09 08:00:00", "conversation_started", "c"),
    )
    at = [int(datetime(2026, 11, day, hour, tzinfo=UTC).timestamp()) for day, hour in EIGHT_TO_NOON]

    rows = website.ask(
        "kpi_timeseries",
        date_from="2026-11-10 00:00:00",
        date_to="2026-11-11 00:00:00",
        bucket_starts=",".join(str(each) for each in at),
    )

    assert _starts(rows) == ["2026-11-10 00:00:00", "2026-11-10 08:00:00", "2026-11-10 12:00:00"]
    assert _column(rows, "started") == [1, 1, 0]
    assert [(row["bucket_start"], row["started"]) for row in rows if row["period"] == "previous"] == [
        ("2026-11-09 00:00:00", 1)
    ]


EIGHT_TO_NOON: Final = ((10, 12), (10, 8), (10, 8), (9, 23), (11, 0), (12, 0))


def test_previous_period_is_taken_as_given(website: LocalWebsite) -> None:
    """The previous period has its own spine, numbered from 0, wherever it lies and even when it overlaps."""
    website.conversations(
        ("2026-11-01 12:00:00", "conversation_started", "c1"),
        ("2026-11-10 12:00:00", "conversation_started", "c2"),
    )

    rows = website.ask(
        "kpi_timeseries",
        **with_buckets(
            "day",
            date_from="2026-11-10 00:00:00",
            date_to="2026-11-12 00:00:00",
            prev_date_from="2026-11-01 00:00:00",
            prev_date_to="2026-11-11 00:00:00",
        ),
    )

    previous = [row for row in rows if row["period"] == "previous"]
    assert _column(rows, "started") == [1, 0]
    assert [row["started"] for row in previous] == [1, *[0] * 8, 1]
    assert [row["bucket_index"] for row in previous] == list(range(10))


def test_duplicated_events_change_nothing(website: LocalWebsite) -> None:
    """A batch delivered twice gives the same rows as once."""
    period = with_buckets("day", date_from="2026-11-10 00:00:00", date_to="2026-11-12 00:00:00")
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
    assert _column(once, "resolved") == [4, 4]


def test_visitors_are_unique_within_each_bucket(website: LocalWebsite) -> None:
    """A visitor of two days counts in both; page views are no visits."""
    midnight = ago(days=2).replace(hour=0, minute=0, second=0)
    website.visit("v1", midnight)
    website.visit("v1", midnight + timedelta(hours=1))
    website.visit("v2", midnight + timedelta(hours=23, minutes=59, seconds=59))
    website.visit("v1", midnight + timedelta(days=1))
    website.visit("v3", midnight + timedelta(days=1), "page_view")
    website.visit("v4", midnight - timedelta(seconds=1))

    rows = website.ask(
        "kpi_timeseries",
        **with_buckets("day", date_from=stamp(midnight), date_to=stamp(midnight + timedelta(days=2))),
    )

    assert [row["unique_visitors"] for row in rows] == [2, 1, 0, 1]


def test_expired_visitors_are_unknown_and_not_zero(website: LocalWebsite) -> None:
    """A bucket that starts more than 30 days ago has NULL visitors: its events have expired."""
    midnight = ago().replace(hour=0, minute=0, second=0)

    rows = website.ask(
        "kpi_timeseries",
        **with_buckets("day", date_from=stamp(midnight - timedelta(days=32)), date_to=stamp(midnight)),
    )

    assert _column(rows, "unique_visitors") == [None, None, None, *[0] * 29]


KPIS: Final = (
    *COUNTS,
    *(f"{level}_{time}_seconds" for level in ("median", "p90") for time in ("response", "resolution")),
    "ai_handled_ratio",
)


def _period_of(rows: list[Row], index: int, end: str) -> dict[str, str]:
    """The bounds of one bucket, as a period of its own."""
    ends = [*(row["bucket_start"] for row in rows[1:]), end]
    return {"date_from": rows[index]["bucket_start"], "date_to": ends[index]}


@pytest.mark.parametrize(
    ("timezone", "bucket"),
    [
        ("UTC", "day"),
        ("Europe/London", "hour"),
        ("America/Santiago", "week"),
        ("Pacific/Chatham", "hour"),
        ("America/Vancouver", "day"),
        ("Australia/Lord_Howe", "day"),
    ],
)
def test_a_bucket_is_a_period_of_its_own(website: LocalWebsite, timezone: str, bucket: Bucket) -> None:
    """Its numbers are the card's for that bucket alone, over reopened, duplicated and mixed events, in both periods.

    Of the many hours every third is asked for.
    """
    website.conversations(*_random_events(seed=7))
    days = 14 if bucket != "hour" else 1
    start = datetime(2026, 10, 24, 5, 35, tzinfo=UTC)
    period = {"date_from": stamp(start), "date_to": stamp(start + timedelta(days=days, hours=11))}

    rows = website.ask("kpi_timeseries", **with_buckets(bucket, timezone, **period))

    for name, end in (("current", period["date_to"]), ("previous", period["date_from"])):
        of_period = [row for row in rows if row["period"] == name]
        assert len(of_period) > 2
        for index in {*range(0, len(of_period), 3 if bucket == "hour" else 1), len(of_period) - 1}:
            card = website.ask("inbox_analytics", **_period_of(of_period, index, end))[0]
            assert [of_period[index][column] for column in KPIS] == [card[column] for column in KPIS]
    assert sum(row["ai_resolved"] for row in rows) > 0


@given(
    zone=st.sampled_from(ODD_ZONES),
    first=st.dates(date(2026, 10, 18), date(2026, 11, 1)),
    days=st.integers(3, 29),
    which=st.integers(0, 28),
)
@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], phases=[Phase.generate]
)
def test_the_point_of_a_day_is_that_days_card_whatever_the_range(
    website: LocalWebsite, zone: str, first: date, days: int, which: int
) -> None:
    """A day of a long chart has the numbers of the day opened alone."""
    if not website.ask("inbox_analytics", date_from=FIRST, date_to=LAST)[0]["started"]:
        website.conversations(*_random_events(seed=11))
    timezone = ZoneInfo(zone)
    index = which % days
    bounds = [clock.local_midnight(first + timedelta(days=each), timezone) for each in (0, days)]
    day = [clock.local_midnight(first + timedelta(days=each), timezone) for each in (index, index + 1)]

    rows = website.ask(
        "kpi_timeseries", **with_buckets("day", zone, date_from=stamp(bounds[0]), date_to=stamp(bounds[1]))
    )
    card = website.ask("inbox_analytics", date_from=stamp(day[0]), date_to=stamp(day[1]))[0]

    point = _current(rows)[index]
    assert len(_current(rows)) == days
    assert point["bucket_start"] == stamp(day[0])
    assert [point[column] for column in KPIS] == [card[column] for column in KPIS]


FIRST, LAST = "2026-10-20 00:00:00", "2026-11-09 00:00:00"


def test_period_of_no_length_has_no_rows(website: LocalWebsite) -> None:
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


KOLKATA: Final = {"offset_starts": "0", "offset_seconds": "19800"}


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
        ({"weekday": 4, "hour": 19, **KOLKATA}, [0, 0, 1], [0, 0, 0]),
        ({"handled_by": "ai"}, [1, 0, 0], [0, 0, 0]),
        ({"handled_by": "human"}, [0, 1, 0], [0, 0, 0]),
        ({"escalation": "escalated"}, [0, 1, 0], [0, 0, 0]),
        ({"escalation": "none"}, [1, 0, 1], [1, 0, 0]),
        ({"response_band": 0, "handled_by": "human"}, [0, 0, 0], [0, 0, 0]),
    ],
)
def test_filters_keep_the_conversations_that_pass_them(
    website: LocalWebsite, chosen: dict[str, str | int], started: list[int], before: list[int]
) -> None:
    """In both periods, each by what happened in its bucket; every bucket stays, with the times of what is left."""
    website.conversations(*THREE)

    rows = website.ask("kpi_timeseries", **with_buckets("day", **DAYS, **DAYS_BEFORE), **chosen)

    assert _column(rows, "started") == started
    assert [row["started"] for row in rows if row["period"] == "previous"] == before
    answered = [value for value in _column(rows, "median_response_seconds") if value is not None]
    assert answered == [seconds for seconds, n in zip((240, 1800), started[:2], strict=True) if n]


def test_offsets_decide_the_hour_of_the_week(website: LocalWebsite) -> None:
    """Each start is read on the clock of its own moment: 01:30 before and after London's clocks go back."""
    website.conversations(
        ("2026-10-25 00:30:00", "conversation_started", "01:30 summer time"),
        ("2026-10-25 01:30:00", "conversation_started", "01:30 winter time"),
        ("2026-10-25 02:30:00", "conversation_started", "02:30"),
    )
    period = {"date_from": "2026-10-24 23:00:00", "date_to": "2026-10-26 00:00:00"}
    start, end = (datetime.fromisoformat(each).replace(tzinfo=UTC) for each in period.values())
    offsets = clock.offset_params(start, end, ZoneInfo("Europe/London"))

    rows = website.ask("kpi_timeseries", **period, weekday=7, hour=1, **offsets)

    assert _column(rows, "started") == [2]


@pytest.mark.parametrize(
    ("dimension", "key", "chosen"),
    [
        ("response_band", "1", {"response_band": 1}),
        ("handled_by", "ai", {"handled_by": "ai"}),
        ("escalation", "none", {"escalation": "none"}),
    ],
)
def test_a_filtered_bucket_is_the_breakdown_of_that_bucket(
    website: LocalWebsite, dimension: str, key: str, chosen: dict[str, str | int]
) -> None:
    """Under a filter, a bucket counts the conversations that `conversation_list` has for it alone."""
    website.conversations(*_random_events(seed=len(dimension)))
    period = {"date_from": "2026-10-24 05:35:00", "date_to": "2026-11-07 17:20:00"}

    rows = _current(website.ask("kpi_timeseries", **with_buckets("day", "Europe/London", **period), **chosen))

    for index, row in enumerate(rows):
        alone = _period_of(rows, index, period["date_to"])
        listed = website.ask("conversation_list", **alone, **chosen, limit=1000)
        for column, seconds in (("responded", "response_seconds"), ("resolved", "resolution_seconds")):
            assert row[column] == sum(each[seconds] is not None for each in listed)
        keys = website.ask("conversation_breakdown", **alone)
        chosen_rows = [each for each in keys if (each["dimension"], each["key"]) == (dimension, key)]
        assert len(listed) == sum(each["conversations"] for each in chosen_rows)
