"""Every request gets an id and leaves one line in the log; what proxies say about it is believed of trusted ones alone."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address
from typing import Any, Final, cast
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from analytics.settings import Network
from analytics.web import request_id
from analytics.web.logs import FIELDS

logger = logging.getLogger(__name__)
LONGEST_PATH: Final = 300
# Who knows the name of a file can read it, for as long as the page shows it.
_FILE: Final = re.compile(r"(?<=/media/).+")


class Requests:
    """ASGI middleware, around everything else: id, client and scheme of each request, and its line.

    Args:
        app: What answers.
        trusted: Networks of the proxies that are believed.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[Network]) -> None:
        self._trusted = tuple(trusted)
        networks = [str(network) for network in trusted]
        self._app = cast("ASGIApp", ProxyHeadersMiddleware(cast("Any", app), networks))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers by the app."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        _take_off_mapping(scope)
        given = request_id.begin(self._proposed(scope))
        # A run of a page knows the headers of its WebSocket, and nothing else of it.
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
            _say(scope, status, length, time.perf_counter() - began)

    def _proposed(self, scope: Scope) -> str | None:
        """What a trusted proxy calls the request; the last where it says several."""
        client = scope.get("client")
        if client is None or not _is_within(client[0], self._trusted):
            return None
        values = [value for name, value in scope["headers"] if name == request_id.HEADER]
        return values[-1].decode("latin-1") if values else None


def _say(scope: Scope, status: int, length: int, seconds: float) -> None:
    """Writes the line: neither query nor cookies nor the names of files, which open something."""
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
    """Whose address asks; None where there is none: a proxy that passes on what it was sent may name anything."""
    client = scope.get("client")
    try:
        return None if client is None else str(ip_address(client[0].partition("%")[0]))
    except ValueError:
        return None


def shown_path(scope: Scope) -> str:
    """A request's path as it may stand in a log: ASCII on one line, cut off when it is long, without names of files."""
    return _FILE.sub("*", quote(str(scope["path"]), safe="/:@!$&'()*+,;=-._~"))[:LONGEST_PATH]


def _is_within(host: str, networks: Sequence[Network]) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in networks)


def _take_off_mapping(scope: Scope) -> None:
    """Names a client of IPv4 by its own address where one socket listens for both."""
    client = scope.get("client")
    if client is None:
        return
    try:
        address = ip_address(client[0])
    except ValueError:
        return
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        scope["client"] = (str(address.ipv4_mapped), client[1])
