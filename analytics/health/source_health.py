"""Judges the state of the sources, of the event flow and of the caches from measurements. Pure.

A quiet website is not a broken one: the age of its newest event is compared with its own longest quiet time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median, quantiles
from typing import Final, Literal

import pandas as pd

from analytics.errors import NotYetAnswered, SchemaMismatch, Source, SourceError, SourceRejected
from analytics.health.cache_counts import CacheCounts
from analytics.health.probe_log import Probe

SourceState = Literal["ok", "slow", "refused", "not migrated", "unreachable"]
FlowState = Literal["usual", "unusual", "unknown", "none"]

ENOUGH_FOR_P95: Final = 20
"""Fewest answers for a 95th percentile; with fewer it would be the slowest answer."""

SLOW_SECONDS: Final[Mapping[Source, float]] = {"tinybird": 1.0, "postgres": 0.5, "store": 0.5}
"""Median answer time above which a source is slow: a page reads several times from each, and people wait for the sum."""

ENOUGH_PROBES: Final = 3
"""Fewest answers for the verdict "slow": the first one also opens the connection."""

ENOUGH_EVENTS: Final = 20
"""Fewest events in 30 days for a verdict on the age of the newest one."""

UNUSUAL_FACTOR: Final = 1.5
"""An age is unusual once it exceeds the longest quiet time of 30 days this many times."""

LEAST_UNUSUAL_SECONDS: Final = 900.0
"""An age below a quarter of an hour is never unusual, however busy the website."""


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """State of a source.

    Attributes:
        source: Which source.
        state: ok | slow (the median is above `SLOW_SECONDS`, or the last probe has no answer yet) | refused (it rejects
            the probe) | not migrated (the store's tables are not of this version) | unreachable.
        checked_at: When it was last probed, UTC.
        median_seconds: Median answer time of the answered probes; None when none was answered.
        p95_seconds: Their 95th percentile; None below `ENOUGH_FOR_P95` answers.
        probes: Number of answered probes.
        error: Error of the last probe; None when it answered.
    """

    source: Source
    state: SourceState
    checked_at: datetime
    median_seconds: float | None
    p95_seconds: float | None
    probes: int
    error: SourceError | None


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Rows that Tinybird stored apart because they do not fit their data source.

    Attributes:
        rows: How many in the last 30 days, over all websites; None without an admin token, which reading them needs.
        reasons: One row per data source and reason, newest first; columns as `sources.quarantined_rows`.
    """

    rows: int | None
    reasons: pd.DataFrame


@dataclass(frozen=True, slots=True)
class QueryUse:
    """Today's Tinybird queries of this process.

    Attributes:
        spent: Queries of this process since midnight UTC.
        daily_limit: Queries a day; None when unlimited.
        live_refresh_seconds: Seconds between two reads of Live; None while it pauses.
        by_pipe: One row per pipe, most queries first. Columns: pipe (string), queries (int), share_ratio (float, 0..1).
    """

    spent: int
    daily_limit: int | None
    live_refresh_seconds: float | None
    by_pipe: pd.DataFrame


def source_health(probes: Sequence[Probe]) -> SourceHealth:
    """Judges a source by its last probes, oldest first: the newest for whether it answers, the median for its speed."""
    last = probes[-1]
    seconds = [probe.seconds for probe in probes if probe.seconds is not None]
    middle = median(seconds) if seconds else None
    state = _state(last, middle or 0.0, len(seconds))
    p95 = quantiles(seconds, n=20, method="inclusive")[-1] if len(seconds) >= ENOUGH_FOR_P95 else None
    return SourceHealth(last.source, state, last.at, middle, p95, len(seconds), last.error)


def _state(last: Probe, middle: float, answers: int) -> SourceState:
    if isinstance(last.error, NotYetAnswered):
        return "slow"
    if last.source == "store" and isinstance(last.error, SchemaMismatch):
        return "not migrated"
    if last.error is not None:
        return "refused" if isinstance(last.error, SourceRejected) else "unreachable"
    return "slow" if answers >= ENOUGH_PROBES and middle > SLOW_SECONDS[last.source] else "ok"


def flow_state(age_seconds: float | None, longest_quiet_seconds: float | None, events: int) -> FlowState:
    """Judges the age of the newest event against the longest time between two events in 30 days; None is not known.

    >>> flow_state(3_600, 1_800, 500), flow_state(3_600, 7_200, 500), flow_state(3_600, 1_800, 5)
    ('unusual', 'usual', 'unknown')
    >>> flow_state(None, None, 0), flow_state(120, 5, 100_000)
    ('none', 'usual')
    """
    if age_seconds is None or not events:
        return "none"
    if longest_quiet_seconds is None or events < ENOUGH_EVENTS:
        return "unknown"
    is_unusual = age_seconds > max(UNUSUAL_FACTOR * longest_quiet_seconds, LEAST_UNUSUAL_SECONDS)
    return "unusual" if is_unusual else "usual"


def event_flow(freshness: pd.DataFrame, volume: pd.DataFrame | None, as_of: datetime) -> pd.DataFrame:
    """Event flow of a website: one row per data source and event type, in the order of `freshness`.

    Columns:
        datasource, event_type (string)
        newest_event (datetime, UTC): NaT when there was none in 30 days.
        age_seconds (float, seconds): from the newest event to `as_of`; NaN without one.
        ahead (int): rows dated more than a minute in the future; they count nowhere until that time.
        events (int): the sum of `events_per_day`; without the volume, rows in the last 30 times 24 hours.
        events_per_day (list of int): oldest day first, today (incomplete) last; empty when the volume is not known.
        longest_quiet_seconds (float, seconds): NaN when not known.
        state (string): usual | unusual | unknown (too few events, or the volume is not known) | none.

    Args:
        freshness: `sources.data_freshness`.
        volume: `sources.event_volume`; None when it could not be read.
        as_of: When the freshness was read, aware.
    """
    days: dict[tuple[str, str], list[int]] = {}
    quiet: dict[tuple[str, str], float] = {}
    if volume is not None:
        for (datasource, event_type), rows in volume.groupby(["datasource", "event_type"], sort=False):
            key = str(datasource), str(event_type)
            days[key] = [int(events) for events in rows["events"]]
            quiet[key] = float(rows["longest_quiet_seconds"].iloc[0])
    keys = list(zip(freshness["datasource"], freshness["event_type"], strict=True))
    ages = (pd.Timestamp(as_of) - freshness["newest_event"]).dt.total_seconds()
    longest = pd.Series([quiet.get(key, float("nan")) for key in keys], dtype="float64")
    events = [
        sum(days[key]) if key in days else int(recent)
        for key, recent in zip(keys, freshness["events"], strict=True)
    ]
    return pd.DataFrame(
        {
            "datasource": freshness["datasource"],
            "event_type": freshness["event_type"],
            "newest_event": freshness["newest_event"],
            "age_seconds": ages,
            "ahead": freshness["ahead"],
            "events": pd.Series(events, dtype="int64"),
            "events_per_day": pd.Series([days.get(key, []) for key in keys], dtype="object"),
            "longest_quiet_seconds": longest,
            "state": pd.Series(
                [
                    flow_state(None if pd.isna(age) else age, None if pd.isna(gap) else gap, rows)
                    for age, gap, rows in zip(ages, longest, events, strict=True)
                ],
                dtype="str",
            ),
        }
    )


def query_use(
    spent: Mapping[str, int], daily_limit: int | None, live_refresh_seconds: float | None
) -> QueryUse:
    """Sums up today's queries by pipe."""
    total = sum(spent.values())
    ordered = sorted(spent.items(), key=lambda item: (-item[1], item[0]))
    by_pipe = pd.DataFrame(
        {
            "pipe": pd.Series([name for name, _ in ordered], dtype="str"),
            "queries": pd.Series([queries for _, queries in ordered], dtype="int64"),
            "share_ratio": pd.Series([queries / total for _, queries in ordered], dtype="float64"),
        }
    )
    return QueryUse(total, daily_limit, live_refresh_seconds, by_pipe)


def cache_savings(counts: Mapping[str, CacheCounts]) -> pd.DataFrame:
    """Share of requests that caches answered: one row per pipe or query, most requests first.

    Columns:
        name (string): pipe or query.
        asked (int): requests of pages.
        read (int): requests that were answered by reading the source.
        failed (int): requests for which the source failed; a page then showed the last good value, or an error.
        saved_ratio (float, 0..1): `1 - (read + failed) / asked`, the share answered without the source.

    >>> cache_savings({"inbox_analytics": CacheCounts(asked=10, read=2, failed=1)})["saved_ratio"].tolist()
    [0.7]
    """
    ordered = sorted(counts.items(), key=lambda item: (-item[1].asked, item[0]))
    return pd.DataFrame(
        {
            "name": pd.Series([name for name, _ in ordered], dtype="str"),
            "asked": pd.Series([each.asked for _, each in ordered], dtype="int64"),
            "read": pd.Series([each.read for _, each in ordered], dtype="int64"),
            "failed": pd.Series([each.failed for _, each in ordered], dtype="int64"),
            "saved_ratio": pd.Series(
                [round(1 - (each.read + each.failed) / each.asked, 6) for _, each in ordered],
                dtype="float64",
            ),
        }
    )
