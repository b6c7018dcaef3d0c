"""What tests of cached functions share: a member's view of a paid website, with every read of Postgres counted."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from analytics import cached
from analytics.cached import View
from analytics.errors import SourceUnavailable
from analytics.scope.identity import Identity
from analytics.scope.periods import Range
from analytics.transports.postgres import Parameter, Postgres, QueryAnswer
from tests.conftest import LocalStack
from tests.product_database import Product


class Reads(Counter[str]):
    """How often each query was asked for; Postgres can be cut off."""

    is_down = False


@pytest.fixture
def reads(stack_environment: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Reads:
    """The local stack as the process's sources, with every read of Postgres counted."""
    del stack_environment
    reads, read = Reads(), Postgres.read

    def counted(self: Postgres, name: str, statement: str, params: Mapping[str, Parameter]) -> QueryAnswer:
        reads[name] += 1
        if reads.is_down:
            raise SourceUnavailable("Postgres cannot be reached.", source="postgres", resource=name)
        return read(self, name, statement, params)

    monkeypatch.setattr(Postgres, "read", counted)
    return reads


@pytest.fixture
def view(product: Product, reads: Reads) -> View:
    """The last 7 days in Kolkata, of a paid website, seen by a member."""
    del reads
    now = datetime.now(UTC)
    product.add_subscription("pro", "active")
    product.add_user(f"ann.{product.key}@example.com")
    viewer = cached.viewer_for(Identity(f"ann.{product.key}@example.com", None), now)
    return View(viewer, product.website_id, Range(days=7), "Asia/Kolkata", now)
