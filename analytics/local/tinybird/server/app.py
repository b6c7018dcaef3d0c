"""The Tinybird-compatible server as an ASGI application: opens the engine, mounts the routes, answers errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from analytics.local.tinybird.engine import Engine
from analytics.local.tinybird.project.project import load_project
from analytics.local.tinybird.project.tokens import Tokens
from analytics.local.tinybird.server.backend import Backend
from analytics.local.tinybird.server.data_routes import DataRoutes
from analytics.local.tinybird.server.management_routes import ManagementRoutes
from analytics.local.tinybird.server.resource_routes import ResourceRoutes
from analytics.local.tinybird.server.route_rules import KNOWN_ERRORS, answer_error
from analytics.local.tinybird.storage.clickhouse import Limits

MAX_ADDRESS_BYTES = 4 * 1024 * 1024
"""What uvicorn's `h11_max_incomplete_event_size` is to be: a long `?q=` is answered, not cut off without JSON."""


def create_app(
    project_dir: Path,
    data_dir: Path,
    tokens: Tokens,
    limits: Limits | None = None,
    web_origins: Sequence[str] = (),
) -> Starlette:
    """The server for one project, its tables in `data_dir/tinybird` open. The app's shutdown closes them.

    `web_origins` are origins of web pages, such as `http://localhost:3000`, whose scripts a browser lets read answers.

    Raises:
        DatafileError: a datafile that cannot be run, or that the rows already kept cannot follow; names the file.
        DirectoryUnusable: another process has the directory open, or it cannot be written.
    """
    backend = Backend(Engine(load_project(project_dir), data_dir / "tinybird", limits or Limits()), tokens)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await asyncio.to_thread(backend.close)

    return Starlette(
        routes=[
            *DataRoutes(backend).routes(),
            *ResourceRoutes(backend).routes(),
            *ManagementRoutes(backend).routes(),
        ],
        middleware=[_for_web_pages(web_origins)] if web_origins else [],
        lifespan=lifespan,
        exception_handlers=dict.fromkeys([*KNOWN_ERRORS, Exception], answer_error),
    )


def _for_web_pages(origins: Sequence[str]) -> Middleware:
    """Allows web pages of these origins (CORS); every request still needs a token."""
    return Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=("GET", "POST"),
        allow_headers=("Authorization", "Content-Type", "Content-Encoding"),
        expose_headers=("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"),
    )
