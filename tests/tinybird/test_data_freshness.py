"""data_freshness against rows that can be counted by hand."""

from tests.tinybird.website import LocalWebsite, ago, stamp


def test_every_known_event_type_is_there(website: LocalWebsite) -> None:
    """Without data there are eight rows, without a time and with 0 events."""
    rows = website.ask("data_freshness")

    assert [list(row) for row in rows] == [
        ["datasource", "event_type", "newest_event", "events", "ahead"]
    ] * 8
    assert [(row["datasource"], row["event_type"]) for row in rows] == [
        ("conversation_metrics", "ai_resolved"),
        ("conversation_metrics", "conversation_resolved"),
        ("conversation_metrics", "conversation_started"),
        ("conversation_metrics", "escalated"),
        ("conversation_metrics", "feedback_submitted"),
        ("conversation_metrics", "first_response"),
        ("visitor_events", "page_view"),
        ("visitor_events", "seen"),
    ]
    assert {(row["newest_event"], row["events"], row["ahead"]) for row in rows} == {(None, 0, 0)}


def test_events_of_30_days_are_counted_and_dated(website: LocalWebsite) -> None:
    """Each type has its newest event and its number of rows; older and future events stay out."""
    newest = ago(minutes=1)
    website.visit("v1", ago(days=2))
    website.visit("v1", newest)
    website.visit("v1", ago(minutes=-5))
    website.conversations(
        (stamp(ago(days=31)), "escalated", "c1"),
        (stamp(ago(days=29)), "conversation_started", "c1"),
        (stamp(ago(days=29)), "reopened", "c1"),
    )

    rows = {row["event_type"]: row for row in website.ask("data_freshness") if row["events"]}

    assert {name: row["events"] for name, row in rows.items()} == {
        "conversation_started": 1,
        "reopened": 1,
        "seen": 2,
    }
    assert rows["seen"]["newest_event"] == stamp(newest)
    assert rows["reopened"]["datasource"] == "conversation_metrics"


def test_events_dated_in_the_future_are_counted_apart(website: LocalWebsite) -> None:
    """More than a minute ahead: a clock that is wrong. They are not fresh, and no event of the last 30 days."""
    website.visit("v1", ago(minutes=-10))
    website.visit("v2", ago(hours=-23))
    website.visit("v3", ago(seconds=-30))
    website.visit("v4", ago(minutes=1), "page_view")
    website.conversations((stamp(ago(minutes=-2)), "escalated", "c1"))

    rows = {row["event_type"]: row for row in website.ask("data_freshness")}

    assert [(rows["seen"][name]) for name in ("newest_event", "events", "ahead")] == [None, 0, 2]
    assert (rows["page_view"]["events"], rows["page_view"]["ahead"]) == (1, 0)
    assert (rows["escalated"]["events"], rows["escalated"]["ahead"]) == (0, 1)
