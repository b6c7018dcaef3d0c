"""Times and limits of the spool. The defaults are those of a service; tests pass shorter ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class SpoolSettings:
    """How a spool is sent.

    Attributes:
        linger_seconds: How long events gather before they are sent: a queue makes at most ten requests a second.
        scan_seconds: How often the directory is searched for what other processes left, and a failing disk tried again.
        refresh_seconds: How often the directory is measured at most.
        answer_seconds: How long a request may take.
        first_backoff_seconds: Wait before the first repetition of a request.
        max_backoff_seconds: Longest wait between repetitions, unless `Retry-After` asks for more.
        misconfigured_seconds: Shortest wait after 401, 403, 404 or a redirect.
        segment_bytes: Size at which a file is complete, unless an eighth of the spool's bound is less.
        batch_events: Most events of a request.
        max_adopted: Segments of other processes held open at once.
        max_parts: Requests that a refused batch may be tried in, looking for the events that are to blame.
    """

    linger_seconds: float = 0.1
    scan_seconds: float = 1.0
    refresh_seconds: float = 1.0
    answer_seconds: float = 30.0
    first_backoff_seconds: float = 0.5
    max_backoff_seconds: float = 30.0
    misconfigured_seconds: float = 60.0
    segment_bytes: int = 8_000_000
    batch_events: int = 20_000
    max_adopted: int = 256
    max_parts: int = 100


DEFAULT: Final = SpoolSettings()
