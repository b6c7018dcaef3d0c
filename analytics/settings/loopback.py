"""Recognizes host names that mean this machine. Pure: `demo_mode` resolves names."""

from __future__ import annotations

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """True for `localhost` and for a loopback address, each in its usual spelling only.

    Other spellings that a resolver may accept (a number, hexadecimal digits, a dot at the end) and all other names give
    False, whatever they resolve to now.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.2", "::1", "::ffff:127.0.0.1")]
    [True, True, True, True]
    >>> [is_loopback(host) for host in ("", "0.0.0.0", "::", "127.0.0.1.example.com", "127.1", "2130706433")]
    [False, False, False, False, False, False]
    """
    if host.lower() == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
