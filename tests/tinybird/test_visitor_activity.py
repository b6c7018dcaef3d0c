"""visitor_activity against rows that can be counted by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.tinybird.website import LocalWebsite, Row, ago, stamp


def _minutes(rows: list[Row]) -> list[datetime]:
    return [datetime.strptime(row["minute"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) for row in rows]


@pytest.mark.parametrize(("parameters", "count"), [({}, 30), ({"minutes": 1}, 1), ({"minutes": 90}, 90)])
def test_every_minute_is_there(website: LocalWebsite, parameters: dict[str, int], count: int) -> None:
    """As many rows as minutes, a minute apart, up to the current one, all zero without visitors."""
    before = ago().replace(second=0)
    rows = website.ask("visitor_activity", **parameters)

    minutes = _minutes(rows)
    assert [list(row) for row in rows] == [["minute", "visitors", "newest_event"]] * count
    assert [(row["visitors"], row["newest_event"]) for row in rows] == [(0, None)] * count
    assert before <= minutes[-1] <= ago()
    assert minutes == [minutes[-1] - timedelta(minutes=back) for back in reversed(range(count))]


def test_visitors_count_once_in_each_minute(website: LocalWebsite) -> None:
    """A visitor seen twice in a minute counts once there, and again in the next; page views do not count."""
    minute = ago(minutes=5).replace(second=0)
    for visitor, second in [("v1", 0), ("v1", 59), ("v2", 30), ("v1", 60), ("v3", 119)]:
        website.visit(visitor, minute + timedelta(seconds=second))
    website.visit("v4", minute + timedelta(seconds=61), "page_view")
    website.visit("old", ago(minutes=31))
    website.visit("future", ago(minutes=-2))

    rows = website.ask("visitor_activity")

    assert {row["minute"]: row["visitors"] for row in rows if row["visitors"]} == {
        stamp(minute): 2,
        stamp(minute + timedelta(minutes=1)): 2,
    }


def test_newest_event_of_the_window_is_in_every_row(website: LocalWebsite) -> None:
    """It is the newest of any type, and none from the future."""
    website.visit("v1", ago(minutes=3))
    newest = website.visit("v1", ago(seconds=20), "page_view")
    website.visit("v1", ago(minutes=-5))

    assert {row["newest_event"] for row in website.ask("visitor_activity")} == {stamp(newest)}
