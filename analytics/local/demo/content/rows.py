"""Makes the Postgres rows that change: visitors, conversations, feedback. Pure.

Rows are those that change in a span, as they are at its end; spans are as in `history`. Soft-deleted rows and
those of test visitors are included, marked as such.
"""

from collections.abc import Iterator
from functools import cache
from typing import Final

import numpy as np

from analytics.local.demo.content.cities import cities
from analytics.local.demo.content.comments import comment
from analytics.local.demo.content.conversations import CHANNELS, NEVER, PRIORITIES, SENTIMENTS, Conversations
from analytics.local.demo.content.days import Days, Kind
from analytics.local.demo.content.identifiers import Seconds, instant_texts, texts
from analytics.local.demo.content.postgres_copy import NULL, copy_text
from analytics.local.demo.content.schedule import Floats
from analytics.local.demo.content.visitors import BROWSERS, DEVICES, HEARTBEAT_SECONDS, Flags, Indexes

VISITOR_COLUMNS: Final = [
    *("id", "organization_id", "website_id", "browser", "device_type"),
    *("city", "country_code", "latitude", "longitude", "is_test", "last_seen_at", "created_at"),
]
CONVERSATION_COLUMNS: Final = [
    *("id", "organization_id", "website_id", "visitor_id", "status", "priority", "channel"),
    *("sentiment", "sentiment_confidence", "resolution_time", "started_at", "first_response_at"),
    *("resolved_at", "resolved_by_user_id", "resolved_by_ai_agent_id"),
    *("escalated_at", "escalated_by_ai_agent_id", "created_at", "updated_at", "deleted_at"),
]
FEEDBACK_COLUMNS: Final = [
    *("id", "organization_id", "website_id", "conversation_id", "visitor_id"),
    *("rating", "topic", "comment", "trigger", "created_at", "updated_at", "deleted_at"),
]
DELETED_AFTER_SECONDS: Final = 30


def visitor_rows(days: Days, kind: Kind, span: range, since: int, until: int) -> list[str]:
    """Visitors of one kind who came on a day of `span` and were seen after `since`, up to `until`."""
    parts = [days.visits(day, kind).visits for day in span]
    if not parts:
        return []
    start = np.concatenate([part.start for part in parts])
    seconds = np.concatenate([part.seconds for part in parts])
    so_far = np.minimum(seconds, np.maximum(until - start, 0))
    last_seen = start + so_far // HEARTBEAT_SECONDS * HEARTBEAT_SECONDS
    is_news = (start <= until) & (last_seen > since)
    if not is_news.any():
        return []
    person_day = np.concatenate([part.person_day for part in parts])[is_news]
    person_index = np.concatenate([part.person_index for part in parts])[is_news]
    people, person = days.people(kind, person_day, person_index)
    newest = np.zeros(len(people.created), dtype=np.int64)
    np.maximum.at(newest, person, last_seen[is_news])
    chosen = np.flatnonzero(newest)
    columns = zip(
        texts(people.id[chosen]),
        people.browser[chosen].tolist(),
        people.device[chosen].tolist(),
        people.place[chosen].tolist(),
        people.is_test[chosen].tolist(),
        instant_texts(newest[chosen]),
        instant_texts(people.created[chosen]),
        strict=True,
    )
    owner, place_copy = _owner(days), _place_copy()
    return [
        f"{key}\t{owner}\t{BROWSERS[browser]}\t{DEVICES[device]}\t{place_copy[place]}\t"
        f"{'t' if is_test else NULL}\t{seen}\t{created}"
        for key, browser, device, place, is_test, seen, created in columns
    ]


def conversation_rows(days: Days, day: int, since: int, until: int) -> list[str]:
    """Conversations started on `day` that change in the span."""
    every = days.conversations(day)
    chosen = np.flatnonzero(_has_news(every, since, until) & days.is_open(every.started))
    if not len(chosen):
        return []
    talk, visitor_id = _rows_of(every, chosen), texts(days.writers(day)[0][chosen])
    team = [days.identity.people[person.email] for person in days.organization.people if not person.is_banned]
    ai_agent = days.identity.ai_agents[days.organization.slug]
    resolved = np.where(talk.resolved_again <= until, talk.resolved_again, talk.resolved)
    resolved = np.where((talk.reopened <= until) & (talk.resolved_again > until), NEVER, resolved)
    is_resolved = resolved <= until
    is_rated = (talk.sentiment > 0) & (talk.answered <= until)
    deleted = np.where(talk.is_deleted, talk.started + DELETED_AFTER_SECONDS, NEVER)
    updated = np.max([np.where(at <= until, at, 0) for at in (*_instants(talk), deleted)], axis=0)
    is_closed = talk.closed <= until
    is_spam = talk.is_spam | (is_closed & (talk.answered == NEVER))
    status = np.where(is_spam, "spam", np.where(is_resolved | is_closed, "resolved", "open"))
    columns = zip(
        texts(talk.id),
        visitor_id,
        status.tolist(),
        [PRIORITIES[index] for index in talk.priority.tolist()],
        [CHANNELS[index] for index in talk.channel.tolist()],
        _known([SENTIMENTS[index] for index in talk.sentiment.tolist()], is_rated),
        _known([f"{value}" for value in talk.confidence.tolist()], is_rated & ~np.isnan(talk.confidence)),
        _known(
            [f"{value}" for value in (resolved - talk.started).tolist()],
            is_resolved & talk.has_resolution_time,
        ),
        instant_texts(talk.started),
        _until(talk.answered, until),
        _until(resolved, until),
        _known(
            [team[number % len(team)] for number in talk.resolver.tolist()],
            is_resolved & ~talk.is_resolved_by_ai,
        ),
        _known([ai_agent] * len(chosen), is_resolved & talk.is_resolved_by_ai),
        _until(talk.escalated, until),
        _known([ai_agent] * len(chosen), talk.escalated <= until),
        instant_texts(talk.started),
        instant_texts(updated),
        _until(deleted, NEVER - 1),
        strict=True,
    )
    owner = _owner(days)
    return [f"{key}\t{owner}\t" + "\t".join(rest) for key, *rest in columns]


def feedback_rows(days: Days, day: int, since: int, until: int) -> Iterator[str]:
    """Feedback given in the span on conversations started on `day`."""
    every = days.conversations(day)
    is_given = (every.rated > since) & (every.rated <= until)
    chosen = np.flatnonzero(is_given & days.is_open(every.started))
    if not len(chosen):
        return
    talk, owner = _rows_of(every, chosen), _owner(days)
    columns = zip(
        texts(talk.feedback_id),
        texts(talk.id),
        texts(days.writers(day)[0][chosen]),
        talk.rating.tolist(),
        [days.website.topics[index] for index in talk.topic.tolist()],
        talk.comment.tolist(),
        instant_texts(talk.rated),
        talk.is_deleted.tolist(),
        strict=True,
    )
    for key, conversation, visitor, rating, topic, number, at, is_deleted in columns:
        text = comment(rating, topic, number, is_german=days.website.is_german)
        yield (
            f"{key}\t{owner}\t{conversation}\t{visitor}\t{rating}\t{topic}\t"
            f"{NULL if text is None else copy_text(text)}\tconversation_resolved\t{at}\t{at}\t"
            f"{at if is_deleted else NULL}"
        )


def _owner(days: Days) -> str:
    """The columns `organization_id` and `website_id`."""
    return f"{days.organization_id}\t{days.website_id}"


def _instants(talk: Conversations) -> tuple[Seconds, ...]:
    return (
        talk.started,
        talk.answered,
        talk.escalated,
        talk.resolved,
        talk.reopened,
        talk.resolved_again,
        talk.closed,
    )


def _has_news(talk: Conversations, since: int, until: int) -> Flags:
    has_news = np.zeros(len(talk.started), dtype=np.bool_)
    for instants in _instants(talk):
        has_news |= (instants > since) & (instants <= until)
    return has_news


def _rows_of(talk: Conversations, chosen: Indexes) -> Conversations:
    return Conversations(*(getattr(talk, name)[chosen] for name in Conversations.__slots__))


def _until(instants: Seconds | Floats, until: int) -> list[str]:
    """Texts of instants; NULL for those after `until`."""
    is_known = instants <= until
    return _known(instant_texts(np.where(is_known, instants, 0)), is_known)


def _known(values: list[str], is_known: Flags) -> list[str]:
    return [value if known else NULL for value, known in zip(values, is_known.tolist(), strict=True)]


@cache
def _place_copy() -> list[str]:
    """The four location columns of each city; the last, found at `NOWHERE`, is an unknown place."""
    places = cities()
    columns = zip(places.name, places.country_code, places.latitude, places.longitude, strict=True)
    known = [
        f"{copy_text(name)}\t{country}\t{latitude}\t{longitude}"
        for name, country, latitude, longitude in columns
    ]
    return [*known, "\t".join([NULL] * 4)]
