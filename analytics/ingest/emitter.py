"""Emits events from a service: a call validates, writes to the spool and returns; a thread sends.

```python
emitter = Emitter.from_environment()
emitter.visitor_seen(website_id="…", visitor_id="…", city="Berlin", country_code="DE", latitude=52.5, longitude=13.4)
emitter.first_response(website_id="…", visitor_id="…", conversation_id="…", started_at=conversation.started_at)
```

A call never waits for the network and never raises because Tinybird is down. True means that the event is on the disk
and survives this process; False that it was dropped, because the spool is full or the disk is. An event whose website,
visitor, conversation, time or duration may not be sent raises `InvalidEvent`, which names the field; what describes a visit is cut or
emptied instead, and counted. Delivery is at least once.

What a process leaves when a signal ends it is on the disk, for the next emitter on the directory; only a process that
ends normally flushes, so a service calls `close` from its own shutdown. A signal handler must not emit: it may have
interrupted a call that holds a lock, and would wait for it for ever.

Arguments that mean the same everywhere: `at` is when it happened, aware, None for now; `started_at` is when the
conversation started, aware, from which the seconds are computed that are sent. It may lie up to a minute after the event,
as the clocks of two machines do: that is 0 s. `is_test` says that the visitor is a test visitor (`visitor.is_test`): the
event is checked and counted, nothing is sent, and the answer is True. None means False.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NotRequired, Self, TypedDict, Unpack

from analytics.errors import AnalyticsError, ConfigError
from analytics.ingest.events import ConversationEvent, ConversationEventType, InvalidEvent, VisitorEvent
from analytics.ingest.spool import directory as spool
from analytics.ingest.spool.dead_letters import Resent, resend
from analytics.ingest.spool.delivery import EXIT_SECONDS, Delivery, usable
from analytics.ingest.spool.delivery import Counters as Counters
from analytics.ingest.spool.process import PerProcess
from analytics.ingest.spool.settings import DEFAULT, SpoolSettings
from analytics.settings import load_emitter_settings
from analytics.transports.tinybird import Tinybird
from analytics.transports.tinybird_messages import ndjson_line

LONGEST_AHEAD: Final = timedelta(days=1)
"""An event further in the future than this is a mistake, not a clock that is ahead."""

CLOCK_DIFFERENCE: Final = timedelta(minutes=1)
"""A start that lies further after its event than this is a mistake, not a clock that is ahead."""


class Visit(TypedDict):
    """A visitor and what is known about them, None for not known; `VisitorEvent` says what is done with each value."""

    website_id: str
    visitor_id: str
    session_id: NotRequired[str | None]
    country_code: NotRequired[str | None]
    city: NotRequired[str | None]
    latitude: NotRequired[float | None]
    longitude: NotRequired[float | None]
    device_type: NotRequired[str | None]
    browser: NotRequired[str | None]
    page_url: NotRequired[str | None]


class Conversation(TypedDict):
    """Which conversation; `ConversationEvent` says what each value may be."""

    website_id: str
    visitor_id: str
    conversation_id: str


class Emitter:
    """Delivers events from any thread. One per process and spool directory; a forked child may use its parent's.

    Starts no thread before a process's first event (or `flush`), so it may be made before a server forks its workers.

    Args:
        host: Base URL of Tinybird.
        append_token: May append to both data sources.
        spool_dir: Where events wait; made if missing. On a local disk; several processes may share it.
        admin_token: To find out which events Tinybird quarantined; without it whole batches are kept aside.
        max_spool_bytes: What the directory may take, what is kept aside included; events past that are dropped.
        is_durable: True survives a power cut as well: each call then waits for the disk.
        settings: Times and limits of sending.

    Raises:
        ConfigError: An address, token or directory cannot be used.
    """

    def __init__(
        self,
        host: str,
        append_token: str,
        spool_dir: Path,
        *,
        admin_token: str | None = None,
        max_spool_bytes: int = spool.MAX_SPOOL_BYTES,
        is_durable: bool = False,
        settings: SpoolSettings = DEFAULT,
    ) -> None:
        if not append_token:
            raise ConfigError(
                "TINYBIRD_APPEND_TOKEN is missing.", "Set it to a token that may append events."
            )
        directory = usable(spool_dir)

        def connect() -> Tinybird:
            return Tinybird(host, "", append_token, admin_token)

        def begin(tinybird: Tinybird | None = None) -> Delivery:
            return Delivery(
                connect,
                directory,
                max_spool_bytes,
                is_durable=is_durable,
                is_sending=not self._is_closed,
                tinybird=tinybird,
                settings=settings,
            )

        self._is_closed = False
        self._deliveries = PerProcess(begin(connect()), begin)

    @property
    def _delivery(self) -> Delivery:
        return self._deliveries.value

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] | None = None, *, is_durable: bool = False
    ) -> Emitter:
        """Makes an emitter from TINYBIRD_HOST, TINYBIRD_APPEND_TOKEN and INBOX_ANALYTICS_SPOOL_DIR.

        Raises:
            ConfigError: One of them is missing or unusable.
        """
        settings = load_emitter_settings(environ)
        admin = settings.tinybird_admin_token
        return cls(
            settings.tinybird_host,
            settings.tinybird_append_token.get_secret_value(),
            settings.spool_dir,
            admin_token=None if admin is None else admin.get_secret_value(),
            is_durable=is_durable,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def visitor_seen(
        self, *, at: datetime | None = None, is_test: bool | None = False, **visit: Unpack[Visit]
    ) -> bool:
        """A visitor is on the website. Repeated within a minute it is sent once, and True all the same.

        That holds over all processes of the spool directory, but for two that see the visitor in the same instant.

        Raises:
            InvalidEvent: A value may not be sent.
        """
        event = VisitorEvent(timestamp=_instant(at), event_type="seen", **visit)
        if self._is_left_out(is_test, event):
            return True
        who = event.website_id, event.visitor_id
        delivery = self._delivery
        with delivery.lock:
            if delivery.heartbeats.is_repeated(*who, event.timestamp):
                delivery.repeated += 1
                return True
            is_accepted = self._accept(event)
            if is_accepted:
                delivery.heartbeats.note(*who, event.timestamp)
        return is_accepted

    def page_view(
        self, *, at: datetime | None = None, is_test: bool | None = False, **visit: Unpack[Visit]
    ) -> bool:
        """A visitor has opened a page; never taken for a repetition.

        Raises:
            InvalidEvent: A value may not be sent.
        """
        return self._emit(is_test, VisitorEvent(timestamp=_instant(at), event_type="page_view", **visit))

    def conversation_started(
        self, *, at: datetime | None = None, is_test: bool | None = False, **which: Unpack[Conversation]
    ) -> bool:
        """A conversation has started.

        Raises:
            InvalidEvent: A value may not be sent.
        """
        return self._emit(is_test, _event("conversation_started", at, which))

    def first_response(
        self,
        *,
        started_at: datetime,
        at: datetime | None = None,
        is_test: bool | None = False,
        **which: Unpack[Conversation],
    ) -> bool:
        """A conversation has got its first answer.

        Raises:
            InvalidEvent: A value may not be sent, or the start lies more than a minute after the event.
        """
        return self._emit(is_test, _timed_event("first_response", at, which, started_at))

    def conversation_resolved(
        self,
        *,
        started_at: datetime,
        by_ai: bool,
        at: datetime | None = None,
        is_test: bool | None = False,
        **which: Unpack[Conversation],
    ) -> bool:
        """A conversation is resolved; when the AI agent did it, `ai_resolved` goes along, both or neither.

        Raises:
            InvalidEvent: A value may not be sent, or the start lies more than a minute after the event.
        """
        if not isinstance(by_ai, bool):
            raise InvalidEvent("by_ai", "True or False is needed")
        resolved = _timed_event("conversation_resolved", at, which, started_at)
        by_agent = [resolved.model_copy(update={"event_type": "ai_resolved"})] if by_ai else []
        return self._emit(is_test, resolved, *by_agent)

    def escalated(
        self, *, at: datetime | None = None, is_test: bool | None = False, **which: Unpack[Conversation]
    ) -> bool:
        """The AI agent has handed a conversation to people.

        Raises:
            InvalidEvent: A value may not be sent.
        """
        return self._emit(is_test, _event("escalated", at, which))

    def feedback_submitted(
        self, *, at: datetime | None = None, is_test: bool | None = False, **which: Unpack[Conversation]
    ) -> bool:
        """A visitor has rated a conversation.

        Raises:
            InvalidEvent: A value may not be sent.
        """
        return self._emit(is_test, _event("feedback_submitted", at, which))

    def counters(self) -> Counters:
        """Counts what was done and what waits; reads the directory for the latter.

        Raises:
            ConfigError: The directory cannot be read.
        """
        return self._delivery.counters()

    @property
    def failure(self) -> AnalyticsError | None:
        """Why events wait; None when nothing is known to be wrong."""
        return self._delivery.failure

    def flush(self, timeout_seconds: float) -> bool:
        """Sends at once; True when all that this process accepted before is confirmed or kept aside in time.

        Also starts to send what others have left in the directory, which is not waited for.
        """
        return self._delivery.flush(timeout_seconds)

    def resend_refused(self) -> Resent:
        """Puts dead letters back into the spool, to be sent again; `Resent` says what goes twice.

        Raises:
            ConfigError: The disk does not take it.
        """
        return resend(self._delivery.directory)

    def close(self, timeout_seconds: float = EXIT_SECONDS) -> bool:
        """Stops sending; True when everything accepted is delivered. The rest waits on the disk for the next emitter.

        Called when the process ends, too. Calls after it still write to the disk.
        """
        self._is_closed = True
        return self._delivery.close(timeout_seconds)

    def _emit(self, is_test: bool | None, *events: VisitorEvent | ConversationEvent) -> bool:
        """Accepts the events, or leaves them out; whether neither failed."""
        return self._is_left_out(is_test, *events) or self._accept(*events)

    def _accept(self, *events: VisitorEvent | ConversationEvent) -> bool:
        lines = b"".join(ndjson_line(event.row()) for event in events)
        delivery = self._delivery
        is_accepted = delivery.write(events[0].DATASOURCE, lines, len(events))
        if is_accepted:
            for event in events:
                if isinstance(event, VisitorEvent) and event.changes:
                    delivery.changed.note(event.changes)
        return is_accepted

    def _is_left_out(self, is_test: bool | None, *events: VisitorEvent | ConversationEvent) -> bool:
        """Whether the events are of a test visitor; counts those that are."""
        if is_test is not None and not isinstance(is_test, bool):
            raise InvalidEvent("is_test", "True or False is needed")
        if is_test:
            self._delivery.leave_out(len(events))
        return bool(is_test)


def _event(event_type: ConversationEventType, at: datetime | None, which: Conversation) -> ConversationEvent:
    return ConversationEvent(timestamp=_instant(at), event_type=event_type, **which)


def _timed_event(
    event_type: ConversationEventType, at: datetime | None, which: Conversation, started_at: datetime
) -> ConversationEvent:
    instant = _instant(at)
    elapsed = instant - _aware("started_at", started_at)
    if elapsed < -CLOCK_DIFFERENCE:
        raise InvalidEvent("started_at", "it lies more than a minute after the event")
    seconds = max(0.0, elapsed.total_seconds())
    return ConversationEvent(timestamp=instant, event_type=event_type, duration_seconds=seconds, **which)


def _instant(at: datetime | None) -> datetime:
    now = datetime.now(UTC)
    if at is None:
        return now
    if _aware("at", at) - now > LONGEST_AHEAD:
        raise InvalidEvent("at", "it lies more than a day in the future")
    return at


def _aware(field: str, instant: object) -> datetime:
    try:
        if isinstance(instant, datetime) and instant.utcoffset() is not None:
            return instant
    except ValueError:  # pandas' NaT is a datetime without an offset
        pass
    raise InvalidEvent(field, "a datetime with a timezone is needed")
