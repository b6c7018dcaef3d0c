"""Conversations are realistic: their times, answers and ratings."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from statistics import mean, median
from zoneinfo import ZoneInfo

import pytest

from analytics.local.demo.content.comments import HOSTILE, comment
from analytics.local.demo.content.customers.websites import HOSTILE_PAGES
from analytics.local.demo.history import History
from tests.local.demo.reading import ANCHOR, Event, Record, moment, website_id


def test_conversations_reach_back_180_days(tables: dict[str, list[Record]]) -> None:
    """Every day from the first one to the anchor has conversations."""
    days = {moment(row["started_at"]).date() for row in tables["conversation"]}
    assert len(days) == 181
    assert min(days) == (datetime.fromtimestamp(ANCHOR, UTC) - timedelta(days=180)).date()


@pytest.mark.parametrize(
    ("slug", "busy", "quiet", "weekend_ratio"),
    [
        ("northwind-outdoor", range(10, 22), range(1, 6), (0.7, 1.1)),
        ("pilot-ledger", range(10, 18), range(6), (0.2, 0.6)),
    ],
)
def test_conversations_follow_the_day_and_the_week(
    history: History,
    tables: dict[str, list[Record]],
    slug: str,
    busy: range,
    quiet: range,
    weekend_ratio: tuple[float, float],
) -> None:
    """Busy by day and quiet by night on the website's own clock; an office has few at weekends, a shop nearly as many."""
    zone = ZoneInfo(next(each.website.timezone for each in history.websites if each.website.slug == slug))
    key = website_id(history, slug)
    starts = [
        moment(row["started_at"]).astimezone(zone)
        for row in tables["conversation"]
        if row["website_id"] == key
    ]
    hours = Counter(start.hour for start in starts)
    assert mean(hours[hour] for hour in busy) > 4 * mean(hours[hour] for hour in quiet)
    weekdays = Counter(start.weekday() for start in starts)
    low, high = weekend_ratio
    assert low < mean([weekdays[5], weekdays[6]]) / mean(weekdays[day] for day in range(5)) < high


def test_numbers_are_believable(
    history: History, counted: list[Record], tables: dict[str, list[Record]]
) -> None:
    """Minutes to a response, more than half handled by AI, ratings around 4.2, as such a product has them."""
    since = datetime.fromtimestamp(ANCHOR, UTC) - timedelta(days=30)
    for slug in ("northwind-outdoor", "northwind-de", "tea-and-crumb", "pilot-ledger"):
        key = website_id(history, slug)
        rows = [row for row in counted if row["website_id"] == key and moment(row["started_at"]) >= since]
        waits = [
            (moment(row["first_response_at"]) - moment(row["started_at"])).total_seconds()
            for row in rows
            if row["first_response_at"]
        ]
        assert 60 < median(waits) < 480
        resolved = [row for row in rows if row["resolved_at"]]
        assert 0.75 < len(resolved) / len(rows) < 0.95
        assert 0.42 < mean(row["resolved_by_ai_agent_id"] is not None for row in resolved) < 0.70
        ratings = [int(str(row["rating"])) for row in tables["feedback"] if row["website_id"] == key]
        assert 3.8 < mean(ratings) < 4.5
        assert set(ratings) == {1, 2, 3, 4, 5}


def test_the_ai_is_fast_and_people_keep_hours(history: History, counted: list[Record]) -> None:
    """Medians in minutes for the AI; at night people take much longer than by day."""
    key = website_id(history, "northwind-outdoor")
    took: dict[str, list[float]] = defaultdict(list)
    for row in counted:
        if row["website_id"] == key and row["resolved_at"]:
            started = moment(row["started_at"])
            by = (
                "ai"
                if row["resolved_by_ai_agent_id"]
                else "day"
                if 9 <= started.hour < 15
                else "night"
                if started.hour < 5
                else "-"
            )
            took[by].append((moment(row["resolved_at"]) - started).total_seconds())
    assert median(took["ai"]) < 15 * 60
    assert 1800 < median(took["day"]) < 8 * 3600
    assert median(took["night"]) > 1.5 * median(took["day"])


def test_the_paid_shop_gets_better_and_the_leaving_customer_worse(
    history: History, counted: list[Record]
) -> None:
    """Comparisons show changes: faster for one customer, slower for the other."""
    anchor = datetime.fromtimestamp(ANCHOR, UTC)

    def response(slug: str, first_day: int, last_day: int) -> float:
        return median(
            (moment(row["first_response_at"]) - moment(row["started_at"])).total_seconds()
            for row in counted
            if row["website_id"] == website_id(history, slug)
            and row["first_response_at"]
            and first_day <= (anchor - moment(row["started_at"])).days < last_day
        )

    assert response("northwind-outdoor", 0, 30) < 0.95 * response("northwind-outdoor", 30, 60)
    assert response("pilot-ledger", 0, 90) > 1.15 * response("pilot-ledger", 90, 180)


def test_ratings_follow_the_wait(counted: list[Record], tables: dict[str, list[Record]]) -> None:
    """Long waits give lower ratings, and sentiment agrees with the rating."""
    conversations = {row["id"]: row for row in counted}
    quick: list[int] = []
    slow: list[int] = []
    by_sentiment: dict[str, list[int]] = defaultdict(list)
    for row in tables["feedback"]:
        talk = conversations.get(row["conversation_id"])
        if talk is None or not talk["first_response_at"]:
            continue
        wait = (moment(talk["first_response_at"]) - moment(talk["started_at"])).total_seconds()
        (quick if wait < 120 else slow if wait > 3600 else []).append(int(str(row["rating"])))
        by_sentiment[str(talk["sentiment"])].append(int(str(row["rating"])))
    assert mean(quick) > mean(slow) + 0.3
    assert mean(by_sentiment["positive"]) > mean(by_sentiment["neutral"]) > mean(by_sentiment["negative"])


def test_every_kind_of_row_occurs(tables: dict[str, list[Record]]) -> None:
    """Open, resolved and spam; rated and not; with and without confidence; escalated; deleted; test visitors."""
    talks = tables["conversation"]
    assert {row["status"] for row in talks} == {"open", "resolved", "spam"}
    assert {row["sentiment"] for row in talks} == {"positive", "neutral", "negative", None}
    assert any(row["sentiment"] and row["sentiment_confidence"] is None for row in talks)
    assert all(row["sentiment_confidence"] is None for row in talks if row["sentiment"] is None)
    assert all(0 <= float(row["sentiment_confidence"]) <= 1 for row in talks if row["sentiment_confidence"])
    assert {row["resolution_time"] is None for row in talks if row["resolved_at"]} == {True, False}
    assert any(row["escalated_at"] for row in talks)
    assert any(row["deleted_at"] for row in talks)
    assert any(row["deleted_at"] for row in tables["feedback"])
    assert any(row["is_test"] for row in tables["visitor"])
    assert any(row["comment"] is None for row in tables["feedback"])


def test_hostile_texts_are_among_them(tables: dict[str, list[Record]], visits: list[Event]) -> None:
    """Comments and pages with markup, formulas and control characters occur, so that the demo exercises escaping."""
    written = {row["comment"] for row in tables["feedback"]}
    assert {"<img src=x onerror=alert(1)>", HOSTILE[1]} <= written
    assert any(event["page_url"].endswith(HOSTILE_PAGES[0][0]) for event in visits)


def test_a_comment_that_is_chosen_by_a_negative_number_is_none() -> None:
    """A negative number gives a rating without a comment."""
    assert comment(5, "delivery", -1, is_german=False) is None
