"""The connections of a process: both clients, the query budget and the log of probes."""

from __future__ import annotations

from dataclasses import dataclass

from analytics.health.probe_log import ProbeLog
from analytics.settings import Settings
from analytics.transports.postgres import Postgres
from analytics.transports.query_budget import QueryBudget
from analytics.transports.tinybird import Tinybird


@dataclass(frozen=True, slots=True)
class Connections:
    """Clients of both sources. They connect on the first read.

    Attributes:
        tinybird: Counts every query in the budget.
        postgres: Reads only.
        budget: The day's Tinybird queries.
        probes: The last probes of both sources.
    """

    tinybird: Tinybird
    postgres: Postgres
    budget: QueryBudget
    probes: ProbeLog

    @classmethod
    def from_settings(cls, settings: Settings) -> Connections:
        """Makes the clients from the settings, without the append token: none of them can send an event.

        Raises:
            ConfigError: An address is not usable.
        """
        budget = QueryBudget(settings.tinybird_daily_queries)
        reading = settings.model_copy(update={"tinybird_append_token": None})
        tinybird = Tinybird.from_settings(reading, on_query=budget.spend, is_hasty=True)
        return cls(tinybird, Postgres.from_settings(settings), budget, ProbeLog())

    def close(self) -> None:
        """Closes both clients."""
        self.tinybird.close()
        self.postgres.close()
