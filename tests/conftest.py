"""What all tests share: a scrubbed environment, empty caches, and one running local stack."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

import httpx2
import hypothesis
import psycopg
import pytest
import streamlit.config
from streamlit.components.v2 import manifest_scanner

from analytics import cached
from analytics.cached.reading import reads
from analytics.cached.shared.waits import Patience
from tests.product_database import Product

ROOT: Final = Path(__file__).resolve().parent.parent
# The same examples on every run, however busy the machine is: a failure is about the code.
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.load_profile("repeatable")

START_SECONDS: Final = 60.0
PATIENT: Final = Patience(30, 30, 30)
"""Waits for an answer that no busy machine outlasts."""
STOP_SECONDS: Final = 30.0


SLOW_MODULES: Final = frozenset(
    {
        "benchmarks.verdicts",
        "multiprocessing",
        "streamlit.testing.v1.app_test",
        "subprocess",
        "tests.command_line",
        "tests.ingest.program",
        "tests.local.tinybird_server",
        "tests.oidc_provider",
        "tests.web_apps",
        "tests.web.program",
    }
)
"""Modules that start programs, draw whole pages or simulate: a test file that imports from one of them is slow."""

SLOW_FIXTURES: Final = frozenset({"chromium", "demo", "local_stack", "server"})
BEGIN_WITH: Final = (
    "tests/test_access_matrix.py",  # waits most of its minutes: the others have the processors meanwhile
    "tests/browser/test_every_page.py",
    "tests/browser/",
    "tests/pages/",
    "tests/operations/",
    "tests/local/",
)
"""The files that take longest: one that begins last would run alone."""

FIRST_BROWSER: Final = frozenset(
    f"tests/browser/test_{name}.py"
    for name in ("every_page", "overview", "satisfaction", "data_health", "exports", "policy")
)
"""Half of the browser tests by their time; the other files are the second browser's. A worker that opens pages has a demo and a
browser of its own, and two of those are enough for two processors: a third made the same tests take half as long again."""

SLOW_FOLDERS: Final = ("tests/browser/", "tests/local/", "tests/pages/")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Skip folders whose tests are all slow when slow tests are not wanted: importing them takes seconds."""
    folder = f"{collection_path.relative_to(ROOT)}/"
    return True if config.option.markexpr == "not slow" and folder in SLOW_FOLDERS else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark slow tests, give each worker whole files and each browser its own, and sort files by `BEGIN_WITH`."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item.nodeid.partition("::")[0])))
        if item.nodeid.startswith(SLOW_FOLDERS) or (isinstance(item, pytest.Function) and _is_slow(item)):
            item.add_marker(pytest.mark.slow)
    items.sort(key=_turn)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """No test begins around midnight: a date read before is another after, and a new day has no data for 5 minutes."""
    time.sleep(max(_seconds_to_wait(datetime.now(ZoneInfo(zone))) for zone in _zones_of(item.path)))


def _seconds_to_wait(now: datetime) -> float:
    """From two minutes before a local midnight until five minutes after it; else 0."""
    midnight = (now + timedelta(minutes=2)).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(0.0, (midnight + timedelta(minutes=5) - now).total_seconds())


@cache
def _zones_of(path: Path) -> frozenset[str]:
    """The timezones whose days tests of a file may read: those of shared fixtures, and its own if it reads the clock."""
    text = path.read_text("utf-8")
    named = set(re.findall(r'"([A-Z][A-Za-z_/]+)"', text)) if "datetime.now(" in text else set()
    return frozenset({"UTC", "Asia/Kolkata"} | (named & available_timezones()))


def _group(path: str) -> str:
    if path.startswith("tests/browser/"):
        return "first browser" if path in FIRST_BROWSER else "second browser"
    return path


def _turn(item: pytest.Item) -> int:
    turns = (turn for turn, path in enumerate(BEGIN_WITH) if item.nodeid.startswith(path))
    return next(turns, len(BEGIN_WITH))


def _is_slow(item: pytest.Function) -> bool:
    if SLOW_FIXTURES & set(item.fixturenames):
        return True
    values = vars(item.module).values()
    return any(
        (value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None))
        in SLOW_MODULES
        for value in values
    )


@dataclass(frozen=True, slots=True)
class LocalStack:
    """The running local stack.

    Attributes:
        host: Base URL of the Tinybird-compatible server.
        read_token: Reads pipes.
        append_token: Sends events.
        admin_token: May do everything.
        database_url: Postgres, as the dashboard's read-only role.
        owner_url: Postgres, as the role that owns the tables.
        store_url: Postgres, as the role that owns the dashboard's store.
        data_dir: Its data directory.
    """

    host: str
    read_token: str
    append_token: str
    admin_token: str
    database_url: str
    owner_url: str
    store_url: str
    data_dir: Path


@pytest.fixture(scope="session", autouse=True)
def listens_on_this_machine() -> None:
    """The demo lets people in only where the web server is reached from this machine alone; here there is none."""
    streamlit.config.set_option("server.address", "127.0.0.1")


@pytest.fixture(scope="session", autouse=True)
def installed_components() -> Iterator[None]:
    """Each run of an `AppTest` would read the metadata of all installed packages, a third of its time; here it is read once."""
    scan = cache(manifest_scanner.scan_component_manifests)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        yield


@pytest.fixture(autouse=True)
def scrubbed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees the settings of the shell, or what another test has cached, and none is too slow for its readers.

    AppTest leaves its script behind as the main module, which multiprocessing would run in every child.
    """
    main = sys.modules["__main__"]
    for name in list(os.environ):
        if name.startswith(("TINYBIRD_", "DATABASE_URL", "INBOX_ANALYTICS_", "PG")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(reads, "patience", PATIENT)
    cached.clear()
    yield
    cached.clear()
    sys.modules["__main__"] = main


@contextmanager
def running_stack(data_dir: Path, *options: str) -> Iterator[LocalStack]:
    """Runs `inbox-analytics local` with these options until the end of the block."""
    data_dir.mkdir(exist_ok=True)
    log = data_dir / "stack.log"
    command = [sys.executable, "-m", "analytics.cli", "local", "--port", "0", "--data-dir", str(data_dir)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *options], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield _stack(_environment(process, data_dir / "env", log), data_dir)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="session")
def local_stack() -> Iterator[LocalStack]:
    """One local stack without demo data for the whole run; tests keep apart by website ids of their own."""
    with (
        tempfile.TemporaryDirectory(prefix="inbox-analytics-") as directory,
        running_stack(Path(directory), "--no-demo-data") as stack,
    ):
        yield stack


@pytest.fixture
def stack_environment(local_stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> LocalStack:
    """The process environment points at the local stack, as `inbox-analytics demo` would leave it."""
    monkeypatch.setenv("TINYBIRD_HOST", local_stack.host)
    monkeypatch.setenv("TINYBIRD_READ_TOKEN", local_stack.read_token)
    monkeypatch.setenv("TINYBIRD_APPEND_TOKEN", local_stack.append_token)
    monkeypatch.setenv("TINYBIRD_ADMIN_TOKEN", local_stack.admin_token)
    monkeypatch.setenv("DATABASE_URL", local_stack.database_url)
    return local_stack


@pytest.fixture
def with_store(stack_environment: LocalStack, monkeypatch: pytest.MonkeyPatch) -> LocalStack:
    """The same, with the local stack's store of goals."""
    monkeypatch.setenv("INBOX_ANALYTICS_STORE_URL", stack_environment.store_url)
    return stack_environment


@pytest.fixture(scope="session")
def stack_client(local_stack: LocalStack) -> Iterator[httpx2.Client]:
    """HTTP client of the local stack's Tinybird: a new one for each request would cost 30 ms."""
    with httpx2.Client(base_url=local_stack.host, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def send_events(
    local_stack: LocalStack, stack_client: httpx2.Client
) -> Callable[[str, Sequence[Mapping[str, Any]]], dict[str, Any]]:
    """Sends rows to a data source and returns the answer once they can be queried."""

    def send(datasource: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        response = stack_client.post(
            "/v0/events",
            params={"name": datasource, "wait": "true"},
            headers={"Authorization": f"Bearer {local_stack.append_token}"},
            content="\n".join(json.dumps(row) for row in rows),
        )
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer

    return send


@pytest.fixture(scope="session")
def query_pipe(local_stack: LocalStack, stack_client: httpx2.Client) -> Callable[..., list[dict[str, Any]]]:
    """Asks a pipe directly, past everything that the dashboard does."""

    def query(name: str, **params: str | int) -> list[dict[str, Any]]:
        response = stack_client.get(
            f"/v0/pipes/{name}.json",
            params=params,
            headers={"Authorization": f"Bearer {local_stack.read_token}"},
        )
        response.raise_for_status()
        rows: list[dict[str, Any]] = response.json()["data"]
        return rows

    return query


@pytest.fixture
def product(local_stack: LocalStack) -> Iterator[Product]:
    """An organization with a website of its own in the product's database."""
    with psycopg.connect(local_stack.owner_url, autocommit=True) as connection:
        yield Product(connection)


def _environment(process: subprocess.Popen[bytes], env: Path, log: Path) -> dict[str, str]:
    deadline = time.monotonic() + START_SECONDS
    while not env.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"The local stack did not start:\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.05)
    lines = env.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line)


def _stack(environment: Mapping[str, str], data_dir: Path) -> LocalStack:
    return LocalStack(
        host=environment["TINYBIRD_HOST"],
        read_token=environment["TINYBIRD_READ_TOKEN"],
        append_token=environment["TINYBIRD_APPEND_TOKEN"],
        admin_token=environment["TINYBIRD_ADMIN_TOKEN"],
        database_url=environment["DATABASE_URL"],
        owner_url=environment["INBOX_ANALYTICS_LOCAL_OWNER_URL"],
        store_url=environment["INBOX_ANALYTICS_STORE_URL"],
        data_dir=data_dir,
    )
