"""Reads the demo's COPY lines and NDJSON into dictionaries, instants into datetimes."""

import json
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from analytics.local.demo.content.identifiers import instant_texts
from analytics.local.demo.content.postgres_copy import NULL, Rows
from analytics.local.demo.history import History

ANCHOR: Final = int(datetime(2026, 11, 18, 14, 7, 9, tzinfo=UTC).timestamp())
"""When the demo of these tests was made: a Wednesday afternoon."""

Record = dict[str, str | None]
Event = dict[str, Any]


def records(rows: Rows) -> list[Record]:
    """COPY lines as dictionaries; NULL as None."""
    return [
        {
            name: None if value == NULL else value
            for name, value in zip(rows.columns, line.split("\t"), strict=True)
        }
        for line in rows.lines
    ]


def events_of(history: History, datasource: str, since: int, until: int) -> list[Event]:
    """All events of a span as dictionaries."""
    parts = (part for part in history.event_chunks(since, until) if part.datasource == datasource)
    return [json.loads(line) for part in parts for line in part.lines()]


def moment(text: str | None) -> datetime:
    """An instant of a row or event."""
    assert text is not None
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def website_id(history: History, slug: str) -> str:
    """Id of a website by its slug."""
    return history.identity.websites[slug]


def text_of(instant: int) -> str:
    """An instant as events write it."""
    return instant_texts(np.array([instant]))[0]
