"""Visitors: how many, from which countries, with which devices, and on which pages?

Sources: `cached.visitor_breakdown`, `cached.visitor_timeseries`. Freshness: see `cached.next_read`.
"""

import streamlit as st

from analytics import cached
from analytics.kpis.visitor_breakdown import DIMENSIONS, TOTALS, Dimension
from analytics.readings import stalest
from analytics.scope import periods
from pages.components.charts import timeseries, world_map
from pages.components.exports import card_tables, export, tables
from pages.components.metrics import kpi_cards
from pages.components.page import begin
from pages.components.page.panel import empty, note_staleness, panel
from pages.components.panels import visitor_breakdown
from pages.components.selection import filters

COUNTRY, *RANKED = DIMENSIONS.values()
page = begin.begin_page("Visitors", data="visitors")
resolved = page.resolved
chosen, chips = visitor_breakdown.read_filters()
filters.chips(chips)


def no_visitors(longer: periods.Range | None = None) -> None:
    """Draw the empty state of a panel: data cannot exist for these dates, no visitor matches, or there were none."""
    if resolved.visitor_period.is_empty:
        empty("No visitor data", "Choose another range.", longer)
    elif chips:
        empty("No visitor matches these filters", "Remove a filter above, or choose a longer range.", longer)
    else:
        empty("No visitors in this period", "Choose a longer range, or another website.", longer)


@st.fragment(parallel=True)
def draw_totals() -> None:
    """Draw the cards of totals; without sparklines if the series cannot be read."""
    with panel("totals", border=False):
        reading = cached.visitor_breakdown(page.view, chosen)
        series = kpi_cards.series_if_read(lambda: cached.visitor_timeseries(page.view, chosen))
        note_staleness(stalest(reading, series), page.timezone)
        visitor_breakdown.draw_totals(reading, None if series is None else series.value, resolved)
        export.offer(page, "visitor-totals", card_tables.visitor_totals, chosen, only=chips)


@st.fragment(parallel=True)
def draw_over_time() -> None:
    """Draw one count over time, with the previous period."""
    with panel("over-time", border=True):
        count = visitor_breakdown.count_switch()
        metric = TOTALS[count]
        reading = note_staleness(cached.visitor_timeseries(page.view, chosen), page.timezone)
        if not (reading.value[metric.column] > 0).any():
            no_visitors(page.longer)
            return
        before = resolved.visitors_before
        timeseries.draw_series(
            reading.value,
            metric,
            resolved.visitors_bucket,
            current=periods.days_label(*resolved.visitor_period.local_days()),
            previous=periods.days_label(*before.local_days()) if before else None,
            key="over-time-chart",
        )
        name, title = f"{count.replace('_', '-')}-over-time", f"{metric.title} over time"
        export.offer(page, name, tables.visitor_series, chosen, chart=title, only=chips)


@st.fragment(parallel=True)
def draw_countries() -> None:
    """Draw the map, and the countries as rows beside it."""
    with panel("countries", border=True):
        reading = note_staleness(cached.visitor_breakdown(page.view, chosen), page.timezone)
        values = reading.value.values[COUNTRY.name]
        if not len(values):
            no_visitors()
            return
        places, rows = st.columns([8, 5], gap="medium", vertical_alignment="top")
        with places:
            st.markdown("**Where visitors are**")
            key = f"world-{'-'.join(chips)}-{chips.get(COUNTRY.name)}"
            if clicked := world_map.draw_world(values, key=key):
                filters.toggle(COUNTRY.name, clicked)
        with rows:
            visitor_breakdown.draw_values(reading.value, COUNTRY)
        with visitor_breakdown.footer():
            st.space("stretch")
            visitor_breakdown.draw_more(reading.value, COUNTRY)
            name, title = "visitors-by-country", "Visitors by country"
            export.offer(page, name, tables.visitor_values, COUNTRY.name, chosen, chart=title, only=chips)


@st.fragment(parallel=True)
def draw_dimension(dimension: Dimension) -> None:
    """Draw the ranked rows of one dimension."""
    with panel(dimension.one, border=True):
        reading = note_staleness(cached.visitor_breakdown(page.view, chosen), page.timezone)
        values = reading.value.values[dimension.name]
        if len(values):
            visitor_breakdown.draw_values(reading.value, dimension)
            with visitor_breakdown.footer():
                visitor_breakdown.draw_more(reading.value, dimension)
                st.space("stretch")
                name = f"visitors-by-{dimension.one}"
                export.offer(page, name, tables.visitor_values, dimension.name, chosen, only=chips)
        else:
            st.markdown(f"**{dimension.title}**")
            no_visitors()


draw_totals()
visitor_breakdown.draw_reach(resolved)
draw_over_time()
draw_countries()
with st.grid(2, min_column_width=330, gap="xsmall", key="dimensions") as grid:
    for each in RANKED:
        with grid.cell():
            draw_dimension(each)
