"""Every page while Postgres fails, in each way: numbers that are right, or stale and marked, or an error; then right again."""

from collections.abc import Iterator

import pytest

from analytics.cached.reading import reads
from tests.conftest import LocalStack
from tests.faults.postgres import FAULTS, SILENT, PostgresFaults, postgres_faults
from tests.pages.faults.conftest import PAGES, SHORT, Healthy, check, wait_until_fresh


@pytest.fixture
def product_postgres(environment: pytest.MonkeyPatch, local_stack: LocalStack) -> Iterator[PostgresFaults]:
    """What the pages take for the product's Postgres."""
    with postgres_faults(local_stack.database_url, local_stack.owner_url) as faults:
        environment.setenv("DATABASE_URL", faults.url)
        yield faults


@pytest.mark.parametrize(("number", "fault"), list(enumerate(FAULTS)), ids=FAULTS)
def test_pages_under_a_fault(
    healthy: Healthy,
    product_postgres: PostgresFaults,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    fault: str,
) -> None:
    """Cold on each page; warm on three of them, in turn."""
    if fault in SILENT:
        monkeypatch.setattr(reads, "patience", SHORT)
    product_postgres.begin(fault)
    check(healthy, PAGES, is_warm=False)
    healthy.remember()
    check(healthy, PAGES[number % 3 :: 3], is_warm=True)
    product_postgres.end()
    assert wait_until_fresh(healthy, "satisfaction").numbers == healthy.pages["satisfaction"].numbers
