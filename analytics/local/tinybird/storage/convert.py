"""Converts JSON values to those that ClickHouse reads, type by type; a value that does not fit raises `UNFIT`.

Text is never taken for a number, as on Tinybird; numbers and objects are taken for text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from analytics.local.tinybird.project.columns import INTEGER_BITS, bare

Value = object
"""A JSON value, as `json` gives it."""

UNFIT = (ValueError, ArithmeticError, RecursionError)
"""What converting raises for a value that does not fit: a date past the calendar is an OverflowError."""

FLOAT32_MAX = 3.4028235e38
_NESTED_TOO_DEEP = "(nested too deeply to be shown)"
_DATETIME_SECONDS = (0, 2**32 - 1)
_DATETIME64_SECONDS = (-2_208_988_800, 10_413_791_999)
"""The years 1900 to 2299."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIMESTAMP = re.compile(
    r"(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?|\d{8}T\d{4}(?:\d\d(?:[.,]\d+)?)?)"
    r"(?:[+-]\d\d(?::?\d\d)?|Z)?",
    re.ASCII,
)
_is_plain = re.compile(r"(?:19[7-9]\d|20\d\d|210[0-5])-\d\d-\d\d[T ]\d\d:\d\d:\d\d", re.ASCII).fullmatch
_NUMBER = re.compile(r"[+-]?\d{1,76}(\.\d{1,76})?([eE][+-]?\d{1,3})?", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def as_text(value: Value) -> str | None:
    """A value as text: text as it is, anything else as JSON; None for null. Always valid Unicode."""
    if value is None:
        return None
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        return _NESTED_TOO_DEEP
    return text.encode("utf-8", "replace").decode()


def converter(type_: str) -> Callable[[Value], Value]:
    """A function that converts a JSON value to what ClickHouse reads for `type_`, or raises one of `UNFIT`.

    `type_` is without `Nullable` and `LowCardinality`.
    """
    if type_.startswith("Array("):
        inner = converter(bare(type_.removeprefix("Array(").removesuffix(")")))
        return partial(_array, inner)
    if type_ in INTEGER_BITS:
        bits = INTEGER_BITS[type_]
        low, high = (0, 2**bits - 1) if type_.startswith("U") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        return partial(_integer, low, high, type_ == "UInt8")
    if type_.startswith("FixedString("):
        return partial(_fixed_string, int(type_[12:-1]))
    if type_.startswith("DateTime64"):
        low, high = _DATETIME64_SECONDS
        precision = int(found[1]) if (found := re.match(r"DateTime64\((\d)", type_)) else 3
        return partial(_timestamp, True, low, min(high, (2**63 - 1) // 10**precision))
    if type_.startswith("Decimal"):
        return _decimal
    scalars: dict[str, Callable[[Value], Value]] = {
        "String": _string,
        "Float32": partial(_float, FLOAT32_MAX),
        "Float64": partial(_float, math.inf),
        "Bool": _boolean,
        "Boolean": _boolean,
        "Date": _date,
        "Date32": _date,
        "UUID": _uuid,
    }
    return scalars.get(type_, partial(_timestamp, False, *_DATETIME_SECONDS))


def _string(value: Value) -> Value:
    if type(value) is str:
        return value
    text = as_text(value)
    if text is _NESTED_TOO_DEEP:
        raise ValueError
    return text


def _fixed_string(length: int, value: Value) -> Value:
    if isinstance(value, str) and len(value.encode()) <= length:
        return value
    raise ValueError


def _integer(low: int, high: int, takes_boolean: bool, value: Value) -> Value:
    if type(value) is int and low <= value <= high:
        return value
    if takes_boolean and isinstance(value, bool):
        return int(value)
    raise ValueError


def _float(limit: float, value: Value) -> Value:
    if (type(value) is float or type(value) is int) and -limit <= value <= limit and math.isfinite(value):
        return value
    raise ValueError


def _boolean(value: Value) -> Value:
    if isinstance(value, bool) or (type(value) is int and value in (0, 1)):
        return bool(value)
    raise ValueError


def _decimal(value: Value) -> Value:
    if isinstance(value, int | float | str) and not isinstance(value, bool) and _NUMBER.fullmatch(str(value)):
        return str(value)
    raise ValueError


def _date(value: Value) -> Value:
    if isinstance(value, str) and _DATE.fullmatch(value):
        return datetime.fromisoformat(value).date().isoformat()
    raise ValueError


def _uuid(value: Value) -> Value:
    if isinstance(value, str) and _UUID.fullmatch(value):
        return value
    raise ValueError


def _array(convert: Callable[[Value], Value], value: Value) -> Value:
    if isinstance(value, list):
        return [convert(item) for item in value]
    raise ValueError


def _timestamp(keeps_fraction: bool, earliest: int, latest: int, value: Value) -> Value:
    """UTC as ClickHouse writes it; from ISO 8601, `YYYY-MM-DD hh:mm:ss` or Unix seconds; no timezone means UTC."""
    if type(value) is str:
        if _is_plain(value):
            datetime.fromisoformat(value)  # raises ValueError for a day or an hour that does not exist
            return value.replace("T", " ", 1)
        upper = value.upper()
        if not _TIMESTAMP.fullmatch(upper):
            raise ValueError
        moment = datetime.fromisoformat(upper)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        if not earliest <= math.floor(moment.timestamp()) <= latest:
            raise ValueError
        text = moment.isoformat(" ")
        return text.removesuffix("+00:00") if keeps_fraction else text[:19]
    if type(value) is int and earliest <= value <= latest:
        return datetime.fromtimestamp(value, UTC).isoformat(" ")[:19]
    raise ValueError
