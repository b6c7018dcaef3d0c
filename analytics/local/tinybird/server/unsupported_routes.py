"""The addresses of Tinybird's API that the local server knows and refuses, each by name. Serves nothing else.

501 and not 404: the official command lines take 404 for "the data source, job or token does not exist".
"""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from analytics.local.tinybird.server.backend import Backend

_FILES: Final = "change the datafiles and start the server again"
_TOKENS: Final = "the tokens are those of the datafiles, and JWTs are not known"

UNSUPPORTED: Final[tuple[tuple[str, str, str], ...]] = (
    ("POST", "/v0/analyze", ""),
    ("POST", "/v0/connectors", _FILES),
    ("*", "/v0/connectors/{rest:path}", ""),
    ("*", "/v0/datafiles", _FILES),
    ("*", "/v0/dependencies", ""),
    ("PUT DELETE", "/v0/datasources/{name}", _FILES),
    ("POST", "/v0/datasources/exchange", ""),
    ("POST", "/v0/datasources/{name}/alter", _FILES),
    ("*", "/v0/datasources/{name}/share", ""),
    ("POST", "/v0/datasources/{name}/sample", ""),
    ("*", "/v0/datasources/{name}/scheduling/{rest:path}", ""),
    ("POST", "/v0/datasources/{name}/start", ""),
    ("POST", "/v0/datasources/{name}/stop", ""),
    (
        "POST",
        "/v1/datasources/{name}/delete",
        "use POST /v0/datasources/<name>/delete, which is `tb datasource delete` without --lightweight-delete",
    ),
    ("POST", "/v1/datasources/{name}/replace", "truncate the data source, then append"),
    ("POST", "/v0/environments", ""),
    ("*", "/v0/environments/{rest:path}", ""),
    ("POST", "/v1/environments", ""),
    ("*", "/v1/environments/{rest:path}", ""),
    ("*", "/v0/integrations/{rest:path}", ""),
    ("*", "/v1/integrations/{rest:path}", ""),
    ("*", "/v1/infra", ""),
    ("*", "/v1/infra/{rest:path}", ""),
    ("POST", "/v0/jobs/{job_id}/retry", ""),
    ("*", "/v0/llm", ""),
    ("*", "/v0/llm/{rest:path}", ""),
    ("*", "/v0/organizations", ""),
    ("*", "/v0/organizations/{rest:path}", ""),
    ("POST", "/v0/pipes", _FILES),
    ("PUT DELETE", "/v0/pipes/{name}", _FILES),
    ("*", "/v0/pipes/{name}/{rest:path}", ""),
    ("*", "/v0/playgrounds", ""),
    ("*", "/v0/playgrounds/{rest:path}", ""),
    ("*", "/v0/sql_copy", ""),
    ("*", "/v0/sql_format", ""),
    ("*", "/v0/sql_replace", ""),
    ("*", "/v0/sql_tables", ""),
    ("*", "/v0/tags", ""),
    ("*", "/v0/tags/{rest:path}", ""),
    ("*", "/v0/templates", ""),
    ("POST", "/v0/tokens", _TOKENS),
    ("POST", "/v0/tokens/", _TOKENS),
    ("PUT DELETE", "/v0/tokens/{name}", _TOKENS),
    ("*", "/v0/tokens/{name}/{rest:path}", _TOKENS),
    ("POST", "/v0/variables", "there are no secrets"),
    ("*", "/v0/variables/{rest:path}", "there are no secrets"),
    ("POST", "/v0/workspaces", ""),
    ("*", "/v0/workspaces/{id}/{rest:path}", ""),
    ("POST", "/v1/build", "start the server again to take up changes"),
    ("*", "/v1/deployments/{id}/{rest:path}", ""),
    ("PUT DELETE", "/v1/deployments/{id}", "there is one deployment, the live one"),
    ("POST", "/v1/migrate-to-forward", ""),
    ("*", "/v1/workspaces/{id}/{rest:path}", ""),
)
"""Methods (`*` is every one), address, and what to do instead where there is something."""

_EVERY_METHOD: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def unsupported_routes(backend: Backend) -> list[Route]:
    """A route for each refused address; after the routes that are served."""

    def route(methods: str, path: str, instead: str) -> Route:
        async def refuse(request: Request) -> Response:
            """Says that the address is not supported, to who has a token."""
            backend.role(request)
            address = (
                f"{request.method} {path.replace('{rest:path}', '…').replace('{', '<').replace('}', '>')}"
            )
            hint = f": {instead}" if instead else ""
            raise HTTPException(501, f"{address} is not supported by the local server{hint}")

        return Route(path, refuse, methods=_EVERY_METHOD if methods == "*" else methods.split())

    return [route(*each) for each in UNSUPPORTED]
