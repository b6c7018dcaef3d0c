"""What ClickHouse itself says of a client's SQL: the tables that it resolves, and what a read-only session refuses.

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


REFUSED_BY_CLICKHOUSE = [
    *(
        "DROP TABLE readings",
        "INSERT INTO readings (name) VALUES ('x')",
        "ALTER TABLE readings DELETE WHERE 1",
    ),
    *(
        "CREATE TABLE t (a Int8) ENGINE = Memory",
        "TRUNCATE TABLE readings",
        "SET readonly = 0",
        "SYSTEM SHUTDOWN",
    ),
    *("SELECT 1 PARALLEL WITH DROP TABLE readings", "SELECT 1 SETTINGS max_execution_time = 0"),
    *("SELECT * FROM readings STREAM", "SELECT * FROM (EXPLAIN SELECT 1)", "SELECT fileIf('x', 1)"),
    *("SELECT * FROM file('/etc/hostname')", "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')"),
    *(
        "SELECT * FROM remote('127.0.0.1', 'system', 'one')",
        "SELECT * FROM executable('id', 'CSV', 'a String')",
    ),
]
"""What has no entry in the lists of `sql_guard`, or needs none."""

REFUSALS_CODE = """
import sys
from pathlib import Path
from analytics.local.tinybird.storage.clickhouse import ClickHouse, Limits
from analytics.local.tinybird.project.project import load_project
from analytics.local.tinybird.storage.query_error import QueryError
from analytics.local.tinybird.storage.tables import ensure_tables

clickhouse = ClickHouse(Path(sys.argv[1]), Limits())
ensure_tables(clickhouse, load_project(Path(sys.argv[2])))
for sql in sys.argv[3:]:
    try:
        clickhouse.sql.run(sql, {}, "TSVRaw")
    except QueryError as error:
        print(error.status)
    else:
        print("runs:", sql)
clickhouse.close()
"""


def test_a_read_only_session_refuses_what_the_guard_need_not_list(tmp_path: Path) -> None:
    """Statements that write, settings, and table functions that read files or networks fail in ClickHouse itself."""
    command = [
        sys.executable,
        "-c",
        REFUSALS_CODE,
        str(tmp_path),
        str(FIXTURE_PROJECT),
        *REFUSED_BY_CLICKHOUSE,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == ["400"] * len(REFUSED_BY_CLICKHOUSE)
