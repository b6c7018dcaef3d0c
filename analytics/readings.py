"""Values as pages get them, with age and freshness, and the last good values that are shown while a source is down.

Knows neither Streamlit nor any source.
"""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar

from analytics.errors import SourceError
from analytics.health.cache_counts import CacheCounter

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

LAST_GOOD_ENTRIES: Final = 256
"""Most last good values that are kept; the least recently used goes first."""


@dataclass(frozen=True, slots=True)
class SentQuery:
    """A query as it was sent, for Explain.

    Attributes:
        source: `Tinybird pipe` or `Postgres query`.
        name: Name of the pipe or query.
        params: Parameters as sent.
    """

    source: str
    name: str
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer(Generic[T_co]):
    """Checked answer of a source.

    Attributes:
        value: The value.
        read_at: When the source answered, UTC.
        queries: The queries behind it, recorded where they are sent; empty where no page explains it.
    """

    value: T_co
    read_at: datetime
    queries: tuple[SentQuery, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading(Generic[T_co]):
    """A value with its age, as a page shows it.

    Attributes:
        value: The value.
        as_of: When it was read from its source, UTC; the oldest of several reads.
        is_stale: True when a source is down and this is the last good value.
        stale_reason: Why it is stale; None when it is fresh.
        failures: Errors of the parts that could not be read; the value marks these parts as missing.
        queries: The queries behind the value, also when it is stale; empty without a query, or where no page explains it.
    """

    value: T_co
    as_of: datetime
    is_stale: bool = False
    stale_reason: SourceError | None = None
    failures: tuple[SourceError, ...] = ()
    queries: tuple[SentQuery, ...] = ()

    def with_value(self, value: T) -> Reading[T]:
        """A derived value with the same age and freshness."""
        return Reading(value, self.as_of, self.is_stale, self.stale_reason, self.failures, self.queries)


class LastGood:
    """The last good answer per key: bounded, in memory, thread-safe, shared by all sessions.

    Attributes:
        counter: Requests and reads, by the name that a key begins with.
    """

    def __init__(self, entries: int = LAST_GOOD_ENTRIES) -> None:
        self.counter = CacheCounter()
        self._entries = entries
        self._answers: OrderedDict[Hashable, Answer[object]] = OrderedDict()
        self._lock = threading.Lock()

    def read(
        self, key: Hashable, fresh: Callable[[], Answer[T]], *, not_before: datetime | None = None
    ) -> Reading[T]:
        """Reads a fresh answer, or returns the last good one marked stale when the source fails.

        Args:
            key: Key of the last good answer, such as `ResolvedView.last_good_key`. One key, one type of value.
            fresh: Reads the source, or its cache.
            not_before: A last good answer that was read earlier is not used; None uses any.

        Raises:
            SourceError: The source failed and there is no usable last good answer.
        """
        try:
            answer = fresh()
        except SourceError as error:
            kept: Answer[T] | None = self._kept(key)
            if kept is None or (not_before is not None and kept.read_at < not_before):
                self.counter.failed(_name_of(key))
                raise
            self.counter.failed(_name_of(key), is_stale=True)
            return Reading(kept.value, kept.read_at, is_stale=True, stale_reason=error, queries=kept.queries)
        self.counter.answered(_name_of(key), answer.read_at)
        self._keep(key, answer)
        return Reading(answer.value, answer.read_at, queries=answer.queries)

    def clear(self) -> None:
        """Removes all answers and counts."""
        with self._lock:
            self._answers.clear()
        self.counter.clear()

    def __len__(self) -> int:
        return len(self._answers)

    def _kept(self, key: Hashable) -> Answer[T] | None:
        with self._lock:
            answer = self._answers.get(key)
            if answer is not None:
                self._answers.move_to_end(key)
            return copy.deepcopy(answer)  # type: ignore[return-value]  # one key, one type: the contract of `read`

    def _keep(self, key: Hashable, answer: Answer[object]) -> None:
        with self._lock:
            kept = self._answers.get(key)
            if kept is None or kept.read_at != answer.read_at:
                # A copy, because callers may change the value.
                self._answers[key] = copy.deepcopy(answer)
            self._answers.move_to_end(key)
            while len(self._answers) > self._entries:
                self._answers.popitem(last=False)


def _name_of(key: Hashable) -> str:
    """The first item of a key, however deep: `ResolvedView.last_good_key` begins with the name."""
    return _name_of(key[0]) if isinstance(key, tuple) and key else str(key)
