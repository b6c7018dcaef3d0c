"""What the web server runs: `app.py`, as `streamlit run asgi_app.py`.

Owns what Streamlit itself decides otherwise: where the frontend looks for its server, what a viewer reads at an address
without a page, without a connection and after an unexpected exception, and how a file is downloaded: the file of Streamlit's
own button is gone after the next run of its panel and after a restart, and access is not checked at the click. Knows only
the pages' names.

The frontend takes the address that it was opened at for the server's, and asks the parent only after that failed: a link
straight to `/live` stood in the console with two answers 404, and waited half a second. So a page's document says which.
"""

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

import streamlit as st
from google.protobuf.message import DecodeError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config
from streamlit.errors import StreamlitSecretNotFoundError
from streamlit.file_util import get_static_dir
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.runtime import get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.secrets import SecretsValue
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value, decode_signed_value

from analytics.errors import AccessDenied, AnalyticsError, ConfigError, Source
from analytics.settings import load_settings
from analytics.settings.demo_mode import require_listening_here
from analytics.settings.sign_in import auth_section, public_url
from analytics.telemetry import DEFECTS, NUMBERS, Labels, Metric
from analytics.transports.connections import Connections
from analytics.web import audit, metrics, readiness, request_id
from analytics.web.audit import Event
from analytics.web.middleware.cookies import SecureCookies, SmallCookies
from analytics.web.middleware.document import our_document
from analytics.web.middleware.headers import AnswerHeaders
from analytics.web.middleware.messages import PageMessages
from analytics.web.middleware.prefix import Prefix, prefix_of
from analytics.web.middleware.refusals import Refusals, streamlit_options
from analytics.web.middleware.sign_in_return import SignInReturn

SOURCES: Final[tuple[Source, ...]] = ("tinybird", "postgres")
PAGES = sorted(path.stem for path in (Path(__file__).parent / "pages").glob("*.py"))
STATIC = Path(__file__).parent / "static"
OURS = our_document(
    (Path(get_static_dir()) / "index.html").read_text(encoding="utf-8"),
    (STATIC / "document.js").read_text(encoding="utf-8"),
    "\n".join((STATIC / name).read_text(encoding="utf-8") for name in ("document.css", "style.css")),
)
NOT_FOUND = (STATIC / "not-found.html").read_text(encoding="utf-8")


async def document(_request: Request) -> HTMLResponse:
    """The document of every page; never from a cache, as Streamlit's own is not."""
    return HTMLResponse(OURS, headers={"Cache-Control": "no-cache"})


class Export(HTTPEndpoint):
    """A file that a click on CSV asks for (static/export.js): its rows as they are read, or why there is none."""

    async def post(self, request: Request) -> Response:
        """The file, or a sentence as JSON. Any other method is answered 405."""
        # Loaded here: what caches needs a running server, and this file is read before there is one.
        from pages.components.exports import download
        from pages.components.page import sign_in

        # A page of another website cannot send this type in the viewer's name: the browser asks the server first.
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return _no_file("The request has to be application/json.", 415)
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > download.LONGEST_REQUEST:
                return _no_file("The page asks for too much. Take a filter away and try again.", 413)
        try:
            identity = sign_in.identity_of_request(request)
        except AnalyticsError as error:
            audit.write(audit.failed(Event("export"), error))
            return _not_made(error)
        try:
            file = await run_in_threadpool(download.answer, bytes(body), identity)
        except AnalyticsError as error:
            return _not_made(error)
        except ValueError:
            return _no_file("This page is older than the server. Reload it and try again.", 400)
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        if file.is_cut:
            headers["X-Is-Cut"] = "1"
        if file.rows is not None:
            headers["X-Total-Rows"] = str(file.rows)
        return StreamingResponse(file.lines, media_type="text/csv", headers=headers)


def _not_made(error: AnalyticsError) -> JSONResponse:
    return _no_file(f"{error.message} {error.remedy}", 403 if isinstance(error, AccessDenied) else 503)


def _no_file(message: str, status: int) -> JSONResponse:
    return JSONResponse({"message": message}, status, headers={"Cache-Control": "no-store"})


def not_found(app: ASGIApp) -> ASGIApp:
    """Answers 404 where Streamlit would show its start page for any address that it does not know.

    A page with a slash after it is redirected to the page.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", "")).removeprefix(BASE)
        name, page = path.strip("/"), path.rstrip("/")
        if scope["type"] == "http" and name in PAGES and page != path:
            # Relative, so that it holds behind a proxy that takes a prefix away.
            query = str(scope["query_string"].decode("latin-1"))
            address = "../" * (len(path) - len(page)) + name + (f"?{query}" if query else "")
            await RedirectResponse(address, status_code=301)(scope, receive, send)
            return
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        is_page, is_document = name in {"", "index.html", *PAGES}, False

        async def pass_on(message: Message) -> None:
            nonlocal is_document
            if message["type"] == "http.response.start":
                kind = dict(message["headers"]).get(b"content-type", b"")
                is_document = not is_page and message["status"] == 200 and kind.startswith(b"text/html")
                message = {**message, "headers": list(without_host(message["headers"], scope))}
            if not is_document:
                await send(message)

        await app(scope, receive, pass_on)
        if is_document:
            # Relative, so that it holds behind a proxy that serves the app under a prefix.
            root = "../" * (path.count("/") - 1) or "./"
            await HTMLResponse(NOT_FOUND.replace("{root}", root), status_code=404)(scope, receive, send)

    return answer


def without_host(headers: Iterable[tuple[bytes, bytes]], scope: Scope) -> Iterator[tuple[bytes, bytes]]:
    """Headers of an answer; where they lead to the host that was asked, by its path alone.

    Behind a proxy the scheme and the name that this server is asked by are not those of the browser.
    """
    host = Headers(scope=scope).get("host", "")
    for name, value in headers:
        to = urlsplit(value.decode("latin-1")) if name == b"location" else None
        if to is not None and to.netloc and to.netloc == host:
            # With two slashes at its beginning it would be another host.
            path = "/" + to.path.lstrip("/\\")
            yield name, to._replace(scheme="", netloc="", path=path).geturl().encode("latin-1")
        else:
            yield name, value


def on_script_error(_error: Exception) -> bool:
    """Shows the project's words in place of Streamlit's; the error itself stands in the log. Always True: it is said."""
    # Loaded here: what caches needs a running server, and this file is read before there is one.
    from pages.components.page import panel

    NUMBERS.add(DEFECTS)
    panel.defect()
    return True


def ask(source: Source) -> None:
    """Asks a source something small, in the way and over the connections of pages."""
    # Loaded here: what caches needs a running server, and this file is read before there is one.
    from analytics import cached

    cached.ask(source)


def measured() -> Mapping[Metric, Mapping[Labels, float]]:
    """The metrics that are known only when asked for."""
    # Loaded here, as above.
    from analytics import cached

    return cached.measured(datetime.now(UTC))


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """What runs beside the pages for as long as they are served."""
    with metrics.second_port(load_settings(), measured):
        yield


def at(name: str, endpoint: Callable[[Request], object]) -> list[Route]:
    """Routes to what answers beside the pages: under the base and at the root, where a supervisor looks for it."""
    return [Route(path, endpoint) for path in sorted({name, f"{BASE}{name}"})]


def auth_of_file() -> Mapping[str, object]:
    """The section `[auth]` of `secrets.toml`; empty where there is none.

    Raises:
        ConfigError: There is a file, and it cannot be read.
    """
    try:
        section = st.secrets.get("auth", {})
    except (StreamlitSecretNotFoundError, OSError, ValueError) as error:
        if getattr(error, "error_id", None) == "no-secrets-found":
            return {}
        section = None
    if not isinstance(section, Mapping):
        # Their own words repeat what stands around the mistake.
        raise ConfigError("secrets.toml cannot be read.", "It has to be TOML, with [auth] as a section.")
    return section


def auth_or_exit() -> dict[str, SecretsValue]:
    """How people sign in, for `st.login`; a deployment without a safe way ends here, with a sentence."""
    try:
        settings = load_settings()
        if settings.demo:
            # `inbox-analytics serve` is no `streamlit run`, which would make an option of the variable.
            address = st.get_option("server.address") or os.environ.get("STREAMLIT_SERVER_ADDRESS")
            require_listening_here(address)
            config.set_option("server.address", address, "asgi_app.py")
        section = auth_section(settings, auth_of_file())
        # An address that cannot be read is told now, and not by every page; neither source is asked yet.
        Connections.from_settings(settings).close()
    except AnalyticsError as error:
        sys.exit(str(error))
    return cast("dict[str, SecretsValue]", section)


READINESS = readiness.Readiness({source: partial(ask, source) for source in SOURCES})


def request_id_of_run() -> str | None:
    """The id of the WebSocket that a run of a page belongs to; None elsewhere.

    Only where `analytics.web.middleware.requests` gives each request one: it is a header, and otherwise the browser's own.
    """
    run = get_script_run_ctx(suppress_warning=True)
    client = None if run is None else get_instance().get_client(run.session_id)
    headers = {} if client is None or client.client_context is None else dict(client.client_context.headers)
    return headers.get(request_id.HEADER.decode())


def kind_of(content: bytes) -> str | None:
    """The kind of a message that a page sends over its WebSocket; None for what is none."""
    message = BackMsg()
    try:
        message.ParseFromString(content)
    except DecodeError:
        return None
    return message.WhichOneof("type")


def signing_in(section: dict[str, Any]) -> list[Middleware]:
    """What stands around Streamlit's sign-in; nothing in the demo, which has no sign-in."""
    if not section:
        return []
    # What signs the state of a sign-in is read before the section is, and would be another one after a restart.
    secret, address = section["cookie_secret"], public_url(section)
    config.set_option("server.cookieSecret", secret)
    sign, unsign = partial(create_signed_value, secret), partial(decode_signed_value, secret)
    return [
        *([Middleware(SecureCookies)] if address.startswith("https:") else []),
        Middleware(SignInReturn, base=BASE, public_url=address, pages=PAGES),
        Middleware(SmallCookies, sign=sign, unsign=unsign),
    ]


AUTH = auth_or_exit()
PUBLIC_URL = public_url(AUTH) if AUTH else load_settings().public_url
# Streamlit's own checks of the WebSocket, by what this deployment is: the rest of its options stands in config.toml.
for option, value in streamlit_options(PUBLIC_URL).items():
    config.set_option(option, value, "asgi_app.py")
# Where `rich` is installed, Streamlit would print tracebacks beside the log.
config.set_option("logger.enableRich", False, "asgi_app.py")
BASE = prefix_of(PUBLIC_URL) or prefix_of(st.get_option("server.baseUrlPath"))
"""What all addresses begin with; empty, or with a slash before it and none after."""
config.set_option("server.baseUrlPath", BASE, "asgi_app.py")

app = st.App(
    Path(__file__).with_name("app.py"),
    secrets={"auth": AUTH},
    routes=[
        *(Route(f"{BASE}/{name}", document) for name in ("", "index.html", *PAGES)),
        # Beside the pages: the first one has the address of the base itself, with a slash after it or without.
        *(Route(path, Export) for path in {"/export", f"{BASE}/export"}),
        *at("/livez", readiness.livez),
        *at("/readyz", readiness.readyz(READINESS)),
        *at("/metrics", metrics.endpoint(measured, load_settings().metrics_token, is_open=False)),
    ],
    middleware=[
        Middleware(Prefix, prefix=BASE),
        Middleware(AnswerHeaders, documents=(OURS, NOT_FOUND), public_url=PUBLIC_URL),
        Middleware(Refusals, base=BASE, public_url=PUBLIC_URL),
        *signing_in(AUTH),
        Middleware(PageMessages, kind_of=kind_of),
        Middleware(not_found),
        Middleware(metrics.count_sessions),
    ],
    lifespan=lifespan,
    on_script_error=on_script_error,
)
