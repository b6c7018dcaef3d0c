"""KPIs from the product's Postgres, and the rows behind them.

Owns the SQL of parity. The same rows count as everywhere: nothing soft-deleted, no test visitor. Periods are UTC texts,
the end exclusive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from analytics.ingest.history.reader import HistoryWebsite
from analytics.kpis.declarations import Event
from analytics.kpis.satisfaction.index import Scores
from analytics.kpis.totals import ConversationTotals
from analytics.schemas.overview import CONVERSATION_COUNTS
from analytics.transports.postgres import Parameter, Postgres

_SPAN: Final = "CAST(:date_from AS timestamp) AT TIME ZONE 'UTC' AS starts, CAST(:date_to AS timestamp) AT TIME ZONE 'UTC' AS ends"

_COUNTED: Final = f"""
WITH span AS (SELECT {_SPAN}),
counted AS (
  SELECT conversation.id, sentiment, sentiment_confidence, resolved_by_ai_agent_id,
         EXTRACT(EPOCH FROM conversation.first_response_at - conversation.started_at) AS response_seconds,
         COALESCE(conversation.resolution_time,
                  EXTRACT(EPOCH FROM conversation.resolved_at - conversation.started_at)) AS resolution_seconds,
         started_at >= starts AND started_at < ends AS is_started,
         first_response_at >= starts AND first_response_at < ends AS is_responded,
         resolved_at >= starts AND resolved_at < ends AS is_resolved,
         escalated_at >= starts AND escalated_at < ends AS is_escalated
  FROM span
  JOIN conversation ON conversation.website_id = :website_id AND conversation.organization_id = :organization_id
  JOIN visitor ON visitor.id = conversation.visitor_id
  WHERE conversation.deleted_at IS NULL AND visitor.deleted_at IS NULL AND visitor.is_test IS NOT TRUE
),
given AS (
  SELECT feedback.conversation_id, feedback.rating
  FROM span
  JOIN feedback ON feedback.created_at >= starts AND feedback.created_at < ends
  LEFT JOIN conversation ON conversation.id = feedback.conversation_id
  WHERE feedback.website_id = :website_id AND feedback.organization_id = :organization_id
    AND feedback.deleted_at IS NULL AND conversation.deleted_at IS NULL
    AND NOT EXISTS (
      SELECT FROM visitor WHERE visitor.id IN (feedback.visitor_id, conversation.visitor_id)
        AND (visitor.deleted_at IS NOT NULL OR visitor.is_test)
    )
)
"""  # noqa: S608  # constants

_KPIS: Final = f"""
{_COUNTED},
moods AS (
  SELECT 50 + CASE sentiment WHEN 'positive' THEN 50 WHEN 'negative' THEN -50 ELSE 0 END
            * LEAST(GREATEST(COALESCE(CAST(sentiment_confidence AS numeric), 1), 0), 1) AS score
  FROM counted WHERE is_started AND sentiment IN ('positive', 'neutral', 'negative')
)
SELECT
  (SELECT count(*) FROM counted WHERE is_started),
  (SELECT count(*) FROM counted WHERE is_responded),
  (SELECT count(*) FROM counted WHERE is_resolved),
  (SELECT count(*) FROM counted WHERE is_resolved AND resolved_by_ai_agent_id IS NOT NULL),
  (SELECT count(*) FROM counted WHERE is_escalated),
  (SELECT count(DISTINCT conversation_id) FROM given),
  (SELECT count(*) FROM counted WHERE is_started AND is_responded),
  (SELECT count(*) FROM counted WHERE is_started AND is_responded AND is_resolved),
  (SELECT count(*) FROM counted WHERE is_started AND is_responded AND is_resolved AND resolved_by_ai_agent_id IS NOT NULL),
  (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY response_seconds) FROM counted WHERE is_responded),
  (SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY response_seconds) FROM counted WHERE is_responded
   HAVING count(*) >= 10),
  (SELECT CAST(avg(response_seconds) AS double precision) FROM counted WHERE is_responded),
  (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY resolution_seconds) FROM counted WHERE is_resolved),
  (SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY resolution_seconds) FROM counted WHERE is_resolved
   HAVING count(*) >= 10),
  (SELECT CAST(avg(resolution_seconds) AS double precision) FROM counted WHERE is_resolved),
  (SELECT count(*) FROM given),
  (SELECT CAST(sum((rating - 1) * 25) AS double precision) FROM given),
  (SELECT CAST(sum((rating - 1) * 25 * (rating - 1) * 25) AS double precision) FROM given),
  (SELECT count(*) FROM moods),
  (SELECT CAST(sum(score) AS double precision) FROM moods),
  (SELECT CAST(sum(score * score) AS double precision) FROM moods)
"""  # noqa: S608  # constants

_VISITORS: Final = f"""
SELECT count(*) FILTER (WHERE deleted_at IS NULL AND is_test IS NOT TRUE)
FROM (SELECT {_SPAN}) AS span
JOIN visitor ON visitor.website_id = :website_id AND visitor.organization_id = :organization_id
WHERE last_seen_at >= starts AND created_at < ends
"""  # noqa: S608  # constants

_ROWS: Final[dict[Event, str]] = {
    "started": "SELECT id, CAST(0 AS double precision) FROM counted WHERE is_started",
    "responded": "SELECT id, CAST(response_seconds AS double precision) FROM counted WHERE is_responded",
    "resolved": "SELECT id, CAST(resolution_seconds AS double precision) FROM counted WHERE is_resolved",
    "ai_resolved": """SELECT id, CAST(resolution_seconds AS double precision) FROM counted
                      WHERE is_resolved AND resolved_by_ai_agent_id IS NOT NULL""",
    "escalated": "SELECT id, CAST(0 AS double precision) FROM counted WHERE is_escalated",
    "feedback": """SELECT DISTINCT conversation_id, CAST(0 AS double precision) FROM given
                   WHERE conversation_id IS NOT NULL""",
}

_KNOWN: Final = """
SELECT conversation.id,
       conversation.website_id = :website_id AND conversation.organization_id = :organization_id,
       conversation.deleted_at IS NOT NULL, visitor.deleted_at IS NOT NULL, visitor.is_test IS TRUE,
       CAST(EXTRACT(EPOCH FROM conversation.started_at) AS double precision),
       CAST(EXTRACT(EPOCH FROM conversation.first_response_at) AS double precision),
       CAST(EXTRACT(EPOCH FROM conversation.resolved_at) AS double precision),
       CAST(EXTRACT(EPOCH FROM conversation.escalated_at) AS double precision),
       conversation.resolved_by_ai_agent_id IS NOT NULL,
       EXISTS (SELECT FROM feedback WHERE feedback.conversation_id = conversation.id
               AND feedback.deleted_at IS NOT NULL),
       (SELECT CAST(EXTRACT(EPOCH FROM max(feedback.created_at)) AS double precision)
        FROM feedback WHERE feedback.conversation_id = conversation.id AND feedback.deleted_at IS NULL)
FROM conversation
JOIN visitor ON visitor.id = conversation.visitor_id
WHERE conversation.id = ANY(:ids)
"""

_KNOWN_VISITORS: Final = """
SELECT id, website_id = :website_id AND organization_id = :organization_id,
       deleted_at IS NOT NULL, is_test IS TRUE
FROM visitor WHERE id = ANY(:ids)
"""


@dataclass(frozen=True, slots=True)
class Numbers:
    """KPIs of one period from Postgres.

    Attributes:
        totals: Counts and times, without intervals: a quantile of nothing is None, and p90 below 10 values, as in the
            pipes.
        rating: Scores of the ratings given.
        sentiment: Scores of the rated conversations started.
    """

    totals: ConversationTotals
    rating: Scores
    sentiment: Scores


@dataclass(frozen=True, slots=True)
class KnownConversation:
    """Conversation in Postgres, whether it counts or not; instants are seconds since 1970."""

    id: str
    is_own: bool
    is_deleted: bool
    is_visitor_deleted: bool
    is_test: bool
    started: float | None
    responded: float | None
    resolved: float | None
    escalated: float | None
    is_ai: bool
    has_deleted_feedback: bool
    feedback: float | None


@dataclass(frozen=True, slots=True)
class KnownVisitor:
    """Visitor in Postgres, whether they count or not."""

    id: str
    is_own: bool
    is_deleted: bool
    is_test: bool


def numbers(postgres: Postgres, website: HistoryWebsite, date_from: str, date_to: str) -> Numbers:
    """Reads the KPIs of one period from Postgres. Raises as `Postgres.stream`.

    Source: Postgres `conversation`, `visitor`, `feedback`.
    """
    (row,) = _rows(postgres, "parity_kpis", _KPIS, website, date_from=date_from, date_to=date_to)
    counts = (
        *(column.name for column in CONVERSATION_COUNTS),
        *("started_responded", "started_resolved", "started_ai_resolved"),
    )
    durations = (
        *("median_response_seconds", "p90_response_seconds", "mean_response_seconds"),
        *("median_resolution_seconds", "p90_resolution_seconds", "mean_resolution_seconds"),
    )
    names = (*counts, *durations)
    values: dict[str, Any] = dict(zip(names, row[: len(names)], strict=True))
    ratio = values["ai_resolved"] / values["resolved"] if values["resolved"] else None
    totals = ConversationTotals(**values, ai_handled_ratio=ratio)
    rated = row[len(names) :]
    return Numbers(totals, _scores(rated[:3]), _scores(rated[3:]))


def visitors_seen(postgres: Postgres, website: HistoryWebsite, date_from: str, date_to: str) -> int:
    """Counts visitors seen from `date_from` on and made before `date_to`, which must be about now.

    Postgres keeps nothing but each visitor's newest visit: of a period that ended long ago it cannot tell.

    Raises as `Postgres.stream`.

    Source: Postgres `visitor`.
    """
    (row,) = _rows(postgres, "parity_visitors", _VISITORS, website, date_from=date_from, date_to=date_to)
    return int(row[0])


def durations(
    postgres: Postgres, website: HistoryWebsite, kind: Event, date_from: str, date_to: str
) -> dict[str, float | None]:
    """Reads the conversations that Postgres counts for a kind, with their seconds. Raises as `Postgres.stream`.

    Source: Postgres `conversation`, `visitor`, `feedback`.
    """
    statement = f"{_COUNTED} {_ROWS[kind]}"
    rows = _rows(postgres, "parity_rows", statement, website, date_from=date_from, date_to=date_to)
    return {row[0]: row[1] for row in rows}


def known(postgres: Postgres, website: HistoryWebsite, ids: Sequence[str]) -> dict[str, KnownConversation]:
    """Reads conversations by id; those that Postgres does not have are absent. Raises as `Postgres.stream`.

    Source: Postgres `conversation`, `visitor`, `feedback`.
    """
    rows = _rows(postgres, "parity_known", _KNOWN, website, ids=list(ids))
    return {row[0]: KnownConversation(*row) for row in rows}


def known_visitors(
    postgres: Postgres, website: HistoryWebsite, ids: Sequence[str]
) -> dict[str, KnownVisitor]:
    """Reads visitors by id; those that Postgres does not have are absent. Raises as `Postgres.stream`.

    Source: Postgres `visitor`.
    """
    rows = _rows(postgres, "parity_known_visitors", _KNOWN_VISITORS, website, ids=list(ids))
    return {row[0]: KnownVisitor(*row) for row in rows}


def _rows(
    postgres: Postgres, name: str, statement: str, website: HistoryWebsite, **params: Parameter
) -> Iterator[Sequence[Any]]:
    """The rows of a statement of this module, typed as it selects them."""
    own: dict[str, Parameter] = {"website_id": website.id, "organization_id": website.organization_id}
    for part in postgres.stream(name, statement, own | params):
        yield from part


def _scores(values: Sequence[float | None]) -> Scores:
    n, total, total_of_squares = (value or 0 for value in values)
    return Scores(int(n), float(total), float(total_of_squares))
