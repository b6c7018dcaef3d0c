"""Parses and bounds numbers from answers and headers of servers. Pure.

Unusable values (negative, NaN, infinite, too large, other than ASCII digits) give None, as if the server had not sent them.
Nothing here raises.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Final

LARGEST: Final = 10**16
"""Largest count or measure that is accepted; a sum of hundreds still fits into 64 bits."""

_WHOLE: Final = re.compile(r"[0-9]{1,30}", re.ASCII)
_DECIMAL: Final = re.compile(r"-?[0-9]{1,400}(\.[0-9]{0,400})?([eE][+-]?[0-9]{1,4})?", re.ASCII)


def whole_number(value: object) -> int | None:
    """A whole number from 0 to `LARGEST`, given as a number or as text, as engines write 64-bit numbers; else None.

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
    """A finite number of absolute value up to `LARGEST`, given as a number or as text; else None.

    >>> measure(1), measure("-1.5"), measure(float("inf")), measure("nan"), measure(10**400)
    (1.0, -1.5, None, None, None)
    """
    if isinstance(value, str | Decimal):
        text = str(value)
        value = float(text) if _DECIMAL.fullmatch(text) else None
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if -LARGEST <= value <= LARGEST else None


def in_words(seconds: float) -> str:
    """Formats a duration for people, rounded up.

    >>> in_words(0.5), in_words(1), in_words(12.3), in_words(90), in_words(300)
    ('0.5 seconds', '1 second', '13 seconds', '90 seconds', '5 minutes')
    """
    if seconds < 10:
        text = f"{seconds:.1f}".removesuffix(".0")
        return f"{text} second{'' if text == '1' else 's'}"
    whole = math.ceil(seconds)
    return f"{whole} seconds" if whole < 120 else f"{math.ceil(whole / 60)} minutes"
