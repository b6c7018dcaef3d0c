"""Overview: did the five KPIs change, how did they develop over time, and how many visitors are here now?

Sources: `cached.kpis`, `kpi_timeseries`, `right_now`, `newest_event`, `waiting_now`. Freshness: five minutes and visitors right
now 15 seconds, both later where queries are limited; who waits 30 seconds, paused in a hidden tab.
"""

from datetime import UTC, datetime

import streamlit as st

from analytics import cached
from analytics.kpis.declarations import KPIS
from analytics.readings import stalest
from analytics.scope import periods
from pages.components.charts import timeseries
from pages.components.exports import card_tables, export, tables
from pages.components.metrics import goals, kpi_cards
from pages.components.page import begin
from pages.components.page.panel import empty, note_staleness, panel
from pages.components.panels import funnel, live_visitors, tab_visibility, waiting
from pages.components.selection import switch

page = begin.begin_page("Overview", is_start=True)
resolved, every = page.resolved, cached.count_refresh_seconds(page.resolved.now)


@st.fragment(parallel=True)
def draw_kpis() -> None:
    """Draw the KPI cards; without sparklines if the series cannot be read."""
    with panel("kpis", border=False):
        board = cached.kpis(page.view)
        series = kpi_cards.series_if_read(lambda: cached.kpi_timeseries(page.view))
        note_staleness(stalest(board, series), page.timezone)
        kpi_cards.draw_cards(board.value, None if series is None else series.value, page.view)
        export.offer(page, "kpis", card_tables.kpis, chart="Key figures", drawn=export.CARDS)


@st.fragment(parallel=True)
def draw_main_chart() -> None:
    """Draw one metric over time, with the previous period."""
    with panel("series"):
        labels = {key: kpi.label for key, kpi in KPIS.items()}
        default = timeseries.DEFAULT_METRIC
        chosen = switch.draw_titled("metric", "Metric", labels, default, lambda key: KPIS[key].title)
        metric = KPIS[chosen]
        series = note_staleness(cached.kpi_timeseries(page.view), page.timezone)
        if series.failures and "scores" in metric.sources:
            raise series.failures[0]
        if is_drawn := bool(series.value[metric.column].notna().any()):
            is_compared = (series.value["period"] == "previous").any()
            timeseries.draw_series(
                series.value,
                metric,
                resolved.bucket,
                current=periods.days_label(*resolved.period.local_days()),
                previous=periods.days_label(*resolved.previous.local_days()) if is_compared else None,
                key="main-chart",
                goal=goals.line_of(page.view, goals.MEASURE_OF.get(chosen), series.value),
            )
        else:
            empty(
                f"{metric.nothing} in this period", "Choose a longer range, or another website.", page.longer
            )
        if "visitors" in metric.sources and resolved.visitors_note:
            st.caption(resolved.visitors_note)
        name, title = f"{chosen.replace('_', '-')}-over-time", metric.title if is_drawn else None
        export.offer(page, name, tables.kpi_series, chart=title)


@st.fragment(parallel=True)
def draw_funnel() -> None:
    """Draw the funnel of conversations, from started to resolved."""
    with panel("funnel", "From start to resolved"):
        board = note_staleness(cached.kpis(page.view), page.timezone)
        if board.value.funnel is None:
            raise board.value.errors["median_response"]
        if board.value.funnel.started:
            funnel.draw(board.value.funnel)
            export.offer(page, "funnel", tables.funnel_steps)
        else:
            empty("No conversations started", "Choose a longer range.", page.longer)


@st.fragment(parallel=True, run_every=every)
def draw_right_now() -> None:
    """Draw the number of visitors in the last five minutes and a link to Live."""
    now = datetime.now(UTC)
    with panel("right-now"), st.container(horizontal=True, vertical_alignment="center"):
        reading = cached.right_now_of_step(page.view, now)
        live_visitors.draw_summary(reading, page.timezone, is_live=every is not None)
        note_staleness(reading, page.timezone)
        st.space("stretch")
        begin.page_link("pages/live.py", "Open live view")


@st.fragment(parallel=True)
def draw_waiting() -> None:
    """Draw how many conversations wait for an answer and the longest wait; no timer while the tab is hidden."""

    def draw() -> None:
        with panel("waiting-now"), st.container(horizontal=True, vertical_alignment="center"):
            reading = cached.waiting_now(page.view, datetime.now(UTC))
            waiting.draw_summary(reading, page.timezone)
            note_staleness(reading, page.timezone)
            st.space("stretch")
            begin.page_link("pages/waiting.py", "Open waiting")

    # A nested fragment that is drawn again without a timer would keep its old one in the browser.
    timed = st.fragment(run_every=cached.WAITING_REFRESH_SECONDS)(draw)
    (draw if tab_visibility.is_hidden() else timed)()


draw_kpis()
begin.offer_comparable(resolved.comparability)
draw_main_chart()
draw_funnel()
with st.grid(2, min_column_width=waiting.SUMMARY_MIN_WIDTH_PX, gap="xsmall", key="now") as grid:
    for draw_now in (draw_right_now, draw_waiting):
        with grid.cell():
            draw_now()
