"""Country codes as they arrive, folded into one form. Pure.

The pipes of visitors fold what they read by the same rule, in SQL: rows may come past the emitter.
"""

from __future__ import annotations

import re
from typing import Final

NOT_COUNTRIES: Final = frozenset({"XX", "EU", "AP", "T1", "A1", "A2"})
"""What edge networks send in place of a country: not known, Europe, Asia-Pacific, Tor, proxies, satellites."""

_TWO_LETTERS: Final = re.compile(r"[A-Za-z]{2}", re.ASCII)


def folded(code: str) -> str:
    """A country code in capital letters; empty for what is no country of its own, or not two letters.

    A code that is not assigned to a country stays: new ones are assigned now and then.

    >>> [folded(code) for code in ("de", "NA", "xk", "ZQ")], [folded(code) for code in ("XX", "t1", "EU", "USA", "ß")]
    (['DE', 'NA', 'XK', 'ZQ'], ['', '', '', '', ''])
    """
    capital = code.upper() if _TWO_LETTERS.fullmatch(code) else ""
    return "" if capital in NOT_COUNTRIES else capital
