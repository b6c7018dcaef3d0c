"""Probes and metrics of this process for operators, without a viewer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from analytics import sources, telemetry
from analytics.cached.health import spool_status
from analytics.cached.reading import connections, needed, reads, store
from analytics.errors import ConfigError, Source
from analytics.settings import load_settings
from analytics.telemetry import Labels, Metric


def probe(source: Source) -> None:
    """Sends a small request to a source. Costs no query of Tinybird's plan, so that it may run all day.

    Raises:
        ConfigError: A setting is missing.
        SourceError: The source does not answer, or refuses.

    Source: the list of pipes, or `SELECT 1`, or the version of the store's tables.
    """
    if source == "postgres":
        sources.postgres_probe(connections().postgres)
    elif source == "store":
        needed(store()).check()
    else:
        sources.tinybird_probe(connections().tinybird)


def measured(now: datetime) -> Mapping[Metric, Mapping[Labels, float]]:
    """The metrics that are read when `/metrics` is requested: budget, caches, spool. Contacts no source.

    Args:
        now: End of ages, and the day of the budget.

    Raises:
        ConfigError: A setting is missing.
    """
    budget, counts = connections().budget, reads.counter.counts()
    spent = budget.spent(now)
    values: dict[Metric, dict[Labels, float]] = {
        telemetry.QUERIES_SPENT: {(): float(spent)},
        telemetry.CACHE_ASKS: {
            (name, outcome): float(count)
            for name, each in counts.items()
            for outcome, count in (
                ("hit", each.asked - each.read - each.failed),
                ("read", each.read),
                ("failed", each.failed),
            )
        },
        telemetry.STALE_ANSWERS: {(name,): float(each.stale) for name, each in counts.items()},
    }
    if budget.daily_limit is not None:
        values[telemetry.QUERIES_LEFT] = {(): float(max(0, budget.daily_limit - spent))}
    return values | _of_spool(now)


def _of_spool(now: datetime) -> dict[Metric, dict[Labels, float]]:
    """Metrics of the spool of this machine; empty without a spool that can be read."""
    directory = load_settings().spool_dir
    if directory is None:
        return {}
    try:
        status = spool_status(str(directory))
    except ConfigError:
        return {}
    age = 0.0 if status.oldest is None else max(0.0, (now - status.oldest).total_seconds())
    return {
        telemetry.SPOOL_EVENTS: {("waiting",): float(status.spooled), ("refused",): float(status.refused)},
        telemetry.SPOOL_OLDEST: {(): age},
    }
