"""Checks Postgres: reachable, the product's tables and columns readable, the role unable to write."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final, Literal

from analytics.errors import AnalyticsError, SourceError
from analytics.health.source_health import SLOW_SECONDS
from analytics.operations.doctor.finding import Finding, differences, failed, listed
from analytics.operations.purge import database
from analytics.operations.purge.database import FoundTable
from analytics.transports.postgres import Postgres

Kind = Literal["text", "timestamptz", "boolean", "number"]

_CATEGORIES: Final[Mapping[Kind, str]] = {"text": "SE", "timestamptz": "D", "boolean": "B", "number": "N"}
_SCHEMA: Final = "The database's schema is not the one this version was written for: see the README's tables."


def _columns(**kinds: str) -> dict[str, Kind]:
    named: dict[str, Kind] = {}
    for kind in _CATEGORIES:
        named |= dict.fromkeys(kinds.get(kind, "").split(), kind)
    return named


TABLES: Final[Mapping[str, Mapping[str, Kind]]] = {
    "user": _columns(
        text="id name email role", boolean="email_verified banned", timestamptz="ban_expires created_at"
    ),
    "organization": _columns(text="id name"),
    "member": _columns(text="organization_id user_id role"),
    "subscription": _columns(text="id organization_id plan status", timestamptz="current_period_end"),
    "website": _columns(
        text="id name slug domain organization_id status", timestamptz="created_at deleted_at"
    ),
    "visitor": _columns(
        text="id organization_id website_id city country_code",
        boolean="is_test",
        timestamptz="last_seen_at created_at deleted_at",
    ),
    "conversation": _columns(
        text="id organization_id website_id visitor_id status sentiment resolved_by_ai_agent_id resolved_by_user_id",
        number="sentiment_confidence resolution_time",
        timestamptz="started_at first_response_at resolved_at escalated_at created_at updated_at deleted_at",
    ),
    "feedback": _columns(
        text="id organization_id website_id conversation_id visitor_id topic comment",
        number="rating",
        timestamptz="created_at deleted_at",
    ),
}
"""Every table and column that the dashboard and the command line read."""


def reached(postgres: Postgres) -> Finding:
    """Checks that Postgres answers, and how fast once connected."""
    try:
        database.server_now(postgres)
        began = time.perf_counter()
        database.server_now(postgres)
    except AnalyticsError as error:
        return failed("postgres", "connection", error)
    seconds = time.perf_counter() - began
    text = f"answers in {seconds * 1000:.0f} ms"
    if seconds > SLOW_SECONDS["postgres"]:
        return Finding("postgres", "connection", "warning", text, "Run close to the database.")
    return Finding("postgres", "connection", "ok", text)


def tables(postgres: Postgres) -> tuple[Finding, ...]:
    """Checks each table, then what the role may change."""
    try:
        found = database.tables(postgres, list(TABLES))
        role = database.role(postgres)
    except SourceError as error:
        return (failed("postgres", "tables", error),)
    return (*(_table(name, found[name], role.name) for name in TABLES), _role(role, found))


def _table(name: str, found: FoundTable, role: str) -> Finding:
    expected = TABLES[name]
    if not found.columns:
        return Finding("postgres", name, "problem", "there is no such table on the search path", _SCHEMA)
    types = {column: each.type_name for column, each in found.columns.items()}
    if wrong := differences(expected, types, lambda column: _fits(expected[column], found.columns[column])):
        return Finding("postgres", name, "problem", listed(wrong), _SCHEMA)
    hidden = [column for column in expected if not found.columns[column].is_readable]
    if hidden:
        what = "may not be read" if len(hidden) == len(expected) else f"may not be read: {listed(hidden)}"
        return Finding("postgres", name, "problem", what, f'GRANT SELECT ON "{name}" TO "{role}".')
    return Finding("postgres", name, "ok", f"{len(expected)} columns as expected, readable")


def _fits(kind: Kind, column: database.FoundColumn) -> bool:
    if kind == "timestamptz":
        return column.type_name == "timestamptz"
    return column.category in _CATEGORIES[kind]


def _role(role: database.Role, found: Mapping[str, FoundTable]) -> Finding:
    remedy = "Give DATABASE_URL a role that has SELECT and nothing else."
    writable = [name for name, table in found.items() if table.is_writable]
    if role.is_superuser:
        return Finding("postgres", "role", "warning", f"{role.name} is a superuser", remedy)
    if writable:
        return Finding("postgres", "role", "warning", f"{role.name} may change {listed(writable)}", remedy)
    if role.may_create:
        return Finding("postgres", "role", "warning", f"{role.name} may create tables", remedy)
    return Finding("postgres", "role", "ok", f"{role.name} may read and change nothing")
