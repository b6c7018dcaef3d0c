"""Types of option values that are stricter than click's own."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import click


class FiniteRange(click.FloatRange):
    """A number within bounds; `nan`, which every comparison lets through, and `inf` are usage errors."""

    def convert(self, value: float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Reads the number."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


class PastInstant(click.DateTime):
    """A day or an instant in UTC that is not in the future."""

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Reads the instant, aware."""
        at: datetime = super().convert(value, param, ctx).replace(tzinfo=UTC)
        if at > datetime.now(UTC):
            self.fail(f"{value} lies in the future (UTC): no event would be moved.", param, ctx)
        return at
