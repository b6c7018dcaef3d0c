"""Parses and renders the pipe language: SQL with `{{ }}` and `{% %}`, read by tornado's template parser.

Tinybird's language is tornado's templates with its own functions. Only tornado's parser is used here: its parts are
walked, its compiled code never runs, so that a template has no way to Python. Owns control flow and the list of a
pipe's parameters.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypedDict

from tornado import template as tornado

from analytics.local.tinybird.query.expressions import Evaluator, TemplateSyntaxError, parse_expression
from analytics.local.tinybird.query.functions import functions_for
from analytics.local.tinybird.query.parameters import TYPES, Binder, PipeError, Undefined, missing
from analytics.local.tinybird.query.work_limit import TooMuchWork

_LONGEST_SOURCE = 200_000


class ParameterInfo(TypedDict, total=False):
    """A parameter as `/v0/pipes` lists it."""

    name: str
    type: str
    default: object
    description: str
    required: bool
    format: str
    example: object
    enum: object


@dataclass(frozen=True, slots=True)
class _Text:
    text: str


@dataclass(frozen=True, slots=True)
class _Output:
    expression: ast.expr
    source: str


@dataclass(frozen=True, slots=True)
class _Set:
    targets: tuple[str, ...]
    expression: ast.expr


@dataclass(frozen=True, slots=True)
class _If:
    branches: tuple[tuple[ast.expr | None, tuple[_Part, ...]], ...]


@dataclass(frozen=True, slots=True)
class _For:
    targets: tuple[str, ...]
    items: ast.expr
    body: tuple[_Part, ...]


_Part = _Text | _Output | _Set | _If | _For


class Template:
    """A parsed template, rendered once per request.

    Raises:
        TemplateSyntaxError: unbalanced blocks, a statement or an expression that the language does not have; a source
            too long or nested too deeply.
    """

    def __init__(self, source: str) -> None:
        if len(source) > _LONGEST_SOURCE:
            raise TemplateSyntaxError(
                f"a template is at most {_LONGEST_SOURCE} characters long: send long values as parameters"
            )
        reader = tornado._TemplateReader("template", source, "all")
        holder = tornado.Template("")  # carries settings that the parser may write to
        try:
            self._parts = _parts(tornado._parse(reader, holder))
        except tornado.ParseError as error:
            raise TemplateSyntaxError(str(error)) from None
        except RecursionError:
            raise TemplateSyntaxError("the template is nested too deeply") from None
        self.parameters = tuple(_parameters(self._parts))

    def render(self, arguments: Mapping[str, str], binder: Binder) -> str:
        """The SQL for a request, values left as placeholders whose contents `binder` holds.

        Raises:
            PipeError: a missing or bad parameter, too much work, or the template's own `error()`.
        """
        try:
            return _Rendering(arguments, binder).run(self._parts)
        except TooMuchWork as error:
            raise PipeError(str(error)) from None
        except RecursionError:
            raise PipeError(f"the template of {binder.work.template} is nested too deeply") from None


class _Rendering:
    """One rendering of a template for a request."""

    def __init__(self, arguments: Mapping[str, str], binder: Binder) -> None:
        self._binder = binder
        self._work = binder.work
        self._evaluator = Evaluator(arguments, functions_for(binder), self._work)

    def run(self, parts: tuple[_Part, ...]) -> str:
        return "".join(self._pieces(parts))

    def _pieces(self, parts: tuple[_Part, ...]) -> Iterator[str]:
        for part in parts:
            self._work.step()
            match part:
                case _Text(text):
                    self._work.add(text)
                    yield text
                case _Output(expression, source):
                    text = self._binder.render(self._evaluator.value(expression), source)
                    self._work.add(text)
                    yield text
                case _Set(targets, expression):
                    self._assign(targets, self._evaluator.value(expression))
                case _If(branches):
                    for condition, body in branches:
                        if condition is None or self._evaluator.value(condition):
                            yield from self._pieces(body)
                            break
                case _For(targets, items, body):
                    for item in self._items(items):
                        self._work.step()
                        self._assign(targets, item)
                        yield from self._pieces(body)

    def _items(self, expression: ast.expr) -> list[object]:
        items = self._evaluator.value(expression)
        if isinstance(items, Undefined):
            raise missing(items.name)
        if not isinstance(items, list):
            raise PipeError(f"{ast.unparse(expression)[:120]!r} is no array: split_to_array() makes one")
        return items

    def _assign(self, targets: tuple[str, ...], value: object) -> None:
        if len(targets) == 1:
            self._evaluator.variables[targets[0]] = value
            return
        if not isinstance(value, list) or len(value) != len(targets):
            raise PipeError(f"{', '.join(targets)} cannot be set from one value")
        self._evaluator.variables.update(zip(targets, value, strict=True))


def _parts(body: tornado._Node) -> tuple[_Part, ...]:
    parts: list[_Part] = []
    for chunk in body.each_child():
        match chunk:
            case tornado._Text():
                parts.append(_Text(chunk.value))
            case tornado._Module():
                raise TemplateSyntaxError("module is not allowed")
            case tornado._Expression(raw=False):
                parts.append(_Output(parse_expression(chunk.expression), chunk.expression))
            case tornado._Statement():
                parts.append(_assignment(chunk.statement))
            case tornado._ControlBlock():
                parts.append(_block(chunk))
            case _:
                word = type(chunk).__name__.strip("_").removesuffix("Block").lower()
                raise TemplateSyntaxError(f"{word} is not allowed")
    return tuple(parts)


def _assignment(statement: str) -> _Set:
    target, equals, expression = statement.partition("=")
    if not equals:
        raise TemplateSyntaxError(f"{statement[:80]!r} is not allowed: only set name = value")
    return _Set(_names(target), parse_expression(expression))


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(name.isidentifier() and not name.startswith("__") for name in names):
        raise TemplateSyntaxError(f"{text.strip()[:80]!r} cannot be set")
    return names


def _block(block: tornado._ControlBlock) -> _If | _For:
    operator, _, rest = block.statement.partition(" ")
    if operator == "if":
        return _If(tuple(_branches(rest, block.body)))
    if operator == "for":
        target, found, items = rest.partition(" in ")
        if not found:
            raise TemplateSyntaxError(f"{block.statement[:80]!r}: expected for name in array")
        return _For(_names(target), parse_expression(items), _parts(block.body))
    raise TemplateSyntaxError(f"{operator} is not allowed")


def _branches(condition: str, body: tornado._Node) -> Iterator[tuple[ast.expr | None, tuple[_Part, ...]]]:
    test: ast.expr | None = parse_expression(condition)
    chunks: list[tornado._Node] = []
    for chunk in body.each_child():
        if isinstance(chunk, tornado._IntermediateControlBlock):
            yield test, _parts(tornado._ChunkList(chunks))
            word, _, rest = chunk.statement.partition(" ")
            test = parse_expression(rest) if word == "elif" else None
            chunks = []
        else:
            chunks.append(chunk)
    yield test, _parts(tornado._ChunkList(chunks))


def _expressions(parts: tuple[_Part, ...]) -> Iterator[ast.expr]:
    for part in parts:
        match part:
            case _Output(expression, _) | _Set(_, expression):
                yield expression
            case _If(branches):
                for condition, body in branches:
                    if condition is not None:
                        yield condition
                    yield from _expressions(body)
            case _For(_, items, body):
                yield items
                yield from _expressions(body)


def _parameters(parts: tuple[_Part, ...]) -> Iterator[ParameterInfo]:
    typed = {*TYPES, "Array", "JSON", "column", "columns", "symbol", "split_to_array"}
    for expression in _expressions(parts):
        for call in ast.walk(expression):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in typed:
                first = call.args[0] if call.args else None
                if isinstance(first, ast.Name):
                    yield _parameter(call, call.func.id, first.id)


def _parameter(call: ast.Call, type_: str, name: str) -> ParameterInfo:
    info: ParameterInfo = {"name": name, "type": type_}
    positional = [argument.value for argument in call.args[1:] if isinstance(argument, ast.Constant)]
    if type_ == "Array" and positional:
        info["type"] = f"Array({positional.pop(0)!s})"
    if positional:
        info["default"] = positional[0]
    for keyword in call.keywords:
        if keyword.arg is not None and isinstance(keyword.value, ast.Constant | ast.List):
            try:
                value: object = ast.literal_eval(keyword.value)
            except (ValueError, TypeError, RecursionError):
                continue  # a list of something else than constants
            info[keyword.arg] = value  # type: ignore[literal-required]  # the language's own keywords
    info.setdefault("required", "default" not in info)
    return info
