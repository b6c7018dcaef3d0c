"""Schemas of the page Visitors: counts by dimension and over time."""

from analytics.schemas.schema import PERIOD, Always, Column, pipe

VISITOR_BREAKDOWN = pipe(
    "visitor_breakdown",
    Column("dimension", "string", "browser, city, country, device, page or total"),
    Column("value", "string", "untrusted text; empty where not known"),
    Column("country_code", "string", "of a country or city, two capital letters or empty"),
    Column("visitors", "int", "distinct visitors"),
    Column("sessions", "int", "distinct sessions"),
    Column("page_views", "int", "page views"),
    Column("previous_visitors", "int", "the same in the period before; 0 when that was not asked for"),
    Column("previous_sessions", "int", "the same in the period before; 0 when that was not asked for"),
    Column("previous_page_views", "int", "the same in the period before; 0 when that was not asked for"),
    Column("visitors_by_day", "counts", "distinct visitors of each day, in order"),
    Column("sessions_by_day", "counts", "distinct sessions of each day; of the total alone"),
    Column("page_views_by_day", "counts", "page views of each day; of the total alone"),
    Column("previous_visitors_by_day", "counts", "the same in the period before"),
    Column("previous_sessions_by_day", "counts", "the same in the period before; of the total alone"),
    Column("previous_page_views_by_day", "counts", "the same in the period before; of the total alone"),
    grain=("dimension", "value", "country_code"),
    always=Always("dimension", frozenset({"total"})),
)

VISITOR_TIMESERIES = pipe(
    "visitor_timeseries",
    PERIOD,
    Column("bucket_start", "datetime", "first instant of the bucket inside the period, UTC"),
    Column("bucket_index", "int", "0-based within its period"),
    Column("visitors", "float", "distinct visitors per bucket; do not add up", is_nullable=True),
    Column("sessions", "float", "distinct sessions per bucket; do not add up", is_nullable=True),
    Column("page_views", "float", "page views", is_nullable=True),
    grain=("period", "bucket_index"),
)
