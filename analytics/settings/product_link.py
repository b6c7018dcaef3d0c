"""Builds the address of a conversation in the chat product from a template that the operator sets. Pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urlsplit

PLACEHOLDERS: Final = ("id", "website", "website_id")
"""Placeholders of a template: the conversation's id, the website's slug, the website's id."""

_BRACES: Final = re.compile(r"\{([a-z_]*)\}|[{}]")


def checked_template(template: str) -> str:
    """Checks a template for `conversation_address` and returns it.

    Raises:
        ValueError: It is not an http or https address, has no `{id}`, or has an unknown placeholder.

    >>> checked_template("https://inbox.example/{website}/conversations/{id}")
    'https://inbox.example/{website}/conversations/{id}'
    """
    if any(not "!" <= character <= "~" for character in template):
        raise ValueError("write spaces and non-ASCII letters as browsers send them: %…")
    parts = urlsplit(template)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it must start with http:// or https:// and name a host")
    if "{" in parts.netloc or "@" in parts.netloc:
        raise ValueError("its host may have neither a placeholder nor credentials")
    names = [found[1] for found in _BRACES.finditer(template)]
    if any(name not in PLACEHOLDERS for name in names):
        allowed = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise ValueError(f"braces are for placeholders only; possible are {allowed}")
    if "id" not in names:
        raise ValueError("it must have {id}, the conversation's id")
    return template


def conversation_address(template: str, *, conversation_id: str, website_id: str, website_slug: str) -> str:
    """Fills the checked template for a conversation. Every value is encoded: none changes another part of it.

    >>> template = "https://inbox.example/{website}/c?id={id}"
    >>> conversation_address(template, conversation_id="a/../b&c", website_id="w1", website_slug="tea shop")
    'https://inbox.example/tea%20shop/c?id=a%2F..%2Fb%26c'
    """
    values = {"id": conversation_id, "website": website_slug, "website_id": website_id}
    return _BRACES.sub(lambda found: _encoded(values[found[1]]), template)


def _encoded(value: str) -> str:
    """Encodes a value as one part of an address; `.` and `..` become `_`, because browsers resolve them as path steps."""
    return "_" if value in {".", ".."} else quote(value, safe="", errors="replace")
