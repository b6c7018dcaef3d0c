"""The cached module: what pages call, one function per thing a page shows.

Every function takes the viewer, the website and what is looked at. It checks access and clamps to the tier itself,
then calls an inner cached function whose parameters are its whole key: two viewers of one website share an entry,
two periods never do. Failures are raised, never cached; the last good value is kept beside the cache and comes
back marked stale.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final, ParamSpec, TypeVar

import pandas as pd
import streamlit as st

from analytics import access, presence, sources, timeseries, views
from analytics.access import OwnedWebsite, User, Viewer, Website
from analytics.board import board
from analytics.connections import Connections
from analytics.errors import ConfigError, SourceError
from analytics.metrics import Kpi, KpiBoard, KpiKey
from analytics.periods import Period
from analytics.presence import RightNow
from analytics.readings import Answer, LastGood, Reading
from analytics.settings import load_settings
from analytics.sources import Bounds
from analytics.totals import ConversationPeriods, VisitorPeriods
from analytics.views import ResolvedView, View

__all__ = [
    "Kpi",
    "KpiBoard",
    "KpiKey",
    "Reading",
    "ResolvedView",
    "RightNow",
    "View",
    "Viewer",
    "Website",
    "active_visitors",
    "clear",
    "is_demo",
    "kpi_timeseries",
    "kpis",
    "live_refresh_seconds",
    "newest_event",
    "resolve_view",
    "right_now",
    "viewer_for",
    "visitor_activity",
    "visitor_locations",
    "websites",
]


P = ParamSpec("P")
T = TypeVar("T")

KPI_TTL: Final = timedelta(minutes=5)
"""A period that includes now moves on every 5 minutes anyway; a closed one may still receive late events."""

ACCESS_TTL: Final = timedelta(minutes=1)
"""How long a membership that was taken away, a ban or a new subscription may go unnoticed."""

ACCESS_TRUST: Final = timedelta(minutes=15)
"""How long what was known about access is trusted while Postgres is down."""

FRESHNESS_TTL: Final = timedelta(minutes=2)
LIVE_TTL: Final = timedelta(minutes=10)
"""Live keys hold the tick they were read in and are never met after it; this only frees their memory."""

MAX_ENTRIES: Final = 512

_last_good = LastGood()


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
    reading = _last_good.read(
        ("user_by_email", address), lambda: _user_by_email(address), not_before=now - ACCESS_TRUST
    )
    return access.viewer_from_user(reading.value, now)


def websites(viewer: Viewer, now: datetime) -> tuple[Website, ...]:
    """The websites the viewer may open, by name; empty when there is none.

    Raises:
        SourceError: Postgres is down, and has been for too long to trust what was known.
    """
    reading = _last_good.read(
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
    return views.resolve(view, _opened(view.viewer, view.website_id, view.now))


def kpis(view: View) -> Reading[KpiBoard]:
    """The KPI cards, the funnel and the satisfaction index of a view.

    The sources are read side by side. One that fails without a last good value takes down its own cards, which are
    then in `errors`.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Nothing could be read.
    """
    resolved = resolve_view(view)
    bounds = _bounds(resolved.conversations, resolved, is_comparable=resolved.comparable.is_ok)
    visitor_bounds = _bounds(resolved.visitors, resolved, is_comparable=resolved.visitors_comparable.is_ok)
    website_id, visitors = resolved.website.id, None
    with ThreadPoolExecutor(max_workers=3) as pool:
        question = resolved.question("inbox_analytics", resolved.conversations)
        conversations = pool.submit(_attempt, question, _inbox_analytics, website_id, bounds)
        scores = pool.submit(_rating_and_sentiment_of, resolved, bounds)
        if not resolved.visitors.is_empty:
            question = resolved.question("unique_visitors", resolved.visitors)
            visitors = pool.submit(_attempt, question, _unique_visitors, website_id, visitor_bounds)
    seen = None if visitors is None else visitors.result()
    return board(resolved, conversations.result(), seen, scores.result())


def kpi_timeseries(view: View) -> Reading[pd.DataFrame]:
    """The KPIs over time: one row per (period, bucket), sorted by both.

    Columns:
        period (string): `current` or `previous`; no `previous` rows when not comparable or not compared.
        bucket_index (int): 0-based within its period.
        bucket_start (datetime, the view's timezone): first instant of the bucket inside the period.
        bucket_end (datetime, the view's timezone): first instant after it.
        aligned_start (datetime, the view's timezone): where to draw the bucket: its own start for `current`, the
            same local clock reading in the current period for `previous`.
        is_complete (bool): False for a bucket that the period cuts or that is not over yet.
        started, responded, resolved, ai_resolved, escalated, feedback (int): distinct conversations.
        median_response_seconds, median_resolution_seconds (float, seconds): NaN when there was none.
        ai_handled_ratio (float, 0..1): NaN when nothing was resolved.
        satisfaction_index (float, 0..100): NaN when all components are missing, or Postgres could not be read
            (then `failures` says so).
        satisfaction_missing (string): components that count as the neutral 50 in it, such as `rating, sentiment`.
        unique_visitors (float, count per bucket, does not add up): NaN where visitor data does not reach.

    An empty period has no rows.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.
    """
    resolved = resolve_view(view)
    bounds = _bounds(resolved.conversations, resolved, is_comparable=resolved.comparable.is_ok)
    with ThreadPoolExecutor(max_workers=2) as pool:
        question = resolved.question("kpi_timeseries", resolved.conversations)
        zone = resolved.conversations.timezone.key
        rows = pool.submit(
            _attempt, question, _kpi_timeseries, resolved.website.id, bounds, zone, resolved.bucket
        )
        scores = pool.submit(_rating_and_sentiment_of, resolved, bounds)
    return timeseries.joined(resolved, rows.result(), scores.result())


def active_visitors(viewer: Viewer, website_id: str, minutes: int, now: datetime) -> Reading[pd.DataFrame]:
    """Visitors seen in the last minutes: one row per visitor, newest first; no rows when nobody was.

    Columns:
        visitor_id, city, country_code, device_type, browser, page_url (string): untrusted text, may be empty.
        latitude, longitude (float, degrees): 0, 0 with an empty country_code means no place.
        last_seen (datetime, UTC)

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `active_visitors`.
    """
    _opened(viewer, website_id, now)
    tick = _connections().budget.live_tick(now)
    return _last_good.read(
        ("active_visitors", website_id, minutes), lambda: _active_visitors(website_id, minutes, tick)
    )


def visitor_locations(viewer: Viewer, website_id: str, minutes: int, now: datetime) -> Reading[pd.DataFrame]:
    """Visitors of the last minutes by place: one row per place, most visitors first; no rows when nobody was seen.

    Columns:
        latitude, longitude (float, degrees)
        city, country_code (string): untrusted text.
        visitors (int): a visitor counts once, at the newest place.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `visitor_locations`.
    """
    _opened(viewer, website_id, now)
    tick = _connections().budget.live_tick(now)
    return _last_good.read(
        ("visitor_locations", website_id, minutes), lambda: _visitor_locations(website_id, minutes, tick)
    )


def visitor_activity(viewer: Viewer, website_id: str, now: datetime) -> Reading[pd.DataFrame]:
    """Visitors minute by minute: one row per minute of the last 30, oldest first, zero-filled.

    Columns:
        minute (datetime, UTC): the last one is not over yet.
        visitors (int): distinct visitors seen in that minute.
        newest_event (datetime, UTC): the same on every row; NaT when the window has none.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `visitor_activity`.
    """
    _opened(viewer, website_id, now)
    tick = _connections().budget.live_tick(now)
    return _last_good.read(("visitor_activity", website_id), lambda: _visitor_activity(website_id, tick))


def right_now(viewer: Viewer, website_id: str, now: datetime, minutes: int = 5) -> Reading[RightNow]:
    """How many visitors are on the website, and where most of them are. Shares the read of `active_visitors`.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `active_visitors`.
    """
    seen = active_visitors(viewer, website_id, minutes, now)
    value = presence.right_now(seen.value, sources.ACTIVE_VISITORS_LIMIT)
    return seen.with_value(value)


def newest_event(viewer: Viewer, website_id: str, now: datetime) -> Reading[datetime | None]:
    """When the newest event of any kind happened, UTC; None when there was none in the last 30 days.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `data_freshness`.
    """
    _opened(viewer, website_id, now)
    seen = _last_good.read(("data_freshness", website_id), lambda: _data_freshness(website_id))
    newest = seen.value["newest_event"].max()
    value = None if pd.isna(newest) else newest.to_pydatetime()
    return seen.with_value(value)


def live_refresh_seconds(now: datetime) -> float | None:
    """How long the live page waits between two reads: 15 s, longer as the day's query budget goes.

    None once the rest of the budget is kept for the other pages; polling then pauses until the next UTC day.
    """
    return _connections().budget.live_refresh_seconds(now)


def clear() -> None:
    """Forgets every cached and last-known-good value, and closes both connections."""
    st.cache_data.clear()
    st.cache_resource.clear()
    _last_good.clear()


@st.cache_resource(show_spinner=False, on_release=Connections.close)
def _connections() -> Connections:
    return Connections.from_settings(load_settings())


@st.cache_data(show_spinner=False, ttl=ACCESS_TTL, max_entries=MAX_ENTRIES)
def _user_by_email(email: str) -> Answer[User | None]:
    return sources.user_by_email(_connections().postgres, email)


@st.cache_data(show_spinner=False, ttl=ACCESS_TTL, max_entries=MAX_ENTRIES)
def _websites_for_viewer(user_id: str) -> Answer[tuple[OwnedWebsite, ...]]:
    return sources.websites_for_viewer(_connections().postgres, user_id, access.STAFF_ROLE)


@st.cache_data(show_spinner=False, ttl=KPI_TTL, max_entries=MAX_ENTRIES)
def _inbox_analytics(website_id: str, bounds: Bounds) -> Answer[ConversationPeriods]:
    return sources.inbox_analytics(_connections().tinybird, website_id, bounds)


@st.cache_data(show_spinner=False, ttl=KPI_TTL, max_entries=MAX_ENTRIES)
def _unique_visitors(website_id: str, bounds: Bounds) -> Answer[VisitorPeriods]:
    return sources.unique_visitors(_connections().tinybird, website_id, bounds)


@st.cache_data(show_spinner=False, ttl=KPI_TTL, max_entries=MAX_ENTRIES)
def _kpi_timeseries(website_id: str, bounds: Bounds, timezone: str, bucket: str) -> Answer[pd.DataFrame]:
    return sources.kpi_timeseries(_connections().tinybird, website_id, bounds, timezone, bucket)


@st.cache_data(show_spinner=False, ttl=KPI_TTL, max_entries=MAX_ENTRIES)
def _rating_and_sentiment(website_id: str, bounds: Bounds) -> Answer[pd.DataFrame]:
    return sources.rating_and_sentiment(_connections().postgres, website_id, bounds)


@st.cache_data(show_spinner=False, ttl=LIVE_TTL, max_entries=MAX_ENTRIES)
def _active_visitors(website_id: str, minutes: int, tick: int) -> Answer[pd.DataFrame]:
    del tick  # part of the key only
    return sources.active_visitors(_connections().tinybird, website_id, minutes)


@st.cache_data(show_spinner=False, ttl=LIVE_TTL, max_entries=MAX_ENTRIES)
def _visitor_locations(website_id: str, minutes: int, tick: int) -> Answer[pd.DataFrame]:
    del tick  # part of the key only
    return sources.visitor_locations(_connections().tinybird, website_id, minutes)


@st.cache_data(show_spinner=False, ttl=LIVE_TTL, max_entries=MAX_ENTRIES)
def _visitor_activity(website_id: str, tick: int) -> Answer[pd.DataFrame]:
    del tick  # part of the key only
    return sources.visitor_activity(_connections().tinybird, website_id)


@st.cache_data(show_spinner=False, ttl=FRESHNESS_TTL, max_entries=MAX_ENTRIES)
def _data_freshness(website_id: str) -> Answer[pd.DataFrame]:
    return sources.data_freshness(_connections().tinybird, website_id)


def _opened(viewer: Viewer, website_id: str, now: datetime) -> Website:
    return access.website_for(websites(viewer, now), website_id)


def _bounds(period: Period, resolved: ResolvedView, *, is_comparable: bool) -> Bounds:
    """Both periods for a pipe; the one before is empty unless it may be read, so that no limit is passed."""
    date_from, date_to = period.utc_bounds()
    before = resolved.previous.utc_bounds() if is_comparable else (date_from, date_from)
    return Bounds(date_from, date_to, *before)


def _rating_and_sentiment_of(resolved: ResolvedView, bounds: Bounds) -> Reading[pd.DataFrame] | SourceError:
    question = resolved.question("rating_and_sentiment", resolved.conversations)
    return _attempt(question, _rating_and_sentiment, resolved.website.id, bounds)


def _attempt(
    question: Hashable, ask: Callable[P, Answer[T]], *args: P.args, **kwargs: P.kwargs
) -> Reading[T] | SourceError:
    """The reading, or the failure as a value, so that reads side by side stand or fall alone."""
    try:
        return _last_good.read(question, lambda: ask(*args, **kwargs))
    except SourceError as error:
        return error
