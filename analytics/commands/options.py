"""The kinds of value that options of several commands take, where click's own would let through what no command means."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import click


class FiniteRange(click.FloatRange):
    """A number within bounds; `nan`, which every comparison lets through, and `inf` are usage errors."""

    def convert(self, value: float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number that the value says."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


class PastInstant(click.DateTime):
    """A day or an instant in UTC that is not ahead of now: events from the future on are none, today and for good."""

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """The instant that a text says, aware."""
        at: datetime = super().convert(value, param, ctx).replace(tzinfo=UTC)
        if at > datetime.now(UTC):
            self.fail(f"{value} lies in the future (UTC): no event would be moved.", param, ctx)
        return at
