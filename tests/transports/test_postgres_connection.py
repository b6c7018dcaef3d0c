"""Connections that were dropped in silence are given up, on the side that waits, and leave nothing behind."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy.pool import QueuePool

from analytics.errors import SchemaMismatch, SourceUnavailable
from analytics.ingest.emitter import Emitter
from analytics.ingest.history.backfill import retries
from analytics.ingest.history.reader import HistoryWebsite, Window
from analytics.ingest.history.transfer import Transfer, TransferCounts
from analytics.ingest.history.watermarks import Watermarks
from analytics.ingest.spool.settings import SpoolSettings
from analytics.transports.postgres import Limits, Postgres
from analytics.transports.postgres_connection import KEEPALIVE, BoundedConnection
from analytics.transports.tinybird import Tinybird
from tests.conftest import LocalStack
from tests.ingest.history_stack import History
from tests.product_database import Product
from tests.silent_proxy import THREAD_NAME, SilentProxy, silent_proxy

POOLED, MOST = 5, 10
SHORT = Limits(connect=2, ping=0.5, pool=5.0, statement=10.0, read=3.0, step=0.5)

PERIOD = {"website_id": "w", "date_from": "2026-11-01 00:00:00", "date_to": "2026-11-02 00:00:00"}


@pytest.fixture
def path(local_stack: LocalStack) -> Iterator[SilentProxy]:
    """The network between the client and Postgres."""
    with silent_proxy(local_stack.database_url) as proxy:
        yield proxy


@pytest.fixture
def client(path: SilentProxy, local_stack: LocalStack) -> Iterator[Postgres]:
    """A client of Postgres that waits for 3 seconds."""
    with Postgres(path.through(local_stack.database_url), SHORT) as postgres_client:
        yield postgres_client


def pool(client: Postgres) -> QueuePool:
    """The pool of a client."""
    found = client._engine.pool
    assert isinstance(found, QueuePool)
    return found


def threads_of_ours() -> set[threading.Thread]:
    """What runs beside the proxy."""
    return {thread for thread in threading.enumerate() if thread.name != THREAD_NAME}


def until(holds: Callable[[], bool]) -> None:
    """Waits until something holds that happens in another thread."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def side_by_side(count: int, call: Callable[[], object]) -> tuple[list[threading.Thread], list[object]]:
    """Started threads that call, and what comes out of them: a result or an error."""
    outcomes: list[object] = []

    def run() -> None:
        try:
            outcomes.append(call())
        except SourceUnavailable as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, outcomes


def fill(client: Postgres, owner: psycopg.Connection[tuple[object, ...]], count: int) -> None:
    """Opens so many connections and leaves them idle in the pool."""
    lock = f"SELECT pg_advisory_xact_lock_shared({id(client)})"
    with owner.transaction():
        owner.execute(f"SELECT pg_advisory_xact_lock({id(client)})".encode())
        threads, _ = side_by_side(count, lambda: client.read("filling", lock, {}))
        until(lambda: pool(client).checkedout() == count)
    for thread in threads:
        thread.join()


def test_reads_on_their_way_end_and_the_next_one_works(
    client: Postgres, path: SilentProxy, product: Product
) -> None:
    """As many as the pool has: each gets an error, none keeps its place or a thread, and each closes its connection."""
    before = threads_of_ours()
    asleep = f"SELECT pg_sleep(30) AS n{id(client)}"
    asked = "SELECT FROM pg_stat_activity WHERE query = %s AND state = 'active'"
    threads, outcomes = side_by_side(MOST, lambda: client.read("asleep", asleep, {}))
    until(lambda: product.connection.execute(asked, (asleep,)).rowcount == MOST)
    path.drop()
    for thread in threads:
        thread.join()
    assert {type(outcome) for outcome in outcomes} == {SourceUnavailable}
    assert all("does not answer" in str(outcome) for outcome in outcomes)
    assert client.read("next", "SELECT 1 AS one", {}).rows == [{"one": 1}]
    assert pool(client).checkedout() == 0
    until(lambda: path.given_up == MOST)
    assert threads_of_ours() == before


def test_idle_connections_are_replaced_before_a_read_fails(
    client: Postgres, path: SilentProxy, product: Product
) -> None:
    """The test before use ends after its own bound: not even the first read notices more than that."""
    fill(client, product.connection, POOLED)
    assert path.opened == POOLED
    path.drop()
    for _ in range(MOST):
        assert client.read("next", "SELECT 1 AS one", {}).rows == [{"one": 1}]
    assert list(client.stream("next", "SELECT 1", {})) == [[(1,)]]
    assert pool(client).checkedout() == 0


def test_idle_connections_are_replaced_for_all_readers_at_once(
    client: Postgres, path: SilentProxy, product: Product
) -> None:
    """Each of them meets a dead connection of its own."""
    fill(client, product.connection, POOLED)
    path.drop()
    threads, outcomes = side_by_side(POOLED, lambda: client.read("next", "SELECT 1 AS one", {}).rows)
    for thread in threads:
        thread.join()
    assert outcomes == [[{"one": 1}]] * POOLED
    assert pool(client).checkedout() == 0


def test_a_pooled_connection_is_replaced_at_an_age(local_stack: LocalStack, path: SilentProxy) -> None:
    """A gateway that forgets old connections meets none; a young one is used again."""
    url = path.through(local_stack.database_url)
    for age_seconds, is_kept in ((SHORT.recycle, True), (0, False)):
        before = path.opened
        with Postgres(url, replace(SHORT, recycle=age_seconds)) as client:
            for _ in range(3):
                client.read("one", "SELECT 1 AS one", {})
        assert (path.opened - before == 1) == is_kept


def test_a_stream_ends_with_an_error_and_the_next_one_works(client: Postgres, path: SilentProxy) -> None:
    """Between two steps; its place in the pool is free again, its connection is closed."""
    statement = "SELECT n, repeat('x', 500) FROM generate_series(1, 100000) AS n"
    stream = client.stream("history", statement, {})
    assert len(next(stream)) == SHORT.fetch_rows
    path.drop()
    with pytest.raises(SourceUnavailable, match="does not answer: history"):
        list(stream)
    assert pool(client).checkedout() == 0
    until(lambda: path.given_up == 1)
    assert sum(len(part) for part in client.stream("history", statement, {})) == 100_000


def test_the_server_ends_what_its_reader_has_left(
    client: Postgres, path: SilentProxy, product: Product
) -> None:
    """A proxy or pooler that keeps its own side open keeps the server from seeing it; a transaction ends all the same."""
    sleeping = f"SELECT pg_sleep(0.9) AS n{id(client)}"
    reads = "SELECT FROM pg_stat_activity WHERE query = %s"
    threads, _ = side_by_side(2, lambda: client.read("asleep", sleeping, {}))
    until(lambda: product.connection.execute(reads, (sleeping,)).rowcount == 2)
    path.drop()
    for thread in threads:
        thread.join()
    until(lambda: product.connection.execute(reads, (sleeping,)).rowcount == 0)


def test_a_stream_whose_reader_was_away_for_too_long_may_be_tried_again(local_stack: LocalStack) -> None:
    """The server has ended it; that is no refusal."""
    with Postgres(local_stack.database_url, Limits(idle=0.1)) as client:
        stream = client.stream("history", "SELECT generate_series(1, 100000)", {})
        next(stream)
        time.sleep(0.5)
        with pytest.raises(SourceUnavailable):
            list(stream)
        assert pool(client).checkedout() == 0


def test_a_stream_that_is_left_on_a_dropped_path_keeps_nothing(client: Postgres, path: SilentProxy) -> None:
    """The reader stops early: nothing is asked that waits for an answer, so that it is not kept waiting either."""
    stream = client.stream("history", "SELECT generate_series(1, 100000)", {})
    next(stream)
    path.drop()
    stream.close()  # type: ignore[attr-defined]  # a generator
    until(lambda: path.given_up == 1)
    assert path.unheard in {b"", b"X\0\0\0\4"}, "at most that it ends"
    assert pool(client).checkedout() == 0
    assert client.read("next", "SELECT 1 AS one", {}).rows == [{"one": 1}]


def test_a_backfill_goes_on_after_a_dropped_path(
    local_stack: LocalStack,
    path: SilentProxy,
    product: Product,
    tmp_path: Path,
) -> None:
    """The stream is given up, the next attempt goes on behind the watermark, and each event is there once."""
    history = History(local_stack, product, tmp_path)
    history.fill(200)
    website = HistoryWebsite(product.website_id, product.website_id, product.organization_id)
    said: list[str] = []

    def landed(_counts: TransferCounts) -> None:
        if not said:
            path.drop()

    with (
        Tinybird(local_stack.host, local_stack.read_token, local_stack.append_token) as tinybird,
        Postgres(path.through(local_stack.database_url), replace(SHORT, fetch_rows=20)) as client,
        Watermarks(tmp_path, local_stack.host) as watermarks,
    ):
        transfer = Transfer(
            tinybird,
            client,
            watermarks,
            on_batch=landed,
            say=said.append,
            settle_seconds=0.1,
            batch_events=40,
        )
        attempts = retries(60.0, said.append)
        for _ in range(2):
            attempts.run(lambda: transfer.run(website, transfer.window(website) or Window()))
        assert pool(client).checkedout() == 0
    assert any("Postgres does not answer" in text for text in said)
    stored = history.stored()
    assert stored.keys() == history.expected()
    assert set(stored.values()) == {1}


def test_a_new_connection_that_hears_nothing_is_given_up(client: Postgres, path: SilentProxy) -> None:
    """It keeps no place in the pool."""
    path.is_holding = True
    with pytest.raises(SourceUnavailable):
        client.read("first", "SELECT 1", {})
    assert path.opened == 1
    assert pool(client).checkedout() == 0


@pytest.mark.parametrize("kind", [b"T", b"D", b"C", b"Z"], ids=["columns", "row", "end", "ready"])
def test_an_answer_that_libpq_cannot_read_is_no_refusal(
    client: Postgres, path: SilentProxy, kind: bytes
) -> None:
    """A broken path, as a dropped one: the read may be tried again, on a new connection."""
    client.read("first", "SELECT 1 AS one", {})
    path.rewrite = (kind + b"\0\0\0", b"!\0\0\0")
    with pytest.raises(SourceUnavailable):
        client.read("second", "SELECT 1 AS one", {})
    path.rewrite = (b"", b"")
    assert client.read("third", "SELECT 1 AS one", {}).rows == [{"one": 1}]
    assert pool(client).checkedout() == 0


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param("", KEEPALIVE, id="none"),
        pytest.param("?keepalives_idle=7", {"keepalives_idle": 7}, id="one of them"),
        pytest.param("?tcp_user_timeout=0", {"tcp_user_timeout": 0}, id="switched off"),
        pytest.param("?keepalives=0", {"keepalives": 0}, id="all switched off"),
        pytest.param("?sslmode=prefer", KEEPALIVE, id="something else"),
    ],
)
def test_what_the_address_says_about_silence_holds(
    local_stack: LocalStack,
    options: str,
    expected: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ours are the default; an address that names one of them decides all of them."""
    made: list[psycopg.Connection[tuple[object, ...]]] = []
    connect = BoundedConnection.connect

    def remembered(*args: str, **params: object) -> BoundedConnection:
        made.append(connect(*args, **params))  # type: ignore[arg-type]  # psycopg's own
        return made[-1]  # type: ignore[return-value]

    monkeypatch.setattr(BoundedConnection, "connect", remembered)
    with Postgres(local_stack.database_url + options) as client:
        client.read("one", "SELECT 1", {})
        (connection,) = made
        named = connection.info.get_parameters()
        with socket.socket(fileno=os.dup(connection.fileno())) as opened:
            kept_alive = opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert bool(kept_alive) == (named.get("keepalives") != "0")
    assert {name: int(named[name]) for name in KEEPALIVE if name in named} == expected


def test_a_unix_socket_has_the_same_bounds(local_stack: LocalStack, tmp_path: Path) -> None:
    """The options of TCP do not disturb it, and an idle connection that hears nothing is replaced."""
    user = urlsplit(local_stack.database_url)
    url = f"postgresql://{user.username}:{user.password}@{user.path}?host={tmp_path}"
    with silent_proxy(local_stack.database_url, tmp_path) as path, Postgres(url, SHORT) as client:
        assert client.read("one", "SELECT 1 AS one", {}).rows == [{"one": 1}]
        path.drop()
        assert client.read("next", "SELECT 1 AS one", {}).rows == [{"one": 1}]
        assert pool(client).checkedout() == 0
        until(lambda: path.given_up == 1)


def test_a_server_of_no_known_version_is_refused(client: Postgres, path: SilentProxy) -> None:
    """Products that resemble PostgreSQL give their own name; that is an error of ours and no traceback."""
    path.rewrite = (b"PostgreSQL ", b"Cockroachy ")
    with pytest.raises(SchemaMismatch, match="does not report a PostgreSQL version"):
        client.read("one", "SELECT 1", {})
    assert pool(client).checkedout() == 0


@pytest.fixture
def web(local_stack: LocalStack) -> Iterator[SilentProxy]:
    """The network between the client and Tinybird."""
    with silent_proxy(local_stack.host) as proxy:
        yield proxy


@pytest.mark.parametrize("count", [1, MOST])
@pytest.mark.parametrize("is_idle", [True, False], ids=["idle", "on their way"])
def test_http_reads_work_again(
    local_stack: LocalStack, web: SilentProxy, count: int, *, is_idle: bool
) -> None:
    """Pooled connections, or those of reads on their way: closed after the timeout, and new ones are made."""
    with Tinybird(
        web.through(local_stack.host),
        local_stack.read_token,
        read_seconds=1.0,
        sleep=lambda _: None,
    ) as client:
        if is_idle:
            for thread in side_by_side(count, lambda: client.query_pipe("unique_visitors", PERIOD))[0]:
                thread.join()
        web.is_holding = not is_idle
        web.drop()
        dropped = web.opened
        threads, outcomes = side_by_side(count, lambda: client.query_pipe("unique_visitors", PERIOD))
        for thread in threads:
            thread.join()
        assert len(outcomes) == count
        assert is_idle or all("does not answer" in str(outcome) for outcome in outcomes)
        if not is_idle:
            dropped = web.opened
        web.is_holding = False
        assert len(client.query_pipe("unique_visitors", PERIOD).rows) == 2
        until(lambda: web.given_up == dropped)


def test_an_emitter_delivers_again(local_stack: LocalStack, web: SilentProxy, tmp_path: Path) -> None:
    """Its pooled connection is gone: given up when no answer comes, and the events go over a new one."""
    settings = SpoolSettings(answer_seconds=1.0)
    with Emitter(
        web.through(local_stack.host), local_stack.append_token, tmp_path, settings=settings
    ) as emitter:
        assert emitter.page_view(website_id="dropped", visitor_id="v1")
        assert emitter.flush(30)
        web.drop()
        assert emitter.page_view(website_id="dropped", visitor_id="v2")
        assert emitter.flush(30)
        assert (emitter.counters().sent, emitter.counters().retried) == (2, 1)
    until(lambda: web.given_up == 1)
