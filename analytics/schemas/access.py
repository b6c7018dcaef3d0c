"""Schemas of the reads for the access check."""

from analytics.schemas.schema import Column, Schema

USER_BY_EMAIL = Schema(
    "postgres",
    "user_by_email",
    (
        Column("id", "string", "user.id"),
        Column("email", "string", "as stored"),
        Column("name", "string", "untrusted text"),
        Column("is_email_verified", "bool", "sign-in proves nothing without it"),
        Column("role", "string", "admin is platform staff", is_nullable=True),
        Column("is_banned", "bool", "takes all access away"),
        Column("ban_expires", "datetime", "UTC; null for a ban without an end", is_nullable=True),
    ),
    grain=("id",),
)

WEBSITES_FOR_VIEWER = Schema(
    "postgres",
    "websites_for_viewer",
    (
        Column("id", "string", "website.id"),
        Column("name", "string", "untrusted text"),
        Column("slug", "string", "unique"),
        Column("domain", "string", "untrusted text"),
        Column("status", "string", "active or inactive"),
        Column("organization_id", "string", "organization.id"),
        Column("organization_name", "string", "untrusted text"),
        Column("plan", "string", "of one subscription; null without any", is_nullable=True),
        Column("subscription_status", "string", "of the same subscription", is_nullable=True),
        Column("current_period_end", "datetime", "of the same subscription, UTC", is_nullable=True),
    ),
)
"""Has no grain: a row per website and subscription, and two subscriptions may be equal; they then count once."""
