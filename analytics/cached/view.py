"""The opened view: what a viewer asked for, after the access check, in dates inside the tier.

A page opens it once per run and hands it to every function here that reads a website. Only this module can make one.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, final

from analytics.cached.access import website_of, week_start
from analytics.cached.reading import connections
from analytics.scope import clock, periods, views
from analytics.scope.views import ResolvedView, View

_KEY: Final = object()
"""What `open_view` makes an opened view with; not exported."""


@final
@dataclass(frozen=True, slots=True)
class OpenedView:
    """A view that was checked and clamped.

    Attributes:
        asked: What the page asked for.
        resolved: The website and the dates that it got.
    """

    asked: View
    resolved: ResolvedView
    key: InitVar[object]

    def __post_init__(self, key: object) -> None:
        """Lets `open_view` through.

        Raises:
            TypeError: Another module makes an opened view.
        """
        if key is not _KEY:
            raise TypeError("Only cached.open_view makes an opened view.")


def open_view(asked: View) -> OpenedView:
    """Checks access and clamps the dates to the tier.

    Args:
        asked: The state of the URL; may be tampered with.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Postgres is down.
    """
    website = website_of(asked.viewer, asked.website_id, asked.now)
    return OpenedView(asked, views.resolve(asked, website, week_start()), _KEY)


def next_read(view: OpenedView) -> datetime:
    """When an open but idle page reads its numbers again: at the same times for all viewers of a website.

    That is at the steps of the grid, or less often where few queries a day are included; always when a day has its first
    numbers.
    """
    now, zone = view.resolved.now, view.resolved.period.timezone
    day = clock.local_day(now, zone)
    first = (clock.local_midnight(each, zone) + periods.GRID for each in (day, day + timedelta(days=1)))
    return min(_step(now) + _every(), *(at for at in first if at > now))


def today(view: OpenedView, now: datetime) -> OpenedView:
    """The website's day so far, without a comparison, up to when the page was opened or open pages last read their numbers.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Postgres is down.
    """
    zone = readable(view, now).period.timezone
    begins = clock.local_midnight(clock.local_day(now, zone), zone)
    last = max(_step(now), view.asked.now)
    return open_view(view.asked.of_today(last if last >= begins + periods.GRID else now))


def _every() -> timedelta:
    return timedelta(seconds=connections().budget.page_refresh_seconds)


def _step(now: datetime) -> datetime:
    seconds = _every().total_seconds()
    return datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)


def readable(view: OpenedView, now: datetime | None = None) -> ResolvedView:
    """Checks access again, for a read: what was taken away since the view was opened is not read.

    Where the website's tier has changed since, the dates are clamped to the new one.

    Args:
        view: As the page opened it.
        now: When it is read; None for when it was opened.

    Raises:
        AccessDenied: The website is no longer the viewer's, or not there.
        SourceError: Postgres is down.
    """
    asked = view.asked
    website = website_of(asked.viewer, asked.website_id, now or asked.now)
    return view.resolved if website == view.resolved.website else views.resolve(asked, website, week_start())
