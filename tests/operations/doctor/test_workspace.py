"""Tokens and deployment: each fault provoked on a real server and named."""

from pathlib import Path

import httpx2
import pytest

from analytics.operations.doctor import examine, flow, workspace
from analytics.transports.tinybird import Tinybird, TokenKind
from tests.conftest import ROOT, LocalStack
from tests.operations.doctor.clinic import deployed, environment, found, of, of_server, replaced
from tests.transports.test_tinybird import Recorder, ok


def test_a_wrong_token_is_one_problem_each(local_stack: LocalStack) -> None:
    """Not thirteen: what the token would have read was not checked."""
    report = examine(environment(local_stack, TINYBIRD_READ_TOKEN="p.wrong"))
    assert of(report, "tokens")["TINYBIRD_READ_TOKEN"][0] == "problem"
    assert list(of(report, "pipes")) == ["all"]
    assert [each.subject for each in report.findings if each.level == "problem"] == ["TINYBIRD_READ_TOKEN"]
    for name in ("TINYBIRD_APPEND_TOKEN", "TINYBIRD_ADMIN_TOKEN"):
        level, finding = found(environment(local_stack, **{name: "p.wrong"}), "tokens")[name]
        assert level == "problem"
        assert "tb --cloud token ls" in finding


def test_an_append_token_in_place_of_the_read_token(local_stack: LocalStack) -> None:
    """It can read nothing, and says what it can do instead."""
    level, finding = found(environment(local_stack, TINYBIRD_READ_TOKEN=local_stack.append_token), "tokens")[
        "TINYBIRD_READ_TOKEN"
    ]
    assert level == "problem"
    assert "appends to visitor_events" in finding


def test_tokens_that_may_more_than_they_need_are_warnings(local_stack: LocalStack) -> None:
    """Everything works with the admin token everywhere, and each place says that it should not be there."""
    admin = local_stack.admin_token
    report = examine(environment(local_stack, TINYBIRD_READ_TOKEN=admin, TINYBIRD_APPEND_TOKEN=admin))
    read, append = (of(report, "tokens")[f"TINYBIRD_{kind}_TOKEN"] for kind in ("READ", "APPEND"))
    assert (read[0], append[0]) == ("warning", "warning")
    assert "appends to visitor_events" in read[1]
    assert "deletes" in append[1]
    assert report.verdict == "warning"


def test_a_read_token_does_not_append(local_stack: LocalStack) -> None:
    """In the place of the append token it is a problem that names the data sources."""
    level, finding = found(environment(local_stack, TINYBIRD_APPEND_TOKEN=local_stack.read_token), "tokens")[
        "TINYBIRD_APPEND_TOKEN"
    ]
    assert level == "problem"
    assert "visitor_events" in finding


def test_an_admin_token_is_at_home_on_the_local_stack_alone() -> None:
    """Beside the dashboard's real workspace it is a warning."""
    is_set: dict[TokenKind, bool] = {"read": True, "append": False, "admin": True}
    for is_local, expected in ((True, "ok"), (False, "warning")):
        with Recorder(ok({"rows_to_be_deleted": 0})).client() as tinybird:
            findings = workspace.tokens(tinybird, is_set, is_local=is_local)
        assert {each.subject: each.level for each in findings}["TINYBIRD_ADMIN_TOKEN"] == expected


def test_a_delete_job_that_runs_is_no_problem_of_the_tokens() -> None:
    """During a purge Tinybird refuses the dry run: what it would have shown is said to be open."""
    is_set: dict[TokenKind, bool] = {"read": True, "append": False, "admin": True}
    pipes = ok({"pipes": [{"name": "unique_visitors"}]})
    for busy in (httpx2.Response(429), httpx2.Response(403, json={"error": "Only one delete job at a time"})):
        forbidden = httpx2.Response(403)
        with Recorder(pipes, busy, forbidden, forbidden, busy).client() as tinybird:
            read, _, admin = workspace.tokens(tinybird, is_set, is_local=False)
        assert (read.level, admin.level) == ("ok", "ok")
        for finding in (read, admin):
            assert "a delete job is running" in finding.message


def test_pipes_that_are_all_refused_are_problems() -> None:
    """A token that lists pipes and may read none leaves the dashboard empty: never exit code 0."""
    with Recorder(httpx2.Response(403)).client() as tinybird:
        findings = workspace.pipes(tinybird, may_read=True)
    assert {finding.level for finding in findings} == {"problem"}
    assert all(finding.remedy for finding in findings)


def test_events_that_cannot_be_asked_for_are_a_problem() -> None:
    """Tinybird answered before and fails here: its message and remedy, with or without an admin token."""
    with Recorder(httpx2.Response(403)).client() as tinybird:
        [finding] = flow.events(tinybird, None, may_query=True)
    assert (finding.level, bool(finding.remedy)) == ("problem", True)


def test_probing_changes_nothing(local_stack: LocalStack) -> None:
    """No row is appended or deleted, and no job is started, however often tokens are tried."""
    with Tinybird(
        local_stack.host, local_stack.admin_token, local_stack.admin_token, local_stack.admin_token
    ) as tinybird:
        counted = [
            tinybird.query_sql("count", f"SELECT count() AS n FROM {name}").rows
            for name in ("visitor_events", "conversation_metrics")
        ]
        jobs = tinybird.manage("GET", "/v0/jobs", "admin", "jobs")
        workspace.tokens(tinybird, {"read": True, "append": True, "admin": True}, is_local=True)
        assert tinybird.manage("GET", "/v0/jobs", "admin", "jobs") == jobs
        assert counted == [
            tinybird.query_sql("count", f"SELECT count() AS n FROM {name}").rows
            for name in ("visitor_events", "conversation_metrics")
        ]


def test_what_is_not_deployed_as_this_version_is_named(local_stack: LocalStack, tmp_path: Path) -> None:
    """A missing pipe, a missing column, a column of another type, in pipes and in a data source."""

    def older(project: Path) -> None:
        (project / "endpoints" / "visitor_activity.pipe").unlink()
        replaced(
            project / "endpoints" / "data_freshness.pipe",
            "sum(events) AS events",
            "toString(sum(events)) AS events",
        )
        replaced(project / "endpoints" / "event_volume.pipe", "daily.events AS events,", "")
        replaced(
            project / "datasources" / "conversation_metrics.datasource",
            "`duration_seconds` Float32",
            "`duration_seconds` String",
        )
        replaced(
            project / "datasources" / "visitor_events.datasource",
            "    `browser` LowCardinality(String) `json:$.browser` DEFAULT '',\n",
            "",
        )

    with deployed(tmp_path, older) as server:
        report = examine(environment(local_stack, **of_server(server)))
    pipes, datasources = of(report, "pipes"), of(report, "data sources")
    assert pipes["visitor_activity"] == ("problem", f"not deployed {workspace._DEPLOY}")
    assert pipes["data_freshness"][1].startswith("column events is String, not int")
    assert pipes["event_volume"][1].startswith("has no column events")
    assert pipes["unique_visitors"][0] == "ok"
    assert datasources["conversation_metrics"][1].startswith("column duration_seconds is String, not float")
    assert datasources["visitor_events"][1].startswith("has no column browser")
    assert report.verdict == "problem"


def test_a_data_source_that_is_not_there(local_stack: LocalStack, tmp_path: Path) -> None:
    """Renamed in the workspace: a problem, with the deployment as the remedy."""

    def renamed(project: Path) -> None:
        folder = project / "datasources"
        (folder / "visitor_events.datasource").rename(folder / "other_events.datasource")
        for pipe in project.rglob("*.pipe"):
            pipe.write_text(pipe.read_text().replace("FROM visitor_events", "FROM other_events"))

    with deployed(tmp_path, renamed) as server:
        report = examine(environment(local_stack, **of_server(server)))
    assert of(report, "data sources")["visitor_events"] == ("problem", f"not deployed {workspace._DEPLOY}")


@pytest.mark.parametrize(
    "answer", [{}, {"datasources": "none"}, {"datasources": [{"name": "visitor_events"}]}], ids=str
)
def test_a_listing_without_columns(answer: dict[str, object]) -> None:
    """Some tokens see names alone: not checked or a problem, never ok."""
    with Recorder(ok(answer)).client() as tinybird:
        findings = workspace.datasources(tinybird, ["append"])
    assert {each.level for each in findings} <= {"problem", "not checked"}


def test_every_pipe_of_the_project_is_examined() -> None:
    """A new pipe is checked once the dashboard promises its columns."""
    files = {path.stem for path in (ROOT / "tinybird" / "endpoints").glob("*.pipe")}
    assert {schema.resource for schema in workspace.promised_pipes()} == files


def test_every_column_of_the_data_sources_is_expected() -> None:
    """What events are written with is what the datafiles take."""
    for name, columns in workspace.promised_columns().items():
        lines = (ROOT / "tinybird" / "datasources" / f"{name}.datasource").read_text().splitlines()
        declared = {
            line.split("`")[1]: line.split("`")[2].strip() for line in lines if line.startswith("    `")
        }
        assert list(columns) == list(declared)
        for column, dtype in columns.items():
            assert workspace.fits(dtype, declared[column]), column
