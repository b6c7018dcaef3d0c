"""`backfill` and `sync` as a person runs them: what they print, what they refuse, how they end."""

import os
import pty
import re
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analytics.commands import progress
from analytics.ingest.history.watermarks import Watermarks
from tests import command_line
from tests.conftest import ROOT, LocalStack
from tests.ingest.history_stack import FIRST, History
from tests.product_database import Product

CONVERSATIONS = 150
WAIT_SECONDS = 60.0


@pytest.fixture
def history(local_stack: LocalStack, product: Product, tmp_path: Path) -> History:
    """A website with conversations and feedback, nothing of it in Tinybird."""
    made = History(local_stack, product, tmp_path / "state")
    made.fill(CONVERSATIONS)
    return made


def assert_is_refused(ended: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit code 1, nothing on stdout, two lines on stderr with all words."""
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Error: ")
    assert len(ended.stderr.splitlines()) == 2
    for word in words:
        assert word in ended.stderr


def test_a_dry_run_counts_and_changes_nothing(history: History) -> None:
    """The numbers are those that the real run sends then; neither state nor events nor a token is needed."""
    environment = history.environment(TINYBIRD_APPEND_TOKEN="")
    counted = history.run("backfill", "--dry-run", environment=environment)

    assert counted.returncode == 0, counted.stderr
    assert f"{len(history.expected()):,} events would be sent" in counted.stdout
    assert history.stored() == {}
    assert not history.state_dir.exists()

    sent = history.run("backfill")
    assert sent.returncode == 0, sent.stderr
    assert [line.strip() for line in sent.stdout.splitlines() if line.startswith("  ")] == [
        line.strip() for line in counted.stdout.splitlines() if line.startswith("  ")
    ]
    assert len(history.stored()) == len(history.expected())
    assert "0 events would be sent" in history.run("backfill", "--dry-run").stdout


def test_a_backfill_that_is_run_again_says_that_nothing_is_left(history: History) -> None:
    """And with --restart it looks everything up and finds it there."""
    history.run("backfill")
    assert "0 events sent" in history.run("backfill").stdout
    again = history.run("backfill", "--restart")
    assert f"{len(history.expected()):,} events were in Tinybird already" in again.stdout
    assert set(history.stored().values()) == {1}


def test_what_is_skipped_is_printed_with_its_reason(history: History) -> None:
    """Nothing is left out silently."""
    history.product.add_feedback(FIRST, 5)
    printed = history.run("backfill").stdout
    assert "1 events skipped, because no valid event can be made" in printed
    assert "1  feedback_submitted: it belongs to no conversation" in printed


def test_since_and_until_are_days_in_utc(history: History) -> None:
    """Half-open, by the time of the event."""
    day = f"{FIRST:%Y-%m-%d}"
    ended = history.run("backfill", "--since", day, "--until", f"{day}T02:00:00")
    assert ended.returncode == 0, ended.stderr
    assert history.stored().keys() == {key for key in history.expected() if key[2] < f"{day} 02:00:00"}


def test_a_date_that_is_not_given_again_stays(history: History) -> None:
    """Said in words; --restart takes everything; a date that leaves nothing with the one before is refused."""
    until = f"{FIRST:%Y-%m-%d}T02:00:00"
    assert history.run("backfill", "--until", until).returncode == 0
    before = history.stored()

    again = history.run("backfill")
    assert (again.returncode, history.stored()) == (0, before)
    assert f"events until {until}, as before; --restart forgets that" in again.stderr
    assert_is_refused(history.run("backfill", "--since", "2026-10-01"), "Name both --since and --until")

    everything = history.run("backfill", "--restart", "--dry-run")
    assert f"{len(history.expected()):,} events would be sent" in everything.stdout
    assert history.run("backfill", "--restart").returncode == 0
    assert history.stored() == dict.fromkeys(history.expected(), 1)


def test_what_was_purged_stays_away_until_it_is_asked_for(history: History) -> None:
    """Moving again says so instead of ending with nothing; parity names the purge; --restart brings it all back."""
    assert "purged" not in history.run("backfill").stderr
    administrator = history.environment(TINYBIRD_ADMIN_TOKEN=history.stack.admin_token)
    purged = command_line.run(administrator, "purge", history.product.website_id, "--yes")
    assert (purged.returncode, history.stored()) == (0, {}), purged.stderr

    again = history.run("backfill")
    assert (again.returncode, history.stored()) == (0, {})
    assert f"its rows were purged on {datetime.now(UTC):%Y-%m-%d}" in again.stderr
    assert "only with --restart" in again.stderr
    days = f"{FIRST:%Y-%m-%d}..{FIRST + timedelta(days=1):%Y-%m-%d}"
    compared = history.run("parity", "--range", days)
    assert (
        f"{CONVERSATIONS} × purged: the website's rows were deleted on {datetime.now(UTC):%Y-%m-%d}"
        in compared.stdout
    )
    assert "never sent" not in compared.stdout

    assert "purged" not in history.run("backfill", "--restart").stderr
    assert history.stored() == dict.fromkeys(history.expected(), 1)


@pytest.mark.parametrize("command", ["backfill", "sync"])
def test_an_unknown_website_is_named(history: History, command: str) -> None:
    """Before anything is sent."""
    ended = history.run(command, "--website", "no-such-shop", *(["--once"] if command == "sync" else []))
    assert_is_refused(ended, "No website is called no-such-shop", "slug")
    assert history.stored() == {}


@pytest.mark.parametrize("command", ["backfill", "sync"])
def test_the_append_token_is_needed(history: History, command: str) -> None:
    """Said at once, with what to set."""
    ended = history.run(command, environment=history.environment(TINYBIRD_APPEND_TOKEN=""))
    assert_is_refused(ended, "TINYBIRD_APPEND_TOKEN is missing", "events_append")


@pytest.mark.parametrize("command", ["backfill", "sync"])
def test_two_at_once_are_refused(history: History, command: str) -> None:
    """The second one says who is at work."""
    with Watermarks(history.state_dir, history.stack.host):
        assert_is_refused(history.run(command), "at work on this state already")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--since", "yesterday"), "Invalid value for '--since'"),
        (("--since", "2026-11-02", "--until", "2026-11-01"), "--since must lie before --until"),
        (("--batch", "0"), "Invalid value for '--batch'"),
        (("--settle", "-1"), "Invalid value for '--settle'"),
        (("--overlap", "nan-ish"), "Invalid value for '--overlap'"),
    ],
)
def test_options_are_checked(history: History, options: tuple[str, ...], said: str) -> None:
    """A usage error names the option and ends with code 2."""
    ended = history.run("backfill", *options)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert history.stored() == {}


@pytest.mark.parametrize("command", ["backfill", "sync"])
def test_a_since_in_the_future_is_refused(
    local_stack: LocalStack, product: Product, tmp_path: Path, command: str
) -> None:
    """It would mark everything as read, today's events too, and say no word of it afterwards."""
    history = History(local_stack, product, tmp_path / "state")
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    ended = history.run(command, "--since", tomorrow, *(["--once"] if command == "sync" else []))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"Invalid value for '--since': {tomorrow} lies in the future (UTC)" in ended.stderr
    assert not history.state_dir.exists()


def test_a_wrong_token_is_said_and_not_repeated(history: History) -> None:
    """Not tried again: a token does not become right by waiting."""
    ended = history.run("backfill", environment=history.environment(TINYBIRD_APPEND_TOKEN="p.wrong-secret"))
    assert ended.returncode == 1
    assert "Tinybird refused the token" in ended.stderr
    assert "wrong-secret" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_sync_goes_on_where_a_backfill_ended_until_sigterm(history: History) -> None:
    """New conversations arrive by themselves, each event once; SIGTERM ends it with code 0."""
    assert history.run("backfill").returncode == 0
    process = history.start("sync", "--interval", "1")
    try:
        for minutes in (3, 2, 1):
            now = datetime.now(UTC)
            history.product.add_conversation(now - timedelta(minutes=minutes), updated_at=now)
            expected = history.expected()
            deadline = time.monotonic() + WAIT_SECONDS
            while history.stored().keys() != expected and time.monotonic() < deadline:
                time.sleep(0.05)
            assert history.stored() == dict.fromkeys(expected, 1)
    finally:
        process.terminate()
        process.join(30)
    assert process.exitcode == 0


def test_a_sync_starts_from_nothing_with_the_whole_history(history: History) -> None:
    """Without a backfill before it; --once ends after one round."""
    ended = history.run("sync", "--once")
    assert ended.returncode == 0, ended.stderr
    assert history.stored() == dict.fromkeys(history.expected(), 1)


def test_a_sync_after_a_limited_backfill_keeps_its_since_and_drops_its_until(history: History) -> None:
    """It does not stop at the instant that a backfill was to stop at."""
    since = f"{FIRST + timedelta(hours=1):%Y-%m-%dT%H:%M:%S}"
    history.run("backfill", "--since", since, "--until", f"{FIRST + timedelta(hours=3):%Y-%m-%dT%H:%M:%S}")
    followed = history.run("sync", "--once")
    assert followed.returncode == 0
    text = f"{history.product.website_id}: events from {since}, as before; `backfill --restart` forgets that."
    assert followed.stderr.splitlines()[0].endswith(f"Z {text}")
    expected = {key for key in history.expected() if key[2] >= since.replace("T", " ")}
    assert history.stored() == dict.fromkeys(expected, 1)


def test_a_terminal_shows_a_bar_with_rate_and_time_left(history: History) -> None:
    """And everything else a plain line now and then, with the same."""
    terminal, other_end = pty.openpty()
    with subprocess.Popen(
        history.command("backfill", "--batch", "12"),
        cwd=ROOT,
        env=history.environment(TERM="xterm"),
        stdout=subprocess.DEVNULL,
        stderr=other_end,
    ) as process:
        os.close(other_end)
        shown = b""
        while part := _read(terminal):
            shown += part
    os.close(terminal)
    assert process.returncode == 0
    assert re.search(rb"Moving history  \[#+-*\]  \d+/\d+  00:00:\d\d  [\d,]+ rows/s", shown)


def test_without_a_terminal_a_line_says_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Done, total, rate and time left; more steps than were foreseen raise the total."""
    with progress.Progress(10, "Moving", "rows", line_seconds=0.0) as shown:
        shown.advance(4)
        shown.advance(8)
    first, second = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"Moving: 4 of 10 rows, [\d,]+/s, \d+ s left", first)
    assert re.fullmatch(r"Moving: 12 of 12 rows, [\d,]+/s, 0 s left", second)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other end is closed
        return b""
