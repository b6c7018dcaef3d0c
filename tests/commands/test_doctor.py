"""`inbox-analytics doctor` as a script runs it: lines, JSON, exit codes."""

import json
import os
import subprocess
import sys

from tests import command_line
from tests.conftest import LocalStack
from tests.operations.doctor.clinic import closed_port, environment

LEVELS = ("ok  ", "warning  ", "problem  ", "not checked  ")


def run(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command with this environment alone."""
    command = [sys.executable, "-m", "analytics.cli", "doctor", *arguments]
    kept = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        command, env={**kept, **environ}, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_healthy_stack_ends_with_0_and_one_line_each(local_stack: LocalStack) -> None:
    """Aligned, without colour when it is not a terminal, nothing on stderr."""
    ended = run(environment(local_stack))
    assert (ended.returncode, ended.stderr) == (0, "")
    *lines, empty, summary = ended.stdout.splitlines()
    assert empty == ""
    assert all(line.startswith(LEVELS) for line in lines)
    assert "\x1b" not in ended.stdout
    assert summary.endswith("0 problems, 0 not checked")
    starts = {line.index("TINYBIRD_HOST") for line in lines if "  TINYBIRD_HOST  " in line}
    assert starts == {next(line for line in lines if "  user  " in line).index("user  ")}


def test_a_problem_ends_with_1_and_its_remedy(local_stack: LocalStack) -> None:
    """On the same line."""
    ended = command_line.run(
        environment(local_stack, TINYBIRD_HOST=f"http://127.0.0.1:{closed_port()}"), "doctor"
    )
    assert ended.returncode == 1
    [line] = [line for line in ended.stdout.splitlines() if line.startswith("problem")]
    assert "cannot be reached" in line
    assert "→ Check TINYBIRD_HOST" in line
    assert "Traceback" not in ended.stderr


def test_an_empty_environment_ends_with_1() -> None:
    """Every other command refuses to start then; this one says what is missing."""
    ended = command_line.run({}, "doctor")
    assert ended.returncode == 1
    assert ended.stdout.count("is missing") >= 3


def test_json_has_every_finding(local_stack: LocalStack) -> None:
    """For scripts: verdict, time, and one object a finding."""
    ended = command_line.run(environment(local_stack, TINYBIRD_READ_TOKEN="p.wrong"), "doctor", "--json")
    assert ended.returncode == 1
    report = json.loads(ended.stdout)
    assert report["verdict"] == "problem"
    assert set(report["findings"][0]) == {"area", "subject", "level", "message", "remedy"}
    assert {each["subject"] for each in report["findings"] if each["level"] == "problem"} == {
        "TINYBIRD_READ_TOKEN"
    }
