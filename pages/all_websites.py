"""All websites: which of them became worse, and how does each do?

Source: `cached.all_websites`. Freshness: five minutes, later where queries are limited.
"""

from datetime import UTC, datetime

import streamlit as st

from analytics import cached
from analytics.kpis.all_websites.order import selected
from pages.components.exports import export, tables
from pages.components.page import begin, sidebar
from pages.components.page.panel import empty, note_staleness, panel
from pages.components.panels.all_websites import controls, table
from pages.components.selection import url_state

KEEP_PACE_SECONDS = 30

page = begin.begin_page("All websites", has_age=False, has_website=False)
if (slug := sidebar.opened()) is not None:
    st.switch_page(sidebar.DEFAULT, query_params=url_state.shared() | {"website": slug})
only, order, notices = controls.read_state(page.websites)


@st.fragment(run_every=KEEP_PACE_SECONDS)
def keep_pace() -> None:
    """Rerun the page when its numbers are due to be read again."""
    if datetime.now(UTC) >= cached.next_read(page.view):
        st.rerun()


keep_pace()
controls.draw_filters(only, page.websites, notices)
begin.offer_comparable(page.resolved.comparability)
with panel("all-websites", border=False):
    reading = note_staleness(cached.all_websites(page.view), page.timezone)
    rows = selected(reading.value.rows, only, order)
    if rows:
        controls.draw_totals(rows, reading)
        table.draw_table(rows, order, reading.as_of, page.timezone)
        words = controls.in_words(only, page.websites)
        export.offer(page, "websites", tables.all_websites, only, str(order), only=words)
    else:
        empty("No website passes the filter", "Change or remove the filter above.")
    controls.draw_notes(reading, rows, page.timezone)
