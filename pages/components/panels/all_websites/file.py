"""The table of all websites as a file: exact values, in the order of the page. Texts are untrusted."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

import pandas as pd

from analytics.cached import AllWebsites
from analytics.kpis.all_websites.order import Order, WebsiteFilter, selected
from analytics.kpis.all_websites.rows import SHOWN, longest_view
from analytics.kpis.declarations import KpiDeclaration
from analytics.kpis.goals.definitions import MEASURES
from analytics.kpis.goals.results import GoalResult
from analytics.kpis.metrics import Kpi
from analytics.scope.selection import Measure
from analytics.scope.tiers import Tier
from analytics.scope.views import history
from pages.components.metrics import changes, goals
from pages.components.metrics.kpi_file import CHANGE_UNITS, COLUMN_UNITS

TITLE: Final = "All websites"
PLANS: Final[Mapping[Tier, str]] = MappingProxyType({"free": "Free", "paid": "Paid"})
_NOT_KNOWN: Final = "n/a"


def file(
    board: AllWebsites, only: WebsiteFilter, order: Order, *, is_compared: bool, has_goals: bool
) -> tuple[pd.DataFrame, list[str]]:
    """The rows shown, in their order, with exact values; and the notes.

    The columns do not depend on the values: those of changes are there if `is_compared`, those of goals if `has_goals`.
    Numbers are in the unit that ends the column's name. A trend has the value of each bucket, oldest first.
    `counted_from` (inclusive) and `counted_to` (exclusive) are the period of the website's plan, which may be cut.
    """
    rows = selected(board.rows, only, order)
    columns: dict[str, list[object]] = {
        "name": [row.website.name for row in rows],
        "domain": [row.website.domain for row in rows],
        "organization": [row.website.organization_name for row in rows],
        "plan": [row.website.tier for row in rows],
    }
    if is_compared:
        columns["worst_change"] = [None if row.worst is None else row.worst.metric.title for row in rows]
    for declared in SHOWN:
        found = [row.kpis.get(declared.key) for row in rows]
        columns |= _file_columns(declared, found, is_compared=is_compared)
        columns[f"{declared.key}_trend"] = [_trend_text(row.trends.get(declared.key, ())) for row in rows]
    for measure in MEASURES if has_goals else ():
        columns |= _goal_columns(measure, [row.goals.get(measure) for row in rows])
    frame = pd.DataFrame({name: pd.Series(values, dtype="object") for name, values in columns.items()})
    periods = [board.views[row.website.tier].period for row in rows]
    return frame.assign(
        counted_from=_instants([period.start for period in periods]),
        counted_to=_instants([period.end for period in periods]),
        newest_event=_instants([row.newest_event for row in rows]),
    ), notes(board)


def _file_columns(
    declared: KpiDeclaration, found: Sequence[Kpi | None], *, is_compared: bool
) -> dict[str, list[object]]:
    key, unit = declared.key, COLUMN_UNITS.get(declared.kind, "count")
    change = CHANGE_UNITS[declared.unit]
    columns: dict[str, list[object]] = {
        f"{key}_{unit}": [kpi and kpi.value for kpi in found],
        f"{key}_n": [kpi and kpi.current.n for kpi in found],
    }
    if not is_compared:
        return columns
    return columns | {
        f"{key}_previous_{unit}": [kpi and kpi.previous_value for kpi in found],
        f"{key}_change_{change}": [kpi and kpi.delta.change for kpi in found],
        f"{key}_change_low_{change}": [kpi and kpi.delta.low for kpi in found],
        f"{key}_change_high_{change}": [kpi and kpi.delta.high for kpi in found],
        f"{key}_verdict": [kpi and changes.verdict_text(kpi.delta.verdict, declared.kind) for kpi in found],
        f"{key}_reason": [kpi and kpi.delta.reason for kpi in found],
    }


def _goal_columns(measure: Measure, found: Sequence[GoalResult | None]) -> dict[str, list[object]]:
    """The newest goal of the period, and what its conversations did against it."""
    newest = [None if each is None else each.by_goal[-1] for each in found]
    return {
        f"{measure}_goal_share_ratio": [each and each.goal.share_pct / 100 for each in newest],
        f"{measure}_goal_seconds": [each and each.goal.limit_seconds for each in newest],
        f"{measure}_goal_met_ratio": [each and each.met_ratio for each in newest],
        f"{measure}_goal_judged_count": [each and each.judged for each in newest],
        f"{measure}_goal_verdict": [each and goals.verdict(each) for each in newest],
    }


def _instants(found: Sequence[datetime | None]) -> pd.Series:
    return pd.to_datetime(pd.Series(list(found), dtype="object"), utc=True)


def _trend_text(values: Sequence[float | None]) -> str:
    return " ".join(_NOT_KNOWN if value is None else f"{round(value, 4):g}" for value in values)


def notes(board: AllWebsites) -> list[str]:
    """What the reach of each plan means for these dates, a line per plan; nothing twice, nor what stands above the page.

    Above the page stand the notices of the plan that reaches back longest.
    """
    above = longest_view(board.views.values()).notices
    lines = []
    for resolved in board.views.values():
        said = [notice for notice in resolved.notices if notice not in above]
        if not any(history(resolved.website) in notice for notice in (*above, *said)):
            said.insert(0, history(resolved.website))
        if resolved.visitors_note and resolved.visitors_note not in (*above, *said):
            said.append(resolved.visitors_note)
        for words, each in (
            ("Not compared", resolved.comparable),
            ("Visitors are not compared", resolved.visitors_comparable),
        ):
            if resolved.is_compared and not each.is_ok:
                said.append(f"{changes.not_compared(words, each.reason, (*above, *said))}.")
                break
        lines.append(" ".join(said))
    return [line for line in lines if line]
