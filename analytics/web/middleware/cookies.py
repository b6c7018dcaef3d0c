"""Reads and writes cookies in ASGI messages. Marks them `Secure` and keeps those of the sign-in small."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Final

from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

USER_COOKIE: Final = "_streamlit_user"
TOKENS_COOKIE: Final = "_streamlit_user_tokens"
KEPT_CLAIMS: Final = frozenset(
    {"iss", "sub", "email", "email_verified", "iat", "origin", "is_logged_in", "provider"}
)
"""Claims that the dashboard or Streamlit reads."""

_CHUNKS: Final = re.compile(r"chunks-(\d{1,3})")
_DELETED: Final = frozenset({"", '""', "null"})


class SecureCookies:
    """ASGI middleware that adds `Secure` to every cookie that is set.

    Streamlit does not mark its own, because it does not know about a TLS proxy. For public addresses with `https://`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""

        async def marked(message: Message) -> None:
            if message["type"] in {"http.response.start", "websocket.accept"}:
                message["headers"] = [
                    (name, _secure(value) if name.lower() == b"set-cookie" else value)
                    for name, value in message.get("headers", ())
                ]
            await send(message)

        await self.app(scope, receive, marked)


class SmallCookies:
    """ASGI middleware that reduces the claims in the sign-in cookies to `KEPT_CLAIMS`.

    Streamlit splits values that do not fit into one cookie, but a server accepts about 8 kB of cookies: with the names of
    200 groups a browser could not open its WebSocket and the page stayed empty. The tokens only skip a confirmation when a
    person signs out at the provider, so they are left out when they do not fit.

    Args:
        app: The application within.
        sign: Name and text of a cookie to its signed value.
        unsign: Name and signed value to the text; None where the signature is wrong.
    """

    def __init__(
        self, app: ASGIApp, sign: Callable[[str, str], bytes], unsign: Callable[[str, bytes], bytes | None]
    ) -> None:
        self.app, self.sign, self.unsign = app, sign, unsign

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""

        async def kept_small(message: Message) -> None:
            if message["type"] == "http.response.start" and USER_COOKIE in dict(set_cookies(message)):
                message["headers"] = list(self._small(message))
            await send(message)

        await self.app(scope, receive, kept_small)

    def _small(self, message: Message) -> Iterator[tuple[bytes, bytes]]:
        cookies = dict(set_cookies(message))
        claims = json.loads(self._text(cookies, USER_COOKIE))
        small = json.dumps({name: value for name, value in claims.items() if name in KEPT_CLAIMS})
        has_long_tokens = f"{TOKENS_COOKIE}_1" in cookies
        for header, text in message["headers"]:
            name, _, rest = text.partition(b"=") if header.lower() == b"set-cookie" else (b"", b"", b"")
            called = name.decode("latin-1").strip()
            if called == USER_COOKIE:
                attributes = rest.partition(b";")[2]
                yield header, name + b"=" + self.sign(USER_COOKIE, small) + b";" + attributes
            elif called not in cookies or not (
                called.removeprefix(f"{USER_COOKIE}_").isdigit()
                or (has_long_tokens and called.startswith(TOKENS_COOKIE))
            ):
                yield header, text

    def _text(self, cookies: dict[str, str], name: str) -> bytes:
        """The value of a cookie, joined when it was split."""

        def text(each: str) -> bytes:
            return self.unsign(each, cookies[each].encode("latin-1")) or b""

        chunks = _CHUNKS.fullmatch(text(name).decode())
        if chunks is None:
            return text(name)
        return b"".join(text(f"{name}_{number}") for number in range(1, int(chunks[1]) + 1))


def _secure(value: bytes) -> bytes:
    attributes = {part.strip().lower() for part in value.split(b";")[1:]}
    return value if b"secure" in attributes else value + b"; Secure"


def cookies_of(scope: Scope) -> dict[str, str]:
    """The cookies of a request by name; empty where it has none."""
    return {
        name: value
        for header, text in scope["headers"]
        if header == b"cookie"
        for name, value in cookie_parser(text.decode("latin-1")).items()
    }


def with_cookie(scope: Scope, name: str, value: str) -> Scope:
    """The request with this cookie instead of all others of the same name."""
    texts = [text.decode("latin-1") for header, text in scope["headers"] if header == b"cookie"]
    pairs = [pair.strip() for text in texts for pair in text.split(";")]
    kept = [pair for pair in pairs if pair and pair.partition("=")[0].strip() != name]
    others = [(header, text) for header, text in scope["headers"] if header != b"cookie"]
    return {
        **scope,
        "headers": [*others, (b"cookie", "; ".join([*kept, f"{name}={value}"]).encode("latin-1"))],
    }


def set_cookies(message: Message) -> Iterator[tuple[str, str]]:
    """Name and value of every cookie that the start of a response sets, without those that it deletes."""
    for header, text in message.get("headers", ()):
        if header.lower() == b"set-cookie":
            name, _, value = text.decode("latin-1").partition(";")[0].partition("=")
            if value.strip() not in _DELETED:
                yield name.strip(), value.strip()


def cookie_header(name: str, value: str, path: str, seconds: int) -> tuple[bytes, bytes]:
    """A `Set-Cookie` header with `HttpOnly` and `SameSite=Lax`; 0 seconds delete the cookie."""
    text = f"{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax"
    return b"set-cookie", text.encode("latin-1")
