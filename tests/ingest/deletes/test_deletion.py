"""Deleting a website's rows: the request, the job, and an id that never becomes SQL."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.errors import ConfigError, SchemaMismatch, SourceRejected
from analytics.ingest.deletes import deletion
from analytics.ingest.deletes.deletion import DeleteJob
from analytics.settings import load_settings
from analytics.transports.tinybird import Tinybird
from tests.conftest import LocalStack
from tests.transports.test_tinybird import ADMIN, Recorder, ok, refused

HOSTILE = [
    "",
    "w1' OR 1=1 --",
    "w1\\",
    "w\n",
    "w1\0",
    "ö",
    "w１",
    "w1/*",
    "w1;DROP TABLE visitor_events",
    "{{w}}",
    "w" * 101,
]


def test_a_delete_names_the_website_and_its_job_is_asked_for() -> None:
    """The condition with the admin token, then the job by its id."""
    started = {"id": "j1", "job_id": "j1", "status": "waiting"}
    server = Recorder(
        httpx2.Response(201, json=started), refused(503), ok({"status": "done", "rows_affected": 42})
    )
    with server.client() as client:
        assert deletion.start(client, "visitor_events", deletion.condition_of("w-1_A")) == "j1"
        assert deletion.job(client, "visitor_events", "j1") == DeleteJob("done", 42, "")
    first, *polls = server.requests
    assert (first.method, first.url.path) == ("POST", "/v0/datasources/visitor_events/delete")
    assert parse_qs(first.content.decode()) == {"delete_condition": ["website_id = 'w-1_A'"]}
    assert [poll.url.path for poll in polls] == ["/v0/jobs/j1", "/v0/jobs/j1"]
    assert all(request.headers["Authorization"] == f"Bearer {ADMIN}" for request in server.requests)


@pytest.mark.parametrize("website_id", HOSTILE)
def test_a_website_id_never_becomes_sql(website_id: str) -> None:
    """Anything but an id is refused before a request is made."""
    server = Recorder(ok())
    with server.client() as client:
        for ask in (deletion.start, deletion.count_rows):
            with pytest.raises(ValueError, match="website id"):
                ask(client, "visitor_events", deletion.condition_of(website_id))
    assert server.requests == []


@given(st.text())
def test_a_condition_holds_an_id_or_is_refused(text: str) -> None:
    """Of any text at all, what comes through has no character that could end the value."""
    try:
        condition = deletion.condition_of(text)
    except ValueError:
        assert not deletion.is_id(text)
    else:
        assert condition == f"website_id = '{text}'"
        assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


@pytest.mark.parametrize("name", ["", "a.b", "visitor_events WHERE 1=1 --", "../jobs"])
def test_a_data_source_is_a_name(name: str) -> None:
    """Refused before a request is made."""
    server = Recorder(ok())
    with server.client() as client, pytest.raises(ValueError, match="data source"):
        deletion.start(client, name, deletion.condition_of("w1"))
    assert server.requests == []


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("waiting", "working"),
        ("working", "working"),
        ("cancelling", "working"),
        ("done", "done"),
        ("error", "failed"),
        ("cancelled", "failed"),
    ],
)
def test_what_a_jobs_status_means(status: str, expected: str) -> None:
    """An unknown or unhappy end is never taken for success."""
    with Recorder(ok({"status": status})).client() as client:
        assert deletion.job(client, "visitor_events", "j1").status == expected


def test_a_job_that_fails_says_why() -> None:
    """The job's own error, scrubbed."""
    with Recorder(ok({"status": "error", "error": f"no partition {ADMIN}"})).client() as client:
        assert deletion.job(client, "visitor_events", "j1") == DeleteJob("failed", None, "no partition ***")


@pytest.mark.parametrize("answer", [{}, {"job_id": 5}, {"job_id": "../pipes"}, {"job_id": ""}], ids=str)
def test_a_delete_without_a_usable_job_is_a_mismatch(answer: dict[str, object]) -> None:
    """No job to wait for, no success."""
    with Recorder(ok(answer)).client() as client, pytest.raises(SchemaMismatch):
        deletion.start(client, "visitor_events", deletion.condition_of("w1"))


@pytest.mark.parametrize("rows", [[], [{}], [{"rows_held": None}]], ids=str)
def test_an_answer_that_counts_nothing_is_not_zero(rows: list[dict[str, object]]) -> None:
    """A purge never takes a missing count for zero rows."""
    answer = ok({"meta": [], "data": rows})
    with Recorder(answer).client() as client, pytest.raises(SchemaMismatch):
        deletion.count_rows(client, "visitor_events", deletion.condition_of("w1"))


def test_without_an_admin_token_nothing_is_asked() -> None:
    """The variable is named."""
    server = Recorder(ok())
    with server.client(admin=None) as client:
        for ask in (deletion.start, deletion.count_rows):
            with pytest.raises(ConfigError, match="TINYBIRD_ADMIN_TOKEN"):
                ask(client, "visitor_events", deletion.condition_of("w1"))
    assert server.requests == []


def test_the_real_server_counts_and_deletes(
    stack_environment: LocalStack, send_events: Callable[..., dict[str, Any]]
) -> None:
    """One website's rows go, its neighbour's stay; an unknown job gives 404."""
    gone, kept = f"w-{uuid4().hex}", f"w-{uuid4().hex}"
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    send_events(
        "visitor_events",
        [
            {"timestamp": at, "website_id": website, "visitor_id": f"v{n}", "event_type": "seen"}
            for website in (gone, kept)
            for n in range(3)
        ],
    )
    with Tinybird.from_settings(load_settings()) as client:
        assert deletion.count_rows(client, "visitor_events", deletion.condition_of(gone)) == 3
        assert deletion.rows_by_website(client, "visitor_events")[gone] == 3
        job_id = deletion.start(client, "visitor_events", deletion.condition_of(gone))
        while (job := deletion.job(client, "visitor_events", job_id)).status == "working":
            pass
        assert job == DeleteJob("done", 3, "")
        assert deletion.count_rows(client, "visitor_events", deletion.condition_of(gone)) == 0
        assert deletion.count_rows(client, "visitor_events", deletion.condition_of(kept)) == 3
        with pytest.raises(SourceRejected, match="404"):
            deletion.job(client, "visitor_events", "no-such-job")
