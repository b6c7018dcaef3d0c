"""Writes a log message that repeats thousands of times a second once a minute, with a count. Knows no source."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Hashable
from typing import Final

INTERVAL_SECONDS: Final = 60.0

MOST_KEYS: Final = 500
"""Most keys that a `ThrottledLog` counts separately; all others share one count."""


class ThrottledLog:
    """Writes at most one message per key and minute. Safe to share between threads.

    Args:
        log: Where to write.
        level: The level of the messages.
    """

    def __init__(self, log: logging.Logger, level: int = logging.ERROR) -> None:
        self._log = log
        self._level = level
        self._lock = threading.Lock()
        self._states: dict[
            Hashable, tuple[float, int]
        ] = {}  # when written last, and how often left out since

    def write(self, message: str, key: Hashable = None) -> None:
        """Writes the message with the number of its occurrences since the last time; at most once a minute.

        Args:
            message: The text.
            key: What happened; each key is counted on its own.
        """
        with self._lock:
            known = key if key in self._states or len(self._states) < MOST_KEYS else None
            written_at, left_out = self._states.get(known, (float("-inf"), 0))
            now = time.monotonic()
            if now - written_at < INTERVAL_SECONDS:
                self._states[known] = written_at, left_out + 1
                return
            self._states[known] = now, 0
        self._log.log(self._level, "%s%s", message, f" ({left_out + 1} times)" if left_out else "")
