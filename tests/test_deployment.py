"""The way to real Tinybird: the workflow and the README's commands, held against the official command line.

What needs a workspace cannot run here: `tb --cloud deploy` itself. Everything before it does.
"""

import os
import re
import shlex
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.local.tinybird_server import TOKENS, running
from tests.yaml_files import BINARIES, documents, needs_command_line

WORKFLOW = ROOT / ".github" / "workflows" / "deploy-tinybird.yml"

pytestmark = needs_command_line


def tb(*arguments: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the official command line, without telemetry and version checks."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "LANG": "C.UTF-8",
        "TB_CLI_TELEMETRY_OPTOUT": "1",
        "TB_VERSION_WARNING": "0",
        **variables,
    }
    return subprocess.run(
        [str(BINARIES / "tb"), *arguments],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@cache
def workflow() -> dict[str, Any]:
    """The workflow, parsed."""
    [parsed] = documents(WORKFLOW)
    return parsed


def steps() -> list[dict[str, Any]]:
    """Every step of every job."""
    return [step for job in workflow()["jobs"].values() for step in job["steps"]]


def commands(text: str) -> list[list[str]]:
    """Every `tb` command in a text, as its arguments."""
    found = re.findall(r"(?:^|[\s`])tb ((?:--?[a-z]|[a-z])[^`\n&|;#]*)", text, re.MULTILINE)
    return [shlex.split(each) for each in found]


@cache
def help_of(*path: str) -> str:
    """What `--help` of a subcommand shows; fails for one that is not there."""
    done = tb(*path, "--help")
    assert done.returncode == 0, f"tb {' '.join(path)}: {done.stdout}{done.stderr}"
    return done.stdout


def assert_is_known(arguments: list[str]) -> None:
    """Every word before the first name that is no subcommand, and every option, is one that the command line has."""
    path: list[str] = []
    for word in arguments:
        if word.startswith("--"):
            assert re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", help_of(*path)), f"tb {path}: {word}"
        elif re.search(rf"^  {re.escape(word)}  ", help_of(*path), re.MULTILINE):
            path.append(word)
    assert path


def test_it_is_started_by_hand_alone_and_may_only_read() -> None:
    """No push, no schedule deploys; the token of the run may read the code and nothing else."""
    assert list(workflow()["True"]) == ["workflow_dispatch"]
    assert workflow()["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in workflow()["jobs"].values())
    assert all(job["timeout-minutes"] <= 30 for job in workflow()["jobs"].values())


def test_it_deploys_only_when_that_was_typed() -> None:
    """The default only checks; the deploy waits for the check job."""
    jobs = workflow()["jobs"]
    assert workflow()["True"]["workflow_dispatch"]["inputs"]["confirmation"]["default"] != "deploy"
    assert jobs["deploy"]["needs"] == "check"
    assert jobs["deploy"]["environment"] == "tinybird"
    changing = [step for step in steps() if "deploy" in step.get("run", "") and "--check" not in step["run"]]
    assert [step["if"] for step in changing] == ["inputs.confirmation == 'deploy'"]


@pytest.mark.parametrize("path", sorted(WORKFLOW.parent.glob("*.yml")), ids=lambda path: path.stem)
def test_every_action_is_pinned_to_a_commit(path: Path) -> None:
    """A tag can be moved; the version stands beside it for people."""
    used = re.findall(r"uses: (.*)", path.read_text())
    assert used
    for each in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each), each


def test_nothing_that_is_typed_becomes_a_script() -> None:
    """No expression stands in a script; secrets reach it as variables of the one job that needs them."""
    assert all("${{" not in step.get("run", "") for step in steps())
    assert "env" not in workflow()["jobs"]["check"]
    assert set(workflow()["jobs"]["deploy"]["env"]) == {"TB_HOST", "TB_TOKEN"}
    assert WORKFLOW.read_text().count("secrets.") == 2


def test_it_does_not_phone_home() -> None:
    """Neither usage nor versions."""
    assert workflow()["env"] == {"TB_CLI_TELEMETRY_OPTOUT": "1", "TB_VERSION_WARNING": "0"}


def test_its_paths_exist_and_its_packages_are_pinned_with_hashes() -> None:
    """What it installs is what `make test` installs."""
    for step in steps():
        assert (ROOT / step.get("working-directory", ".")).is_dir()
        for name in re.findall(r"-r (\S+)", step.get("run", "")):
            assert (ROOT / name).is_file()
    lock = re.sub(r"\\\n", " ", (ROOT / "requirements-tinybird.lock").read_text())
    lines = [line for line in lock.splitlines() if line.strip() and not line.startswith("#")]
    assert any(line.startswith("tinybird==") for line in lines)
    assert all("==" in line and "--hash=sha256:" in line for line in lines)


def test_its_commands_are_ones_that_the_command_line_has() -> None:
    """Each subcommand and option, by --help."""
    found = commands("\n".join(step.get("run", "") for step in steps()))
    assert len(found) == 3
    for each in found:
        assert_is_known(each)


@pytest.mark.parametrize("document", ["README.md", "docs/deploying.md"])
def test_the_documented_commands_are_ones_that_the_command_line_has(document: str) -> None:
    """So that no documented command is missing."""
    found = [each for each in commands((ROOT / document).read_text()) if each]
    assert found
    for each in found:
        assert_is_known(each)


def check_step(project: Path) -> int:
    """Runs the script of the check step in a project; its exit code."""
    [script] = [step["run"] for step in steps() if "tb fmt" in step.get("run", "")]
    environment = {
        "PATH": f"{BINARIES}:{os.environ['PATH']}",
        "HOME": "/nonexistent",
        "LANG": "C.UTF-8",
        **workflow()["env"],
    }
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    ).returncode


def test_the_check_passes_this_project() -> None:
    """As it is."""
    assert check_step(ROOT / "tinybird") == 0


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("datasources/visitor_events.datasource", "SCHEMA >", "SCHEMATA >"),
        ("endpoints/unique_visitors.pipe", "{% end %}", "{% ende %}"),
        ("endpoints/data_freshness.pipe", "    SELECT\n", "  SELECT\n"),
    ],
    ids=["no schema", "broken template", "not formatted"],
)
def test_the_check_stops_a_broken_project(tmp_path: Path, name: str, old: str, new: str) -> None:
    """A file that does not parse, or is not as the formatter writes it, ends the workflow before any secret is read."""
    project = tmp_path / "tinybird"
    shutil.copytree(ROOT / "tinybird", project)
    content = (project / name).read_text()
    assert old in content
    (project / name).write_text(content.replace(old, new, 1))
    assert check_step(project) != 0


def test_host_and_token_reach_the_command_line_as_variables(tmp_path: Path) -> None:
    """As the workflow passes them: they are taken, and the token is on no command line."""
    data = tmp_path / "data"
    data.mkdir()
    with running(data, ROOT / "tinybird") as server:
        done = tb(
            "--cloud",
            "datasource",
            "ls",
            cwd=tmp_path,
            TB_HOST=server.host,
            TB_TOKEN=TOKENS.admin,
            HOME=str(tmp_path),
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "visitor_events" in done.stdout


def test_every_supported_python_is_tested() -> None:
    """From the oldest that is allowed on, by scripts that are here; once with the lowest versions."""
    [parsed] = documents(WORKFLOW.with_name("ci.yml"))
    pythons = parsed["jobs"]["locked"]["strategy"]["matrix"]["python"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == f">={pythons[0]}"
    runs = [step["run"] for job in parsed["jobs"].values() for step in job["steps"] if "run" in step]
    assert runs == [".ci/run", ".ci/lowest"]
    assert all(os.access(ROOT / each, os.X_OK) for each in runs)
    assert parsed["permissions"] == {"contents": "read"}
