"""Derives the signed-in person from the claims of an identity provider. Pure.

An e-mail address opens an account, so it is accepted only when the provider has verified it, and only in ASCII characters,
which no comparison can fold into another address.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from analytics.errors import AccessDenied, NotSignedIn

LONGEST_EMAIL: Final = 254
"""Most characters of an address, by RFC 5321."""

# Printable ASCII without the space, around one `@`.
_EMAIL: Final = re.compile(r"[!-?A-~]+@[!-?A-~]+")


@dataclass(frozen=True, slots=True)
class Identity:
    """A signed-in person.

    Attributes:
        email: Verified address; ASCII, in lower case.
        signed_in_at: Time of the sign-in by the provider's clock, UTC; None in demo mode, which has no sign-in.
    """

    email: str
    signed_in_at: datetime | None


def identity_from_claims(claims: Mapping[str, object], verified_issuers: Collection[str] = ()) -> Identity:
    """Checks the claims of an ID token with valid signature, audience and issuer, and makes the identity.

    Addresses of `verified_issuers` count as verified without `email_verified`.

    Raises:
        NotSignedIn: The claims have no time of the sign-in.
        AccessDenied: There is no address, it is not verified, or it is too long or not ASCII.
    """
    email, is_verified, issued = claims.get("email"), claims.get("email_verified"), claims.get("iat")
    if not isinstance(email, str) or not email.strip():
        raise AccessDenied(
            "The identity provider gave no e-mail address for you.",
            "Ask the administrator to let it send the claim `email`, then sign in again.",
        )
    if is_verified is None:
        is_verified = claims.get("iss") in verified_issuers
    # Some providers send the claim as text.
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
