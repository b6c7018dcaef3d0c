"""Rows of Postgres as events: which count, in which order, what each says, and what cannot be said."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.errors import ConfigError
from analytics.ingest.history import reader as history
from analytics.ingest.history.reader import (
    START,
    HistoryRow,
    HistoryWebsite,
    Position,
    Window,
    conversation_row,
)
from analytics.transports.postgres import Postgres
from tests.conftest import LocalStack
from tests.product_database import Product

AT = datetime(2026, 11, 10, 12, 0, 0, 250_000, tzinfo=UTC)
EPOCH = AT.timestamp()

instants = (
    st.none() | st.floats(min_value=-1e12, max_value=1e12) | st.sampled_from([math.inf, -math.inf, math.nan])
)


@pytest.fixture
def website(product: Product) -> HistoryWebsite:
    """The product's website."""
    return HistoryWebsite(product.website_id, product.website_id, product.organization_id)


def conversations(stack: LocalStack, website: HistoryWebsite, after: Position = START) -> list[HistoryRow]:
    """What its conversations say."""
    with Postgres(stack.database_url) as postgres:
        return list(history.read_events(postgres, website, "conversation", after))


def feedback(stack: LocalStack, website: HistoryWebsite) -> list[HistoryRow]:
    """What its feedback says."""
    with Postgres(stack.database_url) as postgres:
        return list(history.read_events(postgres, website, "feedback", START))


def test_a_whole_life_is_five_events(
    local_stack: LocalStack, product: Product, website: HistoryWebsite
) -> None:
    """Start, response, escalation and a resolution by the AI, each at its time with the seconds since the start."""
    conversation_id = product.add_conversation(
        AT,
        first_response_at=AT + timedelta(seconds=2.5),
        escalated_at=AT + timedelta(seconds=60),
        resolved_at=AT + timedelta(seconds=90),
        resolved_by_ai_agent_id="agent",
    )

    (row,) = conversations(local_stack, website)

    assert row.skipped == []
    assert {(event.website_id, event.visitor_id, event.conversation_id) for event in row.events} == {
        (product.website_id, product.visitor_id, conversation_id)
    }
    assert [(event.event_type, event.timestamp, event.duration_seconds) for event in row.events] == [
        ("conversation_started", AT, 0),
        ("first_response", AT + timedelta(seconds=2.5), 2.5),
        ("escalated", AT + timedelta(seconds=60), 0),
        ("ai_resolved", AT + timedelta(seconds=90), 90),
        ("conversation_resolved", AT + timedelta(seconds=90), 90),
    ]


def test_the_products_own_resolution_time_wins(
    local_stack: LocalStack, product: Product, website: HistoryWebsite
) -> None:
    """resolution_time is taken before the difference, also when it is 0."""
    for seconds in (None, 0, 45):
        product.add_conversation(AT, resolved_at=AT + timedelta(seconds=90), resolution_time=seconds)

    durations = [row.events[-1].duration_seconds for row in conversations(local_stack, website)]

    assert durations == [90, 0, 45]


def test_what_counts_nowhere_is_not_read(
    local_stack: LocalStack, product: Product, website: HistoryWebsite
) -> None:
    """Soft-deleted conversations, visitors and feedback, test visitors and other websites."""
    kept = product.add_conversation(AT)
    deleted = product.add_conversation(AT, deleted_at=AT)
    gone, test = product.add_visitor(deleted_at=AT), product.add_visitor(is_test=True)
    product.add_conversation(AT, visitor_id=gone)
    product.add_conversation(AT, visitor_id=test)
    elsewhere = product.add_website(f"{product.website_id}-2")
    product.add_conversation(AT, website_id=elsewhere)
    kept_feedback = product.add_feedback(AT, 5, conversation_id=kept)
    product.add_feedback(AT, 5, conversation_id=kept, deleted_at=AT)
    product.add_feedback(AT, 5, conversation_id=deleted)
    product.add_feedback(AT, 5, conversation_id=kept, visitor_id=test)
    product.add_feedback(AT, 5, conversation_id=kept, website_id=elsewhere)

    assert [row.position.id for row in conversations(local_stack, website)] == [kept]
    assert [row.position.id for row in feedback(local_stack, website)] == [kept_feedback]


def test_feedback_without_a_conversation_is_skipped_and_counted(
    local_stack: LocalStack, product: Product, website: HistoryWebsite
) -> None:
    """The event counts conversations, so it needs one; a visitor is taken from the conversation when it has none."""
    conversation = product.add_conversation(AT)
    product.add_feedback(AT, 5)
    product.add_feedback(AT, 5, conversation_id=conversation, visitor_id=None)
    product.add_feedback(AT, 5, conversation_id="gone", visitor_id=None)

    alone, whole, lost = feedback(local_stack, website)

    assert alone.skipped == ["feedback_submitted: it belongs to no conversation"]
    assert [(event.event_type, event.conversation_id, event.visitor_id) for event in whole.events] == [
        ("feedback_submitted", conversation, product.visitor_id)
    ]
    assert lost.skipped == ["feedback_submitted: it belongs to no visitor"]
    assert [*alone.events, *lost.events] == []


def test_rows_come_in_the_order_of_their_position_and_only_those_after_one(
    local_stack: LocalStack, product: Product, website: HistoryWebsite
) -> None:
    """By updated_at and then id; a position is a row, to the microsecond."""
    tick = timedelta(microseconds=1)
    rows = [product.add_conversation(AT, updated_at=AT + tick * (n // 2)) for n in range(6)]

    found = conversations(local_stack, website)

    assert [each.position.id for each in found] == rows
    for number, each in enumerate(found):
        after = conversations(local_stack, website, each.position)
        assert [other.position.id for other in after] == rows[number + 1 :]


def test_a_row_of_the_future_is_read_last(
    local_stack: LocalStack, product: Product, website: HistoryWebsite
) -> None:
    """Also one whose updated_at is infinite, which no datetime is."""
    rows = [product.add_conversation(AT) for _ in range(3)]
    for row, at in zip(rows, ("infinity", "2999-01-01", "-infinity"), strict=True):
        product.update("conversation", row, updated_at=at)

    found = conversations(local_stack, website)

    assert [each.position.id for each in found] == [rows[2], rows[1], rows[0]]
    assert [other.position.id for other in conversations(local_stack, website, found[0].position)] == rows[
        1::-1
    ]
    assert found[2].position.at == math.inf
    product.connection.execute("DELETE FROM conversation WHERE id = ANY(%s)", (rows,))


def test_more_rows_than_one_fetch(local_stack: LocalStack, product: Product, website: HistoryWebsite) -> None:
    """The parts of a stream follow each other without a gap."""
    product.connection.execute(
        "INSERT INTO conversation (id, organization_id, website_id, visitor_id, started_at, created_at, updated_at) "
        "SELECT %s || lpad(n::text, 5, '0'), %s, %s, %s, now(), now(), now() FROM generate_series(1, 4500) AS n",
        (product.key, product.organization_id, product.website_id, product.visitor_id),
    )

    ids = [row.position.id for row in conversations(local_stack, website)]

    assert ids == [f"{product.key}{n:05}" for n in range(1, 4501)]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"first_response_at": AT - timedelta(seconds=1)}, "first_response: it lies before"),
        ({"resolved_at": AT - timedelta(seconds=1)}, "conversation_resolved: it lies before"),
        ({"started_at": None, "first_response_at": AT}, "first_response: the conversation has no start"),
        ({"started_at": None}, "conversation_started: the conversation has no start"),
        ({"escalated_at": "infinity"}, "escalated: timestamp is not usable"),
        ({"escalated_at": "0044-03-15 12:00:00+00 BC"}, "escalated: timestamp is not usable"),
        ({"escalated_at": "1969-12-31 23:59:59+00"}, "escalated: timestamp is not usable"),
        ({"id": "c/1", "escalated_at": None}, "conversation_started: conversation_id is not usable"),
    ],
    ids=lambda value: value.split(":")[0] if isinstance(value, str) else None,
)
def test_a_row_that_makes_no_valid_event_says_why(
    local_stack: LocalStack,
    product: Product,
    website: HistoryWebsite,
    columns: dict[str, datetime | str | None],
    reason: str,
) -> None:
    """It is skipped with the reason, never sent and never silently dropped; the rest of the row goes."""
    conversation = product.add_conversation(AT)
    for name, value in columns.items():
        product.update("conversation", conversation, **{name: value})
        conversation = str(value) if name == "id" else conversation

    (row,) = conversations(local_stack, website)

    assert any(text.startswith(reason) for text in row.skipped)
    assert reason.split(":")[0] not in {event.event_type for event in row.events}
    product.connection.execute("DELETE FROM conversation WHERE id = %s", (conversation,))


@given(
    started=instants,
    responded=instants,
    resolved=instants,
    escalated=instants,
    seconds=st.none() | st.integers(-(2**31), 2**31 - 1),
    is_ai=st.booleans(),
)
def test_every_fact_of_a_row_is_an_event_or_a_reason(
    started: float | None,
    responded: float | None,
    resolved: float | None,
    escalated: float | None,
    seconds: int | None,
    is_ai: bool,
) -> None:
    """Whatever stands in the columns, nothing raises and nothing is lost without being named."""
    row = conversation_row("w", "c", "v", 0.0, started, responded, resolved, escalated, seconds, is_ai)

    facts = {"conversation_started"}
    facts |= {"first_response"} if responded is not None else set()
    facts |= {"escalated"} if escalated is not None else set()
    facts |= {"conversation_resolved"} if resolved is not None else set()
    facts |= {"ai_resolved"} if resolved is not None and is_ai else set()
    assert sorted(
        [event.event_type for event in row.events] + [text.split(":")[0] for text in row.skipped]
    ) == (sorted(facts))
    assert all(event.duration_seconds >= 0 for event in row.events)


def test_websites_come_in_one_order_without_deleted_ones(local_stack: LocalStack, product: Product) -> None:
    """By id; a slug chooses, and an unknown or deleted one is named."""
    second = product.add_website(f"{product.website_id}-2")
    deleted = product.add_website(f"{product.website_id}-3", deleted_at=AT)
    with Postgres(local_stack.database_url) as postgres:
        found = [website.id for website in history.websites(postgres)]
        assert found == sorted(found)
        assert {product.website_id, second} <= set(found)
        assert deleted not in found
        assert [website.id for website in history.websites(postgres, [second])] == [second]
        with pytest.raises(ConfigError, match=f"No website is called no-such-shop, {deleted}"):
            history.websites(postgres, [second, deleted, "no-such-shop"])


def test_rows_ahead_are_counted(local_stack: LocalStack, product: Product, website: HistoryWebsite) -> None:
    """Both histories together, after their positions."""
    for _ in range(3):
        product.add_conversation(AT, updated_at=AT)
    product.add_feedback(AT, 4)
    with Postgres(local_stack.database_url) as postgres:
        assert history.rows_ahead(postgres, website, {"conversation": START, "feedback": START}) == 4
        after = {"conversation": Position(EPOCH, "~"), "feedback": START}
        assert history.rows_ahead(postgres, website, after) == 1  # type: ignore[arg-type]


def test_a_window_takes_its_first_instant_and_leaves_its_last() -> None:
    """Half-open; without ends everything lies inside; one holds another when no instant of that is outside."""
    day = timedelta(days=1)
    window = Window(AT, AT + day)
    assert [at in window for at in (AT - day, AT, AT + day)] == [False, True, False]
    assert datetime.min.replace(tzinfo=UTC) in Window()
    assert window.holds(window)
    assert Window().holds(window)
    assert Window(None, AT + day).holds(window)
    for other in (
        Window(),
        Window(AT, None),
        Window(None, AT),
        Window(AT - day, AT),
        Window(AT, AT + 2 * day),
    ):
        assert not window.holds(other)
