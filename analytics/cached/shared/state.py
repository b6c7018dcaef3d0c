"""What `SharedReads` remembers: reads in progress, answers, failures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, cast

import pandas as pd

from analytics.errors import Source, SourceError
from analytics.readings import Answer

T = TypeVar("T")


@dataclass(slots=True)
class Run:
    """A read in progress, or ended; times are on the monotonic clock of the reads.

    Attributes:
        source: What is asked.
        began: When it was asked for.
        is_probe: Whether its source was left alone then.
        sent_at: When a thread sent it; None before.
        outcome: How it ended; None before.
    """

    source: Source
    began: float
    is_probe: bool
    sent_at: float | None = None
    outcome: Answer[object] | BaseException | None = None


@dataclass(slots=True)
class Kept:
    """An answer, and until when it is fresh."""

    answer: Answer[object]
    fresh_until: float


@dataclass(slots=True)
class Failure:
    """The last failure of a question, how many came in a row, when, and until when it is not asked again."""

    error: SourceError
    in_a_row: int
    at: float
    until: float


def in_short(outcome: Answer[T] | SourceError, kept: Answer[T] | None) -> tuple[object, ...]:
    """What a reader would get, to compare."""
    if isinstance(outcome, Answer):
        return (outcome.read_at,)
    return (kept and kept.read_at, type(outcome), outcome.message)


def own(value: T) -> T:
    """A value that a page may change: a copy of a frame, which shares its memory until one of them is written to."""
    return cast("T", value.copy(deep=False)) if isinstance(value, pd.DataFrame) else value
