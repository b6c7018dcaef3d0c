"""The conversations behind a selection: what the URL selects, in words, who handled them, and the list itself.

Owns how a conversation and a selection read. Counts and times come ready from `analytics.conversations`.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from analytics.cached import Reading
from analytics.clock import parse_timezone
from analytics.conversations import PAGE_ROWS, Escalations, Listing
from analytics.exports import ROW_LIMIT
from analytics.selection import (
    BAND_COUNT,
    EVERYTHING,
    Band,
    Cell,
    HandledBy,
    Measure,
    Selection,
    parse_handled,
)
from pages.components import changes, filters, formatting, url_state
from pages.components.distribution import band_label

T = TypeVar("T")

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HANDLED: dict[HandledBy, str] = {"ai": "AI agent", "human": "People"}
MEASURES: dict[Measure, str] = {"response": "Response", "resolution": "Resolution"}
ESCALATED = {"yes": "Yes"}
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
        band=read("band", Band.parse),
        cell=read("cell", Cell.parse),
        handled_by=read("handled", parse_handled),
        is_escalated=read("escalated", url_state.choice(ESCALATED)) is not None,
    )


def read_page() -> int:
    """The page of the list that the URL names, from 1; a notice where it names none."""
    notices: list[str] = []

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 6 and int(text)):
            raise ValueError("Pages are counted from 1.")
        return int(text)

    number = url_state.read("page", 1, parse, notices)
    url_state.show(notices, is_small=True)
    return number


def in_words(selection: Selection) -> dict[str, str]:
    """URL parameter to what it selects, for the chips.

    >>> in_words(Selection(Band("response", 0), Cell(2, 14), "human", True))
    {'band': 'response up to 5 m', 'cell': 'Tuesday 14:00–15:00', 'handled': 'People', 'escalated': 'Yes'}
    """
    words: dict[str, str] = {}
    if selection.band is not None:
        words["band"] = _band_words(selection.band)
    if selection.cell is not None:
        words["cell"] = cell_label(selection.cell.weekday, selection.cell.hour)
    if selection.handled_by is not None:
        words["handled"] = HANDLED[selection.handled_by]
    if selection.is_escalated:
        words["escalated"] = "Yes"
    return words


def draw_filter(selection: Selection) -> None:
    """Draw a button that opens the choice of band and hour: what a click on a chart does, for keyboard and phone."""
    bands = [Band(measure, index) for measure in MEASURES for index in range(BAND_COUNT)]
    cells = [Cell(weekday, hour) for weekday in range(1, 8) for hour in range(24)]
    with st.popover("Filter", icon=":material/filter_list:", type="tertiary", key="filter"):
        _choice("band", "Time", selection.band, {str(band): _capital(_band_words(band)) for band in bands})
        _choice(
            "cell",
            "Started on",
            selection.cell,
            {str(cell): cell_label(cell.weekday, cell.hour) for cell in cells},
        )
        st.caption("A click on a band or an hour in the charts does the same.")


def _choice(name: str, label: str, chosen: Band | Cell | None, options: dict[str, str]) -> None:
    st.session_state[f"{name}_choice"] = None if chosen is None else str(chosen)
    st.selectbox(
        label,
        list(options),
        index=None,
        format_func=lambda value: options.get(value, value),
        placeholder="Any",
        key=f"{name}_choice",
        on_change=_follow_choice,
        args=(name,),
    )


def _follow_choice(name: str) -> None:
    url_state.change({name: st.session_state[f"{name}_choice"], "page": None})


def _band_words(band: Band) -> str:
    return f"{band.measure} {band_label(band.index)}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def narrowing_bands(selection: Selection, measure: Measure) -> dict[str, str]:
    """What narrows the bands of a time, for their export: a band of that time itself only stands out in them."""
    chosen = in_words(selection)
    own = selection.band is not None and selection.band.measure == measure
    return filters.without("band", chosen) if own else chosen


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
                _choose(HANDLED[who], "handled", who, is_chosen=chosen == who)
                st.markdown(f"**{formatting.rate(share)}** :gray[· {formatting.count(n)}]", width="content")
            st.progress(0.0 if pd.isna(share) else float(share))
            st.caption(
                f"Answer {formatting.duration(response)}, resolution {formatting.duration(resolution)}"
            )


def draw_escalations(escalations: Escalations, selected: tuple[int, int], selection: Selection) -> None:
    """Draw how many conversations were escalated; a click selects them.

    Args:
        escalations: of the whole period.
        selected: escalated and all of the conversations selected, whether escalated or not.
        selection: what is selected; the share is of the started ones while nothing but escalation is.
    """
    is_narrowed = replace(selection, is_escalated=False) != EVERYTHING
    with st.container(gap=None, key="escalations"):
        if is_narrowed:
            escalated, total = selected
            ratio = escalated / total if total else None
            of = f"of {formatting.count(total)} selected"
        else:
            escalated, ratio = escalations.escalated, escalations.ratio
            of = f"of {formatting.count(escalations.started)} started"
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            _choose("Escalated", "escalated", "yes", is_chosen=selection.is_escalated)
            st.markdown(
                f"**{formatting.rate(ratio)}** :gray[· {formatting.count(escalated)}]", width="content"
            )
        st.progress(min(ratio or 0.0, 1.0))
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            # No caption: its fainter ink leaves green and red too little contrast.
            said = [f":gray[{of}]", *([] if is_narrowed else _compared(escalations))]
            st.markdown(f":small[{' · '.join(said)}]", width="content")


def _compared(escalations: Escalations) -> list[str]:
    delta = escalations.delta
    change, moved = changes.change_text(delta), changes.range_text(delta)
    if delta.verdict == "off" or change is None:
        return []
    if delta.verdict == "not_comparable":
        return [f":gray[not comparable: {delta.reason}]"]
    said = [f":gray[{line}]" for line in (moved, *changes.doubts(delta)) if line]
    if delta.verdict in {"within_noise", "unchanged"}:
        return [f":gray[{change}, {changes.VERDICTS[delta.verdict]}]", *said]
    colour = "green" if delta.verdict == "better" else "red"
    return [f":{colour}[**{change}** {delta.verdict}]", *said]


def _choose(label: str, name: str, value: str, *, is_chosen: bool) -> None:
    """A name that selects, or takes the selection away when it is selected."""
    if st.button(
        label,
        key=f"choose-{name}-{value}",
        type="tertiary",
        icon=":material/check:" if is_chosen else ":material/filter_alt:",
        help="Show all again" if is_chosen else "Show only these on this page",
    ):
        filters.toggle(name, value)


def draw_list(listing: Listing, timezone: str) -> None:
    """Draw one page of conversations and the way to the others.

    Args:
        listing: `cached.conversation_list`; not empty.
        timezone: whose clock the starts are shown on.
    """
    rows, zone = listing.rows, parse_timezone(timezone)
    started = rows["started_at"].fillna(rows["first_event_at"])
    table = pd.DataFrame(
        {
            "Started": [_clock(at.to_pydatetime(), zone) for at in started],
            "Status": [
                _status(status, is_known=known)
                for status, known in zip(rows["status"], rows["is_known"], strict=True)
            ],
            "Response": rows["response_seconds"],
            "Resolution": rows["resolution_seconds"],
            "Handled by": [HANDLED.get(who, formatting.MISSING) for who in rows["handled_by"]],
            "Escalated": ["Yes" if escalated else formatting.MISSING for escalated in rows["is_escalated"]],
            "Sentiment": [SENTIMENTS.get(mood, formatting.MISSING) for mood in rows["sentiment"]],
            "Rating": [
                formatting.MISSING if pd.isna(rating) else f"{rating:.0f} of 5" for rating in rows["rating"]
            ],
            "Place": [
                formatting.in_table(formatting.place(_text(city), _text(country)))
                if _text(city) or _text(country)
                else formatting.MISSING
                for city, country in zip(rows["city"], rows["country_code"], strict=True)
            ],
            "Conversation": [formatting.in_table(formatting.plain(name)) for name in rows["conversation_id"]],
        }
    )
    st.dataframe(
        table.style.format(dict.fromkeys(("Response", "Resolution"), _duration)),
        hide_index=True,
        height="content",
        placeholder=formatting.MISSING,
        column_config={
            "Started": st.column_config.TextColumn(
                width=122,
                help="On the clock of this page. Rows are ordered by what happened first in the period, newest on top.",
            ),
            "Status": st.column_config.TextColumn(
                width=84,
                help="As it is now. “Deleted, test”: the conversation was deleted, or is a test visitor's",
            ),
            "Response": st.column_config.Column(width=74),
            "Resolution": st.column_config.Column(width=80),
            "Handled by": st.column_config.TextColumn(width=78),
            "Escalated": st.column_config.TextColumn(width=72),
            "Sentiment": st.column_config.TextColumn(width=74),
            "Rating": st.column_config.TextColumn(width=58, help="Of the newest feedback"),
            "Place": st.column_config.TextColumn(width=150),
            "Conversation": st.column_config.TextColumn(width=140),
        },
        key="conversation-list",
        alt=f"{len(table)} conversations, newest first: start, status, times, outcome, sentiment, rating, place",
    )


def note_unknown(reading: Reading[Listing]) -> None:
    """Say so where Postgres could not be read: the times stand, what it knows is missing."""
    for failure in reading.failures:
        st.caption(
            ":material/cloud_off: Status, sentiment, rating and place are missing: "
            f"{formatting.markdown(failure.message)}"
        )


def page_words(listing: Listing) -> str:
    """Which rows a page of the list has."""
    first = (listing.page - 1) * PAGE_ROWS + 1
    last = first + len(listing.rows) - 1
    return f"{formatting.count(first)} to {formatting.count(last)} of {formatting.count(listing.total)}"


def draw_pages(listing: Listing) -> None:
    """Draw which rows these are, and the other pages; the choice is kept in the URL as `page`."""
    limit = f"; the CSV has the first {formatting.count(ROW_LIMIT)}" if listing.total > ROW_LIMIT else ""
    st.caption(f"{page_words(listing)}, all with an event in this period{limit}", width="content")
    if listing.page_count > 1:
        key = f"pages-{listing.page}-of-{listing.page_count}"
        st.pagination(
            listing.page_count,
            default=listing.page,
            max_visible_pages=5,
            key=key,
            on_change=url_state.follow("page", key, lambda page: None if page == 1 else str(page)),
        )


def _status(status: object, *, is_known: bool) -> str:
    if not is_known:
        return "Deleted, test"
    return STATUSES.get(str(status), formatting.plain(_text(status)) or formatting.MISSING)


def _duration(seconds: object) -> str:
    return formatting.duration(seconds if isinstance(seconds, float) else None)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _clock(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b, %H:%M}"
