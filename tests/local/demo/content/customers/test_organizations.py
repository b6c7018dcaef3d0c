"""Organizations, plans, websites and people of the demo."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from analytics.scope.tiers import Subscription, tier_from_subscriptions
from tests.local.demo.reading import ANCHOR, Record, moment


def test_organizations_stand_for_the_three_plans(tables: dict[str, list[Record]]) -> None:
    """Paid, free, and canceled with days left, which is paid until then and free after."""
    now = datetime.fromtimestamp(ANCHOR, UTC)
    tiers: dict[str | None, tuple[str, str]] = {}
    for organization in tables["organization"]:
        held = [
            Subscription(str(row["plan"]), str(row["status"]), moment(row["current_period_end"]))
            for row in tables["subscription"]
            if row["organization_id"] == organization["id"]
        ]
        later = now + timedelta(days=10)
        tiers[organization["slug"]] = tier_from_subscriptions(held, now), tier_from_subscriptions(held, later)
    assert tiers == {
        "northwind": ("paid", "paid"),
        "tea-and-crumb": ("free", "free"),
        "pilot-ledger": ("paid", "free"),
        "willow-house": ("paid", "paid"),
    }


def test_organizations_have_one_two_three_and_sixty_websites(tables: dict[str, list[Record]]) -> None:
    """Each of the sixty has a domain, and two weeks of conversations to compare; none is large."""
    owners = Counter(row["organization_id"] for row in tables["website"])
    slugs = {row["id"]: row["slug"] for row in tables["organization"]}
    assert {slugs[owner]: count for owner, count in owners.items()} == {
        "northwind": 3,
        "tea-and-crumb": 2,
        "pilot-ledger": 1,
        "willow-house": 60,
    }
    many = {row["id"] for row in tables["website"] if slugs[row["organization_id"]] == "willow-house"}
    domains = {str(row["domain"]) for row in tables["website"] if row["id"] in many}
    assert len(domains) == 60
    assert all(domain.isascii() and domain.endswith(".willowhouse.example") for domain in domains)
    sizes = Counter(row["website_id"] for row in tables["conversation"] if row["website_id"] in many)
    assert len(sizes) == 60
    assert all(10 < size < 300 for size in sizes.values())


def test_there_are_websites_of_different_size(tables: dict[str, list[Record]]) -> None:
    """A big one, middling and small ones, and a brand-new one that is nearly empty."""
    sizes = Counter(row["website_id"] for row in tables["conversation"])
    by_slug = {row["slug"]: sizes[row["id"]] for row in tables["website"]}
    assert len(by_slug) == 66
    assert by_slug["northwind-outdoor"] > 15_000
    assert 100 < by_slug["tea-classes"] < 2_000
    assert 0 < by_slug["northwind-trade"] < 20


def test_people_can_and_cannot_sign_in(tables: dict[str, list[Record]]) -> None:
    """The demo viewer is verified staff; one person is banned, one is not verified; all others are neither."""
    users = {row["email"]: row for row in tables["user"]}
    assert users["demo@inbox-analytics.example"]["role"] == "admin"
    assert users["demo@inbox-analytics.example"]["email_verified"] == "t"
    assert sum(row["banned"] == "t" for row in users.values()) == 1
    assert sum(row["email_verified"] == "f" for row in users.values()) == 1
    members = {row["user_id"] for row in tables["member"]}
    assert users["demo@inbox-analytics.example"]["id"] not in members
    assert all(str(row["email"]).endswith(".example") for row in users.values())
