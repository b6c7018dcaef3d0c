"""conversation_events against rows that can be counted by hand."""

import pytest

from tests.tinybird.website import LocalWebsite

COLUMNS = ["conversation_id", "timestamp", "event_type", "duration_seconds", "events"]
DAY = {"date_from": "2026-11-10 00:00:00", "date_to": "2026-11-11 00:00:00"}


def test_nothing_stored_is_no_row(website: LocalWebsite) -> None:
    """A website without events, and a conversation without any, have no rows."""
    assert website.ask("conversation_events") == []
    assert website.ask("conversation_events", conversation_ids="c1,c2") == []


def test_each_event_is_one_row_however_often_it_is_stored(website: LocalWebsite) -> None:
    """Duplicates share a row that counts them; rows come by conversation, time and type."""
    started = ("2026-11-10 10:00:00", "conversation_started", "c2")
    website.conversations(
        started,
        started,
        ("2026-11-10 10:05:00", "conversation_resolved", "c2", 300),
        ("2026-11-10 10:05:00", "ai_resolved", "c2", 300),
        ("2026-11-10 11:00:00", "conversation_resolved", "c2", 3600),
        ("2026-11-10 12:00:00", "first_response", "c1", 1.5),
    )

    rows = website.ask("conversation_events")

    assert [list(row) for row in rows] == [COLUMNS] * 5
    assert [tuple(row.values()) for row in rows] == [
        ("c1", "2026-11-10 12:00:00", "first_response", 1.5, 1),
        ("c2", "2026-11-10 10:00:00", "conversation_started", 0, 2),
        ("c2", "2026-11-10 10:05:00", "ai_resolved", 300, 1),
        ("c2", "2026-11-10 10:05:00", "conversation_resolved", 300, 1),
        ("c2", "2026-11-10 11:00:00", "conversation_resolved", 3600, 1),
    ]


def test_ids_and_window_narrow_the_rows(website: LocalWebsite) -> None:
    """Only the conversations named; the window takes its first second and leaves its last."""
    website.conversations(
        *((at, "escalated", name) for name in ("c1", "c2", "c3") for at in ("2026-11-09 23:59:59",)),
        *((at, "escalated", name) for name in ("c1", "c2", "c3") for at in DAY.values()),
    )

    rows = website.ask("conversation_events", conversation_ids="c3,c1,elsewhere", **DAY)

    assert [(row["conversation_id"], row["timestamp"]) for row in rows] == [
        ("c1", DAY["date_from"]),
        ("c3", DAY["date_from"]),
    ]
    assert len(website.ask("conversation_events", conversation_ids="c2")) == 3
    assert len(website.ask("conversation_events", **DAY)) == 3


def test_many_ids_go_by_post(website: LocalWebsite) -> None:
    """A list too long for an address is a form, and answers the same."""
    website.conversations(("2026-11-10 10:00:00", "escalated", "c499"))
    parameters = {"website_id": website.id, "conversation_ids": ",".join(f"c{i}" for i in range(500))}

    answer = website.client.post(
        "/v0/pipes/conversation_events.json",
        data=parameters,
        headers={"Authorization": f"Bearer {website.read_token}"},
    )

    assert answer.status_code == 200, answer.text
    assert [row["conversation_id"] for row in answer.json()["data"]] == ["c499"]


def test_pages_hold_every_row_once(website: LocalWebsite) -> None:
    """Limit and offset cut the same order; past the end there is nothing."""
    website.conversations(*(("2026-11-10 10:00:00", "escalated", f"c{i}") for i in range(5)))

    pages = [website.ask("conversation_events", limit=2, offset=offset) for offset in (0, 2, 4, 6)]

    assert [[row["conversation_id"] for row in page] for page in pages] == [
        ["c0", "c1"],
        ["c2", "c3"],
        ["c4"],
        [],
    ]


@pytest.mark.parametrize("conversation_ids", ["x') OR ('1'='1", "c1\\", "%", "''"])
def test_ids_are_never_sql(website: LocalWebsite, conversation_ids: str) -> None:
    """A quote in an id is an id that no conversation has."""
    website.conversations(("2026-11-10 10:00:00", "escalated", "c1"))

    assert website.ask("conversation_events", conversation_ids=conversation_ids) == []


def test_the_ids_asked_for_are_bounded(website: LocalWebsite) -> None:
    """An empty list is refused: it could mean all or none."""
    message = website.refusal("conversation_events", conversation_ids="")

    assert "conversation_ids must be 1 to 100000 characters long" in message
