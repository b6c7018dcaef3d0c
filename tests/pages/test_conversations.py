"""Conversations without a browser: every state of the page, its filters, and the rows behind them."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from streamlit.testing.v1 import AppTest

from analytics import cached
from tests.conftest import LocalStack
from tests.pages.conftest import RunPage, SendEvents, Site, query_of, text_of
from tests.pages.test_files import read, request, view_of
from tests.pages.test_self_check import exported

CONVERSATIONS = "pages/conversations.py"


@pytest.fixture
def known(three_conversations: Site, stack_environment: LocalStack) -> Site:
    """The three conversations in Postgres: a rated, b a test visitor's, c deleted."""
    site = three_conversations
    with psycopg.connect(stack_environment.owner_url, autocommit=True) as connection:
        for name, is_test, deleted in (("a", False, None), ("b", True, None), ("c", False, "now")):
            visitor, conversation = f"{site.id}-v{name}", f"{site.id}-{name}"
            connection.execute(
                "INSERT INTO visitor (id, organization_id, website_id, city, country_code, is_test, created_at)"
                " VALUES (%s, %s, %s, '<b>Paris</b>', 'FR', %s, now())",
                (visitor, site.organization_id, site.id, is_test),
            )
            connection.execute(
                "INSERT INTO conversation (id, organization_id, website_id, visitor_id, status, sentiment, started_at,"
                " created_at, updated_at, deleted_at)"
                " VALUES (%s, %s, %s, %s, 'resolved', 'positive', now(), now(), now(), %s::timestamptz)",
                (conversation, site.organization_id, site.id, visitor, deleted),
            )
        for number, (rating, deleted) in enumerate(((2, None), (5, None), (1, "now"))):
            connection.execute(
                "INSERT INTO feedback (id, organization_id, website_id, conversation_id, rating, created_at, updated_at,"
                " deleted_at) VALUES (%s, %s, %s, %s, %s, now() + %s * interval '1 second', now(), %s::timestamptz)",
                (
                    f"{site.id}-f{number}",
                    site.organization_id,
                    site.id,
                    f"{site.id}-a",
                    rating,
                    number,
                    deleted,
                ),
            )
    return site


def _table(page: AppTest) -> dict[str, list[object]]:
    (table,) = page.dataframe
    frame = table.value
    frame["Conversation"] = [str(name)[-1] for name in frame["Conversation"]]
    return {str(name): frame[name].tolist() for name in frame.columns}


@pytest.mark.parametrize("entry", ["app.py", CONVERSATIONS])
def test_the_sla_reading_is_the_first_thing_said(
    entry: str, run_page: RunPage, three_conversations: Site
) -> None:
    """All answered within 15 minutes, both resolutions within 4 hours."""
    page = run_page(entry, website=three_conversations.slug, tz="UTC")
    if entry == "app.py":
        page.switch_page(CONVERSATIONS).run()
    assert not page.exception
    assert "100.0 % :gray[:small[answered within 15 minutes]]" in text_of(page)
    assert "100.0 % :gray[:small[resolved within 4 hours]]" in text_of(page)


def test_bands_charts_and_hands_are_those_counted_by_hand(
    run_page: RunPage, three_conversations: Site
) -> None:
    """Three answers and two resolutions, one of each hand; four charts."""
    page = run_page(CONVERSATIONS, website=three_conversations.slug, tz="UTC")
    text = text_of(page)
    assert len(page.get("plotly_chart")) == 4
    assert text.count("**50.0 %** :gray[· 1]") == 2
    assert "Median first response 10 s, resolution 10 m" in text
    assert "Median first response 20 s, resolution 20 m" in text
    (escalated,) = page.metric
    assert (escalated.label, escalated.value) == ("Escalated to people", "0.0 %")
    assert "3 started conversations" in text
    with exported() as files:
        run_page(CONVERSATIONS, website=three_conversations.slug, tz="UTC")
        (of_all,) = files["escalated"]
        run_page(CONVERSATIONS, website=three_conversations.slug, tz="UTC", handled="ai")
        (of_selected,) = files["escalated"]
    assert (of_all["value"], of_all["n"], of_all["verdict"]) == ("0.0", "3", "not comparable")
    assert (of_selected["value"], of_selected["n"]) == ("0.0", "1")
    assert "verdict" not in of_selected
    assert "not comparable: no first responses in the period before" in text
    assert [button.label for button in page.button if str(button.key).startswith("choose-")] == [
        "3 in time",
        "0 took longer",
        "2 in time",
        "0 took longer",
        "AI agent",
        "People",
        "Escalated",
    ]


def test_the_list_shows_what_postgres_knows_of_each(run_page: RunPage, known: Site) -> None:
    """Newest feedback that is not deleted; a test visitor's and a deleted conversation are marked, with their times."""
    page = run_page(CONVERSATIONS, website=known.slug, tz="UTC")
    assert not page.exception
    table = _table(page)
    assert table["Conversation"] == ["a", "b", "c"]
    assert table["Status"] == ["Resolved", "Deleted, test", "Deleted, test"]
    assert table["Resolved by"] == ["AI agent", "People", "–"]
    assert table["Response"] == ["10 s", "20 s", "1 m"]
    assert table["Topic"] == ["–"] * 3
    assert table["Rating"] == ["5 of 5", "–", "–"]
    started = page.dataframe[0].value["Started"].dtype
    assert str(started) in {"datetime64[us]", "datetime64[ns]"}, "the clock of the page, not the browser's"
    assert {f"{at:%H:%M}" for at in table["Started"]} == {"12:00"}
    assert "Link" not in table, "without a template there is no link"
    assert table["Place"] == ["<b>Paris</b>, FR", "–", "–"]
    assert "3 conversations active in this period" in text_of(page)


@pytest.mark.parametrize(
    ("query", "expected", "chip"),
    [
        ({"handled": "ai"}, ["a"], "Handled by: AI agent"),
        ({"handled": "human"}, ["b"], "Handled by: People"),
        ({"response": "band:0"}, ["a", "b", "c"], "Response time: up to 5 m"),
        ({"resolution": "band:1"}, ["a"], "Resolution time: 5 m to 15 m"),
        ({"resolution": "band:2", "handled": "human"}, ["b"], "Handled by: People"),
        ({"status": "unresolved"}, ["c"], "Status: Answered, not resolved"),
        ({"status": "resolved", "handled": "ai"}, ["a"], "Status: Answered and resolved"),
        ({"response": "within:20"}, ["a", "b"], "Response time: within 20 s"),
        ({"response": "longer:900"}, [], "Response time: longer than 15 m"),
        ({"resolution": "longer:600"}, ["b"], "Resolution time: longer than 10 m"),
        ({"sort": "slowest_response"}, ["c", "b", "a"], None),
        (
            {"sort": "slowest_resolution", "response": "within:60"},
            ["b", "a", "c"],
            "Response time: within 1 m",
        ),
    ],
)
def test_a_filter_in_the_url_narrows_the_list_and_shows_as_a_chip(
    run_page: RunPage, three_conversations: Site, query: dict[str, str], expected: list[str], chip: str | None
) -> None:
    """What is selected is listed in the order of the URL, and said."""
    page = run_page(CONVERSATIONS, website=three_conversations.slug, tz="UTC", **query)
    assert not page.exception
    assert (_table(page)["Conversation"] if page.dataframe else []) == expected
    assert chip is None or chip in [button.label.replace("\\", "") for button in page.button]


def test_an_hour_of_the_week_selects_its_conversations(run_page: RunPage, three_conversations: Site) -> None:
    """Noon of the day selects all three; the hour after it none, and says what to do."""
    weekday = (datetime.now(UTC) - timedelta(days=1)).isoweekday()
    page = run_page(CONVERSATIONS, website=three_conversations.slug, tz="UTC", cell=f"{weekday}-12")
    assert len(_table(page)["Conversation"]) == 3
    page = run_page(CONVERSATIONS, website=three_conversations.slug, tz="UTC", cell=f"{weekday}-13")
    assert not page.dataframe
    assert "No conversations here" in text_of(page)
    assert "Remove a filter, or choose a longer range." in text_of(page)


def test_the_filter_button_chooses_what_a_click_on_a_chart_does(
    run_page: RunPage, three_conversations: Site
) -> None:
    """Band and hour by name, for those who have no pointer; any takes the filter away, the page starts at 1 again."""
    page = run_page(CONVERSATIONS, website=three_conversations.slug, tz="UTC", page="2")
    page.selectbox(key="response-choice-None").set_value("band:0").run()
    assert query_of(page)["response"] == "band:0"
    assert "page" not in query_of(page)
    page.selectbox(key="cell-choice-None").set_value("2-14").run()
    assert query_of(page)["cell"] == "2-14"
    page.button(key="chip-cell").click().run()
    assert page.selectbox(key="cell-choice-None").value is None
    page.selectbox(key="response-choice-band:0").set_value(None).run()
    assert "response" not in query_of(page)


def test_the_order_is_kept_in_the_url(run_page: RunPage, known: Site) -> None:
    """A choice sorts the whole list on the server and starts at its first page; the default leaves the address."""
    page = run_page(CONVERSATIONS, website=known.slug, tz="UTC", page="2")
    page.selectbox(key="sort_widget").set_value("slowest_response").run()
    assert query_of(page)["sort"] == "slowest_response"
    assert "page" not in query_of(page)
    assert _table(page)["Conversation"] == ["c", "b", "a"]
    page.selectbox(key="sort_widget").set_value("lowest_rating").run()
    assert _table(page)["Conversation"] == ["a", "b", "c"]
    page.selectbox(key="sort_widget").set_value("newest").run()
    assert "sort" not in query_of(page)


def test_a_row_leads_into_the_product(
    run_page: RunPage, known: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The template filled for each conversation that the product still shows; the others have no link."""
    monkeypatch.setenv("INBOX_ANALYTICS_CONVERSATION_URL", "https://inbox.example/{website}/c/{id}")
    page = run_page(CONVERSATIONS, website=known.slug, tz="UTC")
    links = _table(page)["Link"]
    assert links[0] == f"https://inbox.example/{known.slug}/c/{known.id}-a"
    assert all(link is None or link != link for link in links[1:])
    rows = read(request(view_of(known), "conversation_list")).set_index("conversation_id")
    assert rows["link"][rows["link"] != ""].to_dict() == {f"{known.id}-a": links[0]}
    monkeypatch.delenv("INBOX_ANALYTICS_CONVERSATION_URL")
    assert "link" not in read(request(view_of(known), "conversation_list"))


def test_a_click_on_the_funnel_shows_the_rows_first(run_page: RunPage, three_conversations: Site) -> None:
    """The list of a status stands above the charts; without one it stands under them."""
    places = {}
    for query in ({"status": "started"}, {}):
        page = run_page(CONVERSATIONS, website=three_conversations.slug, tz="UTC", **query)
        text = text_of(page)
        places[len(query)] = text.index("behind these numbers") < text.index("Response time")
    assert places == {1: True, 0: False}


def test_the_headline_says_whether_it_changed_and_leads_to_its_rows(
    run_page: RunPage, three_conversations: Site, send_events: SendEvents
) -> None:
    """Yesterday three of three were in time, the day before none of two; a click lists those behind a count."""
    noon = (datetime.now(UTC) - timedelta(days=2)).replace(hour=12, minute=0, second=0, microsecond=0)
    rows = [
        {
            "timestamp": noon.isoformat(),
            "website_id": three_conversations.id,
            "visitor_id": "v",
            "event_type": "first_response",
            "conversation_id": f"{three_conversations.id}-slow-{number}",
            "duration_seconds": 901 + number,
        }
        for number in range(2)
    ]
    assert send_events("conversation_metrics", rows)["quarantined_rows"] == 0
    yesterday = f"{noon + timedelta(days=1):%Y-%m-%d}"
    asked = {"website": three_conversations.slug, "tz": "UTC", "range": f"{yesterday}..{yesterday}"}
    with exported() as files:
        run_page(CONVERSATIONS, **asked)
    band = files["response-bands"][1]
    assert (band["band"], band["cumulative_change_percentage_points"]) == ("5 m to 15 m", "100")
    page = run_page(CONVERSATIONS, **asked)
    assert f"+100.0 pp** {band['verdict']}" in text_of(page)
    assert "Grey marks: " in text_of(page)
    assert "+100.0 pp" not in text_of(run_page(CONVERSATIONS, **asked, compare="off"))
    page.button(key="choose-response-within:900").click().run()
    assert query_of(page)["response"] == "within:900"
    assert _table(page)["Conversation"] == ["a", "b", "c"]


def test_the_percentiles_follow_the_filter(run_page: RunPage, three_conversations: Site) -> None:
    """What is drawn over time is what is listed: a band without conversations has no percentiles."""
    drawn = {}
    for band in ("band:0", "band:4"):
        page = run_page(CONVERSATIONS, website=three_conversations.slug, tz="UTC", response=band)
        drawn[band] = any("percentiles" in chart.proto.id for chart in page.get("plotly_chart"))
    assert drawn == {"band:0": True, "band:4": False}
    assert "No first responses in this period" in text_of(page)


def test_the_percentile_chart_says_where_it_has_no_90th_percentile(
    run_page: RunPage, three_conversations: Site, send_events: SendEvents
) -> None:
    """Three answers a day have a median and no 90th percentile; ten have both."""
    note = "The 90th percentile is shown where the day has 10 values or more."
    asked = {"website": three_conversations.slug, "tz": "UTC"}
    assert note in text_of(run_page(CONVERSATIONS, **asked))
    noon = (datetime.now(UTC) - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    rows = [
        {
            "timestamp": noon.isoformat(),
            "website_id": three_conversations.id,
            "visitor_id": "v",
            "event_type": "first_response",
            "conversation_id": f"{three_conversations.id}-{number}",
            "duration_seconds": number,
        }
        for number in range(7)
    ]
    assert send_events("conversation_metrics", rows)["quarantined_rows"] == 0
    cached.clear()
    assert note not in text_of(run_page(CONVERSATIONS, **asked))


def test_a_chip_takes_its_filter_away(run_page: RunPage, three_conversations: Site) -> None:
    """The chip's click removes the parameter, and everything is listed again."""
    page = run_page(CONVERSATIONS, website=three_conversations.slug, tz="UTC", handled="ai")
    page.button(key="chip-handled").click().run()
    assert "handled" not in query_of(page)
    assert len(_table(page)["Conversation"]) == 3


def test_a_name_selects_and_selects_no_more(run_page: RunPage, three_conversations: Site) -> None:
    """A click on "AI agent" filters the page; a second one takes the filter away."""
    page = run_page(CONVERSATIONS, website=three_conversations.slug, tz="UTC")
    page.button(key="choose-handled-ai").click().run()
    assert query_of(page)["handled"] == "ai"
    assert _table(page)["Conversation"] == ["a"]
    page.button(key="choose-handled-ai").click().run()
    assert "handled" not in query_of(page)


def test_switches_are_kept_in_the_url(run_page: RunPage, three_conversations: Site) -> None:
    """Which time is drawn, and what the heatmap shows."""
    page = run_page(CONVERSATIONS, website=three_conversations.slug, tz="UTC")
    page.button_group(key="measure_widget").set_value("resolution").run()
    page.button_group(key="heat_widget").set_value("response").run()
    assert query_of(page) | {"measure": "resolution", "heat": "response"} == query_of(page)
    assert "Resolution time by day" in text_of(page)
    assert "Stronger colour: slower" in text_of(page)


TAMPERED = {
    "response": ("band:9", "filter"),
    "cell": ("9-99", "filter"),
    "handled": ("robots", "filter"),
    "escalated": ("maybe", "filter"),
    "measure": ("<script>", "chart"),
    "heat": ("x", "chart"),
    "status": ("closed", "filter"),
    "resolution": ("longer:1e9", "filter"),
    "sort": ("fastest", "sort order"),
}


@pytest.mark.parametrize("number", ["-1", "٣"])
def test_a_tampered_url_falls_back_with_a_notice(
    run_page: RunPage, three_conversations: Site, number: str
) -> None:
    """What cannot be shown is said, everything is shown, and a button takes each out of the URL, and no other."""
    tampered = TAMPERED | {"page": (number, "page of the list")}
    wanted = {name: value for name, (value, _) in tampered.items()}
    page = run_page(CONVERSATIONS, website=three_conversations.slug, tz="UTC", **wanted)
    assert not page.exception
    words = [word for _, word in tampered.values()]
    for word in words:
        assert text_of(page).count(f"This link has a {word} we do not know (") == words.count(word)
    assert len(_table(page)["Conversation"]) == 3
    page.button(key="ignored-response").click().run()
    page.button(key="ignored-page").click().run()
    left = wanted.keys() - {"response", "page"}
    assert left <= query_of(page).keys()
    assert not {"response", "page"} & query_of(page).keys()
    assert text_of(page).count("It was ignored") == len(left)


def test_a_page_past_the_end_is_the_last_one(run_page: RunPage, three_conversations: Site) -> None:
    """A link from before a filter still shows rows."""
    page = run_page(CONVERSATIONS, website=three_conversations.slug, tz="UTC", page="7")
    assert "3 conversations active in this period" in text_of(page)
    assert "There is no page 7. This is the last one." in text_of(page)


def test_spam_among_the_conversations_of_a_step_is_said(
    run_page: RunPage, known: Site, stack_environment: LocalStack
) -> None:
    """The funnel counts events, and knows nothing of it; the list of everything needs no word."""
    with psycopg.connect(stack_environment.owner_url, autocommit=True) as connection:
        connection.execute("UPDATE conversation SET status = 'spam' WHERE id = %s", (f"{known.id}-a",))
    said = "What was marked as spam counts as well"
    assert said in text_of(run_page(CONVERSATIONS, website=known.slug, tz="UTC", status="started"))
    assert said not in text_of(run_page(CONVERSATIONS, website=known.slug, tz="UTC"))


def test_no_conversations_are_said_panel_by_panel(run_page: RunPage, site: Site) -> None:
    """Every panel says what is missing and what to do; nothing is drawn as zero."""
    page = run_page(CONVERSATIONS, website=site.slug, tz="UTC")
    assert not page.exception
    assert not page.get("plotly_chart")
    assert not page.dataframe
    text = text_of(page)
    assert "No first responses in this period" in text
    assert "No resolved conversations in this period" in text
    assert "No conversations started in this period" in text
    assert text.count("Choose a longer range.") == 5


def test_tinybird_down_shows_an_error_in_each_panel(
    run_page: RunPage, three_conversations: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the six panels says so for itself; header and sidebar stand."""
    monkeypatch.setenv("TINYBIRD_HOST", "http://127.0.0.1:9")
    page = run_page(CONVERSATIONS, website=three_conversations.slug)
    assert not page.exception
    assert len(page.error) == 6
    assert page.title[0].value == "Conversations"


def test_postgres_down_later_leaves_the_times(
    run_page: RunPage, three_conversations: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Postgres the list stands, says what is missing, and calls nothing deleted."""
    from analytics.transports.postgres import Postgres

    read = Postgres.read

    def cut(self: Postgres, name: str, *args: object) -> object:
        if name == "conversations_by_id":
            from analytics.errors import SourceUnavailable

            raise SourceUnavailable("Postgres cannot be reached.", source="postgres", resource=name)
        return read(self, name, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Postgres, "read", cut)
    page = run_page(CONVERSATIONS, website=three_conversations.slug, tz="UTC")
    assert not page.exception
    assert _table(page)["Status"] == ["–", "–", "–"]
    assert "Status, topic, names, rating and place are missing" in text_of(page)
