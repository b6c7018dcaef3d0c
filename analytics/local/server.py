"""The routes of the Tinybird-compatible server: which address does what, for whom.

Blocking work runs in threads: queries in one pool, reading events in another, so that neither waits for the other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from analytics.local import catalog
from analytics.local.clickhouse import Limits
from analytics.local.datafile import Datasource, Pipe
from analytics.local.engine import Engine
from analytics.local.exchange import (
    KNOWN_ERRORS,
    RateLimit,
    answer_error,
    arguments_of,
    body_of,
    fields_of,
    role_of,
)
from analytics.local.rows import Format
from analytics.local.tokens import Role, Tokens

P = ParamSpec("P")
T = TypeVar("T")

_LOG = logging.getLogger(__name__)
EVENTS_PER_SECOND = 100
_MOST_WAITING = 256
_EVENT_FORMATS: dict[str, Format] = {"ndjson": "ndjson", "json": "json"}
_PIPE_FORMATS = {"json": "JSON", "csv": "CSVWithNames", "ndjson": "JSONEachRow", "parquet": "Parquet"}
_SQL_FORMATS = {
    **dict.fromkeys(("JSON", "JSONCompact", "JSONStrings"), "application/json"),
    "JSONEachRow": "application/x-ndjson",
    **dict.fromkeys(("CSV", "CSVWithNames"), "text/csv; charset=utf-8"),
    **dict.fromkeys(
        ("TSV", "TSVWithNames", "TabSeparated", "TabSeparatedWithNames"), "text/tab-separated-values"
    ),
    **dict.fromkeys(("PrettyCompact", "Pretty", "Vertical"), "text/plain; charset=utf-8"),
    "Parquet": "application/vnd.apache.parquet",
}


def create_app(project_dir: Path, data_dir: Path, tokens: Tokens, limits: Limits | None = None) -> Starlette:
    """The server for one project; tables live in `data_dir/tinybird`, open while the app runs.

    Raises at start-up (not here):
        DatafileError: a datafile that cannot be run, or that the kept rows cannot follow.
    """
    server = _Server(tokens)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        server.engine = await asyncio.to_thread(
            Engine, project_dir, data_dir / "tinybird", limits or Limits()
        )
        try:
            yield
        finally:
            await asyncio.to_thread(server.close)

    return Starlette(
        routes=server.routes(),
        lifespan=lifespan,
        exception_handlers=dict.fromkeys([*KNOWN_ERRORS, Exception], answer_error),
    )


class _Server:
    """The routes, around one engine that the application's lifespan opens."""

    engine: Engine

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._events = RateLimit(EVENTS_PER_SECOND)
        self._waiting = 0
        self._query_threads = ThreadPoolExecutor(16, thread_name_prefix="query")
        self._event_threads = ThreadPoolExecutor(4, thread_name_prefix="events")

    def close(self) -> None:
        self._query_threads.shutdown(cancel_futures=True)
        self._event_threads.shutdown()
        self.engine.close()

    def routes(self) -> list[Route]:
        return [
            Route("/v0/health", self.health),
            Route("/v0/events", self.events, methods=["POST"]),
            Route("/v0/sql", self.sql, methods=["GET", "POST"]),
            Route("/v0/pipes", self.pipes),
            Route("/v0/pipes/{name}", self.pipe, methods=["GET", "POST"]),
            Route("/v0/datasources", self.datasources),
            Route("/v0/datasources/{name}", self.datasource),
            Route("/v0/datasources/{name}/delete", self.delete, methods=["POST"]),
            Route("/v0/jobs", self.jobs),
            Route("/v0/jobs/{job_id}", self.job),
            Route("/v0/tokens", self.tokens),
            Route("/v0/regions", self.regions),
            Route("/{version:str}/workspace", self.workspace),
            Route("/{version:str}/workspaces/{workspace_id}", self.workspace),
            Route("/{version:str}/user/workspaces", self.workspaces),
            Route("/{version:str}/user/workspaces/", self.workspaces),
        ]

    async def health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def events(self, request: Request) -> Response:
        role = self._role(request)
        name = request.query_params.get("name", "")
        if not name:
            raise HTTPException(400, "The parameter 'name' is missing: the data source to append to")
        datasource = self.engine.project.datasources.get(name)
        if not self.engine.project.may(role, "APPEND", name):
            if role != "admin":
                raise HTTPException(403, f"The token has no APPEND scope for the data source '{name[:100]}'")
            raise HTTPException(404, f"There is no data source called '{name[:100]}'")
        if datasource is None:
            raise HTTPException(404, f"There is no data source called '{name[:100]}'")
        headers = self._events.headers(name)
        format_ = _EVENT_FORMATS.get(request.query_params.get("format", "ndjson"))
        if format_ is None:
            raise HTTPException(400, "The parameter 'format' is ndjson or json")
        body = await body_of(request)
        if not body.strip():
            raise HTTPException(400, "The body holds no events")
        loop = asyncio.get_running_loop()
        counts, stored = await loop.run_in_executor(
            self._event_threads, partial(self.engine.append, name, body, format_)
        )
        waits = request.query_params.get("wait", "false").lower() in {"true", "1"}
        if waits:
            counts = await asyncio.wrap_future(stored)
        answer = {"successful_rows": counts.successful_rows, "quarantined_rows": counts.quarantined_rows}
        return JSONResponse(answer, 200 if waits else 202, headers=headers)

    async def sql(self, request: Request) -> Response:
        role = self._role(request)
        fields = await fields_of(request)
        query = fields.get("q", "")
        if not query.strip():
            raise HTTPException(400, "The parameter 'q' is missing: the SELECT to run")
        return await self._select(query, fields, role, self._underscore(fields.get("pipeline"), role))

    async def pipes(self, request: Request) -> Response:
        role = self._role(request)
        project = self.engine.project
        readable = [pipe for pipe in project.pipes.values() if project.may(role, "READ", pipe.name)]
        host = str(request.base_url).rstrip("/")
        return JSONResponse(
            {"pipes": [catalog.pipe_info(pipe, self.engine.composer, host) for pipe in readable]}
        )

    async def pipe(self, request: Request) -> Response:
        role = self._role(request)
        name, dot, format_ = request.path_params["name"].partition(".")
        pipe = self._readable_pipe(name, role)
        if not dot:
            if request.method != "GET":
                raise HTTPException(405, "Method Not Allowed")
            return JSONResponse(
                catalog.pipe_info(pipe, self.engine.composer, str(request.base_url).rstrip("/"))
            )
        if format_ not in _PIPE_FORMATS:
            raise HTTPException(
                400, f"The format '{format_[:40]}' is unknown: use {', '.join(_PIPE_FORMATS)}"
            )
        if pipe.endpoint is None:
            raise HTTPException(404, f"The pipe '{name}' has no endpoint")
        fields = await fields_of(request)
        if fields.get("q", "").strip():
            return await self._select(fields["q"], fields, role, pipe, _PIPE_FORMATS[format_])
        clickhouse_format = _PIPE_FORMATS[format_]
        content = await self._query(self.engine.query_pipe, pipe, arguments_of(fields), clickhouse_format)
        return _answer(content, clickhouse_format)

    async def datasources(self, request: Request) -> Response:
        role = self._role(request)
        project, sizes = self.engine.project, await self._query(self.engine.sizes)
        visible = [each for each in project.datasources.values() if self._sees(role, each)]
        return JSONResponse({"datasources": [catalog.datasource_info(each, sizes) for each in visible]})

    async def datasource(self, request: Request) -> Response:
        role = self._role(request)
        datasource = self._known_datasource(request.path_params["name"])
        if not self._sees(role, datasource):
            raise HTTPException(403, f"The token has no scope for the data source '{datasource.name}'")
        return JSONResponse(catalog.datasource_info(datasource, await self._query(self.engine.sizes)))

    async def delete(self, request: Request) -> Response:
        if self._role(request) != "admin":
            raise HTTPException(403, "Deleting rows needs the admin token")
        datasource = self._known_datasource(request.path_params["name"])
        fields = await fields_of(request)
        condition = fields.get("delete_condition", "")
        if not condition.strip():
            raise HTTPException(400, "The parameter 'delete_condition' is missing")
        checked = await self._query(self.engine.check_condition, datasource.name, condition)
        if fields.get("dry_run", "false").lower() in {"true", "1"}:
            rows = await self._query(self.engine.count, datasource.name, checked)
            return JSONResponse({"rows_to_be_deleted": rows})
        job = self.engine.start_delete(datasource.name, checked)
        info = catalog.job_info(job, str(request.base_url).rstrip("/"))
        return JSONResponse({**info, "job": dict(info), "delete_id": job.id}, 201)

    async def jobs(self, request: Request) -> Response:
        self._role(request)
        host = str(request.base_url).rstrip("/")
        status, kind = request.query_params.get("status"), request.query_params.get("kind", "delete_data")
        listed = [
            job for job in self.engine.jobs.all() if kind == "delete_data" and status in {None, job.status}
        ]
        return JSONResponse({"jobs": [catalog.job_info(job, host) for job in listed]})

    async def job(self, request: Request) -> Response:
        self._role(request)
        job = self.engine.jobs.get(request.path_params["job_id"])
        if job is None:
            raise HTTPException(404, "There is no such job")
        return JSONResponse(catalog.job_info(job, str(request.base_url).rstrip("/")))

    async def tokens(self, request: Request) -> Response:
        if self._role(request) != "admin":
            raise HTTPException(403, "Listing tokens needs the admin token")
        return JSONResponse({"tokens": catalog.token_infos(self.engine.project, self._tokens)})

    async def regions(self, request: Request) -> Response:
        host = str(request.base_url).rstrip("/")
        region = {
            "name": catalog.REGION,
            "provider": "local",
            "api_host": host,
            "host": host,
            "default_password": "",
        }
        return JSONResponse({"regions": [region]})

    async def workspace(self, request: Request) -> Response:
        return JSONResponse(catalog.workspace_info(self._role(request)))

    async def workspaces(self, request: Request) -> Response:
        workspace = catalog.workspace_info(self._role(request))
        return JSONResponse(
            {"id": workspace["user_id"], "email": workspace["user_email"], "workspaces": [workspace]}
        )

    def _role(self, request: Request) -> Role:
        return role_of(request, self._tokens)

    def _sees(self, role: Role, datasource: Datasource) -> bool:
        may = self.engine.project.may
        return may(role, "READ", datasource.name) or may(role, "APPEND", datasource.name)

    def _known_datasource(self, name: str) -> Datasource:
        datasource = self.engine.project.datasources.get(name)
        if datasource is None:
            raise HTTPException(404, f"There is no data source called '{name[:100]}'")
        return datasource

    def _readable_pipe(self, name: str, role: Role) -> Pipe:
        pipe = self.engine.project.pipes.get(name)
        if pipe is None:
            raise HTTPException(404, f"There is no pipe called '{name[:100]}'")
        if not self.engine.project.may(role, "READ", name):
            raise HTTPException(403, f"The token has no READ scope for the pipe '{name}'")
        return pipe

    def _underscore(self, name: str | None, role: Role) -> Pipe | None:
        return self._readable_pipe(name, role) if name else None

    async def _select(
        self, query: str, fields: dict[str, str], role: Role, pipe: Pipe | None, format_: str = "TSV"
    ) -> Response:
        may_read = partial(self.engine.project.may, role, "READ")
        composed = await self._query(self.engine.compose_select, query, arguments_of(fields), may_read, pipe)
        format_ = composed.format or format_
        if format_ not in _SQL_FORMATS:
            raise HTTPException(400, f"FORMAT {format_[:40]} is not supported: use {', '.join(_SQL_FORMATS)}")
        return _answer(await self._query(self.engine.query_select, composed, format_), format_)

    async def _query(self, function: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
        if self._waiting >= _MOST_WAITING:
            raise HTTPException(429, "Too many queries are waiting", headers={"Retry-After": "1"})
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._query_threads, partial(function, *arguments, **keywords))
        finally:
            self._waiting -= 1


def _answer(content: bytes, format_: str) -> Response:
    if format_ == "JSON":
        content = with_rows_before_limit(content)
    return Response(content, media_type=_SQL_FORMATS[format_])


def with_rows_before_limit(content: bytes) -> bytes:
    """A JSON answer that always has `rows_before_limit_at_least`; ClickHouse leaves it out without a LIMIT."""
    end = content.rfind(b'"statistics":')
    start = content.rfind(b'"rows":', 0, end)
    if start < 0 or b'"rows_before_limit_at_least"' in content[start:end]:
        return content
    rows = content[start + len(b'"rows":') : content.index(b",", start)].strip()
    return content[:end] + b'"rows_before_limit_at_least": ' + rows + b",\n\n\t" + content[end:]
