"""The connections of a process: both clients and the query budget that one of them spends from."""

from __future__ import annotations

from dataclasses import dataclass

from analytics.health.probe_log import ProbeLog
from analytics.settings import Settings
from analytics.transports.postgres import Postgres
from analytics.transports.query_budget import QueryBudget
from analytics.transports.tinybird import Tinybird


@dataclass(frozen=True, slots=True)
class Connections:
    """Both sources, open until closed. Nothing is contacted before the first read.

    Attributes:
        tinybird: Spends from the budget with every query.
        postgres: Reads only.
        budget: The day's Tinybird queries.
        probes: How the sources answered when they were last tried.
    """

    tinybird: Tinybird
    postgres: Postgres
    budget: QueryBudget
    probes: ProbeLog

    @classmethod
    def from_settings(cls, settings: Settings) -> Connections:
        """The connections that the settings describe. None of them can send an event, whatever the settings hold.

        Raises:
            ConfigError: An address cannot be used.
        """
        budget = QueryBudget(settings.tinybird_daily_queries)
        reading = settings.model_copy(update={"tinybird_append_token": None})
        tinybird = Tinybird.from_settings(reading, on_query=budget.spend)
        return cls(tinybird, Postgres.from_settings(settings), budget, ProbeLog())

    def close(self) -> None:
        """Closes both."""
        self.tinybird.close()
        self.postgres.close()
