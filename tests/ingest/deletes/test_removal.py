"""What was deleted or marked as test after it was sent: removed from Tinybird, and nothing else, one job a day."""

import getpass
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from analytics.errors import ConfigError, SourceUnavailable
from analytics.ingest.deletes import deletion
from analytics.ingest.deletes.deletion import RowsOf
from analytics.ingest.deletes.receipts import Ledger
from analytics.ingest.deletes.removal import Job, Journal, Removal
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird
from tests.conftest import LocalStack
from tests.ingest.history_stack import History
from tests.ingest.stored import Stored
from tests.product_database import Product

SendEvents = Callable[[str, Sequence[dict[str, Any]]], dict[str, Any]]
AT = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
STEPS = 200


@dataclass
class Site:
    """A website with events in Tinybird, and what removes some of them.

    Attributes:
        product: Its rows in Postgres.
        stored: Its rows in Tinybird.
        stack: Where both are.
        directory: The state directory.
        send: Sends rows.
        clients: Closed at the end.
        said: What was said.
        day: The day it is.
    """

    product: Product
    stored: Stored
    stack: LocalStack
    directory: Path
    send: SendEvents
    clients: ExitStack
    said: list[str] = field(default_factory=list)
    day: datetime = field(default_factory=lambda: datetime.now(UTC))

    def removal(
        self,
        *,
        has_admin: bool = True,
        most_characters: int = 100_000,
        transport: httpx2.BaseTransport | None = None,
    ) -> Removal:
        """A new process that removes."""
        admin = self.stack.admin_token if has_admin else None
        tinybird = Tinybird(self.stack.host, self.stack.read_token, None, admin, transport=transport)
        postgres = Postgres(self.stack.database_url)
        self.clients.enter_context(tinybird)
        self.clients.enter_context(postgres)
        return Removal(
            tinybird,
            postgres,
            self.stack.host,
            self.directory,
            30,
            self.said.append,
            now=lambda: self.day,
            most_characters=most_characters,
        )

    def run(self, removal: Removal | None = None) -> None:
        """Steps until nothing is left to do today."""
        pause, each = threading.Event(), removal or self.removal()
        for _ in range(STEPS):
            if each.step([self.product.website_id], [self.product.website_id]):
                return
            pause.wait(0.05)
        raise AssertionError("the removal does not end")

    def talk(self, visitor_id: str | None = None, deleted_at: datetime | None = None) -> str:
        """A conversation with its event; returns its id."""
        visitor = visitor_id or self.product.visitor_id
        conversation = self.product.add_conversation(AT, visitor_id=visitor, deleted_at=deleted_at)
        self.event(conversation, visitor)
        return conversation

    def event(self, conversation: str, visitor: str, website_id: str | None = None) -> None:
        """A conversation's event in Tinybird alone."""
        row = {
            "timestamp": AT.strftime("%Y-%m-%d %H:%M:%S"),
            "website_id": website_id or self.product.website_id,
            "visitor_id": visitor,
            "event_type": "conversation_started",
            "conversation_id": conversation,
            "duration_seconds": 0,
        }
        assert self.send("conversation_metrics", [row])["quarantined_rows"] == 0

    def visit(self, visitor: str, website_id: str | None = None) -> None:
        """A visit in Tinybird."""
        row = {
            "timestamp": AT.strftime("%Y-%m-%d %H:%M:%S"),
            "website_id": website_id or self.product.website_id,
            "visitor_id": visitor,
            "event_type": "seen",
        }
        assert self.send("visitor_events", [row])["quarantined_rows"] == 0

    def talks(self) -> set[str]:
        """The conversations that Tinybird has."""
        return set(self.stored.ids("conversation_metrics", "conversation_id"))

    def visitors(self) -> set[str]:
        """The visitors whose visits Tinybird has."""
        return set(self.stored.ids("visitor_events"))

    def receipts(self) -> list[Job]:
        """What was removed so far."""
        paths = sorted((self.directory / "removals").glob("*/*.json"))
        return [Job.model_validate_json(path.read_bytes()) for path in paths]


@pytest.fixture
def site(
    local_stack: LocalStack, product: Product, send_events: SendEvents, tmp_path: Path
) -> Iterator[Site]:
    """A website of this test."""
    stored = Stored(local_stack.host, local_stack.admin_token, product.website_id)
    with ExitStack() as clients:
        yield Site(product, stored, local_stack, tmp_path, send_events, clients)


def test_what_was_deleted_or_is_a_test_goes_and_nothing_else(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """Deleted conversations, and everything of deleted and test visitors; the same ids of another website stay."""
    product = site.product
    tester, gone = product.add_visitor(is_test=True), product.add_visitor(deleted_at=AT)
    kept, deleted = site.talk(), site.talk(deleted_at=AT)
    of_tester, of_gone = site.talk(tester), site.talk(gone)
    site.event(
        of_tester, product.visitor_id
    )  # a row of the test visitor's conversation that names another visitor
    other = product.add_website(f"other-{product.key}")
    for visitor in (tester, gone, product.visitor_id):
        site.visit(visitor)
        site.visit(visitor, other)
    for conversation in (deleted, of_tester):
        site.event(conversation, tester, other)
    assert site.talks() == {kept, deleted, of_tester, of_gone}

    site.run()

    assert site.talks() == {kept}
    assert site.visitors() == {product.visitor_id}
    elsewhere = Stored(site.stack.host, site.stack.admin_token, other)
    assert set(elsewhere.ids("visitor_events")) == {tester, gone, product.visitor_id}
    assert set(elsewhere.ids("conversation_metrics", "conversation_id")) == {deleted, of_tester}
    of_talks, of_visits = sorted(site.receipts(), key=lambda job: job.datasource)
    assert (of_talks.rows_found, of_talks.rows_deleted, of_talks.error) == (4, 4, "")
    assert set(of_visits.rows_of) == {
        RowsOf(product.website_id, "visitor_id", visitor) for visitor in (tester, gone)
    }
    assert any("removed 2 rows" in text for text in site.said)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["audit"], line["outcome"], line["website"], line["rows"]) for line in lines] == [
        ("removal", "done", product.website_id, rows) for rows in (4, of_visits.rows_deleted)
    ]
    assert {line["who"] for line in lines} == {getpass.getuser()}
    assert not {tester, gone, deleted} & {str(value) for line in lines for value in line.values()}


def test_each_data_source_has_one_job_a_day(site: Site) -> None:
    """What is deleted later today goes tomorrow, also from another process; a day without anything starts no job."""
    site.talk(deleted_at=AT)
    site.run()
    later = site.talk(deleted_at=AT)
    site.run()
    assert site.talks() == {later}
    site.day += timedelta(days=1)
    site.run(site.removal())
    assert site.talks() == set()
    site.day += timedelta(days=1)
    site.run()
    assert len(site.receipts()) == 2


def test_what_does_not_fit_in_a_job_goes_the_next_day(site: Site) -> None:
    """The condition stays short; that there is more is said."""
    conversations = {site.talk(deleted_at=AT) for _ in range(5)}
    most = 3 * len(next(iter(conversations))) + 120 + len(site.product.website_id)
    site.run(site.removal(most_characters=most))
    left = site.talks()
    assert 0 < len(left) < 5
    assert any("tomorrow" in text for text in site.said)
    for _ in range(5):
        site.day += timedelta(days=1)
        site.run(site.removal(most_characters=most))
    assert site.talks() == set()


def test_rows_that_arrive_after_the_removal_go_the_next_day(site: Site) -> None:
    """A spool may hold them, and a product may go on sending for a test visitor."""
    conversation = site.talk(deleted_at=AT)
    site.run()
    site.event(conversation, site.product.visitor_id)
    site.day += timedelta(days=1)
    site.run()
    assert site.talks() == set()


def test_a_removal_goes_on_after_a_kill(site: Site) -> None:
    """With the job that runs, or with a new one where the answer was never seen; each job has one receipt."""
    site.talk(deleted_at=AT)
    removal = site.removal()
    scope = [site.product.website_id]
    assert not removal.step(scope, scope)
    (path,) = (site.directory / "removals").glob("*.json")
    running = Journal.model_validate_json(path.read_bytes()).running
    assert running is not None
    assert running.job_id is not None
    site.run(site.removal())
    assert [job.job_id for job in site.receipts()] == [running.job_id]

    site.talk(deleted_at=AT)
    site.day += timedelta(seconds=1)
    unanswered = running.model_copy(update={"job_id": None})
    path.write_text(Journal(running=unanswered).model_dump_json())
    site.run(site.removal())
    assert site.talks() == set()
    assert len(site.receipts()) == 2


def test_without_an_admin_token_it_is_said_once_and_nothing_is_removed(site: Site) -> None:
    """And not at all where there is nothing to remove."""
    removal = site.removal(has_admin=False)
    site.run(removal)
    assert site.said == []
    conversation = site.talk(deleted_at=AT)
    removal = site.removal(has_admin=False)
    site.run(removal)
    site.run(removal)
    (said,) = site.said
    assert "TINYBIRD_ADMIN_TOKEN is missing" in said
    assert site.talks() == {conversation}


class Answering(httpx2.BaseTransport):
    """The network, but a delete, or what `path` ends, is answered with a status; without one the process is killed."""

    def __init__(self, status: int | None, error: str = "", path: str = "/delete") -> None:
        self._answer = status, error
        self._path = path
        self._network = httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """As httpx2 asks a transport."""
        if request.url.path.endswith(self._path):
            status, error = self._answer
            if status is None:
                raise SystemExit
            return httpx2.Response(status, json={"error": error}, request=request)
        return self._network.handle_request(request)

    def close(self) -> None:
        """Closes the connections."""
        self._network.close()


def test_while_another_job_runs_it_is_tried_again_in_the_next_round(site: Site) -> None:
    """The free plan runs one delete job at a time; the day is not over for that."""
    conversation = site.talk(deleted_at=AT)
    scope = [site.product.website_id]
    busy = site.removal(transport=Answering(429, "There is already a delete job running"))
    assert [busy.step(scope, scope) for _ in range(3)] == [False] * 3
    assert site.talks() == {conversation}
    site.run()
    assert site.talks() == set()


def test_a_refusal_is_said_and_does_not_end_what_goes_on_beside_it(site: Site) -> None:
    """Today is over then; tomorrow it is tried again."""
    site.talk(deleted_at=AT)
    site.run(site.removal(transport=Answering(403, "no")))
    (said,) = site.said
    assert "conversation_metrics: what was deleted or marked as test is not removed today" in said
    site.day += timedelta(days=1)
    site.run()
    assert site.talks() == set()


def test_a_refused_look_is_said_for_each_data_source(site: Site) -> None:
    """The other one is looked at all the same; tomorrow both are tried again."""
    site.talk(site.product.add_visitor(is_test=True))
    site.run(site.removal(transport=Answering(403, "no", "/v0/sql")))
    assert [said.partition(":")[0] for said in site.said] == ["conversation_metrics", "visitor_events"]
    site.day += timedelta(days=1)
    site.run()
    assert site.talks() == set()


def test_a_server_that_fails_is_asked_again(site: Site) -> None:
    """The error is the caller's to wait for; no job counts as started."""
    site.talk(deleted_at=AT)
    scope = [site.product.website_id]
    with pytest.raises(SourceUnavailable):
        site.removal(transport=Answering(503, "down")).step(scope, scope)
    site.run()
    assert site.talks() == set()


def test_a_removal_that_was_killed_while_it_asked_asks_again(site: Site) -> None:
    """On the same day: the job was noted before it was asked for."""
    site.talk(deleted_at=AT)
    scope = [site.product.website_id]
    with pytest.raises(SystemExit):
        site.removal(transport=Answering(None)).step(scope, scope)
    site.run()
    assert site.talks() == set()


def test_a_purge_goes_first(site: Site) -> None:
    """One of both deletes at a time."""
    site.talk(deleted_at=AT)
    scope = [site.product.website_id]
    with Ledger(site.directory).held():
        assert not site.removal().step(scope, scope)
    assert not (site.directory / "removals").exists()
    site.run()
    assert site.talks() == set()


def test_a_deleted_website_goes_after_its_grace(site: Site) -> None:
    """All of its rows, where no website is chosen; before that a mistake can be taken back."""
    product = site.product
    due = product.add_website(f"due-{product.key}", deleted_at=site.day - timedelta(days=31))
    kept = product.add_website(f"kept-{product.key}", deleted_at=site.day - timedelta(days=29))
    for website in (due, kept):
        site.visit("v", website)
    removal, pause = site.removal(), threading.Event()
    for _ in range(STEPS):
        if removal.step([product.website_id]):
            break
        pause.wait(0.05)
    left = [
        set(Stored(site.stack.host, site.stack.admin_token, website).ids("visitor_events"))
        for website in (due, kept)
    ]
    assert left == [set(), {"v"}]


@pytest.mark.parametrize("text", ["{", '{"looked": 5}', '{"running": {"datasource": "x"}}'])
def test_a_damaged_journal_is_named(site: Site, text: str) -> None:
    """With what to do about it."""
    site.run()
    (path,) = (site.directory / "removals").glob("*.json")
    path.write_text(text)
    with pytest.raises(ConfigError, match="it holds no journal"):
        site.run(site.removal())


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [RowsOf("w", "visitor_id", "v' OR 1=1 --")],
        [RowsOf("w' OR '1'='1", "visitor_id", "v")],
        [RowsOf("w", "1=1 OR visitor_id", "v")],  # type: ignore[arg-type]
        [RowsOf("", "visitor_id", "v")],
    ],
)
def test_no_id_becomes_a_part_of_the_condition(rows: list[RowsOf]) -> None:
    """Refused before anything is asked; without an id there is no condition."""
    with pytest.raises(ValueError, match="id"):
        deletion.condition_of_all(rows)


def test_a_product_that_emits_removes_and_moves_nothing(
    local_stack: LocalStack, product: Product, site: Site, tmp_path: Path
) -> None:
    """`--only-remove`: what was emitted and deleted goes, what Postgres holds beside it is not sent."""
    history = History(local_stack, product, tmp_path)
    history.fill(3)
    kept = site.talk()
    site.talk(deleted_at=AT)
    environment = history.environment(TINYBIRD_ADMIN_TOKEN=local_stack.admin_token)
    ended = history.run("sync", "--once", "--only-remove", environment=environment)
    assert ended.returncode == 0, ended.stderr
    (line,) = ended.stdout.splitlines()
    assert (json.loads(line)["audit"], json.loads(line)["rows"]) == ("removal", 1)
    assert site.talks() == {kept}


def test_parity_names_what_was_removed_and_counts_again(
    local_stack: LocalStack, product: Product, tmp_path: Path
) -> None:
    """A visitor who is no test visitor any more: nothing in Postgres says that events are missing, the receipt does."""
    history = History(local_stack, product, tmp_path)
    history.fill(4)
    environment = history.environment(TINYBIRD_ADMIN_TOKEN=local_stack.admin_token)
    assert history.run("sync", "--once").returncode == 0
    product.update("visitor", product.visitor_id, is_test=True)
    assert history.run("sync", "--once", environment=environment).returncode == 0
    assert history.stored() == {}
    product.update("visitor", product.visitor_id, is_test=False)
    assert history.run("sync", "--once", environment=environment).returncode == 0
    report = history.run("parity", "--range", "2026-09-01..2026-09-02", environment=environment)
    assert (
        "4 × removed while it was deleted or a test visitor's; `backfill --restart` sends it again"
        in report.stdout
    )
    assert history.run("backfill", "--restart").returncode == 0
    assert history.stored().keys() == history.expected()


def test_sync_removes_and_does_not_send_again(
    local_stack: LocalStack, product: Product, tmp_path: Path
) -> None:
    """The command itself: sent, then deleted, then removed; another round, a backfill from the start and parity agree."""
    history = History(local_stack, product, tmp_path)
    history.fill(10)
    environment = history.environment(TINYBIRD_ADMIN_TOKEN=local_stack.admin_token)
    assert history.run("sync", "--once").returncode == 0
    before = {conversation for conversation, *_ in history.stored()}
    deleted = f"{product.key}-3"
    product.update("conversation", deleted, deleted_at=datetime.now(UTC), updated_at=datetime.now(UTC))

    ended = history.run("sync", "--once", environment=environment)

    assert ended.returncode == 0, ended.stderr
    assert "rows that were deleted or are of test visitors" in ended.stderr
    assert {conversation for conversation, *_ in history.stored()} == before - {deleted}
    history.run("backfill", "--restart", environment=environment)
    assert {conversation for conversation, *_ in history.stored()} == before - {deleted}
    report = history.run("parity", "--range", "2026-09-01..2026-09-02", "--json", environment=environment)
    assert {
        each["verdict"] for period in json.loads(report.stdout)["periods"] for each in period["kpis"]
    } <= {
        "equal",
        "one-sided",
    }
    product.update("conversation", deleted, deleted_at=None, updated_at=datetime.now(UTC))
    history.run("sync", "--once", environment=environment)
    assert {conversation for conversation, *_ in history.stored()} == before
