"""Filters and order of the rows of websites. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, get_args

from analytics.kpis.all_websites.rows import SHOWN, WebsiteRow, severity
from analytics.kpis.goals.definitions import MEASURES
from analytics.scope.access import Website
from analytics.scope.selection import Measure
from analytics.scope.tiers import Tier

Column = Literal["website", "organization", "plan", "newest_event", "worst"]
"""Columns of a row that are no KPI."""

SORTS: Final[tuple[str, ...]] = (
    *get_args(Column),
    *(f"{kpi.key}{suffix}" for kpi in SHOWN for suffix in ("", "_change", "_n")),
    *(f"{measure}_goal" for measure in MEASURES),
)
"""The columns that rows can be sorted by."""

WORST_FIRST: Final = "worst"


@dataclass(frozen=True, slots=True)
class Order:
    """The order of the rows.

    Attributes:
        column: One of `SORTS`.
        is_reversed: True for the other direction.
    """

    column: str = WORST_FIRST
    is_reversed: bool = False

    @classmethod
    def parse(cls, text: str) -> Order:
        """Parses the text of a URL: a column, with a minus sign for the other direction.

        Raises:
            ValueError: There is no such column.

        >>> Order.parse("-median_response"), str(Order.parse("website"))
        (Order(column='median_response', is_reversed=True), 'website')
        """
        column = text.removeprefix("-")
        if column not in SORTS:
            raise ValueError(f"Possible are {', '.join(SORTS)}.")
        return cls(column, text.startswith("-"))

    def __str__(self) -> str:
        return f"{'-' * self.is_reversed}{self.column}"


@dataclass(frozen=True, slots=True)
class WebsiteFilter:
    """Which websites are shown; all without a filter.

    Attributes:
        name: Part of the name or domain, in any case; untrusted text.
        organization_id: Only websites of this organization.
        plan: Only websites on this plan.
    """

    name: str | None = None
    organization_id: str | None = None
    plan: Tier | None = None

    def passes(self, website: Website) -> bool:
        """Whether the website is shown."""
        wanted = (self.name or "").casefold()
        return (
            (wanted in website.name.casefold() or wanted in website.domain.casefold())
            and self.organization_id in (None, website.organization_id)
            and self.plan in (None, website.tier)
        )


def selected(rows: Iterable[WebsiteRow], only: WebsiteFilter, order: Order) -> tuple[WebsiteRow, ...]:
    """The rows that pass the filter, in order; those without a value last, whatever the direction, equal ones by name.

    The first direction of a column: names and plans from A, newest event oldest first, counts and n most first, goals missed by
    most first, other values and changes worst first. `worst` has the changes with the verdict worse only, by `severity`.
    """
    shown = [row for row in rows if only.passes(row.website)]
    keys = {row.website.id: _key(row, order.column) for row in shown}
    known = [row for row in shown if keys[row.website.id] is not None]
    known.sort(key=lambda row: keys[row.website.id] or (0.0, ""), reverse=order.is_reversed)
    return (*known, *(row for row in shown if keys[row.website.id] is None))


def _key(row: WebsiteRow, column: str) -> tuple[float, str] | None:
    """What rows are compared by, smallest first; None without a value."""
    website = row.website
    texts = {
        "website": _letters(website.name),
        "organization": _letters(website.organization_name),
        "plan": website.tier,
    }
    if column in texts:
        return 0.0, texts[column]
    if column == "newest_event":
        return None if row.newest_event is None else (row.newest_event.timestamp(), "")
    if (measure := next((each for each in MEASURES if column == f"{each}_goal"), None)) is not None:
        return _beyond_goal(row, measure)
    number = _worst(row) if column == WORST_FIRST else _number(row, column)
    return None if number is None else (-number, "")


def _letters(text: str) -> str:
    """Text to sort by: without case and accents.

    >>> _letters("Ávila"), _letters("Straße")
    ('avila', 'strasse')
    """
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).casefold()


def _beyond_goal(row: WebsiteRow, measure: Measure) -> tuple[float, str] | None:
    """By how much the share is above that of the newest goal of the period; below 0 where it was missed."""
    result = row.goals.get(measure)
    newest = None if result is None else result.by_goal[-1]
    if newest is None or newest.met_ratio is None:
        return None
    return newest.met_ratio - newest.goal.share_pct / 100, ""


def _worst(row: WebsiteRow) -> float | None:
    return None if row.worst is None else severity(row.worst)


def _number(row: WebsiteRow, column: str) -> float | None:
    """The number that is largest for the row that comes first."""
    key = next(kpi.key for kpi in SHOWN if column in (kpi.key, f"{kpi.key}_change", f"{kpi.key}_n"))
    kpi = row.kpis.get(key)
    if kpi is None:
        return None
    if column == f"{key}_n" or (column == key and kpi.metric.kind == "count"):
        return float(kpi.current.n) if kpi.value is not None else None
    found = kpi.delta.change if column == f"{key}_change" else kpi.value
    if found is None:
        return None
    return found if kpi.metric.direction == "lower" else -found
