"""Reads for goals: how many conversations met them, and who may change them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from analytics import schemas
from analytics.kpis.goals.definitions import GoalSpan
from analytics.readings import Answer
from analytics.sources.query import sql_frame
from analytics.transports.postgres import Parameter as SqlParameter
from analytics.transports.postgres import Postgres

_GOAL_COUNTS: Final = """
WITH span AS (
  SELECT website_id, measure, version::integer, starts::timestamptz, ends::timestamptz, limit_seconds::numeric
  FROM unnest(CAST(:website_ids AS text[]), CAST(:measures AS text[]), CAST(:versions AS text[]), CAST(:starts AS text[]),
              CAST(:ends AS text[]), CAST(:limits AS text[]))
       AS given(website_id, measure, version, starts, ends, limit_seconds)
),
judged AS (
  SELECT span.website_id, span.measure, span.version, span.limit_seconds,
         EXTRACT(EPOCH FROM now() - conversation.started_at) AS age_seconds,
         CASE
           WHEN span.measure = 'response' THEN EXTRACT(EPOCH FROM conversation.first_response_at - conversation.started_at)
           WHEN conversation.status = 'resolved' THEN COALESCE(
             conversation.resolution_time,
             EXTRACT(EPOCH FROM COALESCE(conversation.resolved_at, conversation.updated_at) - conversation.started_at))
         END AS took_seconds
  FROM span
  JOIN website ON website.id = span.website_id
  JOIN conversation ON conversation.website_id = website.id AND conversation.organization_id = website.organization_id
   AND conversation.started_at >= span.starts AND conversation.started_at < span.ends
  JOIN visitor ON visitor.id = conversation.visitor_id
  WHERE conversation.status IN ('open', 'resolved')
    AND conversation.deleted_at IS NULL AND website.deleted_at IS NULL
    AND visitor.deleted_at IS NULL AND visitor.is_test IS NOT TRUE
)
SELECT website_id, measure, version,
       count(*) FILTER (WHERE age_seconds > limit_seconds AND took_seconds <= limit_seconds) AS met,
       count(*) FILTER (WHERE age_seconds > limit_seconds AND COALESCE(took_seconds, age_seconds) > limit_seconds) AS missed,
       count(*) FILTER (WHERE age_seconds <= limit_seconds) AS open
FROM judged
GROUP BY website_id, measure, version
ORDER BY website_id, measure, version
"""


def goal_counts(postgres: Postgres, spans: Sequence[GoalSpan]) -> Answer[pd.DataFrame]:
    """What the conversations that started in each span did against its goal: one row per span with a conversation.

    Each is judged once its time is over. Met: the answer, or the last resolution, came within the time. Missed: it came later,
    or not at all. Open: the time is not over, answered or not: it is known early only of the fast ones, so that a share with
    them would be too high. Answered means `first_response_at`; a conversation that was reopened is not resolved. The
    time to a resolution is `resolution_time`, else `resolved_at`, else the last change, since the start. Spam, soft-deleted
    rows and test visitors are left out, as are conversations without a start.

    Args:
        postgres: The client.
        spans: One for each website, measure and version; none give no rows.

    Raises:
        SourceError: As `Postgres.read`, or `SchemaMismatch`.

    Source: Postgres `conversation`, `visitor`, `website`.
    """
    params: dict[str, SqlParameter] = {
        "website_ids": [each.website_id for each in spans],
        "measures": [each.measure for each in spans],
        "versions": [str(each.version) for each in spans],
        "starts": [f"{each.starts:%Y-%m-%d %H:%M:%S.%f%z}" for each in spans],
        "ends": [f"{each.ends:%Y-%m-%d %H:%M:%S.%f%z}" for each in spans],
        "limits": [str(each.goal.limit_seconds) for each in spans],
    }
    return sql_frame(postgres, schemas.GOAL_COUNTS, _GOAL_COUNTS, params)


_MEMBER_ROLES: Final = """
SELECT DISTINCT role FROM member WHERE user_id = :user_id AND organization_id = :organization_id ORDER BY role
"""


def member_roles(postgres: Postgres, user_id: str, organization_id: str) -> Answer[frozenset[str]]:
    """The roles of a user in an organization; empty for one who is no member.

    Raises:
        SourceError: As `Postgres.read`, or `SchemaMismatch`.

    Source: Postgres `member`.
    """
    params: dict[str, SqlParameter] = {"user_id": user_id, "organization_id": organization_id}
    answer = sql_frame(postgres, schemas.MEMBER_ROLES, _MEMBER_ROLES, params)
    return Answer(frozenset(str(role) for role in answer.value["role"]), answer.read_at)
