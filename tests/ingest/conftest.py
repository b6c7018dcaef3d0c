"""What the tests of events in and out share: a website of their own on the local stack."""

from uuid import uuid4

import pytest

from tests.conftest import LocalStack
from tests.ingest.stored import Stored


@pytest.fixture
def stored(local_stack: LocalStack) -> Stored:
    """What the local stack has of a website that no other test knows."""
    return Stored(local_stack.host, local_stack.admin_token, f"site-{uuid4().hex}")
