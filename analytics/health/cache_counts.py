"""Counts how often pages ask for each pipe or query, and how often its source is read for that.

Counts are of this process since it started, in memory and thread-safe. They are not part of any cache key.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

REMEMBERED_READS: Final = 8192
"""Reads that are remembered to recognize cached answers; more than all caches hold."""


@dataclass(frozen=True, slots=True)
class CacheCounts:
    """The counts of one pipe or query.

    Attributes:
        asked: Requests of pages.
        read: Requests that were answered by reading the source.
        failed: Requests for which the source failed.
        stale: Failed requests that were answered with the last good value.
    """

    asked: int = 0
    read: int = 0
    failed: int = 0
    stale: int = 0


class CacheCounter:
    """Counts requests and reads by name. Safe to share between threads."""

    def __init__(self) -> None:
        self._counts: dict[str, CacheCounts] = {}
        self._reads: OrderedDict[tuple[str, datetime], None] = OrderedDict()
        self._lock = threading.Lock()

    def answered(self, name: str, read_at: datetime) -> None:
        """Counts a request that was answered, and a read where `read_at` is new.

        Cached answers keep their `read_at`, to the microsecond, so a repeated value is a cache hit.

        >>> counter, noon = CacheCounter(), datetime(2026, 11, 10, 12)
        >>> for _ in range(3):
        ...     counter.answered("inbox_analytics", noon)
        >>> counter.counts()
        {'inbox_analytics': CacheCounts(asked=3, read=1, failed=0, stale=0)}
        """
        with self._lock:
            is_new = (name, read_at) not in self._reads
            self._reads[name, read_at] = None
            self._reads.move_to_end((name, read_at))
            while len(self._reads) > REMEMBERED_READS:
                self._reads.popitem(last=False)
            old = self._counts.get(name, CacheCounts())
            self._counts[name] = replace(old, asked=old.asked + 1, read=old.read + is_new)

    def failed(self, name: str, *, is_stale: bool = False) -> None:
        """Counts a request whose source failed, and whether the last good value was shown."""
        with self._lock:
            old = self._counts.get(name, CacheCounts())
            self._counts[name] = replace(
                old, asked=old.asked + 1, failed=old.failed + 1, stale=old.stale + is_stale
            )

    def counts(self) -> dict[str, CacheCounts]:
        """The counts by name; empty before the first request."""
        with self._lock:
            return dict(self._counts)

    def clear(self) -> None:
        """Removes all counts."""
        with self._lock:
            self._counts.clear()
            self._reads.clear()
