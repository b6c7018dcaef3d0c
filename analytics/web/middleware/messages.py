"""Drops WebSocket messages that no page sends, before Streamlit reads them."""

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
"""Kinds of Streamlit messages that no page sends. `clear_cache` empties the caches of all viewers and closes the connections
to both sources, without a sign-in; the others are for developers and uploads."""

_NOT_TEXT: Final = 1003


class PageMessages:
    """ASGI middleware that drops the messages in `REFUSED`.

    Args:
        app: The application within.
        kind_of: Returns the kind of a message from its bytes; None for invalid bytes.
    """

    def __init__(self, app: ASGIApp, kind_of: Callable[[bytes], str | None]) -> None:
        self.app, self.kind_of = app, kind_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Calls the app with filtered messages."""
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
                    # Streamlit's messages are bytes; on text it would raise and log an exception.
                    await send({"type": "websocket.close", "code": _NOT_TEXT})
                    return {"type": "websocket.disconnect", "code": _NOT_TEXT}
                kind = self.kind_of(content)
                if kind not in REFUSED:
                    return message
                logger.info("Refused a message of a page: %s", kind)

        await self.app(scope, passed_on, send)
