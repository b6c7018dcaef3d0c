"""Median mix: splits a median's change into the handlers' own change and the change of their mix. Pure.

The AI answers and resolves in seconds, people in hours. When the AI handles more conversations, the overall median falls
although neither got faster. So the change is split at the median that one period would have with the other's mix.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log
from typing import Final

from analytics.kpis.intervals import Interval, difference, relative_difference, wilson

ENOUGH: Final = 30
"""With this many durations of each handler or more, a period's median at the other mix is reliable."""

SMALLEST_SHOWN: Final = 0.005
"""A part below half a percent is shown as 0 %."""


@dataclass(frozen=True, slots=True)
class Mixed:
    """A median over conversations that the AI and people handled.

    Attributes:
        median_seconds: Median of all durations; None without durations.
        n: Number of durations.
        ai_n: Number of durations of conversations that the AI handled.
        other_mix_seconds: The median of the same durations at the other period's mix; None when the other period has a
            handler that this one lacks.
        interval: 95 % interval of the median; None below 6 durations.
        other_mix_interval: 95 % interval of `other_mix_seconds`; None below 6 durations.
    """

    median_seconds: float | None
    n: int
    ai_n: int
    other_mix_seconds: float | None
    interval: Interval | None = None
    other_mix_interval: Interval | None = None

    @property
    def ai_ratio(self) -> float:
        """The AI's share, 0..1; 0 without durations."""
        return self.ai_n / self.n if self.n else 0.0

    def basis(self, other: Mixed) -> int:
        """Fewest durations in this period of a handler that the other period has; 0 without `other_mix_seconds`."""
        handlers = (self.ai_n, other.ai_n), (self.n - self.ai_n, other.n - other.ai_n)
        return min(own for own, theirs in handlers if theirs) if self.other_mix_seconds else 0


@dataclass(frozen=True, slots=True)
class Split:
    """The change of a median in two parts: `(1 + own_ratio) * (1 + mix_ratio) = 1 + change`.

    Attributes:
        own_ratio: Change at an unchanged mix (−0.12 is 12 % less); None, like `mix_ratio`, when no handler is in both
            periods, so that the parts cannot be separated.
        mix_ratio: Change caused by the change of the mix.
        ai_ratio: The AI's share now, 0..1.
        previous_ai_ratio: The AI's share in the previous period.
        is_shift_real: Whether the AI's share changed significantly, at 5 %.
        own_interval: 95 % interval of `own_ratio`; None with too few durations.
    """

    own_ratio: float | None
    mix_ratio: float | None
    ai_ratio: float
    previous_ai_ratio: float
    is_shift_real: bool
    own_interval: Interval | None = None

    @property
    def is_own_real(self) -> bool:
        """Whether the change at an unchanged mix is significant, at 5 %."""
        return self.own_interval is not None and self.own_interval.excludes(0.0)

    @property
    def matters(self) -> bool:
        """Whether the mix makes at least half of the change, or hides it, so that it must be shown with the change."""
        if self.own_ratio is None or self.mix_ratio is None:
            return True
        own, mix = _log(self.own_ratio), _log(self.mix_ratio)
        return abs(self.mix_ratio) >= SMALLEST_SHOWN and abs(mix) >= abs(own + mix) / 2


def split(current: Mixed, previous: Mixed) -> Split | None:
    """Split the change from one median to another; None when there is no relative change.

    Own part: from the previous median to the current median at the previous mix. Mix part: from there to the current median.
    If a previous handler is absent or rare now, the previous median at the current mix is used instead.

    >>> before, now = Mixed(1000.0, 40, 10, 20.0), Mixed(20.0, 40, 30, 1000.0)
    >>> parts = split(now, before)
    >>> parts.own_ratio, parts.mix_ratio, parts.matters
    (0.0, -0.98, True)
    """
    now, before = current.median_seconds, previous.median_seconds
    if now is None or not before:
        return None
    shares = current.ai_ratio, previous.ai_ratio, _is_shift_real(current, previous)
    if current.ai_n * previous.n == previous.ai_n * current.n:
        return Split(
            now / before - 1, 0.0, *shares, _plausible(now, current.interval, before, previous.interval)
        )
    is_current = current.basis(previous) >= min(previous.basis(current), ENOUGH)
    between = current.other_mix_seconds if is_current else previous.other_mix_seconds
    if not between:
        return Split(None, None, *shares)
    if is_current:
        own = _plausible(between, current.other_mix_interval, before, previous.interval)
        return Split(between / before - 1, now / between - 1, *shares, own)
    own = _plausible(now, current.interval, between, previous.other_mix_interval)
    return Split(now / between - 1, between / before - 1, *shares, own)


def _is_shift_real(current: Mixed, previous: Mixed) -> bool:
    """Whether Newcombe's interval of the difference of the AI's shares excludes zero."""
    now, before = wilson(current.ai_n, current.n), wilson(previous.ai_n, previous.n)
    if now is None or before is None:
        return False
    return difference(current.ai_ratio, now, previous.ai_ratio, before).excludes(0.0)


def _plausible(
    now: float, now_interval: Interval | None, before: float, before_interval: Interval | None
) -> Interval | None:
    if now_interval is None or before_interval is None:
        return None
    return relative_difference(now, now_interval, before, before_interval)


def _log(ratio: float) -> float:
    return log(1 + ratio) if ratio > -1 else -inf
