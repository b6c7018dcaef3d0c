"""Schemas of the page AI and people: outcomes by who resolved first, open conversations, ratings and traits of both sides."""

from analytics.schemas.schema import BOTH_PERIODS, PERIOD, PERIOD_BOUNDS, Column, Part, Schema, pipe

_TIMES = ("response", "resolution")

RESOLUTION_OUTCOMES = pipe(
    "resolution_outcomes",
    PERIOD,
    *PERIOD_BOUNDS,
    Column(
        "first_resolved_by",
        "string",
        "who resolved them first; none: not resolved",
        values=frozenset({"ai", "people", "none"}),
    ),
    Column("conversations", "int", "distinct conversations started in the period"),
    Column("escalated", "int", "of these, those that the AI handed over to people"),
    Column("known", "int", "of these, those whose 7 days after the first resolution are over"),
    Column("durable", "int", "of the known, those that did not come back within the 7 days"),
    Column("came_back_early", "int", "those that came back, although their 7 days are not over"),
    Column("open_now", "int", "of these, those that are open now"),
    Column("responded", "int", "of these, those with a first response"),
    *(
        Column(
            f"median_{time}_{end}seconds", "float", "seconds; the interval from 6 values on", is_nullable=True
        )
        for time in _TIMES
        for end in ("", "low_", "high_")
    ),
    grain=("period", "first_resolved_by"),
    parts=(
        *(
            Part(name, "conversations")
            for name in ("escalated", "known", "came_back_early", "open_now", "responded")
        ),
        Part("durable", "known"),
        *(Part(f"median_{time}_low_seconds", f"median_{time}_seconds") for time in _TIMES),
        *(Part(f"median_{time}_seconds", f"median_{time}_high_seconds") for time in _TIMES),
    ),
    always=BOTH_PERIODS,
)

OPEN_CONVERSATIONS = Schema(
    "postgres",
    "open_conversations",
    (
        Column("id", "string", "the conversation"),
        Column("updated_at", "datetime", "its last change, UTC"),
    ),
    grain=("id",),
)

RATINGS_BY_SIDE = Schema(
    "postgres",
    "ratings_by_side",
    (
        PERIOD,
        Column(
            "side",
            "string",
            "whose the conversation's last resolution is",
            values=frozenset({"ai", "people"}),
        ),
        Column("rating_count", "int", "ratings"),
        Column("rating_total", "float", "sum of their scores, each 0 to 100"),
        Column("rating_total_of_squares", "float", "sum of the squared scores"),
    ),
    grain=("period", "side"),
    parts=(
        Part("rating_total", "rating_count", 100),
        Part("rating_total_of_squares", "rating_count", 10_000),
    ),
)

TRAITS_BY_SIDE = Schema(
    "postgres",
    "traits_by_side",
    (
        Column("trait", "string", "what is told apart", values=frozenset({"topic", "channel", "priority"})),
        Column("value", "string", "its value; topics and channels are untrusted text"),
        Column("ai_count", "int", "conversations that the AI resolved last; ratings of them for topics"),
        Column("people_count", "int", "the same for people"),
    ),
    grain=("trait", "value"),
)
