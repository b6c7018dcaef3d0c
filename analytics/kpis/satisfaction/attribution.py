"""Attribution: splits the change of the satisfaction index into the parts of its components. Pure.

The index is a weighted sum, so its change is exactly the sum of four parts, `weight × (score − previous score)`. If the
index is not compared, there are no parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

from analytics.kpis.metrics import Kpi
from analytics.kpis.satisfaction.index import Component, SatisfactionIndex
from analytics.kpis.verdicts import Estimate, Verdict, compared


@dataclass(frozen=True, slots=True)
class ComponentChange:
    """A component and its part in the change of the index.

    Attributes:
        component: The component in the period shown.
        previous: The same in the previous period; None when not compared.
        change: Its part of the index's change, in points; the four add up to the change. None when not compared.
        shown_change: The same with one decimal, rounded so that the four add up to the rounded change.
        verdict: On the change of the component's own score; `unchanged` when its part of the index's change rounds
            to zero. None when not compared.
    """

    component: Component
    previous: Component | None
    change: float | None
    shown_change: float | None
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Attribution:
    """The satisfaction index with its components.

    Attributes:
        kpi: The index with its change and the verdict on it.
        parts: Rating, sentiment, response, resolution, in this order.
    """

    kpi: Kpi
    parts: tuple[ComponentChange, ...]

    @property
    def main(self) -> ComponentChange | None:
        """The largest part in the direction of the change; None without a change, or if that part rounds to zero."""
        total = self.kpi.delta.change
        if not total:
            return None
        sign = 1 if total > 0 else -1
        furthest = max(self.parts, key=lambda part: sign * (part.change or 0.0))
        return furthest if furthest.shown_change else None


def attributed(kpi: Kpi, current: SatisfactionIndex, previous: SatisfactionIndex | None) -> Attribution:
    """Compute the parts of the index's change; their changes are None without one, or when `previous` was not read."""
    if kpi.delta.change is None or previous is None:
        return Attribution(
            kpi, tuple(ComponentChange(each, None, None, None, None) for each in current.components)
        )
    pairs = tuple(zip(current.components, previous.components, strict=True))
    changes = [now.weight * (now.score - before.score) for now, before in pairs]
    shown = rounded_parts(changes)
    return Attribution(
        kpi,
        tuple(
            ComponentChange(now, before, change, rounded, _verdict(now, before) if rounded else "unchanged")
            for (now, before), change, rounded in zip(pairs, changes, shown, strict=True)
        ),
    )


def rounded_parts(parts: list[float]) -> list[float]:
    """Round the parts to one decimal so that they add up to their rounded sum; each is off by less than 0.1.

    Each part is rounded down; the missing tenths go to the parts with the largest remainders.

    >>> rounded_parts([1.04, 1.04, 1.04, 1.04]), rounded_parts([-0.26, 0.0, 0.14, -0.02])
    ([1.1, 1.1, 1.0, 1.0], [-0.3, 0.0, 0.2, 0.0])
    """
    tenths = [part * 10 for part in parts]
    cut = [floor(tenth) for tenth in tenths]
    lacking = round(float(f"{sum(parts):.1f}") * 10) - sum(cut)
    by_loss = sorted(range(len(parts)), key=lambda at: cut[at] - tenths[at])
    for at in by_loss[: max(0, lacking)]:
        cut[at] += 1
    return [tenth / 10 for tenth in cut]


def _verdict(now: Component, before: Component) -> Verdict:
    sides = (Estimate(part.score, part.n, part.interval) for part in (now, before))
    return compared(*sides, unit="points", direction="higher", of=now.n_unit).verdict
