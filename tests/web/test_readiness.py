"""Liveness asks nothing; readiness asks each source rarely, waits briefly and says why."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from analytics import cached
from analytics.errors import AnalyticsError, ConfigError, Source, SourceRejected, SourceUnavailable
from analytics.transports.tinybird import Tinybird
from analytics.web.readiness import PROBE_EVERY_SECONDS, Readiness, livez, readyz
from tests.conftest import LocalStack

SECRET = "postgresql://reader:hunter2@db.internal:5432/inbox"


class Sources:
    """Two sources that count how often they are asked, and what they do then."""

    def __init__(self) -> None:
        self.asked: dict[Source, int] = {"tinybird": 0, "postgres": 0}
        self.fails: dict[Source, BaseException] = {}
        self.hangs: dict[Source, threading.Event] = {}

    def ask(self, source: Source) -> Callable[[], None]:
        """What asks one of them."""

        def one() -> None:
            self.asked[source] += 1
            if source in self.hangs:
                self.hangs[source].wait(30)
            if source in self.fails:
                raise self.fails[source]

        return one


@pytest.fixture
def sources() -> Iterator[Sources]:
    """Two that answer; what hangs is let go at the end."""
    made = Sources()
    yield made
    for event in made.hangs.values():
        event.set()


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The clock's seconds."""
        return self.now


def ready(sources: Sources, clock: Clock | None = None, wait_seconds: float = 1.5) -> Readiness:
    """Readiness over the two."""
    ask = {source: sources.ask(source) for source in sources.asked}
    return Readiness(ask, wait_seconds=wait_seconds, clock=clock or time.monotonic)


def answers(readiness: Readiness, times: int = 1) -> list[httpx2.Response]:
    """What so many requests at once are answered."""

    async def ask() -> list[httpx2.Response]:
        app = Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz(readiness))])
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await asyncio.gather(*(client.get("/readyz") for _ in range(times)))

    return asyncio.run(ask())


def test_both_sources_answer(sources: Sources) -> None:
    """200, each source by name, never from a cache on the way."""
    (found,) = answers(ready(sources))
    assert (found.status_code, found.headers["Cache-Control"]) == (200, "no-store")
    assert found.json() == {"ready": True, "sources": {"tinybird": "ok", "postgres": "ok"}}


def test_however_many_ask_a_source_is_asked_once(sources: Sources) -> None:
    """Fifty at once and fifty after them, within 30 s; then once more."""
    clock = Clock()
    readiness = ready(sources, clock)
    assert {found.status_code for found in answers(readiness, 50)} == {200}
    clock.now += PROBE_EVERY_SECONDS - 0.1
    assert {found.status_code for found in answers(readiness, 50)} == {200}
    assert sources.asked == {"tinybird": 1, "postgres": 1}
    clock.now += 0.2
    answers(readiness, 50)
    assert sources.asked == {"tinybird": 2, "postgres": 2}


@pytest.mark.parametrize("failing", ["tinybird", "postgres"])
def test_a_failing_source_is_asked_as_rarely(failing: Source, sources: Sources) -> None:
    """Its reason is kept as an answer is, and is gone once it answers again; the other stays well."""
    clock = Clock()
    readiness = ready(sources, clock)
    sources.fails[failing] = SourceUnavailable(
        "It is away.", SECRET, source=failing, resource="x", said=SECRET
    )
    for _ in range(3):
        (found,) = answers(readiness)
        assert (found.status_code, found.json()["ready"]) == (503, False)
        assert found.json()["sources"] == {"tinybird": "ok", "postgres": "ok"} | {failing: "It is away."}
        assert SECRET not in found.text
    assert sources.asked[failing] == 1
    sources.fails.clear()
    clock.now += PROBE_EVERY_SECONDS
    assert answers(readiness)[0].status_code == 200


@pytest.mark.parametrize("hanging", ["tinybird", "postgres"])
def test_a_source_that_hangs_keeps_no_answer_waiting(hanging: Source, sources: Sources) -> None:
    """It is asked once however long it hangs, and each answer names it; when it answers it is ready."""
    clock = Clock()
    sources.hangs[hanging] = threading.Event()
    readiness = ready(sources, clock, wait_seconds=0.2)
    for _ in range(3):
        (found,) = answers(readiness)
        assert found.status_code == 503
        assert found.json()["sources"][hanging] == "No answer within 0.2 s."
        clock.now += PROBE_EVERY_SECONDS
    assert sources.asked[hanging] == 1
    sources.hangs.pop(hanging).set()
    readiness._last[hanging].reason.result(10)
    assert answers(readiness)[0].status_code == 200


def test_a_source_that_is_not_needed_is_named_and_leaves_the_app_ready() -> None:
    """The store, without which everything but goals works: 200 with its reason; a needed source still decides."""

    def fail() -> None:
        raise SourceUnavailable("The dashboard's store cannot be reached.", source="store", resource="x")

    probes: dict[Source, Callable[[], object]] = {
        "tinybird": lambda: None,
        "postgres": lambda: None,
        "store": fail,
    }
    (found,) = answers(Readiness(probes, optional=["store"]))
    assert (found.status_code, found.json()["ready"]) == (200, True)
    assert found.json()["sources"]["store"] == "The dashboard's store cannot be reached."
    probes["postgres"] = fail
    (found,) = answers(Readiness(probes, optional=["store"]))
    assert (found.status_code, found.json()["ready"]) == (503, False)


def test_the_wait_is_one_for_all_that_ask() -> None:
    """Who asks while a source has been hanging for longer is answered at once: the event loop is never blocked."""
    clock, hangs = Clock(), threading.Event()
    readiness = Readiness({"postgres": lambda: hangs.wait(30)}, wait_seconds=1e9, clock=clock)

    async def ask() -> dict[Source, str | None]:
        first = asyncio.ensure_future(readiness.reasons())
        await asyncio.sleep(0)
        clock.now += 1e9
        late = await readiness.reasons()
        hangs.set()
        assert await first == {"postgres": None}
        return late

    assert asyncio.run(ask()) == {"postgres": "No answer within 1e+09 s."}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_mistake_is_a_reason_without_its_text(sources: Sources) -> None:
    """An unexpected exception may hold anything: it goes to the log alone."""
    sources.fails["postgres"] = RuntimeError(SECRET)
    (found,) = answers(ready(sources))
    # Its thread ends with the exception, which belongs to this test.
    for thread in threading.enumerate():
        if thread.name == "ready-postgres":
            thread.join()
    assert found.status_code == 503
    assert "hunter2" not in found.text
    assert "fault" in found.json()["sources"]["postgres"]


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("A setting is missing.", SECRET),
        SourceRejected("It says no.", SECRET, source="tinybird", resource="pipes", status=403, said=SECRET),
    ],
    ids=["configuration", "refused"],
)
def test_the_reason_is_the_sentence_for_viewers(error: AnalyticsError, sources: Sources) -> None:
    """No remedy, which names variables, and nothing that the source said."""
    sources.fails["tinybird"] = error
    (found,) = answers(ready(sources))
    assert found.json()["sources"]["tinybird"] == error.message
    assert SECRET not in found.text


def test_liveness_asks_nothing(sources: Sources) -> None:
    """Also while both hang."""
    sources.hangs = {"tinybird": threading.Event(), "postgres": threading.Event()}

    async def ask() -> httpx2.Response:
        app = Starlette(routes=[Route("/livez", livez)])
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://x") as client:
            return await client.get("/livez")

    found = asyncio.run(ask())
    assert (found.status_code, found.text) == (200, "ok\n")
    assert sources.asked == {"tinybird": 0, "postgres": 0}


@pytest.mark.parametrize("source", ["tinybird", "postgres"])
def test_the_real_sources_are_ready_and_cost_no_query(source: Source, stack_environment: LocalStack) -> None:
    """Asked all day, readiness leaves the plan's queries to pages."""
    del stack_environment
    cached.probe(source)
    from analytics.cached.reading import connections

    assert connections().budget._spent.total() == 0


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("tinybird", {"TINYBIRD_HOST": "http://127.0.0.1:1"}),
        ("tinybird", {"TINYBIRD_READ_TOKEN": "p.wrong"}),
        ("postgres", {"DATABASE_URL": "postgresql://reader@127.0.0.1:1/inbox"}),
    ],
    ids=["no server", "wrong token", "no database"],
)
def test_a_source_that_is_no_use_is_not_ready(
    source: Source, changed: dict[str, str], stack_environment: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing listens, or the token opens nothing."""
    del stack_environment
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(AnalyticsError):
        cached.probe(source)


def test_the_real_store_is_probed(stack_environment: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tables are of this version; one that is away, or none, is an error."""
    with pytest.raises(ConfigError):
        cached.probe("store")
    monkeypatch.setenv("INBOX_ANALYTICS_STORE_URL", stack_environment.store_url)
    cached.probe("store")
    monkeypatch.setenv("INBOX_ANALYTICS_STORE_SCHEMA", "no_such_schema")
    with pytest.raises(AnalyticsError, match="store migrate"):
        cached.probe("store")


def test_a_read_token_may_list_pipes(local_stack: LocalStack) -> None:
    """The list is that of the token's own pipes; without one it would be refused."""
    with Tinybird(local_stack.host, local_stack.read_token) as tinybird:
        listed: Any = tinybird.manage("GET", "/v0/pipes", "read", "pipes", params={"attrs": "name"})["pipes"]
    assert "data_freshness" in {pipe["name"] for pipe in listed}


def test_the_web_app_answers_both_under_its_base_and_at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """A supervisor knows no prefix; a proxy may pass one on."""
    monkeypatch.setenv("INBOX_ANALYTICS_DEMO", "1")
    monkeypatch.setenv("TINYBIRD_HOST", "http://127.0.0.1:1")
    monkeypatch.setenv("TINYBIRD_READ_TOKEN", "p.read")
    monkeypatch.setenv("DATABASE_URL", "postgresql://reader@127.0.0.1:1/inbox")
    module = import_module("asgi_app")
    monkeypatch.setattr(module, "BASE", "/analytics")
    for name in ("/livez", "/readyz"):
        assert {route.path for route in module.at(name, livez)} == {name, f"/analytics{name}"}
    served = {getattr(route, "path", "") for route in module.app._user_routes}
    assert {"/livez", "/readyz"} <= served
