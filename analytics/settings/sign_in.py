"""Builds and checks the OpenID Connect configuration that Streamlit's `st.login` reads. Pure.

It comes from the environment, or from the section `[auth]` of `.streamlit/secrets.toml` as Streamlit documents it. Either
is checked before the web app starts: a deployment that could sign in the wrong person does not start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal
from urllib.parse import urlsplit

from analytics.errors import ConfigError
from analytics.settings import Settings, variable, web_address, with_plain_path
from analytics.settings.loopback import is_loopback

CALLBACK: Final = "/oauth2callback"
"""Path below the public URL that the provider redirects a browser back to."""

OUTCOME: Final = "sign-in"
"""Query parameter of a page that holds the `Outcome` of a sign-in that failed, or of a sign-out."""

Outcome = Literal["denied", "unreachable", "clock", "late", "failed", "signed-out"]
"""Denied by the person or the provider; provider unreachable; clocks differ; the state of the sign-in is gone; any other
error; signed out."""

SHORTEST_SECRET: Final = 32
"""Characters; a person who has a cookie can try to guess the secret that signed it."""

SCOPE: Final = "openid email"
"""Scope of the request to the provider: the e-mail address. Names come from Postgres; groups would make cookies grow."""

_CLIENT: Final[dict[str, object]] = {"scope": SCOPE, "prompt": "select_account"}
_REMEDY: Final = "docs/sign-in.md describes the set-up."
_FIELDS: Final = ("oidc_metadata_url", "oidc_client_id", "oidc_client_secret", "cookie_secret", "public_url")


def auth_section(settings: Settings, from_file: Mapping[str, object]) -> dict[str, object]:
    """The checked section `[auth]` of `secrets.toml` for Streamlit; empty in the demo, which has no sign-in.

    Raises:
        ConfigError: Sign-in is not configured, not complete, or not safe. The message names every problem and no value.
    """
    if settings.demo:
        if from_file or settings.oidc_metadata_url:
            raise ConfigError(
                "INBOX_ANALYTICS_DEMO signs every visitor in; it cannot be set together with a provider.",
                _REMEDY,
            )
        return {}
    if settings.oidc_metadata_url is None and settings.oidc_client_id is None:
        section = _with_scope(from_file)
        if not section:
            raise ConfigError(
                "Sign-in is not configured, so no page could be opened.",
                f"Set {', '.join(map(variable, _FIELDS))}; {_REMEDY}",
            )
    else:
        section = _from_environment(settings)
    problems = list(_problems(section, settings.public_url))
    if problems:
        raise ConfigError(f"The sign-in configuration is not usable: {'; '.join(problems)}.", _REMEDY)
    return section


def providers(section: Mapping[str, object]) -> tuple[str | None, ...]:
    """The providers of a section in order, as arguments of `st.login`: names, or None for the unnamed one."""
    named = tuple(name for name, value in section.items() if _is_provider(name, value))
    return (*((None,) if "client_id" in section else ()), *named)


def public_url(section: Mapping[str, object]) -> str:
    """The address of the dashboard in browsers, without a trailing slash, derived from `redirect_uri`."""
    return str(section["redirect_uri"]).removesuffix(CALLBACK)


def _is_provider(name: str, value: object) -> bool:
    return isinstance(value, Mapping) and name != "client_kwargs"


def _from_environment(settings: Settings) -> dict[str, object]:
    values = {field: getattr(settings, field) for field in _FIELDS}
    missing = [variable(field) for field, value in values.items() if value is None]
    if missing:
        raise ConfigError(
            f"The sign-in configuration is not complete: {', '.join(missing)} missing.", _REMEDY
        )
    return _with_scope(
        {
            "redirect_uri": f"{settings.public_url}{CALLBACK}",
            "cookie_secret": values["cookie_secret"].get_secret_value(),
            "client_id": values["oidc_client_id"],
            "client_secret": values["oidc_client_secret"].get_secret_value(),
            "server_metadata_url": values["oidc_metadata_url"],
        }
    )


def _with_scope(section: Mapping[str, object]) -> dict[str, object]:
    """The section with our scope and prompt set for every provider."""
    return {
        name: _with_scope(_mapping(value)) if _is_provider(name, value) else value
        for name, value in section.items()
    } | (
        {"client_kwargs": _CLIENT | _mapping(section.get("client_kwargs"))} if "client_id" in section else {}
    )


def _problems(section: Mapping[str, object], public_url: str | None) -> Iterator[str]:
    """Yields what makes the section unusable or unsafe, without any value."""
    yield from _address_problems(section.get("redirect_uri"), public_url)
    secret = section.get("cookie_secret")
    if not isinstance(secret, str) or len(secret) < SHORTEST_SECRET or _is_guessable(secret):
        yield f"the cookie secret has to be random, {SHORTEST_SECRET} characters or more (`openssl rand -hex 32`)"
    if "expose_tokens" in section:
        yield "expose_tokens is not used here; leave it out"
    for name in providers(section) or (None,):
        provider = section if name is None else _mapping(section[name])
        where = "" if name is None else f" of the provider {name}"
        if "_" in (name or ""):
            yield f"the provider's name {name} has an underscore, which Streamlit does not accept"
        for key in ("client_id", "client_secret", "server_metadata_url"):
            if not isinstance(provider.get(key), str) or not provider[key]:
                yield f"{key}{where} is missing"
        if provider.get("server_metadata_url") and not _is_safe_address(provider["server_metadata_url"]):
            yield (
                f"server_metadata_url{where} has to start with https:// unless it is on this machine: over http an"
                " attacker on the network could sign in as any person"
            )
        if "groups" in str(_mapping(provider.get("client_kwargs")).get("scope", "")).split():
            yield f"the scope{where} asks for groups, which are not used here and do not fit into cookies"


def _is_guessable(secret: str) -> bool:
    """True for the text of an example, for the text of a command that should have made it, and for few different characters."""
    has_word = any(word in secret.lower() for word in ("secret", "change", "openssl"))
    return has_word or len(set(secret)) < SHORTEST_SECRET // 3


def _address_problems(redirect: object, public_url: str | None) -> Iterator[str]:
    if not isinstance(redirect, str) or not redirect.endswith(CALLBACK):
        yield f"redirect_uri has to be the public address followed by {CALLBACK}"
        return
    if public_url is not None and redirect != f"{public_url}{CALLBACK}":
        yield f"redirect_uri has to be INBOX_ANALYTICS_PUBLIC_URL followed by {CALLBACK}"
        return
    address = redirect.removesuffix(CALLBACK)
    try:
        written = with_plain_path(web_address(address))
    except ValueError as error:
        yield f"redirect_uri is not usable: {error}"
        return
    if written != address:
        yield "redirect_uri has to be written as browsers do: in lower case, without the default port"
    if not _is_safe_address(address):
        yield "the public address has to start with https://: over http an attacker on the network could read the cookies"


def _is_safe_address(address: object) -> bool:
    """True where traffic cannot be read or changed on the network: https, or this machine."""
    try:
        parts = urlsplit(address) if isinstance(address, str) else None
    except ValueError:
        return False
    return parts is not None and (
        (parts.scheme == "https" and bool(parts.hostname))
        or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    )


def _mapping(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, Mapping) else {}
