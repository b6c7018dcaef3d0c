"""event_volume against rows that can be counted by hand."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from analytics.scope import clock
from tests.tinybird.website import LocalWebsite, Row, ago, stamp

COLUMNS = ["datasource", "event_type", "day_start", "events", "longest_quiet_seconds"]


def _days(count: int = 30, timezone: str = "UTC") -> dict[str, str]:
    return {"day_starts": clock.unix_seconds(clock.day_starts(datetime.now(UTC), count, ZoneInfo(timezone)))}


def _midnight(day: date, timezone: str = "UTC") -> str:
    return stamp(clock.local_midnight(day, ZoneInfo(timezone)))


def _of(rows: list[Row], event_type: str) -> list[Row]:
    return [row for row in rows if row["event_type"] == event_type]


def _today(timezone: str) -> date:
    return datetime.now(UTC).astimezone(ZoneInfo(timezone)).date()


@pytest.mark.parametrize("count", [1, 30, 90])
def test_every_known_type_is_there_on_every_day(website: LocalWebsite, count: int) -> None:
    """Without data: eight types by as many days as asked for, the last being today, all 0 and nothing to say."""
    rows = website.ask("event_volume", **_days(count))

    assert [list(row) for row in rows] == [COLUMNS] * 8 * count
    assert {(row["events"], row["longest_quiet_seconds"]) for row in rows} == {(0, None)}
    assert [(row["datasource"], row["event_type"]) for row in rows[::count]] == [
        ("conversation_metrics", "ai_resolved"),
        ("conversation_metrics", "conversation_resolved"),
        ("conversation_metrics", "conversation_started"),
        ("conversation_metrics", "escalated"),
        ("conversation_metrics", "feedback_submitted"),
        ("conversation_metrics", "first_response"),
        ("visitor_events", "page_view"),
        ("visitor_events", "seen"),
    ]
    today = _today("UTC")
    assert [row["day_start"] for row in rows[:count]] == [
        _midnight(today - timedelta(days=back)) for back in reversed(range(count))
    ]


def test_events_count_on_their_day(website: LocalWebsite) -> None:
    """Duplicates count, other types have rows of their own, older and future events stay out."""
    noon = ago(days=3).replace(hour=12, minute=0, second=0)
    for at in (noon, noon, noon + timedelta(days=1)):
        website.visit("v1", at)
    website.visit("v1", ago(minutes=-5))
    website.conversations(
        (stamp(ago(days=31)), "conversation_started", "c1"), (stamp(noon), "reopened", "c1")
    )

    rows = website.ask("event_volume", **_days(7))

    assert {(row["event_type"], row["day_start"]): row["events"] for row in rows if row["events"]} == {
        ("reopened", _midnight(noon.date())): 1,
        ("seen", _midnight(noon.date())): 2,
        ("seen", _midnight(noon.date() + timedelta(days=1))): 1,
    }
    assert {row["datasource"] for row in _of(rows, "reopened")} == {"conversation_metrics"}
    assert len(_of(rows, "reopened")) == 7


def test_the_longest_quiet_time_lies_between_two_events(website: LocalWebsite) -> None:
    """To the minute, the same in every row; neither what went before the first nor what is since the last counts."""
    first = ago(days=2).replace(hour=0, minute=0, second=30)
    for minutes in (0, 60, 200, 210):
        website.visit("v1", first + timedelta(minutes=minutes))
    website.visit("v1", first, "page_view")

    rows = website.ask("event_volume", **_days(5))

    assert {row["longest_quiet_seconds"] for row in _of(rows, "seen")} == {140 * 60}
    assert {row["longest_quiet_seconds"] for row in _of(rows, "page_view")} == {None}


def test_quiet_before_the_window_is_not_seen(website: LocalWebsite) -> None:
    """An event of before the first day bounds no quiet time in it."""
    noon = ago(days=1).replace(hour=12, minute=0, second=0)
    website.visit("v1", noon - timedelta(days=5))
    website.visit("v1", noon)
    website.visit("v1", noon + timedelta(minutes=7))

    rows = website.ask("event_volume", **_days(3))

    assert {row["longest_quiet_seconds"] for row in _of(rows, "seen")} == {7 * 60}


@pytest.mark.parametrize(
    "timezone",
    ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "Europe/London", "America/Santiago"],
)
def test_a_day_runs_from_local_midnight_to_local_midnight(website: LocalWebsite, timezone: str) -> None:
    """The seconds around midnight fall on either side of it, however far the place is from UTC."""
    zone = ZoneInfo(timezone)
    day = _today(timezone) - timedelta(days=2)
    midnight = datetime.combine(day, datetime.min.time(), zone).astimezone(UTC)
    website.visit("v1", midnight - timedelta(seconds=1))
    website.visit("v1", midnight)
    website.visit("v1", midnight + timedelta(seconds=59))

    rows = website.ask("event_volume", **_days(timezone=timezone))
    seen = {row["day_start"]: row["events"] for row in _of(rows, "seen")}

    assert seen[_midnight(day, timezone)] == 2
    assert seen[_midnight(day - timedelta(days=1), timezone)] == 1
    assert max(seen) == _midnight(_today(timezone), timezone)


def test_a_day_of_25_hours_is_one_day(website: LocalWebsite) -> None:
    """The clocks went back: the hour that came twice counts on its day, and quiet time is elapsed time.

    Dates from a change of clocks that may lie past the visitors' 30 days: conversation events have no end.
    """
    zone = ZoneInfo("Europe/London")
    change = next(
        day
        for day in (_today("Europe/London") - timedelta(days=back) for back in range(400))
        if datetime.combine(day, datetime.min.time(), zone).utcoffset()
        != datetime.combine(day + timedelta(days=1), datetime.min.time(), zone).utcoffset()
    )
    back = (_today("Europe/London") - change).days + 1
    if back > 90:
        pytest.skip("the last change of clocks lies past the longest window")
    first = datetime.combine(change, datetime.min.time(), zone).astimezone(UTC)
    last = datetime.combine(change + timedelta(days=1), datetime.min.time(), zone).astimezone(UTC)
    website.conversations(
        (stamp(first), "escalated", "c1"), (stamp(last - timedelta(minutes=1)), "escalated", "c1")
    )

    rows = _of(website.ask("event_volume", **_days(back, "Europe/London")), "escalated")

    assert {row["day_start"]: row["events"] for row in rows if row["events"]} == {stamp(first): 2}
    assert {row["longest_quiet_seconds"] for row in rows} == {(last - first).total_seconds() - 60}
