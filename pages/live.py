"""Live: who is on the website now, and where?

Sources: `cached.visitor_clusters`, `right_now`, `visitor_activity`, `active_visitors`; on the wall `kpis`.
Freshness: 15 seconds, longer as the day's query budget is used up; on the wall one minute. Paused in a hidden tab.
"""

from datetime import UTC, datetime

import streamlit as st

from analytics import cached
from analytics.geo.cells import Cell
from analytics.readings import stalest
from pages.components.charts import globe, timeseries
from pages.components.exports import export, tables
from pages.components.page import begin
from pages.components.page.panel import empty, note_staleness, panel
from pages.components.panels import live_visitors as visitors
from pages.components.panels import tab_visibility, wall
from pages.components.panels.globe_controls import draw_globe
from pages.components.selection import filters, url_state
from pages.components.theme_colors import palette

page = begin.begin_page("Live", has_range=False, has_age=False)
notices: list[str] = []
is_wall = wall.is_on(notices)
url_state.read("place", None, Cell.parse, notices)  # Only for the notice: each panel reads the value again.
refresh = cached.live_refresh_seconds(page.resolved.now)
every = None if tab_visibility.is_hidden() else wall.refresh_seconds(refresh) if is_wall else refresh
with page.toolbar, st.container(horizontal=True, vertical_alignment="center", gap="small"):
    minutes = visitors.window_switch(notices)
    wall.offer()
url_state.show(() if is_wall else notices)


@st.fragment(run_every=every)
def draw_live() -> None:
    """Draw globe, count, visitors per minute and list; one error message for all if the first read fails."""
    now = datetime.now(UTC)
    place = url_state.read("place", None, Cell.parse, [])
    with panel("live", border=False):
        seen = cached.visitor_clusters(page.view, minutes, now)
        present = cached.right_now(page.view, now, minutes)
        left, right = st.columns([6, 5], gap="xsmall", border=True)
        with left:
            note_staleness(seen, page.timezone)
            draw_globe(seen.value, now, place, key=f"globe-{page.website.id}", colours=palette())
            visitors.draw_unplaced(present.value)
            words = visitors.in_words(present.value, minutes)
            export.offer_canvas(page, "globe", globe.CANVAS, words, seen, present)
        with right:
            visitors.draw_count(note_staleness(present, page.timezone).value, minutes)
            with panel("activity", border=False):
                activity = note_staleness(cached.visitor_activity(page.view, now), page.timezone)
                timeseries.draw_minutes(activity.value, key="minutes")
                days = visitors.days_of(now, len(activity.value), page.timezone)
                name, title = "visitors-by-minute", "Visitors per minute"
                export.offer(page, name, tables.visitor_minutes, chart=title, days=days, now=now)
            chips = {"place": globe.place_name(seen.value, place)} if place else {}
            filters.chips(chips)
            draw_list(now, place, chips)


def draw_list(now: datetime, place: Cell | None, chips: dict[str, str]) -> None:
    """Draw the list of visitors, newest first; only those of `place` if one is chosen."""
    with panel("visitors", border=False):
        reading = note_staleness(cached.active_visitors(page.view, minutes, now, place), page.timezone)
        if len(reading.value):
            visitors.draw_list(reading.value, now)
            only = {"Seen": f"in the last {minutes} minutes"} | chips
            asked, days = (minutes, place and str(place)), visitors.days_of(now, minutes, page.timezone)
            export.offer(page, "live-visitors", tables.live_visitors, *asked, only=only, days=days, now=now)
        elif place:
            empty("No visitors there now", "Remove the filter to see all visitors.")
        else:
            empty(f"No visitors in the last {minutes} minutes", "A longer window may show earlier ones.")
        newest, count = visitors.newest_of(reading.value), min(len(reading.value), visitors.LISTED)
        visitors.draw_age(reading, page.timezone, begin.refresh_sentence(refresh), newest, count)


@st.fragment(run_every=every)
def draw_wall() -> None:
    """Draw the page for an unattended wall screen: dark, large, refreshed slowly, with today's KPIs."""
    now = datetime.now(UTC)
    with panel("wall", border=False):
        seen = cached.visitor_clusters(page.view, minutes, now)
        present = cached.right_now(page.view, now, minutes)
        left, right = st.columns([3, 2], gap="large")
        with left:
            key, dark = f"wall-{page.website.id}", palette(is_dark=True)
            draw_globe(seen.value, now, None, key=key, colours=dark, clock=page.timezone)
        with right:
            with panel("wall-now", border=False):
                activity = cached.visitor_activity(page.view, now)
                wall.draw_present(page.website.name, present.value, minutes, activity.value)
                wall.draw_places(present.value)
                note_staleness(stalest(present, seen, activity), page.timezone)
            with panel("wall-kpis", border=False):
                today = cached.today(page.view, now)
                wall.draw_kpis(note_staleness(cached.kpis(today), page.timezone).value, today.resolved.period)
            visitors.draw_age(seen, page.timezone, begin.refresh_sentence(every))


@st.fragment(run_every=60 if every or refresh is None else None)
def keep_pace() -> None:
    """Rerun the page when the refresh interval changes; a wall that is paused also when today's numbers are due."""
    now = datetime.now(UTC)
    is_due = is_wall and not every and now >= cached.next_read(page.view)
    if is_due or cached.live_refresh_seconds(now) != refresh:
        st.rerun()


keep_pace()
if is_wall:
    wall.dress()
    draw_wall()
else:
    draw_live()
