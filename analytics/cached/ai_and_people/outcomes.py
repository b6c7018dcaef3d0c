"""Outcomes of conversations, both sides compared, and whether they are alike."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from analytics import schemas, sources
from analytics.cached.reading import KPI_TTL, computed, connections, numbers_ttl, reads, waiting_briefly
from analytics.cached.shared.question import question
from analytics.cached.view import OpenedView, readable
from analytics.errors import SourceError
from analytics.kpis.ai_and_people import outcomes, sides
from analytics.kpis.ai_and_people.likeness import Likeness, likeness
from analytics.kpis.ai_and_people.outcomes import Cohorts
from analytics.kpis.ai_and_people.sides import SideBySide
from analytics.readings import Answer, Reading, stalest
from analytics.sources import Bounds


def resolution_outcomes(view: OpenedView) -> Reading[Cohorts]:
    """The conversations started in the period and in the one before, by who resolved them first, and what of it was durable.

    When Postgres cannot be read, it is not known which are open again: `failures` says why.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `resolution_outcomes`, and Postgres `conversation`, `visitor`, `website`.
    """
    resolved = readable(view)
    bounds = Bounds.of(resolved.period, resolved.before)
    key = resolved.last_good_key("open_conversations", resolved.period)
    found = reads.ask(key, _open_conversations(resolved.website.id, bounds)).outcome()
    changes = () if isinstance(found, SourceError) else outcomes.open_changes(found.value, *_MOST)
    reading = computed(
        resolved,
        resolved.last_good_key("resolution_outcomes", resolved.period),
        _resolution_outcomes(resolved.website.id, bounds, outcomes.watch_seconds(resolved), changes),
        outcomes.cohorts,
        schemas.RESOLUTION_OUTCOMES,
    )
    if isinstance(found, SourceError):
        return replace(reading, failures=(found,))
    read, is_cut = stalest(reading, found), len(changes) < len(found.value)
    return Reading(
        replace(reading.value, is_cut=is_cut, is_open_known=not is_cut),
        min(reading.as_of, found.as_of),
        read.is_stale,
        read.stale_reason,
        queries=reading.queries + found.queries,
    )


def side_by_side(view: OpenedView) -> Reading[tuple[SideBySide, ...]]:
    """Response, resolution, durable share and rating of both sides. Shares the read of `resolution_outcomes`.

    When Postgres cannot be read, there is no row for the rating, and `failures` says why.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: as `resolution_outcomes`, and Postgres `feedback`.
    """
    resolved = readable(view)
    bounds = Bounds.of(resolved.period, resolved.before)
    asked = reads.ask(
        resolved.last_good_key("ratings_by_side", resolved.period),
        _ratings_by_side(resolved.website.id, bounds, outcomes.watch_seconds(resolved)),
    )
    cohorts = resolution_outcomes(view)
    with waiting_briefly():
        found = asked.outcome()
    if isinstance(found, SourceError):
        rows = sides.side_by_side(cohorts.value, None, resolved.comparability)
        return replace(cohorts.with_value(rows), failures=(*cohorts.failures, found))
    read = stalest(cohorts, found)
    return Reading(
        sides.side_by_side(cohorts.value, sides.ratings_of(found.value), resolved.comparability),
        min(cohorts.as_of, found.as_of),
        read.is_stale,
        read.stale_reason,
        cohorts.failures,
        cohorts.queries + found.queries,
    )


def likeness_of_sides(view: OpenedView) -> Reading[tuple[Likeness, ...]]:
    """Whether the resolved conversations of the period are alike on both sides, by topic, channel and priority.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Postgres could not be read and there is no last good value.

    Source: Postgres `conversation`, `feedback`, `visitor`, `website`.
    """
    resolved = readable(view)
    key = resolved.last_good_key("traits_by_side", resolved.period)
    reading = reads.read(key, _traits_by_side(resolved.website.id, *resolved.period.utc_bounds()))
    return reading.with_value(likeness(reading.value))


_MOST = sources.MOST_OPEN, sources.MOST_ID_CHARACTERS


@question("tinybird", numbers_ttl)
def _resolution_outcomes(
    website_id: str, bounds: Bounds, watch_seconds: int, open_changes: tuple[tuple[str, int], ...]
) -> Answer[pd.DataFrame]:
    return sources.resolution_outcomes(
        connections().tinybird, website_id, bounds, watch_seconds, dict(open_changes)
    )


@question("postgres", KPI_TTL)
def _open_conversations(website_id: str, bounds: Bounds) -> Answer[pd.DataFrame]:
    return sources.open_conversations(connections().postgres, website_id, bounds)


@question("postgres", KPI_TTL)
def _ratings_by_side(website_id: str, bounds: Bounds, watch_seconds: int) -> Answer[pd.DataFrame]:
    return sources.ratings_by_side(connections().postgres, website_id, bounds, watch_seconds)


@question("postgres", KPI_TTL)
def _traits_by_side(website_id: str, date_from: str, date_to: str) -> Answer[pd.DataFrame]:
    return sources.traits_by_side(connections().postgres, website_id, date_from, date_to)
