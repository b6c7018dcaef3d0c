"""Reads the product's Postgres as lifecycle events: which rows count, in which order, with which events.

Owns the SQL of backfill and sync. Knows nothing of what has been sent. Soft-deleted rows (the conversation, its
visitor, the website, the feedback) and test visitors are left out, as on the dashboard.

Each of the two histories of a website is read in one order, by a position that never goes back: conversations by
`(updated_at, id)`, so that what changes is met again, and feedback by `(created_at, id)`. Instants leave Postgres as
seconds since 1970, because a timestamp may be infinite, which no datetime is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple, cast

from analytics.errors import ConfigError
from analytics.ingest.events import ConversationEvent, ConversationEventType, InvalidEvent
from analytics.transports.postgres import Parameter, Postgres

HistoryName = Literal["conversation", "feedback"]
HISTORIES: Final[tuple[HistoryName, ...]] = ("conversation", "feedback")


@dataclass(frozen=True, slots=True)
class HistoryWebsite:
    """A website whose history is read.

    Attributes:
        slug: Its name on the command line.
        organization_id: Rows of other organizations do not belong to the website.
    """

    id: str
    slug: str
    organization_id: str


class Position(NamedTuple):
    """Position in a history: everything up to and including this row has been read.

    Attributes:
        at: `updated_at` or `created_at`, seconds since 1970; minus infinity before the first row.
    """

    at: float
    id: str


START: Final = Position(-math.inf, "")


@dataclass(frozen=True, slots=True)
class Window:
    """Events to move: `[since, until)` by the time of the event.

    Attributes:
        since: None means from the beginning.
        until: None means without end.
    """

    since: datetime | None = None
    until: datetime | None = None

    def __contains__(self, at: datetime) -> bool:
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)

    @property
    def text(self) -> str:
        """The window in words.

        >>> Window().text, Window(until=datetime(2026, 11, 1, tzinfo=UTC)).text
        ('all events', 'events until 2026-11-01T00:00:00')
        """
        ends = (("from", self.since), ("until", self.until))
        said = [f" {word} {at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}" for word, at in ends if at is not None]
        return f"events{''.join(said)}" if said else "all events"

    def holds(self, other: Window) -> bool:
        """Whether the other window lies within this one."""
        is_begun = self.since is None or (other.since is not None and other.since >= self.since)
        return is_begun and (self.until is None or (other.until is not None and other.until <= self.until))


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """Events of one row of Postgres.

    Attributes:
        events: In the order of a conversation's life.
        skipped: Why an event that the row seems to hold cannot be one; each a phrase without any value of the row.
    """

    position: Position
    events: Sequence[ConversationEvent]
    skipped: Sequence[str]


_WEBSITES: Final = """
SELECT id, slug, organization_id FROM website WHERE deleted_at IS NULL ORDER BY id
"""

_CONVERSATIONS: Final = """
SELECT conversation.id, conversation.visitor_id,
       CAST(EXTRACT(EPOCH FROM conversation.updated_at) AS double precision),
       CAST(EXTRACT(EPOCH FROM conversation.started_at) AS double precision),
       CAST(EXTRACT(EPOCH FROM conversation.first_response_at) AS double precision),
       CAST(EXTRACT(EPOCH FROM conversation.resolved_at) AS double precision),
       CAST(EXTRACT(EPOCH FROM conversation.escalated_at) AS double precision),
       conversation.resolution_time,
       conversation.resolved_by_ai_agent_id IS NOT NULL
FROM conversation
JOIN visitor ON visitor.id = conversation.visitor_id
WHERE conversation.website_id = :website_id AND conversation.organization_id = :organization_id
  AND conversation.updated_at >= to_timestamp(CAST(:at AS double precision))
  AND (conversation.updated_at, conversation.id) > (to_timestamp(CAST(:at AS double precision)), :id)
  AND conversation.deleted_at IS NULL
  AND visitor.deleted_at IS NULL AND visitor.is_test IS NOT TRUE
ORDER BY conversation.updated_at, conversation.id
"""

_FEEDBACK: Final = """
SELECT feedback.id, COALESCE(feedback.visitor_id, conversation.visitor_id),
       CAST(EXTRACT(EPOCH FROM feedback.created_at) AS double precision),
       feedback.conversation_id
FROM feedback
LEFT JOIN conversation ON conversation.id = feedback.conversation_id
WHERE feedback.website_id = :website_id AND feedback.organization_id = :organization_id
  AND feedback.created_at >= to_timestamp(CAST(:at AS double precision))
  AND (feedback.created_at, feedback.id) > (to_timestamp(CAST(:at AS double precision)), :id)
  AND feedback.deleted_at IS NULL AND conversation.deleted_at IS NULL
  AND NOT EXISTS (
    SELECT FROM visitor WHERE visitor.id IN (feedback.visitor_id, conversation.visitor_id)
      AND (visitor.deleted_at IS NOT NULL OR visitor.is_test)
  )
ORDER BY feedback.created_at, feedback.id
"""

_SIZES: Final = """
SELECT
  (SELECT count(*) FROM conversation
   WHERE website_id = :website_id AND organization_id = :organization_id
     AND (updated_at, id) > (to_timestamp(CAST(:conversation_at AS double precision)), :conversation_id)),
  (SELECT count(*) FROM feedback
   WHERE website_id = :website_id AND organization_id = :organization_id
     AND (created_at, id) > (to_timestamp(CAST(:feedback_at AS double precision)), :feedback_id))
"""


def websites(postgres: Postgres, slugs: Sequence[str] = ()) -> list[HistoryWebsite]:
    """Reads the websites that are not deleted, by id.

    No `slugs` mean all websites.

    Raises:
        ConfigError: A slug is no website's; every such slug is named.
        SourceError: As `Postgres.stream`.

    Source: Postgres `website`.
    """
    rows = [row for part in postgres.stream("websites", _WEBSITES, {}) for row in part]
    found = [HistoryWebsite(str(id_), str(slug), str(organization)) for id_, slug, organization in rows]
    if unknown := sorted(set(slugs) - {website.slug for website in found}):
        raise ConfigError(
            f"No website is called {', '.join(unknown)}.",
            "Use the slug in the product's `website` table; a deleted website has no history to move.",
        )
    return [website for website in found if not slugs or website.slug in slugs]


def server_time(postgres: Postgres) -> float:
    """Reads the clock of Postgres, seconds since 1970."""
    statement = "SELECT CAST(EXTRACT(EPOCH FROM now()) AS double precision)"
    ((now,),) = (row for part in postgres.stream("server_time", statement, {}) for row in part)
    return cast("float", now)


def rows_ahead(postgres: Postgres, website: HistoryWebsite, after: dict[HistoryName, Position]) -> int:
    """Counts the rows of both histories after the positions, those left out included, for a progress bar.

    Source: Postgres `conversation`, `feedback`.
    """
    params: dict[str, Parameter] = {
        "website_id": website.id,
        "organization_id": website.organization_id,
        **{f"{name}_at": position.at for name, position in after.items()},
        **{f"{name}_id": position.id for name, position in after.items()},
    }
    rows = (row for part in postgres.stream("history_size", _SIZES, params) for row in part)
    ((conversations, feedback),) = rows
    return cast("int", conversations) + cast("int", feedback)


def read_events(
    postgres: Postgres, website: HistoryWebsite, history: HistoryName, after: Position
) -> Iterator[HistoryRow]:
    """Reads the events of each row after a position, in order, as a stream. Raises as `Postgres.stream`.

    Source: Postgres `conversation`, `feedback`, `visitor`.
    """
    params: dict[str, Parameter] = {
        "website_id": website.id,
        "organization_id": website.organization_id,
        "at": after.at,
        "id": after.id,
    }
    if history == "conversation":
        for part in postgres.stream("conversation_history", _CONVERSATIONS, params):
            for row in cast("Sequence[_ConversationRow]", part):
                yield conversation_row(website.id, *row)
    else:
        for part in postgres.stream("feedback_history", _FEEDBACK, params):
            for given in cast("Sequence[_FeedbackRow]", part):
                yield _feedback_row(website.id, *given)


_ConversationRow = tuple[
    str, str, float, float | None, float | None, float | None, float | None, int | None, bool
]
_FeedbackRow = tuple[str, str | None, float, str | None]


def conversation_row(
    website_id: str,
    conversation_id: str,
    visitor_id: str,
    updated: float,
    started: float | None,
    first_response: float | None,
    resolved: float | None,
    escalated: float | None,
    resolution_seconds: int | None,
    is_resolved_by_ai: bool,
) -> HistoryRow:
    """Makes the events of a conversation's row; an instant is seconds since 1970, None where it has not come.

    A resolution takes `resolution_seconds` when the product stored it, else the time since the start. One by the AI
    agent is two events.

    >>> said = conversation_row("w", "c", "v", 9.0, 0.0, 2.5, 9.0, None, None, True)
    >>> [(event.event_type, event.duration_seconds) for event in said.events]
    [('conversation_started', 0.0), ('first_response', 2.5), ('ai_resolved', 9.0), ('conversation_resolved', 9.0)]
    """
    events: list[ConversationEvent] = []
    skipped: list[str] = []

    def add(event_type: ConversationEventType, at: float, seconds: float | None = 0.0) -> None:
        _add(events, skipped, website_id, visitor_id, conversation_id, event_type, at, seconds)

    if started is None:
        skipped.append("conversation_started: the conversation has no start")
    else:
        add("conversation_started", started)
    if first_response is not None:
        add("first_response", first_response, _since(started, first_response))
    if escalated is not None:
        add("escalated", escalated)
    if resolved is not None:
        seconds = _since(started, resolved) if resolution_seconds is None else float(resolution_seconds)
        if is_resolved_by_ai:
            add("ai_resolved", resolved, seconds)
        add("conversation_resolved", resolved, seconds)
    return HistoryRow(Position(updated, conversation_id), events, skipped)


def _feedback_row(
    website_id: str, feedback_id: str, visitor_id: str | None, created: float, conversation_id: str | None
) -> HistoryRow:
    events: list[ConversationEvent] = []
    skipped: list[str] = []
    if conversation_id is None:
        skipped.append("feedback_submitted: it belongs to no conversation")
    elif visitor_id is None:
        skipped.append("feedback_submitted: it belongs to no visitor")
    else:
        _add(events, skipped, website_id, visitor_id, conversation_id, "feedback_submitted", created, 0.0)
    return HistoryRow(Position(created, feedback_id), events, skipped)


def _since(started: float | None, at: float) -> float | None:
    return None if started is None else round(at - started, 6)


def _add(
    events: list[ConversationEvent],
    skipped: list[str],
    website_id: str,
    visitor_id: str,
    conversation_id: str,
    event_type: ConversationEventType,
    at: float,
    seconds: float | None,
) -> None:
    if seconds is None:
        skipped.append(f"{event_type}: the conversation has no start to count from")
        return
    if seconds < 0:
        skipped.append(f"{event_type}: it lies before the conversation's start")
        return
    try:
        event = ConversationEvent(
            timestamp=datetime.fromtimestamp(at, UTC),
            website_id=website_id,
            visitor_id=visitor_id,
            event_type=event_type,
            conversation_id=conversation_id,
            duration_seconds=seconds,
        )
    except InvalidEvent as error:
        skipped.append(f"{event_type}: {error.field} is not usable, {error.reason}")
    except (OverflowError, ValueError, OSError):
        skipped.append(f"{event_type}: timestamp is not usable, it is no date")
    else:
        events.append(event)
