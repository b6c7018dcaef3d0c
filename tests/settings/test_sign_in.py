"""Sign-in: which configurations start, and that every other one says what is wrong without showing a value."""

import subprocess
import sys

import pytest

from analytics.errors import ConfigError
from analytics.settings import Settings, load_settings
from analytics.settings.sign_in import auth_section, providers, public_url

SOURCES = {
    "TINYBIRD_HOST": "https://api.example.com",
    "TINYBIRD_READ_TOKEN": "p.read",
    "DATABASE_URL": "postgresql://reader@db.example.com/inbox",
}
COOKIES = "f2b1c06a3d9e4857a0c4e1d7b8a95263"
PROVIDER = {
    "INBOX_ANALYTICS_PUBLIC_URL": "https://inbox.example.com/team/",
    "INBOX_ANALYTICS_OIDC_METADATA_URL": "https://id.example.com/.well-known/openid-configuration",
    "INBOX_ANALYTICS_OIDC_CLIENT_ID": "the-client",
    "INBOX_ANALYTICS_OIDC_CLIENT_SECRET": "hush",
    "INBOX_ANALYTICS_COOKIE_SECRET": COOKIES,
}
FILE: dict[str, object] = {
    "redirect_uri": "https://inbox.example.com/oauth2callback",
    "cookie_secret": COOKIES,
    "client_id": "the-client",
    "client_secret": "hush",
    "server_metadata_url": "https://id.example.com/.well-known/openid-configuration",
}


def settings(**variables: str) -> Settings:
    """Settings with these variables beside the sources."""
    return load_settings(SOURCES | variables)


def test_the_environment_gives_a_complete_section() -> None:
    """As `st.login` reads it: only the address is asked for, never groups."""
    assert auth_section(settings(**PROVIDER), {}) == {
        "redirect_uri": "https://inbox.example.com/team/oauth2callback",
        "cookie_secret": COOKIES,
        "client_id": "the-client",
        "client_secret": "hush",
        "server_metadata_url": PROVIDER["INBOX_ANALYTICS_OIDC_METADATA_URL"],
        "client_kwargs": {"scope": "openid email", "prompt": "select_account"},
    }


def test_a_file_is_taken_as_it_is() -> None:
    """With one provider or several by name; what it says of prompts and scopes holds."""
    assert auth_section(settings(), FILE)["client_id"] == "the-client"
    shared = {name: FILE[name] for name in ("redirect_uri", "cookie_secret")}
    provider = {name: FILE[name] for name in ("client_id", "client_secret", "server_metadata_url")}
    section = auth_section(
        settings(), shared | {"google": provider, "okta": provider | {"client_kwargs": {"prompt": "login"}}}
    )
    assert section["google"] == provider | {
        "client_kwargs": {"scope": "openid email", "prompt": "select_account"}
    }
    assert section["okta"] == provider | {"client_kwargs": {"scope": "openid email", "prompt": "login"}}


def test_the_environment_goes_before_the_file() -> None:
    """One of the two, never a mixture."""
    section = auth_section(settings(**PROVIDER), FILE | {"client_id": "of the file"})
    assert section["client_id"] == "the-client"


def test_the_demo_has_no_sign_in() -> None:
    """And refuses to stand beside a provider, which would look like a protection."""
    demo = {
        "TINYBIRD_HOST": "http://127.0.0.1:1",
        "DATABASE_URL": "postgresql://reader@127.0.0.1:1/inbox",
        "INBOX_ANALYTICS_DEMO": "1",
    }
    assert auth_section(settings(**demo), {}) == {}
    for configured, file in ((PROVIDER, {}), ({}, FILE)):
        with pytest.raises(ConfigError, match="INBOX_ANALYTICS_DEMO"):
            auth_section(settings(**demo, **configured), file)


@pytest.mark.parametrize("absent", sorted(PROVIDER))
def test_half_a_configuration_names_what_is_missing(absent: str) -> None:
    """All but one variable."""
    given = {name: value for name, value in PROVIDER.items() if name != absent}
    with pytest.raises(ConfigError, match=absent):
        auth_section(settings(**given), {})


def test_no_configuration_at_all_starts_nothing() -> None:
    """No page could be seen."""
    with pytest.raises(ConfigError, match="Sign-in is not configured"):
        auth_section(settings(), {})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"cookie_secret": ""}, "cookie secret"),
        ({"cookie_secret": "short"}, "cookie secret"),
        ({"cookie_secret": COOKIES[:31]}, "cookie secret"),
        ({"cookie_secret": "x" * 64}, "cookie secret"),
        ({"cookie_secret": 12345678901234567890123456789012}, "cookie secret"),
        ({"cookie_secret": "a-strong-randomly-generated-secret"}, "cookie secret"),
        ({"cookie_secret": "$(openssl rand -hex 32)     # made once, kept"}, "cookie secret"),
        ({"cookie_secret": "`openssl rand -hex 32` # the same for all"}, "cookie secret"),
        ({"redirect_uri": ""}, "redirect_uri"),
        ({"redirect_uri": "https://inbox.example.com/callback"}, "redirect_uri"),
        ({"redirect_uri": "http://inbox.example.com/oauth2callback"}, "https://"),
        ({"redirect_uri": "https://Inbox.Example.com/oauth2callback"}, "lower case"),
        ({"redirect_uri": "https://inbox.example.com:443/oauth2callback"}, "lower case"),
        ({"redirect_uri": "https://inbox.example.com//other.example/oauth2callback"}, "redirect_uri"),
        ({"redirect_uri": "https://inbox.example.com/{name}/oauth2callback"}, "redirect_uri"),
        ({"redirect_uri": "https://inbox.example.com;a/oauth2callback"}, "redirect_uri"),
        ({"redirect_uri": "https://inbox example.com/oauth2callback"}, "redirect_uri"),
        ({"server_metadata_url": "http://id.example.com/.well-known/openid-configuration"}, "https://"),
        ({"server_metadata_url": "id.example.com"}, "https://"),
        ({"server_metadata_url": "https://[::1/"}, "https://"),
        ({"client_id": ""}, "client_id"),
        ({"client_secret": None}, "client_secret"),
        ({"server_metadata_url": 7}, "server_metadata_url"),
        ({"client_kwargs": {"scope": "openid email groups"}}, "groups"),
        ({"expose_tokens": "id"}, "expose_tokens"),
        ({"my_idp": {"client_id": "x", "client_secret": "y", "server_metadata_url": "z"}}, "my_idp"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_is_not_safe_does_not_start(changed: dict[str, object], said: str) -> None:
    """The problem is named; no value is, for it may be a secret."""
    with pytest.raises(ConfigError) as caught:
        auth_section(settings(), FILE | changed)
    assert said in str(caught.value)
    for secret in (COOKIES, "hush", "x" * 64):
        assert secret not in str(caught.value)


@pytest.mark.parametrize("host", ["localhost:8501", "127.0.0.1:8501", "[::1]:8501"])
def test_this_machine_needs_no_tls(host: str) -> None:
    """For trying sign-in out."""
    assert auth_section(settings(), FILE | {"redirect_uri": f"http://{host}/oauth2callback"})


def test_the_file_cannot_name_another_address() -> None:
    """The public URL decides about cookies and headers; the two have to agree."""
    with pytest.raises(ConfigError, match="INBOX_ANALYTICS_PUBLIC_URL"):
        auth_section(settings(INBOX_ANALYTICS_PUBLIC_URL="https://other.example.com"), FILE)


def test_what_signs_people_in_warns_of_nothing() -> None:
    """Authlib, as Streamlit's routes load it, finds the HTTP client that it will go on using."""
    modules = "streamlit.web.server.starlette.starlette_auth_routes, authlib.integrations.starlette_client"
    ended = subprocess.run([sys.executable, "-c", f"import {modules}"], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_every_provider_of_the_file_has_a_button() -> None:
    """In the file's order; the one without a name first."""
    assert providers(auth_section(settings(**PROVIDER), {})) == (None,)
    shared = {name: FILE[name] for name in ("redirect_uri", "cookie_secret")}
    provider = {name: FILE[name] for name in ("client_id", "client_secret", "server_metadata_url")}
    section = auth_section(settings(), shared | {"okta": provider, "google": provider})
    assert providers(section) == ("okta", "google")
    assert providers(auth_section(settings(), FILE | {"google": provider})) == (None, "google")


def test_a_nameless_provider_beside_others_is_checked_too() -> None:
    """It has a button, so it has to be whole."""
    provider = {name: FILE[name] for name in ("client_id", "client_secret", "server_metadata_url")}
    with pytest.raises(ConfigError, match="client_secret is missing"):
        auth_section(settings(), FILE | {"google": provider, "client_secret": ""})


def test_the_public_address_is_where_the_provider_leads_back_to() -> None:
    """Without a slash at its end, with its prefix."""
    assert public_url(auth_section(settings(**PROVIDER), {})) == "https://inbox.example.com/team"
    assert public_url(FILE) == "https://inbox.example.com"
