"""What every cached function stands on: connections, the last good values, the access check, the bounds of a read."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import timedelta
from typing import Final, ParamSpec, TypeVar

import streamlit as st

from analytics.errors import SourceError
from analytics.readings import Answer, LastGood, Reading
from analytics.settings import load_settings
from analytics.transports.connections import Connections

P = ParamSpec("P")
T = TypeVar("T")

KPI_TTL: Final = timedelta(minutes=5)
"""A period that includes now moves on every 5 minutes anyway; a closed one may still receive late events."""

ACCESS_TTL: Final = timedelta(seconds=20)
"""How long a membership that was taken away, a ban or a new subscription may go unnoticed by a read; an open page reads
at least every 30 s."""

ACCESS_TRUST: Final = timedelta(minutes=15)
"""How long what was known about access is trusted while Postgres is down."""

FRESHNESS_TTL: Final = timedelta(minutes=2)
LIVE_TTL: Final = timedelta(minutes=10)
"""Live keys hold the tick they were read in and are never met after it; this only frees their memory."""

MAX_ENTRIES: Final = 512

last_good = LastGood()


def clear() -> None:
    """Forgets every cached and last-known-good value, and closes both connections."""
    st.cache_data.clear()
    st.cache_resource.clear()
    last_good.clear()


@st.cache_resource(show_spinner=False, on_release=Connections.close)
def connections() -> Connections:
    """Both sources and the budget, shared by all sessions of this process."""
    return Connections.from_settings(load_settings())


def attempt(
    key: Hashable, ask: Callable[P, Answer[T]], *args: P.args, **kwargs: P.kwargs
) -> Reading[T] | SourceError:
    """The reading, or the failure as a value, so that reads side by side stand or fall alone."""
    try:
        return last_good.read(key, lambda: ask(*args, **kwargs))
    except SourceError as error:
        return error
