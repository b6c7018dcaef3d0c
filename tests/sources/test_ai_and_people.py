"""What AI and people reads, from rows that can be counted by hand on the running stack."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analytics import sources
from analytics.errors import SchemaMismatch
from analytics.sources import Bounds
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird
from tests.conftest import LocalStack
from tests.product_database import Product
from tests.sources.test_conversations import tinybird  # noqa: F401  # fixture
from tests.sources.test_implausible import answered  # noqa: F401  # fixture

START = datetime(2026, 11, 8, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
WEEKS = Bounds("2026-11-08 00:00:00", "2026-11-15 00:00:00", "2026-11-01 00:00:00", "2026-11-08 00:00:00")
DAYS = WEEKS.date_from, WEEKS.date_to


@pytest.fixture
def postgres(local_stack: LocalStack) -> Iterator[Postgres]:
    """The local stack's Postgres, as the dashboard's role."""
    with Postgres(local_stack.database_url) as client:
        yield client


def resolved(product: Product, at: datetime = START, *, by_ai: bool = True, **columns: Any) -> str:  # noqa: ANN401 - values of any column
    """A conversation that was resolved an hour after its start."""
    side: dict[str, Any] = {"resolved_by_ai_agent_id" if by_ai else "resolved_by_user_id": "someone"}
    given: dict[str, Any] = {
        "status": "resolved",
        "resolved_at": at + timedelta(hours=1),
        **side,
        **columns,
    }
    return product.add_conversation(at, **given)


def ratings(
    postgres: Postgres, product: Product, watch_seconds: int = 0
) -> list[tuple[str, str, int, float]]:
    """Period, side, number and sum of the scores."""
    rows = sources.ratings_by_side(postgres, product.website_id, WEEKS, watch_seconds).value
    return list(rows.drop(columns="rating_total_of_squares").itertuples(index=False, name=None))


def traits(postgres: Postgres, product: Product) -> dict[tuple[str, str], tuple[int, int]]:
    """Number of the AI and of people, by trait and value."""
    rows = sources.traits_by_side(postgres, product.website_id, *DAYS).value
    return {
        (trait, value): (ai, people) for trait, value, ai, people in rows.itertuples(index=False, name=None)
    }


def test_ratings_belong_to_who_resolved_the_conversation(postgres: Postgres, product: Product) -> None:
    """Two of the AI's, one of people's; one without a resolution, and one without a conversation, are of neither."""
    for name, rating in (
        (resolved(product), 5),
        (resolved(product), 3),
        (resolved(product, by_ai=False), 1),
        (product.add_conversation(START), 5),
    ):
        product.add_feedback(START, rating, conversation_id=name)
    product.add_feedback(START - SECOND, 4, conversation_id=resolved(product, START - DAY))
    product.add_feedback(START, 5)
    assert ratings(postgres, product) == [
        ("current", "ai", 2, 150.0),
        ("current", "people", 1, 0.0),
        ("previous", "ai", 1, 75.0),
    ]


def test_ratings_of_both_periods_have_the_same_time_to_be_given(postgres: Postgres, product: Product) -> None:
    """Two days after the end of its period: too late for one that is watched to the end, in time for one watched longer."""
    for start, end in ((START, START + 7 * DAY), (START - 7 * DAY, START)):
        name = resolved(product, start)
        product.add_feedback(end + 2 * DAY, 5, conversation_id=name)
    assert ratings(postgres, product) == []
    assert ratings(postgres, product, 2 * 86_400) == []
    assert len(ratings(postgres, product, 2 * 86_400 + 1)) == 2


def test_the_cohort_is_half_open(postgres: Postgres, product: Product) -> None:
    """By the start of the conversation."""
    for at in (START - 7 * DAY - SECOND, START, START + 7 * DAY - SECOND, START + 7 * DAY):
        product.add_feedback(START, 5, conversation_id=resolved(product, at))
    assert ratings(postgres, product) == [("current", "ai", 2, 200.0)]
    assert traits(postgres, product)["channel", "widget"] == (2, 0)


def test_traits_are_counted_for_each_side(postgres: Postgres, product: Product) -> None:
    """Channel and priority of conversations, topics of ratings; an empty topic is none."""
    first = resolved(product, channel="email", priority="high")
    second = resolved(product, by_ai=False)
    for name, topic in ((first, "billing"), (second, "billing"), (second, "<b>returns</b>"), (first, " ")):
        product.add_feedback(START, 4, conversation_id=name, topic=topic)
    product.add_conversation(START, channel="email")
    assert traits(postgres, product) == {
        ("channel", "email"): (1, 0),
        ("channel", "widget"): (0, 1),
        ("priority", "high"): (1, 0),
        ("priority", "normal"): (0, 1),
        ("topic", "billing"): (1, 1),
        ("topic", "<b>returns</b>"): (0, 1),
    }


def test_open_conversations_of_both_periods_come_newest_change_first(
    postgres: Postgres, product: Product
) -> None:
    """Open ones alone, by their start."""
    late = product.add_conversation(START, updated_at=START + DAY)
    early = product.add_conversation(START - DAY, updated_at=START)
    for at in (START - 7 * DAY - SECOND, START + 7 * DAY):
        product.add_conversation(at)
    resolved(product)
    product.add_conversation(START, status="spam")
    rows = sources.open_conversations(postgres, product.website_id, WEEKS).value
    assert rows["id"].tolist() == [late, early]
    assert rows["updated_at"].tolist() == [START + DAY, START]


def test_what_is_deleted_a_test_or_elsewhere_counts_nowhere(postgres: Postgres, product: Product) -> None:
    """The conversation, its visitor, a test visitor, who rated, the feedback, another website, and the website itself."""
    gone, test = product.add_visitor(deleted_at=START), product.add_visitor(is_test=True)
    left_out: tuple[dict[str, Any], ...] = (
        {"deleted_at": START},
        {"visitor_id": gone},
        {"visitor_id": test},
    )
    for columns in left_out:
        product.add_feedback(START, 5, conversation_id=resolved(product, **columns), topic="t")
        product.add_conversation(START, **columns)
    other = product.add_website(f"other-{product.key}")
    elsewhere = resolved(product)
    product.add_feedback(START, 5, conversation_id=elsewhere, topic="t")
    for name in (elsewhere, product.add_conversation(START)):
        product.update("conversation", name, website_id=other)
    kept = resolved(product)
    for columns in left_out:
        product.add_feedback(START, 5, conversation_id=kept, topic="t", **columns)

    def counted() -> tuple[int, set[str], int]:
        opened = sources.open_conversations(postgres, product.website_id, WEEKS).value
        return len(ratings(postgres, product)), {trait for trait, _ in traits(postgres, product)}, len(opened)

    assert counted() == (0, {"channel", "priority"}, 0)
    product.add_feedback(START, 5, conversation_id=kept, topic="t")
    product.add_conversation(START)
    assert counted() == (1, {"channel", "priority", "topic"}, 1)
    product.update("website", product.website_id, deleted_at=START)
    assert counted() == (0, set(), 0)


def test_open_ones_are_named_to_the_pipe(
    tinybird: Tinybird,  # noqa: F811
    product: Product,
) -> None:
    """With their last change, in one parameter each; none without an open one."""
    asked = {"a": 1_794_268_800, "b": 1_794_268_801}
    answer = sources.resolution_outcomes(tinybird, product.website_id, WEEKS, 60, asked)
    assert answer.queries[0].params["open_ids"] == "a,b"
    assert answer.queries[0].params["open_changes"] == "1794268800,1794268801"
    assert answer.queries[0].params["watch_seconds"] == "60"
    assert len(answer.value) == 6
    without = sources.resolution_outcomes(tinybird, product.website_id, WEEKS, 60, {})
    assert "open_ids" not in without.queries[0].params


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda rows: rows[1:], id="a side is missing"),
        pytest.param(
            lambda rows: [{**row, "ends_at": row["starts_at"]} for row in rows], id="another period"
        ),
        pytest.param(lambda rows: [*rows[:3], *rows[:3]], id="a period is missing"),
    ],
)
def test_an_answer_of_something_else_is_refused(
    tinybird: Tinybird,  # noqa: F811
    product: Product,
    answered: Callable[[Callable[[list[Any]], list[Any]]], None],  # noqa: F811
    change: Callable[[list[Any]], list[Any]],
) -> None:
    """A missing side would read as 0."""
    answered(change)
    with pytest.raises(SchemaMismatch):
        sources.resolution_outcomes(tinybird, product.website_id, WEEKS, 0, {})
