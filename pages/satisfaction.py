"""Satisfaction: what is the index, what changed it, how and how often did visitors rate, what did they write?

Sources: `cached.satisfaction_attribution`, `kpi_timeseries`, `satisfaction_distributions`, `rated_share`, `latest_comments`.
Freshness: see `cached.next_read`.
"""

import streamlit as st

from analytics import cached
from analytics.kpis.declarations import KPIS
from analytics.scope import periods
from pages.components import formatting
from pages.components.charts import rated_share as rated_lines
from pages.components.charts import rating_bars, timeseries
from pages.components.exports import card_tables, export, tables
from pages.components.metrics import kpi_cards
from pages.components.page import begin
from pages.components.page.panel import empty, note_staleness, panel
from pages.components.panels.satisfaction import comments, rated_share, satisfaction_index
from pages.components.selection import filters

page = begin.begin_page("Satisfaction")
resolved = page.resolved
days = periods.days_label(*resolved.period.local_days())
before = formatting.without_year(periods.days_label(*resolved.previous.local_days()), days)
rating = comments.read_rating()
chips = {} if rating is None else {"rating": comments.RATINGS[rating]}


@st.fragment(parallel=True)
def draw_index() -> None:
    """Draw the index with its change, and the contribution of each component."""
    with panel("index", border=True):
        opened = note_staleness(cached.satisfaction_attribution(page.view), page.timezone)
        index, parts = st.columns([3, 7], gap="large")
        with index, st.container(gap="xsmall", key="index"):
            kpi_cards.draw_card(opened.value.kpi, (), opened.queries, page.view)
            satisfaction_index.draw_headline(opened.value)
            export.offer(page, "satisfaction-index", card_tables.satisfaction_total)
        with parts:
            if opened.value.kpi.value is None:
                empty("Nothing rated, answered or started", "Choose a longer range.", page.longer)
            else:
                satisfaction_index.draw_parts(opened.value, before, key="parts")
                name, title = "satisfaction-components", "What moved the index"
                export.offer(page, name, tables.satisfaction_components, chart=title)


@st.fragment(parallel=True)
def draw_over_time() -> None:
    """Draw the index over time, with the previous period."""
    with panel("over-time", "Index over time"):
        series = note_staleness(cached.kpi_timeseries(page.view), page.timezone)
        if series.failures:
            raise series.failures[0]
        if series.value["satisfaction_index"].notna().any():
            declared, has_before = KPIS["satisfaction_index"], (series.value["period"] == "previous").any()
            was = before if has_before else None
            timeseries.draw_series(
                series.value, declared, resolved.bucket, current=days, previous=was, key="over-time-chart"
            )
            if words := satisfaction_index.missing_sentence(series.value, resolved.bucket):
                st.caption(words)
            export.offer(page, "satisfaction-over-time", tables.satisfaction_series, chart="Index over time")
        else:
            empty("No index in this period", "Choose a longer range.", page.longer)


@st.fragment(parallel=True)
def draw_answers(asked: rating_bars.Answers, chosen: str | None) -> None:
    """Draw how often each answer was given; a click on a rating filters the comments."""
    with panel(asked.name, border=True):
        counts = note_staleness(cached.satisfaction_distributions(page.view), page.timezone)
        clicked = rating_bars.draw_answers(counts.value, asked, resolved.bucket, page.longer, chosen)
        title = asked.title if rating_bars.total(counts.value, asked) > 0 else None
        export.offer(page, asked.name, tables.answers_over_time, asked.name, chart=title)
        if clicked:
            filters.toggle("rating", clicked)


@st.fragment(parallel=True)
def draw_rated() -> None:
    """Draw how many resolved conversations were rated, of the AI agent's and of people's."""
    with panel("rated", title := "How many were rated"):
        reading = note_staleness(cached.rated_share(page.view), page.timezone)
        if rated_share.draw_cards(reading, resolved.bucket, page.longer):
            export.offer(page, "rated-totals", card_tables.rated_totals)
            rated_lines.draw_lines(reading.value.series, resolved.bucket)
            export.offer(page, "rated-by-visitors", tables.rated_share, chart=title)


@st.fragment(parallel=True)
def draw_comments() -> None:
    """Draw visitors' comments, newest first."""
    with panel("comments", border=False):
        pages = comments.read_page()
        stars = None if rating is None else int(rating)
        latest = cached.latest_comments(page.view, stars, pages * comments.PAGE_ROWS)
        note_staleness(latest, page.timezone)
        if len(latest.value):
            comments.draw_comments(latest.value, page.website, page.timezone, pages)
            export.offer(page, "comments", tables.comment_list, stars, only=chips)
        else:
            empty(*comments.nothing(rating), page.longer)


draw_index()
begin.offer_comparable(resolved.comparability)
draw_over_time()
with st.grid(2, min_column_width=380, gap="xsmall", key="answers") as grid:
    for asked, chosen in ((rating_bars.RATINGS, rating), (rating_bars.SENTIMENT, None)):
        with grid.cell():
            draw_answers(asked, chosen)
draw_rated()
with st.container(border=True, key="comments-card"):
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown("**Latest comments**", width="content")
        comments.rating_switch(rating)
    filters.chips(chips)
    draw_comments()
