"""Spans of the demo depend on the seed only, and two in a row give the same as both at once."""

import hashlib
import json
from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import chain

from analytics.local.demo.content.customers.organizations import DAY
from analytics.local.demo.history import History
from tests.local.demo.reading import ANCHOR, Record, events_of, records


def fingerprint(history: History, since: int, until: int) -> str:
    """Digest of all rows and events of a span."""
    digest = hashlib.sha256()
    for rows in chain(history.account_rows(), history.activity_rows(since, until)):
        digest.update("\n".join([rows.table, *rows.lines]).encode())
    for part in history.event_chunks(since, until):
        digest.update("".join(part.lines()).encode())
    return digest.hexdigest()


def test_a_seed_gives_the_same_data_every_time() -> None:
    """Two histories with one seed and anchor agree on every character, and differ with another seed."""
    since = ANCHOR - 3 * DAY
    first, second = (fingerprint(History(7, ANCHOR), since, ANCHOR) for _ in range(2))
    assert first == second
    assert fingerprint(History(8, ANCHOR), since, ANCHOR) != first


def test_days_may_be_made_in_any_order(history: History) -> None:
    """A history that makes the last day first gives the same data."""
    since = ANCHOR - DAY
    assert fingerprint(History(1, ANCHOR), since, ANCHOR) == fingerprint(history, since, ANCHOR)


def test_one_span_after_the_other_gives_what_both_give(history: History) -> None:
    """A load followed by a generator posts every event exactly once."""
    begin, middle, end = ANCHOR - 2 * DAY, ANCHOR - DAY - 1234, ANCHOR + 4321
    parts = [(begin, middle), (middle, end)]
    for datasource in ("conversation_metrics", "visitor_events"):
        together = Counter(json.dumps(event) for event in events_of(history, datasource, begin, end))
        apart = Counter(
            json.dumps(e) for since, until in parts for e in events_of(history, datasource, since, until)
        )
        assert apart == together
    state: dict[str, dict[str | None, Record]] = defaultdict(dict)
    for since, until in parts:
        for rows in history.activity_rows(since, until):
            state[rows.table] |= {row["id"]: row for row in records(rows)}
    for rows in history.activity_rows(begin, end):
        assert state[rows.table] == {row["id"]: row for row in records(rows)}


def test_nothing_lies_outside_the_span(history: History) -> None:
    """Spans are open at the start and closed at the end."""
    since, until = ANCHOR - 5000, ANCHOR - 100
    times = [
        event["timestamp"]
        for datasource in ("conversation_metrics", "visitor_events")
        for event in events_of(history, datasource, since, until)
    ]
    assert times
    assert min(times) > datetime.fromtimestamp(since, UTC).isoformat()[:19]
    assert max(times) <= datetime.fromtimestamp(until, UTC).isoformat()[:19]


def test_nothing_in_postgres_is_later_than_now(tables: dict[str, list[Record]]) -> None:
    """The future has not happened: only the end of a subscription lies ahead."""
    now = datetime.fromtimestamp(ANCHOR, UTC).isoformat()[:19]
    for table in ("visitor", "conversation", "feedback"):
        for row in tables[table]:
            assert all(str(value) <= now for name, value in row.items() if name.endswith("_at") and value)


def test_references_hold(tables: dict[str, list[Record]]) -> None:
    """Every id that is named exists, once, on the same website."""
    for table, rows in tables.items():
        assert len({row["id"] for row in rows}) == len(rows), table
    visitors = {row["id"]: row for row in tables["visitor"]}
    talks = {row["id"]: row for row in tables["conversation"]}
    for row in tables["conversation"]:
        assert visitors[row["visitor_id"]]["website_id"] == row["website_id"]
        assert str(visitors[row["visitor_id"]]["created_at"]) <= str(row["started_at"])
    for row in tables["feedback"]:
        assert talks[row["conversation_id"]]["visitor_id"] == row["visitor_id"]
    people = {row["id"] for row in tables["user"]}
    resolvers = {row["resolved_by_user_id"] for row in tables["conversation"]} - {None}
    assert resolvers <= people
