"""Runs an ASGI app on one socket until a signal, with a graceful stop within seconds, also as process 1."""

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
"""Longest time from the first signal to the end of the program."""

_ANSWER_SECONDS: Final = 7
"""Part of `STOP_SECONDS` for answers in progress, such as a download."""

_WS_PING_SECONDS: Final = 30.0
"""As in Streamlit's own runner: finds connections whose proxy or browser has gone without closing them."""

_WS_LONGEST_BYTES: Final = 2_000_000
"""Browsers send no longer message; Streamlit would read 25 MB and keep them."""

logger = logging.getLogger(__name__)


def bind(address: str, port: int, *, is_listening: bool = False) -> socket.socket:
    """Binds a socket, of any free port if `port` is 0. `::` accepts IPv4 too.

    `is_listening` False leaves listening to `run`, so that no request waits before.

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
        if is_listening:
            opened.listen()
    except OSError as error:
        opened.close()
        raise _no_listening(error, address, port) from error
    return opened


def run(app: ASGIApp, listener: socket.socket, where: str) -> None:
    """Serves an app on a socket of `bind` until SIGTERM or SIGINT, then stops gracefully; a second signal ends at once.

    Raises:
        AnalyticsError: The app refused to start, or another program has taken the port in the meantime.
    """
    starting = _Starting(app)
    config = uvicorn.Config(
        starting,
        lifespan="on",
        # uvicorn's own configuration would add handlers; below a warning it logs whole addresses.
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
    """ASGI middleware that keeps the error of an app that refuses to start; uvicorn would log it as a defect.

    Attributes:
        refused: The error; None without one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.refused: AnalyticsError | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Calls the app."""
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
    """uvicorn's server, but a stop by a signal ends the program with exit code 0 instead of by that signal."""

    def __init__(self, config: uvicorn.Config, listens: str, where: str) -> None:
        super().__init__(config)
        self._listens = listens
        self._where = where

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts and logs the address."""
        await super().startup(sockets)
        logger.info("Serving %s on %s as process %d.", self._where, self._listens, os.getpid())

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stops gracefully at the first signal, at once at the second."""
        if self.should_exit:
            os._exit(128 + sig)
        self.should_exit = True
        # Logged in a thread: a signal may come while the log's lock is held.
        threading.Thread(target=_end_in_time, args=(signal.Signals(sig).name,), daemon=True).start()


def _end_in_time(name: str) -> None:
    """Ends the process when it still runs after `STOP_SECONDS`, as with an event loop that hangs."""
    logger.info("%s: stopping, within %.0f s.", name, STOP_SECONDS)
    time.sleep(STOP_SECONDS - 0.5)
    logger.warning("Still busy after %.0f s; open requests are cut off.", STOP_SECONDS)
    os._exit(0)


def _no_listening(error: OSError, address: str, port: int) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        return ConfigError(f"Port {port} on {address} is taken by another program.", "Choose another port.")
    return ConfigError(
        f"Cannot listen on port {port} of {address}: {error.strerror}.", "Choose another address or port."
    )
