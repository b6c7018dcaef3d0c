"""What was accepted arrives, whatever happens to the process, the server or the disk: every event counted by its id."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from analytics.ingest.emitter import Emitter
from analytics.ingest.spool import dead_letters as refused
from analytics.ingest.spool import directory as spool
from analytics.ingest.spool.segment import HEADER_BYTES
from analytics.ingest.spool.settings import SpoolSettings
from tests.conftest import ROOT, LocalStack
from tests.ingest.misbehaving import RETRY_AFTER_SECONDS, Behaviour, Proxy, misbehaving
from tests.ingest.stored import Stored
from tests.local.tinybird_server import TOKENS, running

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
DRAIN_SECONDS = 60.0
QUICK = SpoolSettings(
    first_backoff_seconds=0.05,
    max_backoff_seconds=0.2,
    misconfigured_seconds=0.3,
    answer_seconds=1.5,
    linger_seconds=0.02,
    batch_events=50,
)
"""The same waits, in fractions of their time."""


@pytest.fixture
def proxy(local_stack: LocalStack) -> Iterator[Proxy]:
    """A proxy in front of the local stack."""
    with misbehaving(local_stack.host) as running_proxy:
        yield running_proxy


def drained(emitter: Emitter, directory: Path) -> bool:
    """Whether everything in the directory is delivered in time, other processes' leavings included."""
    emitter.flush(0)
    deadline = time.monotonic() + DRAIN_SECONDS
    while time.monotonic() < deadline:
        if spool.status(directory).spooled == 0 and emitter.flush(1.0):
            return True
        time.sleep(0.05)
    return False


def emit(emitter: Emitter, website: str, names: range) -> set[str]:
    """Emits page views; the ids that were accepted."""
    return {
        f"v{number}"
        for number in names
        if emitter.page_view(website_id=website, visitor_id=f"v{number}", page_url="https://x.example/")
    }


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_kill_9_at_random_moments_loses_nothing(
    local_stack: LocalStack, stored: Stored, tmp_path: Path, seed: int
) -> None:
    """15 processes one after the other on one spool, each killed under load: every accepted id arrives."""
    accepted_file, rounds = tmp_path / "accepted", 15
    subprocess.run(
        [
            *(sys.executable, "-m", "tests.ingest.emit_until_killed"),
            *(local_stack.host, local_stack.append_token, str(tmp_path / "spool"), stored.website_id),
            *(str(accepted_file), str(rounds), str(seed)),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        timeout=DRAIN_SECONDS,
    )
    with Emitter(local_stack.host, local_stack.append_token, tmp_path / "spool") as emitter:
        assert drained(emitter, tmp_path / "spool")
    accepted = set(accepted_file.read_text().splitlines())
    views = stored.ids("visitor_events")
    resolved = stored.ids("conversation_metrics")
    assert len(accepted) > rounds
    assert accepted <= set(views) | set(resolved)
    assert (
        len(set(views) | set(resolved)) <= len(accepted) + rounds
    )  # one call of each child was never answered
    by_type = stored.sql(
        "SELECT event_type, uniqExact(conversation_id) AS n FROM conversation_metrics "
        f"WHERE website_id = '{stored.website_id}' GROUP BY event_type"
    )
    assert {row["n"] for row in by_type} == {len(resolved)}, (
        "conversation_resolved and ai_resolved go together"
    )
    # A child killed before its first event leaves a file with nothing in it, which goes with the next look around.
    left = spool.status(tmp_path / "spool")
    assert (left.spooled, left.refused, left.oldest) == (0, 0, None)


@pytest.mark.parametrize(
    "behaviours",
    [
        pytest.param(["broken", "broken", "broken"], id="500"),
        pytest.param(["reset", "reset"], id="connection reset"),
        pytest.param(["reset after", "reset after"], id="connection reset after storing"),
        pytest.param(["lost"], id="timeout after storing"),
        pytest.param(["garbled"], id="an answer that is none"),
        pytest.param(["slow", "slow"], id="slow answers"),
        pytest.param(["forbidden", "forbidden"], id="a wrong token, later put right"),
        pytest.param(["busy", "reset", "broken", "slow", "garbled", "lost"], id="everything"),
    ],
)
def test_no_answer_loses_an_event(
    local_stack: LocalStack, stored: Stored, proxy: Proxy, tmp_path: Path, behaviours: list[Behaviour]
) -> None:
    """Whatever the first requests meet, all events arrive, and none is kept aside."""
    for behaviour in behaviours:
        proxy.plan.put(behaviour)
    with Emitter(proxy.host, local_stack.append_token, tmp_path, settings=QUICK) as emitter:
        accepted = emit(emitter, stored.website_id, range(200))
        assert emitter.flush(DRAIN_SECONDS)
        counters = emitter.counters()
    proxy.released.set()
    assert set(stored.ids("visitor_events")) == accepted
    assert len(accepted) == 200
    assert (counters.refused, counters.dropped, counters.spooled) == (0, 0, 0)
    assert counters.retried >= sum(behaviour != "slow" for behaviour in behaviours)
    assert {behaviour for *_, behaviour in proxy.seen} == {*behaviours, "ok"}


def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(
    local_stack: LocalStack, stored: Stored, proxy: Proxy, tmp_path: Path
) -> None:
    """429 with `Retry-After`: no request comes earlier; the other queue goes on meanwhile."""
    proxy.plan.put("busy")
    with Emitter(proxy.host, local_stack.append_token, tmp_path, settings=QUICK) as emitter:
        emit(emitter, stored.website_id, range(10))
        while not proxy.met("busy"):
            time.sleep(0.01)
        for number in range(10):
            emitter.escalated(website_id=stored.website_id, visitor_id="v", conversation_id=f"c{number}")
        assert emitter.flush(DRAIN_SECONDS)
    busy_at = next(at for at, *_, behaviour in proxy.seen if behaviour == "busy")
    later = [(at - busy_at, datasource) for at, datasource, *_ in proxy.seen if at > busy_at]
    assert min(after for after, name in later if name == "visitor_events") >= RETRY_AFTER_SECONDS
    assert later[0][1] == "conversation_metrics"
    assert len(stored.ids("visitor_events")) == 10
    assert len(stored.ids("conversation_metrics", "conversation_id")) == 10


def test_a_server_that_is_down_for_longer_than_the_batches(tmp_path: Path) -> None:
    """Events of two outages of a killed server, each across a restart of the emitter, all arrive."""
    data, directory, accepted = tmp_path / "data", tmp_path / "spool", set[str]()
    data.mkdir()
    website = f"site-{uuid4().hex}"
    with misbehaving("http://127.0.0.1:9") as proxy:
        for outage in range(2):
            with Emitter(proxy.host, TOKENS.append, directory, settings=QUICK) as emitter:
                accepted |= emit(emitter, website, range(outage * 1000, outage * 1000 + 500))
                assert not emitter.flush(0.5)
                assert emitter.failure is not None
                assert spool.status(directory).spooled == 500
            with Emitter(proxy.host, TOKENS.append, directory, settings=QUICK) as emitter:
                accepted |= emit(emitter, website, range(outage * 1000 + 500, outage * 1000 + 1000))
                with running(data, ROOT / "tinybird") as server:
                    proxy.upstream = server.host
                    assert drained(emitter, directory)
                    server.process.kill()
                    server.process.wait()
        with running(data, ROOT / "tinybird") as server:
            assert set(Stored(server.host, TOKENS.admin, website).ids("visitor_events")) == accepted
    assert len(accepted) == 2000


def test_a_full_disk_is_a_clear_error_and_the_process_lives(
    local_stack: LocalStack, stored: Stored, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """On a tmpfs of 256 kB: calls return False once it is full, what was accepted arrives, and then there is room."""
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip("mounting a small disk is not permitted here")
    try:
        with Emitter("http://127.0.0.1:9", local_stack.append_token, tmp_path / "spool") as emitter:
            accepted = emit(emitter, stored.website_id, range(3000))
            dropped = emitter.counters().dropped
        assert 100 < len(accepted) < 3000
        assert dropped == 3000 - len(accepted)
        assert [record.message for record in caplog.records if "No space left on device" in record.message]
        assert sum("dropped" in record.message for record in caplog.records) == 1
        with Emitter(local_stack.host, local_stack.append_token, tmp_path / "spool") as emitter:
            assert drained(emitter, tmp_path / "spool")
            assert emitter.page_view(website_id=stored.website_id, visitor_id="after")
            assert emitter.flush(DRAIN_SECONDS)
        assert set(stored.ids("visitor_events")) == accepted | {"after"}
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


_LIMITED = """
import logging, resource, sys
from pathlib import Path
from analytics.ingest.emitter import Emitter
logging.basicConfig(stream=sys.stderr)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
emitter = Emitter("http://127.0.0.1:9", "token", Path(sys.argv[1]))
taken = [n for n in range(1000) if emitter.page_view(website_id=sys.argv[2], visitor_id=f"v{n}")]
print(*(f"v{n}" for n in taken))
"""


def test_a_line_that_only_fits_in_part_leaves_no_trace(
    local_stack: LocalStack, stored: Stored, tmp_path: Path
) -> None:
    """A file that may not grow any more cuts a write short: that call returns False and all others arrive."""
    child = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(tmp_path), stored.website_id],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=DRAIN_SECONDS,
        check=True,
    )
    accepted = set(child.stdout.split())
    assert 100 < len(accepted) < 1000
    assert "File too large" in child.stderr
    with Emitter(local_stack.host, local_stack.append_token, tmp_path) as emitter:
        assert drained(emitter, tmp_path)
    assert set(stored.ids("visitor_events")) == accepted
    assert not list(refused.refusals(tmp_path))


@pytest.mark.parametrize("seed", range(8))
def test_a_spool_file_cut_in_the_middle_loses_the_cut_line_alone(
    local_stack: LocalStack, stored: Stored, tmp_path: Path, seed: int
) -> None:
    """Cut at a random byte while it had no owner: all lines before it arrive, the cut one is kept aside."""
    with Emitter("http://127.0.0.1:9", local_stack.append_token, tmp_path) as emitter:
        emit(emitter, stored.website_id, range(50))
    (segment,) = spool.segments(tmp_path)
    chance = random.Random(seed)  # noqa: S311
    content = segment.read_bytes()
    cut = chance.randrange(HEADER_BYTES + 1, len(content))
    os.truncate(segment, cut)
    whole = content[HEADER_BYTES:cut].count(b"\n") + (content[cut : cut + 1] == b"\n")
    with Emitter(local_stack.host, local_stack.append_token, tmp_path) as emitter:
        assert drained(emitter, tmp_path)
        status = spool.status(tmp_path)
    assert set(stored.ids("visitor_events")) == {f"v{number}" for number in range(whole)}
    is_cut = content[cut - 1 : cut] != b"\n" and content[cut : cut + 1] != b"\n"
    assert status.refused == is_cut


def test_a_file_cut_under_a_living_emitter_loses_nothing_that_comes_later(
    local_stack: LocalStack,
    stored: Stored,
    tmp_path: Path,
    proxy: Proxy,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Events before the cut and after it arrive; the emitter says how many are gone, and goes on in another file."""
    proxy.standing = "broken"
    with Emitter(proxy.host, local_stack.append_token, tmp_path, settings=QUICK) as emitter:
        emit(emitter, stored.website_id, range(100))
        (segment,) = spool.segments(tmp_path)
        lines = segment.read_bytes()[HEADER_BYTES:].splitlines(keepends=True)
        os.truncate(segment, HEADER_BYTES + sum(map(len, lines[:60])) + 5)
        emit(emitter, stored.website_id, range(100, 150))
        proxy.standing = "ok"
        assert emitter.flush(DRAIN_SECONDS)
        emit(emitter, stored.website_id, range(150, 200))
        assert emitter.flush(DRAIN_SECONDS)
        counters = emitter.counters()
        assert (counters.refused, counters.lost) == (1, 39)
    assert "39 accepted events of visitor_events are lost" in caplog.text
    kept = {f"v{number}" for number in [*range(60), *range(100, 200)]}
    assert set(stored.ids("visitor_events")) == kept


def test_a_file_deleted_under_a_living_emitter(
    local_stack: LocalStack, stored: Stored, tmp_path: Path, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    """Later events are on the disk at once, in another file; the others are sent as long as the process lives."""
    proxy.standing = "broken"
    with Emitter(proxy.host, local_stack.append_token, tmp_path, settings=QUICK) as emitter:
        emit(emitter, stored.website_id, range(10))
        (segment,) = spool.segments(tmp_path)
        segment.unlink()
        emit(emitter, stored.website_id, range(10, 20))
        assert spool.status(tmp_path).spooled == 10
        assert "A file of visitor_events was cut or deleted from outside" in caplog.text
        proxy.standing = "ok"
        assert emitter.flush(DRAIN_SECONDS)
        assert emitter.counters().lost == 0
    assert set(stored.ids("visitor_events")) == {f"v{number}" for number in range(20)}


def test_a_deleted_file_that_was_not_sent_is_counted_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """When the emitter releases a file that no other process can read."""
    emitter = Emitter("http://127.0.0.1:9", "token", tmp_path, settings=QUICK)
    emit(emitter, "w", range(10))
    (segment,) = spool.segments(tmp_path)
    segment.unlink()
    emitter.close()
    assert emitter.counters().lost == 10
    assert "10 accepted events of visitor_events are lost" in caplog.text
