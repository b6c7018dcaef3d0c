"""Values of the pipe language: parameters of a request, their typed values, their form in SQL.

A value never becomes SQL text. `Binder` hands every string to ClickHouse as a query parameter and leaves a
placeholder in the SQL; numbers of the template's own arithmetic are written as digits. This module must not know
about templates or pipes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from analytics.local.tinybird.project.columns import INTEGER_BITS
from analytics.local.tinybird.query.work_limit import WorkLimit

ABSENT: Final = object()
"""Marks an argument that a typed function was not given."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,80}")
_FLOAT = re.compile(r"[+-]?([0-9]++\.?[0-9]*+|\.[0-9]++)([eE][+-]?[0-9]{1,4})?")
_DATETIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_DATETIME64 = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d{1,9}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

TYPES: Final = (*INTEGER_BITS, "Float32", "Float64", "String", "Boolean", "DateTime", "DateTime64", "Date")


class PipeError(ValueError):
    """A request that a pipe refuses: a missing or bad parameter, or its own `error()`.

    Attributes:
        status: HTTP status, 400 unless the pipe chose another.
        body: JSON answer of `custom_error`; None for the usual `{"error": message}`.
    """

    def __init__(self, message: str, status: int = 400, body: dict[str, object] | None = None) -> None:
        super().__init__(message.encode("utf-8", "backslashreplace").decode())
        self.status = status
        self.body = body


class Repeated(str):
    """Values sent several times under one name, joined by commas: the elements of an array."""

    __slots__ = ()


class Argument(str):
    """The text a request sent for the parameter `name`; `is_repeated` when it was sent several times."""

    __slots__ = ("is_repeated", "name")
    name: str
    is_repeated: bool

    def __new__(cls, name: str, value: str) -> Argument:
        """Text that knows the parameter it was sent for."""
        made = super().__new__(cls, value)
        made.name = name
        made.is_repeated = isinstance(value, Repeated)
        return made


class Moment(str):
    """The text of a `DateTime` or `Date` parameter, which templates compare by the time that it says."""

    __slots__ = ("instant",)
    instant: datetime

    def __new__(cls, text: str, instant: datetime) -> Moment:
        """Text that knows its instant."""
        made = super().__new__(cls, text)
        made.instant = instant
        return made


class Undefined:
    """A parameter that the request did not send, or a name that nothing set."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return f"Undefined({self.name!r})"


class Sql(str):
    """SQL text that needs no escaping: quoted identifiers and comments, never a value."""

    __slots__ = ()


class TypedInt(int):
    """An integer that reaches SQL as `toInt32('5')`, as Tinybird writes it; arithmetic gives a plain int."""

    type: str

    def __new__(cls, value: int, type_: str) -> TypedInt:
        """An integer with its ClickHouse type."""
        made = super().__new__(cls, value)
        made.type = type_
        return made


class TypedFloat(float):
    """A float that reaches SQL as `toFloat32('0.5')`; arithmetic gives a plain float."""

    type: str

    def __new__(cls, value: float, type_: str) -> TypedFloat:
        """A float with its ClickHouse type."""
        made = super().__new__(cls, value)
        made.type = type_
        return made


class Binder:
    """Collects the values of one query.

    Attributes:
        parameters: What ClickHouse is given beside the SQL.
        work: What the templates of the query have cost.
    """

    def __init__(self) -> None:
        self.parameters: dict[str, str] = {}
        self.work = WorkLimit()

    def render(self, value: object, what: str) -> str:
        """The SQL that stands for `value`.

        Raises:
            PipeError: the value has no SQL form (nothing, a dictionary, an infinite number).
        """
        match value:
            case Sql():
                return value
            case Argument(is_repeated=True):
                raise repeated(value)
            case str():
                return self._bind("String", escape_text(value))
            case TypedInt() | TypedFloat():
                text = repr(float(value)) if isinstance(value, TypedFloat) else str(int(value))
                return f"to{value.type}({self._bind('String', text)})"
            case bool():
                return "true" if value else "false"
            case int():
                return str(value)
            case float() if math.isfinite(value):
                return repr(value)
            case list() | tuple() if value and all(isinstance(item, str) for item in value):
                items = ",".join("'" + escape_text(item).replace("'", "\\'") + "'" for item in value)
                return self._bind("Array(String)", f"[{items}]")
            case list() | tuple():
                return f"[{','.join(self.render(item, what) for item in value)}]"
            case Undefined():
                raise missing(value.name)
            case _:
                raise PipeError(f"the expression {what!r} has no value that SQL can hold")

    def _bind(self, type_: str, escaped: str) -> str:
        try:
            escaped.encode()
        except UnicodeEncodeError:
            raise PipeError("a parameter is not valid Unicode text") from None
        self.work.add(escaped)
        name = f"tb_{len(self.parameters)}"
        self.parameters[name] = escaped
        return f"{{{name}:{type_}}}"


def escape_text(value: str) -> str:
    r"""Text as ClickHouse reads a query parameter back: backslash, tab, line ends and NUL escaped.

    >>> escape_text("a\\b\n")
    'a\\\\b\\n'
    """
    return (
        value.replace("\\", "\\\\")
        .replace("\t", "\\t")
        .replace("\n", "\\n")
        .replace("\r", "\\r")
        .replace("\0", "\\0")
    )


def missing(name: str) -> PipeError:
    """The refusal of a request without a parameter that has no default."""
    return PipeError(f"Required parameter '{name}' is not defined: send a value for it")


def repeated(value: Argument) -> PipeError:
    """The refusal of several values where one is read."""
    return PipeError(f"The parameter '{value.name}' was sent more than once: it is no array")


def convert(value: object, type_: str) -> object:
    """`value` as the typed function `type_` gives it.

    Dates stay text, as on Tinybird, as a `Moment`; numbers become `TypedInt` and `TypedFloat`; `Boolean` becomes 0 or 1.

    Raises:
        PipeError: the value is not of that type; names the parameter.
    """
    if isinstance(value, Undefined):
        raise missing(value.name)
    if isinstance(value, list | tuple | dict):
        raise PipeError(f"a list or an object has no type {type_}")
    if isinstance(value, Argument) and value.is_repeated:
        raise repeated(value)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if type_ == "String":
        return text
    if type_ == "Boolean":
        return 0 if text.strip().lower() in {"", "0", "false", "none"} else 1
    if type_ in INTEGER_BITS and _INTEGER.fullmatch(text):
        number, bits = int(text), INTEGER_BITS[type_]
        low, high = (0, 2**bits) if type_.startswith("U") else (-(2 ** (bits - 1)), 2 ** (bits - 1))
        if low <= number < high:
            return TypedInt(number, type_)
    if type_.startswith("Float") and _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return TypedFloat(float(text), type_)
    if type_.startswith("Date") and (instant := _instant(text, type_)) is not None:
        return Moment(text, instant)
    named = f" of parameter '{value.name}'" if isinstance(value, Argument) else ""
    raise PipeError(f"Error validating the value {text[:80]!r}{named} to type {type_}")


def convert_items(value: object, type_: str, work: WorkLimit, separator: str = ",") -> list[object]:
    """The elements of an `Array` parameter: text is cut at `separator`, lists are taken as they are.

    Raises:
        PipeError: as `convert`.
        TooMuchWork: there are too many.

    >>> convert_items("a,b", "String", WorkLimit())
    ['a', 'b']
    """
    if isinstance(value, Undefined):
        raise missing(value.name)
    if not isinstance(value, list | tuple):
        work.expect_items(str(value).count(separator))
    items: Sequence[object] = value if isinstance(value, list | tuple) else str(value).split(separator)
    if isinstance(value, Argument):
        items = [Argument(value.name, str(item)) for item in items]  # each is one value now
    converted = [convert(item, type_) for item in items]
    return [int(item) if isinstance(item, TypedInt) else item for item in converted]


def quote_identifier(name: str) -> Sql:
    """A name as ClickHouse quotes it.

    Raises:
        PipeError: the name is empty or holds a control character.
    """
    if not name or any(character < " " or character == "\x7f" for character in name):
        raise PipeError(f"{name[:80]!r} is no column name")
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return Sql(f"`{escaped}`")


def _instant(text: str, type_: str) -> datetime | None:
    """The instant of a date text, UTC without an offset; None when the text is not of that type."""
    pattern = {"DateTime": _DATETIME, "DateTime64": _DATETIME64, "Date": _DATE}[type_]
    if not pattern.fullmatch(text):
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
