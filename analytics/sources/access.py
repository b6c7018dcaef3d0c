"""Reads users and websites for the access check."""

from __future__ import annotations

from typing import Any, Final

from analytics import schemas
from analytics.readings import Answer
from analytics.scope.access import OwnedWebsite, User
from analytics.scope.tiers import Subscription
from analytics.sources.query import instant_or_none, sql_frame, text_or_none
from analytics.transports.postgres import Postgres

_USER_BY_EMAIL: Final = """
SELECT id, email, name, email_verified AS is_email_verified, role,
       COALESCE(banned, false) AS is_banned, ban_expires
FROM "user"
WHERE lower(email COLLATE "C") = :email
ORDER BY email = :email DESC, created_at, id
LIMIT 1
"""


def user_by_email(postgres: Postgres, email: str) -> Answer[User | None]:
    """The user with that e-mail address; None when there is none.

    Case is ignored for A to Z only, because other letters could fold into these. Of two accounts that differ in case only,
    the exact match wins, then the older one.

    Args:
        postgres: The client.
        email: In lower case.

    Raises:
        SourceError: As `Postgres.read`, or `SchemaMismatch`.

    Source: Postgres `user`.
    """
    answer = sql_frame(postgres, schemas.USER_BY_EMAIL, _USER_BY_EMAIL, {"email": email})
    for row in answer.value.itertuples(index=False):
        user = User(
            id=str(row.id),
            email=str(row.email),
            name=str(row.name),
            is_email_verified=bool(row.is_email_verified),
            role=text_or_none(row.role),
            is_banned=bool(row.is_banned),
            ban_expires=instant_or_none(row.ban_expires),
        )
        return Answer(user, answer.read_at)
    return Answer(None, answer.read_at)


WEBSITES_FOR_VIEWER: Final = """
SELECT website.id, website.name, website.slug, website.domain, website.status,
       organization.id AS organization_id, organization.name AS organization_name,
       subscription.plan, subscription.status AS subscription_status, subscription.current_period_end
FROM website
JOIN organization ON organization.id = website.organization_id
LEFT JOIN subscription ON subscription.organization_id = organization.id
WHERE website.deleted_at IS NULL
  AND (
    EXISTS (SELECT 1 FROM "user" WHERE "user".id = :user_id AND "user".role = :staff_role)
    OR EXISTS (
      SELECT 1 FROM member
      WHERE member.organization_id = website.organization_id AND member.user_id = :user_id
    )
  )
ORDER BY lower(website.name), website.id
"""


def websites_for_viewer(
    postgres: Postgres, user_id: str, staff_role: str
) -> Answer[tuple[OwnedWebsite, ...]]:
    """The websites that the user may open, by name: all for staff, those of their organizations for others.

    Includes inactive websites, not deleted ones. The user's current row decides whether they are staff.

    Raises:
        SourceError: As `Postgres.read`, or `SchemaMismatch`.

    Source: Postgres `website`, `organization`, `subscription`, `member`, `user`.
    """
    params = {"user_id": user_id, "staff_role": staff_role}
    answer = sql_frame(postgres, schemas.WEBSITES_FOR_VIEWER, WEBSITES_FOR_VIEWER, params)
    rows: dict[str, list[Any]] = {}
    for row in answer.value.itertuples(index=False):
        rows.setdefault(str(row.id), []).append(row)
    websites = (
        OwnedWebsite(
            id=website_id,
            name=str(own[0].name),
            slug=str(own[0].slug),
            domain=str(own[0].domain),
            organization_id=str(own[0].organization_id),
            organization_name=str(own[0].organization_name),
            is_active=own[0].status == "active",
            subscriptions=tuple(
                Subscription(
                    str(row.plan), str(row.subscription_status), instant_or_none(row.current_period_end)
                )
                for row in own
                if isinstance(row.plan, str)
            ),
        )
        for website_id, own in rows.items()
    )
    return Answer(tuple(websites), answer.read_at)
