"""Text from visitors made fit for a column: whole characters, no invisible marks, not encoded twice, not too long. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import unquote_plus

MOST_JOINED: Final = 32
"""Code points that may belong together as one character on the screen; a longer run is cut inside."""

_INVISIBLE: Final = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
"""Direction marks and marks of no width."""

_JOINERS: Final = re.compile("[\u200c\u200d]+")
_FIRST_JOINED: Final = "\u0600"
"""From here on, in Arabic, the scripts of India and emoji, a joiner between two characters is part of the spelling."""

VIRAMA: Final = 9
"""The combining class of the marks that silence a vowel in the scripts of India."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_BLANKS: Final = re.compile(r"\s+")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ESCAPED: Final = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*")
_BROKEN_ESCAPE: Final = re.compile(r"%[0-9A-Fa-f]?$")
_BROKEN_CHARACTER: Final = re.compile(
    r"(?:%[CD][0-9A-F]|%E[0-9A-F](?:%[89AB][0-9A-F])?|%F[0-9A-F](?:%[89AB][0-9A-F]){0,2})$", re.IGNORECASE
)
"""The first bytes of a percent-encoded UTF-8 character, without the rest of it."""

_ENCODED_TWICE: Final = re.compile(
    "[\u00c2-\u00f4][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"
)
"""How the first two bytes of a UTF-8 character look when they were read as Windows-1252."""

_JOINED: Final = re.compile(
    "[\u0e33\u0eb3\u1160-\u11ff\u200c\u200d\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
)
"""What belongs to the character before it and is no mark: vowels of Thai, Lao and Korean, joiners, skin colours, tags."""

_LATIN: Final = re.compile("[A-Za-z]")
_OTHER_SCRIPT: Final = re.compile("[\u0250-\u0258\u025a-\u02ba\u02c0-\u02ff\u0340-\u07ff]")
"""Phonetic signs, rare marks, Greek to Arabic: two letters of PARÍŽ or CAFÉ’S look like one of them encoded twice."""


def is_plain(text: str) -> bool:
    """Whether nothing here changes the text, but for cutting it: printable ASCII, single blanks inside, no percent sign.

    >>> is_plain("New York"), is_plain(" Oslo"), is_plain("100%"), is_plain("Nîmes")
    (True, False, False, False)
    """
    return (
        text.isascii()
        and text.isprintable()
        and "%" not in text
        and "  " not in text
        and text == text.strip()
    )


def printable(text: str) -> str:
    """Text of strangers as a terminal may show it: each character that is not printable becomes a question mark."""
    return "".join(character if character.isprintable() else "?" for character in text)


def whole_characters(text: str) -> tuple[str, bool]:
    r"""The text as UTF-8 can hold it, and whether halves of characters were lost.

    A text cut in the middle of a character ends in half of one (a lone surrogate); two halves side by side are joined.

    >>> whole_characters("a\ud83d"), whole_characters("\ud83d\ude00"), whole_characters("a")
    (('a', True), ('😀', False), ('a', False))
    """
    if not _SURROGATE.search(text):
        return text, False
    halves = text.encode("utf-16-le", "surrogatepass")
    joined = halves.decode("utf-16-le", "ignore")
    return joined, len(joined.encode("utf-16-le")) < len(halves)


def tidied(text: str) -> str:
    r"""A name without control characters and invisible marks, with single blanks.

    >>> tidied("  New\tYork\x00 "), tidied("\u200fدبي\u200e"), ascii(tidied("می\u200cخواهم a\u200db"))
    ('New York', 'دبي', "'\\u0645\\u06cc\\u200c\\u062e\\u0648\\u0627\\u0647\\u0645 ab'")
    """
    if (
        text.isprintable() and "  " not in text
    ):  # nearly every name; no mark and no control character is printable
        return text.strip()
    return _BLANKS.sub(" ", without_invisible(_CONTROL.sub("", _BLANKS.sub(" ", text)))).strip()


def tidied_address(text: str) -> str:
    """An address without control characters and invisible marks; blanks inside it stay.

    >>> tidied_address(" https://x.test/a b" + chr(10))
    'https://x.test/a b'
    """
    if text.isprintable():
        return text.strip()
    return without_invisible(_CONTROL.sub("", text)).strip()


def without_invisible(text: str) -> str:
    """The text without direction marks and marks of no width; joiners stay where they are part of the spelling."""
    if text.isascii():
        return text
    text = _INVISIBLE.sub("", text)
    return _JOINERS.sub(lambda found: found.group()[0] if _joins(text, found.start()) else "", text)


def decoded(name: str) -> str:
    """A place's name with percent-encoding, and UTF-8 that was read as Latin-1, undone once where that is certain.

    >>> decoded("S%C3%A3o%20Paulo"), decoded("SÃ£o Paulo"), decoded("100% City"), decoded("Nîmes")
    ('São Paulo', 'São Paulo', '100% City', 'Nîmes')
    """
    if "%" in name and _ESCAPED.fullmatch(name):
        try:
            # A plus sign in an encoded text is a blank: a real one would be %2B.
            name = unquote_plus(name, errors="strict")
        except UnicodeDecodeError:
            return name
    if name.isascii() or not _ENCODED_TWICE.search(name):
        return name
    try:
        once = b"".join(_byte(character) for character in name).decode()
    except (UnicodeEncodeError, UnicodeDecodeError):
        return name
    is_certain = once.isprintable() and not (_LATIN.search(once) and _OTHER_SCRIPT.search(once))
    return once if is_certain else name


def cut(text: str, limit: int) -> str:
    r"""At most `limit` code points of the text, and no part of a character that has several.

    >>> cut("abc", 2), ascii(cut("ae\u0301", 2)), cut("x👩‍👧", 3), cut("x🇩🇪🇫🇷", 4)
    ('ab', "'a'", 'x', 'x🇩🇪')
    """
    if len(text) <= limit:
        return text
    end = limit
    while end > max(0, limit - MOST_JOINED) and _belongs(text, end):
        end -= 1
    return text[: end if end > limit - MOST_JOINED else limit]


def cut_address(text: str, limit: int) -> str:
    """As `cut`, and no part of a percent-encoded character.

    >>> cut_address("/?q=%C3%A9t%C3%A9", 16), cut_address("/%41%42", 6)
    ('/?q=%C3%A9t', '/%41')
    """
    if len(text) <= limit:
        return text
    return _BROKEN_CHARACTER.sub("", _BROKEN_ESCAPE.sub("", cut(text, limit)))


def _joins(text: str, at: int) -> bool:
    """Whether the joiner there stands between two characters that it can join, or makes a letter of Malayalam's (chillu)."""
    if text[at] == "\u200d" and at and unicodedata.combining(text[at - 1]) == VIRAMA:
        return True
    return 0 < at < len(text) - 1 and all(
        side >= _FIRST_JOINED and not "\u2000" <= side <= "\u206f" for side in (text[at - 1], text[at + 1])
    )


def _belongs(text: str, at: int) -> bool:
    """Whether the code point there is drawn as part of the one before it."""
    character = text[at]
    if _is_half_a_flag(character):
        first = at
        while first and _is_half_a_flag(text[first - 1]):
            first -= 1
        return (at - first) % 2 == 1
    return (
        text[at - 1] == "\u200d"
        or _JOINED.match(character) is not None
        or unicodedata.category(character)[0] == "M"
    )


def _is_half_a_flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _byte(character: str) -> bytes:
    """The byte that Windows-1252 reads as this character; Latin-1's where it has none."""
    return character.encode("latin-1" if character < "\u00a0" else "cp1252")
