"""AI and people: is the AI agent worth it? How many it resolves, whether that lasts, and how it compares with people.

Sources: `cached.resolution_outcomes`, `time_saved`, `side_by_side`, `likeness_of_sides`. Freshness: see `cached.next_read`.
"""

import streamlit as st

from analytics import cached
from analytics.errors import SourceError
from analytics.kpis.ai_and_people.outcomes import DURABLE_SHARE, known_until
from pages.components import formatting
from pages.components.exports import card_tables, export, tables
from pages.components.page import begin
from pages.components.page.panel import empty, note_staleness, panel
from pages.components.panels.ai_and_people import cohort, sides, time_saved

page = begin.begin_page("AI and people")
resolved = page.resolved
NOTHING = "No conversations started in this period", "Choose a longer range."


@st.fragment(parallel=True)
def draw_cohort() -> None:
    """Draw who resolved the conversations started in the period."""
    with panel("cohort", border=False):
        reading = note_staleness(cached.resolution_outcomes(page.view), page.timezone)
        if not reading.value.current.started:
            empty(*NOTHING, page.longer)
            return
        cohort.draw_cards(reading.value, resolved.comparability, reading.queries)
        export.offer(page, "ai-and-people-shares", card_tables.outcome_shares)
        with st.container(border=True, key="cohort-card"):
            cohort.draw_bar(reading.value)
            export.offer(page, "ai-and-people-cohort", tables.ai_and_people, "cohort")


@st.fragment(parallel=True)
def draw_durable() -> None:
    """Draw how many first resolutions of each side were durable."""
    with panel("durable", "Resolved for good? Not resolved again, not open again, for 7 days"):
        reading = note_staleness(cached.side_by_side(page.view), page.timezone)
        outcomes = cached.resolution_outcomes(page.view).value
        if outcomes.current.none.conversations == outcomes.current.started:
            empty("No conversation was resolved", "Choose a longer range.", page.longer)
            return
        if not outcomes.current.ai.known + outcomes.current.people.known:
            empty(*cohort.not_judged_yet(outcomes.current), page.longer)
            return
        (durable,) = [row for row in reading.value if row.metric is DURABLE_SHARE]
        cohort.draw_durable(outcomes, durable, known_until(resolved), page.timezone, reading.queries)
        _note_failures(reading.failures)


@st.fragment(parallel=True)
def draw_sides() -> None:
    """Draw times, durability and ratings of both sides."""
    with panel("sides"):
        reading = note_staleness(cached.side_by_side(page.view), page.timezone)
        outcomes = cached.resolution_outcomes(page.view).value
        sides.draw_sides(reading.value, reading.queries)
        if words := sides.handed_over_sentence(outcomes):
            st.caption(words)
        _note_failures(reading.failures)
        export.offer(page, "ai-and-people", tables.ai_and_people, "sides")


@st.fragment(parallel=True)
def draw_time_saved() -> None:
    """Draw the time that people saved, as a range."""
    with panel("time-saved", "Time saved"):
        reading = note_staleness(cached.time_saved(page.view), page.timezone)
        if reading.value.most:
            time_saved.draw(reading.value, page.view, page.timezone)
            _note_failures(reading.failures)
            export.offer(page, "ai-and-people-time-saved", tables.ai_and_people, "time_saved")
        else:
            empty("The AI resolved nothing that lasted", "Choose a longer range.", page.longer)


@st.fragment(parallel=True)
def draw_likeness() -> None:
    """Draw whether the two sides handled the same kind of conversations."""
    with panel("likeness", "Are the two groups alike?"):
        sides.draw_likeness(note_staleness(cached.likeness_of_sides(page.view), page.timezone).value)
        export.offer(page, "ai-and-people-likeness", tables.ai_and_people, "likeness")


def _note_failures(failures: tuple[SourceError, ...]) -> None:
    """Draw what is missing because Postgres could not be read."""
    if failures:
        st.caption(f":material/cloud_off: {formatting.markdown(failures[0].message)} {cohort.NOT_KNOWN}")


draw_cohort()
begin.offer_comparable(resolved.comparability)
draw_durable()
draw_time_saved()
draw_sides()
draw_likeness()
