"""Reads for the page AI and people: outcomes by who resolved first, ratings of both sides, and how alike the sides are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd

from analytics import schemas
from analytics.readings import Answer
from analytics.sources.query import Bounds, check_periods, pipe_frame, sql_frame
from analytics.transports.postgres import Parameter as SqlParameter
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird
from analytics.transports.tinybird_messages import Parameter as PipeParameter

MOST_OPEN: Final = 5_000
"""Most open conversations of both periods that are looked up among the resolved ones: those that changed last."""


def resolution_outcomes(
    tinybird: Tinybird, website_id: str, bounds: Bounds, watch_seconds: int, open_changes: Mapping[str, int]
) -> Answer[pd.DataFrame]:
    """The conversations started in both periods by who resolved them first: six rows as in `schemas.RESOLUTION_OUTCOMES`.

    Args:
        tinybird: The client.
        website_id: The website.
        bounds: Both periods.
        watch_seconds: How long after the end of its period a conversation is watched, the same for both.
        open_changes: The conversations that are open now, with their last change in Unix seconds; ids without commas,
            together at most `MOST_ID_CHARACTERS`.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `resolution_outcomes`.
    """
    schema = schemas.RESOLUTION_OUTCOMES
    params: dict[str, PipeParameter] = {
        "website_id": website_id,
        **bounds.params(),
        "watch_seconds": watch_seconds,
    }
    if open_changes:
        params |= {"open_ids": tuple(open_changes), "open_changes": tuple(map(str, open_changes.values()))}
    answer = pipe_frame(tinybird, schema, params)
    check_periods(schema, answer.value, bounds)
    if len(answer.value) != 6:
        raise schema.mismatch("it has not one row for each side of both periods")
    return answer


_OPEN_CONVERSATIONS: Final = """
SELECT conversation.id, conversation.updated_at
FROM conversation
JOIN website ON website.id = conversation.website_id AND website.organization_id = conversation.organization_id
JOIN visitor ON visitor.id = conversation.visitor_id
WHERE conversation.website_id = :website_id
  AND conversation.status = 'open'
  AND ((conversation.started_at >= CAST(:date_from AS timestamp) AT TIME ZONE 'UTC'
        AND conversation.started_at < CAST(:date_to AS timestamp) AT TIME ZONE 'UTC')
    OR (conversation.started_at >= CAST(:prev_date_from AS timestamp) AT TIME ZONE 'UTC'
        AND conversation.started_at < CAST(:prev_date_to AS timestamp) AT TIME ZONE 'UTC'))
  AND conversation.deleted_at IS NULL AND website.deleted_at IS NULL
  AND visitor.deleted_at IS NULL AND visitor.is_test IS NOT TRUE
ORDER BY conversation.updated_at DESC, conversation.id
LIMIT :most
"""


def open_conversations(postgres: Postgres, website_id: str, bounds: Bounds) -> Answer[pd.DataFrame]:
    """The conversations started in both periods that are open now, newest change first: one row each.

    No rows when none is open. At most `MOST_OPEN` + 1 rows; the last one shows that there are more. Soft-deleted rows (the
    conversation, the visitor, the website) and test visitors are left out.

    Raises:
        SourceError: As `Postgres.read`, or `SchemaMismatch`.

    Source: Postgres `conversation`, `visitor`, `website`.
    """
    params: dict[str, SqlParameter] = {
        "website_id": website_id,
        **bounds.params(),
        "most": MOST_OPEN + 1,
    }
    return sql_frame(postgres, schemas.OPEN_CONVERSATIONS, _OPEN_CONVERSATIONS, params)


_RATINGS_BY_SIDE: Final = """
WITH spans (period, starts, ends) AS (
  VALUES
    ('current', CAST(:date_from AS timestamp) AT TIME ZONE 'UTC', CAST(:date_to AS timestamp) AT TIME ZONE 'UTC'),
    ('previous', CAST(:prev_date_from AS timestamp) AT TIME ZONE 'UTC',
                 CAST(:prev_date_to AS timestamp) AT TIME ZONE 'UTC')
),
scored AS (
  SELECT spans.period,
         CASE WHEN conversation.resolved_by_ai_agent_id IS NULL THEN 'people' ELSE 'ai' END AS side,
         (feedback.rating - 1) * CAST(25 AS double precision) AS rating
  FROM spans
  JOIN conversation ON conversation.started_at >= spans.starts AND conversation.started_at < spans.ends
  JOIN website ON website.id = conversation.website_id AND website.organization_id = conversation.organization_id
  JOIN visitor ON visitor.id = conversation.visitor_id
  JOIN feedback ON feedback.conversation_id = conversation.id AND feedback.website_id = conversation.website_id
  WHERE conversation.website_id = :website_id
    AND conversation.resolved_at IS NOT NULL
    AND feedback.created_at < spans.ends + :watch_seconds * INTERVAL '1 second'
    AND feedback.deleted_at IS NULL AND website.deleted_at IS NULL AND conversation.deleted_at IS NULL
    AND visitor.deleted_at IS NULL AND visitor.is_test IS NOT TRUE
    AND NOT EXISTS (
      SELECT FROM visitor AS rater WHERE rater.id = feedback.visitor_id
        AND (rater.deleted_at IS NOT NULL OR rater.is_test)
    )
)
SELECT period, side, count(*) AS rating_count, sum(rating) AS rating_total,
       sum(rating * rating) AS rating_total_of_squares
FROM scored
GROUP BY period, side
ORDER BY period, side
"""


def ratings_by_side(
    postgres: Postgres, website_id: str, bounds: Bounds, watch_seconds: int
) -> Answer[pd.DataFrame]:
    """Ratings of the conversations started in both periods, by who resolved them last: one row per period and side.

    The AI's are those with `resolved_by_ai_agent_id`, all other resolved ones are people's. Only sides with a
    rating have a row. Soft-deleted rows (the feedback, the conversation, the visitor, the website) and test visitors are left
    out.

    Args:
        postgres: The client.
        website_id: The website.
        bounds: Both periods.
        watch_seconds: How long after the end of its period a rating may be given, the same for both.

    Raises:
        SourceError: As `Postgres.read`, or `SchemaMismatch`.

    Source: Postgres `feedback`, `conversation`, `visitor`, `website`.
    """
    params: dict[str, SqlParameter] = {
        "website_id": website_id,
        **bounds.params(),
        "watch_seconds": watch_seconds,
    }
    return sql_frame(postgres, schemas.RATINGS_BY_SIDE, _RATINGS_BY_SIDE, params)


MOST_VALUES: Final = 500
"""Most values of all traits that are compared: those with the most conversations. Topics are free text."""

_TRAITS_BY_SIDE: Final = r"""
WITH handled AS (
  SELECT conversation.id, conversation.website_id, conversation.channel, conversation.priority,
         conversation.resolved_by_ai_agent_id IS NOT NULL AS is_ai
  FROM conversation
  JOIN website ON website.id = conversation.website_id AND website.organization_id = conversation.organization_id
  JOIN visitor ON visitor.id = conversation.visitor_id
  WHERE conversation.website_id = :website_id
    AND conversation.started_at >= CAST(:date_from AS timestamp) AT TIME ZONE 'UTC'
    AND conversation.started_at < CAST(:date_to AS timestamp) AT TIME ZONE 'UTC'
    AND conversation.resolved_at IS NOT NULL
    AND conversation.deleted_at IS NULL AND website.deleted_at IS NULL
    AND visitor.deleted_at IS NULL AND visitor.is_test IS NOT TRUE
),
traits AS (
  SELECT 'channel' AS trait, channel AS value, is_ai FROM handled
  UNION ALL
  SELECT 'priority', priority, is_ai FROM handled
  UNION ALL
  SELECT 'topic', feedback.topic, handled.is_ai
  FROM handled
  JOIN feedback ON feedback.conversation_id = handled.id AND feedback.website_id = handled.website_id
  WHERE feedback.topic ~ '\S' AND feedback.deleted_at IS NULL
    AND NOT EXISTS (
      SELECT FROM visitor AS rater WHERE rater.id = feedback.visitor_id
        AND (rater.deleted_at IS NOT NULL OR rater.is_test)
    )
)
SELECT trait, value, count(*) FILTER (WHERE is_ai) AS ai_count, count(*) FILTER (WHERE NOT is_ai) AS people_count
FROM traits
GROUP BY trait, value
ORDER BY count(*) DESC, trait, value
LIMIT :most
"""


def traits_by_side(postgres: Postgres, website_id: str, date_from: str, date_to: str) -> Answer[pd.DataFrame]:
    """What the conversations of both sides were like: one row per trait and value, most frequent first.

    Channel and priority of the conversations started in the period and resolved, topics of their ratings; by who resolved them
    last, as in `ratings_by_side`. No rows without resolved conversations. At most `MOST_VALUES` rows.

    Args:
        postgres: The client.
        website_id: The website.
        date_from: Start, UTC text, inclusive.
        date_to: End, UTC text, exclusive.

    Raises:
        SourceError: As `Postgres.read`, or `SchemaMismatch`.

    Source: Postgres `conversation`, `feedback`, `visitor`, `website`.
    """
    params: dict[str, SqlParameter] = {
        "website_id": website_id,
        "date_from": date_from,
        "date_to": date_to,
        "most": MOST_VALUES,
    }
    return sql_frame(postgres, schemas.TRAITS_BY_SIDE, _TRAITS_BY_SIDE, params)
