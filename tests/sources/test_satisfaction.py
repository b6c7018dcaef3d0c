"""What Satisfaction reads, from rows that can be counted by hand on the running stack."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from analytics import sources
from analytics.sources import Bounds
from analytics.transports.postgres import Postgres
from tests.conftest import LocalStack
from tests.product_database import Product, Value

FROM, TO = "2026-11-03 00:00:00", "2026-11-10 00:00:00"
WEEK = Bounds(FROM, TO, "2026-10-27 00:00:00", FROM)
AT = datetime(2026, 11, 5, 12, 7, tzinfo=UTC)
START = datetime(2026, 11, 3, tzinfo=UTC)
END = datetime(2026, 11, 10, tzinfo=UTC)
HOSTILE = [
    "<script>alert(1)</script>",
    "[click](javascript:alert(1))",
    '=cmd|"/c calc"!A1',
    "\u202eevil\u202c",
    "'; DROP TABLE feedback; --",
    "%s :rating {{x}} \\",
    "x" * 10_000,
]


@pytest.fixture
def postgres(local_stack: LocalStack) -> Iterator[Postgres]:
    """The local stack's Postgres, as the dashboard's role."""
    with Postgres(local_stack.database_url) as client:
        yield client


def comments(
    postgres: Postgres, product: Product, rating: int | None = None, limit: int = 100
) -> pd.DataFrame:
    """The comments of that week."""
    return sources.latest_comments(postgres, product.website_id, FROM, TO, rating, limit).value


def test_comments_come_newest_first_with_all_they_need(postgres: Postgres, product: Product) -> None:
    """Time, rating, topic, text; a topic may be missing."""
    product.add_feedback(AT, 4, comment="first", topic="delivery")
    product.add_feedback(AT + timedelta(hours=1), 2, comment="second")
    found = comments(postgres, product)
    assert found["comment"].tolist() == ["second", "first"]
    assert found["rating"].tolist() == [2, 4]
    assert found["topic"].isna().tolist() == [True, False]
    assert found["created_at"].tolist() == [AT + timedelta(hours=1), AT]
    assert found["total"].tolist() == [2, 2]
    assert found["conversation_id"].isna().all()


def test_a_comment_names_its_conversation(postgres: Postgres, product: Product) -> None:
    """Only where that is the website's own."""
    own = product.add_conversation(AT)
    elsewhere = product.add_website(f"other-{product.key}")
    other = product.add_conversation(AT)
    product.update("conversation", other, website_id=elsewhere)
    for name in (own, other):
        product.add_feedback(AT, 4, comment=name, conversation_id=name)
    found = comments(postgres, product).set_index("comment")["conversation_id"]
    assert found[own] == own
    assert found.isna().tolist().count(True) == 1


@pytest.mark.parametrize(
    "comment", [None, "", "   ", "\n\t "], ids=["none", "empty", "spaces", "line breaks"]
)
def test_a_comment_without_a_word_is_none(postgres: Postgres, product: Product, comment: str | None) -> None:
    """The rating counts in the index; there is nothing to read."""
    product.add_feedback(AT, 4, comment=comment)
    found = comments(postgres, product)
    assert len(found) == 0
    assert [str(dtype) for dtype in found.dtypes] == [
        *("datetime64[us, UTC]", "int64", "str", "str", "str", "int64")
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_arrives_letter_for_letter(postgres: Postgres, product: Product, text: str) -> None:
    """Escaping is up to the page; the source returns the text unchanged and runs nothing in it."""
    product.add_feedback(AT, 4, comment=text, topic=text)
    found = comments(postgres, product)
    assert found[["topic", "comment"]].to_numpy().tolist() == [[text, text]]


def test_one_rating_can_be_asked_for(postgres: Postgres, product: Product) -> None:
    """The total counts what matches."""
    for rating in (1, 2, 2, 5):
        product.add_feedback(AT, rating, comment="text")
    assert comments(postgres, product, 2)["rating"].tolist() == [2, 2]
    assert comments(postgres, product, 2)["total"].tolist() == [2, 2]
    assert len(comments(postgres, product, 3)) == 0
    assert len(comments(postgres, product)) == 4


def test_the_limit_cuts_rows_and_not_the_total(postgres: Postgres, product: Product) -> None:
    """The newest stay; the same instant has a fixed order."""
    for _ in range(5):
        product.add_feedback(AT, 5, comment="text")
    product.add_feedback(AT + timedelta(seconds=1), 5, comment="newest")
    found = comments(postgres, product, limit=3)
    assert found["comment"].tolist() == ["newest", "text", "text"]
    assert set(found["total"]) == {6}


@pytest.mark.parametrize(
    ("at", "is_inside"),
    [
        (START - timedelta(microseconds=1), False),
        (START, True),
        (END - timedelta(microseconds=1), True),
        (END, False),
    ],
    ids=["just before", "start", "just inside", "end"],
)
def test_the_period_is_half_open(
    postgres: Postgres, product: Product, at: datetime, *, is_inside: bool
) -> None:
    """The start belongs to it, the end does not."""
    product.add_feedback(at, 5, comment="text")
    assert len(comments(postgres, product)) == is_inside


def test_what_is_deleted_or_a_test_shows_nowhere(postgres: Postgres, product: Product) -> None:
    """The feedback, its conversation, its visitor, the conversation's visitor, a test visitor: any of them is enough."""
    gone, tester = product.add_visitor(deleted_at=AT), product.add_visitor(is_test=True)
    deleted = product.add_conversation(AT, deleted_at=AT)
    tried = product.add_conversation(AT, visitor_id=tester)
    product.add_feedback(AT, 5, comment="deleted", deleted_at=AT)
    product.add_feedback(AT, 5, comment="of one who is gone", visitor_id=gone)
    product.add_feedback(AT, 5, comment="of a test", visitor_id=tester)
    product.add_feedback(AT, 5, comment="deleted talk", conversation_id=deleted, visitor_id=None)
    product.add_feedback(AT, 5, comment="test talk", conversation_id=tried, visitor_id=None)
    left = product.add_conversation(AT, visitor_id=gone)
    product.add_feedback(AT, 5, comment="by an ordinary visitor in a test talk", conversation_id=tried)
    product.add_feedback(
        AT, 5, comment="by an ordinary visitor in a talk of one who is gone", conversation_id=left
    )
    product.add_feedback(
        AT,
        5,
        comment="by a test in an ordinary talk",
        visitor_id=tester,
        conversation_id=product.add_conversation(AT),
    )
    scores = sources.rating_and_sentiment(postgres, product.website_id, WEEK).value
    assert scores["rating_count"].sum() == 0
    assert len(comments(postgres, product)) == 0
    product.add_feedback(AT, 5, comment="without a visitor", visitor_id=None)
    assert comments(postgres, product)["comment"].tolist() == ["without a visitor"]
    product.update("website", product.website_id, deleted_at=AT)
    assert len(comments(postgres, product)) == 0


def test_other_websites_show_nowhere(postgres: Postgres, product: Product) -> None:
    """Same organization, another website."""
    product.add_feedback(AT, 5, comment="text", website_id=product.add_website(f"other-{product.key}"))
    assert len(comments(postgres, product)) == 0


def test_answers_are_counted_one_by_one(postgres: Postgres, product: Product) -> None:
    """Each rating and each sentiment in its own column, and all of them together are the n of the index."""
    for rating in (1, 1, 2, 3, 3, 3, 4, 5):
        product.add_feedback(AT, rating)
    product.add_feedback(AT - timedelta(days=7), 5)
    for sentiment in ("negative", "neutral", "neutral", "positive", None):
        product.add_conversation(AT, sentiment, sentiment_confidence=0.0)
    found = sources.rating_and_sentiment(postgres, product.website_id, WEEK).value
    now, before = (found[found["period"] == period] for period in ("current", "previous"))
    ratings = [f"rating_{stars}_count" for stars in range(1, 6)]
    assert now[ratings].to_numpy().tolist() == [[2, 1, 3, 1, 1]]
    assert now[["negative_count", "neutral_count", "positive_count"]].to_numpy().tolist() == [[1, 2, 1]]
    assert now[["rating_count", "sentiment_count"]].to_numpy().tolist() == [[8, 4]]
    assert before[ratings].to_numpy().tolist() == [[0, 0, 0, 0, 1]]


def resolve_one(product: Product, at: datetime, *, ai: bool = False, **columns: Value) -> str:
    """A conversation that was resolved then, by the AI agent or by people."""
    row: dict[str, Value] = {"status": "resolved", "resolved_at": at, **columns}
    row["resolved_by_ai_agent_id" if ai else "resolved_by_user_id"] = "resolver"
    return product.add_conversation(AT - timedelta(days=20), None, **row)


def shares(postgres: Postgres, product: Product) -> list[tuple[object, ...]]:
    """Period, slot, and resolved and rated ones of the AI agent and of people."""
    rows = sources.rated_share(postgres, product.website_id, WEEK).value
    return list(rows.itertuples(index=False, name=None))


def test_rated_conversations_are_counted_where_they_were_resolved(
    postgres: Postgres, product: Product
) -> None:
    """Two by the AI agent, one of them rated twice, which counts once; one by people, rated; one of the week before."""
    rated = resolve_one(product, AT, ai=True)
    resolve_one(product, AT + timedelta(minutes=7), ai=True)
    by_people = resolve_one(product, AT + timedelta(minutes=8))
    resolve_one(product, AT - timedelta(days=7))
    for conversation, days in ((rated, 0), (rated, 2), (by_people, 1)):
        product.add_feedback(AT + timedelta(days=days), 4, conversation_id=conversation)
    slot = AT.replace(minute=0)
    assert shares(postgres, product) == [
        ("current", slot, 2, 1, 0, 0),
        ("current", slot + timedelta(minutes=15), 0, 0, 1, 1),
        ("previous", slot - timedelta(days=7), 0, 0, 1, 0),
    ]


@pytest.mark.parametrize("days", [0, 7])
def test_a_rating_counts_if_it_was_given_before_its_period_ended(
    postgres: Postgres, product: Product, days: int
) -> None:
    """The same time for both periods: a later rating would favour the one before."""
    ends, back = END - timedelta(days=days), timedelta(days=days)
    for late in (timedelta(microseconds=-1), timedelta(0)):
        product.add_feedback(ends + late, 5, conversation_id=resolve_one(product, AT - back))
    ((_, _, _, _, resolved, rated),) = shares(postgres, product)
    assert (resolved, rated) == (2, 1)


def test_what_is_deleted_open_spam_or_a_test_is_in_no_share(postgres: Postgres, product: Product) -> None:
    """Of eight three are left; the rating of one was deleted, those of the others are by one who tests and one who is gone."""
    product.add_feedback(
        AT, 5, conversation_id=resolve_one(product, AT), deleted_at=AT + timedelta(minutes=1)
    )
    resolve_one(product, AT, status="open")
    resolve_one(product, AT, status="spam")
    resolve_one(product, AT, deleted_at=AT)
    for visitor in (product.add_visitor(is_test=True), product.add_visitor(deleted_at=AT)):
        resolve_one(product, AT, visitor_id=visitor)
        product.add_feedback(AT, 5, conversation_id=resolve_one(product, AT), visitor_id=visitor)
    ((_, _, _, _, resolved, rated),) = shares(postgres, product)
    assert (resolved, rated) == (3, 0)


def test_a_rating_of_another_website_rates_nothing_here(postgres: Postgres, product: Product) -> None:
    """Also when it names a conversation of this one."""
    elsewhere = product.add_website(f"other-{product.key}")
    rating = product.add_feedback(AT, 5, conversation_id=resolve_one(product, AT))
    product.update("feedback", rating, website_id=elsewhere)
    ((_, _, _, _, resolved, rated),) = shares(postgres, product)
    assert (resolved, rated) == (1, 0)
