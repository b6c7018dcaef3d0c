"""Appending files and truncating, over a real socket: both versions of the API, as the published clients send them."""

import gzip
import io
import json
from uuid import uuid4

import httpx2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.local.tinybird_server import TOKENS, Server

V1 = "/v1/datasources/readings/append"
V0 = "/v0/datasources?name=readings&mode=append"


def _file(format_: str, name: str, values: tuple[int, ...] = (1, 2)) -> bytes:
    """A file with a row for each value in the column `small`."""
    rows = [{"at": 1, "name": name, "small": value} for value in values]
    if format_ == "csv":
        return b"at,name,small\n" + b"".join(b"1,%s,%d\n" % (name.encode(), value) for value in values)
    if format_ == "parquet":
        file = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), file)
        return file.getvalue()
    return "\n".join(json.dumps(row) for row in rows).encode()


def _count(server: Server, name: str, table: str = "readings") -> int:
    [row] = server.rows(f"SELECT count() AS n FROM {table} WHERE name = '{name}'")
    return int(row["n"])


def _append(server: Server, way: str, format_: str, content: bytes) -> httpx2.Response:
    if way == "v1":
        return server.post(f"{V1}?format={format_}", TOKENS.append, content=content)
    if way == "v0-body":
        return server.post(f"{V0}&format={format_}", TOKENS.append, content=content)
    part = "csv" if way == "v0-form" else "ndjson"  # the clients disagree on the name of the part
    return server.post(f"{V0}&format={format_}&debug=blocks", TOKENS.append, files={part: ("x", content)})


@pytest.mark.parametrize("format_", ["csv", "ndjson", "parquet"])
@pytest.mark.parametrize("way", ["v1", "v0-body", "v0-form", "v0-other-form"])
def test_a_file_is_appended_and_its_bad_rows_are_quarantined(server: Server, way: str, format_: str) -> None:
    """The rows are there when the answer comes; the answer counts both kinds, with the id of the quarantined ones."""
    name = uuid4().hex
    answer = _append(server, way, format_, _file(format_, name, (1, 2, 500)))
    assert answer.status_code == (201 if way == "v1" else 200), answer.text
    counts = answer.json()
    assert (counts["successful_rows"], counts["quarantined_rows"]) == (2, 1)
    assert _count(server, name) == 2
    kept = server.rows(f"SELECT small, c__import_id AS id FROM readings_quarantine WHERE name = '{name}'")
    assert kept == [{"small": "500", "id": counts["import_id"]}]


@pytest.mark.parametrize(
    ("lines", "invalid", "error"),
    [
        ("1,{0}\n", 0, False),
        ("1,{0}\nx,{0}\n", 0, "There was an error with file contents: 1 row in quarantine."),
        (
            "1,{0}\nx,{0}\n1\n1,{0},2\n",
            2,
            "There was an error with file contents: 3 rows in quarantine and 2 invalid lines.",
        ),
    ],
    ids=["good", "bad-row", "bad-lines"],
)
def test_the_first_version_says_what_went_to_quarantine(
    server: Server, lines: str, invalid: int, error: str | bool
) -> None:
    """In Tinybird's words, with status 200: the classic command line ends with it; the good rows are stored."""
    name = uuid4().hex
    answer = _append(server, "v0-form", "csv", f"at,name\n{lines.format(name)}".encode())
    counts = answer.json()
    assert (answer.status_code, counts["error"], counts["invalid_lines"]) == (200, error, invalid)
    assert counts["datasource"]["name"] == "readings"
    assert _count(server, name) == 1


@pytest.mark.parametrize("way", ["v1", "v0-form"])
def test_a_gzipped_file_is_appended(server: Server, way: str) -> None:
    """`.csv.gz` as the command lines send it: with the header, or as it is in a form."""
    name = uuid4().hex
    content = gzip.compress(_file("csv", name))
    if way == "v1":
        answer = server.post(f"{V1}?format=csv", content=content, headers={"Content-Encoding": "gzip"})
    else:
        answer = _append(server, way, "csv", content)
    assert answer.json()["successful_rows"] == 2
    assert _count(server, name) == 2


def test_what_was_exported_as_csv_can_be_appended_again(server: Server) -> None:
    """Every type of column survives the way out and in: nothing is quarantined, and the rows are equal."""
    first, second = uuid4().hex, uuid4().hex
    texts = ["it's", 'a "b", c', "line\nend", "\\N", ""]
    rows = [
        {
            "at": 1,
            "name": first,
            "exact": "2026-01-01T00:00:00.123Z",
            "meta": {"kind": text},
            "note": text,
            "small": -5,
            "big": 2**64 - 1,
            "ratio": 0.5,
            "flag": True,
            "day": "2026-01-02",
            "key": "7f1b5e0e-8f57-4d66-9d3c-6cf2e2bb0a11",
            "price": "1.20",
            "tags": texts,
            "parts": [{"size": 1}, {"size": 2}],
        }
        for text in texts
    ]
    server.send("readings", [*rows, {"at": 2, "name": first}])
    others = "at, exact, kind, note, small, big, ratio, flag, day, key, price, tags, sizes"
    where = f"FROM (SELECT * FROM readings WHERE name = '{first}')"
    exported = server.sql(f"SELECT '{second}' AS name, {others} {where} FORMAT CSVWithNames")
    answer = _append(server, "v1", "csv", exported.content).json()
    assert (answer["successful_rows"], answer["quarantined_rows"]) == (6, 0), exported.text
    before, after = (
        server.rows(f"SELECT {others} FROM readings WHERE name = '{name}' ORDER BY at, note")
        for name in (first, second)
    )
    assert before == after


def test_an_import_is_a_job_that_is_done(server: Server) -> None:
    """Its id finds it, with the counts where the official command line looks for them; it cannot be cancelled."""
    name = uuid4().hex
    imported = _append(server, "v1", "csv", _file("csv", name, (1, 500))).json()
    job = server.get(f"/v0/jobs/{imported['id']}", TOKENS.admin).json()
    assert (job["kind"], job["status"], job["datasource"]["name"]) == ("import", "done", "readings")
    [block] = job["blocks"]
    assert [(each["lines"], each["quarantine"]) for each in block["process_return"]] == [(1, 1)]
    listed = server.get("/v0/jobs", TOKENS.admin, kind="import", status="done").json()["jobs"]
    assert listed[0] == job
    cancelled = server.post(f"/v0/jobs/{job['id']}/cancel")
    assert (cancelled.status_code, "cancel is not supported" in cancelled.json()["error"]) == (501, True)
    assert server.get("/v0/jobs", TOKENS.admin, created_after="2030-01-01").status_code == 400


@pytest.mark.parametrize(
    ("path", "content", "status", "words"),
    [
        (f"{V1}?format=avro", b"x", 400, "csv, ndjson, parquet"),
        (f"{V1}?format=csv", b" \n", 400, "no rows"),
        (f"{V1}?format=csv", b"a,b\n1,2\n", 400, "names no column"),
        (f"{V1}?format=parquet", b"PAR1", 400, "not Parquet"),
        (f"{V1}?format=csv&url=https://example.com/a.csv", b"", 501, "from a URL is not supported"),
        (f"{V1}?format=csv&dialect_new_line=x", b"at\n1\n", 400, "'dialect_new_line' is not supported"),
        (f"{V1}?format=csv&dialect_delimiter=,,", b"at\n1\n", 400, "one character"),
        (f"{V1}?format=csv&dialect_delimiter=%00", b"at\n1\n", 400, "one character"),
        (f"{V1}?format=csv&format=ndjson", b"at\n1\n", 400, "'format' was sent more than once"),
        ("/v1/datasources/nothing/append?format=csv", b"at\n1\n", 404, "nothing"),
        ("/v1/datasources/readings_quarantine/append?format=csv", b"at\n1\n", 404, "readings_quarantine"),
        ("/v1/datasources/readings/replace?format=csv", b"at\n1\n", 501, "not supported by the local server"),
        ("/v0/datasources?name=readings&mode=replace", b"at\n1\n", 501, "mode=replace is not supported"),
        ("/v0/datasources?name=readings", b"at\n1\n", 501, "mode=create is not supported"),
        ("/v0/datasources?mode=append", b"at\n1\n", 400, "'name' is missing"),
        (f"{V0}&replace_condition=1", b"at\n1\n", 400, "'replace_condition' is not supported"),
    ],
)
def test_what_is_not_supported_is_said_and_stores_nothing(
    server: Server, path: str, content: bytes, status: int, words: str
) -> None:
    """A file, mode or parameter that cannot be honoured is an error with a reason, never a part of an import."""
    before = server.rows("SELECT count() AS n FROM readings")
    answer = server.post(path, content=content)
    assert (answer.status_code, words in answer.json()["error"]) == (status, True), answer.text
    assert server.rows("SELECT count() AS n FROM readings") == before


def test_the_url_and_the_parameters_of_a_form_are_seen_too(server: Server) -> None:
    """The software kits send them in the body."""
    url = "https://example.com/a.csv"
    for answer in (server.post(V0, data={"url": url}), server.post(V0, files={"url": (None, url)})):
        assert (answer.status_code, "from a URL" in answer.json()["error"]) == (501, True)
    file = ("a", b"at\n1\n")
    assert server.post(V0, files=[("csv", file), ("csv", file)]).status_code == 400
    broken = server.post(V0, content=b"x", headers={"Content-Type": "multipart/form-data; boundary=y"})
    assert broken.status_code == 400


def test_a_file_is_bounded(server: Server) -> None:
    """64 MB, as it is or inflated, in a body or a form."""
    large = b"at,name\n" + b"1,a\n" * (17 * 1024 * 1024)
    for answer in (
        server.post(f"{V1}?format=csv", content=large),
        server.post(V0, files={"csv": ("x", large)}),
        _append(server, "v0-form", "csv", gzip.compress(large, 1)),
    ):
        assert (answer.status_code, "64 MB" in answer.json()["error"]) == (413, True)


def test_a_data_source_is_truncated_with_what_waits_and_its_quarantine_apart(server: Server) -> None:
    """Truncating one leaves the other; rows that were accepted and still wait go too; both can be filled again."""
    name = uuid4().hex
    server.send("expiring", [{"at": 4_000_000_000, "name": name}, {"at": "x", "name": name}])
    server.send("expiring", [{"at": 4_000_000_000, "name": name}] * 50, wait="false")
    answer = server.post("/v0/datasources/expiring/truncate")
    assert (answer.status_code, answer.content) == (205, b"")
    assert _count(server, name, "expiring") == 0
    assert _count(server, name, "expiring_quarantine") == 1
    assert server.post("/v0/datasources/expiring_quarantine/truncate").status_code == 205
    assert _count(server, name, "expiring_quarantine") == 0
    server.send("expiring", [{"at": 4_000_000_000, "name": name}, {"at": "x", "name": name}])
    assert (_count(server, name, "expiring"), _count(server, name, "expiring_quarantine")) == (1, 1)


@pytest.mark.parametrize(
    "source", ["nothing", "echo", "readings_quarantine_quarantine", "nothing_quarantine"]
)
def test_only_data_sources_and_their_quarantines_are_truncated(server: Server, source: str) -> None:
    """Everything else is 404."""
    assert server.post(f"/v0/datasources/{source}/truncate").status_code == 404


def test_a_condition_is_no_parameter_of_a_truncate(server: Server) -> None:
    """A parameter that would keep some rows is refused before any row is removed."""
    answer = server.post("/v0/datasources/readings/truncate", data={"delete_condition": "small = 1"})
    assert answer.status_code == 400
