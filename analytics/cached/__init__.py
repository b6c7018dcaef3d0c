"""The cached module: what pages call, one function per thing a page shows.

A page opens its view once (`open_view`: access checked, dates clamped to the tier) and hands it to every function that
reads a website. The function checks access again, then asks a `Question`, whose arguments are its whole
key: two viewers of one website share an entry, two periods never do. Failures are raised, never kept as data; while a
source fails, the last good value comes back marked stale (`SharedReads`).
"""

from analytics.cached.access import (
    admitted,
    conversation_address,
    end_sign_in,
    has_changed,
    identity_of,
    is_demo,
    viewer_for,
    websites,
    websites_anew,
    week_start,
)
from analytics.cached.ai_and_people.outcomes import likeness_of_sides, resolution_outcomes, side_by_side
from analytics.cached.ai_and_people.time_saved import minutes_per_conversation, save_minutes, time_saved
from analytics.cached.all_websites import all_websites
from analytics.cached.conversations import (
    conversation_breakdown,
    conversation_breakdown_before,
    conversation_list,
    conversation_timeseries,
    every_conversation,
)
from analytics.cached.goals import (
    goal_history,
    goal_results,
    has_store,
    may_edit_goals,
    save_goal,
    website_goal_results,
)
from analytics.cached.health import (
    cache_savings,
    event_flow,
    every_quarantined,
    newest_event,
    quarantine,
    query_use,
    source_health,
    spooled_events,
    website_states,
)
from analytics.cached.live import (
    active_visitors,
    count_refresh_seconds,
    every_active_visitor,
    live_refresh_seconds,
    right_now,
    right_now_of_step,
    visitor_activity,
    visitor_clusters,
    visitor_locations,
    visitor_pages,
)
from analytics.cached.operations import measured, probe
from analytics.cached.overview import kpi_timeseries, kpis, left_out
from analytics.cached.reading import clear, numbers_ttl, try_again, waiting_briefly, waiting_together
from analytics.cached.satisfaction import (
    every_comment,
    latest_comments,
    rated_share,
    satisfaction_attribution,
    satisfaction_distributions,
)
from analytics.cached.shared.waits import Unsettled
from analytics.cached.view import OpenedView, next_read, open_view, today
from analytics.cached.visitors import (
    LISTED_VALUES,
    every_visitor_value,
    visitor_breakdown,
    visitor_timeseries,
)
from analytics.cached.waiting import (
    SINCE,
    WAITING_REFRESH_SECONDS,
    backlog,
    every_waiting,
    still_waiting,
    waiting_now,
)
from analytics.cached.whole import Whole
from analytics.geo.live_visitors import RightNow
from analytics.ingest.spool.directory import SpoolStatus
from analytics.kpis.ai_and_people.likeness import Likeness
from analytics.kpis.ai_and_people.outcomes import Cohorts
from analytics.kpis.ai_and_people.sides import SideBySide
from analytics.kpis.ai_and_people.time_saved import Minutes, MinutesVersion, TimeSaved
from analytics.kpis.all_websites.rows import AllWebsites
from analytics.kpis.backlog import BacklogOverTime
from analytics.kpis.goals.definitions import GoalHistory
from analytics.kpis.goals.results import GoalResult, GoalResults
from analytics.kpis.metrics import Kpi, KpiBoard
from analytics.kpis.satisfaction.rated_share import RatedShare
from analytics.kpis.waiting import WaitingNow, Waits
from analytics.readings import Reading, SentQuery
from analytics.scope.access import Viewer
from analytics.scope.views import ResolvedView, View
from analytics.sources import VisitorFilters
