"""Access rules: which user is a viewer, and which websites a viewer may open. Pure.

A website that does not exist, is deleted or belongs to another organization gives the same error, so that an error does not
reveal what exists.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from analytics.errors import AccessDenied, NotSignedIn
from analytics.scope.identity import Identity
from analytics.scope.tiers import Subscription, Tier, canceled_until, tier_from_subscriptions

STAFF_ROLE: Final = "admin"

EDITORS: Final = frozenset({"owner", "admin"})
"""Roles of members who may change the goals of their organization's websites."""

CLOCK_DIFFERENCE: Final = timedelta(minutes=15)
"""How far the clocks of the identity provider and of this server may differ."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """A signed-in team member, as of the last look-up.

    Attributes:
        user_id: `user.id`.
        name: Written by the person: untrusted text.
        is_staff: True for platform staff, who see every website.
        identity: The sign-in; every read looks the viewer up by it again.
    """

    user_id: str
    name: str
    is_staff: bool
    identity: Identity

    @property
    def email(self) -> str:
        """E-mail address of the sign-in."""
        return self.identity.email


@dataclass(frozen=True, slots=True)
class User:
    """A row of the `user` table, before the access check.

    Attributes:
        id: `user.id`.
        email: As stored.
        name: Untrusted text.
        is_email_verified: False denies access: the address may belong to another person.
        role: `admin` is platform staff; None for all others.
        is_banned: True denies access, until `ban_expires` when that is set.
        ban_expires: Aware; None for a ban without an end.
    """

    id: str
    email: str
    name: str
    is_email_verified: bool
    role: str | None
    is_banned: bool
    ban_expires: datetime | None


@dataclass(frozen=True, slots=True)
class OwnedWebsite:
    """A website with its owner's subscriptions, before its tier is derived.

    Attributes:
        id, name, slug, domain, organization_id, organization_name, is_active: As in `Website`.
        subscriptions: All of the owner's; empty when there is none.
    """

    id: str
    name: str
    slug: str
    domain: str
    organization_id: str
    organization_name: str
    is_active: bool
    subscriptions: tuple[Subscription, ...]

    def at(self, now: datetime) -> Website:
        """The website with its owner's tier at `now`."""
        return Website(
            id=self.id,
            name=self.name,
            slug=self.slug,
            domain=self.domain,
            organization_id=self.organization_id,
            organization_name=self.organization_name,
            tier=tier_from_subscriptions(self.subscriptions, now),
            is_active=self.is_active,
            canceled_until=canceled_until(self.subscriptions, now),
        )


@dataclass(frozen=True, slots=True)
class Website:
    """A website as the dashboard shows it.

    Attributes:
        id: `website.id`.
        name: Written by customers: untrusted text.
        slug: Unique short name.
        domain: Where the widget runs: untrusted text.
        organization_id: The owner.
        organization_name: Untrusted text.
        tier: The owner's tier.
        is_active: False for a website with status `inactive`; its data stays readable.
        canceled_until: End of the owner's canceled plan that is still paid; None without one.
    """

    id: str
    name: str
    slug: str
    domain: str
    organization_id: str
    organization_name: str
    tier: Tier
    is_active: bool = True
    canceled_until: datetime | None = None


def require_recent(identity: Identity, now: datetime, longest: timedelta) -> None:
    """Checks that a sign-in is not older than `longest`; one without a time is never too old.

    Raises:
        NotSignedIn: It is older, or further in the future than `CLOCK_DIFFERENCE`.
    """
    if identity.signed_in_at is not None and not -CLOCK_DIFFERENCE <= now - identity.signed_in_at <= longest:
        raise NotSignedIn("You signed in too long ago.", "Sign in again to go on.")


def viewer_from_user(user: User | None, identity: Identity, now: datetime) -> Viewer:
    """Checks the row with the signed-in e-mail, None without one, and makes the viewer; bans may expire.

    Raises:
        AccessDenied: No such user, e-mail not verified, or banned.
    """
    if user is None:
        raise AccessDenied(
            "This e-mail address has no account here.",
            "Sign in with another address, or ask for an invitation.",
        )
    if user.is_banned and (user.ban_expires is None or user.ban_expires > now):
        raise AccessDenied("This account is suspended.", "Ask the platform staff.")
    if not user.is_email_verified:
        raise AccessDenied(
            "This e-mail address is not verified.", "Verify it in the inbox first, then sign in again."
        )
    return Viewer(user.id, user.name, user.role == STAFF_ROLE, identity)


def require_staff(viewer: Viewer) -> None:
    """Checks that the viewer is platform staff.

    Raises:
        AccessDenied: The viewer is not staff.
    """
    if not viewer.is_staff:
        raise AccessDenied("Data health is for the platform's staff.", "Choose another page in the sidebar.")


def may_edit(viewer: Viewer, roles: Collection[str]) -> bool:
    """Whether a viewer may change the goals of an organization's websites: staff, its owners and its admins.

    Args:
        viewer: The viewer.
        roles: Their roles in that organization.

    >>> ann = Viewer("u", "Ann", False, Identity("ann@example.com", None))
    >>> may_edit(ann, {"member"}), may_edit(ann, {"member", "owner"}), may_edit(ann, ())
    (False, True, False)
    """
    return viewer.is_staff or not EDITORS.isdisjoint(roles)


W = TypeVar("W", OwnedWebsite, Website)


def website_for(websites: Sequence[W], website_id: str) -> W:
    """The website with that id among those the viewer may open.

    Raises:
        AccessDenied: It is not among them, whether it exists or not.
    """
    for website in websites:
        if website.id == website_id:
            return website
    raise AccessDenied("This website is not available to you.", "Choose one from the sidebar.")
