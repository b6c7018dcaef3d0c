"""One function per pipe or query that a page reads, with its parameters and SQL.

Staff commands have SQL of their own: `ingest.history` (backfill, sync), `ingest.deletes`, and `operations` (doctor, parity,
purge). Periods are UTC texts, `YYYY-MM-DD hh:mm:ss`, the end exclusive. Callers check access and clamp to the tier first;
no function here does.
"""

from analytics.sources.access import user_by_email, websites_for_viewer
from analytics.sources.ai_and_people import (
    MOST_OPEN,
    open_conversations,
    ratings_by_side,
    resolution_outcomes,
    traits_by_side,
)
from analytics.sources.all_websites import website_kpis, website_scores
from analytics.sources.conversations import (
    MOST_ID_CHARACTERS,
    MOST_RATED,
    conversation_breakdown,
    conversation_events,
    conversation_list,
    conversations_by_id,
    has_conversation_events,
    left_out_events,
    rated_conversations,
)
from analytics.sources.goals import goal_counts, member_roles
from analytics.sources.health import (
    MOST_WEBSITES,
    QUARANTINED_REASONS,
    data_freshness,
    event_volume,
    postgres_probe,
    quarantined_rows,
    tinybird_probe,
    website_freshness,
)
from analytics.sources.live import (
    ACTIVE_VISITORS_LIMIT,
    ACTIVITY_MINUTES,
    active_visitors,
    visitor_activity,
    visitor_locations,
)
from analytics.sources.overview import inbox_analytics, kpi_timeseries, rating_and_sentiment, unique_visitors
from analytics.sources.query import Bounds, Buckets, Offsets, computing_from
from analytics.sources.satisfaction import latest_comments, rated_share
from analytics.sources.visitors import (
    BREAKDOWN_LIMIT,
    VisitorFilters,
    visitor_breakdown,
    visitor_timeseries,
)
from analytics.sources.waiting import backlog, still_waiting, waiting_conversations
