"""website_freshness against rows that can be counted by hand; other tests' websites are in it too."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.tinybird.website import LocalWebsite, Row, ago, stamp

MakeWebsite = Callable[[], LocalWebsite]


def _row(website: LocalWebsite, **parameters: int) -> Row | None:
    answer = website.request("website_freshness", **parameters)
    assert answer.status_code == 200, answer.text
    rows = [row for row in answer.json()["data"] if row["website_id"] == website.id]
    return rows[0] if rows else None


def test_a_website_without_events_has_no_row(website: LocalWebsite) -> None:
    """Neither has one whose events are older than 30 days."""
    website.conversations((stamp(ago(days=31)), "conversation_started", "c1"))
    assert _row(website, limit=10_000) is None


def test_both_data_sources_count_and_the_usual_gap_is_the_second_longest(website: LocalWebsite) -> None:
    """Minutes 0, 10, 40, 340, 345 of a day have gaps of 10, 30, 300 and 5 minutes."""
    first = ago(days=2).replace(hour=0, minute=0, second=30)
    for minutes in (0, 10, 345):
        website.visit("v1", first + timedelta(minutes=minutes))
    website.visit("v1", first + timedelta(seconds=10))
    website.conversations(
        *((stamp(first + timedelta(minutes=minutes)), "escalated", "c1") for minutes in (40, 340))
    )
    row = _row(website, limit=10_000)
    assert row is not None
    assert list(row) == ["website_id", "newest_event", "events", "ahead", "usual_gap_seconds", "websites"]
    assert row["newest_event"] == stamp(first + timedelta(minutes=345))
    assert (row["events"], row["ahead"], row["usual_gap_seconds"]) == (6, 0, 30 * 60)


@pytest.mark.parametrize(("minutes", "gap"), [((5,), None), ((5, 9), None), ((5, 9, 12), 3 * 60)])
def test_two_gaps_are_needed_to_call_one_usual(
    website: LocalWebsite, minutes: tuple[int, ...], gap: int | None
) -> None:
    """Fewer than three minutes with events have none."""
    for each in minutes:
        website.visit("v1", ago(minutes=each).replace(second=0))
    row = _row(website, limit=10_000)
    assert row is not None
    assert row["usual_gap_seconds"] == gap


def test_events_dated_in_the_future_wait_for_their_time(website: LocalWebsite) -> None:
    """They are counted in `ahead` alone."""
    website.visit("v1", ago(minutes=-10))
    row = _row(website, limit=10_000)
    assert row is not None
    assert (row["newest_event"], row["events"], row["ahead"], row["usual_gap_seconds"]) == (None, 0, 1, None)


def test_the_latest_for_its_gap_is_first_and_the_limit_says_how_many_there_are(website: LocalWebsite) -> None:
    """An age of 29 days against gaps of a minute comes before everything else here."""
    for minutes in (0, 1, 2):
        website.visit("v1", ago(days=29) + timedelta(minutes=minutes))
    rows = website.request("website_freshness", limit=10_000).json()["data"]
    first = website.request("website_freshness", limit=1).json()["data"]
    assert [row["website_id"] for row in first] == [rows[0]["website_id"]]
    assert {row["websites"] for row in (*rows, *first)} == {len(rows)}
    late = [row["website_id"] for row in rows].index(website.id)
    assert all(row["newest_event"] <= stamp(ago(days=28)) for row in rows[:late])
