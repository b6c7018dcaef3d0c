"""Decodes the usual events of a data source in one call; the fast path of `rows`.

It refuses nothing: when an event has a value of another type or lacks a needed one, the call fails and `rows` checks the
events one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import GenericAlias
from typing import Annotated, Any, Final

import msgspec

from analytics.local.tinybird.project.columns import SchemaColumn
from analytics.local.tinybird.storage.convert import FLOAT32_MAX, Value, converter

_Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Float32 = _Whole | Annotated[float, msgspec.Meta(ge=-FLOAT32_MAX, le=FLOAT32_MAX)]
_Float64 = _Whole | float
_READ_AS: Final[dict[str, tuple[object, object]]] = {
    "String": (str, str | None),
    "Float32": (_Float32, _Float32 | None),
    "Float64": (_Float64, _Float64 | None),
}
"""JSON type, and the same for a value that may be absent, of the columns that take such a value as it is."""

_ANY: Final[tuple[object, object]] = (Any, Any)
_NEVER_IN_A_KEY: Final = {'"', "\\"}


class RowDecoder:
    """Decodes events of columns that each have a key of their own.

    Attributes:
        keys: The keys, in column order.
        conversions: Positions of values to convert, with a function that converts or raises `UNFIT`.
    """

    def __init__(self, columns: tuple[SchemaColumn, ...]) -> None:
        self.keys = tuple(column.json_path[0] for column in columns)
        self.conversions: list[tuple[int, Callable[[Value], Value]]] = []
        fields: list[tuple[str, object] | tuple[str, object, None]] = []
        for position, column in enumerate(columns):
            type_, or_none = _READ_AS.get(column.bare_type, _ANY)
            fields.append(
                (f"c{position}", or_none, None) if column.may_be_absent else (f"c{position}", type_)
            )
            if type_ is Any:
                convert = converter(column.bare_type)
                self.conversions.append(
                    (position, partial(_unless_absent, convert) if column.may_be_absent else convert)
                )
        event = msgspec.defstruct(
            "Event",
            fields,
            rename={f"c{position}": key for position, key in enumerate(self.keys)},
            kw_only=True,  # an optional one may come before one that is needed
            gc=False,  # JSON has no cycles
        )
        self._decoder = msgspec.json.Decoder(GenericAlias(list, event))

    def read(self, array: bytes) -> list[object]:
        """The events of a JSON array, as structs with a value for each column.

        Raises:
            ValueError: it is no JSON array, or one of its elements does not fit.
            RecursionError: a value is nested too deeply.
        """
        events: list[object] = self._decoder.decode(array)
        return events


def row_decoder(columns: tuple[SchemaColumn, ...]) -> RowDecoder | None:
    """The decoder; None when columns are nested or share a key, or a key needs escaping."""
    keys = {column.json_path[0] for column in columns if len(column.json_path) == 1}
    is_odd = any(not key.isprintable() or _NEVER_IN_A_KEY & set(key) for key in keys)
    return None if is_odd or len(keys) < len(columns) else RowDecoder(columns)


def _unless_absent(convert: Callable[[Value], Value], value: Value) -> Value:
    return None if value is None else convert(value)
