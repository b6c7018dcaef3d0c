"""How often the verdict is wrong, and how often it misses: `python -m benchmarks.verdicts`.

Draws two periods of a website from the same rules and asks `analytics.kpis.verdicts` about each KPI: a change called real is
a false alarm (aim: 2 to 7 %). Then the second period is given a real change, and the share called real is the power,
beside a textbook test on the same draws. "Overlap" is the rule used before: real when the two sides' own 95 %
intervals lie apart, those of counts by Poisson.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from math import erfc, exp, lgamma, log, sqrt
from statistics import NormalDist
from typing import Final

import click
import numpy as np
from numpy.typing import NDArray

from analytics.kpis.intervals import ArrivalCount, Interval, wilson
from analytics.kpis.satisfaction.index import Scores, satisfaction_index
from analytics.kpis.verdicts import Direction, Estimate, Unit, compared

Floats = NDArray[np.float64]
Mixture = tuple[tuple[float, float, float], ...]
"""Log-normal durations: share, median in seconds, and width of each part."""

SIZES: Final = (30, 300, 3_000, 300_000)
SPREADS: Final = (0.0, 0.08, 0.15)
DAYS: Final = 7
MOST_DRAWN: Final = 10_000
"""Of more durations than this, only the order statistics that are needed are drawn."""
AI_RATE, ESCALATION_RATE, RESOLVED_RATE, RATED_RATE = 0.6, 0.12, 0.85, 0.3
_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What three rules say of one comparison: is the change real? None where the textbook test would take too long."""

    verdict: bool
    overlap: bool
    textbook: bool | None


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of comparisons called real, 0..1; `textbook` is None where it was not run."""

    verdict: float
    overlap: float
    textbook: float | None


Draw = Callable[[np.random.Generator, int, float, float, int], Outcome]
"""One comparison: generator, size of a period, spread of days, real change (0 for none), days."""


def response(random: np.random.Generator, size: int, _spread: float, change: float, _days: int) -> Outcome:
    """Median response: one hump of durations; the textbook test is Mann-Whitney."""
    return _medians(random, size, change, ((1.0, 240.0, 1.1),))


def resolution(random: np.random.Generator, size: int, _spread: float, change: float, _days: int) -> Outcome:
    """Median resolution: AI agents in minutes, people in hours, mixed; the textbook test is Mann-Whitney."""
    return _medians(random, size, change, ((AI_RATE, 450.0, 0.8), (1 - AI_RATE, 30_000.0, 1.0)))


def ai_rate(random: np.random.Generator, size: int, _spread: float, change: float, _days: int) -> Outcome:
    """Handled by AI; the textbook test is the two-proportion z test."""
    return _rates(random, size, AI_RATE, change)


def escalations(random: np.random.Generator, size: int, _spread: float, change: float, _days: int) -> Outcome:
    """Escalated of started; the textbook test is the two-proportion z test."""
    return _rates(random, size, ESCALATION_RATE, change)


def index(random: np.random.Generator, size: int, _spread: float, change: float, _days: int) -> Outcome:
    """Satisfaction index; the textbook test is Welch's on the ratings alone, its largest part."""
    found, ratings = [], []
    for shift in (change, 0.0):
        response_time = _median(random, size, ((1.0, 240.0, 1.1),), 0.0)[0]
        rated = int(random.binomial(size, RATED_RATE))
        weights = np.array([0.12, 0.08, 0.10, 0.25, 0.45]) * np.exp(shift * np.arange(5))
        stars = random.choice([0.0, 25.0, 50.0, 75.0, 100.0], rated, p=weights / weights.sum())
        moods = random.choice([0.0, 50.0, 100.0], rated, p=[0.2, 0.4, 0.4])
        ratings.append(stars)
        found.append(
            satisfaction_index(
                rating=Scores(rated, float(stars.sum()), float((stars**2).sum())),
                sentiment=Scores(rated, float(moods.sum()), float((moods**2).sum())),
                median_response_seconds=response_time.value,
                median_response_interval=response_time.interval,
                responded=size,
                resolved=int(random.binomial(size, RESOLVED_RATE)),
                started=size,
            )
        )
    now, before = (Estimate(each.score, size, each.interval) for each in found)
    return Outcome(_is_real(now, before, "points"), _are_apart(now, before), _welch(*ratings))


def visitors(random: np.random.Generator, size: int, spread: float, change: float, days: int) -> Outcome:
    """Unique visitors, quieter at weekends; the textbook test is Poisson's two-sample z test."""
    (now, now_days), (before, before_days) = (
        _days(random, size, spread, shift, days) for shift in (change, 0.0)
    )
    sides = ArrivalCount(now, 24.0 * days, now_days), ArrivalCount(before, 24.0 * days, before_days)
    return _counts(*sides, now, before)


def sessions(random: np.random.Generator, size: int, spread: float, change: float, days: int) -> Outcome:
    """Sessions, 1.4 of each visitor on average; the textbook test is Poisson's two-sample z test."""
    sides = []
    for shift in (change, 0.0):
        seen, by_day = _days(random, size, spread, shift, days)
        own = tuple(int(each + random.poisson(0.4 * each)) for each in by_day)
        sides.append(ArrivalCount(sum(own), 24.0 * days, own, seen))
    return _counts(sides[0], sides[1], sides[0].value, sides[1].value)


KPIS: Final[Mapping[str, tuple[Draw, float]]] = {
    "median response": (response, log(1.25)),
    "median resolution": (resolution, log(1.25)),
    "handled by AI": (ai_rate, 0.08),
    "escalations": (escalations, 0.06),
    "satisfaction index": (index, 0.25),
    "unique visitors": (visitors, log(1.25)),
    "sessions": (sessions, log(1.25)),
}
"""Each KPI with the real change that its power is measured at: times 1.25, so many points of a rate, or, for the
index, ratings that are a little better."""

DAILY: Final = frozenset({"unique visitors", "sessions"})


def rates_of(
    name: str, size: int, spread: float, change: float, repeats: int, seed: int, days: int = DAYS
) -> Shares:
    """The shares of comparisons that each rule calls real."""
    random = np.random.default_rng(seed)
    draw, _ = KPIS[name]
    outcomes = [draw(random, size, spread, change, days) for _ in range(repeats)]
    return Shares(
        sum(each.verdict for each in outcomes) / repeats,
        sum(each.overlap for each in outcomes) / repeats,
        None
        if any(each.textbook is None for each in outcomes)
        else sum(each.textbook is True for each in outcomes) / repeats,
    )


@click.command()
@click.option("--repeats", default=2_000, show_default=True, help="Comparisons behind each figure.")
@click.option("--seed", default=1, show_default=True, help="Of the random numbers.")
def main(repeats: int, seed: int) -> None:
    """Print two tables in Markdown: false alarms and power."""
    click.echo("| KPI | days differ by | a period | false alarms | by overlap | textbook |")
    click.echo("|---|---|---|---|---|---|")
    for name in KPIS:
        for spread in SPREADS if name in DAILY else (0.0,):
            for size in SIZES:
                _print(name, size, spread, 0.0, repeats, seed)
    click.echo("\n| KPI | days differ by | a period | power | by overlap | textbook |")
    click.echo("|---|---|---|---|---|---|")
    for name, (_, change) in KPIS.items():
        for spread in (0.0, 0.08) if name in DAILY else (0.0,):
            for size in SIZES[:3]:
                _print(name, size, spread, change, repeats, seed)
    click.echo("\n| Unique visitors in | days differ by | a period | false alarms | by overlap | textbook |")
    click.echo("|---|---|---|---|---|---|")
    for days in (1, 2, 4, 5, 10, 15):
        for spread in SPREADS:
            shares = rates_of("unique visitors", 3_000, spread, 0.0, repeats, seed, days)
            click.echo(f"| {days} days | {spread:.0%} | 3,000 | {_cells(shares)} |")


def _print(name: str, size: int, spread: float, change: float, repeats: int, seed: int) -> None:
    shares = rates_of(name, size, spread, change, repeats, seed)
    click.echo(f"| {name} | {f'{spread:.0%}' if name in DAILY else '–'} | {size:,} | {_cells(shares)} |")


def _cells(shares: Shares) -> str:
    found = (shares.verdict, shares.overlap, shares.textbook)
    return " | ".join("–" if share is None else f"{share:.1%}" for share in found)


def _medians(random: np.random.Generator, size: int, change: float, mixture: Mixture) -> Outcome:
    (now, values), (before, values_before) = (
        _median(random, size, mixture, shift) for shift in (change, 0.0)
    )
    textbook = None if values is None or values_before is None else _mann_whitney(values, values_before)
    return Outcome(_is_real(now, before, "relative", "lower"), _are_apart(now, before), textbook)


def _median(
    random: np.random.Generator, size: int, mixture: Mixture, shift: float
) -> tuple[Estimate, Floats | None]:
    """A median with its interval, and the durations; of many, its three order statistics alone are drawn."""
    if size <= MOST_DRAWN:
        part = random.choice(len(mixture), size, p=[share for share, _, _ in mixture])
        middles, widths = (np.array([each[at] for each in mixture])[part] for at in (1, 2))
        values = np.sort(middles * np.exp(widths * random.normal(size=size) + shift))
        rank = _rank(size)
        interval = Interval(float(values[rank - 1]), float(values[-rank])) if rank else None
        return Estimate(float(np.median(values)), size, interval), values
    rank, middle = _rank(size), size // 2
    low = random.beta(rank, size + 1 - rank)
    half = low + (1 - low) * random.beta(middle - rank, size + 1 - middle)
    high = half + (1 - half) * random.beta(size + 1 - rank - middle, rank)
    low, half, high = (_quantile(mixture, each) * exp(shift) for each in (low, half, high))
    return Estimate(half, size, Interval(low, high)), None


def _quantile(mixture: Mixture, share: float) -> float:
    """The duration that so large a share of the mixture does not exceed."""
    low, high = -10.0, 30.0
    for _ in range(60):
        at = (low + high) / 2
        below = sum(part * _NORMAL.cdf((at - log(middle)) / width) for part, middle, width in mixture)
        low, high = (at, high) if below < share else (low, at)
    return exp(low)


def _rates(random: np.random.Generator, size: int, rate: float, change: float) -> Outcome:
    hits = tuple(int(random.binomial(size, each)) for each in (rate + change, rate))
    now, before = (Estimate(each / size, size, wilson(each, size)) for each in hits)
    pooled = sum(hits) / 2 / size
    error = sqrt(max(pooled * (1 - pooled) * 2 / size, 1e-300))
    textbook = _p(abs(hits[0] - hits[1]) / size / error) < 0.05
    return Outcome(_is_real(now, before, "pp"), _are_apart(now, before), textbook)


def _counts(now: ArrivalCount, before: ArrivalCount, n: int, n_before: int) -> Outcome:
    if not n_before:
        return Outcome(verdict=False, overlap=False, textbook=False)
    textbook = abs(n - n_before) / sqrt(n + n_before) > 1.96
    errors = (each.value / sqrt(max(each.independent, 1)) for each in (now, before))
    apart = abs(n - n_before) > 1.96 * sum(errors)
    return Outcome(_is_real(now, before, "relative"), apart, textbook)


def _is_real(
    now: Estimate | ArrivalCount, before: Estimate | ArrivalCount, unit: Unit, direction: Direction = "higher"
) -> bool:
    """Whether the range of the change leaves out zero; what rounds to nothing on the card counts by its range."""
    delta = compared(now, before, unit=unit, direction=direction, of="values")
    is_range_real = (
        delta.low is not None and delta.high is not None and Interval(delta.low, delta.high).excludes(0.0)
    )
    return delta.verdict in {"better", "worse"} or (delta.verdict == "unchanged" and is_range_real)


def _are_apart(now: Estimate, before: Estimate) -> bool:
    if now.interval is None or before.interval is None:
        return False
    return now.interval.low > before.interval.high or now.interval.high < before.interval.low


def _days(
    random: np.random.Generator, size: int, spread: float, change: float, days: int
) -> tuple[int, tuple[int, ...]]:
    """Counts of a period and of each of its days; no visitor comes on two days."""
    expected = np.resize(np.array([1.0, 1.0, 1.0, 1.0, 0.9, 0.5, 0.5]), days)
    expected = expected / expected.sum() * size * np.exp(random.normal(0.0, spread, days) + change)
    by_day = tuple(int(each) for each in random.poisson(expected))
    return sum(by_day), by_day


@cache
def _rank(n: int) -> int:
    total, rank = 0.0, 0
    while rank <= n // 2:
        total += exp(lgamma(n + 1) - lgamma(rank + 1) - lgamma(n - rank + 1) - n * log(2))
        if total > 0.025:
            break
        rank += 1
    return rank


def _p(z: float) -> float:
    return erfc(z / sqrt(2))


def _mann_whitney(now: Floats, before: Floats) -> bool:
    """Two-sided at 5 %, by the normal approximation; durations have no ties here."""
    n, m = len(now), len(before)
    order = np.argsort(np.concatenate([now, before]), kind="stable")
    ranks = np.empty(n + m)
    ranks[order] = np.arange(1, n + m + 1)
    u = ranks[:n].sum() - n * (n + 1) / 2
    return _p(abs(u - n * m / 2) / sqrt(n * m * (n + m + 1) / 12)) < 0.05


def _welch(now: Floats, before: Floats) -> bool:
    if min(len(now), len(before)) < 2:
        return False
    error = sqrt(now.var(ddof=1) / len(now) + before.var(ddof=1) / len(before))
    return bool(error) and _p(abs(now.mean() - before.mean()) / error) < 0.05


if __name__ == "__main__":
    main()
