"""Tinybird's official command line against the server. Skipped where it is not installed.

It lives in an environment of its own: `.venv-tinybird`, or wherever TB_CLI points.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.local.run_server import TOKENS
from tests.local.tinybird_server import ROOT, Server

TB = Path(os.environ.get("TB_CLI", ROOT / ".venv-tinybird" / "bin" / "tb"))

pytestmark = pytest.mark.skipif(not TB.exists(), reason=f"Tinybird's command line is not installed at {TB}")


def _tb(server: Server, directory: Path, *arguments: str) -> str:
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
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


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
