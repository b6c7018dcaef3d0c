"""Export: small buttons that download what a panel shows, all its rows as CSV, its chart or globe as PNG.

Owns what the file is called and what is said above a picture. `tables` and `download` own what is in a file. A
picture is made in the browser at the click (static/picture.js), as the viewer sees it; nothing is sent.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from types import MappingProxyType

import streamlit as st

from analytics.cached import Reading
from analytics.scope import periods
from analytics.scope.clock import parse_timezone
from pages.components import ASSETS, formatting
from pages.components.exports import download, tables
from pages.components.page import filters
from pages.components.page.begin import Page

CHART, CARDS = ".js-plotly-plot", ".st-key-kpi-grid"

_picture, _csv = (
    st.components.v2.component(
        name,
        html=(ASSETS / f"{name}.html").read_text("utf-8"),
        css=(ASSETS / "export.css").read_text("utf-8"),
        js="".join((ASSETS / each).read_text("utf-8") for each in ("export_button.js", f"{name}.js")),
    )
    for name in ("picture", "export")
)


def offer(
    page: Page,
    name: str,
    read: Callable[..., tables.Table],
    *arguments: object,
    chart: str | None = None,
    drawn: str = CHART,
    only: Mapping[str, str] = MappingProxyType({}),
    days: tuple[date, date] | None = None,
    now: datetime | None = None,
) -> None:
    """Draw a button that downloads a table as CSV: all its rows, same filters, same dates, same timezone, exact values.

    The file is made at the click, and access is checked then.

    Args:
        page: names website, range and timezone in the file, and above the picture.
        name: what the rows are, such as `visitors-by-city`; part of the file's name.
        read: one of `tables.FILES`, which reads what the panel draws.
        arguments: what it takes after the view.
        chart: what the panel's chart shows of them, in words; a second button downloads that as PNG. None without one.
        drawn: CSS selector of that chart, or of the cards.
        only: what these rows are narrowed by, as for `filters.chips`; the file says it.
        days: first and last day that the rows cover; None for those of the page.
        now: when the rows were read, for a panel that renews itself; None for when the page began.
    """
    first, last = days or page.days
    file = f"{page.website.slug}-{name}-{first}-{last}"
    with st.container(horizontal=True, horizontal_alignment="right", key=f"export-{name}"):
        if chart:
            dates = periods.days_label(first, last)
            if page.compared is not None and read in tables.WITH_BEFORE:
                before = periods.days_label(*page.compared.local_days())
                dates += f" vs {formatting.without_year(before, dates)}"
            about = " · ".join((chart, *filters.in_words(only), f"{dates} ({page.timezone})"))
            _offer_picture(page, name, drawn, f"{file}.png", about)
        view = replace(page.view.asked, now=now or page.resolved.now)
        asked = download.request(view, read, arguments, dict(only), st.session_state.get("page", ""))
        _csv(key=f"csv-{name}", width="content", data={"request": asked, "file": f"{file}.csv"})


def offer_canvas(page: Page, name: str, canvas: str, caption: str, *readings: Reading[object]) -> None:
    """Draw a button that downloads a canvas of the panel as PNG, as the viewer has turned it.

    Args:
        page: names website and timezone above the picture.
        name: what the picture shows; part of the file's name.
        canvas: CSS selector of the canvas.
        caption: what is counted, in words.
        readings: what it was drawn from; the picture says when the oldest was read, and whether it is stale.
    """
    oldest = min(readings, key=lambda reading: reading.as_of)
    local = oldest.as_of.astimezone(parse_timezone(page.timezone))
    read = f"{periods.days_label(local.date(), local.date())}, {local:%H:%M}"
    file = f"{page.website.slug}-{name}-{local:%Y-%m-%d-%H%M}.png"
    with st.container(horizontal=True, horizontal_alignment="right", key=f"export-{name}"):
        about = f"{caption} · {'stale, ' if oldest.is_stale else ''}{read} ({page.timezone})"
        _offer_picture(page, name, canvas, file, about)


def _offer_picture(page: Page, name: str, of: str, file: str, caption: str) -> None:
    data = {"of": of, "title": _title(page), "caption": caption, "file": file}
    _picture(key=f"picture-{name}", width="content", data=data)


def _title(page: Page) -> str:
    return formatting.plain(page.website.name) or page.website.slug
