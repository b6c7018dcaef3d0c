"""Events that may be sent to Tinybird: one type per data source, checked before they leave. Pure.

Owns which values an event may hold and how it is written as a row. Knows no spool, no connection and no clock.
Timestamps are aware; seconds everywhere; None means "not known" and becomes the column's empty value.

Identity, type and time are strict: an event without them is refused. What describes a visit never costs the event: it is
cut or emptied where it cannot be used, as `descriptions` says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Final, Literal, Self, cast

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    StringConstraints,
    ValidationError,
    model_validator,
)

from analytics.errors import AnalyticsError
from analytics.ingest.events.descriptions import Change, described
from analytics.transports.tinybird_messages import Row

VisitorEventType = Literal["seen", "page_view"]
ConversationEventType = Literal[
    "conversation_started",
    "first_response",
    "conversation_resolved",
    "ai_resolved",
    "escalated",
    "feedback_submitted",
]

DURATION_EVENT_TYPES: Final[frozenset[ConversationEventType]] = frozenset(
    {"first_response", "conversation_resolved", "ai_resolved"}
)
"""The events that say how long something took since the conversation's start."""

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2106, 2, 7, tzinfo=UTC)
"""What a DateTime column holds: from `EARLIEST` to before `LATEST`."""

LONGEST_DURATION_SECONDS: Final = 100 * 365.25 * 86_400.0

_REASONS: Final = {
    "website_id": "1 to 100 letters, digits, - or _ are needed",
    "visitor_id": "1 to 100 letters, digits, - or _ are needed",
    "conversation_id": "1 to 100 letters, digits, - or _ are needed",
}


class InvalidEvent(AnalyticsError):
    """An event that may not be sent. The value itself is in no text: it may be a visitor's.

    Attributes:
        reason: What is wrong with it, in plain words.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"The event's {field} is not usable: {reason}.")
        self.field = field
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.field, self.reason))


def _in_column(at: datetime) -> datetime:
    if not EARLIEST <= at < LATEST:
        raise ValueError(
            f"it lies outside {EARLIEST:%Y} to {LATEST:%Y-%m-%d}, which is all that the column holds"
        )
    return at


Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
"""Letters, digits, - and _: a ULID, a nanoid, a UUID."""

_Instant = Annotated[AwareDatetime, AfterValidator(_in_column)]


class _Event(BaseModel):
    """What both types share: frozen, strict, one type of error."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    timestamp: _Instant
    website_id: Id
    visitor_id: Id

    @model_validator(mode="wrap")
    @classmethod
    def _says_what_is_wrong(cls, values: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(values)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        location, kind, message = first["loc"], first["type"], first["msg"]
        field = str(location[0]) if location else "values"
        message = {"missing": "it is missing", "extra_forbidden": "there is no such field"}.get(kind, message)
        known = kind in {"string_pattern_mismatch", "string_type", "string_unicode"} and field in _REASONS
        raise InvalidEvent(
            field, _REASONS[field] if known else message.removeprefix("Value error, ").rstrip(".")
        )


class VisitorEvent(_Event):
    """One row of `visitor_events`: a visitor is there, or has opened a page.

    Every attribute from `session_id` on describes the visit and may be given as anything: it is cut or emptied where it
    cannot be used.

    Attributes:
        timestamp: When; aware. Written in UTC, cut to whole seconds.
        event_type: `seen` or `page_view`.
        session_id: Which visit: 1 to 100 visible ASCII characters; None when it is not known.
        country_code: ISO 3166-1 alpha-2, folded to capital letters; empty for what is no country (XX, T1, EU and such), None
            when it is not known.
        city: At most 100 characters, decoded once when it came percent-encoded; None when it is not known.
        latitude: Degrees north, -90 to 90; None when it is not known, and then so is `longitude`.
        longitude: Degrees east, -180 to 180; None when it is not known, and then so is `latitude`.
        device_type: At most 50 characters, usually desktop, mobile or tablet; None when it is not known.
        browser: At most 100 characters; None when it is not known.
        page_url: At most `descriptions.MAX_PAGE_URL_CHARACTERS`; None when it is not known.

    Raises:
        InvalidEvent: Website, visitor, type or time may not be sent, or there is no such field.
    """

    DATASOURCE: ClassVar[str] = "visitor_events"

    event_type: VisitorEventType
    session_id: str | None = None
    country_code: str | None = None
    city: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    device_type: str | None = None
    browser: str | None = None
    page_url: str | None = None

    @model_validator(mode="wrap")
    @classmethod
    def _is_described(cls, values: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(values, dict):
            return handler(values)
        usable, changes = described(cast("dict[str, object]", values))
        event = handler(usable)
        if changes:
            # Not a private attribute of pydantic's: that costs every event 3 µs, whether anything was changed or not.
            event.__dict__["changes"] = changes
        return event

    @property
    def changes(self) -> Mapping[str, Change]:
        """What was cut or emptied, by field; empty when everything could be used."""
        return cast("dict[str, Change]", self.__dict__.get("changes", {}))

    def row(self) -> Row:
        """The event as a row. Without coordinates they are 0, 0: the place is then on no globe.

        >>> event = VisitorEvent(
        ...     timestamp=datetime(2026, 11, 10, 9, 30, 15, 999, tzinfo=UTC), website_id="w1", visitor_id="v1",
        ...     event_type="seen", country_code="de", city="Berlin",
        ... )
        >>> row = event.row()
        >>> row["timestamp"], row["latitude"], row["country_code"]
        ('2026-11-10 09:30:15', 0.0, 'DE')
        """
        return {
            "timestamp": utc_text(self.timestamp),
            "website_id": self.website_id,
            "visitor_id": self.visitor_id,
            "session_id": self.session_id or "",
            "event_type": self.event_type,
            "country_code": self.country_code or "",
            "city": self.city or "",
            "latitude": self.latitude or 0.0,
            "longitude": self.longitude or 0.0,
            "device_type": self.device_type or "",
            "browser": self.browser or "",
            "page_url": self.page_url or "",
        }


class ConversationEvent(_Event):
    """One row of `conversation_metrics`: something happened in a conversation's life.

    Attributes:
        timestamp: When; aware. Written in UTC, cut to whole seconds.
        duration_seconds: Since the conversation's start, for the types in `DURATION_EVENT_TYPES`; 0 for all others.

    Raises:
        InvalidEvent: A value may not be sent.
    """

    DATASOURCE: ClassVar[str] = "conversation_metrics"

    event_type: ConversationEventType
    conversation_id: Id
    duration_seconds: float = 0.0

    @model_validator(mode="after")
    def _took_a_time(self) -> Self:
        seconds = self.duration_seconds
        if not math.isfinite(seconds) or not 0 <= seconds <= LONGEST_DURATION_SECONDS:
            raise InvalidEvent(
                "duration_seconds", "a finite number of seconds, 0 or more and under a century, is needed"
            )
        if seconds and self.event_type not in DURATION_EVENT_TYPES:
            raise InvalidEvent("duration_seconds", f"{self.event_type} has no duration: it must be 0")
        return self

    def row(self) -> Row:
        """The event as a row.

        >>> ConversationEvent(
        ...     timestamp=datetime(2026, 11, 10, 9, 30, 15, tzinfo=UTC), website_id="w1", visitor_id="v1",
        ...     event_type="first_response", conversation_id="c1", duration_seconds=95.5,
        ... ).row()["duration_seconds"]
        95.5
        """
        return {**self.__dict__, "timestamp": utc_text(self.timestamp)}


def utc_text(at: datetime) -> str:
    """Writes an aware instant for a DateTime column, cut to whole seconds.

    >>> utc_text(datetime.fromisoformat("2026-11-10T10:30:15.9+01:00"))
    '2026-11-10 09:30:15'
    """
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "seconds")
