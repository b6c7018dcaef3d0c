"""Moving history in one process: each event once, whatever Tinybird answers and whatever the rows do meanwhile."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import httpx2
import pytest

from analytics.errors import ConfigError, SchemaMismatch, SourceUnavailable
from analytics.ingest.deletes.removal import Removal
from analytics.ingest.history import reader as rows
from analytics.ingest.history.backfill import backfill, lines, retries
from analytics.ingest.history.reader import HistoryWebsite, Window
from analytics.ingest.history.sync import sync
from analytics.ingest.history.transfer import Transfer, TransferCounts
from analytics.ingest.history.watermarks import Watermark, Watermarks
from analytics.transports.postgres import Postgres
from analytics.transports.retrying import Retries
from analytics.transports.tinybird import Tinybird
from analytics.transports.tinybird_messages import Ingested, ndjson_batches
from tests.conftest import LocalStack
from tests.ingest.history_stack import FIRST, History
from tests.ingest.misbehaving import Behaviour, Proxy, misbehaving
from tests.product_database import Product

CONVERSATIONS = 120
SETTLE_SECONDS = 0.5
MINUTE = timedelta(minutes=1)


class ThroughProxy(httpx2.BaseTransport):
    """The network: events go through a misbehaving proxy, questions straight to the server."""

    def __init__(self, host: str, proxy: Proxy) -> None:
        self._hosts = httpx2.URL(host), httpx2.URL(proxy.host)
        self._network = httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """As httpx2 asks a transport."""
        direct, proxied = self._hosts
        target = proxied if request.url.path == "/v0/events" else direct
        request.url = request.url.copy_with(host=target.host, port=target.port)
        return self._network.handle_request(request)

    def close(self) -> None:
        """Closes the connections."""
        self._network.close()


@dataclass
class Mover:
    """One website's history and a transfer over it; each `move` is a process of its own as far as the state goes."""

    history: History
    proxy: Proxy
    counts: TransferCounts = field(default_factory=TransferCounts)
    said: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    answer_seconds: float = 30.0

    @property
    def website(self) -> HistoryWebsite:
        """The website."""
        product = self.history.product
        return HistoryWebsite(product.website_id, product.website_id, product.organization_id)

    def move(
        self, window: Window | None = None, overlap_seconds: float = 300.0, rounds: int = 1
    ) -> TransferCounts:
        """Moves what is there; what became of it."""
        with self.transfer(overlap_seconds) as (transfer, attempts):
            for _ in range(rounds):
                self.counts = TransferCounts()
                attempts.run(
                    lambda: transfer.run(self.website, window or transfer.window(self.website) or Window())
                )
        return self.counts

    def transfer(self, overlap_seconds: float = 300.0) -> "_Open":
        """A transfer and how it is retried, open inside `with`."""
        return _Open(self, overlap_seconds)

    def sleep(self, seconds: float) -> None:
        """Waits, but not for long."""
        self.slept.append(seconds)
        time.sleep(min(seconds, SETTLE_SECONDS))

    def assert_each_once(self) -> None:
        """Every event of every row is in Tinybird, exactly once."""
        stored = self.history.stored()
        assert stored.keys() == self.history.expected()
        assert set(stored.values()) == {1}


class _Open:
    def __init__(self, mover: Mover, overlap_seconds: float) -> None:
        stack = mover.history.stack
        self._tinybird = Tinybird(
            stack.host,
            stack.read_token,
            stack.append_token,
            transport=ThroughProxy(stack.host, mover.proxy),
            on_query=lambda _at, name: mover.asked.append(name),
        )
        self.postgres = Postgres(stack.database_url)
        self.removal = Removal(
            self._tinybird, self.postgres, stack.host, mover.history.state_dir, 30, mover.said.append
        )
        self._watermarks = Watermarks(mover.history.state_dir, stack.host)
        self._retries = retries(20.0, mover.said.append, mover.sleep)

        def landed(counts: TransferCounts) -> None:
            mover.counts.add(counts)
            self._retries.progressed()

        self._transfer = Transfer(
            self._tinybird,
            self.postgres,
            self._watermarks,
            on_batch=landed,
            say=mover.said.append,
            overlap_seconds=overlap_seconds,
            settle_seconds=SETTLE_SECONDS,
            batch_events=100,
            answer_seconds=mover.answer_seconds,
            sleep=mover.sleep,
        )

    def __enter__(self) -> tuple[Transfer, Retries]:
        return self._transfer, self._retries

    def __exit__(self, *_error: object) -> None:
        self._tinybird.close()
        self.postgres.close()
        self._watermarks.close()


@pytest.fixture
def mover(local_stack: LocalStack, product: Product, tmp_path: Path) -> Iterator[Mover]:
    """A website with conversations and feedback, nothing of it in Tinybird."""
    history = History(local_stack, product, tmp_path / "state")
    history.fill(CONVERSATIONS)
    with misbehaving(local_stack.host) as proxy:
        yield Mover(history, proxy)


def test_everything_is_moved_once(mover: Mover) -> None:
    """Each event of each row; a second run finds nothing to do and asks Tinybird nothing."""
    counts = mover.move()

    mover.assert_each_once()
    assert sum(counts.sent.values()) == len(mover.history.expected())
    assert (counts.present, counts.quarantined, dict(counts.skipped)) == (0, 0, {})
    mover.asked.clear()
    again = mover.move()
    assert (again.rows, mover.asked, mover.said) == (0, [], [])


@pytest.mark.parametrize(
    "behaviour", ["busy", "broken", "reset", "reset after", "lost", "forgetful", "slow"], ids=str
)
def test_a_batch_without_a_good_answer_is_sent_once(mover: Mover, behaviour: Behaviour) -> None:
    """Whether Tinybird stored it or not is looked up; nothing is missing and nothing is there twice."""
    mover.answer_seconds = 1.5
    for met in ("ok", behaviour, "ok", behaviour, behaviour):
        mover.proxy.plan.put(met)

    mover.move()

    assert mover.proxy.met(behaviour) == 3
    mover.assert_each_once()


def test_an_answer_that_is_none_ends_the_run_and_the_next_one_looks_it_up(mover: Mover) -> None:
    """A captive portal's page is no answer: an error with a remedy, and still each event once."""
    mover.proxy.plan.put("garbled")
    with pytest.raises(SchemaMismatch):
        mover.move()
    mover.move()
    mover.assert_each_once()


def test_retry_after_is_followed(mover: Mover) -> None:
    """The pause after a 429 is at least what Tinybird asks for, and said."""
    mover.proxy.plan.put("busy")
    mover.move()
    assert any(seconds >= 1 for seconds in mover.slept)
    assert any("rate limit" in text for text in mover.said)


def test_a_source_that_stays_away_ends_the_run_in_time(mover: Mover) -> None:
    """With the error of the source; what was confirmed stays, and the next run goes on."""
    mover.proxy.plan.put("ok")
    mover.proxy.standing = "broken"
    with pytest.raises(SourceUnavailable):
        mover.move()
    assert 0 < len(mover.history.stored()) < len(mover.history.expected())
    mover.proxy.standing = "ok"
    mover.move()
    mover.assert_each_once()


def test_a_state_that_is_lost_costs_questions_and_no_duplicates(mover: Mover) -> None:
    """Tinybird has events and the state knows nothing: each event is looked up first, and that is said."""
    mover.move()
    (lost,) = mover.history.state_dir.glob("*.sqlite")
    lost.unlink()
    mover.history.product.add_conversation(FIRST)

    counts = mover.move()

    assert dict(counts.sent) == {"conversation_started": 1}
    assert counts.present == len(mover.history.expected()) - 1
    assert any("looked up" in text for text in mover.said)
    mover.assert_each_once()


def test_a_window_holds_by_the_time_of_the_event(mover: Mover) -> None:
    """Inside one conversation too: what happened before `since` or from `until` on is not sent."""
    window = Window(FIRST + 30 * MINUTE, FIRST + 301 * MINUTE)

    mover.move(window)

    def inside(second: str) -> bool:
        return datetime.strptime(second, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) in window

    expected = {key for key in mover.history.expected() if inside(key[2])}
    assert mover.history.stored() == dict.fromkeys(expected, 1)
    assert 0 < len(expected) < len(mover.history.expected())


def test_a_wider_window_adds_what_is_missing_and_nothing_twice(mover: Mover) -> None:
    """Starting over is said; a narrower window goes on where it was, without what it leaves out."""
    mover.move(Window(FIRST + 600 * MINUTE, None))
    mover.move(Window(None, None))
    assert any("starting over" in text for text in mover.said)
    mover.assert_each_once()
    assert mover.move(Window(FIRST + 600 * MINUTE, FIRST + 700 * MINUTE)).rows == 0
    assert mover.said[-1].endswith("all events were before.")
    mover.history.product.add_conversation(FIRST + 800 * MINUTE, updated_at=datetime.now(UTC))
    left = mover.move(Window(FIRST + 600 * MINUTE, FIRST + 700 * MINUTE))
    assert (left.rows, dict(left.sent)) == (1, {})


def test_nothing_between_two_windows_is_sent(mover: Mover) -> None:
    """The second takes the place of the first; what was sent for the first stays."""
    windows = [Window(FIRST, FIRST + 60 * MINUTE), Window(FIRST + 600 * MINUTE, FIRST + 700 * MINUTE)]
    for window in windows:
        mover.move(window)

    def inside(second: str) -> bool:
        at = datetime.strptime(second, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        return any(at in window for window in windows)

    expected = {key for key in mover.history.expected() if inside(key[2])}
    assert mover.history.stored() == dict.fromkeys(expected, 1)


def test_a_restart_looks_up_the_batch_in_doubt(mover: Mover) -> None:
    """A batch that a crash left on its way and that arrives after the restart is not sent again."""
    stack, website = mover.history.stack, mover.website
    with Postgres(stack.database_url) as postgres:
        read = list(islice(rows.read_events(postgres, website, "conversation", rows.START), 20))
    late = [event.row() for row in read for event in row.events]
    with Watermarks(mover.history.state_dir, stack.host) as marks:
        marks.put(
            website.id, "conversation", Watermark(doubt=read[-1].position, doubted=time.time(), horizon=0.0)
        )
        marks.restart(website.id, Window())

    def arrive(_seconds: float) -> None:
        if late:
            with Tinybird(stack.host, stack.read_token, stack.append_token) as tinybird:
                (body,) = ndjson_batches(late)
                tinybird.post_batch(
                    "conversation_metrics", body, wait=True, gzip_level=1, timeout_seconds=30.0
                )
            late.clear()

    mover.sleep = arrive  # type: ignore[assignment, method-assign]
    mover.move()
    arrive(0.0)
    mover.assert_each_once()


def test_a_website_deleted_while_sync_runs_does_not_keep_the_others(mover: Mover) -> None:
    """Left out and said once; the other one goes on. A slug that is unknown at the start ends it.

    Which events are wanted of each is said once too, and not in every round.
    """
    product = mover.history.product
    gone = product.add_website(f"gone-{product.key}", slug=f"gone-{product.key}")

    class Rounds(threading.Event):
        waits = 0

        def wait(self, timeout: float | None = None) -> bool:
            del timeout
            self.waits += 1
            if self.waits == 1:
                product.update("website", gone, deleted_at=datetime.now(UTC))
                product.add_conversation(FIRST, updated_at=datetime.now(UTC))
            if self.waits == 3:
                self.set()
            return self.is_set()

    opened = mover.transfer()
    with opened as (transfer, attempts):
        slugs = [mover.website.slug, gone]

        def follow(*slugs: str) -> None:
            sync(
                transfer,
                opened.removal,
                opened.postgres,
                attempts,
                Rounds(),
                say=mover.said.append,
                slugs=slugs,
                since=FIRST,
                interval_seconds=1.0,
            )

        follow(*slugs)
        with pytest.raises(ConfigError, match=f"No website is called {gone}"):
            follow(*slugs)
    assert [text for text in mover.said if "deleted" in text] == [f"{gone} is deleted: left out from now on."]
    assert sorted(text for text in mover.said if "events from" in text) == sorted(
        f"{slug}: events from {FIRST:%Y-%m-%dT%H:%M:%S}." for slug in slugs
    )
    mover.assert_each_once()


def test_a_conversation_resolved_again_gets_a_second_event(mover: Mover) -> None:
    """What changed is met again by its updated_at; only the new fact is sent."""
    product, at = mover.history.product, datetime.now(UTC).replace(microsecond=0)
    conversation = product.add_conversation(at - 60 * MINUTE, resolved_at=at - 50 * MINUTE, updated_at=at)
    mover.move()
    product.update("conversation", conversation, resolved_at=None, updated_at=at + timedelta(seconds=1))
    assert mover.move().sent == {}
    product.update("conversation", conversation, resolved_at=at, updated_at=at + timedelta(seconds=2))

    assert dict(mover.move().sent) == {"conversation_resolved": 1}

    resolved = [key for key in mover.history.stored() if key[:2] == (conversation, "conversation_resolved")]
    assert len(resolved) == 2
    assert set(mover.history.stored().values()) == {1}


def test_a_transaction_that_commits_late_is_not_left_out(mover: Mover) -> None:
    """Its rows carry the time of its beginning; within the overlap they are read again, and each once."""
    now = datetime.now(UTC)
    mover.history.product.add_conversation(now, updated_at=now)
    mover.move()
    late = mover.history.product.add_conversation(now - MINUTE, updated_at=now - MINUTE)

    assert dict(mover.move().sent) == {"conversation_started": 1}

    assert (late, "conversation_started", f"{now - MINUTE:%Y-%m-%d %H:%M:%S}") in mover.history.stored()
    mover.assert_each_once()


def test_a_row_dated_ahead_of_now_does_not_block_others(mover: Mover) -> None:
    """A clock that is wrong by a year, or an infinite updated_at, does not hide what changes after it."""
    product, now = mover.history.product, datetime.now(UTC)
    ahead = product.add_conversation(now, updated_at=now + timedelta(days=365))
    infinite = product.add_conversation(now)
    product.update("conversation", infinite, updated_at="infinity")
    mover.move()
    product.add_conversation(now, updated_at=datetime.now(UTC))

    assert dict(mover.move().sent) == {"conversation_started": 1}

    mover.assert_each_once()
    product.connection.execute("DELETE FROM conversation WHERE id = ANY(%s)", ([ahead, infinite],))


def test_rounds_of_one_process_ask_nothing_twice(mover: Mover) -> None:
    """What was read within the overlap is remembered: an idle round costs Tinybird no query."""
    now = datetime.now(UTC)
    mover.history.product.add_conversation(now, updated_at=now)
    with mover.transfer() as (transfer, _retries):
        transfer.run(mover.website, Window())
        mover.asked.clear()
        before = mover.proxy.met("ok")
        for _ in range(3):
            transfer.run(mover.website, Window())
    assert mover.asked == []
    assert mover.proxy.met("ok") == before


def test_what_cannot_be_an_event_is_counted_by_reason(mover: Mover) -> None:
    """The rest of the row goes."""
    mover.history.product.add_conversation(FIRST, first_response_at=FIRST - MINUTE)
    mover.history.product.add_feedback(FIRST, 5)

    counts = mover.move()

    assert dict(counts.skipped) == {
        "first_response: it lies before the conversation's start": 1,
        "feedback_submitted: it belongs to no conversation": 1,
    }
    assert counts.sent["conversation_started"] == CONVERSATIONS + 1


def test_a_postgres_that_drops_the_connection_is_asked_again(mover: Mover) -> None:
    """In the middle of a stream: the run says so, goes on where it was, and sends each event once."""
    owner = mover.history.product.connection
    dropped: list[object] = []
    with mover.transfer() as (transfer, attempts):
        landed = transfer.on_batch

        def drop(counts: TransferCounts) -> None:
            landed(counts)
            if not dropped:
                dropped.extend(
                    owner.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE application_name = 'inbox-analytics' AND state = 'idle in transaction'"
                    ).fetchall()
                )

        transfer.on_batch = drop
        attempts.run(lambda: transfer.run(mover.website, Window()))

    assert dropped
    assert any("Postgres cannot be reached" in text for text in mover.said)
    mover.assert_each_once()


def test_what_tinybird_keeps_aside_is_counted(mover: Mover, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data source of another version quarantines rows: that is no success, and not sent again without end."""
    post = Tinybird.post_batch

    def posted(
        self: Tinybird, datasource: str, body: bytes, *, wait: bool, gzip_level: int, timeout_seconds: float
    ) -> Ingested:
        answer = post(
            self, datasource, body, wait=wait, gzip_level=gzip_level, timeout_seconds=timeout_seconds
        )
        return Ingested(answer.successful_rows - 1, 1)

    monkeypatch.setattr(Tinybird, "post_batch", posted)
    counts = mover.move()
    assert counts.quarantined == mover.proxy.met("ok")
    _, sent, aside, *_ = lines(counts, "sent")
    assert sent == f"{len(mover.history.expected()) - counts.quarantined:,} events sent"
    assert aside.startswith(f"{counts.quarantined:,} events put into quarantine by Tinybird and not stored")
    assert mover.move().rows == 0


def test_a_backfill_also_moves_what_changes_meanwhile(mover: Mover) -> None:
    """Rows added while the history is being read are there at the end of the same backfill."""
    added: list[str] = []
    with mover.transfer() as (transfer, attempts):
        run = transfer.run

        def run_and_change(website: HistoryWebsite, window: Window) -> None:
            run(website, window)
            if not added:
                added.append(mover.history.product.add_conversation(FIRST, updated_at=datetime.now(UTC)))

        transfer.run = run_and_change  # type: ignore[method-assign]
        backfill(transfer, [(mover.website, Window())], attempts)

    assert added
    mover.assert_each_once()
