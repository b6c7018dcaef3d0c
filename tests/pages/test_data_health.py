"""Data health without a browser: who may see it, and every state of its panels."""

import ast
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from analytics import cached
from analytics.cached import reading
from analytics.ingest.spool import dead_letters as refused
from analytics.ingest.spool.changed_values import ChangeCounts
from analytics.ingest.spool.segment import Segment
from analytics.transports import tinybird
from pages.components.panels.website_health import VERDICTS
from tests.conftest import ROOT, LocalStack
from tests.pages.conftest import RunPage, SendEvents, Site, offered, source_of, text_of

HEALTH = "pages/data_health.py"


def _cards(page: AppTest) -> dict[str, tuple[str, str]]:
    """Each card's number and verdict, by its title."""
    return {metric.label: (metric.value, metric.delta) for metric in page.metric}


def _rows(page: AppTest, column: str, by: str) -> dict[str, dict[str, Any]]:
    """The rows of the table that has this column, by another column."""
    (table,) = [each.value for each in page.dataframe if column in each.value.columns]
    return {
        str(row[by]): {str(name): value for name, value in row.items()} for row in table.to_dict("records")
    }


@pytest.fixture
def seen_now(site: Site, send_events: SendEvents) -> Site:
    """Thirty visitors in the last half hour, and a conversation three days ago."""
    now = datetime.now(UTC)
    rows = [
        {
            "timestamp": (now - timedelta(minutes=index, seconds=5)).isoformat(),
            "website_id": site.id,
            "visitor_id": f"v{index}",
            "event_type": "seen",
        }
        for index in range(30)
    ]
    assert send_events("visitor_events", rows)["successful_rows"] == 30
    started = {
        "timestamp": (now - timedelta(days=3)).isoformat(),
        "website_id": site.id,
        "visitor_id": "v1",
        "event_type": "conversation_started",
        "conversation_id": f"{site.id}-c",
        "duration_seconds": 0,
    }
    assert send_events("conversation_metrics", [started])["successful_rows"] == 1
    return site


@pytest.fixture
def member(site: Site, stack_environment: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The demo viewer is a member of the website's organization, and no staff."""
    user_id, email = f"user-{uuid4().hex}", f"{uuid4().hex}@example.com"
    with psycopg.connect(stack_environment.owner_url, autocommit=True) as connection:
        connection.execute(
            'INSERT INTO "user" (id, name, email, email_verified, created_at) VALUES (%s, %s, %s, true, now())',
            (user_id, "Ann", email),
        )
        connection.execute(
            "INSERT INTO member (id, organization_id, user_id, role, created_at) VALUES (%s, %s, %s, 'owner', now())",
            (f"member-{user_id}", site.organization_id, user_id),
        )
        monkeypatch.setenv("INBOX_ANALYTICS_DEMO_EMAIL", email)
        yield
        connection.execute('DELETE FROM "user" WHERE id = %s', (user_id,))


def _links(page: AppTest) -> set[str]:
    return {link.proto.label for link in page.get("page_link")}


def test_others_read_that_it_is_for_staff_and_have_no_link_to_it(
    run_page: RunPage, site: Site, member: None
) -> None:
    """A member who follows a link gets one sentence, no number, and no query is asked for them."""
    page = run_page(HEALTH, website=site.slug)
    assert not page.exception
    assert "Data health is for the platform's staff" in text_of(page)
    assert not page.metric
    assert not page.dataframe
    assert "Data health" not in _links(page)
    assert "Overview" in _links(page)


def test_staff_have_a_link_to_it(run_page: RunPage, site: Site) -> None:
    """In the sidebar of every page."""
    assert "Data health" in _links(run_page("pages/live.py", website=site.slug))


def test_both_sources_answer_and_data_flows(run_page: RunPage, seen_now: Site) -> None:
    """Four words of green, with the time each answer took."""
    page = run_page(HEALTH, website=seen_now.slug)
    assert not page.exception
    assert not page.error
    cards = _cards(page)
    for source in ("Tinybird", "Postgres"):
        assert cards[source][0].endswith((" ms", " s"))
        assert cards[source][1] in {"ok", "slow"}
    assert cards["Newest event"][1] == "flowing as usual"
    assert cards["Newest event"][0].endswith(("s ago", "min ago"))


def _later(monkeypatch: pytest.MonkeyPatch, elapsed: timedelta) -> None:
    """Tinybird's answers are from so much later on; what was cached has run out."""
    monkeypatch.setattr(
        tinybird, "datetime", type("Later", (datetime,), {"now": lambda zone: datetime.now(zone) + elapsed})
    )
    cached.clear()


def test_an_open_page_changes_when_data_stop(
    run_page: RunPage, seen_now: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hours without an event later the same page calls nothing green: card, table and list of websites."""
    page = run_page(HEALTH, website=seen_now.slug)
    assert _cards(page)["Newest event"][1] == "flowing as usual"
    assert _rows(page, "Usual gap", by="Domain")
    _later(monkeypatch, timedelta(hours=2))
    page.run()
    assert not page.exception
    assert _cards(page)["Newest event"][1] == "1 type quiet too long"
    assert int(_cards(page)["Stopped websites"][0]) >= 1
    assert _cards(page)["Stopped websites"][1] == "see below"
    assert "stopped sending" in text_of(page)
    assert _rows(page, "Per day", by="Event")["Visitor seen"]["State"] == "quiet longer than usual"


def test_what_was_read_before_an_outage_is_not_called_good(
    run_page: RunPage, seen_now: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last known ages stand with the time they were read at; whether data flow now is not known."""
    page = run_page(HEALTH, website=seen_now.slug)
    monkeypatch.setenv("TINYBIRD_HOST", "http://127.0.0.1:9")
    reading.reads.expire()
    st.cache_resource.clear()
    page.run()
    assert not page.exception
    for card in ("Newest event", "Stopped websites"):
        assert _cards(page)[card][1] == "not known now"
    assert "Stale: from" in text_of(page)


def test_every_panel_renews_itself() -> None:
    """No part of the page can go on saying what was true when it was opened."""
    module = ast.parse((ROOT / HEALTH).read_text(encoding="utf-8"))
    fragments = [
        {keyword.arg for keyword in decorator.keywords}
        for function in module.body
        if isinstance(function, ast.FunctionDef)
        for decorator in function.decorator_list
        if isinstance(decorator, ast.Call)
    ]
    assert len(fragments) >= 8
    assert all("run_every" in arguments for arguments in fragments)
    drawn = [
        node
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("cached.")
    ]
    inside = [
        node
        for owner in module.body
        if isinstance(owner, ast.FunctionDef)
        or (isinstance(owner, ast.AnnAssign) and ast.unparse(owner.target) == "CARDS")
        for node in ast.walk(owner)
    ]
    assert all(node in inside for node in drawn)


def test_ages_are_shown_only_where_they_are_renewed() -> None:
    """An age is of the header, the live list and Data health; all three renew themselves."""
    writers = {
        path.stem
        for path in (ROOT / "pages").rglob("*.py")
        if re.search(r"formatting\.(ago|age)\(", path.read_text(encoding="utf-8"))
    }
    assert writers == {"header", "live_visitors", "source_health"}
    imports_of_list = [
        path.name
        for path in (ROOT / "pages").glob("*.py")
        if "visitors.draw_list" in path.read_text(encoding="utf-8")
    ]
    assert imports_of_list == ["live.py"]


def test_all_websites_are_listed_worst_first(
    run_page: RunPage, make_site: Callable[..., Site], send_events: SendEvents
) -> None:
    """One that stopped is named with what to do, one without events too; names are shown letter for letter."""
    gone, never = make_site(name="*Gone* <b>shop</b>"), make_site(name="Never")
    now = datetime.now(UTC)
    rows = [
        {
            "timestamp": (now - timedelta(days=2, minutes=5 * back)).isoformat(),
            "website_id": gone.id,
            "visitor_id": "v",
            "event_type": "seen",
        }
        for back in range(25)
    ]
    ahead = {**rows[0], "timestamp": (now + timedelta(minutes=9)).isoformat(), "website_id": never.id}
    assert send_events("visitor_events", [*rows, ahead])["successful_rows"] == 26
    page = run_page(HEALTH, website=never.slug)
    (table,) = [each.value for each in page.dataframe if "Usual gap" in each.value.columns]
    names = list(table["Website"])
    row = table.iloc[names.index("*Gone* <b>shop</b>")]
    assert (row["Verdict"], row["Newest event"], row["Usual gap"], row["Events"]) == (
        "stopped",
        "2 d ago",
        "5 m",
        25,
    )
    assert table.iloc[names.index("Never")]["Verdict"] == "no events in 30 days"
    assert list(table["Verdict"]) == sorted(table["Verdict"], key=list(VERDICTS.values()).index)
    assert "*Gone* <b>shop</b>" in text_of(page)
    assert "<b>" not in source_of(page).replace("\\<b", "")
    assert "1 event is dated in the future" in text_of(page)
    assert "websites" in offered(page)


def test_each_event_type_has_its_row(run_page: RunPage, seen_now: Site) -> None:
    """Age, verdict and volume as sent: thirty of one, one of another, none of the other six."""
    rows = _rows(run_page(HEALTH, website=seen_now.slug), "Per day", by="Event")
    assert list(rows) == [
        "AI resolved",
        "Conversation resolved",
        "Conversation started",
        "Escalated",
        "Feedback submitted",
        "First response",
        "Page view",
        "Visitor seen",
    ]
    states = {name: (row["Newest"], row["Rows"], row["State"]) for name, row in rows.items()}
    assert states["Visitor seen"][1:] == (30, "as usual")
    assert states["Conversation started"] == ("3 d ago", 1, "not enough events")
    assert states["Escalated"] == ("–", 0, "no events")
    assert sum(rows["Visitor seen"]["Per day"]) == 30
    assert len(rows["Visitor seen"]["Per day"]) == 30


def test_events_dated_in_the_future_are_said(
    run_page: RunPage, seen_now: Site, send_events: SendEvents
) -> None:
    """A clock that is ahead hides its visitors until then; without such events nothing is said."""
    assert "dated in the future" not in text_of(run_page(HEALTH, website=seen_now.slug))
    cached.clear()
    ahead = {
        "timestamp": (datetime.now(UTC) + timedelta(minutes=10)).isoformat(),
        "website_id": seen_now.id,
        "visitor_id": "ahead",
        "event_type": "seen",
    }
    send_events("visitor_events", [ahead, {**ahead, "event_type": "page_view"}])
    assert "2 events are dated in the future" in text_of(run_page(HEALTH, website=seen_now.slug))


def test_values_that_were_cut_are_counted(
    run_page: RunPage, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside what waits in the spool."""
    monkeypatch.setenv("INBOX_ANALYTICS_SPOOL_DIR", str(tmp_path))
    ChangeCounts(tmp_path).note({"city": "too long, cut", "browser": "not a text, emptied"})
    assert "2 descriptive values were cut or emptied" in text_of(run_page(HEALTH, website=site.slug)).replace(
        "**", ""
    )


def test_a_website_without_events_says_what_to_check(run_page: RunPage, site: Site) -> None:
    """No event is no zero age, and not called broken."""
    page = run_page(HEALTH, website=site.slug)
    assert not page.exception
    assert _cards(page)["Newest event"] == ("–", "none in 30 days")
    assert "Check that the chat product sends events" in text_of(page)


def test_quarantined_rows_are_counted_with_their_reasons(
    run_page: RunPage, site: Site, send_events: SendEvents
) -> None:
    """What does not fit is counted and explained; what it holds is shown letter for letter."""
    hostile = "<img src=x onerror=alert(1)>"
    row = {"timestamp": hostile, "website_id": site.id, "visitor_id": "v1", "event_type": "seen"}
    assert send_events("visitor_events", [row, row])["quarantined_rows"] == 2
    page = run_page(HEALTH, website=site.slug)
    assert not page.exception
    ours = _rows(page, "Reason", by="Website")[site.id]
    assert (ours["Rows"], ours["Data source"]) == (2, "visitor_events")
    assert "timestamp" in ours["Reason"]
    assert int(_cards(page)["Quarantined rows"][0].replace(",", "")) >= 2
    assert _cards(page)["Quarantined rows"][1] == "see below"
    assert hostile not in source_of(page)


def test_tables_keep_their_direction(run_page: RunPage, site: Site, send_events: SendEvents) -> None:
    """A cell takes it from its first letter: numbers and brackets beside a Hebrew one stay where they are."""
    name = f"\u05d0\u05d1 (3) {uuid4().hex}"
    row = {"timestamp": "soon", "website_id": name, "visitor_id": "v1", "event_type": "seen"}
    assert send_events("visitor_events", [row])["quarantined_rows"] == 1
    shown = _rows(run_page(HEALTH, website=site.slug), "Reason", by="Website")
    assert [website for website in shown if name in website] == [f"\u200e\u2068{name}\u2069"]


def test_without_an_admin_token_quarantines_say_why_they_are_not_shown(
    run_page: RunPage, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dashboard's own deployment has none: a reason and a way, no error and no zero."""
    monkeypatch.delenv("TINYBIRD_ADMIN_TOKEN")
    page = run_page(HEALTH, website=site.slug)
    assert not page.exception
    assert not page.error
    assert _cards(page)["Quarantined rows"] == ("–", "not readable here")
    assert "TINYBIRD_ADMIN_TOKEN" in text_of(page)


def test_todays_queries_stand_beside_the_budget(
    run_page: RunPage, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was spent is counted by pipe; the second look shows what the first one spent."""
    monkeypatch.setenv("TINYBIRD_DAILY_QUERIES", "100")
    run_page(HEALTH, website=site.slug)
    page = run_page(HEALTH, website=site.slug)
    spent = int(_cards(page)["Queries today"][0])
    assert spent >= 4
    assert _cards(page)["Queries today"][1] == f"{spent}.0 % of 100"
    by_pipe = {pipe: row["Queries"] for pipe, row in _rows(page, "Share", by="Pipe").items()}
    assert {"data_freshness", "event_volume", "quarantined_rows"} <= set(by_pipe)
    assert sum(by_pipe.values()) == spent
    assert "refreshes every 15 s" in text_of(page)


def test_the_caches_say_what_they_saved(
    run_page: RunPage, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second look within the cache's time reads nothing again."""
    monkeypatch.setenv("TINYBIRD_DAILY_QUERIES", "unlimited")  # else a step of the grid in between costs one
    run_page(HEALTH, website=site.slug)
    page = run_page(HEALTH, website=site.slug)
    volume = _rows(page, "From cache", by="Pipe or query")["event_volume"]
    assert volume["Queries"] == 1
    assert volume["Requests"] >= 2
    assert volume["From cache"] == pytest.approx(100 - 100 / volume["Requests"])


def test_tinybird_down_is_said_with_what_to_do(
    run_page: RunPage, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its card is red with the remedy, Postgres stays green, the counts of this process stay."""
    monkeypatch.setenv("TINYBIRD_HOST", "http://127.0.0.1:9")
    page = run_page(HEALTH, website=site.slug)
    assert not page.exception
    assert _cards(page)["Tinybird"] == ("–", "unreachable")
    assert _cards(page)["Postgres"][1] in {"ok", "slow"}
    assert "TINYBIRD_HOST" in text_of(page)
    assert "data_freshness" not in text_of(page)
    assert "Queries today" in _cards(page)


def test_the_store_has_a_card_where_one_is_set(
    run_page: RunPage, site: Site, stack_environment: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one there is none. One that answers, that is not migrated, and that is away: each with what to do."""
    assert "Store of goals" not in _cards(run_page(HEALTH, website=site.slug))
    monkeypatch.setenv("INBOX_ANALYTICS_STORE_URL", stack_environment.store_url)
    seconds, state = _cards(run_page(HEALTH, website=site.slug))["Store of goals"]
    assert seconds.endswith((" ms", " s"))
    assert state in {"ok", "slow"}
    monkeypatch.setenv("INBOX_ANALYTICS_STORE_SCHEMA", f"none_{uuid4().hex[:8]}")
    reading.reads.expire()
    page = run_page(HEALTH, website=site.slug)
    assert _cards(page)["Store of goals"] == ("–", "not migrated")
    assert "inbox\\-analytics store migrate" in source_of(page)
    monkeypatch.setenv("INBOX_ANALYTICS_STORE_URL", "postgresql://a:secret@127.0.0.1:9/b")
    reading.reads.expire()
    page = run_page(HEALTH, website=site.slug)
    assert _cards(page)["Store of goals"] == ("–", "unreachable")
    assert "secret" not in source_of(page)


def test_a_source_that_does_not_answer_has_no_answer_time() -> None:
    """The number is missing; how fast it was stands below, in words that cannot be taken for now."""

    def script() -> None:
        from datetime import UTC, datetime

        from analytics.errors import SourceUnavailable
        from analytics.health.source_health import SourceHealth
        from analytics.readings import Reading
        from pages.components.panels import source_card

        at = datetime(2026, 11, 10, 12, tzinfo=UTC)
        error = SourceUnavailable("Postgres cannot be reached.", source="postgres", resource="postgres_probe")
        health = SourceHealth("postgres", "unreachable", at, 0.034, 0.05, 30, error)
        source_card.draw(Reading(health, at), "UTC")

    page = AppTest.from_function(script).run()
    assert not page.exception
    assert [(each.value, each.delta) for each in page.metric] == [("–", "unreachable")]
    assert page.caption[0].value == "34 ms while it answered"


def test_nothing_is_called_good_once_a_check_has_failed(
    run_page: RunPage, seen_now: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values read minutes before stand in their caches still: they say their age, and give no verdict."""
    before = _cards(run_page(HEALTH, website=seen_now.slug))
    assert "not known now" not in {before[name][1] for name in ("Newest event", "Stopped websites")}
    monkeypatch.setenv("TINYBIRD_HOST", "http://127.0.0.1:9")
    reading.connections.clear()
    reading.reads.expire()
    run_page(HEALTH, website=seen_now.slug)
    page = run_page(HEALTH, website=seen_now.slug)
    after = _cards(page)
    assert after["Tinybird"] == ("–", "unreachable")
    assert {after[name][1] for name in ("Newest event", "Stopped websites")} == {"not known now"}
    assert text_of(page).count("Stale: from") >= 4


def test_a_refused_token_is_not_called_an_outage(
    run_page: RunPage, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is there and says no: the card says so and names the variable."""
    monkeypatch.setenv("TINYBIRD_READ_TOKEN", "p.wrong")
    page = run_page(HEALTH, website=site.slug)
    assert not page.exception
    assert _cards(page)["Tinybird"] == ("–", "refused")
    assert "TINYBIRD_READ_TOKEN" in text_of(page)


def test_checking_again_within_half_a_minute_costs_nothing(
    run_page: RunPage, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The button is no way to spend the day's budget."""
    monkeypatch.setenv("TINYBIRD_DAILY_QUERIES", "unlimited")  # else a step of the grid in between costs one
    run_page(HEALTH, website=site.slug)
    page = run_page(HEALTH, website=site.slug)
    before = _cards(page)["Queries today"]
    page.button(key="check-again").click().run()
    assert not page.exception
    assert _cards(page)["Queries today"] == before


def test_what_waits_to_be_sent_is_counted(
    run_page: RunPage, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a spool it says how to have one; with one, how much waits since when, and what was refused."""
    assert "INBOX_ANALYTICS_SPOOL_DIR" in text_of(run_page(HEALTH, website=site.slug))
    monkeypatch.setenv("INBOX_ANALYTICS_SPOOL_DIR", str(tmp_path))
    assert "Nothing waits to be sent." in text_of(run_page(HEALTH, website=site.slug))
    cached.clear()
    at = (datetime.now(UTC) - timedelta(minutes=7)).strftime("%Y-%m-%d %H:%M:%S")
    segment = Segment.create(tmp_path / "visitor_events")
    segment.append(b'{"timestamp": "%s"}\n' % at.encode() * 1234)
    refused.keep(tmp_path, "visitor_events", "refused", b"{}\n", 1, "<b>no</b>", 400)
    page = run_page(HEALTH, website=site.slug)
    segment.close()
    assert not page.exception
    assert "**1,234** wait to be sent, the oldest from 7 min ago." in text_of(page)
    assert "**1** are kept aside" in text_of(page)
