"""Values of Data health, and the newest event for the header."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

import pandas as pd
import streamlit as st

from analytics import schemas, sources
from analytics.cached.access import staff, websites
from analytics.cached.reading import (
    KPI_TTL,
    connections,
    freshness_ttl,
    needed,
    numbers_ttl,
    once_for,
    read_since,
    reads,
    store,
)
from analytics.cached.shared.question import question
from analytics.cached.view import OpenedView, readable
from analytics.cached.whole import ROW_LIMIT, Whole, at_once
from analytics.errors import NotYetAnswered, Source, SourceError
from analytics.health import source_health as health
from analytics.health import website_flow
from analytics.health.probe_log import Probe
from analytics.health.source_health import Quarantine, QueryUse, SourceHealth
from analytics.ingest.spool import directory as spool
from analytics.ingest.spool.directory import SpoolStatus
from analytics.readings import Answer, Reading
from analytics.scope import clock
from analytics.scope.access import Viewer
from analytics.settings import load_settings

T = TypeVar("T")

PROBE_TTL: Final = timedelta(seconds=30)
"""How long viewers share a probe of a source. A probe costs no query of the plan."""


def newest_event(view: OpenedView, now: datetime) -> Reading[datetime | None]:
    """When the newest event of any kind happened, UTC; None when there was none in the last 30 days.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `data_freshness`.
    """
    website_id, since = readable(view, now).website.id, read_since(view.resolved)
    seen = reads.read(("data_freshness", website_id), _data_freshness(website_id), since=since)
    newest = seen.value["newest_event"].max()
    value = None if pd.isna(newest) else newest.to_pydatetime()
    return seen.with_value(value)


VOLUME_DAYS: Final = 30
"""Days that visitor events are kept."""

SPOOL_TTL: Final = timedelta(seconds=10)
"""Counting a full spool reads a gigabyte."""


@question("tinybird", freshness_ttl)
def _data_freshness(website_id: str) -> Answer[pd.DataFrame]:
    return sources.data_freshness(connections().tinybird, website_id)


def source_health(viewer: Viewer, source: Source, now: datetime) -> Reading[SourceHealth]:
    """State of a source by its last probes; probes it at most every 30 s.

    A failing source is a value here, not an error.

    Args:
        viewer: Staff.
        source: Which source.
        now: When a failure happened; whether the viewer may look depends on it.

    Raises:
        AccessDenied: The viewer is not staff.

    Source: the list of pipes, or `SELECT 1`, or the version of the store's tables.
    """
    staff(viewer, now)
    question = {"tinybird": _tinybird_probe, "postgres": _postgres_probe, "store": _store_probe}[source]()
    seen = reads.ask(("probe", source), question).outcome()
    if isinstance(seen, Reading) and seen.stale_reason is None:
        probe = Probe(source, seen.as_of, seen.value)
    else:
        probe = Probe(source, now, None, seen if isinstance(seen, SourceError) else seen.stale_reason)
    log = connections().probes
    is_late = isinstance(probe.error, NotYetAnswered)  # neither an answer nor a failure
    return Reading(health.source_health((*log.kept(source), probe) if is_late else log.note(probe)), probe.at)


def event_flow(view: OpenedView, now: datetime) -> Reading[pd.DataFrame]:
    """What flows into a website's data: one row per data source and event type; columns as `health.event_flow`.

    Without the volume the ages still stand: no days, no verdict, and `failures` says why.

    Args:
        view: The website, who looks, and the timezone whose days are counted; the viewer must be staff.
        now: Whether the viewer may look depends on it.

    Raises:
        AccessDenied: The viewer is not staff, or the website is not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `data_freshness`, `event_volume`.
    """
    staff(view.asked.viewer, now)
    website_id, zone = readable(view, now).website.id, view.resolved.period.timezone
    since = read_since(view.resolved)
    fresh = reads.ask(("data_freshness", website_id), _data_freshness(website_id), since=since)
    days = clock.unix_seconds(clock.day_starts(now, VOLUME_DAYS, zone))
    volume = reads.ask(("event_volume", website_id, zone.key), _event_volume(website_id, days), since=since)
    seen, counted = _checked(fresh.reading()), volume.outcome()
    if isinstance(counted, SourceError):
        return replace(seen.with_value(health.event_flow(seen.value, None, seen.as_of)), failures=(counted,))
    key = ("event_flow", website_id, zone.key, seen.as_of, counted.as_of)
    flow = once_for(key, lambda: health.event_flow(seen.value, counted.value, seen.as_of))
    return seen.with_value(flow)


def website_states(viewer: Viewer, now: datetime) -> Reading[pd.DataFrame]:
    """Which websites send as usual and which stopped, worst first; columns as `website_flow.website_flow`.

    One query for all websites, at most every 5 minutes.

    Raises:
        AccessDenied: The viewer is not staff.
        SourceError: Tinybird could not be read and there is no last good value, or Postgres for too long.

    Source: `website_freshness`, Postgres `website`.
    """
    staff(viewer, now)
    seen = _checked(reads.read("website_freshness", _website_freshness()))
    judged = websites(viewer, now)
    key = ("website_states", seen.as_of, *judged)
    return seen.with_value(once_for(key, lambda: website_flow.website_flow(seen.value, judged, seen.as_of)))


def quarantine(viewer: Viewer, now: datetime) -> Reading[Quarantine]:
    """Rows that Tinybird quarantined in the last 30 days, over all websites.

    `rows` is None without an admin token, which reading quarantines needs.

    Raises:
        AccessDenied: The viewer is not staff.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `quarantined_rows`.
    """
    staff(viewer, now)
    if not connections().tinybird.has_admin_token:
        return Reading(Quarantine(None, schemas.QUARANTINED_ROWS.empty()), now)
    seen = _checked(reads.read("quarantined_rows", _quarantined_rows()))
    total = int(seen.value.groupby("datasource")["total"].first().sum())
    return seen.with_value(Quarantine(total, seen.value))


def every_quarantined(viewer: Viewer, now: datetime) -> Whole:
    """All reasons of `quarantine`, for a file.

    Raises:
        AccessDenied: The viewer is not staff.
        SourceError: Tinybird could not be read.

    Source: `quarantined_rows`.
    """
    reasons = quarantine(viewer, now).value.reasons
    if len(reasons) >= sources.QUARANTINED_REASONS:
        reasons = sources.quarantined_rows(connections().tinybird, ROW_LIMIT).value
    return at_once(reasons)


def query_use(viewer: Viewer, now: datetime) -> Reading[QueryUse]:
    """Today's Tinybird queries of this process, in all and by pipe, beside the daily budget.

    Raises:
        AccessDenied: The viewer is not staff.
    """
    staff(viewer, now)
    budget = connections().budget
    spent = budget.spent_by_pipe(now)
    return Reading(health.query_use(spent, budget.daily_limit, budget.live_refresh_seconds(now)), now)


def spooled_events(viewer: Viewer, now: datetime) -> Reading[SpoolStatus | None]:
    """State of the spool of the emitters on this machine; None when no spool is configured.

    Raises:
        AccessDenied: The viewer is not staff.
        ConfigError: The spool cannot be read.
    """
    staff(viewer, now)
    directory = load_settings().spool_dir
    return Reading(None if directory is None else spool_status(str(directory)), now)


@st.cache_data(show_spinner=False, ttl=SPOOL_TTL, max_entries=1)
def spool_status(directory: str) -> SpoolStatus:
    """State of a spool, counted at most every `SPOOL_TTL`.

    Raises:
        ConfigError: It cannot be read.
    """
    return spool.status(Path(directory))


def cache_savings(viewer: Viewer, now: datetime) -> Reading[pd.DataFrame]:
    """Share of requests that caches answered since this process started; columns as `health.cache_savings`.

    Raises:
        AccessDenied: The viewer is not staff.
    """
    staff(viewer, now)
    return Reading(health.cache_savings(reads.counter.counts()), now)


def _checked(reading: Reading[T]) -> Reading[T]:
    """A reading of Tinybird, marked stale when a later probe of Tinybird failed: cached values may be minutes old."""
    failure = connections().probes.failure("tinybird", reading.as_of)
    return reading if failure is None else replace(reading, is_stale=True, stale_reason=failure)


@question("postgres", PROBE_TTL)
def _postgres_probe() -> Answer[float]:
    return sources.postgres_probe(connections().postgres)


@question("store", PROBE_TTL)
def _store_probe() -> Answer[float]:
    return needed(store()).probe()


@question("tinybird", PROBE_TTL)
def _tinybird_probe() -> Answer[float]:
    return sources.tinybird_probe(connections().tinybird)


@question("tinybird", numbers_ttl)
def _event_volume(website_id: str, day_starts: str) -> Answer[pd.DataFrame]:
    return sources.event_volume(connections().tinybird, website_id, day_starts)


@question("tinybird", KPI_TTL)
def _website_freshness() -> Answer[pd.DataFrame]:
    return sources.website_freshness(connections().tinybird)


@question("tinybird", KPI_TTL)
def _quarantined_rows() -> Answer[pd.DataFrame]:
    return sources.quarantined_rows(connections().tinybird)
