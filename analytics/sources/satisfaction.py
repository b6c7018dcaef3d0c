"""Reads for the page Satisfaction: comments, and how many conversations were rated. The index is read for Overview."""

from __future__ import annotations

from typing import Final

import pandas as pd

from analytics import schemas
from analytics.readings import Answer
from analytics.sources.query import Bounds, sql_frame
from analytics.transports.postgres import Postgres

_LATEST_COMMENTS: Final = r"""
SELECT feedback.created_at, feedback.rating, feedback.topic, feedback.comment,
       CASE WHEN conversation.website_id = feedback.website_id THEN conversation.id END AS conversation_id,
       count(*) OVER () AS total
FROM feedback
JOIN website ON website.id = feedback.website_id AND website.organization_id = feedback.organization_id
LEFT JOIN conversation ON conversation.id = feedback.conversation_id
WHERE feedback.website_id = :website_id
  AND feedback.created_at >= CAST(:date_from AS timestamp) AT TIME ZONE 'UTC'
  AND feedback.created_at < CAST(:date_to AS timestamp) AT TIME ZONE 'UTC'
  AND feedback.comment ~ '\S'
  AND (CAST(:rating AS integer) IS NULL OR feedback.rating = CAST(:rating AS integer))
  AND feedback.deleted_at IS NULL AND website.deleted_at IS NULL
  AND conversation.deleted_at IS NULL
  AND NOT EXISTS (
    SELECT FROM visitor WHERE visitor.id IN (feedback.visitor_id, conversation.visitor_id)
      AND (visitor.deleted_at IS NOT NULL OR visitor.is_test)
  )
ORDER BY feedback.created_at DESC, feedback.id DESC
LIMIT :limit OFFSET :offset
"""


def latest_comments(
    postgres: Postgres,
    website_id: str,
    date_from: str,
    date_to: str,
    rating: int | None,
    limit: int,
    offset: int = 0,
) -> Answer[pd.DataFrame]:
    """Ratings with a comment, newest first: one row each, at most `limit`; no rows without comments.

    Leaves out blank comments, soft-deleted rows (the feedback, its conversation, the visitor, the website) and test
    visitors.

    Args:
        postgres: The client.
        website_id: The website.
        date_from: UTC text, inclusive.
        date_to: UTC text, exclusive.
        rating: 1 to 5; None for all.
        limit: At most so many rows; `total` counts all that match.
        offset: Rows to skip.

    Raises:
        SourceError: As `Postgres.read`, or `SchemaMismatch`.

    Source: Postgres `feedback`, `conversation`, `visitor`, `website`.
    """
    params = {
        "website_id": website_id,
        "date_from": date_from,
        "date_to": date_to,
        "rating": rating,
        "limit": limit,
        "offset": offset,
    }
    return sql_frame(postgres, schemas.LATEST_COMMENTS, _LATEST_COMMENTS, params)


_RATED_SHARE: Final = """
WITH spans (period, starts, ends) AS (
  VALUES
    ('current', CAST(:date_from AS timestamp) AT TIME ZONE 'UTC', CAST(:date_to AS timestamp) AT TIME ZONE 'UTC'),
    ('previous', CAST(:prev_date_from AS timestamp) AT TIME ZONE 'UTC',
                 CAST(:prev_date_to AS timestamp) AT TIME ZONE 'UTC')
),
rated AS (
  SELECT feedback.conversation_id, min(feedback.created_at) AS at
  FROM feedback
  WHERE feedback.website_id = :website_id AND feedback.deleted_at IS NULL
    AND NOT EXISTS (
      SELECT FROM visitor AS rater WHERE rater.id = feedback.visitor_id
        AND (rater.deleted_at IS NOT NULL OR rater.is_test)
    )
  GROUP BY feedback.conversation_id
),
resolved AS (
  SELECT spans.period, date_bin(INTERVAL '15 minutes', conversation.resolved_at, TIMESTAMPTZ '2000-01-01 00:00:00+00')
           AS slot_start,
         conversation.resolved_by_ai_agent_id IS NOT NULL AS is_ai, rated.at IS NOT NULL AS is_rated
  FROM spans
  JOIN conversation ON conversation.resolved_at >= spans.starts AND conversation.resolved_at < spans.ends
  JOIN website ON website.id = conversation.website_id AND website.organization_id = conversation.organization_id
  JOIN visitor ON visitor.id = conversation.visitor_id
  LEFT JOIN rated ON rated.conversation_id = conversation.id AND rated.at < spans.ends
  WHERE conversation.website_id = :website_id AND conversation.status = 'resolved'
    AND conversation.deleted_at IS NULL AND website.deleted_at IS NULL
    AND visitor.deleted_at IS NULL AND visitor.is_test IS NOT TRUE
)
SELECT period, slot_start,
       count(*) FILTER (WHERE is_ai) AS ai_resolved,
       count(*) FILTER (WHERE is_ai AND is_rated) AS ai_rated,
       count(*) FILTER (WHERE NOT is_ai) AS people_resolved,
       count(*) FILTER (WHERE NOT is_ai AND is_rated) AS people_rated
FROM resolved
GROUP BY period, slot_start
ORDER BY period, slot_start
"""


def rated_share(postgres: Postgres, website_id: str, bounds: Bounds) -> Answer[pd.DataFrame]:
    """How many conversations were resolved and how many of them rated: one row per (period, quarter of an hour), in order.

    Counted where they were resolved, with their last state: one that is open again counts nowhere. Only a rating given before
    the end of the period counts, so that conversations of both periods had as much time to be rated. Left out are soft-deleted
    rows (the feedback, the conversation, the visitor, the website), spam and test visitors.

    Raises:
        SourceError: As `Postgres.read`, or `SchemaMismatch`.

    Source: Postgres `conversation`, `feedback`, `visitor`, `website`.
    """
    params = {"website_id": website_id, **bounds.params()}
    return sql_frame(postgres, schemas.RATED_SHARE, _RATED_SHARE, params)
