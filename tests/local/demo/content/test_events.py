"""Events of Tinybird agree with rows of Postgres, by section 6 of the data contract."""

from collections.abc import Iterator

from tests.local.demo.reading import Event, Record, moment


def expected_events(row: Record) -> Iterator[tuple[str, str, int]]:
    """What section 6 of the data contract derives from a row: event, instant, seconds since the start."""
    started = moment(row["started_at"])
    yield "conversation_started", str(row["started_at"]), 0
    if row["first_response_at"]:
        wait = int((moment(row["first_response_at"]) - started).total_seconds())
        yield "first_response", str(row["first_response_at"]), wait
    if row["escalated_at"]:
        yield "escalated", str(row["escalated_at"]), 0
    if row["resolved_at"]:
        took = int((moment(row["resolved_at"]) - started).total_seconds())
        yield "conversation_resolved", str(row["resolved_at"]), took
        if row["resolved_by_ai_agent_id"]:
            yield "ai_resolved", str(row["resolved_at"]), took


def test_events_and_rows_agree(
    counted: list[Record], lifecycle: list[Event], tables: dict[str, list[Record]]
) -> None:
    """Every row has its events with its durations; the only other events are resolutions before a reopening."""
    events = {
        (
            e["conversation_id"],
            e["visitor_id"],
            e["website_id"],
            e["event_type"],
            e["timestamp"],
            e["duration_seconds"],
        )
        for e in lifecycle
    }
    assert len(events) == len(lifecycle)
    wanted = {
        (row["id"], row["visitor_id"], row["website_id"], *event)
        for row in counted
        for event in expected_events(row)
    }
    kept = {row["id"]: row for row in counted}
    for row in tables["feedback"]:
        if row["conversation_id"] in kept:
            event = ("feedback_submitted", str(row["created_at"]), 0)
            wanted.add((row["conversation_id"], row["visitor_id"], row["website_id"], *event))
    assert wanted <= events
    rest = events - wanted
    assert {event[3] for event in rest} == {"conversation_resolved", "ai_resolved"}
    reopened = {event[0] for event in rest}
    assert 0.03 < len(reopened) / len(counted) < 0.08
    for key, _visitor, _website, _type, instant, _seconds in rest:
        assert key in kept
        assert kept[key]["resolved_at"] is None or str(kept[key]["resolved_at"]) > instant


def test_deleted_and_test_rows_are_not_sent_to_tinybird(
    tables: dict[str, list[Record]], lifecycle: list[Event], visits: list[Event]
) -> None:
    """Deleted conversations and test visitors are in Postgres alone."""
    deleted = {row["id"] for row in tables["conversation"] if row["deleted_at"]}
    tests = {row["id"] for row in tables["visitor"] if row["is_test"]}
    assert deleted
    assert tests
    assert not deleted & {event["conversation_id"] for event in lifecycle}
    assert not tests & (
        {event["visitor_id"] for event in lifecycle} | {event["visitor_id"] for event in visits}
    )


def test_visitors_of_tinybird_are_those_of_postgres(
    tables: dict[str, list[Record]], visits: list[Event]
) -> None:
    """Same people, same devices, and `last_seen_at` is the newest `seen` event."""
    visitors = {row["id"]: row for row in tables["visitor"]}
    newest: dict[str, str] = {}
    for event in visits:
        row = visitors[event["visitor_id"]]
        assert (row["website_id"], row["device_type"], row["browser"]) == (
            event["website_id"], event["device_type"], event["browser"],
        )  # fmt: skip
        if event["event_type"] == "seen":
            newest[event["visitor_id"]] = max(newest.get(event["visitor_id"], ""), event["timestamp"])
    for visitor, last_seen in newest.items():
        assert visitors[visitor]["last_seen_at"] == last_seen
