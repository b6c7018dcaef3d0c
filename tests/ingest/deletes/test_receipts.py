"""Journal and receipts: whole files only, in order, and nothing that cannot be read passes for nothing."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analytics.errors import ConfigError
from analytics.ingest.deletes.receipts import DatasourcePurge, Ledger, Purge, PurgeRefused

AT = datetime(2026, 11, 10, 9, 30, tzinfo=UTC)


def purge(website_id: str = "w1", at: datetime = AT) -> Purge:
    """A purge that has begun."""
    return Purge(
        website_id=website_id,
        website="Shop",
        reason="purge",
        by="ann",
        host="https://api.example.com",
        started_at=at,
        datasources=(DatasourcePurge(datasource="visitor_events", rows_found=3),),
    )


def test_a_directory_that_is_not_there_holds_nothing_and_is_not_made(tmp_path: Path) -> None:
    """Looking writes nothing."""
    ledger = Ledger(tmp_path / "state")
    assert (ledger.unfinished(), ledger.receipts()) == ((), ())
    assert not (tmp_path / "state").exists()


def test_what_is_kept_is_what_is_read(tmp_path: Path) -> None:
    """A journal comes back as it was written, replaced by the newer one."""
    ledger = Ledger(tmp_path)
    ledger.keep(purge())
    newer = purge().updated(
        DatasourcePurge(datasource="visitor_events", rows_found=3, jobs=("j1",), running_job="j1")
    )
    ledger.keep(newer)
    assert ledger.unfinished() == (newer,)
    assert ledger.journal("w1") == newer
    assert ledger.journal("w2") is None


def test_closing_leaves_one_receipt_however_often(tmp_path: Path) -> None:
    """A kill between receipt and journal closes the same purge twice."""
    ledger = Ledger(tmp_path)
    ledger.keep(purge())
    first = ledger.close(purge())
    ledger.keep(purge())
    assert ledger.close(purge()) == first
    assert ledger.unfinished() == ()
    assert ledger.receipts() == (purge(),)


def test_receipts_come_oldest_first(tmp_path: Path) -> None:
    """By when the purge began, whatever the files are called."""
    ledger = Ledger(tmp_path)
    for days in (2, 0, 1):
        ledger.close(purge(at=AT + timedelta(days=days)))
    assert [(each.started_at - AT).days for each in ledger.receipts()] == [0, 1, 2]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"website_id": "w1"}'],
    ids=["empty", "cut", "no object", "no text", "fields missing"],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    """A broken journal is never taken for no journal."""
    (tmp_path / "purges").mkdir()
    (tmp_path / "purges" / "w1.json").write_bytes(content)
    with pytest.raises(ConfigError, match=r"w1\.json cannot be read"):
        Ledger(tmp_path).unfinished()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change the user")
@pytest.mark.parametrize(("folder", "read"), [("purges", Ledger.unfinished), ("receipts", Ledger.receipts)])
def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    folder: str,
    read: Callable[[Ledger], object],
) -> None:
    """A directory of another user is never taken for an empty one: it may contain an unfinished purge."""
    (tmp_path / folder).mkdir(mode=0o700)
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)  # the folders above it are root's
    os.seteuid(65534)
    try:
        with pytest.raises(ConfigError, match=f"{folder} cannot be read: Permission denied"):
            read(Ledger(Path()))
    finally:
        os.seteuid(0)


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    """Nor is anything else that cannot be listed."""
    (tmp_path / "purges").touch()
    with pytest.raises(ConfigError, match="purges cannot be read: Not a directory"):
        Ledger(tmp_path).unfinished()


def test_a_journal_that_names_another_path_is_refused(tmp_path: Path) -> None:
    """An id in an edited file never becomes a path or a condition."""
    (tmp_path / "purges").mkdir()
    text = purge().model_dump_json().replace('"w1"', '"../../x"')
    (tmp_path / "purges" / "w1.json").write_text(text)
    with pytest.raises(ConfigError):
        Ledger(tmp_path).unfinished()


def test_an_unfinished_write_is_not_read(tmp_path: Path) -> None:
    """The temporary file of a killed writer is no journal."""
    ledger = Ledger(tmp_path)
    ledger.keep(purge())
    (tmp_path / "purges" / "w2.123.tmp").write_text('{"website_id"')
    assert [each.website_id for each in ledger.unfinished()] == ["w1"]


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    """The second is refused, and may once the first has let go."""
    ledger = Ledger(tmp_path)
    with ledger.held(), pytest.raises(PurgeRefused, match="Another purge runs"), ledger.held():
        pass
    with ledger.held():
        pass


def test_a_directory_that_cannot_be_made_is_a_setting_to_change() -> None:
    """The variable is named. /proc takes no directories, not even from root."""
    with pytest.raises(ConfigError) as caught:
        Ledger(Path("/proc/inbox-analytics")).keep(purge())
    assert "INBOX_ANALYTICS_STATE_DIR" in caught.value.remedy


@pytest.mark.parametrize(
    ("obstacle", "act"),
    [
        ("purges.lock", lambda ledger: ledger.held().__enter__()),
        ("purges/w1.json", lambda ledger: ledger.keep(purge())),
        (f"receipts/{AT:%Y%m%dT%H%M%S%fZ}-w1.json", lambda ledger: ledger.close(purge())),
    ],
    ids=["lock", "journal", "receipt"],
)
def test_what_cannot_be_written_is_an_error_of_ours(
    tmp_path: Path, obstacle: str, act: Callable[[Ledger], object]
) -> None:
    """A directory stands where the file should be: the variable to look at is named."""
    (tmp_path / obstacle).mkdir(parents=True)
    with pytest.raises(ConfigError, match="cannot be written") as caught:
        act(Ledger(tmp_path))
    assert "INBOX_ANALYTICS_STATE_DIR" in caught.value.remedy
