"""What a page may ask the server for over its WebSocket; everything else is left out before Streamlit reads it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

REFUSED: Final = frozenset(
    {
        "clear_cache",
        "set_run_on_save",
        "load_git_info",
        "file_urls_request",
        "debug_disconnect_websocket",
        "debug_shutdown_runtime",
    }
)
"""Kinds of Streamlit's messages that no page here sends. The first empties the caches of all viewers and closes the
connections to both sources, signed in or not; the others are for developers and uploads."""

_NOT_TEXT: Final = 1003


class PageMessages:
    """ASGI middleware: passes on the messages of pages, and none that act on the server for everybody.

    Args:
        app: What answers.
        kind_of: The kind of a message by its bytes; None for what is no message.
    """

    def __init__(self, app: ASGIApp, kind_of: Callable[[bytes], str | None]) -> None:
        self.app, self.kind_of = app, kind_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers by the app."""
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return

        async def passed_on() -> Message:
            while True:
                message = await receive()
                if message["type"] != "websocket.receive":
                    return message
                content = message.get("bytes")
                if content is None:
                    # Streamlit's are bytes; it would end with an exception in the log.
                    await send({"type": "websocket.close", "code": _NOT_TEXT})
                    return {"type": "websocket.disconnect", "code": _NOT_TEXT}
                kind = self.kind_of(content)
                if kind not in REFUSED:
                    return message
                logger.info("Refused a message of a page: %s", kind)

        await self.app(scope, passed_on, send)
