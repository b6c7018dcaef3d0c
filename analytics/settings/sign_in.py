"""How this deployment signs people in: OpenID Connect, as Streamlit's `st.login` reads it. Pure.

From the environment, or from the section `[auth]` of `.streamlit/secrets.toml` as Streamlit documents it. Either is
checked before the web app starts: a deployment that could let in the wrong person does not start at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal
from urllib.parse import urlsplit

from analytics.errors import ConfigError
from analytics.settings import Settings, web_address, with_plain_path
from analytics.settings.loopback import is_loopback

CALLBACK: Final = "/oauth2callback"
"""Where the provider sends a browser back to, behind the public URL."""

OUTCOME: Final = "sign-in"
"""The parameter of a page's address that says how signing in or out ended, where it did not end in a sign-in."""

Outcome = Literal["denied", "unreachable", "clock", "late", "failed", "signed-out"]
"""By the person or the provider; no way to the provider; clocks that differ; an answer without its question; any other
error; signed out."""

SHORTEST_SECRET: Final = 32
"""Characters; what signs the cookies can be tried out by anybody who has one."""

SCOPE: Final = "openid email"
"""What is asked of the provider: the address alone. Names come from Postgres; groups would make cookies grow."""

_CLIENT: Final[dict[str, object]] = {"scope": SCOPE, "prompt": "select_account"}
_REMEDY: Final = "docs/sign-in.md says how it is set up."
_FROM_ENVIRONMENT: Final = {
    "oidc_metadata_url": "INBOX_ANALYTICS_OIDC_METADATA_URL",
    "oidc_client_id": "INBOX_ANALYTICS_OIDC_CLIENT_ID",
    "oidc_client_secret": "INBOX_ANALYTICS_OIDC_CLIENT_SECRET",
    "cookie_secret": "INBOX_ANALYTICS_COOKIE_SECRET",
    "public_url": "INBOX_ANALYTICS_PUBLIC_URL",
}


def auth_section(settings: Settings, from_file: Mapping[str, object]) -> dict[str, object]:
    """The section `[auth]` that Streamlit signs people in by; empty in the demo, which has no sign-in.

    Args:
        settings: Of this deployment.
        from_file: The section of `secrets.toml`; empty where there is none.

    Raises:
        ConfigError: Sign-in is not configured, not completely, or not safely; every problem is named, no value is.
    """
    if settings.demo:
        if from_file or settings.oidc_metadata_url:
            raise ConfigError(
                "INBOX_ANALYTICS_DEMO signs everybody in; it cannot be set beside a provider.", _REMEDY
            )
        return {}
    if settings.oidc_metadata_url is None and settings.oidc_client_id is None:
        section = _with_scope(from_file)
        if not section:
            raise ConfigError(
                "Sign-in is not configured, so no page could be seen.",
                f"Set {_FROM_ENVIRONMENT['oidc_metadata_url']} and what belongs to it; {_REMEDY}",
            )
    else:
        section = _from_environment(settings)
    problems = list(_problems(section, settings.public_url))
    if problems:
        raise ConfigError(f"Sign-in cannot work like this: {'; '.join(problems)}.", _REMEDY)
    return section


def providers(section: Mapping[str, object]) -> tuple[str | None, ...]:
    """The providers of a section in its order, as `st.login` takes them: names, or None for one without a name."""
    named = tuple(name for name, value in section.items() if _is_provider(name, value))
    return (*((None,) if "client_id" in section else ()), *named)


def public_url(section: Mapping[str, object]) -> str:
    """Where browsers find the dashboard, without a slash at its end, by where the provider sends them back to."""
    return str(section["redirect_uri"]).removesuffix(CALLBACK)


def _is_provider(name: str, value: object) -> bool:
    return isinstance(value, Mapping) and name != "client_kwargs"


def _from_environment(settings: Settings) -> dict[str, object]:
    values = {field: getattr(settings, field) for field in _FROM_ENVIRONMENT}
    missing = [_FROM_ENVIRONMENT[field] for field, value in values.items() if value is None]
    if missing:
        raise ConfigError(f"Sign-in is not complete: {', '.join(missing)} missing.", _REMEDY)
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
    """The section, every provider of which says what is asked of it."""
    return {
        name: _with_scope(_mapping(value)) if _is_provider(name, value) else value
        for name, value in section.items()
    } | (
        {"client_kwargs": _CLIENT | _mapping(section.get("client_kwargs"))} if "client_id" in section else {}
    )


def _problems(section: Mapping[str, object], public_url: str | None) -> Iterator[str]:
    """What keeps sign-in from working, or from being safe, without any value."""
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
            yield f"the provider's name {name} has an underscore, which Streamlit does not take"
        for key in ("client_id", "client_secret", "server_metadata_url"):
            if not isinstance(provider.get(key), str) or not provider[key]:
                yield f"{key}{where} is missing"
        if provider.get("server_metadata_url") and not _is_safe_address(provider["server_metadata_url"]):
            yield (
                f"server_metadata_url{where} has to start with https://, but on this machine: over http anybody on the way"
                " could be anybody"
            )
        if "groups" in str(_mapping(provider.get("client_kwargs")).get("scope", "")).split():
            yield f"the scope{where} asks for groups, which nothing here reads and cookies have no room for"


def _is_guessable(secret: str) -> bool:
    """True for what stands in examples, for a command that should have made one, and for few characters again and again."""
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
        yield "redirect_uri has to be written as browsers do: in small letters, without the port that goes without saying"
    if not _is_safe_address(address):
        yield "the public address has to start with https://: over http anybody on the way could read the cookies"


def _is_safe_address(address: object) -> bool:
    """True where what is sent cannot be read or changed on the way: https, or this machine."""
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
