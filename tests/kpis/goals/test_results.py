"""Results of goals: shares with their interval, what a waiting conversation has left."""

from datetime import timedelta

import pandas as pd
import pytest

from analytics.kpis.goals.definitions import ALWAYS, Goal
from analytics.kpis.goals.results import GoalPart, GoalResult, GoalResults, left, results
from analytics.schemas import GOAL_COUNTS
from analytics.scope.selection import Measure
from analytics.scope.tiers import Comparability, Comparable
from tests.kpis.goals.test_definitions import DAY, FIVE, PERIOD, START, TEN, history, version

COMPARED = Comparability(True, Comparable(True, None, 45))


def counts(*rows: tuple[str, str, int, int, int, int]) -> pd.DataFrame:
    """Rows as Postgres gives them: website, measure, version, met, missed, open."""
    names = [column.name for column in GOAL_COUNTS.columns]
    return GOAL_COUNTS.frame(names, [dict(zip(names, row, strict=True)) for row in rows])


def result(met: int, missed: int, still_open: int = 0, goal: Goal = FIVE) -> GoalResult:
    """A result of one goal."""
    return GoalResult("response", (GoalPart(goal, START, met, missed, still_open),))


def test_each_part_keeps_its_goal_and_the_result_adds_up() -> None:
    """6 of 10 before the change, 27 of 30 after it; rows of other websites do not count, a goal without a row has zeros."""
    goals = history(
        version(1, TEN, ALWAYS),
        version(2, FIVE, START + 2 * DAY),
        version(1, Goal(80.0, 14_400), ALWAYS, "resolution"),
    )
    rows = counts(
        ("w", "response", 1, 6, 4, 0), ("w", "response", 2, 27, 3, 5), ("other", "response", 2, 99, 0, 0)
    )
    found = results(goals, PERIOD, rows)
    response, resolution = found["response"], found["resolution"]
    assert response.parts == (
        GoalPart(TEN, START, 6, 4, 0),
        GoalPart(FIVE, START + 2 * DAY, 27, 3, 5),
    )
    assert (response.met, response.missed, response.open, response.judged) == (33, 7, 5, 40)
    assert response.met_ratio == 0.825
    assert response.goal == FIVE
    assert [each.met_ratio for each in response.by_goal] == [0.6, 0.9]
    assert (response.has_one_time, resolution.has_one_time) == (False, True)
    assert (resolution.judged, resolution.met_ratio, resolution.interval) == (0, None, None)
    assert (resolution.is_reached, resolution.is_clear) == (None, False)


@pytest.mark.parametrize(
    ("met", "missed", "goal", "is_reached"),
    [
        (29, 71, Goal(29.0, 300), True),
        (28, 72, Goal(29.0, 300), False),
        (999, 1, Goal(99.9, 300), True),
        (9, 1, FIVE, True),
        (0, 1, Goal(0.1, 300), False),
        (1, 0, Goal(100.0, 300), True),
    ],
)
def test_a_share_is_compared_in_whole_numbers(met: int, missed: int, goal: Goal, *, is_reached: bool) -> None:
    """29 of 100 is 29 %, which floating-point numbers deny."""
    assert result(met, missed, goal=goal).is_reached is is_reached


def test_only_a_share_away_from_the_goal_is_clear() -> None:
    """Wilson's interval of 80 of 100 is 71.1 to 86.7 %: below 90 %, around 80 %."""
    found = result(80, 20, 7)
    assert found.interval is not None
    assert (round(found.interval.low, 3), round(found.interval.high, 3)) == (0.711, 0.867)
    assert found.is_clear
    assert not result(80, 20, goal=TEN).is_clear


def test_a_change_is_compared_where_the_time_is_the_same() -> None:
    """Of two periods; a goal with another time, or none, is not comparable, and neither is anything with comparison off."""

    def change(now: GoalResult, before: GoalResult | None, comparability: Comparability = COMPARED) -> object:
        previous: dict[Measure, GoalResult] = {} if before is None else {"response": before}
        found = GoalResults(history(), {"response": now}, previous if comparability.is_compared else None)
        delta = found.change("response", comparability, "conversations")
        return delta.verdict, delta.change and round(delta.change, 6), delta.reason

    assert change(result(900, 100), result(800, 200)) == ("better", 10.0, None)
    assert change(result(900, 100), result(800, 200, goal=Goal(70.0, 300))) == ("better", 10.0, None)
    assert change(result(900, 100), result(800, 200, goal=TEN)) == (
        "not_comparable",
        None,
        "the goal had another time",
    )
    assert change(result(900, 100), None) == (
        "not_comparable",
        None,
        "no conversations in the period before",
    )
    off = Comparability(False, Comparable(True, None, 45))
    assert change(result(900, 100), result(800, 200), off) == ("off", None, None)


def test_what_a_waiting_conversation_has_left() -> None:
    """Of 300 s: 200 are left after 100; 60 or fewer are soon; past it is missed. Without a goal then there is nothing."""
    goals = history(version(1, FIVE, START))
    now = START + DAY
    waits = (100, 239, 240, 300, 301, 90_000)
    rows = pd.DataFrame({"started_at": [pd.Timestamp(now - timedelta(seconds=each)) for each in waits]})
    rows.index = pd.Index(range(10, 16))
    found = left(rows, goals, "response", now)
    assert found["left_seconds"].tolist()[:5] == [200.0, 61.0, 60.0, 0.0, -1.0]
    assert found["goal_state"].tolist()[:5] == ["open", "open", "soon", "soon", "missed"]
    assert found["goal_seconds"].tolist()[:5] == [300.0] * 5
    assert found.iloc[5].isna().all()
    assert found.index.tolist() == rows.index.tolist()
    assert left(rows, goals, "resolution", now).isna().all(axis=None)


def test_no_rows_have_nothing_left() -> None:
    """A frame with the columns."""
    rows = pd.DataFrame({"started_at": pd.Series(dtype="datetime64[us, UTC]")})
    assert list(left(rows, history(), "response", START)) == ["goal_seconds", "left_seconds", "goal_state"]
