"""Who resolved the conversations of a period first, and what lasted: events that can be counted by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.tinybird.website import Event, LocalWebsite, stamp

Row = dict[str, Any]
START = datetime(2026, 11, 1, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
PERIOD = {
    "date_from": "2026-11-01 00:00:00",
    "date_to": "2026-11-15 00:00:00",
    "prev_date_from": "2026-10-18 00:00:00",
    "prev_date_to": "2026-11-01 00:00:00",
}
RESOLVED, AI = "conversation_resolved", "ai_resolved"
NONE = {
    "conversations": 0,
    "escalated": 0,
    "known": 0,
    "durable": 0,
    "came_back_early": 0,
    "open_now": 0,
    "responded": 0,
}


def conversation(name: str, at: datetime, *then: tuple[str, timedelta]) -> list[Event]:
    """A conversation that starts at an instant, with further events so long after its start."""
    events: list[Event] = [(stamp(at), "conversation_started", name)]
    timed = {"first_response", RESOLVED, AI}
    for kind, after in then:
        events.append((stamp(at + after), kind, name, after.total_seconds() if kind in timed else 0))
    return events


def asked(website: LocalWebsite, **parameters: str | int) -> dict[tuple[str, str], Row]:
    """The six rows, by period and side."""
    rows = website.ask("resolution_outcomes", **{**PERIOD, **parameters})
    assert [(row["period"], row["first_resolved_by"]) for row in rows] == [
        (period, side) for period in ("current", "previous") for side in ("ai", "none", "people")
    ]
    return {(row["period"], row["first_resolved_by"]): row for row in rows}


def counts(row: Row, *names: str) -> tuple[int, ...]:
    """Some counts of a row."""
    return tuple(row[name] for name in names)


def test_no_conversation_is_six_rows_of_zero(website: LocalWebsite) -> None:
    """Medians are null, never NaN; the bounds are those that were asked."""
    rows = asked(website)
    for (period, _), row in rows.items():
        assert {name: row[name] for name in NONE} == NONE
        assert all(value is None for name, value in row.items() if name.startswith("median"))
        assert row["starts_at"] == PERIOD["date_from" if period == "current" else "prev_date_from"]
    assert "nan" not in " ".join(website.csv("resolution_outcomes", **PERIOD)).lower()


def test_the_first_resolution_decides_and_each_conversation_is_in_one_part(website: LocalWebsite) -> None:
    """Five conversations: the AI's, the AI's and then a person's, two of people with one handed over, one open and handed over."""
    hour = timedelta(hours=1)
    website.conversations(
        *conversation("a", START, ("first_response", 10 * SECOND), (RESOLVED, hour), (AI, hour)),
        *conversation("b", START, (AI, hour), (RESOLVED, 2 * DAY)),
        *conversation("c", START, ("first_response", 30 * SECOND), ("escalated", hour), (RESOLVED, 3 * hour)),
        *conversation("d", START, (RESOLVED, 5 * hour)),
        *conversation("e", START, ("escalated", hour)),
    )
    rows = asked(website)
    shown = ("conversations", "escalated", "responded")
    assert counts(rows["current", "ai"], *shown) == (2, 0, 1)
    assert counts(rows["current", "people"], *shown) == (2, 1, 1)
    assert counts(rows["current", "none"], *shown) == (1, 1, 0)
    assert rows["current", "ai"]["median_response_seconds"] == 10
    assert rows["current", "ai"]["median_resolution_seconds"] == 3600
    assert rows["current", "people"]["median_resolution_seconds"] == 4 * 3600
    assert rows["current", "none"]["median_resolution_seconds"] is None


@pytest.mark.parametrize(
    ("after", "who"),
    [
        pytest.param(60 * SECOND, "ai", id="60 s later"),
        pytest.param(61 * SECOND, "people", id="61 s later"),
    ],
)
def test_two_resolutions_within_60_s_are_one(website: LocalWebsite, after: timedelta, who: str) -> None:
    """It is the AI's if its event is among them; a later one is another resolution."""
    website.conversations(*conversation("a", START, (RESOLVED, DAY), (AI, DAY + after)))
    row = asked(website)["current", who]
    assert counts(row, "conversations", "known", "durable") == (1, 1, int(who == "ai"))


@pytest.mark.parametrize(
    ("again", "durable"),
    [
        pytest.param(7 * DAY - SECOND, 0, id="a second before 7 days"),
        pytest.param(7 * DAY, 1, id="after 7 days"),
    ],
)
def test_durable_is_not_resolved_again_within_7_days(
    website: LocalWebsite, again: timedelta, durable: int
) -> None:
    """By either side; half-open."""
    website.conversations(*conversation("a", START, (AI, DAY), (RESOLVED, DAY + again)))
    assert counts(asked(website)["current", "ai"], "known", "durable") == (1, durable)


@pytest.mark.parametrize(
    ("watched", "known"),
    [
        pytest.param(0, 0, id="not at the period's end"),
        pytest.param(86_400 - 1, 0, id="not a second before"),
        pytest.param(86_400, 1, id="when 7 days are over"),
    ],
)
def test_what_is_not_watched_for_7_days_is_not_known(website: LocalWebsite, watched: int, known: int) -> None:
    """Resolved six days before the end, it needs one more day; never durable before."""
    website.conversations(*conversation("a", START, (AI, 8 * DAY)))
    row = asked(website, watch_seconds=watched)["current", "ai"]
    assert counts(row, "conversations", "known", "durable") == (1, known, known)


def test_who_comes_back_early_is_not_among_the_known(website: LocalWebsite) -> None:
    """Known early is only what failed: counted, it would make the share too low."""
    website.conversations(*conversation("a", START, (AI, 12 * DAY), (RESOLVED, 13 * DAY)))
    row = asked(website)["current", "ai"]
    assert counts(row, "conversations", "known", "durable", "came_back_early") == (1, 0, 0, 1)


def test_both_periods_are_judged_at_the_same_age(website: LocalWebsite) -> None:
    """The same conversation in each, resolved three days after its period: neither knows it at the end, both five days later."""
    for name, end in (("now", START + 14 * DAY), ("before", START)):
        website.conversations(*conversation(name, end - DAY, (AI, 4 * DAY)))
    at_end, later = asked(website), asked(website, watch_seconds=5 * 86_400)
    for period in ("current", "previous"):
        assert (at_end[period, "ai"]["conversations"], at_end[period, "none"]["conversations"]) == (0, 1)
        assert (later[period, "ai"]["conversations"], later[period, "none"]["conversations"]) == (1, 0)


def test_the_cohort_starts_in_the_period(website: LocalWebsite) -> None:
    """Half-open; what starts while the period is only watched belongs to no cohort."""
    for name, at in (
        ("early", START - SECOND),
        ("first", START),
        ("last", START + 14 * DAY - SECOND),
        ("late", START + 14 * DAY),
    ):
        website.conversations(*conversation(name, at))
    rows = asked(website, watch_seconds=86_400)
    assert rows["current", "none"]["conversations"] == 2
    assert rows["previous", "none"]["conversations"] == 1


@pytest.mark.parametrize(
    ("changed", "durable"),
    [
        pytest.param(7 * DAY - SECOND, 0, id="changed within the 7 days"),
        pytest.param(7 * DAY, 1, id="changed after them"),
    ],
)
def test_what_is_open_again_within_7_days_is_not_durable(
    website: LocalWebsite, changed: timedelta, durable: int
) -> None:
    """Only the one that is named, and one that was never resolved stays in no side."""
    for name in ("a", "b"):
        website.conversations(*conversation(name, START, (AI, DAY)))
    website.conversations(*conversation("open", START))
    at = int((START + DAY + changed).timestamp())
    rows = asked(website, open_ids="a,open", open_changes=f"{at},{at}")
    assert counts(rows["current", "ai"], "known", "durable") == (2, 1 + durable)
    assert counts(rows["current", "none"], "conversations", "known", "durable") == (1, 0, 0)
    assert [rows["current", side]["open_now"] for side in ("ai", "people", "none")] == [1, 0, 1]


def test_an_interval_needs_six_values(website: LocalWebsite) -> None:
    """The ends of the order-statistic interval of six are the smallest and the largest; of five there is none."""
    for number in range(1, 7):
        website.conversations(*conversation(f"a{number}", START, (AI, number * SECOND)))
    for number in range(1, 6):
        website.conversations(*conversation(f"p{number}", START, (RESOLVED, number * SECOND)))
    rows = asked(website)
    ends = [f"median_resolution_{end}seconds" for end in ("low_", "", "high_")]
    assert [rows["current", "ai"][end] for end in ends] == [1, 3.5, 6]
    assert [rows["current", "people"][end] for end in ends] == [None, 3, None]


def test_impossible_durations_count_nowhere(website: LocalWebsite) -> None:
    """As in inbox_analytics: an event that the emitter refuses is no resolution."""
    website.conversations(*conversation("a", START))
    website.conversations((stamp(START + DAY), AI, "a", -1.0))
    assert asked(website)["current", "none"]["conversations"] == 1
