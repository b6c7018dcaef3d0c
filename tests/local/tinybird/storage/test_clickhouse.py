"""Writing to ClickHouse: every failure is raised, none is taken for success.

ClickHouse runs in a process of its own, so that the tests' process stays free of it.
"""

import subprocess
import sys
from pathlib import Path

from tests.local.tinybird_server import ROOT

CODE = """
import json, sys
from pathlib import Path
from analytics.local.tinybird.storage import clickhouse
from analytics.local.tinybird.storage.query_error import QueryError

database = clickhouse.ClickHouse(Path(sys.argv[1]), clickhouse.Limits())
database.execute(
    "CREATE TABLE tinybird.days (at DateTime, name String, CONSTRAINT honest CHECK name != 'bad')"
    " ENGINE = MergeTree PARTITION BY toYYYYMM(at) ORDER BY at"
)


def insert(*rows):
    try:
        database.insert("days", "at, name", json.dumps(rows)[1:-1].encode())
    except QueryError as error:
        print(error.status, error.code, end=" ")
    print(database.execute("SELECT count() FROM tinybird.days", format_="TSV").decode().strip())


months = [[f"{1980 + n // 12}-{n % 12 + 1:02d}-01 00:00:00", "a; SELECT {b:String} -- '"] for n in range(150)]
insert(*months)
insert(months[0], [months[1][0], "bad"])
insert(*[months[0]] * 150_000, ["never", "a"])
clickhouse._INSERT_SETTINGS = "max_partitions_per_insert_block = 1"
insert(*months)
insert(months[0])
database.execute("RENAME TABLE tinybird.days TO tinybird.gone")
try:
    database.insert("days", "at, name", b'["1980-01-01 00:00:00", "a"]')
except QueryError as error:
    print(error.code)
database.close()
"""


def test_every_failure_of_an_insert_is_raised_and_nothing_of_it_stays(tmp_path: Path) -> None:
    """Rows of 150 months fit; a constraint, a bad row behind many good ones, a limit and a missing table are errors."""
    command = [sys.executable, "-c", CODE, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.splitlines() == ["150", "500 469 150", "400 41 150", "500 252 150", "151", "60"], (
        done.stderr
    )
