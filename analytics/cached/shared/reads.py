"""Reads of the sources, shared by all sessions: fresh answers, last good answers, reads in progress, failures.

A question is asked once at a time, in a thread of its source, however many viewers want its answer. No viewer waits
longer than `Patience` says: then they get the last good answer marked stale, or an error that says that the answer is still to
come. A failure is shared by all viewers who ask the same, and by all questions of a source that fails (`CircuitBreaker`). See
"When a source fails" in docs/architecture.md.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, Generic, TypeVar, cast

from analytics.cached.shared import waits
from analytics.cached.shared.circuit_breaker import CircuitBreaker, pause_seconds
from analytics.cached.shared.question import Question, not_yet
from analytics.cached.shared.state import Failure, Kept, Run, in_short, own
from analytics.cached.shared.waits import Patience
from analytics.errors import NotYetAnswered, Source, SourceError, SourceUnavailable
from analytics.health.cache_counts import CacheCounter
from analytics.readings import Answer, Reading
from analytics.transports.retrying import asked_seconds

T = TypeVar("T")

PATIENCE: Final = Patience()

LOOK_SECONDS: Final = 0.25
"""How often a reader who waits for a silent source looks whether a probe is due."""

READERS: Final[dict[Source, int]] = {"tinybird": 16, "postgres": 6, "store": 2}
"""Reads of a source at the same time. With the probes they leave one of Postgres' ten connections to files."""

ALIKE: Final[dict[Source, int]] = {"tinybird": 8, "postgres": 2, "store": 2}
"""Reads of one pipe or query at the same time: a slow pipe or a locked table leaves threads to the others."""

PROBES: Final = 3
"""Probes of a source at the same time; a hanging one ends after 10 s, a new one begins after at most 4."""

ENTRIES: Final = 1024
"""Most answers, and most failures, that are kept; the least recently used goes first."""


@dataclass(slots=True)
class Asked(Generic[T]):
    """A question that was asked; `reading` waits for its answer."""

    reads: SharedReads
    key: Hashable
    question: Question[T]
    check: Callable[[T], object] | None
    not_before: datetime | None
    since: datetime | None
    began: float
    given: tuple[object, ...] = ()
    is_late: bool = False

    def reading(self) -> Reading[T]:
        """Waits for the answer; gives the last good one marked stale when it fails, or takes too long.

        Raises:
            SourceError: There is no usable last good answer.
        """
        return self.reads.wait(self)

    def outcome(self) -> Reading[T] | SourceError:
        """The reading, or the error as a value, so that one of several reads can fail alone."""
        try:
            return self.reading()
        except SourceError as error:
            return error

    def has_changed(self) -> bool:
        """Whether `reading` would give something else now. Asks again where that is due; never waits."""
        return self.reads.look(self) != self.given


class SharedReads:
    """Answers, reads in progress and failures. Thread-safe, bounded by `entries`, in memory.

    Attributes:
        patience: How long readers wait.
        counter: Requests and reads, by the name of the question.
    """

    _kept: OrderedDict[Question[object], Kept]
    _newest: OrderedDict[Hashable, Question[object]]
    _failures: OrderedDict[Question[object], Failure]
    _running: dict[Question[object], Run]
    _breakers: dict[Source, CircuitBreaker]

    def __init__(
        self,
        patience: Patience = PATIENCE,
        entries: int = ENTRIES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.patience = patience
        self.counter = CacheCounter()
        self._entries = entries
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._threads = {
            (source, is_probe): ThreadPoolExecutor(PROBES if is_probe else count, f"read-{source}")
            for source, count in READERS.items()
            for is_probe in (False, True)
        }
        self._forget()

    def ask(
        self,
        key: Hashable,
        question: Question[T],
        *,
        check: Callable[[T], object] | None = None,
        not_before: datetime | None = None,
        since: datetime | None = None,
    ) -> Asked[T]:
        """Asks, unless an answer is fresh or on its way, or the last failure too recent. Never waits.

        Args:
            key: Key of the last good answer, such as `ResolvedView.last_good_key`. One key, one type of value.
            question: What to ask.
            check: Raises a `SourceError` when an answer cannot be used; such an answer is not kept.
            not_before: A last good answer that was read earlier is not used; None uses any.
            since: An answer that was read earlier is not fresh, only a last good one; None takes any.
        """
        asked = Asked(self, key, question, check, not_before, since, self._monotonic())
        with self._changed:
            if self._fresh(asked) is None:
                self._started(asked)
        return asked

    def read(
        self,
        key: Hashable,
        question: Question[T],
        *,
        check: Callable[[T], object] | None = None,
        not_before: datetime | None = None,
        since: datetime | None = None,
    ) -> Reading[T]:
        """Asks and waits: `ask` and `Asked.reading`. Raises as the latter."""
        return self.ask(key, question, check=check, not_before=not_before, since=since).reading()

    def wait(self, asked: Asked[T]) -> Reading[T]:
        """What `Asked.reading` gives."""
        with self._changed:
            outcome = self._waited(asked)
            kept = self._usable(asked)
            asked.given, asked.is_late = in_short(outcome, kept), isinstance(outcome, NotYetAnswered)
        name = asked.question.name
        if isinstance(outcome, Answer):
            self.counter.answered(name, outcome.read_at)
            return Reading(own(outcome.value), outcome.read_at, queries=outcome.queries)
        waits.note(asked)
        if not asked.is_late:
            self.counter.failed(name, is_stale=kept is not None)
        if kept is None:
            # The stored one would keep the frames, and with them the pages, of all its readers.
            raise copy(outcome)
        return Reading(
            own(kept.value), kept.read_at, is_stale=True, stale_reason=outcome, queries=kept.queries
        )

    def look(self, asked: Asked[T]) -> tuple[object, ...]:
        """What `wait` would give now, in short. Asks where that is due."""
        with self._changed:
            fresh = self._fresh(asked)
            if fresh is None:
                self._started(asked)
            return in_short(fresh or self._reason(asked), self._usable(asked))

    def renew(self, question: Question[object]) -> None:
        """Makes an answer a last good one: it is asked for again when it is wanted."""
        with self._changed:
            if question in self._kept:
                self._kept[question].fresh_until = 0

    def renew_where(self, is_changed: Callable[[Question[object]], bool]) -> None:
        """Makes all answers to such questions last good ones."""
        with self._changed:
            for question in filter(is_changed, self._kept):
                self._kept[question].fresh_until = 0

    def expire(self) -> None:
        """Makes every answer a last good one and forgets failures: everything is asked again when it is wanted."""
        with self._changed:
            for kept in self._kept.values():
                kept.fresh_until = 0
            self._failures.clear()
            self._breakers = {source: CircuitBreaker() for source in READERS}

    def allow(self, seconds: float = 1.0) -> None:
        """Ends the pauses after failures for a viewer who wants to try again: `seconds` after their beginning."""
        with self._changed:
            for source, breaker in self._breakers.items():
                self._shorten_pauses(source, seconds)
                breaker.allow(seconds)

    def clear(self) -> None:
        """Removes all answers, failures and counts; what is being read is not kept."""
        with self._changed:
            self._forget()
        self.counter.clear()

    def __len__(self) -> int:
        return len(self._kept)

    def _forget(self) -> None:
        self._kept, self._newest = OrderedDict(), OrderedDict()
        self._failures, self._running = OrderedDict(), {}
        self._breakers = {source: CircuitBreaker() for source in READERS}

    def _fresh(self, asked: Asked[T]) -> Answer[T] | None:
        kept = self._kept.get(asked.question)
        if kept is None or self._monotonic() >= kept.fresh_until:
            return None
        if asked.since is not None and kept.answer.read_at < asked.since:
            return None
        self._use(asked)
        return cast("Answer[T]", kept.answer)  # one key, one type: the contract of `ask`

    def _usable(self, asked: Asked[T]) -> Answer[T] | None:
        kept = self._kept.get(self._newest.get(asked.key, asked.question))
        if kept is None or (asked.not_before is not None and kept.answer.read_at < asked.not_before):
            return None
        return cast("Answer[T]", kept.answer)

    def _use(self, asked: Asked[T]) -> None:
        """Makes the answer of this question the newest of its key."""
        self._newest[asked.key] = asked.question
        self._newest.move_to_end(asked.key)
        self._kept.move_to_end(asked.question)

    def _keep(self, asked: Asked[T], answer: Answer[object], now: float) -> None:
        self._kept[asked.question] = Kept(answer, now + asked.question.fresh_for.total_seconds())
        self._use(asked)
        while len(self._newest) > self._entries:
            self._newest.popitem(last=False)
        last_good = set(self._newest.values())
        for each in [each for each, kept in self._kept.items() if now >= kept.fresh_until]:
            if each not in last_good:
                del self._kept[each]
        while len(self._kept) > self._entries:
            self._kept.popitem(last=False)

    def _waited(self, asked: Asked[T]) -> Answer[T] | SourceError:
        """Waits for the answer: what comes, or why this reader waits no longer."""
        if self._usable(asked) is None:
            patience = self.patience.first_seconds
        else:
            patience = 0 if self._is_late(asked.question.source) else self.patience.stale_seconds
        run: Run | None = None
        while (fresh := self._fresh(asked)) is None:
            run = run or self._started(asked)
            if run is not None and run.outcome is not None:
                if isinstance(run.outcome, Answer | SourceError):
                    return cast("Answer[T] | SourceError", run.outcome)
                raise run.outcome
            if run is None and not self._may_come(asked):
                return self._reason(asked)
            began = asked.began if run is None else run.began
            left = min(began + patience, waits.end()) - self._monotonic()
            if left <= 0:
                return self._reason(asked)
            self._changed.wait(min(left, LOOK_SECONDS))
        return fresh

    def _may_come(self, asked: Asked[T]) -> bool:
        """Whether a question that may not be asked now is worth waiting for: its source is silent or busy, not failing."""
        breaker = self._breakers[asked.question.source]
        is_busy = breaker.error is None and self._is_crowded(asked.question)
        return (breaker.is_silent or is_busy) and asked.question not in self._failures

    def _is_crowded(self, question: Question[object]) -> bool:
        """Whether as many questions of this name are in progress as may be."""
        alike = sum((each.source, each.name) == (question.source, question.name) for each in self._running)
        return alike >= ALIKE[question.source]

    def _reason(self, asked: Asked[T]) -> SourceError:
        """Why there is no fresh answer: what went wrong the last time, or that nothing has come yet."""
        failure = self._failures.get(asked.question)
        if failure is not None:
            return failure.error
        error = self._breakers[asked.question.source].error
        if error is None:
            return not_yet(asked.question)
        known = type(error)(error.message, error.remedy, source=error.source, resource=asked.question.name)
        known.status, known.said = error.status, error.said
        return known

    def _started(self, asked: Asked[T]) -> Run | None:
        """The read in progress, begun now where that may be; None while the question or its source is left alone."""
        now, question = self._monotonic(), asked.question
        breaker, failure = self._breakers[question.source], self._failures.get(question)
        self._note_silence(question.source, now)
        run = self._running.get(question)
        if run is not None and not self._may_be_lost(run, now):
            return run
        if breaker.blocks(now) or (failure is not None and now < failure.until) or self._is_crowded(question):
            return None
        run = Run(question.source, now, is_probe=breaker.error is not None)
        future = self._threads[question.source, run.is_probe].submit(self._answer, asked, run)
        self._running[question] = run
        breaker.asked(now)
        future.add_done_callback(partial(self._end, asked, run, self._running))
        return run

    def _is_late(self, source: Source) -> bool:
        """Whether a reader has waited in vain already, and the source has answered nothing since."""
        now, answered_at = self._monotonic(), self._breakers[source].answered_at
        return any(
            run.source == source
            and run.sent_at is not None
            and answered_at <= run.sent_at
            and run.began + self.patience.stale_seconds <= now
            for run in self._running.values()
        )

    def _note_silence(self, source: Source, now: float) -> None:
        """Leaves a source alone that has answered nothing since a question that has waited for long."""
        for question, run in self._running.items():
            sent_at = run.sent_at
            if run.source == source and sent_at is not None and now - sent_at >= self.patience.first_seconds:
                self._breakers[source].silent(not_yet(question), sent_at, now)

    def _may_be_lost(self, run: Run, now: float) -> bool:
        """Whether an answer has taken long: of a source that was silent since, or that a probe is due of."""
        breaker, sent_at = self._breakers[run.source], run.sent_at
        if sent_at is None or now - sent_at < 2 * self.patience.first_seconds:
            return False
        return breaker.was_silent_since(sent_at) or (breaker.error is not None and not breaker.blocks(now))

    def _answer(self, asked: Asked[T], run: Run) -> Answer[T]:
        """Asks, in a thread of the source."""
        with self._changed:
            if not run.is_probe and self._breakers[run.source].error is not None:
                raise self._reason(asked)  # it waited for a thread until its source was found to fail
            run.sent_at = self._monotonic()
        answer = asked.question.ask(*asked.question.args)
        if asked.check is not None:
            asked.check(answer.value)
        return answer

    def _end(
        self, asked: Asked[T], run: Run, running: dict[Question[object], Run], future: Future[Answer[T]]
    ) -> None:
        with self._changed:
            run.outcome = future.exception() or future.result()
            if running is self._running:
                is_newest = running.get(asked.question) is run
                if is_newest:
                    del running[asked.question]
                if run.sent_at is not None and (is_newest or isinstance(run.outcome, Answer)):
                    self._settle(asked, run.outcome, run.sent_at)
            self._changed.notify_all()

    def _settle(self, asked: Asked[T], outcome: Answer[object] | BaseException, sent_at: float) -> None:
        now, question = self._monotonic(), asked.question
        breaker = self._breakers[question.source]
        if isinstance(outcome, SourceError):
            outcome = copy(outcome)  # without its frames, which hold the answer
        before = self._failures.pop(question, None)
        if isinstance(outcome, SourceError):
            in_a_row = before.in_a_row + 1 if before else 1
            until = now + max(pause_seconds(in_a_row), asked_seconds(outcome))
            self._failures[question] = Failure(outcome, in_a_row, now, until)
            if len(self._failures) > self._entries:
                self._failures.popitem(last=False)
        elif isinstance(outcome, Answer):
            self._keep(asked, outcome, now)
        if isinstance(outcome, SourceUnavailable):
            breaker.failed(question, outcome, sent_at, now)
        elif isinstance(outcome, Answer | SourceError) and breaker.answered(now):
            self._shorten_pauses(question.source, 0)

    def _shorten_pauses(self, source: Source, seconds: float) -> None:
        for question, failure in self._failures.items():
            if question.source == source:
                allowed = failure.at + max(seconds, asked_seconds(failure.error))
                failure.until = min(failure.until, allowed)
