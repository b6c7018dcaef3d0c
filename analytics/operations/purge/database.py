"""Reads what purge, retention and doctor need from the product's Postgres. Owns that SQL; bound parameters only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from analytics.scope.tiers import Subscription
from analytics.transports.postgres import Postgres, Value


@dataclass(frozen=True, slots=True)
class KnownWebsite:
    """A website as Postgres knows it, deleted ones included.

    Attributes:
        slug: Unique; untrusted text, as name, domain and organization_name.
        subscriptions: All of its organization, by their id.
    """

    id: str
    slug: str
    name: str
    domain: str
    organization_id: str
    organization_name: str
    deleted_at: datetime | None
    subscriptions: tuple[Subscription, ...]


@dataclass(frozen=True, slots=True)
class FoundColumn:
    """A column of a table, as the catalog describes it.

    Attributes:
        type_name: Postgres' name of the type, such as `timestamptz`.
        category: Postgres' type category: S text, D date and time, B boolean, N number, E enum.
        is_readable: Whether our role may read it.
    """

    type_name: str
    category: str
    is_readable: bool


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table of the product, as our role sees it.

    Attributes:
        columns: By name; empty when there is no such table on the search path.
        is_writable: Whether our role may change anything in it.
    """

    columns: Mapping[str, FoundColumn]
    is_writable: bool


@dataclass(frozen=True, slots=True)
class Role:
    """Role that DATABASE_URL signs in with.

    Attributes:
        is_superuser: Whether no grant holds it.
        may_create: Whether it may create tables in a schema on its search path.
    """

    name: str
    is_superuser: bool
    may_create: bool


_WEBSITES: Final = """
SELECT website.id, website.slug, website.name, website.domain, website.deleted_at,
       organization.id AS organization_id, organization.name AS organization_name,
       subscription.plan, subscription.status, subscription.current_period_end
FROM website
JOIN organization ON organization.id = website.organization_id
LEFT JOIN subscription ON subscription.organization_id = organization.id
WHERE CAST(:named AS text) IS NULL OR website.id = :named OR website.slug = :named
ORDER BY website.id, subscription.id
"""

_NOW: Final = "SELECT clock_timestamp() AS now"

_ROLE: Final = """
SELECT current_user::text AS name,
       COALESCE((SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user), false) AS is_superuser,
       COALESCE(
         (SELECT bool_or(has_schema_privilege(schema, 'CREATE')) FROM unnest(current_schemas(false)) AS schema), false
       ) AS may_create
"""

_COLUMNS: Final = """
SELECT wanted.name AS table_name, attribute.attname::text AS column_name,
       type.typname::text AS type_name, type.typcategory::text AS category,
       has_column_privilege(to_regclass(quote_ident(wanted.name)), attribute.attnum, 'SELECT') AS is_readable,
       has_table_privilege(to_regclass(quote_ident(wanted.name)), 'INSERT, UPDATE, DELETE, TRUNCATE')
         OR has_any_column_privilege(to_regclass(quote_ident(wanted.name)), 'INSERT, UPDATE') AS is_writable
FROM unnest(CAST(:tables AS text[])) AS wanted(name)
JOIN pg_catalog.pg_attribute AS attribute ON attribute.attrelid = to_regclass(quote_ident(wanted.name))
JOIN pg_catalog.pg_type AS type ON type.oid = attribute.atttypid
WHERE attribute.attnum > 0 AND NOT attribute.attisdropped
ORDER BY table_name, attribute.attnum
"""

_ACTIVE_WEBSITES: Final = """
SELECT id, slug FROM website WHERE deleted_at IS NULL AND status = 'active' ORDER BY created_at DESC, id LIMIT :most
"""


def websites(postgres: Postgres, named: str | None = None) -> tuple[KnownWebsite, ...]:
    """Reads websites, deleted ones included, by id.

    `named` is an id or slug: none, one, or two websites of which each has one of both. None means all.

    Raises as `Postgres.read`.

    Source: Postgres `website`, `organization`, `subscription`.
    """
    answer = postgres.read("websites", _WEBSITES, {"named": named})
    subscriptions: dict[str, list[Subscription]] = {}
    first: dict[str, Mapping[str, Value]] = {}
    for row in answer.rows:
        website_id = str(row["id"])
        first.setdefault(website_id, row)
        held = subscriptions.setdefault(website_id, [])
        if row["plan"] is not None:
            ends = _instant(row["current_period_end"])
            held.append(Subscription(str(row["plan"]), str(row["status"]), ends))
    return tuple(
        KnownWebsite(
            id=website_id,
            slug=str(row["slug"]),
            name=str(row["name"]),
            domain=str(row["domain"]),
            organization_id=str(row["organization_id"]),
            organization_name=str(row["organization_name"]),
            deleted_at=_instant(row["deleted_at"]),
            subscriptions=tuple(subscriptions[website_id]),
        )
        for website_id, row in first.items()
    )


def server_now(postgres: Postgres) -> datetime:
    """Reads Postgres' clock, UTC. Raises as `Postgres.read`.

    Source: `clock_timestamp()`.
    """
    now = _instant(postgres.read("server_now", _NOW, {}).rows[0]["now"])
    if now is None:
        raise AssertionError("clock_timestamp() is never null")
    return now


def role(postgres: Postgres) -> Role:
    """Reads the role, and what it may do beyond the tables. Raises as `Postgres.read`.

    Source: Postgres' catalog.
    """
    row = postgres.read("role", _ROLE, {}).rows[0]
    return Role(str(row["name"]), bool(row["is_superuser"]), bool(row["may_create"]))


def tables(postgres: Postgres, names: Sequence[str]) -> dict[str, FoundTable]:
    """Reads each of the tables as the role sees it; one without columns does not exist. Raises as `Postgres.read`.

    Source: Postgres' catalog, which does not hide what may not be read.
    """
    answer = postgres.read("tables", _COLUMNS, {"tables": list(names)})
    columns: dict[str, dict[str, FoundColumn]] = {name: {} for name in names}
    writable: set[str] = set()
    for row in answer.rows:
        table = str(row["table_name"])
        columns[table][str(row["column_name"])] = FoundColumn(
            str(row["type_name"]), str(row["category"]), bool(row["is_readable"])
        )
        if row["is_writable"]:
            writable.add(table)
    return {name: FoundTable(found, name in writable) for name, found in columns.items()}


def active_websites(postgres: Postgres, most: int) -> dict[str, str]:
    """Reads the slugs of at most so many active websites by id, newest first. A slug is untrusted text.

    Raises as `Postgres.read`.

    Source: Postgres `website`.
    """
    rows = postgres.read("active_websites", _ACTIVE_WEBSITES, {"most": most}).rows
    return {str(row["id"]): str(row["slug"]) for row in rows}


def _instant(value: Value) -> datetime | None:
    return value if isinstance(value, datetime) else None
