"""Data health (staff): do both sources answer, does data flow, and what does reading it cost?

Sources: `cached.source_health`, `event_flow`, `quarantine`, `query_use`, `cache_savings`, `spooled_events`.
Freshness: sources 30 seconds, events two minutes, volume and quarantine five; what is counted here, always now.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal

import streamlit as st

from analytics import cached
from pages.components import chrome, export, files, formatting, health
from pages.components.panel import note_staleness, panel

page = chrome.begin_page("Data health", has_range=False)
viewer, website_id = page.view.viewer, page.website.id
health.require_staff(viewer)
last_30_days = page.today[0] - timedelta(days=29), page.today[1]
COUNT_SECONDS = 5  # what is counted in this process costs nothing to look at; asking a source does
with page.toolbar:
    st.button("Check again", key="check-again", icon=":material/refresh:", type="tertiary")


@st.fragment(parallel=True)
def draw_source(source: Literal["tinybird", "postgres"]) -> None:
    """The card of a source."""
    with panel(source, height_px=120, border=False):
        reading = cached.source_health(viewer, website_id, source, datetime.now(UTC))
        health.draw_source(reading.value, page.timezone)


@st.fragment(parallel=True)
def draw_newest() -> None:
    """The card of the newest event."""
    with panel("newest", height_px=120, border=False):
        reading = cached.event_flow(viewer, website_id, page.timezone, datetime.now(UTC))
        note_staleness(reading, page.timezone)
        health.draw_newest(reading.value)


@st.fragment(parallel=True)
def draw_quarantine_card() -> None:
    """The card of quarantined rows."""
    with panel("quarantine-card", height_px=120, border=False):
        reading = cached.quarantine(viewer, datetime.now(UTC))
        note_staleness(reading, page.timezone)
        health.draw_quarantine_card(reading.value)


@st.fragment(parallel=True, run_every=COUNT_SECONDS)
def draw_queries_card() -> None:
    """The card of today's queries."""
    with panel("queries-card", height_px=120, border=False):
        health.draw_queries_card(cached.query_use(viewer, datetime.now(UTC)).value)


@st.fragment(parallel=True)
def draw_flow() -> None:
    """Newest event and volume per event type."""
    with panel("flow", "Events by type", height_px=340, border=False):
        reading = cached.event_flow(viewer, website_id, page.timezone, datetime.now(UTC))
        note_staleness(reading, page.timezone)
        for failure in reading.failures:
            st.caption(f"Rows per day are missing. {formatting.markdown(failure.message)}")
        health.draw_flow(reading.value)
        export.offer(page, "events-by-type", files.events_by_type, days=last_30_days)


@st.fragment(parallel=True, run_every=COUNT_SECONDS)
def draw_queries() -> None:
    """What today's queries went into."""
    with panel("queries", "Tinybird queries today", height_px=340, border=False):
        health.draw_queries(cached.query_use(viewer, datetime.now(UTC)).value)
        export.offer(page, "queries", files.queries, days=page.today)


@st.fragment(parallel=True, run_every=COUNT_SECONDS)
def draw_savings() -> None:
    """What each cache saved."""
    with panel("savings", "What the caches saved", height_px=340, border=False):
        savings = cached.cache_savings(viewer, datetime.now(UTC)).value
        health.draw_savings(savings)
        export.offer(page, "caches", files.caches, days=page.today)


@st.fragment(parallel=True)
def draw_quarantine() -> None:
    """Why rows were quarantined."""
    with panel("quarantine", "Quarantined rows", height_px=200):
        reading = cached.quarantine(viewer, datetime.now(UTC))
        note_staleness(reading, page.timezone)
        health.draw_quarantine(reading.value, datetime.now(UTC))
        if reading.value.rows:
            export.offer(page, "quarantined", files.quarantined, days=last_30_days)


@st.fragment(parallel=True)
def draw_spool() -> None:
    """What emitters on this machine could not send yet."""
    with panel("spool", "Spooled events", height_px=80):
        health.draw_spool(cached.spooled_events(viewer, datetime.now(UTC)))


with st.grid(5, min_column_width=health.CARD_MIN_WIDTH_PX, gap="xsmall", border=True) as grid:
    for source in ("tinybird", "postgres"):
        with grid.cell():
            draw_source(source)
    for draw_card in (draw_newest, draw_quarantine_card, draw_queries_card):
        with grid.cell():
            draw_card()
with st.container(border=True):
    draw_flow()
for column, draw in zip(st.columns(2, gap="xsmall", border=True), (draw_queries, draw_savings), strict=True):
    with column:
        draw()
draw_quarantine()
draw_spool()
