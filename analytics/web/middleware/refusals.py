"""Refuses requests of other hosts and origins, to unused addresses, and with long bodies, before the app reads them."""

from __future__ import annotations

import logging
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analytics.web.middleware.headers import host_name, is_loopback
from analytics.web.middleware.requests import shown_path

logger = logging.getLogger(__name__)

CLOSED: Final = ("/_stcore/upload_file", "/_stcore/metrics", "/_stcore/agent", "/component")
"""Addresses of Streamlit that are not used, with everything below them: file upload, metrics with names of cached functions
and sessions, the agent interface, components of version 1."""

PROBES: Final = frozenset({"/_stcore/health", "/livez", "/readyz", "/metrics"})
"""Addresses for supervisors, which use the server's IP address instead of its name."""

LONGEST_PATH: Final = 255
"""Bytes; longer than any address of the app. A longer file name would be an error of the file system."""

LONGEST_BODY: Final = 1_000_000
"""Bytes; ten times the longest body that a page sends."""


class Refusals:
    """ASGI middleware that passes on requests of our own pages to addresses in use and refuses all others.

    Args:
        app: The application within.
        base: Path prefix of all addresses, without a trailing slash.
        public_url: Its address in browsers; None where it is used on this machine only.
    """

    def __init__(self, app: ASGIApp, base: str, public_url: str | None) -> None:
        self._app = app
        self._base = base
        self._public = urlsplit((public_url or "").lower())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Calls the application, or refuses the request."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        refused = self._refused(scope)
        if refused is None and scope["type"] == "http":
            await self._app(scope, _bounded(receive), send)
            return
        if refused is None:
            await self._app(self._with_own_host(scope), receive, send)
            return
        status, sentence = refused
        logger.info("Refused with %s: %s %s", status, scope["type"], shown_path(scope))
        if scope["type"] == "websocket":
            # Closed before it is accepted, which the server turns into 403.
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await PlainTextResponse(sentence, status)(scope, receive, send)

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        headers, path = Headers(scope=scope), str(scope["path"]).removeprefix(self._base)
        host, origin = headers.get("host", ""), headers.get("origin")
        if path not in PROBES and not self._is_host(host):
            return 421, (
                "This server does not serve that host name. Set INBOX_ANALYTICS_PUBLIC_URL to its public address, and let "
                "the proxy pass on the Host header.\n"
            )
        if scope["type"] == "websocket" and origin is None and not is_loopback(host):
            return 403, "A WebSocket without an Origin is refused.\n"
        if origin is not None and not self._is_own(origin, host):
            return 403, "This server answers requests of its own pages only.\n"
        if len(path.encode("utf-8", "surrogateescape")) > LONGEST_PATH:
            return 414, "URI Too Long\n"
        if any(path == closed or path.startswith(f"{closed}/") for closed in CLOSED):
            return 404, "Not Found\n"
        if scope["type"] == "http" and _length(headers) > LONGEST_BODY:
            return 413, "Content Too Large\n"
        return None

    def _with_own_host(self, scope: Scope) -> Scope:
        """The opening of a WebSocket with the host of its Origin as Host, which a proxy may have changed.

        Both are allowed already. Where they differ, Streamlit would request this machine's public address from a host on
        the internet before it compares them, and block all requests until then.
        """
        headers = Headers(scope=scope)
        host = urlsplit(headers.get("origin", "")).netloc or headers.get("host", "")
        others = [(name, value) for name, value in scope["headers"] if name != b"host"]
        return {**scope, "headers": [*others, (b"host", host.encode())]}

    def _is_host(self, host: str) -> bool:
        """Whether a Host header is the public name, with any port, or this machine's own."""
        return is_loopback(host) or (bool(host_name(host)) and host_name(host) == self._public.hostname)

    def _is_own(self, origin: str, host: str) -> bool:
        """Whether an Origin is that of our pages: the public one, or this machine's own when the request is to it."""
        parts = urlsplit(origin)
        if (parts.scheme, parts.netloc) == (self._public.scheme, self._public.netloc):
            return bool(parts.netloc)
        return is_loopback(host) and parts.scheme in {"http", "https"} and parts.netloc == host


def streamlit_options(public_url: str | None) -> dict[str, object]:
    """Options of Streamlit's server with the same rules, which protect its WebSocket even without `Refusals`.

    >>> streamlit_options("https://stats.example.com")["server.allowedHosts"]
    ['127.0.0.1', '::1', 'localhost', 'stats.example.com']
    """
    hosts = ["127.0.0.1", "::1", "localhost"]
    name = urlsplit(public_url or "").hostname
    return {
        "server.allowedHosts": hosts if name is None else [*hosts, name],
        "server.corsAllowedOrigins": [],
        "server.enableCORS": True,
        "server.enableXsrfProtection": True,
        "server.enableAgentApi": False,
        "server.scriptHealthCheckEnabled": False,
    }


def _length(headers: Headers) -> int:
    """The `Content-Length` of a request; 0 when it is missing or not a number."""
    said = headers.get("content-length", "0")
    return int(said[:20]) if said.isascii() and said.isdigit() else 0


def _bounded(receive: Receive) -> Receive:
    """Bounds the body of a request without `Content-Length`: raises 413 at `LONGEST_BODY`."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        if message["type"] == "http.request":
            taken += len(message.get("body", b""))
            if taken > LONGEST_BODY:
                raise HTTPException(413)
        return message

    return bounded
