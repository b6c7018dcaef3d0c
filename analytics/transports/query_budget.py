"""Counts the day's Tinybird queries and derives how often open pages read again. In memory, thread-safe.

Tinybird's free plan includes 1,000 queries a day. Live polling slows down as they are spent and pauses at half of them: the
rest is kept for the other pages, which read again every hour while they are idle. Counts are of this process, per UTC day.
"""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import Final

LIVE_REFRESH_SECONDS: Final = 15.0
"""Seconds between two reads of the live page while the budget allows."""

LIVE_STEPS: Final[tuple[tuple[float, float], ...]] = ((0.2, 15.0), (0.3, 30.0), (0.4, 60.0), (0.5, 300.0))
"""(share of the budget spent, seconds between two reads below that share); above the last share polling pauses."""

UNLIMITED_FRESH_SECONDS: Final = 4.0
"""How long viewers share a live read where queries are unlimited."""

PAUSED_REFRESH_SECONDS: Final = 300.0
"""How long viewers share a live read while polling pauses: a page that is opened then still reads."""

PAGE_REFRESH_SECONDS: Final = 300.0
"""Seconds until an open page reads its numbers again where queries are unlimited: a step of the grid that periods end on."""

SLOWEST_PAGE_REFRESH_SECONDS: Final = 3600.0
"""The same for 1,000 queries a day and less; with more of them it is less, in proportion."""


class QueryBudget:
    """Counts queries against a daily limit. Safe to share between threads.

    Args:
        daily_limit: Queries a day; None when unlimited.
    """

    def __init__(self, daily_limit: int | None) -> None:
        self.daily_limit = daily_limit
        self._day: date | None = None
        self._spent: Counter[str] = Counter()
        self._lock = threading.Lock()

    def spend(self, now: datetime, pipe: str) -> None:
        """Adds one query of a pipe."""
        with self._lock:
            self._turn_to(now)
            self._spent[pipe] += 1

    def spent(self, now: datetime) -> int:
        """Number of queries of this UTC day."""
        with self._lock:
            self._turn_to(now)
            return self._spent.total()

    def spent_by_pipe(self, now: datetime) -> dict[str, int]:
        """Queries of this UTC day by pipe; empty before the first one."""
        with self._lock:
            self._turn_to(now)
            return dict(self._spent)

    def live_refresh_seconds(self, now: datetime) -> float | None:
        """Seconds between two live reads; None while polling pauses.

        >>> budget = QueryBudget(daily_limit=10)
        >>> now = datetime(2026, 11, 10, 12, tzinfo=UTC)
        >>> for _ in range(2):
        ...     budget.spend(now, "active_visitors")
        >>> budget.live_refresh_seconds(now)
        30.0
        >>> QueryBudget(daily_limit=None).live_refresh_seconds(now)
        15.0
        """
        if self.daily_limit is None:
            return LIVE_REFRESH_SECONDS
        share = self.spent(now) / self.daily_limit
        return next((seconds for below, seconds in LIVE_STEPS if share < below), None)

    @property
    def page_refresh_seconds(self) -> float:
        """Seconds between two reads of the numbers of an open but idle page, whole steps of the 5-minute grid.

        >>> [QueryBudget(limit).page_refresh_seconds for limit in (None, 100_000, 5_000, 1_000, 10)]
        [300.0, 300.0, 900.0, 3600.0, 3600.0]
        """
        if self.daily_limit is None:
            return PAGE_REFRESH_SECONDS
        steps = ceil(SLOWEST_PAGE_REFRESH_SECONDS * 1000 / self.daily_limit / PAGE_REFRESH_SECONDS)
        return min(steps * PAGE_REFRESH_SECONDS, SLOWEST_PAGE_REFRESH_SECONDS)

    def count_refresh_seconds(self, now: datetime) -> float | None:
        """Seconds between two reads of the visitors right now that a page shows beside its numbers; None with them.

        >>> now = datetime(2026, 11, 10, 12, tzinfo=UTC)
        >>> [QueryBudget(limit).count_refresh_seconds(now) for limit in (None, 1_000)]
        [15.0, None]
        """
        return self.live_refresh_seconds(now) if self.daily_limit is None else None

    def live_fresh_for(self, now: datetime) -> timedelta:
        """How long a live read is fresh, for all viewers.

        A second less than the page's timer, so that each of its runs reads. Without a limit it is short, because sharing
        saves nothing.
        """
        if self.daily_limit is None:
            return timedelta(seconds=UNLIMITED_FRESH_SECONDS)
        return timedelta(seconds=(self.live_refresh_seconds(now) or PAUSED_REFRESH_SECONDS) - 1)

    def _turn_to(self, now: datetime) -> None:
        today = now.astimezone(UTC).date()
        if self._day is None or today > self._day:
            self._day, self._spent = today, Counter()
