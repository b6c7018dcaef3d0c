"""Sets the security headers of every response. `docs/deploying.md` explains each exception of the policy.

The policy names the inline scripts of our documents by hashes that are computed from the documents, so an update of
Streamlit needs no change here. It never allows text to be evaluated as a script.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analytics.settings import loopback

_UNUSED: Final = (
    *("accelerometer", "gyroscope", "magnetometer", "geolocation", "serial", "usb", "midi"),
    *("camera", "microphone", "autoplay", "encrypted-media", "display-capture", "screen-wake-lock"),
    *("payment", "publickey-credentials-get", "xr-spatial-tracking"),
)
"""Browser features that no page uses."""

_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    # Sign-in reads the page where it began from the Referer of our own addresses.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in _UNUSED),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
_ONE_YEAR: Final = 31_536_000

_HOST: Final = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")

_PUBLIC_FILES: Final = ("/app/static/", "/static/")
"""Files that are the same for all viewers; every other response without its own `Cache-Control` gets `no-store`."""


class AnswerHeaders:
    """ASGI middleware that sets the headers of every response, also of errors.

    An exception of the application is answered with 500 here, so that it has the headers too, and raised again for the log.
    """

    def __init__(self, app: ASGIApp, documents: Iterable[str], public_url: str | None) -> None:
        """Computes what does not change between responses.

        Args:
            app: The application within.
            documents: The complete HTML documents that it serves.
            public_url: Its address in browsers; None where it is used on this machine only.
        """
        self._app = app
        self._hashes = script_hashes(documents)
        self._public_url = public_url
        self._always = dict(_ALWAYS)
        if public_url is not None and urlsplit(public_url).scheme == "https":
            self._always["Strict-Transport-Security"] = f"max-age={_ONE_YEAR}"
        self._headers_at = lru_cache(maxsize=64)(self._at)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers as the application does."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_started = False

        async def with_headers(message: Message) -> None:
            nonlocal is_started
            if message["type"] == "http.response.start":
                is_started = True
                message = {**message, "headers": self._with(message, scope)}
            await send(message)

        try:
            await self._app(scope, receive, with_headers)
        except Exception:
            if not is_started:
                await PlainTextResponse("Internal Server Error", 500)(scope, receive, with_headers)
            raise

    def _with(self, answer: Message, scope: Scope) -> list[tuple[bytes, bytes]]:
        """The headers of a response with ours instead of its own of the same name.

        CORS headers are removed, which Streamlit sets for static files and loopback: no other origin may read a response.
        """
        ours = self._headers_at(Headers(scope=scope).get("host", ""))
        kept = [
            (name, value)
            for name, value in answer["headers"]
            if name not in ours and not name.startswith(b"access-control-")
        ]
        is_said = any(name == b"cache-control" for name, _ in kept)
        is_public = answer["status"] < 400 and any(part in scope["path"] for part in _PUBLIC_FILES)
        if not is_said and not is_public:
            kept.append((b"cache-control", b"no-store"))
        return [*kept, *ours.items()]

    def _at(self, host: str) -> dict[bytes, bytes]:
        policy = content_security_policy(self._hashes, self._public_url, host)
        ours = self._always | {"Content-Security-Policy": policy}
        return {name.lower().encode(): value.encode() for name, value in ours.items()}


def content_security_policy(hashes: Iterable[str], public_url: str | None, host: str = "") -> str:
    """Builds the Content-Security-Policy of a response; `hashes` are those of `script_hashes`.

    The WebSocket of `host`, the request's Host header, is allowed too when it names this machine.
    """
    is_https = public_url is not None and urlsplit(public_url).scheme == "https"
    sockets = [_socket_of(public_url)] if public_url is not None else []
    if is_loopback(host):
        sockets.append(f"ws://{host}")
    directives = {
        "default-src": ["'none'"],
        # Streamlit loads the script of a component as blob:, and its libraries compile WebAssembly.
        "script-src": ["'self'", "'wasm-unsafe-eval'", "blob:", *hashes],
        # Streamlit, Plotly and the tables create styles in the browser.
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:", "blob:"],
        "font-src": ["'self'", "data:"],
        # The globe loads its dots and the night as data:.
        "connect-src": ["'self'", *dict.fromkeys(sockets), "data:"],
        "worker-src": ["'none'"],
        "frame-src": ["'none'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    if is_https and not is_loopback(host):
        directives["upgrade-insecure-requests"] = []
    return "; ".join(" ".join([name, *values]) for name, values in directives.items())


def is_loopback(host: str) -> bool:
    """Whether a Host header names this machine.

    >>> is_loopback("localhost:8501"), is_loopback("[::1]:8501"), is_loopback("127.0.0.1.example.com"), is_loopback("")
    (True, True, False, False)
    """
    return loopback.is_loopback(host_name(host))


def host_name(host: str) -> str:
    """The host name in a Host header, in lower case and without its port; empty for an invalid header.

    >>> host_name("Stats.Example.com:443"), host_name("[::1]"), host_name("a@localhost"), host_name("localhost:x")
    ('stats.example.com', '::1', '', '')
    """
    found = _HOST.fullmatch(host)
    return found[1].strip("[]").lower() if found else ""


def _socket_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}"


def script_hashes(documents: Iterable[str]) -> list[str]:
    """Hashes of all inline scripts in HTML documents, in the form of a policy, without duplicates.

    >>> script_hashes(["<script>1</script><script src='a.js'></script>", "<script>1</script>"])
    ["'sha256-a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s='"]
    """
    scripts: dict[str, None] = {}
    for document in documents:
        parser = _InlineScripts()
        parser.feed(document)
        parser.close()
        scripts.update(dict.fromkeys(parser.found))
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


class _InlineScripts(HTMLParser):
    """Collects the text of script elements without `src`."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[str] = []
        self._is_inline = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script" and "src" not in dict(attrs):
            self._is_inline = True
            self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._is_inline = False

    def handle_data(self, data: str) -> None:
        if self._is_inline:
            self.found[-1] += data
