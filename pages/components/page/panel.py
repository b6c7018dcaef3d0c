"""A panel: a card with a title that loads, shows, is stale or failed on its own.

The only place where pages meet errors. It catches `AnalyticsError` alone: anything else is a defect, and must be seen.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from analytics.cached import Reading
from analytics.errors import AccessDenied, AnalyticsError
from analytics.scope.periods import Range
from pages.components import formatting
from pages.components.page import audit_events, url_state
from pages.components.page.timing import panel_run

T = TypeVar("T")


@contextmanager
def panel(key: str, title: str | None = None, *, border: bool = True) -> Iterator[None]:
    """A card around one cached read and what is drawn from it.

    `static/style.css` gives each card the room of what comes, by its key, from its first moment on; a skeleton fills it
    while it loads for the first time. A later run leaves what is shown until the new is ready. So nothing jumps. An
    `AnalyticsError` becomes a message with a button to try again, and nothing else on the page notices.

    Args:
        key: identity of the card, unique on the page.
        title: heading of the card.
        border: whether it draws its own frame.
    """
    with panel_run(key) as ended, st.container(border=border, key=f"panel-{key}", height="stretch"):
        if title:
            st.markdown(f"**{title}**")
        drawn = f"drawn-{key}"
        try:
            with _unchanged() if st.session_state.get(drawn) else st.skeleton(height="stretch"):
                yield
            st.session_state[drawn] = True
            ended("drawn")
        except AnalyticsError as error:
            ended("failed")
            failure(error, key)


@contextmanager
def _unchanged() -> Iterator[None]:
    """Takes the skeleton's place, so that what follows keeps its own and is not drawn anew: a globe would turn back."""
    st.empty()
    yield


def forget_drawn() -> None:
    """Panels of the page before stand nowhere any more: those of this one load for the first time."""
    for name in [str(name) for name in st.session_state if str(name).startswith("drawn-")]:
        del st.session_state[name]


def end_page() -> NoReturn:
    """End the run here: what stands on the page now is all of it.

    `st.stop` alone leaves the parts of the page before in Streamlit's store, where a timer that is on its way still finds
    them: they would be drawn where nothing is any more, and the browser takes that for the end of the app.
    """
    context = get_script_run_ctx()
    if context is not None:
        context.fragment_storage.clear()
    st.stop()


def failure(error: AnalyticsError, key: str) -> None:
    """What happened, what to do, and a button to try again."""
    if isinstance(error, AccessDenied):
        audit_events.refusal(error.message)
    st.error(
        formatting.markdown(error.remedy, limit=2000),
        title=formatting.markdown(error.message, limit=2000),
        icon=":material/cloud_off:",
    )
    st.button("Try again", key=f"retry-{key}", icon=":material/refresh:")


def defect() -> None:
    """What stands where an error was met that nobody foresaw: nothing of it, for it may name anything."""
    st.error(
        "What stands on the page besides is as it was read. Reload the page to try again; if this stays, tell whoever runs"
        " this dashboard when it happened: its log says what it was.",
        title="This cannot be shown because of a mistake in the dashboard",
        icon=":material/error:",
    )


def note_staleness(reading: Reading[T], timezone: str) -> None:
    """Say so where a panel shows the last good answer because its source does not answer now."""
    if reading.is_stale:
        why = f" {formatting.markdown(reading.stale_reason.message)}" if reading.stale_reason else ""
        st.caption(f":material/history: Stale: read at {formatting.clock(reading.as_of, timezone)}.{why}")


def empty(what: str, remedy: str, longer: Range | None = None) -> None:
    """The state of a panel whose source answered that there is nothing: what is missing, and what to do.

    Args:
        what: what is missing; no other panel of the page with a button misses the same.
        remedy: what to do.
        longer: a range that may have some; a button shows it. None draws none.
    """
    with st.container(horizontal_alignment="center"):
        st.space("medium")
        st.markdown(f":gray[:material/inbox:]  **{what}**", text_alignment="center")
        st.caption(remedy, text_alignment="center")
        if longer is not None:
            st.button(
                f"Show the {longer.label[0].lower()}{longer.label[1:]}",
                key=f"longer-{what}",
                icon=":material/date_range:",
                on_click=url_state.write,
                args=("range", str(longer)),
            )
        st.space("medium")
