"""Who looks, and at which websites."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import streamlit as st

from analytics import sources
from analytics.cached.reading import ACCESS_TRUST, ACCESS_TTL, connections, reads
from analytics.cached.shared.question import question
from analytics.errors import AccessDenied, NotSignedIn
from analytics.readings import Answer
from analytics.scope import access
from analytics.scope.access import OwnedWebsite, User, Viewer, Website
from analytics.scope.identity import Identity, identity_from_claims
from analytics.scope.weeks import WeekStart
from analytics.settings import load_settings, product_link
from analytics.settings.demo_mode import require_listening_here

_ended: Final[dict[Identity, datetime]] = {}
"""Sign-ins that were ended here, and when."""

LOOK_AGAIN: Final = timedelta(seconds=5)
"""How often a viewer's websites are read past the cache, at most, whatever websites they ask for."""

_looked: Final[dict[str, datetime]] = {}
"""Viewers whose websites were read past the cache, by user id, and when."""

_looking: Final = threading.Lock()


def conversation_address(website: Website, conversation_id: str) -> str | None:
    """The address of a conversation in the product; None where no template is set.

    Args:
        website: Whose conversation.
        conversation_id: Untrusted text; it is encoded.

    Raises:
        ConfigError: The environment is not complete.
    """
    template = load_settings().conversation_url
    if template is None:
        return None
    return product_link.conversation_address(
        template, conversation_id=conversation_id, website_id=website.id, website_slug=website.slug
    )


def is_demo() -> bool:
    """True on the local stack with demo data: every page says so.

    Raises:
        ConfigError: The environment is not complete.
    """
    return load_settings().demo


def identity_of(claims: Mapping[str, object]) -> Identity:
    """The person that an identity provider's claims tell of, by this deployment's settings.

    Raises:
        AccessDenied: They open no account.
        ConfigError: The environment is not complete.
    """
    return identity_from_claims(claims, load_settings().oidc_verified_issuers)


def end_sign_in(identity: Identity, now: datetime) -> None:
    """Ends a sign-in in every tab, and wherever else its cookie is; other processes of this server do not hear of it."""
    longest = load_settings().longest_sign_in
    for old in [
        each for each, ended in tuple(_ended.items()) if now - ended > longest + access.CLOCK_DIFFERENCE
    ]:
        _ended.pop(old, None)
    _ended[identity] = now


def viewer_for(identity: Identity | None, now: datetime) -> Viewer:
    """The viewer that an identity is now; without one, the demo viewer in demo mode.

    Args:
        identity: Who signed in; None in the demo or before a sign-in.
        now: Whether a ban or a sign-in has ended depends on it.

    Raises:
        NotSignedIn: There is no sign-in and this is no demo, or the sign-in was ended or is too old.
        AccessDenied: No such account, not verified, or banned.
        ConfigError: In the demo, the web server listens to other machines.
        SourceError: Postgres is down.
    """
    settings = load_settings()
    if identity is None:
        if not settings.demo:
            raise NotSignedIn("Use your work account to see your websites.")
        require_listening_here(st.get_option("server.address"))
        identity = Identity(settings.demo_email.lower(), None)
    if identity in _ended:
        raise NotSignedIn("You have signed out.", "Sign in again to go on.")
    access.require_recent(identity, now, settings.longest_sign_in)
    reading = reads.read(
        ("user_by_email", identity.email),
        _user_by_email(identity.email),
        not_before=now - ACCESS_TRUST,
    )
    return access.viewer_from_user(reading.value, identity, now)


def admitted(viewer: Viewer, now: datetime) -> Viewer:
    """The viewer as of now: what they may do is asked at every read, not only where a page begins.

    Raises:
        NotSignedIn: The sign-in was ended, or has become too old.
        AccessDenied: The account is gone, is another person's now, or was banned.
        SourceError: Postgres is down.
    """
    found = viewer_for(viewer.identity, now)
    if found.user_id != viewer.user_id:
        raise AccessDenied("This e-mail address belongs to another account now.", "Sign in again.")
    return found


def has_changed(viewer: Viewer, drawn: Sequence[Website], now: datetime) -> bool:
    """Whether a page that was drawn for a viewer shows more, or less, than they may see now.

    Args:
        viewer: As of when the page was drawn.
        drawn: The websites that it offers.
        now: The clock.

    Raises:
        SourceError: Postgres is down, and has been for too long to trust what was known.
    """
    try:
        found = admitted(viewer, now)
        return found.is_staff != viewer.is_staff or websites(found, now) != tuple(drawn)
    except AccessDenied:
        return True


def staff(viewer: Viewer, now: datetime) -> None:
    """Passes who is staff now.

    Raises:
        AccessDenied: The viewer is not staff, or may not look at anything.
        SourceError: Postgres is down.
    """
    access.require_staff(admitted(viewer, now))


def websites(viewer: Viewer, now: datetime) -> tuple[Website, ...]:
    """The websites the viewer may open, by name; empty when there is none.

    Raises:
        AccessDenied: The viewer may not look at anything.
        SourceError: Postgres is down, and has been for too long to trust what was known.
    """
    return tuple(website.at(now) for website in _owned(viewer, now))


def website_of(viewer: Viewer, website_id: str, now: datetime) -> Website:
    """One of the websites the viewer may open.

    Raises:
        AccessDenied: The viewer may not look at anything, or not at this.
        SourceError: As `websites`.
    """
    return access.website_for(_owned(viewer, now), website_id).at(now)


def _owned(viewer: Viewer, now: datetime) -> tuple[OwnedWebsite, ...]:
    user_id = admitted(viewer, now).user_id
    reading = reads.read(
        ("websites_for_viewer", user_id),
        _websites_for_viewer(user_id),
        not_before=now - ACCESS_TRUST,
    )
    return reading.value


def websites_anew(viewer: Viewer, now: datetime) -> tuple[Website, ...]:
    """As `websites`, read past the cache where that was not done in the last `LOOK_AGAIN`: one may be new.

    Raises:
        AccessDenied: The viewer may not look at anything.
        SourceError: Postgres is down, and has been for too long to trust what was known.
    """
    user_id = admitted(viewer, now).user_id
    with _looking:
        for known in [each for each, looked in _looked.items() if now - looked >= LOOK_AGAIN]:
            del _looked[known]
        is_due = user_id not in _looked
        if is_due:
            _looked[user_id] = now
    if is_due:
        reads.renew(_websites_for_viewer(user_id))
    return websites(viewer, now)


def week_start() -> WeekStart:
    """The day that weeks begin with in this deployment.

    Raises:
        ConfigError: The environment is not complete.
    """
    return load_settings().week_start


@question("postgres", ACCESS_TTL)
def _user_by_email(email: str) -> Answer[User | None]:
    return sources.user_by_email(connections().postgres, email)


@question("postgres", ACCESS_TTL)
def _websites_for_viewer(user_id: str) -> Answer[tuple[OwnedWebsite, ...]]:
    return sources.websites_for_viewer(connections().postgres, user_id, access.STAFF_ROLE)
