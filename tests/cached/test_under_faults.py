"""The cached module while its sources fail on and off: no answer of another website, and nothing left behind."""

import gc
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg
import pytest

from analytics import cached, sources
from analytics.cached import OpenedView, View
from analytics.cached.reading import KPI_TTL, connections, reads
from analytics.cached.shared.question import Question
from analytics.cached.shared.reads import PROBES, READERS
from analytics.cached.shared.waits import Patience
from analytics.errors import Source, SourceError
from analytics.readings import Answer
from analytics.scope.identity import Identity
from analytics.scope.periods import Range
from tests.conftest import LocalStack
from tests.faults.http_proxy import HttpProxy, http_proxy
from tests.faults.postgres import PostgresFaults, postgres_faults
from tests.pages.conftest import SendEvents
from tests.product_database import Product

STARTED: Final = (3, 7)
"""Conversations, and comments, of the two websites."""

LOAD_SECONDS: Final = 4.0
SETTLE_SECONDS: Final = 30.0
READ_THREADS: Final = sum(READERS.values()) + PROBES * len(READERS)


@pytest.fixture
def tinybird(stack_environment: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpProxy]:
    """What is taken for Tinybird."""
    with http_proxy(stack_environment.host) as proxy:
        monkeypatch.setenv("TINYBIRD_HOST", proxy.url)
        yield proxy
        cached.clear()


@pytest.fixture
def postgres(stack_environment: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresFaults]:
    """What is taken for Postgres."""
    with postgres_faults(stack_environment.database_url, stack_environment.owner_url) as faults:
        monkeypatch.setenv("DATABASE_URL", faults.url)
        yield faults
        cached.clear()


@pytest.fixture
def open_view(
    tinybird: HttpProxy, postgres: PostgresFaults, local_stack: LocalStack, send_events: SendEvents
) -> Iterator[Callable[[int], Callable[[], OpenedView]]]:
    """Makes a website with so many conversations and comments of yesterday, and what opens it for its viewer."""
    del tinybird, postgres
    noon = (datetime.now(UTC) - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    with psycopg.connect(local_stack.owner_url, autocommit=True) as connection:

        def made(count: int) -> Callable[[], OpenedView]:
            product = Product(connection)
            email = f"ann.{product.key}@example.com"
            product.add_user(email)
            events = [
                {
                    "timestamp": noon.isoformat(),
                    "website_id": product.website_id,
                    "visitor_id": product.visitor_id,
                    "event_type": "conversation_started",
                    "conversation_id": f"{product.website_id}-{number}",
                    "duration_seconds": 0.0,
                }
                for number in range(count)
            ]
            assert send_events("conversation_metrics", events)["successful_rows"] == count
            for _ in range(count):
                product.add_feedback(noon, 5, comment=product.website_id)

            def opened() -> OpenedView:
                now = datetime.now(UTC)
                viewer = cached.viewer_for(Identity(email, None), now)
                return cached.open_view(View(viewer, product.website_id, Range(days=7), "UTC", now))

            return opened

        yield made


def test_two_viewers_get_no_number_of_each_other(
    open_view: Callable[[int], Callable[[], OpenedView]],
    tinybird: HttpProxy,
    postgres: PostgresFaults,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three tabs of each, fresh and stale answers, while faults come and go."""

    def look(opened: Callable[[], OpenedView], own: int) -> list[bool]:
        view = opened()
        funnel = cached.kpis(view).value.funnel
        comments = cached.latest_comments(view, None, 50).value["comment"]
        is_own = len(comments) == own and set(comments) == {view.resolved.website.id}
        return [is_own, *([] if funnel is None else [funnel.started == own])]

    def go_on(opened: Callable[[], OpenedView], own: int) -> list[bool]:
        seen = []
        while time.monotonic() < ends_at:
            with suppress(SourceError):
                seen += look(opened, own)
        return seen

    views = [(open_view(count), count) for count in STARTED]
    assert all(all(look(*each)) for each in views)
    monkeypatch.setattr(reads, "patience", Patience(0.3, 0.05))
    ends_at = time.monotonic() + LOAD_SECONDS
    with ThreadPoolExecutor(3 * len(STARTED)) as tabs:
        looking = [tabs.submit(go_on, *each) for each in views for _ in range(3)]
        for fault in itertools.cycle(("", "cut JSON", "", "500", "", "reset", "", "repeated rows")):
            if time.monotonic() >= ends_at:
                break
            reads.expire()
            if fault:
                tinybird.begin(fault)
                postgres.begin("cut answer")
            time.sleep(0.1)
            tinybird.end()
            postgres.end()
        answers = [each.result() for each in looking]
    assert all(answers)
    assert all(itertools.chain.from_iterable(answers))


def test_a_thousand_failing_reads_leave_nothing(tinybird: HttpProxy, postgres: PostgresFaults) -> None:
    """Connections and files are as many as after ten; threads no more than read side by side."""
    asks: tuple[tuple[Source, Callable[[int], Answer[float]]], ...] = (
        ("tinybird", _probe_tinybird),
        ("postgres", _probe_postgres),
    )

    def fail(count: int) -> int:
        """Lets so many reads of each source fail; returns the files that are open afterwards, at their fewest."""
        tinybird.begin("HTML")
        postgres.begin("refuse")
        for number in range(count):
            sent = [
                reads.ask(source, Question("probe", (number,), source, KPI_TTL, ask)) for source, ask in asks
            ]
            assert all(isinstance(each.outcome(), SourceError) for each in sent)
            reads.expire()
        tinybird.end()
        postgres.end()
        cached.clear()
        return min(_open_files() for _ in range(20))

    before = fail(10)
    threads = threading.active_count()
    ends_at = time.monotonic() + SETTLE_SECONDS
    after = fail(500)
    assert tinybird.requests >= 500
    while after > before or threading.active_count() > threads + READ_THREADS:
        assert time.monotonic() < ends_at, (before, after, threading.enumerate())
        after = _open_files()


def _probe_tinybird(_number: int) -> Answer[float]:
    return sources.tinybird_probe(connections().tinybird)


def _probe_postgres(_number: int) -> Answer[float]:
    return sources.postgres_probe(connections().postgres)


def _open_files() -> int:
    gc.collect()
    time.sleep(0.05)
    return len(os.listdir("/proc/self/fd"))


def test_a_check_without_an_answer_yet_is_slow_not_unreachable(
    tinybird: HttpProxy, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer times stay, and what is no failure is not kept as one."""
    now = datetime.now(UTC)
    email = f"staff.{product.key}@example.com"
    product.add_user(email, is_member=False, role="admin")
    viewer = cached.viewer_for(Identity(email, None), now)
    answered = cached.source_health(viewer, "tinybird", now).value
    assert (answered.state, answered.probes) == ("ok", 1)
    reads.expire()
    monkeypatch.setattr(reads, "patience", Patience(0.3, 0.05))
    tinybird.begin("hang")
    late = cached.source_health(viewer, "tinybird", now).value
    assert (late.state, late.median_seconds) == ("slow", answered.median_seconds)
    assert [each.error for each in connections().probes.kept("tinybird")] == [None]
