"""What arrives from an emitter under servers that fork: `python -m benchmarks.forking_servers`.

Needs `pip install gunicorn uwsgi celery` beside the project's own packages. Runs each server against a local stack of its
own, sends it work, ends it, and counts every event by its id: accepted (the call returned True), stored while the server
ran, and stored after `inbox-analytics spool send`. Exit code 1 when an accepted event is missing, more than 1 % are
stored twice, or a request is never answered.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import httpx2

from benchmarks.harness.stack import local_stack

ROOT: Final = Path(__file__).parents[1]
BIN: Final = Path(sys.executable).parent
START_SECONDS: Final = 60.0
ANSWER_SECONDS: Final = 5.0
TRIES: Final = 3
LIVE_SECONDS: Final = 10.0
END_SECONDS: Final = 20.0
MOST_REPEATED: Final = 0.01

APP: Final = """
import os
from pathlib import Path
from analytics.ingest.emitter import Emitter

emitter = Emitter.from_environment()
accepted = os.open(os.environ["ACCEPTED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

def emit(name):
    if emitter.page_view(website_id=os.environ["WEBSITE"], visitor_id=name):
        os.write(accepted, f"{name}\\n".encode())
        return True
    return False

if os.environ.get("BEFORE_FORK"):
    emit(f"before-{os.getpid()}")
"""
WSGI: Final = """
from emitting import emit

def application(environ, start_response):
    is_accepted = emit(environ["PATH_INFO"].strip("/"))
    start_response("200 OK", [])
    return [str(is_accepted).encode()]
"""
CELERY: Final = """
from celery import Celery
from emitting import emit

app = Celery("work", broker="filesystem://")
app.conf.broker_transport_options = {"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"}

@app.task(name="work")
def work(number, events):
    for each in range(events):
        emit(f"{number}-{each}")
"""
POOL: Final = """
import multiprocessing, sys
import emitting

def work(number):
    for each in range(10):
        emitting.emit(f"{number}-{each}")

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(4, maxtasksperchild=5) as pool:
        pool.map(work, range(int(sys.argv[2]) // 10), chunksize=1)
        pool.close()
        pool.join()
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One way to run a server.

    Attributes:
        name: What is printed.
        command: How it is started; `{port}` is a free one. It ends by itself where nothing is asked over HTTP.
        is_web: Whether the events are asked for over HTTP.
        has_event_before: Whether an event is emitted when the application is loaded.
    """

    name: str
    command: tuple[str, ...]
    is_web: bool = True
    has_event_before: bool = False


def cases(events: int) -> Iterator[Case]:
    """All of them."""
    gunicorn = (str(BIN / "gunicorn"), "--preload", "--workers", "4", "--max-requests", "50")
    bind = ("--bind", "127.0.0.1:{port}", "--log-level", "error", "wsgi")
    uwsgi = (str(BIN / "uwsgi"), "--master", "--processes", "4", "--die-on-term", "--disable-logging")
    celery = (str(BIN / "celery"), "-A", "tasks", "worker", "--without-gossip", "--without-mingle")
    for before in (False, True):
        after = ", an event before the fork" if before else ""
        yield Case(f"gunicorn --preload{after}", (*gunicorn, *bind), has_event_before=before)
        for options in ((), ("--enable-threads",), ("--lazy-apps",), ("--lazy-apps", "--enable-threads")):
            yield Case(
                f"uwsgi {' '.join(options)}{after}",
                (*uwsgi, *options, "--http-socket", "127.0.0.1:{port}", "--module", "wsgi"),
                has_event_before=before,
            )
        yield Case(
            f"uwsgi without --master{after}",
            (uwsgi[0], *uwsgi[2:], "--http-socket", "127.0.0.1:{port}", "--module", "wsgi"),
            has_event_before=before,
        )
        yield Case(
            f"celery, one task per child{after}",
            (*celery, "--concurrency", "2", "--max-tasks-per-child", "1", "--loglevel", "ERROR"),
            is_web=False,
            has_event_before=before,
        )
        for method in ("fork", "forkserver", "spawn"):
            program = (sys.executable, "pool.py", method, str(events))
            yield Case(f"multiprocessing {method}{after}", program, is_web=False, has_event_before=before)


@click.command()
@click.option("--events", default=2_000, show_default=True, help="How many each server is asked for.")
@click.option("--only", default="", help="Only cases with this in their name.")
def main(events: int, only: str) -> None:
    """Run every server and count what arrives."""
    with (
        tempfile.TemporaryDirectory(prefix="inbox-servers-") as directory,
        local_stack(Path(directory), "--no-demo-data") as stack,
    ):
        results = [
            _run(case, number, events, Path(directory), stack.env)
            for number, case in enumerate(cases(events))
            if only in case.name
        ]
    sys.exit(0 if all(results) else 1)


def _run(case: Case, number: int, events: int, directory: Path, stack_env: Mapping[str, str]) -> bool:
    where, website = directory / f"case-{number}", f"site-{number}"
    (where / "queue").mkdir(parents=True)
    (where / "control").mkdir()
    programs = {"emitting": APP, "wsgi": WSGI, "tasks": CELERY, "pool": POOL}
    for name, text in programs.items():
        (where / f"{name}.py").write_text(text)
    env = {
        **os.environ,
        **stack_env,
        "PYTHONPATH": f"{ROOT}:{where}",
        "INBOX_ANALYTICS_SPOOL_DIR": str(where / "spool"),
        "ACCEPTED": str(where / "accepted"),
        "WEBSITE": website,
        "BEFORE_FORK": "1" if case.has_event_before else "",
    }
    port = _free_port()
    command = [part.replace("{port}", str(port)) for part in case.command]
    with (where / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=where, env=env, stdout=log, stderr=log, start_new_session=True
        )
        try:
            unanswered = _ask(port, events) if case.is_web else _work(case, where, env, events, process)
            live = _settled(lambda: len(_stored(stack_env, website)), len(_accepted(where)))
        finally:
            process.send_signal(signal.SIGTERM if case.name != "uwsgi without --master" else signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_SECONDS)
            with suppress(ProcessLookupError):  # a uWSGI without a master leaves its workers behind
                os.killpg(process.pid, signal.SIGKILL)
    at_end = len(_stored(stack_env, website))
    subprocess.run(
        [sys.executable, "-m", "analytics.cli", "spool", "send"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        check=False,
    )
    accepted, stored = set(_accepted(where)), _stored(stack_env, website)
    missing, repeats = accepted - set(stored), stored.total() - len(stored)
    kept = len(list((where / "spool" / "refused").rglob("*.ndjson")))
    is_well = not missing and repeats <= MOST_REPEATED * len(accepted) and not unanswered and not kept
    click.echo(
        f"{case.name:60} accepted {len(accepted):5,}  while it ran {live:5,}  at its end {at_end:5,}  "
        f"after spool send {len(stored):5,}  missing {len(missing):5,}  twice {repeats:4,} "
        f"({repeats / max(1, len(accepted)):.1%})  unanswered {unanswered:4,}  kept aside {kept}{'' if is_well else '  <--'}"
    )
    return is_well


def _ask(port: int, events: int) -> int:
    """Asks for events over HTTP from eight threads; how many requests were never answered."""
    _wait_for(port)
    hopeless = threading.Event()

    def ask(number: int) -> bool:
        for _ in range(TRIES):
            if hopeless.is_set():
                break
            try:
                _get(port, f"v{number}", ANSWER_SECONDS)
            except httpx2.TimeoutException:
                hopeless.set()
            except httpx2.TransportError:  # a worker that has had its last request may refuse this one
                continue
            else:
                return True
        return False

    with ThreadPoolExecutor(8) as pool:
        return events - sum(pool.map(ask, range(events)))


def _work(
    case: Case, where: Path, env: Mapping[str, str], events: int, process: subprocess.Popen[bytes]
) -> int:
    """Lets a pool or celery emit events, ten a task; how many tasks never came to their end."""
    if case.name.startswith("celery"):
        program = (
            f"import tasks\nfor number in range({events // 10}): tasks.app.send_task('work', (number, 10))"
        )
        subprocess.run([sys.executable, "-c", program], cwd=where, env={**env, "BEFORE_FORK": ""}, check=True)
    wanted = events + case.has_event_before
    deadline = time.monotonic() + 240
    while len(_accepted(where)) < wanted and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
    if not case.name.startswith("celery"):
        process.wait(60)
    return max(0, wanted - len(_accepted(where))) // 10


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_for(port: int) -> None:
    """Waits until the first request is answered: a server that loads the application in each worker takes a while."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            _get(port, "first", START_SECONDS)
        except httpx2.TransportError:
            time.sleep(0.1)
        else:
            return


def _get(port: int, name: str, timeout_seconds: float) -> None:
    httpx2.get(f"http://127.0.0.1:{port}/{name}", timeout=timeout_seconds).raise_for_status()


def _settled(count: Callable[[], int], wanted: int) -> int:
    deadline = time.monotonic() + LIVE_SECONDS
    while (found := count()) < wanted and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def _accepted(where: Path) -> list[str]:
    try:
        return (where / "accepted").read_text().split()
    except FileNotFoundError:
        return []


def _stored(env: Mapping[str, str], website: str) -> Counter[str]:
    statement = f"SELECT visitor_id AS id, count() AS n FROM visitor_events WHERE website_id = '{website}' GROUP BY id FORMAT JSON"
    answer = httpx2.post(
        f"{env['TINYBIRD_HOST']}/v0/sql",
        content=statement,
        headers={"Authorization": f"Bearer {env['TINYBIRD_ADMIN_TOKEN']}"},
        timeout=30,
    )
    return Counter({row["id"]: int(row["n"]) for row in answer.json()["data"]})


if __name__ == "__main__":
    main()
