"""Saying once a minute what goes wrong thousands of times a second."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

EVERY_SECONDS: Final = 60.0


class Complaint:
    """One thing that can go on going wrong. Safe to share between threads.

    Args:
        log: Where it is said, as an error.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._said_at = float("-inf")
        self._unsaid = 0

    def say(self, message: str) -> None:
        """Says it, with how often it has happened since the last time; at most once a minute."""
        with self._lock:
            self._unsaid += 1
            if time.monotonic() - self._said_at < EVERY_SECONDS:
                return
            times, self._unsaid, self._said_at = self._unsaid, 0, time.monotonic()
        self._log.error("%s%s", message, f" ({times} times)" if times > 1 else "")
