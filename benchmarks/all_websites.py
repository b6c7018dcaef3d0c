"""How fast All websites is with 500 websites: `python -m benchmarks.all_websites`.

Each website has 400 conversations and 2,000 visits in 30 days. Beside the pipe of all of them run the three pipes of one
website's Overview, which would be asked 500 times.
"""

from __future__ import annotations

import statistics
import tempfile
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import click
import httpx2
import psycopg
from chdb import session
from psycopg.sql import SQL

from analytics import sources
from analytics.local.tinybird.engine import Engine
from analytics.local.tinybird.project.project import load_project
from analytics.scope import access
from analytics.sources.access import WEBSITES_FOR_VIEWER
from analytics.transports.postgres import Postgres
from benchmarks.harness.repeats import medians
from benchmarks.harness.rows import Row, say
from benchmarks.harness.stack import ROOT, Stack, local_stack
from benchmarks.pages import open_tab, rerun_cost, served
from benchmarks.pipes import LIMITS, buckets

DAYS: Final = 7
EMAIL: Final = "staff@example.com"

EVENTS: Final = """
INSERT INTO tinybird.conversation_metrics (timestamp, website_id, visitor_id, event_type, conversation_id, duration_seconds)
SELECT fromUnixTimestamp(toUInt32({now} - sipHash64(number, 1) % 2592000)) - INTERVAL (3600 - each.2) SECOND,
  concat('w', toString(number % {websites})), 'v', each.1, concat('c', toString(number)), toFloat32(each.2)
FROM numbers({websites} * 400)
ARRAY JOIN [('conversation_started', 0), ('first_response', 20 + toInt32(sipHash64(number, 2) % 900)),
  (['conversation_resolved', 'ai_resolved'][number % 2 + 1], 1000 + toInt32(sipHash64(number, 3) % 2000))] AS each"""

VISITS: Final = """
INSERT INTO tinybird.visitor_events (timestamp, website_id, visitor_id, session_id, event_type, country_code, city, latitude,
  longitude, device_type, browser, page_url)
SELECT fromUnixTimestamp(toUInt32({now} - sipHash64(number, 1) % 2592000)), concat('w', toString(number % {websites})),
  toString(sipHash64(number, 2) % 900), '', 'seen', 'DE', '', 0, 0, 'desktop', 'Firefox', 'https://shop.example/'
FROM numbers({websites} * 2000)"""

ROWS: Final = """
INSERT INTO "user" (id, name, email, email_verified, role, created_at) VALUES ('u', 'Ann', '{email}', true, 'admin', now());
INSERT INTO organization (id, name, slug, created_at) VALUES ('o', 'o', 'o', now());
INSERT INTO subscription (id, organization_id, plan, status, created_at) VALUES ('s', 'o', 'pro', 'active', now());
INSERT INTO website (id, name, slug, domain, organization_id, created_at)
  SELECT 'w' || n, 'Website ' || n, 'w' || n, 'w' || n || '.example', 'o', now() FROM generate_series(0, {websites} - 1) AS n;
INSERT INTO visitor (id, organization_id, website_id, created_at) VALUES ('v', 'o', 'w0', now());
INSERT INTO feedback (id, organization_id, website_id, rating, created_at, updated_at)
  SELECT 'f' || n, 'o', 'w' || n % {websites}, 1 + n % 5, now() - interval '1 second' * (n * 7919 % 1209600), now()
  FROM generate_series(1, {websites} * 40) AS n;
VACUUM ANALYZE feedback"""


@click.command()
@click.option("--websites", default=500, show_default=True)
@click.option("--repeats", default=5, show_default=True)
def main(websites: int, repeats: int) -> None:
    """Measure in a directory that is deleted afterwards."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    made_of = {"now": int(now.timestamp()), "websites": websites, "email": EMAIL}
    with tempfile.TemporaryDirectory(prefix="inbox-benchmark-") as name:
        directory = Path(name)
        Engine(load_project(ROOT / "tinybird"), directory / "tinybird", LIMITS).close()
        tables = session.Session(str(directory / "tinybird"))
        for statement in (EVENTS, VISITS):
            tables.query(statement.format(**made_of))
        tables.close()
        with local_stack(directory, "--no-demo-data") as stack:
            with psycopg.connect(stack.env["INBOX_ANALYTICS_LOCAL_OWNER_URL"], autocommit=True) as owner:
                for statement in ROWS.format(**made_of).split(";"):
                    owner.execute(SQL(statement))
            _access(stack, websites, repeats)
            _pipe(stack, now, websites, repeats)
            _page(stack, directory, websites, repeats)


def _access(stack: Stack, websites: int, repeats: int) -> None:
    """The websites that a viewer may open, which every open page asks for again every 20 s."""
    with Postgres(stack.env["DATABASE_URL"]) as postgres:
        asked = partial(sources.websites_for_viewer, postgres, "u", access.STAFF_ROLE)
        params = {"user_id": "u", "staff_role": access.STAFF_ROLE}
        query = partial(postgres.read, "websites_for_viewer", WEBSITES_FOR_VIEWER, params)
        every, rows = medians((asked, query), repeats)
    say(Row(f"the {websites} websites of a viewer", every, "s", 5.0, rows, "its rows alone"))


def _pipe(stack: Stack, now: datetime, websites: int, repeats: int) -> None:
    headers = {"Authorization": f"Bearer {stack.env['TINYBIRD_READ_TOKEN']}"}
    bounds = {
        "date_from": f"{now - timedelta(days=DAYS):%Y-%m-%d %H:%M:%S}",
        "date_to": f"{now:%Y-%m-%d %H:%M:%S}",
    }
    with httpx2.Client(base_url=stack.env["TINYBIRD_HOST"], headers=headers, timeout=60) as client:

        def ask(pipe: str, of: dict[str, str]) -> None:
            asked = (
                bounds | of | ({} if pipe in {"inbox_analytics", "unique_visitors"} else buckets(now, DAYS))
            )
            client.post(f"/v0/pipes/{pipe}.json", data=asked).raise_for_status()

        def ask_one() -> None:
            for pipe in ("inbox_analytics", "unique_visitors", "kpi_timeseries"):
                ask(pipe, {"website_id": "w1"})

        every = {"website_ids": ",".join(f"w{number}" for number in range(websites))}
        together, one = medians((partial(ask, "website_kpis", every), ask_one), repeats)
    beside = f"{websites} x three pipes of one"
    say(Row(f"website_kpis, {websites} websites, {DAYS} days", together, "s", 0.05, one * websites, beside))


def _page(stack: Stack, directory: Path, websites: int, repeats: int) -> None:
    env = {**stack.env, "INBOX_ANALYTICS_DEMO": "1", "INBOX_ANALYTICS_DEMO_EMAIL": EMAIL}
    with served("asgi_app.py", env, directory) as app:
        viewer = open_tab(app, "all_websites", "website=w1&range=7d")
        say(Row(f"first open of All websites, {websites} websites", viewer.settled_seconds or 0.0, "s", 3.0))
        cost = statistics.median(rerun_cost(app, viewer) for _ in range(repeats))
        say(Row(f"processor time of a warm rerun, All websites, {websites} websites", cost, "s", 0.5))
        viewer.close()


if __name__ == "__main__":
    main()
