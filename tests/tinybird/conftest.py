"""What the pipe tests share: a website of their own on the local stack."""

from collections.abc import Iterator
from uuid import uuid4

import httpx2
import pytest

from tests.tinybird.website import LocalWebsite, Stack


@pytest.fixture
def website(local_stack: Stack) -> Iterator[LocalWebsite]:
    """A website that no other test knows."""
    with httpx2.Client(base_url=local_stack.host, timeout=30) as client:
        yield LocalWebsite(f"site-{uuid4().hex}", client, local_stack.read_token, local_stack.append_token)
