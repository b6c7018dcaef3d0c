"""Schemas of the page Satisfaction: comments of visitors. The index is read by Overview."""

from analytics.schemas.schema import Column, Schema

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
