"""Backlog: buckets of the view, and sums that agree with the whole period."""

from datetime import UTC, datetime

import pandas as pd

from analytics.kpis.backlog import COLUMNS, Backlog, edges, over_time, total
from analytics.schemas import BACKLOG
from tests.kpis.satisfaction.test_rating_counts import view


def changes(*rows: tuple[int, int, int]) -> pd.DataFrame:
    """One row per (bucket, started, resolved)."""
    names = [column.name for column in BACKLOG.columns]
    return BACKLOG.frame(names, [dict(zip(names, row, strict=True)) for row in rows])


def test_three_days() -> None:
    """Five open before; +2 -1, nothing, +0 -4."""
    frame = over_time(changes((0, 5, 0), (1, 2, 1), (3, 0, 4)), view("3d"))
    assert tuple(frame.columns) == COLUMNS
    assert frame["started"].tolist() == [2, 0, 0]
    assert frame["resolved"].tolist() == [1, 0, 4]
    assert frame["net"].tolist() == [1, 0, -4]
    assert frame["open_at_end"].tolist() == [6, 6, 2]
    assert frame["is_complete"].tolist() == [True, True, False]
    assert str(frame["bucket_end"].iloc[-1]) == "2026-11-10 14:30:00+00:00"


def test_the_whole_period_agrees_with_its_buckets() -> None:
    """Sums, and what is open at the end."""
    rows = changes((0, 5, 0), (1, 2, 1), (3, 0, 4))
    whole, frame = total(rows), over_time(rows, view("3d"))
    assert whole == Backlog(open_at_start=5, started=2, resolved=5)
    assert (whole.net, whole.open_at_end) == (frame["net"].sum(), frame["open_at_end"].iloc[-1]) == (-3, 2)


def test_nothing_is_a_row_of_zeros_per_bucket() -> None:
    """No row from Postgres: no conversation at all."""
    frame = over_time(changes(), view("7d"))
    assert frame[["started", "resolved", "net", "open_at_end"]].to_numpy().sum() == 0
    assert len(frame) == 7
    assert total(changes()) == Backlog(0, 0, 0)


def test_an_empty_period_has_no_rows() -> None:
    """The day has just begun: one edge, no bucket."""
    empty = view("today", now=datetime(2026, 11, 10, 0, 2, tzinfo=UTC))
    assert len(edges(empty)) == 1
    frame = over_time(changes(), empty)
    assert (len(frame), tuple(frame.columns)) == (0, COLUMNS)


def test_edges_are_those_of_the_local_days() -> None:
    """Kolkata's midnights and the end of the period, in UTC; two o'clock twice makes a day of 25 hours."""
    assert [f"{edge:%d %H:%M}" for edge in edges(view("2026-11-08..2026-11-09", "Asia/Kolkata"))][:2] == [
        "07 18:30",
        "07 19:30",
    ]
    autumn = edges(view("2026-10-24..2026-10-26", "Europe/London", now=datetime(2026, 11, 10, tzinfo=UTC)))
    assert [f"{edge:%d %H:%M}" for edge in autumn] == ["23 23:00", "24 23:00", "26 00:00", "27 00:00"]
