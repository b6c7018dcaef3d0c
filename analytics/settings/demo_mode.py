"""What demo mode requires, because it lets everybody in as staff: both sources and the web server on this machine.

Reads an address as its driver does, so that what is checked is where the driver connects. Knows no setting by name.
"""

from __future__ import annotations

import socket
from typing import Final

import httpx2
import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from analytics.errors import ConfigError
from analytics.settings.loopback import is_loopback

_SOCKETS: Final = ("/", "@")
"""What a host of libpq begins with that is a socket in the file system, or in Linux' abstract namespace."""


def is_here(host: str) -> bool:
    """True for a loopback host that resolves to nothing but loopback addresses.

    Source: the system's resolver, for `localhost`.
    """
    if not is_loopback(host):
        return False
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        return False
    return all(is_loopback(str(address[0])) for *_, address in found)


def is_http_here(address: str) -> bool:
    """True where httpx2 asks this machine for an address; False for one that it cannot read."""
    try:
        return is_here(httpx2.URL(address).raw_host.decode())
    except (httpx2.InvalidURL, ValueError):
        return False


def is_postgres_here(address: str) -> bool:
    """True where psycopg connects to this machine: over a socket, or to loopback with every host that counts.

    What the address leaves out libpq takes from `PGHOST`, `PGHOSTADDR` and the service that `PGSERVICE` names. A service
    that the address itself names is never accepted: libpq reads it only when it connects.

    Args:
        address: `postgresql://…`, as SQLAlchemy reads it.
    """
    try:
        url = make_url(address).set(drivername="postgresql+psycopg")
        _, parameters = url.get_dialect()().create_connect_args(url)
        named = conninfo_to_dict(**parameters)
    except (SQLAlchemyError, psycopg.Error, TypeError, ValueError):
        return False
    if named.get("service"):
        return False
    defaults = {
        option.keyword.decode(): option.val.decode()
        for option in psycopg.pq.Conninfo.get_defaults()
        if option.val is not None
    }
    hosts = [
        host
        for keyword in ("host", "hostaddr")
        for host in str(named.get(keyword) or defaults.get(keyword) or "").split(",")
    ]
    return all(is_here(host) for host in hosts if host and not host.startswith(_SOCKETS))


def require_listening_here(address: str | None) -> None:
    """Passes where a web server that listens on `address` is reached from this machine alone.

    Args:
        address: Its host; None or empty where it is not said, which Streamlit takes for all addresses.

    Raises:
        ConfigError: Other machines may reach it.
    """
    if not is_here(address or ""):
        raise ConfigError(
            "The demo lets everybody in as staff, so it listens on this machine alone.",
            "Start it with `inbox-analytics demo`, or with `--server.address 127.0.0.1`.",
        )
