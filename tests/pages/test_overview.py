"""Overview without a browser: every state of the page, and every widget that changes it."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from streamlit.testing.v1 import AppTest

from analytics import cached
from analytics.cached import OpenedView
from analytics.scope import views
from analytics.scope.access import Website
from analytics.scope.views import View
from analytics.scope.weeks import WeekStart
from pages.components.page import header, sidebar
from pages.components.panels import funnel
from tests.pages.conftest import (
    RunPage,
    SendEvents,
    Site,
    explanations,
    open_explanations,
    query_of,
    source_of,
    text_of,
)

ENTRIES = ["app.py", "pages/overview.py"]


def _funnel_links(page: AppTest) -> dict[str, str]:
    """Status, and who resolved, of the links to conversations, with their labels."""
    links = [(dict(parse_qsl(each.proto.query_string)), each.proto.label) for each in page.get("page_link")]
    return {
        " ".join(filter(None, (query["status"], query.get("handled")))): label
        for query, label in links
        if "status" in query
    }


def _values(page: AppTest) -> dict[str, str]:
    return {metric.label: str(metric.value) for metric in page.metric}


@pytest.mark.parametrize("entry", ENTRIES)
def test_numbers_are_those_counted_by_hand(entry: str, run_page: RunPage, three_conversations: Site) -> None:
    """Three answers after 10, 20 and 60 s, two resolutions after 600 and 1200 s, one of them by the AI."""
    page = run_page(entry, website=three_conversations.slug, tz="UTC")
    assert not page.exception
    values = _values(page)
    assert values["Median response"] == "20 s"
    assert values["Median resolution"] == "15 m"
    assert values["Handled by AI"] == "50.0 %"
    assert values["Unique visitors"] == "0"
    assert "3 responses" in text_of(page)
    assert "Demo data" in text_of(page)


@pytest.mark.parametrize(
    "path", [path for path, _title, _icon in sidebar.PAGES if path != sidebar.ALL_WEBSITES]
)
def test_a_run_opens_its_view_once(
    path: str, run_page: RunPage, three_conversations: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dates are worked out once for header and all panels."""
    opened: list[views.View] = []
    resolve = views.resolve

    def counted(view: views.View, website: Website, week_start: WeekStart) -> views.ResolvedView:
        opened.append(view)
        return resolve(view, website, week_start)

    monkeypatch.setattr(views, "resolve", counted)
    run_page(path, website=three_conversations.slug, tz="UTC")
    assert len(opened) == 1


def test_a_sparkline_of_a_single_value_is_drawn(run_page: RunPage, three_conversations: Site) -> None:
    """All of it happened on one of seven days; what has no value has no sparkline."""
    page = run_page("app.py", website=three_conversations.slug, tz="UTC", range="7d")
    sparklines = [
        element.proto.body for element in page.get("html") if 'class="sparkline"' in element.proto.body
    ]
    for title, value in (("Median response", "20 s"), ("Median resolution", "15 m")):
        (sparkline,) = [each for each in sparklines if f'aria-label="{title} over time' in each]
        assert sparkline.count("<i ") == 1
        assert f': {value}"><i style="height:100.0%"' in sparkline


def test_funnel_counts_every_step(run_page: RunPage, three_conversations: Site) -> None:
    """Three started, three responded, two resolved; one of these two by the AI, which is half."""
    page = run_page("app.py", website=three_conversations.slug, tz="UTC")
    assert _funnel_links(page) == {
        "started": "**3**",
        "answered": "**3** :gray[:small[100.0 %]]",
        "unresolved": ":small[1 not resolved]",
        "resolved": "**2** :gray[:small[66.7 %]]",
        "resolved ai": ":small[AI agent **1** :gray[· 50.0 %]]",
        "resolved human": ":small[People **1** :gray[· 50.0 %]]",
    }
    assert ":gray[:small[0 not answered]]" in text_of(page), "nothing lies behind a zero"
    assert funnel.NOTE in text_of(page)


def test_a_number_of_the_funnel_lists_as_many_rows(run_page: RunPage, three_conversations: Site) -> None:
    """The link keeps website, range and timezone; its page lists what the number says."""
    page = run_page("app.py", website=three_conversations.slug, tz="UTC", range="3d", compare="off")
    (link,) = [each.proto for each in page.get("page_link") if "status=unresolved" in each.proto.query_string]
    query = dict(parse_qsl(link.query_string))
    assert query == {
        "website": three_conversations.slug,
        "tz": "UTC",
        "range": "3d",
        "compare": "off",
        "status": "unresolved",
    }
    assert "1 conversation active in this period" in text_of(run_page("pages/conversations.py", **query))


def test_the_funnel_says_how_many_were_resolved_without_a_response(
    run_page: RunPage, make_site: Callable[..., Site], send_events: SendEvents
) -> None:
    """They are in no later step, so that no step passes the one before; the line for them is absent without any."""
    site = make_site()
    now = f"{datetime.now(UTC) - timedelta(minutes=20):%Y-%m-%d %H:%M:%S}"
    events = [("a", "conversation_started"), ("b", "conversation_started"), ("a", "first_response")]
    events += [("b", "conversation_resolved"), ("older", "conversation_resolved"), ("older", "ai_resolved")]
    rows = [
        {
            "timestamp": now,
            "website_id": site.id,
            "visitor_id": "v",
            "event_type": event_type,
            "conversation_id": conversation,
            "duration_seconds": 0,
        }
        for conversation, event_type in events
    ]
    assert send_events("conversation_metrics", rows)["quarantined_rows"] == 0
    page = run_page("app.py", website=site.slug, tz="UTC", range="2d")
    links = _funnel_links(page)
    assert [links[status][:5] for status in ("started", "answered", "resolved")] == [
        "**2**",
        "**1**",
        "**0**",
    ]
    assert links["unanswered"] == ":small[1 not answered]"
    assert links["resolved_unanswered"] == ":small[1 resolved without an answer]"


def test_satisfaction_without_ratings_says_what_is_missing(
    run_page: RunPage, three_conversations: Site
) -> None:
    """The neutral 50 never goes unsaid."""
    words = text_of(run_page("app.py", website=three_conversations.slug, tz="UTC"))
    assert "missing and count as neutral 50" in words


def test_an_empty_website_says_so_and_shows_no_zeros_as_times(run_page: RunPage, site: Site) -> None:
    """Nothing measured is a dash with a reason, and the chart says what to do."""
    page = run_page("app.py", website=site.slug)
    assert not page.exception
    values = _values(page)
    assert values["Median response"] == "–"
    assert values["Satisfaction"] == "–"
    words = text_of(page)
    assert "No responses in this period." in words
    assert "No conversations started" in words
    assert "0 visitors at " in words


@pytest.mark.parametrize("queries", ["1000", "unlimited"])
def test_where_queries_are_limited_times_are_said_instead_of_ages(
    run_page: RunPage, site: Site, monkeypatch: pytest.MonkeyPatch, queries: str
) -> None:
    """What is read once an hour is not called right now, and the header says when numbers are read again."""
    monkeypatch.setenv("TINYBIRD_DAILY_QUERIES", queries)
    page = run_page("app.py", website=site.slug, tz="UTC")
    words = text_of(page)
    (line,) = (each for each in page.markdown if "As of " in each.value)
    if queries == "unlimited":
        assert "0 visitors right now" in words
        assert not line.proto.help
    else:
        assert re.search(r"0 visitors at \d\d:\d\d", words)
        assert re.match(r"Numbers are read again at \d\d:\d[05], or as soon as you choose", line.proto.help)


def test_tinybird_down_leaves_the_page_standing(
    run_page: RunPage, three_conversations: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every panel says what happened and offers to try again; nothing raises."""
    monkeypatch.setenv("TINYBIRD_HOST", "http://127.0.0.1:9")
    page = run_page("app.py", website=three_conversations.slug)
    assert not page.exception
    assert len(page.error) >= 3
    assert "TINYBIRD_HOST" in text_of(page)
    assert any(button.label == "Try again" for button in page.button)


def test_postgres_down_is_one_clear_message(
    run_page: RunPage, three_conversations: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Postgres access cannot be checked; the page says so and shows no address and no password."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://reader:hunter2@127.0.0.1:9/none")
    page = run_page("app.py", website=three_conversations.slug)
    assert not page.exception
    assert len(page.error) == 1
    assert "DATABASE_URL" in text_of(page)
    assert "hunter2" not in text_of(page)
    assert not page.metric


def test_a_wrong_token_names_the_variable_and_never_the_token(
    run_page: RunPage, three_conversations: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The remedy is the variable to set."""
    monkeypatch.setenv("TINYBIRD_READ_TOKEN", "p.not-a-token")
    words = text_of(run_page("app.py", website=three_conversations.slug))
    assert "TINYBIRD_READ_TOKEN" in words
    assert "p.not-a-token" not in words


@pytest.mark.parametrize("missing", ["TINYBIRD_HOST", "TINYBIRD_READ_TOKEN", "DATABASE_URL"])
def test_a_missing_variable_is_named(
    missing: str, run_page: RunPage, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page says which variable to set."""
    monkeypatch.delenv(missing)
    page = run_page("app.py", website=site.slug)
    assert not page.exception
    assert missing in text_of(page)


@pytest.mark.parametrize("entry", ENTRIES)
def test_without_demo_and_without_sign_in_nothing_is_shown(
    entry: str, run_page: RunPage, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page refuses by itself, also when it is reached without `app.py`."""
    monkeypatch.delenv("INBOX_ANALYTICS_DEMO")
    page = run_page(entry, website=site.slug)
    assert "Sign" in text_of(page)
    assert not page.metric
    assert not page.selectbox


def test_untrusted_names_are_escaped(run_page: RunPage, make_site: Callable[..., Site]) -> None:
    """A website's name is shown letter for letter, never as Markdown."""
    site = make_site(name="[Acme](https://evil.example) :material/home: <b>x</b>")
    words = source_of(run_page("app.py", website=site.slug))
    assert r"\[Acme\]" in words
    assert "[Acme](https://evil.example)" not in words


def test_comparison_past_the_reach_is_absent_with_its_reason(
    run_page: RunPage, three_conversations: Site
) -> None:
    """14 days on free cannot be compared; the cards say why, and there is no change to misread."""
    page = run_page("app.py", website=three_conversations.slug, range="14d")
    assert {metric.delta for metric in page.metric} == {"–"}
    assert "Not comparable: data reaches back 21 days" in text_of(page)


def test_a_card_says_once_how_far_back_data_reaches(
    run_page: RunPage, make_site: Callable[..., Site]
) -> None:
    """60 days of a paid website: the visitors' card says since when it counts, which is also why it is not compared."""
    words = text_of(run_page("app.py", website=make_site(plan="pro").slug, range="60d"))
    assert "Visitor data reaches back 30 days. Counted from" in words
    card = words[: words.index("Visitor data reaches back 30 days. Counted from")].splitlines()
    assert "Not comparable" in card
    assert "Not comparable: data reaches back 30 days" not in card


def test_the_longest_comparable_range_is_one_click_away(run_page: RunPage, three_conversations: Site) -> None:
    """Ten days on free: the button writes them into the URL, and there is a change to read."""
    page = run_page("app.py", website=three_conversations.slug, range="14d")
    page.button(key="longest-comparable").click().run()
    assert query_of(page)["range"] == "10d"
    assert "Not comparable: data reaches back" not in text_of(page)


def test_comparison_can_be_switched_off(run_page: RunPage, three_conversations: Site) -> None:
    """Off means no change, no reason, and `compare=off` in the URL."""
    page = run_page("app.py", website=three_conversations.slug)
    page.selectbox(key="compare_widget").set_value("off").run()
    assert query_of(page)["compare"] == "off"
    words = text_of(page)
    for trace in ("Not comparable", " vs ", "between ", "eriod before", "clear change"):
        assert trace not in words, trace
    assert {metric.delta for metric in page.metric} == {""}
    assert "before" not in str([list(table) for table in explanations(page)])


@pytest.mark.parametrize("path", ["overview", "conversations", "satisfaction", "visitors"])
def test_with_comparison_off_no_page_shows_the_period_before(
    path: str, run_page: RunPage, three_conversations: Site
) -> None:
    """No change, no value and no question of it: neither on a card nor in an explanation, a chart or its text."""
    query = {"website": three_conversations.slug, "compare": "off", "tz": "UTC"}
    page = open_explanations(run_page(f"pages/{path}.py", **query))
    assert not page.exception
    words = text_of(page)
    for said in ("Not comparable", " vs ", "between ", "eriod before", "clear change", "no change"):
        assert said not in words, said
    assert {metric.delta for metric in page.metric} <= {""}
    asked = [
        dict(line.split("=", 1) for line in code.value.splitlines())
        for code in page.code
        if "=" in code.value
    ]
    assert asked
    assert all(each.get("prev_date_from") == each.get("prev_date_to") for each in asked)
    first = (datetime.now(UTC) - timedelta(days=6)).date().isoformat()
    for chart in page.get("plotly_chart"):
        proto: Any = chart.proto
        for trace in json.loads(proto.spec)["data"]:
            assert all(str(x) >= first for x in trace.get("x", ()) if re.match(r"20\d\d-", str(x)))
        assert "efore" not in proto.alt.replace("the one before", "")


def test_timezone_moves_the_days(run_page: RunPage, three_conversations: Site) -> None:
    """A timezone chosen in the sidebar is in the URL and decides the days in the header."""
    page = run_page("app.py", website=three_conversations.slug, tz="UTC")
    page.selectbox(key="tz_widget").set_value("Asia/Kolkata").run()
    assert query_of(page)["tz"] == "Asia/Kolkata"
    assert not page.exception


def test_website_choice_changes_the_numbers(
    run_page: RunPage, three_conversations: Site, make_site: Callable[..., Site]
) -> None:
    """Another website is another address and other numbers."""
    other = make_site()
    page = run_page("app.py", website=three_conversations.slug, tz="UTC")
    assert _values(page)["Median response"] == "20 s"
    page.selectbox(key="website_widget").set_value(other.slug).run()
    assert query_of(page)["website"] == other.slug
    assert _values(page)["Median response"] == "–"


@pytest.mark.parametrize(
    ("metric", "title"),
    [
        ("median_resolution", "Median resolution"),
        ("ai_handled", "Handled by AI"),
        ("satisfaction_index", "Satisfaction"),
        ("unique_visitors", "Unique visitors"),
    ],
)
def test_metric_switch_changes_the_chart(
    metric: str, title: str, run_page: RunPage, three_conversations: Site
) -> None:
    """Each metric has its own title, and its place in the URL."""
    page = run_page("app.py", website=three_conversations.slug)
    page.button_group(key="metric_widget").set_value(metric).run()
    assert query_of(page)["metric"] == metric
    assert f"**{title}**" in text_of(page)
    assert not page.exception


def test_an_empty_panel_offers_a_longer_range(run_page: RunPage, site: Site) -> None:
    """The next longer one that the plan reaches; none beside the longest."""
    page = run_page("app.py", website=site.slug, tz="UTC")
    assert "No responses in this period" in text_of(page)
    (button,) = [
        each for each in page.button if each.label == "Show the last 21 days" and "responses" in str(each.key)
    ]
    button.click().run()
    assert query_of(page)["range"] == "21d"
    assert not [each for each in page.button if str(each.key).startswith("longer-No")]


@pytest.mark.parametrize(
    "query",
    [
        {"range": "2026-13-45..x"},
        {"range": "99999999d"},
        {"tz": "../../etc/passwd"},
        {"tz": "\x00"},
        {"compare": "<script>"},
        {"metric": "a" * 10_000},
    ],
)
def test_a_corrupt_url_falls_back_with_a_notice(
    query: dict[str, str], run_page: RunPage, three_conversations: Site
) -> None:
    """Whatever the URL says, the page stands and says what it did not understand."""
    page = run_page("app.py", **({"website": three_conversations.slug} | query))
    assert not page.exception
    assert "It was ignored." in text_of(page)
    assert len(page.metric) == 5


@pytest.mark.parametrize(("late_seconds", "is_drawn_again"), [(0, False), (60, True)])
def test_an_open_page_is_drawn_again_after_a_delay_of_its_own(
    run_page: RunPage,
    three_conversations: Site,
    monkeypatch: pytest.MonkeyPatch,
    late_seconds: int,
    is_drawn_again: bool,
) -> None:
    """Each session waits another while after the time at which all of them are due, and reads nothing until then."""
    page = run_page("app.py", website=three_conversations.slug)
    assert 0 <= page.session_state["delay-seconds"] < header.SPREAD_SECONDS
    page.session_state["delay-seconds"] = 59
    due = [datetime.now(UTC) - timedelta(seconds=late_seconds)]
    when = cached.next_read
    monkeypatch.setattr(cached, "next_read", lambda view: due.pop() if due else when(view))
    opened: list[View] = []
    opens = cached.open_view

    def open_counted(asked: View) -> OpenedView:
        opened.append(asked)
        return opens(asked)

    ages: list[datetime] = []
    age = cached.newest_event

    def age_counted(view: OpenedView, now: datetime) -> cached.Reading[datetime | None]:
        ages.append(now)
        return age(view, now)

    monkeypatch.setattr(cached, "open_view", open_counted)
    monkeypatch.setattr(cached, "newest_event", age_counted)
    page.run()
    assert not page.exception
    assert (len(opened), len(ages)) == ((2, 1) if is_drawn_again else (1, 0))
    assert "As of " in text_of(page)
