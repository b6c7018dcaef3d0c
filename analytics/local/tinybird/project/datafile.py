"""Reads a `.datasource` or `.pipe` file (Tinybird's datafile syntax) into values. Runs nothing.

Only what this stack executes is accepted: tables and endpoints. A directive that would be ignored (a connector,
a materialization, a copy) is refused with its file and line, so that nothing behaves differently in the cloud.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from analytics.local.tinybird.project.columns import SchemaColumn, SchemaError, parse_schema

Scope = Literal["READ", "APPEND"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DIRECTIVE = re.compile(r"(?P<word>[A-Za-z_]+)(?:[ \t]+(?P<rest>.*))?")
_READS = re.compile(r"\b(?:FROM|JOIN)\s+([A-Za-z_]\w*)\b(?!\s*\()", re.IGNORECASE)
_ENGINES = ("MergeTree", "ReplacingMergeTree", "SummingMergeTree", "AggregatingMergeTree")
_ENGINE_OPTIONS = (
    "ENGINE_PARTITION_KEY",
    "ENGINE_SORTING_KEY",
    "ENGINE_PRIMARY_KEY",
    "ENGINE_SAMPLING_KEY",
    "ENGINE_TTL",
    "ENGINE_SETTINGS",
    "ENGINE_VER",
    "ENGINE_IS_DELETED",
    "ENGINE_COLUMNS",
)


class DatafileError(ValueError):
    """A datafile that cannot be run; the message starts with `file:line:`."""


@dataclass(frozen=True, slots=True)
class Grant:
    """`TOKEN name READ|APPEND`: the token of that name has that scope on the file's resource."""

    token_name: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class Datasource:
    """A table: its columns, its engine, and who may read and append.

    Attributes:
        engine: The engine's name, one of the MergeTree family.
        options: Engine options as ClickHouse expressions, by directive (`ENGINE_TTL`, ...).
    """

    name: str
    path: Path
    description: str
    grants: tuple[Grant, ...]
    columns: tuple[SchemaColumn, ...]
    engine: str
    options: dict[str, str]


@dataclass(frozen=True, slots=True)
class Node:
    """One SQL step of a pipe; `is_template` when its SQL opened with `%` (removed from `sql`)."""

    name: str
    description: str
    sql: str
    is_template: bool
    line: int

    @property
    def dependencies(self) -> tuple[str, ...]:
        """Names that the node reads, each once, as far as its text says without the values of its parameters."""
        return tuple(dict.fromkeys(_READS.findall(self.sql)))


@dataclass(frozen=True, slots=True)
class Pipe:
    """Nodes, and the one that the HTTP endpoint answers from; None when the pipe is only read by others."""

    name: str
    path: Path
    description: str
    grants: tuple[Grant, ...]
    nodes: tuple[Node, ...]
    endpoint: str | None

    @property
    def result_node(self) -> Node:
        """The node that answers when the pipe is read by name: the endpoint's, or the last."""
        return next((node for node in self.nodes if node.name == self.endpoint), self.nodes[-1])


@dataclass(frozen=True, slots=True)
class _Entry:
    word: str
    value: str
    line: int


def load_datasource(path: Path) -> Datasource:
    """The data source that a file declares, named after the file.

    Raises:
        DatafileError: syntax, an unknown directive or type, or a part that this stack does not run.
    """
    file = _File(path)
    description, engine = "", "MergeTree"
    columns: tuple[SchemaColumn, ...] = ()
    grants: list[Grant] = []
    options: dict[str, str] = {}
    for entry in file.entries():
        match entry.word:
            case "DESCRIPTION":
                description = entry.value
            case "TOKEN":
                grants.append(file.grant(entry))
            case "SCHEMA":
                columns = file.schema(entry)
            case "ENGINE":
                engine = file.one_of(entry, _ENGINES)
            case word if word in _ENGINE_OPTIONS:
                options[word] = _unquoted(entry.value)
            case "TAGS":
                pass
            case _:
                raise file.refuse(entry)
    if not columns:
        raise file.error(1, "a data source needs a SCHEMA")
    if not options.get("ENGINE_SORTING_KEY"):
        options["ENGINE_SORTING_KEY"] = "tuple()"
    return Datasource(file.name, path, description, tuple(grants), columns, engine, options)


def load_pipe(path: Path) -> Pipe:
    """The pipe that a file declares, named after the file.

    Raises:
        DatafileError: syntax, an unknown directive, or a type of pipe that this stack does not run.
    """
    file = _File(path)
    description, endpoint = "", None
    grants: list[Grant] = []
    nodes: list[Node] = []
    open_node: dict[str, str] = {}
    opened_at = 0

    def close_node() -> None:
        if not open_node:
            return
        if "SQL" not in open_node:
            raise file.error(opened_at, f"node {open_node['NODE']} has no SQL")
        nodes.append(_node(open_node, opened_at))
        open_node.clear()

    for entry in file.entries():
        match entry.word:
            case "DESCRIPTION" if open_node:
                open_node["DESCRIPTION"] = entry.value
            case "DESCRIPTION":
                description = entry.value
            case "TOKEN":
                grants.append(file.grant(entry, ("READ",)))
            case "NODE":
                close_node()
                open_node["NODE"], opened_at = file.identifier(entry), entry.line
                if any(node.name == open_node["NODE"] for node in nodes):
                    raise file.error(entry.line, f"a second node is called {open_node['NODE']}")
            case "SQL" if open_node:
                open_node["SQL"] = entry.value
            case "TYPE" if open_node:
                file.one_of(entry, ("endpoint",))
                if endpoint is not None:
                    raise file.error(entry.line, "a pipe has one endpoint")
                endpoint = open_node["NODE"]
            case "TAGS":
                pass
            case "SQL" | "TYPE":
                raise file.error(entry.line, f"{entry.word} stands before the first NODE")
            case _:
                raise file.refuse(entry)
    close_node()
    if not nodes:
        raise file.error(1, "a pipe needs at least one NODE")
    return Pipe(file.name, path, description, tuple(grants), tuple(nodes), endpoint)


def _node(parts: dict[str, str], line: int) -> Node:
    sql = parts["SQL"]
    is_template = sql.startswith("%")
    return Node(parts["NODE"], parts.get("DESCRIPTION", ""), sql[is_template:].strip(), is_template, line)


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


class _File:
    """One datafile being read: splits it into entries and words errors with file and line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.stem
        if not _NAME.fullmatch(self.name):
            raise self.error(1, "the file's name is the resource's: letters, digits and _, no digit first")
        try:
            self._lines = path.read_text(encoding="utf-8-sig").replace("\r\n", "\n").split("\n")
        except UnicodeDecodeError:
            raise self.error(1, "not UTF-8 text") from None

    def error(self, line: int, reason: str) -> DatafileError:
        return DatafileError(f"{self.path}:{line}: {reason}")

    def refuse(self, entry: _Entry) -> DatafileError:
        return self.error(
            entry.line, f"{entry.word} is unknown here: this stack runs tables and endpoints only"
        )

    def entries(self) -> Iterator[_Entry]:
        index = 0
        while index < len(self._lines):
            line, number = self._lines[index], index + 1
            index += 1
            if not line.strip() or line.startswith("#"):
                continue
            found = _DIRECTIVE.fullmatch(line.rstrip())
            if found is None:
                raise self.error(number, f"expected a directive, found {line.strip()[:40]!r}")
            word, rest = found["word"].upper(), (found["rest"] or "").strip()
            if rest == ">":
                block = []
                while index < len(self._lines) and (
                    not self._lines[index].strip() or self._lines[index][0] in " \t"
                ):
                    block.append(self._lines[index])
                    index += 1
                rest = textwrap.dedent("\n".join(block)).strip()
            if not rest:
                raise self.error(number, f"{word} has no value")
            yield _Entry(word, rest, number)

    def identifier(self, entry: _Entry) -> str:
        value = _unquoted(entry.value)
        if not _NAME.fullmatch(value):
            raise self.error(entry.line, f"{value!r} is no name: letters, digits and _, no digit first")
        return value

    def one_of(self, entry: _Entry, allowed: tuple[str, ...]) -> str:
        for value in allowed:
            if _unquoted(entry.value).lower() == value.lower():
                return value
        raise self.error(
            entry.line, f"{entry.word} {entry.value} does not run here, only {', '.join(allowed)}"
        )

    def grant(self, entry: _Entry, scopes: tuple[Scope, ...] = ("READ", "APPEND")) -> Grant:
        name, _, scope = entry.value.rpartition(" ")
        for allowed in scopes:
            if scope.upper() == allowed and name.strip():
                return Grant(_unquoted(name.strip()), allowed)
        raise self.error(entry.line, f"expected TOKEN name {'|'.join(scopes)}")

    def schema(self, entry: _Entry) -> tuple[SchemaColumn, ...]:
        try:
            return parse_schema(entry.value)
        except SchemaError as error:
            raise self.error(entry.line, str(error)) from None
