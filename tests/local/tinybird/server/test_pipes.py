"""Pipes over a real socket: formats, parameters, composition, errors, injection."""

import csv
import http.client
import io
import json
from typing import Any
from urllib.parse import quote, urlencode

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.local.tinybird_server import TOKENS, Server, temporary_server

HARD_TEXTS = [
    "",
    "'",
    "\\",
    "\\'",
    "\\N",
    "a'; DROP TABLE readings; --",
    "' OR 1=1 /*",
    "*/ UNION ALL SELECT secret FROM secrets --",
    "{{ 1 + 1 }}",
    "{% raw x %}",
    "{tb_0:String}",
    "${x} $$ %s %d",
    "line\nbreak\r\n\ttab",
    "\0",
    "before\0after",
    "\ufeff\u202eé😀",
    "`\"'`",
    "\x7f\x1b[0m",
]


def _post(server: Server, **parameters: object) -> dict[str, Any]:
    answer = server.client.post(
        "/v0/pipes/echo.json", json=parameters, headers={"Authorization": f"Bearer {TOKENS.read}"}
    )
    assert answer.status_code == 200, answer.text
    row: dict[str, Any] = answer.json()["data"][0]
    return row


def test_json_answers_carry_meta_rows_and_statistics(server: Server) -> None:
    """The JSON has Tinybird's keys, also without a LIMIT, and its counts agree with the data."""
    answer = server.get("/v0/pipes/composed.json")
    body = answer.json()
    assert list(body) == ["meta", "data", "rows", "rows_before_limit_at_least", "statistics"]
    assert body["meta"] == [{"name": "n", "type": "UInt64"}, {"name": "square", "type": "UInt64"}]
    assert body["data"] == [{"n": 2, "square": 4}, {"n": 1, "square": 1}]
    assert (body["rows"], body["rows_before_limit_at_least"]) == (2, 2)
    assert set(body["statistics"]) == {"elapsed", "rows_read", "bytes_read"}
    assert answer.headers["content-type"] == "application/json"


def test_the_other_formats_hold_the_same_rows(server: Server) -> None:
    """CSV with a header, NDJSON and Parquet read back to what the JSON says."""
    expected = [{"n": 2, "square": 4}, {"n": 1, "square": 1}]
    text = server.get("/v0/pipes/composed.csv")
    assert text.headers["content-type"] == "text/csv; charset=utf-8"
    assert [
        {key: int(value) for key, value in row.items()} for row in csv.DictReader(io.StringIO(text.text))
    ] == expected
    lines = server.get("/v0/pipes/composed.ndjson")
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in lines.text.splitlines()] == expected
    table = server.get("/v0/pipes/composed.parquet")
    assert pd.read_parquet(io.BytesIO(table.content)).to_dict("records") == expected


def test_a_pipe_reads_other_pipes_with_the_request_s_parameters(server: Server) -> None:
    """Parameters reach the pipe that is read; nodes of the same name in both do not mix."""
    assert [row["n"] for row in server.pipe("composed", size=6, below=4)] == [3, 2, 1]


@pytest.mark.parametrize(
    ("parameters", "answer"),
    [
        ({}, "plain"),
        ({"extra": "x"}, "extra x"),
        ({"mode": "loop"}, "a-b"),
        ({"mode": "loop", "words": "p,q,r'"}, "p-q-r'"),
        ({"mode": "required", "needed": "yes"}, "yes"),
    ],
)
def test_the_language_s_branches_and_loops(server: Server, parameters: dict[str, str], answer: str) -> None:
    """if, elif, else, set, for, defined() and split_to_array() decide what runs."""
    assert server.pipe("language", **parameters)[0]["answer"] == answer


def test_columns_chosen_by_parameter(server: Server) -> None:
    """column() and columns() are names, never values or SQL."""
    server.send("readings", [{"at": 1, "name": "columns", "small": 4, "meta": {"kind": "k"}, "note": "n"}])
    asked = {"mode": "columns", "name": "columns", "smalls": "3,4"}
    assert server.pipe("language", **asked) == [{"name": "columns", "small": 4, "also": "k"}]
    assert server.pipe("language", **asked, also="note", wanted="big")[0] == {"big": 0, "also": "n"}
    refused = server.get("/v0/pipes/language.json", **asked, also="1 FROM secrets --")
    assert refused.status_code == 400


@pytest.mark.parametrize("text", HARD_TEXTS)
def test_hard_texts_come_back_as_they_were(server: Server, text: str) -> None:
    """By query string, form and JSON a value is data: nothing in it ends a string or starts a statement."""
    headers = {"Authorization": f"Bearer {TOKENS.read}"}
    by_query = server.client.get(f"/v0/pipes/echo.json?text={quote(text)}", headers=headers)
    by_form = server.client.post("/v0/pipes/echo.json", data={"text": text}, headers=headers)
    assert by_query.json()["data"][0]["text"] == text
    assert by_form.json()["data"][0]["text"] == text
    assert _post(server, text=text, items=text.replace(",", "")) | {"text": text} == _post(
        server, text=text, items=[text]
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(st.characters(codec="utf-8"), max_size=60),
    items=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters=","), min_size=1, max_size=8),
        min_size=1,
        max_size=5,
    ),
    number=st.integers(-(2**31), 2**31 - 1),
)
def test_any_value_comes_back_as_it_was(server: Server, text: str, items: list[str], number: int) -> None:
    """Whatever the text, the list and the number: the answer equals what was sent."""
    row = _post(server, text=text, items=items, number=number)
    assert (row["text"], row["items"], row["number"]) == (text, items, number)


def test_a_megabyte_of_text_is_a_value_too(server: Server) -> None:
    """Nothing in the way has a smaller limit, quotes and backslashes included."""
    text = "'\\\"" * 350_000
    assert _post(server, text=text)["text"] == text
    connection = http.client.HTTPConnection(server.client.base_url.host, server.client.base_url.port or 0)
    connection.request("GET", f"/v0/pipes/echo.ndjson?token={TOKENS.read}&text={'x' * 1_000_000}")
    assert len(json.loads(connection.getresponse().read())["text"]) == 1_000_000
    connection.close()


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("language.json?mode=required", 400, "'needed'"),
        ("language.json?mode=else", 400, "mode must be"),
        ("language.json?mode=custom", 404, "gone"),
        ("echo.json?number=5%20OR%201", 400, "'number'"),
        ("echo.json?day=2026-02-30", 400, "'day'"),
        ("echo.json?at=now()", 400, "'at'"),
        ("echo.xml", 400, "xml"),
        ("echo.", 404, "echo."),
        ("nothing.json", 404, "nothing"),
        ("numbers_base.json", 403, "READ"),
        ("admin_only.json", 403, "READ"),
        ("breaking.json", 400, "throwIf"),
    ],
)
def test_errors_are_json_and_name_what_is_wrong(server: Server, path: str, status: int, words: str) -> None:
    """The error names the parameter, format or pipe; no traceback, no path of this machine."""
    answer = server.client.get(f"/v0/pipes/{path}", headers={"Authorization": f"Bearer {TOKENS.read}"})
    assert answer.status_code == status
    assert words in answer.json()["error"]
    assert "Traceback" not in answer.text


def test_a_failed_query_leaves_nothing_behind_for_the_next(server: Server) -> None:
    """Rows produced before an error never reach the answer of a later request."""
    for _ in range(6):
        assert server.get("/v0/pipes/breaking.json").status_code == 400
    for _ in range(12):
        assert server.get("/v0/pipes/composed.csv").text == '"n","square"\n2,4\n1,1\n'


def test_a_pipe_without_an_endpoint_is_not_served(server: Server) -> None:
    """It can be read by other pipes, and by the admin with SQL, but has no address."""
    assert server.get("/v0/pipes/numbers_base.json", TOKENS.admin).status_code == 404
    assert server.rows("SELECT max(n) AS top FROM numbers_base") == [{"top": 2}]


def test_pipes_can_be_asked_with_sql_over_their_rows(server: Server) -> None:
    """`q` on a pipe is a SELECT over `_`, with the pipe's parameters."""
    asked = {"q": "SELECT sum(n) AS total FROM _", "size": "5"}
    assert server.get("/v0/pipes/composed.json", **asked).json()["data"] == [{"total": 10}]


def test_queries_past_their_time_are_408_and_do_not_hold_others_up() -> None:
    """A slow pipe ends with 408; meanwhile another one answers."""
    with temporary_server(query_seconds=1) as server:
        assert server.pipe("composed")
        answer = server.get("/v0/pipes/slow.json")
        assert answer.status_code == 408
        assert "time" in answer.json()["error"]
        assert server.pipe("composed")
        assert server.sql("SELECT sum(sipHash64(number)) FROM numbers(1000000000000)").status_code == 408


def test_the_list_of_pipes_says_what_each_takes(server: Server) -> None:
    """`/v0/pipes` shows what the token may read, with nodes and the endpoint's parameters, own ones first."""
    listed = server.get("/v0/pipes").json()["pipes"]
    assert {pipe["name"] for pipe in listed} == {"breaking", "composed", "echo", "language", "slow"}
    echo = next(pipe for pipe in listed if pipe["name"] == "echo")
    assert echo == server.get("/v0/pipes/echo").json()
    assert echo["endpoint"] == echo["nodes"][0]["id"]
    assert {
        "name": "number",
        "type": "Int32",
        "default": 7,
        "description": "A whole number",
        "required": False,
    } in (echo["parameters"])
    composed = next(pipe for pipe in listed if pipe["name"] == "composed")
    assert [parameter["name"] for parameter in composed["parameters"]] == ["below", "size"]
    assert composed["nodes"][-1]["params"] == composed["parameters"]
    everything = server.get("/v0/pipes", TOKENS.admin).json()["pipes"]
    assert {"admin_only", "numbers_base"} < {pipe["name"] for pipe in everything}


def test_parameters_by_post_in_every_body(server: Server) -> None:
    """Query string, form, multipart and JSON bodies carry parameters; the body wins."""
    headers = {"Authorization": f"Bearer {TOKENS.read}"}
    path = f"/v0/pipes/echo.json?{urlencode({'text': 'query', 'number': 1})}"
    for sent in ({"data": {"text": "body"}}, {"files": {"text": (None, "body")}}, {"json": {"text": "body"}}):
        row = server.client.post(path, headers=headers, **sent).json()["data"][0]
        assert (row["text"], row["number"]) == ("body", 1)
    assert _post(server, flag=True, items=[1, 2], text=None)["items"] == ["1", "2"]
    for body in (b"{", b"[]", b"\xff"):
        answer = server.client.post(
            path, content=body, headers={**headers, "Content-Type": "application/json"}
        )
        assert answer.status_code == 400
