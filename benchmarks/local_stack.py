"""What the local stack costs: `python -m benchmarks.local_stack`.

Prints how long a start takes, its memory at rest and after many visitors, the latency of each pipe beside the smallest
answer of the server, and sending events over HTTP beside inserting the same bodies into ClickHouse.
"""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import click
import httpx2
from chdb import session

from analytics.scope import clock
from benchmarks.harness.repeats import medians
from benchmarks.harness.rows import Row, say
from benchmarks.harness.stack import local_stack

START_SECONDS: Final = {"first start, demo data made": 8.0, "second start": 2.0}
"""Most that a start may take."""
STARTS: Final = 3
MEMORY_MB: Final = 1024.0
ASK_SECONDS: Final = 5.0
INGEST_AIM: Final = 0.8
"""Least share of the rate of bare inserts."""
BATCH: Final = 20_000
"""Events of one request."""

PIPES: Mapping[str, Mapping[str, object]] = {
    "inbox_analytics": {"days": 30},
    "unique_visitors": {"days": 30},
    "kpi_timeseries": {"days": 30, "starts": "bucket_starts"},
    "visitor_timeseries": {"days": 30, "starts": "bucket_starts"},
    "conversation_breakdown": {"days": 30},
    "conversation_list": {"days": 30},
    "conversation_events": {"days": 30},
    "active_visitors": {},
    "visitor_locations": {},
    "visitor_activity": {},
    "data_freshness": {},
    "event_volume": {"starts": "day_starts"},
    "website_freshness": {},
}


@click.command()
@click.option("--events", default=100_000, show_default=True, help="How many events to send.")
@click.option("--queries", default=20, show_default=True, help="How often each pipe is asked.")
@click.option(
    "--minutes", default=0, show_default=True, help="How long all pipes are asked every 5 s after that."
)
@click.option("--repeats", default=5, show_default=True, help="How often the events are sent and inserted.")
def main(events: int, queries: int, minutes: int, repeats: int) -> None:
    """Measure a local stack with demo data, in a directory that is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="inbox-benchmark-") as name:
        directory = Path(name)
        _measure_starts([directory / str(number) for number in range(STARTS)])
        with (
            local_stack(directory / "0") as stack,
            httpx2.Client(base_url=stack.env["TINYBIRD_HOST"], timeout=60) as client,
        ):
            time.sleep(5)
            say(Row("local stack, memory at rest", _memory_mb(stack.pid), "MB", MEMORY_MB))
            website = _busiest_website(client, stack.env["TINYBIRD_ADMIN_TOKEN"])
            bodies = [_ndjson(range(start, min(start + BATCH, events))) for start in range(0, events, BATCH)]
            send = partial(_send, client, stack.env["TINYBIRD_APPEND_TOKEN"], bodies)
            send()
            asks = _asks(client, stack.env, website)
            _measure_pipes(client, asks, queries)
            _use(asks, minutes)
            used = f" and {minutes} minutes of use" if minutes else ""
            what = f"local stack, memory after {events:,} visitors{used}"
            say(Row(what, _memory_mb(stack.pid), "MB", MEMORY_MB))
            with _bare_table(directory / "bare") as insert:
                over_http, directly = medians((send, lambda: insert(bodies)), repeats)
            what = f"{events:,} events over HTTP"
            say(Row(what, over_http, "s", 1 / INGEST_AIM, directly, "inserts into ClickHouse"))


def _measure_starts(directories: Sequence[Path]) -> None:
    """A first and a second start on each."""
    seconds: dict[str, list[float]] = {start: [] for start in START_SECONDS}
    for directory in directories:
        for taken in seconds.values():
            with local_stack(directory) as stack:
                taken.append(stack.start_seconds)
    for start, aim in START_SECONDS.items():
        say(Row(f"local stack, {start}", statistics.median(seconds[start]), "s", aim))


def _busiest_website(client: httpx2.Client, token: str) -> str:
    query = "SELECT website_id FROM visitor_events GROUP BY 1 ORDER BY count() DESC LIMIT 1 FORMAT TSV"
    return client.get("/v0/sql", params={"q": query}, headers=_bearer(token)).text.strip()


def _asks(
    client: httpx2.Client, env: Mapping[str, str], website: str
) -> Mapping[str, Callable[[], httpx2.Response]]:
    """Asks each pipe, by its name, about the days that end now."""
    return {
        pipe: partial(_ask, client, env["TINYBIRD_READ_TOKEN"], pipe, website, options)
        for pipe, options in PIPES.items()
    }


def _ask(
    client: httpx2.Client, token: str, pipe: str, website: str, options: Mapping[str, object]
) -> httpx2.Response:
    now, parameters = datetime.now(UTC), {"website_id": website}
    if days := options.get("days"):
        first = now - timedelta(days=int(str(days)))
        parameters |= {"date_from": f"{first:%Y-%m-%d %H:%M:%S}", "date_to": f"{now:%Y-%m-%d %H:%M:%S}"}
    if starts := options.get("starts"):
        parameters[str(starts)] = clock.unix_seconds(clock.day_starts(now, 30, clock.parse_timezone("UTC")))
    return client.get(f"/v0/pipes/{pipe}.json", params=parameters, headers=_bearer(token)).raise_for_status()


def _measure_pipes(
    client: httpx2.Client, asks: Mapping[str, Callable[[], httpx2.Response]], queries: int
) -> None:
    smallest = _median_ms(lambda: client.get("/v0/health"), queries)
    click.echo(f"smallest answer of the server {smallest:8.1f} ms")
    for pipe, ask in asks.items():
        median = _median_ms(ask, queries)
        click.echo(f"{pipe:<30}{median:8.1f} ms  {median / smallest:.0f} times the smallest")


def _use(asks: Mapping[str, Callable[[], httpx2.Response]], minutes: int) -> None:
    ends_at = time.monotonic() + minutes * 60
    while time.monotonic() < ends_at:
        for ask in asks.values():
            ask()
        time.sleep(ASK_SECONDS)


def _median_ms(call: Callable[[], object], times: int) -> float:
    call()
    return statistics.median(_seconds(call) for _ in range(times)) * 1000


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _event(number: int) -> dict[str, object]:
    return {
        "timestamp": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
        "website_id": "benchmark",
        "visitor_id": f"visitor-{number}",
        "session_id": f"session-{number}",
        "event_type": "seen",
        "country_code": "GB",
        "city": "London",
        "latitude": 51.5,
        "longitude": -0.12,
        "device_type": "desktop",
        "browser": "Firefox",
        "page_url": f"https://example.com/{number % 500}",
    }


def _send(client: httpx2.Client, token: str, bodies: Sequence[bytes]) -> None:
    params = {"name": "visitor_events", "wait": "true"}
    for body in bodies:
        client.post("/v0/events", params=params, headers=_bearer(token), content=body).raise_for_status()


@contextmanager
def _bare_table(directory: Path) -> Iterator[Callable[[Sequence[bytes]], None]]:
    """Gives a function that inserts events into a table of the same columns, in this process and without checks."""
    clickhouse = session.Session(str(directory))
    columns = ", ".join(
        f"{name} {'Float32' if isinstance(value, float) else 'String'}" for name, value in _event(0).items()
    )
    clickhouse.query("CREATE DATABASE bare")
    clickhouse.query(f"CREATE TABLE bare.events ({columns}) ENGINE = MergeTree ORDER BY website_id")

    def insert(bodies: Sequence[bytes]) -> None:
        for body in bodies:
            clickhouse.query(b"INSERT INTO bare.events FORMAT JSONEachRow " + body)

    try:
        yield insert
    finally:
        clickhouse.close()


def _ndjson(numbers: Sequence[int]) -> bytes:
    return "\n".join(json.dumps(_event(number)) for number in numbers).encode()


def _memory_mb(parent: int) -> float:
    """Proportional memory of a process and all below it; what they share counts once."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(status.parent.name))
    total, waiting = 0, [parent]
    while waiting:
        process = waiting.pop()
        waiting += children.get(process, [])
        rollup = Path(f"/proc/{process}/smaps_rollup")
        if os.access(rollup, os.R_OK):
            total += next(
                int(line.split()[1]) for line in rollup.read_text().splitlines() if line.startswith("Pss:")
            )
    return total / 1024


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


if __name__ == "__main__":
    main()
