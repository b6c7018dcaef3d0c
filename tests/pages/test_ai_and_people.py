"""AI and people without a browser: every state of the page, and its files."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from analytics.cached.reading import reads
from analytics.errors import SourceUnavailable
from analytics.kpis.ai_and_people.time_saved import Minutes
from analytics.store.store import Store
from analytics.transports.postgres import Parameter, Postgres, QueryAnswer
from pages.components import formatting
from tests.conftest import LocalStack
from tests.pages.conftest import (
    RunPage,
    SendEvents,
    explanations,
    offered,
    open_explanations,
    source_of,
    text_of,
)
from tests.pages.test_self_check import exported
from tests.product_database import Product

PATH = "pages/ai_and_people.py"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HOSTILE = "<script>alert(1)</script> [x](https://evil.example) :red[y]"
Add = Callable[..., str]


@pytest.fixture
def shop(staff: str, product: Product) -> Product:
    """A website without anything on it, of a paid organization, open to the demo viewer."""
    del staff
    product.add_subscription("pro", "active")
    return product


@pytest.fixture
def add(shop: Product, send_events: SendEvents) -> Add:
    """Adds a conversation of so many days ago to both sources, with events so many hours after its start."""

    def added(days: int, *events: tuple[str, int], by_ai: bool | None = None, **columns: Any) -> str:  # noqa: ANN401 - values of any column
        at = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - days * DAY
        if by_ai is not None:
            side = "resolved_by_ai_agent_id" if by_ai else "resolved_by_user_id"
            columns |= {"status": "resolved", "resolved_at": at + HOUR, side: "someone"}
        name = shop.add_conversation(at, **columns)
        rows: list[dict[str, Any]] = [
            {
                "timestamp": (at + hours * HOUR).isoformat(),
                "website_id": shop.website_id,
                "visitor_id": shop.visitor_id,
                "event_type": kind,
                "conversation_id": name,
                "duration_seconds": hours * 3600.0,
            }
            for kind, hours in (("conversation_started", 0), *events)
        ]
        assert send_events("conversation_metrics", rows)["successful_rows"] == len(rows)
        return name

    return added


@pytest.fixture
def inbox(shop: Product, add: Add) -> Product:
    """Ten conversations of the last 14 days.

    The AI resolved five: ten days ago two that held and one that people resolved again, and two yesterday, of which one came
    back. People resolved three ten days ago, two of them handed over, all held. Two are open, one of them handed over.
    """
    for rating in (5, 4):
        name = add(10, ("first_response", 1), ("ai_resolved", 1), by_ai=True)
        shop.add_feedback(datetime.now(UTC) - DAY, rating, conversation_id=name, topic=HOSTILE)
    add(10, ("ai_resolved", 1), ("conversation_resolved", 30), by_ai=False)
    add(2, ("ai_resolved", 1), by_ai=True)
    add(2, ("ai_resolved", 1), ("conversation_resolved", 3), by_ai=False)
    name = add(10, ("first_response", 2), ("escalated", 2), ("conversation_resolved", 5), by_ai=False)
    shop.add_feedback(datetime.now(UTC) - DAY, 2, conversation_id=name, topic="returns")
    add(10, ("escalated", 2), ("conversation_resolved", 5), by_ai=False)
    add(10, ("conversation_resolved", 7), by_ai=False)
    add(3, ("escalated", 1))
    add(3)
    return shop


def opened(run_page: RunPage, shop: Product, **query: str) -> AppTest:
    """The page of the product's website, without a defect."""
    page = run_page(PATH, website=shop.website_id, **{"range": "14d", **query})
    assert not page.exception
    return page


def cards(page: AppTest) -> dict[str, str]:
    """Values of the cards by title."""
    return {each.label: str(each.value) for each in page.metric}


def drawn(page: AppTest) -> str:
    """The bars and the table, as HTML."""
    return "\n".join(each.proto.body for each in page.get("html"))


def test_the_cohort_is_counted_by_hand(run_page: RunPage, inbox: Product) -> None:
    """Five of ten by the AI, three handed over, two not resolved; the bar has each conversation once."""
    page = opened(run_page, inbox)
    shown = cards(page)
    assert (shown["Resolved by AI"], shown["Handed over to people"], shown["No resolution"]) == (
        "50.0 %",
        "30.0 %",
        "20.0 %",
    )
    assert "**10 conversations started**" in text_of(page)
    for name, n in (
        ("Resolved by AI", 5),
        ("By people, handed over", 2),
        ("By people directly", 1),
        ("Open", 2),
        ("Closed without a resolution, or spam", 0),
    ):
        assert f"{name} <b>{n}</b>" in drawn(page)
    assert "Of those without a resolution, 1 was handed over" in text_of(page)


def test_what_has_no_resolution_is_open_or_closed_without_one(
    run_page: RunPage, inbox: Product, add: Add
) -> None:
    """No event tells that a conversation is spam or was closed for silence: Postgres says what is open."""
    add(3, status="spam")
    add(3, ("first_response", 1), status="resolved")
    page = opened(run_page, inbox)
    assert cards(page)["No resolution"] == "33.3 %"
    assert "Open <b>2</b>" in drawn(page)
    assert "Closed without a resolution, or spam <b>2</b>" in drawn(page)


def test_durable_is_judged_where_7_days_are_over(run_page: RunPage, inbox: Product) -> None:
    """Of the AI's five, three: two held; two are not known yet, and one of them came back. People's three all held."""
    page = opened(run_page, inbox)
    shown = cards(page)
    assert (shown["Durable, by the AI agent"], shown["Durable, by people"]) == ("66.7 %", "100.0 %")
    assert "Durable <b>2</b>" in drawn(page)
    assert "Came back <b>1</b>" in drawn(page)
    assert "Not known yet <b>2</b>" in drawn(page)
    assert "so their 7 days are not over. 1 of them came back already." in text_of(page)


def test_time_saved_is_a_range_with_its_formula(run_page: RunPage, inbox: Product) -> None:
    """Two lasted, three have not come back: 2 x 3 to 3 x 10 minutes. Without a store it says what to set."""
    said = text_of(opened(run_page, inbox))
    assert "## 6 to 30 minutes" in said
    assert "2 to 3 conversations × 3 to 10 minutes each" in said
    assert "an assumption: set INBOX_ANALYTICS_STORE_URL" in said


def test_minutes_are_set_in_a_form_and_no_change_is_overwritten_unseen(
    run_page: RunPage, inbox: Product, with_store: LocalStack
) -> None:
    """Staff set them; another person's change is shown, and the entries are kept. A range without order is refused."""
    page = opened(run_page, inbox)
    assert "assumption until they are set" in text_of(page)
    key = f"minutes-{inbox.website_id}"

    def enter(page: AppTest, low: float, high: float) -> AppTest:
        page.number_input(key=f"{key}-At least, minutes").set_value(low)
        page.number_input(key=f"{key}-At most, minutes").set_value(high)
        return page.button(key=f"{key}-save").click().run()

    page = enter(page, 9.0, 2.0)
    assert [each.value.startswith("Enter at least") for each in page.error] == [True]
    page = enter(page, 1.0, 2.0)
    assert [each.value for each in page.success] == ["Saved: 1 to 2 minutes."]
    assert "## 2 to 6 minutes" in text_of(page)
    with Store(with_store.store_url) as store:
        store.add_minutes(inbox.website_id, 2, Minutes(20, 40), "<b>bob</b>@example.com")
    page = enter(page, 5.0, 6.0)
    assert "Another person has changed this" in text_of(page)
    assert "20 to 40 minutes: set by <b>bob</b>@example.com" in text_of(page)
    assert page.number_input(key=f"{key}-At most, minutes").value == 6.0
    page.button(key=f"{key}-save").click().run()
    with Store(with_store.store_url) as store:
        newest = store.minutes(inbox.website_id).value
    assert newest is not None
    assert (newest.version, newest.minutes) == (3, Minutes(5, 6))


def test_a_week_that_is_not_over_is_never_durable(run_page: RunPage, inbox: Product) -> None:
    """In the last 7 days nothing is known yet: no share, but how many came back already, and a longer range."""
    page = opened(run_page, inbox, range="7d")
    assert "Durable, by the AI agent" not in cards(page)
    words = text_of(page)
    assert "**No resolution is 7 days old yet**" in words
    assert "Of 2 resolutions by the AI agent, 1 came back already; of 0 by people, 0." in words
    assert any(each.label == "Show the last 30 days" for each in page.button)


def test_both_sides_stand_side_by_side(run_page: RunPage, inbox: Product) -> None:
    """Median resolution of 1 h and 5 h, mean ratings of 4.5 and 2.0; three values are too few for a clear difference."""
    table = drawn(opened(run_page, inbox))
    assert "<b>1 h</b> <small><span>5 resolved conversations" in table
    assert "<b>5 h</b> <small><span>3 resolved conversations" in table
    assert "<b>4.5</b> <small><span>2 ratings" in table
    assert "<b>2.0</b> <small><span>1 rating</span>" in table
    assert "AI against people: −80 %, no clear difference" in table


def test_people_got_what_the_ai_did_not_resolve(run_page: RunPage, inbox: Product) -> None:
    """The page says how many, beside the comparison."""
    words = "Of 3 conversations that people resolved, the AI handed over 2: it had not resolved them, "
    words += "and often gave their first answer."
    assert words in text_of(opened(run_page, inbox))


def test_two_groups_that_are_not_alike_have_a_warning(run_page: RunPage, add: Add, shop: Product) -> None:
    """30 by e-mail of the AI's against none of people's."""
    for number in range(30):
        at = datetime.now(UTC) - DAY
        for side, channel in (("ai_agent", "email"), ("user", "widget")):
            shop.add_conversation(
                at,
                channel=channel,
                status="resolved",
                resolved_at=at,
                **{f"resolved_by_{side}_id": f"s{number}"},
            )
    add(1, ("ai_resolved", 1))
    page = opened(run_page, shop)
    assert "The two groups differ by channel" in text_of(page)
    assert "**Channel** · 100 % apart" in text_of(page)


def test_groups_without_a_clear_difference_have_no_warning(run_page: RunPage, inbox: Product) -> None:
    """A topic that is markup is text."""
    page = opened(run_page, inbox)
    assert not page.warning
    assert "Less than 10 % apart by channel, priority. Too few conversations to tell by topic" in text_of(
        page
    )
    assert HOSTILE in text_of(page)
    assert HOSTILE not in source_of(page)


def test_the_files_have_what_stands_there(run_page: RunPage, inbox: Product) -> None:
    """Outcomes, both sides with their difference, and traits; with exact values."""
    with exported() as files:
        page = opened(run_page, inbox)
    assert offered(opened(run_page, inbox)) == {
        "ai-and-people-shares",
        "ai-and-people-cohort",
        "ai-and-people-time-saved",
        "ai-and-people",
        "ai-and-people-likeness",
    }
    low, high = files["ai-and-people-time-saved"]
    assert (low["conversations_count"], low["saved_seconds"]) == ("2", "360")
    assert (high["conversations_count"], high["saved_seconds"]) == ("3", "1800")
    shares = {row["kpi"]: row for row in files["ai-and-people-shares"]}
    assert {name: shares[name]["value"] for name in shares} == {
        "Resolved by AI": "0.5",
        "Handed over to people": "0.3",
        "No resolution": "0.2",
    }
    for each in page.metric:
        if each.label in shares:
            assert each.value == formatting.rate(float(shares[each.label]["value"]))
    assert shares["Handed over to people"]["interval_low"]
    outcomes = {row["first_resolved_by"]: row for row in files["ai-and-people-cohort"]}
    counted = (
        "conversations_count",
        "handed_over_count",
        "durable_count",
        "came_back_count",
        "not_known_yet_count",
        "open_now_count",
    )
    assert [outcomes["AI agent"][name] for name in counted] == ["5", "0", "2", "1", "2", "0"]
    assert [outcomes["People"][name] for name in counted] == ["3", "2", "3", "0", "0", "0"]
    assert [outcomes["No resolution"][name] for name in counted] == ["2", "1", "0", "0", "0", "2"]
    rows = {(row["kpi"], row["side"]): row for row in files["ai-and-people"]}
    resolution = rows["Median resolution", "AI agent"]
    assert (resolution["value"], resolution["unit"], resolution["n"]) == ("3600", "seconds", "5")
    assert (resolution["ai_against_people"], resolution["ai_against_people_unit"]) == ("-0.8", "ratio")
    assert resolution["ai_against_people_verdict"] == "no clear difference"
    assert f"AI against people: −80 %, {resolution['ai_against_people_verdict']}" in drawn(page)
    assert rows["Median resolution", "People"]["ai_against_people"] == ""
    assert (rows["Mean rating", "AI agent"]["unit"], rows["Durable", "AI agent"]["unit"]) == (
        "points",
        "ratio",
    )
    traits = {row["trait"]: row for row in files["ai-and-people-likeness"]}
    assert traits["Topic, of the rated ones"]["apart_ratio"] == "1"


def test_every_number_explains_itself(run_page: RunPage, inbox: Product) -> None:
    """Definition, n and the queries that were sent."""
    page = open_explanations(opened(run_page, inbox))
    facts = explanations(page)
    assert any(each.get("Counted") == "10 started conversations" for each in facts)
    assert any("Median response, AI agent" in each for each in facts)
    words = text_of(page)
    assert "Tinybird pipe `resolution_outcomes`" in words
    assert "Postgres query `ratings_by_side`" in words


def test_nothing_started_and_nothing_resolved_are_said(run_page: RunPage, shop: Product, add: Add) -> None:
    """Empty, then with one open conversation; no file of nothing."""
    page = opened(run_page, shop)
    assert "No conversations started in this period" in text_of(page)
    assert "ai-and-people-cohort" not in offered(page)
    add(1)
    st.cache_resource.clear()
    reads.clear()
    page = opened(run_page, shop)
    assert cards(page)["No resolution"] == "100.0 %"
    assert "No conversation was resolved" in text_of(page)
    assert "Whether the two groups are alike is not known" in text_of(page)


def test_without_a_comparison_nothing_of_the_period_before_is_shown(
    run_page: RunPage, inbox: Product
) -> None:
    """No "was"; where the plan does not reach back so far, it says why."""
    assert "was " in drawn(opened(run_page, inbox)) + text_of(opened(run_page, inbox))
    page = opened(run_page, inbox, compare="off")
    assert "was " not in drawn(page)
    assert "AI against people: −80 %" in drawn(page)
    assert "Not comparable: data reaches back 90 days" in text_of(opened(run_page, inbox, range="90d"))


def test_without_the_rows_of_postgres_events_stand_and_it_says_what_is_missing(
    run_page: RunPage, inbox: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never read: no ratings, and open conversations are not known; the likeness has an error of its own."""
    read = Postgres.read

    def cut(self: Postgres, name: str, statement: str, params: Mapping[str, Parameter]) -> QueryAnswer:
        if name in {"open_conversations", "ratings_by_side", "traits_by_side"}:
            raise SourceUnavailable("Postgres cannot be reached.", source="postgres", resource=name)
        return read(self, name, statement, params)

    monkeypatch.setattr(Postgres, "read", cut)
    with exported() as files:
        opened(run_page, inbox)
    said = "Postgres cannot be reached. Ratings are missing, and it is not known which conversations are open again."
    for name in ("ai-and-people-cohort", "ai-and-people"):
        assert files[name][0]["note"].count(said) == 1
    page = opened(run_page, inbox)
    assert cards(page)["Resolved by AI"] == "50.0 %"
    assert "No resolution <b>2</b>" in drawn(page)
    assert "Mean rating" not in drawn(page)
    assert (
        text_of(page).count("Ratings are missing, and it is not known which conversations are open again.")
        == 3
    )
    assert len(page.error) == 1


def test_without_postgres_the_last_numbers_stand_marked_stale(
    run_page: RunPage, inbox: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once read."""
    before = opened(run_page, inbox)
    monkeypatch.setenv("DATABASE_URL", "postgresql://reader:hunter2@127.0.0.1:9/none")
    reads.expire()
    st.cache_resource.clear()
    page = opened(run_page, inbox)
    assert cards(page) == cards(before)
    assert "Stale: from" in text_of(page)
    assert "hunter2" not in source_of(page)


def test_without_tinybird_the_likeness_stands(
    run_page: RunPage, inbox: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is Postgres'; the other panels say what happened, each for itself."""
    monkeypatch.setenv("TINYBIRD_HOST", "http://127.0.0.1:9")
    page = opened(run_page, inbox)
    assert len(page.error) == 4
    assert "**Channel**" in text_of(page)
