"""Functions of the pipe language: typed parameters, columns, errors, arrays.

One instance serves one rendering. This module must not know about SQL execution.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Final

from analytics.local.tinybird.query.expressions import Function
from analytics.local.tinybird.query.parameters import (
    ABSENT,
    TYPES,
    Argument,
    Binder,
    PipeError,
    Sql,
    Undefined,
    convert,
    convert_items,
    missing,
    quote_identifier,
)

_DESCRIPTIONS: Final = frozenset({"description", "required", "format", "example", "enum"})


def functions_for(binder: Binder) -> Mapping[str, Function]:
    """Every function that a template may call, by name; `binder` takes the values of `sql_and`."""
    parameters: dict[str, Function] = {
        **{type_: partial(_typed, type_) for type_ in TYPES},
        "Array": partial(_array, binder),
        "JSON": _json,
        "columns": partial(_columns, binder),
        **dict.fromkeys(("column", "symbol", "table"), _column),
    }
    return {name: _described(function) for name, function in parameters.items()} | {
        "defined": _defined,
        "error": _error,
        "custom_error": _custom_error,
        "split_to_array": partial(_split_to_array, binder),
        "enumerate_with_last": partial(_enumerate_with_last, binder),
        "sql_and": partial(_sql_and, binder),
        "max_threads": partial(_hint, "max_threads"),
        "cache_ttl": partial(_hint, "cache_ttl"),
        "backend_hint": partial(_hint, "backend_hint"),
        "len": _length,
        "range": partial(_range, binder),
        "enumerate": lambda items: [list(pair) for pair in enumerate(_items(binder, items))],
        "min": min,
        "max": max,
        "int": lambda value: int(_given(value)),
        "float": lambda value: float(_given(value)),
        "list": partial(_items, binder),
    }


def _given(value: object) -> str:
    if isinstance(value, Undefined):
        raise missing(value.name)
    return value  # type: ignore[return-value]  # whatever int(), float() or list() accept; the rest is a TypeError


def _value_or_default(value: object, default: object) -> object:
    if not isinstance(value, Undefined):
        return value
    if default is ABSENT or default is None or isinstance(default, Undefined):
        raise missing(value.name)
    return Argument(value.name, default) if isinstance(default, str) else default


def _described(function: Function) -> Function:
    """The function without the keywords that only describe a parameter."""

    def call(*arguments: object, **keywords: object) -> object:
        return function(
            *arguments, **{name: each for name, each in keywords.items() if name not in _DESCRIPTIONS}
        )

    return call


def _typed(type_: str, value: object, default: object = ABSENT) -> object:
    if isinstance(value, Undefined) and default is ABSENT and type_ == "Boolean":
        return 0
    return convert(_value_or_default(value, default), type_)


def _array(binder: Binder, value: object, type_: object = "String", default: object = ABSENT) -> list[object]:
    if not isinstance(type_, str) or type_ not in TYPES:
        raise PipeError(f"Array of {str(type_)[:80]}: unknown type")
    return convert_items(_value_or_default(value, default), type_, binder.work)


def _json(value: object, default: object = ABSENT) -> object:
    text = _value_or_default(value, default)
    try:
        return json.loads(str(text))
    except (ValueError, RecursionError):
        named = f" of parameter '{text.name}'" if isinstance(text, Argument) else ""
        raise PipeError(f"Error validating the value{named} to type JSON") from None


def _column(value: object, default: object = ABSENT) -> Sql:
    return quote_identifier(str(_value_or_default(value, default)))


def _columns(binder: Binder, value: object, default: object = ABSENT) -> Sql:
    names = convert_items(_value_or_default(value, default), "String", binder.work)
    return Sql(",".join(quote_identifier(str(name).strip()) for name in names))


def _defined(value: object = None) -> bool:
    return value is not None and not isinstance(value, Undefined)


def _error(message: object, code: object = 400) -> object:
    raise PipeError(str(message))


def _custom_error(body: object, code: object = 400) -> object:
    status = code if isinstance(code, int) and 400 <= code <= 599 else 400
    if isinstance(body, dict):
        try:
            text = json.dumps(body, default=str, ensure_ascii=False, allow_nan=False)
        except ValueError:
            raise PipeError("custom_error() takes what JSON can hold: a number is not finite") from None
        text = text.encode("utf-8", "replace").decode()
        raise PipeError(text, status, json.loads(text))
    raise PipeError(str(body), status)


def _split_to_array(
    binder: Binder, value: object, default: object = "", separator: str = ","
) -> list[object]:
    text = default if isinstance(value, Undefined) else value
    return convert_items(text, "String", binder.work, separator or ",")


def _items(binder: Binder, value: object) -> list[object]:
    given: object = _given(value)
    if not isinstance(given, str | list | dict):
        raise PipeError("a list can only be made of text or an array")
    binder.work.expect_items(len(given))
    return list(given)


def _enumerate_with_last(binder: Binder, items: object) -> list[object]:
    listed = _items(binder, items)
    return [[index == len(listed) - 1, item] for index, item in enumerate(listed)]


def _sql_and(binder: Binder, **conditions: object) -> Sql:
    operators = {"in": "in", "not_in": "not in", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
    parts = []
    for key, value in conditions.items():
        if isinstance(value, Undefined):
            continue
        name, _, suffix = key.rpartition("__")
        if suffix not in operators or not name:
            name, suffix = key, "="
        parts.append(f"{quote_identifier(name)} {operators.get(suffix, suffix)} {binder.render(value, key)}")
    return Sql(" and ".join(parts) or "1")


def _hint(name: str, value: object) -> Sql:
    return Sql("")


def _length(value: object) -> int:
    if isinstance(value, Undefined):
        raise missing(value.name)
    if isinstance(value, str | list | dict):
        return len(value)
    raise PipeError("len() takes text or an array")


def _range(binder: Binder, *bounds: int) -> list[object]:
    numbers = range(*bounds)
    binder.work.expect_items(len(numbers))
    return list(numbers)
