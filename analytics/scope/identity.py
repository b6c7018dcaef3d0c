"""Whom an identity provider vouches for. Pure: the claims of its answer in, an address or a refusal out.

An address opens an account, so it is taken only where the provider has verified it, and only in characters that no
comparison can fold into another address.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from analytics.errors import AccessDenied, NotSignedIn

LONGEST_EMAIL: Final = 254
"""Characters that an address may have, by RFC 5321."""

# Printable ASCII but for the blank, around one `@`.
_EMAIL: Final = re.compile(r"[!-?A-~]+@[!-?A-~]+")


@dataclass(frozen=True, slots=True)
class Identity:
    """A person who has signed in.

    Attributes:
        email: Verified; ASCII, in lower case.
        signed_in_at: By the provider's clock, UTC; None in the demo, which has no sign-in.
    """

    email: str
    signed_in_at: datetime | None


def identity_from_claims(claims: Mapping[str, object], verified_issuers: Collection[str] = ()) -> Identity:
    """The person that a provider's claims tell of.

    Args:
        claims: Of an ID token whose signature, audience and issuer were checked.
        verified_issuers: Issuers whose addresses count as verified without `email_verified`.

    Raises:
        NotSignedIn: The claims do not say when the person signed in.
        AccessDenied: There is no address, it is not verified, or it has characters that addresses here have not.
    """
    email, is_verified, issued = claims.get("email"), claims.get("email_verified"), claims.get("iat")
    if not isinstance(email, str) or not email.strip():
        raise AccessDenied(
            "The identity provider gave no e-mail address for you.",
            "Ask the administrator to let it send the claim `email`, then sign in again.",
        )
    if is_verified is None:
        is_verified = claims.get("iss") in verified_issuers
    # Some providers write the claim as a word.
    if is_verified is not True and is_verified != "true":
        raise AccessDenied(
            "The identity provider has not verified your e-mail address.",
            "Verify it there, or sign in with another address.",
        )
    if len(email) > LONGEST_EMAIL or not _EMAIL.fullmatch(email):
        raise AccessDenied(
            "Your e-mail address has characters that no account here has.",
            "Sign in with an address of plain letters, digits and signs.",
        )
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        raise NotSignedIn("The identity provider does not say when you signed in.", "Sign in again.")
    try:
        signed_in_at = datetime.fromtimestamp(issued, UTC)
    except (ValueError, OverflowError, OSError):
        raise NotSignedIn(
            "The identity provider does not say when you signed in.", "Sign in again."
        ) from None
    return Identity(email.lower(), signed_in_at)
