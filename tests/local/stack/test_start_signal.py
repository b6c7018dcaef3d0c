"""A child waits for one message, and gets an empty one when its parent has given up."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from analytics.local.stack.child import Child
from analytics.local.stack.start_signal import StartSignal

HEAR = "import sys; from analytics.local.stack.start_signal import wait_for_start; print('heard', repr(wait_for_start(int(sys.argv[1]))))"


@pytest.fixture
def listener(tmp_path: Path) -> Callable[[int], Child]:
    """Starts a child that prints the message it gets."""

    def start(descriptor: int) -> Child:
        program = [sys.executable, "-c", HEAR, str(descriptor)]
        return Child("listener", program, log=tmp_path / "log", keep_open=[descriptor])

    return start


def ended(child: Child) -> list[str]:
    """The output of a child that has ended by itself."""
    child._process.wait(10)
    child.stop()
    return child.last_lines()


def test_a_message_comes_through(listener: Callable[[int], Child]) -> None:
    """The whole message arrives, and not before it is sent."""
    signal = StartSignal(listener)
    assert signal.child.exit_code is None
    signal.send("a word, ä")
    assert ended(signal.child) == ["heard 'a word, ä'"]


def test_a_parent_that_gives_up_is_heard(listener: Callable[[int], Child]) -> None:
    """A pipe that closes is heard as an empty message."""
    signal = StartSignal(listener)
    signal.send("")
    assert ended(signal.child) == ["heard ''"]


def test_a_child_that_has_gone_hears_nothing(listener: Callable[[int], Child]) -> None:
    """Sending to a child that has ended raises nothing."""
    signal = StartSignal(listener)
    signal.child.stop()
    signal.send("too late")


def test_a_child_that_cannot_be_started(tmp_path: Path) -> None:
    """The error is raised and no file stays open."""

    def fail(descriptor: int) -> Child:
        raise OSError(descriptor)

    before = len(list(Path("/dev/fd").iterdir()))
    with pytest.raises(OSError, match=r"\d"):
        StartSignal(fail)
    assert len(list(Path("/dev/fd").iterdir())) == before
