"""Progress of a long command: a bar on a terminal, else a line every 10 seconds."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

import click

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar


class Progress:
    """Steps done of a total, with rate and time left. A context manager.

    Args:
        total: How many steps there are; more may come.
        label: What goes on.
        unit: What a step is, in the plural.
        line_seconds: Time between two lines, at least.
    """

    def __init__(self, total: int, label: str, unit: str, line_seconds: float = 10.0) -> None:
        self._total = total
        self._label = label
        self._unit = unit
        self._line_seconds = line_seconds
        self._done = 0
        self._began = self._line_at = time.monotonic()
        self._bar: ProgressBar[str] | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        if sys.stderr.isatty() and self._total:
            bar: ProgressBar[str] = click.progressbar(
                length=self._total,
                label=self._label,
                file=sys.stderr,
                show_pos=True,
                item_show_func=lambda rate: rate,
            )
            self._bar = self._open.enter_context(bar)
        return self

    def __exit__(self, *_error: object) -> None:
        self._open.close()

    def advance(self, steps: int) -> None:
        """Counts steps as done and shows the progress."""
        self._done += steps
        self._total = max(self._total, self._done)
        now = time.monotonic()
        rate = self._done / max(now - self._began, 1e-9)
        if self._bar is not None:
            self._bar.update(steps, f"{rate:,.0f} {self._unit}/s")
        elif now - self._line_at >= self._line_seconds:
            self._line_at = now
            left = (self._total - self._done) / rate
            self.say(
                f"{self._label}: {self._done:,} of {self._total:,} {self._unit}, {rate:,.0f}/s, {left:.0f} s left"
            )

    def say(self, text: str) -> None:
        """Prints a line on stderr."""
        if self._bar is not None:
            click.echo(file=sys.stderr)
        click.echo(text, err=True)
