"""Who has left, since when, and whose rows are due: every combination of subscriptions that the tiers know."""

from datetime import UTC, datetime, timedelta

import pytest

from analytics.operations.purge.database import KnownWebsite
from analytics.operations.purge.retention import departures
from analytics.scope.tiers import Subscription

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)


def days_ago(days: float) -> datetime:
    """An instant before now; negative days lie ahead."""
    return NOW - timedelta(days=days)


def website(
    *subscriptions: Subscription, website_id: str = "w1", deleted_at: datetime | None = None
) -> KnownWebsite:
    """A website of an organization with these subscriptions."""
    return KnownWebsite(website_id, "shop", "Shop", "shop.example", "o1", "Org", deleted_at, subscriptions)


def canceled(days: float | None, plan: str = "pro") -> Subscription:
    """A canceled subscription whose period ended so many days ago; None when it is not known."""
    return Subscription(plan, "canceled", None if days is None else days_ago(days))


FREE = Subscription("free", "active", None)
PAID = Subscription("pro", "active", days_ago(-20))


def test_the_table_of_those_who_stay() -> None:
    """Never paid, paid now in any of the ways the tiers know, canceled with time left: none of them has left."""
    stays = [
        (),
        (FREE,),
        (Subscription("free", "canceled", days_ago(90)),),
        (PAID,),
        (Subscription("pro", "trialing", None),),
        (Subscription("pro", "past_due", days_ago(10)),),
        (canceled(-1),),
        (canceled(400, "hobby"), PAID),
    ]
    websites = [website(*each, website_id=f"w{number}") for number, each in enumerate(stays)]
    assert departures(websites, {}, NOW, 0) == ()


@pytest.mark.parametrize(
    ("days", "grace_days", "verdict"),
    [
        pytest.param(29.9, 30, "in grace", id="a moment before"),
        pytest.param(30, 30, "due", id="to the second"),
        pytest.param(31, 30, "due", id="past"),
        pytest.param(0, 0, "due", id="no grace, this instant"),
        pytest.param(0.5, 1, "in grace", id="half a day of one"),
    ],
)
def test_rows_are_due_once_the_grace_has_passed(days: float, grace_days: int, verdict: str) -> None:
    """Whole days count; the day itself is due."""
    [left] = departures([website(canceled(days))], {}, NOW, grace_days)
    assert (left.verdict, left.days_past, left.plan) == (verdict, int(days), "pro")
    assert left.ended_at == days_ago(days)


@pytest.mark.parametrize(
    ("subscriptions", "reason"),
    [
        pytest.param((canceled(90), FREE), "went on with the free plan", id="downgraded"),
        pytest.param((Subscription("pro", "unpaid", days_ago(90)),), "not canceled", id="unpaid"),
        pytest.param(
            (canceled(90), Subscription("pro", "unpaid", days_ago(60))),
            "not canceled",
            id="one of them unpaid",
        ),
        pytest.param((canceled(None),), "the end is not known", id="no end"),
        pytest.param(
            (canceled(90), canceled(None)), "the end is not known", id="the end of one is not known"
        ),
        pytest.param((Subscription("pro", "paused", days_ago(90)),), "not canceled", id="an unknown status"),
    ],
)
def test_in_doubt_rows_are_kept(subscriptions: tuple[Subscription, ...], reason: str) -> None:
    """Listed with the reason, and never due however long ago it was."""
    [left] = departures([website(*subscriptions)], {}, NOW, 0)
    assert left.verdict == "kept"
    assert reason in left.reason


def test_the_last_of_several_subscriptions_is_the_end() -> None:
    """An organization left when its last paid period ended."""
    [left] = departures([website(canceled(400, "hobby"), canceled(40))], {}, NOW, 30)
    assert (left.plan, left.days_past, left.verdict) == ("pro", 40, "due")


@pytest.mark.parametrize(
    "subscriptions", [(), (FREE,), (PAID,), (canceled(90),)], ids=["none", "free", "paid", "ended"]
)
def test_a_deleted_website_has_left_on_that_day(subscriptions: tuple[Subscription, ...]) -> None:
    """Whatever its organization pays; a deletion in the future has not happened."""
    [left] = departures([website(*subscriptions, deleted_at=days_ago(31))], {}, NOW, 30)
    assert (left.verdict, left.ended_at, left.reason) == ("due", days_ago(31), "website deleted")
    ahead = departures([website(FREE, deleted_at=days_ago(-1))], {}, NOW, 0)
    assert ahead == ()


def test_rows_of_websites_that_postgres_does_not_know_are_shown_and_kept() -> None:
    """The date is not known; an invalid id is reported."""
    rows = {"visitor_events": {"w1": 5, "gone": 7, "x' OR 1": 1}, "conversation_metrics": {"gone": 2}}
    left = departures([website(FREE)], rows, NOW, 0)
    assert [(each.website_id, each.row_count, each.verdict) for each in left] == [
        ("gone", 9, "kept"),
        ("x' OR 1", 1, "kept"),
    ]
    assert "purge it by hand" in left[0].reason
    assert "its id is none" in left[1].reason


def test_the_longest_gone_come_first() -> None:
    """Those without a date after them, those Postgres does not know last."""
    websites = [
        website(canceled(None), website_id="undated"),
        website(canceled(5), website_id="young"),
        website(canceled(50), website_id="old"),
    ]
    left = departures(websites, {"visitor_events": {"unknown": 1}}, NOW, 30)
    assert [each.website_id for each in left] == ["old", "young", "undated", "unknown"]
