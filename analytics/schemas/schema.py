"""Schema of a pipe or query: columns with type, unit, range and nullability, and the rules of its rows. Pure.

Makes typed frames. An answer that breaks a rule is refused, because a wrong number is worse than none; the error names the
rule and never a value of the rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple

import pandas as pd

from analytics.errors import SchemaMismatch, Source
from analytics.numbers import measure, whole_number

Dtype = Literal["string", "int", "float", "bool", "datetime", "counts", "measures"]

YEARS: Final = (1900, 2299)
"""Years that ClickHouse can store; a time outside cannot be shown in every timezone."""

_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
PERIODS: frozenset[str] = frozenset({"current", "previous"})


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        name: Name in the answer.
        dtype: `int` is a count, never negative; it and `float` become int64 and float64, `datetime` aware UTC, `string`
            pandas' string type, `counts` a tuple of counts in each row, `measures` a tuple of numbers, none of them negative,
            or None for "not observable". Numbers are bounded as `analytics.numbers` says.
        meaning: One phrase, with the unit if any.
        is_nullable: True when a value may be "not observable" (NaN, NaT; never 0). Such a count is a `float`.
        least: Smallest number, inclusive; None for no bound.
        most: Largest number, inclusive; None for no bound.
        values: The only values; None for any.
    """

    name: str
    dtype: Dtype
    meaning: str
    is_nullable: bool = False
    least: float | None = 0
    most: float | None = None
    values: frozenset[str] | None = None


class Part(NamedTuple):
    """A column that is never larger than another one of its row, where both are known.

    Attributes:
        name: The column.
        whole: The other one.
        times: The column is never larger than this multiple of the other one.
    """

    name: str
    whole: str
    times: float = 1


class Always(NamedTuple):
    """Values that a column has in every answer, also for a website without data.

    Attributes:
        column: The column.
        values: Each of them is in at least one row.
    """

    column: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a pipe or query, and what holds for its rows.

    Attributes:
        source: Which source.
        resource: Name of the pipe or query.
        columns: In order.
        grain: Columns that together identify a row; empty where equal rows are possible.
        parts: Columns that are never larger than others.
        always: What every answer has; None where an answer without rows is possible.
    """

    source: Source
    resource: str
    columns: tuple[Column, ...]
    grain: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    always: Always | None = None

    def frame(
        self, names: Iterable[str], rows: Sequence[Mapping[str, object]], *, is_rest: bool = False
    ) -> pd.DataFrame:
        """Makes a typed frame with exactly the columns of this schema; no rows give an empty frame with these columns.

        Args:
            names: Columns that the answer declares, also when it has no rows.
            rows: The rows of the answer.
            is_rest: True when the request skips rows: those of `always` may be among them.

        Raises:
            SchemaMismatch: A column is missing, is null without being nullable, has another type or is out of its range, a
                row is there twice, a part is larger than its whole, or a row of `always` is missing.
        """
        declared = set(names)
        missing = [column.name for column in self.columns if column.name not in declared]
        if missing:
            raise self.mismatch(f"it has no {', '.join(missing)}")
        frame = pd.DataFrame({column.name: self._series(column, rows) for column in self.columns})
        if self.grain and frame.duplicated(list(self.grain)).any():
            raise self.impossible(f"it has two rows with the same {', '.join(self.grain)}")
        for part, whole, times in self.parts:
            if (frame[part] > times * frame[whole]).any():
                raise self.impossible(f"{part} is larger than {f'{times:g} times ' * (times != 1)}{whole}")
        if self.always and not is_rest and not self.always.values.issubset(frame[self.always.column]):
            raise self.mismatch(f"it has no row for one of the promised values of {self.always.column}")
        return frame

    def empty(self) -> pd.DataFrame:
        """Makes a frame without rows."""
        return self.frame((column.name for column in self.columns), [], is_rest=True)

    def _series(self, column: Column, rows: Sequence[Mapping[str, object]]) -> pd.Series:
        try:
            values = [row[column.name] for row in rows]
        except KeyError:
            raise self.mismatch(f"{column.name} is declared, but missing in a row") from None
        if not column.is_nullable and any(value is None for value in values):
            raise self.mismatch(f"{column.name} is empty in a row")
        is_number = column.dtype in {"int", "float"}
        try:
            series = _typed(column.dtype, values)
        except (ValueError, TypeError, OverflowError):
            error = self.impossible if is_number else self.mismatch  # such as a negative count, or infinity
            raise error(f"{column.name} is not of type {column.dtype}") from None
        if is_number:
            if column.least is not None and (series < column.least).any():
                raise self.impossible(f"{column.name} is below {column.least:g}")
            if column.most is not None and (series > column.most).any():
                raise self.impossible(f"{column.name} is above {column.most:g}")
        if column.values is not None and not series.isin(column.values).all():
            raise self.impossible(f"{column.name} has another value than {', '.join(sorted(column.values))}")
        return series

    def mismatch(self, found: str) -> SchemaMismatch:
        """Makes the error for an answer that has another form than this one; `found` says what is wrong."""
        return self._error(
            found,
            tinybird="The deployed pipe is not this dashboard's: deploy the tinybird/ project.",
            postgres="The database's schema is not the one this dashboard was written for.",
        )

    def impossible(self, found: str) -> SchemaMismatch:
        """Makes the error for an answer of the right form whose values cannot be true; `found` says what is wrong."""
        return self._error(
            found,
            tinybird="`inbox-analytics doctor` checks what is deployed, `inbox-analytics parity` compares the numbers "
            "with Postgres.",
            postgres="Look at the rows behind it in the database.",
        )

    def _error(self, found: str, *, tinybird: str, postgres: str) -> SchemaMismatch:
        owner, remedy = ("Tinybird", tinybird) if self.source == "tinybird" else ("Postgres", postgres)
        message = f"{owner}'s answer is not as expected: {found}."
        return SchemaMismatch(message, remedy, source=self.source, resource=self.resource)


def _typed(dtype: Dtype, values: list[object]) -> pd.Series:
    if dtype == "string":
        if not all(value is None or _is_text(value) for value in values):
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
    if dtype in {"counts", "measures"}:
        tuples = _counts if dtype == "counts" else _measures
        return pd.Series([tuples(value) for value in values], dtype="object")
    number = whole_number if dtype == "int" else measure
    numbers = [None if value is None else number(value) for value in values]
    if any(found is None and value is not None for found, value in zip(numbers, values, strict=True)):
        raise ValueError(dtype)
    return pd.Series(numbers, dtype="int64" if dtype == "int" else "float64")


def _is_text(value: object) -> bool:
    """Whether a page can be sent with it: half of a surrogate pair has no UTF-8."""
    return isinstance(value, str) and _SURROGATE.search(value) is None


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


def _measures(value: object) -> tuple[float | None, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise TypeError("measures")
    found = [None if each is None else measure(each) for each in value]
    if any(
        number is None or number < 0 for number, each in zip(found, value, strict=True) if each is not None
    ):
        raise ValueError("measures")
    return tuple(found)


def pipe(
    name: str,
    *columns: Column,
    grain: tuple[str, ...] = (),
    parts: tuple[Part, ...] = (),
    always: Always | None = None,
) -> Schema:
    """Makes the schema of a Tinybird pipe."""
    return Schema("tinybird", name, columns, grain, parts, always)


PERIOD = Column("period", "string", "current or previous", values=PERIODS)
PERIOD_BOUNDS = (
    Column("starts_at", "datetime", "start of the period as it was requested, inclusive, UTC"),
    Column("ends_at", "datetime", "end of the period as it was requested, exclusive, UTC"),
)
BOTH_PERIODS = Always("period", PERIODS)
