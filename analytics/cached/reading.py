"""Shared by all cached functions: the connections, the reads, how long answers are fresh."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, TypeVar, cast

import streamlit as st

from analytics.cached.shared import waits
from analytics.cached.shared.question import Question
from analytics.cached.shared.reads import SharedReads
from analytics.cached.shared.state import own
from analytics.cached.shared.waits import Waits
from analytics.errors import ConfigError
from analytics.readings import Reading
from analytics.schemas import Schema
from analytics.scope import periods
from analytics.scope.views import ResolvedView
from analytics.settings import load_settings
from analytics.sources import computing_from
from analytics.store import VARIABLE
from analytics.store.store import Store
from analytics.transports.connections import Connections

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

RESULTS: Final = 256
"""Values computed from answers that are kept; the least recently used goes first."""

reads = SharedReads()


def clear() -> None:
    """Removes all fresh and last good values and closes all connections."""
    st.cache_data.clear()
    st.cache_resource.clear()
    reads.clear()


@st.cache_resource(show_spinner=False, on_release=Connections.close)
def connections() -> Connections:
    """The connections, shared by all sessions of this process."""
    return Connections.from_settings(load_settings())


def store() -> Store | None:
    """The client of the dashboard's own store, shared by all sessions of this process; None where no store is set."""
    settings = load_settings()
    url = settings.store_url
    return None if url is None else _store(url.get_secret_value(), settings.store_schema)


@st.cache_resource(show_spinner=False, on_release=Store.close)
def _store(url: str, schema: str) -> Store:
    return Store(url, schema)


def needed(found: Store | None) -> Store:
    """The store, where there is one.

    Raises:
        ConfigError: No store is set.
    """
    if found is None:
        raise ConfigError(
            "Goals need a store, and none is set.",
            f"Set {VARIABLE} to a Postgres in which the dashboard may have a schema of its own, then run "
            "`inbox-analytics store migrate`.",
        )
    return found


def numbers_ttl() -> timedelta:
    """How long answers for the KPIs are fresh: `KPI_TTL`, longer where few queries a day make open pages read less often."""
    return max(KPI_TTL, timedelta(seconds=connections().budget.page_refresh_seconds))


def freshness_ttl() -> timedelta:
    """How long the newest events are fresh: `FRESHNESS_TTL`, or as long as the KPIs where those last longer than usual."""
    lasts = numbers_ttl()
    return FRESHNESS_TTL if lasts <= KPI_TTL else lasts


def read_since(resolved: ResolvedView) -> datetime | None:
    """From when on an answer is fresh for a view: its step of the grid, where answers last longer; None from any time."""
    return None if numbers_ttl() <= KPI_TTL else periods.floor_to_grid(resolved.now)


def waiting_together() -> AbstractContextManager[Waits]:
    """Bounds the waits of all reads of a block, such as a panel, together, and collects those that are not settled."""
    return waits.waiting_together(reads.patience.first_seconds)


def waiting_briefly() -> AbstractContextManager[None]:
    """Bounds the waits of reads that a panel can be drawn without, once the rest is read: it is drawn again when they answer."""
    return waits.waiting_briefly(reads.patience.extra_seconds)


def try_again() -> None:
    """Lets everything that failed be asked again now, at most once a second: a viewer wants to know."""
    reads.allow()


def usable(compute: Callable[[T], object], schema: Schema) -> Callable[[T], None]:
    """Makes the check of a question whose answer a value is computed from: what breaks then is the source's failure.

    Args:
        compute: Computes from the answer; must not change it.
        schema: What is read.
    """

    def check(value: T) -> None:
        with computing_from(schema):
            compute(value)

    return check


def once(resolved: ResolvedView, key: Hashable, compute: Callable[[], U]) -> U:
    """A value that is computed from answers, once for all panels and viewers who want it.

    Do not change it, unless it is a frame: each caller gets a copy of that.

    Args:
        resolved: The view that it is computed for; its moment counts to the 5-minute grid, as in the bounds of the answers.
        key: Everything else that it depends on: its name, and when its answers were read.
        compute: Makes the value; must not change the answers.
    """
    return once_for((replace(resolved, now=periods.ceil_to_grid(resolved.now)), key), compute)


def once_for(key: Hashable, compute: Callable[[], U]) -> U:
    """As `once`, for a value that does not depend on a view."""
    return own(cast("U", _result(repr(key), compute)))


@st.cache_resource(max_entries=RESULTS, show_spinner=False)
def _result(key: str, _compute: Callable[[], object]) -> object:
    del key
    return _compute()


def computed(
    resolved: ResolvedView,
    key: Hashable,
    question: Question[T],
    compute: Callable[[T, ResolvedView], U],
    schema: Schema,
) -> Reading[U]:
    """Reads an answer and computes a value; an answer that cannot be computed from never replaces the last good one.

    Args:
        resolved: The view that it is computed for.
        key: Key of the last good answer.
        question: What to ask.
        compute: Makes the value; must not change the answer.
        schema: What is read.

    Raises:
        SourceError: The source failed, or its answer could not be computed from, and there is no last good answer.
    """
    check: Callable[[T], None] = usable(lambda value: compute(value, resolved), schema)
    reading = reads.read(key, question, check=check, since=read_since(resolved))
    value = once(resolved, (key, reading.as_of), lambda: compute(reading.value, resolved))
    return reading.with_value(value)
