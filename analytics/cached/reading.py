"""Shared by all cached functions: connections, last good values, cache lifetimes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import timedelta
from typing import Final, ParamSpec, TypeVar

import streamlit as st

from analytics.errors import SourceError
from analytics.readings import Answer, LastGood, Reading
from analytics.schemas import Schema
from analytics.settings import load_settings
from analytics.sources import computing_from
from analytics.transports.connections import Connections

P = ParamSpec("P")
T = TypeVar("T")
U = TypeVar("U")

KPI_TTL: Final = timedelta(minutes=5)
"""Periods that include now change every 5 minutes anyway; closed ones may still receive late events."""

ACCESS_TTL: Final = timedelta(seconds=20)
"""How long a removed membership, a ban or a new subscription may have no effect on reads; an open page reads at least
every 30 s."""

ACCESS_TRUST: Final = timedelta(minutes=15)
"""How long the last known access is used while Postgres is down."""

FRESHNESS_TTL: Final = timedelta(minutes=2)
LIVE_TTL: Final = timedelta(minutes=10)
"""Live keys contain the tick and are not used after it; this only frees their memory."""

MAX_ENTRIES: Final = 512

last_good = LastGood()


def clear() -> None:
    """Removes all cached and last good values and closes both connections."""
    st.cache_data.clear()
    st.cache_resource.clear()
    last_good.clear()


@st.cache_resource(show_spinner=False, on_release=Connections.close)
def connections() -> Connections:
    """The connections, shared by all sessions of this process."""
    return Connections.from_settings(load_settings())


def attempt(
    key: Hashable, ask: Callable[P, Answer[T]], *args: P.args, **kwargs: P.kwargs
) -> Reading[T] | SourceError:
    """Returns the reading, or the error as a value, so that one of several reads can fail alone."""
    try:
        return last_good.read(key, lambda: ask(*args, **kwargs))
    except SourceError as error:
        return error


def computed(
    key: Hashable, ask: Callable[[], Answer[T]], compute: Callable[[T], U], schema: Schema
) -> Reading[U]:
    """Reads an answer and computes a value; an answer that cannot be computed from never replaces the last good one.

    Args:
        key: Key of the last good answer.
        ask: Reads the source, or its cache.
        compute: Makes the value; must not change the answer.
        schema: What was read.

    Raises:
        SourceError: The source failed, or its answer could not be computed from, and there is no last good answer.
    """
    fresh: list[U] = []

    def usable() -> Answer[T]:
        answer = ask()
        with computing_from(schema):
            fresh.append(compute(answer.value))
        return answer

    reading = last_good.read(key, usable)
    return reading.with_value(fresh[0] if fresh else compute(reading.value))
