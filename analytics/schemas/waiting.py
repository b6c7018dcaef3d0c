"""Schemas of the page Waiting: conversations without an answer or resolution now, and the backlog over time."""

from analytics.schemas.schema import Column, Schema

WAITING_CONVERSATIONS = Schema(
    "postgres",
    "waiting_conversations",
    (
        Column("id", "string", "the conversation"),
        Column("visitor_id", "string", "who waits"),
        Column("started_at", "datetime", "its start, UTC"),
        Column("first_response_at", "datetime", "its first response, UTC", is_nullable=True),
        Column("escalated_at", "datetime", "when it was escalated, UTC", is_nullable=True),
        Column("sentiment", "string", "positive, neutral or negative", is_nullable=True),
        Column("city", "string", "untrusted text", is_nullable=True),
        Column("country_code", "string", "ISO 3166 alpha-2", is_nullable=True),
        Column("total", "int", "conversations that match, also those past the limit; the same on every row"),
    ),
    grain=("id",),
)

STILL_WAITING = Schema(
    "postgres",
    "still_waiting",
    (Column("waiting", "int", "conversations started in the period, open and never answered"),),
    grain=("waiting",),
)

BACKLOG = Schema(
    "postgres",
    "backlog",
    (
        Column("bucket_number", "int", "1 is the first bucket; 0 is everything before it"),
        Column("started", "int", "conversations started in it; of bucket 0 those still open at its end"),
        Column("resolved", "int", "conversations resolved in it; of bucket 0 none"),
    ),
    grain=("bucket_number",),
)
"""Buckets in which nothing happened have no row."""
