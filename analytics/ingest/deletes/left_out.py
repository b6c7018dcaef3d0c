"""Rows that must not count: of deleted and test visitors, deleted conversations and deleted websites in Postgres.

Owns that SQL; only reads. An id that Tinybird can hold no row of is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from analytics.ingest.deletes.deletion import Column, RowsOf, is_id
from analytics.transports.postgres import Parameter, Postgres

_WEBSITES: Final = """
SELECT id, id FROM website
WHERE deleted_at < now() - CAST(:grace_days AS integer) * INTERVAL '1 day'
ORDER BY id
"""

_VISITORS: Final = """
SELECT visitor.website_id, visitor.id
FROM visitor
JOIN website ON website.id = visitor.website_id AND website.organization_id = visitor.organization_id
WHERE website.id = ANY(:websites) AND (visitor.deleted_at IS NOT NULL OR visitor.is_test)
ORDER BY visitor.website_id, visitor.id
"""

_CONVERSATIONS: Final = """
SELECT conversation.website_id, conversation.id
FROM conversation
JOIN website ON website.id = conversation.website_id AND website.organization_id = conversation.organization_id
JOIN visitor ON visitor.id = conversation.visitor_id
WHERE website.id = ANY(:websites)
  AND (conversation.deleted_at IS NOT NULL OR visitor.deleted_at IS NOT NULL OR visitor.is_test)
ORDER BY conversation.website_id, conversation.id
"""


def deleted_websites(postgres: Postgres, grace_days: int) -> Iterator[RowsOf]:
    """Reads the websites that were deleted more than so many days ago, by id. Raises as `Postgres.stream`.

    Source: Postgres `website`.
    """
    return _rows(postgres, "deleted_websites", _WEBSITES, "website_id", {"grace_days": grace_days})


def visitors(postgres: Postgres, website_ids: Sequence[str]) -> Iterator[RowsOf]:
    """Reads the deleted and test visitors of these websites, by website and id. Raises as `deleted_websites`.

    Source: Postgres `visitor`, `website`.
    """
    return _rows(postgres, "left_out_visitors", _VISITORS, "visitor_id", {"websites": list(website_ids)})


def conversations(postgres: Postgres, website_ids: Sequence[str]) -> Iterator[RowsOf]:
    """Reads the conversations that were deleted or are with such a visitor. Raises as `deleted_websites`.

    Source: Postgres `conversation`, `visitor`, `website`.
    """
    params: dict[str, Parameter] = {"websites": list(website_ids)}
    return _rows(postgres, "left_out_conversations", _CONVERSATIONS, "conversation_id", params)


def _rows(
    postgres: Postgres, name: str, statement: str, column: Column, params: dict[str, Parameter]
) -> Iterator[RowsOf]:
    for part in postgres.stream(name, statement, params):
        for website_id, id_ in part:
            if is_id(str(website_id)) and is_id(str(id_)):
                yield RowsOf(str(website_id), column, str(id_))
