"""Who looks, and which websites they may open. Pure: claims and rows in, verdict out.

A website that does not exist, is deleted or belongs to somebody else gives the same answer, so that nobody learns
from an error what exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from analytics.errors import AccessDenied, NotSignedIn
from analytics.scope.identity import Identity
from analytics.scope.tiers import Subscription, Tier, canceled_until, tier_from_subscriptions

STAFF_ROLE: Final = "admin"

CLOCK_DIFFERENCE: Final = timedelta(minutes=15)
"""How far the clocks of the identity provider and of this server may differ."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """A team member who may look at something, as known when they were last looked up.

    Attributes:
        user_id: `user.id`.
        name: Written by the person: untrusted text.
        is_staff: True for platform staff, who see every website.
        identity: What they signed in with; every read looks them up by it again.
    """

    user_id: str
    name: str
    is_staff: bool
    identity: Identity

    @property
    def email(self) -> str:
        """The address they signed in with."""
        return self.identity.email


@dataclass(frozen=True, slots=True)
class User:
    """A row of the `user` table, before it is decided whether it may look.

    Attributes:
        id: `user.id`.
        email: As stored.
        name: Untrusted text.
        is_email_verified: Sign-in by e-mail proves nothing without it.
        role: `admin` is platform staff; None for everybody else.
        is_banned: True takes all access away, until `ban_expires` when that is set.
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
    """A website with its owner's subscriptions, before it is decided which tier it is in.

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
        """The website with the tier that its owner is in at this moment."""
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
        organization_id: Who owns it.
        organization_name: Untrusted text.
        tier: The owner's tier at the moment asked about.
        is_active: False for a website with status `inactive`; its data stays readable.
        canceled_until: When the owner's canceled plan ends that is still paid; None without one.
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
    """Passes a sign-in that is not too old.

    Args:
        identity: Who signed in, and when; None for when has no age.
        now: The clock.
        longest: How long a sign-in holds.

    Raises:
        NotSignedIn: It is older, or from a future that no clock difference explains.
    """
    if identity.signed_in_at is not None and not -CLOCK_DIFFERENCE <= now - identity.signed_in_at <= longest:
        raise NotSignedIn("You signed in too long ago.", "Sign in again to go on.")


def viewer_from_user(user: User | None, identity: Identity, now: datetime) -> Viewer:
    """The viewer that a signed-in user is.

    Args:
        user: The row with the signed-in e-mail; None when there is none.
        identity: What they signed in with.
        now: Whether a ban has ended depends on it.

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
    """Passes platform staff.

    Raises:
        AccessDenied: The viewer is somebody else.
    """
    if not viewer.is_staff:
        raise AccessDenied("Data health is for the platform's staff.", "Choose another page in the sidebar.")


def website_for(websites: Sequence[Website], website_id: str) -> Website:
    """The website of that id among those the viewer may open.

    Raises:
        AccessDenied: It is not among them; existing or not makes no difference.
    """
    for website in websites:
        if website.id == website_id:
            return website
    raise AccessDenied("This website is not available to you.", "Choose one from the sidebar.")
