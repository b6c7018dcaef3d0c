"""Settings: every problem named at once, no secret shown."""

import re

import pytest

from analytics.errors import ConfigError
from analytics.settings import DEMO_EMAIL, load_settings, problems_of

COMPLETE = {
    "TINYBIRD_HOST": "https://api.example.com/",
    "TINYBIRD_READ_TOKEN": "p.read-secret",
    "DATABASE_URL": "postgresql://reader:pg-secret@db.example.com/inbox",
}


LOCAL = {
    "TINYBIRD_HOST": "http://127.0.0.1:7181",
    "DATABASE_URL": "postgresql://reader:pg-secret@127.0.0.1/inbox",
}


def test_a_complete_environment_gives_settings_with_defaults() -> None:
    """Three variables are enough; the host loses its trailing slash."""
    settings = load_settings(COMPLETE)
    assert settings.tinybird_host == "https://api.example.com"
    assert settings.tinybird_read_token.get_secret_value() == "p.read-secret"
    assert settings.tinybird_append_token is None
    assert settings.tinybird_admin_token is None
    assert settings.tinybird_daily_queries == 1000
    assert settings.demo is False
    assert settings.demo_email == DEMO_EMAIL


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("https://Stats.Example.com:443/", "https://stats.example.com"),
        ("http://localhost:80/Analytics//", "http://localhost/Analytics"),
        ("https://stats.example.com:8443", "https://stats.example.com:8443"),
        ("http://stats.example.com:443", "http://stats.example.com:443"),
        ("https://[::1]:443", "https://[::1]"),
        ("HTTPS://stats.example.com", "https://stats.example.com"),
    ],
)
def test_an_address_is_written_as_browsers_do(given: str, address: str) -> None:
    """What they call the dashboard is compared with it, letter for letter."""
    assert load_settings({**COMPLETE, "INBOX_ANALYTICS_PUBLIC_URL": given}).public_url == address


def test_each_problem_is_reported_by_its_variable() -> None:
    """What `doctor` shows, one line each; a complete environment has none."""
    assert problems_of(COMPLETE) == {}
    found = problems_of({**COMPLETE, "TINYBIRD_HOST": "nowhere", "DATABASE_URL": " "})
    assert sorted(found) == ["DATABASE_URL", "TINYBIRD_HOST"]
    assert "is missing" in found["DATABASE_URL"]


def test_every_missing_variable_is_named_at_once() -> None:
    """One start shows all missing variables."""
    with pytest.raises(ConfigError) as caught:
        load_settings({})
    for name in ("TINYBIRD_HOST", "TINYBIRD_READ_TOKEN", "DATABASE_URL"):
        assert f"{name} is missing" in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        pytest.param("TINYBIRD_HOST", "api.example.com", "must start with http", id="no scheme"),
        pytest.param("TINYBIRD_HOST", "ftp://api.example.com", "must start with http", id="other scheme"),
        pytest.param("TINYBIRD_HOST", "https://", "name a host", id="no host"),
        pytest.param("TINYBIRD_HOST", "https://u:p@api.example.com", "plain address", id="credentials"),
        pytest.param("TINYBIRD_HOST", "https://api.example.com:port", "not usable", id="bad port"),
        pytest.param("INBOX_ANALYTICS_PUBLIC_URL", "https://büro.example", "xn--", id="non-ASCII host"),
        pytest.param("INBOX_ANALYTICS_PUBLIC_URL", "https://a b.example", "xn--", id="host with a space"),
        pytest.param("INBOX_ANALYTICS_PUBLIC_URL", "https://*.example", "a host may have", id="host of many"),
        pytest.param(
            "INBOX_ANALYTICS_PUBLIC_URL", "https://a;b.example", "a host may have", id="two directives"
        ),
        pytest.param(
            "INBOX_ANALYTICS_PUBLIC_URL", "https://a.example:", "a host may have", id="port left out"
        ),
        pytest.param(
            "INBOX_ANALYTICS_PUBLIC_URL", "https://a.example//b", "path may have", id="another host"
        ),
        pytest.param(
            "INBOX_ANALYTICS_PUBLIC_URL", "https://a.example/b/../c", "path may have", id="path upwards"
        ),
        pytest.param(
            "INBOX_ANALYTICS_PUBLIC_URL", "https://a.example/b%20c", "path may have", id="written twice"
        ),
        pytest.param(
            "INBOX_ANALYTICS_PUBLIC_URL", "https://a.example/{b}", "path may have", id="path of many"
        ),
        pytest.param(
            "INBOX_ANALYTICS_PUBLIC_URL", "https://a.example/b;c", "path may have", id="cookie attribute"
        ),
        pytest.param("TINYBIRD_READ_TOKEN", "  ", "is missing", id="blank token"),
        pytest.param("TINYBIRD_READ_TOKEN", "two words", "not usable", id="token with a space"),
        pytest.param("TINYBIRD_READ_TOKEN", "tokén", "not usable", id="non-ASCII token"),
        pytest.param("DATABASE_URL", "mysql://u:p@h/d", "must start with postgresql://", id="other database"),
        pytest.param(
            "INBOX_ANALYTICS_STORE_URL", "file:store", "must start with postgresql://", id="no database"
        ),
        pytest.param(
            "INBOX_ANALYTICS_STORE_SCHEMA", 'a"; DROP', "lower-case letters", id="schema to be quoted"
        ),
        pytest.param(
            "INBOX_ANALYTICS_STORE_SCHEMA", "pg_store", "not begin with pg_", id="schema of the server"
        ),
        pytest.param("TINYBIRD_DAILY_QUERIES", "0", "not usable", id="no budget"),
        pytest.param("TINYBIRD_DAILY_QUERIES", "many", "not usable", id="no number"),
        pytest.param(
            *("INBOX_ANALYTICS_CONVERSATION_URL", "https://a.example/c", "it must have {id}"),
            id="no conversation",
        ),
        pytest.param(
            *("INBOX_ANALYTICS_CONVERSATION_URL", "javascript:{id}", "must start with http"),
            id="script as link",
        ),
        pytest.param("INBOX_ANALYTICS_GRACE_DAYS", "-1", "not usable", id="grace in the past"),
        pytest.param("INBOX_ANALYTICS_DEMO", "maybe", "not usable", id="no boolean"),
        pytest.param("INBOX_ANALYTICS_DEMO", "1", "local stack only", id="demo on real events"),
    ],
)
def test_an_unusable_variable_is_named_without_its_value(name: str, value: str, expected: str) -> None:
    """The message says which variable and what it should be, and never repeats what may be a secret."""
    with pytest.raises(ConfigError) as caught:
        load_settings({**COMPLETE, name: value})
    assert name in caught.value.message
    assert expected in caught.value.message
    for secret in ("p.read-secret", "pg-secret", "two words", "tokén", "u:p@"):
        assert secret not in str(caught.value)


def test_secrets_are_hidden_from_every_repr() -> None:
    """A settings object in a log gives nothing away."""
    store = {"INBOX_ANALYTICS_STORE_URL": "postgresql://writer:store-secret@db.example.com/store"}
    settings = load_settings({**COMPLETE, **store, "TINYBIRD_ADMIN_TOKEN": "p.admin-secret"})
    assert settings.store_url is not None
    for text in (repr(settings), str(settings), str(settings.model_dump())):
        assert not {"p.read-secret", "pg-secret", "store-secret", "p.admin-secret"} & set(
            re.split(r"['/:@, ()=]", text)
        )


@pytest.mark.parametrize(
    ("value", "expected"), [("unlimited", None), ("250", 250)], ids=["unlimited", "a number"]
)
def test_the_daily_budget(value: str, expected: int | None) -> None:
    """The local stack has no budget; a plan may have any."""
    assert load_settings({**COMPLETE, "TINYBIRD_DAILY_QUERIES": value}).tinybird_daily_queries == expected


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("true", True), ("0", False), ("", False)])
def test_demo_mode(value: str, expected: bool) -> None:
    """Demo mode is switched on by its variable alone."""
    assert load_settings({**COMPLETE, **LOCAL, "INBOX_ANALYTICS_DEMO": value}).demo is expected


def test_only_the_environment_given_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mapping passed in is the whole environment: the process's own does not shine through."""
    monkeypatch.setenv("TINYBIRD_APPEND_TOKEN", "from-the-shell")
    assert load_settings(COMPLETE).tinybird_append_token is None


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument the process's own variables count."""
    for name, value in COMPLETE.items():
        monkeypatch.setenv(name, value)
    assert load_settings().tinybird_host == "https://api.example.com"


def test_the_demo_never_runs_on_another_machines_database() -> None:
    """Every viewer is staff in the demo: a local Tinybird beside the product's real Postgres is refused too."""
    with pytest.raises(ConfigError, match="DATABASE_URL is another machine"):
        load_settings({**LOCAL, "DATABASE_URL": COMPLETE["DATABASE_URL"], "INBOX_ANALYTICS_DEMO": "1"})
    with pytest.raises(ConfigError, match="INBOX_ANALYTICS_STORE_URL is another machine"):
        load_settings(
            {**LOCAL, "INBOX_ANALYTICS_STORE_URL": COMPLETE["DATABASE_URL"], "INBOX_ANALYTICS_DEMO": "1"}
        )


@pytest.mark.parametrize(
    ("value", "expected"), [("", 8501), ("80", 80), ("0", 0), ("tcp://10.96.12.3:80", 8501)]
)
def test_the_port_of_the_web_app(value: str, expected: int) -> None:
    """Beside a Service of this name, Kubernetes puts an address into the variable."""
    assert load_settings(COMPLETE | {"INBOX_ANALYTICS_PORT": value}).port == expected
