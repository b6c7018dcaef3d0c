"""One demo, made once for all tests of this directory."""

from itertools import chain

import pytest

from analytics.local.demo.history import History
from tests.local.demo.reading import ANCHOR, Event, Record, events_of, records


@pytest.fixture(scope="package")
def history() -> History:
    """The demo that most tests read."""
    return History(1, ANCHOR)


@pytest.fixture(scope="package")
def tables(history: History) -> dict[str, list[Record]]:
    """All rows of Postgres at the anchor."""
    every = chain(history.account_rows(), history.activity_rows(history.start, ANCHOR))
    return {rows.table: records(rows) for rows in every}


@pytest.fixture(scope="package")
def lifecycle(history: History) -> list[Event]:
    """All conversation events up to the anchor."""
    return events_of(history, "conversation_metrics", history.start, ANCHOR)


@pytest.fixture(scope="package")
def visits(history: History) -> list[Event]:
    """All visitor events up to the anchor."""
    return events_of(history, "visitor_events", history.start, ANCHOR)


@pytest.fixture(scope="package")
def counted(tables: dict[str, list[Record]]) -> list[Record]:
    """Conversations that are neither deleted nor a test visitor's."""
    tests = {row["id"] for row in tables["visitor"] if row["is_test"]}
    rows = tables["conversation"]
    return [row for row in rows if row["deleted_at"] is None and row["visitor_id"] not in tests]
