"""conversation_list against rows that can be counted by hand, and what both conversation pipes refuse."""

import pytest

from tests.tinybird.test_conversation_breakdown import PERIOD, WEEK, offsets
from tests.tinybird.website import LocalWebsite

BOTH = ("conversation_breakdown", "conversation_list")


@pytest.fixture
def week(website: LocalWebsite) -> LocalWebsite:
    """The website with the four conversations of the breakdown."""
    website.conversations(*WEEK)
    return website


def ids(website: LocalWebsite, **parameters: str | int) -> list[str]:
    """The conversations that pass, in order."""
    rows = website.ask("conversation_list", **PERIOD, **parameters)
    assert {row["total"] for row in rows} <= {len(rows)} or "limit" in parameters
    return [row["conversation_id"] for row in rows]


def test_each_conversation_is_one_row_newest_first(week: LocalWebsite) -> None:
    """What happened in the period, and NULL for what did not."""
    assert week.ask("conversation_list", **PERIOD) == [
        _row("c", "2026-11-15 23:30:00"),
        _row("b", "2026-11-09 09:50:00", 7200, 172800, is_resolved=1, is_escalated=1),
        _row("a", "2026-11-09 09:10:00", 60, 600, is_resolved=1, is_ai_resolved=1),
        _row("d", "2026-11-09 00:00:00", None, 50400, is_resolved=1) | {"started_at": None},
    ]


def _row(
    conversation: str,
    at: str,
    response: int | None = None,
    resolution: int | None = None,
    *,
    is_resolved: int = 0,
    is_ai_resolved: int = 0,
    is_escalated: int = 0,
) -> dict[str, str | int | None]:
    return {
        "conversation_id": conversation,
        "first_event_at": at,
        "started_at": at,
        "response_seconds": response,
        "resolution_seconds": resolution,
        "is_resolved": is_resolved,
        "is_ai_resolved": is_ai_resolved,
        "is_escalated": is_escalated,
        "total": 4,
        "total_started_before": 1,
    }


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"response_band": 0}, ["a"]),
        ({"response_band": 5}, []),
        ({"resolution_band": 4}, ["d"]),
        ({"weekday": 1, "hour": 9}, ["b", "a"]),
        ({"weekday": 1, "hour": 5, **offsets("Asia/Kolkata")}, ["c"]),
        ({"weekday": 1, "hour": 0}, []),
        ({"handled_by": "ai"}, ["a"]),
        ({"handled_by": "human"}, ["b", "d"]),
        ({"escalation": "escalated"}, ["b"]),
        ({"escalation": "none"}, ["c", "a", "d"]),
        ({"weekday": 1, "hour": 9, "handled_by": "ai", "resolution_band": 1}, ["a"]),
    ],
)
def test_filters_narrow_together(
    week: LocalWebsite, chosen: dict[str, str | int], expected: list[str]
) -> None:
    """Every filter given applies; the total follows."""
    assert ids(week, **chosen) == expected


def test_the_list_has_as_many_rows_as_the_breakdown_says(week: LocalWebsite) -> None:
    """A number can be followed to its rows: each key's count is the total of the list filtered by it."""
    rows = week.ask("conversation_breakdown", **PERIOD)
    for row in rows:
        if row["dimension"] == "hour_of_week":
            weekday, hour = row["key"].split("-")
            chosen: dict[str, str | int] = {"weekday": weekday, "hour": hour}
        else:
            chosen = {row["dimension"]: row["key"]} if row["key"] else {}
        assert len(ids(week, **chosen)) == row["conversations"], row


def test_pages_follow_one_another(week: LocalWebsite) -> None:
    """Limit and offset cut one order; the total stays; past the end there are no rows."""
    assert [ids(week, limit=2, offset=offset) for offset in (0, 2, 4)] == [["c", "b"], ["a", "d"], []]
    assert {row["total"] for row in week.ask("conversation_list", **PERIOD, limit=1)} == {4}


def test_conversations_of_one_second_keep_their_order(website: LocalWebsite) -> None:
    """Ties are broken by id, so that no row is on two pages."""
    website.conversations(*(("2026-11-10 09:00:00", "conversation_started", name) for name in "cab"))

    assert ids(website) == ["a", "b", "c"]


def test_nothing_gives_no_rows(website: LocalWebsite) -> None:
    """An empty period is an empty answer."""
    assert website.ask("conversation_list", **PERIOD) == []


@pytest.mark.parametrize("seconds", [-5, 4e9])
def test_an_impossible_duration_costs_its_event_alone(week: LocalWebsite, seconds: float) -> None:
    """What the emitter refuses and another producer sends is in no number; the conversations beside it stay."""
    asked = ("inbox_analytics", "conversation_breakdown", "conversation_list", "kpi_timeseries")
    before = [week.ask(pipe, **PERIOD) for pipe in asked]
    week.conversations(
        ("2026-11-12 08:00:00", "first_response", "a", seconds),
        ("2026-11-12 09:00:00", "ai_resolved", "c", seconds),
        ("2026-11-12 09:00:00", "conversation_resolved", "only this", seconds),
    )

    assert [week.ask(pipe, **PERIOD) for pipe in asked] == before
    stored = week.ask("conversation_events", **PERIOD)
    assert [row["duration_seconds"] for row in stored].count(seconds) == 3
