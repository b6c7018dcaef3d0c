"""What Waiting reads, from rows that can be counted by hand on the running stack."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from analytics import sources
from analytics.errors import SchemaMismatch
from analytics.kpis.waiting import Waits
from analytics.transports.postgres import Postgres, QueryAnswer
from tests.conftest import LocalStack
from tests.product_database import Product

FROM = "2026-11-03 00:00:00"
START = datetime(2026, 11, 3, tzinfo=UTC)
DAY = timedelta(days=1)
EDGES = [START + DAY * day for day in range(4)]
HOSTILE = ["<script>alert(1)</script>", "'; DROP TABLE visitor; --", '=cmd|"/c calc"!A1', "\u202eevil\u202c"]


@pytest.fixture
def postgres(local_stack: LocalStack) -> Iterator[Postgres]:
    """The local stack's Postgres, as the dashboard's role."""
    with Postgres(local_stack.database_url) as client:
        yield client


def waiting(
    postgres: Postgres, product: Product, waits_for: Waits = "answer", limit: int = 100
) -> pd.DataFrame:
    """Who waits on the product's website since 3 November."""
    return sources.waiting_conversations(postgres, product.website_id, FROM, waits_for, limit).value


def changes(
    postgres: Postgres, product: Product, edges: list[datetime] = EDGES
) -> list[tuple[int, int, int]]:
    """Bucket, started and resolved of the three days from 3 November on."""
    rows = sources.backlog(postgres, product.website_id, edges).value
    return list(rows.itertuples(index=False, name=None))


def test_open_and_never_answered_waits_longest_first(postgres: Postgres, product: Product) -> None:
    """Of six conversations two wait: the answered, resolved and spam ones do not, nor does one without a start."""
    late = product.add_conversation(START + 3 * DAY)
    early = product.add_conversation(START + DAY, "negative", escalated_at=START + 2 * DAY)
    product.add_conversation(START, first_response_at=START + DAY)
    product.add_conversation(START, status="resolved", resolved_at=START + DAY)
    product.add_conversation(START, status="spam")
    product.update("conversation", product.add_conversation(START), started_at=None)
    found = waiting(postgres, product)
    assert found["id"].tolist() == [early, late]
    assert found["total"].tolist() == [2, 2]
    assert found["started_at"].tolist() == [START + DAY, START + 3 * DAY]
    assert found["escalated_at"].isna().tolist() == [False, True]
    assert found["sentiment"].fillna("").tolist() == ["negative", ""]
    assert found["visitor_id"].tolist() == [product.visitor_id] * 2


def test_escalated_and_not_resolved_waits_since_the_escalation(postgres: Postgres, product: Product) -> None:
    """Answered or not; the one that was escalated first is the first, though it started last."""
    first = product.add_conversation(
        START + 2 * DAY, escalated_at=START + 2 * DAY, first_response_at=START + 2 * DAY
    )
    second = product.add_conversation(START, escalated_at=START + 3 * DAY)
    product.add_conversation(START, escalated_at=START, status="resolved", resolved_at=START + DAY)
    product.add_conversation(START, escalated_at=START, status="spam")
    product.add_conversation(START)
    found = waiting(postgres, product, "resolution")
    assert found["id"].tolist() == [first, second]
    assert found["first_response_at"].isna().tolist() == [False, True]


def test_a_reopened_conversation_that_was_never_answered_waits(postgres: Postgres, product: Product) -> None:
    """Its last state counts, whatever times an earlier resolution left."""
    again = product.add_conversation(START, status="open", resolved_at=START + DAY)
    assert waiting(postgres, product)["id"].tolist() == [again]


def test_equal_waits_have_an_order_and_the_total_counts_all(postgres: Postgres, product: Product) -> None:
    """Five at one instant: the first two of the order of their ids."""
    ids = sorted(product.add_conversation(START) for _ in range(5))
    found = waiting(postgres, product, limit=2)
    assert (found["id"].tolist(), found["total"].tolist()) == (ids[:2], [5, 5])


@pytest.mark.parametrize(("early", "is_listed"), [(timedelta(microseconds=1), False), (timedelta(0), True)])
def test_earlier_starts_are_out_of_reach(
    postgres: Postgres, product: Product, early: timedelta, *, is_listed: bool
) -> None:
    """The first instant is inside."""
    product.add_conversation(START - early, escalated_at=START + DAY)
    assert len(waiting(postgres, product)) == is_listed
    assert len(waiting(postgres, product, "resolution")) == is_listed


def test_no_one_waits(postgres: Postgres, product: Product) -> None:
    """A frame with the right types."""
    found = waiting(postgres, product)
    assert len(found) == 0
    assert str(found["started_at"].dtype) == "datetime64[us, UTC]"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_arrives_letter_for_letter(postgres: Postgres, product: Product, text: str) -> None:
    """Escaping is up to the page."""
    visitor = product.add_visitor(city=text, country_code="FR")
    product.add_conversation(START, visitor_id=visitor)
    assert waiting(postgres, product)[["city", "country_code"]].to_numpy().tolist() == [[text, "FR"]]


def test_what_is_deleted_a_test_or_elsewhere_counts_nowhere(postgres: Postgres, product: Product) -> None:
    """The conversation, its visitor, a test visitor, another website, and the website itself."""
    product.add_conversation(START, deleted_at=START, escalated_at=START)
    for visitor in (product.add_visitor(deleted_at=START), product.add_visitor(is_test=True)):
        product.add_conversation(START, visitor_id=visitor, escalated_at=START)
    other = product.add_website(f"other-{product.key}")
    product.update("conversation", product.add_conversation(START, escalated_at=START), website_id=other)

    def counted() -> list[int]:
        return [
            len(waiting(postgres, product)),
            len(waiting(postgres, product, "resolution")),
            sources.still_waiting(postgres, product.website_id, FROM, "2026-11-04 00:00:00").value,
            len(changes(postgres, product)),
        ]

    assert counted() == [0, 0, 0, 0]
    product.add_conversation(START, escalated_at=START)
    assert counted() == [1, 1, 1, 1]
    product.update("website", product.website_id, deleted_at=START)
    assert counted() == [0, 0, 0, 0]


def test_still_waiting_counts_starts_of_the_period(postgres: Postgres, product: Product) -> None:
    """Half-open; what was answered since is in the median."""
    for at in (START - timedelta(seconds=1), START, START + DAY - timedelta(seconds=1), START + DAY):
        product.add_conversation(at)
    product.add_conversation(START, first_response_at=START + 5 * DAY)
    product.add_conversation(START, status="resolved", resolved_at=START)
    product.add_conversation(START, status="spam")
    answer = sources.still_waiting(postgres, product.website_id, FROM, "2026-11-04 00:00:00")
    assert answer.value == 2
    assert [query.name for query in answer.queries] == ["still_waiting"]


def test_a_count_without_a_row_is_an_error(
    postgres: Postgres, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number that is missing is not 0."""
    nothing = QueryAnswer([], ("waiting",), START)
    monkeypatch.setattr(Postgres, "read", lambda *_: nothing)
    with pytest.raises(SchemaMismatch, match="not one row"):
        sources.still_waiting(postgres, product.website_id, FROM, "2026-11-04 00:00:00")


def test_the_backlog_of_three_days(postgres: Postgres, product: Product) -> None:
    """Two open at first; day 1: +2 -1, day 2: nothing, day 3: +1 -2."""
    product.add_conversation(START - 9 * DAY)
    product.add_conversation(START - 400 * DAY, status="resolved", resolved_at=START + 2 * DAY)
    product.add_conversation(START - DAY, status="resolved", resolved_at=START - timedelta(seconds=1))
    product.add_conversation(START, status="resolved", resolved_at=START + timedelta(hours=1))
    product.add_conversation(START + timedelta(hours=5), first_response_at=START + timedelta(hours=6))
    product.add_conversation(
        START + 2 * DAY, status="resolved", resolved_at=START + 3 * DAY - timedelta(seconds=1)
    )
    product.add_conversation(START + DAY, status="spam")
    assert changes(postgres, product) == [(0, 2, 0), (1, 2, 1), (3, 1, 2)]


def test_the_edges_of_buckets_are_half_open(postgres: Postgres, product: Product) -> None:
    """What happens at an edge belongs to the bucket that begins there; at the last one, to none."""
    for edge in EDGES:
        product.add_conversation(START - DAY, status="resolved", resolved_at=edge)
        product.add_conversation(edge)
    assert changes(postgres, product) == [(0, 4, 0), (1, 1, 1), (2, 1, 1), (3, 1, 1)]


def test_resolutions_without_an_instant_have_the_latest_that_is_known(
    postgres: Postgres, product: Product
) -> None:
    """Start plus resolution time, else the last change; never before the start."""
    product.add_conversation(START, status="resolved", resolution_time=86_400, updated_at=START + 9 * DAY)
    product.add_conversation(START, status="resolved", updated_at=START + 2 * DAY)
    product.add_conversation(START, status="resolved", resolved_at=START - DAY)
    assert changes(postgres, product) == [(1, 3, 1), (2, 0, 1), (3, 0, 1)]


def test_a_reopened_conversation_is_known_by_its_last_state(postgres: Postgres, product: Product) -> None:
    """Open now: open since its start. Resolved again: open until then."""
    product.add_conversation(START, resolved_at=START + timedelta(hours=1))
    product.add_conversation(START, status="resolved", resolved_at=START + 2 * DAY)
    assert changes(postgres, product) == [(1, 2, 0), (3, 0, 1)]


def test_any_split_of_the_time_adds_up(postgres: Postgres, product: Product) -> None:
    """The open ones at each edge are those of a period that begins there, however the edges lie."""
    for number in range(40):
        started = START + timedelta(hours=7 * number - 100)
        ended = started + timedelta(hours=number * number % 90)
        is_open = number % 4 == 0
        product.add_conversation(
            started, status="open" if is_open else "resolved", resolved_at=None if is_open else ended
        )
    open_now = 0
    for bucket, begun, resolved in changes(postgres, product):
        open_now += begun - resolved
        if bucket < len(EDGES) - 1:
            later = changes(postgres, product, EDGES[bucket:])
            assert later[0][:2] == (0, open_now), bucket
    assert changes(postgres, product, [EDGES[0], EDGES[-1]])[1][0] == 1
