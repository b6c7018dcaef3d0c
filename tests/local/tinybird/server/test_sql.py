"""`/v0/sql` over a real socket: SELECT over what the token may read, and nothing else."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.local.tinybird_server import ROOT, TOKENS, Server, temporary_server

SECRET_FILE = "/etc/hostname"

REFUSED = [
    "DROP TABLE readings",
    "INSERT INTO readings (name) VALUES ('x')",
    "ALTER TABLE readings DELETE WHERE 1",
    "CREATE TABLE t (a Int8) ENGINE = Memory",
    "TRUNCATE TABLE readings",
    "SET readonly = 0",
    "SYSTEM SHUTDOWN",
    "SHOW TABLES",
    "DESCRIBE TABLE readings",
    "EXPLAIN SELECT 1",
    "USE system",
    "SELECT 1; DROP TABLE readings",
    "SELECT 1; SELECT 2",
    "SELECT 1 PARALLEL WITH DROP TABLE readings",
    "SELECT 1 INTO OUTFILE '/tmp/stolen'",
    "SELECT 1 SETTINGS max_execution_time = 0",
    "SELECT * FROM (SELECT 1 SETTINGS max_memory_usage = 0)",
    f"SELECT * FROM file('{SECRET_FILE}', 'LineAsString')",
    f"SELECT file('{SECRET_FILE}')",
    f"SELECT FILE('{SECRET_FILE}')",
    f"SELECT arrayMap(x -> file(x), ['{SECRET_FILE}'])",
    f"SELECT * APPLY(x -> file('{SECRET_FILE}')) FROM readings",
    f"SELECT * REPLACE(file('{SECRET_FILE}') AS name) FROM readings",
    f"SELECT COLUMNS('name') APPLY(x -> file('{SECRET_FILE}')) FROM readings",
    f"WITH file('{SECRET_FILE}') AS x SELECT x",
    f"SELECT 1 ORDER BY file('{SECRET_FILE}')",
    f"SELECT 1 LIMIT length(file('{SECRET_FILE}'))",
    f"SELECT sum(1) OVER (ORDER BY file('{SECRET_FILE}'))",
    f"SELECT 1 FROM readings ARRAY JOIN [file('{SECRET_FILE}')] AS x",
    f"SELECT 1 FROM readings AS a JOIN readings AS b ON file('{SECRET_FILE}') = a.name",
    f"SELECT * FROM numbers(length(file('{SECRET_FILE}')))",
    "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
    "SELECT * FROM s3('http://127.0.0.1:1/x', 'CSV')",
    "SELECT * FROM remote('127.0.0.1', 'system', 'one')",
    "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "SELECT * FROM sqlite('/tmp/x', 'y')",
    "SELECT * FROM executable('id', 'CSV', 'a String')",
    "SELECT * FROM python('x')",
    "SELECT * FROM input('a String')",
    "SELECT * FROM merge('tinybird', '.*')",
    "SELECT * FROM merge(currentDatabase(), 'secrets')",
    "SELECT * FROM view(SELECT * FROM secrets)",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT 1))",
    "SELECT * FROM loop(secrets)",
    "SELECT * FROM cluster('x', system.one)",
    "SELECT * FROM dictionary('x')",
    "SELECT * FROM eval('SELECT 1')",
    "SELECT * FROM system.tables",
    "SELECT * FROM `system`.`tables`",
    'SELECT * FROM "system.tables"',
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM tinybird.secrets",
    "SELECT * FROM tinybird.readings",
    "SELECT 1 IN system.one",
    "SELECT 1 WHERE 'x' NOT IN tinybird.secrets",
    "SELECT 1 FROM readings WHERE name GLOBAL IN tinybird.secrets",
    "SELECT dictGet('a', 'b', 1)",
    "SELECT joinGet('a', 'b', 1)",
    "SELECT hasColumnInTable('tinybird', 'secrets', 'secret')",
    "SELECT getSetting('readonly')",
    "SELECT hostName(), serverUUID(), currentUser()",
    "SELECT addressToLine(toUInt64(1))",
    "SELECT @@readonly",
    "SELECT * APPLY(sum) FROM composed",
    "SELECT * FROM readings STREAM",
    "SELECT * FROM (EXPLAIN SELECT 1)",
    "SELECT * FROM mergeTreeIndex('tinybird', 'secrets')",
    "SELECT * FROM sqlite('/etc/hostname', 'y')",
    "SELECT * FROM s3('http://127.0.0.1:1/bucket/x.csv', 'CSV', 'a String')",
    "SELECT regionToName(toUInt32(1))",
    "SELECT SCHEMA()",
    "SELECT sleep(3)",
    "SELECT aiGenerate('x')",
    "SELECT {x:Identifier}",
    "SELECT * FROM {tb_0:Identifier}",
    "SELECT {tb_0:Identifier}",
    "WITH readings AS (SELECT * FROM readings) SELECT * FROM readings",
    "WITH secrets AS t SELECT 'x' IN t FROM (WITH t AS (SELECT 1 AS a) SELECT * FROM t)",
    "WITH system.one AS t SELECT 1 IN t FROM (WITH t AS (SELECT 1 AS a) SELECT * FROM t)",
    "SELECT arrayMap(t -> 1 IN t, [[1]])",
    "SELECT * FROM nothing",
    "SELECT FROM",
    "SELECT 'open",
    "SELECT 1 /* open",
    "SELECT " + "(" * 3000 + "1" + ")" * 3000,
    "% SELECT {{ ''.__class__ }}",
    "% SELECT {% import os %} 1",
    "% SELECT '{{ String(x, 'a') }}'",
]
FORBIDDEN = [
    "SELECT * FROM secrets",
    "SELECT * FROM `secrets`",
    "SELECT count() FROM readings, secrets",
    "SELECT 1 WHERE 'x' IN secrets",
    "SELECT 1 WHERE 'x' IN (secrets)",
    "SELECT 1 WHERE globalNotIn('x', secrets)",
    "SELECT (SELECT max(secret) FROM secrets)",
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM secrets)",
    "WITH x AS (SELECT * FROM secrets) SELECT * FROM x",
    "SELECT 1 UNION ALL SELECT secret FROM secrets",
    "SELECT 1 INTERSECT SELECT secret FROM secrets",
    "SELECT * FROM secrets_quarantine",
    "SELECT * FROM admin_only",
    "SELECT * FROM numbers_base",
]


@pytest.mark.parametrize("query", REFUSED)
def test_what_is_no_select_over_resources_is_refused(server: Server, query: str) -> None:
    """Writes, other statements, files, networks, system tables and limits: 400, even for the admin."""
    answer = server.sql(query)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]
    assert Path(SECRET_FILE).read_text().strip() not in answer.text
    assert not Path("/tmp/stolen").exists()  # noqa: S108  # the name that the query above tried to write


@pytest.mark.parametrize("query", FORBIDDEN)
def test_what_the_token_may_not_read_is_forbidden(server: Server, query: str) -> None:
    """A name without READ scope is 403 wherever it stands."""
    answer = server.sql(query, TOKENS.read)
    assert answer.status_code == 403, answer.text
    assert server.sql(query, TOKENS.append).status_code == 403


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("SELECT 1", "1\n"),
        ("select 1 as a format csvwithnames", '"a"\n1\n'),
        ("SELECT 1 AS a FORMAT JSONEachRow", '{"a":1}\n'),
        ("SELECT 'a;b' -- ; comment\n", "a;b\n"),
        ("FROM numbers(2) SELECT number", "0\n1\n"),
        ("SELECT 1 UNION ALL SELECT 2 ORDER BY 1", "1\n2\n"),
        ("WITH x AS (SELECT 5 AS n) SELECT n FROM x", "5\n"),
        ("SELECT n FROM (SELECT 1 AS n) WHERE n IN (SELECT n FROM composed)", "1\n"),
        ("SELECT count() FROM composed WHERE n IN (1, 2)", "2\n"),
        ("SELECT sumIf(n, n > 1), quantileExactIf(0.5)(n, n > 0), uniqMerge(u) FROM (SELECT n, uniqState(n) AS u FROM composed GROUP BY n)", "2\t2\t2\n"),
        ("SELECT n, row_number() OVER (ORDER BY n) FROM composed ORDER BY n", "1\t1\n2\t2\n"),
        ("SELECT a.n FROM composed a JOIN composed b ON a.n = b.n ORDER BY 1", "1\n2\n"),
        ("SELECT CASE WHEN 1 THEN 'y' END, if(1, 2, 3), [1][1], (1, 2).2, toDate('2026-01-01') + 1", "y\t2\t1\t2\t2026-01-02\n"),
        ("SELECT * EXCEPT (square) FROM composed ORDER BY n", "1\n2\n"),
        ("SELECT * REPLACE STRICT (7 AS n) FROM composed ORDER BY square", "7\t1\n7\t4\n"),
        ("SELECT transform(1, [1], ['a'], 'b'), UPPER('x'), decrypt('aes-256-ecb', encrypt('aes-256-ecb', 's', repeat('k', 32)), repeat('k', 32))", "a\tX\ts\n"),
    ],
)  # fmt: skip  # one case a line
def test_ordinary_sql_runs(server: Server, query: str, text: str) -> None:
    """Joins, windows, unions, states, CTEs and formats work; without FORMAT the answer is TSV."""
    answer = server.sql(query, TOKENS.read)
    assert (answer.status_code, answer.text) == (200, text)


def test_templates_run_with_the_request_s_parameters(server: Server) -> None:
    """A query that opens with % takes parameters, bound like a pipe's, and so do the pipes it reads."""
    asked = {
        "q": "% SELECT count() AS n, {{ String(word) }} AS word FROM composed FORMAT JSON",
        "word": "a'b",
        "size": "9",
    }
    assert server.get("/v0/sql", **asked).json()["data"] == [{"n": 8, "word": "a'b"}]
    assert "'word'" in server.get("/v0/sql", q="% SELECT {{ String(word) }}").json()["error"]


@pytest.mark.parametrize(
    "query",
    [
        "%{% set a='x' %}{% for i in range(60) %}{% set a=a+a %}{% end %}SELECT {{a}}",
        "%{% while True %}{% end %}SELECT 1",
        "%SELECT {{ int('a') }}",
        "%SELECT {{ custom_error({'a': float('nan')}, 500) }}",
        "%SELECT {{ custom_error({'a': undefined}, 422) }}",
        "%SELECT " + "{% if 1 %}" * 2000 + "1" + "{% end %}" * 2000,
        "%SELECT {{ " + "-" * 900 + "1 }}",
        "%SELECT {{ String(x, y) }}",
    ],
)
def test_a_mistake_in_a_template_is_the_client_s(server: Server, query: str) -> None:
    """Too much work, a bad call, a block that does not exist: an error of the 400s in JSON, and the server lives."""
    answer = server.sql(query, TOKENS.read)
    assert answer.status_code in {400, 422}
    assert answer.json()
    assert server.sql("SELECT 1").text == "1\n"


def test_q_comes_by_query_form_json_or_as_the_body(server: Server) -> None:
    """However a client sends SQL, it is the same query."""
    headers = {"Authorization": f"Bearer {TOKENS.read}"}
    assert server.get("/v0/sql", q="SELECT 7").text == "7\n"
    assert server.client.post("/v0/sql", data={"q": "SELECT 7"}, headers=headers).text == "7\n"
    assert server.client.post("/v0/sql", json={"q": "SELECT 7"}, headers=headers).text == "7\n"
    curl = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
    assert server.client.post("/v0/sql", content="SELECT 7", headers=curl).text == "7\n"
    assert server.client.post("/v0/sql", content="SELECT 7 = 7", headers=curl).text == "1\n"
    assert server.get("/v0/sql").status_code == 400
    assert server.get("/v0/sql", q="SELECT sum(n) FROM _", pipeline="composed").text == "3\n"


def test_a_megabyte_of_sql_is_read(server: Server) -> None:
    """A long literal is no problem; a query past the limit is 413."""
    assert server.sql(f"SELECT length('{'x' * 1_000_000}')").text == "1000000\n"
    assert server.sql(f"SELECT '{'x' * 5_000_000}'").status_code == 413


def test_answers_past_the_limits_are_refused(server: Server) -> None:
    """A huge answer and a huge state end with an error, not with a dead server."""
    assert server.sql("SELECT number, toString(number) FROM numbers(100000000)").status_code == 400
    assert server.sql("SELECT groupArray(number) FROM numbers(1000000000)").status_code in {400, 408}
    assert server.sql("SELECT 1").text == "1\n"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT [" + "1," * 1_000_000 + "1]",
        "SELECT count() FROM " + ", ".join(["composed"] * 40_000),
        "%SELECT [{% for i in range(9999) %}" + "1," * 100 + "{% end %}1]",
    ],
)
def test_a_query_of_too_many_parts_is_refused(server: Server, query: str) -> None:
    """What is short to send and large to read, by itself or with the pipes it names, is refused as too large."""
    answer = server.sql(query)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(("The query has too many parts", "The query is too large"))


def test_long_queries_do_not_hold_up_pipes_or_sizes() -> None:
    """While clients' SQL uses every one of its sessions, a pipe never called before and the list of sizes answer."""
    with temporary_server(query_seconds=8) as server, ThreadPoolExecutor(20) as clients:
        heavy = "SELECT count() FROM numbers(30000000000) WHERE NOT ignore(sipHash64(number))"
        waiting = [clients.submit(server.sql, heavy) for _ in range(20)]
        time.sleep(1)
        started = time.monotonic()
        assert len(server.pipe("composed")) == 2
        assert server.get("/v0/datasources", TOKENS.admin).status_code == 200
        assert time.monotonic() - started < 5
        assert not any(answer.done() for answer in waiting)
        server.process.kill()
        server.process.wait()


def test_a_query_past_its_memory_is_refused(tmp_path: Path) -> None:
    """A state that grows past the limit of one query ends that query, not the server."""
    clickhouse = """
import sys
from pathlib import Path
from analytics.local.tinybird.storage.clickhouse import ClickHouse, Limits
from analytics.local.tinybird.storage.query_error import QueryError

clickhouse = ClickHouse(Path(sys.argv[1]), Limits(memory_bytes=50_000_000))
try:
    clickhouse.sql.run("SELECT uniqExact(number) FROM numbers(100000000)", {}, "TSV")
except QueryError as error:
    print(error.status, error.code)
print(clickhouse.sql.run("SELECT 1", {}, "TSV").decode())
clickhouse.close()
"""
    command = [sys.executable, "-c", clickhouse, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["400", "241", "1"]
