"""Shared reads: fresh, stale or raised; asked once at a time; no reader waits for long; failures are shared."""

import gc
import math
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from analytics.cached.shared import reads as shared
from analytics.cached.shared.question import Question, question
from analytics.cached.shared.reads import SharedReads
from analytics.cached.shared.waits import end, waiting_briefly, waiting_together
from analytics.errors import (
    AccessDenied,
    NotYetAnswered,
    SchemaMismatch,
    Source,
    SourceError,
    SourceRejected,
    SourceUnavailable,
)
from analytics.health.cache_counts import CacheCounts
from analytics.readings import Answer, Reading
from tests.conftest import PATIENT

AT = datetime(2026, 11, 10, 12, tzinfo=UTC)
FRESH_SECONDS = 300
HELD_SECONDS = 60


class Site:
    """A source whose answers a test decides, and the clock.

    Attributes:
        asked: Arguments of what was sent, in order.
        answers: What each question gets; an exception is raised.
        held: Questions that wait until the test lets them go on.
        now: Seconds on the clock of the reads; None for the real one.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, object] = {}
        self.held: dict[str, threading.Event] = {}
        self.now = 0.0

    def of(self, name: str, source: Source = "tinybird") -> Question[object]:
        """A question that is asked of this source."""

        def ask(name: str) -> Answer[object]:
            self.asked.append(name)
            held = self.held.get(name)
            assert held is None or held.wait(HELD_SECONDS)
            answer = self.answers.get(name, name)
            if isinstance(answer, Exception):
                raise answer
            return Answer(answer, AT)

        return Question("pipe", (name,), source, timedelta(seconds=FRESH_SECONDS), ask)

    @contextmanager
    def holding(self, *names: str) -> Iterator[None]:
        """No answer to these questions inside the block."""
        self.held |= {name: threading.Event() for name in names}
        try:
            yield
        finally:
            for name in names:
                self.held.pop(name).set()


@pytest.fixture
def site() -> Site:
    """A source that answers each question with its own name."""
    return Site()


@pytest.fixture
def reads(site: Site) -> SharedReads:
    """Reads on the test's clock."""
    return SharedReads(PATIENT, monotonic=lambda: site.now)


@pytest.fixture
def real_time() -> SharedReads:
    """Reads on the real clock, for tests that wait."""
    return SharedReads()


def down(
    status: int | None = 503, after: float | None = None, source: Source = "tinybird"
) -> SourceUnavailable:
    """A failure of a source."""
    error = SourceUnavailable("Down.", "Wait.", source=source, resource="pipe", status=status)
    error.retry_after_seconds = after
    return error


def outcome(reads: SharedReads, question: Question[object], key: str = "") -> Reading[object] | SourceError:
    """The reading or its error."""
    return reads.ask(key or question.args, question).outcome()


def until(condition: Callable[[], bool]) -> None:
    """Waits for a state that another thread brings about."""
    ends_at = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.005)


def test_a_question_is_its_name_and_arguments() -> None:
    """Calling the decorated function asks nothing; what it would ask is its key."""

    @question("postgres", timedelta(minutes=1))
    def _rated(website_id: str, limit: int) -> Answer[int]:
        raise AssertionError

    assert _rated("w1", 5) == _rated("w1", 5) != _rated("w1", 6)
    assert (_rated("w1", 5).name, _rated("w1", 5).source) == ("rated", "postgres")
    with pytest.raises(TypeError, match="by position"):
        _rated("w1", limit=5)


def test_an_answer_is_fresh_for_its_time_and_asked_for_once(site: Site, reads: SharedReads) -> None:
    """Afterwards it is asked for again; other arguments are another question."""
    assert reads.read("k", site.of("a")) == Reading("a", AT)
    site.now = FRESH_SECONDS - 1
    assert reads.read("k", site.of("a")) == Reading("a", AT)
    assert site.asked == ["a"]
    site.now = FRESH_SECONDS
    reads.read("k", site.of("a"))
    reads.read("k", site.of("b"))
    assert site.asked == ["a", "a", "b"]


def test_a_failure_serves_the_last_good_value_marked_stale(site: Site, reads: SharedReads) -> None:
    """The old value, its own time, and why it is old; also when the question has moved on."""
    reads.read("k", site.of("9:00"))
    site.answers["9:05"] = down()
    reading = reads.read("k", site.of("9:05"))
    assert (reading.value, reading.as_of, reading.is_stale) == ("9:00", AT, True)
    assert isinstance(reading.stale_reason, SourceUnavailable)


def test_without_a_last_good_value_the_failure_is_raised(site: Site, reads: SharedReads) -> None:
    """Never an empty value; another key's value does not help."""
    reads.read("other", site.of("a"))
    site.answers["b"] = down()
    with pytest.raises(SourceUnavailable):
        reads.read("k", site.of("b"))


@pytest.mark.parametrize("error", [AccessDenied("No."), ZeroDivisionError("A defect.")])
def test_only_failures_of_a_source_are_bridged(site: Site, reads: SharedReads, error: Exception) -> None:
    """Being denied is an answer, and a defect must be seen; neither is remembered."""
    reads.read("k", site.of("a"))
    reads.expire()
    site.answers["a"] = error
    for _ in range(2):
        with pytest.raises(type(error)):
            reads.read("k", site.of("a"))
    assert site.asked == ["a"] * 3


def test_an_answer_that_cannot_be_used_is_a_failure(site: Site, reads: SharedReads) -> None:
    """It never takes the place of the last good one."""
    reads.read("k", site.of("a"))
    reads.expire()

    def check(_value: object) -> None:
        raise SchemaMismatch("Implausible.", source="tinybird", resource="pipe")

    reading = reads.read("k", site.of("a"), check=check)
    assert (reading.is_stale, str(reading.stale_reason)) == (True, "Implausible.")


@pytest.mark.parametrize(("age", "is_served"), [(timedelta(0), True), (timedelta(seconds=1), False)])
def test_a_kept_answer_can_be_too_old(
    site: Site, reads: SharedReads, age: timedelta, is_served: bool
) -> None:
    """What decides access is trusted for a while only."""
    reads.read("k", site.of("a"))
    reads.expire()
    site.answers["a"] = down()
    if is_served:
        assert reads.read("k", site.of("a"), not_before=AT + age).is_stale
    else:
        with pytest.raises(SourceUnavailable):
            reads.read("k", site.of("a"), not_before=AT + age)


def test_the_one_longest_not_wanted_goes_first(site: Site) -> None:
    """Bounded memory; reading counts as use."""
    reads = SharedReads(PATIENT, entries=2)
    for name in ("a", "b", "a", "c"):
        reads.read(name, site.of(name))
    assert len(reads) == 2
    reads.expire()
    site.answers = dict.fromkeys("ab", down())
    assert reads.read("a", site.of("a")).is_stale
    with pytest.raises(SourceUnavailable):
        reads.read("b", site.of("b"))


def test_a_page_that_changes_its_frame_changes_no_other_copy(site: Site, reads: SharedReads) -> None:
    """Not the one that is kept, nor that of another viewer."""
    site.answers["a"] = pd.DataFrame({"n": [1]})
    for changed in (99, 98):
        frame = reads.read("k", site.of("a")).value
        assert isinstance(frame, pd.DataFrame)
        assert frame["n"].tolist() == [1]
        frame.loc[0, "n"] = changed


def test_many_viewers_ask_once(site: Site, real_time: SharedReads) -> None:
    """Twenty at the same moment, one read, twenty answers."""
    with ThreadPoolExecutor(20) as viewers:
        with site.holding("a"):
            waiting = [viewers.submit(real_time.read, "k", site.of("a")) for _ in range(20)]
            until(lambda: site.asked == ["a"])
        assert {each.result().value for each in waiting} == {"a"}
    assert site.asked == ["a"]


def test_a_hanging_question_holds_up_nobody_else(site: Site, real_time: SharedReads) -> None:
    """Another question of the same source is answered; who waits gets an error in time, later readers at once."""
    with site.holding("a"):
        began = time.monotonic()
        error = outcome(real_time, site.of("a"))
        assert shared.PATIENCE.first_seconds <= time.monotonic() - began < HELD_SECONDS / 2
        assert isinstance(error, SourceUnavailable)
        assert error.message == "Tinybird has not answered yet."
        until(lambda: outcome(real_time, site.of("b")) == Reading("b", AT))
        began = time.monotonic()
        assert isinstance(outcome(real_time, site.of("a")), SourceUnavailable)
        assert time.monotonic() - began < shared.PATIENCE.first_seconds
        assert real_time.counter.counts().get(site.of("a").name, CacheCounts()).failed == 0, (
            "late, not failed"
        )
    until(lambda: outcome(real_time, site.of("a")) == Reading("a", AT))


def test_a_last_good_value_is_shown_before_the_answer_comes(site: Site, real_time: SharedReads) -> None:
    """Soon, with the reason; the answer takes its place when it comes, and a page that looks is told."""
    real_time.read("k", site.of("9:00"))
    with site.holding("9:05"):
        asked = real_time.ask("k", site.of("9:05"))
        began = time.monotonic()
        reading = asked.reading()
        assert time.monotonic() - began < shared.PATIENCE.first_seconds
        assert (reading.value, reading.is_stale) == ("9:00", True)
        assert not asked.has_changed()
    until(asked.has_changed)
    assert asked.reading() == Reading("9:05", AT)


def test_a_late_source_is_waited_for_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next reader with a last good answer of it gets that at once, also when the threads began late."""

    class BeginsLate(ThreadPoolExecutor):
        """Threads of a busy machine."""

        def submit(self, fn: Callable[..., Any], /, *args: object, **kwargs: object) -> Future[Any]:
            def late() -> object:
                time.sleep(0.1)
                return fn(*args, **kwargs)

            return super().submit(late)

    monkeypatch.setattr(shared, "ThreadPoolExecutor", BeginsLate)
    real_time = SharedReads()
    for name in "ab":
        real_time.read(name, site.of(name))
    real_time.expire()
    with site.holding("a", "b"):
        began = time.monotonic()
        assert real_time.read("a", site.of("a")).is_stale
        waited = time.monotonic() - began
        began = time.monotonic()
        assert real_time.read("b", site.of("b")).is_stale
        assert time.monotonic() - began < shared.PATIENCE.stale_seconds <= waited
    until(lambda: real_time.read("b", site.of("b")) == Reading("b", AT))


def test_the_reads_of_a_block_wait_together(site: Site, real_time: SharedReads) -> None:
    """Three that hang cost no more than one, and are those to look after."""
    real_time.read("ok", site.of("ok"))
    with site.holding("a", "b", "c"), waiting_together(shared.PATIENCE.first_seconds) as block:
        began = time.monotonic()
        for name in ("a", "ok", "b", "c"):
            outcome(real_time, site.of(name), key=name)
        assert time.monotonic() - began < 2 * shared.PATIENCE.first_seconds
    assert len(block.unsettled) == 3


def test_what_a_block_can_be_drawn_without_is_waited_for_briefly(site: Site, real_time: SharedReads) -> None:
    """It is late soon, and one of those to look after; what is read next is waited for as before."""
    with site.holding("extra"), waiting_together(shared.PATIENCE.first_seconds) as block:
        ends_at = end()
        with waiting_briefly(0.01):
            assert isinstance(outcome(real_time, site.of("extra")), NotYetAnswered)
        assert time.monotonic() < ends_at
        assert end() == ends_at
    (late,) = block.unsettled
    assert late.is_late
    until(late.has_changed)


def test_briefly_is_no_longer_than_the_block_and_bounds_nothing_outside() -> None:
    """A file waits as long as it must."""
    with waiting_briefly(0.01):
        assert end() == math.inf
    with waiting_together(0.0), waiting_briefly(60.0):
        assert end() <= time.monotonic()


def test_a_failure_is_shared_until_its_pause_is_over(site: Site, reads: SharedReads) -> None:
    """A reader who asks the same gets the failure without a request; the pauses grow, and end with an answer."""
    site.answers["a"] = SourceRejected("No.", source="tinybird", resource="pipe", status=403)
    sent = []
    for second in range(25):
        site.now = second
        assert isinstance(outcome(reads, site.of("a")), SourceRejected)
        sent.append(len(site.asked))
    assert [second for second in range(25) if second == 0 or sent[second] > sent[second - 1]] == [
        0, 1, 3, 7, 11, 15, 19, 23,
    ]  # fmt: skip
    del site.answers["a"]
    site.now = 27
    assert outcome(reads, site.of("a")) == Reading("a", AT)


def test_a_source_that_fails_is_left_alone_but_for_a_probe(site: Site, reads: SharedReads) -> None:
    """Two questions fail: no third one is sent until the pause is over, then one; its answer opens the source again."""
    site.answers = dict.fromkeys("abcde", down())
    for name in "abcde":
        assert isinstance(outcome(reads, site.of(name)), SourceUnavailable)
    assert site.asked == ["a", "b"]
    site.now = 1
    for name in "cde":
        outcome(reads, site.of(name))
    assert site.asked == ["a", "b", "c"]
    site.answers = {}
    site.now = 3
    for name in "dce":
        assert outcome(reads, site.of(name)) == Reading(name, AT)


def test_the_end_of_an_outage_ends_the_pauses_of_its_questions(site: Site, reads: SharedReads) -> None:
    """Those that failed while the source was down are asked again at once."""
    site.answers = {"a": down(), "b": down()}
    for site.now, name in ((0, "a"), (1, "a"), (3, "a"), (3, "b"), (4, "b")):
        outcome(reads, site.of(name))
    assert site.asked == ["a", "a", "a", "b", "b"]
    site.answers = {}
    site.now = 6
    assert isinstance(outcome(reads, site.of("a")), SourceUnavailable)
    assert outcome(reads, site.of("c")) == Reading("c", AT)
    assert outcome(reads, site.of("a")) == Reading("a", AT)


def test_what_fails_late_does_not_lengthen_the_pause(site: Site, reads: SharedReads) -> None:
    """Reads that hung when the outage began end one after the other, each of them long after its end may have come."""
    site.answers = dict.fromkeys("abc", down())
    with site.holding("c"):
        reads.ask("c", site.of("c"))
        until(lambda: site.asked == ["c"])
        for name in "ab":
            outcome(reads, site.of(name))
        site.now = 0.9
    assert isinstance(outcome(reads, site.of("c")), SourceUnavailable)
    site.now = 1
    assert outcome(reads, site.of("d")) == Reading("d", AT)


def test_a_probe_that_is_told_to_wait_waits_from_then(site: Site, reads: SharedReads) -> None:
    """What an earlier answer asked for is over."""
    site.answers = {"a": down(429, after=60), "b": down(429, after=5)}
    for site.now, name in ((0, "a"), (60, "b"), (64, "c")):
        assert isinstance(outcome(reads, site.of(name)), SourceUnavailable)
    site.now = 65
    assert outcome(reads, site.of("c")) == Reading("c", AT)


def test_a_question_that_fails_alone_leaves_the_source_open(site: Site, reads: SharedReads) -> None:
    """One broken pipe is not an outage."""
    site.answers["a"] = down()
    outcome(reads, site.of("a"))
    assert outcome(reads, site.of("b")) == Reading("b", AT)
    site.now = 1
    outcome(reads, site.of("a"))
    assert outcome(reads, site.of("c")) == Reading("c", AT)


def test_the_other_source_is_not_concerned(site: Site, reads: SharedReads) -> None:
    """Tinybird fails, Postgres is asked."""
    site.answers = {"a": down(429), "b": down(429)}
    outcome(reads, site.of("a"))
    assert outcome(reads, site.of("c", "postgres")) == Reading("c", AT)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_holds_for_everybody(site: Site, reads: SharedReads, status: int) -> None:
    """One such answer is enough: nothing is sent until the time is over, also after "Try again"."""
    site.answers["a"] = down(status, after=7)
    outcome(reads, site.of("a"))
    for site.now in (1, 3, 6.9):
        assert isinstance(outcome(reads, site.of("b")), SourceUnavailable)
        reads.allow()
    assert site.asked == ["a"]
    site.now = 7
    assert outcome(reads, site.of("b")) == Reading("b", AT)


def test_a_later_failure_does_not_shorten_retry_after(site: Site, reads: SharedReads) -> None:
    """A read that was sent before fails without it; "Try again" still has to wait."""
    site.answers = {"a": down(500), "b": down(429, after=60)}
    with site.holding("a"):
        reads.ask("a", site.of("a"))
        until(lambda: site.asked == ["a"])
        outcome(reads, site.of("b"))
    outcome(reads, site.of("a"))
    site.now = 5
    reads.allow()
    assert isinstance(outcome(reads, site.of("c")), SourceUnavailable)
    assert site.asked == ["a", "b"]


def test_a_locked_table_leaves_threads_to_the_others(site: Site, real_time: SharedReads) -> None:
    """Many questions of one query hang; another query is answered, and they are once they can be."""
    hanging = "abcdefgh"
    assert len(hanging) > shared.READERS["postgres"]
    with site.holding(*hanging):
        for name in hanging:
            real_time.ask(name, site.of(name, "postgres"))
        until(lambda: len(site.asked) == shared.ALIKE["postgres"])
        other = replace(site.of("other", "postgres"), name="another")
        assert outcome(real_time, other) == Reading("other", AT)
    until(
        lambda: (
            [outcome(real_time, site.of(name, "postgres")) for name in hanging]
            == [Reading(name, AT) for name in hanging]
        )
    )


def test_a_failure_keeps_no_page_in_memory(site: Site, reads: SharedReads) -> None:
    """An exception that is raised anew keeps the frames of all who raised it, and what stands in them."""
    site.answers["a"] = down()
    pages = weakref.WeakSet[Site]()

    def draw() -> None:
        page = Site()
        pages.add(page)
        with suppress(SourceUnavailable):  # pytest.raises would clear the frames
            reads.read("k", site.of("a"))

    for _ in range(20):
        draw()
    gc.collect()
    assert len(pages) == 0


def test_a_question_that_found_no_thread_is_asked_again(
    site: Site, reads: SharedReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system refuses a new thread once."""

    def refuse(*_arguments: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(ThreadPoolExecutor, "submit", refuse)
        with pytest.raises(RuntimeError):
            reads.read("k", site.of("a"))
    assert reads.read("k", site.of("a")) == Reading("a", AT)


def test_a_silent_source_gets_one_probe_at_a_time(site: Site, real_time: SharedReads) -> None:
    """New questions are not sent, and its readers wait as long as others; the first answer opens it again."""
    with site.holding("a"), ThreadPoolExecutor(4) as viewers:
        asked = real_time.ask("a", site.of("a"))
        until(lambda: site.asked == ["a"])
        is_silent_at = time.monotonic() + shared.PATIENCE.first_seconds
        asked.outcome()
        until(lambda: time.monotonic() > is_silent_at)
        with site.holding("b", "c", "d"):
            errors = list(viewers.map(lambda name: outcome(real_time, site.of(name)), "bcd"))
            assert all(isinstance(error, SourceUnavailable) for error in errors)
            assert len(site.asked) <= 3
        until(lambda: all(isinstance(outcome(real_time, site.of(name)), Reading) for name in "bcd"))


def test_what_was_sent_into_a_silence_is_asked_anew_after_it(site: Site, reads: SharedReads) -> None:
    """Its connection may be gone; not before it has taken twice as long as readers wait, nor while the silence lasts."""
    with site.holding("a"):
        lost = reads.ask("a", site.of("a"))
        until(lambda: site.asked == ["a"])
        site.now = PATIENT.first_seconds
        reads.ask("b", site.of("b"))
        site.now += 1
        reads.ask("a", site.of("a"))
        assert site.asked == ["a"]
        assert outcome(reads, site.of("b")) == Reading("b", AT)
        reads.ask("a", site.of("a"))
        site.now = 2 * PATIENT.first_seconds
        again = reads.ask("a", site.of("a"))
        until(lambda: site.asked == ["a", "b", "a"])
    assert again.reading() == lost.reading() == Reading("a", AT)


def test_a_question_that_hangs_is_its_own_probe(site: Site, reads: SharedReads) -> None:
    """Where nothing else is asked, the end of the silence would not be noticed before the deadline of the read."""
    with site.holding("a"):
        reads.ask("a", site.of("a"))
        until(lambda: site.asked == ["a"])
        for site.now in (PATIENT.first_seconds, 2 * PATIENT.first_seconds - 1, 2 * PATIENT.first_seconds):
            reads.ask("a", site.of("a"))
        until(lambda: site.asked == ["a", "a"])
        site.now += 1
        reads.ask("a", site.of("a"))
    assert outcome(reads, site.of("a")) == Reading("a", AT)
    assert site.asked == ["a", "a"]


def test_a_viewer_may_end_the_pauses_once_a_second(site: Site, reads: SharedReads) -> None:
    """The button asks again, but is no hammer."""
    site.answers["a"] = down()
    for site.now in (0, 1, 3):
        outcome(reads, site.of("a"))
    assert len(site.asked) == 3
    site.now = 3.5
    reads.allow()
    outcome(reads, site.of("a"))
    assert len(site.asked) == 3
    site.now = 4
    outcome(reads, site.of("a"))
    assert len(site.asked) == 4


def test_looking_asks_again_when_the_pause_is_over(site: Site, reads: SharedReads) -> None:
    """A page that is only looked at recovers."""
    site.answers["a"] = down()
    asked = reads.ask("k", site.of("a"))
    asked.outcome()
    assert not asked.has_changed()
    site.answers = {}
    assert not asked.has_changed()
    site.now = 1
    until(asked.has_changed)
    assert site.asked == ["a", "a"]


def test_cleared_is_forgotten(site: Site, reads: SharedReads) -> None:
    """After clearing, a failure has nothing to fall back on, and what is still being read is not kept."""
    reads.read("k", site.of("a"))
    with site.holding("b"):
        asked = reads.ask("b", site.of("b"))
        reads.clear()
    until(lambda: isinstance(asked.outcome(), Reading))
    site.answers["a"] = down()
    with pytest.raises(SourceUnavailable):
        reads.read("k", site.of("a"))


def test_requests_and_reads_are_counted_by_name(site: Site, reads: SharedReads) -> None:
    """Of all arguments together; a failure as one, stale or not."""
    reads.read("k", site.of("a"))
    reads.read("k", site.of("a"))
    reads.expire()
    site.answers = dict.fromkeys("ab", down())
    reads.read("k", site.of("a"))
    assert reads.counter.counts() == {"pipe": CacheCounts(asked=3, read=1, failed=1, stale=1)}
    with pytest.raises(SourceUnavailable):
        reads.read("other", site.of("b"))
    assert reads.counter.counts() == {"pipe": CacheCounts(asked=4, read=1, failed=2, stale=1)}
    reads.clear()
    assert reads.counter.counts() == {}
