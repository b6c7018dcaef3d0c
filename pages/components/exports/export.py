"""Export: buttons that download all rows of a panel as CSV or Excel workbook, and its chart or globe as PNG.

Owns the file names and the captions above pictures. `tables` and `download` own the content of files. A picture is
made in the browser at the click (static/picture.js), as the viewer sees it; no request is sent.
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
from pages.components.exports.table import Table
from pages.components.page.begin import Page
from pages.components.selection import filters

CHART, CARDS = ".js-plotly-plot", ".st-key-kpi-grid"


def _component(name: str, *scripts: str) -> Callable[..., object]:
    return st.components.v2.component(
        name,
        html=(ASSETS / f"{name}.html").read_text("utf-8"),
        css=(ASSETS / "export.css").read_text("utf-8"),
        js="".join((ASSETS / f"{each}.js").read_text("utf-8") for each in scripts),
    )


_picture = _component("picture", "export_button", "picture")
_table = _component("export", "export_button", "export_request", "export")


def offer(
    page: Page,
    name: str,
    read: Callable[..., Table],
    *arguments: object,
    chart: str | None = None,
    drawn: str = CHART,
    only: Mapping[str, str] = MappingProxyType({}),
    days: tuple[date, date] | None = None,
    now: datetime | None = None,
) -> None:
    """Draw buttons that download a table as CSV or Excel workbook: all rows, with filters, dates and timezone, exact values.

    The file is made at the click, and access is checked then. The page's button for all tables finds this one by its request.

    Args:
        page: Gives website, range and timezone of the file and the picture.
        name: Name of the rows, such as `visitors-by-city`; part of the file's name.
        read: One of `tables.FILES`, which reads the panel's data.
        arguments: Its arguments after the view.
        chart: Caption of the panel's chart, which another button downloads as PNG; None for no such button.
        drawn: CSS selector of that chart, or of the cards.
        only: The filters of these rows, as for `filters.chips`; written into the file.
        days: First and last day that the rows cover; None for those of the page.
        now: Time of the read, for a panel that refreshes itself; None for the start of the page's run.
    """
    first, last = days or page.days
    file = f"{page.file_prefix}-{name}-{first}-{last}"
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
        _table(key=f"csv-{name}", width="content", data={"request": asked, "file": file})


def offer_canvas(page: Page, name: str, canvas: str, caption: str, *readings: Reading[object]) -> None:
    """Draw a button that downloads a canvas of the panel as PNG, as the viewer turned it.

    Args:
        page: Gives website and timezone of the caption.
        name: Name of the picture; part of the file's name.
        canvas: CSS selector of the canvas.
        caption: Text that says what is counted.
        readings: The readings that it was drawn from; the caption says when the oldest was read and whether it is stale.
    """
    oldest = min(readings, key=lambda reading: reading.as_of)
    local = oldest.as_of.astimezone(parse_timezone(page.timezone))
    read = f"{periods.days_label(local.date(), local.date())}, {local:%H:%M}"
    file = f"{page.website.slug}-{name}-{local:%Y-%m-%d-%H%M}.png"
    with st.container(horizontal=True, horizontal_alignment="right", key=f"export-{name}"):
        about = f"{caption} · {'stale, ' if oldest.is_stale else ''}{read} ({page.timezone})"
        _offer_picture(page, name, canvas, file, about)


def _offer_picture(page: Page, name: str, of: str, file: str, caption: str) -> None:
    data = {"of": of, "title": formatting.website_name(page.website), "caption": caption, "file": file}
    _picture(key=f"picture-{name}", width="content", data=data)
