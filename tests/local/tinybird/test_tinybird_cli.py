"""Tinybird's official command line against the server. Skipped where it is not installed.

It lives in an environment of its own: `.venv-tinybird`, or wherever TB_CLI points.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from tests.local.tinybird_server import FIXTURE_PROJECT, ROOT, TOKENS, Server

TB = Path(os.environ.get("TB_CLI", ROOT / ".venv-tinybird" / "bin" / "tb"))

SUFFIXES = {".datasource", ".pipe"}

pytestmark = pytest.mark.skipif(not TB.exists(), reason=f"Tinybird's command line is not installed at {TB}")


def _tb(server: Server, directory: Path, *arguments: str, code: int = 0) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "LANG": "C.UTF-8",
        "TB_CLI_TELEMETRY_OPTOUT": "1",
        "TB_VERSION_WARNING": "0",
    }
    done = subprocess.run(
        [str(TB), "--cloud", "--host", server.host, "--token", TOKENS.admin, *arguments],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + (done.stderr if code else "")


def test_sql(server: Server, tmp_path: Path) -> None:
    """`tb sql` prints the rows of data sources and pipes."""
    answer = json.loads(
        _tb(server, tmp_path, "--output", "json", "sql", "SELECT sum(n) AS total FROM composed")
    )
    assert answer["data"] == [{"total": 3}]


def test_datasource_ls(server: Server, tmp_path: Path) -> None:
    """`tb datasource ls` lists every data source."""
    listed = json.loads(_tb(server, tmp_path, "datasource", "ls", "--format", "json"))["datasources"]
    assert {source["name"] for source in listed} == {"expiring", "readings", "secrets"}


def test_endpoint_ls(server: Server, tmp_path: Path) -> None:
    """`tb endpoint ls` lists the endpoints with an address that answers."""
    printed = _tb(server, tmp_path, "endpoint", "ls")
    [address] = re.findall(r"http://\S+/v0/pipes/echo\.json\?\S+", printed)
    assert server.client.get(address).json()["rows"] == 1
    assert "name: composed" in printed


def test_endpoint_data(server: Server, tmp_path: Path) -> None:
    """`tb endpoint data` runs an endpoint with parameters."""
    printed = _tb(
        server, tmp_path, "endpoint", "data", "echo", "--text", "it's", "--number", "5", "--format", "json"
    )
    [row] = json.loads(printed)["data"]
    assert (row["text"], row["number"]) == ("it's", 5)


def test_datasource_delete(server: Server, tmp_path: Path) -> None:
    """`tb datasource delete --wait` starts a job and sees it done."""
    server.send("readings", [{"at": 1, "name": "by-tb"}])
    _tb(
        server,
        tmp_path,
        "datasource",
        "delete",
        "readings",
        "--sql-condition",
        "name = 'by-tb'",
        "--yes",
        "--wait",
    )
    assert server.rows("SELECT count() AS n FROM readings WHERE name = 'by-tb'") == [{"n": 0}]


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        ("csv", "at,name\n1,{0}\n2,{0}\n"),
        ("ndjson", '{{"at": 1, "name": "{0}"}}\n{{"at": 2, "name": "{0}"}}\n'),
    ],
)
def test_datasource_append_file(server: Server, tmp_path: Path, suffix: str, text: str) -> None:
    """`tb datasource append --file` stores the rows of a file and says so."""
    name, file = uuid4().hex, tmp_path / f"rows.{suffix}"
    file.write_text(text.format(name))
    assert "Rows appended" in _tb(server, tmp_path, "datasource", "append", "readings", "--file", str(file))
    assert server.rows(f"SELECT count() AS n FROM readings WHERE name = '{name}'") == [{"n": 2}]


def test_datasource_append_events(server: Server, tmp_path: Path) -> None:
    """`tb datasource append --events` stores the event, and says how many went to quarantine."""
    event = '{"at": 1, "name": "by-tb"}'
    assert "1 row appended" in _tb(server, tmp_path, "datasource", "append", "readings", "--events", event)
    bad = _tb(
        server, tmp_path, "datasource", "append", "readings", "--events", '{"at": "x", "name": "by-tb"}'
    )
    assert "1 row went to quarantine" in bad


def test_what_append_cannot_do_is_named(server: Server, tmp_path: Path) -> None:
    """`--url` and `replace` fail with the reason, not with a data source that does not exist."""
    url = "https://example.com/rows.csv"
    said = _tb(server, tmp_path, "datasource", "append", "readings", "--url", url, code=1)
    assert "Appending from a URL is not supported by the local server" in said
    (tmp_path / "rows.csv").write_text("at,name\n1,a\n")
    said = _tb(server, tmp_path, "datasource", "replace", "readings", str(tmp_path / "rows.csv"), code=1)
    assert "is not supported by the local server" in said


def test_datasource_truncate(server: Server, tmp_path: Path) -> None:
    """`tb datasource truncate` empties a data source and a quarantine."""
    server.send("expiring", [{"at": 4_000_000_000, "name": "by-tb"}, {"at": "x", "name": "by-tb"}])
    for table in ("expiring", "expiring_quarantine"):
        assert "truncated" in _tb(server, tmp_path, "datasource", "truncate", table, "--yes")
        assert server.rows(f"SELECT count() AS n FROM {table}") == [{"n": 0}]


def test_deploy_check(server: Server, tmp_path: Path) -> None:
    """`tb deploy --check` accepts the datafiles, says what is wrong with a broken one, and `tb deploy` is refused."""
    project = tmp_path / "project"
    shutil.copytree(FIXTURE_PROJECT, project)
    assert "No changes to be deployed" in _tb(server, project, "deploy", "--check")
    (project / "endpoints" / "new.pipe").write_text("NODE new\nSQL >\n    SELECT 1 AS one\n\nTYPE endpoint\n")
    assert "Deployment is valid" in _tb(server, project, "deployment", "create", "--check")
    (project / "endpoints" / "new.pipe").write_text("NODE new\nSQL >\n    SELECT 1 FROM nothing\n")
    said = _tb(server, project, "deploy", "--check", code=1)
    assert "endpoints/new.pipe" in said
    assert "There is no data source, pipe or node called 'nothing'" in said
    assert "Deploying is not supported by the local server" in _tb(server, project, "deploy", code=1)
    assert "Live" in _tb(server, project, "deployment", "ls")


def test_pull_writes_the_datafiles_as_they_are(server: Server, tmp_path: Path) -> None:
    """`tb pull --force` over a checkout changes no byte of it."""
    _tb(server, tmp_path, "pull", "--force")
    pulled = {path.name: path.read_bytes() for path in tmp_path.rglob("*.*") if path.suffix in SUFFIXES}
    files = [path for path in FIXTURE_PROJECT.rglob("*.*") if path.suffix in SUFFIXES]
    assert pulled == {path.name: path.read_bytes() for path in files}


def test_what_is_not_supported_is_not_said_to_be_missing(server: Server, tmp_path: Path) -> None:
    """A token that exists is refused to be removed, not said not to exist; its scopes are shown."""
    assert "DATASOURCES:READ" in _tb(server, tmp_path, "token", "scopes", "fixture_read")
    said = _tb(server, tmp_path, "token", "rm", "fixture_read", "--yes", code=1)
    assert "is not supported by the local server" in said
    assert "does not exist" not in said
