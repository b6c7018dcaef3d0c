"""Waiting: who has no answer yet, which escalations are open, and does the backlog grow?

Sources: `cached.waiting_now`, `cached.visitor_pages`, `cached.goal_history`, `cached.backlog`.
Freshness: lists 30 seconds, paused in a hidden tab; the backlog five minutes.
"""

from datetime import UTC, datetime

import streamlit as st

from analytics import cached
from analytics.cached import Reading
from analytics.scope import periods
from pages.components import formatting
from pages.components.charts import backlog as backlog_chart
from pages.components.exports import card_tables, export, tables
from pages.components.metrics import goals
from pages.components.page import begin, header
from pages.components.page.panel import empty, note_staleness, panel
from pages.components.panels import backlog, tab_visibility, waiting

page = begin.begin_page("Waiting", has_age=False)
resolved = page.resolved
every = None if tab_visibility.is_hidden() else cached.WAITING_REFRESH_SECONDS


@st.fragment(parallel=True, run_every=every)
def draw_waiting() -> None:
    """Draw who waits for an answer, and beside it which escalations are not resolved."""
    now = datetime.now(UTC)
    with panel("waiting", border=False):
        reading = note_staleness(cached.waiting_now(page.view, now), page.timezone)
        pages = waiting.pages_of(page.view, now) if reading.value.is_any else None
        read = goals.history_of(page.view)
        history = read.value if isinstance(read, Reading) else None
        waiting.draw_counts(reading, history, page.timezone)
        width = waiting.CARD_MIN_WIDTH_PX
        with st.grid(2, min_column_width=width, gap="xsmall", border=True, key="waiting-lists") as grid:
            for waits_for, title in waiting.TITLES.items():
                with grid.cell():
                    st.markdown(f"**{title}**")
                    if waiting.draw_list(reading, waits_for, pages, page.website, history, page.timezone):
                        name = f"waiting-for-{waits_for}"
                        export.offer(page, name, tables.waiting_list, waits_for, days=page.today, now=now)
        if note := goals.note(read, page.view):
            st.caption(f":material/history: {formatting.markdown(note)}")
        waiting.draw_age(reading, page.website, page.timezone, every)


@st.fragment(parallel=True)
def draw_backlog() -> None:
    """Draw the backlog over time, below the cards of the whole period."""
    with panel("backlog", title := backlog_chart.title(resolved.bucket)):
        reading = note_staleness(cached.backlog(page.view), page.timezone)
        if not len(reading.value.series):
            empty("No time has passed in this period", "Choose a longer range.", page.longer)
            return
        backlog.draw_cards(reading, resolved.comparability)
        export.offer(page, "backlog-totals", card_tables.backlog_totals)
        backlog_chart.draw_backlog(reading.value.series, resolved.bucket)
        st.caption(backlog.LAST_STATE)
        export.offer(page, "backlog", tables.backlog_series, chart=title)


@st.fragment(run_every=every)
def keep_pace() -> None:
    """Rerun the page when its period has another end, after a delay of this session's own."""
    if datetime.now(UTC) >= periods.floor_to_grid(resolved.now) + periods.GRID + header.own_delay():
        st.rerun()


keep_pace()
draw_waiting()
begin.offer_comparable(resolved.comparability)
draw_backlog()
