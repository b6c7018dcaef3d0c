"""The gate: a child waits before it, hears one word, and learns when nobody waits for it any more."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from analytics.local.child import Child
from analytics.local.gate import Gate

HEAR = "import sys; from analytics.local.gate import wait_at; print('heard', repr(wait_at(int(sys.argv[1]))))"


@pytest.fixture
def listener(tmp_path: Path) -> Callable[[int], Child]:
    """Starts a child that tells what it hears at the gate."""

    def start(gate: int) -> Child:
        program = [sys.executable, "-c", HEAR, str(gate)]
        return Child("listener", program, log=tmp_path / "log", keep_open=[gate])

    return start


def ended(child: Child) -> list[str]:
    """What a child has said when it has ended by itself."""
    child._process.wait(10)
    child.stop()
    return child.last_lines()


def test_a_word_comes_through(listener: Callable[[int], Child]) -> None:
    """All of it, and not before the gate opens."""
    gate = Gate(listener)
    assert gate.child.exit_code is None
    gate.open("a word, ä")
    assert ended(gate.child) == ["heard 'a word, ä'"]


def test_nobody_waits_any_more(listener: Callable[[int], Child]) -> None:
    """The end of whoever holds the gate is heard as no word."""
    gate = Gate(listener)
    gate.open("")
    assert ended(gate.child) == ["heard ''"]


def test_a_child_that_has_gone_hears_nothing(listener: Callable[[int], Child]) -> None:
    """Opening its gate is harmless: the supervisor tells how it ended."""
    gate = Gate(listener)
    gate.child.stop()
    gate.open("too late")


def test_a_child_that_cannot_be_started(tmp_path: Path) -> None:
    """The reason comes through and no file stays open."""

    def fail(gate: int) -> Child:
        raise OSError(gate)

    before = len(list(Path("/dev/fd").iterdir()))
    with pytest.raises(OSError, match=r"\d"):
        Gate(fail)
    assert len(list(Path("/dev/fd").iterdir())) == before
