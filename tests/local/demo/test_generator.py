"""The generator continues from its record, adds what it missed, and logs when it waits."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx2
import pytest

from analytics.local.demo.content.customers.organizations import DAY
from analytics.local.demo.content.days import CONVERSATION_DAYS
from analytics.local.demo.delivery import copy_rows
from analytics.local.demo.generator import TICK_SECONDS, Generator
from analytics.local.demo.history import History
from analytics.local.demo.load import _is_usable, connect
from analytics.local.stack.demo_record import VERSION, DemoRecord

if TYPE_CHECKING:
    from tests.conftest import LocalStack

SEED: Final = 4711
PAUSE_SECONDS: Final = 5400


@pytest.fixture(scope="module")
def environment(local_stack: "LocalStack") -> dict[str, str]:
    """The settings of the local stack, for the generator."""
    return {
        "TINYBIRD_HOST": local_stack.host,
        "TINYBIRD_APPEND_TOKEN": local_stack.append_token,
        "TINYBIRD_ADMIN_TOKEN": local_stack.admin_token,
        "INBOX_ANALYTICS_LOCAL_OWNER_URL": local_stack.owner_url,
    }


@pytest.fixture
def history(environment: dict[str, str]) -> Iterator[History]:
    """A demo that begins now, with its accounts in Postgres and nothing else."""
    history = History(SEED, int(time.time()) - PAUSE_SECONDS)
    with connect(environment) as connection:
        for rows in history.account_rows():
            copy_rows(connection, rows)
    yield history
    with connect(environment) as connection:
        ids = history.identity
        connection.execute("DELETE FROM organization WHERE id = ANY(%s)", [list(ids.organizations.values())])
        connection.execute('DELETE FROM "user" WHERE id = ANY(%s)', [list(ids.people.values())])


def generator(directory: Path, history: History, environment: dict[str, str]) -> Generator:
    """A generator whose data is complete up to the anchor."""
    record = DemoRecord(SEED, history.anchor, history.anchor, is_complete=True).write(directory)
    return Generator(directory, record, environment)


class Clock:
    """A clock that stands still; the generator reads it once per step.

    Attributes:
        reads: How often it was read.
    """

    def __init__(self, now: int) -> None:
        self.reads = 0
        self._now = now

    def __call__(self) -> float:
        """UTC seconds."""
        self.reads += 1
        return float(self._now)


def count(stack: "LocalStack", datasource: str, history: History) -> int:
    """Rows of a data source that belong to a demo."""
    ids = ", ".join(f"'{key}'" for key in history.identity.websites.values())
    query = f"SELECT count() AS n FROM {datasource} WHERE website_id IN ({ids}) FORMAT JSON"
    headers = {"Authorization": f"Bearer {stack.admin_token}"}
    answer = httpx2.get(f"{stack.host}/v0/sql", params={"q": query}, headers=headers)
    return int(answer.raise_for_status().json()["data"][0]["n"])


def expected(history: History, datasource: str, until: int) -> int:
    """How many events a demo has after its anchor."""
    parts = history.event_chunks(history.anchor, until)
    return sum(len(part.lines()) for part in parts if part.datasource == datasource)


def test_it_makes_up_for_what_it_missed(
    tmp_path: Path, history: History, environment: dict[str, str], local_stack: "LocalStack"
) -> None:
    """After a pause, the events of the pause are added once, and the record reaches now."""
    now = history.anchor + PAUSE_SECONDS
    made = generator(tmp_path, history, environment)
    made.step(now - 600)
    made.step(now)
    made.step(now)
    for datasource in ("visitor_events", "conversation_metrics"):
        assert count(local_stack, datasource, history) == expected(history, datasource, now) > 0
    record = DemoRecord.read(tmp_path)
    assert record is not None
    assert record.until == now


def test_rows_are_brought_up_to_date(tmp_path: Path, history: History, environment: dict[str, str]) -> None:
    """A conversation that was open is resolved later, in the same row."""
    # A day of every website: what an hour holds depends on the hour the test runs at.
    made = generator(tmp_path, history, environment)
    made.step(history.anchor + 12 * 3600)
    statuses = "SELECT id, status, resolved_at IS NULL FROM conversation WHERE website_id = ANY(%s)"
    websites = [list(history.identity.websites.values())]
    with connect(environment) as connection:
        before = {key: (status, is_open) for key, status, is_open in connection.execute(statuses, websites)}
    made.step(history.anchor + 24 * 3600)
    with connect(environment) as connection:
        after = {key: (status, is_open) for key, status, is_open in connection.execute(statuses, websites)}
    assert before.keys() < after.keys()
    assert any(before[key] == ("open", True) and after[key] == ("resolved", False) for key in before)


def test_it_waits_for_a_server_that_is_away_and_goes_on(
    tmp_path: Path,
    history: History,
    environment: dict[str, str],
    local_stack: "LocalStack",
) -> None:
    """One log line when the server goes, one when it is back; no event is lost or doubled."""
    reachable = environment["TINYBIRD_HOST"]
    away = dict(environment, TINYBIRD_HOST="http://127.0.0.1:9")
    said: list[str] = []
    now = history.anchor + 900
    clock = Clock(now)
    stop = threading.Event()
    runner = generator(tmp_path, history, away)
    thread = threading.Thread(target=runner.run, args=(stop, said.append, clock, 0.01))
    thread.start()
    _wait_for(lambda: clock.reads >= 4)
    assert len(said) == 1
    assert said[0].startswith("waiting: SourceUnavailable")
    away["TINYBIRD_HOST"] = reachable
    _wait_for(lambda: len(said) == 2)
    stop.set()
    thread.join(10)
    assert said[1].startswith("going on after")
    assert count(local_stack, "visitor_events", history) == expected(history, "visitor_events", now)


def test_it_stops_at_once(tmp_path: Path, history: History, environment: dict[str, str]) -> None:
    """A stop does not wait for the next step."""
    stop = threading.Event()
    runner = generator(tmp_path, history, environment)
    clock = Clock(history.anchor)
    thread = threading.Thread(target=runner.run, args=(stop, lambda _text: None, clock))
    thread.start()
    _wait_for(lambda: clock.reads == 1)
    began = time.monotonic()
    stop.set()
    thread.join(10)
    assert time.monotonic() - began < TICK_SECONDS / 2


def test_a_website_that_was_purged_stays_purged_in_postgres(
    tmp_path: Path, history: History, environment: dict[str, str]
) -> None:
    """Rows of a deleted website are dropped and do not stop the generator."""
    gone = next(iter(history.identity.websites.values()))
    with connect(environment) as connection:
        connection.execute("DELETE FROM website WHERE id = %s", [gone])
    generator(tmp_path, history, environment).step(history.anchor + 900)
    with connect(environment) as connection:
        found = connection.execute("SELECT count(*) FROM visitor WHERE website_id = %s", [gone]).fetchone()
        assert found == (0,)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "[]",
        "{}",
        '{"seed": 1}',
        '{"seed": 1, "anchor": 2, "until": 3, "is_complete": true, "more": 4}',
    ],
)
def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, text: str | None) -> None:
    """A damaged record means new demo data, not a crash."""
    if text is not None:
        (tmp_path / "demo.json").write_text(text)
    assert DemoRecord.read(tmp_path) is None


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """Nothing is lost on the way to the disk."""
    record = DemoRecord(seed=3, anchor=100, until=200, is_complete=True).write(tmp_path)
    assert DemoRecord.read(tmp_path) == record


@pytest.mark.parametrize(
    ("record", "is_usable"),
    [
        (DemoRecord(3, anchor=100, until=200, is_complete=True), True),
        (DemoRecord(3, anchor=100, until=200, is_complete=False), False),
        (DemoRecord(3, anchor=100, until=200, is_complete=True, version=VERSION - 1), False),
        (DemoRecord(3, anchor=100, until=200 - CONVERSATION_DAYS * DAY, is_complete=True), False),
    ],
    ids=["complete", "half made", "of another version", "of another year"],
)
def test_which_demo_data_is_kept(record: DemoRecord, is_usable: bool) -> None:
    """Anything but complete data of this version and of the last 180 days is made anew."""
    assert _is_usable(record, now=200) is is_usable


def _wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
