"""Reads the columns of a data source: name, type, JSON path, default (the grammar inside `SCHEMA >`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

EACH = "[:]"
"""Step of a JSON path that stands for every element of an array."""

INTEGER_BITS: Final = {f"{sign}Int{bits}": bits for bits in (8, 16, 32, 64, 128, 256) for sign in ("", "U")}
"""Every integer type, and how many bits it has."""

_NAME = re.compile(r"`?([A-Za-z_][A-Za-z0-9_]*)`?\s+")
_JSON_PATH = re.compile(r"`json:(?P<path>[^`]*)`")
_STEP = re.compile(r"\.(?P<key>[^.\[\]]+)|\['(?P<quoted>[^']+)'\]|(?P<each>\[:\])")
_SCALARS = re.compile(
    r"String|FixedString\(\d+\)|U?Int(8|16|32|64|128|256)|Float(32|64)|Bool|Boolean|UUID|Date|Date32"
    r"|DateTime(\('[\w/+-]+'\))?|DateTime64(\(\d(,\s*'[\w/+-]+')?\))?|Decimal\(\d+,\s*\d+\)"
)


class SchemaError(ValueError):
    """A column that cannot be read; names the column."""


@dataclass(frozen=True, slots=True)
class SchemaColumn:
    """One column.

    Attributes:
        type: ClickHouse type as written, wrappers included.
        json_path: Keys from the event's root; `EACH` for all elements. The column's name when the file gives none.
        default: SQL expression taken for an absent or null value; None when there is none.
        codec: `CODEC(...)` as written; None when there is none.
    """

    name: str
    type: str
    json_path: tuple[str, ...]
    default: str | None = None
    codec: str | None = None

    @property
    def ddl(self) -> str:
        """The column as `CREATE TABLE` has it."""
        default = "" if self.default is None else f" DEFAULT {self.default}"
        return f"`{self.name}` {self.type}{default}{' ' + self.codec if self.codec else ''}"

    @property
    def bare_type(self) -> str:
        """The type without `Nullable` and `LowCardinality`."""
        return bare(self.type)

    @property
    def is_nullable(self) -> bool:
        """Whether null is a value of the column."""
        return "Nullable(" in self.type and not self.type.startswith("Array(")

    @property
    def may_be_absent(self) -> bool:
        """Whether a row may lack a value: it is null then, or the default."""
        return self.is_nullable or self.default is not None


def parse_schema(text: str) -> tuple[SchemaColumn, ...]:
    """The columns of a `SCHEMA >` block, in order.

    >>> [column.json_path for column in parse_schema("a Int32 `json:$.x.y`, b Array(String) `json:$.b[:]`")]
    [('x', 'y'), ('b', '[:]')]

    Raises:
        SchemaError: no column, one that is written twice, or one with an unknown type or clause.
    """
    columns = [_column(part.strip()) for part in _split(text) if part.strip()]
    for index, column in enumerate(columns):
        if any(other.name == column.name for other in columns[:index]):
            raise SchemaError(f"column {column.name} is declared twice")
    if not columns:
        raise SchemaError("SCHEMA has no columns")
    return tuple(columns)


def _column(text: str) -> SchemaColumn:
    named = _NAME.match(text)
    if named is None:
        raise SchemaError(f"expected `name` Type, found {text[:60]!r}")
    name = named[1]
    words = list(_words(text[named.end() :]))
    type_ = words.pop(0) if words else ""
    if not _is_known(type_):
        raise SchemaError(f"column {name}: the type {type_ or '(none)'} does not run here")
    path: tuple[str, ...] = (name,)
    default: str | None = None
    codec: str | None = None
    while words:
        word = words.pop(0)
        if found := _JSON_PATH.fullmatch(word):
            path = _json_path(found["path"], name)
        elif word.upper() == "DEFAULT" and words:
            expression = []
            while words and not _JSON_PATH.fullmatch(words[0]) and not words[0].upper().startswith("CODEC("):
                expression.append(words.pop(0))
            default = " ".join(expression)
        elif word.upper().startswith("CODEC("):
            codec = word
        else:
            raise SchemaError(f"column {name}: {word!r} is unknown here")
    return SchemaColumn(name, type_, path, default, codec)


def _json_path(text: str, column: str) -> tuple[str, ...]:
    steps, position = [], 1
    while position < len(text):
        found = _STEP.match(text, position)
        if found is None:
            break
        steps.append(found["key"] or found["quoted"] or EACH)
        position = found.end()
    if not text.startswith("$") or position < len(text) or not steps:
        raise SchemaError(f"column {column}: the JSON path {text!r} is not understood")
    return tuple(steps)


def bare(type_: str) -> str:
    """A type without `Nullable` and `LowCardinality`.

    >>> bare("LowCardinality(Nullable(String))")
    'String'
    """
    for wrapper in ("Nullable(", "LowCardinality("):
        if type_.startswith(wrapper):
            return bare(type_.removeprefix(wrapper).removesuffix(")"))
    return type_


def _is_known(type_: str) -> bool:
    plain = bare(type_)
    if plain.startswith("Array(") and plain.endswith(")"):
        return _is_known(plain.removeprefix("Array(").removesuffix(")"))
    return _SCALARS.fullmatch(plain) is not None


def _split(text: str, *, at_spaces: bool = False) -> Iterator[str]:
    """Parts between top-level commas, or between top-level white space; quotes and brackets stay whole."""
    depth, quote, part = 0, "", ""
    previous = ""
    for character in text:
        if quote:
            quote = "" if character == quote and previous != "\\" else quote
        elif character in "`'\"":
            quote = character
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        ends = character.isspace() if at_spaces else character == ","
        if ends and depth == 0 and not quote:
            yield part
            part = ""
        else:
            part += character
        previous = character
    yield part


def _words(text: str) -> Iterator[str]:
    return (word for word in _split(text, at_spaces=True) if word)
