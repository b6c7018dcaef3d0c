"""Schemas of the page Conversations: counts by band, hour and outcome, the list, and its columns from Postgres."""

from analytics.schemas.schema import Always, Column, Part, Schema, pipe

_MEDIANS = tuple(
    Column(name, "float", "seconds", is_nullable=True)
    for name in ("median_response_seconds", "median_resolution_seconds")
)

CONVERSATION_BREAKDOWN = pipe(
    "conversation_breakdown",
    Column(
        "dimension", "string", "response_band, resolution_band, hour_of_week, handled_by, escalation or total"
    ),
    Column("key", "string", "which value of the dimension; empty for total"),
    Column("conversations", "int", "distinct conversations"),
    *_MEDIANS,
    Column("responded", "int", "of these, those with a first response in the period"),
    Column("resolved", "int", "of these, those resolved in the period"),
    grain=("dimension", "key"),
    parts=(Part("responded", "conversations"), Part("resolved", "conversations")),
    always=Always("dimension", frozenset({"total"})),
)

CONVERSATION_LIST = pipe(
    "conversation_list",
    Column("conversation_id", "string", "the conversation"),
    Column("first_event_at", "datetime", "its first event in the period, UTC"),
    Column("started_at", "datetime", "its start, UTC; null when before the period", is_nullable=True),
    Column("response_seconds", "float", "seconds", is_nullable=True),
    Column("resolution_seconds", "float", "seconds", is_nullable=True),
    Column("is_resolved", "int", "1 when resolved in the period, by AI or people", most=1),
    Column("is_ai_resolved", "int", "1 when the last resolution was the AI agent's", most=1),
    Column("is_escalated", "int", "1 when escalated in the period", most=1),
    Column("total", "int", "conversations on all pages"),
    Column("total_started_before", "int", "of these, those that started before the period"),
    grain=("conversation_id",),
    parts=(Part("is_ai_resolved", "is_resolved"), Part("total_started_before", "total")),
)

CONVERSATION_EVENTS = pipe(
    "conversation_events",
    Column("conversation_id", "string", "the conversation"),
    Column("timestamp", "datetime", "when, UTC, whole seconds"),
    Column("event_type", "string", "conversation_started, first_response and so on"),
    Column("duration_seconds", "float", "seconds since the conversation's start; 0 without one", least=None),
    Column("events", "int", "rows stored, duplicates included"),
    grain=("conversation_id", "timestamp", "event_type"),
)
"""Durations are as they were sent and have no range: `sync` and parity also read events that are wrong."""

LEFT_OUT_CONVERSATIONS = Schema(
    "postgres", "left_out_conversations", (Column("id", "string", "the conversation"),), grain=("id",)
)

RATED_CONVERSATIONS = Schema(
    "postgres",
    "rated_conversations",
    (
        Column("id", "string", "the conversation"),
        Column("rating", "int", "1 to 5, of the newest feedback", least=1, most=5),
    ),
    grain=("id",),
)

CONVERSATIONS_BY_ID = Schema(
    "postgres",
    "conversations_by_id",
    (
        Column("id", "string", "the conversation"),
        Column("status", "string", "open, resolved or spam"),
        Column("started_at", "datetime", "its start, UTC", is_nullable=True),
        Column("first_response_at", "datetime", "its first response, UTC", is_nullable=True),
        Column("escalated_at", "datetime", "when it was escalated, UTC", is_nullable=True),
        Column("resolved_by", "string", "name of the person who resolved it", is_nullable=True),
        Column("topic", "string", "of the newest feedback that has one; untrusted text", is_nullable=True),
        Column("sentiment", "string", "positive, neutral or negative", is_nullable=True),
        Column("rating", "float", "1 to 5, of the newest feedback", is_nullable=True, least=1, most=5),
        Column("city", "string", "untrusted text", is_nullable=True),
        Column("country_code", "string", "ISO 3166 alpha-2", is_nullable=True),
    ),
    grain=("id",),
)
