"""What the caches save: how often something was asked for, and how often its source was read for that. Pure.

Counts are of this process, since it started. They stand beside the caches and are part of no key.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

REMEMBERED_READS: Final = 8192
"""How many reads are remembered, to tell a new one from one that a cache repeats; more than all caches hold."""


@dataclass(frozen=True, slots=True)
class CacheCounts:
    """The counts of one pipe or query.

    Attributes:
        asked: How often it was asked for.
        read: How often its source was read for that.
        failed: How often its source failed.
        stale: How often the last known value was given for that.
    """

    asked: int = 0
    read: int = 0
    failed: int = 0
    stale: int = 0


class CacheCounter:
    """Counts asks and reads by name. Safe to share between threads."""

    def __init__(self) -> None:
        self._counts: dict[str, CacheCounts] = {}
        self._reads: OrderedDict[tuple[str, datetime], None] = OrderedDict()
        self._lock = threading.Lock()

    def answered(self, name: str, read_at: datetime) -> None:
        """Counts an ask that was answered, and a read where no answer of that moment was seen before.

        A cache repeats an answer with the moment it was read at, to the microsecond; so nobody has to tell.

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
        """Counts an ask whose source failed, and whether the last known value was given."""
        with self._lock:
            old = self._counts.get(name, CacheCounts())
            self._counts[name] = replace(
                old, asked=old.asked + 1, failed=old.failed + 1, stale=old.stale + is_stale
            )

    def counts(self) -> dict[str, CacheCounts]:
        """The counts by name; empty when nothing was asked for."""
        with self._lock:
            return dict(self._counts)

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._counts.clear()
            self._reads.clear()
