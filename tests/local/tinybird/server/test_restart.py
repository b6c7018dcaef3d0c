"""What a restart keeps, and how a changed datafile is taken up."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.local.tinybird_server import FIXTURE_PROJECT, ROOT, Server, StartError, running

SOURCE = """TOKEN "t" APPEND
TOKEN "t" READ

SCHEMA >
    `at` DateTime `json:$.at`,
    `name` String `json:$.name`,
    `amount` Int16 `json:$.amount` DEFAULT 0

ENGINE MergeTree
ENGINE_PARTITION_KEY toYYYYMM(at)
ENGINE_SORTING_KEY name
"""


def _project(directory: Path, source: str) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "sales.datasource").write_text(source)
    return directory


def _sales(server: Server, columns: str = "*") -> list[dict[str, object]]:
    return server.rows(f"SELECT {columns} FROM sales ORDER BY name")


def test_rows_survive_and_new_columns_appear(tmp_path: Path) -> None:
    """Rows, quarantine and settings stay; a new column takes its default; a wider type and a new TTL are taken up."""
    project = _project(tmp_path / "project", SOURCE)
    data = tmp_path / "data"
    data.mkdir()
    with running(data, project) as server:
        server.send("sales", '{"at": "2026-01-01T00:00:00Z", "name": "a", "amount": 5}\nbroken')
        server.send("sales", '{"at": 1, "name": "b"}', wait="false")
    changed = SOURCE.replace(
        "`amount` Int16 `json:$.amount` DEFAULT 0",
        "`amount` Int32 `json:$.amount` DEFAULT 1,\n    `city` LowCardinality(String) `json:$.city` DEFAULT 'none',\n"
        "    `seen` Nullable(DateTime) `json:$.seen`",
    )
    with running(data, _project(project, f"{changed}ENGINE_TTL at + toIntervalYear(100)\n")) as server:
        assert _sales(server) == [
            {"at": "2026-01-01 00:00:00", "name": "a", "amount": 5, "city": "none", "seen": None},
            {"at": "1970-01-01 00:00:01", "name": "b", "amount": 0, "city": "none", "seen": None},
        ]
        answer = server.send(
            "sales", '{"at": 1, "name": "c", "amount": 70000, "city": "x"}\n{"at": "x", "city": 5}'
        )
        assert answer.json() == {"successful_rows": 1, "quarantined_rows": 1}
        assert _sales(server, "name, amount, city")[-1] == {"name": "c", "amount": 70000, "city": "x"}
        assert server.rows("SELECT count() AS n, max(city) AS city FROM sales_quarantine") == [
            {"n": 2, "city": "5"}
        ]
    with running(data, _project(project, SOURCE.replace("Int16", "Int32"))) as server:
        assert len(_sales(server)) == 3
        assert server.send("sales", '{"at": 1, "name": "d"}').json()["successful_rows"] == 1


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with one row, made with `SOURCE`."""
    directory = tmp_path_factory.mktemp("kept")
    data = directory / "data"
    data.mkdir()
    with running(data, _project(directory / "project", SOURCE)) as server:
        server.send("sales", '{"at": 1, "name": "a", "amount": 5}')
    return data


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("`amount` Int16", "`amount` String", "column amount changed from Int16 to String"),
        ("`amount` Int16", "`amount` Int8", "column amount changed from Int16 to Int8"),
        ("SORTING_KEY name", "SORTING_KEY at", "the engine or a key changed"),
        ("toYYYYMM(at)", "toNothing(at)", "ClickHouse refuses it"),
    ],
    ids=["type", "narrower", "key", "bad-expression"],
)
def test_a_change_that_rows_cannot_follow_stops_the_start_and_loses_nothing(
    tmp_path: Path, kept: Path, old: str, new: str, words: str
) -> None:
    """The server says file, column and what to do, and ends; the rows are still there for the old datafile."""
    project = _project(tmp_path / "project", SOURCE.replace(old, new))
    with (
        pytest.raises(StartError, match=r"sales\.datasource:1: ") as caught,
        running(kept, project),
    ):
        pass
    assert words in str(caught.value)
    assert "Traceback" not in str(caught.value)
    if old.startswith("SORTING"):
        with running(kept, _project(project, SOURCE)) as server:
            assert _sales(server, "name, amount") == [{"name": "a", "amount": 5}]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("%\n    SELECT {{ x.y }}", "bad.pipe:1: node bad_result"),
        ("%\n    SELECT {% import os %}", "import"),
    ],
)
def test_a_broken_template_stops_the_start(tmp_path: Path, sql: str, words: str) -> None:
    """A template that can never run is found at the start, with its file and node."""
    project = tmp_path / "project"
    shutil.copytree(FIXTURE_PROJECT, project)
    (project / "bad.pipe").write_text(f"NODE bad_result\nSQL >\n    {sql}\n\nTYPE endpoint\n")
    (tmp_path / "data").mkdir()
    with pytest.raises(StartError) as caught, running(tmp_path / "data", project):
        pass
    assert words in str(caught.value)


def test_two_servers_cannot_share_a_directory(tmp_path: Path) -> None:
    """The second one says so and ends; the first one does not notice."""
    with running(tmp_path) as server:
        with pytest.raises(StartError, match="another process"), running(tmp_path):
            pass
        assert server.pipe("composed")


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file in the way is said to be that, in one line."""
    (tmp_path / "tinybird").write_text("in the way")
    with pytest.raises(StartError, match=r"^\S+/tinybird cannot be made: File exists$"), running(tmp_path):
        pass


def test_a_server_stops_cleanly_and_says_nothing(tmp_path: Path) -> None:
    """SIGTERM ends it with nothing in the log; events answered with 202 are stored."""
    with running(tmp_path) as server:
        server.send("readings", [{"at": 1, "name": "last"}], wait="false")
        log, process = server.log, server.process
    assert log.read_text() == ""
    assert process.returncode == -signal.SIGTERM  # uvicorn ends by the signal, after everything is closed
    with running(tmp_path) as server:
        assert server.rows("SELECT name FROM readings") == [{"name": "last"}]


def test_what_was_imported_and_what_was_truncated_survive_a_kill(tmp_path: Path) -> None:
    """Rows of a file stay, quarantined ones too; what a truncate removed stays away."""
    csv = b"at,name\n1,a\n1,b\nx,c\n"
    with running(tmp_path) as server:
        server.send("expiring", [{"at": 4_000_000_000, "name": "gone"}])
        server.post("/v0/datasources/expiring/truncate")
        assert server.post("/v1/datasources/readings/append?format=csv", content=csv).status_code == 201
        server.process.kill()
        server.process.wait()
    with running(tmp_path) as server:
        assert server.rows("SELECT name FROM readings ORDER BY name") == [{"name": "a"}, {"name": "b"}]
        assert server.rows("SELECT name FROM readings_quarantine") == [{"name": "c"}]
        assert server.rows("SELECT name FROM expiring") == []


def test_a_killed_server_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    """A row answered with 200 survives SIGKILL, and the directory can be opened again at once."""
    with running(tmp_path) as server:
        server.send("readings", [{"at": 1, "name": "acknowledged"}])
        server.process.kill()
        server.process.wait()
    with running(tmp_path) as server:
        assert server.rows("SELECT name FROM readings") == [{"name": "acknowledged"}]


def test_importing_the_server_loads_no_engine() -> None:
    """ClickHouse's 250 MB are loaded when the application starts, not when a module is imported."""
    code = "import sys, analytics.local.tinybird.server.app; sys.exit('chdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_table_that_lost_its_files_is_the_servers_fault(tmp_path: Path) -> None:
    """500, without a path of this machine; the log says which file; everything else goes on."""
    data = tmp_path / "data"
    data.mkdir()
    with running(data, _project(tmp_path / "project", SOURCE)) as server:
        server.send("sales", '{"at": 1, "name": "a"}')
        for part in (data / "tinybird").rglob("*.bin"):
            part.unlink()
        answer = server.sql("SELECT name FROM sales")
        assert answer.status_code == 500
        assert answer.json()["error"].startswith("ClickHouse failed")
        assert "/" not in answer.json()["error"]
        assert str(data) in server.log.read_text()
        assert server.sql("SELECT nonsense FROM sales").status_code == 400
        assert server.rows("SELECT 1 AS one") == [{"one": 1}]
