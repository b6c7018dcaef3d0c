"""Schema of a pipe or query: columns with type, unit and nullability. Makes typed frames and refuses other answers. Pure."""

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
"""Years that ClickHouse can store; a time outside cannot be shown in every timezone."""

_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
PERIODS: frozenset[str] = frozenset({"current", "previous"})


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        name: Name in the answer.
        dtype: `int` is a count, never negative; it and `float` become int64 and float64, `datetime` aware UTC, `string`
            pandas' string type, `counts` a tuple of counts in each row. Numbers are bounded as `analytics.numbers`
            says.
        meaning: One phrase, with the unit if any.
        is_nullable: True when a value may be "not observable" (NaN, NaT; never 0). Such a count is a `float`.
    """

    name: str
    dtype: Dtype
    meaning: str
    is_nullable: bool = False


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a pipe or query.

    Attributes:
        source: Which source.
        resource: Name of the pipe or query.
        columns: In order.
    """

    source: Source
    resource: str
    columns: tuple[Column, ...]

    def frame(self, names: Iterable[str], rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
        """Makes a typed frame with exactly the columns of this schema; no rows give an empty frame with these columns.

        Args:
            names: Columns that the answer declares, also when it has no rows.
            rows: The rows of the answer.

        Raises:
            SchemaMismatch: A column is missing, is null without being nullable, or has another type.
        """
        declared = set(names)
        missing = [column.name for column in self.columns if column.name not in declared]
        if missing:
            raise self.mismatch(f"it has no {', '.join(missing)}")
        return pd.DataFrame({column.name: self._series(column, rows) for column in self.columns})

    def empty(self) -> pd.DataFrame:
        """Makes a frame without rows."""
        return self.frame((column.name for column in self.columns), [])

    def periods(self, names: Iterable[str], rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
        """Makes a frame indexed by period from an answer with one row each for `current` and `previous`.

        Raises:
            SchemaMismatch: As for `frame`, or there is not exactly one row for each period.
        """
        frame = self.frame(names, rows)
        if sorted(frame["period"]) != sorted(PERIODS):
            raise self.mismatch("it does not have exactly one row for each of the two periods")
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
        """Makes the error for an answer that does not match; `found` says what is wrong."""
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
    """Makes the schema of a Tinybird pipe."""
    return Schema("tinybird", name, columns)


PERIOD = Column("period", "string", "current or previous")
