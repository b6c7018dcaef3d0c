"""Connections: what the settings describe, spent from one budget, closed together."""

from datetime import UTC, datetime

import pytest

from analytics.errors import ConfigError, SourceUnavailable
from analytics.settings import load_settings
from analytics.transports.connections import Connections

UNREACHABLE = {
    "TINYBIRD_HOST": "http://127.0.0.1:1",
    "TINYBIRD_READ_TOKEN": "p.read",
    "TINYBIRD_DAILY_QUERIES": "50",
    "DATABASE_URL": "postgresql://reader:x@127.0.0.1:1/inbox",
}


def test_opening_sends_no_request_and_failures_spend_nothing() -> None:
    """Built without a network; the budget counts what Tinybird answered."""
    connections = Connections.from_settings(load_settings(UNREACHABLE))
    assert connections.budget.daily_limit == 50
    assert connections.budget.spent(datetime.now(UTC)) == 0
    with pytest.raises(SourceUnavailable):
        connections.tinybird.query_pipe("inbox_analytics", {})
    with pytest.raises(SourceUnavailable):
        connections.postgres.read("made_up", "SELECT 1", {})
    assert connections.budget.spent_by_pipe(datetime.now(UTC)) == {}
    connections.close()


def test_nothing_can_be_sent_over_them() -> None:
    """Pages only read: also where the environment holds the token to append."""
    connections = Connections.from_settings(
        load_settings(UNREACHABLE | {"TINYBIRD_APPEND_TOKEN": "p.append"})
    )
    with pytest.raises(ConfigError, match="TINYBIRD_APPEND_TOKEN"):
        connections.tinybird.post_batch("visitor_events", b"{}\n", wait=False)
    connections.close()


def test_an_address_that_is_none_is_a_configuration_error() -> None:
    """Said when the connections are made, not at the first read."""
    with pytest.raises(ConfigError, match="DATABASE_URL"):
        Connections.from_settings(load_settings({**UNREACHABLE, "DATABASE_URL": "postgresql://h:port/d"}))
