"""Values of the page Satisfaction."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from analytics import schemas, sources
from analytics.cached.overview import kpis, rating_and_sentiment_of
from analytics.cached.reading import KPI_TTL, computed, connections, once, reads
from analytics.cached.shared.question import question
from analytics.cached.view import OpenedView, readable
from analytics.cached.whole import PAGE_ROWS, Whole, whole
from analytics.kpis.satisfaction.attribution import Attribution, attributed
from analytics.kpis.satisfaction.rated_share import RatedShare
from analytics.kpis.satisfaction.rated_share import rated_share as rated_shares
from analytics.kpis.satisfaction.rating_counts import distributions
from analytics.readings import Answer, Reading
from analytics.sources import Bounds


def satisfaction_attribution(view: OpenedView) -> Reading[Attribution]:
    """The satisfaction index opened: its four components, and the part of each in the change. Shares the cards' reads.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: One of its sources could not be read and there is no last good value.

    Source: `inbox_analytics`, and Postgres `feedback` and `conversation`.
    """
    board = kpis(view)
    if board.value.satisfaction is None:
        raise board.value.errors["satisfaction_index"]
    kpi = board.value.kpis["satisfaction_index"]
    opened = attributed(kpi, board.value.satisfaction, board.value.previous_satisfaction)
    return replace(board.with_value(opened), queries=board.value.queries["satisfaction_index"])


def satisfaction_distributions(view: OpenedView) -> Reading[pd.DataFrame]:
    """How often each rating and sentiment was given: one row per bucket of the period shown, oldest first.

    Columns:
        bucket_start (datetime, the view's timezone): first instant of the bucket inside the period.
        bucket_end (datetime, the view's timezone): first instant after it.
        is_complete (bool): False for a bucket that the period cuts or that is not over yet.
        rating_1_count to rating_5_count (int): ratings; together the index's n of ratings.
        negative_count, neutral_count, positive_count (int): rated conversations by their start; together the
            index's n of rated conversations.

    Zero-filled; no rows for an empty period. Shares the cards' read.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Postgres could not be read and there is no last good value.

    Source: Postgres `feedback` and `conversation`.
    """
    resolved = readable(view)
    scores = rating_and_sentiment_of(resolved).reading()
    key = "satisfaction_distributions", scores.as_of
    return scores.with_value(once(resolved, key, lambda: distributions(scores.value, resolved)))


def rated_share(view: OpenedView) -> Reading[RatedShare]:
    """How many of the conversations resolved in the period the visitors rated: of all, of the AI agent's, of people's.

    Columns of the series, one row per (period, bucket), sorted by both, zero-filled:
        period, bucket_index, bucket_start, bucket_end, aligned_start, is_complete: as in `kpi_timeseries`.
        all_resolved, ai_resolved, people_resolved (int): conversations resolved in the bucket.
        all_rated, ai_rated, people_rated (int): those of them that were rated before the period ended.
        all_rated_ratio, ai_rated_ratio, people_rated_ratio (float, 0..1): NaN when nothing was resolved.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Postgres could not be read and there is no last good value.

    Source: Postgres `conversation`, `feedback`.
    """
    resolved = readable(view)
    bounds = Bounds.of(resolved.period, resolved.before)
    return computed(
        resolved,
        resolved.last_good_key("rated_share", resolved.period),
        _rated_share(resolved.website.id, bounds),
        rated_shares,
        schemas.RATED_SHARE,
    )


def latest_comments(view: OpenedView, rating: int | None, limit: int) -> Reading[pd.DataFrame]:
    """What visitors wrote in the period shown: one row per rating with a comment, newest first, at most `limit`.

    Columns:
        created_at (datetime, UTC)
        rating (int, 1..5)
        topic (string): untrusted text; missing where there is none.
        comment (string): untrusted text.
        total (int): how many match, also past the limit; the same on every row.

    No rows without comments.

    Args:
        view: The website and the period.
        rating: Only this rating, 1 to 5; None for all.
        limit: At most so many rows.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Postgres could not be read and there is no last good value.

    Source: Postgres `feedback`.
    """
    resolved = readable(view)
    date_from, date_to = resolved.period.utc_bounds()
    return reads.read(
        (resolved.last_good_key("latest_comments", resolved.period), rating, limit),
        _latest_comments(resolved.website.id, date_from, date_to, rating, limit),
    )


def every_comment(view: OpenedView, rating: int | None) -> Whole:
    """What visitors wrote in the period shown, for a file; columns as `latest_comments`.

    Args:
        view: The website and the period.
        rating: Only this rating, 1 to 5; None for all.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Postgres could not be read.

    Source: Postgres `feedback`.
    """
    resolved = readable(view)
    date_from, date_to = resolved.period.utc_bounds()

    def ask(offset: int) -> pd.DataFrame:
        return sources.latest_comments(
            connections().postgres, resolved.website.id, date_from, date_to, rating, PAGE_ROWS, offset
        ).value

    return whole(ask, "created_at", "comment")


@question("postgres", KPI_TTL)
def _rated_share(website_id: str, bounds: Bounds) -> Answer[pd.DataFrame]:
    return sources.rated_share(connections().postgres, website_id, bounds)


@question("postgres", KPI_TTL)
def _latest_comments(
    website_id: str, date_from: str, date_to: str, rating: int | None, limit: int
) -> Answer[pd.DataFrame]:
    return sources.latest_comments(connections().postgres, website_id, date_from, date_to, rating, limit)
