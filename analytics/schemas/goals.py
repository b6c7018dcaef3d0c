"""Schemas of the reads for goals: what conversations did against them, and who may change them."""

from analytics.schemas.schema import Column, Schema

GOAL_COUNTS = Schema(
    "postgres",
    "goal_counts",
    (
        Column("website_id", "string", "the website"),
        Column("measure", "string", "of which time", values=frozenset({"response", "resolution"})),
        Column("version", "int", "which version of its goal", least=1),
        Column("met", "int", "conversations whose time is over, answered or resolved within it"),
        Column("missed", "int", "conversations whose time is over, answered or resolved later or not at all"),
        Column("open", "int", "conversations whose time is not over, answered or not"),
    ),
    grain=("website_id", "measure", "version"),
)
"""A version that judged no conversation has no row."""

MEMBER_ROLES = Schema(
    "postgres",
    "member_roles",
    (Column("role", "string", "owner, admin or member"),),
    grain=("role",),
)
