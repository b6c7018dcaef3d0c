"""Satisfaction without a browser: every state of the page, and every widget that changes it."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from analytics.cached.reading import reads
from pages.components import formatting
from tests.conftest import LocalStack
from tests.pages.conftest import RunPage, SendEvents, Site, offered, query_of, text_of
from tests.pages.test_self_check import exported
from tests.product_database import Product

PATH = "pages/satisfaction.py"
NOON = (datetime.now(UTC) - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
BEFORE = NOON - timedelta(days=7)
HOSTILE = [
    "<script>alert('comment')</script>",
    "[click](https://evil.example) ![x](https://evil.example/x.png)",
    '=cmd|"/c calc"!A1',
    "# big $x^2$ :material/home: :red[x] `code` www.evil.example",
    "\u202egnp.exe\u202c and \u2066more\u2069",
]


@pytest.fixture
def shop(staff: str, product: Product) -> Product:
    """A website without anything on it, of a free organization, open to the demo viewer."""
    del staff
    return product


@pytest.fixture
def rated(shop: Product, send_events: SendEvents) -> Product:
    """Two comparable weeks with all four components, so that every part can be counted by hand.

    This week: ratings 5, 5, 4 and 1 (mean 68.75), one positive sentiment (100), one answer after 4 minutes (100),
    one of one resolved (100). The week before: ratings 3 and 3 (50), one neutral (50), one answer after 10 minutes
    (85), none of one resolved (0).
    """
    for rating, comment in ((5, "Quick!"), (5, None), (4, "Good."), (1, "Still not solved.")):
        shop.add_feedback(NOON, rating, comment=comment, topic="delivery" if comment else None)
    for _ in range(2):
        shop.add_feedback(BEFORE, 3, comment="Of last week.")
    shop.add_conversation(NOON, "positive")
    shop.add_conversation(BEFORE, "neutral")

    def event(at: datetime, conversation: str, event_type: str, after_seconds: float) -> dict[str, Any]:
        return {
            "timestamp": (at + timedelta(seconds=after_seconds)).isoformat(),
            "website_id": shop.website_id,
            "visitor_id": shop.visitor_id,
            "event_type": event_type,
            "conversation_id": conversation,
            "duration_seconds": after_seconds,
        }

    rows = [
        event(NOON, "now", "conversation_started", 0),
        event(NOON, "now", "first_response", 240),
        event(NOON, "now", "conversation_resolved", 900),
        event(BEFORE, "before", "conversation_started", 0),
        event(BEFORE, "before", "first_response", 600),
    ]
    assert send_events("conversation_metrics", rows) == {"successful_rows": 5, "quarantined_rows": 0}
    return shop


def _charts(page: AppTest) -> dict[str, dict[str, Any]]:
    """The page's charts by the first word of their key."""
    found = {}
    for element in page.get("plotly_chart"):
        proto: Any = element.proto
        found[proto.id.rsplit("-", 1)[0]] = {"alt": proto.alt, **json.loads(proto.spec)}
    return found


def _chart(page: AppTest, *words: str) -> dict[str, Any]:
    """The one chart whose alternative text has these words."""
    (found,) = [chart for chart in _charts(page).values() if all(word in chart["alt"] for word in words)]
    return found


def _run(run_page: RunPage, shop: Product, **query: str) -> AppTest:
    page = run_page(PATH, website=shop.website_id, tz="UTC", **query)
    assert not page.exception
    return page


def test_the_index_and_its_parts_are_those_counted_by_hand(run_page: RunPage, rated: Product) -> None:
    """27.5 + 25 + 20 + 15 = 87.5 after 20 + 12.5 + 17 + 0 = 49.5: +38."""
    page = _run(run_page, rated)
    metric = page.metric[0]
    assert (metric.label, metric.value, metric.delta) == ("Satisfaction", "87.5", "+38.0 points")
    words = text_of(page)
    assert "account for" not in words, "five answers make no clear change"
    assert "4 ratings, 1 sentiment" in words
    said = _chart(page, "Satisfaction index 87.5")["alt"]
    assert "Rating (40 %): 68.8 of 100, 4 ratings, +7.5 points" in said
    assert "Sentiment (25 %): 100.0 of 100, 1 rated conversation, +12.5 points" in said
    assert "Response (20 %): 100.0 of 100, 1 response, +3.0 points" in said
    assert "Resolution (15 %): 100.0 of 100, 1 conversation started, +15.0 points" in said


def test_the_charts_add_up_to_the_n_of_the_index(run_page: RunPage, rated: Product) -> None:
    """Every rating and every sentiment of the period is in a bar, and none of the period before."""
    page = _run(run_page, rated)
    ratings, sentiment = _chart(page, "ratings over time"), _chart(page, "rated conversations over time")
    assert [sum(trace["y"]) for trace in ratings["data"]] == [1, 0, 0, 1, 2]
    assert [sum(trace["y"]) for trace in sentiment["data"]] == [0, 0, 1]
    assert "**Ratings** :gray[· 4]" in text_of(page)
    assert ratings["alt"].startswith("4 ratings over time: 1 of 5 25.0 %")
    patterns = ratings["data"][0]["marker"]["pattern"]["shape"]
    assert patterns == [""] * 6 + ["/"]


def test_comments_are_listed_newest_first_with_rating_topic_and_time(
    run_page: RunPage, rated: Product
) -> None:
    """A rating without words is not among them, and neither is last week's."""
    words = text_of(_run(run_page, rated))
    assert "5 of 5] :gray[:small[delivery · " in words
    assert f"{NOON:%a %-d %b}, 12:00" in words
    assert "Still not solved." in words
    assert "Of last week." not in words
    assert "3 of 3 comments" in words


def test_a_comment_leads_to_its_conversation(
    run_page: RunPage, shop: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a link where a template is set, else by its id, and only if the rating says which one it is."""
    conversation = shop.add_conversation(NOON)
    shop.add_feedback(NOON, 5, comment="With one.", conversation_id=conversation)
    shop.add_feedback(NOON, 5, comment="Without one.")
    words = text_of(_run(run_page, shop))
    assert "Open conversation" not in words
    assert words.count(f"conversation {conversation}") == 1
    monkeypatch.setenv("INBOX_ANALYTICS_CONVERSATION_URL", "https://inbox.example/c(1)/{id}")
    words = text_of(_run(run_page, shop))
    assert words.count("Open conversation") == 1
    assert f"[Open conversation](https://inbox.example/c%281%29/{conversation})" in words


def test_times_are_those_of_the_chosen_timezone(run_page: RunPage, rated: Product) -> None:
    """Noon in UTC is half past five in the afternoon in Kolkata."""
    page = run_page(PATH, website=rated.website_id, tz="Asia/Kolkata")
    assert f"{NOON:%a %-d %b}, 17:30" in text_of(page)


def test_every_chart_and_list_offers_its_rows(run_page: RunPage, rated: Product) -> None:
    """Five panels, a file each, and one of the index."""
    page = _run(run_page, rated)
    assert offered(page) == {
        "satisfaction-index",
        "satisfaction-components",
        "satisfaction-over-time",
        "ratings",
        "sentiment",
        "comments",
    }


def test_how_many_were_rated_is_said_of_all_of_ai_and_of_people(run_page: RunPage, shop: Product) -> None:
    """One of two by the AI agent, one of one by people; the week before, none of one."""
    by_ai = {"status": "resolved", "resolved_by_ai_agent_id": "agent"}
    rated = [
        shop.add_conversation(NOON, resolved_at=NOON, **by_ai),
        shop.add_conversation(NOON, status="resolved", resolved_at=NOON),
    ]
    shop.add_conversation(NOON, resolved_at=NOON, **by_ai)
    shop.add_conversation(BEFORE, resolved_at=BEFORE, **by_ai)
    for conversation in rated:
        shop.add_feedback(NOON, 5, conversation_id=conversation)
    page = _run(run_page, shop)
    cards = {metric.label: metric.value for metric in page.metric if "Rated" in metric.label}
    assert cards == {
        "Rated by visitors": "66.7 %",
        "Rated, resolved by AI": "50.0 %",
        "Rated, resolved by people": "100.0 %",
    }
    words = text_of(page)
    assert "was 0.0 %" in words
    assert "2 resolved conversations" in words
    lines = _chart(page, "visitors rated")
    assert "by the AI agent between 50.0 % and 50.0 %" in lines["alt"]
    assert {"rated-by-visitors", "rated-totals"} <= offered(page)
    with exported() as files:
        _run(run_page, shop)
    totals = {row["kpi"]: row for row in files["rated-totals"]}
    assert [row["n"] for row in totals.values()] == ["3", "2", "1"]
    assert float(totals["Rated by visitors"]["value"]) == pytest.approx(2 / 3)
    by_ai = totals["Rated, resolved by AI"]
    assert (by_ai["value"], by_ai["previous_value"], by_ai["change"]) == ("0.5", "0.0", "50")
    assert by_ai["interval_low"]
    (shown,) = [each for each in page.metric if each.label == "Rated, resolved by AI"]
    assert (shown.delta, shown.proto.delta_description) == ("+50.0 pp", by_ai["verdict"])
    (index,) = files["satisfaction-index"]
    (card,) = [each for each in page.metric if each.label == index["kpi"]]
    assert formatting.score(float(index["value"])) == card.value
    assert index["interval_high"]


def test_an_empty_website_says_what_is_missing(run_page: RunPage, shop: Product) -> None:
    """No index, no bars, no comments: each says so, and nothing is shown as zero."""
    page = _run(run_page, shop)
    assert page.metric[0].value == "–"
    words = text_of(page)
    for sentence in (
        "Nothing rated, answered or started",
        "No index in this period",
        "No ratings in this period",
        "No sentiment in this period",
        "No comments in this period",
    ):
        assert sentence in words
    assert _charts(page) == {}


def test_a_missing_component_is_marked(run_page: RunPage, shop: Product) -> None:
    """Ratings alone: the three others count as 50 and say so, in the chart, the card and over time."""
    shop.add_feedback(NOON, 5)
    page = _run(run_page, shop)
    chart = _chart(page, "Rating (40 %)")
    assert chart["alt"].count("missing, counts as 50") == 3
    written = " ".join(note["text"] for note in chart["layout"]["annotations"])
    assert written.count("no data, counts as a neutral 50") == 3
    words = text_of(page)
    assert "are missing and count as neutral 50." in words
    assert "Of 1 day with an index, sentiment in 1, response in 1, resolution in 1 are missing" in words


def test_what_cannot_be_compared_is_not_taken_apart(run_page: RunPage, rated: Product) -> None:
    """14 days on free: the reason, the way out, and no part of any change."""
    page = _run(run_page, rated, range="14d")
    words = text_of(page)
    assert "Not comparable: data reaches back 21 days" in words
    assert "points, **" not in words
    assert " points" not in _chart(page, "Rating (40 %)")["alt"]
    page.button(key="longest-comparable").click().run()
    assert query_of(page)["range"] == "10d"
    assert not page.exception


def test_comparison_can_be_switched_off(run_page: RunPage, rated: Product) -> None:
    """Scores without changes, and no reason to explain."""
    page = _run(run_page, rated, compare="off")
    assert page.metric[0].value == "87.5"
    assert " points" not in _chart(page, "Rating (40 %)")["alt"]
    assert "Not comparable" not in text_of(page)


def test_a_rating_filters_the_comments(run_page: RunPage, rated: Product) -> None:
    """Its place is the URL; a chip takes it away again."""
    page = _run(run_page, rated)
    page.button_group(key="rating_widget").set_value("1").run()
    assert query_of(page)["rating"] == "1"
    words = text_of(page)
    assert "1 of 1 comments" in words
    assert "Quick!" not in words
    page.button(key="chip-rating").click().run()
    assert "rating" not in query_of(page)
    assert "Quick!" in text_of(page)
    assert not page.exception


def test_a_rating_in_the_address_keeps_its_comments_and_pales_the_other_bars(
    run_page: RunPage, rated: Product
) -> None:
    """The same page as after a click; the chart still shows all of them."""
    page = _run(run_page, rated, rating="4")
    assert "Good." in text_of(page)
    assert "Quick!" not in text_of(page)
    traces = _chart(page, "ratings over time")["data"]
    assert [trace["opacity"] < 1 for trace in traces] == [True, True, True, False, True]
    assert [sum(trace["y"]) for trace in traces] == [1, 0, 0, 1, 2]


def test_a_rating_without_comments_says_so(run_page: RunPage, rated: Product) -> None:
    """What is missing, and how to see more."""
    words = text_of(_run(run_page, rated, rating="2"))
    assert "No comments with a rating of 2 of 5" in words


def test_more_comments_come_on_demand(run_page: RunPage, shop: Product) -> None:
    """Twenty at first, the rest with a click; the number of pages is in the URL and ends with another filter."""
    for number in range(23):
        shop.add_feedback(NOON - timedelta(minutes=number), 5, comment=f"number {number}.")
    page = _run(run_page, shop)
    words = text_of(page)
    assert "20 of 23 comments" in words
    assert "number 19." in words
    assert "number 20." not in words
    page.button(key="more-comments").click().run()
    assert query_of(page)["page"] == "2"
    assert "23 of 23 comments" in text_of(page)
    page.button_group(key="rating_widget").set_value("5").run()
    assert "page" not in query_of(page)
    assert "20 of 23 comments" in text_of(page)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_comments_are_shown_letter_for_letter(run_page: RunPage, shop: Product, text: str) -> None:
    """No script, link, picture, formula, directive or turned direction: the letters and nothing else."""
    shop.add_feedback(NOON, 1, comment=text, topic=text)
    page = _run(run_page, shop)
    (shown,) = [element.value for element in page.markdown if "-badge[1 of 5]" in element.value]
    unescaped = re.sub(r"\\.", "", shown)
    for harmful in (
        "](",
        "<script",
        "\u202e",
        "\u2066",
        "$",
        ":material/home",
        ":red[",
        "`",
        "www.evil",
        "https:",
    ):
        assert harmful not in unescaped
    letters = text.translate(dict.fromkeys(map(ord, "\u202e\u202c\u2066\u2069")))
    assert letters in text_of(page).replace("  ", " ")


def test_an_endless_comment_is_cut(run_page: RunPage, shop: Product) -> None:
    """One visitor does not fill the page."""
    shop.add_feedback(NOON, 1, comment="long " * 1000)
    assert max(len(element.value) for element in _run(run_page, shop).markdown) < 1500


@pytest.mark.parametrize(
    "query",
    [{"rating": "6"}, {"rating": "<script>"}, {"rating": "5 "}, {"page": "0"}, {"page": "99"}, {"page": "x"}],
)
def test_a_corrupt_url_falls_back_with_a_notice(
    query: dict[str, str], run_page: RunPage, rated: Product
) -> None:
    """Whatever the URL says, the page stands and says what it did not understand."""
    page = _run(run_page, rated, **query)
    assert "It was ignored." in text_of(page)
    assert "3 of 3 comments" in text_of(page)


def test_tinybird_down_leaves_answers_and_comments(
    run_page: RunPage, rated: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index cannot be known and is no 50; what Postgres says still stands."""
    monkeypatch.setenv("TINYBIRD_HOST", "http://127.0.0.1:9")
    page = _run(run_page, rated)
    assert len(page.error) == 2
    assert any(button.label == "Try again" for button in page.button)
    assert not page.metric
    assert "Quick!" in text_of(page)
    assert _chart(page, "ratings over time")


def test_postgres_down_after_a_good_read_shows_the_last_good_values(
    run_page: RunPage, rated: Product, stack_environment: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every panel keeps its numbers and says how old they are."""
    del stack_environment
    page = _run(run_page, rated)
    monkeypatch.setenv("DATABASE_URL", "postgresql://reader:hunter2@127.0.0.1:9/none")
    _forget_fresh()
    page.run()
    assert not page.exception
    words = text_of(page)
    assert "Stale: from" in words
    assert "Quick!" in words
    assert page.metric[0].value == "87.5"
    assert "hunter2" not in words


def _forget_fresh() -> None:
    """Drops what is cached and the connections, but not the last good values."""
    import streamlit as st

    reads.expire()
    st.cache_resource.clear()


def test_another_website_shows_none_of_it(
    run_page: RunPage, rated: Product, make_site: Callable[..., Site]
) -> None:
    """What one website's visitors wrote is on no other page."""
    other = make_site()
    assert "Quick!" in text_of(_run(run_page, rated))
    page = run_page(PATH, website=other.slug, tz="UTC")
    words = text_of(page)
    assert "It was ignored." not in words
    assert "No comments in this period" in words
    assert "Quick!" not in words
