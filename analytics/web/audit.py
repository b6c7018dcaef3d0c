"""Who did what: one line of JSON on standard output for a sign-in, a refusal, an export, and whatever deletes rows.

Every line has the same fields; null stands for what does not apply or is not known. None holds data of visitors, a token
or the text of a query. Texts may be untrusted: JSON escapes them, so that none begins a line, and they are cut.
"""

from __future__ import annotations

import getpass
import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Literal

from analytics.errors import AccessDenied, AnalyticsError
from analytics.web import request_id

What = Literal["sign-in", "refusal", "export", "purge", "removal"]
Outcome = Literal["done", "refused", "failed", "interrupted"]

LONGEST_TEXT: Final = 200
"""Characters of a text; a longer one ends with `…`."""

_LOCK: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class Event:
    """What is to be told of.

    Attributes:
        what: sign-in | refusal (of a page or panel) | export (of a file) | purge (of a website's rows, also by `retention`) |
            removal (of rows of what was deleted or marked as test, by `sync`).
        who: E-mail address of the viewer; for a command the system's user. None without a sign-in.
        website: Its id; what the address named where no such website is open to the viewer.
        page: The page's title.
        file: Which of the files.
        range: As in the address.
        rows: How many rows the file got, or were deleted.
        outcome: done | refused | failed | interrupted (the viewer went away, or the program was ended).
        reason: Why it was refused or failed, or why rows were deleted.
        request_id: Of the request that it was done for.
    """

    what: What
    who: str | None = None
    website: str | None = None
    page: str | None = None
    file: str | None = None
    range: str | None = None
    rows: int | None = None
    outcome: Outcome = "done"
    reason: str | None = None
    request_id: str | None = None


def write(event: Event, now: datetime | None = None) -> None:
    """Writes one event, as a line that is whole whatever other threads write.

    Args:
        event: What happened; the id of the current request is added.
        now: When; None asks the clock.
    """
    line = _line(event, now or datetime.now(UTC))
    with _LOCK:
        sys.stdout.write(line)
        sys.stdout.flush()


def _line(event: Event, now: datetime) -> str:
    told: dict[str, object] = {
        "audit": event.what,
        "time": now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "who": _cut(event.who),
        "website": _cut(event.website),
        "page": _cut(event.page),
        "file": _cut(event.file),
        "range": _cut(event.range),
        "rows": event.rows,
        "outcome": event.outcome,
        "reason": _cut(event.reason),
        "request_id": _cut(event.request_id or request_id.current()),
    }
    return json.dumps(told, ensure_ascii=True) + "\n"


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


class Open:
    """An event that is still going on.

    Attributes:
        event: What is known of it so far.
    """

    def __init__(self, event: Event) -> None:
        self.event = event

    def add(self, *, rows: int) -> None:
        """Adds rows to those that were sent or deleted."""
        self.event = replace(self.event, rows=(self.event.rows or 0) + rows)


@contextmanager
def written(event: Event) -> Iterator[Open]:
    """Writes one event when the block has ended, however it ends; what it raised is passed on."""
    going = Open(replace(event, request_id=request_id.current()))
    try:
        yield going
    except AnalyticsError as error:
        write(failed(going.event, error))
        raise
    except BaseException as error:
        is_ended = isinstance(error, GeneratorExit | KeyboardInterrupt | SystemExit)
        write(
            replace(
                going.event,
                outcome="interrupted" if is_ended else "failed",
                reason=going.event.reason if is_ended else type(error).__name__,
            )
        )
        raise
    write(going.event)


def failed(event: Event, error: AnalyticsError) -> Event:
    """The event as it ended: refused where access was denied, failed otherwise; in the words for viewers."""
    outcome: Outcome = "refused" if isinstance(error, AccessDenied) else "failed"
    return replace(event, outcome=outcome, reason=error.message)


def system_user() -> str:
    """Who runs this program."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id that has no name, as in containers
        return f"uid {os.getuid()}"
