"""The events endpoint over a real socket: what is stored, what is quarantined, what is refused."""

import gzip
import json
import time
from pathlib import Path
from uuid import uuid4

import pytest

from tests.local.tinybird_server import TOKENS, Row, Server, temporary_server


def _reading(name: str, **values: object) -> Row:
    return {"at": "2026-01-02T03:04:05Z", "name": name, **values}


def _stored(server: Server, name: str) -> int:
    return int(server.rows(f"SELECT count() AS n FROM readings WHERE name = '{name}'")[0]["n"])


def _most_memory(server: Server) -> int:
    """The most memory that the server's process ever had, in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def test_every_type_is_stored_as_sent(server: Server) -> None:
    """A row of all types reads back equal; absent columns take their defaults."""
    name = uuid4().hex
    sent = _reading(
        name,
        exact="2026-01-02T03:04:05.678Z",
        meta={"kind": "k"},
        note="n\t\\'é😀",
        small=-5,
        big=2**63,
        ratio=0.5,
        flag=True,
        day="2026-02-28",
        key="0f0e0d0c-0b0a-0908-0706-050403020100",
        price=1.25,
        tags=["a", "b'"],
        parts=[{"size": 1}, {"size": 2}],
    )
    answer = server.send("readings", [sent, _reading(name)])
    assert (answer.status_code, answer.json()) == (200, {"successful_rows": 2, "quarantined_rows": 0})
    sent.pop("meta")
    sent.pop("parts")
    full, empty = server.rows(f"SELECT * FROM readings WHERE name = '{name}' ORDER BY small")
    assert full == sent | {
        "at": "2026-01-02 03:04:05",
        "exact": "2026-01-02 03:04:05.678",
        "kind": "k",
        "sizes": [1, 2],
    }
    assert (empty["kind"], empty["note"], empty["small"], empty["tags"]) == ("none", None, 0, [])


def test_without_wait_the_answer_is_202_and_the_row_is_stored_after_it(server: Server) -> None:
    """Without another request that would push it."""
    name = uuid4().hex
    answer = server.send("readings", [_reading(name)], wait="false")
    assert (answer.status_code, answer.json()) == (202, {"successful_rows": 1, "quarantined_rows": 0})
    deadline = time.monotonic() + 30
    while not _stored(server, name):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_bad_rows_go_to_quarantine_with_the_reason_and_leave_the_rest_alone(server: Server) -> None:
    """A wrong type, a missing value and a broken line are kept with what is wrong; good rows are stored."""
    name = uuid4().hex
    lines = [_reading(name), _reading(name, small="big"), {"name": name}, _reading(name)]
    body = "\n".join([*map(json.dumps, lines), f"broken {name}"])
    answer = server.send("readings", body)
    assert (answer.status_code, answer.json()) == (200, {"successful_rows": 2, "quarantined_rows": 3})
    assert _stored(server, name) == 2
    kept = server.rows(
        "SELECT c__error_column, c__error, small, at, insertion_date FROM readings_quarantine"
        f" WHERE name = '{name}' OR has(c__error, 'the line is no JSON: broken {name}') ORDER BY c__error"
    )
    assert [row["c__error_column"] for row in kept] == [["at"], [""], ["small"]]
    assert kept[2]["c__error"] == ["value 'big' on column 'small' is not Int8"]
    assert (kept[2]["small"], kept[0]["at"]) == ("big", None)


def test_a_row_that_only_clickhouse_turns_down_is_quarantined_alone(server: Server) -> None:
    """Half a surrogate pair and a decimal too long pass the first check; they do not take their batch down."""
    name = uuid4().hex
    good = json.dumps(_reading(name))
    body = "\n".join(
        [
            good,
            json.dumps(_reading(name, note="\ud800")),
            good,
            json.dumps(_reading(name, price="1" * 30)),
            good,
        ]
    )
    answer = server.send("readings", body)
    assert answer.json() == {"successful_rows": 3, "quarantined_rows": 2}
    assert _stored(server, name) == 3


def test_rows_of_many_months_in_one_request_are_all_stored() -> None:
    """One part a month and more than a hundred months: what is answered as stored is stored."""
    rows = [_reading("n", at=f"{1980 + n // 12}-{n % 12 + 1:02d}-01T00:00:00Z") for n in range(150)]
    with temporary_server() as server:
        assert server.send("readings", rows).json() == {"successful_rows": 150, "quarantined_rows": 0}
        assert _stored(server, "n") == 150


@pytest.mark.parametrize("format_", ["ndjson", "json"])
def test_one_json_object_and_arrays_are_taken(server: Server, format_: str) -> None:
    """A pretty-printed object and an array of objects are rows as well."""
    name = uuid4().hex
    pretty = json.dumps(_reading(name), indent=2)
    assert server.send("readings", pretty, format=format_).json()["successful_rows"] == 1
    array = json.dumps([_reading(name), _reading(name)], indent=2)
    assert server.send("readings", array, format=format_).json()["successful_rows"] == 2
    assert _stored(server, name) == 3


def test_gzip_bodies_are_inflated(server: Server) -> None:
    """Compressed NDJSON counts as the rows it holds, also as two streams in a row."""
    name = uuid4().hex
    line = json.dumps(_reading(name)).encode() + b"\n"
    headers = {"Content-Encoding": "gzip"}
    assert (
        server.send("readings", gzip.compress(line) + gzip.compress(line), headers=headers).status_code == 200
    )
    assert _stored(server, name) == 2


@pytest.mark.parametrize(
    ("body", "encoding", "params", "status"),
    [
        (b"x" * (10 * 1024 * 1024 + 1), "identity", {}, 413),
        (gzip.compress(b" " * 70_000_000), "gzip", {}, 413),
        (b"{}\n" * 200_001, "identity", {}, 413),
        (gzip.compress(b"{}\n" * 20_000_000, 1), "gzip", {}, 413),
        (b"not gzip", "gzip", {}, 400),
        (gzip.compress(b"{}")[:-5], "gzip", {}, 400),
        (b"{}", "br", {}, 400),
        (b"", "identity", {}, 400),
        (b"{}", "identity", {"format": "csv"}, 400),
        (b"{", "identity", {"format": "json"}, 400),
        (b"{}", "identity", {"name": ""}, 400),
        (b"{}", "identity", {"name": "nothing"}, 403),
        (b"{}", "identity", {"name": "readings_quarantine"}, 403),
        (b"{}", "identity", {"name": "secrets"}, 403),
    ],
    ids=["large", "bomb", "rows", "many-rows", "no-gzip", "cut-gzip", "brotli", "empty", "format", "json", "no-name", "unknown", "quarantine", "scope"],
)  # fmt: skip  # one case a line
def test_requests_that_cannot_be_taken_are_refused_as_json(
    server: Server, body: bytes, encoding: str, params: dict[str, str], status: int
) -> None:
    """Too large, broken or misaddressed: an error with words, and nothing stored."""
    answer = server.client.post(
        "/v0/events",
        params={"name": "readings", **params},
        content=body,
        headers={"Authorization": f"Bearer {TOKENS.append}", "Content-Encoding": encoding},
    )
    assert answer.status_code == status
    assert answer.json()["error"]


def test_an_unknown_data_source_is_a_404_for_the_admin(server: Server) -> None:
    """Only the admin learns that a data source does not exist; other tokens get 403."""
    assert server.try_send("nothing", "{}", token=TOKENS.admin).status_code == 404


def test_more_than_a_hundred_requests_a_second_are_turned_away(server: Server) -> None:
    """The headers count down; past the limit comes 429 with Retry-After; another data source is not affected."""
    row = json.dumps({"at": int(time.time()), "name": "flood"})
    seen = []
    for _ in range(400):
        answer = server.try_send("expiring", row, wait="false")
        seen.append(answer)
        if answer.status_code == 429:
            break
    assert seen[-1].status_code == 429
    assert seen[-1].headers["Retry-After"] == "1"
    assert seen[-1].json()["error"]
    assert {answer.status_code for answer in seen[:-1]} == {202}
    assert seen[-2].headers["X-RateLimit-Limit"] == "100"
    assert seen[-2].headers["X-RateLimit-Remaining"] == "0"
    assert seen[-2].headers["X-RateLimit-Reset"] == "1"
    assert server.send("readings", [_reading(uuid4().hex)]).status_code == 200


def test_expired_rows_disappear(server: Server) -> None:
    """A row past its data source's TTL goes with the next merge; a fresh one beside it stays."""
    name = uuid4().hex
    rows = [{"at": int(time.time()) - 7200, "name": name}, {"at": int(time.time()), "name": name}]
    deadline = time.monotonic() + 60
    server.send("expiring", rows)
    while server.rows(f"SELECT count() AS n FROM expiring WHERE name = '{name}'") != [{"n": 1}]:
        assert time.monotonic() < deadline
        time.sleep(0.25)


def test_a_request_full_of_bad_rows_costs_little_memory() -> None:
    """As many bad rows as one request may hold are quarantined; the server grows by less than 400 MB."""
    with temporary_server() as server:
        server.send("readings", [_reading("first")])
        before = _most_memory(server)
        assert server.send("readings", b"{}\n" * 200_000).json()["quarantined_rows"] == 200_000
        assert server.try_send("readings", b"{}\n" * 1_000_000).status_code == 413
        assert _most_memory(server) - before < 400_000_000
