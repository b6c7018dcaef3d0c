"""Answers `/metrics` for Prometheus: beside the pages for who has the token, or on a port of its own.

Beside the pages it does not exist without a token: what it says is for operators alone.
"""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analytics import telemetry
from analytics.errors import ConfigError
from analytics.settings import Settings
from analytics.telemetry import NUMBERS, Labels, Metric

Measure = Callable[[], Mapping[Metric, Mapping[Labels, float]]]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
STOP_SECONDS: Final = 2.0
"""How long the end of the process waits for an answer that is being written."""

_STREAM: Final = "/_stcore/stream"


def endpoint(measure: Measure, token: SecretStr | None, *, is_open: bool) -> Callable[[Request], object]:
    """The endpoint that writes every metric.

    Args:
        measure: The values that are known only when asked for. Called in a thread: it may read a disk.
        token: What a request has to bring; None where there is none.
        is_open: What is done without a token: True answers, for a port of its own; False is 404.
    """

    async def answer(request: Request) -> Response:
        if token is None and not is_open:
            return PlainTextResponse("Not Found", 404)
        if token is not None and not _has(request, token):
            return PlainTextResponse("Unauthorized", 401, headers={"WWW-Authenticate": "Bearer"})
        text = NUMBERS.text(await run_in_threadpool(measure))
        return Response(text, media_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})

    return answer


def _has(request: Request, token: SecretStr) -> bool:
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    expected = token.get_secret_value().encode()
    is_same = secrets.compare_digest(given.strip().encode("utf-8", "surrogateescape"), expected)
    return is_same and kind.lower() == "bearer"


@contextmanager
def second_port(settings: Settings, measure: Measure) -> Iterator[None]:
    """Serves `/metrics` on the port that the settings name, while the block runs; without one, does nothing.

    A thread with an event loop of its own: it answers however busy the pages are.

    Raises:
        ConfigError: The port cannot be listened on.
    """
    if settings.metrics_port is None:
        yield
        return
    listener = _listen(settings.metrics_address, settings.metrics_port)
    app = Starlette(routes=[Route("/metrics", endpoint(measure, settings.metrics_token, is_open=True))])
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, server_header=False, lifespan="off", ws="none")
    )
    # Not the main thread, so that uvicorn leaves the signals to the web app.
    thread = threading.Thread(target=server.run, args=([listener],), name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(STOP_SECONDS)
        listener.close()


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family)
    except OSError as error:
        raise ConfigError(
            f"INBOX_ANALYTICS_METRICS_PORT: cannot listen on port {port} of {address} ({error.strerror}).",
            "Choose another port, one for each process, or another INBOX_ANALYTICS_METRICS_ADDRESS.",
        ) from None


def count_sessions(app: ASGIApp) -> ASGIApp:
    """Counts the browser tabs that are connected: each keeps one WebSocket open."""

    async def counted(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket" or not str(scope["path"]).endswith(_STREAM):
            await app(scope, receive, send)
            return
        is_connected = False

        async def noted(message: Message) -> None:
            nonlocal is_connected
            await send(message)
            if message["type"] == "websocket.accept":
                is_connected = True
                NUMBERS.add(telemetry.SESSIONS)

        try:
            await app(scope, receive, noted)
        finally:
            if is_connected:
                NUMBERS.add(telemetry.SESSIONS, amount=-1.0)

    return counted
