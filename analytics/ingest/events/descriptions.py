"""Cuts or empties values that describe a visit, so that no value costs the event. Pure.

Owns what is cut and what is emptied in session, place, device, browser and page. No value raises, whatever it is: one
that cannot be used becomes empty, and the change is named.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from numbers import Real
from typing import Final, Literal

from analytics.geo.country_codes import NOT_COUNTRIES, folded
from analytics.ingest.events import text as texts

Change = Literal[
    "too long, cut",
    "half a character, removed",
    "not a text, emptied",
    "not a session id, emptied",
    "not a country code, emptied",
    "not a coordinate, emptied",
    "without the other coordinate, emptied",
]

MAX_PAGE_URL_CHARACTERS: Final = 8_192
MAX_CHARACTERS: Final[Mapping[str, int]] = {
    "city": 100,
    "device_type": 50,
    "browser": 100,
    "page_url": MAX_PAGE_URL_CHARACTERS,
}
"""The longest text of each field, in code points; a longer one is cut."""

MOST_READ: Final = 2 * MAX_PAGE_URL_CHARACTERS
"""Code points of a text that are looked at: a longer one, which a visitor may send, keeps no caller waiting."""

_SESSION_ID: Final = re.compile(r"[!-~]{1,100}", re.ASCII)
_NUMBERS: Final = (float, Real, Decimal)
_MOST_DEGREES: Final[Mapping[str, float]] = {"latitude": 90.0, "longitude": 180.0}


def described(values: Mapping[str, object]) -> tuple[dict[str, object], dict[str, Change]]:
    """Makes descriptive values usable; returns all values, and what was changed, by field.

    Other values stay as they are. What loses nothing is no change: invisible marks removed, a country in capital letters
    or none, the name of a city decoded.

    >>> usable, changes = described({"visitor_id": "v", "city": "Oslo ", "latitude": 91, "longitude": 8.5})
    >>> usable
    {'visitor_id': 'v', 'city': 'Oslo', 'latitude': None, 'longitude': None}
    >>> changes
    {'latitude': 'not a coordinate, emptied'}
    """
    usable, changes = dict(values), dict[str, Change]()
    for field, read in _READERS.items():
        value = usable.get(field)
        if value is not None and not _is_usable(field, value):
            usable[field] = read(field, value, changes)
    latitude, longitude = usable.get("latitude"), usable.get("longitude")
    if (latitude is None) != (longitude is None):
        alone, other = ("latitude", "longitude") if longitude is None else ("longitude", "latitude")
        usable[alone] = None
        if other not in changes:
            changes[alone] = "without the other coordinate, emptied"
    return usable, changes


def _is_usable(field: str, value: object) -> bool:
    """Whether the value is an ordinary one that its reader would leave as it is: a quick answer for nearly every event."""
    if type(value) is float:
        return field in _MOST_DEGREES and abs(value) <= _MOST_DEGREES[field]
    if type(value) is not str:
        return False
    if field in MAX_CHARACTERS:
        return len(value) <= MAX_CHARACTERS[field] and texts.is_plain(value)
    if field == "country_code":
        return folded(value) == value
    return field == "session_id" and _SESSION_ID.fullmatch(value) is not None


def _text(field: str, value: object, changes: dict[str, Change]) -> str | None:
    """The value as text that UTF-8 can hold; None for what is no text."""
    if not isinstance(value, str):
        changes[field] = "not a text, emptied"
        return None
    given = str.__str__(value)  # a member of an enumeration is its value
    if len(given) > MOST_READ:
        changes[field] = "too long, cut"
    text, has_lost = texts.whole_characters(given[:MOST_READ])
    if has_lost:
        changes[field] = "half a character, removed"
    return text


def _words(field: str, value: object, changes: dict[str, Change]) -> str | None:
    """A name or an address, tidied and not longer than its column."""
    text = _text(field, value, changes)
    if text is None:
        return None
    is_address = field == "page_url"
    tidied, cut = (texts.tidied_address, texts.cut_address) if is_address else (texts.tidied, texts.cut)
    text = tidied(texts.decoded(text) if field == "city" else text)
    if len(text) > MAX_CHARACTERS[field]:
        changes[field] = "too long, cut"
    return cut(text, MAX_CHARACTERS[field])


def _country(field: str, value: object, changes: dict[str, Change]) -> str | None:
    text = _text(field, value, changes)
    if text is None:
        return None
    given = texts.tidied(text)
    code = folded(given)
    if given and not code and given.upper() not in NOT_COUNTRIES:
        changes[field] = "not a country code, emptied"
    return code


def _session(field: str, value: object, changes: dict[str, Change]) -> str | None:
    """An id of visible ASCII; a longer one is emptied and never cut: its beginning may be another session's too."""
    text = _text(field, value, changes)
    if text and not _SESSION_ID.fullmatch(text):
        changes[field] = "not a session id, emptied"
        return None
    return text


def _degrees(field: str, value: object, changes: dict[str, Change]) -> float | None:
    degrees = math.nan
    if isinstance(value, _NUMBERS) and not isinstance(value, bool):
        with suppress(ValueError, OverflowError):  # a signalling NaN; an integer of a thousand digits
            degrees = float(value)
    if not abs(degrees) <= _MOST_DEGREES[field]:
        changes[field] = "not a coordinate, emptied"
        return None
    return degrees


_READERS: Final[Mapping[str, Callable[[str, object, dict[str, Change]], str | float | None]]] = {
    "session_id": _session,
    "country_code": _country,
    "city": _words,
    "latitude": _degrees,
    "longitude": _degrees,
    "device_type": _words,
    "browser": _words,
    "page_url": _words,
}
