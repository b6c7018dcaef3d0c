"""What emitting costs, each figure beside something run in the same minute: `python -m benchmarks.emitter`.

Prints the cost of a call on the caller's thread, the memory that many waiting events take, delivered events per second
beside a bare loop that posts the same batches, and what the spool writes beside a plain file.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

import click

from analytics.ingest.emitter import Emitter, Visit
from analytics.ingest.events import VisitorEvent
from analytics.ingest.spool import directory as spool
from analytics.ingest.spool.queue import BATCH_BYTES, Queue
from analytics.transports.tinybird import Tinybird
from analytics.transports.tinybird_messages import ndjson_line
from benchmarks.harness.repeats import medians
from benchmarks.harness.rows import Row, say
from benchmarks.harness.stack import local_stack

NOWHERE: Final = "http://127.0.0.1:9"
WEBSITE: Final = "benchmark"
LINE: Final = b'{"timestamp":"2026-11-10 09:30:15","page_url":"' + b"x" * 250 + b'"}\n'
P99_AIM_US: Final = 100.0
DELIVERED_AIM: Final = 0.7
"""Least share of the bare loop's rate."""
REPEATS: Final = 3


@click.command()
@click.option("--events", default=150_000, show_default=True, help="How many are delivered.")
@click.option("--waiting", default=200_000, show_default=True, help="How many wait while memory is measured.")
@click.option("--calls", default=10_000, show_default=True, help="How many calls are timed one by one.")
def main(events: int, waiting: int, calls: int) -> None:
    """Measure an emitter on a local stack of its own, in a directory that is deleted afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="inbox-benchmark-") as directory,
        local_stack(Path(directory), "--no-demo-data") as stack,
    ):
        where = Path(directory)
        host, token = stack.env["TINYBIRD_HOST"], stack.env["TINYBIRD_APPEND_TOKEN"]
        with Emitter(host, token, where / "calls") as emitter:
            _emit(emitter, 5_000)
            plain_file = os.open(where / "calls" / "plain", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            for pause, pace in ((0.0005, "2,000 a second"), (0.0, "flat out")):
                plain = _timed(partial(_by_hand, plain_file), calls, pause)
                _tell_calls(f"one call, {pace}", _timed(partial(_call, emitter), calls, pause), plain)
            os.close(plain_file)
            emitter.flush(60)
        # Before the others: memory that they freed would be used again and not counted.
        _remembered(where, waiting)
        _delivered(host, token, where, events)
        _written(where, events)


def _tell_calls(name: str, seconds: Sequence[float], plain: Sequence[float]) -> None:
    p50, p99 = _percentiles(seconds)
    plain_p50, plain_p99 = _percentiles(plain)
    say(Row(f"{name}, p99", p99, "µs", P99_AIM_US))
    click.echo(
        f"  p50 {p50:.1f} µs; made, encoded and written by hand p50 {plain_p50:.1f}, p99 {plain_p99:.1f} µs"
    )


def _percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(seconds)
    return ordered[len(ordered) // 2] * 1e6, ordered[int(len(ordered) * 0.99)] * 1e6


def _timed(work: Callable[[int], object], calls: int, pause_seconds: float) -> list[float]:
    seconds = []
    for number in range(calls):
        began = time.perf_counter()
        work(number)
        seconds.append(time.perf_counter() - began)
        if pause_seconds:
            time.sleep(pause_seconds)
    return seconds


def _visit(number: int) -> Visit:
    return {
        "website_id": WEBSITE,
        "visitor_id": f"visitor-{number}",
        "session_id": f"session-{number}",
        "country_code": "DE",
        "city": "Berlin",
        "latitude": 52.52,
        "longitude": 13.405,
        "device_type": "desktop",
        "browser": "Firefox",
        "page_url": f"https://shop.example/product/{number}?from=newsletter",
    }


def _call(emitter: Emitter, number: int) -> bool:
    return emitter.page_view(**_visit(number))


def _by_hand(plain_file: int, number: int) -> None:
    event = VisitorEvent(timestamp=datetime.now(UTC), event_type="page_view", **_visit(number))
    os.write(plain_file, ndjson_line(event.row()))


def _emit(emitter: Emitter, events: int) -> None:
    accepted = sum(_call(emitter, number) for number in range(events))
    if accepted != events:
        sys.exit(f"{events - accepted} events were dropped")


def _delivered(host: str, token: str, where: Path, events: int) -> None:
    """End to end: from the first call until everything is confirmed; beside it the same bytes, ready made."""
    with Emitter(NOWHERE, token, where / "bodies", max_spool_bytes=1 << 34) as emitter:
        _emit(emitter, events)
    queue = Queue(where / "bodies", VisitorEvent.DATASOURCE, is_durable=False)
    queue.adopt()
    bodies = []
    while (batch := queue.take()) is not None:
        bodies.append(batch.body)
        queue.confirm(batch)
    numbers = count()

    def post() -> None:
        for body in bodies:
            tinybird.post_batch(VisitorEvent.DATASOURCE, body, wait=True, gzip_level=1, timeout_seconds=60)

    def deliver() -> None:
        spool_dir = where / f"delivered-{next(numbers)}"
        with Emitter(host, token, spool_dir, max_spool_bytes=1 << 34) as emitter:
            _emit(emitter, events)
            if not emitter.flush(600):
                sys.exit("Not everything was delivered")

    with Tinybird(host, "", token) as tinybird:
        seconds, bare = medians((deliver, post), REPEATS)
    say(
        Row(
            f"{events:,} events delivered by the emitter",
            seconds,
            "s",
            1 / DELIVERED_AIM,
            bare,
            "a bare loop of posts",
        )
    )
    click.echo(
        f"  {events / seconds:,.0f} events/s beside {events / bare:,.0f}, {len(bodies)} batches of up to {BATCH_BYTES:,} bytes"
    )


def _written(where: Path, events: int) -> None:
    """Ready made lines into the spool, and into a plain file with one `os.write` each."""
    line = LINE
    queue = Queue(where / "written", VisitorEvent.DATASOURCE, is_durable=False)

    def append() -> None:
        for _ in range(events):
            queue.append(line, 1)

    plain_file = os.open(where / "plain", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write() -> None:
        for _ in range(events):
            os.write(plain_file, line)

    spooled, plain = _seconds(append), _seconds(write)
    os.close(plain_file)
    queue.release()
    mb = events * len(line) / 1e6
    click.echo(f"spool                   {events / spooled:10,.0f} lines/s, {mb / spooled:6.0f} MB/s")
    click.echo(
        f"plain file append       {events / plain:10,.0f} lines/s, {mb / plain:6.0f} MB/s   "
        f"the spool reaches {plain / spooled:.2f} of it"
    )


def _remembered(where: Path, waiting: int) -> None:
    """Memory of this process while Tinybird is down."""
    with Emitter(NOWHERE, "token", where / "waiting", max_spool_bytes=1 << 34) as emitter:
        _emit(emitter, waiting // 100)
        before = _memory_mb()
        _emit(emitter, waiting)
        after = _memory_mb()
        counted = _seconds(lambda: spool.status(where / "waiting"))
        held = spool.status(where / "waiting")
    click.echo(
        f"memory, {waiting // 100:9,} waiting {before:7.1f} MB; {held.spooled:,} waiting {after:.1f} MB, "
        f"{after - before:+.1f} MB ({held.bytes / 1e6:,.0f} MB on disk, counted in {counted:.2f} s)"
    )


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _memory_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
