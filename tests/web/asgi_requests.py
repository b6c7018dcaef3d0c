"""Requests to a pure ASGI application, in this process."""

import asyncio
from collections.abc import Mapping

import httpx2
from starlette.types import ASGIApp, Message

LOCAL = "http://localhost:8501"


def send_request(
    app: ASGIApp,
    path: str = "/",
    method: str = "GET",
    *,
    at: str = LOCAL,
    headers: Mapping[str, str] | None = None,
    content: bytes = b"",
    is_raising: bool = True,
) -> httpx2.Response:
    """The answer to one request.

    Args:
        app: What answers.
        path: Below `at`.
        method: As HTTP names it.
        at: What the request calls the server.
        headers: More of them; None for no more.
        content: The body.
        is_raising: Whether an exception of the application is raised here; otherwise it stays with the server.
    """

    async def request() -> httpx2.Response:
        transport = httpx2.ASGITransport(app, raise_app_exceptions=is_raising)
        async with httpx2.AsyncClient(transport=transport, base_url=at) as client:
            return await client.request(method, path, content=content, headers=headers)

    return asyncio.run(request())


def open_websocket(app: ASGIApp, path: str, *, host: str, origin: str | None) -> list[str]:
    """What an application answers to the opening of a WebSocket: the types of its messages."""
    answered: list[str] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        answered.append(message["type"])

    headers = {"host": host} | ({} if origin is None else {"origin": origin})
    scope = {
        "type": "websocket",
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }

    async def open_it() -> None:
        await app(scope, receive, send)

    asyncio.run(open_it())
    return answered
