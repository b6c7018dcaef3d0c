"""Serves `/metrics` for Prometheus: on the port of the pages with a token, or on a separate port.

On the port of the pages it is 404 when no token is set, because metrics are for operators only.
"""

from __future__ import annotations

import secrets
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
from analytics.web.server import bind

Measure = Callable[[], Mapping[Metric, Mapping[Labels, float]]]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
STOP_SECONDS: Final = 2.0
"""Time for an answer in progress when the process ends."""

_STREAM: Final = "/_stcore/stream"


def endpoint(measure: Measure, token: SecretStr | None, *, is_open: bool) -> Callable[[Request], object]:
    """Makes the endpoint that writes all metrics.

    Args:
        measure: Returns the values that are read when the text is written. Called in a thread: it may read a disk.
        token: Bearer token that a request needs; None where none is set.
        is_open: When no token is set: True answers, for the separate port; False answers 404.
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
    """Serves `/metrics` on the port of the settings while the block runs; does nothing without one.

    Runs in a thread with its own event loop, so that busy pages do not delay it.

    Raises:
        ConfigError: The port cannot be listened on.
    """
    if settings.metrics_port is None:
        yield
        return
    try:
        listener = bind(settings.metrics_address, settings.metrics_port, is_listening=True)
    except ConfigError as error:
        raise ConfigError(
            f"INBOX_ANALYTICS_METRICS_PORT: {error.message}",
            "Choose another port, one for each process, or another INBOX_ANALYTICS_METRICS_ADDRESS.",
        ) from None
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


def count_sessions(app: ASGIApp) -> ASGIApp:
    """Counts connected browser tabs, each of which keeps one WebSocket open."""

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
