"""Every document: its links, the commands it names, and its shell blocks, which run on a local stack of their own."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import httpx2
import psycopg
import pytest

from analytics import cli
from tests.conftest import ROOT, running_stack
from tests.product_database import Product
from tests.yaml_files import BINARIES

FOUND = {*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("*/README.md")}
DOCUMENTS = sorted(FOUND - {ROOT / "CHANGELOG.md"})  # It says what was true then.
BLOCK = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
ON_THE_LOCAL_STACK = "set -a; . .local/env"
DELETES = re.compile(r"--yes\b|\brm -|\btruncate\b|DROP (TABLE|DATABASE|ROLE)|DELETE FROM", re.IGNORECASE)

every_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def blocks() -> list[tuple[str, str]]:
    """Each shell block that begins with the settings of the local stack, with its document's name; in order."""
    return [
        (document.stem, block.removeprefix("```sh\n").removesuffix("```"))
        for document in DOCUMENTS
        for block in BLOCK.findall(document.read_text())
        if block.startswith(f"```sh\n{ON_THE_LOCAL_STACK}")
    ]


def code(path: Path) -> str:
    """What a document writes as code, one piece on a line: lines of blocks, and spans within text."""
    text = path.read_text().replace("\\\n", " ")
    spans = re.findall(r"`([^`]+)`", BLOCK.sub("", text))
    return "\n".join([*BLOCK.findall(text), *(" ".join(each.split()) for each in spans)])


@every_document
def test_links_lead_somewhere(path: Path) -> None:
    """Files that are here, and headings that are in them."""
    for name, heading in re.findall(r"\]\(([^)#\s]*)(#[^)\s]+)?\)", path.read_text()):
        if name.startswith("http"):
            continue
        target = path.parent / name if name else path
        assert target.exists(), name
        if heading:
            headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            named = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
            assert heading[1:] in named, f"{name}{heading}"


@every_document
def test_no_block_deletes_when_it_is_pasted_whole(path: Path) -> None:
    """What deletes for good is written in a sentence, and is run by hand after what only counts."""
    assert [block for block in BLOCK.findall(path.read_text()) if DELETES.search(block)] == []


@every_document
def test_commands_and_options_exist(path: Path) -> None:
    """Each that is written as code."""
    for words in re.findall(r"inbox-analytics +([a-z][^#;&|)\n]*)", code(path)):
        command: click.Command | None = cli.commands
        for word in words.split():
            if isinstance(command, click.Group) and word.isalpha():
                command = command.get_command(click.Context(command), word)
                assert command is not None, words
            elif word.startswith("--"):
                assert command is not None
                options = {name for each in command.params for name in each.opts + each.secondary_opts}
                assert word in options | {"--help"}, words


def test_every_command_is_documented() -> None:
    """Each is written as code in a document, after the program's name."""
    written = "\n".join(code(path) for path in DOCUMENTS)
    names = cli.commands.list_commands(click.Context(cli.commands))
    assert [name for name in names if not re.search(rf"inbox-analytics +{name}\b", written)] == []


@every_document
def test_files_and_folders_exist(path: Path) -> None:
    """Each that is written as code; a name in capitals stands for one to be chosen."""
    top = {each.name for each in ROOT.iterdir() if each.is_dir() and each.name[0] != "."}
    named = set(re.findall(r"^((?:[a-z_]+)/[\w./-]*)$", code(path), re.MULTILINE))
    ours = {each for each in named if each.split("/")[0] in top and not re.search("NAME", each)}
    assert {each for each in ours if not (ROOT / each).exists()} == set()


@every_document
def test_make_targets_exist(path: Path) -> None:
    """Each that is written as code."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = re.findall(r"^make ((?:[a-z-]+ ?)+)", code(path), re.MULTILINE)
    assert {word for words in named for word in words.split()} <= targets


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory in which `.venv` and `.local` are what they are in a checkout while `make run` goes on.

    Two websites of the demo with a conversation each, because all of its data takes half a minute longer. Events that
    the blocks send go to a third one, the busiest: they are Tinybird's alone, and a block compares a website of the demo
    with Postgres, at whatever time of day.
    """
    directory = tmp_path_factory.mktemp("checkout")
    (directory / ".venv").symlink_to(sys.prefix)
    now = datetime.now(UTC)
    with (
        running_stack(directory / ".local", "--no-demo-data") as stack,
        psycopg.connect(stack.owner_url, autocommit=True) as connection,
    ):
        product = Product(connection)
        for slug in ("northwind-outdoor", "tea-and-crumb"):
            website = product.add_website(slug)
            product.add_conversation(now - timedelta(days=1), website_id=website)
        visit = {
            "timestamp": now.isoformat(),
            "website_id": product.add_website("busiest"),
            "visitor_id": "v",
            "event_type": "seen",
        }
        (directory / "rows.ndjson").write_text(json.dumps(visit))
        httpx2.post(
            f"{stack.host}/v0/events",
            params={"name": "visitor_events", "wait": "true"},
            headers={"Authorization": f"Bearer {stack.append_token}"},
            content=json.dumps(visit),
        ).raise_for_status()
        yield directory


@pytest.mark.parametrize(("document", "block"), [pytest.param(*each, id=each[0]) for each in blocks()])
def test_a_block_runs_as_it_is_written(checkout: Path, document: str, block: str) -> None:
    """No command of it fails."""
    if "\ntb " in block and not (BINARIES / "tb").exists():
        pytest.skip("the official command line is installed by `make test`")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=checkout,
        env={
            "PATH": f"{BINARIES}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(checkout),
            "LANG": "C.UTF-8",
            "TB_CLI_TELEMETRY_OPTOUT": "1",
            "TB_VERSION_WARNING": "0",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, f"{document}: {done.stdout}{done.stderr}"
