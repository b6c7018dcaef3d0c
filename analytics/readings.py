"""Values as sources answer them, and as pages get them: with age and freshness. Knows neither Streamlit nor any source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from analytics.errors import SourceError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


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

    @property
    def stale_since(self) -> datetime | None:
        """When a last good value was read; None for a fresh one."""
        return self.as_of if self.is_stale else None

    def with_value(self, value: T) -> Reading[T]:
        """A derived value with the same age and freshness."""
        return Reading(value, self.as_of, self.is_stale, self.stale_reason, self.failures, self.queries)


def stalest(first: Reading[object], *others: Reading[object] | None) -> Reading[object]:
    """Of the readings that a panel joins, the one that is stale since longest; the first if none is."""
    stale = [each for each in (first, *others) if each is not None and each.is_stale]
    return min(stale, key=lambda each: each.as_of) if stale else first
