"""What the tests of the local stack share: one Tinybird-compatible server over the fixture project."""

from collections.abc import Iterator

import pytest

from tests.local.tinybird_server import Server, temporary_server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One server for the whole run; tests keep apart by names of their own."""
    with temporary_server() as running:
        yield running
