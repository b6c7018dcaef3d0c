"""A child ends with its starter, logs to its own file, and stops when asked or when made to."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from analytics.local.stack.child import Child, Follow

BOTH_WAYS = pytest.mark.parametrize(
    "follow",
    [
        pytest.param(
            "kernel", marks=pytest.mark.skipif(sys.platform != "linux", reason="a feature of Linux")
        ),
        "pipe",
    ],
)
SLEEPER = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)"]
STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Returns when the condition holds; fails after a while."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.02)


def is_running(process: int) -> bool:
    """True for a process that exists and is not a zombie."""
    status = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False
    )
    return status.stdout.strip() not in {"", "Z", "Zs", "Z+"}


@BOTH_WAYS
def test_it_ends_when_its_starter_is_killed(tmp_path: Path, follow: Follow) -> None:
    """No process is left behind by a starter that got no chance to clean up."""
    log = tmp_path / "log"
    starter_code = (
        "import time; from pathlib import Path; from analytics.local.stack.child import Child;"
        f"Child('sleeper', {SLEEPER!r}, log=Path({str(log)!r}), follow={follow!r}); time.sleep(60)"
    )
    starter = subprocess.Popen([sys.executable, "-c", starter_code])
    wait_for(lambda: log.exists() and log.read_text().strip().isdigit())
    sleeper = int(log.read_text())
    assert is_running(sleeper)
    starter.kill()
    starter.wait()
    wait_for(lambda: not is_running(sleeper))


@BOTH_WAYS
def test_it_stops_when_asked(tmp_path: Path, follow: Follow) -> None:
    """The stop signal reaches the program, and `ending` says how it ended."""
    child = Child("sleeper", SLEEPER, log=tmp_path / "log", follow=follow)
    wait_for(lambda: child.last_lines() != [])
    assert child.ending() == "is running"
    child.stop()
    assert child.exit_code is not None
    assert child.ending() == "was ended by SIGTERM"


@BOTH_WAYS
def test_a_program_that_ignores_the_signal_is_killed(tmp_path: Path, follow: Follow) -> None:
    """Stopping takes no longer than the given time."""
    child = Child("deaf", [sys.executable, "-c", STUBBORN], log=tmp_path / "log", follow=follow)
    wait_for(lambda: child.last_lines() == ["deaf"])
    began = time.monotonic()
    child.stop(seconds=0.3)
    assert time.monotonic() - began < 3
    assert child.ending() == "was ended by SIGKILL"


def test_its_exit_code_and_last_lines_are_known(tmp_path: Path) -> None:
    """What a supervisor reports about a dead child: the code, and the newest lines of its log without empty ones."""
    log = tmp_path / "log"
    child = Child("counter", [sys.executable, "-c", r"print('1\n2\n\n3'); raise SystemExit(7)"], log=log)
    wait_for(lambda: child.exit_code is not None)
    assert child.ending() == "ended with code 7"
    assert child.last_lines(2) == ["2", "3"]
    child.stop()


def test_a_log_goes_on_where_it_ended(tmp_path: Path) -> None:
    """A second start keeps the first one's lines, and `last_lines` gives its own alone."""
    log = tmp_path / "log"
    for word in ("first", "second"):
        child = Child("speaker", [sys.executable, "-c", f"print({word!r})"], log=log)
        wait_for(lambda child=child: child.exit_code is not None)  # type: ignore[misc]
        child.stop()
    assert log.read_text().splitlines() == ["first", "second"]
    assert child.last_lines() == ["second"]


def test_ctrl_c_in_the_terminal_reaches_the_supervisor_alone(tmp_path: Path) -> None:
    """A child is in a session of its own, so that the supervisor decides the order of stopping."""
    child = Child("sleeper", SLEEPER, log=tmp_path / "log")
    wait_for(lambda: child.last_lines() != [])
    assert os.getsid(child.pid) != os.getsid(0)
    child.stop()


@BOTH_WAYS
def test_a_child_inherits_only_what_is_passed_to_it(tmp_path: Path, follow: Follow) -> None:
    """A file descriptor named in `keep_open` is open in the child, another is not."""
    kept, closed = os.pipe()
    code = (
        "import os\n"
        f"for number in ({kept}, {closed}):\n"
        "    try: os.fstat(number); print('open')\n"
        "    except OSError: print('closed')\n"
    )
    program = [sys.executable, "-c", code]
    child = Child("looker", program, log=tmp_path / "log", keep_open=[kept], follow=follow)
    wait_for(lambda: child.exit_code is not None)
    child.stop()
    os.close(kept)
    os.close(closed)
    assert child.last_lines() == ["open", "closed"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change its account")
def test_root_can_start_it_as_another_user(tmp_path: Path) -> None:
    """PostgreSQL refuses to run as root."""
    code = "import os; print(os.geteuid() != 0, os.getgroups())"
    child = Child(
        "other", ["/usr/bin/env", "id", "-un"], log=tmp_path / "log", user="nobody", directory=Path("/")
    )
    wait_for(lambda: child.exit_code is not None)
    child.stop()
    assert child.last_lines() == ["nobody"], code


def test_the_signal_it_stops_on_can_be_another(tmp_path: Path) -> None:
    """PostgreSQL takes SIGINT for its fast shutdown."""
    # What a shell starts in the background ignores SIGINT, and so would its children.
    code = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_DFL); print('ready', flush=True); time.sleep(60)"
    child = Child("sleeper", [sys.executable, "-c", code], log=tmp_path / "log", stop_signal=signal.SIGINT)
    wait_for(lambda: child.last_lines() == ["ready"])
    child.stop()
    assert child.ending() == "was ended by SIGINT"
