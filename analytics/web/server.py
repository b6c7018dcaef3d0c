"""Runs an ASGI app in this process until a signal: one socket, a graceful end within seconds, also as process 1."""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import threading
import time
from types import FrameType
from typing import Final

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analytics.errors import AnalyticsError, ConfigError

STOP_SECONDS: Final = 10.0
"""From the first signal to the end of the program, whatever is still going on."""

_ANSWER_SECONDS: Final = 7
"""Of these, for answers that have begun: a file is read on to its end."""

_WS_PING_SECONDS: Final = 30.0
"""As Streamlit's own runner: a proxy or a browser that went away without a word is noticed."""

# Nothing that a browser sends is longer; Streamlit would read 25 MB, and keep them.
_WS_LONGEST_BYTES: Final = 2_000_000
logger = logging.getLogger(__name__)


def bind(address: str, port: int) -> socket.socket:
    """A socket of this address; it answers no request until `run`. `::` takes IPv4 too.

    Raises:
        ConfigError: The port is taken or not allowed, or the address is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        opened.bind((address, port))
    except OSError as error:
        opened.close()
        raise _no_listening(error, address, port) from error
    return opened


def run(app: ASGIApp, listener: socket.socket, where: str) -> None:
    """Answers on a socket until SIGTERM or SIGINT, then ends what goes on and returns; a second signal ends the process.

    Args:
        app: What answers.
        listener: From `bind`.
        where: Named in the log.

    Raises:
        AnalyticsError: What the app said when it was to start, or another program has taken the port meanwhile.
    """
    starting = _Starting(app)
    config = uvicorn.Config(
        starting,
        lifespan="on",
        # Its own configuration would add handlers; what it says below a warning holds whole addresses.
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws="websockets-sansio",
        ws_max_size=_WS_LONGEST_BYTES,
        ws_ping_interval=_WS_PING_SECONDS,
        ws_ping_timeout=_WS_PING_SECONDS,
        timeout_graceful_shutdown=_ANSWER_SECONDS,
    )
    address, port = listener.getsockname()[:2]
    server = _Server(config, f"[{address}]:{port}" if ":" in address else f"{address}:{port}", where)
    try:
        server.run(sockets=[listener])
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise _no_listening(error, address, port) from error
    except SystemExit:
        if starting.refused is None:
            raise
        raise starting.refused from None
    logger.info("Stopped.")


class _Starting:
    """ASGI middleware that keeps why an app did not start; the server would write it down as a defect.

    Attributes:
        refused: What the app said; None while it said nothing.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.refused: AnalyticsError | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers by the app."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        failed: Message | None = None

        async def kept(message: Message) -> None:
            nonlocal failed
            if message["type"] == "lifespan.startup.failed":
                failed = message
            else:
                await send(message)

        try:
            await self._app(scope, receive, kept)
        except AnalyticsError as error:
            self.refused = error
            failed = {"type": "lifespan.startup.failed"}
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        finally:
            if failed is not None:
                await send(failed)


class _Server(uvicorn.Server):
    """uvicorn's, which would end by the signal that it got; a service that was told to stop has not failed."""

    def __init__(self, config: uvicorn.Config, listens: str, where: str) -> None:
        super().__init__(config)
        self._listens = listens
        self._where = where

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, and says so."""
        await super().startup(sockets)
        logger.info("Serving %s on %s as process %d.", self._where, self._listens, os.getpid())

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Asks the server to stop, the first time; then there is no more waiting."""
        if self.should_exit:
            os._exit(128 + sig)
        self.should_exit = True
        # Not said here: a signal may come while the log's lock is held.
        threading.Thread(target=_end_in_time, args=(signal.Signals(sig).name,), daemon=True).start()


def _end_in_time(name: str) -> None:
    """Ends the process when it is still there after the time that it has, as with an event loop that hangs."""
    logger.info("%s: stopping, within %.0f s.", name, STOP_SECONDS)
    time.sleep(STOP_SECONDS - 0.5)
    logger.warning("Still busy after %.0f s; what went on is cut off.", STOP_SECONDS)
    os._exit(0)


def _no_listening(error: OSError, address: str, port: int) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        return ConfigError(f"Port {port} on {address} is taken by another program.", "Choose another port.")
    return ConfigError(
        f"Cannot listen on port {port} of {address}: {error.strerror}.", "Choose another address or port."
    )
