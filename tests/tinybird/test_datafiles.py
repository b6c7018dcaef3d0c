"""The datafiles as Tinybird's own command line sees them, and the house style it does not check.

The official CLI lives in an environment of its own (its packages pin others than ours): `.venv-tinybird` in the
repository, or the Python named by TB_CLI_PYTHON. Without it the tests that need it are skipped.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATASOURCES = sorted((ROOT / "tinybird" / "datasources").glob("*.datasource"))
ENDPOINTS = sorted((ROOT / "tinybird" / "endpoints").glob("*.pipe"))
SHARED = sorted((ROOT / "tinybird" / "pipes").glob("*.pipe"))
PIPES = sorted([*ENDPOINTS, *SHARED], key=lambda path: path.stem)
DATAFILES = [*DATASOURCES, *PIPES]
OF_ALL_WEBSITES = "website_freshness"
SECTIONS = ("Grain: ", "Units: ", "Window: ", "Empty: ", "Used by: ")

# Prints {path: {"formatted": text, "parameters": [[name, type, description], ...]}}; a datafile that the official
# parser refuses ends it with a traceback. Datafiles are parsed as `tb fmt` and `tb build` do.
OFFICIAL = """
import json, sys
from tinybird.datafile.parse_datasource import parse_datasource
from tinybird.datafile.parse_pipe import parse_pipe
from tinybird.sql_template import Template, get_var_names_and_types
from tinybird.tb.modules.datafile.format_datasource import format_datasource
from tinybird.tb.modules.datafile.format_pipe import format_pipe
seen = {}
for path in sys.argv[1:]:
    is_pipe = path.endswith(".pipe")
    datafile = (parse_pipe if is_pipe else parse_datasource)(path).datafile
    formatted = (format_pipe if is_pipe else format_datasource)(path, skip_eval=True, ignore_secrets=True)
    parameters = [
        [parameter["name"], parameter["type"], parameter.get("description")]
        for node in datafile.nodes if is_pipe and node["sql"].strip().startswith("%")
        for parameter in get_var_names_and_types(Template(node["sql"].strip()[1:]))
        if "used_in" not in parameter
    ]
    seen[path] = {"formatted": formatted, "parameters": parameters}
json.dump(seen, sys.stdout)
"""


@pytest.fixture(scope="module")
def official() -> dict[str, dict[str, object]]:
    """What the official parser and formatter make of every datafile, by path."""
    python = Path(os.environ.get("TB_CLI_PYTHON", ROOT / ".venv-tinybird" / "bin" / "python"))
    if not python.exists():
        pytest.skip(f"Tinybird's CLI is not installed: {python} is missing (or set TB_CLI_PYTHON)")
    done = subprocess.run(
        [python, "-c", OFFICIAL, *map(str, DATAFILES)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": os.environ["PATH"], "TB_CLI_TELEMETRY_OPTOUT": "1", "TB_VERSION_WARNING": "0"},
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, dict[str, object]] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("path", DATAFILES, ids=lambda path: path.name)
def test_official_parser_takes_it_and_formatter_leaves_it(
    official: dict[str, dict[str, object]], path: Path
) -> None:
    """The file is already written as `tb fmt` writes it."""
    assert official[str(path)]["formatted"] == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", ENDPOINTS, ids=lambda path: path.name)
def test_every_parameter_has_one_type_and_a_description(
    official: dict[str, dict[str, object]], path: Path
) -> None:
    """However often a parameter is used, also in shared pipes, it has one type and is described once."""
    types: dict[str, set[str]] = {}
    descriptions: dict[str, set[str]] = {}
    read = [path]
    for each in read:  # grows by what it reads
        read += [other for other in SHARED if other not in read and _reads(each, other.stem)]
        parameters = official[str(each)]["parameters"]
        assert isinstance(parameters, list)
        for name, kind, description in parameters:
            types.setdefault(name, set()).add(kind)
            descriptions.setdefault(name, set()).update({description} - {None})

    assert ("website_id" in types) == (path.stem != OF_ALL_WEBSITES)
    assert {name: len(kinds) for name, kinds in types.items()} == dict.fromkeys(types, 1)
    assert {name: len(texts) for name, texts in descriptions.items()} == dict.fromkeys(types, 1)


@pytest.mark.parametrize("path", DATAFILES, ids=lambda path: path.name)
def test_description_has_its_sections_in_order(path: Path) -> None:
    """One sentence, then Grain, Units, Window, Empty and Used by, each on a line of its own."""
    lines = _description(path.read_text(encoding="utf-8"))

    assert re.fullmatch(r"[A-Z][^.]+\.", lines[0])
    for line, section in zip(lines[1:6], SECTIONS, strict=True):
        assert line.startswith(section)
        assert line.endswith(".")


@pytest.mark.parametrize("path", DATAFILES, ids=lambda path: path.name)
def test_token_is_declared(path: Path) -> None:
    """Endpoints are read with the dashboard's token, data sources appended to with the events', shared pipes neither."""
    tokens = re.findall(r"^TOKEN .*$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert tokens == {
        "datasources": ['TOKEN "events_append" APPEND'],
        "endpoints": ['TOKEN "dashboard_read" READ'],
        "pipes": [],
    }.get(path.parent.name)


@pytest.mark.parametrize("path", PIPES, ids=lambda path: path.name)
def test_nodes_are_described_and_the_last_is_the_result(path: Path) -> None:
    """Every node has its own name and one line of description; the last is `<pipe>_result`, with its columns named.

    In an endpoint it is ordered, and it alone is public. No node has the name of a pipe or data source, which it
    would hide.
    """
    nodes = re.split(r"^NODE ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    names = [node.partition("\n")[0] for node in nodes]
    is_endpoint = path in ENDPOINTS

    assert names[-1] == f"{path.stem}_result"
    assert len(set(names)) == len(names)
    assert not set(names) & {each.stem for each in DATAFILES}
    assert [len(_description(node)) for node in nodes] == [1] * len(nodes)
    assert ["TYPE ENDPOINT" in node for node in nodes] == [False] * (len(nodes) - 1) + [is_endpoint]
    assert ("ORDER BY" in nodes[-1]) == is_endpoint
    assert not re.search(r"SELECT\s+\*", nodes[-1])


@pytest.mark.parametrize("path", PIPES, ids=lambda path: path.name)
def test_keywords_are_upper_case(path: Path) -> None:
    """SQL keywords stand out from names."""
    blocks = re.findall(r"^SQL >\n((?: {4}.*\n)+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    sql = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|--.*?$|'[^']*'", "", "".join(blocks), flags=re.DOTALL | re.MULTILINE)

    assert "SELECT" in sql
    assert not re.findall(r"\b(?:select|from|where|group|order|by|join|union|limit|as|and|or|with)\b", sql)


@pytest.mark.parametrize("path", [*DATASOURCES, *SHARED], ids=lambda path: path.name)
def test_used_by_names_the_pipes_that_read_it(path: Path) -> None:
    """`Used by` of a data source or shared pipe lists exactly the pipes that read it, by name; at least one."""
    readers = [pipe.stem for pipe in PIPES if _reads(pipe, path.stem)]

    assert readers
    assert _description(path.read_text(encoding="utf-8"))[5] == f"Used by: {', '.join(readers)}."


def _reads(pipe: Path, name: str) -> bool:
    """Whether the text of a pipe reads a data source or pipe."""
    return re.search(rf"\b(?:FROM|JOIN)\s+{name}\b", pipe.read_text(encoding="utf-8")) is not None


def _description(text: str) -> list[str]:
    """The lines of the first DESCRIPTION."""
    block = re.search(r"^DESCRIPTION >\n((?: {4}.*\n)+)", text, flags=re.MULTILINE)
    assert block, "no DESCRIPTION"
    return [line.strip() for line in block[1].splitlines()]
