"""Leads a browser back from signing in: to the page where it was, or to a sentence that says why it did not work.

Streamlit forgets the page, and keeps one state of signing in per browser, so that of several tabs only the last one could
sign in. So the way back stands in a cookie per state, which only the route that the provider leads back to receives. It
outlives a restart of the server, and nothing in it is trusted: the page has to be one of ours, and Streamlit signed the
state itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection
from contextvars import ContextVar
from typing import Final
from urllib.parse import SplitResult, parse_qs, parse_qsl, urlencode, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analytics.settings.sign_in import CALLBACK, OUTCOME, Outcome
from analytics.web.middleware.cookies import (
    TOKENS_COOKIE,
    USER_COOKIE,
    cookie_header,
    cookies_of,
    set_cookies,
    with_cookie,
)

LOGIN: Final = "/auth/login"
LOGOUT: Final = "/auth/logout"
STATE_COOKIE: Final = "_streamlit_session"
STREAMLIT_LOGGER: Final = "streamlit.web.server.starlette.starlette_auth_routes"
"""Where Streamlit says why signing in failed; its answer does not."""

MINUTES: Final = 15
"""How long a person may take at the provider."""

PROVIDER_SECONDS: Final = 20.0
"""For all that a sign-in or sign-out asks the provider; each wait for a byte of it ends after 5 s."""

LONGEST_QUERY: Final = 1500
"""Characters; a cookie has room for 4,096 bytes, and the state takes about 1,000."""

_START: Final[Message] = {"type": "http.response.start", "status": 302, "headers": []}
_log = logging.getLogger(__name__)
_failures: ContextVar[list[BaseException] | None] = ContextVar("failures", default=None)


def own_page(address: str, public_url: str, pages: Collection[str]) -> str:
    """The page of ours that an address is of, as what follows the public address; the start page for any other.

    Args:
        address: What a browser says it was at; not trusted.
        public_url: Where browsers find the dashboard, without a slash at its end.
        pages: Their names in addresses.

    >>> own_page("https://a.example/x/live?place=2", "https://a.example/x", {"live"})
    '/live?place=2'
    >>> own_page("https://a.example/x//evil.example/live", "https://a.example/x", {"live"})
    '/'
    """
    try:
        asked, own = urlsplit(address), urlsplit(public_url)
        query = parse_qsl(asked.query, keep_blank_values=True, max_num_fields=100)
        if _origin(asked) != _origin(own):
            return "/"
    except ValueError:
        return "/"
    path = asked.path.removeprefix(own.path)
    if path not in {"/", *(f"/{name}" for name in pages)} or not asked.path.startswith(own.path):
        return "/"
    text = urlencode([(name, value) for name, value in query if name != OUTCOME], safe=":/,.")
    return f"{path}?{text}" if text and len(text) <= LONGEST_QUERY else path


class SignInReturn:
    """ASGI middleware around Streamlit's routes for signing in and out.

    Args:
        app: What answers.
        base: What the addresses that the app receives begin with; empty, or with a slash before it and none after.
        public_url: Where browsers find the dashboard, without a slash at its end.
        pages: Names of the pages in addresses.
    """

    def __init__(self, app: ASGIApp, base: str, public_url: str, pages: Collection[str]) -> None:
        self.app, self.base, self.public_url, self.pages = app, base, public_url, frozenset(pages)
        self.callback_path = f"{urlsplit(public_url).path}{CALLBACK}"
        logger = logging.getLogger(STREAMLIT_LOGGER)
        if _note_failure not in logger.filters:
            logger.addFilter(_note_failure)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        path = str(scope.get("path", ""))
        routes = {f"{self.base}{LOGIN}", f"{self.base}{LOGOUT}", f"{self.base}{CALLBACK}"}
        if scope["type"] != "http" or path not in routes:
            await self.app(scope, receive, send)
            return
        failures: list[BaseException] = []
        token = _failures.set(failures)
        try:
            if path.endswith(LOGIN):
                await self._leave(scope, receive, send, failures)
            elif path.endswith(LOGOUT):
                await self._sign_out(scope, receive, send)
            else:
                await self._come_back(scope, receive, send, failures)
        finally:
            _failures.reset(token)

    async def _leave(self, scope: Scope, receive: Receive, send: Send, failures: list[BaseException]) -> None:
        """Remembers the page and the state; where there is no way to the provider, says so on the page."""
        referer = dict(scope["headers"]).get(b"referer", b"").decode("latin-1")
        page = own_page(referer, self.public_url, self.pages)

        def changed(message: Message) -> Message:
            location = dict(message["headers"]).get(b"location", b"").decode("latin-1")
            states = parse_qs(urlsplit(location).query).get("state", [])
            if message["status"] != 302 or not states:
                return self._redirect(message, page, _outcome_of(failures) if failures else "late")
            state = dict(set_cookies(message)).get(STATE_COOKIE, "")
            name, seconds = _name(states[0]), MINUTES * 60
            message["headers"].append(cookie_header(name, _packed(page, state), self.callback_path, seconds))
            return message

        await self._answer(scope, receive, _Replaced(send, changed), self._too_slow(page))

    async def _come_back(
        self, scope: Scope, receive: Receive, send: Send, failures: list[BaseException]
    ) -> None:
        """Gives Streamlit the state that belongs to this answer of the provider, and leads to the page."""
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        name = _name(query.get("state", [""])[0])
        cookies = cookies_of(scope)
        page, state = _unpacked(cookies.get(name, ""))
        page = own_page(f"{self.public_url}{page}", self.public_url, self.pages)
        asked = with_cookie(scope, STATE_COOKIE, state) if state else scope

        def changed(message: Message) -> Message:
            if name in cookies:
                message["headers"].append(cookie_header(name, "", self.callback_path, 0))
            if USER_COOKIE in dict(set_cookies(message)):
                return self._redirect(message, page, None)
            if "error" in query:
                is_denied = query["error"][0] == "access_denied"
                return self._redirect(message, page, "denied" if is_denied else "failed")
            if failures:
                return self._redirect(message, page, _outcome_of(failures))
            if USER_COOKIE in cookies and message["status"] == 302:
                # An answer that was used already, from the browser's history: the sign-in stands.
                return self._redirect(message, page, None)
            if not {"state", "code"} & set(query):
                return self._redirect(message, page, "signed-out")
            return self._redirect(message, page, "failed" if state else "late")

        await self._answer(asked, receive, _Replaced(send, changed), self._too_slow(page))

    async def _sign_out(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Says that it is done, where Streamlit does not lead on to the provider, which leads back to the callback."""

        def changed(message: Message) -> Message:
            location = dict(message["headers"]).get(b"location", b"").decode("latin-1")
            return message if urlsplit(location).netloc else self._redirect(message, "/", "signed-out")

        deleted = [cookie_header(name, "", self.base or "/", 0) for name in (USER_COOKIE, TOKENS_COOKIE)]
        too_slow = self._redirect({**_START, "headers": deleted}, "/", "signed-out")
        await self._answer(scope, receive, _Replaced(send, changed), too_slow)

    async def _answer(self, scope: Scope, receive: Receive, answer: _Replaced, too_slow: Message) -> None:
        """Answers as Streamlit does, which asks the provider; one that sends its answer byte by byte is given up."""
        try:
            async with asyncio.timeout(PROVIDER_SECONDS):
                await self.app(scope, receive, answer)
        except TimeoutError:
            if answer.is_started:
                raise
            _log.warning("The identity provider has not answered within %g s.", PROVIDER_SECONDS)
            await answer.send(too_slow)
            await answer.send({"type": "http.response.body", "body": b""})

    def _too_slow(self, page: str) -> Message:
        return self._redirect(_START, page, "unreachable")

    def _redirect(self, message: Message, page: str, outcome: Outcome | None) -> Message:
        """The start of an answer that leads to a page of ours instead; its cookies stay."""
        if outcome:
            page += f"{'&' if '?' in page else '?'}{OUTCOME}={outcome}"
        kept = [(name, value) for name, value in message["headers"] if name.lower() == b"set-cookie"]
        headers = [
            (b"location", f"{self.public_url}{page}".encode("latin-1")),
            (b"cache-control", b"no-store"),
            (b"content-length", b"0"),
        ]
        return {**message, "status": 302, "headers": headers + kept}


class _Replaced:
    """Sends an answer whose start is changed; the body is left out, since a redirect needs none."""

    def __init__(self, send: Send, changed: Callable[[Message], Message]) -> None:
        self.send, self.changed = send, changed
        self.is_started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.is_started = True
            await self.send(self.changed({**message, "headers": list(message["headers"])}))
        elif not message.get("more_body"):
            await self.send({"type": "http.response.body", "body": b""})


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    """Scheme, host and port; raises ValueError where the port is none."""
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _name(state: str) -> str:
    """The name of the cookie of a state: no character of it comes from outside."""
    return f"inbox_sign_in_{hashlib.sha256(state.encode()).hexdigest()[:16]}"


def _packed(page: str, state: str) -> str:
    return f"{urlsafe_b64encode(page.encode()).decode()}.{state}"


def _unpacked(value: str) -> tuple[str, str]:
    """The page and Streamlit's state; the start page and nothing where the cookie is gone or broken."""
    page, _, state = value.partition(".")
    try:
        return urlsafe_b64decode(page).decode(), state
    except ValueError:
        return "/", state


def _note_failure(record: logging.LogRecord) -> bool:
    """Keeps what Streamlit logs while it answers this request; lets every record pass."""
    failures = _failures.get()
    if failures is not None and record.exc_info and record.exc_info[1]:
        failures.append(record.exc_info[1])
    return True


def _outcome_of(failures: list[BaseException]) -> Outcome:
    """Why signing in failed, by what Streamlit met."""
    failure = failures[-1]
    if getattr(failure, "claim", None) in {"exp", "iat", "nbf"}:
        _log.error(
            "Sign-in failed because the clocks of this server and of the identity provider differ by more than two"
            " minutes (%s). Let both follow a time server.",
            failure,
        )
        return "clock"
    # Authlib asks through httpx2 where that is installed, and through httpx otherwise.
    return "unreachable" if type(failure).__module__.startswith("httpx") else "failed"
