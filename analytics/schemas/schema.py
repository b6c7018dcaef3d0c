"""A promise: the columns of a pipe or query, each with type, unit and whether it may be empty; checked on arrival."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import pandas as pd

from analytics.errors import SchemaMismatch, Source
from analytics.numbers import measure, whole_number

Dtype = Literal["string", "int", "float", "bool", "datetime", "counts"]

YEARS: Final = (1900, 2299)
"""What ClickHouse can store. A time beyond it cannot be shown in every timezone."""

_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
PERIODS: frozenset[str] = frozenset({"current", "previous"})


@dataclass(frozen=True, slots=True)
class Column:
    """A promised column.

    Attributes:
        name: As it arrives.
        dtype: `int` is a count, never negative; it and `float` become int64 and float64, `datetime` aware UTC, `string`
            pandas' string type, `counts` a tuple of counts in each row. Numbers are bounded as `analytics.numbers`
            says.
        meaning: One phrase, with the unit when it has one.
        is_nullable: True when "not observable" is a possible answer (NaN, NaT; never 0). Such a count is a `float`.
    """

    name: str
    dtype: Dtype
    meaning: str
    is_nullable: bool = False


@dataclass(frozen=True, slots=True)
class Schema:
    """What a pipe or query promises.

    Attributes:
        source: Where it comes from.
        resource: The pipe's or query's name.
        columns: In order.
    """

    source: Source
    resource: str
    columns: tuple[Column, ...]

    def frame(self, names: Iterable[str], rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
        """The rows as a frame with exactly the promised columns, typed.

        No rows give an empty frame that still has the columns and their types.

        Args:
            names: Columns that the answer declares, also when it has no row.
            rows: The answer.

        Raises:
            SchemaMismatch: A column is not there, is null without being nullable, or has another type.
        """
        declared = set(names)
        missing = [column.name for column in self.columns if column.name not in declared]
        if missing:
            raise self.mismatch(f"it has no {', '.join(missing)}")
        return pd.DataFrame({column.name: self._series(column, rows) for column in self.columns})

    def periods(self, names: Iterable[str], rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
        """The same for an answer with one row per period, indexed by `current` and `previous`.

        Raises:
            SchemaMismatch: As for `frame`, or the two rows are not there exactly once.
        """
        frame = self.frame(names, rows)
        if sorted(frame["period"]) != sorted(PERIODS):
            raise self.mismatch("it has not exactly one row for each of the two periods")
        return frame.set_index("period")

    def _series(self, column: Column, rows: Sequence[Mapping[str, object]]) -> pd.Series:
        values = [row.get(column.name) for row in rows]
        if not column.is_nullable and any(value is None for value in values):
            raise self.mismatch(f"{column.name} is empty in a row")
        try:
            return _typed(column.dtype, values)
        except (ValueError, TypeError, OverflowError):
            raise self.mismatch(f"{column.name} is not of type {column.dtype}") from None

    def mismatch(self, found: str) -> SchemaMismatch:
        """The error to raise for an answer that is not as expected; `found` says what is wrong with it."""
        owner, remedy = (
            ("Tinybird", "The deployed pipe is not this dashboard's: deploy the tinybird/ project.")
            if self.source == "tinybird"
            else ("Postgres", "The database's schema is not the one this dashboard was written for.")
        )
        return SchemaMismatch(
            f"{owner}'s answer is not as expected: {found}.",
            remedy,
            source=self.source,
            resource=self.resource,
        )


def _typed(dtype: Dtype, values: list[object]) -> pd.Series:
    if dtype == "string":
        if not all(value is None or isinstance(value, str) for value in values):
            raise ValueError(dtype)
        return pd.Series(values, dtype="str")
    if dtype == "datetime":
        if not all(value is None or isinstance(value, datetime) or _is_instant(value) for value in values):
            raise ValueError(dtype)
        parsed = pd.to_datetime(pd.Series(values, dtype="object"), utc=True, errors="raise", format="ISO8601")
        if not parsed.dropna().dt.year.between(*YEARS).all():
            raise ValueError(dtype)
        return parsed.astype("datetime64[us, UTC]")
    if dtype == "bool":
        if not all(isinstance(value, bool) for value in values):
            raise ValueError(dtype)
        return pd.Series(values, dtype="bool")
    if dtype == "counts":
        return pd.Series([_counts(value) for value in values], dtype="object")
    number = whole_number if dtype == "int" else measure
    numbers = [None if value is None else number(value) for value in values]
    if any(found is None and value is not None for found, value in zip(numbers, values, strict=True)):
        raise ValueError(dtype)
    return pd.Series(numbers, dtype="int64" if dtype == "int" else "float64")


def _is_instant(value: object) -> bool:
    return isinstance(value, str) and _INSTANT.match(value) is not None


def _counts(value: object) -> tuple[int, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise TypeError("counts")
    found = [whole_number(each) for each in value]
    counts = tuple(each for each in found if each is not None)
    if len(counts) < len(found):
        raise ValueError("counts")
    return counts


def pipe(name: str, *columns: Column) -> Schema:
    """The promise of a Tinybird pipe."""
    return Schema("tinybird", name, columns)


PERIOD = Column("period", "string", "current or previous")
