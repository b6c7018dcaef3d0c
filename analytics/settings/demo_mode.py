"""Checks that demo mode, which signs every visitor in as staff, runs with both sources and the web server on this machine.

Each address is read as its driver reads it, so the host that is checked is the host that the driver connects to. Knows no
setting by name.
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
"""First characters of a libpq host that is a socket, in the file system or in Linux' abstract namespace."""


def is_here(host: str) -> bool:
    """True for a loopback host that resolves to loopback addresses only.

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
    """True where httpx2 would connect to this machine; False for an address that it cannot parse."""
    try:
        return is_here(httpx2.URL(address).raw_host.decode())
    except (httpx2.InvalidURL, ValueError):
        return False


def is_postgres_here(address: str) -> bool:
    """True where psycopg would connect to this machine: over a socket, or with every host on loopback.

    A host that the address leaves out comes from `PGHOST`, `PGHOSTADDR` or the service that `PGSERVICE` names, as in libpq.
    An address that names a service itself is never accepted: libpq reads that service only when it connects.
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
    """Checks that a web server on `address` is for this machine only; None or empty means all addresses.

    Raises:
        ConfigError: Other machines may reach it.
    """
    if not is_here(address or ""):
        raise ConfigError(
            "The demo signs every visitor in as staff, so it may listen on this machine only.",
            "Start it with `inbox-analytics demo`, or with `--server.address 127.0.0.1`.",
        )
