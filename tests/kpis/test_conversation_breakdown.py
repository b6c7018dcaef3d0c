"""Bands, hours, hands, escalations and the list, from rows that can be counted by hand."""

from datetime import UTC, date, datetime, timedelta
from math import inf

import pandas as pd
import pytest

from analytics.kpis import conversation_breakdown
from analytics.schemas import CONVERSATION_BREAKDOWN, CONVERSATION_LIST, CONVERSATIONS_BY_ID, Schema
from analytics.scope.clock import local_midnight, parse_timezone
from analytics.scope.periods import Period
from analytics.scope.tiers import Comparability, Comparable

AT = datetime(2026, 11, 10, 14, 32, tzinfo=UTC)
OPEN = Comparability(is_compared=True, comparable=Comparable(is_ok=True, reason=None, longest_days=10))


def frame(schema: Schema, *rows: dict[str, object]) -> pd.DataFrame:
    """Some rows of an answer; columns that are not given are null."""
    names = [column.name for column in schema.columns]
    return schema.frame(names, [dict.fromkeys(names) | row for row in rows], is_rest=True)


def breakdown(*rows: tuple[str, str, int]) -> pd.DataFrame:
    """Counts per dimension and key, each with a median of ten seconds."""
    return frame(
        CONVERSATION_BREAKDOWN,
        *(
            {
                "dimension": dimension,
                "key": key,
                "conversations": n,
                "median_response_seconds": 10.0,
                "responded": n,
                "resolved": 0,
            }
            for dimension, key, n in rows
        ),
    )


def test_bands_are_six_with_shares_that_add_up() -> None:
    """Empty bands stay; shares are of this time alone; the cumulative share ends at 1."""
    bands = conversation_breakdown.bands(
        breakdown(("response_band", "0", 6), ("response_band", "3", 2), ("resolution_band", "1", 9)),
        "response",
    )
    assert bands["conversations"].tolist() == [6, 0, 0, 2, 0, 0]
    assert bands["share_ratio"].tolist() == [0.75, 0, 0, 0.25, 0, 0]
    assert bands["cumulative_ratio"].tolist() == [0.75, 0.75, 0.75, 1, 1, 1]
    assert bands["longest_seconds"].tolist() == [300, 900, 3600, 14400, 86400, inf]


def test_bands_without_a_conversation_have_no_share() -> None:
    """No share of nothing: NaN and never 0."""
    bands = conversation_breakdown.bands(breakdown(), "resolution")
    assert bands["conversations"].sum() == 0
    assert bands["share_ratio"].isna().all()
    assert bands["cumulative_ratio"].isna().all()


def test_a_week_has_168_hours_monday_first() -> None:
    """Each key lands in its cell; hours without a start count 0 and have no median."""
    week = days("UTC", date(2026, 11, 9), 7)
    hours = conversation_breakdown.hours(
        breakdown(("hour_of_week", "1-0", 3), ("hour_of_week", "7-23", 4)), week
    )
    assert len(hours) == 168
    assert hours.iloc[0][["weekday", "hour", "conversations"]].tolist() == [1, 0, 3]
    assert hours.iloc[-1][["weekday", "hour", "conversations"]].tolist() == [7, 23, 4]
    assert hours["conversations"].sum() == 7
    assert hours["median_response_seconds"].notna().sum() == 2
    assert hours["responded"].sum() == 7
    assert conversation_breakdown.hours(breakdown(), week)["conversations"].tolist() == [0] * 168


def days(timezone: str, first: date, count: int) -> Period:
    """Whole local days."""
    zone = parse_timezone(timezone)
    return Period(local_midnight(first, zone), local_midnight(first + timedelta(days=count), zone), zone)


def test_the_volume_of_an_hour_is_its_average_over_the_times_it_came() -> None:
    """Ten days from a Monday hold two Mondays, Tuesdays and Wednesdays: a hour there counts half."""
    hours = conversation_breakdown.hours(
        breakdown(("hour_of_week", "1-9", 6), ("hour_of_week", "5-9", 6)), days("UTC", date(2026, 11, 9), 10)
    )
    cells = hours.set_index(["weekday", "hour"])
    elapsed, averages = cells["hours_in_period"], cells["conversations_per_hour"]
    assert [(elapsed[cell], averages[cell]) for cell in ((1, 9), (5, 9), (5, 10))] == [(2, 3), (1, 6), (1, 0)]


def test_an_hour_that_is_not_in_the_period_has_no_average() -> None:
    """Not zero: the period has no such hour. A cut hour counts for its part."""
    start = datetime(2026, 11, 9, 8, tzinfo=UTC)
    period = Period(start, start + timedelta(hours=1, minutes=30), parse_timezone("UTC"))
    hours = conversation_breakdown.hours(breakdown(("hour_of_week", "1-9", 2)), period).set_index(
        ["weekday", "hour"]
    )
    averages = hours["conversations_per_hour"]
    assert (averages[1, 8], averages[1, 9]) == (0, 4)
    assert averages.notna().sum() == 2
    assert hours.loc[(1, 10), "hours_in_period"] == 0


@pytest.mark.parametrize(
    ("timezone", "first", "odd"),
    [
        pytest.param("Europe/London", date(2026, 10, 25), {(7, 1): 2.0}, id="an hour twice"),
        pytest.param("Europe/London", date(2026, 3, 29), {(7, 1): 0.0}, id="an hour left out"),
        pytest.param("America/Santiago", date(2026, 9, 6), {(7, 0): 0.0}, id="midnight left out"),
        pytest.param("America/Havana", date(2025, 11, 2), {(7, 0): 2.0}, id="midnight twice"),
        pytest.param("Australia/Lord_Howe", date(2026, 4, 5), {(7, 1): 1.5}, id="half an hour twice"),
        pytest.param(
            "Pacific/Chatham", date(2026, 9, 27), {(7, 2): 0.75, (7, 3): 0.25}, id="at a quarter to"
        ),
        pytest.param("Asia/Kathmandu", date(2026, 9, 27), {}, id="no change"),
    ],
)
def test_hours_of_a_day_whose_clocks_change(
    timezone: str, first: date, odd: dict[tuple[int, int], float]
) -> None:
    """Every hour of that day once, but for those that the clocks repeat, cut or leave out; no other day's."""
    found = conversation_breakdown.hours_of_week(days(timezone, first, 1))
    expected = {(first.isoweekday(), hour): 1.0 for hour in range(24)} | odd
    assert {cell: hours for cell, hours in found.items() if hours or cell in expected} == expected


@pytest.mark.parametrize(
    "timezone", ["Europe/London", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham"]
)
def test_hours_of_any_period_are_counted_as_minute_by_minute(timezone: str) -> None:
    """Forty days over a clock change, cut within an hour at both ends, against a slow count."""
    zone = parse_timezone(timezone)
    start = datetime(2026, 9, 20, 7, 35, tzinfo=UTC)
    period = Period(start, start + timedelta(days=40, minutes=25), zone)
    slow = dict.fromkeys(conversation_breakdown.hours_of_week(period), 0)
    for step in range((40 * 1440 + 25) // 5):
        local = (start + timedelta(minutes=5 * step)).astimezone(zone)
        slow[local.isoweekday(), local.hour] += 1
    found = conversation_breakdown.hours_of_week(period)
    assert found == pytest.approx({cell: steps / 12 for cell, steps in slow.items()})
    assert list(found)[:2] == [(1, 0), (1, 1)]


def test_ai_and_people_stand_beside_each_other() -> None:
    """Both rows always, in one order; shares of the resolved."""
    both = conversation_breakdown.handled(breakdown(("handled_by", "human", 1), ("handled_by", "ai", 3)))
    assert both["handled_by"].tolist() == ["ai", "human"]
    assert both["share_ratio"].tolist() == [0.75, 0.25]
    alone = conversation_breakdown.handled(breakdown(("handled_by", "human", 2)))
    assert alone["conversations"].tolist() == [0, 2]
    assert pd.isna(alone["median_response_seconds"][0])
    assert conversation_breakdown.handled(breakdown())["share_ratio"].isna().all()


def test_escalated_of_what_is_selected() -> None:
    """Escalated and all."""
    assert conversation_breakdown.escalated_of(
        breakdown(("escalation", "escalated", 2), ("escalation", "none", 8))
    ) == (
        2,
        10,
    )
    assert conversation_breakdown.escalated_of(breakdown()) == (0, 0)


def row(name: str, **facts: object) -> dict[str, object]:
    """A row of the list in which nothing happened but its start."""
    flags = {"is_resolved": 0, "is_ai_resolved": 0, "is_escalated": 0, "total": 3, "total_started_before": 1}
    return {"conversation_id": name, "first_event_at": AT, "started_at": AT, **flags, **facts}


ROWS = frame(
    CONVERSATION_LIST,
    row("c", is_resolved=1, is_ai_resolved=1, resolution_seconds=60.0),
    row("a", is_resolved=1, is_escalated=1, started_at=None),
    row("b"),
)


def test_the_total_is_that_of_the_list_of_the_selection() -> None:
    """Not the sum of a dimension, which its own filter does not narrow."""
    rows = breakdown(("escalation", "escalated", 2), ("escalation", "none", 8), ("total", "", 3))
    assert conversation_breakdown.total_of(rows) == 3


def test_a_breakdown_has_all_parts_of_the_same_rows() -> None:
    """Two answered within five minutes and one resolved by people, on a Monday at nine."""
    rows = breakdown(
        ("response_band", "0", 2),
        ("resolution_band", "1", 1),
        ("hour_of_week", "1-9", 2),
        ("handled_by", "human", 1),
        ("escalation", "none", 2),
        ("total", "", 2),
    )
    found = conversation_breakdown.breakdown(rows, days("UTC", date(2026, 11, 2), 7))
    assert {measure: bands["conversations"].tolist() for measure, bands in found.bands.items()} == {
        "response": [2, 0, 0, 0, 0, 0],
        "resolution": [0, 1, 0, 0, 0, 0],
    }
    assert found.hours.set_index(["weekday", "hour"])["conversations"][1, 9] == 2
    assert found.handled["conversations"].tolist() == [0, 1]
    assert (found.escalated, found.total) == ((0, 2), 2)


def test_the_list_keeps_its_order_and_gains_what_postgres_knows() -> None:
    """Joined by id; a conversation that Postgres does not show stays, marked."""
    known = frame(
        CONVERSATIONS_BY_ID,
        {
            "id": "a",
            "status": "open",
            "started_at": AT,
            "rating": 4,
            "city": "Paris",
            "country_code": "fr",
            "resolved_by": "Ann",
            "topic": "Tea",
        },
        {"id": "c", "status": "resolved", "started_at": AT, "sentiment": "positive", "resolved_by": "Ben"},
    )
    rows = conversation_breakdown.listed(ROWS, known)
    assert tuple(rows.columns) == conversation_breakdown.LISTED_COLUMNS
    assert rows["conversation_id"].tolist() == ["c", "a", "b"]
    assert rows["handled_by"].tolist()[:2] == ["ai", "human"]
    assert pd.isna(rows["handled_by"][2])
    assert rows["is_escalated"].tolist() == [False, True, False]
    assert rows["is_known"].tolist() == [True, True, False]
    assert rows["started_at"][1] == AT
    assert rows["rating"][1] == 4
    assert rows[["country_code", "country"]].to_numpy()[1].tolist() == ["FR", "France"]
    assert rows[["country_code", "country"]].isna().to_numpy()[0].all()
    assert pd.isna(rows["sentiment"][1])
    assert rows["topic"][1] == "Tea"
    assert rows["resolved_by"][1] == "Ann"
    assert rows["resolved_by"].isna().tolist() == [True, False, True], "the AI agent's has no person's name"


@pytest.mark.parametrize(
    ("facts", "status", "is_waiting"),
    [
        ({"status": "open"}, "open", True),
        ({"status": "open", "first_response_at": AT}, "answered", False),
        ({"status": "open", "first_response_at": AT, "escalated_at": AT}, "escalated", False),
        ({"status": "open", "escalated_at": AT}, "escalated", True),
        ({"status": "resolved", "escalated_at": AT}, "resolved", False),
        ({"status": "spam"}, "spam", False),
    ],
)
def test_a_status_says_how_far_a_conversation_is_now(
    facts: dict[str, object], status: str, is_waiting: bool
) -> None:
    """Only what is open and has no answer yet waits, handed to people or not."""
    known = frame(CONVERSATIONS_BY_ID, {"id": "b", **facts})
    seen = conversation_breakdown.listed(ROWS.tail(1), known).iloc[0]
    assert (seen["status"], seen["is_waiting"]) == (status, is_waiting)


def test_without_postgres_the_times_stand_and_nothing_counts_as_deleted() -> None:
    """A source that is down is not a conversation that was deleted."""
    rows = conversation_breakdown.listed(ROWS, None)
    assert tuple(rows.columns) == conversation_breakdown.LISTED_COLUMNS
    assert rows["is_known"].all()
    assert rows[["status", "resolved_by", "topic", "sentiment", "rating", "city"]].isna().all(axis=None)
    assert not rows["is_waiting"].any()
    assert rows["resolution_seconds"][0] == 60


def test_an_empty_page_has_its_columns() -> None:
    """No rows is a list, too."""
    empty = frame(CONVERSATION_LIST)
    assert tuple(conversation_breakdown.listed(empty, None).columns) == conversation_breakdown.LISTED_COLUMNS
    assert (
        tuple(conversation_breakdown.listed(empty, frame(CONVERSATIONS_BY_ID)).columns)
        == conversation_breakdown.LISTED_COLUMNS
    )


def test_the_share_in_time_is_compared_as_a_rate() -> None:
    """94 of 100 against 60 of 100 is better; without the period before there is no change."""
    after, before = (
        conversation_breakdown.bands(
            breakdown(("response_band", "0", fast), ("response_band", "4", 100 - fast)), "response"
        )
        for fast in (94, 60)
    )
    delta = conversation_breakdown.in_time(after, before, 1, OPEN, "responses")
    assert (delta.unit, delta.verdict) == ("pp", "better")
    assert delta.change == pytest.approx(34)
    assert conversation_breakdown.in_time(before, after, 1, OPEN, "responses").verdict == "worse"
    assert conversation_breakdown.in_time(after, None, 1, OPEN, "responses").verdict == "not_comparable"


@pytest.mark.parametrize(("total", "pages"), [(0, 1), (1, 1), (25, 1), (26, 2)])
def test_a_listing_has_at_least_one_page(total: int, pages: int) -> None:
    """Empty ones too; a page more for the first row that does not fit."""
    assert conversation_breakdown.Listing(ROWS, total, 1).page_count == pages
