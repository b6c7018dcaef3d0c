"""The ASGI app around the pages, run by `streamlit run asgi_app.py` or `inbox-analytics serve`.

Adds to Streamlit: sign-in, middleware, health and metrics endpoints, a document with the server's address, texts for
unknown addresses, lost connections and unexpected exceptions, and downloads. Unlike those of Streamlit's own button, these
downloads check access at the click, and still work after the next run of their panel or a restart. Knows the pages by name
only.

The document names the server's address because the frontend would otherwise derive it from the page's address: opening
`/live` directly would cost two requests with 404 and half a second.
"""

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
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
from analytics.store.store import Store
from analytics.telemetry import DEFECTS, NUMBERS, Labels, Metric
from analytics.transports.connections import Connections
from analytics.web import audit, metrics, readiness, request_id
from analytics.web.audit import Event
from analytics.web.middleware.compressed import CompressedFiles
from analytics.web.middleware.cookies import SecureCookies, SmallCookies
from analytics.web.middleware.document import our_document
from analytics.web.middleware.headers import AnswerHeaders
from analytics.web.middleware.messages import PageMessages
from analytics.web.middleware.prefix import Prefix, prefix_of
from analytics.web.middleware.refusals import Refusals, streamlit_options
from analytics.web.middleware.sign_in_return import SignInReturn

SOURCES: Final[tuple[Source, ...]] = ("tinybird", "postgres")
"""Sources that pages need. The store, where one is set, is probed too: without it everything but goals works."""
PAGES = sorted(path.stem for path in (Path(__file__).parent / "pages").glob("*.py"))
STATIC = Path(__file__).parent / "static"
OURS = our_document(
    (Path(get_static_dir()) / "index.html").read_text(encoding="utf-8"),
    (STATIC / "document.js").read_text(encoding="utf-8"),
    "\n".join((STATIC / name).read_text(encoding="utf-8") for name in ("document.css", "style.css")),
)
PREAMBLES = {"PlotlyChart.": (STATIC / "charts_after_cards.js").read_text(encoding="utf-8")}
WORKBOOKS = asyncio.Semaphore(2)
"""Workbooks made at a time; others wait, so that pages stay quick: one of 100,000 rows keeps a processor busy for a minute."""
NOT_FOUND = (STATIC / "not-found.html").read_text(encoding="utf-8")


async def document(_request: Request) -> HTMLResponse:
    """Serves the document of every page; not cached, like Streamlit's own."""
    return HTMLResponse(OURS, headers={"Cache-Control": "no-cache"})


class Export(HTTPEndpoint):
    """Endpoint of the buttons CSV, Excel and Export page (static/export_request.js): the file, or an error text.

    The rows of a CSV are streamed as they are read. A workbook is complete before it is sent.
    """

    async def post(self, request: Request) -> Response:
        """Answers with the file, or with an error text as JSON. Other methods get 405."""
        # Imported here: caches need a running server, and this module is imported before it runs.
        from pages.components.exports import download
        from pages.components.page import sign_in

        # A page of another website cannot send this type with the viewer's cookies: the browser makes a preflight request.
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return _no_file("The request has to be application/json.", 415)
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > download.LONGEST_REQUEST:
                return _no_file("The request is too long. Remove a filter and try again.", 413)
        try:
            identity = sign_in.identity_of_request(request)
        except AnalyticsError as error:
            audit.write(audit.failed(Event("export"), error))
            return _not_made(error)
        try:
            async with WORKBOOKS if download.is_workbook(bytes(body)) else nullcontext():
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
        return StreamingResponse(file.lines, media_type=file.media_type, headers=headers)


def _not_made(error: AnalyticsError) -> JSONResponse:
    return _no_file(f"{error.message} {error.remedy}", 403 if isinstance(error, AccessDenied) else 503)


def _no_file(message: str, status: int) -> JSONResponse:
    return JSONResponse({"message": message}, status, headers={"Cache-Control": "no-store"})


def not_found(app: ASGIApp) -> ASGIApp:
    """ASGI middleware that answers 404 for unknown addresses, where Streamlit would show its start page.

    Redirects a page with a trailing slash to the page.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", "")).removeprefix(BASE)
        name, page = path.strip("/"), path.rstrip("/")
        if scope["type"] == "http" and name in PAGES and page != path:
            # Relative, so that it works behind a proxy that strips a prefix.
            query = str(scope["query_string"].decode("latin-1"))
            address = "../" * (len(path) - len(page)) + name + (f"?{query}" if query else "")
            await RedirectResponse(address, status_code=301)(scope, receive, send)
            return
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        is_page, is_document = name in {"", "index.html", *PAGES}, False

        async def forward(message: Message) -> None:
            nonlocal is_document
            if message["type"] == "http.response.start":
                kind = dict(message["headers"]).get(b"content-type", b"")
                is_document = not is_page and message["status"] == 200 and kind.startswith(b"text/html")
                message = {**message, "headers": list(without_host(message["headers"], scope))}
            if not is_document:
                await send(message)

        await app(scope, receive, forward)
        if is_document:
            # Relative, so that it works behind a proxy that serves the app under a prefix.
            root = "../" * (path.count("/") - 1) or "./"
            await HTMLResponse(NOT_FOUND.replace("{root}", root), status_code=404)(scope, receive, send)

    return answer


def without_host(headers: Iterable[tuple[bytes, bytes]], scope: Scope) -> Iterator[tuple[bytes, bytes]]:
    """The headers of a response; a Location on the requested host becomes a path.

    Behind a proxy, scheme and host name of the request are not those in the browser.
    """
    host = Headers(scope=scope).get("host", "")
    for name, value in headers:
        to = urlsplit(value.decode("latin-1")) if name == b"location" else None
        if to is not None and to.netloc and to.netloc == host:
            # Two leading slashes would name another host.
            path = "/" + to.path.lstrip("/\\")
            yield name, to._replace(scheme="", netloc="", path=path).geturl().encode("latin-1")
        else:
            yield name, value


def on_script_error(_error: Exception) -> bool:
    """Shows our error box instead of Streamlit's; the log has the exception. True: it is handled."""
    # Imported here: caches need a running server, and this module is imported before it runs.
    from pages.components.page import panel

    NUMBERS.add(DEFECTS)
    panel.defect()
    return True


def probe(source: Source) -> None:
    """Sends a small request to a source over the connections of the pages."""
    # Imported here: caches need a running server, and this module is imported before it runs.
    from analytics import cached

    cached.probe(source)


def measured() -> Mapping[Metric, Mapping[Labels, float]]:
    """The metrics that are read when `/metrics` is requested."""
    # Imported here, as above.
    from analytics import cached

    return cached.measured(datetime.now(UTC))


def load_pages() -> None:
    """Imports the modules of all pages, for which the first viewer would wait a second."""
    # Imported here, as above.
    import pages.components

    for module in walk_packages(pages.components.__path__, f"{pages.components.__name__}."):
        import_module(module.name)


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """Loads what pages need before anybody opens one; serves metrics on their separate port while the app runs."""
    load_pages()
    gc.collect()
    # What is loaded stays: looking through it each time would take most of a collection.
    gc.freeze()
    with metrics.second_port(load_settings(), measured):
        collecting = asyncio.create_task(collect_garbage(every_seconds=60))
        yield
        collecting.cancel()


async def collect_garbage(every_seconds: float) -> None:
    """Frees closed sessions; Python counts objects, and in half an hour lets 100 MB of their messages gather."""
    while True:
        await asyncio.sleep(every_seconds)
        gc.collect()


def at(name: str, endpoint: Callable[[Request], object]) -> list[Route]:
    """Routes of an endpoint: under the base, and at the root for supervisors."""
    return [Route(path, endpoint) for path in sorted({name, f"{BASE}{name}"})]


def auth_of_file() -> Mapping[str, object]:
    """The section `[auth]` of `secrets.toml`; empty without one.

    Raises:
        ConfigError: The file cannot be read.
    """
    try:
        section = st.secrets.get("auth", {})
    except (StreamlitSecretNotFoundError, OSError, ValueError) as error:
        if getattr(error, "error_id", None) == "no-secrets-found":
            return {}
        section = None
    if not isinstance(section, Mapping):
        # The exception's text repeats lines of the file, which may hold secrets.
        raise ConfigError("secrets.toml cannot be read.", "It has to be TOML, with [auth] as a section.")
    return section


def auth_or_exit() -> dict[str, SecretsValue]:
    """The sign-in configuration for `st.login`; exits with an error text when it is missing or not safe."""
    try:
        settings = load_settings()
        if settings.demo:
            # Only `streamlit run` turns the variable into an option; `inbox-analytics serve` does not.
            address = st.get_option("server.address") or os.environ.get("STREAMLIT_SERVER_ADDRESS")
            require_listening_here(address)
            config.set_option("server.address", address, "asgi_app.py")
        section = auth_section(settings, auth_of_file())
        # Checks the addresses now instead of on every page; connects to no source.
        Connections.from_settings(settings).close()
        if (store := Store.from_settings(settings)) is not None:
            store.close()
    except AnalyticsError as error:
        sys.exit(str(error))
    return cast("dict[str, SecretsValue]", section)


def request_id_of_run() -> str | None:
    """The request id of the WebSocket of the current run of a page; None outside a run.

    Only valid behind `analytics.web.middleware.requests`, which sets the header; otherwise it is the browser's own.
    """
    run = get_script_run_ctx(suppress_warning=True)
    client = None if run is None else get_instance().get_client(run.session_id)
    headers = {} if client is None or client.client_context is None else dict(client.client_context.headers)
    return headers.get(request_id.HEADER.decode())


def kind_of(content: bytes) -> str | None:
    """The kind of a WebSocket message of a page; None for invalid bytes."""
    message = BackMsg()
    try:
        message.ParseFromString(content)
    except DecodeError:
        return None
    return message.WhichOneof("type")


def signing_in(section: dict[str, Any]) -> list[Middleware]:
    """The middleware for sign-in; empty in demo mode, which has no sign-in."""
    if not section:
        return []
    # Streamlit signs the state of a sign-in with this option, which would otherwise be random at each start.
    secret, address = section["cookie_secret"], public_url(section)
    config.set_option("server.cookieSecret", secret)
    sign, unsign = partial(create_signed_value, secret), partial(decode_signed_value, secret)
    return [
        *([Middleware(SecureCookies)] if address.startswith("https:") else []),
        Middleware(SignInReturn, base=BASE, public_url=address, pages=PAGES),
        Middleware(SmallCookies, sign=sign, unsign=unsign),
    ]


AUTH = auth_or_exit()
STORE: Final[tuple[Source, ...]] = () if load_settings().store_url is None else ("store",)
READINESS = readiness.Readiness(
    {source: partial(probe, source) for source in (*SOURCES, *STORE)}, optional=STORE
)
PUBLIC_URL = public_url(AUTH) if AUTH else load_settings().public_url
# Streamlit's own WebSocket checks depend on the deployment; all other options are in config.toml.
for option, value in streamlit_options(PUBLIC_URL).items():
    config.set_option(option, value, "asgi_app.py")
# Where `rich` is installed, Streamlit would print tracebacks beside the log.
config.set_option("logger.enableRich", False, "asgi_app.py")
BASE = prefix_of(PUBLIC_URL) or prefix_of(st.get_option("server.baseUrlPath"))
"""Path prefix of all addresses; empty, or with a leading and no trailing slash."""
config.set_option("server.baseUrlPath", BASE, "asgi_app.py")

app = st.App(
    Path(__file__).with_name("app.py"),
    secrets={"auth": AUTH},
    routes=[
        *(Route(f"{BASE}/{name}", document) for name in ("", "index.html", *PAGES)),
        # At the root and under the base, as the start page has the address of the base with and without a slash.
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
        Middleware(
            CompressedFiles,
            directory=Path(get_static_dir()) / "static",
            path=f"{BASE}/static",
            preambles=PREAMBLES,
        ),
    ],
    lifespan=lifespan,
    on_script_error=on_script_error,
)
