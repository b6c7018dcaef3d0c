"""Settings read from environment variables, checked together, with secrets hidden from every repr.

These variables alone decide whether Tinybird and Postgres are the local stack or the real ones.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    AliasGenerator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from analytics.errors import ConfigError
from analytics.scope.weeks import WeekStart
from analytics.settings.product_link import checked_template

DEMO_EMAIL: Final = "demo@inbox-analytics.example"

SHORTEST_METRICS_TOKEN: Final = 16
"""Characters; whatever can reach the web app can try to guess it."""

_REMEDIES: Final = {
    "TINYBIRD_HOST": "the API address of the workspace's region, such as https://api.us-east.aws.tinybird.co",
    "TINYBIRD_READ_TOKEN": "a token that may read the pipes (`tb token ls`)",
    "TINYBIRD_APPEND_TOKEN": "a token that may append to both data sources (`tb token ls`)",
    "INBOX_ANALYTICS_SPOOL_DIR": "a directory on a local disk where events wait until they are sent",
    "DATABASE_URL": "the address of the product's Postgres, postgresql://user:password@host/database",
}
STORE_SCHEMA: Final = "inbox_analytics"
"""Default schema of the store's tables."""
PORT: Final = 8501
"""Default port of `serve`."""
Network = IPv4Network | IPv6Network
_NETLOC: Final = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?")
_PLAIN_PATH: Final = re.compile(r"(/[A-Za-z0-9_-]+)*")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_SCHEMA_NAME: Final = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")
_POSTGRES_SCHEMES: Final = frozenset({"postgresql", "postgres", "postgresql+psycopg"})


def _unlimited_is_none(value: object) -> object:
    return None if value == "unlimited" else value


def _lower_case(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _separated(value: object) -> object:
    return frozenset(value.replace(",", " ").split()) if isinstance(value, str) else value


def _without_service_link(value: object) -> object:
    """The port; the default for the `tcp://…` that Kubernetes sets in every pod beside a Service `inbox-analytics`."""
    return PORT if isinstance(value, str) and value.startswith("tcp://") else value


def _networks(value: object) -> object:
    """Parses networks separated by commas or spaces."""
    if not isinstance(value, str):
        return value
    networks = []
    for part in value.replace(",", " ").split():
        try:
            network = ip_network(part)
        except ValueError:
            raise ValueError("it must name networks, such as 10.0.0.0/8, without host bits set") from None
        if network.prefixlen == 0:
            raise ValueError("it would trust every address; name the networks of your proxies")
        networks.append(network)
    return tuple(networks)


def web_address(value: str) -> str:
    """Normalizes a web address to the form that browsers send, which it is compared with character by character.

    Raises:
        ValueError: It is not exactly one http or https address.
    """
    parts = urlsplit(value)
    if parts.port == 0:  # reading it raises ValueError when it is no port at all
        raise ValueError("its port cannot be 0")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it must start with http:// or https:// and name a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("it must be a plain address, without credentials or a query")
    if any(not "!" <= character <= "~" for character in value):
        raise ValueError("write spaces and non-ASCII letters as browsers send them: xn--… or %…")
    if not _NETLOC.fullmatch(parts.netloc):
        raise ValueError("a host may have letters, digits, dots and hyphens only")
    netloc = parts.netloc.lower().removesuffix(f":{_DEFAULT_PORTS[parts.scheme]}")
    return f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}"


def with_plain_path(address: str) -> str:
    """Checks that the path of an address has one spelling only, as routes, cookie paths and redirects need it.

    Raises:
        ValueError: The path could be read as another path or as a pattern.
    """
    if not _PLAIN_PATH.fullmatch(urlsplit(address).path):
        raise ValueError("its path may have letters, digits, hyphens, underscores and single slashes only")
    return address


def variable(field: str) -> str:
    """The environment variable of a field of `Settings`.

    >>> variable("tinybird_host"), variable("database_url"), variable("log")
    ('TINYBIRD_HOST', 'DATABASE_URL', 'INBOX_ANALYTICS_LOG')
    """
    is_product = not field.startswith(("tinybird_", "database_"))
    return f"{'INBOX_ANALYTICS_' if is_product else ''}{field.upper()}"


class Settings(BaseModel):
    """All settings. Build it with `load_settings`; `variable` names the variable of each field.

    Attributes:
        tinybird_host: Base URL without a trailing slash.
        tinybird_read_token: Reads the pipes.
        tinybird_append_token: Sends events; None where no events are sent.
        tinybird_admin_token: Deletes rows and reads quarantines; None where neither is done.
        tinybird_daily_queries: Queries a day that the Tinybird plan includes; None for `unlimited`, as on the
            local stack.
        database_url: Postgres, with its password.
        store_url: The dashboard's own store, a Postgres that it may write to, with its password; None for no store.
        store_schema: Schema of the store's tables in that database.
        state_dir: Where the command line keeps watermarks, journals and receipts of purges.
        spool_dir: Where an emitter's events wait until they are sent; None where no events are emitted.
        grace_days: Days between the end of a subscription and its purge by `retention`.
        week_start: The day that weeks begin with, in ranges, weekly buckets and the heatmap.
        demo: True on the local stack with demo data: runs as the demo viewer, visible on every page.
        demo_email: E-mail address of the demo viewer.
        conversation_url: Template of a conversation's address in the product (`analytics.settings.product_link`); None for no links.
        public_url: Address of the dashboard in browsers, without a trailing slash; None where it is not set.
        oidc_metadata_url: The identity provider's document, ending in `/.well-known/openid-configuration`; None where
            sign-in is configured in `.streamlit/secrets.toml`, or not at all.
        oidc_client_id: The dashboard's client id at the provider.
        oidc_client_secret: The secret of that client.
        oidc_verified_issuers: Issuers whose e-mail addresses count as verified although they send no `email_verified`.
        cookie_secret: Signs the sign-in cookies.
        sign_in_hours: How long a sign-in lasts.
        address: IP address that `serve` listens on.
        port: Port that `serve` listens on; 0 takes any free one.
        trusted_proxies: Networks of proxies whose `X-Forwarded-*` headers are used.
        log: Format of the log; None means text on a terminal, JSON elsewhere.
        metrics_port: A separate port for `/metrics`; None for no such port.
        metrics_address: IP address that the separate port listens on.
        metrics_token: Bearer token that `/metrics` requires, on either port; without one the web app's port has no `/metrics`.
    """

    model_config = ConfigDict(
        frozen=True, hide_input_in_errors=True, alias_generator=AliasGenerator(validation_alias=variable)
    )

    tinybird_host: str
    tinybird_read_token: SecretStr
    tinybird_append_token: SecretStr | None = None
    tinybird_admin_token: SecretStr | None = None
    tinybird_daily_queries: Annotated[int | None, BeforeValidator(_unlimited_is_none)] = Field(
        default=1000, ge=1
    )
    database_url: SecretStr
    store_url: SecretStr | None = None
    store_schema: str = STORE_SCHEMA
    state_dir: Path = Path(".inbox-analytics")
    spool_dir: Path | None = None
    grace_days: int = Field(default=30, ge=0, le=3650)
    week_start: Annotated[WeekStart, BeforeValidator(_lower_case)] = Field(default="monday")
    demo: bool = False
    demo_email: str = DEMO_EMAIL
    conversation_url: str | None = None
    public_url: str | None = None
    oidc_metadata_url: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = Field(default=None)
    oidc_verified_issuers: Annotated[frozenset[str], BeforeValidator(_separated)] = Field(default=frozenset())
    cookie_secret: SecretStr | None = None
    sign_in_hours: float = Field(default=12, gt=0, le=720, allow_inf_nan=False)
    address: str = "127.0.0.1"
    port: Annotated[int, BeforeValidator(_without_service_link)] = Field(default=PORT, ge=0, le=65535)
    trusted_proxies: Annotated[tuple[Network, ...], BeforeValidator(_networks)] = Field(
        default=(ip_network("127.0.0.0/8"), ip_network("::1/128")),
    )
    log: Literal["json", "text"] | None = None
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    metrics_address: str = "127.0.0.1"
    metrics_token: SecretStr | None = None

    @property
    def longest_sign_in(self) -> timedelta:
        """How long a sign-in lasts."""
        return timedelta(hours=self.sign_in_hours)

    @field_validator("tinybird_host", "public_url", "oidc_metadata_url")
    @classmethod
    def _is_a_web_address(cls, value: str) -> str:
        return web_address(value)

    @field_validator("public_url")
    @classmethod
    def _has_a_plain_path(cls, value: str) -> str:
        return with_plain_path(value)

    @field_validator("conversation_url")
    @classmethod
    def _names_a_conversation(cls, value: str) -> str:
        return checked_template(value)

    @field_validator("address")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        try:
            return str(ip_address("127.0.0.1" if value == "localhost" else value))
        except ValueError:
            raise ValueError("it must be an IP address, such as 127.0.0.1, 0.0.0.0 or ::") from None

    @field_validator("demo")
    @classmethod
    def _demo_is_local(cls, value: bool, info: ValidationInfo) -> bool:
        """Refuses the demo, which signs every visitor in as staff, on data of another machine."""
        if not value:
            return value
        # Imported here: it needs both drivers, and a service that only emits has no Postgres driver.
        from analytics.settings.demo_mode import is_http_here, is_postgres_here

        # An address that failed its own check is missing here; its problem is reported already.
        host, store = info.data.get("tinybird_host"), info.data.get("store_url")
        database = info.data.get("database_url")
        elsewhere = "the demo runs on the local stack only; unset it where {} is another machine"
        if host is not None and not is_http_here(host):
            raise ValueError(elsewhere.format("TINYBIRD_HOST"))
        if database is not None and not is_postgres_here(database.get_secret_value()):
            raise ValueError(
                elsewhere.format("DATABASE_URL") + ", also by PGHOST, PGHOSTADDR or a service of libpq"
            )
        if store is not None and not is_postgres_here(store.get_secret_value()):
            raise ValueError(elsewhere.format("INBOX_ANALYTICS_STORE_URL"))
        return value

    @field_validator("metrics_token")
    @classmethod
    def _token_is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < SHORTEST_METRICS_TOKEN:
            raise ValueError(
                f"it has to be random, {SHORTEST_METRICS_TOKEN} characters or more (`openssl rand -hex 16`)"
            )
        return value

    @field_validator("tinybird_read_token", "tinybird_append_token", "tinybird_admin_token", "metrics_token")
    @classmethod
    def _token_fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        token = "" if value is None else value.get_secret_value()
        if any(not "!" <= character <= "~" for character in token):
            raise ValueError("a token has neither spaces nor non-ASCII letters")
        return value

    @field_validator("database_url", "store_url")
    @classmethod
    def _database_is_postgres(cls, value: SecretStr) -> SecretStr:
        if urlsplit(value.get_secret_value()).scheme not in _POSTGRES_SCHEMES:
            raise ValueError("it must start with postgresql://")
        return value

    @field_validator("store_schema")
    @classmethod
    def _schema_needs_no_quotes(cls, value: str) -> str:
        if not _SCHEMA_NAME.fullmatch(value):
            raise ValueError(
                "a schema may have up to 63 lower-case letters, digits and underscores, and not begin with pg_"
            )
        return value


@dataclass(frozen=True, slots=True)
class EmitterSettings:
    """Settings of a service that only emits. Build it with `load_emitter_settings`; attributes as in `Settings`."""

    tinybird_host: str
    tinybird_append_token: SecretStr
    spool_dir: Path
    tinybird_admin_token: SecretStr | None


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Reads and checks the settings of this process, or those in `environ`; blank ones count as absent.

    Raises:
        ConfigError: One or more variables are missing or unusable. The message names each with what it should be, and
            no value, because it may be a secret.
    """
    present = present_variables(os.environ if environ is None else environ)
    return _checked(frozenset(present.items()))


# Pages ask several times in each run, and the same environment has the same settings.
@lru_cache(maxsize=1)
def _checked(present: frozenset[tuple[str, str]]) -> Settings:
    try:
        return Settings.model_validate(dict(present))
    except ValidationError as error:
        problems = _problems(error)
    raise ConfigError(
        "The environment is not complete: " + "; ".join(sorted(problems.values())) + ".",
        "Set the variables and start again, or run `inbox-analytics demo`, which brings its own.",
    )


def load_emitter_settings(environ: Mapping[str, str] | None = None) -> EmitterSettings:
    """Reads and checks the settings of a process that only emits events, as `load_settings`.

    Raises:
        ConfigError: As for `load_settings`.
    """
    variables = os.environ if environ is None else environ
    present = present_variables(variables)
    needed = ("TINYBIRD_HOST", "TINYBIRD_APPEND_TOKEN", "INBOX_ANALYTICS_SPOOL_DIR")
    found = problems_of(variables)
    problems = [_problem(name, "missing", "") for name in needed if name not in present]
    problems += [
        found[name] for name in (*needed, "TINYBIRD_ADMIN_TOKEN") if name in present and name in found
    ]
    if problems:
        raise ConfigError(
            "The environment is not complete: " + "; ".join(sorted(problems)) + ".",
            "Set the variables and start again.",
        )
    host, append, spool_dir = (present[name] for name in needed)
    admin = present.get("TINYBIRD_ADMIN_TOKEN")
    return EmitterSettings(
        host.rstrip("/"), SecretStr(append), Path(spool_dir), None if admin is None else SecretStr(admin)
    )


def present_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of `Settings` that are set, without surrounding spaces; blank ones count as absent."""
    stripped = {name: environ.get(name, "").strip() for name in map(variable, Settings.model_fields)}
    return {name: value for name, value in stripped.items() if value}


def problems_of(environ: Mapping[str, str]) -> dict[str, str]:
    """The problem of each missing or unusable variable, in words and without its value; empty when there is none."""
    try:
        Settings.model_validate(present_variables(environ))
    except ValidationError as error:
        return _problems(error)
    return {}


def _problems(error: ValidationError) -> dict[str, str]:
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return {
        str(detail["loc"][0]): _problem(str(detail["loc"][0]), detail["type"], detail["msg"])
        for detail in details
    }


def _problem(name: str, kind: str, message: str) -> str:
    if kind == "missing":
        return f"{name} is missing ({_REMEDIES[name]})"
    return f"{name} is not usable: {message.removeprefix('Value error, ').rstrip('.')}"
