"""Conversations: how long do people wait, when do they wait, who answers, and which conversations make up a number?

Sources: `cached.conversation_breakdown`, `conversation_timeseries`, `goal_results`, `kpis`, `conversation_list`, `still_waiting`.
"""

import streamlit as st

from analytics import cached
from analytics.readings import stalest
from analytics.scope.selection import Measure
from pages.components.charts import heatmap, percentiles
from pages.components.exports import card_tables, export, tables
from pages.components.metrics import goal_panel, goals, kpi_cards
from pages.components.page import begin
from pages.components.page.panel import empty, note_staleness, panel
from pages.components.panels import conversation_list, handled, time_bands, waiting
from pages.components.selection import conversation_filters, filters

page = begin.begin_page("Conversations")
selection, notices = conversation_filters.read_selection()
chips = conversation_filters.in_words(selection)
LONGER = "Choose a longer range." if selection.is_everything else "Remove a filter, or choose a longer range."


@st.fragment(parallel=True)
def draw_distribution(measure: Measure) -> None:
    """Draw response or resolution times by band, below the share that met the target."""
    with panel(f"bands-{measure}", title := f"{conversation_filters.MEASURES[measure]} time", border=False):
        reading = note_staleness(cached.conversation_breakdown(page.view, selection), page.timezone)
        before = cached.conversation_breakdown_before(page.view, selection)
        bands, was = reading.value.bands[measure], None if before is None else before.value.bands[measure]
        if not bands["conversations"].sum():
            empty(f"No {time_bands.NOUNS[measure]} in this period", LONGER)
            return
        time_bands.draw_headline(bands, was, measure, selection, page.resolved.comparability)
        time_bands.draw_bands(bands, was, measure, selection.of(measure), page.resolved.previous)
        waiting.note_still_waiting(page.view, measure, selection)
        others = filters.without(measure, chips)
        export.offer(page, f"{measure}-bands", tables.bands, measure, selection, chart=title, only=others)


@st.fragment(parallel=True)
def draw_percentiles() -> None:
    """Draw p50 and p90 of response or resolution time, over time."""
    with panel("percentiles", border=False):
        measure = percentiles.draw_header(page.resolved.bucket)
        reading = note_staleness(cached.conversation_timeseries(page.view, selection), page.timezone)
        series = percentiles.columns_of(reading.value, measure)
        if series["p50_seconds"].isna().all():
            empty(f"No {time_bands.NOUNS[measure]} in this period", LONGER)
            return
        goal = goals.line_of(page.view, measure, reading.value)
        percentiles.draw_percentiles(series, measure, page.resolved.bucket, goal)
        waiting.note_still_waiting(page.view, measure, selection)
        name, title = f"{measure}-over-time", percentiles.title(measure, page.resolved.bucket)
        export.offer(page, name, tables.percentiles_over_time, measure, selection, chart=title, only=chips)


@st.fragment(parallel=True)
def draw_outcomes() -> None:
    """Draw AI-resolved and human-handled conversations, and escalations."""
    with panel("outcomes", "Who resolved", border=False):
        reading, board = cached.conversation_breakdown(page.view, selection), cached.kpis(page.view)
        series = kpi_cards.series_if_read(lambda: cached.conversation_timeseries(page.view, selection))
        note_staleness(stalest(reading, board, series), page.timezone)
        handled.draw_handled(reading.value.handled, selection.handled_by)
        export.offer(page, "handled-by", tables.handled, selection, only=filters.without("handled", chips))
        handled.draw_escalations(board.value, series, reading.value.escalated, selection, page.view)
        others = filters.without("escalated", chips)
        export.offer(page, "escalated", card_tables.escalated, selection, only=others)


@st.fragment(parallel=True)
def draw_week() -> None:
    """Draw conversations, or their waiting time, by hour of the week."""
    with panel("week"):
        shown = heatmap.draw_header()
        reading = note_staleness(cached.conversation_breakdown(page.view, selection), page.timezone)
        if reading.value.hours["conversations"].sum():
            heatmap.draw_week(reading.value.hours, shown, selection.hour_of_week)
            st.caption(heatmap.footnote(shown, page.timezone))
            only = filters.without("cell", chips)
            export.offer(page, "hour-of-week", tables.hours, selection, chart=heatmap.title(shown), only=only)
        else:
            empty("No conversations started in this period", LONGER)


@st.fragment(parallel=True)
def draw_list() -> None:
    """Draw the list of the selected conversations."""
    with panel("list"):
        sort, number = conversation_list.draw_header()
        reading = note_staleness(cached.conversation_list(page.view, selection, number, sort), page.timezone)
        conversation_list.note_differences(reading, sort, number, selection)
        if reading.value.total:
            conversation_list.draw_list(reading.value, page.website, page.timezone)
            with st.container(horizontal=True, vertical_alignment="center"):
                conversation_list.draw_pages(reading.value)
                only = {**chips, "sort": conversation_list.SORTS[sort]}
                export.offer(page, "conversations", tables.conversation_list, selection, sort, only=only)
        else:
            empty("No conversations here", LONGER, page.longer)


conversation_filters.draw_filters(selection, notices)
with st.container():
    if selection.status:  # After a click on the funnel the list comes first.
        draw_list()
for column, each in zip(st.columns(2, gap="xsmall", border=True), conversation_filters.MEASURES, strict=True):
    with column:
        draw_distribution(each)
begin.offer_comparable(page.resolved.comparability)
goal_panel.draw_panel(page.view, page.timezone, lambda: export.offer(page, "goals", tables.goals))
columns = st.columns([2, 1], gap="xsmall", border=True)
for column, draw in zip(columns, (draw_percentiles, draw_outcomes), strict=True):
    with column:
        draw()
draw_week()
if not selection.status:
    draw_list()
