"""Prints a measured figure beside its yardstick and its aim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import click

WIDTH: Final = 62


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes:
        what: What was measured.
        measured: Its value.
        unit: The unit of `measured` and `yardstick`.
        aim: Most that the value may be; as a multiple of the yardstick where there is one.
        yardstick: What was measured beside it in the same run; None where the aim is absolute.
        beside: What the yardstick is.
    """

    what: str
    measured: float
    unit: str
    aim: float
    yardstick: float | None = None
    beside: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the aim is met.

        >>> Row("open", 2.0, "s", aim=1.5, yardstick=1.5).is_met, Row("bytes", 2.7, "MB", aim=2.6).is_met
        (True, False)
        """
        return self.measured <= self.aim * (1.0 if self.yardstick is None else self.yardstick)

    def __str__(self) -> str:
        """One line.

        >>> print(str(Row("open", 3.0, "s", aim=1.3, yardstick=1.5, beside="a bare page"))[62:])
           3.000 s     2.00 x a bare page (1.500 s), aim 1.3 x: missed
        >>> print(str(Row("bytes", 2.5, "MB", aim=2.6))[62:])
           2.500 MB    0.96 of the aim, 2.6 MB: met
        >>> print(str(Row("calls", 1.0, "", aim=0.0))[62:])
           1.000     aim 0: missed
        """
        verdict = "met" if self.is_met else "missed"
        value = f"{self.what:<{WIDTH}}{self.measured:8.3f} {self.unit:<3}"
        if not self.aim:
            return f"{value} aim 0: {verdict}"
        if self.yardstick is None:
            return f"{value}{self.measured / self.aim:7.2f} of the aim, {self.aim:g} {self.unit}: {verdict}"
        ratio = self.measured / self.yardstick
        return f"{value}{ratio:7.2f} x {self.beside} ({self.yardstick:.3f} {self.unit}), aim {self.aim:g} x: {verdict}"


def say(row: Row) -> None:
    """Prints a row as soon as it is measured."""
    click.echo(str(row))
