"""conversation_breakdown against rows that can be counted by hand."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from analytics.scope import clock
from tests.tinybird.website import Event, LocalWebsite, Row, dice

PERIOD = {"date_from": "2026-11-09 00:00:00", "date_to": "2026-11-16 00:00:00"}
COLUMNS = [
    *("dimension", "key", "conversations", "median_response_seconds", "median_resolution_seconds"),
    *("responded", "resolved"),
]

# A week from Monday: a is answered and resolved by the AI, b by people after an escalation, c is only started, and d
# started the week before, so that only its resolution lies inside.
WEEK: tuple[Event, ...] = (
    ("2026-11-09 09:10:00", "conversation_started", "a"),
    ("2026-11-09 09:11:00", "first_response", "a", 60),
    ("2026-11-09 09:20:00", "conversation_resolved", "a", 600),
    ("2026-11-09 09:20:00", "ai_resolved", "a", 600),
    ("2026-11-09 09:50:00", "conversation_started", "b"),
    ("2026-11-09 10:00:00", "escalated", "b"),
    ("2026-11-09 11:50:00", "first_response", "b", 7200),
    ("2026-11-11 09:50:00", "conversation_resolved", "b", 172800),
    ("2026-11-15 23:30:00", "conversation_started", "c"),
    ("2026-11-08 10:00:00", "conversation_started", "d"),
    ("2026-11-09 00:00:00", "conversation_resolved", "d", 50400),
)


def offsets(timezone: str, first: str = PERIOD["date_from"], last: str = PERIOD["date_to"]) -> dict[str, str]:
    """The offsets of a timezone in a period, UTC, as the pipes take them."""
    start, end = (datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (first, last))
    return clock.offset_params(start, end, clock.parse_timezone(timezone))


def counts(rows: list[Row]) -> dict[tuple[str, str], int]:
    """Conversations by dimension and key."""
    return {(row["dimension"], row["key"]): row["conversations"] for row in rows}


@pytest.fixture
def week(website: LocalWebsite) -> LocalWebsite:
    """The website with the four conversations."""
    website.conversations(*WEEK)
    return website


def test_every_dimension_counts_a_conversation_once(week: LocalWebsite) -> None:
    """All keys with their conversations, in order; medians over the conversations of the key."""
    rows = week.ask("conversation_breakdown", **PERIOD)

    assert [list(row) for row in rows] == [COLUMNS] * len(rows)
    assert [tuple(row.values()) for row in rows] == [
        ("escalation", "none", 3, 60, 25500, 1, 2),
        ("escalation", "escalated", 1, 7200, 172800, 1, 1),
        ("handled_by", "ai", 1, 60, 600, 1, 1),
        ("handled_by", "human", 2, 7200, 111600, 1, 2),
        ("hour_of_week", "1-9", 2, 3630, 86700, 2, 2),
        ("hour_of_week", "7-23", 1, None, None, 0, 0),
        ("resolution_band", "1", 1, 60, 600, 1, 1),
        ("resolution_band", "4", 1, None, 50400, 0, 1),
        ("resolution_band", "5", 1, 7200, 172800, 1, 1),
        ("response_band", "0", 1, 60, 600, 1, 1),
        ("response_band", "3", 1, 7200, 172800, 1, 1),
        ("total", "", 4, 3630, 50400, 2, 3),
    ]


@pytest.mark.parametrize(
    ("seconds", "band"),
    [
        (0, 0),
        (300, 0),
        (301, 1),
        (900, 1),
        (901, 2),
        (3600, 2),
        (3601, 3),
        (14400, 3),
        (14401, 4),
        (86400, 4),
        (86401, 5),
    ],
)
def test_upper_ends_of_bands_are_inside(website: LocalWebsite, seconds: int, band: int) -> None:
    """Bands are those of the satisfaction index: exactly 5 minutes is still within 5 minutes."""
    website.conversations(
        ("2026-11-10 09:00:00", "first_response", "a", seconds),
        ("2026-11-10 09:00:00", "conversation_resolved", "a", seconds),
    )

    seen = counts(website.ask("conversation_breakdown", **PERIOD))

    assert seen["response_band", str(band)] == seen["resolution_band", str(band)] == seen["total", ""] == 1
    assert len([key for key in seen if key[0].endswith("_band")]) == 2


def test_dimensions_add_up_to_inbox_analytics(website: LocalWebsite) -> None:
    """On any data: bands to responded and resolved, hours to started, AI and escalated to their own counts."""
    random = dice(7)
    kinds = ("conversation_started", "first_response", "conversation_resolved", "ai_resolved", "escalated")
    website.conversations(
        *(
            (
                f"2026-11-{random.randint(8, 16):02d} {random.randint(0, 23):02d}:{random.randint(0, 59):02d}:00",
                random.choice(kinds),
                f"c{random.randint(1, 90)}",
                random.choice((10, 299, 1000, 5000, 20000, 100000)),
            )
            for _ in range(400)
        )
    )

    rows = website.ask("conversation_breakdown", **PERIOD, **offsets("America/New_York"))
    current = website.ask("inbox_analytics", **PERIOD)[0]

    def total(dimension: str) -> int:
        return sum(row["conversations"] for row in rows if row["dimension"] == dimension)

    assert current["started"] > current["responded"] > 20
    assert total("response_band") == current["responded"]
    assert total("resolution_band") == total("handled_by") == current["resolved"]
    assert total("hour_of_week") == current["started"]
    assert counts(rows)["handled_by", "ai"] == current["ai_resolved"]
    assert counts(rows)["escalation", "escalated"] == current["escalated"]


def test_a_conversation_resolved_twice_has_its_last_duration(website: LocalWebsite) -> None:
    """Reopened and resolved again: one conversation, in the band of the last resolution."""
    website.conversations(
        ("2026-11-10 09:00:00", "conversation_resolved", "a", 60),
        ("2026-11-10 12:00:00", "conversation_resolved", "a", 10860),
        ("2026-11-10 09:00:00", "ai_resolved", "b", 60),
    )

    seen = counts(website.ask("conversation_breakdown", **PERIOD))

    assert seen == {
        ("escalation", "none"): 2,
        ("handled_by", "ai"): 1,
        ("handled_by", "human"): 1,
        ("resolution_band", "0"): 1,
        ("resolution_band", "3"): 1,
        ("total", ""): 2,
    }


def test_a_filter_leaves_its_own_dimension_whole(week: LocalWebsite) -> None:
    """A band chosen narrows everything but the bands it was chosen from."""
    everything = counts(week.ask("conversation_breakdown", **PERIOD))
    seen = counts(week.ask("conversation_breakdown", **PERIOD, response_band=3))

    assert seen == {
        ("escalation", "escalated"): 1,
        ("handled_by", "human"): 1,
        ("hour_of_week", "1-9"): 1,
        ("resolution_band", "5"): 1,
        ("response_band", "0"): 1,
        ("response_band", "3"): 1,
        ("total", ""): 1,
    }
    assert {key: n for key, n in seen.items() if key[0] == "response_band"} == {
        key: n for key, n in everything.items() if key[0] == "response_band"
    }


@pytest.mark.parametrize(
    ("chosen", "own", "others"),
    [
        ({"resolution_band": 1}, "resolution_band", {"1-9", "ai", "0", "none"}),
        ({"weekday": 7, "hour": 23}, "hour_of_week", {"none"}),
        ({"handled_by": "human"}, "handled_by", {"4", "5", "3", "1-9", "none", "escalated"}),
        ({"escalation": "escalated"}, "escalation", {"human", "1-9", "5", "3"}),
        ({"escalation": "none", "handled_by": "ai"}, "", {"ai", "human", "none", "1-9", "1", "0"}),
    ],
)
def test_each_filter_narrows_the_others(
    week: LocalWebsite, chosen: dict[str, str | int], own: str, others: set[str]
) -> None:
    """Only keys of conversations that pass remain in the other dimensions."""
    rows = week.ask("conversation_breakdown", **PERIOD, **chosen)

    assert {row["key"] for row in rows if row["dimension"] not in {own, "total"}} == others


@pytest.mark.parametrize(
    ("timezone", "key"), [("UTC", "7-23"), ("Asia/Kolkata", "1-5"), ("America/New_York", "7-18")]
)
def test_hours_are_those_of_the_local_clock(week: LocalWebsite, timezone: str, key: str) -> None:
    """Sunday 23:30 in London is Monday morning in India and Sunday evening in New York."""
    rows = week.ask("conversation_breakdown", **PERIOD, **offsets(timezone))

    assert ("hour_of_week", key) in counts(rows)


@pytest.mark.parametrize(
    ("timezone", "first"),
    [
        pytest.param("America/Vancouver", "2026-10-30 00:00:00", id="a law of this year"),
        pytest.param("Africa/Casablanca", "2026-02-12 00:00:00", id="back for Ramadan"),
        pytest.param("America/Havana", "2026-10-30 00:00:00", id="a change at midnight"),
        pytest.param("America/Santiago", "2026-09-04 00:00:00", id="a midnight left out"),
        pytest.param("Pacific/Chatham", "2026-09-25 00:00:00", id="a change at a quarter to three"),
        pytest.param("Australia/Lord_Howe", "2026-04-03 00:00:00", id="half an hour back"),
        pytest.param("Asia/Kathmandu", "2026-04-03 00:00:00", id="quarters"),
    ],
)
def test_every_hour_is_that_of_the_clock_the_caller_has(
    website: LocalWebsite, timezone: str, first: str
) -> None:
    """Starts every 25 minutes over five days: each counts in the hour that the pinned database says; the list agrees."""
    start, zone = datetime.fromisoformat(first).replace(tzinfo=UTC), clock.parse_timezone(timezone)
    starts = [start + timedelta(minutes=25 * n) for n in range(5 * 24 * 60 // 25)]
    last = f"{start + timedelta(days=5):%Y-%m-%d %H:%M:%S}"
    website.conversations(
        *((f"{at:%Y-%m-%d %H:%M:%S}", "conversation_started", f"c{n}") for n, at in enumerate(starts))
    )
    given = {"date_from": first, "date_to": last, **offsets(timezone, first, last)}

    rows = website.ask("conversation_breakdown", **given)

    local = [at.astimezone(zone) for at in starts]
    by_hand = Counter(f"{at.isoweekday()}-{at.hour}" for at in local)
    assert {row["key"]: row["conversations"] for row in rows if row["dimension"] == "hour_of_week"} == by_hand
    for key in ("7-2", "1-3"):
        weekday, hour = key.split("-")
        listed = website.ask("conversation_list", **given, weekday=weekday, hour=hour, limit=100)
        assert len(listed) == by_hand[key]


@pytest.mark.parametrize("pipe", ["conversation_breakdown", "conversation_list", "kpi_timeseries"])
def test_each_offset_has_its_start(website: LocalWebsite, pipe: str) -> None:
    """Offsets of another number than their starts are refused."""
    website.conversations((PERIOD["date_from"], "conversation_started", "a"))

    website.refusal(pipe, **PERIOD, weekday=1, hour=2, offset_starts="0,1", offset_seconds="3600")


def test_the_hour_that_the_clocks_repeat_is_one_key(website: LocalWebsite) -> None:
    """1:30 in summer and 1:30 in winter time are the same hour of the week; the hour left out has none."""
    website.conversations(
        ("2026-10-25 00:30:00", "conversation_started", "a"),
        ("2026-10-25 01:30:00", "conversation_started", "b"),
        ("2026-03-29 00:30:00", "conversation_started", "c"),
        ("2026-03-29 01:30:00", "conversation_started", "d"),
    )

    def hours(day: str) -> dict[str, int]:
        period = f"{day} 00:00:00", f"{day} 12:00:00"
        given = {"date_from": period[0], "date_to": period[1], **offsets("Europe/London", *period)}
        rows = website.ask("conversation_breakdown", **given)
        return {row["key"]: row["conversations"] for row in rows if row["dimension"] == "hour_of_week"}

    assert hours("2026-10-25") == {"7-1": 2}
    assert hours("2026-03-29") == {"7-0": 1, "7-2": 1}


def test_the_period_is_half_open(website: LocalWebsite) -> None:
    """An event at the start counts, one at the end does not."""
    website.conversations(
        (PERIOD["date_from"], "conversation_started", "first"),
        (PERIOD["date_to"], "conversation_started", "late"),
    )

    assert counts(website.ask("conversation_breakdown", **PERIOD)) == {
        ("escalation", "none"): 1,
        ("hour_of_week", "1-0"): 1,
        ("total", ""): 1,
    }


def test_nothing_gives_the_total_alone(week: LocalWebsite, website: LocalWebsite) -> None:
    """An empty period, one of no length, and filters that no conversation passes: an answer is never without rows."""
    assert week is website
    first, last = PERIOD.values()
    nothing: tuple[dict[str, str | int], ...] = (
        {"date_from": last, "date_to": "2026-11-17 00:00:00"},
        {"date_from": first, "date_to": first},
        {**PERIOD, "status": "open", "response_longer": 90_000_000},
    )
    for asked in nothing:
        rows = [row for row in website.ask("conversation_breakdown", **asked) if row["dimension"] == "total"]
        assert [tuple(row.values()) for row in rows] == [("total", "", 0, None, None, 0, 0)]
    assert len(website.ask("conversation_breakdown", **nothing[0])) == 1


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"response_band": 0},
        {"resolution_within": 60_000, "escalation": "none"},
        {"weekday": 1, "hour": 9},
        {"handled_by": "human"},
        {"status": "open"},
        {"handled_by": "ai", "escalation": "escalated"},
    ],
    ids=str,
)
def test_the_total_is_that_of_the_list(week: LocalWebsite, chosen: dict[str, str | int]) -> None:
    """Every filter applies to it: an empty list can be told from a lost one."""
    (total,) = (
        row["conversations"]
        for row in week.ask("conversation_breakdown", **PERIOD, **chosen)
        if row["dimension"] == "total"
    )

    listed = week.ask("conversation_list", **PERIOD, **chosen)

    assert total == len(listed)
    assert {row["total"] for row in listed} <= {total}
