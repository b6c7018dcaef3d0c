"""Reads for the page Conversations, and the stored events of conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

import pandas as pd

from analytics import schemas
from analytics.readings import Answer
from analytics.scope.selection import DEFAULT_SORT, Selection, Sort
from analytics.sources.query import Bounds, Offsets, pipe_frame, sql_frame
from analytics.transports.postgres import Parameter as SqlParameter
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird
from analytics.transports.tinybird_messages import Parameter as PipeParameter


def conversation_breakdown(
    tinybird: Tinybird, website_id: str, bounds: Bounds, offsets: Offsets, selection: Selection
) -> Answer[pd.DataFrame]:
    """One row per dimension and key with a conversation, and the row of the dimension `total`, also with 0.

    Args:
        tinybird: The client.
        website_id: The website.
        bounds: The period; the one before is not read.
        offsets: From UTC in the period, for the hours of the week.
        selection: Filter of the rows; each filter does not apply to its own dimension.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `conversation_breakdown`.
    """
    params = _params(website_id, bounds, offsets, selection)
    return pipe_frame(tinybird, schemas.CONVERSATION_BREAKDOWN, params)


def conversation_list(
    tinybird: Tinybird,
    website_id: str,
    bounds: Bounds,
    offsets: Offsets,
    selection: Selection,
    sort: Sort = DEFAULT_SORT,
    ratings: Mapping[str, int] = MappingProxyType({}),
    *,
    limit: int,
    offset: int,
) -> Answer[pd.DataFrame]:
    """One page of the selected conversations, in a total order; no rows past the last page, else as many as `total` says.

    Args:
        tinybird: The client.
        website_id: The website.
        bounds: The period; the one before is not read.
        offsets: From UTC in the period, for the hours of the week.
        selection: Which conversations.
        sort: Their order. Conversations without that time or rating come last; equal ones are newest first.
        ratings: Conversation to its rating, for the order by rating: ids without commas, together at most
            `MOST_ID_CHARACTERS`.
        limit: Rows of a page.
        offset: Rows before it.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `conversation_list`.
    """
    params = _params(website_id, bounds, offsets, selection) | {"limit": limit, "offset": offset}
    if sort != DEFAULT_SORT:
        params["sort"] = sort
    if ratings:
        params |= {"rated_ids": tuple(ratings), "ratings": tuple(map(str, ratings.values()))}
    answer = pipe_frame(tinybird, schemas.CONVERSATION_LIST, params)
    if ((answer.value["total"] - offset).clip(upper=limit) != len(answer.value)).any():
        raise schemas.CONVERSATION_LIST.impossible("it has more or fewer rows than total says")
    return answer


EVENTS_A_PAGE: Final = 50_000
"""Rows of `conversation_events` per answer; more are read in pages."""


def conversation_events(
    tinybird: Tinybird,
    website_id: str,
    date_from: str,
    date_to: str,
    conversation_ids: Sequence[str] | None = None,
) -> Answer[pd.DataFrame]:
    """The stored events of a website in a window: one row per conversation, type and second, sorted by these.

    Args:
        tinybird: The client.
        website_id: The website.
        date_from: Start, UTC text, inclusive.
        date_to: End, UTC text, exclusive.
        conversation_ids: Only these, together at most 100,000 characters; None means all, an empty sequence none.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `conversation_events`.
    """
    schema = schemas.CONVERSATION_EVENTS
    if conversation_ids is not None and not conversation_ids:
        return Answer(schema.empty(), datetime.now(UTC))
    params: dict[str, PipeParameter] = {
        "website_id": website_id,
        "date_from": date_from,
        "date_to": date_to,
        "conversation_ids": conversation_ids,
        "limit": EVENTS_A_PAGE,
    }
    pages = [pipe_frame(tinybird, schema, params)]
    while len(pages[-1].value) == EVENTS_A_PAGE:
        pages.append(pipe_frame(tinybird, schema, params | {"offset": len(pages) * EVENTS_A_PAGE}))
    return Answer(pd.concat([page.value for page in pages], ignore_index=True), pages[0].read_at)


def has_conversation_events(tinybird: Tinybird, website_id: str, date_from: str, date_to: str) -> bool:
    """Whether a website has any stored event in a window.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `conversation_events`.
    """
    params: dict[str, PipeParameter] = {
        "website_id": website_id,
        "date_from": date_from,
        "date_to": date_to,
        "limit": 1,
    }
    return len(pipe_frame(tinybird, schemas.CONVERSATION_EVENTS, params).value) > 0


_CONVERSATIONS_BY_ID: Final = """
WITH newest AS (
  SELECT DISTINCT ON (feedback.conversation_id) feedback.conversation_id, feedback.rating, feedback.topic
  FROM feedback
  LEFT JOIN visitor ON visitor.id = feedback.visitor_id
  WHERE feedback.website_id = :website_id AND feedback.conversation_id = ANY(:ids)
    AND feedback.deleted_at IS NULL
    AND visitor.deleted_at IS NULL AND visitor.is_test IS NOT TRUE
  ORDER BY feedback.conversation_id, feedback.created_at DESC, feedback.id DESC
)
SELECT conversation.id, conversation.status, conversation.started_at, conversation.first_response_at,
       conversation.escalated_at, person.name AS resolved_by, conversation.sentiment, newest.rating, newest.topic,
       visitor.city, visitor.country_code
FROM conversation
JOIN website ON website.id = conversation.website_id AND website.organization_id = conversation.organization_id
JOIN visitor ON visitor.id = conversation.visitor_id
LEFT JOIN newest ON newest.conversation_id = conversation.id
LEFT JOIN "user" AS person ON person.id = conversation.resolved_by_user_id
WHERE conversation.website_id = :website_id AND conversation.id = ANY(:ids)
  AND conversation.deleted_at IS NULL AND website.deleted_at IS NULL
  AND visitor.deleted_at IS NULL AND visitor.is_test IS NOT TRUE
ORDER BY conversation.id
"""


def conversations_by_id(postgres: Postgres, website_id: str, ids: Sequence[str]) -> Answer[pd.DataFrame]:
    """The columns of conversations that are in Postgres: one row per existing conversation of the website, by id.

    Leaves out soft-deleted conversations, visitors and websites, test visitors, and feedback that is deleted or from such a
    visitor. Rating and topic are those of the newest feedback.

    Args:
        postgres: The client.
        website_id: Whose conversations; an id of another website has no row.
        ids: Ids of the conversations.

    Raises:
        SourceError: As `Postgres.read`, or `SchemaMismatch`.

    Source: Postgres `conversation`, `visitor`, `feedback`, `user`, `website`.
    """
    # Postgres refuses a statement with a NUL character, which no text there can hold.
    params = {"website_id": website_id, "ids": [each for each in ids if "\0" not in each]}
    return sql_frame(postgres, schemas.CONVERSATIONS_BY_ID, _CONVERSATIONS_BY_ID, params)


MOST_RATED: Final = 5_000
"""Most rated conversations of a period that are sorted by rating: those with the lowest ratings."""

_RATED: Final = """
WITH newest AS (
  SELECT DISTINCT ON (feedback.conversation_id) feedback.conversation_id, feedback.rating, feedback.created_at
  FROM feedback
  LEFT JOIN visitor ON visitor.id = feedback.visitor_id
  WHERE feedback.website_id = :website_id AND feedback.conversation_id IS NOT NULL
    AND feedback.deleted_at IS NULL
    AND visitor.deleted_at IS NULL AND visitor.is_test IS NOT TRUE
  ORDER BY feedback.conversation_id, feedback.created_at DESC, feedback.id DESC
)
SELECT conversation.id, newest.rating
FROM newest
JOIN conversation ON conversation.id = newest.conversation_id
JOIN visitor ON visitor.id = conversation.visitor_id
WHERE conversation.website_id = :website_id AND conversation.deleted_at IS NULL
  AND visitor.deleted_at IS NULL AND visitor.is_test IS NOT TRUE
  AND LEAST(conversation.created_at, conversation.started_at) < CAST(:date_to AS timestamp) AT TIME ZONE 'UTC'
  AND GREATEST(conversation.updated_at, conversation.started_at, conversation.first_response_at, conversation.resolved_at,
               conversation.escalated_at, newest.created_at) >= CAST(:date_from AS timestamp) AT TIME ZONE 'UTC'
ORDER BY newest.rating, newest.created_at DESC, conversation.id
LIMIT :most
"""


def rated_conversations(
    postgres: Postgres, website_id: str, date_from: str, date_to: str
) -> Answer[pd.DataFrame]:
    """The rated conversations that may have an event in a window, lowest rating first, then newest rating.

    Only Tinybird has the events themselves. Ratings and left-out rows are as in `conversations_by_id`. At most
    `MOST_RATED` + 1 rows; the last one shows that there are more.

    Raises:
        SourceError: As `Postgres.read`, or `SchemaMismatch`.

    Source: Postgres `conversation`, `visitor`, `feedback`.
    """
    params: dict[str, SqlParameter] = {
        "website_id": website_id,
        "date_from": date_from,
        "date_to": date_to,
        "most": MOST_RATED + 1,
    }
    return sql_frame(postgres, schemas.RATED_CONVERSATIONS, _RATED, params)


MOST_LEFT_OUT: Final = 20_000
"""Most deleted and test conversations of a period that are looked up in Tinybird: those that changed last, which `sync` may
not have removed yet."""

MOST_ID_CHARACTERS: Final = 100_000
"""Most characters of the ids in one request to `conversation_events`, commas included."""

_LEFT_OUT: Final = """
SELECT conversation.id
FROM conversation
JOIN visitor ON visitor.id = conversation.visitor_id
WHERE conversation.website_id = :website_id
  AND (conversation.deleted_at IS NOT NULL OR visitor.deleted_at IS NOT NULL OR visitor.is_test)
  AND LEAST(conversation.created_at, conversation.started_at) < CAST(:date_to AS timestamp) AT TIME ZONE 'UTC'
  AND GREATEST(conversation.updated_at, conversation.started_at, conversation.first_response_at, conversation.resolved_at,
               conversation.escalated_at, conversation.deleted_at) >= CAST(:date_from AS timestamp) AT TIME ZONE 'UTC'
ORDER BY GREATEST(conversation.updated_at, conversation.deleted_at, visitor.deleted_at) DESC, conversation.id
LIMIT :most
"""


def left_out_events(
    tinybird: Tinybird, postgres: Postgres, website_id: str, date_from: str, date_to: str
) -> Answer[pd.DataFrame]:
    """The events in Tinybird of conversations that are deleted, or whose visitor is deleted or a test visitor.

    Columns as `conversation_events`; no rows without such events. Of more than `MOST_LEFT_OUT` conversations, those that
    changed last are looked up.

    Raises:
        SourceError: As `Tinybird.query_pipe` and `Postgres.read`, or `SchemaMismatch`.

    Source: Postgres `conversation`, `visitor`; `conversation_events`.
    """
    params: dict[str, SqlParameter] = {
        "website_id": website_id,
        "date_from": date_from,
        "date_to": date_to,
        "most": MOST_LEFT_OUT,
    }
    known = sql_frame(postgres, schemas.LEFT_OUT_CONVERSATIONS, _LEFT_OUT, params)
    # An id with a comma would be read as two; Tinybird has none.
    ids = [str(each) for each in known.value["id"] if "," not in str(each)]
    parts = [
        conversation_events(tinybird, website_id, date_from, date_to, some).value for some in _batches(ids)
    ]
    return Answer(pd.concat(parts, ignore_index=True), known.read_at)


def _batches(ids: Sequence[str]) -> list[list[str]]:
    """The ids in parts that are each short enough for one request; one empty part for no ids."""
    parts: list[list[str]] = [[]]
    characters = 0
    for each in ids:
        if characters + len(each) > MOST_ID_CHARACTERS:
            parts.append([])
            characters = 0
        parts[-1].append(each)
        characters += len(each) + 1
    return parts


def _params(
    website_id: str, bounds: Bounds, offsets: Offsets, selection: Selection
) -> dict[str, PipeParameter]:
    return {
        "website_id": website_id,
        "date_from": bounds.date_from,
        "date_to": bounds.date_to,
        **offsets.params(),
        **selection.params(),
    }
