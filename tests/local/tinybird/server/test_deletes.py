"""Deleting rows over a real socket: the job, its condition, one at a time."""

import time
from uuid import uuid4

import pytest

from tests.local.tinybird_server import TOKENS, Row, Server, temporary_server


def _delete(server: Server, condition: str, source: str = "readings", **fields: str) -> tuple[int, Row]:
    answer = server.client.post(
        f"/v0/datasources/{source}/delete",
        data={"delete_condition": condition, **fields},
        headers={"Authorization": f"Bearer {TOKENS.admin}"},
    )
    return answer.status_code, answer.json()


def _finished(server: Server, job_id: str) -> Row:
    deadline = time.monotonic() + 30
    while True:
        job: Row = server.get(f"/v0/jobs/{job_id}", TOKENS.admin).json()
        if job["status"] in {"done", "error"}:
            return job
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_delete_is_a_job_that_removes_the_rows_of_its_condition_alone(server: Server) -> None:
    """The answer is a job; once it is done, the rows are gone, the others are not."""
    gone, kept = uuid4().hex, uuid4().hex
    server.send("readings", [{"at": n, "name": name} for n in range(5) for name in (gone, kept)])
    status, answer = _delete(server, f"name = '{gone}' AND small = 0")
    assert status == 201
    assert answer["id"] == answer["job_id"] == answer["delete_id"] == answer["job"]["id"]
    assert answer["job_url"] == f"{server.host}/v0/jobs/{answer['id']}"
    assert answer["status"] in {"waiting", "working", "done"}
    job = _finished(server, answer["id"])
    assert (job["status"], job["rows_affected"], job["kind"]) == ("done", 5, "delete_data")
    assert server.rows(
        f"SELECT name, count() AS n FROM readings WHERE name IN ('{gone}', '{kept}') GROUP BY name"
    ) == [{"name": kept, "n": 5}]
    listed = server.get("/v0/jobs", TOKENS.admin).json()["jobs"]
    assert listed[0] == job
    imports = server.get("/v0/jobs", TOKENS.admin, kind="import").json()["jobs"]
    assert {job["kind"] for job in imports} <= {"import"}


def test_rows_accepted_before_a_delete_are_deleted_too(server: Server) -> None:
    """A row that was answered with 202 and still waits does not survive a delete that came later."""
    name = uuid4().hex
    server.send("readings", [{"at": 1, "name": name}] * 100, wait="false")
    _, answer = _delete(server, f"name = '{name}'")
    assert _finished(server, answer["id"])["status"] == "done"
    server.send("readings", [{"at": 1, "name": "later"}])  # stored after everything that waited
    assert server.rows(f"SELECT count() AS n FROM readings WHERE name = '{name}'") == [{"n": 0}]


def test_a_dry_run_only_counts(server: Server) -> None:
    """Nothing is deleted, the answer says how many rows would be."""
    name = uuid4().hex
    server.send("readings", [{"at": 1, "name": name}] * 3)
    assert _delete(server, f"name = '{name}'", dry_run="true") == (200, {"rows_to_be_deleted": 3})
    assert server.rows(f"SELECT count() AS n FROM readings WHERE name = '{name}'") == [{"n": 3}]


@pytest.mark.parametrize("flag", ["yes", "", " true", "on", "2", "None"])
def test_a_dry_run_in_other_words_deletes_nothing(server: Server, flag: str) -> None:
    """400: what is meant is not guessed."""
    name = uuid4().hex
    server.send("readings", [{"at": 1, "name": name}])
    status, answer = _delete(server, f"name = '{name}'", dry_run=flag)
    assert (status, answer) == (400, {"error": "The parameter 'dry_run' is true or false"})
    assert server.rows(f"SELECT count() AS n FROM readings WHERE name = '{name}'") == [{"n": 1}]
    assert _delete(server, f"name = '{name}'", dry_run="TRUE") == (200, {"rows_to_be_deleted": 1})


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "name = ",
        "nothing = 1",
        "name = 'a') OR (1 = 1) SETTINGS x = (1",
        "1=1) OR (1",
        "1 = 1 LIMIT 1",
        "1 = 1 ORDER BY name",
        "1 = 1 GROUP BY name",
        "1 = 1 UNION ALL SELECT 1",
        "1 = 1 FORMAT JSON",
        "1 = 1 SETTINGS max_threads = 1",
        "1) UNION ALL SELECT (1",
        "1) LIMIT (1",
        "1) FORMAT JSON --",
        "1; DROP TABLE readings",
        "name = 'a' /*",
        "name IN (SELECT secret FROM secrets)",
        "name IN secrets",
        "name IN tinybird.secrets",
        "exists(SELECT 1)",
        "length(file('/etc/hostname')) > 0",
        "name = {tb_0:String}",
        "*",
        "(SELECT 1)",
        "name",
    ],
)
def test_a_condition_is_one_expression_over_columns(server: Server, condition: str) -> None:
    """Anything else is 400 and deletes nothing."""
    name = uuid4().hex
    server.send("readings", [{"at": 1, "name": name}])
    status, answer = _delete(server, condition)
    assert (status, bool(answer["error"])) == (400, True)
    assert server.rows(f"SELECT count() AS n FROM readings WHERE name = '{name}'") == [{"n": 1}]


def test_text_in_a_condition_stays_text(server: Server) -> None:
    """Quotes and backslashes in a literal survive the way through ClickHouse's own formatter."""
    name = f"a'b\\c\n{uuid4().hex}"
    server.send("readings", [{"at": 1, "name": name}])
    literal = name.replace("\\", "\\\\").replace("'", "\\'")
    _, answer = _delete(server, f"name = '{literal}'")
    assert _finished(server, answer["id"])["rows_affected"] == 1


def test_one_delete_runs_at_a_time() -> None:
    """While a job runs, a second one is 429 with Retry-After, and sizes are read; afterwards it is taken."""
    with temporary_server() as server:
        server.send("readings", [{"at": n, "name": f"n{n}"} for n in range(50_000)])
        slow = "arraySum(arrayMap(x -> sipHash64(toString(sipHash64(x, name)), x), range(60))) = 1"
        first, started = _delete(server, slow)
        second, refusal = _delete(server, "name = 'n1'")
        assert (first, second) == (201, 429)
        assert "one runs at a time" in refusal["error"]
        started_at = asked_at = time.monotonic()
        longest = 0.0
        while server.get(f"/v0/jobs/{started['id']}", TOKENS.admin).json()["status"] != "done":
            assert asked_at < started_at + 30
            asked_at = time.monotonic()
            assert server.get("/v0/datasources", TOKENS.admin).status_code == 200
            longest = max(longest, time.monotonic() - asked_at)
        assert longest < (time.monotonic() - started_at) / 3, "the sizes waited for a part of the delete"
        assert _delete(server, "name = 'n1'")[0] == 201


def test_an_unknown_data_source_is_404(server: Server) -> None:
    """Pipes and quarantines are no data sources to delete from."""
    for source in ("nothing", "echo", "readings_quarantine"):
        assert _delete(server, "1", source)[0] == 404
