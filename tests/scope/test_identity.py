"""Identity: which claims of a provider open an account, and which never do."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.errors import AccessDenied, NotSignedIn
from analytics.scope.identity import Identity, identity_from_claims

NOW = datetime(2026, 11, 10, 14, 32, tzinfo=UTC)
CLAIMS: dict[str, object] = {
    "iss": "https://id.example",
    "email": "Ann.Lee+x@Example.COM",
    "email_verified": True,
    "iat": int(NOW.timestamp()),
}
TENANT = "https://login.microsoftonline.com/00000000-0000-0000-0000-000000000001/v2.0"


def test_a_verified_address_is_taken_in_lower_case() -> None:
    """With the moment of the sign-in, by the provider's clock."""
    assert identity_from_claims(CLAIMS) == Identity("ann.lee+x@example.com", NOW)
    assert identity_from_claims(CLAIMS | {"email_verified": "true"}).email == "ann.lee+x@example.com"


@pytest.mark.parametrize("verified", [False, None, "false", "True ", 1, "yes", [], {}])
def test_an_unverified_address_is_refused(verified: object) -> None:
    """Only `true` counts."""
    with pytest.raises(AccessDenied, match="not verified"):
        identity_from_claims(CLAIMS | {"email_verified": verified})


def test_an_issuer_that_is_named_vouches_for_its_addresses() -> None:
    """Entra sends no `email_verified`; where it does say no, or is another tenant, that counts."""
    entra = {name: value for name, value in CLAIMS.items() if name != "email_verified"} | {"iss": TENANT}
    assert identity_from_claims(entra, {TENANT}).email == "ann.lee+x@example.com"
    for claims, issuers in (
        (entra, ()),
        (entra, {TENANT + "/"}),
        (entra | {"iss": TENANT.replace("1/", "2/")}, {TENANT}),
        (entra | {"email_verified": False}, {TENANT}),
        (entra | {"iss": None}, {TENANT}),
    ):
        with pytest.raises(AccessDenied, match="not verified"):
            identity_from_claims(claims, issuers)


@pytest.mark.parametrize("email", [None, "", " ", "\t", 7, ["ann@example.com"], {"email": "x"}])
def test_claims_without_an_address_are_refused(email: object) -> None:
    """An empty one opens no account."""
    with pytest.raises(AccessDenied, match="gave no e-mail address"):
        identity_from_claims(CLAIMS | {"email": email})


@pytest.mark.parametrize(
    "email",
    [
        pytest.param("lu\u212aas@example.com", id="kelvin sign, which lower case makes a k"),
        pytest.param("ann@exam\u017fple.com", id="long s"),
        pytest.param("ann\u0131@example.com", id="dotless i"),
        pytest.param("ａnn@example.com", id="full width"),
        pytest.param("ann@example.com\0", id="NUL"),
        pytest.param("ann\ud800@example.com", id="half a surrogate pair"),
        pytest.param(" ann@example.com", id="blank before"),
        pytest.param("ann@example.com\n", id="line end"),
        pytest.param("ann lee@example.com", id="blank within"),
        pytest.param("ann@@example.com", id="two signs"),
        pytest.param("annexample.com", id="no sign"),
        pytest.param("@example.com", id="nothing before"),
        pytest.param("a" * 250 + "@x.com", id="too long"),
    ],
)
def test_an_address_of_other_characters_is_refused(email: str) -> None:
    """Nothing is folded, cut or trimmed into another address."""
    with pytest.raises(AccessDenied, match="characters that no account here has"):
        identity_from_claims(CLAIMS | {"email": email})


@given(st.text())
def test_any_text_is_refused_or_stays_itself(email: str) -> None:
    """What is taken is the address itself, but for capital letters from A to Z."""
    try:
        found = identity_from_claims(CLAIMS | {"email": email}).email
    except AccessDenied:
        return
    assert found.isascii()
    assert found == email.lower()
    assert len(found) == len(email)


@pytest.mark.parametrize("issued", [None, True, "1789000000", float("nan"), float("inf"), 1e30, -1e30, []])
def test_a_sign_in_without_a_time_is_none(issued: object) -> None:
    """Its age would not be known."""
    with pytest.raises(NotSignedIn):
        identity_from_claims(CLAIMS | {"iat": issued})
