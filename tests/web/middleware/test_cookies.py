"""Cookies: kept off connections without TLS, and what is kept of a person is small."""

import asyncio
import json
import os
from functools import partial

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.auth_util import set_cookie_with_chunks
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value, decode_signed_value

from analytics.web.middleware.cookies import SecureCookies, SmallCookies, cookies_of, with_cookie

COOKIES = "f2b1c06a3d9e4857a0c4e1d7b8a95263"
CLAIMS = {
    "iss": "https://id.example",
    "sub": "7",
    "email": "ann@example.com",
    "email_verified": True,
    "iat": 1_795_000_000,
    "origin": "https://inbox.example.com",
    "is_logged_in": True,
    "provider": "default",
}


def headers_through(
    wrap: type, headers: list[tuple[bytes, bytes]], **how: object
) -> list[tuple[bytes, bytes]]:
    """The headers of an answer after a middleware."""
    sent: list[Message] = []

    async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 302, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def ask() -> None:
        app: ASGIApp = wrap(answer, **how)
        await app({"type": "http", "path": "/", "headers": []}, receive, send)

    asyncio.run(ask())
    return list(sent[0]["headers"])


def set_by_streamlit(claims: dict[str, object], tokens: dict[str, object]) -> list[tuple[bytes, bytes]]:
    """What Streamlit's callback sets for these."""
    headers: list[tuple[bytes, bytes]] = []
    sign = partial(create_signed_value, COOKIES)

    def put(name: str, text: str) -> None:
        value = sign(name, text).decode()
        headers.append((b"set-cookie", f"{name}={value}; HttpOnly; Path=/; SameSite=lax".encode()))

    set_cookie_with_chunks(put, sign, "_streamlit_user", claims, cookie_attr_size=60)
    set_cookie_with_chunks(put, sign, "_streamlit_user_tokens", tokens, cookie_attr_size=60)
    return headers


@pytest.mark.parametrize(
    "cookie",
    [b"a=b; Path=/; HttpOnly; SameSite=lax", b"a=b", b"a=secure", b'a=""; Max-Age=0; Path=/'],
)
def test_every_cookie_is_marked_secure(cookie: bytes) -> None:
    """Also one that is deleted; what else it says stays."""
    found = headers_through(SecureCookies, [(b"Set-Cookie", cookie), (b"x", b"y")])
    assert found == [(b"Set-Cookie", cookie + b"; Secure"), (b"x", b"y")]


def test_a_cookie_that_is_secure_already_is_left_alone() -> None:
    """In any spelling."""
    headers = [(b"set-cookie", b"a=b; secure"), (b"set-cookie", b"c=d;Secure; Path=/")]
    assert headers_through(SecureCookies, headers) == headers


@pytest.mark.parametrize("groups", [0, 1, 200, 2000])
def test_claims_of_any_size_fit(groups: int) -> None:
    """A server takes about 8 kB of cookies: what is read here takes one, whatever the provider says."""
    names = [f"{number:08x}-9c1f-4e7a-8f53-{number * 7919:012x}" for number in range(groups)]
    tokens: dict[str, object] = {"id_token": os.urandom(400 + 60 * groups).hex(), "access_token": "t"}
    headers = set_by_streamlit({**CLAIMS, "groups": names, "name": "Ann"}, tokens)
    found = headers_through(
        SmallCookies,
        headers,
        sign=partial(create_signed_value, COOKIES),
        unsign=partial(decode_signed_value, COOKIES),
    )
    cookies = {text.partition(b"=")[0].decode(): text.partition(b"=")[2].partition(b";") for _, text in found}
    text = decode_signed_value(COOKIES, "_streamlit_user", cookies["_streamlit_user"][0])
    assert text is not None
    assert json.loads(text) == CLAIMS
    assert cookies["_streamlit_user"][2] == b" HttpOnly; Path=/; SameSite=lax"
    assert set(cookies) <= {"_streamlit_user", "_streamlit_user_tokens"}
    assert sum(len(text) for _, text in found) < 5000
    assert ("_streamlit_user_tokens" in cookies) == (groups < 200)


def test_a_cookie_of_the_request_is_replaced() -> None:
    """However often it is there, and in however many headers; the others stay as they were sent."""
    scope: Scope = {"headers": [(b"cookie", b'a=1; x="2 3"; a=4'), (b"host", b"h"), (b"cookie", b"a=5")]}
    changed = with_cookie(scope, "a", "6")
    assert changed["headers"] == [(b"host", b"h"), (b"cookie", b'x="2 3"; a=6')]
    assert cookies_of(changed)["a"] == "6"
