"""Values of the page All websites: the KPIs of every website that the viewer may see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from analytics import sources
from analytics.cached.access import websites, week_start
from analytics.cached.goals import ask_goals, has_store, website_goal_results
from analytics.cached.reading import (
    KPI_TTL,
    connections,
    numbers_ttl,
    once_for,
    read_since,
    reads,
    waiting_briefly,
)
from analytics.cached.shared.question import question
from analytics.cached.shared.reads import Asked
from analytics.cached.view import OpenedView, readable
from analytics.errors import SourceError
from analytics.kpis.all_websites import rows
from analytics.kpis.all_websites.rows import AllWebsites, ScoresByBucket, TierReads, WebsitePeriods
from analytics.kpis.goals.results import GoalResult
from analytics.readings import Answer, Reading
from analytics.scope import periods, views
from analytics.scope.access import Website
from analytics.scope.buckets import bucket_starts
from analytics.scope.periods import Period
from analytics.scope.selection import Measure
from analytics.scope.views import ResolvedView
from analytics.sources import Bounds, Buckets

_Reads = tuple[ResolvedView, tuple[Website, ...], Asked[Mapping[str, WebsitePeriods]], Asked[ScoresByBucket]]


def all_websites(view: OpenedView) -> Reading[AllWebsites]:
    """The five KPIs of every website that the viewer may see now, each by its plan's dates; one row per website, by name.

    One call of a pipe and one query for all websites of a plan, shared by all viewers who see the same websites. The
    numbers of a website are those of `cached.kpis`, and of `cached.kpi_timeseries` with the bucket that all of them have here:
    that of the plan which reaches back longest.

    With a store, each row has what the website's conversations did against its goals (`website_goal_results`).

    A source that fails without a last good value leaves its KPIs out; its error is then in `failures`.

    Args:
        view: Who looks, and the dates; its own website does not matter.

    Raises:
        AccessDenied: The viewer may not look at anything.
        SourceError: No website could be read.

    Source: `website_kpis`; Postgres `feedback`, `conversation`, `visitor`, `website`; the store's `goal`.
    """
    now = readable(view).now
    of_tier: dict[str, list[Website]] = {}
    visible = websites(view.asked.viewer, now)
    ask_goals(visible)
    for website in visible:
        of_tier.setdefault(website.tier, []).append(website)
    of_views = [
        (views.resolve(replace(view.asked, bucket=None), listed[0], week_start()), tuple(listed))
        for _, listed in sorted(of_tier.items())
    ]
    longest = rows.longest_view(resolved for resolved, _ in of_views)
    asked = [_asked(rows.with_bucket_of(longest, resolved), listed) for resolved, listed in of_views]
    counted = [seen.outcome() for _, _, seen, _ in asked]
    with waiting_briefly():
        found = [
            TierReads(resolved, listed, each, scores.outcome())
            for (resolved, listed, _, scores), each in zip(asked, counted, strict=True)
        ]
    outcomes = [outcome for each in found for outcome in (each.periods, each.scores)]
    failed = [each.periods for each in found if isinstance(each.periods, SourceError)]
    if len(failed) == len(found):
        raise failed[0]
    readings: list[Reading[object]] = [each for each in outcomes if isinstance(each, Reading)]
    failures = tuple(dict.fromkeys(each for each in outcomes if isinstance(each, SourceError)))
    key = (
        "all_websites",
        tuple((replace(each.resolved, now=periods.ceil_to_grid(now)), each.websites) for each in found),
        tuple(each.as_of if isinstance(each, Reading) else None for each in outcomes),
    )
    board = once_for(key, lambda: rows.board(found))
    queries = tuple(query for each in readings for query in each.queries)
    goals = _goals(view)
    if isinstance(goals, SourceError):
        failures = (*failures, goals)
    elif goals is not None:
        queries += goals.queries
        judged = (replace(row, goals=goals.value.get(row.website.id, {})) for row in board.rows)
        board = replace(board, rows=tuple(judged), goals_stale_since=goals.stale_since)
    stale = min((each for each in readings if each.is_stale), key=lambda each: each.as_of, default=None)
    return Reading(
        board,
        min(each.as_of for each in readings),
        stale is not None,
        None if stale is None else stale.stale_reason,
        failures,
        queries,
    )


def _goals(view: OpenedView) -> Reading[Mapping[str, Mapping[Measure, GoalResult]]] | SourceError | None:
    """The results of goals, or why they cannot be read; None without a store."""
    with waiting_briefly():
        try:
            return website_goal_results(view) if has_store() else None
        except SourceError as error:
            return error


def _asked(resolved: ResolvedView, listed: tuple[Website, ...]) -> _Reads:
    """Asks for the websites of one tier, which have the same dates."""
    website_ids = tuple(sorted(each.id for each in listed))
    bounds = Bounds.of(resolved.period, resolved.before)
    buckets = Buckets.of(resolved.bucket, resolved.period, resolved.before)
    visitors_from = (resolved.visitors_before or resolved.visitor_period).utc_bounds()[0]
    key = resolved.last_good_key("website_kpis", resolved.period), website_ids
    seen = reads.ask(
        key, _website_kpis(website_ids, bounds, buckets, visitors_from), since=read_since(resolved)
    )
    edges, before = _edges(resolved, resolved.period), _edges(resolved, resolved.before)
    key = resolved.last_good_key("website_scores", resolved.period), website_ids
    scores = reads.ask(key, _website_scores(website_ids, bounds, edges, before))
    return resolved, listed, seen, scores


def _edges(resolved: ResolvedView, period: Period | None) -> tuple[datetime, ...]:
    """Starts of the buckets; of a period that is empty or not read, the start of the one shown."""
    starts = () if period is None else bucket_starts(period, resolved.bucket)
    return starts or (resolved.period.start,)


@question("tinybird", numbers_ttl)
def _website_kpis(
    website_ids: tuple[str, ...], bounds: Bounds, buckets: Buckets, visitors_from: str
) -> Answer[Mapping[str, WebsitePeriods]]:
    return sources.website_kpis(connections().tinybird, website_ids, bounds, buckets, visitors_from)


@question("postgres", KPI_TTL)
def _website_scores(
    website_ids: tuple[str, ...],
    bounds: Bounds,
    edges: tuple[datetime, ...],
    prev_edges: tuple[datetime, ...],
) -> Answer[ScoresByBucket]:
    return sources.website_scores(connections().postgres, website_ids, bounds, edges, prev_edges)
