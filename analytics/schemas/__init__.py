"""Schemas of all pipes and queries: columns, types, ranges, grain, promised rows. Answers are checked on arrival.

An answer that breaks one of these rules raises `SchemaMismatch` with the rule; it never becomes a frame with wrong numbers.
Other columns are ignored, so that an older dashboard can read a newer pipe.
"""

from analytics.schemas.access import USER_BY_EMAIL, WEBSITES_FOR_VIEWER
from analytics.schemas.ai_and_people import (
    OPEN_CONVERSATIONS,
    RATINGS_BY_SIDE,
    RESOLUTION_OUTCOMES,
    TRAITS_BY_SIDE,
)
from analytics.schemas.all_websites import WEBSITE_KPIS, WEBSITE_SCORES
from analytics.schemas.conversations import (
    CONVERSATION_BREAKDOWN,
    CONVERSATION_EVENTS,
    CONVERSATION_LIST,
    CONVERSATIONS_BY_ID,
    LEFT_OUT_CONVERSATIONS,
    RATED_CONVERSATIONS,
)
from analytics.schemas.goals import GOAL_COUNTS, MEMBER_ROLES
from analytics.schemas.health import DATA_FRESHNESS, EVENT_VOLUME, QUARANTINED_ROWS, WEBSITE_FRESHNESS
from analytics.schemas.live import ACTIVE_VISITORS, VISITOR_ACTIVITY, VISITOR_LOCATIONS
from analytics.schemas.overview import INBOX_ANALYTICS, KPI_TIMESERIES, RATING_AND_SENTIMENT, UNIQUE_VISITORS
from analytics.schemas.satisfaction import LATEST_COMMENTS, RATED_SHARE
from analytics.schemas.schema import Always, Column, Dtype, Part, Schema
from analytics.schemas.visitors import VISITOR_BREAKDOWN, VISITOR_TIMESERIES
from analytics.schemas.waiting import BACKLOG, STILL_WAITING, WAITING_CONVERSATIONS
