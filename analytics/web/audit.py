"""Audit log: one line of JSON on standard output per sign-in, refusal, export, change of a setting and deletion of rows.

Every line has the same fields; null means not applicable or not known. No line holds data of visitors, a token or the text
of a query. Texts may be untrusted: JSON escapes them, so that none starts a new line, and they are cut to `LONGEST_TEXT`.
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

What = Literal["sign-in", "refusal", "export", "goal", "minutes", "purge", "removal"]
Outcome = Literal["done", "refused", "failed", "interrupted"]

LONGEST_TEXT: Final = 200
"""Most characters of a text; a longer one is cut and ends with `…`."""

_LOCK: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class Event:
    """One audited action.

    Attributes:
        what: sign-in | refusal (of a page or panel) | export (of a file) | goal, minutes (a change of a setting) | purge (of a website's rows, also by `retention`) |
            removal (by `sync`, of rows that were deleted or marked as test in Postgres).
        who: E-mail address of the viewer; for a command the user of the operating system. None without a sign-in.
        website: Website id; the text in the address where the viewer may open no such website.
        page: Title of the page.
        file: Which of the files.
        range: As in the address.
        rows: Rows that were written to the file or deleted.
        outcome: done | refused | failed | interrupted (the connection was closed, or the program ended).
        reason: Why it was refused or failed, or why rows were deleted.
        request_id: Id of the request.
        before: What was changed, as it was.
        after: What it was changed to.
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
    before: str | None = None
    after: str | None = None


def write(event: Event, now: datetime | None = None) -> None:
    """Writes one event as a line, with the id of the current request. Safe to call from several threads."""
    line = _line(event, now or datetime.now(UTC))
    with _LOCK:
        sys.stdout.write(line)
        sys.stdout.flush()


def _line(event: Event, now: datetime) -> str:
    fields: dict[str, object] = {
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
        "before": _cut(event.before),
        "after": _cut(event.after),
        "request_id": _cut(event.request_id or request_id.current()),
    }
    return json.dumps(fields, ensure_ascii=True) + "\n"


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


class Open:
    """An event that has not ended.

    Attributes:
        event: The event so far.
    """

    def __init__(self, event: Event) -> None:
        self.event = event

    def add(self, *, rows: int) -> None:
        """Adds to the number of rows that were sent or deleted."""
        self.event = replace(self.event, rows=(self.event.rows or 0) + rows)


@contextmanager
def written(event: Event) -> Iterator[Open]:
    """Writes one event when the block ends, also by an exception, which is raised again."""
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
    """The event with outcome `refused` for a denied access, else `failed`, and the error's message as reason."""
    outcome: Outcome = "refused" if isinstance(error, AccessDenied) else "failed"
    return replace(event, outcome=outcome, reason=error.message)


def system_user() -> str:
    """Name of the user of the operating system."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in containers
        return f"uid {os.getuid()}"
