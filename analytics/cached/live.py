"""Values of the page Live, and the seconds between its reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from operator import attrgetter
from typing import Final, TypeVar

import pandas as pd

from analytics import schemas, sources
from analytics.cached.reading import connections, numbers_ttl, read_since, reads, usable
from analytics.cached.shared.question import Question, question
from analytics.cached.view import OpenedView, readable
from analytics.cached.whole import ROW_LIMIT, Whole, at_once
from analytics.geo import cells, live_visitors
from analytics.geo.cells import Cell
from analytics.geo.live_visitors import RightNow
from analytics.readings import Answer, Reading

T = TypeVar("T")

NEVER: Final = timedelta(0)
"""Fresh for no time, until `_renewed` says how long."""

RIGHT_NOW_MINUTES: Final = 5
"""How long ago a visitor who is there now may have been seen."""

PAGES_MINUTES: Final = 30
"""How long ago a visitor whose page is shown may have been seen."""

PAGES_TTL: Final = timedelta(seconds=29)
"""How long the visitors' pages are fresh where queries are unlimited."""

LISTED_VISITORS: Final = sources.ACTIVE_VISITORS_LIMIT
"""How many visitors a list holds."""


def active_visitors(
    view: OpenedView, minutes: int, now: datetime, place: Cell | None = None
) -> Reading[pd.DataFrame]:
    """Visitors seen in the last minutes: one row per visitor, newest first; no rows without visitors.

    It holds the newest `LISTED_VISITORS` of them; `right_now` says how many there are.

    Args:
        view: The website, and who looks.
        minutes: Length of the window that ends now.
        now: An aware instant.
        place: Only visitors in this cell, by the place that `visitor_locations` counts them at; None for all.

    Columns:
        visitor_id, city, country_code, device_type, browser, page_url (string): untrusted text, may be empty.
        latitude, longitude (float, degrees): 0, 0 means no place.
        last_seen (datetime, UTC)

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `active_visitors`.
    """
    website_id = readable(view, now).website.id
    bounds = place.bounds if place else None

    question = _renewed(_active_visitors(website_id, minutes, bounds), now)
    return reads.read(question, question, check=None if place else _not_missing(website_id, minutes, now))


def every_active_visitor(view: OpenedView, minutes: int, now: datetime, place: Cell | None = None) -> Whole:
    """All visitors seen in the last minutes, newest first, for a file; as `active_visitors`, which it is while it has all.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read.

    Source: `active_visitors`.
    """
    rows = active_visitors(view, minutes, now, place).value
    if len(rows) >= LISTED_VISITORS:
        bounds = place.bounds if place else None
        rows = sources.active_visitors(
            connections().tinybird, view.asked.website_id, minutes, bounds, limit=ROW_LIMIT
        ).value
    return at_once(rows)


def visitor_locations(view: OpenedView, minutes: int, now: datetime) -> Reading[pd.DataFrame]:
    """Visitors of the last minutes by place: one row per place, most visitors first; no rows without visitors.

    Visitors without a place are one row of their own, so that the column always adds up to all visitors.

    Columns:
        latitude, longitude (float, degrees): NaN for those without a place.
        city, country_code (string): untrusted text.
        visitors (int): a visitor counts once, at the newest place.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `visitor_locations`.
    """
    seen = _seen(view, minutes, now)
    return seen.with_value(seen.value.places.copy(deep=False))


def visitor_activity(view: OpenedView, now: datetime) -> Reading[pd.DataFrame]:
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
    website_id = readable(view, now).website.id
    question = _renewed(_visitor_activity(website_id), now)
    return reads.read(question, question)


def right_now(view: OpenedView, now: datetime, minutes: int = RIGHT_NOW_MINUTES) -> Reading[RightNow]:
    """How many visitors are on the website, and where most of them are. Shares the read of `visitor_locations`.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `visitor_locations`.
    """
    seen = _seen(view, minutes, now)
    return seen.with_value(seen.value.right_now)


def right_now_of_step(view: OpenedView, now: datetime) -> Reading[RightNow]:
    """`right_now` beside numbers: where queries are limited, read once in a step of the 5-minute grid.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `visitor_locations`.
    """
    since = read_since(view.resolved)
    if since is None:
        return right_now(view, now)
    question = replace(_visitors_of_step(readable(view, now).website.id, since), name="visitor_locations")
    seen = reads.read(question, question, check=usable(attrgetter("right_now"), schemas.VISITOR_LOCATIONS))
    return seen.with_value(seen.value.right_now)


def visitor_clusters(view: OpenedView, minutes: int, now: datetime) -> Reading[tuple[pd.DataFrame, ...]]:
    """Visitors by place for the globe, clustered for each of `cells.LEVELS`, farthest view first.

    Every level has all visitors with a place; columns as `cells.clusters`. Shares the read of `visitor_locations`.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `visitor_locations`.
    """
    seen = _seen(view, minutes, now)
    with sources.computing_from(schemas.VISITOR_LOCATIONS):
        return seen.with_value(seen.value.levels)


def visitor_pages(view: OpenedView, now: datetime) -> Reading[pd.DataFrame]:
    """Visitors of the last half hour with their pages, for a list of people who wait; columns as `active_visitors`.

    Read as often as such a list; where queries are limited, as often as the numbers.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `active_visitors`.
    """
    website_id = readable(view, now).website.id
    asked = _visitor_pages(website_id)
    is_limited = connections().budget.daily_limit is not None
    question = replace(asked, name="active_visitors", fresh_for=numbers_ttl() if is_limited else PAGES_TTL)
    return reads.read(question, question, check=_not_missing(website_id, PAGES_MINUTES, now))


def live_refresh_seconds(now: datetime) -> float | None:
    """How long the live page waits between two reads: 15 s, longer as the day's query budget goes.

    None once the rest of the budget is kept for the other pages; polling then pauses until the next UTC day.
    """
    return connections().budget.live_refresh_seconds(now)


def count_refresh_seconds(now: datetime) -> float | None:
    """How long a page waits between two reads of the visitors right now that it shows beside its numbers; None with a limit.

    They are then read with the numbers.
    """
    return connections().budget.count_refresh_seconds(now)


def _not_missing(website_id: str, minutes: int, now: datetime) -> Callable[[pd.DataFrame], None]:
    """Makes the check of a list of visitors of all places: one without rows is wrong while others count some."""

    def check(rows: pd.DataFrame) -> None:
        if (
            rows.empty
            and len(_located(website_id, minutes, now).value.places)
            # The shared count may be older than the rows: who is there a moment after them is missing in them.
            and len(sources.visitor_locations(connections().tinybird, website_id, minutes).value)
        ):
            raise schemas.ACTIVE_VISITORS.impossible("it has no rows where visitor_locations counts some")

    return check


@dataclass(frozen=True)
class _Located:
    """Visitors by place; summed up and clustered once for all viewers, when the first one wants it."""

    places: pd.DataFrame

    @cached_property
    def right_now(self) -> RightNow:
        return live_visitors.right_now(self.places)

    @cached_property
    def levels(self) -> tuple[pd.DataFrame, ...]:
        return cells.zoom_levels(self.places)


def _seen(view: OpenedView, minutes: int, now: datetime) -> Reading[_Located]:
    return _located(readable(view, now).website.id, minutes, now)


def _located(website_id: str, minutes: int, now: datetime) -> Reading[_Located]:
    question = _renewed(_visitor_locations(website_id, minutes), now)
    return reads.read(question, question, check=usable(attrgetter("right_now"), schemas.VISITOR_LOCATIONS))


def _renewed(asked: Question[T], now: datetime) -> Question[T]:
    """The question, whose answer is fresh for as long as the query budget asks."""
    return replace(asked, fresh_for=connections().budget.live_fresh_for(now))


@question("tinybird", NEVER)
def _active_visitors(
    website_id: str, minutes: int, bounds: tuple[float, float, float, float] | None
) -> Answer[pd.DataFrame]:
    return sources.active_visitors(connections().tinybird, website_id, minutes, bounds)


@question("tinybird", NEVER)
def _visitor_pages(website_id: str) -> Answer[pd.DataFrame]:
    """A question of its own: its answers last longer than those of Live."""
    return sources.active_visitors(connections().tinybird, website_id, PAGES_MINUTES, None)


@question("tinybird", NEVER)
def _visitor_locations(website_id: str, minutes: int) -> Answer[_Located]:
    seen = sources.visitor_locations(connections().tinybird, website_id, minutes)
    return Answer(_Located(seen.value), seen.read_at)


@question("tinybird", numbers_ttl)
def _visitors_of_step(website_id: str, _step: datetime) -> Answer[_Located]:
    seen = sources.visitor_locations(connections().tinybird, website_id, RIGHT_NOW_MINUTES)
    return Answer(_Located(seen.value), seen.read_at)


@question("tinybird", NEVER)
def _visitor_activity(website_id: str) -> Answer[pd.DataFrame]:
    return sources.visitor_activity(connections().tinybird, website_id)
