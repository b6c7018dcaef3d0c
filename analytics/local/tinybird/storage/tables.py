"""Brings the ClickHouse tables in line with the datafiles, keeping every row.

A table is compared with the one that its datafile declares today, which is created empty beside it: so types, keys
and TTLs are compared as ClickHouse spells them. New columns are added, harmless changes are made, anything that
could lose or rewrite rows is refused with what to do.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

from analytics.local.tinybird.project.datafile import DatafileError, Datasource
from analytics.local.tinybird.project.project import QUARANTINE, Project
from analytics.local.tinybird.storage.clickhouse import DATABASE, ClickHouse
from analytics.local.tinybird.storage.query_error import QueryError

_LOG = logging.getLogger(__name__)
_DECLARED = f"{DATABASE}_declared"
_TTL_CHECK_SECONDS = 300
_WIDER = {
    "Int8": ("Int16", "Int32", "Int64"),
    "Int16": ("Int32", "Int64"),
    "Int32": ("Int64",),
    "UInt8": ("UInt16", "UInt32", "UInt64", "Int16", "Int32", "Int64"),
    "UInt16": ("UInt32", "UInt64", "Int32", "Int64"),
    "UInt32": ("UInt64", "Int64"),
    "Float32": ("Float64",),
}


@dataclass(frozen=True, slots=True)
class _Table:
    """A table as ClickHouse describes it: columns as name → (type, default), and the keys."""

    columns: dict[str, tuple[str, str]]
    engine: str
    keys: tuple[str, str, str]
    ttl: str


def ensure_tables(clickhouse: ClickHouse, project: Project) -> None:
    """Creates or adapts the table and the quarantine of every data source.

    Raises:
        DatafileError: ClickHouse refuses a datafile, or an existing table cannot follow it without losing rows.
    """
    clickhouse.execute(f"DROP DATABASE IF EXISTS {_DECLARED} SYNC")
    for datasource in project.datasources.values():
        try:
            _ensure(clickhouse, datasource)
            _ensure_quarantine(clickhouse, datasource)
        except QueryError as error:
            raise DatafileError(f"{datasource.path}:1: ClickHouse refuses it: {error}") from None
    clickhouse.execute(f"DROP DATABASE IF EXISTS {_DECLARED} SYNC")


def _ensure(clickhouse: ClickHouse, datasource: Datasource) -> None:
    current = _describe(clickhouse, DATABASE, datasource.name)
    if current is None:
        clickhouse.execute(_ddl(DATABASE, datasource))
        return
    declared = _declared(clickhouse, datasource)
    if (current.engine, current.keys) != (declared.engine, declared.keys):
        raise _refusal(datasource, "the engine or a key changed")
    changes = [
        change
        for column in datasource.columns
        for change in _change(datasource, column.name, current, declared)
    ]
    if current.ttl != declared.ttl:
        changes.append(f"MODIFY TTL {declared.ttl}" if declared.ttl else "REMOVE TTL")
    for change in changes:
        clickhouse.execute(f"ALTER TABLE {DATABASE}.`{datasource.name}` {change}")
    for name in current.columns.keys() - declared.columns.keys():
        _LOG.warning("%s: column %s is no longer declared; its values are kept", datasource.path.name, name)


def _declared(clickhouse: ClickHouse, datasource: Datasource) -> _Table:
    """The table as a new directory would have it."""
    clickhouse.execute(f"CREATE DATABASE IF NOT EXISTS {_DECLARED} ENGINE = Atomic")
    clickhouse.execute(_ddl(_DECLARED, datasource))
    described = _describe(clickhouse, _DECLARED, datasource.name)
    if described is None:
        raise _refusal(datasource, "ClickHouse does not know the table it just made")
    return described


def _change(datasource: Datasource, name: str, current: _Table, declared: _Table) -> list[str]:
    column = next(column for column in datasource.columns if column.name == name)
    new_type, new_default = declared.columns[name]
    if name not in current.columns:
        return [f"ADD COLUMN {column.ddl}"]
    old_type, old_default = current.columns[name]
    if old_type != new_type and not _is_wider(old_type, new_type):
        raise _refusal(datasource, f"column {name} changed from {old_type} to {new_type}")
    if (old_type, old_default) == (new_type, new_default):
        return []
    dropped = [f"MODIFY COLUMN `{name}` REMOVE DEFAULT"] if old_default and not new_default else []
    return [*dropped, f"MODIFY COLUMN {column.ddl}"]


def _is_wider(old: str, new: str) -> bool:
    if new in {f"Nullable({old})", f"LowCardinality({old})"} or old == f"LowCardinality({new})":
        return True
    return new in _WIDER.get(old, ())


def _refusal(datasource: Datasource, what: str) -> DatafileError:
    return DatafileError(
        f"{datasource.path}:1: {what}, which the rows kept in the data directory cannot follow: undo it, "
        "give the column a new name, or start with another --data-dir"
    )


def _ddl(database: str, datasource: Datasource) -> str:
    options = datasource.options
    arguments = [
        options[key] for key in ("ENGINE_VER", "ENGINE_IS_DELETED", "ENGINE_COLUMNS") if key in options
    ]
    clauses = [
        f"{keyword} ({options[key]})"
        for keyword, key in (
            ("PARTITION BY", "ENGINE_PARTITION_KEY"),
            ("PRIMARY KEY", "ENGINE_PRIMARY_KEY"),
            ("ORDER BY", "ENGINE_SORTING_KEY"),
            ("SAMPLE BY", "ENGINE_SAMPLING_KEY"),
        )
        if options.get(key)
    ]
    ttl = options.get("ENGINE_TTL")
    settings = options.get("ENGINE_SETTINGS", "")
    if "merge_with_ttl_timeout" not in settings:
        settings = f"merge_with_ttl_timeout = {_TTL_CHECK_SECONDS}{', ' if settings else ''}{settings}"
    return (
        f"CREATE TABLE {database}.`{datasource.name}` ({', '.join(column.ddl for column in datasource.columns)}) "
        f"ENGINE = {datasource.engine}({', '.join(arguments)}) {' '.join(clauses)} "
        f"{f'TTL {ttl}' if ttl else ''} SETTINGS {settings}"
    )


def _ensure_quarantine(clickhouse: ClickHouse, datasource: Datasource) -> None:
    name = datasource.name + QUARANTINE
    current = _describe(clickhouse, DATABASE, name)
    if current is None:
        columns = "".join(f"`{column.name}` Nullable(String), " for column in datasource.columns)
        clickhouse.execute(
            f"CREATE TABLE {DATABASE}.`{name}` ("
            f"c__error_column Array(String), c__error Array(String), c__import_id Nullable(String), {columns}"
            "insertion_date DateTime DEFAULT now()"
            ") ENGINE = MergeTree PARTITION BY toYYYYMM(insertion_date) ORDER BY insertion_date"
        )
        return
    for column in datasource.columns:
        if column.name not in current.columns:
            clickhouse.execute(f"ALTER TABLE {DATABASE}.`{name}` ADD COLUMN `{column.name}` Nullable(String)")


def _describe(clickhouse: ClickHouse, database: str, table: str) -> _Table | None:
    where = {"tb_database": database, "tb_table": table}
    described = clickhouse.execute(
        "SELECT engine, partition_key, sorting_key, primary_key, engine_full FROM system.tables"
        " WHERE database = {tb_database:String} AND name = {tb_table:String}",
        where,
    )
    if not described.strip():
        return None
    row = json.loads(described)
    listed = clickhouse.execute(
        "SELECT name, type, default_expression FROM system.columns"
        " WHERE database = {tb_database:String} AND table = {tb_table:String} ORDER BY position",
        where,
    )
    columns = [json.loads(line) for line in listed.splitlines()]
    return _Table(
        columns={column["name"]: (column["type"], column["default_expression"]) for column in columns},
        engine=row["engine"],
        keys=(row["partition_key"], row["sorting_key"], row["primary_key"]),
        ttl=row["engine_full"].partition(" TTL ")[2].partition(" SETTINGS ")[0],
    )
