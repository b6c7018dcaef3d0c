"""The median of one period at the other period's mix of handlers, counted by hand and in whole fractions."""

from fractions import Fraction

import pytest

from tests.tinybird.website import Event, LocalWebsite, dice

# Two days; the default previous period is 8 and 9 November.
PERIOD = {"date_from": "2026-11-10 00:00:00", "date_to": "2026-11-12 00:00:00"}
NOW, BEFORE = "2026-11-10 12:00:00", "2026-11-08 12:00:00"

Durations = tuple[list[float], list[float]]
"""Of the AI, and of people."""


def resolved(at: str, durations: Durations) -> list[Event]:
    """One conversation for each duration, answered and resolved after it."""
    ai, people = durations
    return [
        *((at, "ai_resolved", f"{at}-ai-{n}", seconds) for n, seconds in enumerate(ai)),
        *((at, "first_response", f"{at}-ai-{n}", seconds) for n, seconds in enumerate(ai)),
        *((at, "conversation_resolved", f"{at}-{n}", seconds) for n, seconds in enumerate(people)),
        *((at, "first_response", f"{at}-{n}", seconds) for n, seconds in enumerate(people)),
    ]


def weighted(own: Durations, other: Durations) -> float | None:
    """The weighted median, without SQL: each handler's values share the weight that it has in the other period."""
    total = len(other[0]) + len(other[1])
    weights: list[tuple[float, Fraction]] = []
    for mine, theirs in zip(own, other, strict=True):
        if theirs and not mine:
            return None
        weights += [(value, Fraction(len(theirs), total * len(mine))) for value in mine] if total else []
    if not any(weight for _, weight in weights):
        return None
    reached, half, bounds = Fraction(0), Fraction(1, 2), []
    for value, weight in sorted(weights):
        reached += weight
        if weight and reached >= half:
            bounds.append(value)
        if reached > half:
            break
    return (bounds[0] + bounds[-1]) / 2


AI, PEOPLE = [10.0, 20.0, 30.0], [1000.0, 2000.0, 3000.0]

CASES = [
    # 1 of 4 by the AI before, 3 of 4 now, each as fast: now at the mix of before, the median is the one of before.
    pytest.param(([20.0] * 3, [1000.0]), ([20.0], [1000.0] * 3), 1000, 20, id="pure shift of the mix"),
    pytest.param(([5.0], [500.0] * 3), ([10.0], [1000.0] * 3), 500, 1000, id="pure speed-up"),
    pytest.param(([5.0] * 3, [500.0]), ([10.0], [1000.0] * 3), 500, 10, id="both"),
    pytest.param((AI, []), ([40.0, 60.0], []), 20, 50, id="only the AI in both"),
    pytest.param(([], PEOPLE), ([], [400.0, 600.0]), 2000, 500, id="only people in both"),
    pytest.param((AI, PEOPLE), ([], [5000.0]), 2000, None, id="no AI before"),
    pytest.param(([], PEOPLE), (AI, PEOPLE), None, 2000, id="no AI now"),
    pytest.param((AI, []), ([], PEOPLE), None, None, id="nothing in common"),
    pytest.param((AI, PEOPLE), ([], []), None, None, id="nothing before"),
    pytest.param(
        (AI, PEOPLE), (AI * 2, PEOPLE * 2), 515, 515, id="one mix, an even number: between the halves"
    ),
    pytest.param(([0.0], [0.0]), ([0.0], [0.0]), 0, 0, id="all at once"),
]


@pytest.mark.parametrize(("now", "before", "expected_now", "expected_before"), CASES)
@pytest.mark.parametrize("measure", ["response", "resolution"])
def test_each_handler_has_its_share_of_the_other_period(
    website: LocalWebsite,
    measure: str,
    now: Durations,
    before: Durations,
    expected_now: float | None,
    expected_before: float | None,
) -> None:
    """Counted by hand; a handler that the period lacks makes the median unknown."""
    website.conversations(*resolved(NOW, now), *resolved(BEFORE, before))

    rows = website.ask("inbox_analytics", **PERIOD)

    column = f"median_{measure}_other_mix_seconds"
    assert [row[column] for row in rows] == [expected_now, expected_before]
    assert [weighted(now, before), weighted(before, now)] == [expected_now, expected_before]
    assert [row["responded_ai_resolved"] for row in rows] == [len(now[0]), len(before[0])]


@pytest.mark.parametrize("seed", range(6))
def test_any_mix_is_weighted_exactly(website: LocalWebsite, seed: int) -> None:
    """Random sizes and durations, ties included, against whole fractions."""
    random = dice(seed)

    def durations(scale: int) -> Durations:
        sizes = random.randint(1, 30), random.randint(1, 30)
        ai, people = ([float(random.randint(0, 40) * scale) for _ in range(size)] for size in sizes)
        return ai, people

    now, before = durations(2), durations(3)
    website.conversations(*resolved(NOW, now), *resolved(BEFORE, before))

    rows = website.ask("inbox_analytics", **PERIOD)

    for measure in ("response", "resolution"):
        found = [row[f"median_{measure}_other_mix_seconds"] for row in rows]
        assert found == [weighted(now, before), weighted(before, now)]


def test_the_interval_at_the_same_mix_is_that_of_the_median(website: LocalWebsite) -> None:
    """400 values, every other one the AI's: from the 181st to the 220th, one rank inside the exact interval."""
    values = [float(value) for value in range(1, 401)]
    now = values[::2], values[1::2]
    website.conversations(*resolved(NOW, now), *resolved(BEFORE, now))

    current, _ = website.ask("inbox_analytics", **PERIOD)

    for measure in ("response", "resolution"):
        ends = [current[f"median_{measure}_other_mix_{end}_seconds"] for end in ("low", "high")]
        assert ends == [181, 220]
        exact = [current[f"median_{measure}_{end}_seconds"] for end in ("low", "high")]
        assert [abs(one - other) <= 1 for one, other in zip(ends, exact, strict=True)] == [True, True]


@pytest.mark.parametrize(
    ("now", "before", "ends"),
    [
        pytest.param(
            ([10.0] * 30, [1000.0] * 30), ([1.0] * 50, [1.0] * 50), (10, 1000), id="on the gap: either side"
        ),
        pytest.param(([10.0] * 30, [1000.0] * 30), ([1.0] * 9, [1.0]), (10, 10), id="well on one side"),
        pytest.param(([10.0], [1000.0] * 4), ([1.0], [1.0]), (None, None), id="below 6 values"),
        pytest.param(([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]), ([1.0] * 3, [1.0] * 3), (2, 5), id="6 values"),
        pytest.param(([], [5.0] * 9), ([1.0], [1.0]), (None, None), id="a handler that is not there"),
    ],
)
def test_the_interval_reaches_as_far_as_the_mix_is_unsure(
    website: LocalWebsite, now: Durations, before: Durations, ends: tuple[float | None, float | None]
) -> None:
    """Where the other mix puts half of the weight on either side of a gap, the median may be on both."""
    website.conversations(*resolved(NOW, now), *resolved(BEFORE, before))

    current, _ = website.ask("inbox_analytics", **PERIOD)

    for measure in ("response", "resolution"):
        found = tuple(current[f"median_{measure}_other_mix_{end}_seconds"] for end in ("low", "high"))
        assert found == ends


def test_without_ai_credit_a_response_is_counted_as_peoples(website: LocalWebsite) -> None:
    """Open, and reopened by a person: both are people's in the mix of responses."""
    website.conversations(
        (NOW, "first_response", "open", 100),
        (NOW, "first_response", "reopened", 200),
        (NOW, "ai_resolved", "reopened", 300),
        ("2026-11-11 12:00:00", "conversation_resolved", "reopened", 86_400),
        (NOW, "first_response", "by-ai", 10),
        (NOW, "ai_resolved", "by-ai", 20),
        (BEFORE, "first_response", "before", 50),
    )

    current, _ = website.ask("inbox_analytics", **PERIOD)

    assert (current["responded"], current["responded_ai_resolved"]) == (3, 1)
    assert current["median_response_other_mix_seconds"] == 150
