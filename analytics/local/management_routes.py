"""The addresses that tell about the project and manage it: resources, tokens, deletes, jobs, the workspace."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from analytics.local import catalog
from analytics.local.backend import Backend
from analytics.local.exchange import fields_of, host_of, is_true


class ManagementRoutes:
    """Everything that Tinybird's own command line asks besides data."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """The routes, for the application."""
        return [
            Route("/v0/health", self.health),
            Route("/v0/pipes", self.pipes),
            Route("/v1/pipes/{name}.pipe", self.pipe_file),
            Route("/examples/query.http", self.example),
            Route("/v0/datasources", self.datasources),
            Route("/v0/datasources/{name}", self.datasource),
            Route("/v0/datasources/{name}/delete", self.delete, methods=["POST"]),
            Route("/v0/jobs", self.jobs),
            Route("/v0/jobs/{job_id}", self.job),
            Route("/v0/tokens", self.tokens),
            Route("/v0/regions", self.regions),
            *(Route(f"/{version}/workspace", self.workspace) for version in ("v0", "v1")),
            *(Route(f"/{version}/workspaces/{{workspace_id}}", self.workspace) for version in ("v0", "v1")),
            *(
                Route(f"/{version}/user/workspaces{end}", self.workspaces)
                for version in ("v0", "v1")
                for end in ("", "/")
            ),
        ]

    async def health(self, request: Request) -> Response:
        """Says that the server answers; needs no token."""
        return JSONResponse({"status": "ok"})

    async def pipes(self, request: Request) -> Response:
        """Every pipe that the token may read."""
        role, engine = self._backend.role(request), self._backend.engine
        readable = [
            pipe for pipe in engine.project.pipes.values() if engine.project.may(role, "READ", pipe.name)
        ]
        return JSONResponse(
            {"pipes": [catalog.pipe_info(pipe, engine.composer, host_of(request)) for pipe in readable]}
        )

    async def pipe_file(self, request: Request) -> Response:
        """The pipe's datafile as it is."""
        pipe = self._backend.pipe(request.path_params["name"], self._backend.role(request))
        return Response(pipe.path.read_bytes(), headers={"content-type": "text/plain"})

    async def example(self, request: Request) -> Response:
        """The address of an endpoint with its defaults, as the official command line prints it."""
        pipe = self._backend.pipe(request.query_params.get("pipe", ""), self._backend.role(request))
        parameters = self._backend.engine.composer.parameters(pipe)
        query = {each["name"]: each["default"] for each in parameters if "default" in each}
        query["token"] = request.query_params.get("token", "")
        address = f"{host_of(request)}/v0/pipes/{pipe.name}.json?{urlencode(query)}"
        return Response(address, headers={"content-type": "text/plain"})

    async def datasources(self, request: Request) -> Response:
        """Every data source that the token has a scope on."""
        role, engine = self._backend.role(request), self._backend.engine
        sizes = await self._backend.query(engine.sizes)
        visible = [each for each in engine.project.datasources.values() if self._backend.sees(role, each)]
        return JSONResponse({"datasources": [catalog.datasource_info(each, sizes) for each in visible]})

    async def datasource(self, request: Request) -> Response:
        """One data source."""
        role = self._backend.role(request)
        datasource = self._backend.datasource(request.path_params["name"])
        if not self._backend.sees(role, datasource):
            raise HTTPException(403, f"The token has no scope for the data source '{datasource.name}'")
        return JSONResponse(
            catalog.datasource_info(datasource, await self._backend.query(self._backend.engine.sizes))
        )

    async def delete(self, request: Request) -> Response:
        """Starts a job that deletes the rows `delete_condition` holds for; with `dry_run=true` only counts them."""
        self._backend.admin(request)
        engine = self._backend.engine
        datasource = self._backend.datasource(request.path_params["name"])
        fields = await fields_of(request)
        condition = fields.get("delete_condition", "")
        if not condition.strip():
            raise HTTPException(400, "The parameter 'delete_condition' is missing")
        checked = await self._backend.query(engine.check_condition, datasource.name, condition)
        if is_true(fields.get("dry_run")):
            rows = await self._backend.query(engine.count, datasource.name, checked)
            return JSONResponse({"rows_to_be_deleted": rows})
        job = engine.start_delete(datasource.name, checked)
        info = catalog.job_info(job, host_of(request))
        return JSONResponse({**info, "job": dict(info), "delete_id": job.id}, 201)

    async def jobs(self, request: Request) -> Response:
        """The jobs that are remembered, newest first; `status` and `kind` narrow them."""
        self._backend.admin(request)
        status, kind = (
            request.query_params.get("status"),
            request.query_params.get("kind", catalog.DELETE_JOB),
        )
        every = self._backend.engine.jobs.all() if kind == catalog.DELETE_JOB else []
        listed = [job for job in every if status in {None, job.status}]
        return JSONResponse({"jobs": [catalog.job_info(job, host_of(request)) for job in listed]})

    async def job(self, request: Request) -> Response:
        """One job."""
        self._backend.admin(request)
        job = self._backend.engine.jobs.get(request.path_params["job_id"])
        if job is None:
            raise HTTPException(404, "There is no such job")
        return JSONResponse(catalog.job_info(job, host_of(request)))

    async def tokens(self, request: Request) -> Response:
        """Every token with its scopes and its value."""
        self._backend.admin(request)
        return JSONResponse(
            {"tokens": catalog.token_infos(self._backend.engine.project, self._backend.tokens)}
        )

    async def regions(self, request: Request) -> Response:
        """The one region: this server."""
        host = host_of(request)
        region = {"name": catalog.REGION, "provider": "local", "api_host": host, "host": host}
        return JSONResponse({"regions": [region]})

    async def workspace(self, request: Request) -> Response:
        """The one workspace."""
        return JSONResponse(catalog.workspace_info(self._backend.role(request)))

    async def workspaces(self, request: Request) -> Response:
        """The list of the one workspace."""
        workspace = catalog.workspace_info(self._backend.role(request))
        return JSONResponse(
            {"id": workspace["user_id"], "email": workspace["user_email"], "workspaces": [workspace]}
        )
