"""Removes secrets, control characters and excess length from texts of other programs before they are logged or shown. Pure.

An error of a source may repeat a request with its token, an address with its password or a whole header. Everything that
looks like a secret is replaced: a missing word in a log is a smaller fault than a password in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from unicodedata import category

LONGEST: Final = 300
"""Most characters of a line."""

MOST_READ: Final = 20_000
"""Most characters of a text that are processed; the rest is dropped."""

GONE: Final = "***"

_NAME: Final = (
    r"[\w.-]{0,40}(?:pass(?:word|wd|phrase|code)|pwd|secret|token|credentials?|signature|session[_-]?id"
    r"|(?:api|access|private|account|shared|encryption)[_-]?key|jwt)(?:s|[_-]\w{1,20})?"
)
_VALUE: Final = r"\\+[\"'][^\"'\\]*|\"(?:[^\"\\]|\\.){0,4000}\"?|'(?:[^'\\]|\\.){0,4000}'?|[^\s\"',;&)}\]]+"
_PATTERNS: Final = tuple(
    (re.compile(pattern, flags), put)
    for pattern, flags, put in (
        (r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)", re.DOTALL, GONE),
        # Credentials of an address, whatever characters the password has.
        (r"(\b[a-z][a-z0-9+.-]{1,20}://)[^\s\"'<>]{0,2000}@", re.IGNORECASE, rf"\1{GONE}@"),
        # The query of an address.
        (r"(?<=[\w/.\]-])\?[^\s?\"'<>=]{1,200}=[^\s\"'<>]*", 0, f"?{GONE}"),
        (
            r"\b((?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]{0,20}(?:key|token|auth))"
            r"([\"']?\s*[:=]\s*)(?:[\"'][^\"']*[\"']?|(?:[A-Za-z]+\s+)?[^\s\"',]+)",
            re.IGNORECASE,
            rf"\1\2{GONE}",
        ),
        (r"\b(bearer|basic)\s+(?!tokens?\b|auth)[^\s\"',;]+", re.IGNORECASE, rf"\1 {GONE}"),
        # Named secrets: name=value, "name": "value", name is value; after blanks alone a value that is none of words.
        (rf"\b({_NAME}[\\\"']{{0,4}}\s*(?:=>|:=|[=:])\s*)(?:{_VALUE})", re.IGNORECASE, rf"\1{GONE}"),
        (
            rf"\b({_NAME}\s+(?:is\s+|was\s+)?)(?:\"[^\"]+\"?|'[^']+'?|`[^`]+`?|(?![=:*])(?=\S*[\d=+/$!#%])[^\s\"',;]+)",
            re.IGNORECASE,
            rf"\1{GONE}",
        ),
        (
            r"\b(identified\s+(?:with\s+\w+\s+)?by\s+)(?:'[^']*'?|\"[^\"]*\"?|\S+)",
            re.IGNORECASE,
            rf"\1{GONE}",
        ),
        # Tokens by their looks: Tinybird's, JSON web tokens, those with a known beginning, long random ones.
        (r"\bp\.(?=[\w.-]{0,60}[A-Z])[\w.-]{8,}", 0, GONE),
        (r"\beyJ[\w-]{8,}(?:\.[\w-]*)*", 0, GONE),
        (
            r"\b(?:sk|pk|rk|gh[pousr]|github_pat|glpat|xox[abeprs]|ya29|hf|npm|pypi|whsec|dapi|SG|AKIA|ASIA|AIza)"
            r"[-_.]?(?=[\w-]{0,60}[A-Z\d])[\w.-]{16,}",
            0,
            GONE,
        ),
        (r"\b[0-9a-fA-F]{32,}\b", 0, GONE),
        (
            r"(?<![\w+/=-])(?=[\w+/=-]*[a-z])(?=[\w+/=-]*[A-Z])(?=[\w+/=-]*\d)[\w+/=-]{24,}(?![\w+/=-])",
            0,
            GONE,
        ),
    )
)


def without_secrets(text: str, known: Iterable[str] = ()) -> str:
    """Replaces known secrets, and everything that looks like a secret, with `***`. Keeps line breaks.

    Args:
        text: Anything.
        known: Secrets to replace wherever they are; empty ones are ignored.

    >>> without_secrets("postgresql://maya:hush@db/inbox: password authentication failed")
    'postgresql://***@db/inbox: password authentication failed'
    >>> without_secrets("boom secret p.SECRETTOKEN at https://api.example.com/v0/pipes?token=x&q=1")
    'boom secret *** at https://api.example.com/v0/pipes?***'
    """
    for secret in known:
        if secret:
            text = text.replace(secret, GONE)
    for pattern, put in _PATTERNS:
        text = pattern.sub(put, text)
    return text


def scrubbed(text: str, known: Iterable[str] = ()) -> str:
    r"""Makes one printable line of at most `LONGEST` characters, without secrets.

    >>> scrubbed("no\nway\x1b[31m back")
    'no way [31m back'
    """
    # Before the search for secrets: an invisible character, such as a zero-width space, could split one.
    text = "".join(each for each in text[:MOST_READ] if category(each) != "Cf")
    text = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    text = without_secrets(text, known)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
