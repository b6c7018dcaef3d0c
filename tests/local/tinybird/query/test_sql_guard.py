"""The second check of a client's SELECT: the tables that ClickHouse itself resolves, whatever the syntax says.

ClickHouse runs in a process of its own, so that the tests' process stays free of it.
"""

import subprocess
import sys
from pathlib import Path

from tests.local.tinybird_server import FIXTURE_PROJECT, ROOT

CODE = """
import sys
from pathlib import Path
from analytics.local.tinybird.storage.clickhouse import ClickHouse, Limits
from analytics.local.tinybird.project.project import load_project
from analytics.local.tinybird.query.sql_guard import SqlGuard
from analytics.local.tinybird.storage.tables import ensure_tables

clickhouse = ClickHouse(Path(sys.argv[1]), Limits())
ensure_tables(clickhouse, load_project(Path(sys.argv[2])))
run = lambda sql, values: clickhouse.sql.run(sql, values, "TSVRaw")
guard = SqlGuard(run, run)
for sql in sys.argv[3:]:
    print(*sorted(guard.tables_read(sql, {})), sep=",")
clickhouse.close()
"""

QUERIES = {
    "SELECT 1": "",
    "SELECT count() FROM tinybird.readings": "tinybird.readings",
    "WITH secrets AS t SELECT 'x' IN t FROM (WITH t AS (SELECT 1 AS a) SELECT * FROM t)": "tinybird.secrets",
    "SELECT (SELECT count() FROM secrets), name IN secrets FROM readings": "tinybird.readings,tinybird.secrets",
    "SELECT 1 UNION ALL SELECT count() FROM system.tables": "system.tables",
}


def test_the_tables_that_clickhouse_resolves_are_found_behind_any_alias(tmp_path: Path) -> None:
    """Scalar subqueries, IN and aliases that stand for a table are all seen."""
    command = [sys.executable, "-c", CODE, str(tmp_path), str(FIXTURE_PROJECT), *QUERIES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == list(QUERIES.values())
