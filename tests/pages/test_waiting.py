"""Waiting without a browser: every state of the page, its files, and what Overview and Conversations say of it."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
import streamlit as st
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df
from streamlit.testing.v1 import AppTest

from analytics import cached, sources
from analytics.cached.reading import reads
from analytics.errors import SourceUnavailable
from analytics.kpis.backlog import Backlog, BacklogOverTime
from pages.components.panels import backlog
from tests.pages.conftest import (
    RunPage,
    SendEvents,
    explanations,
    offered,
    open_explanations,
    query_of,
    source_of,
    text_of,
)
from tests.pages.test_self_check import closed_days, exported
from tests.product_database import Product

PATH, CONVERSATIONS = "pages/waiting.py", "pages/conversations.py"
AS_OF = r"as of (\d+ \w+, )?\d\d:\d\d"
HOUR = timedelta(hours=1)
HOSTILE = "<script>alert(1)</script> [x](https://evil.example) :red[y]"


@pytest.fixture
def shop(staff: str, product: Product) -> Product:
    """A website without anything on it, of a free organization, open to the demo viewer."""
    del staff
    return product


@pytest.fixture
def inbox(shop: Product, send_events: SendEvents) -> Product:
    """Two wait for an answer (26 and 3 hours), two for a resolution (2 hours, 1 hour); the visitor of one is on /pricing."""
    now = datetime.now(UTC)
    here = shop.add_visitor(city="Paris", country_code="fr")
    hostile = shop.add_visitor(city=HOSTILE, country_code="DE")
    shop.add_conversation(now - 26 * HOUR, "negative", visitor_id=hostile)
    shop.add_conversation(now - 3 * HOUR, visitor_id=here, escalated_at=now - 2 * HOUR)
    shop.add_conversation(now - 5 * HOUR, first_response_at=now - 4 * HOUR, escalated_at=now - HOUR)
    shop.add_conversation(now - 50 * HOUR, status="resolved", resolved_at=now - 49 * HOUR)
    visit = {
        "timestamp": (now - timedelta(minutes=8)).isoformat(),
        "website_id": shop.website_id,
        "visitor_id": here,
        "session_id": "session",
        "event_type": "seen",
        "page_url": "https://acme.example/pricing",
    }
    assert send_events("visitor_events", [visit])["successful_rows"] == 1
    return shop


def opened(run_page: RunPage, shop: Product, path: str = PATH, **query: str) -> AppTest:
    """The page of the product's website, without a defect."""
    page = run_page(path, website=shop.website_id, **query)
    assert not page.exception
    return page


def shown_in_table(page: AppTest, number: int) -> pd.DataFrame:
    """The texts of a table's cells, as the browser shows them; those of its numbers sort by the number."""
    texts = page.dataframe[number].proto.arrow_data.styler.display_values
    return convert_arrow_bytes_to_pandas_df(texts)


def cards(page: AppTest) -> dict[str, str]:
    """Values of the cards by title."""
    return {each.label: str(each.value) for each in page.metric}


def test_both_lists_stand_longest_wait_first(run_page: RunPage, inbox: Product) -> None:
    """Wait, place, page, sentiment, escalated or answered; totals are those of the lists."""
    page = opened(run_page, inbox)
    answer, resolution = (table.value for table in page.dataframe)
    assert [round(seconds / 60) for seconds in answer["Wait"]] == [26 * 60, 3 * 60]
    assert shown_in_table(page, 0)["Wait"].tolist() == ["1 d 2 h", "3 h"]
    assert answer["Place"].tolist() == [f"{HOSTILE}, DE", "Paris, FR"]
    assert answer["Page"].fillna("").tolist() == ["", "/pricing"]
    assert answer["Sentiment"].tolist() == ["Negative", "–"]
    assert answer["Escalated"].tolist() == ["No", "Yes"]
    assert shown_in_table(page, 1)["Wait"].tolist() == ["2 h", "1 h"]
    assert resolution["Answered"].tolist() == ["No", "Yes"]
    shown = cards(page)
    assert (shown["Waiting for an answer"], shown["Escalated, not resolved"]) == ("2", "2")
    assert "longest 1 d 2 h, since" in text_of(page)
    assert "refreshes every 30 s · The free plan reaches back 21 days" in text_of(page)
    assert HOSTILE not in source_of(page)


def test_the_backlog_is_counted_by_hand(run_page: RunPage, inbox: Product) -> None:
    """Three open, four started and one resolved in three days, whose sums are those of the chart."""
    page = opened(run_page, inbox, range="4d")
    shown = cards(page)
    assert [shown[name] for name in ("Open at the end", "Started", "Resolved", "Net")] == [
        "3",
        "4",
        "1",
        "+3",
    ]
    assert "0 at the start · was 0" in text_of(page)
    assert "The tables keep a conversation's last state" in text_of(page)
    (chart,) = page.get("plotly_chart")
    traces = json.loads(chart.proto.spec)["data"]
    assert [sum(trace["y"]) for trace in traces[:3]] == [4, -1, 3]
    assert re.search(r"4 started, 1 resolved", chart.proto.alt)


def test_a_row_leads_to_its_conversation(
    run_page: RunPage, inbox: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a template is set; without one the id says which it is."""
    assert "Link" not in opened(run_page, inbox).dataframe[0].value
    template = "https://product.example/{website}/{id}"
    monkeypatch.setenv("INBOX_ANALYTICS_CONVERSATION_URL", template)
    table = opened(run_page, inbox).dataframe[0].value
    expected = [f"https://product.example/{inbox.website_id}/{name}" for name in table["Conversation"]]
    assert table["Link"].tolist() == expected


def test_the_files_have_what_stands_there(run_page: RunPage, inbox: Product) -> None:
    """Both lists and the backlog, with exact values; a city that is markup is text."""
    with exported() as files:
        opened(run_page, inbox, range="4d")
    assert offered(opened(run_page, inbox)) == {
        "waiting-for-answer",
        "waiting-for-resolution",
        "backlog-totals",
        "backlog",
    }
    answer, resolution = files["waiting-for-answer"], files["waiting-for-resolution"]
    assert [round(float(row["wait_seconds"]) / 3600) for row in answer] == [26, 3]
    assert [row["page_url"] for row in answer] == ["", "https://acme.example/pricing"]
    assert [row["country"] for row in answer] == ["Germany", "France"]
    assert [row["is_answered"] for row in resolution] == ["no", "yes"]
    assert "visitor_id" not in answer[0]
    assert "reaches back 21 days" in answer[0]["note"]
    days = files["backlog"]
    assert sum(int(row["started_count"]) for row in days) == 4
    assert int(days[-1]["open_at_end_count"]) == 3
    assert "last state" in days[0]["note"]
    totals = {row["number"]: row for row in files["backlog-totals"]}
    assert {
        name: (int(row["conversations_count"]), row["previous_conversations_count"])
        for name, row in totals.items()
    } == {
        "Open at the start": (0, "0"),
        "Started": (4, "0"),
        "Resolved": (1, "0"),
        "Net": (3, "0"),
        "Open at the end": (3, "0"),
    }


def test_the_file_of_the_backlog_has_what_the_cards_say() -> None:
    """82 open at the start, 79 at the end; before, 75 and 79: four more started than were resolved."""
    value = BacklogOverTime(pd.DataFrame(), Backlog(82, 100, 103), Backlog(75, 2795, 2791))
    table = backlog.totals_table(value)
    assert table["number"].tolist() == ["Open at the start", "Started", "Resolved", "Net", "Open at the end"]
    assert table["conversations_count"].tolist() == [82, 100, 103, -3, 79]
    assert table["previous_conversations_count"].tolist() == [75, 2795, 2791, 4, 79]
    alone = backlog.totals_table(replace(value, previous=None))
    assert list(alone) == ["number", "conversations_count"]


def test_no_one_waits(run_page: RunPage, shop: Product) -> None:
    """Zeros and words in place of both tables; the backlog is a line at zero."""
    page = opened(run_page, shop)
    assert not page.dataframe
    assert "No one is waiting" in text_of(page)
    assert "No escalation is open" in text_of(page)
    assert cards(page)["Waiting for an answer"] == "0"
    assert offered(page) == {"backlog-totals", "backlog"}


def test_nothing_is_asked_of_tinybird_when_no_one_waits(
    run_page: RunPage, shop: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages belong to rows: no row, no query."""
    monkeypatch.setenv("TINYBIRD_HOST", "http://127.0.0.1:9")
    page = opened(run_page, shop)
    assert not page.error
    assert "Pages are missing" not in text_of(page)


def test_without_tinybird_the_lists_stand_without_pages(
    run_page: RunPage, inbox: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are Postgres'; what is missing is said."""
    monkeypatch.setenv("TINYBIRD_HOST", "http://127.0.0.1:9")
    page = opened(run_page, inbox)
    assert not page.error
    assert "Page" not in page.dataframe[0].value
    assert "Pages are missing" in text_of(page)
    assert cards(page)["Waiting for an answer"] == "2"


def test_without_postgres_the_last_lists_stand_marked_stale(
    run_page: RunPage, inbox: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same rows, with their age, in both panels."""
    before = opened(run_page, inbox)
    monkeypatch.setenv("DATABASE_URL", "postgresql://reader:hunter2@127.0.0.1:9/none")
    reads.expire()
    st.cache_resource.clear()
    page = opened(run_page, inbox)
    assert cards(page) == cards(before)
    assert page.dataframe[0].value["Wait"].tolist() == before.dataframe[0].value["Wait"].tolist()
    assert text_of(page).count("Stale: from") == 2


@pytest.mark.parametrize(("plan", "is_listed"), [(None, False), ("pro", True)])
def test_the_plan_limits_the_lists_and_says_so(
    run_page: RunPage, shop: Product, plan: str | None, *, is_listed: bool
) -> None:
    """30 days ago: out of the free plan's reach, within the paid one's."""
    if plan is not None:
        shop.add_subscription(plan, "active")
    shop.add_conversation(datetime.now(UTC) - timedelta(days=30))
    page = opened(run_page, shop)
    assert cards(page)["Waiting for an answer"] == str(int(is_listed))
    assert f"reaches back {90 if plan else 21} days" in text_of(page)


def test_without_a_comparison_nothing_of_the_period_before_is_shown(
    run_page: RunPage, inbox: Product
) -> None:
    """No "was"; where the plan does not reach back so far, it says why."""
    assert "was 0" in text_of(opened(run_page, inbox))
    assert not re.search(r"\bwas [\d+−]", text_of(opened(run_page, inbox, compare="off")))
    assert "Not comparable: data reaches back 21 days" in text_of(opened(run_page, inbox, range="21d"))


def test_the_bucket_of_the_address_is_drawn(run_page: RunPage, inbox: Product) -> None:
    """A bad one is ignored with a notice."""
    page = opened(run_page, inbox, range="4d", bucket="hour")
    assert "Backlog by hour" in text_of(page)
    assert query_of(page)["bucket"] == "hour"
    assert "do not know" in text_of(opened(run_page, inbox, bucket="minute"))


def test_every_card_explains_itself(run_page: RunPage, inbox: Product) -> None:
    """With the query that was sent: its parameters are those of the list."""
    page = open_explanations(opened(run_page, inbox))
    words = text_of(page)
    for name in ("waiting_conversations", "backlog"):
        assert f"Postgres query `{name}`" in words
    code = [str(each.value) for each in page.code]
    assert any("waits_for=answer" in each for each in code)
    assert any("waits_for=resolution" in each for each in code)
    assert {"Longest wait"} <= {name for each in explanations(page) for name in each}


def _answered(shop: Product, send_events: SendEvents) -> None:
    """Two conversations of yesterday, answered after 10 and 30 s."""
    noon = (datetime.now(UTC) - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    rows: list[dict[str, Any]] = [
        {
            "timestamp": (noon + timedelta(seconds=seconds)).isoformat(),
            "website_id": shop.website_id,
            "visitor_id": shop.visitor_id,
            "event_type": kind,
            "conversation_id": name,
            "duration_seconds": seconds,
        }
        for name, after in (("a", 10), ("b", 30))
        for kind, seconds in (("conversation_started", 0), ("first_response", after))
    ]
    assert send_events("conversation_metrics", rows)["successful_rows"] == 4


def test_overview_says_how_many_wait_and_leads_to_them(
    run_page: RunPage, inbox: Product, send_events: SendEvents
) -> None:
    """Beside the visitors right now; the median response says who is not in it, and its file too."""
    _answered(inbox, send_events)
    with exported() as files:
        page = opened(run_page, inbox, "app.py")
    words = text_of(page)
    assert "**2 waiting for an answer** · :gray[longest 1 d 2 h] · :gray[2 escalated, open]" in words
    assert "2 responses and 2 still waiting" in words
    links = [element.proto.page for element in page.get("page_link")]
    assert links.count("waiting") == 2  # In the sidebar, and here.
    kpis = {row["kpi"]: row for row in files["kpis"]}
    assert kpis["Median response"]["still_waiting"] == "2"
    assert kpis["Median resolution"]["still_waiting"] == ""
    assert any(each.get("Still waiting, not counted") == "2 conversations" for each in explanations(page))


def test_overview_without_answers_says_who_waits(run_page: RunPage, inbox: Product) -> None:
    """No median: the card says that two wait; a period in which they did not start says nothing."""
    assert "2 still waiting" in text_of(opened(run_page, inbox, "app.py"))
    earlier, _, _ = closed_days("UTC", 10, 9)
    assert "still waiting" not in text_of(opened(run_page, inbox, "app.py", range=earlier))


def test_overview_without_anyone_waiting(run_page: RunPage, shop: Product) -> None:
    """One quiet line."""
    words = text_of(opened(run_page, shop, "app.py"))
    assert "**No one is waiting**" in words
    assert "still waiting" not in words


def test_conversations_say_who_is_not_counted(
    run_page: RunPage, inbox: Product, send_events: SendEvents
) -> None:
    """With the bands of response times and with their medians; not with the resolution times or a selection."""
    _answered(inbox, send_events)
    path = CONVERSATIONS
    words = "2 still waiting: conversations without an answer are not counted here."
    assert text_of(opened(run_page, inbox, path)).count(words) == 2
    assert text_of(opened(run_page, inbox, path, measure="resolution")).count(words) == 1
    assert words not in text_of(opened(run_page, inbox, path, escalated="yes"))


def test_the_wall_says_who_still_waits_today(run_page: RunPage, shop: Product) -> None:
    """Above the numbers of the day."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    shop.add_conversation(midnight + timedelta(seconds=1))
    page = opened(run_page, shop, "pages/live.py", wall="1")
    html = "".join(each.proto.body for each in page.get("html"))
    assert html.count("<small>· 1 still waiting</small>") == 1


def test_a_last_good_count_is_marked_alone(
    run_page: RunPage, inbox: Product, send_events: SendEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who still waits cannot be read any more: its own text says from when it is; the cards beside it are fresh."""
    _answered(inbox, send_events)
    opened(run_page, inbox, "app.py")
    opened(run_page, inbox, CONVERSATIONS)

    def fails(*_args: object) -> None:
        raise SourceUnavailable("Down.", source="postgres", resource="still_waiting")

    monkeypatch.setattr(sources, "still_waiting", fails)
    reads.expire()
    with exported() as files:
        page = opened(run_page, inbox, "app.py")
    assert re.search(rf"2 responses and 2 still waiting {AS_OF}", text_of(page))
    assert "Stale: from" not in text_of(page)
    assert any(
        re.fullmatch(rf"2 conversations {AS_OF}", each.get("Still waiting, not counted", ""))
        for each in explanations(page)
    )
    kpis = {row["kpi"]: row for row in files["kpis"]}
    assert kpis["Median response"]["still_waiting_as_of"]
    said = text_of(opened(run_page, inbox, CONVERSATIONS))
    assert len(re.findall(rf"2 still waiting {AS_OF}: conversations", said)) == 2
    assert "Stale: from" not in said


def test_a_list_that_is_cut_says_so(
    run_page: RunPage, inbox: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of two is listed; the file has both."""
    monkeypatch.setitem(_module_of(cached.waiting_now), "LISTED_WAITING", 1)
    with exported() as files:
        page = opened(run_page, inbox)
    assert len(page.dataframe[0].value) == 1
    assert "The 1 longest of 2; the files have all." in text_of(page)
    assert len(files["waiting-for-answer"]) == 2


def _module_of(function: Callable[..., object]) -> dict[str, object]:
    return function.__globals__
