"""Times page runs and panels for `/metrics`. The only label that says where is the page's name."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Concatenate, Final, ParamSpec, TypeVar

import streamlit as st

from analytics import telemetry
from analytics.telemetry import NUMBERS

P = ParamSpec("P")
T = TypeVar("T")

RUN: Final = "run-began"
"""Where a session keeps when its last whole run began, on the clock that never goes back."""


def page_run(begin: Callable[Concatenate[str, P], T]) -> Callable[Concatenate[str, P], T]:
    """Counts the runs of pages, by the title that is the first argument, and how long their beginning took."""

    @wraps(begin)
    def timed(title: str, /, *args: P.args, **kwargs: P.kwargs) -> T:
        began, outcome = time.monotonic(), "stopped"
        st.session_state[RUN] = began
        try:
            page = begin(title, *args, **kwargs)
            outcome = "begun"
        finally:
            NUMBERS.observe(telemetry.PAGE_SECONDS, title, outcome, seconds=time.monotonic() - began)
        return page

    return timed


@contextmanager
def panel_run(key: str) -> Iterator[Callable[[str], None]]:
    """Counts a panel and how long a viewer waited for it; gives what says how it ended, `stopped` when nothing did.

    Args:
        key: Of the panel, unique on its page. Drawn for the first time in a run, the wait began with the run; drawn
            again by its own timer or button, with itself.
    """
    began, run, seen = time.monotonic(), st.session_state.get(RUN), f"drawn-in-{key}"
    if run is not None and st.session_state.get(seen) != run:
        st.session_state[seen] = run
        began = run
    outcome = "stopped"

    def ended(how: str) -> None:
        nonlocal outcome
        outcome = how

    try:
        yield ended
    except Exception:
        outcome = "failed"
        raise
    finally:
        page = str(st.session_state.get("page", ""))
        NUMBERS.observe(telemetry.PANEL_SECONDS, page, outcome, seconds=time.monotonic() - began)
