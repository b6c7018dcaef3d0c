"""Redirects a browser after a sign-in to the page where it began, or to a page with the reason why it failed.

Streamlit does not remember the page, and keeps one sign-in state per browser, so that of several tabs only the last one
could sign in. Therefore page and state are in a cookie per state, sent to the callback route only. The cookie survives a
restart of the server and is not trusted: the page has to be one of ours, and Streamlit signed the state itself.
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
"""Logger where Streamlit writes why a sign-in failed; its response has no reason."""

MINUTES: Final = 15
"""Time for a person to sign in at the provider."""

LONGEST_QUERY: Final = 1500
"""Characters; a cookie has room for 4,096 bytes, and the state takes about 1,000."""

_START: Final[Message] = {"type": "http.response.start", "status": 302, "headers": []}
_log = logging.getLogger(__name__)
_failures: ContextVar[list[BaseException] | None] = ContextVar("failures", default=None)


def own_page(address: str, public_url: str, pages: Collection[str]) -> str:
    """Path and query of one of our pages, below the public address; the start page for any other address.

    Args:
        address: Address from a browser; not trusted.
        public_url: Address of the dashboard in browsers, without a trailing slash.
        pages: Names of the pages in addresses.

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
    """ASGI middleware around Streamlit's routes for sign-in and sign-out.

    Args:
        app: The application within.
        base: Path prefix of the addresses that the app receives; empty, or with a leading and no trailing slash.
        public_url: Address of the dashboard in browsers, without a trailing slash.
        pages: Names of the pages in addresses.
        provider_seconds: Time limit for all requests to the provider of one sign-in or sign-out; each wait for the next
            bytes ends after 5 s.
    """

    def __init__(
        self, app: ASGIApp, base: str, public_url: str, pages: Collection[str], provider_seconds: float = 20.0
    ) -> None:
        self.app, self.base, self.public_url, self.pages = app, base, public_url, frozenset(pages)
        self._provider_seconds = provider_seconds
        self.callback_path = f"{urlsplit(public_url).path}{CALLBACK}"
        logger = logging.getLogger(STREAMLIT_LOGGER)
        if _note_failure not in logger.filters:
            logger.addFilter(_note_failure)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
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
        """Stores page and state in a cookie; redirects back to the page when the provider cannot be reached."""
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
        """Gives Streamlit the state that belongs to the provider's answer and redirects to the page."""
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
                # An answer that was used already, from the browser's history: the sign-in is still valid.
                return self._redirect(message, page, None)
            if not {"state", "code"} & set(query):
                return self._redirect(message, page, "signed-out")
            return self._redirect(message, page, "failed" if state else "late")

        await self._answer(asked, receive, _Replaced(send, changed), self._too_slow(page))

    async def _sign_out(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Redirects to the start page unless Streamlit redirects to the provider, which returns to the callback."""

        def changed(message: Message) -> Message:
            location = dict(message["headers"]).get(b"location", b"").decode("latin-1")
            return message if urlsplit(location).netloc else self._redirect(message, "/", "signed-out")

        deleted = [cookie_header(name, "", self.base or "/", 0) for name in (USER_COOKIE, TOKENS_COOKIE)]
        too_slow = self._redirect({**_START, "headers": deleted}, "/", "signed-out")
        await self._answer(scope, receive, _Replaced(send, changed), too_slow)

    async def _answer(self, scope: Scope, receive: Receive, answer: _Replaced, too_slow: Message) -> None:
        """Calls Streamlit, which requests the provider, with a time limit for the whole."""
        try:
            async with asyncio.timeout(self._provider_seconds):
                await self.app(scope, receive, answer)
        except TimeoutError:
            if answer.is_started:
                raise
            _log.warning("The identity provider did not answer within %g s.", self._provider_seconds)
            await answer.send(too_slow)
            await answer.send({"type": "http.response.body", "body": b""})

    def _too_slow(self, page: str) -> Message:
        return self._redirect(_START, page, "unreachable")

    def _redirect(self, message: Message, page: str, outcome: Outcome | None) -> Message:
        """The start of a redirect to a page of ours, with the cookies of the original response."""
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
    """Sends a response with a changed start and without its body, which a redirect does not need."""

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
    """Scheme, host and port; raises ValueError for an invalid port."""
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _name(state: str) -> str:
    """Name of the cookie of a state: a hash, without any text from the request."""
    return f"inbox_sign_in_{hashlib.sha256(state.encode()).hexdigest()[:16]}"


def _packed(page: str, state: str) -> str:
    return f"{urlsafe_b64encode(page.encode()).decode()}.{state}"


def _unpacked(value: str) -> tuple[str, str]:
    """Page and Streamlit's state from a cookie; the start page and an empty state when it is missing or invalid."""
    page, _, state = value.partition(".")
    try:
        return urlsafe_b64decode(page).decode(), state
    except ValueError:
        return "/", state


def _note_failure(record: logging.LogRecord) -> bool:
    """Log filter that keeps the exceptions that Streamlit logs for this request; passes every record."""
    failures = _failures.get()
    if failures is not None and record.exc_info and record.exc_info[1]:
        failures.append(record.exc_info[1])
    return True


def _outcome_of(failures: list[BaseException]) -> Outcome:
    """Maps the last exception of Streamlit to an outcome."""
    failure = failures[-1]
    if getattr(failure, "claim", None) in {"exp", "iat", "nbf"}:
        _log.error(
            "Sign-in failed because the clocks of this server and of the identity provider differ by more than two"
            " minutes (%s). Let both follow a time server.",
            failure,
        )
        return "clock"
    # Authlib uses httpx2 where that is installed, and httpx otherwise.
    return "unreachable" if type(failure).__module__.startswith("httpx") else "failed"
