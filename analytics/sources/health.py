"""Reads for Data health: freshness, volume, quarantine, and probes of both sources."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

import pandas as pd

from analytics import schemas
from analytics.errors import SourceRejected
from analytics.readings import Answer
from analytics.sources.query import check_starts, pipe_frame
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird
from analytics.transports.tinybird_messages import Parameter as PipeParameter
from analytics.transports.tinybird_messages import has_no_quarantine

QUARANTINED_REASONS: Final = 50
"""Rows of `quarantined_rows` per data source, newest first."""

MOST_WEBSITES: Final = 10_000
"""Rows of `website_freshness`, some 100 bytes each."""

_DATASOURCES: Final = ("conversation_metrics", "visitor_events")
_QUARANTINED: Final = """
    SELECT
        '{datasource}' AS datasource,
        arrayStringConcat(c__error_column, ', ') AS error_columns,
        arrayStringConcat(c__error, '; ') AS reason,
        toString(argMax(ifNull(website_id, ''), insertion_date)) AS website_id,
        max(insertion_date) AS newest,
        count() AS quarantined,
        sum(count()) OVER () AS total
    FROM {datasource}_quarantine
    WHERE insertion_date > now() - INTERVAL 30 DAY
    GROUP BY error_columns, reason
    ORDER BY newest DESC, error_columns, reason
    LIMIT {limit}
"""


def data_freshness(tinybird: Tinybird, website_id: str) -> Answer[pd.DataFrame]:
    """One row per data source and event type: the newest event (NaT when none in 30 days) and how many.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `data_freshness`.
    """
    return pipe_frame(tinybird, schemas.DATA_FRESHNESS, {"website_id": website_id})


def event_volume(tinybird: Tinybird, website_id: str, day_starts: str) -> Answer[pd.DataFrame]:
    """One row per data source, event type and day, zero-filled, in that order.

    Args:
        tinybird: The client.
        website_id: The website.
        day_starts: Where the days start, oldest first, the last one being today: Unix seconds, separated by commas.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `event_volume`.
    """
    params: dict[str, PipeParameter] = {"website_id": website_id, "day_starts": day_starts}
    schema = schemas.EVENT_VOLUME
    answer = pipe_frame(tinybird, schema, params)
    for _, rows in answer.value.groupby(["datasource", "event_type"]):
        check_starts(schema, rows["day_start"].sort_values(), day_starts)
    return answer


def website_freshness(tinybird: Tinybird, limit: int = MOST_WEBSITES) -> Answer[pd.DataFrame]:
    """One row per website with an event in the last 30 days, at most `limit`, most overdue by their usual gap first.

    Covers all websites: for staff only.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `website_freshness`.
    """
    return pipe_frame(tinybird, schemas.WEBSITE_FRESHNESS, {"limit": limit})


def quarantined_rows(tinybird: Tinybird, limit: int = QUARANTINED_REASONS) -> Answer[pd.DataFrame]:
    """One row per data source and reason of the last 30 days, over all websites, newest first.

    At most `limit` per data source; `total` counts all of its rows. No rows without quarantined ones. Read as SQL with the
    admin token: Tinybird creates a quarantine table with its first row, so a pipe that reads it cannot be deployed before.

    Raises:
        ConfigError: There is no admin token.
        SourceError: As `Tinybird.query_sql`, or `SchemaMismatch`.

    Source: `conversation_metrics_quarantine`, `visitor_events_quarantine`.
    """
    answers = [_quarantine_of(tinybird, datasource, limit) for datasource in _DATASOURCES]
    rows = pd.concat([answer.value for answer in answers], ignore_index=True)
    rows = rows.sort_values(["newest", "datasource"], ascending=[False, True], kind="stable")
    return Answer(rows.reset_index(drop=True), min(answer.read_at for answer in answers))


def _quarantine_of(tinybird: Tinybird, datasource: str, limit: int) -> Answer[pd.DataFrame]:
    schema = schemas.QUARANTINED_ROWS
    statement = _QUARANTINED.format(datasource=datasource, limit=limit)
    try:
        answer = tinybird.query_sql(schema.resource, " ".join(statement.split()))
    except SourceRejected as error:
        if not has_no_quarantine(error, datasource):
            raise
        return Answer(schema.empty(), datetime.now(UTC))
    return Answer(schema.frame((column["name"] for column in answer.meta), answer.rows), answer.read_at)


def tinybird_probe(tinybird: Tinybird) -> Answer[float]:
    """Measures how fast Tinybird answers, in seconds, retries included. Costs no query of the plan.

    Raises:
        SourceError: The source does not answer, or refuses.

    Source: the list of pipes.
    """
    began = time.perf_counter()
    tinybird.manage("GET", "/v0/pipes", "read", "pipes", params={"attrs": "name"})
    return Answer(time.perf_counter() - began, datetime.now(UTC))


def postgres_probe(postgres: Postgres) -> Answer[float]:
    """Measures the smallest statement, in seconds.

    Raises:
        SourceError: The source does not answer, or refuses.

    Source: `SELECT 1`.
    """
    began = time.perf_counter()
    answer = postgres.read("postgres_probe", "SELECT 1 AS one", {})
    return Answer(time.perf_counter() - began, answer.read_at)
