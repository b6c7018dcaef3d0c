"""Counts of changed values: added up over processes and days, and never in the way of an event."""

import json
import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

from click.testing import CliRunner

from analytics.commands.spool import spool
from analytics.ingest.emitter import Emitter
from analytics.ingest.spool import directory as spools
from analytics.ingest.spool.changed_values import FILE, ChangeCounts, recent

CUT = {"city": "too long, cut"}


def test_processes_add_up(tmp_path: Path) -> None:
    """Each from its own start: a forked child counts none of its parent's, and no count is lost or doubled."""
    emitter = Emitter("http://127.0.0.1:9", "token", tmp_path)

    def emit() -> None:
        emitter.page_view(website_id="w", visitor_id="v", city="x" * 5_000)

    for _ in range(3):
        emit()
    child = os.fork()
    if not child:
        emit()
        emit()
        emitter.close(0)
        os._exit(0 if emitter.counters().changed == {"city: too long, cut": 2} else 1)
    assert os.waitpid(child, 0)[1] == 0
    emitter.close(0)
    emitter.close(0)
    assert emitter.counters().changed == {"city: too long, cut": 3}
    assert recent(tmp_path) == {"city: too long, cut": 5}


def _note(directory: Path) -> None:
    counts = ChangeCounts(directory)
    for _ in range(200):
        counts.note(CUT)
        counts.save()


def test_processes_that_write_at_once_lose_no_count(tmp_path: Path) -> None:
    """One writes after the other."""
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_note, args=(tmp_path,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert recent(tmp_path) == {"city: too long, cut": 800}


def test_emitters_of_one_process_lose_no_count(tmp_path: Path) -> None:
    """One writes after the other, although the system's lock keeps only other processes out."""
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(_note, [tmp_path] * 4))
    assert recent(tmp_path) == {"city: too long, cut": 800}


def test_only_the_last_seven_days_count(tmp_path: Path) -> None:
    """Today and the six days before; older ones are forgotten with the next write."""
    days = [f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}" for days in (0, 6, 7)]
    (tmp_path / FILE).write_text(json.dumps({day: {"city: too long, cut": 1} for day in days}))
    assert recent(tmp_path) == {"city: too long, cut": 2}
    counts = ChangeCounts(tmp_path)
    counts.note({"browser": "not a text, emptied"})
    assert list(json.loads((tmp_path / FILE).read_text())) == sorted(days, reverse=True)[:2]
    assert recent(tmp_path) == {"city: too long, cut": 2, "browser: not a text, emptied": 1}


def test_a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    """Text that is no JSON, or JSON of another form."""
    for damaged in ("{", "[]", "[" * 100_000, '{"2999-01-01": 5}', "\x00" * 500):
        (tmp_path / FILE).write_text(damaged)
        counts = ChangeCounts(tmp_path)
        counts.note(CUT)
        assert recent(tmp_path) == {"city: too long, cut": 1}


def test_a_disk_that_takes_nothing_costs_no_event(tmp_path: Path) -> None:
    """The counts of the process go on, and are written once the disk takes them."""
    (tmp_path / FILE).mkdir()
    counts = ChangeCounts(tmp_path)
    counts.note(CUT)
    assert counts.total == {"city: too long, cut": 1}
    assert spools.status(tmp_path).unreadable == 1
    (tmp_path / FILE).rmdir()
    counts.save()
    assert recent(tmp_path) == {"city: too long, cut": 1}


def test_the_status_of_a_spool_says_them(tmp_path: Path) -> None:
    """For people and for programs."""
    ChangeCounts(tmp_path).note(CUT)
    cli = CliRunner(env={"INBOX_ANALYTICS_SPOOL_DIR": str(tmp_path)})
    assert "1 descriptive values were cut or emptied" in cli.invoke(spool, ["status"]).stdout
    assert json.loads(cli.invoke(spool, ["status", "--json"]).stdout)["changed"] == {"city: too long, cut": 1}
