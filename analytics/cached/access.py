"""Who looks, at which websites, and what their view means in dates."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from analytics import access, sources, views
from analytics.access import OwnedWebsite, User, Viewer, Website
from analytics.cached.reading import (
    ACCESS_TRUST,
    ACCESS_TTL,
    MAX_ENTRIES,
    connections,
    last_good,
)
from analytics.errors import ConfigError
from analytics.readings import Answer
from analytics.settings import load_settings
from analytics.views import ResolvedView, View


def is_demo() -> bool:
    """True on the local stack with demo data: every page says so.

    Raises:
        ConfigError: The environment is not complete.
    """
    return load_settings().demo


def viewer_for(email: str | None, now: datetime) -> Viewer:
    """The viewer behind a signed-in e-mail address; without one, the demo viewer in demo mode.

    Args:
        email: From the identity provider, compared case-insensitively; None when nobody is signed in.
        now: Whether a ban has ended depends on it.

    Raises:
        ConfigError: Nobody is signed in and this is no demo.
        AccessDenied: No such account, not verified, or banned.
        SourceError: Postgres is down.
    """
    settings = load_settings()
    if email is None and not settings.demo:
        raise ConfigError(
            "Sign-in is not configured, and this is no demo.",
            "Configure an identity provider, or run `inbox-analytics demo`.",
        )
    address = (email or settings.demo_email).strip().lower()
    reading = last_good.read(
        ("user_by_email", address), lambda: _user_by_email(address), not_before=now - ACCESS_TRUST
    )
    return access.viewer_from_user(reading.value, now)


def websites(viewer: Viewer, now: datetime) -> tuple[Website, ...]:
    """The websites the viewer may open, by name; empty when there is none.

    Raises:
        SourceError: Postgres is down, and has been for too long to trust what was known.
    """
    reading = last_good.read(
        ("websites_for_viewer", viewer.user_id),
        lambda: _websites_for_viewer(viewer.user_id),
        not_before=now - ACCESS_TRUST,
    )
    return tuple(website.at(now) for website in reading.value)


def resolve_view(view: View) -> ResolvedView:
    """The dates that the view's panels read and show. Call it once for the header.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Postgres is down.
    """
    return views.resolve(view, opened(view.viewer, view.website_id, view.now))


def opened(viewer: Viewer, website_id: str, now: datetime) -> Website:
    """The website, after the check that the viewer may open it.

    Raises:
        AccessDenied: It is not the viewer's, or not there.
        SourceError: Postgres is down.
    """
    return access.website_for(websites(viewer, now), website_id)


@st.cache_data(show_spinner=False, ttl=ACCESS_TTL, max_entries=MAX_ENTRIES)
def _user_by_email(email: str) -> Answer[User | None]:
    return sources.user_by_email(connections().postgres, email)


@st.cache_data(show_spinner=False, ttl=ACCESS_TTL, max_entries=MAX_ENTRIES)
def _websites_for_viewer(user_id: str) -> Answer[tuple[OwnedWebsite, ...]]:
    return sources.websites_for_viewer(connections().postgres, user_id, access.STAFF_ROLE)
