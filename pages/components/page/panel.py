"""A panel: a card with a title that loads, fails or becomes stale independently of the others.

The only place where pages handle errors. Catches `AnalyticsError` alone: any other exception is a defect and must be seen.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, NoReturn, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx

from analytics import cached
from analytics.cached import Reading
from analytics.errors import AccessDenied, AnalyticsError, NotYetAnswered, SourceError
from analytics.scope.periods import Range
from pages.components import formatting
from pages.components.page import audit_events
from pages.components.page.timing import panel_run
from pages.components.selection import url_state

T = TypeVar("T")

LATE_SECONDS, FAILED_SECONDS = 1.0, 2.0
"""How soon a page notices that a late answer has come, and that a read which failed works again."""

AGE_SECONDS: Final = 60.0
"""How often the age of what is shown is written anew."""


@contextmanager
def panel(key: str, title: str | None = None, *, border: bool = True) -> Iterator[None]:
    """Draw a card around one cached read and its content.

    Nothing moves while it loads: `static/style.css` reserves the height by the card's key, a skeleton fills it during the
    first load, and a later run keeps the old content until the new is ready. An `AnalyticsError` becomes a message with
    a button to try again; other panels are not affected. While something on it is stale or missing, the page is drawn
    again as soon as that changes.

    The key is unique on the page.
    """
    with panel_run(key) as ended, st.container(border=border, key=f"panel-{key}", height="stretch"):
        if title:
            st.markdown(f"**{title}**")
        drawn = f"drawn-{key}"
        with cached.waiting_together() as waits:
            try:
                with _unchanged() if st.session_state.get(drawn) else st.skeleton(height="stretch"):
                    yield
                st.session_state[drawn] = True
                ended("drawn")
            except AnalyticsError as error:
                ended("failed")
                failure(error, key)
        follow(waits.unsettled)


@contextmanager
def _unchanged() -> Iterator[None]:
    """Take the position of the skeleton, so that later elements keep theirs: otherwise a globe loses its view."""
    st.empty()
    yield


def forget_drawn() -> None:
    """Forget which panels were drawn, after a change of page: the panels of the new page load for the first time."""
    for name in [str(name) for name in st.session_state if str(name).startswith("drawn-")]:
        del st.session_state[name]


def follow(unsettled: Sequence[cached.Unsettled]) -> None:
    """Draw the page again as soon as one of these reads has something newer, or its age is another; draws nothing itself.

    Args:
        unsettled: Reads that gave no fresh answer.
    """
    if not unsettled:
        return
    drawn_at = time.monotonic()
    is_drawn = False

    @st.fragment(run_every=LATE_SECONDS if any(each.is_late for each in unsettled) else FAILED_SECONDS)
    def look() -> None:
        nonlocal is_drawn
        has_changed = is_drawn and any(each.has_changed() for each in unsettled)
        if has_changed or time.monotonic() - drawn_at > AGE_SECONDS:
            st.rerun()
        is_drawn = True

    look()


def end_page(unsettled: Sequence[cached.Unsettled] = ()) -> NoReturn:
    """End the run and remove all fragments; the page is drawn again when one of these reads has something newer.

    `st.stop` alone keeps the fragments of the previous page in Streamlit's store. A timer that fires late would still run
    them and draw into containers that no longer exist, which the browser takes for the end of the app.
    """
    context = get_script_run_ctx()
    if context is not None:
        context.fragment_storage.clear()
    follow(unsettled)
    st.stop()


def failure(error: AnalyticsError, key: str) -> None:
    """Draw an error: what happened, what to do, and a button to try again; for an answer that may still come, what comes."""
    if isinstance(error, NotYetAnswered):
        _draw_in_place(":material/hourglass_top:", error.message, error.remedy)
        return
    if isinstance(error, AccessDenied):
        audit_events.refusal(error.message)
    st.error(
        formatting.markdown(error.remedy, limit=2000),
        title=formatting.markdown(error.message, limit=2000),
        icon=":material/cloud_off:",
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button("Try again", key=f"retry-{key}", icon=":material/refresh:", on_click=cached.try_again)
        if isinstance(error, SourceError):
            st.caption("Tried again by itself every few seconds", width="content")


def defect() -> None:
    """Draw the error box for an unexpected exception. Shows no part of it: its text may contain anything."""
    st.error(
        "Everything else on the page is correct. Reload the page to try again. If this stays, tell the people who run this"
        " dashboard when it happened: the log has the details.",
        title="This cannot be shown because of an error in the dashboard",
        icon=":material/error:",
    )


def note_staleness(reading: Reading[T], timezone: str) -> Reading[T]:
    """Draw a note if the reading is the last good value because its source does not answer; returns the reading."""
    with st.container():  # Always there: elements below keep their position, and a globe its view.
        if reading.stale_reason is not None:
            age = formatting.since(reading.as_of, datetime.now(UTC), timezone)
            why = formatting.markdown(reading.stale_reason.message)
            st.caption(f":material/history: Stale: from {age}. {why}")
    return reading


def empty(what: str, remedy: str, longer: Range | None = None) -> None:
    """Draw the empty state of a panel, whose source answered without rows: what is missing, and what to do.

    With `longer`, a longer range that a button offers, `what` is unique on the page.
    """
    with _draw_in_place(":material/inbox:", what, remedy):
        if longer is not None:
            words, key = f"Show the {longer.label[0].lower()}{longer.label[1:]}", f"longer-{what}"
            if st.button(words, key=key, icon=":material/date_range:"):
                url_state.write("range", str(longer))
                st.rerun()  # Of the whole page: a click in a fragment reruns that alone.


def _draw_in_place(icon: str, what: str, remedy: str) -> DeltaGenerator:
    """Draw what stands in place of a panel's content; returns the container for a button."""
    with st.container(horizontal_alignment="center"):
        st.space("medium")
        st.markdown(f":gray[{icon}]  **{what}**", text_alignment="center")
        st.caption(remedy, text_alignment="center")
        place = st.container(horizontal_alignment="center")
        st.space("medium")
    return place
