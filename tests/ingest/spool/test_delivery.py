"""Processes: several on one spool, their ends, what each answer means, and what is kept aside."""

import gzip
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from analytics.ingest.emitter import Emitter
from analytics.ingest.spool import dead_letters as refused
from analytics.ingest.spool import delivery, heartbeats, queue, sender
from analytics.ingest.spool import directory as spool
from analytics.ingest.spool.heartbeats import MIN_INTERVAL, Heartbeats
from analytics.ingest.spool.settings import SpoolSettings
from analytics.transports.tinybird import Tinybird
from tests.conftest import ROOT, LocalStack
from tests.ingest.misbehaving import NARROW_EVENTS, Proxy, misbehaving
from tests.ingest.program import run
from tests.ingest.stored import Stored

QUICK = SpoolSettings(linger_seconds=0.02, misconfigured_seconds=0.2)
NOWHERE = "http://127.0.0.1:9"
FLUSH_SECONDS = 30.0


@pytest.fixture
def proxy(local_stack: LocalStack) -> Iterator[Proxy]:
    """A proxy in front of the local stack."""
    with misbehaving(local_stack.host) as running:
        yield running


def emptied(emitter: Emitter) -> bool:
    """Whether an emitter delivers all that waits in its directory in time, what others have left there too."""
    emitter.flush(0)
    deadline = time.monotonic() + FLUSH_SECONDS
    while emitter.counters().spooled and time.monotonic() < deadline:
        time.sleep(0.05)
    return emitter.counters().spooled == 0


def five_sent(tinybird: Tinybird, directory: Path) -> sender.Sender:
    """The sender that took five page views from a spool and sent them."""
    writer = Emitter(NOWHERE, "token", directory)
    for number in range(5):
        writer.page_view(website_id="w", visitor_id=f"v{number}")
    writer.close()
    way = queue.Queue(directory, "visitor_events")
    each = sender.Sender(way, directory, spool.SizeLimit(directory, 10**9), lambda: tinybird)
    each.wake()
    deadline = time.monotonic() + FLUSH_SECONDS
    while spool.status(directory).spooled and time.monotonic() < deadline:
        time.sleep(0.02)
    each.stop(FLUSH_SECONDS)
    return each


_EXITS = """
import sys
from pathlib import Path
from analytics.ingest.emitter import Emitter
host, token, spool, website = sys.argv[1:]
emitter = Emitter(host, token, Path(spool))
for number in range(100):
    assert emitter.page_view(website_id=website, visitor_id=f"v{number}")
"""


def test_a_process_that_ends_sends_its_last_events(
    local_stack: LocalStack, stored: Stored, tmp_path: Path
) -> None:
    """Without a word from the service: all are there when the process is gone, and its spool is empty."""
    run(_EXITS, local_stack.host, local_stack.append_token, str(tmp_path), stored.website_id)
    assert len(stored.ids("visitor_events")) == 100
    assert spool.status(tmp_path) == spool.SpoolStatus(0, 0, None, 0)


def test_a_process_that_ends_does_not_wait_for_a_server_that_is_down(tmp_path: Path, stored: Stored) -> None:
    """Its events wait on the disk instead."""
    run(_EXITS, NOWHERE, "token", str(tmp_path), stored.website_id)
    assert spool.status(tmp_path).spooled == 100


_IMPORTS = """
import sys, threading, time
from pathlib import Path
class Recorder:
    def find_spec(self, name, path=None, target=None):
        if threading.current_thread().name.startswith("send "):
            print(name)
sys.meta_path.insert(0, Recorder())
from analytics.ingest.emitter import Emitter
from analytics.ingest.spool.settings import SpoolSettings
proxy, host, append_token, admin_token, directory, website = sys.argv[1:]
quick = SpoolSettings(first_backoff_seconds=0.05, misconfigured_seconds=0.05)
for address, admin in ((host, admin_token), (proxy, None)):
    with Emitter(address, append_token, Path(directory), admin_token=admin, settings=quick) as emitter:
        assert emitter.page_view(website_id=website, visitor_id="v")
        deadline = time.monotonic() + 30
        while emitter.counters().spooled and time.monotonic() < deadline:
            time.sleep(0.05)
        print(emitter.counters().sent, emitter.counters().refused)
"""


def test_nothing_is_imported_while_sending(
    local_stack: LocalStack, proxy: Proxy, stored: Stored, tmp_path: Path
) -> None:
    """Whatever Tinybird answers: a fork in the middle of an import leaves a child that can never do it again."""
    segment_dir = tmp_path / "conversation_metrics"
    segment_dir.mkdir()
    (segment_dir / "1.ndjson").write_text("0" * 18 + '21\n{"event_type": 1}\n')
    for behaviour in ("broken", "broken", "busy", "forbidden", "reset", "garbled"):
        proxy.plan.put(behaviour)
    said = run(
        _IMPORTS,
        proxy.host,
        local_stack.host,
        local_stack.append_token,
        local_stack.admin_token,
        str(tmp_path),
        stored.website_id,
    )
    assert (said.stdout, proxy.plan.empty()) == ("1 1\n1 0\n", True)


def test_several_emitters_share_a_directory(local_stack: LocalStack, stored: Stored, tmp_path: Path) -> None:
    """Six processes at once on one spool: every event arrives once."""
    arguments = (local_stack.host, local_stack.append_token, str(tmp_path), stored.website_id)
    program = _EXITS.replace('f"v{number}"', "f\"{__import__('os').getpid()}-{number}\"")
    children = [
        subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for _ in range(6)
    ]
    assert [child.wait(60) for child in children] == [0] * 6
    ids = stored.ids("visitor_events")
    assert (len(ids), ids.total()) == (600, 600)


def test_calls_after_the_end_still_reach_the_disk(
    local_stack: LocalStack, stored: Stored, tmp_path: Path
) -> None:
    """A late thread of a service that shuts down loses nothing: the next process sends it."""
    emitter = Emitter(local_stack.host, local_stack.append_token, tmp_path)
    assert emitter.close()
    assert emitter.page_view(website_id=stored.website_id, visitor_id="late")
    emitter.close()
    with Emitter(local_stack.host, local_stack.append_token, tmp_path) as second:
        assert emptied(second)
    assert stored.ids("visitor_events") == {"late": 1}


def test_durable_events_reach_the_disk_before_the_call_returns(
    local_stack: LocalStack, stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel is asked to write each one; without the setting it never is."""
    synced: list[int] = []
    original = os.fdatasync

    def noted(fd: int) -> None:
        synced.append(fd)
        original(fd)

    monkeypatch.setattr(os, "fdatasync", noted)
    for is_durable, expected in ((False, 0), (True, 3)):
        with Emitter(local_stack.host, local_stack.append_token, tmp_path, is_durable=is_durable) as emitter:
            for number in range(3):
                assert emitter.page_view(website_id=stored.website_id, visitor_id=f"{is_durable}{number}")
        assert len(synced) == expected
    assert len(stored.ids("visitor_events")) == 6


def test_one_event_that_is_refused_takes_no_other_along(
    local_stack: LocalStack, stored: Stored, proxy: Proxy, tmp_path: Path
) -> None:
    """400 because of one of 64: that one is kept aside with the reason, and can be sent again."""
    proxy.standing = "picky"
    with Emitter(proxy.host, local_stack.append_token, tmp_path, settings=QUICK) as emitter:
        for number in range(64):
            url = "https://x.example/poison" if number == 41 else None
            emitter.page_view(website_id=stored.website_id, visitor_id=f"v{number}", page_url=url)
        assert emitter.flush(FLUSH_SECONDS)
        assert (emitter.counters().sent, emitter.counters().refused) == (63, 1)
        assert set(stored.ids("visitor_events")) == {f"v{number}" for number in range(64)} - {"v41"}
        (kept,) = (tmp_path / "refused").rglob("*.ndjson")
        header, event = (json.loads(line) for line in kept.read_text().splitlines())
        assert (header["kind"], header["events"], header["status"]) == ("refused", 1, 400)
        assert "poison is not wanted" in header["reason"]
        assert event["visitor_id"] == "v41"
        proxy.standing = "ok"
        assert emitter.resend_refused().events == 1
        assert emptied(emitter)
    assert stored.ids("visitor_events")["v41"] == 1
    assert spool.status(tmp_path) == spool.SpoolStatus(0, 0, None, 0)


def test_a_batch_that_is_too_large_is_sent_in_parts(
    local_stack: LocalStack, stored: Stored, proxy: Proxy, tmp_path: Path
) -> None:
    """413: all arrive, and nothing is kept aside."""
    proxy.standing = "narrow"
    with Emitter(proxy.host, local_stack.append_token, tmp_path, settings=QUICK) as emitter:
        for number in range(20):
            emitter.page_view(website_id=stored.website_id, visitor_id=f"v{number}")
        assert emitter.flush(FLUSH_SECONDS)
        assert emitter.counters().refused == 0
    assert stored.ids("visitor_events").total() == 20
    assert max(events for _, _, events, _ in proxy.seen) > NARROW_EVENTS


def test_looking_for_the_refused_ends(
    local_stack: LocalStack,
    stored: Stored,
    proxy: Proxy,
    tmp_path: Path,
) -> None:
    """Where every event is refused, no more than `max_parts` are split, and all are kept."""
    settings = replace(QUICK, max_parts=8)
    with Emitter(NOWHERE, local_stack.append_token, tmp_path) as emitter:
        for number in range(200):
            url = "https://x.example/poison"
            emitter.page_view(website_id=stored.website_id, visitor_id=f"v{number}", page_url=url)
    proxy.standing = "picky"
    with Emitter(proxy.host, local_stack.append_token, tmp_path, settings=settings) as emitter:
        assert emptied(emitter)
    assert spool.status(tmp_path).refused == 200
    assert 8 < len(proxy.seen) < 2 * 8


@pytest.mark.parametrize("has_admin", [True, False])
def test_quarantined_events_are_kept_aside(
    local_stack: LocalStack, stored: Stored, tmp_path: Path, has_admin: bool
) -> None:
    """With an admin token exactly these, with the reason; without one, the whole batch, and that the events are not known."""
    segment_dir = tmp_path / "conversation_metrics"
    segment_dir.mkdir()
    lines = [
        json.dumps(
            {
                "timestamp": "2026-11-10 09:30:15",
                "website_id": stored.website_id,
                "visitor_id": "v",
                "event_type": "escalated",
                "conversation_id": f"c{number}",
                "duration_seconds": "long" if number == 3 else 0,
            }
        )
        for number in range(5)
    ]
    (segment_dir / "1.ndjson").write_text("0" * 18 + "21\n" + "".join(f"{line}\n" for line in lines))
    with Emitter(
        local_stack.host,
        local_stack.append_token,
        tmp_path,
        admin_token=local_stack.admin_token if has_admin else None,
    ) as emitter:
        assert emptied(emitter)
        counters = emitter.counters()
    assert (counters.sent, counters.refused) == (4, 1)
    (kept,) = (tmp_path / "refused").rglob("*.ndjson")
    header, *events = kept.read_text().splitlines()
    assert json.loads(header)["kind"] == "quarantined"
    assert events == ([lines[3]] if has_admin else lines)
    assert ("duration_seconds" if has_admin else "only an admin token") in json.loads(header)["reason"]
    assert len(stored.ids("conversation_metrics", "conversation_id")) == 4


def test_a_quarantined_row_with_a_list_for_an_id_is_sent_once(
    local_stack: LocalStack, proxy: Proxy, tmp_path: Path
) -> None:
    """It is found in the quarantine and kept aside, as any other value that is no text."""
    folder = tmp_path / "conversation_metrics"
    folder.mkdir()
    event = {
        "timestamp": "2026-11-10 09:30:15",
        "website_id": ["w"],
        "visitor_id": "v",
        "event_type": "escalated",
    }
    line = json.dumps({**event, "conversation_id": "c", "duration_seconds": "long"})
    (folder / "1.ndjson").write_text("0" * 18 + f"21\n{line}\n")
    admin = local_stack.admin_token
    with Emitter(
        proxy.host, local_stack.append_token, tmp_path, admin_token=admin, settings=QUICK
    ) as emitter:
        assert emptied(emitter)
        assert (emitter.counters().spooled, emitter.counters().refused) == (0, 1)
    assert proxy.met("ok") == 1


def test_a_quarantine_that_cannot_be_understood_sends_nothing_again(tmp_path: Path) -> None:
    """Tinybird has stored the batch: whatever goes wrong afterwards keeps it aside."""
    posts: list[int] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path != "/v0/events":
            return httpx2.Response(200, json={"meta": [], "data": [{"timestamp": "without a reason"}]})
        posts.append(gzip.decompress(request.content).count(b"\n"))
        return httpx2.Response(200, json={"successful_rows": posts[-1] - 1, "quarantined_rows": 1})

    with Tinybird(NOWHERE, "", "token", "admin", transport=httpx2.MockTransport(answer)) as tinybird:
        each = five_sent(tinybird, tmp_path)
    assert (posts, each.sent, each.refused) == ([5], 4, 1)
    [(_, refusal)] = refused.refusals(tmp_path)
    assert "KeyError in " in refusal.reason


def test_counts_beyond_what_was_sent_keep_no_event_twice(tmp_path: Path) -> None:
    """A server that counts wrongly: the events are confirmed once, and none of its numbers is added up."""

    def answer(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"successful_rows": 10**9, "quarantined_rows": 10**9})

    with Tinybird(NOWHERE, "", "token", transport=httpx2.MockTransport(answer)) as tinybird:
        each = five_sent(tinybird, tmp_path)
    assert (each.sent, each.refused) == (5, 0)


def test_a_wait_that_tinybird_asks_for_is_said_as_a_duration(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And is not as long as it asks."""

    def answer(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(429, headers={"Retry-After": "999999"})

    writer = Emitter(NOWHERE, "token", tmp_path)
    writer.page_view(website_id="w", visitor_id="v")
    writer.close()
    caplog.clear()
    with Tinybird(NOWHERE, "", "token", transport=httpx2.MockTransport(answer)) as tinybird:
        way = queue.Queue(tmp_path, "visitor_events")
        each = sender.Sender(way, tmp_path, spool.SizeLimit(tmp_path, 10**9), lambda: tinybird)
        each.wake()
        deadline = time.monotonic() + FLUSH_SECONDS
        while not each.failure and time.monotonic() < deadline:
            time.sleep(0.02)
        assert each.stop(FLUSH_SECONDS)
    assert "over its rate limit. Trying again in 5 minutes." in caplog.text


def test_a_slow_answer_at_the_end_leaves_the_spool_to_others(
    proxy: Proxy, local_stack: LocalStack, stored: Stored, tmp_path: Path
) -> None:
    """`close` does not wait for it; the next emitter delivers what is left, in the same process too."""
    first = Emitter(proxy.host, local_stack.append_token, tmp_path, settings=QUICK)
    proxy.standing = "lost"
    first.page_view(website_id=stored.website_id, visitor_id="v1")
    deadline = time.monotonic() + FLUSH_SECONDS
    while not proxy.met("lost") and time.monotonic() < deadline:
        time.sleep(0.01)
    first.page_view(website_id=stored.website_id, visitor_id="v2")
    assert not first.close(0.1)
    proxy.standing = "ok"
    proxy.released.set()
    with Emitter(proxy.host, local_stack.append_token, tmp_path, settings=QUICK) as second:
        assert emptied(second)
    assert set(stored.ids("visitor_events")) == {"v1", "v2"}


def test_the_end_does_not_wait_for_the_next_look_at_the_directory(
    local_stack: LocalStack, stored: Stored, tmp_path: Path
) -> None:
    """Nor right after a request, while the sender waits for the next events."""
    others = set(threading.enumerate())
    settings = SpoolSettings(scan_seconds=3_600.0)
    with Emitter(local_stack.host, local_stack.append_token, tmp_path, settings=settings) as emitter:
        emitter.page_view(website_id=stored.website_id, visitor_id="v")
        assert emitter.flush(FLUSH_SECONDS)
    assert [each.name for each in set(threading.enumerate()) - others if each.name.startswith("send ")] == []


def test_a_fault_of_the_sender_ends_no_thread(
    local_stack: LocalStack, stored: Stored, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Two unexpected exceptions: logged without their text, then the same thread delivers."""
    writer = Emitter(NOWHERE, "token", tmp_path)
    writer.page_view(website_id=stored.website_id, visitor_id="v")
    writer.close()
    faults, threads = [ValueError("p.secret"), KeyError("p.secret")], set[int]()
    tinybird = Tinybird(local_stack.host, "", local_stack.append_token, None)

    def connect() -> Tinybird:
        threads.add(threading.get_ident())
        if faults:
            raise faults.pop()
        return tinybird

    way = queue.Queue(tmp_path, "visitor_events")
    each = sender.Sender(way, tmp_path, spool.SizeLimit(tmp_path, 10**9), connect)
    each.wake()
    deadline = time.monotonic() + FLUSH_SECONDS
    while spool.status(tmp_path).spooled and time.monotonic() < deadline:
        each.wake()
        time.sleep(0.02)
    each.stop(FLUSH_SECONDS)
    way.release()
    tinybird.close()
    assert (each.sent, len(threads)) == (1, 1)
    assert "KeyError in connect, test_delivery.py" in caplog.text
    assert "p.secret" not in caplog.text


def test_a_file_that_cannot_be_opened_stops_no_other(
    local_stack: LocalStack,
    stored: Stored,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is said once and counted; events from before and after it are delivered."""
    settings = SpoolSettings(scan_seconds=0.02)
    with Emitter(NOWHERE, "token", tmp_path) as writer:
        writer.page_view(website_id=stored.website_id, visitor_id="left")
    (tmp_path / "visitor_events" / "0.ndjson").mkdir()
    with Emitter(local_stack.host, local_stack.append_token, tmp_path, settings=settings) as emitter:
        for number in range(3):
            assert emitter.page_view(website_id=stored.website_id, visitor_id=f"v{number}")
            assert emitter.flush(FLUSH_SECONDS)
        assert emptied(emitter)
        assert (emitter.counters().unreadable, emitter.counters().spooled) == (1, 0)
    assert set(stored.ids("visitor_events")) == {"left", "v0", "v1", "v2"}
    assert sum("0.ndjson cannot be read" in record.message for record in caplog.records) == 1


def test_what_tinybird_did_not_confirm_is_kept_aside(
    local_stack: LocalStack, stored: Stored, proxy: Proxy, tmp_path: Path
) -> None:
    """It says it has stored one event fewer: the batch is kept, one event counts as refused."""
    proxy.plan.put("forgetful")
    with Emitter(proxy.host, local_stack.append_token, tmp_path, settings=QUICK) as emitter:
        for number in range(5):
            emitter.escalated(website_id=stored.website_id, visitor_id="v", conversation_id=f"c{number}")
        assert emitter.flush(FLUSH_SECONDS)
        assert (emitter.counters().sent, emitter.counters().refused) == (4, 1)


def test_a_wrong_token_is_said_and_throws_nothing_away(
    local_stack: LocalStack, tmp_path: Path, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    """The remedy names the variable; the events stay, the token is in no text."""
    with Emitter(proxy.host, "p.wrong-token", tmp_path, settings=QUICK) as emitter:
        emitter.page_view(website_id="w", visitor_id="v")
        assert not emitter.flush(0.5)
        assert "TINYBIRD_APPEND_TOKEN" in str(emitter.failure)
        assert (emitter.counters().spooled, emitter.counters().refused) == (1, 0)
    assert "TINYBIRD_APPEND_TOKEN" in caplog.text
    assert "wrong-token" not in caplog.text


def test_the_refused_folder_survives_damage(tmp_path: Path) -> None:
    """A file whose first line says nothing counts as one damaged event, and is never sent."""
    folder = tmp_path / "refused" / "visitor_events"
    folder.mkdir(parents=True)
    (folder / "1.ndjson").write_bytes(b"\xff\x00")
    (folder / "2.new").write_bytes(b"half")
    assert spool.status(tmp_path).refused == 1
    assert refused.resend(tmp_path) == refused.Resent(events=0, left=1)
    assert (folder / "1.ndjson").exists()


def test_processes_send_one_heartbeat_of_a_visitor(tmp_path: Path) -> None:
    """An event that another process on the directory has just sent is not sent again, also after that process ended."""
    program = """
import sys
from datetime import datetime
from pathlib import Path
from analytics.ingest.emitter import Emitter
emitter = Emitter(sys.argv[1], "token", Path(sys.argv[2]))
assert emitter.visitor_seen(website_id="w", visitor_id="v", at=datetime.fromisoformat(sys.argv[3]))
print(emitter.counters().repeated)
emitter.close(0)
"""
    at = datetime(2026, 11, 10, tzinfo=UTC)
    with Emitter(NOWHERE, "token", tmp_path) as emitter:
        assert run(program, NOWHERE, str(tmp_path), at.isoformat()).stdout == "0\n"
        assert emitter.visitor_seen(website_id="w", visitor_id="v", at=at + MIN_INTERVAL / 2)
        assert run(program, NOWHERE, str(tmp_path), (at + MIN_INTERVAL / 3).isoformat()).stdout == "1\n"
        assert emitter.visitor_seen(website_id="w", visitor_id="v", at=at + MIN_INTERVAL)
        assert (emitter.counters().repeated, emitter.counters().spooled) == (1, 2)


def test_heartbeats_take_no_more_than_their_table(tmp_path: Path) -> None:
    """For any number of visitors: those that share a slot are forgotten, all others are known, also after a restart."""
    at, known = datetime(2026, 11, 10, tzinfo=UTC), Heartbeats(tmp_path)
    numbers = range(20_000)
    for number in numbers:
        known.note("w", str(number), at)
    assert (tmp_path / heartbeats.FILE).stat().st_size <= 2 * 1024 * 1024
    again = Heartbeats(tmp_path)
    assert sum(again.is_repeated("w", str(number), at) for number in numbers) > 0.8 * len(numbers)
    assert again.is_repeated("w", "19999", at + MIN_INTERVAL / 2)
    assert again.is_repeated("w", "19999", at - MIN_INTERVAL / 2)
    assert not again.is_repeated("w", "19999", at + MIN_INTERVAL)
    assert not again.is_repeated("v", "19999", at)


@pytest.mark.parametrize("size", [0, 1, 4096, 3_000_000])
def test_a_damaged_table_of_heartbeats_holds_nothing_back(tmp_path: Path, size: int) -> None:
    """Truncated or with other content: no visitor counts as sent."""
    (tmp_path / heartbeats.FILE).write_bytes(b"\x5a" * size)
    known, at = Heartbeats(tmp_path), datetime(2026, 11, 10, tzinfo=UTC)
    assert not any(known.is_repeated("w", str(number), at) for number in range(2_000))
    known.note("w", "1", at)
    assert known.is_repeated("w", "1", at)


def test_heartbeats_without_a_table_are_all_sent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Said once, and no call fails."""
    (tmp_path / heartbeats.FILE).mkdir()
    known, at = Heartbeats(tmp_path), datetime(2026, 11, 10, tzinfo=UTC)
    known.note("w", "1", at)
    assert not known.is_repeated("w", "1", at)
    assert len(caplog.records) == 1


def test_no_batch_is_larger_than_tinybird_takes() -> None:
    """The largest batch and the longest line are under the ten megabytes of a request."""
    from analytics.transports.tinybird_messages import MAX_REQUEST_BYTES

    assert queue.BATCH_BYTES + queue.LONGEST_LINE_BYTES < MAX_REQUEST_BYTES


def test_a_request_that_outlasts_the_end_closes_the_connections(
    local_stack: LocalStack, proxy: Proxy, tmp_path: Path
) -> None:
    """`close` did not wait for its answer; the thread that did lets go of the connections."""
    proxy.standing = "lost"
    tinybird = Tinybird(proxy.host, "", local_stack.append_token)
    held = delivery.Delivery(lambda: tinybird, tmp_path, 10**9, is_durable=False)
    held.write("visitor_events", b'{"event_type": "seen"}\n', 1)
    deadline = time.monotonic() + FLUSH_SECONDS
    while not proxy.met("lost") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not held.close(0.1)
    assert not tinybird._client.is_closed
    proxy.released.set()
    while not tinybird._client.is_closed and time.monotonic() < deadline:
        time.sleep(0.02)
    assert tinybird._client.is_closed
