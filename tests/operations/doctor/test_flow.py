"""Clocks, newest events and quarantine, each made wrong on a real server."""

import time
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest

from analytics.operations.doctor.websites import MOST_NAMED
from tests.conftest import LocalStack
from tests.local.tinybird_server import Server
from tests.operations.doctor.clinic import deployed, environment, found, of_server, skewed
from tests.product_database import Product


@pytest.fixture(scope="module")
def project_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """This project on a server of its own."""
    with deployed(tmp_path_factory.mktemp("flow")) as started:
        yield started


@pytest.fixture
def server(project_server: Server) -> Iterator[Server]:
    """That server without a row; emptied after the test."""
    yield project_server
    for name in ("visitor_events", "conversation_metrics"):
        for table in (name, f"{name}_quarantine"):
            answer = project_server.post(f"/v0/datasources/{table}/truncate")
            assert answer.status_code == 205, answer.text


def event(kind: str, ago_seconds: float, website_id: str = "w1") -> dict[str, str]:
    """A visitor event so long ago; negative lies ahead."""
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() - ago_seconds))
    return {"timestamp": at, "website_id": website_id, "visitor_id": "v1", "event_type": kind}


@pytest.mark.parametrize(
    ("ahead", "level", "words"),
    [
        pytest.param(timedelta(0), "ok", "agrees", id="right"),
        pytest.param(timedelta(seconds=30), "warning", "before this machine's", id="half a minute ahead"),
        pytest.param(timedelta(hours=-1), "problem", "behind this machine's", id="an hour behind"),
    ],
)
def test_a_clock_that_is_off(local_stack: LocalStack, ahead: timedelta, level: str, words: str) -> None:
    """By the Date of Tinybird's answers; everything else goes on working through the proxy."""
    with skewed(local_stack.host, ahead) as host:
        finding = found(environment(local_stack, TINYBIRD_HOST=host), "clocks")
    assert finding["tinybird"][0] == level
    assert words in finding["tinybird"][1]
    assert finding["postgres"][0] == "ok"


def test_an_empty_workspace_misses_what_nothing_works_without(
    local_stack: LocalStack, server: Server
) -> None:
    """No presence and no conversation are warnings; page views and the rest may be absent."""
    events = found(environment(local_stack, **of_server(server)), "events")
    assert {kind for kind, (level, _) in events.items() if level == "warning"} == {
        "seen",
        "conversation_started",
    }
    assert len(events) == 8


def test_the_newest_event_of_each_type(local_stack: LocalStack, server: Server) -> None:
    """Fresh, old and future-dated are distinguished."""
    server.send("visitor_events", [event("seen", 30), event("page_view", -3600), event("page_view", 7200)])
    events = found(environment(local_stack, **of_server(server)), "events")
    assert events["seen"][0] == "ok"
    assert "1 in 30 days" in events["seen"][1]
    assert events["page_view"][0] == "warning"
    assert "1 are dated in the future" in events["page_view"][1]


def test_events_that_stopped(local_stack: LocalStack, server: Server) -> None:
    """No visitor for two days is a warning with the duration."""
    server.send("visitor_events", [event("seen", 2 * 86_400 + 60)])
    level, finding = found(environment(local_stack, **of_server(server)), "events")["seen"]
    assert level == "warning"
    assert "newest 2 days ago" in finding


def test_without_an_admin_token_the_newest_websites_are_asked(
    local_stack: LocalStack, server: Server, product: Product
) -> None:
    """Through the pipe, and it says of how many websites."""
    rows = [event("seen", 30, product.website_id), event("page_view", -7200, product.website_id)]
    server.send("visitor_events", rows)
    product.update("website", product.website_id, created_at="2100-01-01")
    try:
        changed = of_server(server) | {"TINYBIRD_ADMIN_TOKEN": ""}
        events = found(environment(local_stack, **changed), "events")
    finally:
        product.update("website", product.website_id, created_at="2020-01-01")
    assert events["seen"][0] == "ok"
    assert "newest active websites" in events["seen"][1]
    assert events["page_view"][0] == "warning"
    assert "1 are dated in the future" in events["page_view"][1]


def test_rows_in_quarantine_are_counted_with_their_columns(local_stack: LocalStack, server: Server) -> None:
    """By data source; none is ok."""
    environ = environment(local_stack, **of_server(server))
    assert found(environ, "quarantine") == {"both data sources": ("ok", "no rows in 30 days ")}
    bad = [{**event("seen", 0), "timestamp": "yesterday"} for _ in range(3)]
    assert server.send("visitor_events", bad).json()["quarantined_rows"] == 3
    finding = found(environ, "quarantine")
    assert list(finding) == ["visitor_events"]
    assert finding["visitor_events"][0] == "warning"
    assert "3 rows" in finding["visitor_events"][1]
    assert "timestamp" in finding["visitor_events"][1]


def test_a_website_id_is_no_part_of_what_is_asked(local_stack: LocalStack, server: Server) -> None:
    """Rows with an odd website id are counted like any other."""
    server.send("visitor_events", [event("seen", 5, f"x'; --{uuid4().hex}")])
    assert found(environment(local_stack, **of_server(server)), "events")["seen"][0] == "ok"


def test_each_website_that_stopped_has_a_line(
    local_stack: LocalStack, server: Server, product: Product
) -> None:
    """By its slug, with what is usual for it and what to do; one that flows is counted, a foreign one is not."""
    flowing = product.add_website(f"flowing-{product.key}")
    for website_id, since in (
        (product.website_id, 2 * 86_400),
        (flowing, 5),
        ("not-in-postgres", 9 * 86_400),
    ):
        server.send("visitor_events", [event("seen", since + 300 * back, website_id) for back in range(30)])
    found_websites = found(environment(local_stack, **of_server(server)), "websites")
    (stopped,) = (text for level, text in found_websites.values() if level == "warning")
    assert "stopped: newest event 2 days ago, usually not longer than 5 min without one" in stopped
    assert "Check that the product still emits for it" in stopped
    assert "not-in-postgres" not in found_websites
    level, counts = found_websites["all"]
    assert (level, "1 stopped" in counts, "1 flow as usual" in counts) == ("ok", True, True)


def test_hundreds_of_websites_that_stopped_are_ten_lines(
    local_stack: LocalStack, server: Server, product: Product
) -> None:
    """The others are counted."""
    for number in range(MOST_NAMED + 2):
        website_id = product.add_website(f"gone-{number}-{product.key}")
        server.send("visitor_events", [event("seen", 90_000 + 60 * back, website_id) for back in range(30)])
    found_websites = found(environment(local_stack, **of_server(server)), "websites")
    warnings = [subject for subject, (level, _text) in found_websites.items() if level == "warning"]
    assert len(warnings) == MOST_NAMED + 1
    assert "2 more stopped" in found_websites["others"][1]
