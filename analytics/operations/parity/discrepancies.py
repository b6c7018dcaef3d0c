"""Finds why a KPI differs between Tinybird and Postgres: conversations and visitors that only one side counts.

Every cause named here was seen on a row; what no row explains is said to be unexplained.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

from analytics import sources
from analytics.ingest.events import EARLIEST, LATEST, utc_text
from analytics.ingest.history import reader as history
from analytics.ingest.history.reader import HistoryWebsite
from analytics.kpis.declarations import EVENT_TYPES, Event
from analytics.operations.parity import postgres_kpis as product
from analytics.operations.parity.postgres_kpis import KnownConversation
from analytics.operations.parity.tolerance import SAME_RATIO, Cause, causes
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird

AI_CREDIT_SECONDS: Final = 60.0
"""The AI keeps a resolution whose newest `conversation_resolved` is at most this much newer than its `ai_resolved`."""

LATE_SECONDS: Final = 900.0
"""An event missing from Tinybird that is younger than this is late; an older one was never sent."""

IDS_A_QUESTION: Final = 500
MOST_LOOKED_AT: Final = 5_000
"""Conversations of a kind that only one side counts and that are looked at one by one; more would spend queries."""

LAST_DAY_MINUTES: Final = 1440

_ALWAYS: Final = (utc_text(EARLIEST), utc_text(LATEST - timedelta(seconds=1)))


_Events = defaultdict[str, list[tuple[str, float, float]]]
"""Conversation, instant and seconds of each event, by its type."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Event of one kind of a conversation, as Tinybird has it.

    Attributes:
        at: Seconds since 1970 of the one that counts.
        times: At how many different instants it is stored.
    """

    at: float
    seconds: float
    times: int


@dataclass
class Discrepancies:
    """Finds causes in one period of one website.

    Instants are seconds since 1970, `now` by Postgres' clock; the period is `[date_from, date_to)`, UTC text. `removed` are
    conversations whose rows a sync has removed, because they were deleted or of a test visitor then.
    """

    tinybird: Tinybird
    postgres: Postgres
    website: HistoryWebsite
    date_from: str
    date_to: str
    now: float
    purged_at: float | None
    removed: Container[str]
    _found: dict[Event, tuple[Cause, ...]] = field(default_factory=dict, init=False)

    def causes(self, kind: Event) -> tuple[Cause, ...]:
        """Finds why conversations of a kind are counted or timed differently; empty when no row differs.

        Raises:
            SourceError: A source does not answer, or says no.
        """
        if kind not in self._found:
            self._found[kind] = self._looked_for(kind)
        return self._found[kind]

    def visitor_causes(self) -> tuple[Cause, ...]:
        """Finds visitors of the last 24 hours in Tinybird that Postgres does not count.

        Raises:
            SourceError: A source does not answer, or says no.
        """
        frame = sources.active_visitors(self.tinybird, self.website.id, LAST_DAY_MINUTES).value
        ids = [str(visitor) for visitor in frame["visitor_id"]]
        counted: dict[str, list[str]] = defaultdict(list)
        for some in _chunks(ids):
            found = product.known_visitors(self.postgres, self.website, some)
            for visitor_id in some:
                visitor = found.get(visitor_id)
                if visitor is None:
                    counted["seen in the last 24 hours, but not in Postgres"].append(visitor_id)
                elif not visitor.is_own:
                    counted["seen in the last 24 hours, but another website's in Postgres"].append(visitor_id)
                elif visitor.is_test:
                    counted["test visitor, seen in the last 24 hours"].append(visitor_id)
                elif visitor.is_deleted:
                    counted["deleted visitor, seen in the last 24 hours"].append(visitor_id)
        return causes(counted)

    def _looked_for(self, kind: Event) -> tuple[Cause, ...]:
        stored = self._in_tinybird[kind]
        counted = product.durations(self.postgres, self.website, kind, self.date_from, self.date_to)
        only_stored = sorted(stored.keys() - counted.keys())
        only_counted = sorted(counted.keys() - stored.keys())
        found: dict[str, list[str]] = defaultdict(list)
        for ids, reason in (
            (only_stored, self._reasons_only_stored(kind, only_stored[:MOST_LOOKED_AT])),
            (only_counted, self._reasons_only_counted(kind, only_counted[:MOST_LOOKED_AT])),
        ):
            for conversation_id in ids[:MOST_LOOKED_AT]:
                found[reason(conversation_id)].append(conversation_id)
            found[f"not looked at: past the first {MOST_LOOKED_AT:,}"] += ids[MOST_LOOKED_AT:]
        for conversation_id in sorted(stored.keys() & counted.keys()):
            seconds, event = counted[conversation_id], stored[conversation_id]
            if seconds is None or abs(seconds - event.seconds) > max(1.0, SAME_RATIO * seconds):
                again = "reopened and resolved again, with another duration"
                found[again if event.times > 1 else "another duration is stored"].append(conversation_id)
        return causes(found)

    @cached_property
    def _in_tinybird(self) -> dict[Event, dict[str, Stored]]:
        return _by_kind(self._events(self.date_from, self.date_to, None))

    def _events(self, date_from: str, date_to: str, ids: Sequence[str] | None) -> _Events:
        frame = sources.conversation_events(self.tinybird, self.website.id, date_from, date_to, ids).value
        instants = frame["timestamp"].astype("int64") / 1e6
        by_type: _Events = defaultdict(list)
        for conversation_id, event_type, at, seconds in zip(
            frame["conversation_id"], frame["event_type"], instants, frame["duration_seconds"], strict=True
        ):
            by_type[event_type].append((conversation_id, at, seconds))
        return by_type

    def _reasons_only_stored(self, kind: Event, ids: Sequence[str]) -> Callable[[str], str]:
        known: dict[str, KnownConversation] = {}
        for some in _chunks(ids):
            known |= product.known(self.postgres, self.website, some)
        return lambda conversation_id: why_only_stored(kind, known.get(conversation_id), self.now)

    def _reasons_only_counted(self, kind: Event, ids: Sequence[str]) -> Callable[[str], str]:
        anywhere: set[str] = set()
        by_ai: set[str] = set()
        known: dict[str, KnownConversation] = {}
        for some in _chunks(ids):
            events = self._events(*_ALWAYS, some)
            anywhere |= _by_kind(events)[kind].keys()
            by_ai |= {conversation_id for conversation_id, *_ in events["ai_resolved"]}
            known |= product.known(self.postgres, self.website, some)
        return lambda conversation_id: why_only_counted(
            kind,
            known.get(conversation_id),
            self.now,
            is_anywhere=conversation_id in anywhere,
            is_peoples=kind == "ai_resolved" and conversation_id in by_ai - anywhere,
            purged_at=self.purged_at,
            is_removed=conversation_id in self.removed,
        )


def why_only_stored(kind: Event, known: KnownConversation | None, now: float) -> str:
    """Explains why Tinybird counts a conversation and Postgres does not."""
    if known is None:
        return "deleted row: not in Postgres any more"
    if not known.is_own:
        return "another website's in Postgres"
    if known.is_deleted:
        return "deleted row: the conversation is soft-deleted"
    if known.is_test:
        return "test visitor"
    if known.is_visitor_deleted:
        return "deleted row: the visitor is soft-deleted"
    if kind == "feedback":
        return (
            "deleted row: the feedback is soft-deleted" if known.has_deleted_feedback else "no such feedback"
        )
    at = _instant(kind, known)
    if kind in {"resolved", "ai_resolved"}:
        if at is None:
            return "reopened conversation: it was resolved in the period and is open now"
        if kind == "ai_resolved" and not known.is_ai:
            return "reopened conversation: the AI resolved it in the period, and later a person did"
        return "reopened conversation: it was resolved again, outside the period"
    if at is None:
        return "the product took the fact back: Postgres has no time for it"
    return "another time in Postgres" if at <= now else "it lies ahead of now in Postgres"


def why_only_counted(
    kind: Event,
    known: KnownConversation | None,
    now: float,
    *,
    is_anywhere: bool,
    is_peoples: bool,
    purged_at: float | None,
    is_removed: bool = False,
) -> str:
    """Explains why Postgres counts a conversation and Tinybird does not.

    `known` is None when only feedback names it. `is_anywhere`: Tinybird has such an event of it at another time.
    `is_peoples`: Tinybird has an `ai_resolved` of it and a later resolution by a person. `is_removed`: a sync has removed
    its rows.
    """
    at = None if known is None else _instant(kind, known)
    if known is not None and kind != "feedback":
        row = history.conversation_row(
            "w",
            "c",
            "v",
            now,
            known.started,
            known.responded,
            known.resolved,
            known.escalated,
            None,
            known.is_ai,
        )
        if unusable := [text for text in row.skipped if text.split(":")[0] in EVENT_TYPES[kind]]:
            return f"no valid event can be made: {unusable[0].split(': ', 1)[1]}"
    if is_peoples:
        return "resolved by a person after the AI in Tinybird, by the AI alone in Postgres"
    if at is not None and purged_at is not None and at < purged_at and not is_anywhere:
        return f"purged: the website's rows were deleted on {datetime.fromtimestamp(purged_at, UTC):%Y-%m-%d}"
    if is_removed and not is_anywhere:
        return "removed while it was deleted or a test visitor's; `backfill --restart` sends it again"
    if at is not None and at > now - LATE_SECONDS:
        return f"late event: younger than {LATE_SECONDS / 60:.0f} minutes and not in Tinybird yet"
    return "stored in Tinybird at another time" if is_anywhere else "never sent to Tinybird"


def _instant(kind: Event, known: KnownConversation) -> float | None:
    at: Mapping[Event, float | None] = {
        "started": known.started,
        "responded": known.responded,
        "resolved": known.resolved,
        "ai_resolved": known.resolved,
        "escalated": known.escalated,
        "feedback": known.feedback,
    }
    return at[kind]


def _by_kind(events: _Events) -> dict[Event, dict[str, Stored]]:
    """Selects what counts of each kind, as the pipes do; `ai_resolved` are the resolutions credited to the AI."""
    found = {
        kind: _counted(kind, [row for type_ in types for row in events[type_]])
        for kind, types in EVENT_TYPES.items()
    }
    by_anybody = _counted("resolved", events["conversation_resolved"])
    found["ai_resolved"] = {
        conversation_id: found["resolved"][conversation_id]
        for conversation_id, by_ai in found["ai_resolved"].items()
        if conversation_id not in by_anybody or by_anybody[conversation_id].at <= by_ai.at + AI_CREDIT_SECONDS
    }
    return found


def _counted(kind: Event, rows: Sequence[tuple[str, float, float]]) -> dict[str, Stored]:
    """Selects one event per conversation, as the pipes do: the earliest response, the last resolution."""
    instants: dict[str, set[float]] = defaultdict(set)
    chosen: dict[str, tuple[float, float]] = {}
    for conversation_id, at, seconds in rows:
        instants[conversation_id].add(at)
        other = chosen.get(conversation_id)
        is_later = other is not None and (at, seconds) > other
        if other is None or is_later == (kind in {"resolved", "ai_resolved"}):
            chosen[conversation_id] = at, seconds
    return {
        conversation_id: Stored(at, seconds, len(instants[conversation_id]))
        for conversation_id, (at, seconds) in chosen.items()
    }


def _chunks(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[first : first + IDS_A_QUESTION] for first in range(0, len(ids), IDS_A_QUESTION)]
