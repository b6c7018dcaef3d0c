"""Numbers as a server sends them, in answers and headers, bounded before they are used. Pure.

What cannot be such a number (negative, NaN, infinite, too large, other than ASCII digits) is None: as if the server had not
sent it. Nothing here raises, whatever it is given.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Final

LARGEST: Final = 10**16
"""No count and no measure is larger; hundreds of them still add up within 64 bits."""

LONGEST_RETRY_AFTER_SECONDS: Final = 300.0
"""`Retry-After` is followed up to here, whoever sends it and whoever waits."""

LARGEST_SKEW_SECONDS: Final = 10 * 365 * 86_400.0
"""A `Date` that is off by more says nothing about a clock."""

_WHOLE: Final = re.compile(r"[0-9]{1,30}", re.ASCII)
_DECIMAL: Final = re.compile(r"-?[0-9]{1,400}(\.[0-9]{0,400})?([eE][+-]?[0-9]{1,4})?", re.ASCII)
_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)


def whole_number(value: object) -> int | None:
    """A count: a whole number from 0 to `LARGEST`, or the same as text, as engines write 64-bit numbers.

    >>> whole_number(3), whole_number("3"), whole_number(-3), whole_number("1_0"), whole_number(True)
    (3, 3, None, None, None)
    """
    if isinstance(value, str | Decimal):
        text = str(value)
        value = int(text) if _WHOLE.fullmatch(text) else None
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= LARGEST else None


def measure(value: object) -> float | None:
    """A measure: a finite number of which the size is at most `LARGEST`, or the same as text.

    >>> measure(1), measure("-1.5"), measure(float("inf")), measure("nan"), measure(10**400)
    (1.0, -1.5, None, None, None)
    """
    if isinstance(value, str | Decimal):
        text = str(value)
        value = float(text) if _DECIMAL.fullmatch(text) else None
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if -LARGEST <= value <= LARGEST else None


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """How long a `Retry-After` header asks to wait, at most `LONGEST_RETRY_AFTER_SECONDS`; None when it asks nothing.

    Args:
        header: Seconds, or a date; None when there is none.
        now: Aware.

    >>> at = datetime(2026, 11, 10, tzinfo=UTC)
    >>> retry_after_seconds("2", at), retry_after_seconds("Tue, 10 Nov 2026 00:00:05 GMT", at)
    (2.0, 5.0)
    >>> retry_after_seconds("999999", at), retry_after_seconds("-1", at)
    (300.0, None)
    """
    text = (header or "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_RETRY_AFTER_SECONDS)
    at = _date(text)
    return None if at is None else min(max(0.0, (at - now).total_seconds()), LONGEST_RETRY_AFTER_SECONDS)


def ahead_seconds(date_header: str | None, asked_at: datetime, answered_at: datetime) -> float | None:
    """How far a server's clock is before ours; None without a `Date` that can be one.

    The header has whole seconds, cut, so that the answer is good to half a second and half of the time on the way.

    >>> at = datetime(2026, 11, 10, tzinfo=UTC)
    >>> ahead_seconds("Tue, 10 Nov 2026 00:01:00 GMT", at, at)
    60.5
    """
    said = _date(date_header or "")
    if said is None:
        return None
    seconds = (said - (asked_at + (answered_at - asked_at) / 2)).total_seconds() + 0.5
    return seconds if abs(seconds) <= LARGEST_SKEW_SECONDS else None


def in_words(seconds: float) -> str:
    """How long something takes, as a person says it.

    >>> in_words(0.5), in_words(1), in_words(12.3), in_words(90), in_words(300)
    ('0.5 seconds', '1 second', '13 seconds', '90 seconds', '5 minutes')
    """
    if seconds < 10:
        text = f"{seconds:.1f}".removesuffix(".0")
        return f"{text} second{'' if text == '1' else 's'}"
    whole = math.ceil(seconds)
    return f"{whole} seconds" if whole < 120 else f"{math.ceil(whole / 60)} minutes"


def _date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
