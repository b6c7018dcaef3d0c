"""What purge, retention and doctor read from Postgres, on the real one."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from analytics.operations.purge import database
from analytics.scope.tiers import Subscription
from analytics.transports.postgres import Postgres
from tests.conftest import LocalStack
from tests.product_database import Product

ENDS = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def postgres(local_stack: LocalStack) -> Iterator[Postgres]:
    """Postgres as the dashboard's role."""
    with Postgres(local_stack.database_url) as connected:
        yield connected


def test_a_website_is_found_by_id_and_by_slug_with_all_subscriptions(
    postgres: Postgres, product: Product
) -> None:
    """Deleted ones too; several subscriptions make one website."""
    product.add_subscription("pro", "canceled", ENDS)
    product.add_subscription("free", "active")
    product.update("website", product.website_id, slug=f"slug-{product.key}", deleted_at=ENDS)
    [by_id] = database.websites(postgres, product.website_id)
    assert database.websites(postgres, f"slug-{product.key}") == (by_id,)
    assert (by_id.id, by_id.deleted_at, by_id.organization_name) == (product.website_id, ENDS, "Org")
    assert set(by_id.subscriptions) == {
        Subscription("pro", "canceled", ENDS),
        Subscription("free", "active", None),
    }
    assert by_id in database.websites(postgres)


def test_one_text_may_name_two_websites(postgres: Postgres, product: Product) -> None:
    """The id of one, the slug of another: both are named."""
    product.update("website", product.website_id, slug=f"slug-{product.key}")
    product.add_website(f"other-{product.key}", slug=product.website_id)
    found = database.websites(postgres, product.website_id)
    assert {each.id for each in found} == {product.website_id, f"other-{product.key}"}


@pytest.mark.parametrize("text", ["' OR 1=1 --", "", "%", "w\\", "ö", "; DROP TABLE website"])
def test_a_name_is_a_value(postgres: Postgres, product: Product, text: str) -> None:
    """Nothing is found, nothing happens."""
    assert database.websites(postgres, text) == ()
    assert len(database.websites(postgres, product.website_id)) == 1


def test_the_clock_is_the_servers(postgres: Postgres) -> None:
    """Aware, and ours on one machine."""
    assert abs(datetime.now(UTC) - database.server_now(postgres)) < timedelta(seconds=5)


def test_the_role_is_the_dashboards(postgres: Postgres, local_stack: LocalStack) -> None:
    """It may read; the owner may everything."""
    assert database.role(postgres) == database.Role("dashboard_reader", is_superuser=False, may_create=False)
    with Postgres(local_stack.owner_url) as owner:
        assert database.role(owner).is_superuser


def test_tables_are_seen_whether_or_not_they_may_be_read(postgres: Postgres) -> None:
    """A table that is not there has no columns."""
    found = database.tables(postgres, ["user", "no_such_table", "visitor; --"])
    assert found["no_such_table"].columns == {}
    assert found["visitor; --"].columns == {}
    assert found["user"].columns["email_verified"] == database.FoundColumn("bool", "B", is_readable=True)
    assert not found["user"].is_writable


def test_active_websites_are_the_newest(postgres: Postgres, product: Product) -> None:
    """Neither deleted nor inactive ones, at most as many as asked for."""
    far = datetime(2100, 1, 1, tzinfo=UTC)
    product.add_website(f"new-{product.key}", created_at=far + timedelta(days=1))
    product.add_website(f"deleted-{product.key}", created_at=far + timedelta(days=2), deleted_at=ENDS)
    product.add_website(f"inactive-{product.key}", created_at=far + timedelta(days=3), status="inactive")
    assert list(database.active_websites(postgres, 1)) == [f"new-{product.key}"]
    product.update("website", f"new-{product.key}", created_at=ENDS)
