"""All websites without a browser: rows, totals, filters, order, the file, who gets here and who is led on."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from streamlit.testing.v1 import AppTest

from analytics import cached, sources
from analytics.cached.reading import reads as cached_reads
from analytics.errors import NotYetAnswered, SourceUnavailable
from analytics.kpis.all_websites.rows import board
from analytics.kpis.goals.definitions import Goal
from analytics.store.store import Store
from analytics.transports.tinybird import Tinybird
from pages.components.page import sidebar
from pages.components.panels.all_websites import controls
from tests.conftest import LocalStack
from tests.kpis.all_websites.test_rows import DOWN, reads, row, website
from tests.pages.conftest import RunPage, SendEvents, Site, offered, query_of, source_of, text_of
from tests.pages.test_self_check import exported

PATH = "pages/all_websites.py"
HOSTILE = "=1+1 <b>x</b> [y](//evil.example) :red[z]"


@pytest.fixture
def shops(
    staff: str, make_site: Callable[..., Site], send_events: SendEvents, stack_environment: LocalStack
) -> tuple[Site, Site]:
    """A member of two organizations: a free website that got slower, and a paid one without events and a hostile name.

    Free: 20 conversations answered after 120 s yesterday, 20 after 60 s a week before. All names begin with "Shop".
    """
    free, paid = make_site(name="Shop one"), make_site(name=f"Shop {HOSTILE}", plan="pro")
    with psycopg.connect(stack_environment.owner_url, autocommit=True) as connection:
        connection.execute('UPDATE "user" SET role = NULL WHERE id = %s', (staff,))
        connection.execute("UPDATE organization SET name = %s WHERE id = %s", (HOSTILE, paid.organization_id))
        for site in (free, paid):
            connection.execute(
                "INSERT INTO member (id, organization_id, user_id, created_at) VALUES (%s, %s, %s, now())",
                (uuid4().hex, site.organization_id, staff),
            )
    noon = (datetime.now(UTC) - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    rows: list[dict[str, Any]] = []
    for days, seconds in ((0, 120), (7, 60)):
        for number in range(20):
            start = noon - timedelta(days=days) + timedelta(minutes=number)
            rows += [
                {
                    "timestamp": (start + timedelta(seconds=after)).isoformat(),
                    "website_id": free.id,
                    "visitor_id": "v",
                    "event_type": event,
                    "conversation_id": f"{free.id}-{days}-{number}",
                    "duration_seconds": after,
                }
                for event, after in (("conversation_started", 0), ("first_response", seconds + number % 5))
            ]
    assert send_events("conversation_metrics", rows)["successful_rows"] == 80
    cached.clear()
    return free, paid


def opened(run_page: RunPage, path: str = PATH, **query: str) -> AppTest:
    """The page, without a defect."""
    page = run_page(path, **query)
    assert not page.exception, page.exception
    return page


def title(page: AppTest) -> str:
    """The title of the page."""
    return str(page.title[0].value)


def names(page: AppTest) -> list[str]:
    """The websites of the table, in order."""
    return [str(name) for name in page.dataframe[0].value["Website"]] if page.dataframe else []


def totals(page: AppTest) -> dict[str, str]:
    """Values of the cards by title."""
    return {each.label: str(each.value) for each in page.metric}


def test_rows_and_totals_are_those_counted_by_hand(run_page: RunPage, shops: tuple[Site, Site]) -> None:
    """Twice as slow as a week before; the other website has nothing. The worst real change is first."""
    page = opened(run_page, range="7d")
    table = page.dataframe[0].value
    assert names(page)[0] == "Shop one"
    first, second = table.iloc[0], table.iloc[1]
    assert (first["Response"], first["Response n"]) == ("2 m 2 s", 20)
    assert first["Response change"] == "+97 % slower"
    assert first["Worst change"] == "Response +97 % slower"
    assert list(first["Response trend"]) == [0, 0, 0, 0, 0, 122, 0]
    assert (first["Plan"], second["Plan"]) == ("Free", "Paid")
    assert (second["Response"], second["Response change"], second["Worst change"]) == ("–", "–", "–")
    assert second["Newest event"] == "none in 30 days"
    assert totals(page) == {
        "Conversations started": "20",
        "Answered": "20",
        "Resolved": "0",
        "Resolved by AI": "0",
        "Visitors": "0",
    }
    assert "was 20" in text_of(page)
    assert "Of 1 change compared, fewer than one would be called worse by chance." in text_of(page)
    assert "2 websites" in text_of(page)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (330, "Of 330 changes compared, some 8 would be called worse by chance."),
        (40, "Of 40 changes compared, about one would be called worse by chance."),
        (39, "Of 39 changes compared, fewer than one would be called worse by chance."),
        (1, "Of 1 change compared, fewer than one would be called worse by chance."),
    ],
)
def test_how_many_changes_chance_explains_is_said(count: int, expected: str) -> None:
    """2.5 % of those compared; nothing without a comparison."""
    assert controls.chance_sentence([row("a", median_response=("worse", 1, 2))] * count) == expected
    assert controls.chance_sentence([row("a", median_response=("off", 1, 2))] * count) is None


def test_what_the_totals_leave_out_is_said() -> None:
    """Websites that were not read, and a plan that is not compared; only of the plans among the rows shown."""
    free, paid = reads(website("b", "free"), days=14), reads(website("a"), days=14)
    found = board([free, paid])
    only_paid = [row for row in found.rows if row.website.tier == "paid"]
    assert controls.totals_notes(found.rows, found.views) == [
        "Not compared, because of the free plan: see below the table."
    ]
    assert controls.totals_notes(only_paid, found.views) == []
    both = board([reads(website("b", "free"), days=60), reads(website("a"), days=60)])
    assert controls.totals_notes(both.rows, both.views) == [
        "Not compared, because of the free plan and the paid plan: see below the table."
    ]
    broken = board([replace(free, periods=DOWN), paid])
    assert controls.totals_notes(broken.rows, broken.views) == ["Without 1 website that could not be read."]
    off = board([reads(website("b", "free"), days=14, is_compared=False)])
    assert controls.totals_notes(off.rows, off.views) == []
    long = board([reads(website("a"), days=30)])
    assert controls.totals_notes(long.rows, long.views) == [
        "Visitors are not compared, because of the paid plan: see below the table."
    ]


def test_the_total_of_visitors_says_since_when(run_page: RunPage, shops: tuple[Site, Site]) -> None:
    """90 days of which the paid plan keeps 30 of visitors; a plan whose period is cut as a whole says it in its note."""
    del shops
    start = datetime.now(UTC) - timedelta(days=30)
    page = opened(run_page, range="90d", plan="paid", tz="UTC")
    assert totals(page)["Visitors"] == f"0 since {start.day} {start:%b}"
    assert totals(page)["Conversations started"] == "0"
    assert totals(opened(run_page, range="90d", plan="free", tz="UTC"))["Visitors"] == "0"


def test_untrusted_names_are_text(run_page: RunPage, shops: tuple[Site, Site]) -> None:
    """In the table, the filter and the chips of the file: never markup."""
    page = opened(run_page, organization=shops[1].organization_id)
    assert names(page) == [f"Shop {HOSTILE}"]
    assert page.dataframe[0].value["Organization"].tolist() == [HOSTILE]
    assert HOSTILE not in source_of(page)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"name": "SHOP ONE"}, ["one"]),
        ({"plan": "paid"}, [HOSTILE]),
        ({"sort": "-website"}, ["one", HOSTILE]),
        ({"sort": "website"}, [HOSTILE, "one"]),
        ({"name": "nothing like it"}, []),
    ],
)
def test_the_url_filters_and_sorts(
    run_page: RunPage, shops: tuple[Site, Site], query: dict[str, str], expected: list[str]
) -> None:
    """Name, plan, order; without rows the page says what to do."""
    del shops
    page = opened(run_page, **query)
    assert names(page) == [f"Shop {name}" for name in expected]
    assert ("No website passes the filter" in text_of(page)) == (not expected)


def test_widgets_write_the_url(run_page: RunPage, shops: tuple[Site, Site]) -> None:
    """Name, organization and plan; a cleared one leaves it."""
    page = opened(run_page)
    page.text_input(key="name_widget").set_value(" one ").run()
    assert query_of(page)["name"] == "one"
    page.selectbox(key="organization_widget").set_value(shops[0].organization_id).run()
    assert query_of(page)["organization"] == shops[0].organization_id
    page.text_input(key="name_widget").set_value("").run()
    assert "name" not in query_of(page)
    assert names(page) == ["Shop one"]


@pytest.mark.parametrize(
    ("name", "said"), [("organization", "an organization"), ("plan", "a plan"), ("sort", "a sort order")]
)
def test_garbage_in_the_url_is_ignored_with_a_notice(
    run_page: RunPage, shops: tuple[Site, Site], name: str, said: str
) -> None:
    """An organization of others is garbage too."""
    del shops
    page = opened(run_page, **{name: "<script>"})
    assert "It was ignored." in text_of(page)
    assert f"This link has {said} we do not know" in text_of(page)
    assert len(names(page)) == 2


def test_what_a_plans_reach_means_is_said_once(run_page: RunPage, shops: tuple[Site, Site]) -> None:
    """14 days cannot be compared on the free plan; the sum before is then left out."""
    del shops
    page = opened(run_page, range="14d")
    said = text_of(page)
    assert "Free plan: data reaches back 21 days. Not compared." in said
    assert said.count("ata reaches back 21 days") == 1
    assert "was 20" not in said
    cut = text_of(opened(run_page, range="30d"))
    assert "Free plan: data reaches back 21 days. Last 30 days is shown from" in cut
    assert cut.count("ata reaches back 21 days") == 1
    assert cut.count("ata reaches back 30 days") == 1  # of visitors on the paid plan


def test_without_a_comparison_there_are_no_changes(run_page: RunPage, shops: tuple[Site, Site]) -> None:
    """Neither in the table nor in the file."""
    del shops
    with exported() as files:
        page = opened(run_page, compare="off")
    assert not [name for name in page.dataframe[0].value if "change" in str(name)]
    assert "was" not in text_of(page)
    assert not [name for name in files["websites"][0] if "change" in name or "previous" in name]


def test_a_name_that_names_an_icon_is_text(
    run_page: RunPage, shops: tuple[Site, Site], stack_environment: LocalStack
) -> None:
    """A button of a table would draw it."""
    with psycopg.connect(stack_environment.owner_url, autocommit=True) as connection:
        connection.execute("UPDATE website SET name = ':material/home: x' WHERE id = %s", (shops[0].id,))
    assert names(opened(run_page, plan="free")) == [":\u2060material/home: x"]


def test_a_click_on_a_name_opens_its_overview_with_the_same_dates(
    run_page: RunPage, shops: tuple[Site, Site]
) -> None:
    """The click is kept by name: rows may be sorted otherwise by then."""
    page = opened(run_page, range="10d", compare="off", name="Shop")
    page.session_state["opened-website"] = shops[0].slug
    page.run()
    assert title(page) == "Overview"
    assert query_of(page) == {"website": shops[0].slug, "range": "10d", "compare": "off"}


def test_the_keyboard_opens_a_website_by_the_choice_in_the_sidebar(
    run_page: RunPage, shops: tuple[Site, Site]
) -> None:
    """Names in the table answer to clicks alone; nothing is chosen there while the page is about all of them."""
    page = opened(run_page, range="10d", website=shops[1].slug)
    choice = page.sidebar.selectbox(key="website_widget")
    assert choice.value is None
    choice.set_value(shops[0].slug).run()
    assert title(page) == "Overview"
    assert query_of(page) == {"website": shops[0].slug, "range": "10d"}


@pytest.mark.parametrize("query", [{}, {"website": "nope"}], ids=["none", "missing"])
def test_the_page_is_not_about_the_website_in_the_url(
    run_page: RunPage, shops: tuple[Site, Site], query: dict[str, str]
) -> None:
    """One that does not exist is ignored, none is written, and neither is carried on by Copy link or the sidebar."""
    page = opened(run_page, **query)
    assert len(names(page)) == 2
    assert "does not exist" not in text_of(page)
    assert query_of(page) == query
    protos: list[Any] = [element.proto for element in page.get("bidi_component")]
    (button,) = [proto for proto in protos if proto.component_name == "copy_link"]
    data = json.loads(button.json)
    assert "website" not in {*data["names"], *data["fixed"]}
    links = {each.proto.label: each.proto.query_string for each in page.sidebar.get("page_link")}
    assert links["Overview"] in {f"website={site.slug}" for site in shops}
    page.session_state["opened-website"] = shops[0].slug
    page.run()
    assert title(page) == "Overview"
    assert query_of(page) == {"website": shops[0].slug}


def test_a_website_of_the_viewer_is_carried_through(run_page: RunPage, shops: tuple[Site, Site]) -> None:
    """From its Overview to all websites and back."""
    for site in shops:
        page = opened(run_page, website=site.slug)
        links = {each.proto.label: each.proto.query_string for each in page.sidebar.get("page_link")}
        assert links["Overview"] == f"website={site.slug}"


def test_a_member_of_one_website_gets_to_overview(
    run_page: RunPage, shops: tuple[Site, Site], stack_environment: LocalStack
) -> None:
    """By no link and not by its address."""
    with psycopg.connect(stack_environment.owner_url, autocommit=True) as connection:
        connection.execute("DELETE FROM member WHERE organization_id = %s", (shops[1].organization_id,))
    cached.clear()
    page = opened(run_page, range="10d", website="nope")
    assert title(page) == "Overview"
    assert query_of(page) == {"website": shops[0].slug, "range": "10d"}
    assert _linked(page) == {
        "Overview",
        "Conversations",
        "AI and people",
        "Waiting",
        "Satisfaction",
        "Visitors",
        "Live",
    }


def _linked(page: AppTest) -> set[str]:
    known = {name for _, name, _ in sidebar.PAGES}
    return {each.proto.label for each in page.sidebar.get("page_link")} & known


def test_staff_start_here_and_members_on_overview(
    run_page: RunPage, shops: tuple[Site, Site], staff: str, stack_environment: LocalStack
) -> None:
    """A URL that names a website opens Overview for both."""
    assert title(opened(run_page, "app.py")) == "Overview"
    assert "All websites" in _linked(opened(run_page, "app.py"))
    with psycopg.connect(stack_environment.owner_url, autocommit=True) as connection:
        connection.execute("UPDATE \"user\" SET role = 'admin' WHERE id = %s", (staff,))
    cached.clear()
    assert title(opened(run_page, "app.py", range="10d")) == "All websites"
    assert title(opened(run_page, "app.py", website=shops[0].slug)) == "Overview"


def test_a_failed_source_is_said(
    run_page: RunPage, shops: tuple[Site, Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Postgres' scores the index is missing; without Tinybird the panel says so; then the last good rows, stale."""
    del shops

    def fail(*_: object) -> None:
        raise SourceUnavailable("It is down.", source="tinybird", resource="website_kpis")

    with monkeypatch.context() as broken:
        broken.setattr("analytics.sources.website_scores", fail)
        with exported() as files:
            opened(run_page)
        assert "It is down. Some numbers are missing." in files["websites"][0]["note"]
        page = opened(run_page)
        assert "Some numbers are missing: It is down." in text_of(page)
        assert page.dataframe[0].value["Satisfaction"].tolist() == ["–", "–"]
    cached.clear()
    good = names(opened(run_page))
    with monkeypatch.context() as broken:
        broken.setattr("analytics.sources.website_kpis", fail)
        cached_reads.expire()
        page = opened(run_page)
        assert "Stale: from" in text_of(page)
        assert names(page) == good
        cached.clear()
        page = opened(run_page)
        assert "It is down." in text_of(page)
        assert names(page) == []


def test_a_sum_of_some_websites_says_of_how_many(
    run_page: RunPage, shops: tuple[Site, Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One plan answers, the other fails: no sum looks as if it were of all websites. While it is late there is no sum."""
    read: Callable[..., object] = sources.website_kpis
    errors = [SourceUnavailable("It is down.", source="tinybird", resource="website_kpis")]

    def cut(tinybird: Tinybird, website_ids: tuple[str, ...], *rest: object) -> object:
        if shops[1].id in website_ids:
            raise errors[-1]
        return read(tinybird, website_ids, *rest)

    whole = [each.value for each in opened(run_page).caption]
    assert not any(each.startswith("of ") for each in whole)
    monkeypatch.setattr("analytics.sources.website_kpis", cut)
    cached.clear()
    page = opened(run_page)
    assert [each.value for each in page.caption].count("of 1 of 2 websites") == len(page.metric) == 5
    assert "Without 1 website that could not be read." in text_of(page)
    errors.append(NotYetAnswered("Not yet.", source="tinybird", resource="website_kpis"))
    cached.clear()
    page = opened(run_page)
    assert {each.value for each in page.metric} == {"–"}
    assert controls.LATE in text_of(page)


def test_the_file_has_the_rows_as_shown(run_page: RunPage, shops: tuple[Site, Site]) -> None:
    """Same filter, same order, exact values; named after all websites."""
    del shops
    with exported() as files:
        opened(run_page, range="7d", sort="-website", name="shop")
    assert offered(opened(run_page)) == {"websites"}
    first, second = files["websites"]
    assert [first["name"], second["name"]] == ["Shop one", f"Shop {HOSTILE}"]
    assert second["organization"] == f"'{HOSTILE}"
    assert (first["plan"], first["worst_change"]) == ("free", "Median response")
    assert (first["median_response_seconds"], first["median_response_n"]) == ("122", "20")
    assert (first["median_response_previous_seconds"], first["median_response_verdict"]) == ("62", "slower")
    assert float(first["median_response_change_ratio"]) == pytest.approx(60 / 62)
    assert first["median_response_trend"] == "n/a n/a n/a n/a n/a 122 n/a"
    assert (first["website"], first["only"]) == ("All websites", "name: shop")
    assert "Free plan: data reaches back 21 days." in first["note"]
    assert (second["median_response_seconds"], second["newest_event"]) == ("", "")


def test_each_row_of_the_file_has_the_dates_of_its_plan(run_page: RunPage, shops: tuple[Site, Site]) -> None:
    """Of 30 days the free plan keeps 21: its rows begin later than `period_start`."""
    del shops
    with exported() as files:
        opened(run_page, range="30d", tz="UTC")
    rows = {row["plan"]: row for row in files["websites"]}
    whole, cut = rows["paid"], rows["free"]
    assert whole["counted_from"][:10] == str((datetime.now(UTC) - timedelta(days=29)).date())
    assert cut["counted_from"][:10] == str((datetime.now(UTC) - timedelta(days=21)).date())
    assert cut["counted_to"] == whole["counted_to"]
    assert cut["counted_from"] < cut["counted_to"]


def test_goals_have_columns_where_one_is_set(
    run_page: RunPage, shops: tuple[Site, Site], with_store: LocalStack
) -> None:
    """Words and a dash; none without a goal. The file has the exact goal."""
    free, _ = shops
    assert "Answered in time" not in opened(run_page, q="Shop").dataframe[0].value
    with Store(with_store.store_url) as store:
        store.add_goal(free.id, "response", 1, Goal(90.0, 300), "ann@example.com", is_from_start=True)
    cached.clear()
    with exported() as files:
        page = opened(run_page, sort="response_goal")
    table = page.dataframe[0].value.set_index("Plan")
    assert table["Answered in time"].to_dict() == {"Free": "goal 90 % in 5 m: none judged yet", "Paid": "–"}
    assert "Resolved in time" not in table
    found = [(row["plan"], row["response_goal_seconds"]) for row in files["websites"]]
    assert sorted(found) == [("free", "300"), ("paid", "")]
