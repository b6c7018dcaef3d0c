"""Questions to a source: what is asked, with which arguments, and how long an answer is fresh."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import wraps
from typing import Generic, ParamSpec, TypeVar

from analytics.errors import SOURCE_NAMES, NotYetAnswered, Source
from analytics.readings import Answer

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Question(Generic[T_co]):
    """A read with its arguments; equal ones are the same question.

    Attributes:
        name: Name of the pipe or query.
        args: Its arguments: its whole key.
        source: What it asks.
        fresh_for: How long an answer is fresh.
        ask: Asks with the arguments; the value is a frame or immutable.
    """

    name: str
    args: tuple[Hashable, ...]
    source: Source = field(compare=False)
    fresh_for: timedelta = field(compare=False)
    ask: Callable[..., Answer[T_co]] = field(compare=False)


def question(
    source: Source, fresh_for: timedelta | Callable[[], timedelta]
) -> Callable[[Callable[P, Answer[T]]], Callable[P, Question[T]]]:
    """Decorates a function that asks a source: called, it returns the question and asks nothing yet.

    Args:
        source: What it asks.
        fresh_for: How long an answer is fresh, or what says it when the question is made.
    """

    def decorate(function: Callable[P, Answer[T]]) -> Callable[P, Question[T]]:
        name = function.__name__.removeprefix("_")

        @wraps(function)
        def made(*args: P.args, **kwargs: P.kwargs) -> Question[T]:
            if kwargs:
                raise TypeError("The arguments of a question are its key: give them by position.")
            lasts = fresh_for if isinstance(fresh_for, timedelta) else fresh_for()
            return Question(name, args, source, lasts, function)

        return made

    return decorate


def not_yet(question: Question[object]) -> NotYetAnswered:
    """The error for a reader who waits no longer."""
    return NotYetAnswered(
        f"{SOURCE_NAMES[question.source]} has not answered yet.",
        "The answer appears here as soon as it comes.",
        source=question.source,
        resource=question.name,
    )
