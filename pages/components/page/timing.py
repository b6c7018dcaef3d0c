"""Times page runs and panels for `/metrics`, labelled by the page's name and the outcome."""

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
"""Session key: `time.monotonic()` at the start of the last whole run."""


def page_run(begin: Callable[Concatenate[str, P], T]) -> Callable[Concatenate[str, P], T]:
    """Decorate `begin_page`: count page runs and the time it takes, by page title (its first argument)."""

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
    """Count a panel and the time a viewer waited for it; yields a function to set the outcome, initially `stopped`.

    The time starts with the page's run when the panel is drawn for the first time in it, and with the panel when its own
    timer or button draws it again.

    The key is unique on its page.
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
