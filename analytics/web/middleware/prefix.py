"""The path that all public addresses begin with, whether the proxy passes it on or takes it away."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send


def prefix_of(url: str | None) -> str:
    """The path of an address, with a slash before it and none after; empty where there is none.

    >>> prefix_of("https://example.com/a/b"), prefix_of("analytics/"), prefix_of("https://example.com"), prefix_of(None)
    ('/a/b', '/analytics', '', '')
    """
    path = urlsplit(url or "").path.strip("/")
    return f"/{path}" if path else ""


class Prefix:
    """ASGI middleware: gives a request the prefix that a proxy took away.

    So the server has one shape: cookies and what it sends a browser to name the public path, either way.

    Args:
        app: What answers, below the prefix.
        prefix: With a slash before it and none after; empty when the dashboard is at the root.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers by the app."""
        if self._prefix and scope["type"] in {"http", "websocket"}:
            path = str(scope["path"])
            if path != self._prefix and not path.startswith(f"{self._prefix}/"):
                scope = dict(scope) | {"path": self._prefix + path}
                if scope.get("raw_path") is not None:
                    scope["raw_path"] = self._prefix.encode() + scope["raw_path"]
        await self._app(scope, receive, send)
