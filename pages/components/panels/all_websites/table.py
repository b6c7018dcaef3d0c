"""The table of all websites: a row per website, sorted by a click on a column's head, opened by one on a name.

Names and organizations are untrusted text. `kpis.all_websites.order` sorts.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ButtonColumnResult, ColumnConfig

from analytics.kpis.all_websites.order import WORST_FIRST, Order
from analytics.kpis.all_websites.rows import SHOWN, WebsiteRow
from analytics.kpis.goals.results import GoalResult
from analytics.kpis.metrics import Kpi
from analytics.scope.selection import Measure
from pages.components import formatting
from pages.components.metrics import changes, goals
from pages.components.page import sidebar
from pages.components.panels.all_websites.file import PLANS
from pages.components.selection import url_state
from pages.components.theme_colors import palette

LISTED: Final = 15
TALL_PX: Final = 590
"""A table of up to `LISTED` rows is as high as its rows; a longer one scrolls in a frame of this height."""

WORST: Final = "Worst change"

GOALS: Final[Mapping[Measure, str]] = MappingProxyType(
    {"response": "Answered in time", "resolution": "Resolved in time"}
)
"""The column of each goal."""

_CHANGE_SUFFIX, _TREND_SUFFIX, _N_SUFFIX = " change", " trend", " n"


def draw_table(rows: Sequence[WebsiteRow], order: Order, as_of: datetime, timezone: str) -> None:
    """Draw the rows; a click on a name opens the website, one on a column's head sorts by it."""
    table = _table(rows, as_of, timezone)
    # Shown on phones only, where the screen may end exactly between two columns.
    with st.container(key="swipe-all-websites"):
        st.caption("Swipe the table for more columns.")
    key = f"all-websites-{order}"  # One key per order, so that an old click is not applied to new rows.
    slugs = tuple(row.website.slug for row in rows)
    st.dataframe(
        table.style.apply(lambda _: _colours(table, rows), axis=None),
        hide_index=True,
        height="content" if len(rows) <= LISTED else TALL_PX,
        placeholder=formatting.MISSING,
        column_config=_columns(list(table.columns), order, slugs),
        key=key,
        on_select=lambda: _follow_head(key, order),
        # With selectable columns Streamlit does not sort rows itself: the file has the order of the URL.
        selection_mode="single-column",
        alt=f"{formatting.counted(len(rows), 'websites')}: plan, worst change; value, change, trend and n of each KPI",
    )


def _table(rows: Sequence[WebsiteRow], as_of: datetime, timezone: str) -> pd.DataFrame:
    columns: dict[str, list[object]] = {
        "Website": [_name(row) for row in rows],
        WORST: [_worst_text(row.worst) for row in rows],
    }
    for declared in SHOWN:
        found = [row.kpis.get(declared.key) for row in rows]
        label = declared.label
        columns[label] = [
            formatting.value_of(declared.kind, None if kpi is None else kpi.value) for kpi in found
        ]
        columns[f"{label}{_CHANGE_SUFFIX}"] = [_change_text(kpi) for kpi in found]
        # A bucket without a value is drawn as one of zero: neither has a bar.
        columns[f"{label}{_TREND_SUFFIX}"] = [
            [value or 0.0 for value in row.trends.get(declared.key, ())] for row in rows
        ]
        if declared.kind != "count":
            columns[f"{label}{_N_SUFFIX}"] = [kpi and kpi.current.n for kpi in found]
    for measure, name in GOALS.items():
        if any(measure in row.goals for row in rows):
            columns[name] = [_goal_text(row.goals.get(measure)) for row in rows]
    columns["Plan"] = [PLANS[row.website.tier] for row in rows]
    columns["Organization"] = [
        formatting.in_table(formatting.plain(row.website.organization_name)) for row in rows
    ]
    columns["Newest event"] = [_newest_text(row, as_of, timezone) for row in rows]
    table = pd.DataFrame({name: pd.Series(values, dtype="object") for name, values in columns.items()})
    is_off = all(kpi.delta.verdict == "off" for row in rows for kpi in row.kpis.values())
    unseen = [WORST, *(name for name in table if str(name).endswith(_CHANGE_SUFFIX))] if is_off else []
    return table.drop(columns=unseen)


def _colours(table: pd.DataFrame, rows: Sequence[WebsiteRow]) -> pd.DataFrame:
    """The colour of each cell as CSS: names as links, green and red for changes that are real, grey for the others.

    Changes of visitors have none.
    """
    colours = palette()
    css = pd.DataFrame("", index=table.index, columns=table.columns)
    css["Website"] = f"color: {colours.accent}"
    real = {"better": f"color: {colours.better}", "worse": f"color: {colours.worse}"}
    for declared in SHOWN:
        name = f"{declared.label}{_CHANGE_SUFFIX}"
        if name in table:
            found = [row.kpis.get(declared.key) for row in rows]
            css[name] = [
                real.get("" if kpi is None else kpi.delta.verdict, f"color: {colours.muted}")
                if declared.kind != "count"
                else ""
                for kpi in found
            ]
    for measure, name in GOALS.items():
        if name in table:
            css[name] = [_goal_colour(row.goals.get(measure)) for row in rows]
    return css


def _columns(
    shown: Sequence[str], order: Order, slugs: tuple[str, ...]
) -> dict[str, ColumnConfig | ButtonColumnResult]:
    config = st.column_config
    labels = {name: _head(name, order) for name in shown}
    columns: dict[str, ColumnConfig | ButtonColumnResult] = {
        "Website": config.ButtonColumn(
            labels["Website"],
            width=176,
            pinned=True,
            alignment="left",
            type="tertiary",
            help="A click on a name opens its Overview. Click the head to sort by name.",
            key="open-website",
            on_click=_open,
            args=(slugs,),
        ),
        WORST: config.TextColumn(
            labels.get(WORST),
            width=204,
            help="The change for the worse with the largest factor, by the end of its 95 % range nearest to no change. Click to sort.",
        ),
        "Plan": config.TextColumn(labels["Plan"], width=64, help="Click to sort."),
        "Organization": config.TextColumn(labels["Organization"], width=150, help="Click to sort."),
        "Newest event": config.TextColumn(
            labels["Newest event"], width=110, help="Click to sort: oldest first."
        ),
    }
    for measure, name in GOALS.items():
        columns[name] = config.TextColumn(
            labels.get(name),
            width=252,
            help=f"Share of the started conversations that were {goals.DONE[measure]} within the time of the website's own goal, the "
            "newest one of the period. Click to sort: missed by most first.",
        )
    for declared in SHOWN:
        label = declared.label
        columns |= {
            label: config.TextColumn(
                labels[label],
                width=92,
                alignment="right",
                help=f"{declared.title}. {declared.definition} Click to sort.",
            ),
            f"{label}{_CHANGE_SUFFIX}": config.TextColumn(
                labels.get(f"{label}{_CHANGE_SUFFIX}"),
                width=182,
                help=f"{declared.title} against the period before. Click to sort: worst first.",
            ),
            f"{label}{_TREND_SUFFIX}": config.BarChartColumn(
                "Trend",
                width=88,
                y_min=0,
                color=palette().accent,
                help=f"{declared.title} over time, from zero",
            ),
            f"{label}{_N_SUFFIX}": config.NumberColumn(
                labels.get(f"{label}{_N_SUFFIX}"),
                width=64,
                format="localized",
                help=f"{declared.n_of.capitalize()} behind it. Click to sort: most first.",
            ),
        }
    return columns


def _sorts() -> dict[str, str]:
    """The order of each column that has one, by the column's name."""
    sorts = {
        "Website": "website",
        WORST: WORST_FIRST,
        "Plan": "plan",
        "Organization": "organization",
        "Newest event": "newest_event",
        **{name: f"{measure}_goal" for measure, name in GOALS.items()},
    }
    for declared in SHOWN:
        sorts |= {
            declared.label: declared.key,
            f"{declared.label}{_CHANGE_SUFFIX}": f"{declared.key}_change",
            f"{declared.label}{_N_SUFFIX}": f"{declared.key}_n",
        }
    return sorts


SORTED_BY: Final[Mapping[str, str]] = MappingProxyType(_sorts())


_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        f"{declared.label}{suffix}": label
        for declared in SHOWN
        for suffix, label in ((_CHANGE_SUFFIX, "Change"), (_TREND_SUFFIX, "Trend"), (_N_SUFFIX, "n"))
    }
)
"""Labels of the columns that stand beside the one with their KPI's name."""


def _head(name: str, order: Order) -> str:
    """The label of a column, with an arrow where the rows are sorted by it."""
    label = _LABELS.get(name, name)
    return f"{label} {'↑' if order.is_reversed else '↓'}" if SORTED_BY.get(name) == order.column else label


def _follow_head(key: str, order: Order) -> None:
    """Sort by the column whose head was clicked; in the other direction if the rows are sorted by it already."""
    clicked = st.session_state[key]["selection"]["columns"]
    column = SORTED_BY.get(clicked[0]) if clicked else None
    if column is not None:
        chosen = Order(column, column == order.column and not order.is_reversed)
        url_state.write("sort", None if chosen == Order() else str(chosen))


def _open(slugs: tuple[str, ...]) -> None:
    """Open the website whose name was clicked; by the rows that were drawn, which may be sorted otherwise now."""
    sidebar.open_website(slugs[st.session_state["open-website"].row])


def _name(row: WebsiteRow) -> str:
    """The name as the label of a button, which would draw an icon that it names."""
    name = formatting.in_table(formatting.website_name(row.website))
    return name.replace(":material/", ":\u2060material/")


def _worst_text(kpi: Kpi | None) -> str:
    return formatting.MISSING if kpi is None else f"{kpi.metric.label} {_change_text(kpi)}"


def _change_text(kpi: Kpi | None) -> str:
    """The change with its verdict in words, `–` without one."""
    if kpi is None or kpi.delta.change is None:
        return formatting.MISSING
    verdict = changes.verdict_text(kpi.delta.verdict, kpi.metric.kind)
    comma = "" if kpi.delta.verdict in {"better", "worse"} else ","
    return f"{changes.change_text(kpi.delta)}{comma} {verdict}"


def _goal_text(result: GoalResult | None) -> str:
    """The share that met the newest goal of the period, beside that goal and whether it was reached."""
    if result is None:
        return formatting.MISSING
    newest = result.by_goal[-1]
    goal = f"{goals.share(newest.goal)} in {formatting.duration(newest.goal.limit_seconds)}"
    if newest.met_ratio is None:
        return f"goal {goal}: none judged yet"
    return f"{formatting.rate(newest.met_ratio)}, goal {goal} {goals.verdict(newest)}"


def _goal_colour(result: GoalResult | None) -> str:
    """Green or red where the verdict on the newest goal is clear, else grey, as CSS."""
    colours, newest = palette(), None if result is None else result.by_goal[-1]
    if newest is None or not newest.is_clear:
        return f"color: {colours.muted}"
    return f"color: {colours.better if newest.is_reached else colours.worse}"


def _newest_text(row: WebsiteRow, as_of: datetime, timezone: str) -> str:
    """The local time: an age would have to be renewed."""
    if row.newest_event is None:
        return "none in 30 days" if row.is_read else formatting.MISSING
    return formatting.moment(row.newest_event, as_of, timezone)
