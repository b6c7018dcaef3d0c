"""What the web server refuses before anything reads it: other hosts and origins, closed addresses, long bodies."""

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
"""Addresses of Streamlit that nothing here uses, with everything below them: files sent to the server's memory, names of
cached functions and sessions, the interface for programs, components of the first kind."""

PROBES: Final = frozenset({"/_stcore/health", "/livez", "/readyz", "/metrics"})
"""Asked by what watches the server, at its address instead of its name."""

LONGEST_PATH: Final = 255
"""Bytes; no address here is as long. A longer name is an error of the file system where files are looked for by it."""

LONGEST_BODY: Final = 1_000_000
"""Bytes; the longest that a page sends is a tenth of it."""


class Refusals:
    """Passes on what comes from our own pages and goes to an address in use; refuses everything else. Pure ASGI."""

    def __init__(self, app: ASGIApp, base: str, public_url: str | None) -> None:
        """Nothing is started.

        Args:
            app: The application within.
            base: What all addresses begin with, without a slash at the end.
            public_url: Where browsers find it; None where it is only reached on this machine.
        """
        self._app = app
        self._base = base
        self._public = urlsplit((public_url or "").lower())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers as the application does, or in its place."""
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
            # Before it is accepted: the server answers 403.
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await PlainTextResponse(sentence, status)(scope, receive, send)

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        headers, path = Headers(scope=scope), str(scope["path"]).removeprefix(self._base)
        host, origin = headers.get("host", ""), headers.get("origin")
        if path not in PROBES and not self._is_host(host):
            return 421, (
                "This server does not answer for that name. INBOX_ANALYTICS_PUBLIC_URL has to be its public address, and a "
                "proxy has to pass on the Host header.\n"
            )
        if scope["type"] == "websocket" and origin is None and not is_loopback(host):
            return 403, "A WebSocket without an Origin is refused.\n"
        if origin is not None and not self._is_own(origin, host):
            return 403, "This server answers its own pages alone.\n"
        if len(path.encode("utf-8", "surrogateescape")) > LONGEST_PATH:
            return 414, "URI Too Long\n"
        if any(path == closed or path.startswith(f"{closed}/") for closed in CLOSED):
            return 404, "Not Found\n"
        if scope["type"] == "http" and _length(headers) > LONGEST_BODY:
            return 413, "Content Too Large\n"
        return None

    def _with_own_host(self, scope: Scope) -> Scope:
        """The opening of a WebSocket, with the host that its Origin names, however a proxy calls this server.

        Both are allowed by then. Where they differ, Streamlit would ask another host on the internet for this machine's
        address before it looks at what is allowed, and answer nobody meanwhile.
        """
        headers = Headers(scope=scope)
        host = urlsplit(headers.get("origin", "")).netloc or headers.get("host", "")
        others = [(name, value) for name, value in scope["headers"] if name != b"host"]
        return {**scope, "headers": [*others, (b"host", host.encode())]}

    def _is_host(self, host: str) -> bool:
        """Whether a Host header is the public name, with any port, or this machine's own."""
        return is_loopback(host) or (bool(host_name(host)) and host_name(host) == self._public.hostname)

    def _is_own(self, origin: str, host: str) -> bool:
        """Whether an Origin is the one of our pages: the public one, or this machine's own where that was asked."""
        parts = urlsplit(origin)
        if (parts.scheme, parts.netloc) == (self._public.scheme, self._public.netloc):
            return bool(parts.netloc)
        return is_loopback(host) and parts.scheme in {"http", "https"} and parts.netloc == host


def streamlit_options(public_url: str | None) -> dict[str, object]:
    """Options of Streamlit's server that say the same: they hold for its WebSocket even without `Refusals`.

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
    """What a request says of its body's length; 0 where it says nothing, or no number."""
    said = headers.get("content-length", "0")
    return int(said[:20]) if said.isascii() and said.isdigit() else 0


def _bounded(receive: Receive) -> Receive:
    """The messages of a request; a body that says nothing of its length ends at the limit, with 413."""
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
