"""visitor_timeseries against rows that can be counted by hand, and against its sisters."""

from datetime import datetime, timedelta

import pytest

from analytics.scope.clock import Bucket
from tests.timezones import ODD_ZONES
from tests.tinybird.website import LocalWebsite, Row, ago, dice, stamp, with_buckets

COLUMNS = ["period", "bucket_start", "bucket_index", "visitors", "sessions", "page_views"]
MIDNIGHT = ago(days=3).replace(hour=0, minute=0, second=0)
DAY = timedelta(days=1)
PERIOD = with_buckets("day", date_from=stamp(MIDNIGHT), date_to=stamp(MIDNIGHT + 2 * DAY))


def _event(visitor: str, at: datetime, event_type: str = "seen", **columns: str) -> Row:
    return {
        "visitor_id": visitor,
        "session_id": f"{visitor}-1",
        "timestamp": stamp(at),
        "event_type": event_type,
        "country_code": "FR",
        **columns,
    }


def _column(rows: list[Row], name: str, period: str = "current") -> list[int | None]:
    return [row[name] for row in rows if row["period"] == period]


def test_empty_periods_are_filled_with_zeros(website: LocalWebsite) -> None:
    """Every bucket of both periods is there, in order."""
    rows = website.ask("visitor_timeseries", **PERIOD)

    assert [list(row) for row in rows] == [COLUMNS] * 4
    assert rows == [
        dict(zip(COLUMNS, [period, stamp(MIDNIGHT + days * DAY), index, 0, 0, 0], strict=True))
        for period, days, index in [
            ("current", 0, 0),
            ("current", 1, 1),
            ("previous", -2, 0),
            ("previous", -1, 1),
        ]
    ]


def test_buckets_count_visitors_sessions_and_page_views(website: LocalWebsite) -> None:
    """A visitor of two days counts in both; bounds are half-open; page views alone make no visitor."""
    second = timedelta(seconds=1)
    website.visits(
        _event("v1", MIDNIGHT),
        _event("v1", MIDNIGHT + second, session_id="v1-2"),
        _event("v1", MIDNIGHT + DAY, "page_view"),
        _event("v1", MIDNIGHT + DAY),
        _event("v2", MIDNIGHT + DAY - second),
        _event("ghost", MIDNIGHT, "page_view"),
        _event("before", MIDNIGHT - second),
        _event("after", MIDNIGHT + 2 * DAY),
    )

    rows = website.ask("visitor_timeseries", **PERIOD)

    assert _column(rows, "visitors") == [2, 1]
    assert _column(rows, "sessions") == [3, 1]
    assert _column(rows, "page_views") == [1, 1]
    assert _column(rows, "visitors", "previous") == [0, 1]


def test_expired_buckets_are_unknown_and_not_zero(website: LocalWebsite) -> None:
    """A bucket that starts more than 30 days ago has NULLs: its events have expired."""
    today = ago().replace(hour=0, minute=0, second=0)

    rows = website.ask(
        "visitor_timeseries",
        **with_buckets("day", date_from=stamp(today - 32 * DAY), date_to=stamp(today)),
    )

    for column in COLUMNS[3:]:
        assert _column(rows, column) == [None, None, None, *[0] * 29]


@pytest.mark.parametrize("timezone", ODD_ZONES)
@pytest.mark.parametrize("bucket", ["hour", "day", "week"])
def test_buckets_are_those_of_kpi_timeseries(website: LocalWebsite, timezone: str, bucket: Bucket) -> None:
    """Both charts have the edges that they are given, in any timezone."""
    around = with_buckets(bucket, timezone, date_from="2026-10-23 12:00:00", date_to="2026-11-03 12:00:00")

    rows = website.ask("visitor_timeseries", **around)
    others = website.ask("kpi_timeseries", **around)

    edges = [[row[column] for column in COLUMNS[:3]] for row in rows]
    assert edges == [[row[column] for column in COLUMNS[:3]] for row in others]
    assert len(edges) >= 4


def test_visitors_are_those_of_kpi_timeseries_and_a_bucket_is_a_period_of_its_own(
    website: LocalWebsite,
) -> None:
    """Without filters the line is Overview's; a bucket is the total row of visitor_breakdown for it alone, also filtered."""
    roll = dice(3)
    website.visits(
        *(
            _event(
                f"v{roll.randrange(80)}",
                MIDNIGHT + timedelta(seconds=roll.randrange(-2 * 86_400, 2 * 86_400)),
                roll.choice(["seen", "page_view"]),
                session_id=f"s{roll.randrange(4)}",
                country_code=roll.choice(["FR", "DE", ""]),
            )
            for _ in range(400)
        )
    )

    rows = website.ask("visitor_timeseries", **PERIOD)
    others = website.ask("kpi_timeseries", **PERIOD)
    assert [row["visitors"] for row in rows] == [row["unique_visitors"] for row in others]
    assert min(row["visitors"] for row in rows) > 0

    for filters in ({}, {"country_code": "FR"}, {"country_code": "-"}):
        for index, day in enumerate(website.ask("visitor_timeseries", **PERIOD, **filters)[:2]):
            start = MIDNIGHT + index * DAY
            alone = {"date_from": stamp(start), "date_to": stamp(start + DAY)}
            total = next(
                row
                for row in website.ask("visitor_breakdown", **alone, **filters)
                if row["dimension"] == "total"
            )
            assert [day[column] for column in COLUMNS[3:]] == [total[column] for column in COLUMNS[3:]]


@pytest.mark.parametrize(
    ("filters", "visitors"),
    [
        ({"country_code": "DE"}, [1, 0]),
        ({"country_code": "-"}, [1, 0]),
        ({"city": "Ulm", "city_country_code": "DE"}, [1, 0]),
        ({"device_type": "mobile", "browser": "Safari"}, [0, 1]),
        ({"page_url": "/x?a='"}, [0, 1]),
        ({"browser": "'; DROP TABLE visitor_events; --"}, [0, 0]),
    ],
)
def test_filters_match_exactly_and_combine(
    website: LocalWebsite, filters: dict[str, str], visitors: list[int]
) -> None:
    """The same filters as visitor_breakdown; buckets without a match stay, with 0."""
    website.visits(
        _event("v1", MIDNIGHT, country_code="DE", city="Ulm"),
        _event("v2", MIDNIGHT, country_code="", city="Ulm"),
        _event("v3", MIDNIGHT + DAY, device_type="mobile", browser="Safari", page_url="/x?a='"),
    )

    assert _column(website.ask("visitor_timeseries", **PERIOD, **filters), "visitors") == visitors


def test_period_of_no_length_has_no_rows(website: LocalWebsite) -> None:
    """date_from equal to date_to has no bucket."""
    assert website.ask("visitor_timeseries", date_from=stamp(MIDNIGHT), date_to=stamp(MIDNIGHT)) == []
