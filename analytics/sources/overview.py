"""Reads for the page Overview: totals, visitors, series, scores of ratings and sentiment."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from analytics import schemas
from analytics.kpis.totals import ConversationPeriods, ConversationTotals, VisitorPeriods
from analytics.readings import Answer
from analytics.scope.selection import EVERYTHING, Selection
from analytics.sources.query import (
    Bounds,
    Buckets,
    Offsets,
    computing_from,
    period_frame,
    series_frame,
    sql_frame,
)
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird
from analytics.transports.tinybird_messages import Parameter


def inbox_analytics(tinybird: Tinybird, website_id: str, bounds: Bounds) -> Answer[ConversationPeriods]:
    """The conversation totals of both periods, in one call. An empty period has zero counts and None medians.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `inbox_analytics`.
    """
    answer = period_frame(tinybird, schemas.INBOX_ANALYTICS, website_id, bounds)
    with computing_from(schemas.INBOX_ANALYTICS):
        totals = ConversationPeriods(_totals(answer.value, "current"), _totals(answer.value, "previous"))
    return Answer(totals, answer.read_at, answer.queries)


def unique_visitors(tinybird: Tinybird, website_id: str, bounds: Bounds) -> Answer[VisitorPeriods]:
    """Distinct visitors of both periods, in one call; 0 without visitors.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `unique_visitors`.
    """
    answer = period_frame(tinybird, schemas.UNIQUE_VISITORS, website_id, bounds)
    counts = answer.value["unique_visitors"]
    visitors = VisitorPeriods(int(counts["current"]), int(counts["previous"]))
    return Answer(visitors, answer.read_at, answer.queries)


def kpi_timeseries(
    tinybird: Tinybird,
    website_id: str,
    bounds: Bounds,
    buckets: Buckets,
    selection: Selection = EVERYTHING,
    offsets: Offsets | None = None,
) -> Answer[pd.DataFrame]:
    """One row per (period, bucket), zero-filled, as in `schemas.KPI_TIMESERIES`; no rows for an empty period.

    Args:
        tinybird: The client.
        website_id: The website.
        bounds: Both periods.
        buckets: Where the buckets of both periods start.
        selection: Which conversations; does not apply to visitors.
        offsets: Offsets of both periods; needed when the selection has an hour of the week.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `kpi_timeseries`.
    """
    params: dict[str, Parameter] = {
        "website_id": website_id,
        **bounds.params(),
        **buckets.params(),
        **selection.params(),
        **(offsets.params() if offsets else {}),
    }
    return series_frame(tinybird, schemas.KPI_TIMESERIES, params, buckets)


SCORED: Final = """
WITH spans (period, starts, ends) AS (
  VALUES
    ('current', CAST(:date_from AS timestamp) AT TIME ZONE 'UTC', CAST(:date_to AS timestamp) AT TIME ZONE 'UTC'),
    ('previous', CAST(:prev_date_from AS timestamp) AT TIME ZONE 'UTC',
                 CAST(:prev_date_to AS timestamp) AT TIME ZONE 'UTC')
),
scored AS (
  SELECT spans.period, feedback.website_id, feedback.created_at AS at, (feedback.rating - 1) * CAST(25 AS double precision) AS rating,
         CAST(NULL AS double precision) AS sentiment, feedback.rating AS given, CAST(NULL AS text) AS mood
  FROM spans
  JOIN feedback ON feedback.created_at >= spans.starts AND feedback.created_at < spans.ends
  JOIN website ON website.id = feedback.website_id AND website.organization_id = feedback.organization_id
  LEFT JOIN conversation ON conversation.id = feedback.conversation_id
  WHERE feedback.website_id {websites}
    AND feedback.deleted_at IS NULL AND website.deleted_at IS NULL
    AND conversation.deleted_at IS NULL
    AND NOT EXISTS (
      SELECT FROM visitor WHERE visitor.id IN (feedback.visitor_id, conversation.visitor_id)
        AND (visitor.deleted_at IS NOT NULL OR visitor.is_test)
    )
  UNION ALL
  SELECT spans.period, conversation.website_id, conversation.started_at, NULL,
         50 + CASE conversation.sentiment WHEN 'positive' THEN 50 WHEN 'negative' THEN -50 ELSE 0 END
            * CAST(LEAST(GREATEST(COALESCE(CAST(conversation.sentiment_confidence AS numeric), 1), 0), 1) AS double precision),
         NULL, conversation.sentiment
  FROM spans
  JOIN conversation ON conversation.started_at >= spans.starts AND conversation.started_at < spans.ends
  JOIN website ON website.id = conversation.website_id AND website.organization_id = conversation.organization_id
  JOIN visitor ON visitor.id = conversation.visitor_id
  WHERE conversation.website_id {websites}
    AND conversation.sentiment IN ('positive', 'neutral', 'negative')
    AND conversation.deleted_at IS NULL AND website.deleted_at IS NULL
    AND visitor.deleted_at IS NULL AND visitor.is_test IS NOT TRUE
)
"""
"""Start of a statement: the rows `scored`, one per rating and per rated conversation in either period.

`{websites}` compares the website's id. Soft-deleted rows (the feedback, its conversation, the visitor, the website) and test
visitors are left out.
"""

SUMS_OF_SCORES: Final = """
       count(rating) AS rating_count,
       COALESCE(sum(rating), 0) AS rating_total,
       COALESCE(sum(rating * rating), 0) AS rating_total_of_squares,
       count(sentiment) AS sentiment_count,
       COALESCE(sum(sentiment), 0) AS sentiment_total,
       COALESCE(sum(sentiment * sentiment), 0) AS sentiment_total_of_squares
"""
"""The columns of `schemas.SCORES` over rows of `scored`."""

_RATING_AND_SENTIMENT: Final = f"""
{SCORED.format(websites="= :website_id")}
SELECT period,
       date_bin(INTERVAL '15 minutes', at, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS slot_start,
{SUMS_OF_SCORES},
       count(*) FILTER (WHERE given = 1) AS rating_1_count,
       count(*) FILTER (WHERE given = 2) AS rating_2_count,
       count(*) FILTER (WHERE given = 3) AS rating_3_count,
       count(*) FILTER (WHERE given = 4) AS rating_4_count,
       count(*) FILTER (WHERE given = 5) AS rating_5_count,
       count(*) FILTER (WHERE mood = 'negative') AS negative_count,
       count(*) FILTER (WHERE mood = 'neutral') AS neutral_count,
       count(*) FILTER (WHERE mood = 'positive') AS positive_count
FROM scored
GROUP BY period, slot_start
ORDER BY period, slot_start
"""  # noqa: S608 - joined from constants alone


def rating_and_sentiment(postgres: Postgres, website_id: str, bounds: Bounds) -> Answer[pd.DataFrame]:
    """Scores and counts of ratings and sentiment in both periods: one row per (period, quarter of an hour), in order.

    Quarters of an hour add up to the buckets of every timezone, so that cards and charts share one read. Only quarters with
    a rating or sentiment have a row. Soft-deleted rows (the feedback, its conversation, the visitor, the website) and test
    visitors are left out.

    Raises:
        SourceError: As `Postgres.read`, or `SchemaMismatch`.

    Source: Postgres `feedback`, `conversation`, `visitor`, `website`.
    """
    params = {"website_id": website_id, **bounds.params()}
    return sql_frame(postgres, schemas.RATING_AND_SENTIMENT, _RATING_AND_SENTIMENT, params)


def _totals(frame: pd.DataFrame, period: str) -> ConversationTotals:
    cells: Any = {name: None if pd.isna(cell := frame[name][period]) else cell.item() for name in frame}
    return ConversationTotals(**cells)
