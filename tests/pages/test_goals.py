"""Goals without a browser: on Conversations, on the cards and the chart of Overview, and in Waiting."""

import csv
import io
import json
import re
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from analytics import cached
from analytics.cached import Unsettled
from analytics.cached.reading import reads
from analytics.cached.shared.waits import Patience
from analytics.errors import SourceUnavailable
from analytics.kpis.goals.definitions import Goal, GoalHistory
from analytics.kpis.goals.results import GoalPart, GoalResult, GoalResults
from analytics.readings import Answer
from analytics.scope.comparison import BEFORE
from analytics.scope.periods import Range
from analytics.scope.tiers import Comparability, Comparable
from analytics.scope.views import View
from analytics.store.store import Store
from pages.components.exports import download, tables
from pages.components.metrics import changes, goal_panel
from pages.components.page import panel
from tests.conftest import PATIENT, LocalStack
from tests.pages.conftest import PAGE_SECONDS, RunPage, offered, text_of
from tests.pages.test_files import UNUSED_VIEWER
from tests.pages.test_self_check import exported
from tests.pages.test_waiting import shown_in_table
from tests.product_database import Product

AS_OF = r"as of (\d+ \w+, )?\d\d:\d\d"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
FIVE = Goal(90.0, 300)
CONVERSATIONS, OVERVIEW, WAITING = "pages/conversations.py", "pages/overview.py", "pages/waiting.py"


@pytest.fixture
def shop(staff: str, product: Product) -> Product:
    """Yesterday: nine conversations answered after a minute, one after an hour; the demo viewer may open the website."""
    del staff
    at = datetime.now(UTC) - timedelta(days=1)
    for minutes in (*[1] * 9, 60):
        product.add_conversation(at, first_response_at=at + minutes * MINUTE)
    return product


@pytest.fixture
def add_goal(shop: Product, with_store: LocalStack) -> Callable[..., None]:
    """Sets a store; called with a goal, it is saved there for the website as another person would."""

    def add(
        goal: Goal | None, version: int = 1, *, by: str = "ann@example.com", measure: str = "response"
    ) -> None:
        with Store(with_store.store_url) as store:
            store.add_goal(shop.website_id, measure, version, goal, by, is_from_start=version == 1)  # type: ignore[arg-type]
        cached.clear()

    return add


def opened(run_page: RunPage, shop: Product, path: str = CONVERSATIONS, **query: str) -> AppTest:
    """A page of the product's website, without a defect."""
    page = run_page(path, website=shop.website_id, **query)
    assert not page.exception
    return page


def form(page: AppTest, shop: Product, measure: str = "response") -> str:
    """The prefix of the keys of a goal's form."""
    del page
    return f"goal-{shop.website_id}-{measure}"


def save(page: AppTest, shop: Product, share: float, number: int, unit: str) -> AppTest:
    """Fills in the form of the response goal and presses Save."""
    key = form(page, shop)
    page.number_input(key=f"{key}-share").set_value(share)
    page.number_input(key=f"{key}-number").set_value(number)
    page.selectbox(key=f"{key}-unit").set_value(unit)
    saved = page.button(key=f"{key}-save").click().run()
    assert not saved.exception
    return saved


def newest(stack: LocalStack, shop: Product) -> tuple[int, Goal | None]:
    """Number and goal of the newest version of the response goal; (0, None) without one."""
    with Store(stack.store_url) as store:
        version = store.goals([shop.website_id]).value[0].newest("response")
    return (0, None) if version is None else (version.version, version.goal)


def test_the_share_met_stands_with_its_interval(
    run_page: RunPage, shop: Product, add_goal: Callable[..., None]
) -> None:
    """9 of 10: 90 %, Wilson's interval 59.6 to 98.2 %; who set the goal; the file has the counts."""
    add_goal(FIVE, by="<b>ann</b>@example.com")
    with exported() as files:
        page = opened(run_page, shop)
    cards = {each.label: each.value for each in page.metric}
    assert cards["Answered within 5 minutes"] == "90.0 %"
    said = text_of(page)
    assert "Goal 90 %: **reached, may be chance**" in said
    assert "95 % interval 59.6 % to 98.2 %" in said
    assert "90 % answered within 5 minutes: set by <b>ann</b>@example.com" in said
    assert "goals" in offered(opened(run_page, shop))
    (row,) = files["goals"]
    assert (row["met_count"], row["missed_count"], row["open_count"]) == ("9", "1", "0")
    assert (row["goal_seconds"], float(row["goal_share_ratio"]), float(row["met_ratio"])) == ("300", 0.9, 0.9)


def test_the_file_has_the_change_that_the_card_shows(
    run_page: RunPage, shop: Product, add_goal: Callable[..., None]
) -> None:
    """9 of 10 against 1 of 2 in the week before; with two goals the change is that of both together."""
    for minutes in (1, 60):
        at = datetime.now(UTC) - timedelta(days=9)
        shop.add_conversation(at, first_response_at=at + minutes * MINUTE)
    add_goal(FIVE)
    with exported() as files:
        page = opened(run_page, shop, range="7d")
    (row,) = files["goals"]
    assert row["goal"] == "90 % answered within 5 minutes"
    assert (row["previous_met_ratio"], row["previous_judged_count"]) == ("0.5", "2")
    assert float(row["change_percentage_points"]) == pytest.approx(40)
    (card,) = [each for each in page.metric if each.label == "Answered within 5 minutes"]
    assert (card.delta, card.proto.delta_description) == ("+40.0 pp", row["verdict"])
    low, high = (float(row[f"change_{end}_percentage_points"]) for end in ("low", "high"))
    assert str(changes.between(low, high, "pp")) in text_of(page)


def test_two_goals_of_a_period_have_a_row_of_both_with_the_change() -> None:
    """2 of 4 and 4 of 4 against 3 of 6 before; each goal alone is compared with nothing."""
    now = datetime.now(UTC)
    parts = (GoalPart(FIVE, now - timedelta(days=7), 2, 2, 0), GoalPart(Goal(80.0, 300), now, 4, 0, 1))
    results = GoalResults(
        GoalHistory(""),
        {"response": GoalResult("response", parts)},
        {"response": GoalResult("response", (GoalPart(FIVE, now, 3, 3, 0),))},
    )
    table = goal_panel.table(results, Comparability(True, Comparable(True, None, 7)))
    assert table["goal_share_ratio"].fillna(0).tolist() == [0.9, 0.8, 0]
    assert table["goal"].iloc[2] == "all goals of the period"
    assert table["met_count"].tolist() == [2, 4, 6]
    assert table["change_percentage_points"].fillna(0).tolist() == [0, 0, 25]
    assert table["previous_met_ratio"].fillna(-1).tolist() == [-1, -1, 0.5]
    assert table["verdict"].notna().tolist() == [False, False, True]
    alone = goal_panel.table(results, Comparability(False, Comparable(True, None, 7)))
    assert not [
        name for name in map(str, alone) if "previous" in name or "change" in name or name == "verdict"
    ]


def test_a_goal_is_set_changed_and_removed(
    run_page: RunPage, shop: Product, add_goal: Callable[..., None], stack_environment: LocalStack
) -> None:
    """By the form; the page says what was saved, and the numbers follow at once."""
    del add_goal
    page = save(opened(run_page, shop), shop, 80.0, 2, "hours")
    assert newest(stack_environment, shop) == (1, Goal(80.0, 7200))
    assert "Answered within 2 hours" in [each.label for each in page.metric]
    assert [each.value for each in page.success] == ["Saved: 80 % answered within 2 hours."]
    page = save(page, shop, 99.5, 5, "minutes")
    assert newest(stack_environment, shop) == (2, Goal(99.5, 300))
    (removal,) = [each for each in page.expander if each.label == "Remove the goal"]
    assert not removal.proto.expanded
    assert [each.value for each in removal.caption] == [
        "Conversations that start from now on are not judged; earlier ones keep the goal of their time."
    ]
    removal.button[0].click().run()
    assert newest(stack_environment, shop) == (3, None)


def test_the_second_to_save_sees_the_change_and_keeps_the_entries(
    run_page: RunPage, shop: Product, add_goal: Callable[..., None], stack_environment: LocalStack
) -> None:
    """Nothing is overwritten unseen; saved again, it replaces the change."""
    add_goal(FIVE)
    page = opened(run_page, shop)
    add_goal(Goal(95.0, 600), 2, by="bob@example.com")
    page = save(page, shop, 70.0, 3, "hours")
    assert newest(stack_environment, shop) == (2, Goal(95.0, 600))
    (warning,) = page.warning
    said = text_of(page)
    assert "Another person has changed this goal" in said
    assert "95 % answered within 10 minutes: set by bob@example.com" in said
    assert "save again" in warning.value
    key = form(page, shop)
    assert page.number_input(key=f"{key}-share").value == 70.0
    page.button(key=f"{key}-save").click().run()
    assert newest(stack_environment, shop) == (3, Goal(70.0, 3 * 3600))


def test_filters_do_not_apply_and_the_panel_says_so(
    run_page: RunPage, shop: Product, add_goal: Callable[..., None]
) -> None:
    """The same share with a filter; without one nothing is said."""
    add_goal(FIVE)
    said = "The filters of this page do not apply to goals."
    assert said not in text_of(opened(run_page, shop))
    page = opened(run_page, shop, response="band:0")
    assert said in text_of(page)
    assert {each.label: each.value for each in page.metric}["Answered within 5 minutes"] == "90.0 %"


def test_a_time_past_all_plans_is_refused_and_nothing_is_lost(
    run_page: RunPage, shop: Product, add_goal: Callable[..., None], stack_environment: LocalStack
) -> None:
    """91 days: an error in words, entries as they were."""
    del add_goal
    page = save(opened(run_page, shop), shop, 80.0, 91, "days")
    assert [each.value for each in page.error] == ["The time must be from 1 second to 90 days."]
    assert page.number_input(key=f"{form(page, shop)}-number").value == 91
    assert newest(stack_environment, shop) == (0, None)


def test_a_member_reads_goals_and_has_no_form(
    run_page: RunPage,
    shop: Product,
    add_goal: Callable[..., None],
    staff: str,
) -> None:
    """The same numbers; owners have the form."""
    add_goal(FIVE)
    shop.connection.execute('UPDATE "user" SET role = NULL WHERE id = %s', (staff,))
    shop.connection.execute(
        "INSERT INTO member (id, organization_id, user_id, role, created_at) VALUES (%s, %s, %s, 'member', now())",
        (f"m-{staff}", shop.organization_id, staff),
    )
    page = opened(run_page, shop)
    assert "Answered within 5 minutes" in [each.label for each in page.metric]
    assert not page.number_input
    shop.connection.execute("UPDATE member SET role = 'owner' WHERE user_id = %s", (staff,))
    cached.clear()
    assert opened(run_page, shop).number_input


def test_without_a_store_the_page_says_what_to_set(run_page: RunPage, shop: Product) -> None:
    """Nothing else of the page, of Overview and of Waiting is missing."""
    assert "INBOX_ANALYTICS_STORE_URL" in text_of(opened(run_page, shop))
    for path in (OVERVIEW, WAITING):
        page = opened(run_page, shop, path)
        assert not page.error
        assert "goal" not in text_of(page).lower()


def test_a_store_that_is_away_fails_its_own_panel_alone(
    run_page: RunPage, shop: Product, add_goal: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Conversations has one error card; Overview and Waiting are as without goals."""
    del add_goal
    monkeypatch.setenv("INBOX_ANALYTICS_STORE_URL", "postgresql://a:secret@127.0.0.1:1/b")
    page = opened(run_page, shop)
    assert [each.proto.title for each in page.error] == ["The dashboard's store cannot be reached\\."]
    assert "secret" not in text_of(page)
    for path in (OVERVIEW, WAITING):
        assert not opened(run_page, shop, path).error


def test_the_card_and_the_chart_of_overview_show_the_goal(
    run_page: RunPage, shop: Product, add_goal: Callable[..., None], three_conversations: object
) -> None:
    """The card says the share met, the chart has a line at five minutes for response times only."""
    del three_conversations
    add_goal(FIVE)
    page = opened(run_page, shop, OVERVIEW)
    assert "**90.0 %** :gray[within 5 minutes, goal 90 % reached, may be chance]" in text_of(page)


@pytest.fixture
def waits(shop: Product) -> Product:
    """Three wait for an answer: for 1, 4.5 and 20 minutes; one escalated conversation waits for its resolution."""
    now = datetime.now(UTC)
    for minutes in (1, 4.5, 20):
        shop.add_conversation(now - minutes * MINUTE)
    shop.add_conversation(now - 3 * HOUR, first_response_at=now - 2 * HOUR, escalated_at=now - HOUR)
    return shop


def test_waiting_says_in_words_and_colour_what_is_left(
    run_page: RunPage, waits: Product, add_goal: Callable[..., None]
) -> None:
    """One past its goal (red), one with less than a minute left (orange), one in time; the file has seconds."""
    add_goal(FIVE)
    with exported() as files:
        page = opened(run_page, waits, WAITING)
    answer, resolution = (table.value for table in page.dataframe)
    missed, soon, in_time = answer["Goal"].tolist()
    assert missed < 0 < soon < in_time
    written = shown_in_table(page, 0)["Goal"].tolist()
    assert re.fullmatch(r"15 m( \d+ s)? late", written[0])
    assert written[1].endswith("s left")
    assert written[2].startswith(("3 m", "4 m"))
    assert "Goal" not in resolution
    assert ":red[1 past the goal] · :orange[1 nearly past it]" in text_of(page)
    styles = page.dataframe[0].proto.arrow_data.styler.styles
    assert styles.count("color") == 2
    states = [row["goal_state"] for row in files["waiting-for-answer"]]
    assert states == ["Missed", "Nearly missed", "In time"]
    assert [row["goal_seconds"] for row in files["waiting-for-answer"]] == ["300"] * 3
    view = View(UNUSED_VIEWER, waits.website_id, Range(days=7), "UTC", datetime.now(UTC) - MINUTE, BEFORE)
    asked = download.request(view, tables.waiting_list, ("answer",), {})
    text = b"".join(download.answer(asked).lines).decode("utf-8-sig")
    for row in csv.DictReader(io.StringIO(text, "")):  # Read a minute after the page was drawn.
        assert int(row["wait_seconds"]) + int(row["left_seconds"]) == 300
        waited = datetime.fromisoformat(row["period_end (UTC)"]) - datetime.fromisoformat(
            row["started_at (UTC)"]
        )
        assert abs(waited.total_seconds() - int(row["wait_seconds"])) <= 1


def test_the_chart_of_percentiles_has_the_line(
    run_page: RunPage, shop: Product, add_goal: Callable[..., None], send_events: Callable[..., object]
) -> None:
    """At five minutes in every bucket, on the axis of the 90th percentile."""
    at = datetime.now(UTC) - timedelta(days=1)
    row = {
        "website_id": shop.website_id,
        "visitor_id": shop.visitor_id,
        "event_type": "first_response",
        "timestamp": at.isoformat(),
        "duration_seconds": 200.0,
    }
    send_events("conversation_metrics", [{**row, "conversation_id": f"{shop.key}-{n}"} for n in range(12)])
    add_goal(FIVE)
    page = opened(run_page, shop, range="7d")
    specs = [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]
    lines = [
        trace for spec in specs for trace in spec["data"] if trace.get("hovertemplate", "").startswith("goal")
    ]
    assert [set(line["y"]) for line in lines] == [{300.0}]
    overview = opened(run_page, shop, OVERVIEW, range="7d")
    specs = [json.loads(chart.proto.spec) for chart in overview.get("plotly_chart")]
    assert sum("90 % within 5 m" in json.dumps(spec, ensure_ascii=False) for spec in specs) == 1
    assert [
        chart.proto.alt.endswith("; goal 90 % within 5 m") for chart in overview.get("plotly_chart")
    ].count(True) == 1


def test_a_silent_store_holds_up_no_card(
    run_page: RunPage, shop: Product, add_goal: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Overview and Waiting are there without goals, and drawn again once the store answers, however long it takes."""
    add_goal(FIVE)
    answers, asked, goals = threading.Event(), list[Unsettled](), Store.goals

    def held(self: Store, website_ids: Sequence[str]) -> Answer[tuple[GoalHistory, ...]]:
        assert answers.wait(10 * PAGE_SECONDS)
        return goals(self, website_ids)

    monkeypatch.setattr(Store, "goals", held)
    monkeypatch.setattr(panel, "follow", asked.extend)
    monkeypatch.setattr(reads, "patience", Patience(2 * PAGE_SECONDS, 2 * PAGE_SECONDS, 0.05))
    try:
        page = opened(run_page, shop, OVERVIEW)
        assert "Median response" in [each.label for each in page.metric]
        assert "goal" not in text_of(page)
        assert "Goals are missing: The dashboard's store has not answered yet." in text_of(
            opened(run_page, shop, WAITING)
        )
        assert not any(each.has_changed() for each in asked)
    finally:
        answers.set()
    ends_at = time.monotonic() + PAGE_SECONDS
    while not all(each.has_changed() for each in asked):
        assert asked
        assert time.monotonic() < ends_at
        time.sleep(0.05)
    monkeypatch.setattr(reads, "patience", PATIENT)
    assert "goal 90 % reached" in text_of(opened(run_page, shop, OVERVIEW))


def test_last_good_goals_are_marked_alone(
    run_page: RunPage,
    waits: Product,
    add_goal: Callable[..., None],
    three_conversations: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The store is away: the line of the card says from when its goal is, and so does Waiting; nothing else is marked."""
    del three_conversations
    add_goal(FIVE)
    for path in (OVERVIEW, WAITING):
        assert "as of" not in text_of(opened(run_page, waits, path))

    def fails(*_args: object) -> None:
        raise SourceUnavailable("Down.", source="store", resource="goals")

    monkeypatch.setattr(Store, "goals", fails)
    reads.expire()
    said = text_of(opened(run_page, waits, OVERVIEW))
    assert re.search(rf"within 5 minutes, goal 90 % .* · {AS_OF}\]", said)
    assert "Stale: from" not in said
    with exported() as files:
        said = text_of(opened(run_page, waits, WAITING))
    assert re.search(rf"Goals {AS_OF}\.", said)
    assert "Stale: from" not in said
    assert files
    cached.clear()
    assert "Goals are missing: Down." in text_of(opened(run_page, waits, WAITING))
