"""Parameters that Tinybird itself defines are honoured or refused, and a pipe's own may be sent several times."""

import httpx2
import pytest

from tests.local.tinybird_server import TOKENS, Server

BIG = "SELECT toUInt64(9007199254740993) AS big, 1 / 0 AS denormal FORMAT JSON"


def test_64_bit_integers_are_quoted_for_who_asks(server: Server) -> None:
    """A reader in JavaScript keeps the last digit; the next query without the parameter is not affected."""
    quoting = "output_format_json_quote_64bit_integers"
    assert server.get("/v0/sql", q=BIG, **{quoting: 1}).json()["data"][0]["big"] == "9007199254740993"
    assert server.get("/v0/sql", q=BIG, **{quoting: 0}).json()["data"][0]["big"] == 9007199254740993
    assert server.get("/v0/sql", q=BIG).json()["data"][0]["big"] == 9007199254740993
    assert server.get("/v0/pipes/composed.json", **{quoting: 1}).json()["data"][0]["square"] == "4"
    assert server.pipe("composed")[0]["square"] == 4
    broken = server.get("/v0/sql", q="SELECT throwIf(1)", **{quoting: 1})
    assert broken.status_code == 400


def test_numbers_that_json_has_not_are_quoted_for_who_asks(server: Server) -> None:
    """Null otherwise."""
    quoting = "output_format_json_quote_denormals"
    assert server.get("/v0/sql", q=BIG, **{quoting: 1}).json()["data"][0]["denormal"] == "inf"
    assert server.get("/v0/sql", q=BIG).json()["data"][0]["denormal"] is None


@pytest.mark.parametrize(
    "path", ["/v0/sql?q=SELECT%201", "/v0/pipes/echo.json?", "/v0/pipes/echo.json?q=SELECT%201"]
)
@pytest.mark.parametrize(
    "parameter",
    [
        "output_format_json_quote_64bit_integers=yes",
        "output_format_parquet_string_as_string=0",
        "output_format_json_named_tuples_as_objects=0",
        "explain=true",
        "explain=yes",
        "explain=",
        "playground=t_1",
        "__tb__deployment=staging",
        "__tb__semver=0.0.1",
        "q=SELECT%202&q=SELECT%203",
    ],
)
def test_a_parameter_that_would_change_the_answer_is_refused(
    server: Server, path: str, parameter: str
) -> None:
    """400 with its name, never ignored."""
    answer = server.get(f"{path}&{parameter}")
    assert answer.status_code == 400
    assert parameter.partition("=")[0] in answer.json()["error"]


@pytest.mark.parametrize(
    "parameter",
    [
        *("nothing=1", "nothing=1&nothing=2", "from=ui", "cli_version=5.0.3", "release_replacements=true"),
        *("__tb__client=mcp-tinybird", "__tb__deployment=live", "explain=false", "playground="),
        "output_format_parquet_string_as_string=1",
    ],
)
def test_labels_and_names_that_no_node_reads_change_nothing(server: Server, parameter: str) -> None:
    """As on Tinybird."""
    assert server.get(f"/v0/pipes/echo.json?{parameter}").json()["data"] == server.pipe("echo")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v0/datasources?limit=1"),
        ("GET", "/v0/datasources/readings?limit=1"),
        ("GET", "/v0/pipes?limit=1"),
        ("GET", "/v0/jobs?limit=1"),
        ("POST", "/v0/datasources/readings/delete?delete_condition=0&limit=1"),
        ("POST", "/v0/datasources/expiring/truncate?limit=1"),
        ("POST", "/v1/deploy?check=true&limit=1"),
        ("POST", "/v1/datasources/readings/append?limit=1"),
    ],
)
def test_other_addresses_say_which_parameters_they_take(server: Server, method: str, path: str) -> None:
    """An unknown one is 400."""
    answer = server.client.request(method, path, headers={"Authorization": f"Bearer {TOKENS.admin}"})
    assert (answer.status_code, "'limit' is not supported" in answer.json()["error"]) == (400, True)


def test_an_array_may_be_sent_as_one_parameter_several_times(server: Server) -> None:
    """In the address and in a form, to pipes and to SQL: the same as with commas."""
    assert server.get("/v0/pipes/echo.json?items=x&items=y").json()["data"][0]["items"] == ["x", "y"]
    form = server.client.post(
        "/v0/pipes/echo.json",
        content=b"items=x&items=y",
        headers={
            "Authorization": f"Bearer {TOKENS.read}",
            "Content-Type": "application/x-www-form-urlencoded",
        },
    )
    assert form.json()["data"][0]["items"] == ["x", "y"]
    query = "%25SELECT%20{{Array(ids,'Int32')}}%20AS%20ids%20FORMAT%20JSON"
    assert server.get(f"/v0/sql?ids=1&ids=2&q={query}").json()["data"] == [{"ids": [1, 2]}]
    split = server.get("/v0/pipes/language.json?mode=loop&words=x&words=y").json()["data"][0]
    assert split == server.get("/v0/pipes/language.json?mode=loop&words=x,y").json()["data"][0]


def test_a_list_in_json_is_an_array_and_nothing_else(server: Server) -> None:
    """As the same parameter sent several times; a list of one is its element."""

    def sent(body: bytes) -> httpx2.Response:
        kind = {"Content-Type": "application/json"}
        return server.post("/v0/pipes/echo.json", TOKENS.read, content=body, headers=kind)

    assert sent(b'{"items": ["x", "y"], "number": [5]}').json()["data"][0]["items"] == ["x", "y"]
    assert sent(b'{"number": [5]}').json()["data"][0]["number"] == 5
    assert sent(b'{"text": ["x", "y"]}').status_code == 400
    assert "'text' was sent more than once" in sent(b'{"text": "x", "text": "y"}').json()["error"]
    for deep in (800, 100_000):
        assert sent(b'{"text": ' + b"[" * deep + b"]" * deep + b"}").status_code == 400


def test_a_parameter_that_is_sent_as_a_file_is_refused(server: Server) -> None:
    """Else the default would answer in its place."""
    answer = server.post("/v0/pipes/echo.json", TOKENS.read, files={"number": ("n.txt", b"8")})
    assert (answer.status_code, "'number' was sent as a file" in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    "query", ["echo.json?text=a&text=b", "echo.json?number=1&number=2", "language.json?extra=a&extra=b"]
)
def test_one_value_may_not_be_sent_several_times(server: Server, query: str) -> None:
    """Which one was meant is not guessed."""
    answer = server.get(f"/v0/pipes/{query}")
    assert (answer.status_code, "more than once" in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize("statement", ["SELECT 1\0", "SEL\0ECT 1", "\0", "SELECT 1 FROM readings\0"])
def test_a_nul_in_a_statement_is_a_syntax_error(server: Server, statement: str) -> None:
    """400, as any other; in quotes it is text."""
    answer = server.get("/v0/sql", q=statement)
    assert (answer.status_code, "Syntax error" in answer.json()["error"]) == (400, True)
    assert server.rows("SELECT length('\0') AS n") == [{"n": 1}]


@pytest.mark.parametrize(
    "address",
    [
        "POST /v0/analyze",
        "GET /v0/connectors/more",
        "PUT /v0/datasources/readings",
        "POST /v0/datasources/readings/alter",
        "POST /v1/datasources/readings/delete",
        "POST /v0/jobs/1/retry",
        "DELETE /v0/pipes/echo",
        "GET /v0/pipes/echo/nodes/1",
        "POST /v0/tokens",
        "DELETE /v0/tokens/fixture_read",
        "POST /v1/build",
        "DELETE /v1/deployments/1",
        "GET /v1/workspaces/1/members",
    ],
)
def test_an_unsupported_address_says_so(server: Server, address: str) -> None:
    """501 with its name: the official command lines take 404 for "does not exist"."""
    method, path = address.split()
    answer = server.client.request(method, path, headers={"Authorization": f"Bearer {TOKENS.admin}"})
    assert answer.status_code == 501
    assert answer.json()["error"].startswith(f"{address} is not supported by the local server")


@pytest.mark.parametrize(
    "statement", ["DESCRIBE readings", "SHOW TABLES", "GRANT SELECT ON x TO y", "EXPLAIN SELECT 1"]
)
def test_other_statements_are_refused_in_plain_words(server: Server, statement: str) -> None:
    """No word about how the server parses them."""
    answer = server.sql(statement)
    assert (answer.status_code, answer.json()["error"]) == (400, "Only SELECT statements are allowed")
