"""Who gets the credit for a resolved conversation: the AI where the last resolution in the period was the AI's."""

import pytest

from tests.tinybird.website import Event, LocalWebsite

PERIOD = {"date_from": "2026-11-10 00:00:00", "date_to": "2026-11-13 00:00:00"}

RESOLVED, AI = "conversation_resolved", "ai_resolved"

CASES = [
    pytest.param([("10 12:00:00", AI)], "ai", id="AI alone"),
    pytest.param([("10 12:00:00", RESOLVED)], "human", id="person alone"),
    pytest.param([("10 12:00:00", RESOLVED), ("10 12:00:00", AI)], "ai", id="both events of one second"),
    pytest.param([("10 12:00:00", AI), ("10 12:01:00", RESOLVED)], "ai", id="AI's event 60 s older"),
    pytest.param([("10 12:00:00", AI), ("10 12:01:01", RESOLVED)], "human", id="AI's event 61 s older"),
    pytest.param([("10 12:00:00", RESOLVED), ("10 12:00:30", AI)], "ai", id="AI's event is the newer one"),
    pytest.param(
        [("10 12:00:00", RESOLVED), ("10 12:00:00", AI), ("12 12:00:00", RESOLVED)],
        "human",
        id="AI, reopened, person",
    ),
    pytest.param(
        [("10 12:00:00", RESOLVED), ("12 12:00:00", RESOLVED), ("12 12:00:00", AI)],
        "ai",
        id="person, reopened, AI",
    ),
    pytest.param(
        [("10 12:00:00", AI), ("10 12:00:00", RESOLVED), ("13 00:00:00", RESOLVED)],
        "ai",
        id="the person's resolution is at the period's end",
    ),
    pytest.param(
        [("09 23:59:59", AI), ("11 12:00:00", RESOLVED)], "human", id="AI's resolution before the period"
    ),
]


@pytest.mark.parametrize(("resolutions", "handled_by"), CASES)
def test_the_last_resolution_in_the_period_decides(
    website: LocalWebsite, resolutions: list[tuple[str, str]], handled_by: str
) -> None:
    """The totals, the series, the breakdown, the list and their filters all say the same."""
    events: list[Event] = [(f"2026-11-{at}", event_type, "c", 60) for at, event_type in resolutions]
    website.conversations(*events)
    is_ai = handled_by == "ai"

    current = website.ask("inbox_analytics", **PERIOD)[0]
    assert (current["resolved"], current["ai_resolved"], current["ai_handled_ratio"]) == (1, is_ai, is_ai)

    (bucket,) = [row for row in website.ask("kpi_timeseries", **PERIOD) if row["period"] == "current"]
    assert (bucket["resolved"], bucket["ai_resolved"], bucket["ai_handled_ratio"]) == (1, is_ai, is_ai)
    for who in ("ai", "human"):
        series = website.ask("kpi_timeseries", **PERIOD, handled_by=who)
        assert series[0]["resolved"] == (who == handled_by)

    rows = website.ask("conversation_breakdown", **PERIOD)
    assert {row["key"]: row["conversations"] for row in rows if row["dimension"] == "handled_by"} == {
        handled_by: 1
    }
    (row,) = website.ask("conversation_list", **PERIOD)
    assert (row["is_resolved"], row["is_ai_resolved"]) == (1, is_ai)
    for who in ("ai", "human"):
        assert len(website.ask("conversation_list", **PERIOD, handled_by=who)) == (who == handled_by)


def test_each_period_credits_its_own_last_resolution(website: LocalWebsite) -> None:
    """The AI's on the first day and a person's on the third: one credit in each day alone, the person's in both."""
    website.conversations(
        ("2026-11-10 11:00:00", RESOLVED, "c", 3600),
        ("2026-11-10 11:00:00", AI, "c", 3600),
        ("2026-11-12 11:00:00", RESOLVED, "c", 176_400),
    )

    def credited(first: int, end: int) -> tuple[int, float]:
        days = {"date_from": f"2026-11-{first} 00:00:00", "date_to": f"2026-11-{end} 00:00:00"}
        row = website.ask("inbox_analytics", **days)[0]
        return row["ai_resolved"], row["median_resolution_seconds"]

    assert credited(10, 11) == (1, 3600)
    assert credited(12, 13) == (0, 176_400)
    assert credited(10, 13) == (0, 176_400)
