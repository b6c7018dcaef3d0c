"""The conversations behind a selection: what the URL selects, in words, and who handled them.

Owns how a selection reads. Counts and times come ready from `analytics.conversations`; the list is `work_list`'s.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TypeVar

import pandas as pd
import streamlit as st

from analytics import cached
from analytics.conversations import Escalations
from analytics.selection import (
    BAND_COUNT,
    BAND_SECONDS,
    EVERYTHING,
    Cell,
    HandledBy,
    Measure,
    Selection,
    Status,
    Times,
    parse_handled,
    parse_status,
)
from analytics.weeks import weekdays
from pages.components import changes, filters, formatting, url_state
from pages.components.distribution import band_label

T = TypeVar("T")

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HANDLED: dict[HandledBy, str] = {"ai": "AI agent", "human": "People"}
MEASURES: dict[Measure, str] = {"response": "Response", "resolution": "Resolution"}
ESCALATED = {"yes": "Yes"}
FUNNEL: Mapping[Status, str] = MappingProxyType(
    {
        "started": "Started in this period",
        "unanswered": "Not answered",
        "answered": "Answered",
        "open": "Not resolved, answered or not",
        "unresolved": "Answered, not resolved",
        "resolved": "Answered and resolved",
        "resolved_unanswered": "Resolved without an answer",
    }
)
"""How far the conversations started in the period came by its end."""
SENTIMENTS = {"positive": "Positive", "neutral": "Neutral", "negative": "Negative"}
STATUSES = {
    "open": "Open",
    "answered": "Answered",
    "escalated": "Escalated",
    "resolved": "Resolved",
    "spam": "Spam",
}


def read_selection(notices: list[str]) -> Selection:
    """What the URL selects; what it says wrong is left out, with a notice."""

    def read(name: str, parse: Callable[[str], T]) -> T | None:
        return url_state.read(name, None, parse, notices)

    return Selection(
        response=read("response", Times.parse),
        resolution=read("resolution", Times.parse),
        cell=read("cell", Cell.parse),
        handled_by=read("handled", parse_handled),
        is_escalated=read("escalated", url_state.choice(ESCALATED)) is not None,
        status=read("status", parse_status),
    )


def in_words(selection: Selection) -> dict[str, str]:
    """URL parameter to what it selects, for the chips.

    >>> in_words(Selection(Times("band", 0), None, Cell(2, 14), "human", True))
    {'response': 'up to 5 m', 'cell': 'Tuesday 14:00–15:00', 'handled': 'People', 'escalated': 'Yes'}
    """
    words: dict[str, str] = {
        measure: times_words(times) for measure in MEASURES if (times := selection.of(measure))
    }
    if selection.cell is not None:
        words["cell"] = cell_label(selection.cell.weekday, selection.cell.hour)
    if selection.handled_by is not None:
        words["handled"] = HANDLED[selection.handled_by]
    if selection.is_escalated:
        words["escalated"] = "Yes"
    if selection.status is not None:
        words["status"] = FUNNEL[selection.status]
    return words


def times_words(times: Times) -> str:
    """Which response or resolution times.

    >>> times_words(Times("band", 1)), times_words(Times("longer", 900))
    ('5 m to 15 m', 'longer than 15 m')
    """
    if times.kind == "band":
        return band_label(times.number)
    return (
        f"{'within' if times.kind == 'within' else 'longer than'} {formatting.duration(float(times.number))}"
    )


def draw_filters(selection: Selection, notices: list[str]) -> None:
    """Draw what narrows the page: what the URL says wrong, a chip for each filter, and the way to others.

    Args:
        selection: What the URL selects.
        notices: As `read_selection` wrote them.
    """
    url_state.show(notices)
    with st.container(horizontal=True, vertical_alignment="center", key="narrow"):
        filters.chips(in_words(selection))
        _draw_filter(selection)


def _draw_filter(selection: Selection) -> None:
    """Draw a button that opens the choice of times and hour: what a click on a chart does, for keyboard and phone."""
    # Within the first band and longer than the last limit are bands themselves.
    every = [Times("band", index) for index in range(BAND_COUNT)]
    every += [Times("within", int(seconds)) for seconds in BAND_SECONDS[1:]]
    every += [Times("longer", int(seconds)) for seconds in BAND_SECONDS[:-1]]
    cells = [Cell(weekday, hour) for weekday in weekdays(cached.week_start()) for hour in range(24)]
    with st.popover("Filter", icon=":material/filter_list:", type="tertiary", key="filter"):
        _choice("status", "Status at the end of the period", selection.status, dict(FUNNEL.items()))
        for measure, title in MEASURES.items():
            times = selection.of(measure)
            options = (*every, *([times] if times else []))
            words = {str(each): _capital(times_words(each)) for each in options}
            _choice(measure, f"{title} time", times, words)
        _choice(
            "cell",
            "Hour of the week",
            selection.cell,
            {str(cell): cell_label(cell.weekday, cell.hour) for cell in cells},
        )
        st.caption("A click on a bar or an hour in the charts does the same.")


def _choice(name: str, label: str, chosen: Times | Cell | Status | None, options: Mapping[str, str]) -> None:
    value = None if chosen is None else str(chosen)
    # A key for each value: a closed popover keeps the value before in the browser, and would send it again.
    key = f"{name}-choice-{value}"
    st.session_state[key] = value
    st.selectbox(
        label,
        list(options),
        index=None,
        format_func=lambda each: options.get(each, each),
        placeholder="Any",
        key=key,
        on_change=lambda: url_state.change({name: st.session_state[key], "page": None}),
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def cell_label(weekday: int, hour: int) -> str:
    """An hour of the week.

    >>> cell_label(7, 23)
    'Sunday 23:00–24:00'
    """
    return f"{WEEKDAYS[weekday - 1]} {hour:02}:00–{hour + 1:02}:00"


def draw_handled(handled: pd.DataFrame, chosen: HandledBy | None) -> None:
    """Draw AI-resolved beside human-handled: share, count and both medians of each; a click on a name selects it.

    Args:
        handled: `analytics.conversations.handled`; its rows are in the order of `HANDLED`.
        chosen: which of the two is selected.
    """
    cells = zip(
        HANDLED,
        handled["share_ratio"],
        handled["conversations"],
        handled["median_response_seconds"],
        handled["median_resolution_seconds"],
        strict=True,
    )
    for who, share, n, response, resolution in cells:
        with st.container(gap=None, key=f"handled-{who}"):
            with st.container(
                horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
            ):
                filters.choose(HANDLED[who], "handled", who, is_chosen=chosen == who)
                st.markdown(f"**{formatting.rate(share)}** :gray[· {formatting.count(n)}]", width="content")
            st.progress(0.0 if pd.isna(share) else float(share))
            st.caption(
                f"Median first response {formatting.duration(response)}, "
                f"resolution {formatting.duration(resolution)}"
            )


def draw_escalations(escalations: Escalations, selected: tuple[int, int], selection: Selection) -> None:
    """Draw how many conversations were handed to people, under a heading of their own; a click selects them.

    Args:
        escalations: of the whole period.
        selected: escalated and all of the conversations selected, whether escalated or not.
        selection: what is selected; the share is of the started ones while nothing but escalation is.
    """
    is_narrowed = replace(selection, is_escalated=False) != EVERYTHING
    st.markdown("**Handed to people**")
    with st.container(gap=None, key="escalations"):
        if is_narrowed:
            escalated, total = selected
            ratio = escalated / total if total else None
            of = f"of {formatting.count(total)} selected"
        else:
            escalated, ratio = escalations.escalated, escalations.ratio
            of = f"of {formatting.count(escalations.started)} started"
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            filters.choose("Escalated", "escalated", "yes", is_chosen=selection.is_escalated)
            st.markdown(
                f"**{formatting.rate(ratio)}** :gray[· {formatting.count(escalated)}]", width="content"
            )
        st.progress(min(ratio or 0.0, 1.0))
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            # No caption: its fainter ink leaves green and red too little contrast.
            said = [f":gray[{of}]", *([] if is_narrowed else changes.line(escalations.delta))]
            st.markdown(f":small[{' · '.join(said)}]", width="content")
