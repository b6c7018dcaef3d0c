"""Serves `/livez` and `/readyz` for supervisors of the process: a load balancer, Kubernetes, systemd, Docker.

Neither opens a session nor runs a page. The probes of the sources are arguments.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from analytics.errors import AnalyticsError, Source

PROBE_EVERY_SECONDS: Final = 30.0
"""Least time between two probes of a source, independent of the number of requests."""

WAIT_SECONDS: Final = 1.5
"""How long `/readyz` waits for a source; a slower source is not ready."""

_NO_STORE: Final = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class _Probe:
    """One probe of a source.

    Attributes:
        began: When it began, monotonic clock.
        reason: Resolves to why the source is not ready, or None when it is.
    """

    began: float
    reason: Future[str | None]


class Readiness:
    """Probes the sources. Safe to share between requests of one event loop.

    Attributes:
        optional: As given.

    Args:
        probes: By source, a function that sends a small request and raises on failure. Called in its own daemon thread, so
            that a hanging probe delays neither pages nor the end of the process.
        optional: Sources that the app is ready without; their reasons are answered all the same.
        wait_seconds: How long a source may take.
        clock: Monotonic clock, seconds.
    """

    def __init__(
        self,
        probes: Mapping[Source, Callable[[], object]],
        *,
        optional: Collection[Source] = (),
        wait_seconds: float = WAIT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._probes = dict(probes)
        self.optional = frozenset(optional)
        self._wait_seconds = wait_seconds
        self._clock = clock
        self._last: dict[Source, _Probe] = {}

    async def reasons(self) -> dict[Source, str | None]:
        """Why each source is not ready, in a sentence without hosts and secrets; None for a source that is ready."""
        probes = {source: self._probe(source) for source in self._probes}
        now = self._clock()
        left = max((probe.began + self._wait_seconds - now for probe in probes.values()), default=0.0)
        waiting = [asyncio.wrap_future(probe.reason) for probe in probes.values() if not probe.reason.done()]
        if waiting and left > 0:
            await asyncio.wait(waiting, timeout=left)
        return {
            source: probe.reason.result()
            if probe.reason.done()
            else f"No answer within {self._wait_seconds:g} s."
            for source, probe in probes.items()
        }

    def _probe(self, source: Source) -> _Probe:
        """The last probe of the source; starts a new one when the last has ended and is old enough."""
        last, now = self._last.get(source), self._clock()
        if last is not None and (not last.reason.done() or now - last.began < PROBE_EVERY_SECONDS):
            return last
        probe = self._last[source] = _Probe(now, Future())
        threading.Thread(
            target=_run, args=(self._probes[source], probe.reason), name=f"ready-{source}", daemon=True
        ).start()
        return probe


def _run(probe: Callable[[], object], reason: Future[str | None]) -> None:
    try:
        probe()
    except AnalyticsError as error:
        reason.set_result(error.message)
    except BaseException:
        reason.set_result("The probe failed because of a fault in the dashboard; the log has the details.")
        raise
    else:
        reason.set_result(None)


async def livez(_request: Request) -> Response:
    """Answers 200 while the process runs; contacts no source."""
    return PlainTextResponse("ok\n", headers=_NO_STORE)


def readyz(readiness: Readiness) -> Callable[[Request], object]:
    """Makes the endpoint that answers within 2 s: 200 when every needed source answers, else 503; always with the reasons."""

    async def answer(_request: Request) -> Response:
        reasons = await readiness.reasons()
        is_ready = not any(why for source, why in reasons.items() if source not in readiness.optional)
        text = {"ready": is_ready, "sources": {source: why or "ok" for source, why in reasons.items()}}
        return JSONResponse(text, 200 if is_ready else 503, headers=_NO_STORE)

    return answer
