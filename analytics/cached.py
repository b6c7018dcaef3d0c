"""The cached module: what pages call, one function per thing a page shows.

Every function takes the viewer, the website and what is looked at. It checks access and clamps to the tier itself,
then calls an inner cached function whose parameters are its whole key: two viewers of one website share an entry,
two periods never do. Failures are raised, never cached; the last good value is kept beside the cache and comes
back marked stale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from analytics.access import Viewer, Website
from analytics.metrics import Kpi, KpiBoard, KpiKey
from analytics.readings import Reading
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


@dataclass(frozen=True, slots=True)
class RightNow:
    """Who is on the website at this moment.

    Attributes:
        visitors: How many.
        is_at_least: True when the list was cut, so that there may be more.
        places: The cities with most visitors and their counts, most first; visitors without a place are not in it.
    """

    visitors: int
    is_at_least: bool
    places: Sequence[tuple[str, int]]


def is_demo() -> bool:
    """True on the local stack with demo data: every page says so.

    Raises:
        ConfigError: The environment is not complete.
    """
    raise NotImplementedError


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
    raise NotImplementedError


def websites(viewer: Viewer, now: datetime) -> tuple[Website, ...]:
    """The websites the viewer may open, by name; empty when there is none.

    Raises:
        SourceError: Postgres is down, and has been for too long to trust what was known.
    """
    raise NotImplementedError


def resolve_view(view: View) -> ResolvedView:
    """The dates that the view's panels read and show. Call it once for the header.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Postgres is down.
    """
    raise NotImplementedError


def kpis(view: View) -> Reading[KpiBoard]:
    """The KPI cards, the funnel and the satisfaction index of a view.

    The sources are read side by side. One that fails without a last good value takes down its own cards, which are
    then in `errors`.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Nothing could be read.
    """
    raise NotImplementedError


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
        unique_visitors (float, count per bucket, does not add up): NaN where visitor data does not reach.

    An empty period has no rows.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.
    """
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError


def right_now(viewer: Viewer, website_id: str, now: datetime, minutes: int = 5) -> Reading[RightNow]:
    """How many visitors are on the website, and where most of them are. Shares the read of `active_visitors`.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `active_visitors`.
    """
    raise NotImplementedError


def newest_event(viewer: Viewer, website_id: str, now: datetime) -> Reading[datetime | None]:
    """When the newest event of any kind happened, UTC; None when there was none in the last 30 days.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `data_freshness`.
    """
    raise NotImplementedError


def live_refresh_seconds(now: datetime) -> float | None:
    """How long the live page waits between two reads: 15 s, longer as the day's query budget goes.

    None once the rest of the budget is kept for the other pages; polling then pauses until the next UTC day.
    """
    raise NotImplementedError


def clear() -> None:
    """Forgets every cached and last-known-good value, and closes both connections."""
    raise NotImplementedError
