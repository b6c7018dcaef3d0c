"""Health of sources and data, for staff: cards that say what is wrong, and the tables behind them.

Owns texts, colours and layout. `analytics.health.source_health` judges what is slow or unusual, and counts saved queries.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

import pandas as pd
import streamlit as st

from analytics.cached import Reading, SpoolStatus, Viewer
from analytics.health.source_health import FlowState, Quarantine, QueryUse
from pages.components import formatting
from pages.components.page import audit_events, begin
from pages.components.page.panel import empty, end_page, note_staleness
from pages.components.theme_colors import palette

CARD_MIN_WIDTH_PX = 148
Colour = Literal["green", "orange", "red", "gray"]

FLOWS: Final[dict[FlowState, str]] = {
    "usual": "as usual",
    "unusual": "quiet longer than usual",
    "unknown": "not enough events",
    "none": "no events",
}
NOT_KNOWN: Final = "not known now"
_QUARANTINE: Final[dict[bool | None, tuple[str, Colour]]] = {
    None: ("not readable here", "gray"),
    False: ("none", "green"),
    True: ("see below", "orange"),
}
LISTED, TALL_PX = 14, 460


def require_staff(viewer: Viewer) -> None:
    """End the page with a message if the viewer is not staff."""
    if not viewer.is_staff:
        audit_events.refusal("Data health is for the platform's staff.")
        empty("For staff", "Data health is for the platform's staff. Choose another page in the sidebar.")
        end_page()


def draw_newest(reading: Reading[pd.DataFrame], now: datetime, timezone: str) -> None:
    """Draw the card of the newest event, and whether any event type has been quiet for longer than usual.

    A stale reading never gets the verdict "good".
    """
    flow = note_staleness(reading, timezone).value
    seen = flow.dropna(subset=["age_seconds"]).sort_values("age_seconds")
    newest, unusual = seen["newest_event"].max(), int((flow["state"] == "unusual").sum())
    verdict, colour = _verdict(unusual, is_any=bool(len(seen)), is_stale=reading.is_stale)
    st.metric(
        "Newest event",
        formatting.when(newest, reading.as_of, now, timezone) if len(seen) else formatting.MISSING,
        verdict,
        delta_color=colour,
        delta_arrow="off",
        help="The website's newest event of any type. A type is quiet longer than usual when its newest event "
        "is older than one and a half times its longest gap of 30 days.",
    )
    if len(seen):
        name = formatting.markdown(event_name(seen["event_type"].iloc[0]))
        st.caption(f"{name}, as of {formatting.clock(reading.as_of, timezone)}")
    else:
        st.caption("Check that the chat product sends events for this website.")


def _verdict(unusual: int, *, is_any: bool, is_stale: bool) -> tuple[str, Colour]:
    if is_stale:
        return NOT_KNOWN, "gray"
    if not is_any:
        return "none in 30 days", "gray"
    if unusual:
        return f"{unusual} {'type' if unusual == 1 else 'types'} quiet too long", "orange"
    return "flowing as usual", "green"


def draw_quarantine_card(reading: Reading[Quarantine], timezone: str) -> None:
    """Draw the card of quarantined rows."""
    note_staleness(reading, timezone)
    rows = reading.value.rows
    verdict, colour = _QUARANTINE[None if rows is None else bool(rows)]
    st.metric(
        "Quarantined rows",
        formatting.count(rows),
        verdict,
        delta_color=colour,
        delta_arrow="off",
        help="Rows that did not fit their columns. Tinybird keeps them aside; they count nowhere.",
    )
    st.caption("all websites · 30 days")


def draw_queries_card(use: QueryUse) -> None:
    """Draw the card of today's queries and the daily budget."""
    share = use.spent / use.daily_limit if use.daily_limit else None
    colour: Colour = "green" if share is None or share < 0.5 else "orange" if share < 0.9 else "red"
    st.metric(
        "Queries today",
        formatting.count(use.spent),
        "no limit set"
        if share is None
        else f"{formatting.rate(share)} of {formatting.count(use.daily_limit)}",
        delta_color=colour if share is not None else "gray",
        delta_arrow="off",
        help="Tinybird queries of this server since midnight UTC, retries included. Other servers and tools that use the "
        "workspace are not in it.",
    )
    st.caption(f"Live {begin.refresh_sentence(use.live_refresh_seconds)}")


def draw_flow(reading: Reading[pd.DataFrame], timezone: str) -> None:
    """Draw the table of event types: newest event, whether its age is unusual, rows, and rows per day over 30 days.

    Ages are those when it was read, which a note below says.

    A note above it gives the number of events dated in the future.
    """
    flow = reading.value
    ahead = int(flow["ahead"].sum())
    if ahead:
        st.warning(future_sentence(ahead), icon=":material/schedule:")
    table = pd.DataFrame(
        {
            "Event": [event_name(event) for event in flow["event_type"]],
            "Newest": [ago_text((reading.as_of - newest).total_seconds()) for newest in flow["newest_event"]],
            "State": [FLOWS[state] for state in flow["state"]],
            "Rows": flow["events"],
            "Per day": flow["events_per_day"],
            "Longest gap": [formatting.duration(seconds) for seconds in flow["longest_quiet_seconds"]],
        }
    )
    columns = {
        "Event": st.column_config.TextColumn(width=140),
        "Newest": st.column_config.TextColumn(width=76, help="Age of the newest event"),
        "State": st.column_config.TextColumn(
            width=150, help="Against the website's own longest gap; no verdict below 20 rows"
        ),
        "Rows": st.column_config.NumberColumn(
            width=72, format="localized", help="In the last 30 calendar days"
        ),
        "Per day": st.column_config.BarChartColumn(
            width=150, help="Rows per day of the last 30 days; the last bar is today so far", y_min=0
        ),
        "Longest gap": st.column_config.TextColumn(
            width=92, help="The longest time between two events in the last 30 days"
        ),
    }
    draw_table(
        "flow",
        table,
        columns,
        f"{len(table)} event types: newest event, state, rows and rows per day",
        is_wide=True,
    )
    st.caption(f"As of {formatting.clock_seconds(reading.as_of, timezone)}.")


def future_sentence(events: int) -> str:
    """The note about events dated in the future: their number, and what to do.

    >>> future_sentence(1)
    '1 event is dated in the future and shown nowhere until then. Check the clock of the machine that emits it.'
    """
    are, them = ("event is", "it") if events == 1 else ("events are", "them")
    return (
        f"{formatting.count(events)} {are} dated in the future and shown nowhere until then. "
        f"Check the clock of the machine that emits {them}."
    )


def draw_queries(use: QueryUse) -> None:
    """Draw today's queries by pipe."""
    if use.daily_limit is None:
        st.caption("No daily budget is set (TINYBIRD_DAILY_QUERIES).")
    else:
        left = max(0, use.daily_limit - use.spent)
        words = f"{formatting.count(use.spent)} of {formatting.count(use.daily_limit)}, {formatting.count(left)} left"
        st.progress(min(use.spent / use.daily_limit, 1.0), words)
    table = pd.DataFrame(
        {
            "Pipe": use.by_pipe["pipe"],
            "Queries": use.by_pipe["queries"],
            "Share": _percent(use.by_pipe["share_ratio"]),
        }
    )
    columns = {
        "Pipe": st.column_config.TextColumn(width=150),
        "Queries": st.column_config.NumberColumn(width=64, format="localized"),
        "Share": _share("Of today's queries"),
    }
    draw_table("queries", table, columns, f"{len(table)} pipes: queries today and their share")


def draw_savings(savings: pd.DataFrame) -> None:
    """Draw how often pages requested each pipe and query, and how often the cache answered."""
    table = pd.DataFrame(
        {
            "Pipe or query": savings["name"],
            "Requests": savings["asked"],
            "Queries": savings["read"],
            "Failed": savings["failed"],
            "From cache": _percent(savings["saved_ratio"]),
        }
    )
    has_failures = bool(savings["failed"].any())
    if not has_failures:
        table = table.drop(columns="Failed")
    columns = {
        "Pipe or query": st.column_config.TextColumn(width=118),
        "Requests": st.column_config.NumberColumn(width=62, format="localized", help="By pages, all viewers"),
        "Queries": st.column_config.NumberColumn(width=54, format="localized", help="Sent to the source"),
        "Failed": st.column_config.NumberColumn(width=50, format="localized", help="The source failed"),
        "From cache": _share("Requests that needed no query", width=88),
    }
    draw_table(
        "savings",
        table,
        columns,
        f"{len(table)} pipes and queries: requests, queries sent, failures, share served from the cache",
        is_wide=has_failures,
    )


def draw_quarantine(quarantine: Quarantine, now: datetime) -> None:
    """Draw the reasons why rows were quarantined, newest first; values in them are untrusted text."""
    if quarantine.rows is None:
        empty(
            "Not readable here",
            "Tinybird shows quarantined rows to an admin token only, and this deployment has none. "
            "Look with `tb --cloud sql`, or set TINYBIRD_ADMIN_TOKEN.",
        )
        return
    if not quarantine.rows:
        empty("Nothing quarantined in 30 days", "Rejected rows appear here.")
        return
    reasons = quarantine.reasons
    table = pd.DataFrame(
        {
            "Arrived": [ago_text((now - newest).total_seconds()) for newest in reasons["newest"]],
            "Rows": reasons["quarantined"],
            "Data source": [formatting.plain(name) for name in reasons["datasource"]],
            "Reason": [first_reason(reason) for reason in reasons["reason"]],
            "Website": [formatting.plain(website) or formatting.MISSING for website in reasons["website_id"]],
        }
    )
    columns = {
        "Arrived": st.column_config.TextColumn(width=72, help="The newest row with this reason"),
        "Rows": st.column_config.NumberColumn(width=52, format="localized"),
        "Data source": st.column_config.TextColumn(width=140),
        "Reason": st.column_config.TextColumn(width="large"),
        "Website": st.column_config.TextColumn(width=120, help="As the newest such row says"),
    }
    draw_table(
        "quarantine",
        table,
        columns,
        f"{len(table)} reasons why rows were quarantined, newest first",
        is_wide=True,
    )


def draw_spool(reading: Reading[SpoolStatus | None]) -> None:
    """Draw the spool of this machine: events that Tinybird has not confirmed yet, and events that it refused."""
    spool, now = reading.value, reading.as_of
    if spool is None:
        empty(
            "Not known on this machine",
            "Events that wait to be sent are in the spool of the service that emits. Run `inbox-analytics spool status` "
            "on its machine; where that is this one, set INBOX_ANALYTICS_SPOOL_DIR for the dashboard too.",
        )
        return
    waiting = "Nothing waits to be sent."
    if spool.spooled:
        since = (
            ""
            if spool.oldest is None
            else f", the oldest from {ago_text((now - spool.oldest).total_seconds())}"
        )
        waiting = f"**{formatting.count(spool.spooled)}** wait to be sent{since}."
    st.markdown(waiting)
    if spool.refused:
        st.markdown(
            f"**{formatting.count(spool.refused)}** are kept aside because Tinybird did not take them. "
            "`inbox-analytics spool status` says why, `inbox-analytics spool resend` sends them again."
        )
    if spool.changed:
        values = sum(spool.changed.values())
        st.markdown(
            f"**{formatting.count(values)}** descriptive {'value was' if values == 1 else 'values were'} cut or emptied in "
            "the last 7 days; their events count. `inbox-analytics spool status` says which."
        )
    st.caption(f"{formatting.count(spool.bytes)} bytes on disk")


def first_reason(reason: str) -> str:
    """The first reason why a row was quarantined, and the number of others; the file has all.

    >>> first_reason("column 'a' has no value; column 'b' has no value"), first_reason("value 'x' is not DateTime")
    ("column 'a' has no value (and 1 more)", "value 'x' is not DateTime")
    """
    first, *others = formatting.plain(reason, limit=1000).split("; ")
    return f"{first} (and {len(others)} more)" if others else first


def event_name(event_type: str) -> str:
    """The name of an event type; an unknown type is untrusted text.

    >>> event_name("conversation_started"), event_name("ai_resolved"), event_name("seen")
    ('Conversation started', 'AI resolved', 'Visitor seen')
    """
    if event_type == "seen":
        return "Visitor seen"
    words = formatting.plain(event_type).replace("_", " ")
    return f"AI{words[2:]}" if words.startswith("ai ") else words[:1].upper() + words[1:]


def ago_text(seconds: float) -> str:
    """An age in seconds as text; `–` for NaN."""
    return formatting.MISSING if pd.isna(seconds) else formatting.ago(pd.Timedelta(seconds=seconds))


def _percent(ratios: pd.Series) -> pd.Series:
    """Ratios in percent for a column with one decimal; only exactly 0 and 1 are shown as 0 and 100."""
    percent = ratios * 100
    return percent.where(percent.isin([0, 100]), percent.clip(0.1, 99.9))


def _share(meaning: str, width: int = 100) -> object:
    return st.column_config.ProgressColumn(
        width=width, format="%.1f %%", min_value=0, max_value=100, help=meaning, color=palette().accent
    )


def draw_table(
    key: str, table: pd.DataFrame, columns: Mapping[str, object], alt: str, *, is_wide: bool = False
) -> None:
    """Draw a table of text and numbers; texts keep their direction. A wide table has a hint to swipe on phones."""
    if is_wide:
        # Shown on phones only, where the screen may end exactly between two columns.
        with st.container(key=f"swipe-{key}"):
            st.caption("Swipe the table for more columns.")
    st.dataframe(
        table.map(lambda cell: formatting.in_table(cell) if isinstance(cell, str) else cell),
        hide_index=True,
        height="content" if len(table) <= LISTED else TALL_PX,
        column_config=dict(columns),  # type: ignore[arg-type]  # Streamlit's own type for it is not public
        key=f"table-{key}",
        alt=alt,
    )
