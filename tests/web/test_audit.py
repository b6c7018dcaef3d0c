"""Audit lines: one whole line of JSON for each event, bounded and escaped; every command that deletes writes one."""

import ast
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from analytics import cli
from analytics.errors import AccessDenied, NotSignedIn, SourceUnavailable
from analytics.web import audit, request_id
from analytics.web.audit import LONGEST_TEXT, Event

ROOT = Path(__file__).parents[2]
FIELDS = [
    "audit",
    "time",
    "who",
    "website",
    "page",
    "file",
    "range",
    "rows",
    "outcome",
    "reason",
    "before",
    "after",
    "request_id",
]
AT = datetime(2026, 11, 26, 12, 30, tzinfo=UTC)


def lines(write: Callable[[], None]) -> list[dict[str, object]]:
    """The audit lines that something writes to standard output; each is JSON with the same fields."""
    out = io.StringIO()
    with redirect_stdout(out):
        write()
    found = [json.loads(line) for line in out.getvalue().splitlines() if line.startswith('{"audit"')]
    assert all(list(line) == FIELDS for line in found)
    return found


def test_a_line_says_when_who_what_and_how_it_ended() -> None:
    """Time in UTC; null where something does not apply."""
    event = Event("export", "ann@example.com", "w1", "Overview", "kpis", "7d", 5, request_id="r-1")

    def write_event() -> None:
        audit.write(event, AT)

    assert lines(write_event) == [
        {
            "audit": "export",
            "time": "2026-11-26T12:30:00.000Z",
            "who": "ann@example.com",
            "website": "w1",
            "page": "Overview",
            "file": "kpis",
            "range": "7d",
            "rows": 5,
            "outcome": "done",
            "reason": None,
            "before": None,
            "after": None,
            "request_id": "r-1",
        }
    ]


@pytest.mark.parametrize(
    "text", ["a\nb", '"}\n{"audit":"x"', "\r\n\t\x00\x1b[31m", "\u2028\u2029\u202e", "\ud800", "é" * 100_000]
)
def test_untrusted_text_stays_within_its_line(text: str) -> None:
    """One line of ASCII, of bounded length, with no control character, whatever each text holds."""
    out = io.StringIO()
    with redirect_stdout(out):
        audit.write(
            Event("refusal", text, text, text, text, text, None, "refused", text, text, text, text), AT
        )
    line = out.getvalue()
    assert line.isascii()
    assert line.endswith("}\n")
    assert len(line) < 12_000
    assert not any(character < " " for character in line[:-1])
    said = json.loads(line)
    assert said["who"] == (text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…")
    assert said["audit"] == "refusal"


def test_threads_write_whole_lines() -> None:
    """Exports end side by side."""
    out = io.StringIO()

    def tell() -> None:
        for _ in range(50):
            audit.write(Event("export", "x" * 150))

    with redirect_stdout(out):
        threads = [threading.Thread(target=tell) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len([json.loads(line) for line in out.getvalue().splitlines()]) == 400


def test_the_request_is_named() -> None:
    """Of the request that it is done for, taken where the event begins: a file may end elsewhere."""

    def export() -> None:
        request_id.begin("proxy-1")
        with audit.written(Event("export")) as going:
            request_id.begin("proxy-2")
            going.add(rows=2)
            going.add(rows=3)

    # In a thread, whose context ends with it.
    thread = threading.Thread(target=export)

    def run() -> None:
        thread.start()
        thread.join()

    (line,) = lines(run)
    assert (line["request_id"], line["rows"], line["outcome"]) == ("proxy-1", 5, "done")


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (AccessDenied("Not yours.", "Go."), "refused", "Not yours."),
        (NotSignedIn("Sign in."), "refused", "Sign in."),
        (SourceUnavailable("Away.", source="postgres", resource="x", said="secret"), "failed", "Away."),
        (RuntimeError("secret"), "failed", "RuntimeError"),
        (GeneratorExit(), "interrupted", "why"),
        (KeyboardInterrupt(), "interrupted", "why"),
    ],
    ids=["denied", "not signed in", "source", "mistake", "viewer went away", "Ctrl-C"],
)
def test_an_early_end_is_audited_and_passed_on(error: BaseException, outcome: str, reason: str) -> None:
    """Once, in words that hold nothing of an unexpected exception."""

    def fail() -> None:
        with pytest.raises(type(error)), audit.written(Event("purge", reason="why")):
            raise error

    (line,) = lines(fail)
    assert (line["outcome"], line["reason"]) == (outcome, reason)


def commands(group: click.Group, before: str = "") -> Iterator[str]:
    """Every command of the command line, with its group's name before it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        elif command is not None:
            yield f"{before}{name}"


DELETE = {"purge", "retention", "sync"}
"""Their lines: tests/commands/test_purge.py and tests/ingest/deletes/test_removal.py."""
KEEP = {
    "backfill",
    "demo",
    "doctor",
    "local",
    "parity",
    "serve",
    "spool resend",
    "spool send",
    "spool status",
    "store migrate",
}


def test_every_command_is_known_to_delete_or_not() -> None:
    """A new one is put on one side, on purpose."""
    assert set(commands(cli.commands)) == DELETE | KEEP


def test_rows_are_deleted_in_two_places_and_each_writes_a_line() -> None:
    """Who starts a delete job also writes the line; the doctor's dry run deletes nothing."""
    callers, writers = set[str](), set[str]()
    for path in (ROOT / "analytics").rglob("*.py"):
        name = str(path.relative_to(ROOT / "analytics"))
        if name.startswith("local/"):
            continue
        tree = ast.parse(path.read_text())
        called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        if called & {"deletion.start"}:
            callers.add(name)
        if called & {"audit.write", "audit.written"}:
            writers.add(name)
    assert callers == {"operations/purge/purge.py", "ingest/deletes/removal.py"}
    # `Purger` is run by `purge` and `retention`, in one place. A goal is changed in one place, too.
    assert writers == {
        "commands/purge.py",
        "ingest/deletes/removal.py",
        "cached/goals.py",
        "cached/ai_and_people/time_saved.py",
    }
    text = {path: path.read_text() for path in (ROOT / "analytics").rglob("*.py")}
    assert [path.name for path, code in text.items() if "Purger(" in code and "class Purger" not in code] == [
        "purge.py"
    ]


def test_the_system_user_has_a_name_or_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers run as ids without a name."""
    assert audit.system_user()

    def unknown() -> str:
        raise KeyError

    monkeypatch.setattr("getpass.getuser", unknown)
    assert audit.system_user().startswith("uid ")
