"""Warns when requests of one browser reach several processes, which Streamlit does not support.

The state of a page and its pictures are kept in the process that made them. Behind a proxy without sticky sessions, pages
restart and pictures are answered with 404, without any other hint at the cause.
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
"""A page loads everything within this time; later requests do not count, because its process may have ended."""

MOST_PROCESSES: Final = 100
"""Most other processes that are remembered; bounded because the cookie is untrusted."""

PAUSE_SECONDS: Final = 3600.0
"""Between two warnings."""


class Stickiness:
    """ASGI middleware that sets a cookie with the process of each document and checks it in later requests.

    Args:
        app: The application within.
        public_url: Address in browsers; None where it is not set.
    """

    def __init__(self, app: ASGIApp, public_url: str | None) -> None:
        self._app = app
        self._process = secrets.token_hex(4)
        self._began = time.time()
        self._warned_at = -PAUSE_SECONDS
        self._seen: dict[str, float] = {}
        url = urlsplit(public_url or "")
        self._attributes = f"; Path={prefix_of(public_url) or '/'}; HttpOnly; SameSite=Lax"
        if url.scheme == "https":
            self._attributes += "; Secure"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Calls the app."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        self._check(scope)

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                headers = message.get("headers", [])
                if dict(headers).get(b"content-type", b"").startswith(b"text/html"):
                    cookie = f"{COOKIE}={self._process}.{int(time.time())}{self._attributes}"
                    message["headers"] = [*headers, (b"set-cookie", cookie.encode())]
            await send(message)

        await self._app(scope, receive, marked)

    def _check(self, scope: Scope) -> None:
        """Warns when a WebSocket or picture of a page is requested here that another running process made just now."""
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
        # The other process may have ended, which also sends its browsers here; an ended one makes no new pages.
        is_alive = int(at) > self._seen.setdefault(process, now)
        if is_alive and time.monotonic() - self._warned_at >= PAUSE_SECONDS:
            self._warned_at = time.monotonic()
            logger.warning(
                "A page of another process requested its session or a picture here. Without sticky sessions pages restart "
                "and pictures are missing: let the proxy send each browser to one process, as with `ip_hash` in "
                "docs/nginx.conf."
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
