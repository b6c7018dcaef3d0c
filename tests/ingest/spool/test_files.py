"""Files written whole or not at all, and locks on them."""

import errno
import os
from pathlib import Path

import pytest

from analytics.ingest.spool import files


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """The new content alone, and no other file beside it; one that a kill left half written is replaced."""
    path = tmp_path / "a.json"
    (tmp_path / "a.json.new").write_bytes(b"half")
    for content in (b"longer content", b"short"):
        files.write_whole(path, content)
        assert (path.read_bytes(), os.listdir(tmp_path)) == (content, ["a.json"])


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up while it is written: the old content stays, and nothing half written."""
    path = tmp_path / "a.json"
    files.write_whole(path, b"old")

    def full(_fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_whole(path, b"new")
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b"old", ["a.json"])


def test_one_opening_of_a_file_holds_its_lock(tmp_path: Path) -> None:
    """Another one gets it once the first is closed."""
    path = tmp_path / "lock"
    with path.open("a") as first, path.open("a") as second:
        assert files.lock(first.fileno())
        assert not files.lock(second.fileno())
        first.close()
        assert files.lock(second.fileno())
