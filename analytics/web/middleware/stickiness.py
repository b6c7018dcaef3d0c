"""Notices when requests of one browser go to several processes, which Streamlit cannot do with.

The state of a page and the pictures on it are kept in the process that made them. Behind a proxy that spreads requests
without regard to who sends them, pages start anew and pictures are answered 404, and nothing else would say why.
"""

from __future__ import annotations

import logging
import secrets
import time
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analytics.web.middleware.prefix import prefix_of

logger = logging.getLogger(__name__)
COOKIE: Final = "inbox_analytics_process"
FRESH_SECONDS: Final = 30
"""A page asks for everything of its own within this time; later the other process may have ended meanwhile."""

MOST_PROCESSES: Final = 100
"""Others that are remembered: anybody can send a cookie."""

PAUSE_SECONDS: Final = 3600.0
"""Between two warnings."""


class Stickiness:
    """ASGI middleware: says with each document which process made it, and looks whether what follows comes back to it.

    Args:
        app: What answers.
        public_url: Where browsers find it; None where that is not said.
    """

    def __init__(self, app: ASGIApp, public_url: str | None) -> None:
        self._app = app
        self._process = secrets.token_hex(4)
        self._began = time.time()
        self._said = -PAUSE_SECONDS
        self._seen: dict[str, float] = {}
        url = urlsplit(public_url or "")
        self._attributes = f"; Path={prefix_of(public_url) or '/'}; HttpOnly; SameSite=Lax"
        if url.scheme == "https":
            self._attributes += "; Secure"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers by the app."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        self._look(scope)

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                headers = message.get("headers", [])
                if dict(headers).get(b"content-type", b"").startswith(b"text/html"):
                    cookie = f"{COOKIE}={self._process}.{int(time.time())}{self._attributes}"
                    message["headers"] = [*headers, (b"set-cookie", cookie.encode())]
            await send(message)

        await self._app(scope, receive, marked)

    def _look(self, scope: Scope) -> None:
        """Warns when what a page needs comes here although another process made the page a moment ago."""
        path = str(scope["path"])
        if scope["type"] == "http" and "/media/" not in path:
            return
        process, _, at = _cookie(scope).partition(".")
        if process in {"", self._process} or not at.isascii() or not at.isdigit() or len(at) > 12:
            return
        now = time.time()
        if not max(self._began, now - FRESH_SECONDS) < int(at) <= now + FRESH_SECONDS:
            return
        if len(self._seen) >= MOST_PROCESSES:
            self._seen.clear()
        # Its browsers may come here because it has ended; then it makes no more pages.
        is_alive = int(at) > self._seen.setdefault(process, now)
        if is_alive and time.monotonic() - self._said >= PAUSE_SECONDS:
            self._said = time.monotonic()
            logger.warning(
                "A page that another process made asks here for its session or a picture. Without sticky sessions pages "
                "start anew and pictures are missing: the proxy has to send each browser to one process, as with "
                "`ip_hash` in docs/nginx.conf."
            )


def _cookie(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"cookie" and COOKIE.encode() in value:
            try:
                morsel = SimpleCookie(value.decode("latin-1")).get(COOKIE)
            except CookieError:
                return ""
            return "" if morsel is None else morsel.value
    return ""
