"""A process is known by its id: whatever forks it, and whether Python is told of it or not."""

import concurrent.futures
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from analytics.ingest.emitter import Emitter
from analytics.ingest.spool import directory as spool
from analytics.ingest.spool.segment import Segment, waiting_in
from tests.conftest import ROOT, LocalStack
from tests.ingest import program
from tests.ingest.misbehaving import misbehaving
from tests.ingest.program import run
from tests.ingest.stored import Stored

NOWHERE = "http://127.0.0.1:9"
DELIVERY_SECONDS = 30.0
WAYS = ["os", "c", "c that tells Python"]
"""How a server forks: as Python does, as a server in C does, which no fork hook sees, and as one that runs the hooks late."""

_START = """
import ctypes, os, signal, socket, sys, threading, time
from pathlib import Path
from analytics.ingest.spool.settings import SpoolSettings
from analytics.ingest.emitter import Emitter

def fork():
    if WAY == "os":
        return os.fork()
    pid = ctypes.PyDLL(None).fork()
    if pid == 0 and WAY == "c that tells Python":
        ctypes.pythonapi.PyOS_AfterFork_Child()
    return pid

def emit(name, count=1):
    for number in range(count):
        assert emitter.page_view(website_id=website, visitor_id=f"{name}-{number}")

def wait_for_requests():
    assert emitter.escalated(website_id=website, visitor_id="v", conversation_id="c")
    wait_for_reads()

# Python itself hangs in a child of C if another thread wanted its lock: so each waits for an answer, in a call of `recv`.
def note(frame, event, called):
    if event == "c_call" and called.__name__ == "recv":
        receiving.add((os.getpid(), threading.get_native_id()))

def wait_for_reads():
    while sum(pid == os.getpid() for pid, _ in receiving) < 2:
        time.sleep(0.01)

receiving = set()
threading.setprofile(note)
sys.setswitchinterval(60)  # no other thread's turn between the note and the call

WAY, host, token, directory, website = sys.argv[1:]
silent = socket.create_server(("127.0.0.1", 0))
address = host or f"http://127.0.0.1:{silent.getsockname()[1]}"
emitter = Emitter(address, token, Path(directory))
# Its child has ended before it sends, on a busy machine too, and waits for no answer as it dies.
slow = Emitter(address, token, Path(directory), settings=SpoolSettings(linger_seconds=10.0))
"""
SILENT = ""
"""In place of a host: a server that takes requests and never answers."""


def waits_for_no_event(directory: Path) -> bool:
    """Whether a spool becomes empty in time."""
    deadline = time.monotonic() + DELIVERY_SECONDS
    while spool.status(directory).spooled and time.monotonic() < deadline:
        time.sleep(0.05)
    return spool.status(directory).spooled == 0


def delivered(stack: LocalStack, directory: Path) -> bool:
    """Whether another process's emitter delivers all that waits."""
    with Emitter(stack.host, stack.append_token, directory) as emitter:
        emitter.flush(0)
        return waits_for_no_event(directory)


def senders() -> list[threading.Thread]:
    """The threads of this process that send."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("send ")]


def test_a_process_without_an_event_has_no_thread(local_stack: LocalStack, tmp_path: Path) -> None:
    """Neither for making an emitter nor for ending it: a server that forks then copies no lock that a thread holds."""
    emitter = Emitter(local_stack.host, local_stack.append_token, tmp_path)
    emitter.counters()
    assert senders() == []
    emitter.page_view(website_id="w", visitor_id="v")
    assert len(senders()) == len(spool.DATASOURCES)
    emitter.close()
    Emitter(local_stack.host, local_stack.append_token, tmp_path).close()
    assert senders() == []


_FORKS = (
    _START
    + """
emit("before", 200)
children = []
for child in range(4):
    pid = fork()
    if pid == 0:
        if child % 2 == 0:
            emitter = slow
        emit(f"child{child}", 200)
        if child % 2:
            os._exit(0 if emitter.flush(20) else 1)
        os._exit(0)  # says no goodbye: its events wait on the disk
    children.append(pid)
    emit(f"parent{child}", 200)
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0
assert emitter.flush(20)
assert emitter.counters().accepted == 1000, emitter.counters()
deadline = time.monotonic() + 20
while emitter.counters().spooled and time.monotonic() < deadline:
    time.sleep(0.1)
assert emitter.counters().spooled == 0
"""
)


def test_a_fork_while_sending_shares_nothing_but_the_directory(
    local_stack: LocalStack, stored: Stored, tmp_path: Path
) -> None:
    """Parent and children emit on; what a child left behind the parent delivers; every event once."""
    run(_FORKS, "os", local_stack.host, local_stack.append_token, str(tmp_path), stored.website_id)
    ids = stored.ids("visitor_events")
    assert (len(ids), ids.total()) == (1800, 1800)


_WRITES_ON = (
    _START
    + """
emit("before")
wait_for_requests()
children = []
for child in range(3):
    pid = fork()
    emit(f"{child}-{'parent' if pid else 'child'}", 10)
    if pid == 0:
        wait_for_requests()
        if fork() == 0:
            emit(f"{child}-grandchild", 10)
        else:
            assert os.wait()[1] == 0
        os._exit(0)
    children.append(pid)
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0
assert emitter.counters().accepted == 2 + 3 * 10
os._exit(0)
"""
)


@pytest.mark.parametrize("way", WAYS)
def test_each_process_writes_files_of_its_own(
    local_stack: LocalStack, stored: Stored, tmp_path: Path, way: str
) -> None:
    """However it was forked, with an event before: every accepted event is stored once, and no line is damaged."""
    run(_WRITES_ON, way, SILENT, "token", str(tmp_path), stored.website_id)
    assert delivered(local_stack, tmp_path)
    ids = stored.ids("visitor_events")
    assert (len(ids), ids.total(), spool.status(tmp_path).refused) == (91, 91, 0)


_CHILD_SENDS = (
    _START
    + """
emit("parent")
assert emitter.escalated(website_id=website, visitor_id="v", conversation_id="c")
sys.stdin.readline()  # until each of its threads waits for an answer
wait_for_reads()
pid = fork()
if pid == 0:
    emit("child", 10)
    os._exit(0 if emitter.flush(20) else 1)
os._exit(os.waitpid(pid, 0)[1])
"""
)


@pytest.mark.parametrize("way", WAYS)
def test_a_child_sends_with_a_thread_of_its_own(
    local_stack: LocalStack, stored: Stored, tmp_path: Path, way: str
) -> None:
    """It does not take its parent's for running, which waits for an answer at that moment."""
    with misbehaving(local_stack.host) as proxy:
        for _ in spool.DATASOURCES:
            proxy.plan.put("lost")
        arguments = (way, proxy.host, local_stack.append_token, str(tmp_path), stored.website_id)
        with subprocess.Popen(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", _CHILD_SENDS, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
        ) as parent:
            deadline = time.monotonic() + DELIVERY_SECONDS
            while proxy.met("lost") < len(spool.DATASOURCES) and time.monotonic() < deadline:
                time.sleep(0.02)
            parent.communicate(b"\n", DELIVERY_SECONDS)
            assert parent.returncode == 0
    ids = stored.ids("visitor_events")
    assert ids == {"parent-0": 1} | {f"child-{number}": 1 for number in range(10)}


_DIES_BEFORE_ITS_CHILD = (
    _START
    + """
emit("own", 10)
wait_for_requests()  # what another process left is among them
if fork() == 0:
    print("forked", flush=True)
    signal.pause()
os.kill(os.getpid(), signal.SIGKILL)
"""
)


@pytest.mark.parametrize("way", WAYS)
def test_a_child_holds_no_file_of_its_parent(
    local_stack: LocalStack, stored: Stored, tmp_path: Path, way: str
) -> None:
    """A child that never emits lives on when its parent is killed: others deliver what the parent wrote or took over."""
    with Emitter(NOWHERE, "token", tmp_path) as emitter:
        emitter.page_view(website_id=stored.website_id, visitor_id="left")
    parent = subprocess.Popen(
        [
            *(sys.executable, "-W", "ignore::DeprecationWarning", "-c", _DIES_BEFORE_ITS_CHILD),
            *(way, SILENT, "token", str(tmp_path), stored.website_id),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert parent.stdout is not None
    try:
        assert parent.stdout.readline() == b"forked\n"
        assert parent.wait(20) == -signal.SIGKILL
        assert delivered(local_stack, tmp_path)
    finally:
        os.killpg(parent.pid, signal.SIGKILL)
        parent.stdout.close()
    ids = stored.ids("visitor_events")
    assert (len(ids), ids.total()) == (11, 11)


_LOOKS_AT_ITS_FILES = (
    _START
    + """
def held():
    paths = {os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")}
    return {path for path in paths if path.endswith(".ndjson") and os.path.exists(path)}

emit("before")
wait_for_requests()
parents = held()
assert parents
if fork():
    os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
emitter.close()  # a thread that sends would look into the files of others
emit("child")
assert not held() & parents
os._exit(0)
"""
)


@pytest.mark.parametrize("way", WAYS)
def test_a_child_that_emits_closes_the_files_of_its_parent(tmp_path: Path, way: str) -> None:
    """Else a file that its parent deletes takes place on the disk for as long as the child lives."""
    run(_LOOKS_AT_ITS_FILES, way, SILENT, "token", str(tmp_path), "w")


_BECOMES_A_DAEMON = (
    _START
    + """
emit("before")
wait_for_requests()
if fork():
    os._exit(os.WEXITSTATUS(os.wait()[1]))
os.closerange(3, 1024)
own = [os.open(os.devnull, os.O_RDWR) for _ in range(20)]
emit("daemon", 10)
assert all(os.path.samestat(os.fstat(fd), os.stat(os.devnull)) for fd in own)
os._exit(0)
"""
)


@pytest.mark.parametrize("way", WAYS)
def test_a_daemon_keeps_the_files_it_opens(tmp_path: Path, way: str) -> None:
    """It closes all that it has from its parent, so that its own files get the numbers of its parent's."""
    run(_BECOMES_A_DAEMON, way, SILENT, "token", str(tmp_path), "w")
    assert spool.status(tmp_path).spooled == 2 + 10


def test_looking_at_a_file_keeps_it_owned(tmp_path: Path) -> None:
    """The system drops a lock when its process closes any descriptor of the file: what counts events closes none."""
    adopts = "import sys; from analytics.ingest.spool.segment import Segment; from pathlib import Path; "
    adopts += "print(Segment.adopt(Path(sys.argv[1])) is not None)"
    segment = Segment.create(tmp_path)
    segment.append(b'{"n": 1}\n')
    assert waiting_in(segment.path)[0] == 1
    assert Segment.adopt(segment.path) is None
    assert run(adopts, str(segment.path)).stdout == "False\n"
    segment.close()
    assert waiting_in(segment.path)[0] == 1
    assert run(adopts, str(segment.path)).stdout == "True\n"


_FORKS_TWICE_AT_ONCE = """
import os, sys, threading
from pathlib import Path
from analytics.ingest.emitter import Emitter
sys.setswitchinterval(1e-6)
emitter = Emitter("http://127.0.0.1:9", "token", Path(sys.argv[1]))
assert emitter.page_view(website_id="w", visitor_id="parent")
def fork():
    for _ in range(20):
        pid = os.fork()
        if pid == 0:
            os._exit(0 if emitter.visitor_seen(website_id="w", visitor_id=f"v{os.getpid()}") else 1)
        assert os.waitpid(pid, 0)[1] == 0
        assert emitter.page_view(website_id="w", visitor_id="parent")
threads = [threading.Thread(target=fork) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_threads_may_fork_while_others_emit(tmp_path: Path) -> None:
    """Neither the parent nor a child waits for a lock that a thread of another process has."""
    run(_FORKS_TWICE_AT_ONCE, str(tmp_path))
    assert spool.status(tmp_path).spooled == 1 + 60 + 60


_FORKS_WHEN_CLOSED = (
    _START
    + """
emitter.close()
emit("before")
pid = fork()
emit("parent" if pid else "child", 3)
assert not [thread for thread in threading.enumerate() if thread.name.startswith("send ")]
if pid == 0:
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
"""
)


@pytest.mark.parametrize("way", WAYS)
def test_a_fork_after_the_end_writes_and_sends_nothing(tmp_path: Path, way: str) -> None:
    """What parent and child still write is there, each in a file of its own or one after the other."""
    run(_FORKS_WHEN_CLOSED, way, NOWHERE, "token", str(tmp_path), "w")
    lines = [line for path in spool.segments(tmp_path) for line in path.read_text().splitlines()[1:]]
    names = sorted(json.loads(line)["visitor_id"] for line in lines)
    assert names == ["before-0", "child-0", "child-1", "child-2", "parent-0", "parent-1", "parent-2"]


_UWSGI = (
    """
import sys, types
uwsgi = types.ModuleType("uwsgi")
worker = 0
uwsgi.worker_id, uwsgi.mule_id = lambda: worker, lambda: 0
sys.modules["uwsgi"] = uwsgi
"""
    + _START
    + """
def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("send ")]
def report(word):
    print(word, flush=True)
    sys.stdin.readline()
emit("before", 20)
assert not threads()
report("written")
emit("later", 20)
assert not threads()
uwsgi.has_threads = 0
report("written")
pid = fork()
if pid == 0:
    worker = 1
    emit("unsent", 10)
    assert not threads()
    uwsgi.has_threads = 1
    emit("worker", 10)
    assert threads()
    os._exit(0 if emitter.flush(20) else 1)
assert os.waitpid(pid, 0)[1] == 0
assert emitter.flush(20)
"""
)


def test_what_a_process_without_threads_accepts_is_sent_by_others(
    local_stack: LocalStack, stored: Stored, tmp_path: Path
) -> None:
    """As uWSGI's workers are before they are forked: `spool send` delivers it while the process lives, and goes on writing."""
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TINYBIRD_HOST": local_stack.host,
        "TINYBIRD_APPEND_TOKEN": local_stack.append_token,
        "INBOX_ANALYTICS_SPOOL_DIR": str(tmp_path),
    }
    with subprocess.Popen(
        [
            *(sys.executable, "-c", _UWSGI, "c"),
            *(local_stack.host, local_stack.append_token, str(tmp_path), stored.website_id),
        ],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        assert server.stderr is not None
        for _ in range(2):
            assert server.stdout.readline() == "written\n"
            assert len(spool.segments(tmp_path)) == 1
            sent = subprocess.run(
                [sys.executable, "-m", "analytics.cli", "spool", "send"],
                cwd=ROOT,
                env=environ,
                capture_output=True,
                text=True,
                check=True,
            )
            assert sent.stdout == "20 events sent, 0 kept aside, 0 still wait\n"
            server.stdin.write("\n")
            server.stdin.flush()
        said = server.stderr.read()
        assert server.wait(30) == 0, said
    assert "this process cannot run a thread" in said
    ids = stored.ids("visitor_events")
    assert (len(ids), ids.total()) == (60, 60)


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_a_multiprocessing_child_sends_its_last_events(
    local_stack: LocalStack, stored: Stored, tmp_path: Path, method: str
) -> None:
    """It ends past `atexit`, and waits for the answer all the same: nothing is left for others to send again."""
    context = multiprocessing.get_context(method)
    arguments = (local_stack.host, local_stack.append_token, str(tmp_path), stored.website_id)
    with concurrent.futures.ProcessPoolExecutor(3, mp_context=context) as pool:
        list(
            pool.map(program.emit, *zip(*[(*arguments, f"c{child}", 10) for child in range(9)], strict=True))
        )
    ids = stored.ids("visitor_events")
    assert (len(ids), ids.total(), spool.status(tmp_path).spooled) == (90, 90, 0)


_CELERY = (
    """
import sys, types
class Signal:
    def __init__(self):
        self.receivers = []
    def connect(self, receiver, weak):
        self.receivers.append(receiver)
    def send(self, **what):
        for receiver in self.receivers:
            receiver(signal=self, **what)
signals = types.ModuleType("celery.signals")
signals.worker_process_shutdown = Signal()
sys.modules["celery.signals"] = signals
"""
    + _START
    + """
emit("before")
assert emitter.flush(20)
for child in range(10):
    pid = os.fork()
    if pid == 0:
        emit(f"child{child}", 10)
        signals.worker_process_shutdown.send(pid=os.getpid(), exitcode=0)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert emitter.counters().spooled == 0
"""
)


def test_a_celery_child_sends_its_last_events(
    local_stack: LocalStack, stored: Stored, tmp_path: Path
) -> None:
    """Its pool says when a child ends, which is with `os._exit`: each child has delivered by then, every event once."""
    run(_CELERY, "os", local_stack.host, local_stack.append_token, str(tmp_path), stored.website_id)
    ids = stored.ids("visitor_events")
    assert (len(ids), ids.total()) == (101, 101)


_DIES_AT_ONCE = (
    _START
    + """
emitter = slow
for child in range(10):
    pid = fork()
    if pid == 0:
        emit(f"child{child}", 10)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
"""
)


@pytest.mark.parametrize("way", WAYS)
def test_a_process_that_dies_right_after_its_event_sends_nothing_twice(
    local_stack: LocalStack, stored: Stored, tmp_path: Path, way: str
) -> None:
    """It has sent nothing yet of which the answer could be lost; a later emitter delivers."""
    run(_DIES_AT_ONCE, way, local_stack.host, local_stack.append_token, str(tmp_path), stored.website_id)
    assert delivered(local_stack, tmp_path)
    ids = stored.ids("visitor_events")
    assert (len(ids), ids.total()) == (100, 100)
