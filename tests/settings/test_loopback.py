"""Which hosts mean this machine: the usual spellings, and no other."""

import pytest

from analytics.settings.loopback import is_loopback


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost", "127.0.0.1", "127.0.0.2", "127.255.255.254", "::1", "::ffff:127.0.0.1"]
)
def test_names_and_addresses_of_this_machine(host: str) -> None:
    """All of 127.0.0.0/8, ::1, and the one in the other."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", " ", "0.0.0.0", "::", "::ffff:0.0.0.0", "::ffff:10.0.0.1", "10.0.0.1", "fe80::1", "128.0.0.1"),  # noqa: S104
        *("127.0.0.1.example.com", "localhost.example.com", "localtest.me", "example.com", "unix:///run/x"),
        *("127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.01", "127.0.0.1.", "localhost."),
        *("[::1]", "127.0.0.1:80", "127.0.0.1/8", "127.0.0.1 ", "①27.0.0.1", "127。0。0。1"),
    ],
)
def test_everything_else_is_another_machine(host: str) -> None:
    """Also what some resolvers take for loopback, and names that resolve to it today."""
    assert not is_loopback(host)
