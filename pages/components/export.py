"""Export: small buttons that download exactly what a panel shows, its rows as CSV or the globe as PNG.

Owns what the file is called and what is said above its content. How cells are written is `analytics.exports`'s; a
Plotly chart has a button of its own for its picture.
"""

from collections.abc import Mapping
from datetime import date, datetime
from functools import partial
from types import MappingProxyType
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from analytics import exports, periods
from pages.components import filters, formatting
from pages.components.chrome import ASSETS, Page

_picture = st.components.v2.component(
    "picture",
    html=(ASSETS / "picture.html").read_text("utf-8"),
    css=(ASSETS / "picture.css").read_text("utf-8"),
    js=(ASSETS / "picture.js").read_text("utf-8"),
)


def offer_csv(
    page: Page,
    name: str,
    frame: pd.DataFrame,
    *,
    only: Mapping[str, str] = MappingProxyType({}),
    days: tuple[date, date] | None = None,
) -> None:
    """Draw a button that downloads the frame as CSV: same filters, same dates, same timezone, exact values.

    Call it with the frame that is drawn. The file is made when somebody asks for it.

    Args:
        page: names website, range and timezone in the file's first line.
        name: what the rows are, such as `visitors-by-city`; part of the file's name.
        frame: the rows.
        only: what these rows are narrowed by, as for `filters.chips`; the file's first line says it.
        days: first and last day that the rows cover; None for those of the page.
    """
    first, last = days or page.days
    dates = periods.days_label(first, last)
    about = (formatting.plain(page.website.name) or page.website.slug, dates, *filters.in_words(only))
    with st.container(horizontal=True, horizontal_alignment="right", key=f"export-{name}"):
        st.download_button(
            "CSV",
            partial(exports.csv_bytes, frame.copy(), about=about, timezone=page.timezone),
            file_name=f"{page.website.slug}-{name}-{first}-{last}.csv",
            mime="text/csv",
            key=f"csv-{name}",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
            help="Download exactly these rows",
        )


def offer_png(page: Page, name: str, canvas: str, caption: str, as_of: datetime) -> None:
    """Draw a button that downloads a canvas as PNG, as the viewer has turned it, on the colour of the page.

    The picture is made in the browser when somebody asks for it; nothing is sent.

    Args:
        page: names website and timezone above the picture.
        name: what the picture shows; part of the file's name.
        canvas: CSS selector of the canvas.
        caption: what is counted, in words.
        as_of: when that was read.
    """
    local = as_of.astimezone(ZoneInfo(page.timezone))
    day = periods.days_label(local.date(), local.date())
    with st.container(horizontal=True, horizontal_alignment="right", key=f"png-{name}"):
        _picture(
            key=f"picture-{name}",
            width="content",
            data={
                "canvas": canvas,
                "title": formatting.plain(page.website.name, 60) or page.website.slug,
                "caption": f"{caption} · {day}, {local:%H:%M} · {page.timezone}",
                "file": f"{page.website.slug}-{name}-{local:%Y-%m-%d-%H%M}.png",
            },
        )
