"""A group of children ends together, in order, with a reason, and is never restarted."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from analytics.local.stack.child import Child
from analytics.local.stack.failure import StackFailure
from analytics.local.stack.supervisor import StopRequested, Supervisor

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]


def sleeper(directory: Path, name: str) -> Child:
    """A child that says `up` and sleeps."""
    child = Child(name, SLEEP, log=directory / f"{name}.log")
    deadline = time.monotonic() + 10
    while not child.last_lines() and time.monotonic() < deadline:
        time.sleep(0.02)
    return child


def send_soon(number: signal.Signals) -> None:
    """Sends this process a signal in a moment."""
    threading.Timer(0.3, os.kill, [os.getpid(), number]).start()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_all_children(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C, SIGTERM and a closed terminal end `watch` without an error, and the handlers come back."""
    before = signal.getsignal(number)
    with Supervisor() as supervisor:
        children = [supervisor.add(sleeper(tmp_path, name)) for name in ("one", "two")]
        send_soon(number)
        supervisor.watch()
    assert [child.ending() for child in children] == ["was ended by SIGTERM"] * 2
    assert signal.getsignal(number) == before


def test_children_stop_newest_first(tmp_path: Path) -> None:
    """Later children depend on earlier ones."""
    order: list[str] = []

    class Noting(Child):
        def stop(self, seconds: float = 10.0) -> None:
            order.append(self.name)
            super().stop(seconds)

    with Supervisor() as supervisor:
        for name in ("database", "server", "web"):
            supervisor.add(Noting(name, SLEEP, log=tmp_path / name))
    assert order == ["web", "server", "database"]


def test_the_death_of_a_child_ends_all_and_says_why(tmp_path: Path) -> None:
    """The message names the child, how it ended, its log and its last lines."""
    code = "print('all is lost'); raise SystemExit(3)"
    with Supervisor() as supervisor:
        other = supervisor.add(sleeper(tmp_path, "other"))
        supervisor.add(Child("unlucky", [sys.executable, "-c", code], log=tmp_path / "unlucky.log"))
        with pytest.raises(StackFailure) as raised:
            supervisor.watch()
    assert raised.value.message == "unlucky ended with code 3."
    assert raised.value.remedy == f"Last lines of {tmp_path / 'unlucky.log'}:\n  all is lost"
    assert other.ending() == "was ended by SIGTERM"


def test_waiting_ends_when_ready(tmp_path: Path) -> None:
    """`wait_until` returns as soon as its condition holds."""
    with Supervisor() as supervisor:
        supervisor.add(sleeper(tmp_path, "one"))
        asked: list[bool] = []
        supervisor.wait_until(lambda: asked.append(True) or len(asked) == 3, "it", seconds=5)  # type: ignore[func-returns-value]
    assert len(asked) == 3


def test_waiting_ends_with_a_message_when_time_is_up(tmp_path: Path) -> None:
    """The message names what did not answer."""
    with Supervisor() as supervisor:
        supervisor.add(sleeper(tmp_path, "one"))
        with pytest.raises(StackFailure, match=r"The web app did not answer within 0 s\."):
            supervisor.wait_until(lambda: False, "The web app", seconds=0.2)


def test_a_slow_probe_does_not_stretch_the_wait(tmp_path: Path) -> None:
    """The time that asking takes counts: three probes of 0.2 s are more than half a second."""
    asked: list[float] = []

    def probe() -> bool:
        asked.append(time.monotonic())
        time.sleep(0.2)
        return False

    with Supervisor() as supervisor:
        supervisor.add(sleeper(tmp_path, "one"))
        with pytest.raises(StackFailure, match="did not answer"):
            supervisor.wait_until(probe, "The web app", seconds=0.5)
    assert len(asked) <= 4


def test_waiting_ends_when_a_child_dies(tmp_path: Path) -> None:
    """Waiting fails at once when a child has ended."""
    with Supervisor() as supervisor:
        supervisor.add(Child("dead", [sys.executable, "-c", ""], log=tmp_path / "log"))
        with pytest.raises(StackFailure, match="dead ended with code 0"):
            supervisor.wait_until(lambda: False, "it", seconds=10)


def test_waiting_ends_when_a_stop_is_asked_for() -> None:
    """Ctrl-C during the start is a stop, not an error."""
    with Supervisor() as supervisor:
        send_soon(signal.SIGINT)
        with pytest.raises(StopRequested):
            supervisor.wait_until(lambda: False, "it", seconds=10)


def test_a_passing_child_is_waited_for(tmp_path: Path) -> None:
    """The exit code of a child that is meant to end comes back."""
    with Supervisor() as supervisor:
        code = "import time; time.sleep(0.2); raise SystemExit(4)"
        assert (
            supervisor.wait_for_end(Child("loader", [sys.executable, "-c", code], log=tmp_path / "log")) == 4
        )


def test_a_passing_child_is_stopped_with_the_others(tmp_path: Path) -> None:
    """A stop during the load ends the loader too."""
    loader = sleeper(tmp_path, "loader")
    with Supervisor() as supervisor:
        send_soon(signal.SIGTERM)
        with pytest.raises(StopRequested):
            supervisor.wait_for_end(loader)
    assert loader.ending() == "was ended by SIGTERM"


def test_a_second_signal_kills(tmp_path: Path) -> None:
    """A second Ctrl-C kills the children at once."""
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    began = time.monotonic()
    with Supervisor() as supervisor:
        child = supervisor.add(Child("deaf", [sys.executable, "-c", code], log=tmp_path / "log"))
        supervisor.wait_until(lambda: bool(child.last_lines()), "it", seconds=10)
        send_soon(signal.SIGINT)
        threading.Timer(0.8, os.kill, [os.getpid(), signal.SIGINT]).start()
        supervisor.watch()
    assert child.ending() == "was ended by SIGKILL"
    assert time.monotonic() - began < 5


def test_nothing_is_left_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    """After kill -9 of the supervisor its children end by themselves."""
    log = tmp_path / "log"
    code = (
        "import sys; from pathlib import Path; from analytics.local.stack.child import Child;"
        "from analytics.local.stack.supervisor import Supervisor\n"
        f"with Supervisor() as s: s.add(Child('x', {SLEEP!r}, log=Path({str(log)!r}))); print(s.children[0].pid, flush=True); s.watch()"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    child = int(supervisor.stdout.readline())
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        if "Z" in Path(f"/proc/{child}/stat").read_text().split()[2]:
            break
        time.sleep(0.05)
    else:
        assert not Path(f"/proc/{child}").exists()
