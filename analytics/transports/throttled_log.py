"""Logs what goes wrong thousands of times a second once a minute, with a count. Knows no source."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Hashable
from typing import Final

EVERY_SECONDS: Final = 60.0

MOST_QUESTIONS: Final = 500
"""Questions that `Complaints` tells apart; past that they count as one."""


class Complaint:
    """One thing that can go on going wrong. Safe to share between threads.

    Args:
        log: Where it is said.
        level: As what it is said.
    """

    def __init__(self, log: logging.Logger, level: int = logging.ERROR) -> None:
        self._log = log
        self._level = level
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
        self._log.log(self._level, "%s%s", message, f" ({times} times)" if times > 1 else "")


class Complaints:
    """A complaint for each question, with the same log and level. Safe to share between threads."""

    def __init__(self, log: logging.Logger, level: int) -> None:
        self._log, self._level = log, level
        self._lock = threading.Lock()
        self._by_question: dict[Hashable, Complaint] = {}

    def say(self, question: Hashable, message: str) -> None:
        """Says that a question went wrong, as `Complaint.say`."""
        with self._lock:
            known = (
                question if len(self._by_question) < MOST_QUESTIONS or question in self._by_question else None
            )
            complaint = self._by_question.setdefault(known, Complaint(self._log, self._level))
        complaint.say(message)
