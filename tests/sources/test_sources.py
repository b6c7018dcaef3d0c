"""Sources: what each pipe and query gives, from rows that can be counted by hand on the running stack."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest

from analytics import sources
from analytics.errors import SchemaMismatch
from analytics.kpis.timeseries import scores_of
from analytics.scope.access import OwnedWebsite
from analytics.scope.tiers import Subscription
from analytics.sources import Bounds, Buckets
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird
from tests.conftest import LocalStack
from tests.product_database import Product

Send = Callable[[str, Sequence[Mapping[str, Any]]], dict[str, Any]]

WEEK = Bounds("2026-11-03 00:00:00", "2026-11-10 00:00:00", "2026-10-27 00:00:00", "2026-11-03 00:00:00")
DAYS = Buckets(
    ",".join(str(1_793_664_000 + 86_400 * day) for day in range(7)),
    ",".join(str(1_793_059_200 + 86_400 * day) for day in range(7)),
)
AT = datetime(2026, 11, 5, 12, 7, tzinfo=UTC)
START = datetime(2026, 11, 3, tzinfo=UTC)
END = datetime(2026, 11, 10, tzinfo=UTC)


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
def website_id() -> str:
    """A website that no other test knows."""
    return f"site-{uuid4().hex}"


def conversation(website_id: str, at: str, event: str, name: str, duration: float = 0.0) -> dict[str, Any]:
    """One event of a conversation."""
    return {
        "timestamp": at,
        "website_id": website_id,
        "visitor_id": "v1",
        "event_type": event,
        "conversation_id": name,
        "duration_seconds": duration,
    }


def visit(website_id: str, visitor: str, at: datetime, **columns: str | float) -> dict[str, Any]:
    """One event of a visitor."""
    return {
        "timestamp": f"{at:%Y-%m-%d %H:%M:%S}",
        "website_id": website_id,
        "visitor_id": visitor,
        "session_id": "s1",
        "event_type": "seen",
        "country_code": "NO",
        "city": "Oslo",
        "latitude": 59.91,
        "longitude": 10.75,
        "device_type": "desktop",
        "browser": "Firefox",
        "page_url": "https://shop.example/",
        **columns,
    }


def test_conversation_totals_of_both_periods(tinybird: Tinybird, send_events: Send, website_id: str) -> None:
    """Three conversations now, one before: counts, medians and the rate."""
    send_events(
        "conversation_metrics",
        [
            conversation(website_id, "2026-11-05 09:00:00", "conversation_started", "a"),
            conversation(website_id, "2026-11-05 09:01:00", "first_response", "a", 60),
            conversation(website_id, "2026-11-05 09:10:00", "ai_resolved", "a", 600),
            conversation(website_id, "2026-11-05 10:00:00", "conversation_started", "b"),
            conversation(website_id, "2026-11-05 10:02:00", "first_response", "b", 120),
            conversation(website_id, "2026-11-05 10:20:00", "conversation_resolved", "b", 1200),
            conversation(website_id, "2026-11-09 23:59:59", "conversation_started", "c"),
            conversation(website_id, "2026-11-10 00:00:00", "conversation_started", "after the end"),
            conversation(website_id, "2026-10-27 00:00:00", "conversation_started", "before"),
            conversation(website_id, "2026-10-27 00:00:00", "escalated", "before"),
        ],
    )
    answer = sources.inbox_analytics(tinybird, website_id, WEEK).value
    current, previous = answer.current, answer.previous
    assert (current.started, current.responded, current.resolved, current.ai_resolved) == (3, 2, 2, 1)
    assert (current.median_response_seconds, current.median_resolution_seconds) == (90.0, 900.0)
    assert current.ai_handled_ratio == 0.5
    assert current.response_interval is None
    assert (previous.started, previous.escalated, previous.resolved) == (1, 1, 0)
    assert previous.median_response_seconds is None
    assert previous.ai_handled_ratio is None


def test_a_website_without_events_has_zeros_and_nones(tinybird: Tinybird, website_id: str) -> None:
    """Empty is a result: counts are 0, medians and rate are None, series are zero-filled, lists are empty."""
    current = sources.inbox_analytics(tinybird, website_id, WEEK).value.current
    assert (current.started, current.feedback, current.median_response_seconds) == (0, 0, None)
    visitors = sources.unique_visitors(tinybird, website_id, WEEK).value
    assert (visitors.current, visitors.previous) == (0, 0)
    series = sources.kpi_timeseries(tinybird, website_id, WEEK, DAYS).value
    assert len(series) == 14
    assert series["started"].sum() == 0
    assert len(sources.active_visitors(tinybird, website_id, 10).value) == 0
    assert len(sources.visitor_locations(tinybird, website_id, 5).value) == 0
    activity = sources.visitor_activity(tinybird, website_id).value
    assert len(activity) == sources.ACTIVITY_MINUTES
    assert activity["newest_event"].isna().all()
    assert sources.data_freshness(tinybird, website_id).value["newest_event"].isna().all()


def test_an_empty_period_before_is_allowed(tinybird: Tinybird, website_id: str) -> None:
    """What the tier forbids is asked for as an empty period, not as the pipe's own default."""
    empty = Bounds(WEEK.date_from, WEEK.date_to, WEEK.date_from, WEEK.date_from)
    assert sources.inbox_analytics(tinybird, website_id, empty).value.previous.started == 0
    assert sources.unique_visitors(tinybird, website_id, empty).value.previous == 0
    series = sources.kpi_timeseries(tinybird, website_id, empty, Buckets(DAYS.starts, "")).value
    assert set(series["period"]) == {"current"}


def test_buckets_of_another_clock_are_refused(tinybird: Tinybird, website_id: str) -> None:
    """A deployed pipe of another version does not know the parameter: no series is better than days of UTC."""
    other = {**DAYS.params(), "prev_bucket_starts": None}
    asked = mock.patch.object(Buckets, "params", return_value=other)
    with asked, pytest.raises(SchemaMismatch, match="other buckets"):
        sources.kpi_timeseries(tinybird, website_id, WEEK, DAYS)


def test_live_reads_of_one_visitor(tinybird: Tinybird, send_events: Send, website_id: str) -> None:
    """A visitor without a place and one in Oslo: listed, located, counted by the minute, and dated."""
    now = datetime.now(UTC).replace(microsecond=0)
    nowhere: dict[str, str | float] = {"city": "", "country_code": "", "latitude": 0.0, "longitude": 0.0}
    send_events(
        "visitor_events",
        [
            visit(website_id, "v1", now - timedelta(seconds=70)),
            visit(website_id, "v2", now - timedelta(seconds=5), **nowhere),
        ],
    )
    listed = sources.active_visitors(tinybird, website_id, 10).value
    assert listed["visitor_id"].tolist() == ["v2", "v1"]
    assert listed["last_seen"].max() == now - timedelta(seconds=5)
    places = sources.visitor_locations(tinybird, website_id, 10).value
    assert places[["city", "visitors"]].to_numpy().tolist() == [["", 1], ["Oslo", 1]]
    assert places["latitude"].isna().tolist() == [True, False]
    anywhere = sources.active_visitors(tinybird, website_id, 10, (-90.0, -180.0, 91.0, 181.0)).value
    assert anywhere["visitor_id"].tolist() == ["v1"]
    activity = sources.visitor_activity(tinybird, website_id).value
    assert activity["visitors"].sum() == 2
    assert activity["minute"].is_monotonic_increasing
    fresh = sources.data_freshness(tinybird, website_id).value
    assert fresh["newest_event"].max() == now - timedelta(seconds=5)
    today = f"{now:%Y-%m-%d %H:%M:%S}"
    bounds = Bounds(f"{now - timedelta(minutes=5):%Y-%m-%d %H:%M:%S}", today, today, today)
    assert sources.unique_visitors(tinybird, website_id, bounds).value.current == 2


@pytest.mark.parametrize("stored", ["ann.{key}@example.com", "ANN.{key}@Example.COM"])
def test_a_user_is_found_however_the_address_is_stored(
    postgres: Postgres, product: Product, stored: str
) -> None:
    """The address asked for is in lower case."""
    ends = datetime(2027, 1, 1, tzinfo=UTC)
    address = stored.format(key=product.key)
    user_id = product.add_user(address, role="admin", banned=True, ban_expires=ends)
    user = sources.user_by_email(postgres, f"ann.{product.key}@example.com").value
    assert user is not None
    assert (user.id, user.role, user.is_banned, user.ban_expires) == (user_id, "admin", True, ends)


@pytest.mark.parametrize("email", ["", "nobody@example.com", "%", "a\\", "' OR ''='"])
def test_an_unknown_e_mail_has_no_user(postgres: Postgres, email: str) -> None:
    """None, whatever it is made of."""
    assert sources.user_by_email(postgres, email).value is None


def test_a_user_without_role_or_ban(postgres: Postgres, product: Product) -> None:
    """NULL columns are None and False."""
    product.add_user(f"bo.{product.key}@example.com", email_verified=False)
    user = sources.user_by_email(postgres, f"bo.{product.key}@example.com").value
    assert user is not None
    assert (user.role, user.is_banned, user.ban_expires, user.is_email_verified) == (None, False, None, False)


def websites_of(postgres: Postgres, user_id: str) -> dict[str, OwnedWebsite]:
    """The user's websites by id."""
    websites = sources.websites_for_viewer(postgres, user_id, "admin").value
    assert len({website.id for website in websites}) == len(websites)
    return {website.id: website for website in websites}


def test_members_see_their_organizations_websites(postgres: Postgres, product: Product) -> None:
    """Active and inactive ones, by name, with every subscription; deleted ones are invisible."""
    member = product.add_user(f"member.{product.key}@example.com")
    paused = product.add_website(f"a-{product.key}", name="A shop", status="inactive")
    product.add_website(f"gone-{product.key}", deleted_at=AT)
    ends = datetime(2027, 1, 1, tzinfo=UTC)
    product.add_subscription("free", "active")
    product.add_subscription("pro", "canceled", ends)
    websites = websites_of(postgres, member)
    assert list(websites) == [paused, product.website_id]
    assert [website.is_active for website in websites.values()] == [False, True]
    assert set(websites[paused].subscriptions) == {
        Subscription("free", "active", None),
        Subscription("pro", "canceled", ends),
    }


def test_strangers_see_nothing_and_staff_everything(postgres: Postgres, product: Product) -> None:
    """Staff is decided by the user's row at the moment of reading."""
    stranger = product.add_user(f"x.{product.key}@example.com", is_member=False)
    assert websites_of(postgres, stranger) == {}
    product.update("user", stranger, role="admin")
    assert product.website_id in websites_of(postgres, stranger)
    product.update("user", stranger, role="user")
    assert websites_of(postgres, stranger) == {}
    assert websites_of(postgres, "no-such-user") == {}


def scores(postgres: Postgres, product: Product, period: str = "current") -> tuple[int, float, int, float]:
    """N and sum of ratings, n and sum of sentiments, of one period."""
    slots = sources.rating_and_sentiment(postgres, product.website_id, WEEK).value
    slots = slots[slots["period"] == period]
    rating, sentiment = scores_of(slots, "rating"), scores_of(slots, "sentiment")
    return rating.n, rating.total, sentiment.n, sentiment.total


def test_ratings_and_sentiments_by_hand(postgres: Postgres, product: Product) -> None:
    """Ratings 1, 3 and 5; sentiments with, without and beyond their confidence."""
    for rating in (1, 3, 5):
        product.add_feedback(AT, rating)
    product.add_feedback(AT - timedelta(days=7), 2)
    product.add_conversation(AT, "positive", sentiment_confidence=0.8)
    product.add_conversation(AT, "negative")
    product.add_conversation(AT, "neutral", sentiment_confidence=0.3)
    product.add_conversation(AT, "positive", sentiment_confidence=7.0)
    product.add_conversation(AT)
    assert scores(postgres, product) == pytest.approx((3, 150.0, 4, 90 + 0 + 50 + 100))
    assert scores(postgres, product, "previous") == (1, 25.0, 0, 0.0)


@pytest.mark.parametrize(
    ("at", "periods"),
    [
        (START - timedelta(microseconds=1), ["previous"]),
        (START, ["current"]),
        (END - timedelta(microseconds=1), ["current"]),
        (END, []),
        (START - timedelta(days=7), ["previous"]),
        (START - timedelta(days=7, microseconds=1), []),
    ],
    ids=["just before", "start", "just inside", "end", "start of the one before", "before both"],
)
def test_periods_are_half_open(
    postgres: Postgres, product: Product, at: datetime, periods: list[str]
) -> None:
    """The start belongs to a period, the end to the next."""
    product.add_feedback(at, 5)
    product.add_conversation(at, "positive")
    found = sources.rating_and_sentiment(postgres, product.website_id, WEEK).value
    assert found["period"].tolist() == periods
    assert found["rating_count"].sum() == found["sentiment_count"].sum() == len(periods)


def test_slots_are_quarters_of_an_hour(postgres: Postgres, product: Product) -> None:
    """Two ratings in one quarter share a row, the next quarter has its own."""
    for minute in (0, 14, 15):
        product.add_feedback(AT.replace(minute=minute), 5)
    found = sources.rating_and_sentiment(postgres, product.website_id, WEEK).value
    assert found["slot_start"].tolist() == [AT.replace(minute=0), AT.replace(minute=15)]
    assert found["rating_count"].tolist() == [2, 1]
    assert found["rating_total_of_squares"].tolist() == [20_000.0, 10_000.0]


def test_soft_deleted_rows_count_nowhere(postgres: Postgres, product: Product) -> None:
    """A deleted feedback, conversation or visitor takes its numbers along."""
    gone = product.add_visitor(deleted_at=AT)
    product.add_feedback(AT, 5, deleted_at=AT)
    product.add_feedback(AT, 5, visitor_id=gone)
    product.add_conversation(AT, "positive", deleted_at=AT)
    product.add_conversation(AT, "positive", visitor_id=gone)
    deleted = product.add_conversation(AT, deleted_at=AT)
    product.add_feedback(AT, 5, conversation_id=deleted, visitor_id=None)
    assert scores(postgres, product) == (0, 0.0, 0, 0.0)


def test_test_visitors_count_nowhere(postgres: Postgres, product: Product) -> None:
    """Neither their own feedback nor what is only tied to them through a conversation."""
    tester = product.add_visitor(is_test=True)
    tried = product.add_conversation(AT, "negative", visitor_id=tester)
    product.add_feedback(AT, 1, visitor_id=tester)
    product.add_feedback(AT, 1, visitor_id=None, conversation_id=tried)
    assert scores(postgres, product) == (0, 0.0, 0, 0.0)
    product.add_feedback(AT, 5, visitor_id=product.add_visitor(is_test=False))
    product.add_feedback(AT, 5, visitor_id=None)
    assert scores(postgres, product) == (2, 200.0, 0, 0.0)


def test_a_deleted_website_has_no_ratings(postgres: Postgres, product: Product) -> None:
    """Everything on it is invisible."""
    product.add_feedback(AT, 5)
    product.add_conversation(AT, "positive")
    product.update("website", product.website_id, deleted_at=AT)
    assert scores(postgres, product) == (0, 0.0, 0, 0.0)


def test_other_websites_do_not_count(postgres: Postgres, product: Product) -> None:
    """Same organization, another website."""
    other = product.add_website(f"other-{product.key}")
    product.add_feedback(AT, 5, website_id=other)
    product.add_conversation(AT, "positive", website_id=other)
    assert scores(postgres, product) == (0, 0.0, 0, 0.0)
