"""Purging a website on the real server: counted to zero, one job at a time, resumed after any kill, on record."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from analytics.errors import ConfigError, SourceRejected, SourceUnavailable
from analytics.ingest.deletes import deletion
from analytics.ingest.deletes.deletion import Condition, is_busy
from analytics.ingest.deletes.receipts import Ledger, PurgeRefused
from analytics.operations.purge.purge import (
    MAX_ROUNDS,
    Holdings,
    PurgeProgress,
    Purger,
    PurgeRequest,
    holdings,
)
from analytics.transports.tinybird import Tinybird
from tests.conftest import ROOT
from tests.local.tinybird_server import TOKENS, Server, running
from tests.transports.test_tinybird import Recorder, ok

PROJECT = ROOT / "tinybird"
DATASOURCES = ("conversation_metrics", "visitor_events")
SLOW = "arraySum(arrayMap(x -> sipHash64(toString(sipHash64(x, visitor_id)), x), range(300))) = 1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """This project on a server of its own, which no other test keeps busy with a delete."""
    with running(tmp_path_factory.mktemp("server"), PROJECT) as started:
        # The server closes connections that rest for five seconds, and a purge may take longer.
        limits = httpx2.Limits(keepalive_expiry=1)
        with httpx2.Client(base_url=started.host, timeout=60, limits=limits) as client:
            yield Server(started.host, client, started.process, started.log)


def client(server: Server) -> Tinybird:
    """A client with all three tokens."""
    return Tinybird(server.host, TOKENS.read, TOKENS.append, TOKENS.admin)


def send(server: Server, website_id: str, rows: int = 3) -> None:
    """So many rows of a website in each data source, stored."""
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    row = {"timestamp": at, "website_id": website_id}
    visits = [{**row, "visitor_id": f"v{n}", "event_type": "seen"} for n in range(rows)]
    talks = [
        {
            **row,
            "visitor_id": "v",
            "event_type": "escalated",
            "conversation_id": f"c{n}",
            "duration_seconds": 0,
        }
        for n in range(rows)
    ]
    for datasource, sent in (("visitor_events", visits), ("conversation_metrics", talks)):
        answer = server.send(datasource, sent)
        assert answer.json() == {"successful_rows": rows, "quarantined_rows": 0}, answer.text


def held(server: Server, website_id: str) -> dict[str, int]:
    """Rows of a website by data source, counted past everything under test."""
    counted = {}
    for datasource in DATASOURCES:
        [row] = server.rows(f"SELECT count() AS n FROM {datasource} WHERE website_id = '{website_id}'")
        counted[datasource] = row["n"]
    return counted


def order(website_id: str) -> PurgeRequest:
    """An order of Ann's."""
    return PurgeRequest(website_id, "Shop (shop.example)", "purge", "ann")


def purger(server: Server, state: Path, tinybird: Tinybird) -> Purger:
    """A purger that does not wait long to count again."""
    return Purger(tinybird, server.host, Ledger(state), settle_seconds=0.05)


def test_a_purge_leaves_nothing_of_one_website_and_everything_of_another(
    server: Server, tmp_path: Path
) -> None:
    """Both data sources, counted before and after; the receipt says what, how many, who, where."""
    gone, kept = f"w-{uuid4().hex}", f"w-{uuid4().hex}"
    send(server, gone, 7)
    send(server, kept, 2)
    with client(server) as tinybird:
        assert holdings(tinybird, gone) == Holdings(dict.fromkeys(DATASOURCES, 7), 0)
        receipt, path = purger(server, tmp_path, tinybird).run(order(gone))
    assert held(server, gone) == dict.fromkeys(DATASOURCES, 0)
    assert held(server, kept) == dict.fromkeys(DATASOURCES, 2)
    assert [(each.rows_found, each.rows_deleted, len(each.jobs)) for each in receipt.datasources] == [
        (7, 7, 1)
    ] * 2
    assert (receipt.by, receipt.host, receipt.rows_left) == ("ann", server.host, 0)
    assert receipt.finished_at is not None
    assert receipt.finished_at >= receipt.started_at
    assert Ledger(tmp_path).receipts() == (receipt,)
    assert Ledger(tmp_path).unfinished() == ()
    for token in (TOKENS.read, TOKENS.append, TOKENS.admin):
        assert token not in path.read_text()


def test_a_website_without_rows_is_purged_on_record(server: Server, tmp_path: Path) -> None:
    """No job is started; the receipt says that there was nothing."""
    with client(server) as tinybird:
        receipt, _ = purger(server, tmp_path, tinybird).run(order("w-empty"))
    assert [(each.rows_found, each.rows_deleted, each.jobs) for each in receipt.datasources] == [
        (0, 0, ())
    ] * 2


def test_rows_in_quarantine_are_counted_and_stay(server: Server, tmp_path: Path) -> None:
    """A purge does not reach them, and the receipt says how many there were."""
    website_id = f"w-{uuid4().hex}"
    send(server, website_id)
    bad = {"timestamp": "no time", "website_id": website_id, "visitor_id": "v", "event_type": "seen"}
    assert server.send("visitor_events", [bad]).json()["quarantined_rows"] == 1
    with client(server) as tinybird:
        receipt, _ = purger(server, tmp_path, tinybird).run(order(website_id))
        assert receipt.quarantined_rows == 1
        assert holdings(tinybird, website_id) == Holdings(dict.fromkeys(DATASOURCES, 0), 1)


def test_another_delete_job_is_waited_for(server: Server, tmp_path: Path) -> None:
    """Tinybird runs one at a time: the purge says that it waits, and then does its work."""
    website_id, other = f"w-{uuid4().hex}", f"w-{uuid4().hex}"
    send(server, website_id)
    send(server, other, 20_000)
    seen: list[str] = []
    started = server.client.post(
        "/v0/datasources/visitor_events/delete",
        data={"delete_condition": SLOW},
        headers={"Authorization": f"Bearer {TOKENS.admin}"},
    )
    assert started.status_code == 201, started.text
    with client(server) as tinybird:
        work = purger(server, tmp_path, tinybird)
        work.on_progress = lambda progress: seen.append(progress.what)
        work.run(order(website_id))
    assert seen[0] == "waits"
    assert seen[-1] == "deletes"
    assert held(server, website_id) == dict.fromkeys(DATASOURCES, 0)


def test_rows_that_arrive_meanwhile_are_deleted_too(server: Server, tmp_path: Path) -> None:
    """A row sent while a job runs goes with it, or is counted afterwards and costs one more round."""
    website_id = f"w-{uuid4().hex}"
    send(server, website_id)
    late = iter([website_id] * 2)

    def arrive(progress: PurgeProgress) -> None:
        if progress.what == "deletes" and progress.seconds >= 0 and next(late, None):
            send(server, website_id, 1)

    with client(server) as tinybird:
        work = purger(server, tmp_path, tinybird)
        work.on_progress = arrive
        receipt, _ = work.run(order(website_id))
    assert held(server, website_id) == dict.fromkeys(DATASOURCES, 0)
    assert 3 * 2 <= sum(each.rows_deleted or 0 for each in receipt.datasources) <= 3 * 2 + 2 * 2
    assert next(late, None) is None


def test_a_website_that_never_stops_is_given_up_with_a_word_on_what_to_do(
    server: Server, tmp_path: Path
) -> None:
    """Bounded rounds; the journal stays, and the purge ends well once nothing is sent any more."""
    website_id = f"w-{uuid4().hex}"
    send(server, website_id)
    with client(server) as tinybird:
        work = purger(server, tmp_path, tinybird)
        work.sleep = lambda seconds: send(server, website_id, 1)
        with pytest.raises(PurgeRefused, match=f"arrived while it was purged, {MAX_ROUNDS} times") as caught:
            work.run(order(website_id))
        assert "Stop what sends events" in caught.value.remedy
        assert [purge.website_id for purge in Ledger(tmp_path).unfinished()] == [website_id]
        purger(server, tmp_path, tinybird).run(order(website_id))
    assert held(server, website_id) == dict.fromkeys(DATASOURCES, 0)
    assert Ledger(tmp_path).unfinished() == ()


RUN = """
import sys
from pathlib import Path
from analytics.operations.purge.purge import PurgeRequest, Purger
from analytics.ingest.deletes.receipts import Ledger
from analytics.transports.tinybird import Tinybird
host, admin, website_id, state = sys.argv[1:]
with Tinybird(host, "none", None, admin) as tinybird:
    Purger(tinybird, host, Ledger(Path(state)), settle_seconds=0.05).run(PurgeRequest(website_id, "Shop", "purge", "ann"))
"""


@pytest.mark.parametrize("seed", range(8))
def test_a_purge_killed_at_any_moment_is_continued(server: Server, tmp_path: Path, seed: int) -> None:
    """SIGKILL again and again at random moments, then once to the end: nothing left, one receipt, no journal."""
    moments = random.Random(seed)  # noqa: S311  # moments to be repeated, not secrets
    website_id, kept = f"w-{uuid4().hex}", f"w-{uuid4().hex}"
    send(server, website_id, 2_000)
    send(server, kept, 1)
    command = [sys.executable, "-c", RUN, server.host, TOKENS.admin, website_id, str(tmp_path)]
    for _ in range(4):
        process = subprocess.Popen(command, cwd=ROOT)
        while not Ledger(tmp_path).unfinished() and process.poll() is None:
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.5))
        process.kill()
        process.wait()
        if Ledger(tmp_path).receipts():
            break
    unfinished = Ledger(tmp_path).unfinished()
    # Killed between the two, it leaves the receipt and the journal.
    if unfinished or not Ledger(tmp_path).receipts():
        subprocess.run(command, cwd=ROOT, check=True, timeout=60)
    assert held(server, website_id) == dict.fromkeys(DATASOURCES, 0)
    assert held(server, kept) == dict.fromkeys(DATASOURCES, 1)
    receipts = Ledger(tmp_path).receipts()
    assert Ledger(tmp_path).unfinished() == ()
    assert {receipt.website_id for receipt in receipts} == {website_id}
    assert receipts[0].rows_left == 0
    if unfinished:
        assert receipts[-1].started_at == unfinished[0].started_at


def test_a_job_that_a_restart_forgot_is_done_again(tmp_path: Path) -> None:
    """The server is stopped while our job runs; what the job deleted is not known, and nothing is left in the end."""
    website_id, data, state = f"w-{uuid4().hex}", tmp_path / "data", tmp_path / "state"
    data.mkdir()
    with running(data, PROJECT) as first:
        send(first, website_id, 50)
        with client(first) as tinybird:
            work = Purger(tinybird, "one-workspace", Ledger(state), settle_seconds=0.05)

            def interrupted(progress: PurgeProgress) -> None:
                if progress.what == "deletes":
                    raise KeyboardInterrupt

            work.on_progress = interrupted
            with pytest.raises(KeyboardInterrupt):
                work.run(order(website_id))
    [journal] = Ledger(state).unfinished()
    assert [each.running_job is not None for each in journal.datasources] == [True, False]
    with running(data, PROJECT) as second:
        with client(second) as tinybird:
            receipt, _ = Purger(tinybird, "one-workspace", Ledger(state), settle_seconds=0.05).run(
                order(website_id)
            )
        assert held(second, website_id) == dict.fromkeys(DATASOURCES, 0)
    assert [each.rows_found for each in receipt.datasources] == [50, 50]
    assert receipt.datasources[0].rows_deleted is None


def test_a_server_that_goes_away_leaves_the_journal(tmp_path: Path) -> None:
    """An error of ours, no receipt, and a journal to continue from."""
    website_id, data, state = f"w-{uuid4().hex}", tmp_path / "data", tmp_path / "state"
    data.mkdir()
    with running(data, PROJECT) as server:
        send(server, website_id)
        with client(server) as tinybird:
            work = purger(server, state, tinybird)

            def stopped(progress: PurgeProgress) -> None:
                if progress.what == "deletes":
                    server.process.terminate()
                    server.process.wait()

            work.on_progress = stopped
            with pytest.raises(SourceUnavailable):
                work.run(order(website_id))
    assert Ledger(state).receipts() == ()
    assert [purge.website_id for purge in Ledger(state).unfinished()] == [website_id]


def test_a_journal_of_another_workspace_is_not_continued(server: Server, tmp_path: Path) -> None:
    """Two workspaces may know the same website: deleting in the wrong one would look like success."""
    website_id = f"w-{uuid4().hex}"
    send(server, website_id)
    with client(server) as tinybird:
        work = Purger(tinybird, "https://api.elsewhere.example", Ledger(tmp_path), settle_seconds=0.05)
        work.on_progress = lambda progress: (_ for _ in ()).throw(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            work.run(order(website_id))
        with pytest.raises(PurgeRefused, match=r"api\.elsewhere\.example"):
            purger(server, tmp_path, tinybird).run(order(website_id))


def test_two_purges_with_one_state_directory_do_not_run_at_once(server: Server, tmp_path: Path) -> None:
    """The second is refused before it asks anything."""
    with (
        Ledger(tmp_path).held(),
        client(server) as tinybird,
        pytest.raises(PurgeRefused, match="Another purge"),
    ):
        purger(server, tmp_path, tinybird).run(order("w1"))


@pytest.mark.parametrize("website_id", ["", "w1' OR 1=1 --", "w1/*", "w\0", "ö", "../../etc/passwd"])
def test_an_id_that_is_none_deletes_nothing(server: Server, tmp_path: Path, website_id: str) -> None:
    """Refused before anything is sent or written."""
    with client(server) as tinybird, pytest.raises(ValueError, match="website id"):
        purger(server, tmp_path, tinybird).run(order(website_id))
    assert Ledger(tmp_path).unfinished() == ()


def test_without_an_admin_token_nothing_begins(server: Server, tmp_path: Path) -> None:
    """The variable is named; there is no journal."""
    with (
        Tinybird(server.host, TOKENS.read) as tinybird,
        pytest.raises(ConfigError, match="TINYBIRD_ADMIN_TOKEN"),
    ):
        purger(server, tmp_path, tinybird).run(order("w1"))
    assert Ledger(tmp_path).unfinished() == ()


def test_a_failed_job_says_why_and_the_next_run_starts_it_again(tmp_path: Path) -> None:
    """Only Tinybird's own trouble ends a job with an error: an answer that the embedded server cannot be made to give."""
    count = ok({"meta": [], "data": [{"rows_held": 1}]})
    zero = ok({"meta": [], "data": [{"rows_held": 0}]})
    started = httpx2.Response(201, json={"job_id": "j1"})
    failed = ok({"status": "error", "error": "no disk"})
    recorder = Recorder(count, zero, zero, zero, count, zero, started, failed)
    with recorder.client() as tinybird:
        work = Purger(tinybird, "h", Ledger(tmp_path), sleep=recorder.sleep)
        with pytest.raises(SourceRejected, match="no disk"):
            work.run(order("w1"))
    [journal] = Ledger(tmp_path).unfinished()
    state = journal.datasources[0]
    assert (state.running_job, state.jobs, state.rows_deleted) == (None, ("j1",), None)


def test_a_purge_killed_while_a_job_is_asked_for_does_not_know_how_many_rows_went(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job was started and its id never kept: its rows are gone, and the receipt does not say that none were."""
    website_id = f"w-{uuid4().hex}"
    send(server, website_id)
    start = deletion.start

    def killed(tinybird: Tinybird, datasource: str, condition: Condition) -> str:
        start(tinybird, datasource, condition)
        raise KeyboardInterrupt

    with client(server) as tinybird:
        monkeypatch.setattr(deletion, "start", killed)
        with pytest.raises(KeyboardInterrupt):
            purger(server, tmp_path, tinybird).run(order(website_id))
        monkeypatch.undo()
        [journal] = Ledger(tmp_path).unfinished()
        assert [each.is_starting for each in journal.datasources] == [True, False]
        receipt, path = purger(server, tmp_path, tinybird).run(order(website_id))
    assert held(server, website_id) == dict.fromkeys(DATASOURCES, 0)
    assert [each.rows_deleted for each in receipt.datasources] == [None, 3]
    assert '"rows_deleted": null' in path.read_text()


@pytest.mark.parametrize(
    ("answer", "deleted"),
    [(httpx2.Response(503), None), (httpx2.Response(429), 1)],
    ids=["may have started", "did not start"],
)
def test_a_delete_that_is_asked_for_again(
    tmp_path: Path, answer: httpx2.Response, deleted: int | None
) -> None:
    """If the answer leaves open whether a job runs, the number of deleted rows is unknown; after a refusal it is known."""
    count, zero = (ok({"meta": [], "data": [{"rows_held": rows}]}) for rows in (1, 0))
    started, done = httpx2.Response(201, json={"job_id": "j1"}), ok({"status": "done", "rows_affected": 1})
    recorder = Recorder(count, zero, zero, zero, count, zero, answer, started, done, zero, zero, zero, zero)
    with recorder.client() as tinybird:
        receipt, _ = Purger(tinybird, "h", Ledger(tmp_path), sleep=recorder.sleep).run(order("w1"))
    assert [each.rows_deleted for each in receipt.datasources] == [deleted, 0]


def test_the_last_count_is_as_certain_as_the_others(server: Server, tmp_path: Path) -> None:
    """Rows that come into sight after the last zero are met: zero counts once it has been counted twice."""
    website_id = f"w-{uuid4().hex}"
    send(server, website_id)
    rounds = iter(range(MAX_ROUNDS))

    def late(seconds: float) -> None:
        if seconds == 0.05 and next(rounds, None) is not None:
            send(server, website_id, 1)

    with client(server) as tinybird:
        work = purger(server, tmp_path, tinybird)
        work.sleep = late
        with pytest.raises(PurgeRefused, match="arrived while it was purged"):
            work.run(order(website_id))
    assert Ledger(tmp_path).receipts() == ()


@pytest.mark.parametrize(
    ("status", "said", "expected"),
    [
        (429, "", True),
        (400, "There is already a job running for this workspace", True),
        (403, "Only one delete job at a time", True),
        (400, "Syntax error: failed at position 3", False),
        (403, "Invalid token", False),
        (500, "a job is already running", False),
    ],
)
def test_what_busy_means(status: int, said: str, expected: bool) -> None:
    """429, or a refusal that names a running job; anything else is an error."""
    kind = SourceUnavailable if status in {429, 500} else SourceRejected
    assert is_busy(kind("no", source="tinybird", resource="d", status=status, said=said)) is expected


def test_threads_purging_different_websites_take_turns(server: Server, tmp_path: Path) -> None:
    """Two state directories, one workspace: the delete jobs wait for each other and both purges end."""
    websites = [f"w-{uuid4().hex}" for _ in range(2)]
    for website_id in websites:
        send(server, website_id, 500)

    def purge(website_id: str) -> None:
        with client(server) as tinybird:
            purger(server, tmp_path / website_id, tinybird).run(order(website_id))

    threads = [threading.Thread(target=purge, args=(website_id,)) for website_id in websites]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [held(server, website_id) for website_id in websites] == [dict.fromkeys(DATASOURCES, 0)] * 2
