"""The id of the current request, which all its lines of the log share.

For an HTTP request it is in a context variable, which threads of the server's pool see too. A run of a page has its own
thread; `add_lookup` adds a way to find the id of the WebSocket that the run belongs to.
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
_lookups: list[Callable[[], str | None]] = []


def current() -> str | None:
    """The id of the current request; None outside a request, as at the start of the program."""
    found = _current.get()
    if found is not None:
        return found
    return next((each for lookup in _lookups if (each := lookup()) is not None), None)


def add_lookup(lookup: Callable[[], str | None]) -> None:
    """Adds a function that `current` calls when the context has no id. It must neither raise nor log."""
    _lookups.append(lookup)


def begin(proposed: str | None) -> str:
    """Sets the id of this context and returns it: `proposed`, if it has up to 64 letters, digits and `._:-` only."""
    chosen = proposed if proposed is not None and _USABLE.fullmatch(proposed) else uuid.uuid4().hex
    _current.set(chosen)
    return chosen
