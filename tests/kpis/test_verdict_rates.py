"""How often a verdict is wrong when nothing changed, by the simulation of `benchmarks/verdicts.py`, with fixed seeds."""

from math import log, sqrt

import pytest

from benchmarks.verdicts import DAILY, KPIS, rates_of

REPEATS = 500
LOWEST, HIGHEST = 0.02, 0.07
"""The aim: so many of all comparisons without a real change are called real."""


def within(share: float, low: float, high: float) -> bool:
    """True unless the true share lies outside, by three standard errors of the simulation."""
    return low - 3 * sqrt(low * (1 - low) / REPEATS) <= share <= high + 3 * sqrt(high * (1 - high) / REPEATS)


@pytest.mark.parametrize("size", [30, 300, 300_000])
@pytest.mark.parametrize("name", [name for name in KPIS if name not in DAILY])
def test_a_kpi_calls_2_to_7_percent_real_when_nothing_changed(name: str, size: int) -> None:
    """Medians of one and of two humps, rates, and the index, few and many."""
    assert within(rates_of(name, size, 0.0, 0.0, REPEATS, seed=3).verdict, LOWEST, HIGHEST)


@pytest.mark.parametrize("spread", [0.0, 0.08, 0.15])
@pytest.mark.parametrize("size", [30, 300, 3_000, 300_000])
@pytest.mark.parametrize("name", sorted(DAILY))
def test_days_that_differ_make_no_false_alarms(name: str, size: int, spread: float) -> None:
    """Seven days that differ by 0, 8 or 15 %; intervals of independent arrivals are up to 94 % wrong there."""
    assert within(rates_of(name, size, spread, 0.0, REPEATS, seed=4).verdict, LOWEST, HIGHEST)


@pytest.mark.parametrize("days", [1, 2, 4])
@pytest.mark.parametrize("spread", [0.0, 0.08, 0.15])
def test_few_days_are_judged_cautiously(days: int, spread: float) -> None:
    """Below five pairs of days their spread is not known: the assumed one makes false verdicts rare."""
    assert within(rates_of("unique visitors", 3_000, spread, 0.0, REPEATS, 5, days).verdict, 0.0, HIGHEST)


def test_a_real_change_is_found() -> None:
    """A quarter more visitors of 3,000, and five points of 3,000 conversations: nearly always."""
    assert rates_of("unique visitors", 3_000, 0.08, log(1.25), REPEATS, seed=6).verdict > 0.85
    assert rates_of("handled by AI", 3_000, 0.0, 0.05, REPEATS, seed=6).verdict > 0.9
