"""Normalizes country codes. Pure.

The visitor pipes apply the same rule in SQL, because rows may reach Tinybird without the emitter.
"""

from __future__ import annotations

import re
from typing import Final

NOT_COUNTRIES: Final = frozenset({"XX", "EU", "AP", "T1", "A1", "A2"})
"""Codes that edge networks send instead of a country: unknown, Europe, Asia-Pacific, Tor, proxies, satellites."""

_TWO_LETTERS: Final = re.compile(r"[A-Za-z]{2}", re.ASCII)


def folded(code: str) -> str:
    """A country code in capital letters; empty for codes in `NOT_COUNTRIES` and other than two letters.

    Codes that are not assigned to a country are kept, because new ones are assigned from time to time.

    >>> [folded(code) for code in ("de", "NA", "xk", "ZQ")], [folded(code) for code in ("XX", "t1", "EU", "USA", "ß")]
    (['DE', 'NA', 'XK', 'ZQ'], ['', '', '', '', ''])
    """
    capital = code.upper() if _TWO_LETTERS.fullmatch(code) else ""
    return "" if capital in NOT_COUNTRIES else capital
