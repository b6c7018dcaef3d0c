"""Schemas of the page All websites: totals and buckets of each website, scores of ratings and sentiment."""

from analytics.schemas.overview import INBOX_ANALYTICS, SCORE_SUMS, SCORES
from analytics.schemas.schema import PERIOD, Column, Schema, pipe

WEBSITE_KPIS = pipe(
    "website_kpis",
    Column("website_id", "string", "one of the list"),
    *INBOX_ANALYTICS.columns,
    Column("unique_visitors", "int", "distinct visitors seen in the period"),
    Column("newest_event", "datetime", "UTC; null without an event in 30 days", is_nullable=True),
    *(
        Column(f"bucket_{name}", "counts", "of each bucket, in order")
        for name in ("started", "responded", "resolved", "ai_resolved", "unique_visitors")
    ),
    *(
        Column(f"bucket_median_{time}_seconds", "measures", "of each bucket, in order; null without a value")
        for time in ("response", "resolution")
    ),
    grain=("website_id", "period"),
    parts=INBOX_ANALYTICS.parts,
    always=INBOX_ANALYTICS.always,
)

WEBSITE_SCORES = Schema(
    "postgres",
    "website_scores",
    (
        Column("website_id", "string", "one of the list"),
        PERIOD,
        Column("bucket_number", "int", "1-based within its period", least=1),
        *SCORES,
    ),
    grain=("website_id", "period", "bucket_number"),
    parts=SCORE_SUMS,
)
