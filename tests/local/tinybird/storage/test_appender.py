"""Writes the rows of several requests: each row once, and each sender gets its counts."""

import json
from collections import Counter
from typing import cast

import pytest

from analytics.local.stack.local_stack import PROJECT_DIR
from analytics.local.tinybird.project.datafile import load_datasource
from analytics.local.tinybird.storage.appender import Appender, Counts
from analytics.local.tinybird.storage.clickhouse import ClickHouse, DirectoryUnusable
from analytics.local.tinybird.storage.query_error import QueryError
from analytics.local.tinybird.storage.rows import RowReader
from tests.local.tinybird_server import FIXTURE_PROJECT

DATASOURCE = load_datasource(FIXTURE_PROJECT / "datasources" / "readings.datasource")
GOOD = b'{"at": 1, "name": "good"}\n'
REFUSED = b'{"at": 1}\n'


class _Tables:
    """A double of ClickHouse: keeps inserted rows, fails where a test says so."""

    def __init__(self) -> None:
        self.lines: Counter[str] = Counter()
        self.inserts = 0
        self.failures: dict[str, Exception] = {}

    def insert(self, table: str, columns: str, rows: bytes) -> None:
        assert columns
        self.inserts += 1
        if table in self.failures:
            raise self.failures[table]
        assert rows
        if b"unwanted" in rows and table == "readings":
            raise QueryError("a row does not fit", 41, 400)
        self.lines[table] += rows.decode().count("good")
        if table == "readings_quarantine":
            self.lines[table] += rows.decode().count("has no value")


@pytest.fixture
def tables() -> _Tables:
    """Tables that take everything."""
    return _Tables()


def _append(tables: _Tables, *bodies: bytes) -> list[Counts | BaseException | None]:
    """What each of several requests, sent at the same time, is answered."""
    appender, reader = Appender(cast("ClickHouse", tables)), RowReader(DATASOURCE)
    waits = [appender.add(DATASOURCE, reader, reader.read(body, "ndjson"), "id") for body in bodies]
    appender.close()
    return [wait.exception() or wait.result() for wait in waits]


def test_rows_are_stored_once_when_the_quarantine_fails(tables: _Tables) -> None:
    """When the quarantine fails, the sender gets an error and may send again: none of its rows is stored yet."""
    tables.failures["readings_quarantine"] = QueryError("disk full", 243)
    [failed, whole] = _append(tables, GOOD + REFUSED, GOOD * 2)
    assert isinstance(failed, QueryError)
    assert whole == Counts(2, 0)
    assert tables.lines == {"readings": 2}


@pytest.mark.parametrize("error", [QueryError("disk full", 243), DirectoryUnusable("gone"), MemoryError()])
def test_a_failure_to_write_reaches_every_sender(tables: _Tables, error: Exception) -> None:
    """Every sender gets the error; none gets a success, and none waits for ever."""
    tables.failures["readings"] = error
    assert _append(tables, GOOD, GOOD + REFUSED) == [error, error]
    assert tables.lines["readings"] == 0


def test_a_row_that_clickhouse_turns_down_costs_no_other_row(tables: _Tables) -> None:
    """It is found by halving; every other row is stored once, refusals are kept once."""
    unwanted, half = b'{"at": 1, "name": "unwanted"}\n', b'{"at": 1, "name": "\\ud800"}\n'
    answers = _append(tables, GOOD * 5 + unwanted + GOOD * 3 + half, GOOD + REFUSED, REFUSED)
    assert answers == [Counts(8, 2), Counts(1, 1), Counts(0, 1)]
    assert tables.lines == {"readings": 9, "readings_quarantine": 2}


def test_a_body_of_usual_rows_takes_the_short_way_and_one_insert(
    tables: _Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty thousand of them, as large as a request may be, are neither judged nor inserted one by one."""
    datasource = load_datasource(PROJECT_DIR / "datasources" / "visitor_events.datasource")
    judged: list[object] = []
    monkeypatch.setattr(RowReader, "_check", lambda _reader, event, _batch: judged.append(event))
    row: dict[str, object] = {column.name: "good" for column in datasource.columns}
    row |= {"timestamp": "2026-11-10T10:00:00Z", "latitude": 52.5, "longitude": 13.4}
    appender, reader = Appender(cast("ClickHouse", tables)), RowReader(datasource)
    batch = reader.read((json.dumps(row) + "\n").encode() * 40_000, "ndjson")
    assert appender.add(datasource, reader, batch, "id").result(60) == Counts(40_000, 0)
    appender.close()
    assert (judged, tables.inserts) == ([], 1)


def test_only_small_inserts_wait_for_more(tables: _Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows make room for others to join the next insert; thousands are worth a part of their own."""
    pauses: list[float] = []
    monkeypatch.setattr("analytics.local.tinybird.storage.appender.time.sleep", pauses.append)
    appender, reader = Appender(cast("ClickHouse", tables)), RowReader(DATASOURCE)
    for count, paused in ((10_000, 0), (1, 1), (10_000, 1)):
        appender.add(DATASOURCE, reader, reader.read(GOOD * count, "ndjson"), "id").result(10)
        appender.flush()
        assert len(pauses) == paused
    appender.close()
