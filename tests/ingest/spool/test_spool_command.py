"""`inbox-analytics spool`: what is said, what is sent, and how each mistake reads."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from analytics.commands.spool import spool
from analytics.errors import AnalyticsError, ConfigError
from analytics.ingest.emitter import Emitter
from analytics.ingest.spool import dead_letters as refused
from analytics.ingest.spool import directory as spools
from analytics.ingest.spool.segment import DamagedLine
from tests.conftest import ROOT, LocalStack
from tests.ingest.stored import Stored

NOWHERE = "http://127.0.0.1:9"


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end, with these variables and none of the shell's."""
    return subprocess.run(
        [sys.executable, "-m", "analytics.cli", "spool", *arguments],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def leave(directory: Path, website: str) -> None:
    """Three events that wait, two that were refused and one damaged line."""
    with Emitter(NOWHERE, "token", directory) as emitter:
        for number in range(3):
            assert emitter.page_view(website_id=website, visitor_id=f"waits{number}")
        lines = next((directory / "visitor_events").iterdir()).read_bytes().splitlines(keepends=True)[1:3]
    kept = b"".join(lines).replace(b"waits", b"refused")
    refused.keep(directory, "visitor_events", "refused", kept, 2, "too early", 400)
    refused.keep_damaged(directory, "visitor_events", [DamagedLine(b'{"half', "the line is no JSON object")])


def test_status_says_what_waits_and_why_the_rest_does_not(tmp_path: Path) -> None:
    """For people and, with the same numbers, for programs; nothing is needed but the directory."""
    leave(tmp_path, "w")
    said = run("status", "--dir", str(tmp_path))
    assert (said.returncode, said.stderr) == (0, "")
    assert "3 events wait, the oldest of 20" in said.stdout
    assert (
        "3 events are kept aside\n  2  refused: too early\n  1  damaged: the line is no JSON" in said.stdout
    )
    counts = json.loads(run("status", "--json", INBOX_ANALYTICS_SPOOL_DIR=str(tmp_path)).stdout)
    assert (counts["spooled"], counts["refused"]) == (3, 3)
    assert counts["reasons"] == {"refused: too early": 2, "damaged: the line is no JSON object": 1}


def test_send_and_resend_deliver_what_is_left(
    local_stack: LocalStack, stored: Stored, tmp_path: Path
) -> None:
    """What waits goes first, what was refused when asked for; a damaged line stays to be looked at."""
    leave(tmp_path, stored.website_id)
    environ = {
        "INBOX_ANALYTICS_SPOOL_DIR": str(tmp_path),
        "TINYBIRD_HOST": local_stack.host,
        "TINYBIRD_APPEND_TOKEN": local_stack.append_token,
    }
    sent = run("send", **environ)
    assert (sent.returncode, sent.stdout) == (0, "3 events sent, 0 kept aside, 0 still wait\n")
    assert set(stored.ids("visitor_events")) == {"waits0", "waits1", "waits2"}
    again = run("resend", **environ)
    assert again.stdout.splitlines() == [
        "2 events are back in the spool, 1 damaged lines stay aside",
        "2 events sent, 0 kept aside, 0 still wait",
    ]
    assert stored.ids("visitor_events").total() == 5
    assert run("resend", **environ).stdout == "0 events are back in the spool, 1 damaged lines stay aside\n"


def test_what_cannot_be_sent_is_a_failure_with_a_way_out(tmp_path: Path) -> None:
    """Exit code 1, the cause and the remedy; the events stay, and the token is in no text."""
    leave(tmp_path, "w")
    environ = {"TINYBIRD_HOST": NOWHERE, "TINYBIRD_APPEND_TOKEN": "p.secret"}
    ended = run("send", "--dir", str(tmp_path), "--timeout", "3", **environ)
    assert ended.returncode == 1
    assert "Error: 3 events could not be sent in time. Tinybird cannot be reached." in ended.stderr
    assert "Check TINYBIRD_HOST" in ended.stderr
    assert "secret" not in ended.stdout + ended.stderr
    assert json.loads(run("status", "--json", "--dir", str(tmp_path)).stdout)["spooled"] == 3


def test_a_wrong_token_is_said_at_once(local_stack: LocalStack, tmp_path: Path) -> None:
    """The command does not wait for what only another token can change."""
    leave(tmp_path, "w")
    environ = {"TINYBIRD_HOST": local_stack.host, "TINYBIRD_APPEND_TOKEN": "p.wrong"}
    ended = run("send", "--dir", str(tmp_path), "--timeout", "600", **environ)
    assert ended.returncode == 1
    assert "Error: 3 events could not be sent. " in ended.stderr
    assert "TINYBIRD_APPEND_TOKEN" in ended.stderr


def test_resend_reads_its_settings_before_it_moves_anything(tmp_path: Path) -> None:
    """Without a token everything stays kept aside."""
    leave(tmp_path, "w")
    assert run("resend", "--dir", str(tmp_path), TINYBIRD_APPEND_TOKEN="").returncode == 1
    assert json.loads(run("status", "--json", "--dir", str(tmp_path)).stdout)["refused"] == 3


def test_resend_says_what_goes_twice(local_stack: LocalStack, stored: Stored, tmp_path: Path) -> None:
    """One of two events was quarantined, not known which: the other one is stored already."""
    leave(tmp_path, stored.website_id)
    (kept,) = (path for path, refusal in refused.refusals(tmp_path) if refusal.kind == "refused")
    header, lines = kept.read_text().split("\n", 1)
    kept.write_text(json.dumps({**json.loads(header), "kind": "quarantined", "events": 1}) + "\n" + lines)
    environ = {"TINYBIRD_HOST": local_stack.host, "TINYBIRD_APPEND_TOKEN": local_stack.append_token}
    said = run("resend", "--dir", str(tmp_path), **environ).stdout
    assert "1 of these events Tinybird has already: they are sent a second time" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["status"], "Set INBOX_ANALYTICS_SPOOL_DIR"),
        (["status", "--dir", "/nowhere/at/all"], "There is no spool at /nowhere/at/all"),
        (["send", "--dir", "."], "TINYBIRD_APPEND_TOKEN is missing"),
    ],
)
def test_every_mistake_has_a_way_out(arguments: list[str], words: str) -> None:
    """Two lines on stderr, exit code 1, no traceback."""
    ended = run(*arguments)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert words in ended.stderr
    assert len(ended.stderr.splitlines()) == 2


def test_what_this_user_may_not_read_is_said(tmp_path: Path, local_stack: LocalStack, stored: Stored) -> None:
    """Counted for people and programs; sending the rest of the spool ends with a failure that says what to do."""
    leave(tmp_path, stored.website_id)
    (tmp_path / "visitor_events" / "0.ndjson").mkdir()
    (tmp_path / "refused" / "visitor_events" / "0.ndjson").mkdir()
    environ = {
        "INBOX_ANALYTICS_SPOOL_DIR": str(tmp_path),
        "TINYBIRD_HOST": local_stack.host,
        "TINYBIRD_APPEND_TOKEN": local_stack.append_token,
    }
    cli = CliRunner(env=environ)
    assert "2 files cannot be read by this user: Run this as" in cli.invoke(spool, ["status"]).stdout
    assert json.loads(cli.invoke(spool, ["status", "--json"]).stdout)["unreadable"] == 2
    for command, events in (("send", 3), ("resend", 2), ("resend", 0)):
        ended = cli.invoke(spool, [command])
        assert ended.exit_code == 1
        assert f"{events} events " in ended.stdout
        assert isinstance(ended.exception, AnalyticsError)
        assert (
            "files cannot be read by this user, and what they hold was not sent." in ended.exception.message
        )
        assert "chown" in ended.exception.remedy
    assert stored.ids("visitor_events").total() == 5


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change the user")
def test_a_folder_that_root_left_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user still sees what is waiting in readable files, its size, and that there is more."""
    leave(tmp_path, "w")
    for path in (tmp_path, *(each for each in tmp_path.rglob("*") if "refused" not in each.parts)):
        os.chown(path, 65534, 65534)
    monkeypatch.chdir(tmp_path)  # the folders above it are root's
    with another_user():
        held, resent = spools.status(Path()), refused.resend(Path())
    assert (held.spooled, held.refused, held.unreadable) == (3, 0, 1)
    assert held.bytes > 0
    assert resent == refused.Resent(events=0, left=0, unreadable=1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change the user")
def test_what_cannot_be_taken_away_is_not_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that may be read and not written: sending again from it would send the same events each time."""
    leave(tmp_path, "w")
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, 65534, 65534)
    folder = tmp_path / "refused" / "visitor_events"
    os.chown(folder, 0, 0)
    folder.chmod(0o755)
    monkeypatch.chdir(tmp_path)  # the folders above it are root's
    with another_user():
        with pytest.raises(ConfigError, match="Permission denied"):
            refused.resend(Path())
        held = spools.status(Path())
    assert (held.spooled, held.refused, held.unreadable) == (3, 3, 0)


@contextmanager
def another_user() -> Iterator[None]:
    """This process as a user without rights."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_is_refused_again_is_a_failure_with_its_reason(
    local_stack: LocalStack, stored: Stored, tmp_path: Path
) -> None:
    """Exit code 1, how many and why; they are kept aside as before."""
    refused.keep(tmp_path, "visitor_events", "refused", b'{"timestamp": "never"}\n', 1, "too early", 400)
    environ = {"TINYBIRD_HOST": local_stack.host, "TINYBIRD_APPEND_TOKEN": local_stack.append_token}
    ended = run("resend", "--dir", str(tmp_path), **environ)
    assert ended.returncode == 1
    assert "0 events sent, 1 kept aside, 0 still wait" in ended.stdout
    ((_, again),) = refused.refusals(tmp_path)
    assert again.reason != "too early"
    assert (
        f"1 events were kept aside meanwhile, the last of them {again.kind}: {again.reason}" in ended.stderr
    )
    assert "`inbox-analytics spool resend`" in ended.stderr


@pytest.mark.parametrize("status", [302, 404])
def test_a_wrong_address_is_said_at_once(tmp_path: Path, status: int) -> None:
    """Like a wrong token: the command does not wait for what only another address can change."""

    class Elsewhere(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Location", "/login")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Says nothing."""

    leave(tmp_path, "w")
    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        host = f"http://127.0.0.1:{server.server_port}"
        environ = {"TINYBIRD_HOST": host, "TINYBIRD_APPEND_TOKEN": "token"}
        ended = run("send", "--dir", str(tmp_path), "--timeout", "50", **environ)
        server.shutdown()
    assert ended.returncode == 1
    assert "Error: 3 events could not be sent. " in ended.stderr
