"""Access: who is a viewer, which websites they may open, and that an error never reveals what exists."""

from datetime import UTC, datetime, timedelta

import pytest

from analytics.errors import AccessDenied, NotSignedIn
from analytics.scope.access import (
    OwnedWebsite,
    User,
    require_recent,
    require_staff,
    viewer_from_user,
    website_for,
)
from analytics.scope.identity import Identity
from analytics.scope.tiers import Subscription

NOW = datetime(2026, 11, 10, 14, 32, tzinfo=UTC)
ANN = Identity("ann@example.com", NOW)


def user(
    role: str | None = None,
    *,
    is_email_verified: bool = True,
    is_banned: bool = False,
    ban_expires: datetime | None = None,
) -> User:
    """A row of the user table."""
    return User("u1", "ann@example.com", "Ann", is_email_verified, role, is_banned, ban_expires)


def website(website_id: str, *subscriptions: Subscription) -> OwnedWebsite:
    """A website whose owner has these subscriptions."""
    return OwnedWebsite(website_id, "Shop", "shop", "shop.example", "o1", "Org", True, subscriptions)


@pytest.mark.parametrize(
    ("role", "is_staff"), [(None, False), ("user", False), ("Admin", False), ("admin", True)]
)
def test_the_admin_role_is_staff(role: str | None, is_staff: bool) -> None:
    """Exactly `admin` sees every website."""
    assert viewer_from_user(user(role), ANN, NOW).is_staff is is_staff


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(None, id="no such user"),
        pytest.param(user(is_email_verified=False), id="e-mail not verified"),
        pytest.param(user("admin", is_email_verified=False), id="staff not verified"),
        pytest.param(user(is_banned=True), id="banned for good"),
        pytest.param(
            user(is_banned=True, ban_expires=NOW + timedelta(seconds=1)), id="banned for a second more"
        ),
    ],
)
def test_who_may_not_look(row: User | None) -> None:
    """No account, no proof of the address, or a ban: no access at all."""
    with pytest.raises(AccessDenied):
        viewer_from_user(row, ANN, NOW)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(user(is_banned=True, ban_expires=NOW), id="ban ends now"),
        pytest.param(user(ban_expires=NOW + timedelta(days=1)), id="an end without a ban"),
    ],
)
def test_a_ban_that_is_over_denies_nothing(row: User) -> None:
    """Access comes back by itself."""
    assert viewer_from_user(row, ANN, NOW).user_id == "u1"


def test_a_missing_and_a_foreign_website_give_the_same_answer() -> None:
    """The error does not reveal what exists."""
    mine = [website("w1").at(NOW)]
    assert website_for(mine, "w1").id == "w1"
    messages = []
    for other in ("w2", "", "w1 ", "W1", "'; DROP TABLE website; --", "w1\0"):
        with pytest.raises(AccessDenied) as caught:
            website_for(mine, other)
        messages.append((caught.value.message, caught.value.remedy))
    assert len(set(messages)) == 1


def test_a_website_is_in_its_owners_tier_at_the_moment_asked_about() -> None:
    """A canceled subscription stays paid until its period ends, and free from then on."""
    owned = website("w1", Subscription("pro", "canceled", NOW))
    assert owned.at(NOW - timedelta(seconds=1)).tier == "paid"
    assert owned.at(NOW).tier == "free"


@pytest.mark.parametrize("age_minutes", [-15, -10, 0, 719, 720])
def test_a_sign_in_holds_until_it_is_too_old(age_minutes: int) -> None:
    """Twelve hours; a provider's clock that is ahead does no harm."""
    require_recent(
        Identity("ann@example.com", NOW - timedelta(minutes=age_minutes)), NOW, timedelta(hours=12)
    )


@pytest.mark.parametrize("age_minutes", [-16, 721, 10**6, -(10**6)])
def test_an_old_sign_in_has_ended(age_minutes: int) -> None:
    """So has one from the future."""
    identity = Identity("ann@example.com", NOW - timedelta(minutes=age_minutes))
    with pytest.raises(NotSignedIn):
        require_recent(identity, NOW, timedelta(hours=12))


def test_pages_of_the_staff_refuse_everyone_else() -> None:
    """A viewer is known by the address they signed in with; the role alone decides."""
    staff, member = viewer_from_user(user("admin"), ANN, NOW), viewer_from_user(user(), ANN, NOW)
    assert staff.email == member.email == "ann@example.com"
    require_staff(staff)
    with pytest.raises(AccessDenied, match="platform's staff"):
        require_staff(member)
