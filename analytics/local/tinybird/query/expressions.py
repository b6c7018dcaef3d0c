"""Evaluates the expressions of a template: Python's grammar with few of its operations.

The expression is parsed and walked; nothing is compiled or executed. No attribute but a few text methods, no
subscript of anything but text and lists, no call of anything but the functions given. Work is bounded.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping

from analytics.local.tinybird.query.parameters import Argument, Moment, PipeError, Sql, Undefined, missing
from analytics.local.tinybird.query.work_limit import WorkLimit

Function = Callable[..., object]

_TEXT_METHODS = ("startswith", "endswith", "split", "lower", "upper", "strip")
_COMPARE: Mapping[type[ast.cmpop], Callable[[object, object], object]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,  # type: ignore[dict-item]  # values of unknown type: a TypeError is reported
    ast.LtE: operator.le,  # type: ignore[dict-item]  # as above
    ast.Gt: operator.gt,  # type: ignore[dict-item]  # as above
    ast.GtE: operator.ge,  # type: ignore[dict-item]  # as above
    ast.In: lambda item, container: item in container,  # type: ignore[operator]  # as above
    ast.NotIn: lambda item, container: item not in container,  # type: ignore[operator]  # as above
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_ON_TEXT = (ast.In, ast.NotIn, ast.Is, ast.IsNot)
_LARGEST_NUMBER = 2**256
_SHOWN = 120


class TemplateSyntaxError(ValueError):
    """A template that cannot run, whatever a request sends."""


def parse_expression(source: str) -> ast.expr:
    """The syntax tree of an expression, which may span lines.

    Raises:
        TemplateSyntaxError: not an expression, or one with parts that templates do not have.
    """
    try:
        tree = ast.parse(f"(\n{source}\n)", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise TemplateSyntaxError(f"{source[:80]!r} is no expression") from None
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED):
            raise TemplateSyntaxError(f"{type(node).__name__} is not allowed in {source[:80]!r}")
        if isinstance(node, ast.Attribute) and node.attr not in _TEXT_METHODS:
            raise TemplateSyntaxError(f".{node.attr} is not allowed in {source[:80]!r}")
        if isinstance(node, ast.Constant) and not _is_value(node.value):
            raise TemplateSyntaxError(f"a constant is not allowed in {source[:80]!r}")
        if isinstance(node, ast.Name) and node.id.startswith("__"):
            raise TemplateSyntaxError(f"{node.id} is not allowed in {source[:80]!r}")
        if isinstance(node, ast.Call) and not isinstance(node.func, ast.Name | ast.Attribute):
            raise TemplateSyntaxError(f"only functions can be called in {source[:80]!r}")
    return tree


def _is_value(constant: object) -> bool:
    if isinstance(constant, int):
        return constant <= _LARGEST_NUMBER
    return constant is None or isinstance(constant, str | float)


def _shown(node: ast.expr) -> str:
    return repr(ast.unparse(node)[:_SHOWN])


_ALLOWED = (
    *(ast.Constant, ast.Name, ast.Load, ast.List, ast.Tuple, ast.Dict),
    *(ast.Call, ast.keyword, ast.Attribute, ast.Subscript, ast.IfExp),
    *(ast.Compare, ast.cmpop, ast.BoolOp, ast.boolop, ast.UnaryOp, ast.unaryop, ast.BinOp, ast.operator),
)


def _compare(operation: ast.cmpop, left: object, right: object) -> object:
    if isinstance(left, Moment) and isinstance(right, Moment) and not isinstance(operation, _ON_TEXT):
        left, right = left.instant, right.instant
    return _COMPARE[type(operation)](left, right)


class Evaluator:
    """Evaluates parsed expressions against a request's arguments and the template's own variables."""

    def __init__(
        self, arguments: Mapping[str, str], functions: Mapping[str, Function], work: WorkLimit
    ) -> None:
        self.variables: dict[str, object] = {name: Argument(name, value) for name, value in arguments.items()}
        self._functions = functions
        self._work = work

    def value(self, node: ast.expr) -> object:
        """The value of the expression.

        Raises:
            PipeError: the request's values do not fit (a missing parameter, text compared with a number).
            TooMuchWork: it takes too long or gives too much.
        """
        self._work.step()
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                return self.variables.get(node.id, Undefined(node.id))
            case ast.Call() | ast.BinOp() | ast.List() | ast.Tuple() | ast.Dict():
                made = self._made(node)
                self._work.add(made)
                return made
            case ast.IfExp():
                return self.value(node.body if self.value(node.test) else node.orelse)
            case ast.BoolOp():
                return self._boolean(node)
            case ast.Compare():
                return self._comparison(node)
            case ast.UnaryOp():
                return self._unary(node)
            case ast.Subscript():
                return self._item(node)
            case _:
                raise PipeError(f"{_shown(node)} cannot be evaluated")

    def _made(self, node: ast.Call | ast.BinOp | ast.List | ast.Tuple | ast.Dict) -> object:
        match node:
            case ast.Call():
                return self._call(node)
            case ast.BinOp():
                return self._arithmetic(node)
            case ast.Dict():
                return {
                    str(self.value(key)): self.value(value)
                    for key, value in zip(node.keys, node.values, strict=True)
                    if key
                }
            case _:
                return [self.value(item) for item in node.elts]

    def _call(self, node: ast.Call) -> object:
        arguments = [self.value(argument) for argument in node.args]
        keywords = {
            keyword.arg: self.value(keyword.value) for keyword in node.keywords if keyword.arg is not None
        }
        if isinstance(node.func, ast.Attribute):
            subject = self.value(node.func.value)
            if isinstance(subject, Undefined):
                raise missing(subject.name)
            if not isinstance(subject, str) or isinstance(subject, Sql):
                raise PipeError(f"{_shown(node.func.value)} is not text")
            function: Function = getattr(str(subject), node.func.attr)
        else:
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            if name not in self._functions:
                raise PipeError(f"Invalid function name: {name}")
            function = self._functions[name]
        try:
            return function(*arguments, **keywords)
        except PipeError:
            raise
        except (TypeError, AttributeError, ValueError, OverflowError) as error:
            raise PipeError(f"{_shown(node)} cannot be called so: {str(error)[:_SHOWN]}") from None

    def _boolean(self, node: ast.BoolOp) -> object:
        result: object = None
        for operand in node.values:
            result = self.value(operand)
            if bool(result) is isinstance(node.op, ast.Or):
                break
        return result

    def _comparison(self, node: ast.Compare) -> bool:
        left = self._comparable(node.left, node.ops[0])
        for operation, comparator in zip(node.ops, node.comparators, strict=True):
            right = self._comparable(comparator, operation)
            try:
                holds = _compare(operation, left, right)
            except TypeError as error:
                raise PipeError(f"{_shown(node)} cannot be compared: {error}") from None
            if not holds:
                return False
            left = right
        return True

    def _comparable(self, node: ast.expr, operation: ast.cmpop) -> object:
        value = self.value(node)
        if not isinstance(value, Undefined):
            return value
        if isinstance(operation, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
            raise missing(value.name)
        return None

    def _unary(self, node: ast.UnaryOp) -> object:
        value = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            return not value
        number = self._number(value, node)
        return -number if isinstance(node.op, ast.USub) else number

    def _arithmetic(self, node: ast.BinOp) -> object:
        left, right = self.value(node.left), self.value(node.right)
        for operand in (left, right):
            if isinstance(operand, Undefined):
                raise missing(operand.name)
        if isinstance(left, str) and isinstance(right, str) and isinstance(node.op, ast.Add):
            return str(left) + str(right)
        operation = _ARITHMETIC.get(type(node.op))
        if operation is None:
            raise PipeError(f"{_shown(node)} cannot be calculated")
        try:
            result = operation(self._number(left, node), self._number(right, node))
        except (ZeroDivisionError, OverflowError) as error:
            raise PipeError(f"{_shown(node)} cannot be calculated: {error}") from None
        if abs(result) > _LARGEST_NUMBER:
            raise PipeError(f"{_shown(node)} is too large")
        return result

    @staticmethod
    def _number(value: object, node: ast.expr) -> float:
        if isinstance(value, Undefined):
            raise missing(value.name)
        if not isinstance(value, int | float):
            raise PipeError(f"{_shown(node)} is no number")
        return value

    def _item(self, node: ast.Subscript) -> object:
        container, key = self.value(node.value), self.value(node.slice)
        try:
            if isinstance(container, dict):
                return container[str(key)]
            if isinstance(container, list | str) and isinstance(key, int):
                return container[key]
        except LookupError:
            pass
        raise PipeError(f"{_shown(node)} has no such item")
