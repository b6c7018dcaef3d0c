"""Conversations that wait now: prepares rows of Postgres for drawing, with the page that each visitor is on. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import pandas as pd

from analytics.geo import countries
from analytics.geo.country_codes import folded

Waits = Literal["answer", "resolution"]
"""What a conversation waits for: its first answer, or, once it was escalated, its resolution."""

COLUMNS: Final = (
    *("conversation_id", "visitor_id", "started_at", "escalated_at", "wait_seconds", "is_answered"),
    *("is_escalated", "sentiment", "city", "country_code", "country"),
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Conversations that wait for the same, longest wait first.

    Attributes:
        rows: The first ones; see `cached.waiting_now`.
        total: Number of all of them.
        as_of: When they were read, aware: their waits end there.
    """

    rows: pd.DataFrame
    total: int
    as_of: datetime

    @property
    def longest_seconds(self) -> float | None:
        """The longest wait; None when none waits."""
        return float(self.rows["wait_seconds"].iloc[0]) if len(self.rows) else None


@dataclass(frozen=True, slots=True)
class WaitingNow:
    """Who waits now.

    Attributes:
        for_answer: Open conversations without an answer; they wait since their start.
        for_resolution: Open conversations that were escalated, answered or not; they wait since then.
    """

    for_answer: Waiting
    for_resolution: Waiting

    @property
    def is_any(self) -> bool:
        """True when one of the lists has rows."""
        return bool(self.for_answer.total or self.for_resolution.total)

    def of(self, waits_for: Waits) -> Waiting:
        """One of the two lists."""
        return self.for_answer if waits_for == "answer" else self.for_resolution


def waiting(conversations: pd.DataFrame, since: str, now: datetime) -> Waiting:
    """Build the list from rows as in `schemas.WAITING_CONVERSATIONS`.

    Args:
        conversations: The rows.
        since: Column with the instant that the wait began at.
        now: When the rows were read.
    """
    total = int(conversations["total"].iloc[0]) if len(conversations) else 0
    return Waiting(listed(conversations, since, now), total, now)


def listed(conversations: pd.DataFrame, since: str, now: datetime) -> pd.DataFrame:
    """The rows with what a list shows; see `cached.waiting_now` for the columns, `waiting` for the arguments."""
    codes = [folded(code) if isinstance(code, str) else "" for code in conversations["country_code"]]
    waited = (pd.Timestamp(now) - conversations[since]).dt.total_seconds()
    frame = conversations.rename(columns={"id": "conversation_id"}).assign(
        wait_seconds=waited.clip(lower=0.0),
        is_answered=conversations["first_response_at"].notna(),
        is_escalated=conversations["escalated_at"].notna(),
        country_code=pd.Series([code or None for code in codes], index=conversations.index, dtype="str"),
        country=pd.Series(
            [countries.name_of(code) if code else None for code in codes],
            index=conversations.index,
            dtype="str",
        ),
    )
    return frame[list(COLUMNS)]


def with_pages(rows: pd.DataFrame, visitors: pd.DataFrame | None) -> pd.DataFrame:
    """The rows of a list with the column `page_url`; empty for visitors who are not among those seen lately.

    Args:
        rows: As from `listed`.
        visitors: As in `schemas.ACTIVE_VISITORS`; None when they could not be read: all pages are then empty.
    """
    seen = {} if visitors is None else dict(zip(visitors["visitor_id"], visitors["page_url"], strict=True))
    pages = [seen.get(visitor) or None for visitor in rows["visitor_id"]]
    return rows.assign(page_url=pd.Series(pages, index=rows.index, dtype="str"))
