"""Sends Streamlit's scripts and styles compressed. Streamlit itself leaves that to a proxy.

Their names change with their content, so each file is compressed once in a process, and kept.
"""

from __future__ import annotations

import gzip
from functools import cache
from mimetypes import guess_type
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

_SUFFIXES: Final = frozenset({".css", ".js", ".json", ".svg", ".wasm"})
"""Fonts and pictures are compressed already."""


class CompressedFiles:
    """ASGI middleware that answers requests for files of a directory with gzip, where the browser takes it."""

    def __init__(self, app: ASGIApp, directory: Path, path: str) -> None:
        """Finds the files.

        Args:
            app: The application within; it answers everything else, also a request for a part of a file.
            directory: The files; a name never gets another content.
            path: Where the application serves the directory, without a trailing slash.
        """
        self._app = app
        self._files = {
            f"{path}/{file.relative_to(directory).as_posix()}": file
            for file in directory.rglob("*")
            if file.suffix in _SUFFIXES
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers as the application does, only smaller."""
        file = (
            self._files.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        )
        asked = Headers(scope=scope) if file else {}
        if file is None or "gzip" not in asked.get("accept-encoding", "") or "range" in asked:
            await self._app(scope, receive, send)
            return
        headers = {
            "Content-Encoding": "gzip",
            "Vary": "Accept-Encoding",
            "Cache-Control": "public, immutable, max-age=31536000",
        }
        body = await run_in_threadpool(_compressed, file)
        await Response(body, headers=headers, media_type=guess_type(file.name)[0])(scope, receive, send)


@cache
def _compressed(file: Path) -> bytes:
    return gzip.compress(file.read_bytes(), mtime=0)
