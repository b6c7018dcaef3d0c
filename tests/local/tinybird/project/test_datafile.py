"""Reading datafiles: what is accepted, and how everything else is refused with file and line."""

from pathlib import Path

import pytest

from analytics.local.tinybird.project.datafile import DatafileError, Grant, load_datasource, load_pipe
from analytics.local.tinybird.project.project import load_project
from tests.local.tinybird_server import FIXTURE_PROJECT, ROOT


def _write(directory: Path, name: str, text: str) -> Path:
    path = directory / name
    path.write_bytes(text.encode())
    return path


SCHEMA = "SCHEMA >\n    `a` String `json:$.a`\n"
NODE = "NODE n\nSQL >\n    SELECT 1\n"


def test_a_data_source_is_read_whole(tmp_path: Path) -> None:
    """Every directive of a data source ends up in its value, whatever the quotes and line ends."""
    text = (
        '\ufeff# a comment\r\nDESCRIPTION >\r\n    Two\r\n    lines\r\n\r\nTOKEN "writer one" APPEND\r\n'
        'TOKEN reader READ\r\nTAGS "x"\r\nSCHEMA >\r\n'
        "    `a` String `json:$.a`,\r\n"
        "    b LowCardinality(Nullable(String)) `json:$.deep.b` DEFAULT 'x, y' CODEC(ZSTD(1)),\r\n"
        "    `c` Decimal(10, 2) DEFAULT 1 + 1 `json:$['odd key'].c`,\r\n"
        "    `d` Array(Array(Int8)) `json:$.d[:]`\r\n\r\n"
        'ENGINE "ReplacingMergeTree"\r\nENGINE_SORTING_KEY a, b\r\nENGINE_VER \'c\'\r\nENGINE_TTL "toDate(a)"\r\n'
    )
    source = load_datasource(_write(tmp_path, "things.datasource", text))
    assert (source.name, source.description) == ("things", "Two\nlines")
    assert source.grants == (Grant("writer one", "APPEND"), Grant("reader", "READ"))
    assert [(column.name, column.type, column.json_path, column.default) for column in source.columns] == [
        ("a", "String", ("a",), None),
        ("b", "LowCardinality(Nullable(String))", ("deep", "b"), "'x, y'"),
        ("c", "Decimal(10, 2)", ("odd key", "c"), "1 + 1"),
        ("d", "Array(Array(Int8))", ("d", "[:]"), None),
    ]
    assert source.engine == "ReplacingMergeTree"
    assert source.options == {"ENGINE_SORTING_KEY": "a, b", "ENGINE_VER": "c", "ENGINE_TTL": "toDate(a)"}
    assert source.columns[1].codec == "CODEC(ZSTD(1))"


def test_a_pipe_is_read_whole(tmp_path: Path) -> None:
    """Nodes keep their order, SQL its indentation, `%` marks a template, TYPE the endpoint."""
    text = (
        "DESCRIPTION About it\nTOKEN reader READ\n\nNODE first\nDESCRIPTION >\n    One\n\nSQL >\n    %\n"
        "    SELECT\n        1 AS x\n\n    -- kept\n\nNODE last\nSQL >\n    SELECT x FROM first\n\nTYPE ENDPOINT\n"
    )
    pipe = load_pipe(_write(tmp_path, "it.pipe", text))
    assert (pipe.name, pipe.description, pipe.endpoint) == ("it", "About it", "last")
    assert [(node.name, node.description, node.is_template) for node in pipe.nodes] == [
        ("first", "One", True),
        ("last", "", False),
    ]
    assert pipe.nodes[0].sql == "SELECT\n    1 AS x\n\n-- kept"


@pytest.mark.parametrize(
    ("name", "text", "line", "reason"),
    [
        ("a.datasource", "ENGINE MergeTree\n", 1, "needs a SCHEMA"),
        ("a.datasource", f"\n\nKAFKA_TOPIC x\n{SCHEMA}", 3, "KAFKA_TOPIC is unknown"),
        ("a.datasource", f"{SCHEMA}\nENGINE Log\n", 4, "ENGINE Log does not run"),
        ("a.datasource", f"    stray\n{SCHEMA}", 1, "expected a directive"),
        ("a.datasource", f"TOKEN x WRITE\n{SCHEMA}", 1, "expected TOKEN name READ|APPEND"),
        ("a.datasource", "SCHEMA >\n    `a` Strin `json:$.a`\n", 1, "column a: the type Strin"),
        ("a.datasource", "SCHEMA >\n    `a` String, `a` String\n", 1, "column a is declared twice"),
        ("a.datasource", "SCHEMA >\n    `a` String `json:a`\n", 1, "column a: the JSON path"),
        ("a.datasource", "SCHEMA >\n    `a` String MATERIALIZED 1\n", 1, "'MATERIALIZED' is unknown"),
        ("a.datasource", "SCHEMA >\n", 1, "SCHEMA has no value"),
        ("1a.datasource", SCHEMA, 1, "the file's name is the resource's"),
        ("a.pipe", "DESCRIPTION x\n", 1, "needs at least one NODE"),
        ("a.pipe", "NODE n\n\nNODE m\nSQL >\n    SELECT 1\n", 1, "node n has no SQL"),
        ("a.pipe", f"{NODE}{NODE}", 4, "a second node is called n"),
        ("a.pipe", f"{NODE}TYPE materialized\n", 4, "TYPE materialized does not run"),
        ("a.pipe", f"{NODE}TYPE endpoint\n{NODE.replace('n', 'm', 1)}TYPE endpoint\n", 8, "one endpoint"),
        ("a.pipe", "SQL >\n    SELECT 1\n", 1, "stands before the first NODE"),
        ("a.pipe", f"TOKEN x APPEND\n{NODE}", 1, "expected TOKEN name READ"),
        ("a.pipe", "NODE a-b\nSQL >\n    SELECT 1\n", 1, "'a-b' is no name"),
        ("a.pipe", f"{NODE}COPY_SCHEDULE @once\n", 4, "COPY_SCHEDULE is unknown"),
    ],
)
def test_what_does_not_run_is_refused_with_its_place(
    tmp_path: Path, name: str, text: str, line: int, reason: str
) -> None:
    """An error starts with file and line and names the part."""
    path = _write(tmp_path, name, text)
    with pytest.raises(DatafileError) as caught:
        (load_pipe if name.endswith(".pipe") else load_datasource)(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert reason in str(caught.value)


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """A file in another encoding is named instead of being read wrongly."""
    path = tmp_path / "a.pipe"
    path.write_bytes(b"DESCRIPTION caf\xe9\n")
    with pytest.raises(DatafileError, match="not UTF-8"):
        load_pipe(path)


def test_two_resources_cannot_share_a_name(tmp_path: Path) -> None:
    """A pipe called like a data source would make every query ambiguous."""
    _write(tmp_path, "a.datasource", SCHEMA)
    _write(tmp_path, "a.pipe", NODE)
    with pytest.raises(DatafileError, match="another resource is called a"):
        load_project(tmp_path)


def test_a_directory_without_data_sources_is_no_project(tmp_path: Path) -> None:
    """The wrong directory is said to be that."""
    with pytest.raises(DatafileError, match="is this the Tinybird project's directory"):
        load_project(tmp_path)


def test_scopes_are_what_the_datafiles_declare() -> None:
    """READ and APPEND go to their tokens, a quarantine to its data source's, undeclared resources to the admin."""
    project = load_project(FIXTURE_PROJECT)
    assert project.may("read", "READ", "readings")
    assert project.may("read", "READ", "readings_quarantine")
    assert project.may("append", "APPEND", "readings")
    assert not project.may("append", "READ", "readings")
    assert not project.may("read", "APPEND", "readings")
    assert not project.may("read", "READ", "secrets")
    assert not project.may("read", "READ", "secrets_quarantine")
    assert project.may("admin", "READ", "secrets")
    assert not project.may("admin", "READ", "nothing")
    assert not project.may("admin", "READ", "echo_quarantine")


def test_the_project_itself_is_accepted() -> None:
    """Every datafile of this repository runs here; those of `endpoints` answer over HTTP."""
    project = load_project(ROOT / "tinybird")
    assert {"visitor_events", "conversation_metrics"} <= set(project.datasources)
    for pipe in project.pipes.values():
        assert bool(pipe.endpoint) is (pipe.path.parent.name == "endpoints")
