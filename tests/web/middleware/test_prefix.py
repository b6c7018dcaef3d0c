"""A prefix of the public address, passed on by the proxy or taken away."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from analytics.web.middleware.prefix import Prefix


def paths(prefix: str, path: str, kind: str = "http") -> tuple[str, bytes]:
    """What the app gets to see of a path."""
    seen: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope)

    async def receive() -> Message:
        return {}

    async def send(_message: Message) -> None:
        return

    scope = {"type": kind, "path": path, "raw_path": path.encode()}
    asyncio.run(Prefix(app, prefix)(scope, receive, send))
    return seen[0]["path"], seen[0]["raw_path"]


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    ("prefix", "path", "expected"),
    [
        ("/analytics", "/live", "/analytics/live"),
        ("/analytics", "/", "/analytics/"),
        ("/analytics", "/analytics/live", "/analytics/live"),
        ("/analytics", "/analytics", "/analytics"),
        ("/analytics", "/analytics/", "/analytics/"),
        ("/analytics", "/analyticsx", "/analytics/analyticsx"),
        ("/a/b", "/a/x", "/a/b/a/x"),
        ("", "/live", "/live"),
    ],
)
def test_the_app_sees_the_public_path(kind: str, prefix: str, path: str, expected: str) -> None:
    """Either way."""
    assert paths(prefix, path, kind) == (expected, expected.encode())
