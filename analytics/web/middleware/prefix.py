"""Handles the path prefix of all public addresses, whether a proxy keeps or strips it."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send


def prefix_of(url: str | None) -> str:
    """The path of an address with a leading and no trailing slash; empty without a path.

    >>> prefix_of("https://example.com/a/b"), prefix_of("analytics/"), prefix_of("https://example.com"), prefix_of(None)
    ('/a/b', '/analytics', '', '')
    """
    path = urlsplit(url or "").path.strip("/")
    return f"/{path}" if path else ""


class Prefix:
    """ASGI middleware that adds the prefix to requests from which a proxy stripped it.

    Cookies and redirects then name the public path in both cases.

    Args:
        app: The application within, which serves below the prefix.
        prefix: With a leading and no trailing slash; empty when the dashboard is at the root.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Calls the app with the prefixed path."""
        if self._prefix and scope["type"] in {"http", "websocket"}:
            path = str(scope["path"])
            if path != self._prefix and not path.startswith(f"{self._prefix}/"):
                scope = dict(scope) | {"path": self._prefix + path}
                if scope.get("raw_path") is not None:
                    scope["raw_path"] = self._prefix.encode() + scope["raw_path"]
        await self._app(scope, receive, send)
