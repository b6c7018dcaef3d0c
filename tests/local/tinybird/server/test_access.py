"""Who may do what over a real socket, what unknown addresses answer, and that no token is ever written down."""

import pytest

from tests.local.tinybird_server import TOKENS, Server

ADDRESSES = [
    ("POST", "/v0/events?name=readings"),
    ("GET", "/v0/sql?q=SELECT%201"),
    ("GET", "/v0/pipes"),
    ("GET", "/v0/pipes/echo"),
    ("GET", "/v0/pipes/echo.json"),
    ("GET", "/v1/pipes/echo.pipe"),
    ("GET", "/examples/query.http?pipe=echo"),
    ("GET", "/v0/datasources"),
    ("GET", "/v0/datasources/readings"),
    ("POST", "/v0/datasources/readings/delete"),
    ("GET", "/v0/jobs"),
    ("GET", "/v0/jobs/1"),
    ("GET", "/v0/tokens/fixture_read"),
    ("GET", "/v0/pipes/echo.pipe"),
    ("GET", "/v0/datasources/readings.datasource"),
    ("POST", "/v0/datasources?name=readings&mode=append"),
    ("POST", "/v1/datasources/readings/append"),
    ("POST", "/v0/datasources/readings/truncate"),
    ("POST", "/v1/deploy?check=true"),
    ("GET", "/v1/deployments"),
    ("GET", "/v1/deployments/1"),
    ("GET", "/v0/connectors"),
    ("GET", "/v0/tokens"),
    ("GET", "/v1/workspace"),
    ("GET", "/v0/user/workspaces/?with_environments=false"),
]


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", "Basic cmVhZA==", "Bearer read-token-and-more"]
)
def test_without_a_valid_token_nothing_answers(
    server: Server, method: str, path: str, header: str | None
) -> None:
    """Every address but health and regions asks for a token; the refusal never repeats it."""
    answer = server.client.request(method, path, headers={} if header is None else {"Authorization": header})
    assert answer.status_code == 403
    assert "oken" in answer.json()["error"]
    assert "wrong" not in answer.text


def test_the_token_is_taken_from_the_address_too(server: Server) -> None:
    """`?token=` works like the header, on POST as well; the header wins."""
    assert server.client.get("/v0/pipes/echo.json", params={"token": TOKENS.read}).status_code == 200
    sent = {"name": "readings", "token": TOKENS.append, "wait": "true"}
    assert server.client.post("/v0/events", params=sent, content='{"at": 1, "name": "t"}').status_code == 200
    answer = server.client.get(
        f"/v0/tokens?token={TOKENS.admin}", headers={"Authorization": f"Bearer {TOKENS.read}"}
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "roles"),
    [
        ("POST", "/v0/events?name=readings&wait=true", {"append", "admin"}),
        ("POST", "/v0/events?name=secrets&wait=true", {"admin"}),
        ("GET", "/v0/pipes/echo.json", {"read", "admin"}),
        ("GET", "/v0/pipes/admin_only.json", {"admin"}),
        ("GET", "/v0/sql?q=SELECT%20count()%20FROM%20readings", {"read", "admin"}),
        ("GET", "/v0/sql?q=SELECT%20count()%20FROM%20readings_quarantine", {"read", "admin"}),
        ("GET", "/v0/sql?q=SELECT%20count()%20FROM%20secrets", {"admin"}),
        ("POST", "/v1/datasources/readings/append?format=ndjson", {"append", "admin"}),
        ("POST", "/v1/datasources/secrets/append?format=ndjson", {"admin"}),
        ("POST", "/v0/datasources?mode=append&name=readings&format=ndjson", {"append", "admin"}),
        ("POST", "/v0/datasources?mode=append&name=secrets&format=ndjson", {"admin"}),
        ("POST", "/v0/datasources/secrets/truncate", {"admin"}),
        ("POST", "/v0/datasources/secrets_quarantine/truncate", {"admin"}),
        ("GET", "/v0/datasources/readings.datasource", {"read", "append", "admin"}),
        ("GET", "/v0/datasources/secrets.datasource", {"admin"}),
        ("GET", "/v0/datasources/secrets?format=datasource", {"admin"}),
        ("GET", "/v0/pipes/echo.pipe", {"read", "admin"}),
        ("GET", "/v0/pipes/admin_only?format=pipe", {"admin"}),
        ("GET", "/v0/tokens/fixture_read", {"admin"}),
        ("GET", "/v1/deployments", {"admin"}),
        ("GET", "/v0/datasources/readings", {"read", "append", "admin"}),
        ("GET", "/v0/datasources/secrets", {"admin"}),
        ("POST", "/v0/datasources/readings/delete?dry_run=true&delete_condition=1", {"admin"}),
        ("GET", "/v0/tokens", {"admin"}),
        ("GET", "/v0/jobs", {"admin"}),
    ],
)
def test_each_token_reaches_its_scopes_alone(server: Server, method: str, path: str, roles: set[str]) -> None:
    """READ, APPEND and admin open what the datafiles declare; the others get 403."""
    appends = "events" in path or "append" in path
    body = '{"at": 1, "name": "scope", "secret": "s"}' if appends else None
    for role in ("read", "append", "admin"):
        token = getattr(TOKENS, role)
        answer = server.client.request(
            method, path, content=body, headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.is_success is (role in roles), (role, answer.text)
        assert answer.is_success or answer.status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v0", 404),
        ("GET", "/v0/nothing", 501),
        ("GET", "/v0/pipes/../../etc/passwd", 404),
        ("GET", "/v1/pipes/..%2f..%2fREADME.pipe", 501),
        ("GET", "/v0/events", 501),
        ("PUT", "/v0/sql", 501),
        ("DELETE", "/v0/datasources/readings", 501),
        ("POST", "/v0/pipes/echo", 501),
        ("GET", "/v0/datasources/nothing", 404),
        ("GET", "/v0/jobs/nothing", 404),
    ],
)
def test_unknown_addresses_and_methods_answer_json(
    server: Server, method: str, path: str, status: int
) -> None:
    """404, and 501 where Tinybird has an address, carry `{"error": …}` like everything else."""
    answer = server.client.request(method, path, headers={"Authorization": f"Bearer {TOKENS.admin}"})
    assert answer.status_code == status
    assert answer.json()["error"]


def test_tokens_are_listed_with_the_scopes_that_the_datafiles_declare(server: Server) -> None:
    """The admin sees every declared token with its value and scopes."""
    listed = {token["name"]: token for token in server.get("/v0/tokens", TOKENS.admin).json()["tokens"]}
    assert listed["workspace admin token"]["scopes"] == [{"type": "ADMIN"}]
    assert listed["fixture_append"]["token"] == TOKENS.append
    scopes = {(scope["type"], scope["resource"]) for scope in listed["fixture_read"]["scopes"]}
    assert {("PIPES:READ", "echo"), ("DATASOURCES:READ", "readings")} <= scopes
    assert not any(resource == "secrets" for _, resource in scopes)


def test_data_sources_tell_their_columns_and_sizes(server: Server) -> None:
    """Schema, engine, JSON paths, rows and quarantined rows, of what the token may see."""
    server.send("readings", '{"at": 1, "name": "size"}\nbroken')
    listed = server.get("/v0/datasources", TOKENS.append).json()["datasources"]
    assert {source["name"] for source in listed} == {"expiring", "readings"}
    source = next(source for source in listed if source["name"] == "readings")
    assert source["statistics"]["row_count"] > 0
    assert source["quarantine_rows"] > 0
    assert source["engine"]["engine_sorting_key"] == "name, at"
    columns = {column["name"]: column for column in source["columns"]}
    assert columns["sizes"]["jsonpath"] == "$.parts[:].size"
    assert columns["kind"]["default_value"] == "DEFAULT 'none'"
    assert (columns["note"]["nullable"], columns["name"]["nullable"]) == (True, False)


def test_a_jwt_is_refused_by_name(server: Server) -> None:
    """It is not taken for a mistyped token."""
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJuYW1lIjoiYSJ9.c2lnbmF0dXJl"
    answer = server.get("/v0/pipes/echo.json", jwt)
    assert (answer.status_code, "JWTs are not supported" in answer.json()["error"]) == (403, True)


def test_no_token_reaches_the_log(server: Server) -> None:
    """Right and wrong tokens, in header and address, answers good and bad: the log holds none of them."""
    for token in (TOKENS.admin, "tell-tale-token"):
        server.client.get("/v0/sql", params={"token": token, "q": "SELECT x"})
        server.client.get("/v0/nothing", params={"token": token})
        server.try_send("readings", "broken", token=token)
    written = server.log.read_text()
    assert not any(
        token in written for token in (TOKENS.read, TOKENS.append, TOKENS.admin, "tell-tale-token")
    )
