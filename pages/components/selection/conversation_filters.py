"""Filters of conversations: reads them from the URL, writes them as text, draws chips and the filter menu."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

import streamlit as st

from analytics import cached
from analytics.scope.selection import (
    BAND_COUNT,
    BAND_SECONDS,
    HandledBy,
    HourOfWeek,
    Measure,
    Selection,
    Status,
    Times,
)
from analytics.scope.weeks import weekdays
from pages.components import formatting
from pages.components.selection import filters, url_state

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
"""Status at the end of the period, of conversations started in it."""
SENTIMENTS = {"positive": "Positive", "neutral": "Neutral", "negative": "Negative"}
STATUSES = {
    "open": "Open",
    "answered": "Answered",
    "escalated": "Escalated",
    "resolved": "Resolved",
    "spam": "Spam",
}


def read_selection() -> tuple[Selection, list[str]]:
    """The selection in the URL, and notices; an invalid parameter is ignored, with a notice."""
    notices: list[str] = []

    def read(name: str, parse: Callable[[str], T]) -> T | None:
        return url_state.read(name, None, parse, notices)

    selection = Selection(
        response=read("response", Times.parse),
        resolution=read("resolution", Times.parse),
        hour_of_week=read("cell", HourOfWeek.parse),
        handled_by=read("handled", url_state.choice(HANDLED)),
        is_escalated=read("escalated", url_state.choice(ESCALATED)) is not None,
        status=read("status", url_state.choice(FUNNEL)),
    )
    return selection, notices


def in_words(selection: Selection) -> dict[str, str]:
    """Text of each filter by URL parameter, for the chips.

    >>> in_words(Selection(Times("band", 0), None, HourOfWeek(2, 14), "human", True))
    {'response': 'up to 5 m', 'cell': 'Tuesday 14:00–15:00', 'handled': 'People', 'escalated': 'Yes'}
    """
    words: dict[str, str] = {
        measure: times_words(times) for measure in MEASURES if (times := selection.of(measure))
    }
    if selection.hour_of_week is not None:
        words["cell"] = cell_label(selection.hour_of_week.weekday, selection.hour_of_week.hour)
    if selection.handled_by is not None:
        words["handled"] = HANDLED[selection.handled_by]
    if selection.is_escalated:
        words["escalated"] = "Yes"
    if selection.status is not None:
        words["status"] = FUNNEL[selection.status]
    return words


def times_words(times: Times) -> str:
    """A filter of response or resolution times as text.

    >>> times_words(Times("band", 1)), times_words(Times("longer", 900))
    ('5 m to 15 m', 'longer than 15 m')
    """
    if times.kind == "band":
        return band_label(times.number)
    return (
        f"{'within' if times.kind == 'within' else 'longer than'} {formatting.duration(float(times.number))}"
    )


def band_label(index: int) -> str:
    """A band as text.

    >>> [band_label(index) for index in (0, 2, 5)]
    ['up to 5 m', '15 m to 1 h', 'over 24 h']
    """
    if index == 0:
        return f"up to {band_end(BAND_SECONDS[0])}"
    if index == BAND_COUNT - 1:
        return f"over {band_end(BAND_SECONDS[-1])}"
    return f"{band_end(BAND_SECONDS[index - 1])} to {band_end(BAND_SECONDS[index])}"


def band_end(seconds: float) -> str:
    """The upper end of a band as text; a day is written as 24 h."""
    return "24 h" if seconds == 86_400 else formatting.duration(seconds)


def draw_filters(selection: Selection, notices: list[str]) -> None:
    """Draw the notices of `read_selection`, a chip for each filter, and the filter menu."""
    url_state.show(notices)
    with st.container(horizontal=True, vertical_alignment="center", key="narrow"):
        filters.chips(in_words(selection))
        _draw_filter(selection)


def _draw_filter(selection: Selection) -> None:
    """Draw the filter menu: the same filters as clicks on the charts, for keyboard and phone."""
    # "Within" the first limit and "longer than" the last are the first and the last band.
    every = [Times("band", index) for index in range(BAND_COUNT)]
    every += [Times("within", int(seconds)) for seconds in BAND_SECONDS[1:]]
    every += [Times("longer", int(seconds)) for seconds in BAND_SECONDS[:-1]]
    cells = [HourOfWeek(weekday, hour) for weekday in weekdays(cached.week_start()) for hour in range(24)]
    with st.popover("Filter", icon=":material/filter_list:", type="tertiary", key="filter"):
        _choice("status", "Status at the end of the period", selection.status, dict(FUNNEL.items()))
        for measure, title in MEASURES.items():
            times = selection.of(measure)
            options = (*every, *([times] if times else []))
            words = {str(each): times_words(each).capitalize() for each in options}
            _choice(measure, f"{title} time", times, words)
        _choice(
            "cell",
            "Hour of the week",
            selection.hour_of_week,
            {str(cell): cell_label(cell.weekday, cell.hour) for cell in cells},
        )
        st.caption("A click on a bar or an hour in the charts does the same.")


def _choice(
    name: str, label: str, chosen: Times | HourOfWeek | Status | None, options: Mapping[str, str]
) -> None:
    value = None if chosen is None else str(chosen)
    # One key per value: a closed popover keeps its previous value in the browser and would send it again.
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


def cell_label(weekday: int, hour: int) -> str:
    """An hour of the week as text.

    >>> cell_label(7, 23)
    'Sunday 23:00–24:00'
    """
    return f"{WEEKDAYS[weekday - 1]} {hour:02}:00–{hour + 1:02}:00"
