"""Gives every request an id and writes one line of the log for it; uses `X-Forwarded-*` headers of trusted proxies only."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final, cast
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from analytics.settings import Network
from analytics.web import request_id
from analytics.web.logs import FIELDS

logger = logging.getLogger(__name__)
LONGEST_PATH: Final = 300
# The name of a media file is all that is needed to read it while a page shows it.
_FILE: Final = re.compile(r"(?<=/media/).+")


class Requests:
    """Outermost ASGI middleware: sets id, client and scheme of each request and logs it.

    Args:
        app: The application within.
        trusted: Networks of trusted proxies.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[Network]) -> None:
        self._trusted = tuple(trusted)
        networks = [str(network) for network in trusted]
        self._app = cast("ASGIApp", ProxyHeadersMiddleware(cast("Any", app), networks))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Calls the app."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        _take_off_mapping(scope)
        given = request_id.begin(self._proposed(scope))
        # Set in the request's headers: they are all that a run of a page knows of its WebSocket.
        name = request_id.HEADER
        scope["headers"] = [each for each in scope["headers"] if each[0] != name] + [(name, given.encode())]
        began = time.perf_counter()
        status, length = 0, 0

        async def counted(message: Message) -> None:
            nonlocal status, length
            kind = message["type"]
            if kind in {"http.response.start", "websocket.http.response.start"}:
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (name, given.encode())]
            elif kind == "http.response.body":
                length += len(message.get("body", b""))
            elif kind == "websocket.accept":
                status = 101
            elif kind == "websocket.close" and not status:
                status = 403
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            _log(scope, status, length, time.perf_counter() - began)

    def _proposed(self, scope: Scope) -> str | None:
        """The id that a trusted proxy gave the request, the last of several; None without one."""
        client = scope.get("client")
        if client is None or not _is_within(client[0], self._trusted):
            return None
        values = [value for name, value in scope["headers"] if name == request_id.HEADER]
        return values[-1].decode("latin-1") if values else None


def _log(scope: Scope, status: int, length: int, seconds: float) -> None:
    """Writes the line, without query, cookies and names of media files, which could be used for access."""
    path = shown_path(scope)
    method = "WEBSOCKET" if scope["type"] == "websocket" else scope["method"]
    fields = {
        "method": method,
        "path": path,
        "status": status or None,
        "seconds": round(seconds, 3),
        "bytes": length if scope["type"] == "http" else None,
        "client": _client(scope),
    }
    level = logging.ERROR if status >= 500 or not status else logging.INFO
    logger.log(level, "%s %s %s", method, path, status or "without an answer", extra={FIELDS: fields})


def _client(scope: Scope) -> str | None:
    """IP address of the client; None without a valid one, since a proxy may forward any text."""
    client = scope.get("client")
    address = client and _address(client[0].partition("%")[0])
    return str(address) if address else None


def shown_path(scope: Scope) -> str:
    """The path of a request for a log: ASCII on one line, cut when long, without names of media files."""
    return _FILE.sub("*", quote(str(scope["path"]), safe="/:@!$&'()*+,;=-._~"))[:LONGEST_PATH]


def _is_within(host: str, networks: Sequence[Network]) -> bool:
    address = _address(host)
    return address is not None and any(address in network for network in networks)


def _take_off_mapping(scope: Scope) -> None:
    """Replaces an IPv4-mapped IPv6 address of the client, from a socket for both, by its IPv4 address."""
    client = scope.get("client")
    address = client and _address(client[0])
    if client and isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        scope["client"] = (str(address.ipv4_mapped), client[1])


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
