"""Sends Streamlit's scripts and styles compressed. Streamlit itself leaves that to a proxy.

Their names change with their content, so each file is compressed once in a process, and kept.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from mimetypes import guess_type
from pathlib import Path
from typing import Final

import brotli
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SUFFIXES: Final = frozenset({".css", ".js", ".json", ".svg", ".wasm"})
"""Fonts and pictures are compressed already."""

_REFUSED: Final = re.compile(r"q=0(\.0*)?")

_COMPRESS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    # Quality 5 takes as long as gzip; 11 takes a minute for all files of a page, and saves a tenth more.
    "br": lambda content: brotli.compress(content, quality=5),
    "gzip": lambda content: gzip.compress(content, mtime=0),
}
"""The best first. Browsers take Brotli over HTTPS and from localhost alone."""


class CompressedFiles:
    """ASGI middleware that answers requests for files of a directory compressed, where the browser takes it."""

    def __init__(self, app: ASGIApp, directory: Path, path: str, preambles: Mapping[str, str]) -> None:
        """Finds the files.

        Args:
            app: The application within; it answers everything else, also a request for a part of a file.
            directory: The files; a name never gets another content.
            path: Where the application serves the directory, without a trailing slash.
            preambles: Scripts that run before a file where it is sent compressed, by the beginning of its name.
        """
        self._app = app
        self._files = {
            f"{path}/{file.relative_to(directory).as_posix()}": file
            for file in directory.rglob("*")
            if file.suffix in _SUFFIXES
        }
        self._preambles = preambles

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers as the application does, only smaller."""
        file = (
            self._files.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        )
        if file is None:
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        taken = _taken(asked.get("accept-encoding", ""))
        encoding = next((each for each in _COMPRESS if each in taken), None)
        if encoding is None or "range" in asked:
            await self._app(scope, receive, _varying(send))
            return
        preamble = next((text for name, text in self._preambles.items() if file.name.startswith(name)), "")
        body = await run_in_threadpool(_compressed, file, preamble, encoding)
        headers = {
            "Content-Encoding": encoding,
            "Vary": "Accept-Encoding",
            "Cache-Control": "public, immutable, max-age=31536000",
        }
        if preamble:
            # Its name does not change with the preamble.
            tag = f'"{sha256(preamble.encode()).hexdigest()[:16]}-{encoding}"'
            headers |= {"Cache-Control": "public, max-age=3600", "ETag": tag}
            if tag in asked.get("if-none-match", ""):
                await Response(status_code=304, headers=headers)(scope, receive, send)
                return
        await Response(body, headers=headers, media_type=guess_type(file.name)[0])(scope, receive, send)


def _taken(accept_encoding: str) -> set[str]:
    """The encodings that a browser takes.

    >>> sorted(_taken("gzip;q=0.8, BR, zstd;q=0"))
    ['br', 'gzip']
    """
    encodings = (each.partition(";") for each in accept_encoding.lower().split(","))
    return {name.strip() for name, _, quality in encodings if not _REFUSED.fullmatch(quality.strip())}


def _varying(send: Send) -> Send:
    """Says to caches in between that another browser gets this file compressed."""

    async def vary(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).add_vary_header("Accept-Encoding")
        await send(message)

    return vary


@cache
def _compressed(file: Path, preamble: str, encoding: str) -> bytes:
    return _COMPRESS[encoding](preamble.encode() + file.read_bytes())
