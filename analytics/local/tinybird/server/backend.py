"""Shared by the routes: the engine, its threads, and the rights on resources."""

from __future__ import annotations

import asyncio
import math
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


class Pool:
    """Threads for one kind of work, and how many calls wait for them."""

    def __init__(self, name: str, threads: int, most_waiting: float) -> None:
        self._waiting, self._most_waiting = 0, most_waiting
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)

    def close(self) -> None:
        """Ends the running work, and drops what waits."""
        self._threads.shutdown(cancel_futures=True)

    async def run(self, function: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
        """Runs blocking work in a thread.

        Raises:
            HTTPException: 429 when too much waits already; otherwise what `function` raises.
        """
        if self._waiting >= self._most_waiting:
            raise HTTPException(429, "Too many queries are waiting", headers={"Retry-After": "1"})
        self._waiting += 1
        try:
            call = partial(function, *arguments, **keywords)
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        finally:
            self._waiting -= 1


class Backend:
    """What the routes share.

    Attributes:
        queries: Threads for pipes and everything else but what follows.
        selects: Threads for clients' SQL.
        events: Threads that read events.
    """

    def __init__(self, engine: Engine, tokens: Tokens) -> None:
        self.engine = engine
        self.tokens = tokens
        self.queries = Pool("query", 16, 256)
        self.selects = Pool("select", 16, 256)
        self.events = Pool("events", 4, math.inf)

    def close(self) -> None:
        """Waits for running work, writes queued rows, closes the tables."""
        for pool in (self.queries, self.selects, self.events):
            pool.close()
        self.engine.close()

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
