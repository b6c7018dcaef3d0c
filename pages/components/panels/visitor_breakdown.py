"""The breakdown of visitors: totals, ranked rows per dimension, and the filters that a click on a row sets.

Owns the layout of a ranked row and the URL parameters of the filters. Every value is untrusted text.
"""

from collections.abc import Hashable, Iterable, Mapping
from html import escape

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analytics import cached
from analytics.cached import Reading, ResolvedView, VisitorFilters
from analytics.geo import countries
from analytics.geo.country_codes import folded
from analytics.kpis.verdicts import Delta
from analytics.kpis.visitor_breakdown import (
    DIMENSIONS,
    TOTALS,
    Dimension,
    DimensionName,
    TotalKey,
    VisitorBreakdown,
)
from analytics.scope import tiers
from pages.components import formatting
from pages.components.charts import sparkline
from pages.components.metrics import changes, kpi_cards
from pages.components.page import begin
from pages.components.selection import filters, switch, url_state
from pages.components.theme_colors import Palette, palette

UNKNOWN = "-"
LONGEST_FILTER = 8192  # The longest possible value: a value that was cut would match no visitor.
ROWS, MORE_ROWS = 8, 20
LONGEST_LABEL, LONGEST_HELP = 90, 2000
DEFAULT_COUNT: TotalKey = "visitors"


def read_filters() -> tuple[VisitorFilters, dict[str, str]]:
    """Read the filters from the URL, and their texts for the chips; a filter with an unknown value matches no visitor."""
    values: dict[str, str | None] = {}
    shown: dict[str, str] = {}
    for name in DIMENSIONS:
        if not (given := url_state.value(name, LONGEST_FILTER)):
            continue
        value = "" if given == UNKNOWN else given
        if name == "country_code":
            value = folded(value)
        if name == "city":
            value, values["city_country_code"] = _city(given)
            shown[name] = formatting.place(value or "Unknown", values["city_country_code"] or "")
        else:
            shown[name] = _text(name, value)
        values[name] = value
    return VisitorFilters(**values), shown


def count_switch() -> TotalKey:
    """Draw the switch between visitors, sessions and page views; its value is the URL parameter `metric`."""
    labels = {name: total.label for name, total in TOTALS.items()}
    return switch.draw_titled(
        "metric", "Count", labels, DEFAULT_COUNT, lambda name: f"{TOTALS[name].title} over time"
    )


def draw_reach(resolved: ResolvedView) -> None:
    """Draw how far back visitor data reaches, and a button to the longest comparable range if this one is not comparable."""
    tier = resolved.website.tier
    days = tiers.visitor_reach_days(tier)
    limit = f", {days} on the {tier} plan" if days < tiers.VISITOR_TTL_DAYS else ""
    general = f"Visitor data reaches back {tiers.VISITOR_TTL_DAYS} days{limit}."
    with st.container(horizontal=True, gap="medium", vertical_alignment="center", key="reach"):
        st.caption(resolved.visitors_note or general, width="content")
        begin.offer_comparable(resolved.visitors_comparability)


def draw_totals(
    reading: Reading[VisitorBreakdown], series: pd.DataFrame | None, resolved: ResolvedView
) -> None:
    """Draw the cards of `cached.visitor_breakdown`: visitors, sessions, page views; None draws no sparklines."""
    points = sparkline.points_of(series, TOTALS.values(), resolved.visitors_bucket)
    with st.grid(len(TOTALS), min_column_width=180, gap="xsmall", border=True, key="total-grid") as grid:
        for name, kpi in reading.value.totals.items():
            with grid.cell(), st.container(gap="xsmall", key=f"total-{name}"):
                kpi_cards.draw_card(kpi, points[name], reading.queries)


def draw_values(visitors: VisitorBreakdown, dimension: Dimension) -> None:
    """Draw the values of a dimension as ranked rows: name, a bar behind it, visitors, share, change.

    A row is a button that filters the page by its value, by mouse or keyboard.
    """
    values = visitors.values[dimension.name]
    shown = values.head(_limit(dimension.name)).to_dict("records")
    colours = palette()
    most = max((int(row["visitors"]) for row in shown), default=0)
    is_compared = bool(values["previous_visitors"].notna().any())
    with st.container(gap=None, key=f"values-{dimension.one}"):
        _heading(dimension, visitors.totals["visitors"].delta if is_compared else None)
        for number, row in enumerate(shown):
            width = 100 * int(row["visitors"]) / most if most else 0.0
            key = f"value-{dimension.one}-{number}"
            with st.container(horizontal=True, gap="small", vertical_alignment="center", key=key):
                label, full = _label(dimension.name, str(row["value"]), str(row["country_code"]))
                if st.button(label, key=f"pick-{dimension.one}-{number}", type="tertiary", help=full):
                    filters.toggle(dimension.name, _parameter(dimension.name, row))
                is_apart = visitors.differs(row["change_low_ratio"], row["change_high_ratio"])
                figures = _figures(row, width, colours, is_compared=is_compared, is_apart=is_apart)
                st.html(figures, width="content")
        if doubt := _doubt(shown):
            st.caption(doubt)


def footer() -> DeltaGenerator:
    """The line under the rows, for the button to more rows and the export."""
    return st.container(horizontal=True, vertical_alignment="center", gap="small")


def draw_more(visitors: VisitorBreakdown, dimension: Dimension) -> None:
    """Draw the button that shows more rows, if there are more."""
    count, limit = len(visitors.values[dimension.name]), _limit(dimension.name)
    if count > limit:
        st.button(
            f"Show {min(MORE_ROWS, count - limit)} more {dimension.many if count - limit > 1 else dimension.one}",
            key=f"more-{dimension.one}",
            type="tertiary",
            icon=":material/expand_more:",
            on_click=_show_more,
            args=(dimension.name, limit),
        )
    elif count >= cached.LISTED_VALUES:
        st.caption(
            f"The {count} {dimension.many} with most visitors are listed; the files have all.",
            width="content",
        )


def _limit(dimension: DimensionName) -> int:
    """How many rows of a dimension are shown."""
    return int(st.session_state.get(f"rows-{dimension}", ROWS))


def _show_more(dimension: DimensionName, limit: int) -> None:
    st.session_state[f"rows-{dimension}"] = limit + MORE_ROWS


def _city(text: str) -> tuple[str, str | None]:
    """City and country code from `London, GB`; a city alone matches in every country (None)."""
    city, comma, country = text.rpartition(", ")
    if not comma:
        return ("" if text == UNKNOWN else text), None
    return "" if city == UNKNOWN else city, folded(country)


def _parameter(dimension: DimensionName, row: Mapping[Hashable, object]) -> str:
    value = str(row["value"]) or UNKNOWN
    return f"{value}, {str(row['country_code']) or UNKNOWN}" if dimension == "city" else value


def _text(dimension: DimensionName, value: str) -> str:
    """The name of a value on the page, not escaped."""
    if dimension == "country_code":
        return countries.name_of(value)
    if dimension == "device_type":
        return formatting.device(value)
    if dimension == "page_url" and value:
        return formatting.page_path(value)
    return formatting.plain(value) or "Unknown"


def _label(dimension: DimensionName, value: str, country_code: str) -> tuple[str, str | None]:
    """The label of a row, and its full text if the label is cut."""
    text = _text(dimension, value)
    label = formatting.markdown(text, LONGEST_LABEL)
    if dimension == "city" and country_code:
        label += f" :gray[{formatting.markdown(country_code, 40)}]"
    return label, formatting.markdown(value, LONGEST_HELP) if len(text) > LONGEST_LABEL else None


def _heading(dimension: Dimension, total: Delta | None) -> None:
    columns = "<span>Visitors</span><span>Share</span>"
    if total is not None:
        of_all = f" ({changes.change_text(total)})" if total.change is not None else ""
        columns += f'<span title="Stronger where it differs from all visitors{escape(of_all)}">Change</span>'
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"head-{dimension.one}"):
        st.markdown(f"**{dimension.title}**")
        st.html(f'<div class="figures head">{columns}</div>', width="content")


def _figures(
    row: Mapping[Hashable, object],
    width_pct: float,
    colours: Palette,
    *,
    is_compared: bool,
    is_apart: bool,
) -> str:
    """Visitors, share and change as columns, and the bar, as HTML; contains numbers only, no text from visitors.

    A change is emphasized if it is clear and differs from that of all visitors.
    """
    visitors, share = float(str(row["visitors"])), float(str(row["visitors_ratio"]))
    cells = f"<b>{formatting.count(visitors)}</b><span>{escape(formatting.rate(share))}</span>"
    if is_compared:
        # More visitors are neither better nor worse, so a clear change gets emphasis instead of a colour.
        is_real = row["verdict"] in {"better", "worse"}
        colour = colours.text if is_real and is_apart else colours.muted
        change = float(str(row["change_ratio"]))
        text = "new" if change != change else changes.written(change, "relative")
        cells += f'<span style="color:{colour}" title="{escape(_why(row))}">{text}</span>'
    bar = f'<i class="bar" style="width:{width_pct:.1f}%;background:{colours.accent}"></i>'
    return f'{bar}<div class="figures">{cells}</div>'


def _why(row: Mapping[Hashable, object]) -> str:
    """The 95 % range of a row's change, and why it may be chance; shown on hover."""
    low, high = (float(str(row[f"change_{end}_ratio"])) for end in ("low", "high"))
    reason = row["reason"] if isinstance(row["reason"], str) else ""
    moved = changes.between(low, high, "relative") if low == low else None
    return ", ".join(part for part in (moved, reason) if part)


def _doubt(rows: Iterable[Mapping[Hashable, object]]) -> str | None:
    """Why rows that at least doubled or halved are grey, from the first such row; None without one."""
    for row in rows:
        if row["is_twofold"] and row["verdict"] == "within_noise":
            change = changes.written(float(str(row["change_ratio"])), "relative")
            return f"{change} may be chance: {row['reason']}."
    return None
