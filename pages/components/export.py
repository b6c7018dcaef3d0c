"""Export: small buttons that download exactly what a panel shows, its rows as CSV, its chart or globe as PNG.

Owns what the file is called and what is said above its content. How cells are written is `analytics.exports`'s. A
picture is made in the browser when somebody asks for it (static/picture.js), as the viewer sees it; nothing is sent.
"""

from collections.abc import Mapping
from datetime import date
from functools import partial
from types import MappingProxyType

import pandas as pd
import streamlit as st

from analytics import exports, periods
from analytics.cached import Reading
from analytics.clock import parse_timezone
from pages.components import filters, formatting
from pages.components.chrome import ASSETS, Page

CHART = ".js-plotly-plot"

_picture = st.components.v2.component(
    "picture",
    html=(ASSETS / "picture.html").read_text("utf-8"),
    css=(ASSETS / "picture.css").read_text("utf-8"),
    js=(ASSETS / "picture.js").read_text("utf-8"),
)


def offer(
    page: Page,
    name: str,
    frame: pd.DataFrame,
    *,
    chart: str | None = None,
    only: Mapping[str, str] = MappingProxyType({}),
    days: tuple[date, date] | None = None,
) -> None:
    """Draw a button that downloads the frame as CSV: same filters, same dates, same timezone, exact values.

    Call it with the frame that is drawn. The file is made when somebody asks for it.

    Args:
        page: names website, range and timezone in the file's first line, and above the picture.
        name: what the rows are, such as `visitors-by-city`; part of the file's name.
        frame: the rows.
        chart: what the panel's chart shows of them, in words; a second button downloads that as PNG. None without one.
        only: what these rows are narrowed by, as for `filters.chips`; the file's first line says it.
        days: first and last day that the rows cover; None for those of the page.
    """
    first, last = days or page.days
    dates, narrowed = periods.days_label(first, last), filters.in_words(only)
    file = f"{page.website.slug}-{name}-{first}-{last}"
    with st.container(horizontal=True, horizontal_alignment="right", key=f"export-{name}"):
        if chart:
            about = " · ".join((chart, *narrowed, f"{dates} ({page.timezone})"))
            _offer_picture(page, name, CHART, f"{file}.png", about)
        st.download_button(
            "CSV",
            partial(
                exports.csv_bytes,
                frame.copy(),
                about=(_title(page), dates, *narrowed),
                timezone=page.timezone,
            ),
            file_name=f"{file}.csv",
            mime="text/csv",
            key=f"csv-{name}",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
            help="Download exactly these rows",
        )


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
