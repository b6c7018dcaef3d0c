"""Fixtures of the local stack's tests: one Tinybird-compatible server over the fixture project."""

from collections.abc import Iterator

import pytest

from tests.local.tinybird_server import Server, temporary_server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One server for the whole run; each test uses names of its own."""
    with temporary_server() as running:
        yield running
