"""Reads for the page All websites: numbers of many websites in one call, scores of ratings and sentiment in one query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Final, cast

import pandas as pd

from analytics import schemas
from analytics.kpis.all_websites.rows import ScoresByBucket, WebsitePeriod, WebsitePeriods
from analytics.kpis.satisfaction.index import Scores
from analytics.kpis.totals import ConversationTotals
from analytics.readings import Answer
from analytics.sources.overview import SCORED, SUMS_OF_SCORES
from analytics.sources.query import Bounds, Buckets, computing_from, instant_or_none, pipe_frame, sql_frame
from analytics.transports.postgres import Parameter as SqlParameter
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird
from analytics.transports.tinybird_messages import Parameter

_TOTALS: Final = tuple(each.name for each in fields(ConversationTotals))
_BUCKETS: Final = (
    *("started", "responded", "resolved", "ai_resolved"),
    *("median_response_seconds", "median_resolution_seconds"),
)


def website_kpis(
    tinybird: Tinybird, website_ids: tuple[str, ...], bounds: Bounds, buckets: Buckets, visitors_from: str
) -> Answer[Mapping[str, WebsitePeriods]]:
    """Totals, visitors and buckets of both periods of every website of the list, in one call; zeros without events.

    Args:
        tinybird: The client.
        website_ids: The websites; none of them contains a comma.
        bounds: Both periods.
        buckets: Where the buckets of both periods start.
        visitors_from: Earliest visitor event that counts, UTC text, inclusive.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `website_kpis`.
    """
    schema = schemas.WEBSITE_KPIS
    params: dict[str, Parameter] = {
        "website_ids": website_ids,
        **bounds.params(),
        **buckets.params(),
        "visitors_from": visitors_from,
    }
    answer = pipe_frame(tinybird, schema, params)
    with computing_from(schema):
        found: dict[tuple[str, str], dict[str, Any]] = {
            (row["website_id"], row["period"]): row for row in cast("Any", answer.value.to_dict("records"))
        }
        if set(found) != {(each, which) for each in website_ids for which in ("current", "previous")}:
            raise schema.mismatch("it has other websites than the requested ones")
        _check_edges(found, bounds, buckets)
        websites = {
            each: WebsitePeriods(
                _period(found[each, "current"]),
                _period(found[each, "previous"]),
                instant_or_none(found[each, "current"]["newest_event"]),
            )
            for each in website_ids
        }
    return Answer(websites, answer.read_at, answer.queries)


_WEBSITE_SCORES: Final = f"""
{SCORED.format(websites="= ANY(CAST(:website_ids AS text[]))")}
SELECT website_id, period,
       width_bucket(at, CASE period WHEN 'current' THEN CAST(:edges AS timestamptz[])
                                    ELSE CAST(:prev_edges AS timestamptz[]) END) AS bucket_number,
{SUMS_OF_SCORES}
FROM scored
GROUP BY website_id, period, bucket_number
ORDER BY website_id, period, bucket_number
"""  # noqa: S608 - joined from constants alone


def website_scores(
    postgres: Postgres,
    website_ids: tuple[str, ...],
    bounds: Bounds,
    edges: Sequence[datetime],
    prev_edges: Sequence[datetime],
) -> Answer[ScoresByBucket]:
    """Scores of ratings and sentiment of every website of the list by period and bucket, in one query.

    Left-out rows are as in `sources.rating_and_sentiment`.

    Args:
        postgres: The client.
        website_ids: The websites.
        bounds: Both periods.
        edges: Starts of the buckets of the period shown, aware, ascending; one or more.
        prev_edges: The same of the period before; of an empty one its start.

    Raises:
        SourceError: As `Postgres.read`, or `SchemaMismatch`.

    Source: Postgres `feedback`, `conversation`, `visitor`, `website`.
    """
    params: dict[str, SqlParameter] = {
        "website_ids": list(website_ids),
        **bounds.params(),
        "edges": [edge.isoformat() for edge in edges],
        "prev_edges": [edge.isoformat() for edge in prev_edges],
    }
    answer = sql_frame(postgres, schemas.WEBSITE_SCORES, _WEBSITE_SCORES, params)
    rows = cast("Any", answer.value.to_dict("records"))
    scores: ScoresByBucket = {
        (row["website_id"], row["period"], row["bucket_number"]): (
            _scores(row, "rating"),
            _scores(row, "sentiment"),
        )
        for row in rows
    }
    return Answer(scores, answer.read_at, answer.queries)


def _check_edges(
    found: Mapping[tuple[str, str], Mapping[str, Any]], bounds: Bounds, buckets: Buckets
) -> None:
    """Checks that all rows are about the requested periods, and have the requested number of buckets.

    Raises:
        SchemaMismatch: They are not.
    """
    schema = schemas.WEBSITE_KPIS
    expected = {
        "current": (bounds.date_from, bounds.date_to, buckets.starts),
        "previous": (bounds.prev_date_from, bounds.prev_date_to, buckets.prev_starts),
    }
    for (_, which), row in found.items():
        start, end, starts = expected[which]
        if [f"{row[edge]:%Y-%m-%d %H:%M:%S}" for edge in ("starts_at", "ends_at")] != [start, end]:
            raise schema.mismatch("it has other periods than the requested ones")
        # A period without parameter is one bucket.
        if any(
            len(value) != starts.count(",") + 1 for name, value in row.items() if name.startswith("bucket_")
        ):
            raise schema.mismatch("it has other buckets than the requested ones")


def _period(row: Mapping[str, Any]) -> WebsitePeriod:
    values: dict[str, Any] = {name: None if pd.isna(row[name]) else row[name] for name in _TOTALS}
    buckets = [
        dict(zip(_BUCKETS, each, strict=True))
        for each in zip(*(row[f"bucket_{name}"] for name in _BUCKETS), strict=True)
    ]
    return WebsitePeriod(
        ConversationTotals(**values),
        row["unique_visitors"],
        tuple(
            ConversationTotals(
                **each, ai_handled_ratio=each["ai_resolved"] / each["resolved"] if each["resolved"] else None
            )
            for each in buckets
        ),
        row["bucket_unique_visitors"],
    )


def _scores(row: Mapping[str, Any], kind: str) -> Scores:
    return Scores(row[f"{kind}_count"], row[f"{kind}_total"], row[f"{kind}_total_of_squares"])
