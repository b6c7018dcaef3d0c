"""inbox_analytics against rows that can be counted by hand."""

import math
import statistics

import psycopg
import pytest

from tests.tinybird.website import LocalWebsite, Stack, dice

# Two days; the default previous period is 8 and 9 November.
PERIOD = {"date_from": "2026-11-10 00:00:00", "date_to": "2026-11-12 00:00:00"}

COUNTS = ("started", "responded", "resolved", "ai_resolved", "escalated", "feedback")
MEASURES = (
    "median_response_seconds",
    "p90_response_seconds",
    "median_resolution_seconds",
    "p90_resolution_seconds",
    "median_response_low_seconds",
    "median_response_high_seconds",
    "median_resolution_low_seconds",
    "median_resolution_high_seconds",
    "ai_handled_ratio",
    "mean_response_seconds",
    "mean_resolution_seconds",
)
FUNNEL = ("started_responded", "started_resolved", "started_ai_resolved", "started_resolved_unanswered")
MIX = tuple(
    f"median_{time}_other_mix_{end}seconds"
    for ends in (("",), ("low_", "high_"))
    for time in ("response", "resolution")
    for end in ends
)


def test_rows_and_columns_are_those_of_the_contract(website: LocalWebsite) -> None:
    """Two rows, current first, with the columns of the contract in its order."""
    rows = website.ask("inbox_analytics", **PERIOD)

    assert [row["period"] for row in rows] == ["current", "previous"]
    assert [list(row) for row in rows] == [
        ["period", "starts_at", "ends_at", *COUNTS, *MEASURES, *FUNNEL, "responded_ai_resolved", *MIX]
    ] * 2


def test_the_bounds_that_were_asked_come_back(website: LocalWebsite) -> None:
    """Those given, and those of the default: a caller can tell one period from the other."""
    days = [f"2026-11-{day:02} 00:00:00" for day in (4, 6, 8, 10, 12)]
    given = {**PERIOD, "prev_date_from": days[0], "prev_date_to": days[1]}

    answers = [website.ask("inbox_analytics", **period) for period in (PERIOD, given)]

    assert [[(row["starts_at"], row["ends_at"]) for row in rows] for rows in answers] == [
        [(days[3], days[4]), (days[2], days[3])],
        [(days[3], days[4]), (days[0], days[1])],
    ]


def test_empty_period_has_zero_counts_and_null_measures(website: LocalWebsite) -> None:
    """Without events nothing is NaN: counts are 0, everything else is NULL."""
    for row in website.ask("inbox_analytics", **PERIOD):
        assert [row[column] for column in (*COUNTS, *FUNNEL, "responded_ai_resolved")] == [0] * 11
        assert [row[column] for column in (*MEASURES, *MIX)] == [None] * 17

    assert not any("nan" in line for line in website.csv("inbox_analytics", **PERIOD)[1:])


def test_each_event_type_counts_its_conversations(website: LocalWebsite) -> None:
    """Every count is the number of distinct conversations with that event."""
    website.conversations(
        ("2026-11-10 10:00:00", "conversation_started", "c1"),
        ("2026-11-10 10:00:00", "conversation_started", "c2"),
        ("2026-11-10 10:00:00", "conversation_started", "c3"),
        ("2026-11-10 10:01:00", "first_response", "c1", 60),
        ("2026-11-10 10:02:00", "first_response", "c2", 120),
        ("2026-11-10 11:00:00", "escalated", "c2"),
        ("2026-11-10 11:30:00", "escalated", "c2"),
        ("2026-11-11 10:00:00", "conversation_resolved", "c1", 86400),
        ("2026-11-11 10:05:00", "feedback_submitted", "c1"),
        ("2026-11-11 10:05:00", "feedback_submitted", "c2"),
        ("2026-11-11 10:06:00", "feedback_submitted", "c3"),
    )

    current, previous = website.ask("inbox_analytics", **PERIOD)

    assert [current[column] for column in COUNTS] == [3, 2, 1, 0, 1, 3]
    assert current["median_response_seconds"] == 90
    assert (current["mean_response_seconds"], current["mean_resolution_seconds"]) == (90, 86400)
    assert current["median_resolution_seconds"] == 86400
    assert current["ai_handled_ratio"] == 0
    assert [previous[column] for column in COUNTS] == [0] * 6


def test_reopened_conversation_counts_once_with_its_last_resolution(website: LocalWebsite) -> None:
    """Resolved, reopened and resolved again is one resolved conversation that took until the end."""
    website.conversations(
        ("2026-11-11 18:00:00", "conversation_resolved", "c1", 500),
        ("2026-11-10 12:00:00", "conversation_resolved", "c1", 100),
        ("2026-11-11 12:00:00", "conversation_resolved", "c1", 400),
        ("2026-11-10 12:00:00", "conversation_resolved", "c2", 300),
    )

    current, _ = website.ask("inbox_analytics", **PERIOD)

    assert current["resolved"] == 2
    assert current["median_resolution_seconds"] == 400  # of 500 and 300


def test_reopened_across_periods_counts_in_each(website: LocalWebsite) -> None:
    """Each period sees its own events: one resolution in each, with its own duration."""
    website.conversations(
        ("2026-11-09 12:00:00", "conversation_resolved", "c1", 100),
        ("2026-11-10 12:00:00", "conversation_resolved", "c1", 900),
    )

    current, previous = website.ask("inbox_analytics", **PERIOD)

    assert (current["resolved"], current["median_resolution_seconds"]) == (1, 900)
    assert (previous["resolved"], previous["median_resolution_seconds"]) == (1, 100)


def test_ai_only_and_both_event_producers_count_alike(website: LocalWebsite) -> None:
    """Resolved is either event; the rate stays within 0..1 and the median holds the AI's durations."""
    website.conversations(
        ("2026-11-10 12:00:00", "ai_resolved", "ai-only", 30),
        ("2026-11-10 12:00:00", "ai_resolved", "both", 100),
        ("2026-11-10 12:00:00", "conversation_resolved", "both", 100),
        ("2026-11-10 12:00:00", "conversation_resolved", "human", 200),
    )

    current, _ = website.ask("inbox_analytics", **PERIOD)

    assert (current["resolved"], current["ai_resolved"]) == (3, 2)
    assert current["ai_handled_ratio"] == pytest.approx(2 / 3)
    assert current["median_resolution_seconds"] == 100


def test_ai_only_producer_has_a_rate_of_one(website: LocalWebsite) -> None:
    """A producer that sends nothing but ai_resolved has a rate of 1, not a division by zero."""
    website.conversations(
        ("2026-11-10 12:00:00", "ai_resolved", "c1", 30), ("2026-11-10 12:00:00", "ai_resolved", "c2", 50)
    )

    current, _ = website.ask("inbox_analytics", **PERIOD)

    assert (current["resolved"], current["ai_handled_ratio"]) == (2, 1)
    assert current["median_resolution_seconds"] == 40


def test_resolution_events_of_one_second_take_the_duration_of_conversation_resolved(
    website: LocalWebsite,
) -> None:
    """When both events of a resolution carry the same time, conversation_resolved gives the duration."""
    website.conversations(
        ("2026-11-10 12:00:00", "ai_resolved", "c1", 700),
        ("2026-11-10 12:00:00", "conversation_resolved", "c1", 600),
    )

    assert website.ask("inbox_analytics", **PERIOD)[0]["median_resolution_seconds"] == 600


def test_first_response_is_the_earliest(website: LocalWebsite) -> None:
    """A second first_response of a conversation changes neither the count nor the median."""
    website.conversations(
        ("2026-11-10 13:00:00", "first_response", "c1", 3600),
        ("2026-11-10 12:01:00", "first_response", "c1", 60),
    )

    current, _ = website.ask("inbox_analytics", **PERIOD)

    assert (current["responded"], current["median_response_seconds"]) == (1, 60)


def test_periods_hold_their_first_instant_and_not_their_end(website: LocalWebsite) -> None:
    """[from, to): the instant of date_from is current, the one before it previous, date_to is neither."""
    website.conversations(
        ("2026-11-07 23:59:59", "conversation_started", "before"),
        ("2026-11-08 00:00:00", "conversation_started", "previous-first"),
        ("2026-11-09 23:59:59", "conversation_started", "previous-last"),
        ("2026-11-10 00:00:00", "conversation_started", "current-first"),
        ("2026-11-10 12:00:00", "conversation_started", "current-middle"),
        ("2026-11-11 23:59:59", "conversation_started", "current-last"),
        ("2026-11-12 00:00:00", "conversation_started", "after"),
    )

    assert [row["started"] for row in website.ask("inbox_analytics", **PERIOD)] == [3, 2]


def test_previous_period_is_taken_as_given(website: LocalWebsite) -> None:
    """An explicit previous period may lie anywhere, have any length and overlap the current one."""
    website.conversations(
        ("2026-11-01 00:00:00", "conversation_started", "c1"),
        ("2026-11-10 00:00:00", "conversation_started", "c2"),
        ("2026-11-11 00:00:00", "conversation_started", "c3"),
    )

    apart = website.ask(
        "inbox_analytics",
        **PERIOD,
        prev_date_from="2026-11-01 00:00:00",
        prev_date_to="2026-11-01 00:00:01",
    )
    overlapping = website.ask(
        "inbox_analytics",
        **PERIOD,
        prev_date_from="2026-11-01 00:00:00",
        prev_date_to="2026-11-11 00:00:00",
    )

    assert [row["started"] for row in apart] == [2, 1]
    assert [row["started"] for row in overlapping] == [2, 2]


def test_period_of_no_length_is_empty(website: LocalWebsite) -> None:
    """date_from equal to date_to is a period without instants."""
    website.conversations(("2026-11-10 00:00:00", "conversation_started", "c1"))

    rows = website.ask("inbox_analytics", date_from=PERIOD["date_from"], date_to=PERIOD["date_from"])

    assert [row["started"] for row in rows] == [0, 0]


def test_the_funnel_follows_the_conversations_started_in_the_period(website: LocalWebsite) -> None:
    """Events of conversations started before, and events after the period's end, are in no step."""
    website.conversations(
        ("2026-11-09 12:00:00", "conversation_started", "older"),
        ("2026-11-10 12:00:00", "first_response", "older", 86_400),
        ("2026-11-10 12:00:00", "conversation_resolved", "older", 86_400),
        ("2026-11-10 12:00:00", "ai_resolved", "older", 86_400),
        *((f"2026-11-10 13:00:0{n}", "conversation_started", f"c{n}") for n in range(5)),
        *((f"2026-11-10 14:00:0{n}", "first_response", f"c{n}", 3600) for n in range(1, 5)),
        *((f"2026-11-11 23:59:5{n}", "conversation_resolved", f"c{n}", 90_000) for n in range(2, 4)),
        ("2026-11-11 23:59:53", "ai_resolved", "c3", 90_000),
        ("2026-11-12 00:00:00", "conversation_resolved", "c4", 90_000),
    )

    current, previous = website.ask("inbox_analytics", **PERIOD)

    assert [current[column] for column in ("started", *FUNNEL)] == [5, 4, 2, 1, 0]
    assert [current[column] for column in ("responded", "resolved", "ai_resolved")] == [5, 3, 2]
    assert [previous[column] for column in ("started", *FUNNEL)] == [1, 0, 0, 0, 0]


def test_a_conversation_resolved_without_a_response_leaves_the_funnel_at_the_response(
    website: LocalWebsite,
) -> None:
    """It is in no later step, by whomever it was resolved, and is counted beside the funnel."""
    website.conversations(
        *(("2026-11-10 12:00:00", "conversation_started", f"c{n}") for n in range(4)),
        ("2026-11-10 12:01:00", "first_response", "c0", 60),
        ("2026-11-10 13:00:00", "conversation_resolved", "c1", 3600),
        ("2026-11-10 13:00:00", "ai_resolved", "c2", 3600),
    )

    current, _ = website.ask("inbox_analytics", **PERIOD)

    assert [current[column] for column in ("started", *FUNNEL)] == [4, 1, 0, 0, 2]
    assert [current[column] for column in ("responded", "resolved", "ai_resolved")] == [1, 2, 1]


@pytest.mark.parametrize("seed", range(3))
def test_no_step_of_the_funnel_passes_the_one_before(website: LocalWebsite, seed: int) -> None:
    """On any data, in both periods."""
    random = dice(seed)
    kinds = ("conversation_started", "first_response", "conversation_resolved", "ai_resolved")
    website.conversations(
        *(
            (
                f"2026-11-{random.randint(8, 11):02d} 12:00:00",
                random.choice(kinds),
                f"c{random.randint(1, 60)}",
            )
            for _ in range(150)
        )
    )

    for row in website.ask("inbox_analytics", **PERIOD):
        steps = [row[column] for column in ("started", *FUNNEL[:3])]
        assert steps == sorted(steps, reverse=True)
        assert steps[0] >= steps[2] + row["started_resolved_unanswered"]
        assert min(steps[:3]) > 0


def test_duplicated_events_change_nothing(website: LocalWebsite) -> None:
    """A batch delivered twice gives the same row as once."""
    events = [
        (f"2026-11-10 12:00:0{number}", event_type, f"c{number}", float(number * number))
        for number in range(8)
        for event_type in ("conversation_started", "first_response", "conversation_resolved", "ai_resolved")
    ]
    website.conversations(*events)
    once = website.ask("inbox_analytics", **PERIOD)
    website.conversations(*events)

    assert website.ask("inbox_analytics", **PERIOD) == once
    assert once[0]["responded"] == 8


def test_other_websites_do_not_count(website: LocalWebsite) -> None:
    """A website id that another one begins with is another website."""
    website.conversations(("2026-11-10 12:00:00", "conversation_started", "c1"))

    answer = website.request("inbox_analytics", website_id=website.id[:-1], **PERIOD)

    assert [row["started"] for row in answer.json()["data"]] == [0, 0]


@pytest.mark.parametrize("count", [1, 2, 3, 9, 10, 101])
def test_quantiles_equal_percentile_cont(website: LocalWebsite, local_stack: Stack, count: int) -> None:
    """Median and p90 are those of a real Postgres over the same durations; below 10 values there is no p90."""
    shuffled = dice(count)
    responses = [shuffled.randrange(1, 400_000) / 4 for _ in range(count)]  # quarters are exact in Float32
    resolutions = [shuffled.randrange(1, 400_000) / 4 for _ in range(count)]
    website.conversations(
        *(("2026-11-10 12:00:00", "first_response", f"c{n}", value) for n, value in enumerate(responses)),
        *(("2026-11-10 12:00:00", "ai_resolved", f"c{n}", value) for n, value in enumerate(resolutions)),
    )

    current, _ = website.ask("inbox_analytics", **PERIOD)

    expected = [
        *_percentile_cont(local_stack.database_url, responses),
        *_percentile_cont(local_stack.database_url, resolutions),
    ]
    found = [current[column] for column in MEASURES[:4]]
    assert found[::2] == pytest.approx(expected[::2], rel=1e-12)
    assert found[1::2] == (pytest.approx(expected[1::2], rel=1e-12) if count >= 10 else [None, None])


def _percentile_cont(database_url: str, values: list[float]) -> list[float]:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY value)"
            " FROM unnest(%s::float8[]) AS value",
            [values],
        ).fetchone()
    assert row is not None
    quantiles: list[float] = row[0]
    return quantiles


def test_quantiles_are_exact_above_8192_values(website: LocalWebsite) -> None:
    """Where ClickHouse's own quantile starts to sample, the answer stays exact and the same in every run."""
    values = [float(value) for value in range(20_001)]
    dice(2).shuffle(values)
    website.conversations(
        *(("2026-11-10 12:00:00", "first_response", f"c{n}", value) for n, value in enumerate(values))
    )

    answers = [website.ask("inbox_analytics", **PERIOD)[0] for _ in range(3)]

    assert answers[0]["responded"] == 20_001
    assert answers[0]["median_response_seconds"] == statistics.median(values) == 10_000
    assert answers[0]["p90_response_seconds"] == 18_000
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("count", [1, 5, 6, 7, 8, 9, 17, 20, 67, 500])
def test_median_interval_is_the_95_percent_order_statistic_interval(
    website: LocalWebsite, count: int
) -> None:
    """Its ranks are those of the binomial distribution in whole numbers; below 6 values there is none."""
    values = [float(value) for value in range(1, count + 1)]
    dice(count).shuffle(values)
    website.conversations(
        *(("2026-11-10 12:00:00", "first_response", f"c{n}", value) for n, value in enumerate(values)),
        *(
            ("2026-11-10 12:00:00", "conversation_resolved", f"c{n}", value * 2)
            for n, value in enumerate(values)
        ),
    )

    current, _ = website.ask("inbox_analytics", **PERIOD)

    rank = _lower_rank(count)
    expected = (rank, count + 1 - rank) if rank else (None, None)
    doubled = (2 * rank, 2 * (count + 1 - rank)) if rank else (None, None)
    assert (rank == 0) == (count < 6)
    assert tuple(current[column] for column in MEASURES[4:6]) == expected
    assert tuple(current[column] for column in MEASURES[6:8]) == doubled


def _lower_rank(count: int) -> int:
    """Largest r with P(Binomial(count, 1/2) < r) <= 2.5 %, without rounding.

    >>> [_lower_rank(count) for count in (5, 6, 8, 9, 20)]
    [0, 1, 1, 2, 6]
    """
    rank, below = 0, math.comb(count, 0)
    while 40 * below <= 2**count:
        rank += 1
        below += math.comb(count, rank)
    return rank
