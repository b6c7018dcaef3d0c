"""What Conversations reads, from rows that can be counted by hand on the running stack."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pandas as pd
import psycopg
import pytest

from analytics import sources
from analytics.kpis.conversation_breakdown import PAGE_ROWS
from analytics.scope.selection import HourOfWeek, Selection, Times
from analytics.sources import Bounds, Offsets
from analytics.sources import conversations as module
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird
from tests.conftest import LocalStack
from tests.product_database import Product

Send = Callable[[str, Sequence[Mapping[str, Any]]], dict[str, Any]]
WEEK = Bounds("2026-11-03 00:00:00", "2026-11-10 00:00:00", "2026-10-27 00:00:00", "2026-11-03 00:00:00")
UTC_CLOCK = Offsets("0", "0")
AT = datetime(2026, 11, 5, 12, tzinfo=UTC)


@pytest.fixture
def tinybird(local_stack: LocalStack) -> Iterator[Tinybird]:
    """The local stack's Tinybird."""
    with Tinybird(local_stack.host, local_stack.read_token) as client:
        yield client


@pytest.fixture
def postgres(local_stack: LocalStack) -> Iterator[Postgres]:
    """The local stack's Postgres, as the dashboard's role."""
    with Postgres(local_stack.database_url) as client:
        yield client


@pytest.fixture
def owner(local_stack: LocalStack) -> Iterator[psycopg.Connection]:
    """The owner of the product's tables."""
    with psycopg.connect(local_stack.owner_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def website(owner: psycopg.Connection) -> Iterator[str]:
    """A website in Postgres that no other test knows; its organization has the same id."""
    key = f"site-{uuid4().hex}"
    owner.execute("INSERT INTO organization VALUES (%s, 'Acme', %s, now())", (key, key))
    owner.execute(
        "INSERT INTO website (id, name, slug, domain, organization_id, created_at)"
        " VALUES (%s, 'Acme', %s, 'acme.example', %s, now())",
        (key, key, key),
    )
    yield key
    owner.execute("DELETE FROM organization WHERE id = %s", (key,))


def known(
    owner: psycopg.Connection, website: str, name: str, *, is_test: bool = False, deleted: str = ""
) -> str:
    """A conversation with a visitor of its own; `deleted` names which of the two is."""
    now, visitor, conversation = datetime.now(UTC), f"{website}-v-{name}", f"{website}-{name}"
    owner.execute(
        "INSERT INTO visitor (id, organization_id, website_id, city, country_code, is_test, created_at, deleted_at)"
        " VALUES (%s, %s, %s, 'Oslo', 'NO', %s, %s, %s)",
        (visitor, website, website, is_test, now, now if deleted == "visitor" else None),
    )
    owner.execute(
        "INSERT INTO conversation (id, organization_id, website_id, visitor_id, status, sentiment, started_at,"
        " created_at, updated_at, deleted_at) VALUES (%s, %s, %s, %s, 'open', 'neutral', %s, %s, %s, %s)",
        (conversation, website, website, visitor, AT, now, now, now if deleted == "conversation" else None),
    )
    return conversation


def rated(
    owner: psycopg.Connection,
    conversation: str,
    rating: int,
    minutes: int,
    *,
    website: str,
    is_deleted: bool = False,
    visitor: str | None = None,
) -> None:
    """Feedback on a conversation, so many minutes after noon."""
    at = AT + timedelta(minutes=minutes)
    owner.execute(
        "INSERT INTO feedback (id, organization_id, website_id, conversation_id, visitor_id, rating, created_at,"
        " updated_at, deleted_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (uuid4().hex, website, website, conversation, visitor, rating, at, at, at if is_deleted else None),
    )


def test_what_is_deleted_or_a_test_is_not_known(
    postgres: Postgres, owner: psycopg.Connection, website: str
) -> None:
    """A deleted conversation, a deleted visitor's, a test visitor's and an unknown id have no row."""
    ids = [
        known(owner, website, "b"),
        known(owner, website, "a"),
        known(owner, website, "test", is_test=True),
        known(owner, website, "gone", deleted="conversation"),
        known(owner, website, "left", deleted="visitor"),
        "unknown'; DROP TABLE conversation; --",
        "unknown\0",
    ]
    seen = sources.conversations_by_id(postgres, website, ids).value
    assert seen["id"].tolist() == sorted(ids[:2])
    assert seen["status"].tolist() == ["open"] * 2
    assert seen["sentiment"].tolist() == ["neutral"] * 2
    assert seen["city"].tolist() == ["Oslo"] * 2
    assert seen["started_at"][0] == AT
    assert seen["rating"].isna().all()


def test_conversations_of_another_website_are_not_known(
    postgres: Postgres, owner: psycopg.Connection, website: str
) -> None:
    """An id gives no access to another owner's conversation."""
    theirs = known(owner, website, "a")
    assert sources.conversations_by_id(postgres, f"other-{website}", [theirs]).value.empty
    assert sources.conversations_by_id(postgres, website, []).value.empty


def test_a_deleted_website_knows_nothing(postgres: Postgres, owner: psycopg.Connection, website: str) -> None:
    """Soft-deleted rows are invisible everywhere, and so is what hangs on them."""
    conversation = known(owner, website, "a")
    owner.execute("UPDATE website SET deleted_at = now() WHERE id = %s", (website,))
    assert sources.conversations_by_id(postgres, website, [conversation]).value.empty


def test_the_rating_is_that_of_the_newest_feedback_that_counts(
    postgres: Postgres, owner: psycopg.Connection, website: str
) -> None:
    """Older feedback, deleted feedback and a test visitor's do not."""
    conversation, tester = known(owner, website, "a"), known(owner, website, "t", is_test=True)
    rated(owner, conversation, 1, 0, website=website)
    rated(owner, conversation, 4, 10, website=website)
    rated(owner, conversation, 2, 20, website=website, is_deleted=True)
    rated(owner, conversation, 5, 30, website=website, visitor=f"{website}-v-t")
    seen = sources.conversations_by_id(postgres, website, [conversation, tester]).value
    assert seen["rating"].tolist() == [4.0]


def test_topic_and_who_resolved_are_known(local_stack: LocalStack, product: Product) -> None:
    """Of the newest feedback, also where that has no topic; the person's name, and nothing for the AI agent."""
    at = datetime.now(UTC) - timedelta(hours=1)
    ann = product.add_user(f"{product.key}@example.com", name="Ann <b>")
    by_ann = product.add_conversation(at, status="resolved", resolved_by_user_id=ann, first_response_at=at)
    by_ai = product.add_conversation(at, status="resolved", resolved_by_ai_agent_id="agent", escalated_at=at)
    product.add_feedback(at, 2, conversation_id=by_ann, topic="Billing")
    product.add_feedback(at, 2, conversation_id=by_ai, topic="Billing")
    product.add_feedback(at + timedelta(minutes=1), 3, conversation_id=by_ai)
    with Postgres(local_stack.database_url) as postgres:
        seen = sources.conversations_by_id(postgres, product.website_id, [by_ann, by_ai]).value
    assert seen["id"].tolist() == [by_ann, by_ai]
    assert [seen["resolved_by"][0], seen["topic"][0]] == ["Ann <b>", "Billing"]
    assert seen[["resolved_by", "topic"]].isna().to_numpy()[1].all()
    assert (seen["first_response_at"][0], seen["escalated_at"][1]) == (at, at)


def test_the_rated_conversations_of_a_window(
    local_stack: LocalStack, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lowest first, then the newest rating; what cannot have an event in the window or counts nowhere is left out."""
    now = datetime.now(UTC).replace(microsecond=0)
    start, day = now - timedelta(days=2), timedelta(days=1)

    def rated(rating: int, started: datetime, at: datetime, **columns: str | datetime) -> str:
        conversation = product.add_conversation(started, created_at=started, updated_at=started)
        for column, value in columns.items():
            product.update("conversation", conversation, **{column: value})
        product.add_feedback(at, rating, conversation_id=conversation)
        return conversation

    tester = product.add_visitor(is_test=True)
    five, older, newer = rated(5, start, now), rated(2, start, start), rated(2, start, now)
    reopened = rated(3, start - 9 * day, start - 8 * day, resolved_at=start + day)
    product.add_feedback(now - 20 * day, 1, conversation_id=five)
    rated(1, start - 9 * day, start - 8 * day)
    rated(1, now + day, now + day)
    rated(1, start, now, deleted_at=now)
    rated(1, start, now, visitor_id=tester)
    product.add_feedback(now, 1, conversation_id=None)
    product.add_feedback(now, 1, conversation_id=product.add_conversation(start), deleted_at=now)
    edges = [at.strftime("%Y-%m-%d %H:%M:%S") for at in (start, now)]
    with Postgres(local_stack.database_url) as postgres:
        seen = sources.rated_conversations(postgres, product.website_id, *edges).value
        assert seen["id"].tolist() == [newer, older, reopened, five]
        assert seen["rating"].tolist() == [2, 2, 3, 5]
        monkeypatch.setattr(module, "MOST_RATED", 2)
        assert sources.rated_conversations(postgres, product.website_id, *edges).value["id"].tolist() == [
            newer,
            older,
            reopened,
        ]
        assert sources.rated_conversations(postgres, "another", *edges).value.empty


@pytest.fixture
def thirty(send_events: Send) -> str:
    """A website with thirty conversations, one a minute from Thursday noon, each answered after 10 minutes."""
    website = f"site-{uuid4().hex}"
    rows = [
        {
            "timestamp": (AT + timedelta(minutes=number + after // 60)).isoformat(),
            "website_id": website,
            "visitor_id": "v1",
            "event_type": event,
            "conversation_id": f"c{number:02}",
            "duration_seconds": after,
        }
        for number in range(30)
        for event, after in (("conversation_started", 0), ("first_response", 600))
    ]
    assert send_events("conversation_metrics", rows)["successful_rows"] == 60
    return website


def test_breakdown_and_list_follow_the_selection(tinybird: Tinybird, thirty: str) -> None:
    """The band and the hour of the starts hold all thirty; another band none."""
    breakdown = sources.conversation_breakdown(tinybird, thirty, WEEK, UTC_CLOCK, Selection()).value
    cells = breakdown.set_index(["dimension", "key"])["conversations"].to_dict()
    keys = (("escalation", "none"), ("hour_of_week", "4-12"), ("response_band", "1"), ("total", ""))
    assert cells == dict.fromkeys(keys, 30)
    chosen = Selection(response=Times("band", 1), hour_of_week=HourOfWeek(4, 12))
    rows = sources.conversation_list(
        tinybird, thirty, WEEK, UTC_CLOCK, chosen, limit=PAGE_ROWS, offset=PAGE_ROWS
    )
    assert rows.value["conversation_id"].tolist() == [f"c{number:02}" for number in range(4, -1, -1)]
    assert rows.value["total"].tolist() == [30] * 5
    other = Selection(response=Times("band", 0))
    assert sources.conversation_list(
        tinybird, thirty, WEEK, UTC_CLOCK, other, limit=PAGE_ROWS, offset=0
    ).value.empty


def test_hours_follow_the_timezone(tinybird: Tinybird, thirty: str) -> None:
    """Noon in London is evening in Kolkata."""
    kolkata = sources.conversation_breakdown(tinybird, thirty, WEEK, Offsets("0", "19800"), Selection()).value
    hours = kolkata[kolkata["dimension"] == "hour_of_week"]
    assert hours["key"].tolist() == ["4-17"]


def test_stored_events_come_page_after_page(
    tinybird: Tinybird, thirty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every event once, however small a page is; ids narrow them, and no ids at all ask nothing."""
    whole = sources.conversation_events(tinybird, thirty, WEEK.date_from, WEEK.date_to).value
    assert len(whole) == 60
    assert set(whole["event_type"]) == {"conversation_started", "first_response"}
    monkeypatch.setattr(module, "EVENTS_A_PAGE", 20)
    paged = sources.conversation_events(tinybird, thirty, WEEK.date_from, WEEK.date_to).value
    pd.testing.assert_frame_equal(paged, whole)
    two = sources.conversation_events(tinybird, thirty, WEEK.date_from, WEEK.date_to, ["c03", "c07"]).value
    assert two["conversation_id"].tolist() == ["c03", "c03", "c07", "c07"]
    assert sources.conversation_events(tinybird, thirty, WEEK.date_from, WEEK.date_to, []).value.empty


def test_a_website_has_events_or_not(tinybird: Tinybird, thirty: str) -> None:
    """In the window that is asked for."""
    assert sources.has_conversation_events(tinybird, thirty, WEEK.date_from, WEEK.date_to)
    assert not sources.has_conversation_events(tinybird, thirty, "2020-01-01 00:00:00", WEEK.date_from)
    assert not sources.has_conversation_events(tinybird, "unknown", WEEK.date_from, WEEK.date_to)


def test_events_of_left_out_conversations_are_found_however_many_there_are(
    local_stack: LocalStack, product: Product, send_events: Callable[..., dict[str, Any]]
) -> None:
    """Five thousand ids are more than one question holds; what counts, and another website's, is not among them."""
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    product.connection.execute(
        "INSERT INTO conversation (id, organization_id, website_id, visitor_id, started_at, created_at, updated_at, deleted_at)"
        " SELECT %(site)s || '-' || n, %(org)s, %(site)s, %(visitor)s, %(at)s, %(at)s, %(at)s, %(at)s"
        " FROM generate_series(1, 5000) AS n",
        {"site": product.website_id, "org": product.organization_id, "visitor": product.visitor_id, "at": at},
    )
    kept = product.add_conversation(at)
    deleted = [f"{product.website_id}-{number}" for number in (1, 2500, 5000)]
    rows = [
        {
            "timestamp": at.strftime("%Y-%m-%d %H:%M:%S"),
            "website_id": website,
            "visitor_id": product.visitor_id,
            "event_type": "conversation_started",
            "conversation_id": conversation,
            "duration_seconds": 0,
        }
        for website, conversations in ((product.website_id, [*deleted, kept]), ("another", deleted))
        for conversation in conversations
    ]
    send_events("conversation_metrics", rows)
    span = [(at + timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M:%S") for minutes in (-5, 5, 10)]
    with (
        Tinybird(local_stack.host, local_stack.read_token) as tinybird,
        Postgres(local_stack.database_url) as postgres,
    ):
        found = sources.left_out_events(tinybird, postgres, product.website_id, span[0], span[1]).value
        later = sources.left_out_events(tinybird, postgres, product.website_id, span[1], span[2]).value
    assert sorted(found["conversation_id"]) == sorted(deleted)
    assert len(later) == 0


def test_of_too_many_left_out_conversations_the_newest_changes_are_looked_up(
    local_stack: LocalStack, product: Product, send_events: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was deleted long ago is removed already; what was deleted a moment ago, or its visitor, still counts."""
    monkeypatch.setattr(module, "MOST_LEFT_OUT", 2)
    now = datetime.now(UTC).replace(microsecond=0)
    began, days = now - timedelta(days=5), [now - timedelta(days=number) for number in range(3)]
    gone = product.add_visitor(deleted_at=days[0])
    conversations = [
        product.add_conversation(began, updated_at=began, deleted_at=days[2]),
        product.add_conversation(began, updated_at=began, deleted_at=days[1]),
        product.add_conversation(began, updated_at=began, visitor_id=gone),
    ]
    rows = [
        {
            "timestamp": began.strftime("%Y-%m-%d %H:%M:%S"),
            "website_id": product.website_id,
            "visitor_id": product.visitor_id,
            "event_type": "conversation_started",
            "conversation_id": conversation,
            "duration_seconds": 0,
        }
        for conversation in conversations
    ]
    send_events("conversation_metrics", rows)
    span = [(began + timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M:%S") for minutes in (-5, 5)]
    with (
        Tinybird(local_stack.host, local_stack.read_token) as tinybird,
        Postgres(local_stack.database_url) as postgres,
    ):
        found = sources.left_out_events(tinybird, postgres, product.website_id, span[0], span[1]).value
    assert set(found["conversation_id"]) == set(conversations[1:])
