"""Decides which SQL may run, on ClickHouse's own syntax tree. Must not know about tokens or HTTP.

A query is parsed by ClickHouse (`parseQueryToJSON`, the text bound as a value, so that it cannot run), walked here,
its tables replaced, and written back by ClickHouse (`formatQueryFromJSON`). Writes, other statements and settings are
refused by the read-only session that runs the query; refused here is what such a session would run: functions that
read files or tell about the server, table functions that reach other tables, settings of a subquery. Before a
client's own SELECT runs, ClickHouse is asked once more which tables it would read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from analytics.local.tinybird.query.parameters import escape_text
from analytics.local.tinybird.storage.query_error import QueryError

Json = dict[str, "Json | list[Json] | list[str] | str | int | float | bool | None"]
Run = Callable[[str, dict[str, str]], bytes]
"""Runs a query with parameters and gives the answer as one raw value."""

PARAMETER_PREFIX = "tb_"
_TOO_LARGE = {241, 396}  # memory, size of the answer
_LARGEST_TREE = 10_000_000
_REFUSED_NODES: Final = {"SetQuery": "SETTINGS", "ColumnsApplyTransformer": "APPLY"}
"""Clauses that lift limits, or name a function in a way that is not checked here."""
_TABLE_FUNCTIONS: Final = frozenset({"numbers", "numbers_mt", "generateSeries", "generate_series", "values"})
"""Table functions that read nothing. A read-only session would also run `view`, `merge` and others that read tables."""
_REFUSED_CATEGORIES: Final = frozenset(
    [
        "AI",
        "Dictionary",
        "Embedded Dictionary",
        "Internal",
        "Introspection",
        "Machine Learning",
        "Other",
        "Time Series",
    ]
)
"""ClickHouse's categories of functions that do more than compute from their arguments, such as `file` in `Other`."""
_PURE_FUNCTIONS: Final = frozenset([
    "bar", "byteSize", "caseWithExpression", "countDigits", "finalizeAggregation", "formatReadableDecimalSize",
    "formatReadableQuantity", "formatReadableSize", "formatReadableTimeDelta", "identity", "ignore",
    "initializeAggregation", "materialize", "neighbor", "parseTimeDelta", "rowNumberInAllBlocks", "rowNumberInBlock",
    "runningDifference", "throwIf", "toTypeName", "transform", "version", "visibleWidth",
])  # fmt: skip  # a name a line would be a page
"""Functions of those categories that compute from their arguments alone after all."""
_MEMBERSHIP = re.compile(r"(global)?(not)?(null)?in(ignoreset)?", re.IGNORECASE)
"""Names of the functions behind `IN`: a bare name on their right is a table."""
_TABLE_READ = re.compile(r"\btable_name: ([^\s,]+)")


class RefusedSql(ValueError):
    """SQL that does not run here; the message says which part and never repeats a value."""


class UnreadableSql(RefusedSql):
    """ClickHouse cannot parse it; the message is ClickHouse's and repeats parts of the text."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A SELECT that was checked.

    Attributes:
        tree: ClickHouse's syntax tree without the FORMAT clause.
        format: What the FORMAT clause named; None without one.
        tables: The names read that no WITH clause of the statement defines.
        common: The names that its WITH clauses define.
    """

    tree: Json
    format: str | None
    tables: frozenset[str]
    common: frozenset[str]


@dataclass(slots=True)
class _Names:
    tables: set[str] = field(default_factory=set)
    common: set[str] = field(default_factory=set)
    table_functions: set[int] = field(default_factory=set)
    aliases: set[str] = field(default_factory=set)


class SqlGuard:
    """Parses, checks and writes SQL. One instance serves a whole process; it keeps only the names of refused functions."""

    def __init__(self, run: Run, resolve: Run) -> None:
        """Takes a function for the guard's own short queries, and one that resolves a client's, which may take as long as running it."""
        self._run = run
        self._resolve = resolve
        self._refused = self._refused_functions()

    def select(self, sql: str) -> Statement:
        """The statement that `sql` is, if it is one SELECT of allowed parts.

        Raises:
            RefusedSql: not SQL, not a single SELECT, or with a part that is not allowed.
        """
        tree = self.parse(sql)
        if tree.get("type") not in {"SelectWithUnionQuery", "SelectIntersectExceptQuery", "SelectQuery"}:
            raise RefusedSql("Only SELECT statements are allowed")
        named = tree.pop("format_ast", None)
        names = _Names()
        self._check(tree, names)
        if (
            names.aliases & names.common
        ):  # WITH secrets AS t SELECT 1 IN t FROM (WITH t AS …) would read secrets
            raise RefusedSql(
                f"{min(names.aliases & names.common)} names a WITH query and an expression: choose another"
            )
        format_ = str(named.get("name")) if isinstance(named, dict) else None
        return Statement(tree, format_, frozenset(names.tables - names.common), frozenset(names.common))

    def condition(self, sql: str) -> str:
        """The expression that `sql` is, in ClickHouse's own spelling; over columns and constants only.

        Raises:
            RefusedSql: not one expression, or with a subquery, a table or a function that is not allowed.
        """
        statement = self.select(f"SELECT 1 WHERE\n{sql}\n")
        selects = statement.tree.get("list_of_selects")
        branches = selects.get("children") if isinstance(selects, dict) else None
        query = branches[0] if isinstance(branches, list) and len(branches) == 1 else None
        if not isinstance(query, dict) or set(query) != {"type", "select", "where"} or statement.format:
            raise RefusedSql("The condition is not one expression")
        kinds = {str(node.get("type")) for node in nodes(query)}
        if statement.tables or kinds & {"Subquery", "QueryParameter", "Asterisk"}:
            raise RefusedSql("The condition may only use the columns of its data source")
        return self.write(statement.tree).removeprefix("SELECT 1 WHERE ")

    def tables_read(self, sql: str, parameters: Mapping[str, str]) -> frozenset[str]:
        """The tables that ClickHouse itself finds in a query, with their databases, once every name is resolved.

        Raises:
            QueryError: the query cannot run.
        """
        plan = self._resolve(f"EXPLAIN QUERY TREE {sql}", dict(parameters)).decode("utf-8", "replace")
        return frozenset(_TABLE_READ.findall(plan)) - {"system.one"}  # what SELECT without FROM reads

    def parse(self, sql: str) -> Json:
        """ClickHouse's syntax tree of one statement.

        Raises:
            RefusedSql: a syntax error, several statements, or a statement without such a tree.
            QueryError: ClickHouse itself failed.
        """
        try:
            sql.encode()
            answer = self._run("SELECT parseQueryToJSON({tb_sql:String})", {"tb_sql": escape_text(sql)})
        except QueryError as error:
            if error.code in _TOO_LARGE:
                raise RefusedSql("The query has too many parts") from None
            if error.status != 400:
                raise
            message = str(error).split(": In scope SELECT parseQueryToJSON")[0]
            if "does not support JSON serialization" in message:  # DESCRIBE, GRANT and their like
                raise RefusedSql("Only SELECT statements are allowed") from None
            raise UnreadableSql(message[:500]) from None
        except UnicodeEncodeError:
            raise RefusedSql("The query is not valid Unicode text") from None
        if len(answer) > _LARGEST_TREE:
            raise RefusedSql("The query has too many parts")
        try:
            tree: Json = json.loads(answer)
        except RecursionError:
            raise RefusedSql("The query is nested too deeply") from None
        return tree

    def write(self, tree: Json) -> str:
        """The SQL text of a tree.

        Raises:
            RefusedSql: the tree is too large.
        """
        parameters = {"tb_tree": escape_text(json.dumps(tree, ensure_ascii=False))}
        try:
            text = self._run("SELECT formatQueryFromJSON({tb_tree:String})", parameters)
        except QueryError as error:
            if error.code in _TOO_LARGE:
                raise RefusedSql("The query has too many parts") from None
            raise error.without_query({}) from None
        return text.decode().rstrip("\n")

    def _check(self, tree: Json, names: _Names) -> None:
        for node in nodes(tree):
            kind = node.get("type")
            if kind not in {"TableIdentifier", "Subquery"}:
                names.aliases.add(str(node.get("alias")))
            if kind in _REFUSED_NODES:
                raise RefusedSql(f"{_REFUSED_NODES[str(kind)]} is not allowed")
            if "out_file" in node or "format_ast" in node:
                raise RefusedSql("INTO OUTFILE and FORMAT are not allowed here")
            if kind == "TableExpression":
                self._check_table(node, names)
            elif kind == "WithElement":
                names.common.add(str(node.get("name")))
            elif kind == "Function" and id(node) not in names.table_functions:
                self._check_function(node, names)
            elif kind == "QueryParameter":
                name, type_ = str(node.get("name")), str(node.get("param_type"))
                if not name.startswith(PARAMETER_PREFIX) or type_ not in {"String", "Array(String)"}:
                    raise RefusedSql(
                        "Query parameters are not allowed: a template parameter is {{ String(name) }}"
                    )

    def _check_table(self, node: Json, names: _Names) -> None:
        table, function = node.get("database_and_table_name"), node.get("table_function")
        if isinstance(table, dict):
            if table.get("type") != "TableIdentifier" or set(table) - {"type", "name", "alias"}:
                raise RefusedSql(f"{table.get('name')} cannot be read: only data sources and pipes can")
            names.tables.add(str(table["name"]))
        if isinstance(function, dict):
            if function.get("name") not in _TABLE_FUNCTIONS:
                raise RefusedSql(f"The table function {function.get('name')} is not allowed")
            names.table_functions.add(id(function))

    def _check_function(self, node: Json, names: _Names) -> None:
        name = str(node.get("name"))
        if name.lower() in self._refused:
            raise RefusedSql(f"The function {name} is not allowed")
        if _MEMBERSHIP.fullmatch(name) and (table := membership_table(node)) is not None:
            if set(table) - {"type", "name", "alias"}:
                raise RefusedSql(f"{table.get('name')} cannot be read: only data sources and pipes can")
            names.tables.add(str(table["name"]))

    def _refused_functions(self) -> frozenset[str]:
        """Lower-case names of the functions that are refused, aliases included."""
        query = "SELECT name, alias_to, categories FROM system.functions FORMAT JSONCompactEachRow"
        listed = [json.loads(line) for line in self._run(query, {}).splitlines()]
        refused = {name for name, _, category in listed if category in _REFUSED_CATEGORIES}
        refused -= _PURE_FUNCTIONS
        known = {name for name, *_ in listed}
        aliases = {name for name, of, _ in listed if of in refused or (of and of not in known)}
        return frozenset(name.lower() for name in refused | aliases)


def nodes(tree: Json) -> Iterator[Json]:
    """Every syntax node below and including `tree`, each before those below it."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if "type" in node:
            yield node
        for value in node.values():
            waiting.extend(
                child for child in (value if isinstance(value, list) else [value]) if isinstance(child, dict)
            )


def membership_table(function: Json) -> Json | None:
    """The name on the right of `IN`, which ClickHouse takes for a table; None when an expression stands there."""
    arguments = function.get("arguments")
    operands = arguments.get("children") if isinstance(arguments, dict) else None
    right = operands[1] if isinstance(operands, list) and len(operands) == 2 else None
    return right if isinstance(right, dict) and right.get("type") == "Identifier" else None
