"""The list of conversations as a work list: its orders, the limits, and the rows behind each number of the funnel."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from analytics.scope.selection import BAND_SECONDS
from tests.tinybird.test_conversation_breakdown import PERIOD, WEEK
from tests.tinybird.test_conversation_list import BOTH
from tests.tinybird.website import Event, LocalWebsite, Row, dice, stamp

FILTERED: Final = (*BOTH, "kpi_timeseries")

# Beside a to d of the week: e is resolved without an answer, f waits, g and h are as slow as b in their response.
MORE: Final[tuple[Event, ...]] = (
    ("2026-11-12 08:00:00", "conversation_started", "e"),
    ("2026-11-12 09:00:00", "conversation_resolved", "e", 3600),
    ("2026-11-12 08:00:00", "conversation_started", "f"),
    ("2026-11-12 08:00:00", "conversation_started", "h"),
    ("2026-11-12 10:00:00", "first_response", "h", 7200),
    ("2026-11-12 08:00:00", "conversation_started", "g"),
    ("2026-11-12 10:00:00", "first_response", "g", 7200),
)


@pytest.fixture
def week(website: LocalWebsite) -> LocalWebsite:
    """Eight conversations, seven of them started in the period."""
    website.conversations(*WEEK, *MORE)
    return website


def ids(website: LocalWebsite, **parameters: str | int) -> list[str]:
    """The conversations of the list, in order."""
    return [row["conversation_id"] for row in website.ask("conversation_list", **PERIOD, **parameters)]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, "cefghbad"),
        ({"sort": "newest"}, "cefghbad"),
        ({"sort": "slowest_response"}, "ghbacefd"),
        ({"sort": "slowest_resolution"}, "bdeacfgh"),
        ({"sort": "lowest_rating"}, "cefghbad"),
        ({"sort": "lowest_rating", "rated_ids": "a,h,x,d,g", "ratings": "5,1,1,3,1"}, "ghdacefb"),
        ({"rated_ids": "a", "ratings": "1"}, "cefghbad"),
    ],
)
def test_the_order(week: LocalWebsite, parameters: dict[str, str | int], expected: str) -> None:
    """What has no such value comes last; ties are newest first, then by id, so that no two rows are equal."""
    assert "".join(ids(week, **parameters)) == expected


@pytest.mark.parametrize("sort", ["newest", "slowest_response", "slowest_resolution", "lowest_rating"])
def test_pages_of_every_order_lose_and_repeat_nothing(website: LocalWebsite, sort: str) -> None:
    """Many equal times and ratings: pages of eleven, put together, are the whole list."""
    website.conversations(*_random(website.id, 40))
    names = ids(website, limit=100)
    rated = {
        "rated_ids": ",".join(names[::2]),
        "ratings": ",".join("12"[at % 2] for at in range(len(names[::2]))),
    }
    whole = ids(website, limit=100, sort=sort, **rated)
    pages = [ids(website, limit=11, offset=offset, sort=sort, **rated) for offset in range(0, len(whole), 11)]
    assert [name for page in pages for name in page] == whole
    assert sorted(whole) == sorted(names)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("started", "cefghba"),
        ("answered", "ghba"),
        ("unanswered", "cef"),
        ("open", "cfgh"),
        ("resolved", "ba"),
        ("unresolved", "gh"),
        ("resolved_unanswered", "e"),
    ],
)
def test_a_status_is_of_the_conversations_started_in_the_period(
    week: LocalWebsite, status: str, expected: str
) -> None:
    """One that started before is in none, whatever happened to it here; all filters narrow together."""
    assert "".join(ids(week, status=status)) == expected
    assert "a" not in ids(week, status=status, handled_by="human")
    [totals] = {
        (row["total"], row["total_started_before"])
        for row in week.ask("conversation_list", **PERIOD, status=status)
    }
    assert totals == (len(expected), 0)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ({"response_within": 7200}, "ghba"),
        ({"response_within": 7199}, "a"),
        ({"response_longer": 7199}, "ghb"),
        ({"response_longer": 7200}, ""),
        ({"resolution_within": 3600}, "ea"),
        ({"resolution_longer": 3600}, "bd"),
        ({"resolution_longer": 600, "response_within": 7200}, "b"),
        ({"resolution_longer": 600, "resolution_within": 50400}, "ed"),
        ({"resolution_longer": 600, "status": "started"}, "eb"),
    ],
)
def test_a_limit_counts_its_own_second_as_within(
    week: LocalWebsite, limit: dict[str, str | int], expected: str
) -> None:
    """Upper ends are inclusive, as those of the bands; what has no such time passes neither side."""
    assert "".join(ids(week, **limit)) == expected


def test_limits_leave_the_bands_of_their_own_time_whole(week: LocalWebsite) -> None:
    """The breakdown keeps the choice that a limit was made from, and narrows everything else."""
    rows = week.ask("conversation_breakdown", **PERIOD, response_longer=3600)
    counts = {(row["dimension"], row["key"]): row["conversations"] for row in rows}
    assert {key: n for (name, key), n in counts.items() if name == "response_band"} == {"0": 1, "3": 3}
    assert {key: n for (name, key), n in counts.items() if name == "handled_by"} == {"human": 1}
    rows = week.ask("conversation_breakdown", **PERIOD, status="unanswered")
    assert {(row["dimension"], row["key"]): row["conversations"] for row in rows} == {
        ("escalation", "none"): 3,
        ("handled_by", "human"): 1,
        ("hour_of_week", "4-8"): 2,
        ("hour_of_week", "7-23"): 1,
        ("resolution_band", "2"): 1,
        ("total", ""): 3,
    }


def test_the_series_follows_status_and_limits(week: LocalWebsite) -> None:
    """A period of one bucket counts what the list has."""
    for chosen in ({"status": "unresolved"}, {"response_longer": 60}, {"resolution_within": 600}):
        row = week.ask("kpi_timeseries", **PERIOD, **chosen)[0]
        rows = week.ask("conversation_list", **PERIOD, **chosen)
        assert row["started"] == sum(each["started_at"] is not None for each in rows)
        assert row["responded"] == sum(each["response_seconds"] is not None for each in rows)
        assert row["resolved"] == sum(each["is_resolved"] for each in rows)


def test_every_number_of_funnel_and_bands_is_the_total_of_its_rows(website: LocalWebsite) -> None:
    """Self-check on random conversations: what is clicked is what is listed."""
    website.conversations(*_random(website.id, 120))
    totals = website.ask("inbox_analytics", **PERIOD)[0]
    breakdown = website.ask("conversation_breakdown", **PERIOD)
    shown = {(row["dimension"], row["key"]): int(row["conversations"]) for row in breakdown}
    started, answered, resolved = (
        totals[name] for name in ("started", "started_responded", "started_resolved")
    )
    by_ai, unanswered = totals["started_ai_resolved"], totals["started_resolved_unanswered"]
    assert min(started - answered, answered - resolved, by_ai, resolved - by_ai, unanswered) > 0
    expected: list[tuple[Mapping[str, str | int], int]] = [
        ({"status": "started"}, started),
        ({"status": "answered"}, answered),
        ({"status": "unanswered"}, started - answered),
        ({"status": "resolved"}, resolved),
        ({"status": "unresolved"}, answered - resolved),
        ({"status": "open"}, started - resolved - unanswered),
        ({"status": "resolved", "handled_by": "ai"}, by_ai),
        ({"status": "resolved", "handled_by": "human"}, resolved - by_ai),
        ({"status": "resolved_unanswered"}, unanswered),
        ({"escalation": "escalated"}, totals["escalated"]),
    ]
    for measure, every in (("response", totals["responded"]), ("resolution", totals["resolved"])):
        counts = [shown.get((f"{measure}_band", str(band)), 0) for band in range(len(BAND_SECONDS) + 1)]
        expected += [({f"{measure}_band": band}, count) for band, count in enumerate(counts)]
        for band, seconds in enumerate(map(int, BAND_SECONDS)):
            up_to = sum(counts[: band + 1])
            expected += [
                ({f"{measure}_within": seconds}, up_to),
                ({f"{measure}_longer": seconds}, every - up_to),
            ]
    for parameters, number in expected:
        assert _total(website, parameters) == number, parameters


@pytest.mark.parametrize("rated_ids", ["", "a" * 100_001], ids=["empty", "overlong"])
def test_the_rated_ids_are_bounded(website: LocalWebsite, rated_ids: str) -> None:
    """Refused by name, also when they come by POST, as long ones must."""
    answer = website.client.post(
        "/v0/pipes/conversation_list.json",
        data={"website_id": website.id, **PERIOD, "rated_ids": rated_ids, "ratings": "1"},
        headers={"Authorization": f"Bearer {website.read_token}"},
    )

    assert answer.status_code == 400
    assert "rated_ids must be 1 to 100000 characters long" in answer.json()["error"]


def _total(website: LocalWebsite, parameters: Mapping[str, str | int]) -> int:
    rows: list[Row] = website.ask("conversation_list", **PERIOD, limit=1, **parameters)
    return int(rows[0]["total"]) if rows else 0


def _random(key: str, count: int) -> list[Event]:
    """Conversations that start in the period or up to two days before, in all states, with many equal times."""
    chance, events = dice(4), list[Event]()
    first = datetime.fromisoformat(PERIOD["date_from"]).replace(tzinfo=UTC) - timedelta(days=2)
    for number in range(count):
        name, start = f"{key[-6:]}-{number}", first + timedelta(hours=chance.randrange(9 * 24))

        def happen(event: str, seconds: int, name: str = name, start: datetime = start) -> None:
            timed = event in {"first_response", "conversation_resolved", "ai_resolved"}
            at = stamp(start + timedelta(seconds=seconds))
            events.append((at, event, name, seconds) if timed else (at, event, name))

        happen("conversation_started", 0)
        response = chance.choice([60, 300, 301, 900, 3600, 20_000, 90_000])
        if chance.random() < 0.75:
            happen("first_response", response)
        if chance.random() < 0.2:
            happen("escalated", response)
        for kind in chance.choice(
            [(), ("conversation_resolved",), ("ai_resolved",), ("conversation_resolved", "ai_resolved")]
        ):
            happen(kind, response + chance.choice([0, 600, 14_400, 200_000]))
    return events
