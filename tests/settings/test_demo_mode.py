"""Demo mode runs on this machine alone: the sources are where their drivers connect, and so is the web server."""

import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from analytics.errors import ConfigError, SourceRejected, SourceUnavailable
from analytics.settings import load_settings
from analytics.settings.demo_mode import is_here, is_http_here, is_postgres_here, require_listening_here
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird

SERVICES = """
[elsewhere]
host=10.0.0.1

[address]
hostaddr=10.0.0.1

[here]
host=127.0.0.1
"""


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of services; none is chosen yet."""
    (tmp_path / "services").write_text(SERVICES)
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:7181",
        "http://127.0.0.2",
        "http://LOCALHOST:7181/path",
        "http://[::1]:7181",
        "http://[::ffff:127.0.0.1]",
        "https://localhost",
    ],
)
def test_a_tinybird_of_this_machine(address: str) -> None:
    """By address and by name."""
    assert is_http_here(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://api.example.com",
        "http://127.0.0.1.evil.com",
        "http://localhost.evil.com",
        "http://127.0.0.1@evil.com",
        "http://127.0.0.1:80@evil.com",
        r"http://127.0.0.1\@evil.com",
        "http://evil.com#@127.0.0.1",
        "http://evil.com?@127.0.0.1",
        "http://0.0.0.0",
        "http://[::]",
        "http://[::ffff:10.0.0.1]",
        "http://2130706433",
        "http://0x7f000001",
        "http://0177.0.0.1",
        "http://127.1",
        "http://127.0.0.1.",
        "http://localhost.",
        "http://127%2e0%2e0%2e1",
        "http://127.0.0.1\t.evil.com",
        "http:///127.0.0.1",
        "http://127.0.0.1:port",
    ],
)
def test_a_tinybird_of_another_machine_or_spelled_oddly(address: str) -> None:
    """Whatever httpx2 would make of it."""
    assert not is_http_here(address)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://a:b@127.0.0.1:5432/x",
        "postgres://a:b@localhost/x",
        "postgresql+psycopg://a:b@[::1]/x",
        "postgresql://a:b@127.0.0.1/x?host=127.0.0.2",
        "postgresql:///x?host=127.0.0.1&host=localhost",
        "postgresql:///x?host=/var/run/postgresql",
        "postgresql:///x?host=@abstract",
        "postgresql:///x",
        "postgresql://127.0.0.1/host%3D10.0.0.1",
        "postgresql://a:10.0.0.1@127.0.0.1/x?hostaddr=127.0.0.1",
    ],
)
def test_a_postgres_of_this_machine(address: str) -> None:
    """By address, by name, over a socket; what only looks like a host does not matter."""
    assert is_postgres_here(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "postgresql://a:b@db.example.com/x",
        "postgresql://a:b@127.0.0.1/x?host=10.0.0.1",
        "postgresql://a:b@127.0.0.1/x?hostaddr=10.0.0.1",
        "postgresql:///x?host=10.0.0.1",
        "postgresql:///x?host=127.0.0.1&host=10.0.0.1",
        "postgresql:///x?host=127.0.0.1,10.0.0.1",
        "postgresql://127.0.0.1,10.0.0.1/x",
        "postgresql:///x?host=/run/postgresql,10.0.0.1",
        "postgresql:///x?hostaddr=127.0.0.1,10.0.0.1",
        "postgresql://a:b@127.0.0.1/x?service=here",
        "postgresql:///x?service=elsewhere",
        "postgresql:///x?conninfo=host%3D10.0.0.1",
        "postgresql:///x?conninfo=service%3Delsewhere",
        "postgresql://127.0.0.1:1,10.0.0.1:2/x",
        "postgresql://127.0.0.1@10.0.0.1/x",
        "postgresql://127.0.0.1.example.com/x",
        "postgresql://127.1/x",
        "postgresql://2130706433/x",
        "postgresql://localhost./x",
        "postgresql://0.0.0.0/x",
        "postgresql://%31%30.0.0.1/x",
    ],
)
def test_a_postgres_of_another_machine(address: str, services: None) -> None:
    """Wherever in the address it is named, and where it cannot be read."""
    del services
    assert not is_postgres_here(address)


@pytest.mark.parametrize(
    ("name", "value", "with_host", "without"),
    [
        ("PGHOST", "10.0.0.1", True, False),
        ("PGHOST", "127.0.0.1,10.0.0.1", True, False),
        ("PGHOST", "127.0.0.1", True, True),
        ("PGHOST", "/tmp", True, True),  # noqa: S108 - a directory that nothing is made in
        ("PGHOSTADDR", "10.0.0.1", False, False),
        ("PGHOSTADDR", "127.0.0.2", True, True),
        ("PGSERVICE", "elsewhere", True, False),
        ("PGSERVICE", "address", False, False),
        ("PGSERVICE", "here", True, True),
        ("PGPASSFILE", "/nowhere", True, True),
    ],
)
def test_what_libpq_takes_from_the_environment_counts(
    name: str, value: str, with_host: bool, without: bool, services: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the address does not say it itself: an address of a host is also added to its name."""
    del services
    monkeypatch.setenv(name, value)
    assert is_postgres_here("postgresql://a@127.0.0.1/x") is with_host
    assert is_postgres_here("postgresql://a@/x") is without


@pytest.mark.parametrize(
    ("address", "variables"),
    [
        ("postgresql://a@127.0.0.9:9/x?host=127.0.0.1&port={port}", {}),
        ("postgresql://a@127.0.0.9:{port}/x?hostaddr=127.0.0.1", {}),
        ("postgresql://a@127.0.0.9:{port}/x", {"PGHOSTADDR": "127.0.0.1"}),
        ("postgresql://a@/x", {"PGHOST": "127.0.0.1", "PGPORT": "{port}"}),
        ("postgresql://a@/x", {"PGSERVICE": "here", "PGPORT": "{port}"}),
        ("postgresql://a@/x?service=here&port={port}", {}),
        ("postgresql:///x?conninfo=host%3D127.0.0.1%20port%3D{port}", {}),
    ],
)
def test_the_driver_does_connect_there(
    address: str, variables: dict[str, str], services: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server of this machine stands for the other one, and hears from the client: the reason for the check."""
    del services
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        port = server.getsockname()[1]
        for name, value in variables.items():
            monkeypatch.setenv(name, value.format(port=port))
        asking = threading.Thread(target=_ask, args=(address.format(port=port),))
        asking.start()
        server.accept()[0].close()
        asking.join()


def _ask(address: str) -> None:
    with Postgres(address) as postgres, suppress(SourceUnavailable):
        postgres.read("one", "SELECT 1 AS n", {})


def test_neither_a_redirect_nor_a_proxy_leads_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Tinybird of this machine answers itself or not at all."""
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        other = f"http://127.0.0.1:{second.getsockname()[1]}"
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, other)
        head = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {other}/v0/pipes/p.json\r\nContent-Length: 0\r\n\r\n"
        answering = threading.Thread(target=_answer_once, args=(first, head.encode()))
        answering.start()
        with (
            Tinybird(f"http://127.0.0.1:{first.getsockname()[1]}", "read", sleep=lambda _: None) as client,
            pytest.raises(SourceRejected) as caught,
        ):
            client.query_pipe("p", {})
        answering.join()
        assert caught.value.status == 307
        second.setblocking(False)
        with pytest.raises(BlockingIOError):
            second.accept()


def _answer_once(server: socket.socket, answer: bytes) -> None:
    connection, _address = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(answer)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["127.0.0.1", "::1"], True),
        (["127.0.0.1", "10.0.0.1"], False),
        (["10.0.0.1"], False),
        (OSError("no such name"), False),
    ],
    ids=str,
)
def test_localhost_is_what_it_resolves_to(
    found: list[str] | OSError, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hosts file may say anything."""

    def resolve(_host: str, _port: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        if isinstance(found, OSError):
            raise found
        return [(0, 0, 0, "", (address, 0)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert is_here("localhost") is expected


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_a_server_of_this_machine_alone(address: str) -> None:
    """By address and by name."""
    require_listening_here(address)


@pytest.mark.parametrize(
    "address",
    [None, "", "0.0.0.0", "::", "10.0.0.1", "example.com", "unix:///tmp/demo.sock"],  # noqa: S104
)
def test_a_server_that_others_may_reach_is_refused(address: str | None) -> None:
    """None too: Streamlit listens on all addresses then."""
    with pytest.raises(ConfigError, match="this machine only"):
        require_listening_here(address)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"TINYBIRD_HOST": "http://127.0.0.1.evil.com"}, "TINYBIRD_HOST is another machine"),
        (
            {"DATABASE_URL": "postgresql://a:hush@127.0.0.1/x?host=10.0.0.1"},
            "DATABASE_URL is another machine",
        ),
        ({"DATABASE_URL": "postgresql:///x?service=hush"}, "DATABASE_URL is another machine"),
    ],
)
def test_settings_of_the_demo_name_what_is_elsewhere(changed: dict[str, str], said: str) -> None:
    """The variable, without its value; without the demo the same addresses are good."""
    usual = {
        "TINYBIRD_HOST": "http://127.0.0.1:1",
        "TINYBIRD_READ_TOKEN": "t",
        "DATABASE_URL": "postgresql:///x",
    }
    assert load_settings(usual | {"INBOX_ANALYTICS_DEMO": "1"}).demo
    load_settings(usual | changed)
    with pytest.raises(ConfigError, match=said) as caught:
        load_settings(usual | changed | {"INBOX_ANALYTICS_DEMO": "1"})
    assert "hush" not in str(caught.value)
    assert "evil" not in str(caught.value)
