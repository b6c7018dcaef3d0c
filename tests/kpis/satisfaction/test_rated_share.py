"""Shares of rated conversations, counted by hand."""

import pandas as pd
import pytest

from analytics.kpis.satisfaction.rated_share import COLUMNS, METRICS, rated_share
from analytics.schemas import RATED_SHARE
from analytics.scope.comparison import OFF
from tests.kpis.satisfaction.test_rating_counts import view

NAMES = [column.name for column in RATED_SHARE.columns]


def slots(*given: tuple[str, str, int, int, int, int]) -> pd.DataFrame:
    """Rows of (period, slot start, and resolved and rated ones of the AI agent and of people)."""
    return RATED_SHARE.frame(NAMES, [dict(zip(NAMES, row, strict=True)) for row in given])


WEEKS = slots(
    ("current", "2026-11-08 10:00:00", 4, 1, 2, 2),
    ("current", "2026-11-08 23:45:00", 2, 0, 0, 0),
    ("current", "2026-11-10 09:00:00", 0, 0, 2, 1),
    ("previous", "2026-11-06 09:00:00", 10, 5, 0, 0),
)


def test_each_side_has_its_share_and_all_is_both() -> None:
    """1 of 6 by the AI agent, 3 of 4 by people, 4 of 10 together; before, 5 of 10 by the AI agent alone."""
    kpis = rated_share(WEEKS, view("3d")).kpis
    assert {by: (kpi.value, kpi.current.n) for by, kpi in kpis.items()} == {
        "all": (0.4, 10),
        "ai": (pytest.approx(1 / 6), 6),
        "people": (0.75, 4),
    }
    assert {by: kpi.previous_value for by, kpi in kpis.items()} == {"all": 0.5, "ai": 0.5, "people": None}
    assert kpis["people"].delta.verdict == "not_comparable"
    assert kpis["all"].current.interval is not None


def test_buckets_have_their_own_shares_and_none_where_nothing_was_resolved() -> None:
    """Three days, and the three before, which are drawn beside them."""
    series = rated_share(WEEKS, view("3d")).series
    assert tuple(series.columns) == COLUMNS
    now = series[series["period"] == "current"]
    assert now["all_resolved"].tolist() == [8, 0, 2]
    assert now["all_rated"].tolist() == [3, 0, 1]
    assert now["ai_rated_ratio"].iloc[0] == pytest.approx(1 / 6)
    assert now["ai_rated_ratio"].isna().tolist() == [False, True, True]
    assert now["people_rated_ratio"].fillna(-1).tolist() == [1.0, -1, 0.5]
    assert now["is_complete"].tolist() == [True, True, False]
    before = series[series["period"] == "previous"]
    assert before["ai_resolved"].tolist() == [0, 10, 0]


def test_without_a_comparison_nothing_of_the_period_before_is_left() -> None:
    """Neither in the cards nor in the series."""
    share = rated_share(WEEKS, view("3d", comparison=OFF))
    assert [kpi.previous for kpi in share.kpis.values()] == [None] * 3
    assert set(share.series["period"]) == {"current"}


def test_nothing_resolved_has_no_share() -> None:
    """No zero: each card says why."""
    share = rated_share(slots(), view("3d"))
    assert [kpi.value for kpi in share.kpis.values()] == [None] * 3
    assert {kpi.missing_reason for kpi in share.kpis.values()} == {
        "No resolved conversations in this period."
    }
    assert share.series[[metric.column for metric in METRICS.values()]].isna().all(axis=None)
