"""Routes that carry data: events in, pipes and SQL out."""

from __future__ import annotations

import asyncio
from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from analytics.local.tinybird.project.datafile import Pipe
from analytics.local.tinybird.project.tokens import Role
from analytics.local.tinybird.server.backend import Backend
from analytics.local.tinybird.server.request_fields import (
    arguments_of,
    body_of,
    fields_of,
    is_true,
    once,
    query_of,
    query_settings,
)
from analytics.local.tinybird.server.route_rules import RateLimit, datafile
from analytics.local.tinybird.storage.bodies import Format

EVENTS_PER_SECOND = 100
_LONGEST_SQL = 4_000_000
_EVENT_FORMATS: dict[str, Format] = {"ndjson": "ndjson", "json": "json"}
_PIPE_FORMATS = {
    "json": "JSON",
    "csv": "CSVWithNames",
    "csvwithnames": "CSVWithNames",
    "ndjson": "JSONEachRow",
    "parquet": "Parquet",
}
_MEDIA_TYPES = {
    **dict.fromkeys(("JSON", "JSONCompact", "JSONStrings"), "application/json"),
    "JSONEachRow": "application/x-ndjson",
    **dict.fromkeys(("CSV", "CSVWithNames"), "text/csv; charset=utf-8"),
    **dict.fromkeys(
        ("TSV", "TSVWithNames", "TabSeparated", "TabSeparatedWithNames"), "text/tab-separated-values"
    ),
    **dict.fromkeys(("PrettyCompact", "Pretty", "Vertical"), "text/plain; charset=utf-8"),
    "Parquet": "application/vnd.apache.parquet",
}


class DataRoutes:
    """`/v0/events`, `/v0/pipes/<name>.<format>` and `/v0/sql`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._rate = RateLimit(EVENTS_PER_SECOND)

    def routes(self) -> list[Route]:
        """The routes, for the application."""
        return [
            Route("/v0/events", self.events, methods=["POST"]),
            Route("/v0/sql", self.sql, methods=["GET", "POST"]),
            Route("/v0/pipes/{name}.{format}", self.pipe, methods=["GET", "POST"]),
        ]

    async def events(self, request: Request) -> Response:
        """Appends the body's rows to the data source `name`; 202, or 200 once stored with `wait=true`."""
        self._backend.role(request)
        fields = query_of(request)
        for parameter in ("name", "format", "wait"):
            once(parameter, fields.get(parameter, ""))
        if not fields.get("name"):
            raise HTTPException(400, "The parameter 'name' is missing: the data source to append to")
        name = self._backend.appendable(request, fields["name"]).name
        headers = self._rate.headers(name)
        format_ = _EVENT_FORMATS.get(fields.get("format", "ndjson"))
        if format_ is None:
            raise HTTPException(400, "The parameter 'format' is ndjson or json")
        waits = is_true(fields, "wait")
        body = await body_of(request)
        if not body.strip():
            raise HTTPException(400, "The body holds no events")
        counts, stored = await self._backend.events.run(self._backend.engine.append, name, body, format_)
        if waits:
            counts = await asyncio.wrap_future(stored)
        answer = {"successful_rows": counts.successful_rows, "quarantined_rows": counts.quarantined_rows}
        return JSONResponse(answer, 200 if waits else 202, headers=headers)

    async def sql(self, request: Request) -> Response:
        """Answers the SELECT `q` over what the token may read; TSV unless it names a FORMAT."""
        role = self._backend.role(request)
        fields = await fields_of(request)
        if not fields.get("q", "").strip():
            raise HTTPException(400, "The parameter 'q' is missing: the SELECT to run")
        pipe = self._backend.pipe(fields["pipeline"], role) if fields.get("pipeline") else None
        return await self._select(fields, role, pipe, "TSV")

    async def pipe(self, request: Request) -> Response:
        """Answers a pipe's endpoint in the format after the dot; `pipe` is its datafile."""
        role = self._backend.role(request)
        pipe = self._backend.pipe(request.path_params["name"], role)
        extension = request.path_params["format"]
        if extension == "pipe":
            return datafile(pipe.path)
        format_ = _PIPE_FORMATS.get(extension)
        if format_ is None:
            raise HTTPException(
                400, f"The format '{extension[:40]}' is unknown: use {', '.join(_PIPE_FORMATS)}"
            )
        if pipe.endpoint is None:
            raise HTTPException(404, f"The pipe '{pipe.name}' has no endpoint")
        fields = await fields_of(request)
        if fields.get("q", "").strip():
            return await self._select(fields, role, pipe, format_)
        settings = query_settings(fields)
        engine = self._backend.engine
        return _answer(
            await self._backend.queries.run(engine.query_pipe, pipe, arguments_of(fields), format_, settings),
            format_,
        )

    async def _select(self, fields: dict[str, str], role: Role, pipe: Pipe | None, format_: str) -> Response:
        query, engine, settings = fields["q"], self._backend.engine, query_settings(fields)
        if len(query) > _LONGEST_SQL:
            raise HTTPException(413, f"The query is longer than {_LONGEST_SQL} characters")
        may_read = partial(engine.project.may, role, "READ")
        composed = await self._backend.selects.run(
            engine.compose_select, query, arguments_of(fields), may_read, pipe
        )
        wanted = composed.format or format_
        format_ = next((known for known in _MEDIA_TYPES if known.lower() == wanted.lower()), "")
        if not format_:
            raise HTTPException(400, f"FORMAT {wanted[:40]} is not supported: use {', '.join(_MEDIA_TYPES)}")
        return _answer(
            await self._backend.selects.run(engine.query_select, composed, format_, settings), format_
        )


def _answer(content: bytes, format_: str) -> Response:
    if format_ == "JSON":
        content = with_rows_before_limit(content)
    return Response(content, media_type=_MEDIA_TYPES[format_])


def with_rows_before_limit(content: bytes) -> bytes:
    """A JSON answer that always has `rows_before_limit_at_least`; ClickHouse leaves it out without a LIMIT."""
    end = content.rfind(b'"statistics":')
    start = content.rfind(b'"rows":', 0, end)
    if start < 0 or b'"rows_before_limit_at_least"' in content[start:end]:
        return content
    rows = content[start + len(b'"rows":') : content.index(b",", start)].strip()
    return content[:end] + b'"rows_before_limit_at_least": ' + rows + b",\n\n\t" + content[end:]
