"""One function per pipe or query: their names, their parameters and all SQL live here and nowhere else.

Periods arrive as UTC texts, `YYYY-MM-DD hh:mm:ss`, the end exclusive. Whoever calls has checked access and clamped
to the tier; nothing here does.
"""

from analytics.sources.access import user_by_email, websites_for_viewer
from analytics.sources.asking import Bounds
from analytics.sources.health import data_freshness
from analytics.sources.live import (
    ACTIVE_VISITORS_LIMIT,
    ACTIVITY_MINUTES,
    active_visitors,
    visitor_activity,
    visitor_locations,
)
from analytics.sources.overview import inbox_analytics, kpi_timeseries, rating_and_sentiment, unique_visitors

__all__ = [
    "ACTIVE_VISITORS_LIMIT",
    "ACTIVITY_MINUTES",
    "Bounds",
    "active_visitors",
    "data_freshness",
    "inbox_analytics",
    "kpi_timeseries",
    "rating_and_sentiment",
    "unique_visitors",
    "user_by_email",
    "visitor_activity",
    "visitor_locations",
    "websites_for_viewer",
]
