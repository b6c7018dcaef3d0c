"""Reads for the page Satisfaction: comments. The index is read for Overview."""

from __future__ import annotations

from typing import Final

import pandas as pd

from analytics import schemas
from analytics.readings import Answer
from analytics.sources.query import sql_frame
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
