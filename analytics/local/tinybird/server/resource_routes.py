"""Routes of pipes and data sources: details, datafiles, and changes of their rows."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from analytics.local.tinybird.project.datafile import Datasource
from analytics.local.tinybird.project.project import QUARANTINE
from analytics.local.tinybird.server import catalog
from analytics.local.tinybird.server.backend import Backend
from analytics.local.tinybird.server.request_fields import (
    MAX_INFLATED_BYTES,
    body_of,
    fields_of,
    form_of,
    inflated_body,
    is_true,
    kind_of,
    only,
    query_of,
)
from analytics.local.tinybird.server.route_rules import datafile, host_of
from analytics.local.tinybird.storage.bodies import Format
from analytics.local.tinybird.storage.jobs import Job

_FILE_FORMATS: Final[dict[str, Format]] = {"csv": "csv", "ndjson": "ndjson", "parquet": "parquet"}
_GZIP: Final = b"\x1f\x8b"
_IMPORT: Final = frozenset({"format", "url", "dialect_delimiter"})
_TABS: Final = {"\\t": "\t", "tab": "\t"}


class ResourceRoutes:
    """`/v0/pipes`, `/v0/datasources` and what hangs below them, apart from the endpoints' answers."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._imports = asyncio.Semaphore(1)  # a file of 64 MB takes a gigabyte while it is read

    def routes(self) -> list[Route]:
        """The routes, for the application; after those of the endpoints' answers."""
        both = ("v0", "v1")
        return [
            *(Route(f"/{version}/pipes", self.pipes) for version in both),
            Route("/v1/pipes/{name}.pipe", self.pipe_file),
            *(Route(f"/{version}/pipes/{{name}}", self.pipe) for version in both),
            Route("/examples/query.http", self.example),
            Route("/v0/datasources", self.datasources),
            Route("/v0/datasources", self.import_v0, methods=["POST"]),
            Route("/v0/datasources/{name}.datasource", self.datasource_file),
            Route("/v0/datasources/{name}", self.datasource),
            Route("/v0/datasources/{name}/delete", self.delete, methods=["POST"]),
            Route("/v0/datasources/{name}/truncate", self.truncate, methods=["POST"]),
            Route("/v1/datasources/{name}/append", self.append_v1, methods=["POST"]),
        ]

    async def pipes(self, request: Request) -> Response:
        """Every pipe that the token may read; `attrs` and `node_attrs` name the fields to send."""
        role, engine, fields = self._backend.role(request), self._backend.engine, query_of(request)
        only(fields, {"attrs", "node_attrs", "dependencies"})
        readable = [
            pipe for pipe in engine.project.pipes.values() if engine.project.may(role, "READ", pipe.name)
        ]
        infos = [catalog.pipe_info(pipe, engine.composer, host_of(request)) for pipe in readable]
        return JSONResponse({"pipes": [catalog.narrowed_pipe(info, fields) for info in infos]})

    async def pipe(self, request: Request) -> Response:
        """One pipe; its datafile with `format=pipe`."""
        pipe = self._backend.pipe(request.path_params["name"], self._backend.role(request))
        fields = query_of(request)
        only(fields, {"attrs", "node_attrs", "dependencies", "format"})
        if _wants_datafile(fields, "pipe"):
            return datafile(pipe.path)
        info = catalog.pipe_info(pipe, self._backend.engine.composer, host_of(request))
        return JSONResponse(catalog.narrowed_pipe(info, fields))

    async def pipe_file(self, request: Request) -> Response:
        """The pipe's datafile as it is."""
        return datafile(self._backend.pipe(request.path_params["name"], self._backend.role(request)).path)

    async def example(self, request: Request) -> Response:
        """The address of an endpoint with its defaults, as the official command line prints it."""
        pipe = self._backend.pipe(request.query_params.get("pipe", ""), self._backend.role(request))
        address = catalog.example(
            pipe, self._backend.engine.composer, host_of(request), request.query_params.get("token", "")
        )
        return Response(address, headers={"content-type": "text/plain"})

    async def datasources(self, request: Request) -> Response:
        """Every data source that the token has a scope on; `attrs` names the fields to send."""
        role, engine, fields = self._backend.role(request), self._backend.engine, query_of(request)
        only(fields, {"attrs"})
        sizes = await self._backend.queries.run(engine.sizes)
        visible = [each for each in engine.project.datasources.values() if self._backend.sees(role, each)]
        infos = [catalog.datasource_info(each, sizes) for each in visible]
        return JSONResponse({"datasources": [catalog.narrowed_datasource(info, fields) for info in infos]})

    async def datasource(self, request: Request) -> Response:
        """One data source; its datafile with `format=datasource`."""
        datasource, fields = self._visible(request), query_of(request)
        only(fields, {"attrs", "format", "include_workspace_names"})
        if _wants_datafile(fields, "datasource"):
            return datafile(datasource.path)
        info = catalog.datasource_info(
            datasource, await self._backend.queries.run(self._backend.engine.sizes)
        )
        return JSONResponse(catalog.narrowed_datasource(info, fields))

    async def datasource_file(self, request: Request) -> Response:
        """The data source's datafile as it is."""
        only(query_of(request), {"include_all_shared_with"})
        return datafile(self._visible(request).path)

    async def append_v1(self, request: Request) -> Response:
        """Appends the file that the body is; the answer is the import job, already done."""
        datasource = self._backend.appendable(request, request.path_params["name"])
        fields = query_of(request)
        only(fields, _IMPORT)
        if fields.get("url"):
            raise _no_url()
        body = await body_of(request, MAX_INFLATED_BYTES)
        job = await self._imported(datasource, body, fields)
        info = catalog.job_info(job, host_of(request))
        return JSONResponse({**info, "import_id": job.id, "job": dict(info)}, 201)

    async def import_v0(self, request: Request) -> Response:
        """Appends the file that the body is, or its one file when it is a form, to the data source `name`."""
        self._backend.role(request)
        fields = query_of(request)
        file: bytes | None = None
        if kind_of(request) == "multipart/form-data":
            for name, part in (await form_of(request, MAX_INFLATED_BYTES)).multi_items():
                if isinstance(part, str):
                    fields[name] = part
                elif file is not None:
                    raise HTTPException(400, "The form holds more than one file: send one per request")
                else:
                    file = await part.read()
        elif kind_of(request) == "application/x-www-form-urlencoded":
            fields = await fields_of(request)
        mode = fields.get("mode", "create")
        if mode != "append":
            raise HTTPException(501, f"mode={mode[:40]} is not supported by the local server: {_other(mode)}")
        if not fields.get("name"):
            raise HTTPException(400, "The parameter 'name' is missing: the data source to append to")
        datasource = self._backend.appendable(request, fields["name"])
        only(fields, _IMPORT | {"name", "mode"})
        if fields.get("url"):
            raise _no_url()
        if file is None:
            file = await body_of(request, MAX_INFLATED_BYTES)
        job = await self._imported(datasource, file, fields)
        sizes = await self._backend.queries.run(self._backend.engine.sizes)
        return JSONResponse(
            {
                **catalog.import_info(job),
                "datasource": catalog.datasource_info(datasource, sizes),
                "error": catalog.import_error(job),
            }
        )

    async def _imported(self, datasource: Datasource, body: bytes, fields: dict[str, str]) -> Job:
        """Stores a file, bad rows in the quarantine; returns the job with the counts."""
        format_ = _FILE_FORMATS.get(fields.get("format", "csv"))
        if format_ is None:
            raise HTTPException(400, f"The parameter 'format' is one of {', '.join(_FILE_FORMATS)}")
        delimiter = fields.get("dialect_delimiter", ",")
        delimiter = _TABS.get(delimiter, delimiter)
        if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0':
            raise HTTPException(400, "The parameter 'dialect_delimiter' is one character of ASCII")
        if body.startswith(_GZIP):
            body = await inflated_body(body)
        if not body.strip():
            raise HTTPException(400, "The body holds no rows")
        job = Job("import", datasource.name)
        engine = self._backend.engine
        async with self._imports:
            _, stored = await self._backend.events.run(
                engine.append, datasource.name, body, format_, job.id, delimiter
            )
            counts = await asyncio.wrap_future(stored)
        job.rows, job.quarantined = counts.successful_rows, counts.quarantined_rows
        job.malformed = counts.malformed_rows
        engine.jobs.add_import(job)
        return job

    async def truncate(self, request: Request) -> Response:
        """Removes every row of a data source or, as `<name>_quarantine`, of its quarantine."""
        self._backend.admin(request)
        only(await fields_of(request), frozenset())
        name: str = request.path_params["name"]
        of_quarantine = name.endswith(QUARANTINE) and name not in self._backend.engine.project.datasources
        datasource = self._backend.datasource(name.removesuffix(QUARANTINE) if of_quarantine else name)
        table = datasource.name + (QUARANTINE if of_quarantine else "")
        await self._backend.queries.run(self._backend.engine.truncate, table)
        return Response(status_code=205)

    async def delete(self, request: Request) -> Response:
        """Starts a job that deletes the rows `delete_condition` holds for; with `dry_run=true` only counts them."""
        self._backend.admin(request)
        engine = self._backend.engine
        datasource = self._backend.datasource(request.path_params["name"])
        fields = await fields_of(request)
        only(fields, {"delete_condition", "dry_run"})
        condition = fields.get("delete_condition", "")
        if not condition.strip():
            raise HTTPException(400, "The parameter 'delete_condition' is missing")
        checked = await self._backend.queries.run(engine.check_condition, datasource.name, condition)
        if is_true(fields, "dry_run"):
            rows = await self._backend.queries.run(engine.count, datasource.name, checked)
            return JSONResponse({"rows_to_be_deleted": rows})
        job = engine.jobs.start_delete(datasource.name, checked)
        info = catalog.job_info(job, host_of(request))
        return JSONResponse({**info, "job": dict(info), "delete_id": job.id}, 201)

    def _visible(self, request: Request) -> Datasource:
        role = self._backend.role(request)
        datasource = self._backend.datasource(request.path_params["name"])
        if not self._backend.sees(role, datasource):
            raise HTTPException(403, f"The token has no scope for the data source '{datasource.name}'")
        return datasource


def _wants_datafile(fields: dict[str, str], kind: str) -> bool:
    format_ = fields.get("format", "json")
    if format_ not in {"json", kind}:
        raise HTTPException(400, f"The parameter 'format' is json or {kind}")
    return format_ == kind


def _no_url() -> HTTPException:
    return HTTPException(
        501, "Appending from a URL is not supported by the local server: download the file, then append it"
    )


def _other(mode: str) -> str:
    if mode == "replace":
        return "truncate the data source, then append"
    return "a data source is made by its datafile; mode=append appends to one"
