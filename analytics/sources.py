"""One function per pipe or query: their names, their parameters and all SQL live here and nowhere else.

Periods arrive as UTC texts, `YYYY-MM-DD hh:mm:ss`, the end exclusive. Whoever calls has checked access and clamped
to the tier; nothing here does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

import pandas as pd

from analytics import schemas
from analytics.access import OwnedWebsite, User
from analytics.postgres import Parameter as SqlParameter
from analytics.postgres import Postgres
from analytics.readings import Answer
from analytics.schemas import Schema
from analytics.tiers import Subscription
from analytics.tinybird import Tinybird
from analytics.totals import ConversationPeriods, ConversationTotals, VisitorPeriods
from analytics.wire import Parameter as PipeParameter

ACTIVE_VISITORS_LIMIT: Final = 1000
"""Rows of `active_visitors` in one answer, newest first."""

ACTIVITY_MINUTES: Final = 30


@dataclass(frozen=True, slots=True)
class Bounds:
    """Both periods as pipes take them: UTC texts, ends exclusive. The previous one may be empty.

    Attributes:
        date_from: Start of the period shown.
        date_to: End of the period shown.
        prev_date_from: Start of the period before.
        prev_date_to: End of the period before.
    """

    date_from: str
    date_to: str
    prev_date_from: str
    prev_date_to: str

    def params(self) -> dict[str, str]:
        """The four pipe parameters."""
        return {
            "date_from": self.date_from,
            "date_to": self.date_to,
            "prev_date_from": self.prev_date_from,
            "prev_date_to": self.prev_date_to,
        }


def inbox_analytics(tinybird: Tinybird, website_id: str, bounds: Bounds) -> Answer[ConversationPeriods]:
    """The conversation totals of both periods, in one call. An empty period has zero counts and None medians.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `inbox_analytics`.
    """
    name = schemas.INBOX_ANALYTICS.resource
    answer = tinybird.query_pipe(name, {"website_id": website_id, **bounds.params()})
    frame = schemas.INBOX_ANALYTICS.periods((column["name"] for column in answer.meta), answer.rows)
    return Answer(ConversationPeriods(_totals(frame, "current"), _totals(frame, "previous")), answer.read_at)


def unique_visitors(tinybird: Tinybird, website_id: str, bounds: Bounds) -> Answer[VisitorPeriods]:
    """Distinct visitors of both periods, in one call; 0 when nobody was seen.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `unique_visitors`.
    """
    name = schemas.UNIQUE_VISITORS.resource
    answer = tinybird.query_pipe(name, {"website_id": website_id, **bounds.params()})
    frame = schemas.UNIQUE_VISITORS.periods((column["name"] for column in answer.meta), answer.rows)
    counts = frame["unique_visitors"]
    return Answer(VisitorPeriods(int(counts["current"]), int(counts["previous"])), answer.read_at)


def kpi_timeseries(
    tinybird: Tinybird, website_id: str, bounds: Bounds, timezone: str, bucket: str
) -> Answer[pd.DataFrame]:
    """One row per (period, bucket), zero-filled, as in `schemas.KPI_TIMESERIES`; no rows for an empty period.

    Args:
        tinybird: Where to ask.
        website_id: Whose conversations.
        bounds: Both periods.
        timezone: IANA name: whose hours, days and weeks.
        bucket: `hour`, `day` or `week`.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `kpi_timeseries`.
    """
    params = {"website_id": website_id, **bounds.params(), "timezone": timezone, "bucket": bucket}
    return _pipe_frame(tinybird, schemas.KPI_TIMESERIES, params)


def active_visitors(tinybird: Tinybird, website_id: str, minutes: int) -> Answer[pd.DataFrame]:
    """One row per visitor seen in the last minutes, newest first, at most `ACTIVE_VISITORS_LIMIT`.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `active_visitors`.
    """
    params: dict[str, PipeParameter] = {
        "website_id": website_id,
        "minutes": minutes,
        "limit": ACTIVE_VISITORS_LIMIT,
    }
    return _pipe_frame(tinybird, schemas.ACTIVE_VISITORS, params)


def visitor_locations(tinybird: Tinybird, website_id: str, minutes: int) -> Answer[pd.DataFrame]:
    """One row per place with visitors in the last minutes, most visitors first.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `visitor_locations`.
    """
    return _pipe_frame(tinybird, schemas.VISITOR_LOCATIONS, {"website_id": website_id, "minutes": minutes})


def visitor_activity(tinybird: Tinybird, website_id: str) -> Answer[pd.DataFrame]:
    """One row per minute of the last `ACTIVITY_MINUTES`, oldest first, zero-filled.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `visitor_activity`.
    """
    return _pipe_frame(
        tinybird, schemas.VISITOR_ACTIVITY, {"website_id": website_id, "minutes": ACTIVITY_MINUTES}
    )


def data_freshness(tinybird: Tinybird, website_id: str) -> Answer[pd.DataFrame]:
    """One row per data source and event type: the newest event (NaT when none in 30 days) and how many.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `data_freshness`.
    """
    return _pipe_frame(tinybird, schemas.DATA_FRESHNESS, {"website_id": website_id})


_USER_BY_EMAIL: Final = """
SELECT id, email, name, email_verified AS is_email_verified, role,
       COALESCE(banned, false) AS is_banned, ban_expires
FROM "user"
WHERE lower(email) = lower(:email)
ORDER BY email = :email DESC, created_at, id
LIMIT 1
"""


def user_by_email(postgres: Postgres, email: str) -> Answer[User | None]:
    """The user with that e-mail address, compared case-insensitively; None when there is none.

    Of two that differ by case alone, the exact match wins, then the older account.

    Raises:
        SourceError: As `Postgres.read`, or `SchemaMismatch`.

    Source: Postgres `user`.
    """
    answer = _sql_frame(postgres, schemas.USER_BY_EMAIL, _USER_BY_EMAIL, {"email": email.strip()})
    for row in answer.value.itertuples(index=False):
        user = User(
            id=str(row.id),
            email=str(row.email),
            name=str(row.name),
            is_email_verified=bool(row.is_email_verified),
            role=_text_or_none(row.role),
            is_banned=bool(row.is_banned),
            ban_expires=_instant_or_none(row.ban_expires),
        )
        return Answer(user, answer.read_at)
    return Answer(None, answer.read_at)


_WEBSITES_FOR_VIEWER: Final = """
SELECT website.id, website.name, website.slug, website.domain, website.status,
       organization.id AS organization_id, organization.name AS organization_name,
       subscription.plan, subscription.status AS subscription_status, subscription.current_period_end
FROM website
JOIN organization ON organization.id = website.organization_id
LEFT JOIN subscription ON subscription.organization_id = organization.id
WHERE website.deleted_at IS NULL
  AND (
    EXISTS (SELECT 1 FROM "user" WHERE "user".id = :user_id AND "user".role = :staff_role)
    OR EXISTS (
      SELECT 1 FROM member
      WHERE member.organization_id = website.organization_id AND member.user_id = :user_id
    )
  )
ORDER BY lower(website.name), website.id
"""


def websites_for_viewer(
    postgres: Postgres, user_id: str, staff_role: str
) -> Answer[tuple[OwnedWebsite, ...]]:
    """The websites that the user may open, by name: staff all, others those of their organizations.

    Deleted websites are not among them; inactive ones are. Staff is decided here and now, by the user's row.

    Raises:
        SourceError: As `Postgres.read`, or `SchemaMismatch`.

    Source: Postgres `website`, `organization`, `subscription`, `member`, `user`.
    """
    params = {"user_id": user_id, "staff_role": staff_role}
    answer = _sql_frame(postgres, schemas.WEBSITES_FOR_VIEWER, _WEBSITES_FOR_VIEWER, params)
    websites = []
    for _, rows in answer.value.groupby("id", sort=False):
        first = rows.iloc[0]
        subscriptions = tuple(
            Subscription(
                str(row.plan), str(row.subscription_status), _instant_or_none(row.current_period_end)
            )
            for row in rows[rows["plan"].notna()].itertuples(index=False)
        )
        websites.append(
            OwnedWebsite(
                id=str(first["id"]),
                name=str(first["name"]),
                slug=str(first["slug"]),
                domain=str(first["domain"]),
                organization_id=str(first["organization_id"]),
                organization_name=str(first["organization_name"]),
                is_active=first["status"] == "active",
                subscriptions=subscriptions,
            )
        )
    return Answer(tuple(websites), answer.read_at)


_RATING_AND_SENTIMENT: Final = """
WITH spans (period, starts, ends) AS (
  VALUES
    ('current', CAST(:date_from AS timestamp) AT TIME ZONE 'UTC', CAST(:date_to AS timestamp) AT TIME ZONE 'UTC'),
    ('previous', CAST(:prev_date_from AS timestamp) AT TIME ZONE 'UTC',
                 CAST(:prev_date_to AS timestamp) AT TIME ZONE 'UTC')
),
scored AS (
  SELECT spans.period, feedback.created_at AS at, (feedback.rating - 1) * CAST(25 AS double precision) AS rating,
         CAST(NULL AS double precision) AS sentiment
  FROM spans
  JOIN feedback ON feedback.created_at >= spans.starts AND feedback.created_at < spans.ends
  JOIN website ON website.id = feedback.website_id AND website.organization_id = feedback.organization_id
  LEFT JOIN conversation ON conversation.id = feedback.conversation_id
  LEFT JOIN visitor ON visitor.id = COALESCE(feedback.visitor_id, conversation.visitor_id)
  WHERE feedback.website_id = :website_id
    AND feedback.deleted_at IS NULL AND website.deleted_at IS NULL
    AND conversation.deleted_at IS NULL
    AND visitor.deleted_at IS NULL AND visitor.is_test IS NOT TRUE
  UNION ALL
  SELECT spans.period, conversation.started_at, NULL,
         50 + CASE conversation.sentiment WHEN 'positive' THEN 50 WHEN 'negative' THEN -50 ELSE 0 END
            * CAST(LEAST(GREATEST(COALESCE(CAST(conversation.sentiment_confidence AS numeric), 1), 0), 1) AS double precision)
  FROM spans
  JOIN conversation ON conversation.started_at >= spans.starts AND conversation.started_at < spans.ends
  JOIN website ON website.id = conversation.website_id AND website.organization_id = conversation.organization_id
  JOIN visitor ON visitor.id = conversation.visitor_id
  WHERE conversation.website_id = :website_id
    AND conversation.sentiment IN ('positive', 'neutral', 'negative')
    AND conversation.deleted_at IS NULL AND website.deleted_at IS NULL
    AND visitor.deleted_at IS NULL AND visitor.is_test IS NOT TRUE
)
SELECT period,
       date_bin(INTERVAL '15 minutes', at, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS slot_start,
       count(rating) AS rating_count,
       COALESCE(sum(rating), 0) AS rating_total,
       COALESCE(sum(rating * rating), 0) AS rating_total_of_squares,
       count(sentiment) AS sentiment_count,
       COALESCE(sum(sentiment), 0) AS sentiment_total,
       COALESCE(sum(sentiment * sentiment), 0) AS sentiment_total_of_squares
FROM scored
GROUP BY period, slot_start
ORDER BY period, slot_start
"""


def rating_and_sentiment(postgres: Postgres, website_id: str, bounds: Bounds) -> Answer[pd.DataFrame]:
    """Rating and sentiment scores of both periods: one row per (period, quarter of an hour with any), in order.

    Quarters of an hour add up to the buckets of every timezone, so that cards and charts come from one read.
    Soft-deleted rows (the feedback, its conversation, the visitor, the website) and test visitors count nowhere.
    No rows when nothing was rated.

    Raises:
        SourceError: As `Postgres.read`, or `SchemaMismatch`.

    Source: Postgres `feedback`, `conversation`, `visitor`, `website`.
    """
    params = {"website_id": website_id, **bounds.params()}
    return _sql_frame(postgres, schemas.RATING_AND_SENTIMENT, _RATING_AND_SENTIMENT, params)


def _pipe_frame(
    tinybird: Tinybird, schema: Schema, params: Mapping[str, PipeParameter]
) -> Answer[pd.DataFrame]:
    answer = tinybird.query_pipe(schema.resource, params)
    return Answer(schema.frame((column["name"] for column in answer.meta), answer.rows), answer.read_at)


def _sql_frame(
    postgres: Postgres, schema: Schema, statement: str, params: Mapping[str, SqlParameter]
) -> Answer[pd.DataFrame]:
    answer = postgres.read(schema.resource, statement, params)
    return Answer(schema.frame(answer.columns, answer.rows), answer.read_at)


def _totals(frame: pd.DataFrame, period: str) -> ConversationTotals:
    def count(name: str) -> int:
        return int(frame[name][period])

    def value(name: str) -> float | None:
        cell = frame[name][period]
        return None if pd.isna(cell) else float(cell)

    return ConversationTotals(
        started=count("started"),
        responded=count("responded"),
        resolved=count("resolved"),
        ai_resolved=count("ai_resolved"),
        escalated=count("escalated"),
        feedback=count("feedback"),
        median_response_seconds=value("median_response_seconds"),
        p90_response_seconds=value("p90_response_seconds"),
        median_resolution_seconds=value("median_resolution_seconds"),
        p90_resolution_seconds=value("p90_resolution_seconds"),
        median_response_low_seconds=value("median_response_low_seconds"),
        median_response_high_seconds=value("median_response_high_seconds"),
        median_resolution_low_seconds=value("median_resolution_low_seconds"),
        median_resolution_high_seconds=value("median_resolution_high_seconds"),
        ai_handled_rate=value("ai_handled_rate"),
    )


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _instant_or_none(value: object) -> datetime | None:
    return None if pd.isna(cast("pd.Timestamp", value)) else cast("pd.Timestamp", value).to_pydatetime()
