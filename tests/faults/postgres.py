"""Faults of the product's Postgres: on the network by a proxy, in the database by SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Final
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tests.silent_proxy import SilentProxy, silent_proxy

TABLES: Final = (
    "user",
    "website",
    "organization",
    "subscription",
    "member",
    "feedback",
    "conversation",
    "visitor",
)
"""What the dashboard reads of the product."""


class PostgresFaults:
    """Postgres behind a proxy.

    Attributes:
        url: Its address through the proxy.
    """

    def __init__(self, proxy: SilentProxy, database_url: str, owner_url: str) -> None:
        self.url = proxy.through(database_url)
        self.proxy = proxy
        self._owner_url = owner_url
        self._role = urlsplit(database_url)
        self._ends = ExitStack()

    def begin(self, name: str) -> None:
        """Begins a fault of `FAULTS`."""
        FAULTS[name](self, self._ends)

    def end(self) -> None:
        """Works again; connections that were dropped stay so."""
        self._ends.close()

    def run(self, statement: sql.Composed) -> None:
        """Runs a statement as the owner of the tables."""
        with psycopg.connect(self._owner_url, autocommit=True) as connection:
            connection.execute("SET lock_timeout = '5s'")
            connection.execute(statement)

    def end_connections(self) -> None:
        """Ends all connections of the dashboard, as a restart does."""
        role = sql.Literal(self._role.username)
        self.run(
            sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = {}").format(role)
        )

    def refuse(self, ends: ExitStack) -> None:
        """Nothing listens."""
        self.proxy.close()
        ends.callback(self.proxy.listen)

    def cut(self, ends: ExitStack) -> None:
        """Each connection breaks in the middle of the next answer."""
        self.proxy.is_cutting = True
        ends.callback(setattr, self.proxy, "is_cutting", False)

    def hang(self, ends: ExitStack) -> None:
        """Connections are dropped in silence, new ones too; those stay so."""
        self.proxy.drop()
        self.proxy.is_holding = True
        ends.callback(setattr, self.proxy, "is_holding", False)

    def slow(self, ends: ExitStack) -> None:
        """Everything that the server says takes three seconds."""
        self.proxy.delay_seconds = 3.0
        ends.callback(setattr, self.proxy, "delay_seconds", 0.0)

    def restart(self, _ends: ExitStack) -> None:
        """All connections end, once."""
        self.end_connections()

    def wrong_password(self, ends: ExitStack) -> None:
        """The dashboard's password is no longer right, and all connections end."""
        change = sql.SQL("ALTER ROLE {} PASSWORD {}")
        role = sql.Identifier(str(self._role.username))
        self.run(change.format(role, sql.Literal("another")))
        ends.callback(self.run, change.format(role, sql.Literal(self._role.password)))
        self.end_connections()

    def lock(self, table: str, ends: ExitStack) -> None:
        """Another transaction holds a table."""
        connection = ends.enter_context(psycopg.connect(self._owner_url))
        connection.execute("SET lock_timeout = '5s'")
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(table)))
        ends.callback(connection.rollback)

    def rename(self, old: str, new: str, column: str, ends: ExitStack) -> None:
        """A table, or one of its columns, has another name."""
        change = sql.SQL("ALTER TABLE {} RENAME {} TO {}")
        where = sql.Identifier(old)
        if column:
            self.run(change.format(where, sql.Identifier(column), sql.Identifier(new)))
            ends.callback(self.run, change.format(where, sql.Identifier(new), sql.Identifier(column)))
        else:
            self.run(change.format(where, sql.SQL(""), sql.Identifier(new)))
            ends.callback(self.run, change.format(sql.Identifier(new), sql.SQL(""), where))


def _lock(table: str) -> Callable[[PostgresFaults, ExitStack], None]:
    return lambda faults, ends: faults.lock(table, ends)


def _rename(table: str, column: str = "") -> Callable[[PostgresFaults, ExitStack], None]:
    return lambda faults, ends: faults.rename(table, "renamed", column, ends)


FAULTS: Final[Mapping[str, Callable[[PostgresFaults, ExitStack], None]]] = {
    "refuse": PostgresFaults.refuse,
    "cut answer": PostgresFaults.cut,
    "hang": PostgresFaults.hang,
    "slow 3 s": PostgresFaults.slow,
    "restart": PostgresFaults.restart,
    "wrong password": PostgresFaults.wrong_password,
    **{f"lock {table}": _lock(table) for table in TABLES},
    "no table feedback": _rename("feedback"),
    "no table subscription": _rename("subscription"),
    "no column sentiment": _rename("conversation", "sentiment"),
}
"""All faults, by the name that tables show."""

SILENT: Final = frozenset({"hang", "slow 3 s", *(f"lock {table}" for table in TABLES)})
"""Faults that readers wait for."""


@contextmanager
def postgres_faults(database_url: str, owner_url: str) -> Iterator[PostgresFaults]:
    """Postgres behind a proxy of its own, whole again on leaving.

    Args:
        database_url: Its address, as the dashboard's role.
        owner_url: The same, as the role that owns the tables and may change the other.
    """
    with silent_proxy(database_url) as proxy:
        faults = PostgresFaults(proxy, database_url, owner_url)
        try:
            yield faults
        finally:
            faults.end()
