"""Turns a pipe, or a client's SELECT, and the request's parameters into one SQL text for ClickHouse.

Templates are rendered, each node is checked, and what it reads is put in its place: another node or pipe as a
subquery, a data source under its full name (so that no WITH clause can stand in for it). Equal texts are composed
once. Must not know about HTTP or tokens; rights are checked by a function that the caller passes.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from analytics.local.tinybird.project.datafile import DatafileError, Node, Pipe
from analytics.local.tinybird.project.project import Project
from analytics.local.tinybird.query.expressions import TemplateSyntaxError
from analytics.local.tinybird.query.parameters import Binder, PipeError
from analytics.local.tinybird.query.sql_guard import (
    Json,
    RefusedSql,
    SqlGuard,
    Statement,
    UnreadableSql,
    membership_table,
    nodes,
)
from analytics.local.tinybird.query.template import ParameterInfo, Template
from analytics.local.tinybird.storage.clickhouse import DATABASE

_LOG = logging.getLogger(__name__)
_CACHED = 512
_LARGEST_CACHED = 200_000
_LARGEST_TREE = 20_000_000


@dataclass(frozen=True, slots=True)
class Composed:
    """A query ready to run.

    Attributes:
        tables: Every table it may read, with its database.
        format: The FORMAT that a client's SELECT named; None without one.
    """

    sql: str
    parameters: Mapping[str, str]
    tables: frozenset[str]
    format: str | None = None


@dataclass(frozen=True, slots=True)
class _Step:
    """One node, or a client's SELECT (`pipe` is None), as rendered for a request."""

    pipe: Pipe | None
    name: str
    text: str
    statement: Statement


class Composer:
    """Composes the queries of one project; safe to use from several threads."""

    def __init__(self, project: Project, guard: SqlGuard) -> None:
        self._project = project
        self._guard = guard
        self._templates = {
            (pipe.name, node.name): self._template(pipe, node)
            for pipe in project.pipes.values()
            for node in pipe.nodes
            if node.is_template
        }
        self._checked = lru_cache(_CACHED)(self._check)
        self._texts = _Texts()

    def parameters(self, pipe: Pipe) -> tuple[ParameterInfo, ...]:
        """Parameters of a pipe, then of the pipes it reads; each once, in order of first mention."""
        found: dict[str, ParameterInfo] = {}
        read = [pipe]
        for each in read:  # grows by what it reads
            own = {node.name for node in each.nodes}
            for node in each.nodes:
                template = self._templates.get((each.name, node.name))
                for parameter in template.parameters if template else ():
                    known = found.setdefault(parameter["name"], parameter)
                    if len(parameter) > len(known):
                        found[parameter["name"]] = parameter
                for name in node.dependencies:
                    other = None if name in own else self._project.pipes.get(name)
                    if other is not None and other not in read:
                        read.append(other)
        return tuple(found.values())

    def pipe(self, pipe: Pipe, arguments: Mapping[str, str]) -> Composed:
        """The query that answers a pipe's endpoint.

        Raises:
            PipeError: a missing or bad parameter, or the pipe's own `error()`.
            RefusedSql: the pipe's SQL may not run.
        """
        work = _QueryBuilder(self, arguments)
        return work.composed(work.node(pipe, pipe.result_node))

    def select(
        self,
        sql: str,
        arguments: Mapping[str, str],
        may_read: Callable[[str], bool],
        underscore: Pipe | None = None,
    ) -> Composed:
        """The query for a client's own SELECT over data sources and pipes.

        A leading `%` makes `sql` a template. `underscore` is the pipe that `_` stands for.

        Raises:
            PipeError: a missing or bad parameter.
            RefusedSql: not a SELECT, a part that is not allowed, or an unknown name.
            PermissionError: a name that the client may not read.
        """
        work = _QueryBuilder(self, arguments)
        text = sql.strip()
        if text.startswith("%"):
            try:
                text = Template(text[1:]).render(arguments, work.binder)
            except TemplateSyntaxError as error:
                raise RefusedSql(str(error)) from None
        step = _Step(underscore, "_" if underscore else "", text, self._statement(text))
        if work.binder.parameters:
            _check_quotes(step.statement.tree)
        for name in sorted(step.statement.tables - ({"_"} if underscore else set())):
            resource = self._project.name_of(name)
            if resource not in self._project.names:
                raise RefusedSql(f"There is no data source or pipe called '{name}'")
            if not may_read(resource):
                raise PermissionError(resource)
        return work.composed(step)

    def _template(self, pipe: Pipe, node: Node) -> Template:
        try:
            return Template(node.sql)
        except TemplateSyntaxError as error:
            raise DatafileError(f"{pipe.path}:{node.line}: node {node.name}: {error}") from None

    def _statement(self, text: str) -> Statement:
        return self._checked(text) if len(text) <= _LARGEST_CACHED else self._check(text)

    def _check(self, text: str) -> Statement:
        statement = self._guard.select(text)
        hidden = sorted(statement.common & self._project.names)
        if hidden:
            raise RefusedSql(f"WITH {hidden[0]} would hide the resource of that name: choose another")
        return statement


class _QueryBuilder:
    """One query being composed: its rendered steps, each rendered once, and its bound values."""

    def __init__(self, composer: Composer, arguments: Mapping[str, str]) -> None:
        self.binder = Binder()
        self._composer = composer
        self._project = composer._project
        self._arguments = arguments
        self._steps: dict[tuple[str, str], _Step] = {}
        self._open: list[tuple[str, str]] = []
        self._tables: set[str] = set()
        self._written = 0

    def node(self, pipe: Pipe, node: Node) -> _Step:
        key = (pipe.name, node.name)
        if key not in self._steps:
            template = self._composer._templates.get(key)
            where = f"pipe {pipe.name}, node {node.name}"
            self.binder.work.template = where
            text = template.render(self._arguments, self.binder) if template else node.sql
            try:
                statement = self._composer._statement(text)
            except UnreadableSql as error:
                _LOG.warning("%s: %s", where, error)
                raise RefusedSql(f"ClickHouse cannot parse it: the log says why ({where})") from None
            except RefusedSql as error:
                raise RefusedSql(f"{error} ({where})") from None
            if statement.format is not None:
                raise RefusedSql(f"FORMAT is not allowed in a node ({where})")
            if template is not None:
                _check_quotes(statement.tree)
            self._steps[key] = _Step(pipe, node.name, text, statement)
        return self._steps[key]

    def composed(self, step: _Step) -> Composed:
        """The query of a step with everything that it reads in place."""
        return Composed(
            self._text(step), self.binder.parameters, frozenset(self._tables), step.statement.format
        )

    def _text(self, step: _Step) -> str:
        self._visit(step)
        key = (
            step.pipe.name if step.pipe else "",
            step.name,
            step.text,
            *(each.text for each in self._steps.values()),
        )
        text = self._composer._texts.get(key)
        if text is None:
            text = self._composer._guard.write(self._tree(step))
            if sum(map(len, key)) <= _LARGEST_CACHED:
                self._composer._texts.put(key, text)
        return text

    def _visit(self, step: _Step) -> None:
        """Renders everything that the step reads, in an order that depends only on the texts."""
        mark = (step.pipe.name if step.pipe else "", step.name)
        if mark in self._open:
            raise RefusedSql(f"{' → '.join(name for _, name in [*self._open, mark])} reads itself")
        self._open.append(mark)
        for name in sorted(step.statement.tables):
            source = self._source(step, name)
            if source is not None:
                self._visit(source)
        self._open.pop()

    def _source(self, step: _Step, name: str) -> _Step | None:
        """The step behind a name; None for a data source."""
        if step.name == "_" and name == "_" and step.pipe is not None:
            return self.node(step.pipe, step.pipe.result_node)
        own = step.pipe.nodes if step.pipe is not None and step.name != "_" else ()
        for node in own:
            if node.name == name and step.pipe is not None:
                return self.node(step.pipe, node)
        name = self._project.name_of(name)
        pipe = self._project.pipes.get(name)
        if pipe is not None:
            return self.node(pipe, pipe.result_node)
        if name not in self._project.names:
            raise RefusedSql(
                f"There is no data source, pipe or node called '{name}', which {step.name} reads"
            )
        self._tables.add(f"{DATABASE}.{name}")
        return None

    def _tree(self, step: _Step) -> Json:
        text = json.dumps(step.statement.tree)
        self._written += len(text)
        if self._written > _LARGEST_TREE:
            raise RefusedSql("The query is too large with everything that it reads")
        tree: Json = json.loads(text)
        for node in list(nodes(tree)):
            if node.get("type") == "TableExpression":
                table = node.get("database_and_table_name")
                if isinstance(table, dict) and str(table["name"]) in step.statement.tables:
                    self._replace(node, table, step)
            elif node.get("type") == "Function":
                right = membership_table(node)
                if right is not None and str(right["name"]) in step.statement.tables:
                    self._replace_member(right, step)
        return tree

    def _replace(self, expression: Json, table: Json, step: _Step) -> None:
        name = str(table["name"])
        alias = table.get("alias", name)
        source = self._source(step, name)
        if source is None:
            expression["database_and_table_name"] = {
                **self._qualified("TableIdentifier", name),
                "alias": alias,
            }
        else:
            del expression["database_and_table_name"]
            expression["subquery"] = {"type": "Subquery", "alias": alias, "children": [self._tree(source)]}

    def _replace_member(self, right: Json, step: _Step) -> None:
        name = str(right["name"])
        source = self._source(step, name)
        right.clear()
        if source is None:
            right.update(self._qualified("Identifier", name))
        else:
            right.update({"type": "Subquery", "children": [self._tree(source)]})

    def _qualified(self, type_: str, name: str) -> Json:
        name = self._project.name_of(name)
        return {"type": type_, "name": f"{DATABASE}.{name}", "name_parts": [DATABASE, name]}


def _check_quotes(tree: Json) -> None:
    """Refuses a placeholder inside a string literal, where ClickHouse would take it for text."""
    for node in nodes(tree):
        value = node.get("value")
        if node.get("type") == "Literal" and isinstance(value, dict) and "{tb_" in str(value.get("value")):
            raise PipeError(
                "a template expression stands inside quotes: remove them, values are quoted already"
            )


class _Texts:
    """Thread-safe cache of recently composed texts, keyed by their source texts."""

    def __init__(self) -> None:
        self._texts: OrderedDict[tuple[str, ...], str] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, ...]) -> str | None:
        with self._lock:
            if key in self._texts:
                self._texts.move_to_end(key)
            return self._texts.get(key)

    def put(self, key: tuple[str, ...], text: str) -> None:
        with self._lock:
            self._texts[key] = text
            if len(self._texts) > _CACHED:
                self._texts.popitem(last=False)
