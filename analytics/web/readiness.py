"""Answers `/livez` and `/readyz` for what supervises the process: a load balancer, Kubernetes, systemd, Docker.

Neither opens a session nor runs a page. What is asked of a source, and how, comes from outside.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from analytics.errors import AnalyticsError, Source

ASKED_EVERY_SECONDS: Final = 30.0
"""How often a source is asked at most, however often and by how many `/readyz` is."""

WAIT_SECONDS: Final = 1.5
"""How long an answer of `/readyz` waits for a source; one that takes longer is not ready."""

_NO_STORE: Final = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class _Question:
    """One time a source was asked.

    Attributes:
        began: When, on the clock that never goes back.
        reason: Why the source is not ready, None when it is; known once it has answered or failed.
    """

    began: float
    reason: Future[str | None]


class Readiness:
    """Whether the sources answer. Safe to share between requests of one event loop.

    Args:
        ask: By source, what asks it something small and raises when there is no good answer. Called in a thread of its
            own: one that hangs takes nothing from pages, and keeps no process from ending.
        every_seconds: How often a source is asked at most.
        wait_seconds: How long an answer may take.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        ask: Mapping[Source, Callable[[], object]],
        *,
        every_seconds: float = ASKED_EVERY_SECONDS,
        wait_seconds: float = WAIT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = dict(ask)
        self._every_seconds = every_seconds
        self._wait_seconds = wait_seconds
        self._clock = clock
        self._asked: dict[Source, _Question] = {}

    async def reasons(self) -> dict[Source, str | None]:
        """Why each source is not ready, in a sentence without hosts and secrets; None for one that is."""
        asked = {source: self._question(source) for source in self._ask}
        now = self._clock()
        left = max((question.began + self._wait_seconds - now for question in asked.values()), default=0.0)
        waiting = [asyncio.wrap_future(each.reason) for each in asked.values() if not each.reason.done()]
        if waiting and left > 0:
            await asyncio.wait(waiting, timeout=left)
        return {
            source: question.reason.result()
            if question.reason.done()
            else f"No answer within {self._wait_seconds:g} s."
            for source, question in asked.items()
        }

    def _question(self, source: Source) -> _Question:
        """The last time the source was asked, which is now where that was long ago and has ended."""
        last, now = self._asked.get(source), self._clock()
        if last is not None and (not last.reason.done() or now - last.began < self._every_seconds):
            return last
        question = self._asked[source] = _Question(now, Future())
        threading.Thread(
            target=_answer, args=(self._ask[source], question.reason), name=f"ready-{source}", daemon=True
        ).start()
        return question


def _answer(ask: Callable[[], object], reason: Future[str | None]) -> None:
    try:
        ask()
    except AnalyticsError as error:
        reason.set_result(error.message)
    except BaseException:
        reason.set_result("Asking failed because of a mistake in the dashboard: its log says what it was.")
        raise
    else:
        reason.set_result(None)


async def livez(_request: Request) -> Response:
    """200 while the process answers; no source is asked."""
    return PlainTextResponse("ok\n", headers=_NO_STORE)


def readyz(readiness: Readiness) -> Callable[[Request], object]:
    """The endpoint that answers 200 when every source answers and 503 with the reasons otherwise, within 2 s."""

    async def answer(_request: Request) -> Response:
        reasons = await readiness.reasons()
        is_ready = not any(reasons.values())
        text = {"ready": is_ready, "sources": {source: why or "ok" for source, why in reasons.items()}}
        return JSONResponse(text, 200 if is_ready else 503, headers=_NO_STORE)

    return answer
