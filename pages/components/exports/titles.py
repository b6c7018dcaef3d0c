"""Names of the tables, as the sheets of a workbook have them. Pure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from analytics.kpis.visitor_breakdown import DIMENSIONS
from pages.components.charts.rating_bars import RATINGS, SENTIMENT
from pages.components.panels.waiting import TITLES
from pages.components.selection.conversation_filters import MEASURES

_TITLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "all_websites": "All websites",
        "kpis": "KPIs",
        "escalated": "Escalated",
        "visitor_totals": "Visitors, whole period",
        "backlog_totals": "Backlog, whole period",
        "outcome_shares": "Who resolved first, shares",
        "satisfaction_total": "Satisfaction index",
        "rated_totals": "Rated, whole period",
        "kpi_series": "KPIs over time",
        "funnel_steps": "Funnel",
        "bands": "{} time by band",
        "percentiles_over_time": "{} time over time",
        "handled": "Who resolved",
        "hours": "Hour of the week",
        "conversation_list": "Conversations",
        "ai_and_people": "AI and people, {}",
        "goals": "Goals",
        "waiting_list": "{}",
        "backlog_series": "Backlog",
        "visitor_series": "Visitors over time",
        "visitor_values": "Visitors by {}",
        "satisfaction_components": "Satisfaction components",
        "satisfaction_series": "Satisfaction over time",
        "answers_over_time": "{}",
        "rated_share": "How many were rated",
        "comment_list": "Comments",
        "visitor_minutes": "Visitors by minute",
        "live_visitors": "Visitors now",
        "events_by_type": "Events by type",
        "websites": "Websites",
        "queries": "Queries",
        "caches": "Caches",
        "quarantined": "Quarantined rows",
    }
)
"""Title by name of the file's function; `{}` is the word for its first argument."""

_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{str(measure): word for measure, word in MEASURES.items()},
        **{str(name): dimension.one for name, dimension in DIMENSIONS.items()},
        **{str(asked.name): asked.title for asked in (RATINGS, SENTIMENT)},
        **{part: part.replace("_", " ") for part in ("cohort", "time_saved", "sides", "likeness")},
    }
)

_WAITING: Final[Mapping[str, str]] = MappingProxyType({str(key): name for key, name in TITLES.items()})


def title(file: str, arguments: Sequence[object]) -> str:
    """The title of one of `tables.FILES` with its arguments after the view.

    >>> title("kpis", ()), title("bands", ("response",)), title("visitor_values", ("country_code",))
    ('KPIs', 'Response time by band', 'Visitors by country')
    >>> title("waiting_list", ("resolution",))
    'Escalated, not resolved'
    """
    first = str(arguments[0]) if arguments else ""
    words = _WAITING if file == "waiting_list" else _WORDS
    return _TITLES[file].format(words.get(first, "")).strip()
