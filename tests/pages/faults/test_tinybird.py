"""Every page while Tinybird fails, in each way: numbers that are right, or stale and marked, or an error; then right again."""

from collections.abc import Iterator
from typing import Final

import pytest

from analytics.cached.reading import reads
from tests.conftest import LocalStack
from tests.faults.http_proxy import FAULTS, SILENT, HttpProxy, http_proxy
from tests.pages.faults.conftest import PAGES, SHORT, Healthy, check, wait_until_fresh

LARGE: Final = frozenset({"100 MB", "inflating"})
"""Faults that take seconds of processor time on each page: they are tried on two."""

NOTHING_WRONG: Final = {
    "swapped periods": frozenset({"waiting", "live", "data_health"}),
    "negative": frozenset({"waiting"}),
}
"""Pages that a fault leaves right: they read no periods of Tinybird, or no numbers but coordinates."""


@pytest.fixture
def tinybird(environment: pytest.MonkeyPatch, local_stack: LocalStack) -> Iterator[HttpProxy]:
    """What the pages take for Tinybird."""
    with http_proxy(local_stack.host) as proxy:
        environment.setenv("TINYBIRD_HOST", proxy.url)
        yield proxy


@pytest.mark.parametrize(("number", "fault"), list(enumerate(FAULTS)), ids=FAULTS)
def test_pages_under_a_fault(
    healthy: Healthy, tinybird: HttpProxy, monkeypatch: pytest.MonkeyPatch, number: int, fault: str
) -> None:
    """Cold on each page; warm on three of them, in turn."""
    cold, warm = (PAGES[:2], PAGES[:2]) if fault in LARGE else (PAGES, PAGES[number % 3 :: 3])
    if fault in SILENT:
        monkeypatch.setattr(reads, "patience", SHORT)
    tinybird.begin(fault)
    assert any(each.is_failed for each in check(healthy, cold, is_warm=False).values())
    healthy.remember()
    for name, page in check(healthy, warm, is_warm=True).items():
        if name in NOTHING_WRONG.get(fault, ()):
            continue  # it was read anew, so its minutes have gone on
        assert page.is_stale, name
        assert page.lines <= healthy.pages[name].lines
    tinybird.end()
    assert wait_until_fresh(healthy, "satisfaction").numbers == healthy.pages["satisfaction"].numbers
