"""Sends the events of one queue in a thread, until Tinybird has confirmed them.

| Tinybird's answer | What becomes of the events |
|---|---|
| 200 | confirmed, and removed from the disk |
| 408, 429, 5xx, no answer, an unreadable one | they wait: backoff with jitter, or as long as `Retry-After` asks, up to 5 minutes |
| 401, 403, 404, a redirect | they wait, and are tried once a minute: a token or a deployment is wrong, not they |
| 400, 413, any other 4xx | tried in halves, so that one event takes no other along; what is left is kept aside |
| quarantined rows, fewer confirmed than sent | kept aside as dead letters, to be looked at and sent again |

One queue never waits for another. Delivery is at least once: an answer that got lost means the batch is sent again.
"""

from __future__ import annotations

# Not while sending: a child forked at that moment could never import it.
import encodings.idna  # noqa: F401
import logging
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from analytics.errors import AnalyticsError, ConfigError, SchemaMismatch, SourceRejected, SourceUnavailable
from analytics.ingest.spool import dead_letters as refused
from analytics.ingest.spool.dead_letters import RefusalKind
from analytics.ingest.spool.directory import SizeLimit
from analytics.ingest.spool.process import can_run_threads
from analytics.ingest.spool.quarantine import Quarantined, quarantined_lines
from analytics.ingest.spool.queue import Batch, Queue
from analytics.ingest.spool.settings import DEFAULT, SpoolSettings
from analytics.numbers import in_words
from analytics.transports.retrying import Retries, asked_seconds
from analytics.transports.throttled_log import ThrottledLog
from analytics.transports.tinybird import Tinybird
from analytics.transports.tinybird_messages import Ingested

BYTES_PER_SECOND: Final = 20_000_000
"""What the Events API takes per data source."""

GZIP_LEVEL: Final = 1

UNEXPECTED: Final = (
    *(AnalyticsError, ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError),
    *(RuntimeError, TypeError, ValueError),
)
"""A fault of this project. A thread that it ended would be started anew at once, and post the same events again."""

_LOG = logging.getLogger(__name__)
FailureKind = Literal["retry", "misconfigured", "refused"]


def failure_kind(error: AnalyticsError) -> FailureKind:
    """Says what a failed request means for its events.

    >>> failure_kind(SourceRejected("", source="tinybird", resource="", status=403))
    'misconfigured'
    """
    if isinstance(error, SourceUnavailable | SchemaMismatch):
        return "retry"
    status = error.status if isinstance(error, SourceRejected) else None
    if status == 408:
        return "retry"
    return "misconfigured" if status is None or status < 400 or status in {401, 403, 404} else "refused"


class Sender:
    """Thread that sends one queue, started by the first `wake` or `send_now`.

    `on_end` is called by the thread as it ends, which may be after its last request has been waited for in vain.

    Attributes:
        failure: Why the last request failed; None when it did not.
    """

    def __init__(
        self,
        queue: Queue,
        spool: Path,
        size_limit: SizeLimit,
        tinybird: Callable[[], Tinybird],
        settings: SpoolSettings = DEFAULT,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._queue = queue
        self._spool = spool
        self._size_limit = size_limit
        self._tinybird = tinybird
        self._settings = settings
        self._on_end = on_end
        self._has_ended = False
        self.sent = self.retried = self.refused = 0
        self.failure: AnalyticsError | None = None
        self._unexpected_count = 0
        self._not_before = 0.0
        self._wake, self._now, self._stop = threading.Event(), threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._undelivered, self._disk = ThrottledLog(_LOG), ThrottledLog(_LOG)
        self._retries = Retries(
            settings.first_backoff_seconds,
            settings.max_backoff_seconds,
            is_spread=True,
            is_transient=lambda error: failure_kind(error) != "refused",
            least_seconds=self._least_seconds,
            on_pause=self._failed,
            sleep=self._stop.wait,
        )

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called: it sends no more."""
        return self._stop.is_set()

    @property
    def is_running(self) -> bool:
        """Whether its thread may still send a request."""
        return self._thread is not None and not self._has_ended

    def wake(self) -> bool:
        """Wakes the thread, and starts one when none runs; whether one runs now."""
        if (self._thread is None or not self._thread.is_alive()) and not self._start():
            return False
        if not self._wake.is_set():
            self._wake.set()
        return True

    def send_now(self) -> None:
        """As `wake`, and does not wait for more events before sending."""
        self._now.set()
        self.wake()

    def stop(self, timeout_seconds: float) -> bool:
        """Stops the thread after its request; whether it has ended. Unsent events stay on the disk."""
        self._stop.set()
        self._wake.set()
        self._now.set()
        thread = self._thread
        if thread is not None and thread.is_alive():
            thread.join(timeout_seconds)
            return not thread.is_alive()
        return True

    def _start(self) -> bool:
        with self._starting:
            if self._thread is not None and self._thread.is_alive():
                return True
            if self._stop.is_set() or not can_run_threads():
                return False
            thread = threading.Thread(target=self._run, name=f"send {self._queue.datasource}", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter is ending, or there are too many threads already
                return False
            self._thread = thread
            return True

    def _run(self) -> None:
        # A process that ends right after its first event leaves it to others: it would end before the answer.
        self._now.wait(self._settings.linger_seconds)
        while not self._stop.is_set():
            try:
                self._send_next()
            except OSError as error:
                self._log_disk_error(error)
                self._stop.wait(self._settings.scan_seconds)
            except UNEXPECTED as error:
                self._stop.wait(self._unexpected(error))
        # `stop` may not have waited for an answer that was slow.
        self._queue.release()
        self._has_ended = True
        self._on_end()

    def _send_next(self) -> None:
        """Sends one batch, or waits for one.

        Raises:
            OSError: The disk does not give it, or its confirmation could not be noted.
        """
        self._stop.wait(min(self._settings.linger_seconds, max(0.0, self._not_before - time.monotonic())))
        self._wake.clear()
        self._now.clear()
        if self._stop.is_set():  # `stop` sets this first: its wake-up may just have been cleared
            return
        self._queue.adopt()
        self._size_limit.look()
        batch = self._queue.take()
        if batch is None:
            if self._wake.wait(self._settings.scan_seconds):
                self._now.wait(self._settings.linger_seconds)
        elif self._deliver(batch):
            self._unexpected_count = 0
            self._queue.confirm(batch)

    def _unexpected(self, error: Exception) -> float:
        """Logs an unexpected error; returns the seconds to wait."""
        self.failure = AnalyticsError(
            f"Sending failed for a reason that is a fault of the emitter: {_place(error)}."
        )
        self._undelivered.write(f"Events wait on the disk: {self._queue.datasource}. {self.failure}")
        self._unexpected_count += 1
        return self._retries.backoff_seconds(self._unexpected_count)

    def _deliver(self, batch: Batch) -> bool:
        """Sends a batch; False only when the thread must stop before all of it is answered."""
        if batch.damaged:
            _LOG.error("%d damaged lines of %s are kept aside", len(batch.damaged), self._queue.datasource)
            if not self._kept(
                lambda: refused.keep_damaged(self._spool, self._queue.datasource, batch.damaged),
                len(batch.damaged),
            ):
                return False
        parts, tried = [batch.body] if batch.body else [], 0
        while parts:
            part = parts.pop()
            answer = self._answer(part)
            if answer is None:
                return False
            if isinstance(answer, SourceRejected):
                tried += 1
                halves = _halves(part) if tried < self._settings.max_parts else []
                parts.extend(halves)
                reason = f"{answer.message} {answer.said}".strip()
                if not halves and not self._keep("refused", part, part.count(b"\n"), reason, answer.status):
                    return False
            elif not self._confirmed(part, answer):
                return False
        return True

    def _answer(self, body: bytes) -> Ingested | SourceRejected | None:
        """Sends a body until Tinybird answers; None when the thread must stop before."""
        answer: Ingested | SourceRejected | None
        try:
            answer = self._retries.run(lambda: self._posted(body))
        except SourceRejected as error:
            answer = error
        if answer is not None:
            if self._retries.failures:
                _LOG.warning("%s is delivered again", self._queue.datasource)
            self.failure = None
        return answer

    def _posted(self, body: bytes) -> Ingested | None:
        if self._stop.wait(max(0.0, self._not_before - time.monotonic())):
            return None
        self._not_before = time.monotonic() + max(self._settings.linger_seconds, len(body) / BYTES_PER_SECOND)
        return self._tinybird().post_batch(
            self._queue.datasource,
            body,
            wait=True,
            gzip_level=GZIP_LEVEL,
            timeout_seconds=self._settings.answer_seconds,
        )

    def _least_seconds(self, error: AnalyticsError) -> float:
        is_misconfigured = failure_kind(error) == "misconfigured"
        return self._settings.misconfigured_seconds if is_misconfigured else asked_seconds(error)

    def _failed(self, error: AnalyticsError, seconds: float) -> None:
        self.failure = error
        self.retried += 1
        why = error.message if asked_seconds(error) else str(error)
        self._undelivered.write(
            f"Events wait on the disk: {self._queue.datasource} cannot be delivered. {why} "
            f"Trying again in {in_words(seconds)}."
        )

    def _confirmed(self, body: bytes, answer: Ingested) -> bool:
        """Counts what was stored and keeps the rest aside; False only when the thread must stop before."""
        events = body.count(b"\n")
        # No more than were sent, whatever it says.
        stored = min(answer.successful_rows, events)
        quarantined = min(answer.quarantined_rows, events - stored)
        self.sent += stored
        missing = events - stored - quarantined
        is_kept = True
        if quarantined:
            found = self._quarantined(body, quarantined)
            is_kept = self._keep("quarantined", found.lines, quarantined, found.reason, None)
        if missing > 0 and is_kept:
            reason = f"Tinybird confirmed {missing} fewer of these {events} events than were sent"
            is_kept = self._keep("unconfirmed", body, missing, reason, None)
        return is_kept

    def _quarantined(self, body: bytes, count: int) -> Quarantined:
        """Finds the quarantined events. No error here may send the batch again: Tinybird has the others."""
        try:
            return quarantined_lines(self._tinybird(), self._queue.datasource, body, count)
        except UNEXPECTED as error:
            unknown = f"which ones could not be found out ({_place(error)})"
            return Quarantined(body, f"Tinybird quarantined {count} of these events; {unknown}")

    def _keep(self, kind: RefusalKind, lines: bytes, events: int, reason: str, status: int | None) -> bool:
        _LOG.error("%d events of %s are kept aside: %s", events, self._queue.datasource, reason)
        return self._kept(
            lambda: refused.keep(self._spool, self._queue.datasource, kind, lines, events, reason, status),
            events,
        )

    def _kept(self, write: Callable[[], None], events: int) -> bool:
        """Writes until the disk takes it; False when the thread must stop before."""
        while not self._stop.is_set():
            try:
                write()
            except OSError as error:
                self._log_disk_error(error)
                self.failure = ConfigError(
                    f"What Tinybird refused of {self._queue.datasource} cannot be kept aside ({error.strerror or error}).",
                    f"Let this process write to {refused.FOLDER}/ in the spool directory.",
                )
                self._stop.wait(self._settings.scan_seconds)
            else:
                self.failure = None
                self.refused += events
                return True
        return False

    def _log_disk_error(self, error: OSError) -> None:
        self._disk.write(f"The spool directory {self._spool} is in trouble: {error.strerror or error}")


def _place(error: Exception) -> str:
    """Place and type of an error, without its text, which may contain anything."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {where.name}, {Path(where.filename).name}:{where.lineno}"


def _halves(body: bytes) -> list[bytes]:
    """Splits a body into halves; none for a single event."""
    middle = body.rfind(b"\n", 0, len(body) // 2) + 1 or body.find(b"\n") + 1
    return [body[middle:], body[:middle]] if middle < len(body) else []
