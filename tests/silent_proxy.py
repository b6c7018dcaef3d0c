"""A TCP proxy that drops connections in silence: it goes on taking what both ends say, and passes nothing on.

It can refuse, cut and delay as well.
"""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

THREAD_NAME: Final = "silent proxy"
UNIX_NAME: Final = ".s.PGSQL.5432"
_RESET: Final = struct.pack("ii", 1, 0)


class SilentProxy:
    """A running proxy.

    Attributes:
        port: Where it listens, on 127.0.0.1; none on a Unix socket.
        opened: Connections that were opened through it so far.
        given_up: Dropped connections that the client has closed since.
        unheard: What the client said on dropped connections.
        is_holding: True drops what is opened from now on, too.
        rewrite: What the server's bytes are replaced by, of the same length; (old, new).
        is_cutting: True resets a connection in the middle of what the server says next.
        delay_seconds: How long everything that the server says takes.
    """

    def __init__(self, target: str, directory: Path | None = None) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 0)
        if directory is None:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.port = int(self._listener.getsockname()[1])
        else:
            self._listener = socket.create_server(str(directory / UNIX_NAME), family=socket.AF_UNIX)
        self.opened = self.given_up = 0
        self.unheard = b""
        self.is_holding = False
        self.rewrite = (b"", b"")
        self.is_cutting = False
        self.delay_seconds = 0.0
        self._epoch = 0
        self._ends: list[socket.socket] = []
        self._start()

    def through(self, url: str) -> str:
        """The same address, past this proxy."""
        parts = urlsplit(url)
        return parts._replace(netloc=parts.netloc.rpartition(":")[0] + f":{self.port}").geturl()

    def drop(self) -> None:
        """From now on nothing passes on the connections that are open; new ones work."""
        self._epoch += 1

    def close(self) -> None:
        """Stops listening and ends all connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # ends `accept`, which would hold the port open
        self._listener.close()
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._ends.clear()

    def listen(self) -> None:
        """Listens again after `close`, on the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._start()

    def _start(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), name=THREAD_NAME, daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(self._target)
                self._ends += [client, server]
                self.opened += 1
                born = -1 if self.is_holding else self._epoch
                for pump in (self._to_server, self._to_client):
                    arguments = (client, server, born)
                    threading.Thread(target=pump, args=arguments, name=THREAD_NAME, daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket, born: int) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                if born == self._epoch:
                    server.sendall(data)
                else:
                    self.unheard += data
            if born != self._epoch:
                self.given_up += 1
            else:
                server.shutdown(socket.SHUT_WR)

    def _to_client(self, client: socket.socket, server: socket.socket, born: int) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if self.is_cutting:
                    client.sendall(data[: len(data) // 2])
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    client.close()
                if self.delay_seconds:
                    time.sleep(self.delay_seconds)
                if born == self._epoch:
                    client.sendall(data.replace(*self.rewrite) if self.rewrite[0] else data)
            if born == self._epoch:
                client.shutdown(socket.SHUT_WR)


@contextmanager
def silent_proxy(target: str, directory: Path | None = None) -> Iterator[SilentProxy]:
    """A proxy in front of `target`, an address of any scheme; closed on leaving.

    Args:
        target: The server, on TCP.
        directory: Where the proxy's Unix socket for Postgres is made; None listens on TCP.
    """
    proxy = SilentProxy(target, directory)
    try:
        yield proxy
    finally:
        proxy.close()
