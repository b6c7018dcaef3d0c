"""Reads for the page Waiting: who waits now, how many of a period still wait, and the backlog over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import pandas as pd

from analytics import schemas
from analytics.kpis.waiting import Waits
from analytics.readings import Answer
from analytics.sources.query import sql_frame
from analytics.transports.postgres import Parameter as SqlParameter
from analytics.transports.postgres import Postgres

_WAITING_CONVERSATIONS: Final = """
SELECT conversation.id, conversation.visitor_id, conversation.started_at, conversation.first_response_at,
       conversation.escalated_at, conversation.sentiment, visitor.city, visitor.country_code,
       count(*) OVER () AS total
FROM conversation
JOIN website ON website.id = conversation.website_id AND website.organization_id = conversation.organization_id
JOIN visitor ON visitor.id = conversation.visitor_id
WHERE conversation.website_id = :website_id
  AND conversation.status = 'open'
  AND conversation.started_at >= CAST(:date_from AS timestamp) AT TIME ZONE 'UTC'
  AND CASE :waits_for WHEN 'answer' THEN conversation.first_response_at IS NULL
                      ELSE conversation.escalated_at IS NOT NULL END
  AND conversation.deleted_at IS NULL AND website.deleted_at IS NULL
  AND visitor.deleted_at IS NULL AND visitor.is_test IS NOT TRUE
ORDER BY CASE :waits_for WHEN 'answer' THEN conversation.started_at ELSE conversation.escalated_at END, conversation.id
LIMIT :limit
"""


def waiting_conversations(
    postgres: Postgres, website_id: str, date_from: str, waits_for: Waits, limit: int
) -> Answer[pd.DataFrame]:
    """Open conversations that wait now, longest wait first: one row each, at most `limit`; no rows when none waits.

    For an answer: never answered, since their start. For a resolution: escalated, answered or not, since then. Spam,
    soft-deleted rows (the conversation, the visitor, the website) and test visitors are left out, as are conversations
    without a start.

    Args:
        postgres: The client.
        website_id: The website.
        date_from: Earliest start, UTC text, inclusive.
        waits_for: Which of the two.
        limit: At most so many rows; `total` counts all that match.

    Raises:
        SourceError: As `Postgres.read`, or `SchemaMismatch`.

    Source: Postgres `conversation`, `visitor`, `website`.
    """
    params: dict[str, SqlParameter] = {
        "website_id": website_id,
        "date_from": date_from,
        "waits_for": waits_for,
        "limit": limit,
    }
    return sql_frame(postgres, schemas.WAITING_CONVERSATIONS, _WAITING_CONVERSATIONS, params)


_STILL_WAITING: Final = """
SELECT count(*) AS waiting
FROM conversation
JOIN website ON website.id = conversation.website_id AND website.organization_id = conversation.organization_id
JOIN visitor ON visitor.id = conversation.visitor_id
WHERE conversation.website_id = :website_id
  AND conversation.status = 'open' AND conversation.first_response_at IS NULL
  AND conversation.started_at >= CAST(:date_from AS timestamp) AT TIME ZONE 'UTC'
  AND conversation.started_at < CAST(:date_to AS timestamp) AT TIME ZONE 'UTC'
  AND conversation.deleted_at IS NULL AND website.deleted_at IS NULL
  AND visitor.deleted_at IS NULL AND visitor.is_test IS NOT TRUE
"""


def still_waiting(postgres: Postgres, website_id: str, date_from: str, date_to: str) -> Answer[int]:
    """Number of the conversations started in a period that are open and never answered now; 0 without any.

    They are missing from the median response time, which knows answers only. Left-out rows are as in
    `waiting_conversations`.

    Args:
        postgres: The client.
        website_id: The website.
        date_from: Start, UTC text, inclusive.
        date_to: End, UTC text, exclusive.

    Raises:
        SourceError: As `Postgres.read`, or `SchemaMismatch`.

    Source: Postgres `conversation`, `visitor`, `website`.
    """
    params: dict[str, SqlParameter] = {"website_id": website_id, "date_from": date_from, "date_to": date_to}
    answer = sql_frame(postgres, schemas.STILL_WAITING, _STILL_WAITING, params)
    if len(answer.value) != 1:
        raise schemas.STILL_WAITING.impossible("it has not one row")
    return Answer(int(answer.value["waiting"].iloc[0]), answer.read_at, answer.queries)


_BACKLOG: Final = """
WITH asked AS (SELECT CAST(:edges AS timestamptz[]) AS edges),
counted AS (
  SELECT conversation.started_at AS started,
         CASE conversation.status WHEN 'resolved' THEN GREATEST(conversation.started_at, COALESCE(
           conversation.resolved_at,
           conversation.started_at + conversation.resolution_time * INTERVAL '1 second',
           conversation.updated_at)) END AS resolved
  FROM asked
  JOIN conversation ON conversation.website_id = :website_id
  JOIN website ON website.id = conversation.website_id AND website.organization_id = conversation.organization_id
  JOIN visitor ON visitor.id = conversation.visitor_id
  WHERE conversation.status IN ('open', 'resolved')
    AND conversation.started_at < edges[cardinality(edges)]
    -- What was over before the first edge counts nowhere: left out here, before its visitor is looked up.
    AND (conversation.status = 'open' OR conversation.resolved_at IS NULL
         OR conversation.resolved_at >= edges[1] OR conversation.started_at >= edges[1])
    AND conversation.deleted_at IS NULL AND website.deleted_at IS NULL
    AND visitor.deleted_at IS NULL AND visitor.is_test IS NOT TRUE
),
changes AS (
  SELECT width_bucket(started, edges) AS bucket_number, 1 AS started, 0 AS resolved
  FROM counted, asked WHERE resolved IS NULL OR resolved >= edges[1]
  UNION ALL
  SELECT width_bucket(resolved, edges), 0, 1
  FROM counted, asked WHERE resolved >= edges[1] AND resolved < edges[cardinality(edges)]
)
SELECT bucket_number, sum(started) AS started, sum(resolved) AS resolved
FROM changes
GROUP BY bucket_number
ORDER BY bucket_number
"""


def backlog(postgres: Postgres, website_id: str, edges: Sequence[datetime]) -> Answer[pd.DataFrame]:
    """How many conversations were open before the first bucket, and how many started and were resolved in each.

    One row per bucket in which something happened, in order, as in `schemas.BACKLOG`; bucket 0 is everything before the first
    edge: its `started` are the conversations that were open at that instant, whenever they started.

    The tables keep the last state of a conversation. One that is open now counts as open since its start, also where it was
    resolved in between; a resolved one as open until its last resolution: `resolved_at`, else its start plus
    `resolution_time`, else its last change. Spam counts nowhere; other left-out rows are as in `waiting_conversations`.

    Args:
        postgres: The client.
        website_id: The website.
        edges: Starts of the buckets and the end of the last one, aware, ascending; two or more.

    Raises:
        SourceError: As `Postgres.read`, or `SchemaMismatch`.

    Source: Postgres `conversation`, `visitor`, `website`.
    """
    params: dict[str, SqlParameter] = {
        "website_id": website_id,
        "edges": [f"{edge:%Y-%m-%d %H:%M:%S%z}" for edge in edges],
    }
    answer = sql_frame(postgres, schemas.BACKLOG, _BACKLOG, params)
    if (answer.value["bucket_number"] >= len(edges)).any():
        raise schemas.BACKLOG.impossible("it has another bucket than the requested ones")
    return answer
