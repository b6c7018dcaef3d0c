"""Schemas of the page Satisfaction: comments, and how many conversations were rated. The index is read by Overview."""

from analytics.schemas.schema import PERIOD, Column, Part, Schema

LATEST_COMMENTS = Schema(
    "postgres",
    "latest_comments",
    (
        Column("created_at", "datetime", "when the rating was given, UTC"),
        Column("rating", "int", "1 to 5", least=1, most=5),
        Column("topic", "string", "what it was about; untrusted text", is_nullable=True),
        Column("comment", "string", "what the visitor wrote; untrusted text"),
        Column("conversation_id", "string", "what it rates", is_nullable=True),
        Column("total", "int", "comments that match, also those past the limit; the same on every row"),
    ),
)
"""Has no grain: a visitor may send the same words twice within one moment."""

RATED_SHARE = Schema(
    "postgres",
    "rated_share",
    (
        PERIOD,
        Column("slot_start", "datetime", "start of a quarter of an hour, UTC"),
        Column("ai_resolved", "int", "conversations that the AI agent resolved in the slot"),
        Column("ai_rated", "int", "those of them that were rated before the end of the period"),
        Column("people_resolved", "int", "conversations that people resolved in the slot"),
        Column("people_rated", "int", "those of them that were rated before the end of the period"),
    ),
    grain=("period", "slot_start"),
    parts=(Part("ai_rated", "ai_resolved"), Part("people_rated", "people_resolved")),
)
"""Quarters of an hour in which nothing was resolved have no row."""
