"""How fast history moves: `python -m benchmarks.backfill`, with `--conversations 2000000` for the whole aim.

Fills an empty local stack with conversations and feedback, moves a tenth of them and then all with the real command,
and prints conversations per second and peak memory of each, beside a bare loop that reads the same rows from Postgres
and does nothing with them.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import click
import psycopg

from benchmarks.harness.stack import ROOT, local_stack

AIM_CONVERSATIONS, AIM_SECONDS = 2_000_000, 600
CHUNK = 200_000

ACCOUNTS = """
INSERT INTO organization (id, name, slug, created_at) VALUES ('o', 'Org', 'org', now());
INSERT INTO website (id, name, slug, domain, organization_id, created_at)
  VALUES ('small', 'Small', 'small', 'small.example', 'o', now()),
         ('large', 'Large', 'large', 'large.example', 'o', now());
INSERT INTO visitor (id, organization_id, website_id, created_at)
  SELECT website || '-visitor-' || n, 'o', website, now()
  FROM generate_series(0, 9999) AS n, (VALUES ('small'), ('large')) AS websites (website);
"""
CONVERSATIONS = """
INSERT INTO conversation (id, organization_id, website_id, visitor_id, started_at, first_response_at, resolved_at,
                          resolved_by_ai_agent_id, escalated_at, created_at, updated_at)
SELECT website || '-' || lpad(n::text, 9, '0'), 'o', website, website || '-visitor-' || n %% 10000, at,
       at + interval '95.5 s', CASE WHEN n %% 8 <> 0 THEN at + interval '40 min' END,
       CASE WHEN n %% 2 = 0 THEN 'agent' END, CASE WHEN n %% 4 = 0 THEN at + interval '3 min' END,
       at, at + interval '40 min'
FROM (SELECT n, %(website)s::text AS website, now() - interval '300 days' + n * interval '10 s' AS at
      FROM generate_series(%(first)s::int, %(last)s::int) AS n) AS rows
"""
FEEDBACK = """
INSERT INTO feedback (id, organization_id, website_id, conversation_id, visitor_id, rating, created_at, updated_at)
SELECT 'f-' || id, 'o', website_id, id, visitor_id, 5, resolved_at, resolved_at
FROM conversation WHERE website_id = %(website)s AND resolved_at IS NOT NULL AND right(id, 1) = '1'
"""
SAME_ROWS = """
SELECT id, visitor_id, updated_at, started_at, first_response_at, resolved_at, escalated_at, resolution_time,
       resolved_by_ai_agent_id
FROM conversation WHERE website_id = 'large' ORDER BY updated_at, id
"""


@click.command()
@click.option("--conversations", default=200_000, show_default=True, help="How many to move.")
def main(conversations: int) -> None:
    """Measure in a directory that is deleted afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="inbox-benchmark-") as directory,
        local_stack(Path(directory), "--no-demo-data") as stack,
    ):
        with psycopg.connect(stack.env["INBOX_ANALYTICS_LOCAL_OWNER_URL"], autocommit=True) as owner:
            _fill(owner, "small", conversations // 10)
            _fill(owner, "large", conversations)
            owner.execute("ANALYZE")
        bare = _bare_loop(stack.env["DATABASE_URL"])
        environment = {**os.environ, **stack.env, "INBOX_ANALYTICS_STATE_DIR": f"{directory}/state"}
        small_seconds, small_mb = _move("small", environment)
        large_seconds, large_mb = _move("large", environment)
    rate = conversations / large_seconds
    click.echo(f"conversations                 {conversations:10,}  and feedback on an eighth of them")
    click.echo(f"bare loop, reading alone      {conversations / bare:10,.0f} /s")
    click.echo(f"backfill                      {rate:10,.0f} /s  {bare / large_seconds:.2f} of the bare loop")
    click.echo(f"peak memory                   {large_mb:10.0f} MB")
    click.echo(f"peak memory of a tenth        {small_mb:10.0f} MB  in {small_seconds:.1f} s")
    click.echo(
        f"{AIM_CONVERSATIONS:,} at this rate     {AIM_CONVERSATIONS / rate:10.0f} s   of the {AIM_SECONDS} that are the aim"
    )


def _fill(owner: psycopg.Connection[tuple[object, ...]], website: str, conversations: int) -> None:
    if website == "small":
        owner.execute(ACCOUNTS)
    for first in range(0, conversations, CHUNK):
        last = min(first + CHUNK, conversations) - 1
        owner.execute(CONVERSATIONS, {"website": website, "first": first, "last": last})
    owner.execute(FEEDBACK, {"website": website})


def _bare_loop(url: str) -> float:
    started = time.perf_counter()
    with psycopg.connect(url) as connection, connection.cursor(name="bare") as cursor:
        cursor.itersize = 2000
        cursor.execute(SAME_ROWS)
        for _row in cursor:
            pass
    return time.perf_counter() - started


def _move(website: str, environment: Mapping[str, str]) -> tuple[float, float]:
    """Seconds and peak megabytes of a backfill, as a process of its own."""
    command = [sys.executable, "-m", "analytics.cli", "backfill", "--website", website]
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(f"The backfill of {website} ended with code {process.returncode}.")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
