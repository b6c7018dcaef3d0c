"""Live: who is on the website now, and where?

Sources: `cached.visitor_clusters`, `cached.right_now`, `cached.visitor_activity`, `cached.active_visitors`; on the
wall `cached.kpis`.
Freshness: every 15 seconds, slower as the day's query budget goes, not at all in a hidden tab; on the wall a minute.
"""

from datetime import UTC, datetime

import streamlit as st

from analytics import cached
from analytics.geo.cells import Cell
from pages.components.charts import globe, timeseries
from pages.components.exports import export
from pages.components.exports.tables import live_visitors, visitor_minutes
from pages.components.page import begin, filters, url_state
from pages.components.page.panel import empty, note_staleness, panel
from pages.components.panels import live_visitors as visitors
from pages.components.panels import tab_visibility, wall
from pages.components.panels.globe_controls import draw_globe
from pages.components.theme_colors import palette

page = begin.begin_page("Live", has_range=False, has_age=False)
notices: list[str] = []
is_wall = wall.is_on(notices)
url_state.read("place", None, Cell.parse, notices)  # for its notice: the panels read it anew
refresh = cached.live_refresh_seconds(page.resolved.now)
every = None if tab_visibility.is_hidden() else wall.refresh_seconds(refresh) if is_wall else refresh
with page.toolbar, st.container(horizontal=True, vertical_alignment="center", gap="small"):
    minutes = visitors.window_switch(notices)
    wall.offer()
url_state.show(() if is_wall else notices)


@st.fragment(run_every=every)
def draw_live() -> None:
    """Globe, count, last half hour and list; where the first read fails, one message stands for all."""
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
            visitors.draw_count(present.value, minutes)
            with panel("activity", border=False):
                activity = cached.visitor_activity(page.view, now)
                timeseries.draw_minutes(activity.value, key="minutes")
                note_staleness(activity, page.timezone)
                days = visitors.days_of(now, len(activity.value), page.timezone)
                name, title = "visitors-by-minute", "Visitors per minute"
                export.offer(page, name, visitor_minutes, chart=title, days=days, now=now)
            chips = {"place": globe.place_name(seen.value, place)} if place else {}
            filters.chips(chips)
            draw_list(now, place, chips)


def draw_list(now: datetime, place: Cell | None, chips: dict[str, str]) -> None:
    """The visitors, newest first, those of the chosen place where there is one."""
    with panel("visitors", border=False):
        reading = cached.active_visitors(page.view, minutes, now, place)
        note_staleness(reading, page.timezone)
        if len(reading.value):
            visitors.draw_list(reading.value, now)
            only = {"Seen": f"in the last {minutes} minutes"} | chips
            asked, days = (minutes, place and str(place)), visitors.days_of(now, minutes, page.timezone)
            export.offer(page, "live-visitors", live_visitors, *asked, only=only, days=days, now=now)
        elif place:
            empty("Nobody there now", "Take the filter away to see everybody.")
        else:
            empty(
                f"Nobody in the last {minutes} minutes",
                "Visitors appear here within seconds of being seen. A longer window may show the last ones.",
            )
        newest = visitors.newest_of(reading.value)
        count = min(len(reading.value), visitors.LISTED)
        visitors.draw_age(reading, page.timezone, begin.refresh_sentence(refresh), newest, count)


@st.fragment(run_every=every)
def draw_wall() -> None:
    """The same for a screen that nobody sits at: dark, large, slow, with today's numbers."""
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
                activity = cached.visitor_activity(page.view, now).value
                wall.draw_present(page.website.name, present.value, minutes, activity)
                wall.draw_places(present.value)
            with panel("wall-kpis", border=False):
                wall.draw_kpis(cached.kpis(cached.open_view(page.view.asked.of_today(now))).value)
            visitors.draw_age(seen, page.timezone, begin.refresh_sentence(every))


@st.fragment(run_every=60 if every or refresh is None else None)
def keep_pace() -> None:
    """A screen left open slows down with the day's query budget, and goes on when the next day begins."""
    if cached.live_refresh_seconds(datetime.now(UTC)) != refresh:
        st.rerun()


keep_pace()
if is_wall:
    wall.dress()
    draw_wall()
else:
    draw_live()
