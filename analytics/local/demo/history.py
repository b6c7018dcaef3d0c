"""Makes all events and rows of the demo between two instants. Pure.

Spans are open at the start and closed at the end: after `since`, up to and including `until`, in UTC seconds.
Two spans one after the other give the same as both at once, so that a load can be followed by a generator.
"""

from functools import partial
from typing import Final

from analytics.local.demo.content.customers.accounts import account_rows
from analytics.local.demo.content.customers.organizations import DAY, ORGANIZATIONS, Identity, identity
from analytics.local.demo.content.days import CONVERSATION_DAYS, VISITOR_DAYS, Days, Kind
from analytics.local.demo.content.events import EventChunk, conversation_events, visitor_events
from analytics.local.demo.content.postgres_copy import Rows
from analytics.local.demo.content.rows import (
    CONVERSATION_COLUMNS,
    FEEDBACK_COLUMNS,
    VISITOR_COLUMNS,
    conversation_rows,
    feedback_rows,
    visitor_rows,
)

LONGEST_STORY_DAYS: Final = 45
"""No conversation changes later than this after its start."""

KINDS: Final[tuple[Kind, ...]] = ("writer", "reader")


class History:
    """The demo of one seed and anchor.

    Attributes:
        anchor: The instant that habits and ages count from: when the demo was first made.
    """

    def __init__(self, seed: int, anchor: int) -> None:
        """Prepares the websites; makes no day yet."""
        self.seed = seed
        self.anchor = anchor
        self.identity: Identity = identity(seed, anchor)
        self.websites = [
            Days(organization, website, self.identity, seed, anchor)
            for organization in ORGANIZATIONS
            for website in organization.websites
        ]

    @property
    def start(self) -> int:
        """Instant before the first conversation."""
        return self.anchor - CONVERSATION_DAYS * DAY - 1

    def event_chunks(self, since: int, until: int) -> list[EventChunk]:
        """All events of the span, in parts of one website and one day at most.

        Visitor events older than the data source keeps them are left out.
        """
        kept_since = max(since, until - VISITOR_DAYS * DAY)
        parts: list[EventChunk] = []
        for days in self.websites:
            for day in _days_of(since, until, days.first_day("writer"), before=LONGEST_STORY_DAYS):
                lines = partial(conversation_events, days, day, since, until)
                parts.append(EventChunk("conversation_metrics", lines))
            for kind in KINDS:
                for day in _days_of(kept_since, until, days.first_day(kind), before=1):
                    lines = partial(visitor_events, days, day, kind, kept_since, until)
                    parts.append(EventChunk("visitor_events", lines))
        return parts

    def account_rows(self) -> list[Rows]:
        """Users, organizations, memberships, subscriptions and websites, in an order that references allow."""
        return account_rows(self.identity, self.anchor)

    def activity_rows(self, since: int, until: int) -> list[Rows]:
        """Visitors, conversations and feedback that change in the span, as they are at its end."""
        visitors: list[str] = []
        conversations: list[str] = []
        feedback: list[str] = []
        for days in self.websites:
            for kind in KINDS:
                span = _days_of(since, until, days.first_day(kind), before=1)
                visitors += visitor_rows(days, kind, span, since, until)
            for day in _days_of(since, until, days.first_day("writer"), before=LONGEST_STORY_DAYS):
                conversations += conversation_rows(days, day, since, until)
                feedback += feedback_rows(days, day, since, until)
        return [
            Rows("visitor", VISITOR_COLUMNS, visitors),
            Rows("conversation", CONVERSATION_COLUMNS, conversations),
            Rows("feedback", FEEDBACK_COLUMNS, feedback),
        ]


def _days_of(since: int, until: int, first: int, *, before: int) -> range:
    """Days with changes in the span, when what begins on a day continues for `before` days."""
    return range(max(first, since // DAY - before), until // DAY + 1)
