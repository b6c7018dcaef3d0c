"""Data health (staff): do the sources answer, does every website send events, and how many queries were used?

Sources: `cached.source_health`, `website_states`, `event_flow`, `quarantine`, `query_use`, `cache_savings`, `spooled_events`.
Freshness: sources 30 s, events 2 min and their volume 5 min, or as often as a limit of queries allows, websites and quarantine
5 min, this process's counters immediate. Every panel refreshes on a timer.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import streamlit as st

from analytics import cached
from pages.components import formatting
from pages.components.exports import export, tables
from pages.components.page import begin
from pages.components.page.panel import note_staleness, panel
from pages.components.panels import source_card, website_health
from pages.components.panels import source_health as health

page = begin.begin_page("Data health", has_range=False)
viewer, zone = page.view.asked.viewer, page.timezone
health.require_staff(viewer)
last_30_days = page.today[0] - timedelta(days=29), page.today[1]
# Counters of this process cost no query; for sources, the caches decide when one is queried.
COUNT_SECONDS, SOURCE_SECONDS = 5, 30
page.toolbar.button("Check again", key="check-again", icon=":material/refresh:", type="tertiary")


@st.fragment(parallel=True, run_every=SOURCE_SECONDS)
def draw_card(key: str, draw: Callable[[datetime], None]) -> None:
    """Draw one card with the current time."""
    with panel(key, border=False):
        draw(datetime.now(UTC))


@st.fragment(parallel=True, run_every=COUNT_SECONDS)
def draw_queries_card() -> None:
    """Draw the card of today's queries."""
    with panel("queries-card", border=False):
        health.draw_queries_card(cached.query_use(viewer, datetime.now(UTC)).value)


@st.fragment(parallel=True, run_every=SOURCE_SECONDS)
def draw_websites() -> None:
    """Draw all websites, worst first."""
    with panel("websites", "Websites", border=False):
        website_health.draw_websites(cached.website_states(viewer, datetime.now(UTC)), zone)
        export.offer(page, "websites", tables.websites, days=last_30_days)


@st.fragment(parallel=True, run_every=SOURCE_SECONDS)
def draw_flow() -> None:
    """Draw the newest event and the volume per event type."""
    with panel("flow", "Events by type", border=False):
        now = datetime.now(UTC)
        reading = note_staleness(cached.event_flow(page.view, now), zone)
        for failure in reading.failures:
            st.caption(f"Rows per day are missing. {formatting.markdown(failure.message)}")
        health.draw_flow(reading, zone)
        export.offer(page, "events-by-type", tables.events_by_type, days=last_30_days)


@st.fragment(parallel=True, run_every=COUNT_SECONDS)
def draw_queries() -> None:
    """Draw today's Tinybird queries by use."""
    with panel("queries", "Tinybird queries today", border=False):
        health.draw_queries(cached.query_use(viewer, datetime.now(UTC)).value)
        export.offer(page, "queries", tables.queries, days=page.today)


@st.fragment(parallel=True, run_every=COUNT_SECONDS)
def draw_savings() -> None:
    """Draw how many queries each cache saved."""
    with panel("savings", "Served from the caches", border=False):
        health.draw_savings(cached.cache_savings(viewer, datetime.now(UTC)).value)
        export.offer(page, "caches", tables.caches, days=page.today)


@st.fragment(parallel=True, run_every=SOURCE_SECONDS)
def draw_quarantine() -> None:
    """Draw quarantined rows by reason."""
    with panel("quarantine", "Quarantined rows"):
        reading = note_staleness(cached.quarantine(viewer, datetime.now(UTC)), zone)
        health.draw_quarantine(reading.value, datetime.now(UTC))
        if reading.value.rows:
            export.offer(page, "quarantined", tables.quarantined, days=last_30_days)


@st.fragment(parallel=True, run_every=SOURCE_SECONDS)
def draw_spool() -> None:
    """Draw the events that emitters on this machine have not sent yet."""
    with panel("spool", "Spooled events"):
        health.draw_spool(cached.spooled_events(viewer, datetime.now(UTC)))


CARDS: dict[str, Callable[[datetime], None]] = {
    **source_card.cards(viewer, zone),
    "stopped": lambda now: website_health.draw_card(cached.website_states(viewer, now), zone),
    "newest": lambda now: health.draw_newest(cached.event_flow(page.view, now), now, zone),
    "quarantine-card": lambda now: health.draw_quarantine_card(cached.quarantine(viewer, now), zone),
}
count, width = len(CARDS) + 1, health.CARD_MIN_WIDTH_PX
with st.grid(count, min_column_width=width, gap="xsmall", border=True, key="health-cards") as grid:
    for key, draw_one in CARDS.items():
        with grid.cell():
            draw_card(key, draw_one)
    with grid.cell():
        draw_queries_card()
for draw in (draw_websites, draw_flow):
    with st.container(border=True):
        draw()
for column, draw in zip(st.columns(2, gap="xsmall", border=True), (draw_queries, draw_savings), strict=True):
    with column:
        draw()
draw_quarantine()
draw_spool()
