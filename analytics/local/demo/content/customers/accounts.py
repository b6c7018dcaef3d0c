"""Makes the Postgres rows that never change: users, organizations, memberships, plans, websites. Pure."""

from collections.abc import Callable, Iterator

import numpy as np

from analytics.local.demo.content.customers.organizations import DAY, ORGANIZATIONS, STAFF, Identity
from analytics.local.demo.content.identifiers import instant_texts
from analytics.local.demo.content.postgres_copy import NULL, Rows


def account_rows(identity: Identity, anchor: int) -> list[Rows]:
    """The rows of all five tables, parents before children; ages count from `anchor`."""

    def at(days_from_anchor: int) -> str:
        return instant_texts(np.array([anchor + days_from_anchor * DAY]))[0]

    return [
        Rows(
            "user",
            ["id", "name", "email", "email_verified", "role", "banned", "created_at"],
            list(_users(identity, at)),
        ),
        Rows("organization", ["id", "name", "slug", "created_at"], list(_organizations(identity, at))),
        Rows(
            "member", ["id", "organization_id", "user_id", "role", "created_at"], list(_members(identity, at))
        ),
        Rows(
            "subscription",
            ["id", "organization_id", "plan", "status", "current_period_end", "created_at"],
            list(_subscriptions(identity, at)),
        ),
        Rows(
            "website",
            ["id", "name", "slug", "domain", "organization_id", "status", "created_at"],
            list(_websites(identity, at)),
        ),
    ]


def _users(identity: Identity, at: Callable[[int], str]) -> Iterator[str]:
    for person in STAFF:
        yield _line(identity.people[person.email], person.name, person.email, "t", "admin", NULL, at(-1000))
    for organization in ORGANIZATIONS:
        for person in organization.people:
            is_verified, is_banned = "t" if person.is_verified else "f", "t" if person.is_banned else NULL
            key, joined = identity.people[person.email], at(organization.joined_days)
            yield _line(key, person.name, person.email, is_verified, NULL, is_banned, joined)


def _organizations(identity: Identity, at: Callable[[int], str]) -> Iterator[str]:
    for organization in ORGANIZATIONS:
        key, joined = identity.organizations[organization.slug], at(organization.joined_days)
        yield _line(key, organization.name, organization.slug, joined)


def _members(identity: Identity, at: Callable[[int], str]) -> Iterator[str]:
    for organization in ORGANIZATIONS:
        key, joined = identity.organizations[organization.slug], at(organization.joined_days)
        for person in organization.people:
            user = identity.people[person.email]
            yield _line(f"member-{user}", key, user, person.role, joined)


def _subscriptions(identity: Identity, at: Callable[[int], str]) -> Iterator[str]:
    for organization in ORGANIZATIONS:
        key = identity.organizations[organization.slug]
        for number, held in enumerate(organization.subscriptions):
            ends, began = at(held.ends_days), at(held.started_days)
            yield _line(f"subscription-{number}-{key}", key, held.plan, held.status, ends, began)


def _websites(identity: Identity, at: Callable[[int], str]) -> Iterator[str]:
    for organization in ORGANIZATIONS:
        owner = identity.organizations[organization.slug]
        for website in organization.websites:
            key, opened = identity.websites[website.slug], at(website.opened_days)
            yield _line(key, website.name, website.slug, website.domain, owner, "active", opened)


def _line(*values: str) -> str:
    return "\t".join(values)
