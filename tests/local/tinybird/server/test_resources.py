"""Answers about pipes, data sources and the workspace: datafiles, ids, chosen fields, tokens, checks of a deployment."""

import tempfile
from pathlib import Path

import httpx2
import pytest

from tests.local.tinybird_server import FIXTURE_PROJECT, TOKENS, Part, Server, running

DATAFILES = sorted(path for path in FIXTURE_PROJECT.rglob("*.*") if path.suffix in {".datasource", ".pipe"})


def _addresses(path: Path) -> list[str]:
    if path.suffix == ".datasource":
        return [f"/v0/datasources/{path.name}", f"/v0/datasources/{path.stem}?format=datasource"]
    names = [f"/{version}/pipes/{path.name}" for version in ("v0", "v1")]
    return [*names, *(f"/{version}/pipes/{path.stem}?format=pipe" for version in ("v0", "v1"))]


@pytest.mark.parametrize("path", DATAFILES, ids=lambda path: path.name)
def test_a_datafile_is_the_file_of_the_project(server: Server, path: Path) -> None:
    """Whichever of the ways a client asks: the same bytes, so that no pull changes a checkout."""
    for address in _addresses(path):
        answer = server.get(address, TOKENS.admin)
        assert (answer.status_code, answer.content) == (200, path.read_bytes()), address
        assert answer.headers["content-type"] == "text/plain"


@pytest.mark.parametrize("path", ["datasources/readings", "pipes/echo"])
def test_another_format_of_a_resource_is_refused(server: Server, path: str) -> None:
    """An unknown format is refused, not answered with JSON."""
    assert server.get(f"/v0/{path}", TOKENS.admin, format="json").json()["name"] == path.rpartition("/")[2]
    for format_ in ("yaml", "pipe" if "datasources" in path else "datasource"):
        answer = server.get(f"/v0/{path}", TOKENS.admin, format=format_)
        assert (answer.status_code, "'format' is json or" in answer.json()["error"]) == (400, True)


def test_an_id_stands_for_a_name(server: Server) -> None:
    """Every address that takes a name takes the id from the lists too."""
    source = server.get("/v0/datasources/readings", TOKENS.admin).json()["id"]
    pipe = server.get("/v0/pipes/echo").json()["id"]
    assert server.send(source, [{"at": 1, "name": "by-id"}]).json()["successful_rows"] == 1
    line = b'{"at": 1, "name": "by-id"}'
    assert server.post(f"/v1/datasources/{source}/append?format=ndjson", content=line).status_code == 201
    by_name = f"/v0/datasources?mode=append&format=ndjson&name={source}"
    assert server.post(by_name, content=line).status_code == 200
    assert server.get(f"/v0/datasources/{source}", TOKENS.admin).json()["name"] == "readings"
    assert server.get(f"/v0/datasources/{source}.datasource", TOKENS.admin).text.startswith("DESCRIPTION")
    deleted = server.post(
        f"/v0/datasources/{source}/delete", data={"delete_condition": "name = 'by-id'", "dry_run": "true"}
    )
    assert deleted.json()["rows_to_be_deleted"] >= 3
    assert server.get(f"/v0/pipes/{pipe}").json()["name"] == "echo"
    assert server.get(f"/v0/pipes/{pipe}.json", number=5).json()["data"][0]["number"] == 5
    assert server.get(f"/v0/pipes/{pipe}.json", q="SELECT number FROM _").json()["data"] == [{"number": 7}]
    assert server.get("/v0/sql", pipeline=pipe, q="SELECT number FROM _").text == "7\n"
    joined = f"SELECT any({pipe}.number), count() > 0 FROM {source} CROSS JOIN {pipe} WHERE {source}.at IN (SELECT at FROM {source})"
    assert server.get("/v0/sql", q=joined).text == "7\t1\n"


def test_an_id_opens_no_more_than_the_name(server: Server) -> None:
    """Without the scope on the resource its id is refused as well."""
    secrets = server.get("/v0/datasources/secrets", TOKENS.admin).json()["id"]
    for path in (f"/v0/datasources/{secrets}", f"/v0/sql?q=SELECT%20secret%20FROM%20{secrets}"):
        assert server.get(path).status_code == 403
    assert server.try_send(secrets, [{"secret": "s"}]).status_code == 403
    assert server.post(f"/v1/datasources/{secrets}/append?format=csv", TOKENS.append).status_code == 403
    assert server.get("/v0/sql?q=SELECT%201%20FROM%20t_nothing").status_code == 400


def test_attrs_choose_the_fields(server: Server) -> None:
    """Only what is named, and what published clients need besides; `node_attrs` the same for nodes."""
    [pipe] = [
        each
        for each in server.get("/v0/pipes", attrs="id,name,description,type,endpoint").json()["pipes"]
        if each["name"] == "echo"
    ]
    assert set(pipe) == {"id", "name", "description", "type", "endpoint", "url"}
    [one] = server.get("/v0/pipes/echo", attrs="name", node_attrs="name").json()["nodes"]
    assert set(one) == {"id", "name"}
    source = server.get("/v0/datasources/readings", TOKENS.admin, attrs="name").json()
    assert "description" not in source
    assert {"engine", "columns", "indexes", "new_columns_detected", "quarantine_rows"} <= set(source)
    assert set(source["engine"]) == {
        "engine",
        "engine_sorting_key",
        "engine_partition_key",
        "engine_primary_key",
    }
    everything = server.get("/v0/datasources", TOKENS.admin, attrs="").json()["datasources"]
    assert all("description" in each for each in everything)
    assert next(each["ttl"] for each in everything if each["name"] == "expiring") == "at + toIntervalHour(1)"


def test_a_node_says_what_it_reads(server: Server) -> None:
    """Names of data sources, pipes and other nodes, each once."""
    pipe = server.get("/v0/pipes/composed", dependencies="true").json()
    assert [node["dependencies"] for node in pipe["nodes"]] == [["numbers_base"], ["numbers_base"]]


def test_a_token_is_found_by_name_id_and_value(server: Server) -> None:
    """The three ways in which the command lines ask for one; another is 404."""
    token = server.get("/v0/tokens/fixture_read", TOKENS.admin).json()
    assert (token["token"], token["scopes"][0]["type"]) == (TOKENS.read, "PIPES:READ")
    assert server.get(f"/v0/tokens/{token['id']}", TOKENS.admin).json() == token
    assert server.get(f"/v0/tokens/{TOKENS.read}", TOKENS.admin).json() == token
    assert server.get("/v0/tokens/nothing", TOKENS.admin).status_code == 404


def test_what_the_project_cannot_have_is_an_empty_list(server: Server) -> None:
    """Connections, secrets and branches: none, rather than an error."""
    for path, key in (
        *(("/v0/connectors", "connectors"), ("/v0/variables", "variables")),
        *(("/v0/environments", "environments"), ("/v1/environments", "environments")),
    ):
        assert server.get(path, TOKENS.admin).json() == {key: []}


def test_the_workspace_has_the_fields_that_the_software_kits_take(server: Server) -> None:
    """Tinybird's kit for Python refuses any other field of this address."""
    workspace = server.get("/v1/workspace", TOKENS.admin).json()
    assert set(workspace) == {"id", "name", "user_id", "user_email", "scope", "main"}


def _check(server: Server, files: dict[str, str], query: str = "?check=true") -> httpx2.Response:
    parts: list[tuple[str, Part]] = [("context://", ("cli-version", b"1.0.0", "text/plain"))]
    parts += [("data_project://", (name, text.encode(), "text/plain")) for name, text in files.items()]
    return server.post(f"/v1/deploy{query}", files=parts)


def _project() -> dict[str, str]:
    return {str(path.relative_to(FIXTURE_PROJECT)): path.read_text() for path in DATAFILES}


def test_a_check_of_the_running_datafiles_finds_no_change(server: Server) -> None:
    """The answer says what was not checked."""
    answer = _check(server, _project()).json()
    assert (answer["result"], answer["deployment"]["errors"]) == ("no_changes", [])
    [feedback] = answer["deployment"]["feedback"]
    assert (feedback["level"], "run nothing" in feedback["message"]) == ("WARNING", True)


def test_a_check_names_what_would_change_and_changes_nothing(server: Server) -> None:
    """New, changed and deleted resources by kind; the server goes on with the old ones."""
    files = _project()
    del files["endpoints/slow.pipe"]
    files["endpoints/echo.pipe"] = "NODE echo_result\nSQL >\n    SELECT 1 AS one\n\nTYPE endpoint\n"
    files["datasources/more.datasource"] = "SCHEMA >\n    `a` String\n"
    checked = _check(server, files).json()
    assert checked["result"] == "success"
    changes = {name: value for name, value in checked["deployment"].items() if name.endswith("_names")}
    assert {name: value for name, value in changes.items() if value} == {
        "new_datasource_names": ["more"],
        "changed_pipe_names": ["echo"],
        "deleted_pipe_names": ["slow"],
    }
    assert len(server.get("/v0/datasources", TOKENS.admin).json()["datasources"]) == 3
    assert server.pipe("echo")[0]["number"] == 7


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.datasource", "SCHEMA >\n    `a` Strong\n", "line 1: column a: the type Strong does not run here"),
        ("a.datasource", "ENGINE MergeTree\n", "line 1: a data source needs a SCHEMA"),
        ("a.pipe", "NODE n\nSQL >\n    SELECT 1\n\nTYPE copy\n", "line 5: TYPE copy does not run here"),
        ("a.pipe", "NODE n\nSQL >\n    %\n    SELECT {{ x.y }}\n", "line 1: node n"),
        ("a.pipe", "NODE n\nSQL >\n    SELECT 1 FROM nothing\n", "called 'nothing'"),
        (
            "a.pipe",
            "NODE n\nSQL >\n    %\n    SELECT {{ DateTime(d) }}, {{ Int8(i) }} FROM nothing WHERE 1 = {{ String(s) }}\n",
            "called 'nothing'",
        ),
        ("a.pipe", "NODE n\nSQL >\n    SELEC 1\n", "cannot parse"),
        ("a.pipe", "NODE n\nSQL >\n    SELECT \0 1\n", "cannot parse"),
        ("a.pipe", "NODE n\n" + "x" * 100_000, "…"),
        ("endpoints/echo.pipe/a.pipe", "NODE n\nSQL >\n    SELECT 1\n", "no file can have this name"),
        ("a" * 300 + ".pipe", "NODE n\nSQL >\n    SELECT 1\n", "no file can have this name"),
        ("a:b/c.pipe", "NODE n\nSQL >\n    SELECT 1 FROM nothing\n", "called 'nothing'"),
        ("a:b.pipe", "NODE n\nSQL >\n    SELECT 1\n", "the file's name is the resource's"),
        ("sub/echo.pipe", "NODE n\nSQL >\n    SELECT 1\n", "another resource is called echo"),
        ("a.connection", "TYPE kafka\n", "only .datasource and .pipe files run here"),
        ("1.pipe", "NODE n\nSQL >\n    SELECT 1\n", "the file's name is the resource's"),
    ],
    ids=[
        *(
            "type",
            "no-schema",
            "copy",
            "template",
            "unknown-table",
            "unknown-table-for-values",
            "sql",
            "nul",
            "long",
        ),
        *("file-as-folder", "long-name", "colon-in-a-folder", "colon", "twice", "connection", "name"),
    ],
)
def test_a_check_says_what_is_wrong_with_which_file(server: Server, name: str, text: str, words: str) -> None:
    """It lists all errors that the start of the server would find, without a path of this machine."""
    checked = _check(server, {**_project(), name: text}).json()
    assert checked["result"] == "failed"
    [error] = checked["deployment"]["errors"]
    assert (error["filename"], words in error["error"]) == (name, True), error
    assert tempfile.gettempdir() not in error["error"]
    assert len(error["error"]) <= 500


def test_every_broken_file_is_named(server: Server) -> None:
    """Every broken file is listed, not only the first."""
    checked = _check(server, {**_project(), "a.pipe": "NODE", "b.datasource": "SCHEMA"}).json()
    assert [error["filename"] for error in checked["deployment"]["errors"]] == ["a.pipe", "b.datasource"]


@pytest.mark.parametrize("name", ["../x.pipe", "/etc/x.pipe", "a/../../x.pipe", "a\\..\\x.pipe"])
def test_no_file_of_a_check_leaves_its_directory(server: Server, name: str) -> None:
    """A path out of the project is refused before anything is written."""
    answer = _check(server, {name: "NODE n\nSQL >\n    SELECT 1\n"})
    assert (answer.status_code, "not inside the project" in answer.json()["error"]) == (400, True)


def test_a_check_without_files_is_refused(server: Server) -> None:
    """An empty form, no form at all, and more than 10 MB."""
    assert _check(server, {}).status_code == 400
    assert server.post("/v1/deploy?check=true", content=b"x").status_code == 400
    assert _check(server, {"a.pipe": "x" * 11_000_000}).status_code == 413


def test_a_deployment_is_refused_by_name_and_the_running_one_is_listed(server: Server) -> None:
    """The refusal says how changes are taken up."""
    answer = _check(server, _project(), "")
    assert (answer.status_code, "Deploying is not supported" in answer.json()["error"]) == (501, True)
    [deployment] = server.get("/v1/deployments", TOKENS.admin).json()["deployments"]
    assert (deployment["live"], deployment["status"]) == (True, "data_ready")
    one = server.get(f"/v1/deployments/{deployment['id']}", TOKENS.admin).json()
    assert one == {"deployment": deployment}
    assert server.get("/v1/deployments/2", TOKENS.admin).status_code == 404


def test_a_web_page_may_use_the_server_only_where_its_origin_was_named(
    server: Server, tmp_path: Path
) -> None:
    """Without the option a preflight is refused; with it only the named origin is allowed, and needs a token."""
    page = "http://localhost:3000"
    asks = {
        "Origin": page,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    address = "/v0/pipes/echo.json"
    assert server.client.options("/v0/events", headers=asks).status_code == 501
    assert "access-control-allow-origin" not in server.client.get(address, headers={"Origin": page}).headers
    with running(tmp_path, web_origins=[page]) as opened:
        assert (
            opened.client.options("/v0/events", headers=asks).headers["access-control-allow-origin"] == page
        )
        other = {**asks, "Origin": "http://evil.example"}
        assert opened.client.options("/v0/events", headers=other).status_code == 400
        answer = opened.client.get(address, headers={"Origin": page})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (403, page)
        answer = opened.client.get(f"{address}?token={TOKENS.read}", headers={"Origin": page})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, page)
