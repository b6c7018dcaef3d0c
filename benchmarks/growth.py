"""What grows with the number of events, and what does not: `python -m benchmarks.growth`.

One website of a middling size, with the same last two weeks each time; behind it more and more history, half of it the website's
own and half that of 10,000 others. Figures of docs/scale.md.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click
from chdb import session

from analytics.local.tinybird.engine import Engine
from analytics.local.tinybird.project.project import Project, load_project
from benchmarks.harness.rows import Row, say
from benchmarks.harness.stack import ROOT
from benchmarks.pipes import EVENTS, LIMITS, WEBSITE, parameters

RECENT_DAYS: Final = 14
DAYS: Final = 231
WEBSITES: Final = 10_000
CONVERSATIONS: Final = 20_000
CHUNK: Final = 5_000_000

HISTORY: Final = """
INSERT INTO tinybird.conversation_metrics (timestamp, website_id, visitor_id, event_type, conversation_id, duration_seconds)
SELECT fromUnixTimestamp(toUInt32({first} + sipHash64(number, 1) % {seconds})),
  if(number % 2, '{website}', concat('website-', toString(sipHash64(number, 2) % {websites}))),
  concat('v', toString(number % 1000000)),
  ['conversation_started', 'first_response', 'conversation_resolved', 'ai_resolved'][number % 4 + 1],
  leftPad(toString(intDiv(number, 4)), 16, 'h'), toFloat32(sipHash64(number, 3) % 3600)
FROM numbers({begin}, {count})"""

VISITORS: Final = """
INSERT INTO tinybird.visitor_events (timestamp, website_id, visitor_id, session_id, event_type, country_code, city, latitude,
  longitude, device_type, browser, page_url)
SELECT fromUnixTimestamp(toUInt32({first} + sipHash64(number, 1) % {seconds})), concat('website-', toString(number % {websites})),
  lower(hex(sipHash64(number % {websites}, intDiv(number, {websites} * 10)))),
  lower(hex(sipHash64(number % {websites}, intDiv(number, {websites} * 5)))),
  if(number % 3, 'page_view', 'seen'), ['DE', 'GB', 'FR', 'US'][sipHash64(number, 2) % 4 + 1],
  concat('City ', toString(sipHash64(number, 3) % 500)), toFloat32(sipHash64(number, 4) % 120 - 60),
  toFloat32(sipHash64(number, 5) % 300 - 150), ['desktop', 'mobile'][sipHash64(number, 6) % 2 + 1],
  ['Chrome', 'Firefox', 'Safari'][sipHash64(number, 7) % 3 + 1],
  concat('https://shop.example/products/', toString(sipHash64(number, 8) % 2000))
FROM numbers({begin}, {count})"""
"""Ten events of a visitor in two sessions, and 100,000 events of a website."""


BY_DAY: Final = """
CREATE TABLE tinybird.by_day ENGINE AggregatingMergeTree ORDER BY (website_id, day) AS
SELECT website_id, toDate(timestamp) AS day, maxState(timestamp) AS newest, countState() AS events,
  groupBitmapState(toUInt32(intDiv(toUnixTimestamp(timestamp), 60))) AS minutes
FROM tinybird.visitor_events GROUP BY website_id, day"""

FROM_BY_DAY: Final = """
SELECT website_id, maxMerge(newest), countMerge(events), length(bitmapToArray(groupBitmapMergeState(minutes)))
FROM tinybird.by_day GROUP BY website_id"""
"""What `website_freshness` takes from the events; the gaps are computed from the minutes afterwards, as now."""


@click.command()
@click.option("--few", default=1_000_000, show_default=True, help="Rows of history to compare with.")
@click.option("--many", default=50_000_000, show_default=True, help="Rows of history.")
@click.option(
    "--visitors", default=20_000_000, show_default=True, help="Events of visitors, 100,000 a website."
)
@click.option("--repeats", default=9, show_default=True)
def main(few: int, many: int, visitors: int, repeats: int) -> None:
    """Measure on the embedded engine, in a directory that is deleted afterwards."""
    project, now = (
        load_project(ROOT / "tinybird"),
        datetime.now(UTC).replace(minute=0, second=0, microsecond=0),
    )
    seconds = {}
    with tempfile.TemporaryDirectory(prefix="inbox-benchmark-") as directory:
        for rows in (few, many):
            where = Path(directory) / str(rows)
            with _tables(where, project) as tables:
                _recent(tables, now)
                _history(tables, now, rows)
                _say_size(tables, "conversation_metrics")
            with _engine(where, project) as engine:
                seconds[rows] = _asked(engine, project, "inbox_analytics", parameters(now, 7), repeats)
        say(
            Row(
                f"inbox_analytics, 7 days, {many:,} rows of history",
                seconds[many],
                "s",
                1.2,
                seconds[few],
                f"{few:,} rows",
            )
        )
        where = Path(directory) / "visitors"
        with _tables(where, project) as tables:
            _visitors(tables, now, visitors)
            _say_size(tables, "visitor_events")
            _say_by_day(tables)
        with _engine(where, project) as engine:
            for days in (7, 30):
                asked = parameters(now, days) | {"website_id": "website-7"}
                for pipe in ("unique_visitors", "visitor_breakdown"):
                    _asked(engine, project, pipe, asked, repeats)
            _asked(engine, project, "visitor_locations", {"website_id": "website-7"}, repeats)
            _asked(engine, project, "website_freshness", {}, repeats)


def _asked(engine: Engine, project: Project, pipe: str, asked: Mapping[str, str], repeats: int) -> float:
    """Median seconds of a pipe; prints what it reads."""
    seconds = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        answer = engine.query_pipe(project.pipes[pipe], asked, "JSON")
        seconds.append(time.perf_counter() - began)
    median, read = statistics.median(seconds[1:]), json.loads(answer)["statistics"]
    click.echo(
        f"  {pipe}, {asked.get('date_from', 'now')}: {median:.3f} s, {read['rows_read']:,} rows, {read['bytes_read'] / 1e6:,.1f} MB"
    )
    return median


def _recent(tables: session.Session, now: datetime) -> None:
    first = now - timedelta(days=RECENT_DAYS)
    tables.query(EVENTS.format(**_span(first, RECENT_DAYS), conversations=CONVERSATIONS, website=WEBSITE))


def _history(tables: session.Session, now: datetime, rows: int) -> None:
    made_of = _span(now - timedelta(days=DAYS), DAYS - RECENT_DAYS)
    _insert(tables, HISTORY, rows, made_of | {"website": WEBSITE, "websites": WEBSITES})
    tables.query("OPTIMIZE TABLE tinybird.conversation_metrics FINAL")


def _visitors(tables: session.Session, now: datetime, rows: int) -> None:
    made_of = _span(now - timedelta(days=29), 29)
    _insert(tables, VISITORS, rows, made_of | {"websites": max(rows // 100_000, 10)})
    tables.query("OPTIMIZE TABLE tinybird.visitor_events FINAL")


def _span(first: datetime, days: int) -> dict[str, object]:
    return {"first": int(first.timestamp()), "seconds": days * 86_400}


def _insert(
    tables: session.Session,
    statement: str,
    rows: int,
    made_of: Mapping[str, object],
) -> None:
    for begin in range(0, rows, CHUNK):
        tables.query(statement.format(**made_of, begin=begin, count=min(CHUNK, rows - begin)))


def _say_by_day(tables: session.Session) -> None:
    """What `website_freshness` would read of a materialized view."""
    tables.query(BY_DAY)
    began = time.perf_counter()
    answer = json.loads(str(tables.query(FROM_BY_DAY, "JSON")))
    seconds, read = time.perf_counter() - began, answer["statistics"]
    click.echo(
        f"  by website and day: {seconds:.3f} s, {read['rows_read']:,} rows, {read['bytes_read'] / 1e6:,.1f} MB"
    )


def _say_size(tables: session.Session, table: str) -> None:
    sizes = tables.query(
        f"SELECT sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active AND table = '{table}'",
        "TabSeparated",
    )
    rows, size = (int(each) for each in str(sizes).split())
    click.echo(f"{table}: {rows:,} rows, {size / 1e6:,.0f} MB, {size / rows:.1f} bytes each")


@contextmanager
def _tables(directory: Path, project: Project) -> Iterator[session.Session]:
    Engine(project, directory, LIMITS).close()
    tables = session.Session(str(directory))
    try:
        yield tables
    finally:
        tables.close()


@contextmanager
def _engine(directory: Path, project: Project) -> Iterator[Engine]:
    engine = Engine(project, directory, LIMITS)
    try:
        yield engine
    finally:
        engine.close()


if __name__ == "__main__":
    main()
