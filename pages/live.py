"""Live: who is on the website now, and where?

Sources: `cached.visitor_locations`, `cached.visitor_activity`, `cached.active_visitors`.
Freshness: every 15 seconds, slower as the day's query budget goes.
"""

from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from analytics import cached
from pages.components import charts, chrome, formatting, visitors
from pages.components.globe import draw_globe
from pages.components.panel import empty, note_staleness, panel

page = chrome.begin_page("Live", has_range=False)
refresh = cached.live_refresh_seconds(page.view.now)
with page.toolbar:
    minutes = visitors.window_switch()


@st.fragment(run_every=refresh)
def draw_places() -> None:
    """The globe: visitors per place."""
    now = datetime.now(UTC)
    with panel("globe", height_px=640, border=False):
        reading = cached.visitor_locations(page.view.viewer, page.website.id, minutes, now)
        note_staleness(reading, page.timezone)
        draw_globe(reading.value, now, key=f"globe-{page.website.id}")


@st.fragment(run_every=refresh)
def draw_activity() -> None:
    """How many are here, and how the last half hour went."""
    now = datetime.now(UTC)
    with panel("activity", height_px=150, border=False):
        present = cached.right_now(page.view.viewer, page.website.id, now, minutes)
        activity = cached.visitor_activity(page.view.viewer, page.website.id, now)
        visitors.draw_count(present.value, minutes)
        charts.draw_minutes(activity.value, key="minutes")
        note_staleness(activity, page.timezone)


@st.fragment(run_every=refresh)
def draw_list() -> None:
    """The visitors, newest first."""
    now = datetime.now(UTC)
    with panel("visitors", height_px=430, border=False):
        reading = cached.active_visitors(page.view.viewer, page.website.id, minutes, now)
        note_staleness(reading, page.timezone)
        if len(reading.value):
            visitors.draw_list(reading.value, now)
        else:
            empty(
                f"Nobody in the last {minutes} minutes",
                "Visitors appear here within seconds of being seen. A longer window may show the last ones.",
            )
        newest = cached.visitor_activity(page.view.viewer, page.website.id, now).value["newest_event"].max()
        words = [f"As of {formatting.clock_seconds(reading.as_of, page.timezone)}"]
        if not pd.isna(newest):
            words.append(f"newest event {formatting.ago(reading.as_of - newest)}")
        st.caption(" · ".join([*words, chrome.refresh_sentence(refresh)]))


with st.container(key="live"):
    globe, side = st.columns([3, 2], gap="xsmall", border=True)
with globe:
    draw_places()
with side:
    draw_activity()
    draw_list()
