"""Routes of the workspace: jobs, tokens, deployments, regions, and lists that are always empty here."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from analytics.local.tinybird.server import catalog
from analytics.local.tinybird.server.backend import Backend
from analytics.local.tinybird.server.deployment import LARGEST_FILES_BYTES, check, files_of
from analytics.local.tinybird.server.request_fields import form_of, is_true, kind_of, only, query_of
from analytics.local.tinybird.server.route_rules import host_of

_NOT_DEPLOYED = (
    "Deploying is not supported by the local server: it runs the datafiles that it was started with. Start it again "
    "to take up changes; `tb deploy --check` checks them"
)


class ManagementRoutes:
    """Routes that Tinybird's command line needs besides resources and their data."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._started_at = datetime.now(UTC)

    def routes(self) -> list[Route]:
        """The routes, for the application."""
        return [
            Route("/v0/health", self.health),
            Route("/v0/jobs", self.jobs),
            Route("/v0/jobs/{job_id}", self.job),
            Route("/v0/tokens", self.tokens),
            Route("/v0/tokens/{name}", self.token),
            Route("/v1/deploy", self.deploy, methods=["POST"]),
            Route("/v1/deployments", self.deployments),
            Route("/v1/deployments/{deployment_id}", self.deployment),
            *(
                Route(path, self.nothing)
                for path in ("/v0/connectors", "/v0/variables", "/v0/environments", "/v1/environments")
            ),
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

    async def jobs(self, request: Request) -> Response:
        """The kept jobs, newest first, filtered by the parameters."""
        self._backend.admin(request)
        fields = query_of(request)
        only(fields, {"status", "kind"})
        listed = [
            job
            for job in self._backend.engine.jobs.all()
            if fields.get("status", job.status) == job.status and fields.get("kind", job.kind) == job.kind
        ]
        return JSONResponse({"jobs": [catalog.job_info(job, host_of(request)) for job in listed]})

    async def job(self, request: Request) -> Response:
        """One job."""
        self._backend.admin(request)
        job = self._backend.engine.jobs.get(request.path_params["job_id"])
        if job is None:
            raise HTTPException(404, "There is no such job")
        return JSONResponse(catalog.job_info(job, host_of(request)))

    async def deploy(self, request: Request) -> Response:
        """Checks the datafiles of the form with `check=true`; a deployment itself is refused."""
        self._backend.admin(request)
        fields = query_of(request)
        only(fields, {"check", "auto_promote", "allow_destructive_operations", "validate_forward_workspace"})
        if not is_true(fields, "check"):
            raise HTTPException(501, _NOT_DEPLOYED)
        if kind_of(request) != "multipart/form-data":
            raise HTTPException(400, "The body is no form: send each datafile as a file of its own")
        files = await files_of(await form_of(request, LARGEST_FILES_BYTES))
        checked = await self._backend.queries.run(check, files, self._backend.engine)
        return JSONResponse(catalog.check_info(checked))

    async def deployments(self, request: Request) -> Response:
        """The one deployment: the datafiles that the server was started with."""
        self._backend.admin(request)
        return JSONResponse({"deployments": [catalog.deployment_info(self._started_at)]})

    async def deployment(self, request: Request) -> Response:
        """The one deployment, by its id."""
        self._backend.admin(request)
        info = catalog.deployment_info(self._started_at)
        if request.path_params["deployment_id"] != info["id"]:
            raise HTTPException(404, "There is no such deployment")
        return JSONResponse({"deployment": info})

    async def nothing(self, request: Request) -> Response:
        """An empty list: the project has no connections, secrets or branches."""
        self._backend.admin(request)
        return JSONResponse({request.url.path.rpartition("/")[2]: []})

    async def tokens(self, request: Request) -> Response:
        """Every token with its scopes and its value."""
        self._backend.admin(request)
        return JSONResponse(
            {"tokens": catalog.token_infos(self._backend.engine.project, self._backend.tokens)}
        )

    async def token(self, request: Request) -> Response:
        """One token, by its name, id or value."""
        self._backend.admin(request)
        wanted = request.path_params["name"]
        for info in catalog.token_infos(self._backend.engine.project, self._backend.tokens):
            if wanted in {info["name"], info["id"], info["token"]}:
                return JSONResponse(info)
        raise HTTPException(404, "There is no such token")

    async def regions(self, request: Request) -> Response:
        """The one region: this server."""
        host = host_of(request)
        region = {"name": catalog.REGION, "provider": "local", "api_host": host, "host": host}
        return JSONResponse({"regions": [region]})

    async def workspace(self, request: Request) -> Response:
        """The one workspace."""
        role = self._backend.role(request)
        is_short = request.url.path == "/v1/workspace"
        return JSONResponse((catalog.short_workspace_info if is_short else catalog.workspace_info)(role))

    async def workspaces(self, request: Request) -> Response:
        """The list of the one workspace."""
        workspace = catalog.workspace_info(self._backend.role(request))
        return JSONResponse(
            {"id": workspace["user_id"], "email": workspace["user_email"], "workspaces": [workspace]}
        )
