"""The stack as a command that is started, stopped, interrupted, killed and started again.

The tests of this module follow one data directory through its life and run in order.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Final

import httpx2
import psycopg
import pytest

from analytics.local.demo.content.customers.organizations import identity
from analytics.local.demo.content.customers.websites import NORTHWIND_SHOP
from analytics.local.demo.history import History
from analytics.local.stack.demo_record import DemoRecord
from analytics.local.stack.failure import StackFailure
from analytics.local.stack.local_stack import LocalStack, listen

ROOT: Final = Path(__file__).resolve().parents[2]
APP: Final = "import streamlit as st\nst.write('here')\n"


def wait_for(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    """Returns when the condition holds; fails after a while."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.05)


class Command:
    """`inbox-analytics …` as a process."""

    started: ClassVar[list["Command"]] = []

    def __init__(self, home: Path, *arguments: str) -> None:
        self.started.append(self)
        self.home = home
        self.output = home / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "analytics.cli", *arguments, "--data-dir", str(home / "data")],
                cwd=ROOT,
                # The shell's settings for another Postgres must not matter.
                env=os.environ | {"PGHOSTADDR": "127.0.0.9", "PGSERVICE": "no-such-service"},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def text(self) -> str:
        """Its output."""
        return self.output.read_text()

    def wait_until_up(self) -> dict[str, str]:
        """The settings it writes when everything answers; it has said all when this returns."""
        env = self.home / "data" / "env"
        wait_for(lambda: "Ctrl-C stops" in self.text or self.process.poll() is not None)
        assert self.process.poll() is None, self.text
        return dict(line.split("=", 1) for line in env.read_text().splitlines())

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Sends a signal and returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)

    def child(self, word: str) -> int:
        """Process id of the child whose command line holds `word`."""
        listed = subprocess.run(
            ["ps", "-ww", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True
        ).stdout
        rows = [line.split(maxsplit=2) for line in listed.splitlines()]
        return next(
            int(pid) for pid, parent, args in rows if int(parent) == self.process.pid and word in args
        )


def nothing_runs_on(home: Path) -> bool:
    """True when no process of a stack has the directory's lock, which every child inherits."""
    with (home / "data" / "children.lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def count_events(env: dict[str, str], condition: str, datasource: str = "conversation_metrics") -> int:
    """Rows of a data source, asked through the SQL endpoint."""
    answer = httpx2.get(
        f"{env['TINYBIRD_HOST']}/v0/sql",
        params={"q": f"SELECT count() AS n FROM {datasource} WHERE {condition} FORMAT JSON"},
        headers={"Authorization": f"Bearer {env['TINYBIRD_ADMIN_TOKEN']}"},
    )
    answer.raise_for_status()
    return int(answer.json()["data"][0]["n"])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the data directory is."""
    home = tmp_path_factory.mktemp("stack")
    (home / "app.py").write_text(APP)
    return home


@pytest.fixture(scope="module")
def half_made(home: Path) -> DemoRecord:
    """The record of a demo whose load was killed when some of the events were there."""
    first = Command(home, "local", "--port", "0")
    stored = "store/*/*/20????_*_*_*"  # what ClickHouse makes of an insert, by month
    wait_for(lambda: any((home / "data" / "tinybird").glob(stored)) or first.process.poll() is not None)
    assert first.process.poll() is None, first.text
    first.end(signal.SIGKILL)
    record = DemoRecord.read(home / "data")
    assert record is not None
    assert not record.is_complete
    return record


@pytest.fixture(scope="module")
def demo(home: Path, half_made: DemoRecord) -> Command:
    """A running demo, started after a load that was killed."""
    demo = Command(home, "demo", "--port", "0", "--tinybird-port", "0", "--app", str(home / "app.py"))
    demo.wait_until_up()
    return demo


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Kills commands that a failed test left running, and with them their children."""
    yield
    for command in Command.started:
        command.process.kill()
        command.process.wait()


@pytest.fixture
def env(demo: Command) -> dict[str, str]:
    """The settings of the running demo."""
    return demo.wait_until_up()


@pytest.fixture(scope="module")
def expected_events(home: Path, demo: Command) -> Callable[[int], int]:
    """How many conversation events the demo has up to an instant."""
    demo.wait_until_up()
    record = DemoRecord.read(home / "data")
    assert record is not None
    history = History(record.seed, record.anchor)

    def count(since: int, until: int) -> int:
        chunks = history.event_chunks(since, until)
        return sum(len(each.lines()) for each in chunks if each.datasource == "conversation_metrics")

    at_anchor = count(history.start, record.anchor)
    return lambda until: at_anchor + count(record.anchor, until)


def test_it_says_where_everything_is(demo: Command, env: dict[str, str]) -> None:
    """The address to open comes first; it answers."""
    lines = [line for line in demo.text.splitlines() if line]
    opened = next(line for line in lines if line.startswith("Inbox Analytics runs at "))
    assert httpx2.get(opened.removeprefix("Inbox Analytics runs at ")).status_code == 200
    assert env["TINYBIRD_HOST"] in demo.text
    assert "data/env" in demo.text
    assert env["TINYBIRD_READ_TOKEN"] not in demo.text
    assert "Traceback" not in demo.text


def test_the_settings_are_private_and_complete(home: Path, env: dict[str, str]) -> None:
    """Only the owner may read the tokens; demo mode is set."""
    assert (home / "data" / "env").stat().st_mode & 0o777 == 0o600
    assert set(env) == {
        "TINYBIRD_HOST", "TINYBIRD_READ_TOKEN", "TINYBIRD_APPEND_TOKEN", "TINYBIRD_ADMIN_TOKEN", "DATABASE_URL",
        "INBOX_ANALYTICS_LOCAL_OWNER_URL", "INBOX_ANALYTICS_DEMO", "TINYBIRD_DAILY_QUERIES",
        "INBOX_ANALYTICS_STORE_URL",
    }  # fmt: skip
    assert env["INBOX_ANALYTICS_DEMO"] == "1"


@pytest.mark.skipif(sys.platform != "linux", reason="reads another process's environment")
def test_the_web_app_cannot_write(demo: Command, env: dict[str, str]) -> None:
    """It gets the addresses of the reading role and of its own store, and the reading token, and no other credentials."""
    environment = Path(f"/proc/{demo.child('web_app_process')}/environ").read_text().split("\0")
    for name in ("DATABASE_URL", "INBOX_ANALYTICS_STORE_URL", "TINYBIRD_READ_TOKEN"):
        assert f"{name}={env[name]}" in environment
    for name in ("INBOX_ANALYTICS_LOCAL_OWNER_URL", "TINYBIRD_APPEND_TOKEN", "TINYBIRD_ADMIN_TOKEN"):
        assert not any(env[name] in variable or variable.startswith(name) for variable in environment)


def test_an_interrupted_load_left_no_trace(
    home: Path, env: dict[str, str], half_made: DemoRecord, expected_events: Callable[[int], int]
) -> None:
    """Every event and row is there exactly once, and none of the half-made load that came before."""
    record = DemoRecord.read(home / "data")
    assert record is not None
    assert record.is_complete
    assert record.anchor > half_made.anchor
    until = f"timestamp <= toDateTime({record.anchor})"
    assert count_events(env, until) == expected_events(record.anchor)
    ids = ", ".join(f"'{key}'" for key in identity(half_made.seed, half_made.anchor).websites.values())
    assert count_events(env, f"website_id IN ({ids})", "visitor_events") == 0
    history = History(record.seed, record.anchor)
    rows = {rows.table: len(rows.lines) for rows in history.activity_rows(history.start, record.anchor)}
    with psycopg.connect(env["DATABASE_URL"]) as connection:
        for table, count in (rows | {"organization": 4, "website": 66}).items():
            until = f"created_at <= to_timestamp({record.anchor})"
            assert connection.execute(f"SELECT count(*) FROM {table} WHERE {until}").fetchone() == (count,)


def test_the_pipes_agree_with_postgres(home: Path, env: dict[str, str]) -> None:
    """Counts and exact medians of a past week are what SQL over the rows says."""
    record = DemoRecord.read(home / "data")
    assert record is not None
    website = identity(record.seed, record.anchor).websites[NORTHWIND_SHOP.slug]
    end = datetime.fromtimestamp(record.anchor, UTC) - timedelta(days=2)
    begin = end - timedelta(days=7)
    answer = httpx2.get(
        f"{env['TINYBIRD_HOST']}/v0/pipes/inbox_analytics.json",
        params={
            "website_id": website,
            "date_from": f"{begin:%Y-%m-%d %H:%M:%S}",
            "date_to": f"{end:%Y-%m-%d %H:%M:%S}",
        },
        headers={"Authorization": f"Bearer {env['TINYBIRD_READ_TOKEN']}"},
    )
    answer.raise_for_status()
    row = next(row for row in answer.json()["data"] if row["period"] == "current")
    counted = "c.website_id = %s AND c.deleted_at IS NULL AND v.is_test IS NOT TRUE"
    joined = f"FROM conversation c JOIN visitor v ON v.id = c.visitor_id WHERE {counted}"
    with psycopg.connect(env["DATABASE_URL"]) as connection:
        started = connection.execute(
            f"SELECT count(*) {joined} AND c.started_at >= %s AND c.started_at < %s", [website, begin, end]
        ).fetchone()
        middle = "percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM c.first_response_at - c.started_at))"
        responded = connection.execute(
            f"SELECT count(*), {middle} {joined} AND c.first_response_at >= %s AND c.first_response_at < %s",
            [website, begin, end],
        ).fetchone()
    assert started == (row["started"],)
    assert responded == (row["responded"], row["median_response_seconds"])
    assert row["started"] > 500


def test_the_generator_keeps_it_alive(env: dict[str, str]) -> None:
    """New events and rows appear while it runs."""
    condition = f"timestamp > toDateTime({int(time.time()) - 2})"
    # At night half a minute may pass without a visitor on any of the websites.
    wait_for(lambda: count_events(env, condition, "visitor_events") > 0, seconds=180)
    with psycopg.connect(env["DATABASE_URL"], autocommit=True) as connection:
        newest = "SELECT now() - max(last_seen_at) < interval '1 minute' FROM visitor"
        wait_for(lambda: connection.execute(newest).fetchone() == (True,), seconds=30)


def test_a_second_stack_is_refused(home: Path, demo: Command) -> None:
    """Two servers on one directory would destroy it: the second names the first and starts nothing."""
    with pytest.raises(StackFailure, match=rf"in use by another stack \(process {demo.process.pid}\)"):
        LocalStack(home / "data", "127.0.0.1", 0, is_demo=False)


@pytest.mark.usefixtures("expected_events")  # the next test asks for it, and then no demo runs
def test_a_dead_child_ends_everything_with_a_reason(home: Path, demo: Command) -> None:
    """It names the child, how it ended and the end of its log; exit code 1, and nothing is left running."""
    wait_for(lambda: "started" in (home / "data" / "logs" / "generator.log").read_text())
    os.kill(demo.child("analytics.local.demo.generator"), signal.SIGKILL)
    assert demo.process.wait(30) == 1
    assert "Error: generator was ended by SIGKILL." in demo.text
    assert "Last lines of" in demo.text
    assert "Traceback" not in demo.text
    assert nothing_runs_on(home)
    assert not (home / "data" / "env").exists()


def test_a_second_start_keeps_the_data_and_makes_up_for_the_pause(
    home: Path, demo: Command, expected_events: Callable[[int], int]
) -> None:
    """Same demo, tokens and passwords; events of the pause are added; Ctrl-C ends it with code 0."""
    before = DemoRecord.read(home / "data")
    tokens = (home / "data" / "tokens.json").read_text()
    again = Command(home, "local", "--port", "0")
    env = again.wait_until_up()
    after = DemoRecord.read(home / "data")
    assert before is not None
    assert after is not None
    assert (after.seed, after.anchor) == (before.seed, before.anchor)
    assert after.until > before.until
    assert (home / "data" / "tokens.json").read_text() == tokens
    assert count_events(env, "1") == expected_events(after.until)
    assert again.end(signal.SIGINT) == 0
    assert again.text.endswith("Stopped.\n")
    assert nothing_runs_on(home)
    assert not (home / "data" / "env").exists()


def test_nothing_is_left_when_it_is_killed(home: Path, demo: Command) -> None:
    """After kill -9 every child ends by itself, and the next start works."""
    killed = Command(home, "demo", "--port", "0", "--tinybird-port", "0", "--app", str(home / "app.py"))
    killed.wait_until_up()
    killed.end(signal.SIGKILL)
    (home / "data" / "env").unlink()
    again = Command(home, "local", "--port", "0", "--no-demo-data")
    env = again.wait_until_up()
    assert env["INBOX_ANALYTICS_DEMO"] == "1", "demo data does not become anything else"
    assert again.end(signal.SIGTERM) == 0
    wait_for(lambda: nothing_runs_on(home), seconds=15)


def test_a_start_that_is_killed_while_the_cluster_is_made(tmp_path: Path) -> None:
    """`initdb` may outlive its starter for a moment: the next start waits, and makes the cluster again."""
    killed = Command(tmp_path, "local", "--port", "0", "--no-demo-data")
    log = tmp_path / "data" / "logs" / "postgres.log"
    wait_for(lambda: log.exists() or killed.process.poll() is not None)
    killed.end(signal.SIGKILL)
    again = Command(tmp_path, "local", "--port", "0", "--no-demo-data", "--cors-origin", "http://a.test")
    env = again.wait_until_up()
    asked = httpx2.get(f"{env['TINYBIRD_HOST']}/v0/health", headers={"Origin": "http://a.test"})
    assert asked.headers["access-control-allow-origin"] == "http://a.test"
    assert again.end() == 0


def test_a_file_in_the_way_of_the_directory(tmp_path: Path) -> None:
    """A data directory that cannot be one is named with its reason."""
    (tmp_path / "file").touch()
    with pytest.raises(StackFailure, match="cannot be written: Not a directory") as raised:
        LocalStack(tmp_path / "file" / "data", "127.0.0.1", 0, is_demo=False)
    assert "--data-dir" in raised.value.remedy


def test_broken_tokens_are_named(tmp_path: Path) -> None:
    """A damaged token file gives an error that names it, no traceback."""
    (tmp_path / "tokens.json").write_text("{}")
    with pytest.raises(StackFailure, match=r"tokens\.json"):
        LocalStack(tmp_path, "127.0.0.1", 0, is_demo=False)


def test_a_failed_start_gives_the_directory_back(tmp_path: Path) -> None:
    """Once the port is free, a second start works."""
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StackFailure, match=f"Port {port} on 127.0.0.1 is taken"):
            LocalStack(tmp_path, "127.0.0.1", port, is_demo=False)
    with LocalStack(tmp_path, "127.0.0.1", port, is_demo=False) as stack:
        assert stack.address == f"http://127.0.0.1:{port}"


def test_settings_of_a_killed_stack_are_not_trusted(tmp_path: Path) -> None:
    """`env` is there only while a stack runs: an old one goes before anything starts."""
    (tmp_path / "env").write_text("TINYBIRD_HOST=http://127.0.0.1:1\n")
    with LocalStack(tmp_path, "127.0.0.1", 0, is_demo=False):
        assert not (tmp_path / "env").exists()


@pytest.mark.parametrize(
    ("host", "message"),
    [("no-such-host.invalid", "Cannot listen on"), ("192.0.2.1", "Cannot listen on")],
    ids=["unknown name", "another machine's address"],
)
def test_an_address_that_is_not_this_machines(host: str, message: str) -> None:
    """The error names it and the remedy."""
    with pytest.raises(StackFailure, match=message):
        listen(host, 0)


def test_it_is_reached_by_loopback_when_it_listens_everywhere(tmp_path: Path) -> None:
    """0.0.0.0 is where a server listens, not where a client goes."""
    with LocalStack(tmp_path, "0.0.0.0", 0, is_demo=False) as stack:  # noqa: S104 - what is tested
        assert stack.address.startswith("http://127.0.0.1:")
