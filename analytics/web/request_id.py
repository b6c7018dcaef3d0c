"""The id of the request that is being answered: what the lines of the log about it have in common.

For the answer to an HTTP request it is kept in a context variable, which threads of the server's pool see too. A run of a
page has a thread of its own; `also_ask` adds a way to find the id of the WebSocket that the run belongs to.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final

HEADER: Final = b"x-request-id"
_USABLE: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_current: ContextVar[str | None] = ContextVar("request_id", default=None)
_elsewhere: list[Callable[[], str | None]] = []


def current() -> str | None:
    """The id of the request that this is done for; None where it is done for none, as at the start of the program."""
    found = _current.get()
    if found is not None:
        return found
    return next((each for ask in _elsewhere if (each := ask()) is not None), None)


def also_ask(source: Callable[[], str | None]) -> None:
    """Adds a source that `current` asks where the context has no id. It must neither raise nor write to a log."""
    _elsewhere.append(source)


def begin(proposed: str | None) -> str:
    """Sets the id of this context, and returns it.

    Args:
        proposed: What a trusted proxy calls this request; anything else than up to 64 letters, digits and `._:-` is not
            taken, so that it cannot pretend to be more than an id. None where there is none.
    """
    chosen = proposed if proposed is not None and _USABLE.fullmatch(proposed) else uuid.uuid4().hex
    _current.set(chosen)
    return chosen
