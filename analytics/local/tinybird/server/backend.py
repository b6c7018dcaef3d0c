"""Shared by the routes: the engine, its threads, and the rights on resources."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request

from analytics.local.tinybird.engine import Engine
from analytics.local.tinybird.project.datafile import Datasource, Pipe
from analytics.local.tinybird.project.tokens import Role, Tokens
from analytics.local.tinybird.server.route_rules import role_of

P = ParamSpec("P")
T = TypeVar("T")

_MOST_WAITING = 256


class _Pool:
    """Threads for one kind of query, and how many of them wait."""

    def __init__(self, name: str) -> None:
        self._waiting = 0
        self._threads = ThreadPoolExecutor(16, thread_name_prefix=name)

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)

    async def run(self, work: Callable[[], T]) -> T:
        if self._waiting >= _MOST_WAITING:
            raise HTTPException(429, "Too many queries are waiting", headers={"Retry-After": "1"})
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


class Backend:
    """Runs blocking work in threads: pipes, clients' SQL and reading events in separate pools.

    Attributes:
        engine: Runs the work; closed with this.
        tokens: The tokens that the server accepts.
    """

    def __init__(self, engine: Engine, tokens: Tokens) -> None:
        self.engine = engine
        self.tokens = tokens
        self._queries = _Pool("query")
        self._selects = _Pool("select")
        self._event_threads = ThreadPoolExecutor(4, thread_name_prefix="events")

    def close(self) -> None:
        """Waits for running work, writes queued rows, closes the tables."""
        self._queries.close()
        self._selects.close()
        self._event_threads.shutdown()
        self.engine.close()

    async def query(self, function: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
        """Runs a query in a thread.

        Raises:
            HTTPException: 429 when too many wait already; otherwise what `function` raises.
        """
        return await self._queries.run(partial(function, *arguments, **keywords))

    async def select(self, function: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
        """Runs a client's own SQL in a thread apart from those of pipes. Raises as `query`."""
        return await self._selects.run(partial(function, *arguments, **keywords))

    async def read_events(self, function: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
        """Runs the reading of events in a thread. Raises what `function` raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._event_threads, partial(function, *arguments, **keywords))

    def role(self, request: Request) -> Role:
        """The role of the request's token. Raises as `role_of`."""
        return role_of(request, self.tokens)

    def admin(self, request: Request) -> None:
        """Lets only the admin token pass.

        Raises:
            HTTPException: 403 for any other.
        """
        if self.role(request) != "admin":
            raise HTTPException(403, "This needs the admin token")

    def pipe(self, name: str, role: Role) -> Pipe:
        """A pipe that the role may read, by name or id.

        Raises:
            HTTPException: 404 when there is none, 403 without the scope.
        """
        name = self.engine.project.name_of(name)
        pipe = self.engine.project.pipes.get(name)
        if pipe is None:
            raise HTTPException(404, f"There is no pipe called '{name[:100]}'")
        if not self.engine.project.may(role, "READ", name):
            raise HTTPException(403, f"The token has no READ scope for the pipe '{name}'")
        return pipe

    def datasource(self, name: str) -> Datasource:
        """A data source by name or id.

        Raises:
            HTTPException: 404 when there is none.
        """
        datasource = self.engine.project.datasources.get(self.engine.project.name_of(name))
        if datasource is None:
            raise HTTPException(404, f"There is no data source called '{name[:100]}'")
        return datasource

    def appendable(self, request: Request, name: str) -> Datasource:
        """A data source, by name or id, that the request's token may append to.

        Raises:
            HTTPException: 404 when there is none, 403 without the scope.
        """
        role = self.role(request)
        name = self.engine.project.name_of(name)
        if role != "admin" and not self.engine.project.may(role, "APPEND", name):
            raise HTTPException(403, f"The token has no APPEND scope for the data source '{name[:100]}'")
        return self.datasource(name)

    def sees(self, role: Role, datasource: Datasource) -> bool:
        """Whether a role has any scope on a data source."""
        may = self.engine.project.may
        return may(role, "READ", datasource.name) or may(role, "APPEND", datasource.name)
