"""Explain: the other readings of a KPI, and the query it came from."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import psycopg
import pytest
from streamlit.testing.v1 import AppTest

from analytics.kpis.declarations import KPIS
from analytics.kpis.intervals import Interval
from analytics.kpis.metrics import Kpi
from analytics.kpis.verdicts import NOTHING_MEASURED, Delta, Estimate
from analytics.transports.postgres import Parameter, Postgres, QueryAnswer
from pages.components.metrics import explain
from tests.conftest import LocalStack
from tests.pages.conftest import RunPage, Site, explanations, open_explanations

KPI = Kpi(
    KPIS["median_response"],
    Estimate(98.0, 685, Interval(90.0, 106.0), p90=486.0, mean=646.0),
    Estimate(129.0, 742, None),
    Delta(-0.24, "relative", "better", low=-0.31, high=-0.165),
)


def test_every_reading_has_its_name_and_exact_seconds() -> None:
    """Mean and p90 stand beside the median, with n and the interval."""
    assert explain.facts(KPI) == [
        ("Median", "1 m 38 s (98 s)"),
        ("Mean", "10 m 46 s (646 s)"),
        ("90 % within (p90)", "8 m 6 s (486 s)"),
        ("95 % interval", "1 m 30 s to 1 m 46 s"),
        ("Counted", "685 responses"),
        ("Change", "−24 %, between −31 and −16 %"),
        ("Period before", "2 m 9 s (129 s)"),
        ("Counted, period before", "742 responses"),
    ]


def test_a_part_of_a_second_is_not_shown_as_none() -> None:
    """In both readings."""
    assert explain.facts(replace(KPI, current=replace(KPI.current, value=0.4)))[0] == (
        "Median",
        "0.4 s (< 1 s)",
    )


def test_what_does_not_exist_is_left_out() -> None:
    """Nothing measured: n alone, and it is 0."""
    nothing = Kpi(KPIS["ai_handled"], NOTHING_MEASURED, None, Delta(None, "pp", "off"))
    assert explain.facts(nothing) == [("Counted", "0 resolved conversations")]


def test_each_card_names_its_pipe_and_parameters(run_page: RunPage, three_conversations: Site) -> None:
    """Satisfaction and visitors name both of their sources, the median response also who still waits; the dates are those of the view, in UTC."""
    page = open_explanations(run_page("app.py", website=three_conversations.slug, tz="UTC"))
    assert not page.exception
    asked = [code.value for code in page.code]
    first = (datetime.now(UTC) - timedelta(days=6)).date()
    assert len([text for text in asked if f"website_id={three_conversations.id}" in text]) == 8
    assert all(f"date_from={first} 00:00:00" in text for text in asked if text.startswith("website_id"))
    captions = " ".join(caption.value for caption in page.caption)
    names = {"inbox_analytics", "unique_visitors", "rating_and_sentiment", "still_waiting"}
    assert names <= set(captions.split("`"))


Sent = list[tuple[str, dict[str, str]]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """Every read that leaves this process: name of the pipe or query, and its parameters."""
    queries: Sent = []
    send, read = httpx2.HTTPTransport.handle_request, Postgres.read

    def kept_send(self: httpx2.HTTPTransport, request: httpx2.Request) -> httpx2.Response:
        name = request.url.path.removeprefix("/v0/pipes/").removesuffix(".json")
        queries.append((name, dict(request.url.params)))
        return send(self, request)

    def kept_read(self: Postgres, name: str, statement: str, params: Mapping[str, Parameter]) -> QueryAnswer:
        queries.append((name, {key: str(value) for key, value in params.items()}))
        return read(self, name, statement, params)

    monkeypatch.setattr(httpx2.HTTPTransport, "handle_request", kept_send)
    monkeypatch.setattr(Postgres, "read", kept_read)
    return queries


def queries_of(page: AppTest) -> Sent:
    """What the explanations of a page print."""
    names = [caption.value.split("`")[1] for caption in page.caption if caption.value.startswith("From the ")]
    texts = [code.value for code in page.code if code.value.startswith("website_id=")]
    return [
        (name, dict(line.split("=", 1) for line in text.splitlines()))
        for name, text in zip(names, texts, strict=True)
    ]


def days_ago(first: int, last: int) -> str:
    """A custom range by how many days ago it starts and ends, as the URL has it."""
    first_day, last_day = ((datetime.now(UTC) - timedelta(days=days)).date() for days in (first, last))
    return f"{first_day}..{last_day}"


@pytest.mark.parametrize(
    ("page_path", "explainable"),
    [
        ("app.py", {"inbox_analytics", "unique_visitors", "rating_and_sentiment"}),
        ("pages/visitors.py", {"visitor_breakdown"}),
        ("pages/satisfaction.py", {"inbox_analytics", "rating_and_sentiment"}),
    ],
)
@pytest.mark.parametrize(
    ("plan", "query"),
    [
        pytest.param(None, {"tz": "Pacific/Apia"}, id="compared"),
        pytest.param(None, {"tz": "America/Havana", "compare": "off"}, id="not compared"),
        pytest.param(None, {"range": days_ago(30, 9)}, id="cut by the plan"),
        pytest.param("pro", {"tz": "Australia/Lord_Howe", "range": days_ago(80, 9)}, id="visitors cut"),
        pytest.param("pro", {"range": days_ago(80, 40)}, id="visitors out of reach"),
        pytest.param(
            "pro", {"tz": "Africa/Casablanca", "country_code": "FR", "device_type": "-"}, id="filtered"
        ),
    ],
)
def test_explain_prints_what_was_sent(
    run_page: RunPage,
    make_site: Callable[..., Site],
    sent: Sent,
    page_path: str,
    explainable: set[str],
    plan: str | None,
    query: dict[str, str],
) -> None:
    """All parameters of a query that was sent, and no query that was not."""
    site = make_site(plan=plan)
    page = open_explanations(run_page(page_path, website=site.slug, **query))
    assert not page.exception
    explained = queries_of(page)
    assert [query for query in explained if query not in sent] == []
    asked = {name for name, _ in sent} & explainable
    assert {name for name, _ in explained} & explainable == asked


def test_the_cards_of_visitors_name_theirs(run_page: RunPage, two_visitors: Site) -> None:
    """Visitors, sessions and page views: one pipe, with the filters of the page among its parameters."""
    query = {"website": two_visitors.slug, "tz": "UTC", "country_code": "FR"}
    page = open_explanations(run_page("pages/visitors.py", **query))
    asked = [code.value for code in page.code if code.value.startswith("website_id")]
    assert len(asked) == 3
    assert all("country_code=FR" in text for text in asked)
    captions = [caption.value for caption in page.caption if "Tinybird pipe" in caption.value]
    assert len(captions) == 3
    assert all("`visitor_breakdown`" in caption for caption in captions)


@pytest.mark.parametrize("page_path", ["app.py", "pages/visitors.py"])
def test_a_partial_count_has_its_start_in_the_explanation_too(
    run_page: RunPage, make_site: Callable[..., Site], page_path: str
) -> None:
    """Visitors that were not counted from the start of the period say so, as on their cards."""
    page = run_page(page_path, website=make_site(plan="pro").slug, range=days_ago(60, 5))
    assert not page.exception
    start = datetime.now(UTC) - timedelta(days=30)
    since = f"since {start.day} {start:%b}"
    tables = explanations(page)
    if page_path == "app.py":
        assert tables[-1] == {"Value": f"0 {since}"}
        assert not [text for each in tables[:-1] for text in each.values() if since in text]
    else:
        assert tables == [{"Value": f"0 {since}"}] * 3


def test_copied_link_has_the_dates_themselves(run_page: RunPage, three_conversations: Site) -> None:
    """Opened next week it shows the same days; the browser takes the rest from its address."""
    page = run_page("app.py", website=three_conversations.slug, tz="Asia/Kolkata", metric="ai_handled")
    protos: list[Any] = [element.proto for element in page.get("bidi_component")]
    (button,) = [proto for proto in protos if proto.component_name == "copy_link"]
    data = json.loads(button.json)
    assert {"metric", "response", "compare"} < set(data["names"])
    dates = data["fixed"].pop("range")
    assert data["fixed"] == {"website": three_conversations.slug, "tz": "Asia/Kolkata"}
    first, last = dates.split("..")
    assert datetime.fromisoformat(last) - datetime.fromisoformat(first) == timedelta(days=6)


def keep(stack: LocalStack, site: Site, conversation: str, **columns: object) -> None:
    """A conversation of the fixture in Postgres, with a visitor of its own: `is_test` and `visitor_deleted_at` are theirs."""
    at = datetime.now(UTC) - timedelta(days=1)
    key, visitor = f"{site.id}-{conversation}", f"{site.id}-visitor-{conversation}"
    with psycopg.connect(stack.owner_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO visitor (id, organization_id, website_id, is_test, deleted_at, created_at)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (
                visitor,
                site.organization_id,
                site.id,
                columns.get("is_test"),
                columns.get("visitor_deleted_at"),
                at,
            ),
        )
        connection.execute(
            "INSERT INTO conversation (id, organization_id, website_id, visitor_id, started_at, created_at, updated_at,"
            " deleted_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            (key, site.organization_id, site.id, visitor, at, at, at, columns.get("deleted_at")),
        )


def explained(run_page: RunPage, site: Site, kpi: str, *, is_open: bool = True) -> list[str]:
    """What the explanation of a KPI says about deleted and test conversations."""
    page = run_page("app.py", website=site.slug, tz="UTC")
    if is_open:
        page.session_state[f"explain-{kpi}"] = True
        page.run()
    assert not page.exception
    return [caption.value for caption in page.caption if "deleted or" in caption.value]


@pytest.mark.parametrize(
    ("kpi", "conversations"),
    [
        ("median_response", 2),
        ("median_resolution", 1),
        ("ai_handled", 1),
        ("satisfaction_index", 2),
        ("unique_visitors", 0),
    ],
)
def test_what_is_deleted_or_test_and_still_counted_is_said(
    run_page: RunPage,
    three_conversations: Site,
    stack_environment: LocalStack,
    kpi: str,
    conversations: int,
) -> None:
    """As many as the number counts: two with an answer, one of them resolved; visitors rest on no conversation."""
    gone = datetime.now(UTC)
    keep(stack_environment, three_conversations, "a")
    keep(stack_environment, three_conversations, "b", is_test=True)
    keep(stack_environment, three_conversations, "c", deleted_at=gone)
    keep(stack_environment, three_conversations, "never-sent", visitor_deleted_at=gone)
    them = "1 conversation that is" if conversations == 1 else f"{conversations} conversations that are"
    said = f"Still counted here: {them} deleted or of a test visitor. A daily `sync` removes them."
    assert explained(run_page, three_conversations, kpi) == ([said] if conversations else [])


def test_without_deleted_conversations_or_while_closed_there_is_no_note(
    run_page: RunPage, three_conversations: Site, stack_environment: LocalStack
) -> None:
    """All conversations count, or the explanation is closed."""
    keep(stack_environment, three_conversations, "a")
    assert explained(run_page, three_conversations, "median_response") == []
    keep(stack_environment, three_conversations, "b", deleted_at=datetime.now(UTC))
    assert explained(run_page, three_conversations, "median_response", is_open=False) == []
