"""Schemas of Data health and of the header: freshness, volume, quarantine."""

from analytics.schemas.schema import Always, Column, Part, pipe

_EVENT_TYPES = Always(
    "event_type",
    frozenset(
        {
            "ai_resolved",
            "conversation_resolved",
            "conversation_started",
            "escalated",
            "feedback_submitted",
            "first_response",
            "page_view",
            "seen",
        }
    ),
)

DATA_FRESHNESS = pipe(
    "data_freshness",
    Column("datasource", "string", "conversation_metrics or visitor_events"),
    Column("event_type", "string", "one of the eight event types"),
    Column("newest_event", "datetime", "UTC, within the last 30 days", is_nullable=True),
    Column("events", "int", "rows in the last 30 days"),
    Column("ahead", "int", "rows dated more than a minute in the future"),
    grain=("datasource", "event_type"),
    always=_EVENT_TYPES,
)

EVENT_VOLUME = pipe(
    "event_volume",
    Column("datasource", "string", "conversation_metrics or visitor_events"),
    Column("event_type", "string", "one of the eight event types, or any other that has events"),
    Column("day_start", "datetime", "first instant of the day, UTC"),
    Column("events", "int", "rows on that day"),
    Column("longest_quiet_seconds", "float", "between two events of the type", is_nullable=True),
    grain=("datasource", "event_type", "day_start"),
    always=_EVENT_TYPES,
)

WEBSITE_FRESHNESS = pipe(
    "website_freshness",
    Column("website_id", "string", "of any website that sent something, also of a deleted one"),
    Column("newest_event", "datetime", "UTC, within the last 30 days", is_nullable=True),
    Column("events", "int", "rows in the last 30 days"),
    Column("ahead", "int", "rows dated more than a minute in the future"),
    Column("usual_gap_seconds", "float", "second longest time between two events", is_nullable=True),
    Column("websites", "int", "websites with an event, the same in each row"),
    grain=("website_id",),
)

QUARANTINED_ROWS = pipe(
    "quarantined_rows",
    Column("datasource", "string", "conversation_metrics or visitor_events"),
    Column("error_columns", "string", "the columns that did not fit, untrusted text"),
    Column("reason", "string", "what was wrong, untrusted text"),
    Column("website_id", "string", "of the newest such row, untrusted text, may be empty"),
    Column("newest", "datetime", "when the newest such row arrived, UTC"),
    Column("quarantined", "int", "rows with this reason in the last 30 days"),
    Column("total", "int", "rows of the data source in the last 30 days, the same in each of its rows"),
    grain=("datasource", "error_columns", "reason"),
    parts=(Part("quarantined", "total"),),
)
