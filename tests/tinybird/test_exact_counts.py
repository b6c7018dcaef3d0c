"""Distinct counts are exact, also far above the size from which ClickHouse's `uniq` samples."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from tests.tinybird.website import LocalWebsite, Row, Stack, ago, stamp

PIPES = sorted((Path(__file__).resolve().parents[2] / "tinybird").rglob("*.pipe"))
VISITORS = 200_000
ROWS_A_REQUEST = 50_000
NOON = ago(days=1).replace(hour=12, minute=0, second=0)
HOUR = {"date_from": stamp(NOON), "date_to": stamp(NOON + timedelta(hours=1))}


@cache
def _lately() -> datetime:
    """Three minutes before the first test, which may be half an hour after this module was read."""
    return ago(minutes=3)


def _event(number: int, at: datetime) -> Row:
    return {
        "visitor_id": f"v{number}",
        "session_id": "s",
        "timestamp": stamp(at),
        "event_type": "seen",
        "country_code": "FR" if number % 2 else "DE",
    }


@pytest.fixture(scope="module")
def busy(local_stack: Stack) -> Iterator[LocalWebsite]:
    """A website with 200,000 visitors yesterday at noon, and as many different ones three minutes ago."""
    with httpx2.Client(base_url=local_stack.host, timeout=60) as client:
        website = LocalWebsite(
            f"site-{uuid4().hex}", client, local_stack.read_token, local_stack.append_token
        )
        for first in range(0, VISITORS, ROWS_A_REQUEST):
            numbers = range(first, first + ROWS_A_REQUEST)
            website.visits(*(_event(number, NOON) for number in numbers))
            website.visits(*(_event(VISITORS + number, _lately()) for number in numbers))
        yield website


def test_the_total_of_a_period_is_exact(busy: LocalWebsite) -> None:
    """200,000 visitors are 200,000, on both sides."""
    rows = busy.ask(
        "unique_visitors",
        date_from=stamp(_lately()),
        date_to=stamp(_lately() + timedelta(seconds=1)),
        prev_date_from=HOUR["date_from"],
        prev_date_to=HOUR["date_to"],
    )

    assert [row["unique_visitors"] for row in rows] == [VISITORS, VISITORS]


def test_visitors_and_sessions_of_every_row_are_exact(busy: LocalWebsite) -> None:
    """Total and rows of a dimension add up to the visitor."""
    rows = busy.ask("visitor_breakdown", **HOUR)

    counts = {
        row["value"]: (row["visitors"], row["sessions"])
        for row in rows
        if row["dimension"] in {"total", "country_code"}
    }
    half = VISITORS // 2
    assert counts == {"": (VISITORS, VISITORS), "DE": (half, half), "FR": (half, half)}


def test_visitors_of_a_minute_are_exact(busy: LocalWebsite) -> None:
    """The minute that holds all of them counts each."""
    rows = busy.ask("visitor_activity")

    assert max(row["visitors"] for row in rows) == VISITORS


@pytest.mark.parametrize(
    ("pipe", "columns"),
    [("kpi_timeseries", ["unique_visitors"]), ("visitor_timeseries", ["visitors", "sessions"])],
)
def test_visitors_of_a_bucket_are_exact(busy: LocalWebsite, pipe: str, columns: list[str]) -> None:
    """A series counts as exactly as the total."""
    (row,) = (row for row in busy.ask(pipe, **HOUR) if row["period"] == "current")

    assert [row[column] for column in columns] == [VISITORS] * len(columns)


@pytest.mark.parametrize("pipe", PIPES, ids=lambda path: path.name)
def test_no_pipe_counts_approximately(pipe: Path) -> None:
    """Neither visitors nor quantiles: an approximate number changes between runs and calls equal weeks better."""
    found = re.findall(r"\b(?:uniq(?!Exact)|quantiles?(?!Exact)|median|approx_|topK)\w*\(", pipe.read_text())
    assert not found
