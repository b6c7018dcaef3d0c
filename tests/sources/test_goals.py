"""What conversations did against a goal, from rows that can be counted by hand on the running stack."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from analytics import sources
from analytics.kpis.goals.definitions import Goal, GoalSpan
from analytics.scope.selection import Measure
from analytics.transports.postgres import Postgres
from tests.conftest import LocalStack
from tests.product_database import Product

START = datetime(2025, 11, 3, tzinfo=UTC)
DAY, MINUTE, SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)


@pytest.fixture
def postgres(local_stack: LocalStack) -> Iterator[Postgres]:
    """The local stack's Postgres, as the dashboard's role."""
    with Postgres(local_stack.database_url) as client:
        yield client


def span(
    product: Product,
    measure: Measure = "response",
    version: int = 1,
    starts: datetime = START,
    ends: datetime = START + DAY,
    limit_seconds: int = 300,
) -> GoalSpan:
    """A goal of the product's website, valid for a day."""
    return GoalSpan(product.website_id, measure, version, starts, ends, Goal(90.0, limit_seconds))


def counted(postgres: Postgres, *spans: GoalSpan) -> list[tuple[str, int, int, int, int]]:
    """Measure, version, met, missed and open of each row."""
    rows = sources.goal_counts(postgres, spans).value
    return list(rows[["measure", "version", "met", "missed", "open"]].itertuples(index=False, name=None))


def test_an_answer_within_the_time_meets_the_goal(postgres: Postgres, product: Product) -> None:
    """The last second is in time; a second later, and never, are missed, also where it was resolved without an answer."""
    for seconds in (0, 10, 300):
        product.add_conversation(START, first_response_at=START + seconds * SECOND)
    product.add_conversation(START, first_response_at=START + 301 * SECOND)
    product.add_conversation(START)
    product.add_conversation(START, status="resolved", resolved_at=START + MINUTE)
    assert counted(postgres, span(product)) == [("response", 1, 3, 3, 0)]


def test_what_still_has_time_is_open(postgres: Postgres, product: Product) -> None:
    """Started an hour ago: with two hours of time both are open, the answered one too; with half an hour one met, one missed."""
    now = datetime.now(UTC)
    began, starts = now - 60 * MINUTE, now - DAY
    product.add_conversation(began)
    product.add_conversation(began, first_response_at=began + MINUTE)
    for limit, expected in ((7200, (0, 0, 2)), (1800, (1, 1, 0))):
        judged = span(product, starts=starts, ends=now, limit_seconds=limit)
        assert counted(postgres, judged) == [("response", 1, *expected)]


def test_a_resolution_is_the_last_one(postgres: Postgres, product: Product) -> None:
    """`resolution_time` wins over `resolved_at`, and that over the last change; reopened is not resolved."""
    late = START + 2 * DAY
    product.add_conversation(START, status="resolved", resolution_time=300, resolved_at=late)
    product.add_conversation(START, status="resolved", resolution_time=301, resolved_at=START + MINUTE)
    product.add_conversation(START, status="resolved", resolved_at=START + 5 * MINUTE)
    product.add_conversation(START, status="resolved", updated_at=late)
    product.add_conversation(START, status="open", resolved_at=START + MINUTE)
    assert counted(postgres, span(product, "resolution")) == [("resolution", 1, 2, 3, 0)]


def test_each_conversation_is_judged_by_the_goal_of_its_start(postgres: Postgres, product: Product) -> None:
    """Answered after 400 s on both days: met by the first goal, missed by the second; edges are half-open."""
    change = START + DAY
    for at in (START, change - SECOND, change, change + DAY - SECOND):
        product.add_conversation(at, first_response_at=at + 400 * SECOND)
    for outside in (START - SECOND, change + DAY):
        product.add_conversation(outside, first_response_at=outside)
    goals = (
        span(product, version=1, limit_seconds=600),
        span(product, version=2, starts=change, ends=change + DAY, limit_seconds=300),
    )
    assert counted(postgres, *goals) == [("response", 1, 2, 0, 0), ("response", 2, 0, 2, 0)]


def test_both_goals_of_two_websites_are_counted_at_once(postgres: Postgres, product: Product) -> None:
    """One statement, a row each; a website without conversations has none."""
    other = Product(product.connection)
    product.add_conversation(START, first_response_at=START + MINUTE)
    other.add_conversation(START, first_response_at=START + DAY)
    asked = (span(product), span(product, "resolution"), span(other))
    rows = sources.goal_counts(postgres, asked).value
    expected = {
        (product.website_id, "response"): (1, 0),
        (product.website_id, "resolution"): (0, 1),
        (other.website_id, "response"): (0, 1),
    }
    found = {(row.website_id, row.measure): (row.met, row.missed) for row in rows.itertuples()}
    assert found == expected
    empty = Product(product.connection)
    assert counted(postgres, span(empty)) == []
    assert counted(postgres) == []


def test_what_is_deleted_a_test_or_spam_counts_nowhere(postgres: Postgres, product: Product) -> None:
    """The conversation, its visitor, a test visitor, spam, no start, the website itself."""
    product.add_conversation(START, deleted_at=START)
    product.add_conversation(START, status="spam")
    for visitor in (product.add_visitor(deleted_at=START), product.add_visitor(is_test=True)):
        product.add_conversation(START, visitor_id=visitor)
    product.update("conversation", product.add_conversation(START), started_at=None)
    assert counted(postgres, span(product)) == []
    product.add_conversation(START)
    assert counted(postgres, span(product)) == [("response", 1, 0, 1, 0)]
    product.update("website", product.website_id, deleted_at=START)
    assert counted(postgres, span(product)) == []


def test_the_roles_of_a_member(postgres: Postgres, product: Product) -> None:
    """Each once; none for a person of another organization."""
    user = product.add_user(f"ann-{product.key}@example.com")
    product.connection.execute("UPDATE member SET role = 'owner' WHERE user_id = %s", (user,))
    assert sources.member_roles(postgres, user, product.organization_id).value == {"owner"}
    assert sources.member_roles(postgres, user, "another").value == frozenset()
    assert sources.member_roles(postgres, "stranger", product.organization_id).value == frozenset()
