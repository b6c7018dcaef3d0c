"""The socket that the web app listens on."""

import socket

import pytest

from analytics.errors import ConfigError
from analytics.web.server import bind


def test_the_address_of_all_takes_both_kinds() -> None:
    """`::` is what a container listens on; its proxy may come by IPv4."""
    try:
        listener = bind("::", 0)
    except ConfigError:
        pytest.skip("this machine has no IPv6")
    with listener:
        listener.listen()
        for address in ("127.0.0.1", "::1"):
            socket.create_connection((address, listener.getsockname()[1]), 5).close()


@pytest.mark.parametrize(
    ("address", "said"),
    [("192.0.2.1", "Cannot listen on port 0 of 192.0.2.1"), ("2001:db8::1", "Cannot listen")],
)
def test_an_address_of_another_machine_is_refused(address: str, said: str) -> None:
    """With what is wrong."""
    with pytest.raises(ConfigError, match=said):
        bind(address, 0)
