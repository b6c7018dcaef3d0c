"""Watermarks: what is kept survives, two processes never share them, and nothing moves backwards."""

import math
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.errors import ConfigError
from analytics.ingest.history.reader import START, Position, Window
from analytics.ingest.history.watermarks import (
    Watermark,
    Watermarks,
    completed,
    confirmed,
    doubted,
    peek,
    restarted,
)

HOST = "http://127.0.0.1:7181"
AT = datetime(2026, 11, 10, tzinfo=UTC)
CEILING = Position(math.inf, "")
MARKS = [
    Watermark(),
    Watermark(Position(1.000001, "c1"), 5.5, 6.5, Window(AT, None)),
    Watermark(Position(2.0, "c2"), -math.inf, 3.0, Window(None, AT), Position(math.inf, "é"), 7.25),
]

positions = st.builds(Position, st.floats(allow_nan=False), st.text(max_size=3))


@pytest.mark.parametrize("mark", MARKS, ids=["new", "begun", "in doubt"])
def test_a_watermark_is_read_as_it_was_kept(tmp_path: Path, mark: Watermark) -> None:
    """Infinities, microseconds and empty windows included, also in a read-only look; a restart keeps the doubt."""
    with Watermarks(tmp_path, HOST) as marks:
        assert marks.find("w", "conversation") is None
        assert marks.put("w", "conversation", mark) == mark
        assert peek(tmp_path, HOST, "w", "conversation") == mark
    with Watermarks(tmp_path, HOST) as marks:
        assert marks.find("w", "conversation") == mark
        assert marks.find("w", "feedback") is None
        marks.restart("w", Window(AT, None))
        left = marks.find("w", "conversation")
        assert left == (None if mark.doubt is None else restarted(mark, Window(AT, None)))


def test_hosts_have_watermarks_of_their_own(tmp_path: Path) -> None:
    """What one workspace has says nothing about another's."""
    with Watermarks(tmp_path, HOST) as one, Watermarks(tmp_path, "https://api.example.com") as other:
        one.put("w", "conversation", MARKS[1])
        assert other.find("w", "conversation") is None


def test_looking_makes_no_file(tmp_path: Path) -> None:
    """A dry run leaves nothing behind."""
    assert peek(tmp_path / "state", HOST, "w", "conversation") is None
    assert list(tmp_path.iterdir()) == []


def test_a_second_process_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    """Until the first one ends, also by SIGKILL."""
    code = (
        "import sys, time; from pathlib import Path; from analytics.ingest.history.watermarks import Watermarks;"
        f"held = Watermarks(Path({str(tmp_path)!r}), {HOST!r}); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(ConfigError, match=f"at work on this state already .process {holder.pid}."):
            Watermarks(tmp_path, HOST)
        holder.kill()
    Watermarks(tmp_path, HOST).close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    """With what to do about it; nothing is overwritten."""
    with Watermarks(tmp_path, HOST) as marks:
        path = marks.path
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(ConfigError, match="cannot be used") as caught:
        Watermarks(tmp_path, HOST)
    assert str(path) in caught.value.message
    assert "moved away" in caught.value.remedy
    with pytest.raises(ConfigError, match="cannot be used"):
        peek(tmp_path, HOST, "w", "conversation")
    assert path.read_bytes().startswith(b"not a database")


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    """It is neither read as if it were of this one nor changed."""
    with Watermarks(tmp_path, HOST) as marks:
        path = marks.path
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ConfigError, match="another version"):
        Watermarks(tmp_path, HOST)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file where the directory should be."""
    (tmp_path / "state").write_text("")
    with pytest.raises(ConfigError, match=r"state.*cannot be used"):
        Watermarks(tmp_path / "state", HOST)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change the user")
def test_another_users_directory_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A watermark that may not be looked at is not one that does not exist."""
    (tmp_path / "state").mkdir(mode=0o700)
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)  # the folders above it are root's
    os.seteuid(65534)
    try:
        with pytest.raises(ConfigError, match="cannot be used: Permission denied"):
            peek(Path("state"), HOST, "w", "conversation")
    finally:
        os.seteuid(0)


def test_a_full_disk_is_an_error_of_ours(tmp_path: Path) -> None:
    """SQLite's own limit on the size of its file stands in for the disk; what was kept before stays."""

    def fill(marks: Watermarks) -> None:
        for number in range(10_000):
            marks.put(f"w{number}", "conversation", MARKS[2])

    with Watermarks(tmp_path, HOST) as marks:
        marks._connection.execute("PRAGMA max_page_count = 5")
        with pytest.raises(ConfigError, match="full"):
            fill(marks)
        assert marks.find("w0", "conversation") == MARKS[2]


@given(mark=positions, doubt=st.none() | positions, last=positions, now=st.floats(0, 1e10))
def test_a_doubt_never_shrinks_and_a_watermark_never_goes_back(
    mark: Position, doubt: Position | None, last: Position, now: float
) -> None:
    """What may have been sent stays in doubt until a confirmed batch reaches it."""
    before = Watermark(mark, doubt=doubt, doubted=None if doubt is None else 0.0)

    during = doubted(before, last, now)
    after = confirmed(during, last, CEILING)

    assert during.doubt is not None
    assert during.doubt >= last
    assert doubt is None or during.doubt >= doubt
    assert during.position == before.position
    assert after.position == max(mark, min(last, CEILING))
    assert (after.doubt is None) == (during.doubt <= last)
    assert (after.doubt is None) == (after.doubted is None)


@given(mark=positions, horizon=st.floats(allow_nan=False))
def test_reading_goes_on_at_the_watermark_or_at_the_horizon_before_it(mark: Position, horizon: float) -> None:
    """What may still commit late is read again; what is settled is not."""
    start = Watermark(mark, horizon=horizon).start
    assert start <= mark or mark.at == horizon
    assert start.at == min(mark.at, horizon)
    done = completed(Watermark(mark, doubt=mark, doubted=1.0), horizon)
    assert (done.position, done.horizon, done.doubt, done.doubted) == (mark, horizon, None, None)


def test_a_row_of_the_future_does_not_carry_the_watermark_along() -> None:
    """The ceiling holds it; a later batch below the ceiling still moves it."""
    mark = confirmed(Watermark(START), Position(math.inf, "x"), Position(10.0, ""))
    assert mark.position == Position(10.0, "")
    assert confirmed(mark, Position(12.0, "y"), Position(20.0, "")) == replace(
        mark, position=Position(12.0, "y")
    )
