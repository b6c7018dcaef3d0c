"""What Data health and the header read about the data itself."""

from analytics.schemas.schema import Column, pipe

DATA_FRESHNESS = pipe(
    "data_freshness",
    Column("datasource", "string", "conversation_metrics or visitor_events"),
    Column("event_type", "string", "one of the eight event types"),
    Column("newest_event", "datetime", "UTC, within the last 30 days", is_nullable=True),
    Column("events", "int", "rows in the last 30 days"),
)
