"""How fast the pipes answer for a large website, beside the Postgres queries that they replace: `python -m benchmarks.pipes`.

Both hold the same conversations, of one website in 231 days. Pipes are asked over HTTP, at the local server. Repeats alternate.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import click
import httpx2
import psycopg
from chdb import session
from psycopg.sql import SQL

from analytics.local.tinybird.engine import Engine
from analytics.local.tinybird.project.project import Project, load_project
from analytics.local.tinybird.storage.clickhouse import Limits
from analytics.scope import clock
from benchmarks.harness.repeats import medians
from benchmarks.harness.rows import Row, say
from benchmarks.harness.stack import ROOT, local_stack

DAYS: Final = 231
RANGES_DAYS: Final = (1, 7, 30, 90)
WEBSITE: Final = "website-of-the-benchmark"
LIMITS: Final = Limits(query_seconds=60.0, memory_bytes=8_000_000_000)

EVENTS: Final = """
INSERT INTO tinybird.conversation_metrics (timestamp, website_id, visitor_id, event_type, conversation_id, duration_seconds)
SELECT fromUnixTimestamp({first}) + started + event.2, '{website}', concat('v', toString(number % 100000)), event.1, id,
  toFloat32(event.2)
FROM (
  SELECT number, leftPad(toString(number), 16, 'c') AS id, sipHash64(number, 1) % {seconds} AS started,
    toUInt32(exp(3 + (sipHash64(number, 2) % 1000) / 200)) AS response,
    response + toUInt32(exp(4 + (sipHash64(number, 3) % 1000) / 130)) AS resolution,
    arrayJoin(arrayConcat(
      [('conversation_started', 0)],
      if(sipHash64(number, 4) % 100 < 95, [('first_response', response)], []),
      if(sipHash64(number, 5) % 100 < 80, [('conversation_resolved', resolution)], []),
      if(sipHash64(number, 5) % 100 < 48, [('ai_resolved', resolution)], []),
      if(sipHash64(number, 6) % 100 < 10, [('escalated', 30)], [])
    )) AS event
  FROM numbers({conversations})
)"""
"""Answers after 20 s to 50 minutes, 60 % of the resolved ones by the AI."""

CONVERSATIONS: Final = """
WITH drawn AS (
  SELECT n, to_timestamp({first}) + interval '1 second' * floor(random() * {seconds}) AS started,
    exp(3 + random() * 5)::integer AS response, exp(4 + random() * 7.7)::integer AS resolution, random() AS answered,
    random() AS resolved, random() AS escalated
  FROM generate_series(1, {conversations}) AS n
)
INSERT INTO conversation (id, organization_id, website_id, visitor_id, started_at, first_response_at, resolved_at,
  resolution_time, resolved_by_ai_agent_id, escalated_at, created_at, updated_at)
SELECT 'c' || n, 'o', '{website}', 'v', started,
  CASE WHEN answered < 0.95 THEN started + interval '1 second' * response END,
  CASE WHEN resolved < 0.80 THEN started + interval '1 second' * (response + resolution) END,
  CASE WHEN resolved < 0.80 THEN response + resolution END,
  CASE WHEN resolved < 0.48 THEN 'ai' END,
  CASE WHEN escalated < 0.10 THEN started + interval '30 seconds' END,
  started, started
FROM drawn ORDER BY started"""
"""Drawn from the same distributions; in the order of time, as a product writes them."""

OWNERS: Final = """
INSERT INTO organization (id, name, slug, created_at) VALUES ('o', 'o', 'o', now());
INSERT INTO website (id, name, slug, domain, organization_id, created_at) VALUES ('{website}', 'w', 'w', 'w', 'o', now());
INSERT INTO visitor (id, organization_id, website_id, created_at) VALUES ('v', 'o', '{website}', now())"""

REPLACED: Final = tuple(
    f"SELECT {value} FROM conversation WHERE organization_id = 'o' AND website_id = '{WEBSITE}'"
    f" AND {column} >= %s AND {column} < %s AND deleted_at IS NULL{condition}"
    for value, column, condition in (
        (
            "percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM first_response_at - started_at))",
            "first_response_at",
            "",
        ),
        (
            "percentile_cont(0.5) WITHIN GROUP"
            " (ORDER BY coalesce(resolution_time, extract(epoch FROM resolved_at - started_at)))",
            "resolved_at",
            "",
        ),
        ("count(*) FILTER (WHERE resolved_by_ai_agent_id IS NOT NULL), count(*)", "resolved_at", ""),
        ("count(*)", "started_at", " AND escalated_at IS NOT NULL"),
    )
)
"""The queries of a dashboard on the product's own tables, which their indexes serve; each is asked for both periods."""


@click.command()
@click.option("--conversations", default=2_000_000, show_default=True)
@click.option("--repeats", default=5, show_default=True)
def main(conversations: int, repeats: int) -> None:
    """Measure in a directory that is deleted afterwards."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    made_of = {
        "first": int((now - timedelta(days=DAYS)).timestamp()),
        "seconds": DAYS * 86_400,
        "conversations": conversations,
        "website": WEBSITE,
    }
    project = load_project(ROOT / "tinybird")
    with tempfile.TemporaryDirectory(prefix="inbox-benchmark-") as name:
        directory = Path(name)
        _fill_tinybird(directory / "tinybird", project, EVENTS.format(**made_of))
        on_engine = _on_engine(directory / "tinybird", project, now, repeats)
        with local_stack(directory, "--no-demo-data") as stack, httpx2.Client(timeout=60) as client:
            with psycopg.connect(stack.env["INBOX_ANALYTICS_LOCAL_OWNER_URL"], autocommit=True) as owner:
                for statement in (*OWNERS.split(";"), CONVERSATIONS):
                    owner.execute(SQL(statement.format(**made_of)))
                owner.execute("VACUUM ANALYZE conversation")
            with psycopg.connect(stack.env["DATABASE_URL"], autocommit=True) as postgres:
                _measure(client, stack.env, postgres, now, repeats, on_engine)


def _fill_tinybird(directory: Path, project: Project, events: str) -> None:
    Engine(project, directory, LIMITS).close()
    tables = session.Session(str(directory))
    tables.query(events)
    tables.query("OPTIMIZE TABLE tinybird.conversation_metrics FINAL")
    tables.close()


def _on_engine(directory: Path, project: Project, now: datetime, repeats: int) -> float:
    """Median seconds of `inbox_analytics` for 30 days, without HTTP."""
    engine = Engine(project, directory, LIMITS)
    try:
        pipe = project.pipes["inbox_analytics"]
        return _median(lambda: engine.query_pipe(pipe, parameters(now, 30), "JSON"), repeats)
    finally:
        engine.close()


def _measure(
    client: httpx2.Client,
    env: Mapping[str, str],
    postgres: psycopg.Connection[tuple[object, ...]],
    now: datetime,
    repeats: int,
    on_engine: float,
) -> None:
    def ask(pipe: str, days: int) -> object:
        url, headers = (
            f"{env['TINYBIRD_HOST']}/v0/pipes/{pipe}.json",
            {"Authorization": f"Bearer {env['TINYBIRD_READ_TOKEN']}"},
        )
        asked = parameters(now, days) | (buckets(now, days) if pipe == "kpi_timeseries" else {})
        return client.get(url, params=asked, headers=headers).raise_for_status()

    for days in RANGES_DAYS:
        kpis, series, replaced = medians(
            (
                partial(ask, "inbox_analytics", days),
                partial(ask, "kpi_timeseries", days),
                partial(_replaced, postgres, now, days),
            ),
            repeats,
        )
        aim = 0.2 if days >= 30 else 1.0
        beside = f"{len(REPLACED) * 2} Postgres queries"
        say(Row(f"inbox_analytics with the period before, {days} days", kpis, "s", aim, replaced, beside))
        if days >= 30:
            say(Row(f"kpi_timeseries, {days} days", series, "s", 1.3, kpis, "inbox_analytics"))
        if days == 30:
            say(
                Row("inbox_analytics over HTTP, 30 days", kpis, "s", 1.2, on_engine, "the same on the engine")
            )


def _replaced(postgres: psycopg.Connection[tuple[object, ...]], now: datetime, days: int) -> None:
    for ago in (0, days):
        ends = now - timedelta(days=ago)
        for query in REPLACED:
            postgres.execute(SQL(query), (ends - timedelta(days=days), ends)).fetchall()


def parameters(now: datetime, days: int) -> dict[str, str]:
    """The parameters of a pipe for the last days of the website."""
    return {
        "website_id": WEBSITE,
        "date_from": f"{now - timedelta(days=days):%Y-%m-%d %H:%M:%S}",
        "date_to": f"{now:%Y-%m-%d %H:%M:%S}",
    }


def buckets(now: datetime, days: int) -> dict[str, str]:
    """Where the days of the last days, and of as many before them, start."""
    starts = [now - timedelta(days=days - each) for each in range(days)]
    before = [each - timedelta(days=days) for each in starts]
    return {
        "bucket_starts": clock.unix_seconds(starts),
        "prev_bucket_starts": clock.unix_seconds(before),
    }


def _median(run: Callable[[], object], repeats: int) -> float:
    return medians((run,), repeats)[0]


if __name__ == "__main__":
    main()
